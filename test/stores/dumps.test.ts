import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { createPool } from 'mysql2/promise'
import pg from 'pg'
import { describe, expect, it, type TestOptions } from 'vitest'
import type { SessionContext } from '../../src/graphql/use-session.ts'
import type { KeyedStore, SessionStore } from '../../src/session/store.ts'
import { mint } from '../../src/session/token.ts'
import { cookieStore } from '../../src/stores/cookie.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { mysqlSchema, mysqlStore } from '../../src/stores/mysql.ts'
import { postgresSchema, postgresStore } from '../../src/stores/postgres.ts'
import { redisStore } from '../../src/stores/redis.ts'
import { sqliteStore } from '../../src/stores/sqlite.ts'
import { Client, given } from '../support/harness.ts'
import { needs, needsInCI } from '../support/needs.ts'
import { startMariadb, startPostgres, startRedis } from '../support/servers.ts'
import { shop, type ShopData } from '../support/shop.ts'

interface Kept extends AsyncDisposable {
  readonly store: KeyedStore
  /** Everything that it wrote down, by where. */
  dump(): Promise<Record<string, Buffer>>
}

const backends: [name: string, needed: TestOptions, open: () => Promise<Kept>][] = [
  ['memoryStore', {}, openMemory],
  ['redisStore', needs('ownRedis'), openRedis],
  ['postgresStore', needs('ownPostgres'), openPostgres],
  ['mysqlStore', needsInCI('MariaDB takes seconds to start, and is tried in CI', 'ownMariadb'), openMysql],
  ['sqliteStore', {}, openSqlite],
]

/** Its own record is out of reach. What it was told is searched for every store. */
async function openMemory(): Promise<Kept> {
  const store = memoryStore({ max: 1000 })
  return { store, dump: async () => ({}), async [Symbol.asyncDispose]() {} }
}

async function openRedis(): Promise<Kept> {
  // Compressed, it could not be searched.
  const server = await startRedis(['--rdbcompression', 'no'])
  const client = new Redis(server.url)
  return {
    store: redisStore(client),
    async dump() {
      const [, folder] = (await client.config('GET', 'dir')) as [string, string]
      const keys = await client.keys('*')
      const values = await Promise.all(keys.map((key) => client.dumpBuffer(key)))
      return {
        'every key with its value': Buffer.concat([Buffer.from(keys.join()), ...values]),
        'append-only file, with what was deleted': filesOf(join(folder, 'appendonlydir')),
      }
    },
    async [Symbol.asyncDispose]() {
      client.disconnect()
      await server.stop()
    },
  }
}

async function openPostgres(): Promise<Kept> {
  const server = await startPostgres(['log_statement=all', 'log_parameter_max_length=-1'])
  const pool = new pg.Pool({ connectionString: server.url })
  await pool.query(postgresSchema())
  return {
    store: postgresStore(pool),
    async dump() {
      const { rows: tables } = await pool.query<{ name: string }>(
        `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
         WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`,
      )
      const dumps = tables.map(({ name }) =>
        pool.query<{ row: string }>(`SELECT t::text AS row FROM ${name} AS t`),
      )
      const rows = (await Promise.all(dumps)).flatMap(({ rows }) => rows)
      const last = `SELECT '${randomUUID()}'`
      await pool.query(last)
      while (!server.output().includes(last)) await once(server.process.stderr!, 'data')
      return {
        'every row of every table': Buffer.from(rows.map(({ row }) => row).join('\n')),
        'log of every statement and its parameters': Buffer.from(server.output()),
      }
    },
    async [Symbol.asyncDispose]() {
      await pool.end()
      await server.stop()
    },
  }
}

async function openMysql(): Promise<Kept> {
  const server = await startMariadb(['general-log', 'general-log-file=said.log', 'log-bin'])
  const pool = createPool(server.url)
  await pool.query(mysqlSchema())
  const data = join(server.folder, 'data')
  return {
    store: mysqlStore(pool),
    dump: async () => ({
      'every row of the table': Buffer.from(
        JSON.stringify(
          (
            await pool.query(
              'SELECT id, version, expires_at, CONVERT(record USING utf8mb4) AS record FROM graphql_session',
            )
          )[0],
        ),
      ),
      'log of every statement and its parameters': readFileSync(join(data, 'said.log')),
      'binary log and redo log': Buffer.concat(
        readdirSync(data)
          .filter((name) => /-bin\.\d+$|^ib_logfile/.test(name))
          .map((name) => readFileSync(join(data, name))),
      ),
    }),
    async [Symbol.asyncDispose]() {
      await pool.end()
      await server.stop()
    },
  }
}

