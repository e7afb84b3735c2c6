import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { Redis } from 'ioredis'
import { type Connection, createConnection, createPool, type Pool } from 'mysql2/promise'
import pg from 'pg'
import postgres from 'postgres'
import { createClient } from 'redis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type OpenSession, openSession } from '../../src/server/open-session.ts'
import { changeSet } from '../../src/session/changes.ts'
import type { KeyedStore } from '../../src/session/store.ts'
import { digest, mint } from '../../src/session/token.ts'
import { mysqlSchema, mysqlStore } from '../../src/stores/mysql.ts'
import { postgresSchema, postgresStore } from '../../src/stores/postgres.ts'
import { redisStore } from '../../src/stores/redis.ts'
import { end, start } from '../../src/stores/suite/histories.ts'
import { Client, listen } from '../support/harness.ts'
import { needs, needsInCI } from '../support/needs.ts'
import { type RunningServer, startMariadb, startPostgres, startRedis } from '../support/servers.ts'
import { shop } from '../support/shop.ts'

/** Commands that reached the server while something ran, whoever sent them. */
type Count = (run: () => Promise<unknown>) => Promise<number>

const day = 86_400
const untouched = '{ __typename }'
const read = '{ session { value(key: "dark_mode") } }'
const set = 'mutation { setSessionKey(key: "dark_mode", value: true) { entry { key } } }'
const pop = (key: string) => `mutation { popSessionKey(key: "${key}") { found } }`
const setDefault = (key: string) =>
  `mutation { setDefaultSessionKey(key: "${key}", value: 1) { created entry { value } } }`
const remove = (key: string) => `mutation { deleteSessionKey(key: "${key}") { deleted } }`
const logout = 'mutation { logout { flushed } }'
const rotate = 'mutation { rotateSession { __typename } }'
const batch = (...queries: string[]) => queries.map((query) => ({ query }))

/** What a client with a session asks, and how many round trips that takes. */
const withSession: [string, number, object, seconds?: number][] = [
  ['untouched', 0, { query: untouched }],
  ['read', 1, { query: read }],
  ['read, many times in a batch', 1, batch(read, untouched, read, '{ session { keys isNew } }')],
  ['read, when the deadline moves', 2, { query: read }, day],
  ['write without a read', 1, { query: set }],
  ['write, many times in a batch', 1, batch(set, set, set)],
  ['write, when the deadline would move', 1, { query: set }, day],
  ['read and write', 2, batch(read, set)],
  ['delete', 2, { query: remove('dark_mode') }],
  ['delete of an absent key', 1, { query: remove('pref:absent') }],
  ['clear', 2, { query: 'mutation { clearSession { __typename } }' }],
  ['pop', 2, { query: pop('dark_mode') }],
  ['pop of an absent key', 1, { query: pop('pref:absent') }],
  ['setDefault', 2, { query: setDefault('pref:absent') }],
  ['setDefault of a key that is there', 1, { query: setDefault('dark_mode') }],
  ['rotate', 2, { query: rotate }],
  ['flush', 2, { query: logout }],
]

const bogus = 'A'.repeat(43)

/** The same for whoever has none. */
const withoutSession: [string, number, cookie: string | null, string][] = [
  ['no cookie, read', 0, null, read],
  ['no cookie, write', 1, null, set],
  ['no cookie, pop', 0, null, pop('dark_mode')],
  ['no cookie, setDefault', 1, null, setDefault('dark_mode')],
  ['no cookie, flush', 0, null, logout],
  ['malformed cookie, read', 0, 'short', read],
  ['malformed cookie, write', 1, 'short', set],
  ['bogus cookie, untouched', 0, bogus, untouched],
  ['bogus cookie, read', 1, bogus, read],
  ['bogus cookie, pop', 1, bogus, pop('dark_mode')],
  ['bogus cookie, rotate', 1, bogus, rotate],
  ['bogus cookie, flush', 1, bogus, logout],
  ['bogus cookie, write', 2, bogus, set],
]

/** Signs in on as many devices. @returns the token of the last one, and a ticket */
async function signedIn(store: KeyedStore, count: number) {
  const owner = randomUUID()
  let token: string | null = null
  for (let device = 0; device < count; device++) {
    const session = openSession(store)
    await session.identify(owner)
    token = session.token
  }
  return { owner, token, ticket: await openSession(store).ticket(owner) }
}

