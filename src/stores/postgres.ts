// This keeps sessions in PostgreSQL.

import { hash } from 'node:crypto'
import type { ChangeSet, Outcome } from '../session/changes.ts'
import { SessionError } from '../session/errors.ts'
import { checkOptions } from '../session/options.ts'
import { type Departure, markRecord, seen, type SessionRecord } from '../session/record.ts'
import type { KeyedStore } from '../session/store.ts'
import { skewed, skewOf } from './clock-skew.ts'
import { ChannelNotices } from './notice-channel.ts'
import { type PgListeners, postgresChannel, type PostgresListeners } from './postgres-notices.ts'
import { statements } from './postgres-statements.ts'

/** What the store uses of a `Pool` of the package `pg`. */
export interface PgPool extends PgListeners {
  /** Runs a statement on a connection of the pool. With a `name` it is prepared once per connection. */
  query(statement: { text: string; values: (string | null)[]; name?: string }): Promise<{ rows: unknown[] }>
  /** Called once, since a failure of an idle connection would end the process without a listener. */
  on(event: 'error', listener: () => void): unknown
  /** With a single connection `notices` would leave none for sessions. */
  readonly options?: { readonly max?: number | undefined }
}

/** What the store uses of the function of the package `postgres`. */
export interface PostgresSql extends PostgresListeners {
  /** Runs a statement from its text and parameters. */
  unsafe(
    text: string,
    values: (string | null)[],
    options: { prepare: boolean },
  ): PromiseLike<readonly unknown[]>
}

/** The options of `postgresStore`. */
export interface PostgresStoreOptions {
  /**
   * The name of the table, in lower case, with its schema before a dot where needed.
   * @default 'graphql_session'
   */
  readonly table?: string
  /**
   * Whether PostgreSQL keeps the plans of the statements. Set it to false behind a pooler that hands out a
   * connection per transaction and does not know prepared statements (PgBouncer before 1.21).
   * @default true
   */
  readonly prepare?: boolean
  /**
   * Whether processes tell each other at once of sessions that ended, so that their open streams end. It has to be
   * the same in all of them. Each takes a connection for that while there are streams, and not from a pooler that hands
   * out a connection per transaction. PostgreSQL writes what ends sessions one after the other then.
   * @default false: sessions with an open stream are read every second
   */
  readonly notices?: boolean
}

/**
 * Gives the SQL that makes the table and its index, for those who do not use `graphql-session migrate`. It
 * can be run again.
 * @param table - as the option `table` of `postgresStore`
 * @throws {SessionError} CONFIG_INVALID for another name than that takes
 */
export function postgresSchema(table = 'graphql_session'): string {
  checkTable(table)
  return `CREATE TABLE IF NOT EXISTS ${quoted(table)} (
  id         text   PRIMARY KEY, -- SHA-256 of the token in the cookie
  created_at bigint NOT NULL,    -- milliseconds since the epoch, as is expires_at
  expires_at bigint NOT NULL,
  policy     text   NOT NULL,
  entries    jsonb  NOT NULL     -- [[key, JSON text], ...] in the order in which the keys were first set
);
CREATE INDEX IF NOT EXISTS "${table.replace(/^.*\./, '')}_expires_at" ON ${quoted(table)} (expires_at);
`
}

const quoted = (table: string): string => table.replace(/[^.]+/g, '"$&"')

/**
 * Makes a store in PostgreSQL, with a row for each session. A verb is one statement, which is a transaction
 * of its own, and one round trip. `graphql-session migrate` makes the table, as does the SQL of
 * `postgresSchema`.
 * @param client - a `Pool` of `pg`, or the function of `postgres`; closed by whoever made it
 * @throws {SessionError} CONFIG_INVALID, naming the option
 */