async function openSqlite(): Promise<Kept> {
  const folder = mkdtempSync(join(tmpdir(), 'graphql-session-dump-'))
  const store = sqliteStore(join(folder, 'sessions.db'))
  return {
    store,
    dump: async () => ({ 'database and write-ahead log': filesOf(folder) }),
    async [Symbol.asyncDispose]() {
      store.close()
      rmSync(folder, { recursive: true })
    },
  }
}

const filesOf = (folder: string): Buffer =>
  Buffer.concat(readdirSync(folder).map((name) => readFileSync(join(folder, name))))

/** The same store; to its dump belongs what it was told. */
function overheard(kept: Kept): { store: KeyedStore; dump(): Promise<[where: string, bytes: Buffer][]> } {
  const told: string[] = []
  const plain = (_: string, value: unknown): unknown => (value instanceof Map ? [...value] : value)
  const note = <Args extends unknown[]>(...args: Args): Args => {
    told.push(JSON.stringify(args, plain))
    return args
  }
  return {
    store: {
      create: (...args) => kept.store.create(...note(...args)),
      read: (...args) => kept.store.read(...note(...args)),
      commit: (...args) => kept.store.commit(...note(...args)),
      delete: (...args) => kept.store.delete(...note(...args)),
    },
    async dump() {
      return Object.entries({ ...(await kept.dump()), 'what it was told': Buffer.from(told.join('\n')) })
    },
  }
}

/** Whether the secret is there, as it is or in another notation of its text or of the bytes that it stands for. */
function holds(dump: Buffer, secret: string): boolean {
  const [text, bytes] = [Buffer.from(secret), Buffer.from(secret, 'base64url')]
  const notations = [text, bytes].flatMap((each) => [
    each,
    each.toString('hex'),
    each.toString('hex').toUpperCase(),
    each.toString('base64').replace(/=+$/, ''),
    each.toString('base64url'),
  ])
  return notations.some((notation) => dump.includes(notation))
}

/** The name of a sealed session, by which a store of ended ones might know it. */
function nameIn(sealed: string): string {
  const header = JSON.parse(Buffer.from(sealed.split('.')[0]!, 'base64url').toString()) as { jti: string }
  return header.jti
}

const signIn = {
  typeDefs: 'extend type Mutation { signIn(user: String!): Boolean }',
  resolvers: {
    Mutation: {
      async signIn(_: unknown, { user }: { user: string }, { session }: SessionContext<ShopData>) {
        await session.rotate()
        session.set('user_id', user)
        return true
      },
    },
  },
}

/**
 * Six clients begin, two of them again as theirs expired. Each signs in and rotates, and two log out: whoever goes on
 * gets another token, and whoever comes with the cookie from before gets none.
 */
const tokensOfADay = 6 + 2 + (6 + 6 + 2)

