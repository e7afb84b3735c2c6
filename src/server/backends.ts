// This opens the store that SESSION_STORE names, whichever kind it is, and the deny-list of `cookie:`.

import type { KeyedStore, SessionStore } from '../session/store.ts'
import { memoryStore } from '../stores/memory.ts'
import { invalid } from './invalid.ts'
import { openMysql } from './mysql-backend.ts'
import { openPostgres } from './postgres-backend.ts'
import { openCluster, openRedis } from './redis-backend.ts'
import { onlyOptions, parse } from './store-url.ts'
import type { Reachable } from './wait-for-store.ts'

/** A store that this process opened, from the text of SESSION_STORE, and has to close. */
export interface Backend extends Reachable {
  readonly store: SessionStore
  /** The store to check and to sweep. With `cookie:` this is the deny-list, or `null` if there is none. */
  readonly backing: KeyedStore | null
  /** Makes the table for sessions and returns its name. Only PostgreSQL and MySQL need this step. */
  migrate?(): Promise<string>
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
  'mysql:': openMysql,
  'mariadb:': openMysql,
  'cookie:': openCookie,
}

/**
 * Opens a store without waiting for its server: `reach` finds out whether that answers.
 * @param name - the environment variable that `text` comes from, for errors
 * @throws {SessionError} CONFIG_INVALID
 */
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

/** The setting that has the process keep sessions to itself; null where other processes have them, too. */
export function storeOfProcess({
  SESSION_STORE = 'memory:',
  SESSION_DENY_LIST,
}: NodeJS.ProcessEnv): string | null {
  const isSealed = SESSION_STORE.startsWith('cookie:')
  const text = isSealed ? SESSION_DENY_LIST : SESSION_STORE
  if (text === undefined || !/^memory:|^sqlite::memory:$/.test(text)) return null
  return `${isSealed ? 'SESSION_DENY_LIST' : 'SESSION_STORE'}=${text}`
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