export function postgresStore(client: PgPool | PostgresSql, options: PostgresStoreOptions = {}): KeyedStore {
  checkOptions('postgresStore', options, ['table', 'prepare', 'notices'])
  const { table = 'graphql_session', prepare = true, notices: isNotified = false } = options
  checkTable(table)
  for (const [name, value] of Object.entries({ prepare, notices: isNotified })) {
    if (typeof value === 'boolean') continue
    throw new SessionError('CONFIG_INVALID', `postgresStore: ${name} must be true or false.`)
  }
  if (isNotified && !('unsafe' in client ? client.listen : client.connect && client.options?.max !== 1)) {
    throw new SessionError(
      'CONFIG_INVALID',
      'postgresStore: notices needs a Pool of pg with two connections or more, or postgres.',
    )
  }
  const run = runner(client, prepare)
  // A notice is a hint, so that tables of one name in two schemas may share a channel. It has 63 bytes at most.
  const channel = `${table.replace(/^.*\./, '')}_notices`
  const sql = statements(quoted(table), channel, isNotified)
  const publish = (text: string) => run(sql.tell, [text])
  const notices = isNotified
    ? new ChannelNotices(false, postgresChannel(client, channel, publish))
    : undefined
  // A pool emits `error` when an idle connection breaks, and without a listener that would end the process.
  if ('on' in client) client.on('error', () => {})

  return {
    async create(id, { createdAt, expiresAt, policy, entries }) {
      const values = [id, String(createdAt), String(expiresAt), policy, JSON.stringify([...entries])]
      const [row] = await run(sql.create, values)
      const { created, late } = row as { created: boolean; late: boolean }
      if (late) throw skewed('PostgreSQL')
      if (!created) throw new Error('The id is in use.')
    },
    async read(id, now) {
      return toRecord((await run(sql.read, [id]))[0], now)
    },
    async commit(id, changes, now) {
      const setting = settingOf(changes)
      const [row] = setting
        ? await run(sql.set, [id, String(now), ...setting])
        : await run(sql.commit, [id, String(now), toJson(changes)])
      const { outcome } = (row ?? { outcome: 'gone' }) as { outcome: Outcome | 'skewed' }
      if (outcome === 'skewed') throw skewed('PostgreSQL')
      return outcome
    },
    async delete(id, now, mark) {
      const left = mark ? [String(mark.until), markRecord(mark).policy] : ['0', '']
      const [row] = await run(sql.delete, [id, String(now), ...left])
      if ((row as { skewed: boolean } | undefined)?.skewed) throw skewed('PostgreSQL')
      return toRecord(row, now)
    },
    async sweep(now) {
      return Number(((await run(sql.sweep, [String(now)]))[0] as { count: string }).count)
    },
    async check() {
      let setup: Setup
      const skew = await skewOf('PostgreSQL', async () => {
        setup = (await run(sql.check, [quoted(table)]))[0] as Setup
        return Number(setup.now)
      })
      return [...judge(setup!, table), ...skew, ...(notices ? await undelivered(notices) : [])]
    },
    ...(notices && { notices }),
  }
}

/** Tells where this process does not receive what it publishes. */
async function undelivered(notices: ChannelNotices): Promise<string[]> {
  if (await notices.receivesItsOwn()) return []
  return [
    'PostgreSQL does not tell of sessions that ended, so that those with an open stream are read every second: LISTEN hears nothing, as behind a pooler that hands out a connection per transaction. Let the pool connect to PostgreSQL itself.',
  ]
}

/** What the statement `set` takes, where the change set does no more than that. */
function settingOf(changes: ChangeSet): (string | null)[] | null {
  const { expect, clear, entries, last, policy, expiresAt, activity, limit } = changes
  const isMore = expect.size > 0 || clear || policy !== undefined || expiresAt !== undefined
  if (isMore || entries.size !== 1 || last?.size) return null
  const [[key, text]] = entries as Iterable<[string, string | null]> as [[string, string | null]]
  if (text === null) return null
  const numbers = [limit?.keys, limit?.bytes, activity?.until, activity?.lifetime, activity?.step]
  return [key, text, ...numbers.map((number) => (Number.isFinite(number) ? String(number) : null))]
}

