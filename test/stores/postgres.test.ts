import pg from 'pg'
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest'
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
  const store = postgresStore(pool, { table: 'suite_pg' })
  it.each(guarantees)('$id $title', ({ check }) => check(store, { histories }))
})

describe('postgresStore with postgres', needs('sharedPostgres'), () => {
  const sql = postgres(url!, { max: 8, onnotice() {} })
  beforeAll(() => sql.unsafe(postgresSchema('suite_postgres')))
  afterAll(() => sql.end())
  const store = postgresStore(sql, { table: 'suite_postgres', prepare: false })
  it.each(guarantees)('$id $title', ({ check }) => check(store, { histories }))
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
  { tabel: 'x' },
])('refuses %o at start', (options) => {
  const client = { unsafe: async () => [] }
  expect(() => postgresStore(client, options as never)).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID' }),
  )
})