/** What somebody does who has so many devices, and how many round trips that takes. */
const withDevices: [string, number, count: number, (given: SignedIn) => Promise<unknown>][] = [
  ['read', 1, 2, ({ session }) => session.owner()],
  // A rotation of nobody's session is two: it is deleted, and created again.
  ['rotate', 5, 2, ({ session }) => session.rotate()],
  [
    'sign in by nobody without a session',
    3,
    2,
    ({ nobody, owner, ticket }) => nobody().identify(owner, { ticket }),
  ],
  // The session is read beside the ticket, so that the sign-in takes two more than a rotation of nobody's session.
  ['ticket of a visitor', 2, 2, ({ visitor, owner }) => visitor.ticket(owner)],
  [
    'sign in by a visitor',
    6,
    2,
    async ({ visitor, owner }) => {
      const ticket = await visitor.ticket(owner)
      await visitor.identify(owner, { ticket })
    },
  ],
  [
    'sign in by a visitor, with a ticket of before',
    5,
    2,
    ({ visitor, owner, ticket }) => visitor.identify(owner, { ticket }),
  ],
  ['sign in by a visitor, without a ticket', 6, 2, ({ visitor, owner }) => visitor.identify(owner)],
  ['first sign-in by a visitor', 6, 0, ({ visitor, owner, ticket }) => visitor.identify(owner, { ticket })],
  ['ticket', 1, 2, ({ nobody, owner }) => nobody().ticket(owner)],
  ...[1, 10, 50].map((count): (typeof withDevices)[number] => [
    `list ${count}`,
    2 + count,
    count,
    ({ session }) => session.devices(),
  ]),
  ...[1, 10, 50].map((count): (typeof withDevices)[number] => [
    `end ${count} others`,
    5 + count,
    count + 1,
    ({ session }) => session.endOtherDevices(),
  ]),
]

interface SignedIn {
  readonly owner: string
  readonly ticket: string
  readonly session: OpenSession
  readonly visitor: OpenSession
  readonly nobody: () => OpenSession
}

/** Every statement and script is known to the server from here on. */
async function warmUp(store: KeyedStore): Promise<void> {
  const id = digest(mint())
  await store.create(id, { entries: new Map(), createdAt: start, expiresAt: end, policy: '' })
  await store.read(id, start)
  await store.commit(id, changeSet({}), start)
  await store.delete(id, start)
}

/** @param more - how many more a store needs for what has this name */
function itTakes(
  opened: () => { store: KeyedStore; count: Count },
  more: Readonly<Record<string, number>> = {},
): void {
  const than = (name: string, expected: number): number => expected + (more[name] ?? 0)
  const serve = async () => {
    const { store, count } = opened()
    const { yoga, clock } = shop({ cookie: { name: '__Host-session' } }, store)
    const { url, close } = await listen(yoga)
    return { count, clock, client: new Client(url), [Symbol.asyncDispose]: close }
  }

  it('counts what is sent, no less and no more', async () => {
    const { store, count } = opened()
    expect(await count(async () => {})).toBe(0)
    expect(await count(() => store.read(digest(mint()), start))).toBe(1)
    expect(await count(() => Promise.all([1, 2, 3].map(() => store.read(digest(mint()), start))))).toBe(3)
  })

  it.each(withSession)('%s: %i', async (name, expected, body, seconds = 0) => {
    await using served = await serve()
    const { client, clock, count } = served
    await client.run(set)
    clock.forward(seconds)
    expect(await count(async () => expect((await client.post(body)).codes).toEqual([]))).toBe(
      than(name, expected),
    )
  })

  it.each(withDevices)('with devices, %s: %i', async (name, expected, devices, what) => {
    const { store, count } = opened()
    const { owner, token, ticket } = await signedIn(store, devices)
    const first = openSession(store)
    first.set('cart', 1)
    await first.save()
    const given = {
      owner,
      ticket,
      session: openSession(store, token),
      visitor: openSession(store, first.token),
      nobody: () => openSession(store),
    }
    expect(await count(() => what(given))).toBe(than(`with devices, ${name}`, expected))
  })

  it.each(withoutSession)('%s: %i', async (name, expected, cookie, query) => {
    await using served = await serve()
    const { client, count } = served
    if (cookie !== null) client.cookies.set('session', cookie)
    expect(await count(async () => expect((await client.run(query)).codes).toEqual([]))).toBe(
      than(name, expected),
    )
  })
}