function toJson({ expect, entries, last, ...rest }: ChangeSet): string {
  const wanted = [...entries].map(([key, text]) => (last?.has(key) ? [key, text, 'last'] : [key, text]))
  return JSON.stringify({ ...rest, expect: [...expect], entries: wanted })
}

function toRecord(row: unknown, now: number): SessionRecord | Departure | null {
  if (row === undefined) return null
  const { created, expires, policy, entries } = row as Record<string, string>
  const [createdAt, expiresAt] = [Number(created), Number(expires)]
  // A driver that renames columns would otherwise give a record without a deadline.
  if (Number.isNaN(expiresAt)) throw new Error('PostgreSQL answered with columns that were not asked for.')
  if (expiresAt <= now) return null
  const pairs = JSON.parse(entries!) as [string, string][]
  return seen({ entries: new Map(pairs), createdAt, expiresAt, policy: policy! })
}

function runner(client: PgPool | PostgresSql, prepare: boolean) {
  // A prepared statement is named after its text, since stores with other tables may share the pool.
  const names = new Map<string, string>()
  const nameOf = (text: string): string => {
    const name = names.get(text) ?? `graphql_session_${hash('sha1', text)}`
    names.set(text, name)
    return name
  }
  return async (text: string, values: (string | null)[]): Promise<readonly unknown[]> => {
    if ('unsafe' in client) return client.unsafe(text, values, { prepare })
    return (await client.query({ text, values, ...(prepare && { name: nameOf(text) }) })).rows
  }
}

function checkTable(table: string): void {
  // With 52 characters the name of the index is not cut, which PostgreSQL does after 63.
  if (/^(?:[a-z_][a-z0-9_]{0,51}\.)?[a-z_][a-z0-9_]{0,51}$/.test(table)) return
  throw new SessionError(
    'CONFIG_INVALID',
    'postgresStore: table must be a name of at most 52 lower case letters, digits and _, with a schema and a dot before it if need be.',
  )
}

/** The configuration as `check` reads it. `persistence` is null where there is no such table. */
interface Setup {
  readonly persistence: string | null
  readonly synchronous_commit: string
  readonly fsync: string
  readonly isolation: string
  readonly encoding: string
  /** `on` for a standby, and where `default_transaction_read_only` is on. */
  readonly unwritable: string
  /** Milliseconds since the epoch. */
  readonly now: string
}

/**
 * Tells which promises the configuration does not keep.
 * @throws {SessionError} CONFIG_INVALID where sessions cannot be stored
 */
function judge(setup: Setup, table: string): string[] {
  if (setup.persistence === null) {
    throw new SessionError(
      'CONFIG_INVALID',
      `PostgreSQL has no table ${table}. Run "graphql-session migrate", or the SQL of postgresSchema().`,
    )
  }
  if (setup.encoding !== 'UTF8') {
    throw new SessionError('CONFIG_INVALID', 'The database of the sessions must have the encoding UTF8.')
  }
  const warnings = []
  if (setup.unwritable === 'on') {
    warnings.push(
      'PostgreSQL stores no session: it is read only, as a standby is, or by default_transaction_read_only. Name the primary, or set that to off.',
    )
  }
  if (setup.persistence !== 'p') {
    warnings.push(
      `PostgreSQL empties the table ${table} after a crash: it is not logged. ALTER TABLE ${table} SET LOGGED.`,
    )
  }
  if (setup.synchronous_commit === 'off' || setup.fsync === 'off') {
    const option = setup.fsync === 'off' ? 'fsync' : 'synchronous_commit'
    warnings.push(
      `PostgreSQL may lose the latest changes when it crashes, and deleted sessions come back: ${option} is off. Set it to on.`,
    )
  }
  if (setup.isolation !== 'read committed') {
    warnings.push(
      `PostgreSQL refuses changes of one session at the same time: default_transaction_isolation is ${setup.isolation}. Set it to read committed.`,
    )
  }
  return warnings
}
