import { setTimeout } from 'node:timers/promises'
import { SessionError } from '../session/errors.ts'
import type { KeyedStore, SessionStore } from '../session/store.ts'
import { memoryStore } from '../stores/memory.ts'

/** A store that this process opened, from the text of SESSION_STORE. */
export interface Backend {
  readonly store: SessionStore
  /** What lies behind it and can be checked and swept. Nothing does behind a cookie without a deny-list. */
  readonly backing: KeyedStore | null
  /** For whoever started the process. Without passwords. */
  readonly says: string
  /** Makes the place for sessions, where that is a step of its own. */
  migrate?(): Promise<void>
  /** What last happened to a connection, where a failed call does not tell. */
  trouble?(): unknown
  close?(): Promise<void> | void
}

type Open = (text: string, env: NodeJS.ProcessEnv) => Promise<Backend>

const openers: Record<string, Open> = {
  'memory:': openMemory,
  'sqlite:': openSqlite,
  'redis:': openRedis,
  'rediss:': openRedis,
  'redis+cluster:': openCluster,
  'postgres:': openPostgres,
  'postgresql:': openPostgres,
  'cookie:': openCookie,
}

/** @throws {SessionError} CONFIG_INVALID. Whether the store can be reached is for `reach` to find out. */
export async function openBackend(
  text: string,
  env: NodeJS.ProcessEnv,
  name = 'SESSION_STORE',
): Promise<Backend> {
  const scheme = /^[a-z][a-z0-9+.-]*:/.exec(text)?.[0]
  const open = scheme && openers[scheme]
  if (!open) throw invalid(`${name} must start with one of: ${Object.keys(openers).join(', ')}`)
  try {
    return await open(text, env)
  } catch (error) {
    const [, missing] = /Cannot find package '([^']+)'/.exec((error as Error).message) ?? []
    if (!missing) throw error
    throw invalid(`${name}=${scheme} needs the package ${missing}: npm install ${missing}`)
  }
}

/**
 * Does something with a store that may be only starting: tries again for some seconds.
 * @throws {SessionError} CONFIG_INVALID
 */
export async function reach<T>({ says, trouble }: Backend, task: () => Promise<T>): Promise<T> {
  const attempts = 6
  const timeout = 2000
  for (let attempt = 1; ; attempt++) {
    try {
      const late = setTimeout(timeout, null, { ref: false }).then(() => {
        throw Object.assign(new Error(), { code: `no answer within ${timeout} ms` })
      })
      return await Promise.race([task(), late])
    } catch (error) {
      if (error instanceof SessionError) throw error
      const own = reasonOf(error)
      const reason = own === noConnection && trouble ? reasonOf(trouble() ?? error) : own
      const words = final[reason]
      if (attempt === attempts || words) {
        throw invalid(`SESSION_STORE: cannot use ${says}: ${words ? `${words} (${reason})` : reason}`)
      }
      await setTimeout(100 * 2 ** attempt)
    }
  }
}

/** What a driver's error is about, without its message, which may hold a password. */
function reasonOf(error: unknown): string {
  const { code, message, errors } = error as NodeJS.ErrnoException & { errors?: unknown[] }
  // Redis puts its code first: "WRONGPASS invalid username-password pair".
  return code ?? (errors?.length ? reasonOf(errors[0]) : (/^[A-Z]{3,}\b/.exec(message)?.[0] ?? noConnection))
}

const noConnection = 'no connection'

/** What waiting does not help against: codes of PostgreSQL and of Redis. */
const final: Readonly<Record<string, string>> = {
  '28P01': 'wrong password',
  '28000': 'this user may not log in',
  '3D000': 'there is no such database',
  '42501': 'this user has not the rights',
  WRONGPASS: 'wrong password',
  NOAUTH: 'it needs a password',
  NOPERM: 'this user has not the rights',
  ERR: 'it refused a command',
}

