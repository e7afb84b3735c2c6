import pg from 'pg'
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest'
import { openSession } from '../../src/index.ts'
import { changeSet } from '../../src/session/changes.ts'
import { postgresSchema, postgresStore } from '../../src/stores/postgres.ts'
import { guarantees } from '../../src/stores/suite/suite.ts'
import { needs } from '../support/needs.ts'
import { runs } from '../support/runs.ts'

const url = inject('postgresUrl')
const histories = runs(1_000, 100_000)

describe('postgresStore with pg', needs('sharedPostgres'), () => {
  const pool = new pg.Pool({ connectionString: url!, max: 8 })
  beforeAll(() => pool.query(postgresSchema('suite_pg')))
  afterAll(() => pool.end())
  const store = postgresStore(pool, { table: 'suite_pg', notices: true })
  it.each(guarantees)('$id $title', ({ check }) => check(store, { histories }))
})

describe('postgresStore with postgres', needs('sharedPostgres'), () => {
  const sql = postgres(url!, { max: 8, onnotice() {} })
  beforeAll(() => sql.unsafe(postgresSchema('suite_postgres')))
  afterAll(() => sql.end())
  const store = postgresStore(sql, { table: 'suite_postgres', prepare: false, notices: true })
  it.each(guarantees)('$id $title', ({ check }) => check(store, { histories }))
})

describe('a session in PostgreSQL, by a process whose clock is behind', needs('sharedPostgres'), () => {
  const pool = new pg.Pool({ connectionString: url! })
  beforeAll(() => pool.query(postgresSchema('suite_clocks')))
  afterAll(() => pool.end())
  const store = postgresStore(pool, { table: 'suite_clocks' })
  const behind = () => Date.now() - 1_200_000
  const open = (token: string | null, clock: () => number) =>
    openSession<{ a: number; b: number }>(store, token, { idleTimeout: 600, clock })
  const skew = {
    code: 'SESSION_STORE_UNAVAILABLE',
    cause: { code: 'CLOCK_SKEW', message: 'The clock of PostgreSQL is past the deadline of the session.' },
  }
  const born = async (): Promise<string> => {
    const session = open(null, Date.now)
    session.set('a', 1)
    await session.save()
    return session.token!
  }
  const rows = async (): Promise<unknown[]> =>
    (await pool.query('SELECT * FROM suite_clocks ORDER BY id')).rows
  /** Lets the session be over for whoever is right about the time, but not for the process. */
  const age = (): Promise<unknown> => pool.query(`UPDATE suite_clocks SET expires_at = ${Date.now() - 1000}`)

  type Session = ReturnType<typeof open>
  const changes: [string, (session: Session) => void | Promise<void>][] = [
    ['setExpiry in seconds', (session) => session.setExpiry(300)],
    ['setExpiry to an instant', (session) => session.setExpiry(new Date(behind() + 5000))],
    [
      'setExpiry after a read',
      async (session) => {
        await session.get('a')
        session.setExpiry(300)
      },
    ],
  ]

  it('is not said to be created where it has expired for everybody else', async () => {
    const before = await rows()
    const session = open(null, behind)
    session.set('a', 1)
    await expect(session.save()).rejects.toMatchObject(skew)
    expect(await rows()).toEqual(before)
  })

  it.each(changes)(
    '%s is refused where it has expired for everybody else from then on',
    async (_, change) => {
      const token = await born()
      const before = await rows()
      const session = open(token, behind)
      await change(session)
      await expect(session.save()).rejects.toMatchObject(skew)
      expect(await rows()).toEqual(before)
      expect(await open(token, Date.now).get('a')).toBe(1)
    },
  )

  it.each<[string, (session: Session) => unknown]>([
    ['written', (session) => session.set('b', 2)],
    ['cleared and written', (session) => (session.clear(), session.set('b', 2))],
  ])('is %s where its deadline stays, and not shortened', async (_, change) => {
    const token = await born()
    const before = await rows()
    const session = open(token, behind)
    await change(session)
    await session.save()
    expect(await open(token, Date.now).get('b')).toBe(2)
    expect((await rows()).map((row) => (row as { expires_at: string }).expires_at)).toEqual(
      before.map((row) => (row as { expires_at: string }).expires_at),
    )
  })

  it.each<[string, (session: Session) => unknown]>([
    ['written', (session) => session.set('b', 2)],
    ['rotated', (session) => session.rotate()],
  ])('is not %s where it has expired for everybody else', async (_, change) => {
    const token = await born()
    await age()
    const before = await rows()
    const session = open(token, behind)
    await expect(
      (async () => {
        await change(session)
        await session.save()
      })(),
    ).rejects.toMatchObject(skew)
    expect(await rows()).toEqual(before)
  })

  it('is ended, and leaves its mark', async () => {
    const id = 'a'.repeat(43)
    const now = behind()
    await store.create(id, { entries: new Map(), createdAt: 0, expiresAt: Date.now() + 60_000, policy: '' })
    await age()
    expect(await store.delete(id, now, { as: 'ended', until: now + 60_000 })).not.toBeNull()
    expect(await store.commit(id, changeSet({}), now)).toBe('ended')
    await store.create('moved', {
      entries: new Map(),
      createdAt: 0,
      expiresAt: Date.now() + 60_000,
      policy: '',
    })
    await store.delete('moved', now, { as: 'moved', until: now + 60_000 })
    expect(await store.commit('moved', changeSet({}), now)).toBe('moved')
    expect(await store.read('moved', now)).toBe('moved')
  })

  it('can be given a deadline that is over for the process, too', async () => {
    const now = behind()
    await store.create('over', {
      entries: new Map(),
      createdAt: 0,
      expiresAt: Date.now() + 60_000,
      policy: '',
    })
    expect(await store.commit('over', changeSet({ expiresAt: now }), now)).toBe('committed')
  })
})

describe('the check of PostgreSQL', needs('sharedPostgres'), () => {
  it('tells of a database that takes no writes, and of a clock that is far from ours', async () => {
    const options = '-c default_transaction_read_only=on'
    const [pool, other] = [
      new pg.Pool({ connectionString: url! }),
      new pg.Pool({ connectionString: url!, options }),
    ]
    await pool.query(postgresSchema('suite_check'))
    const [store, unwritable] = [pool, other].map((each) => postgresStore(each, { table: 'suite_check' }))
    const usual = await store!.check!()
    expect(await unwritable!.check!()).toEqual([
      expect.stringMatching(/stores no session: it is read only.*Name the primary/),
      ...usual,
    ])
    await expect(unwritable!.delete('a', 0)).rejects.toMatchObject({ code: '25006' })
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 3_600_000 })
    expect(await store!.check!()).toEqual([
      ...usual,
      expect.stringMatching(/^The clock of PostgreSQL is 3[56]\d\d s ahead of the clock of this process/),
    ])
    vi.useRealTimers()
    await Promise.all([pool.end(), other.end()])
  })
})

it.each([
  { table: 'a b' },
  { table: 'a;drop' },
  { table: '' },
  { table: 1 },
  { prepare: 'no' },
  { notices: 'no' },
  { notices: true },
  { tabel: 'x' },
])('refuses %o at start', (options) => {
  const client = { unsafe: async () => [] }
  expect(() => postgresStore(client, options as never)).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID' }),
  )
})

it('refuses to take the only connection of a pool to listen', async () => {
  const pool = new pg.Pool({ max: 1 })
  expect(() => postgresStore(pool, { notices: true })).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining('two connections') }),
  )
  await pool.end()
})