async function live(store: SessionStore) {
  const { yoga, clock } = shop({ ...signIn, store })
  const secrets = new Set<string>()
  const ended: string[] = []
  const clients = Array.from({ length: 6 }, () => new Client(yoga))
  const run = async (client: Client, query: string) => {
    const { codes, data } = await client.run(query)
    expect(codes).toEqual([])
    return data
  }
  const idOf = async (client: Client): Promise<string> =>
    (await run(client, '{ session { handle } }')).session.handle
  const renew = async (client: Client, query: string): Promise<void> => {
    ended.push(await idOf(client))
    const before = client.fork()
    await run(client, query)
    expect(client.token).not.toBe(before.token)
    await before.run('{ session { keys } }')
    await before.run('mutation { setSessionKey(key: "dark_mode", value: 1) { created } }')
  }

  const day = async (client: Client, index: number): Promise<void> => {
    await run(client, '{ session { isNew keys } }')
    await run(
      client,
      'mutation { updateSession(data: { dark_mode: true, shopping_cart: ["a"] }) { __typename } }',
    )
    await renew(client, `mutation { signIn(user: "user${index}") }`)
    const batch = ['pref:a', 'pref:b', 'pref:c'].map((key) => ({
      query: `mutation { setSessionKey(key: "${key}", value: "${key} of ${index}") { created session { handle } } }`,
    }))
    expect((await client.post(batch)).codes).toEqual([])
    await run(client, 'mutation { setDefaultSessionKey(key: "pref:a", value: 1) { entry { value } } }')
    await run(client, 'mutation { popSessionKey(key: "shopping_cart") { found value } }')
    await run(client, 'mutation { deleteSessionKey(key: "pref:b") { deleted } }')
    await renew(client, 'mutation { rotateSession { session { handle } } }')
    if (index % 3 === 0) await run(client, 'mutation { clearSession { session { handle } } }')
    if (index % 3 === 1) await renew(client, 'mutation { logout { flushed session { handle } } }')
    if (index % 3 === 2) {
      await run(client, 'mutation { setSessionExpiry(expiry: { seconds: 60 }) { __typename } }')
    }
    await run(client, 'mutation { setSessionKey(key: "dark_mode", value: false) { created } }')
  }
  await Promise.all(clients.map(day))

  clock.forward(100)
  const isAlive = (_: Client, index: number) => index % 3 !== 2
  for (const client of clients.filter((client, index) => !isAlive(client, index))) {
    expect(await run(client.fork(), '{ session { isNew } }')).toEqual({ session: { isNew: true } })
    await run(client, 'mutation { setSessionKey(key: "dark_mode", value: true) { created } }')
  }
  // What nobody gave out.
  for (const invented of [mint(), `${mint()}.${mint()}`]) {
    const stranger = new Client(yoga)
    stranger.cookies.set('__Host-session', invented)
    secrets.add(invented)
    await run(stranger, 'mutation { logout { flushed } }')
  }
  return { secrets, ended, living: await Promise.all(clients.map(idOf)) }
}

describe.each(backends)('%s', (_, needed, open) => {
  it('holds no token of any client, though the ids that follow from them', needed, async () => {
    await using kept = await open()
    const { store, dump } = overheard(kept)
    const before = given.size
    const { secrets, living } = await live(store)
    expect(given.size - before).toBe(tokensOfADay)
    for (const [where, bytes] of await dump()) {
      expect({ where, missing: living.filter((id) => !holds(bytes, id)) }).toEqual({ where, missing: [] })
      const leaked = [...secrets, ...given].filter((token) => holds(bytes, token))
      expect({ where, leaked }).toEqual({ where, leaked: [] })
    }
  })

  it('as the list of ended sessions holds neither a cookie nor a name out of one', needed, async () => {
    await using kept = await open()
    const { store: denyList, dump } = overheard(kept)
    const before = given.size
    const keys = [randomBytes(32).toString('base64')]
    const { secrets, ended } = await live(cookieStore({ keys, denyList }))
    const cookies = [...given].slice(before)
    const names = cookies.map(nameIn)
    expect(new Set(names).size).toBe(tokensOfADay)
    for (const [where, bytes] of await dump()) {
      expect({ where, missing: ended.filter((id) => !holds(bytes, id)) }).toEqual({ where, missing: [] })
      const leaked = [...secrets, ...given, ...names, ...keys].filter((text) => holds(bytes, text))
      expect({ where, leaked }).toEqual({ where, leaked: [] })
    }
  })

  it('would show one that an application put into a session', needed, async () => {
    await using kept = await open()
    const { store, dump } = overheard(kept)
    const token = mint()
    const set = 'mutation ($value: JSON) { setSessionKey(key: "pref:planted", value: $value) { created } }'
    expect((await new Client(shop({}, store).yoga).run(set, { value: token })).codes).toEqual([])
    for (const [where, bytes] of await dump()) {
      expect({ where, isFound: holds(bytes, token) }).toEqual({ where, isFound: true })
    }
  })
})

describe('the search', () => {
  const token = mint()
  const bytes = Buffer.from(token, 'base64url')

  it.each([
    ['as it is', token],
    ['by its bytes', bytes],
    ['by its bytes in hex', bytes.toString('hex')],
    ['by its bytes in base64', bytes.toString('base64')],
    ['by its text in hex', Buffer.from(token).toString('hex').toUpperCase()],
    ['by its text in base64', Buffer.from(token).toString('base64')],
  ])('finds a token %s, and no other', (_, planted) => {
    const dump = Buffer.concat([randomBytes(99), Buffer.from(planted), randomBytes(99)])
    expect(holds(dump, token)).toBe(true)
    expect(holds(dump, mint())).toBe(false)
  })
})