async function openMemory(text: string): Promise<Backend> {
  const { searchParams, pathname, host } = parse(text)
  if (pathname !== '' || host !== '') throw invalid('SESSION_STORE=memory: takes only ?max=N')
  onlyOptions('memory:', searchParams, ['max'])
  const max = Number(searchParams.get('max') ?? 100_000)
  const store = memoryStore({ max })
  return { store, backing: store, says: `memory, at most ${max} sessions, lost when this process ends` }
}

async function openSqlite(text: string): Promise<Backend> {
  const path = text.slice('sqlite:'.length)
  if (path === '') throw invalid('SESSION_STORE=sqlite: needs the path of a file, e.g. sqlite:sessions.db')
  const { sqliteStore } = await import('../stores/sqlite.ts')
  try {
    const store = sqliteStore(path)
    return { store, backing: store, says: `SQLite, ${path}`, close: () => store.close() }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_SQLITE_ERROR') throw error
    throw invalid(`SESSION_STORE: cannot use SQLite, ${path}: ${(error as Error).message}`)
  }
}

// A command in flight when the connection breaks may have been applied: it is not sent again. Without a connection it
// fails at once. A server that went silent is taken for gone.
const redisOptions = {
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  enableOfflineQueue: false,
  connectTimeout: 2000,
  socketTimeout: 3000,
  retryStrategy: (attempt: number): number => Math.min(50 * attempt, 500),
}

async function openRedis(text: string): Promise<Backend> {
  const url = parse(text)
  onlyOptions('redis:', url.searchParams, ['prefix'])
  const [{ Redis }, { redisStore }] = await Promise.all([import('ioredis'), import('../stores/redis.ts')])
  const db = databaseOf(url)
  const client = new Redis({
    ...redisOptions,
    ...credentials(url),
    ...addressOf(url),
    db,
    ...(url.protocol === 'rediss:' && { tls: {} }),
  })
  const store = redisStore(client, prefixOf(url.searchParams))
  return {
    store,
    backing: {
      ...store,
      async check() {
        // A client goes on in database 0 where there is no other.
        if (db > 0) await client.select(db)
        return store.check!()
      },
    },
    says: `Redis at ${url.host}`,
    trouble: troubleOf(client),
    close: () => client.disconnect(),
  }
}

/** `redis+cluster://user:password@host:port,host:port?tls=true`: more than one host is no URL. */
async function openCluster(text: string): Promise<Backend> {
  const [, user = '', hosts = '', query = ''] =
    /^redis\+cluster:\/\/(?:([^@/]*)@)?([^@/?]+)\/?(\?.*)?$/.exec(text) ?? []
  const nodes = hosts
    .split(',')
    .map((host) => new URL(URL.canParse(`redis://${host}`) ? `redis://${host}` : 'redis:'))
  if (!nodes.every(({ hostname }) => hostname)) {
    throw invalid('SESSION_STORE must be redis+cluster://host:port,host:port')
  }
  const searchParams = new URLSearchParams(query)
  onlyOptions('redis+cluster:', searchParams, ['prefix', 'tls'])
  const tls = searchParams.get('tls') ?? 'false'
  if (tls !== 'true' && tls !== 'false') throw invalid('SESSION_STORE: tls must be true or false')
  const [{ Cluster }, { redisStore }] = await Promise.all([import('ioredis'), import('../stores/redis.ts')])
  const client = new Cluster(nodes.map(addressOf), {
    retryDelayOnFailover: 0,
    enableOfflineQueue: false,
    clusterRetryStrategy: redisOptions.retryStrategy,
    redisOptions: {
      ...redisOptions,
      ...credentials(new URL(`redis://${user && `${user}@`}host`)),
      ...(tls === 'true' && { tls: {} }),
    },
  })
  const store = redisStore(client, prefixOf(searchParams))
  return {
    store,
    backing: {
      ...store,
      // A node is connected to when it is first needed, and other calls that need it meanwhile fail.
      async check() {
        const warnings = await store.check!()
        await Promise.all(client.nodes('master').map((node) => node.ping()))
        return warnings
      },
    },
    says: `Redis Cluster at ${hosts}`,
    trouble: troubleOf(client),
    close: () => client.disconnect(),
  }
}