describe('round trips to Redis', needs('ownRedis'), () => {
  let server: RunningServer
  let control: Redis
  let monitor: Redis
  let commands: string[][] = []
  const marks = new Map<string, () => void>()

  /** Redis does one thing after the other: what it did before, the monitor has told before. */
  const mark = async (): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const name = randomUUID()
    marks.set(name, resolve)
    await control.echo(name)
    await promise
  }
  const count: Count = async (run) => {
    await mark()
    commands = []
    await run()
    await mark()
    return commands.length
  }

  beforeAll(async () => {
    server = await startRedis()
    control = new Redis(server.url)
    monitor = await control.monitor()
    monitor.on('monitor', (_time: string, args: string[], source: string) => {
      const marked = args[0]?.toLowerCase() === 'echo' ? marks.get(args[1]!) : undefined
      if (marked) marked()
      // What a script does, it does within the server.
      else if (source !== 'lua') commands.push(args)
    })
  })
  afterAll(async () => {
    monitor.disconnect()
    control.disconnect()
    await server.stop()
  })

  describe('with ioredis', () => {
    let client: Redis
    let store: KeyedStore
    beforeAll(async () => {
      client = new Redis(server.url)
      store = redisStore(client)
      await warmUp(store)
    })
    afterAll(() => client.disconnect())
    itTakes(() => ({ store, count }))

    it('one more for each script after a restart', async () => {
      await control.script('FLUSH')
      const readTwice = async () => {
        for (const id of [digest(mint()), digest(mint())]) await store.read(id, start)
      }
      expect(await count(readTwice)).toBe(3)
      expect(commands.map(([name]) => name!.toLowerCase())).toEqual(['evalsha', 'eval', 'evalsha'])
      await warmUp(store)
    })
  })

  describe('with redis', () => {
    let client: ReturnType<typeof createClient>
    let store: KeyedStore
    beforeAll(async () => {
      client = createClient({ url: server.url })
      await client.connect()
      store = redisStore(client)
      await warmUp(store)
    })
    afterAll(() => client.destroy())
    itTakes(() => ({ store, count }))
  })
})

describe('round trips to PostgreSQL', needs('ownPostgres'), () => {
  let server: RunningServer
  let control: pg.Client

  /** @returns how much of the log was written before. A statement is logged before it is answered. */
  const mark = async (): Promise<number> => {
    const statement = `SELECT '${randomUUID()}'`
    await control.query(statement)
    while (!server.output().includes(statement)) await once(server.process.stderr!, 'data')
    return server.output().indexOf(`LOG:  statement: ${statement}`)
  }
  const count: Count = async (run) => {
    const from = await mark()
    await run()
    const to = await mark()
    const log = server.output().slice(from, to)
    return log.match(/LOG: {2}(?:execute \S+|statement): /g)!.length - 1
  }

  beforeAll(async () => {
    server = await startPostgres(['log_statement=all', 'log_destination=stderr', 'logging_collector=off'])
    control = new pg.Client({ connectionString: server.url })
    await control.connect()
    await control.query(postgresSchema())
  }, 60_000)
  afterAll(async () => {
    await control.end()
    await server.stop()
  })

  // Of one connection each, as a statement is prepared once for each.
  describe('with pg', () => {
    let pool: pg.Pool
    let store: KeyedStore
    beforeAll(async () => {
      pool = new pg.Pool({ connectionString: server.url, max: 1 })
      store = postgresStore(pool)
      await warmUp(store)
    })
    afterAll(() => pool.end())
    itTakes(() => ({ store, count }))
  })

  describe('with postgres', () => {
    let sql: ReturnType<typeof postgres>
    let store: KeyedStore
    beforeAll(async () => {
      sql = postgres(server.url, { max: 1 })
      store = postgresStore(sql)
      await warmUp(store)
    })
    afterAll(() => sql.end())
    itTakes(() => ({ store, count }))
  })
})

describe(
  'round trips to MySQL',
  needsInCI('MariaDB takes seconds to start, and is tried in CI', 'ownMariadb'),
  () => {
    let server: RunningServer
    let control: Connection
    let pool: Pool
    let store: KeyedStore

    /** Statements that the server was asked to run, with this one. */
    const asked = async (): Promise<number> => {
      const [rows] = await control.query(`SHOW GLOBAL STATUS LIKE 'Questions'`)
      return Number((rows as { Value: string }[])[0]!.Value)
    }
    const count: Count = async (run) => {
      const before = await asked()
      await run()
      return (await asked()) - before - 1
    }

    beforeAll(async () => {
      server = await startMariadb()
      control = await createConnection(server.url)
      await control.query(mysqlSchema())
      pool = createPool({ uri: server.url, connectionLimit: 1 })
      store = mysqlStore(pool)
      await warmUp(store)
    }, 60_000)
    afterAll(async () => {
      await Promise.all([pool.end(), control.end()])
      await server.stop()
    })

    // It reads a session before it changes or deletes it, which is one more for each change and each end.
    itTakes(() => ({ store, count }), {
      'read, when the deadline moves': 1,
      'write without a read': 1,
      'write, many times in a batch': 1,
      'write, when the deadline would move': 1,
      'read and write': 1,
      delete: 1,
      clear: 1,
      pop: 1,
      setDefault: 1,
      rotate: 1,
      flush: 1,
      'with devices, rotate': 3,
      'with devices, sign in by nobody without a session': 2,
      'with devices, sign in by a visitor': 3,
      'with devices, sign in by a visitor, with a ticket of before': 3,
      'with devices, sign in by a visitor, without a ticket': 3,
      'with devices, first sign-in by a visitor': 2,
      'with devices, end 1 others': 1 + 2,
      'with devices, end 10 others': 10 + 2,
      'with devices, end 50 others': 50 + 2,
    })
  },
)