async function openPostgres(text: string): Promise<Backend> {
  const url = parse(text)
  const [{ default: pg }, { postgresSchema, postgresStore }] = await Promise.all([
    import('pg'),
    import('../stores/postgres.ts'),
  ])
  // A query that was given up ends its connection, so that a server that went silent does not keep the pool.
  const pool = new pg.Pool({
    connectionString: text,
    application_name: 'graphql-session',
    connectionTimeoutMillis: 2000,
    query_timeout: 3000,
    keepAlive: true,
  })
  const store = postgresStore(pool)
  return {
    store,
    backing: store,
    says: `PostgreSQL at ${url.host}${url.pathname}`,
    async migrate() {
      // CREATE TABLE IF NOT EXISTS fails when two do it at the same time.
      await pool.query(`BEGIN; SELECT pg_advisory_xact_lock(5046713); ${postgresSchema()} COMMIT`)
    },
    close: () => pool.end(),
  }
}

async function openCookie(text: string, env: NodeJS.ProcessEnv): Promise<Backend> {
  if (text !== 'cookie:') throw invalid('SESSION_STORE=cookie: takes nothing after the colon')
  const { SESSION_KEYS = '', SESSION_DENY_LIST } = env
  const { cookieStore } = await import('../stores/cookie.ts')
  const keys = SESSION_KEYS.split(',').map((key) => key.trim())
  if (SESSION_KEYS === '') {
    throw invalid(
      'SESSION_STORE=cookie: needs SESSION_KEYS: 32 random bytes in base64 (openssl rand -base64 32), several with commas',
    )
  }
  if (SESSION_DENY_LIST === undefined) {
    return {
      store: cookieStore({ keys }),
      backing: null,
      says: 'the cookie; sign-out cannot end a session (set SESSION_DENY_LIST)',
    }
  }
  if (SESSION_DENY_LIST.startsWith('cookie:')) {
    throw invalid('SESSION_DENY_LIST must be another store than cookie:')
  }
  const denied = await openBackend(SESSION_DENY_LIST, env, 'SESSION_DENY_LIST')
  return {
    ...denied,
    store: cookieStore({ keys, denyList: denied.backing! }),
    says: `the cookie; ended sessions in ${denied.says}`,
  }
}

function parse(text: string): URL {
  if (!URL.canParse(text)) throw invalid('SESSION_STORE is not a URL')
  return new URL(text)
}

function onlyOptions(scheme: string, given: URLSearchParams, known: readonly string[]): void {
  for (const name of given.keys()) {
    if (!known.includes(name)) {
      throw invalid(`SESSION_STORE: ${scheme} has no option "${name}", only ${known.join(', ')}`)
    }
  }
}

function credentials({ username, password }: URL): { username?: string; password?: string } {
  try {
    return {
      ...(username && { username: decodeURIComponent(username) }),
      ...(password && { password: decodeURIComponent(password) }),
    }
  } catch {
    throw invalid('SESSION_STORE: a % in the user or password has to be written %25')
  }
}

/** As a driver takes it: the address of IPv6 without brackets. */
const addressOf = ({ hostname, port }: URL): { host: string; port: number } => ({
  host: hostname.replace(/^\[|\]$/g, '') || '127.0.0.1',
  port: Number(port || 6379),
})

/** Without a connection a command fails with a text about the queue, and the event has the cause. */
function troubleOf(client: {
  on(event: 'error', listener: (error: unknown) => void): unknown
}): () => unknown {
  let last: unknown
  client.on('error', (error) => (last = error))
  return () => last
}

function databaseOf({ pathname }: URL): number {
  const [, db] = /^\/?(\d{0,4})$/.exec(pathname) ?? []
  if (db === undefined) throw invalid('SESSION_STORE: the path of a redis: URL is the number of a database')
  return Number(db)
}

const prefixOf = (searchParams: URLSearchParams): { prefix?: string } => {
  const prefix = searchParams.get('prefix')
  return prefix === null ? {} : { prefix }
}

const invalid = (message: string): SessionError => new SessionError('CONFIG_INVALID', `${message}.`)
