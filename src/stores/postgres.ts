// This keeps sessions in PostgreSQL.

import { hash } from 'node:crypto'
import type { ChangeSet, Outcome } from '../session/changes.ts'
import { SessionError } from '../session/errors.ts'
import { checkOptions } from '../session/options.ts'
import { type Departure, markRecord, seen, type SessionRecord } from '../session/record.ts'
import type { KeyedStore } from '../session/store.ts'
import { skewed, skewOf } from './clock-skew.ts'
import { type PgListeners, postgresLine, type PostgresListeners } from './postgres-notices.ts'
import { Teller } from './telling.ts'

/** What the store uses of a `Pool` of the package `pg`. */
export interface PgPool extends PgListeners {
  /** Runs a statement on a connection of the pool. With a `name` it is prepared once per connection. */
  query(statement: { text: string; values: string[]; name?: string }): Promise<{ rows: unknown[] }>
  /** Called once, since a failure of an idle connection would end the process without a listener. */
  on(event: 'error', listener: () => void): unknown
  /** With a single connection `notices` would leave none for sessions. */
  readonly options?: { readonly max?: number | undefined }
}

/** What the store uses of the function of the package `postgres`. */
export interface PostgresSql extends PostgresListeners {
  /** Runs a statement from its text and parameters. */
  unsafe(text: string, values: string[], options: { prepare: boolean }): PromiseLike<readonly unknown[]>
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

/** Rows that one call of `sweep` removes, at most. */
const sweptAtOnce = 100

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
  const { table = 'graphql_session', prepare = true, notices: hears = false } = options
  checkTable(table)
  for (const [name, value] of Object.entries({ prepare, notices: hears })) {
    if (typeof value === 'boolean') continue
    throw new SessionError('CONFIG_INVALID', `postgresStore: ${name} must be true or false.`)
  }
  if (hears && !('unsafe' in client ? client.listen : client.connect && client.options?.max !== 1)) {
    throw new SessionError(
      'CONFIG_INVALID',
      'postgresStore: notices needs a Pool of pg with two connections or more, or postgres.',
    )
  }
  const run = runner(client, prepare)
  // A notice is a hint, so that tables of one name in two schemas may share a channel. It has 63 bytes at most.
  const channel = `${table.replace(/^.*\./, '')}_notices`
  const sql = statements(quoted(table), channel, hears)
  const send = (text: string) => run(sql.tell, [text])
  const notices = hears ? new Teller(false, postgresLine(client, channel, send)) : undefined
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
      const [row] = await run(sql.commit, [id, String(now), toJson(changes)])
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
      return [...judge(setup!, table), ...skew, ...(notices ? await deafness(notices) : [])]
    },
    ...(notices && { notices }),
  }
}

/** Tells where this process does not hear what it sends. */
async function deafness(notices: Teller): Promise<string[]> {
  if (await notices.hearsItself()) return []
  return [
    'PostgreSQL does not tell of sessions that ended, so that those with an open stream are read every second: LISTEN hears nothing, as behind a pooler that hands out a connection per transaction. Let the pool connect to PostgreSQL itself.',
  ]
}

type Statements = Readonly<
  Record<'create' | 'read' | 'commit' | 'delete' | 'sweep' | 'check' | 'tell', string>
>

/** The time of the database, not that at which its transaction began, which may have waited for a lock. */
const itsTime = 'extract(epoch FROM clock_timestamp()) * 1000'

/** Writes a column that tells of the end of the session, where a condition holds. */
type Tell = (condition: string) => string

const tellIn =
  (channel: string, tells: boolean): Tell =>
  (condition) =>
    tells ? `, CASE WHEN ${condition} THEN pg_notify('${channel}', $1)::text END AS told` : ''

/** Writes the statements. Instants travel as text, as drivers differ in what they make of a bigint. */
function statements(table: string, channel: string, tells: boolean): Statements {
  const tell = tellIn(channel, tells)
  // Columns have names of one word, which a driver does not rename, as it may rename created_at to createdAt.
  const columns = 'created_at::text AS created, expires_at::text AS expires, policy, entries::text'
  return {
    // What the clock of the database calls expired is not there for anybody else, and so it is not stored.
    create: `WITH late AS MATERIALIZED (
        SELECT $3::text::bigint <= ${itsTime} AS late
      ), made AS (
        INSERT INTO ${table} AS old (id, created_at, expires_at, policy, entries)
        SELECT $1, $2::text::bigint, $3::text::bigint, $4, $5::text::jsonb FROM late WHERE NOT late
        ON CONFLICT (id) DO UPDATE SET created_at = excluded.created_at, expires_at = excluded.expires_at,
          policy = excluded.policy, entries = excluded.entries
        WHERE old.expires_at <= excluded.created_at RETURNING 1
      )
      SELECT late, EXISTS (SELECT FROM made) AS created FROM late`,
    read: `SELECT ${columns} FROM ${table} WHERE id = $1`,
    commit: commitStatement(table, tell),
    // The row is locked first, as in a commit, and the answer is what it held then. A mark stays, as does a
    // session that is to move where the clock of the database would refuse to create it again. Whatever has ended is
    // told on its commit. A commit that changes entries tells nothing, as PostgreSQL lets all that tell wait for each other
    // until they are on the disk.
    delete: `WITH found AS MATERIALIZED (
        SELECT ${columns}, expires_at, expires_at > $2::text::bigint AS alive, policy LIKE '>%' AS marks
        FROM ${table} WHERE id = $1 FOR UPDATE
      ), hit AS MATERIALIZED (
        SELECT *, $4 = '>moved' AND alive AND NOT marks AND expires_at <= ${itsTime} AS skewed FROM found
      ), marked AS (
        UPDATE ${table} SET created_at = 0, expires_at = $3::text::bigint, policy = $4, entries = '[]'
        FROM hit WHERE id = $1 AND $4 <> '' AND alive AND NOT marks AND NOT skewed
      ), deleted AS (
        DELETE FROM ${table} USING hit WHERE id = $1 AND (NOT alive OR ($4 = '' AND NOT marks))
      )
      SELECT created, expires, policy, entries, skewed${tell('alive AND NOT marks AND NOT skewed')} FROM hit`,
    // A sweep does not wait for the disk, as the rows that a crash brings back have expired.
    sweep: `WITH relaxed AS (
        SELECT set_config('synchronous_commit', 'off', true)
      ), swept AS (
        DELETE FROM ${table} WHERE id IN (
          SELECT id FROM ${table} WHERE expires_at <= $1::text::bigint
          ORDER BY expires_at LIMIT ${sweptAtOnce} FOR UPDATE SKIP LOCKED
        ) RETURNING 1
      )
      SELECT (SELECT count(*)::text FROM swept) AS count FROM relaxed`,
    tell: `SELECT pg_notify('${channel}', $1)::text AS told`,
    check: `SELECT (SELECT relpersistence::text FROM pg_class WHERE oid = to_regclass($1)) AS persistence,
        current_setting('synchronous_commit') AS synchronous_commit,
        current_setting('fsync') AS fsync,
        current_setting('default_transaction_isolation') AS isolation,
        current_setting('server_encoding') AS encoding,
        current_setting('transaction_read_only') AS unwritable,
        trunc(${itsTime})::bigint::text AS now`,
  }
}

/**
 * The statement that does what `apply` says. A row of its CTEs is a session or one of its entries, and each
 * CTE is a step of `apply`, told by the comment before it. `hit` locks the row first: a change that waited
 * for another one sees what that one left, and nobody writes between the verdict and the update. Where there
 * is no such session `hit` is empty, and so is all that follows, so that no row means `gone`. The change set
 * is one parameter, so that there is one statement for all change sets.
 */
const commitStatement = (table: string, tell: Tell): string =>
  withoutComments(`
    -- The session, unless it has expired.
    WITH hit AS MATERIALIZED (
      SELECT entries, policy, created_at, expires_at FROM ${table}
      WHERE id = $1 AND expires_at > $2::text::bigint FOR UPDATE
    ),
    -- The change set.
    asked AS MATERIALIZED (
      SELECT change, (change->>'clear')::boolean AS clear FROM (SELECT $3::text::jsonb AS change) AS given
    ),
    -- The entries of the session.
    held AS (
      SELECT pair->>0 AS key, pair->>1 AS text, place
      FROM hit, jsonb_array_elements(entries) WITH ORDINALITY AS each (pair, place)
    ),
    -- What was expected and is not so.
    broken AS (
      SELECT FROM asked, jsonb_array_elements(change->'expect') AS each (pair)
      LEFT JOIN held ON held.key = pair->>0
      WHERE held.text IS DISTINCT FROM pair->>1
    ),
    -- The entries to set, or to delete where text is null. Some lose their place.
    wanted AS (
      SELECT pair->>0 AS key, pair->>1 AS text, place, jsonb_array_length(pair) > 2 AS moves
      FROM asked, jsonb_array_elements(change->'entries') WITH ORDINALITY AS each (pair, place)
    ),
    -- What clear leaves.
    kept AS (
      SELECT key, held.text, place FROM held, asked WHERE NOT clear
    ),
    -- One over the other. A key that is there keeps its place, and a new one comes after all others.
    merged AS (
      SELECT key, CASE WHEN wanted.place IS NULL THEN kept.text ELSE wanted.text END AS text,
        CASE WHEN moves THEN NULL ELSE kept.place END AS old_place, wanted.place AS new_place
      FROM kept FULL JOIN wanted USING (key)
    ),
    next AS (
      SELECT coalesce(jsonb_agg(jsonb_build_array(key, text) ORDER BY old_place, new_place), '[]') AS entries,
        count(*) AS keys, coalesce(sum(octet_length(key) + octet_length(text)), 0) AS bytes
      FROM merged WHERE text IS NOT NULL
    ),
    -- What the row is to hold, but for its deadline.
    planned AS (
      SELECT hit.policy AS old_policy, next.entries, keys, bytes, hit.expires_at, change,
        (change->>'expiresAt')::bigint AS moved_to, change->>'under' AS under,
        coalesce(change->>'policy', CASE WHEN clear THEN '' ELSE hit.policy END) AS policy,
        hit.created_at + (change#>>'{activity,lifetime}')::bigint AS last,
        (change#>>'{activity,until}')::bigint AS active_until, (change#>>'{activity,step}')::bigint AS step
      FROM hit, asked, next
    ),
    -- The deadline moves where its policy still stands, and by activity under the policy of the server.
    timed AS (
      SELECT *, CASE
          WHEN moved_to IS NOT NULL AND coalesce(under, policy) = policy THEN moved_to
          WHEN policy = '' AND (least(active_until, last) - expires_at >= step
            OR (active_until >= last AND last > expires_at)) THEN least(active_until, last)
          ELSE expires_at END AS deadline
      FROM planned
    ),
    -- The outcome. Nobody else finds what has expired by the clock of the database.
    verdict AS (
      SELECT CASE
          WHEN old_policy LIKE '>%' THEN substr(old_policy, 2)
          WHEN EXISTS (SELECT FROM broken) THEN 'conflict'
          WHEN keys > (change#>>'{limit,keys}')::bigint OR bytes > (change#>>'{limit,bytes}')::bigint THEN 'full'
          WHEN deadline > $2::text::bigint AND deadline <= ${itsTime} THEN 'skewed'
          ELSE 'committed'
        END AS outcome, entries, policy, deadline
      FROM timed
    ),
    done AS (
      UPDATE ${table} SET entries = verdict.entries, policy = verdict.policy, expires_at = deadline
      FROM verdict WHERE id = $1 AND outcome = 'committed'
    )
    -- Only what ends the session is told.
    SELECT outcome${tell("outcome = 'committed' AND deadline <= $2::text::bigint")} FROM verdict`)

/** Removes the comments, which would be sent with each call where statements are not prepared. */
const withoutComments = (sql: string): string => sql.replaceAll(/^ *--.*\n/gm, '')

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
  return async (text: string, values: string[]): Promise<readonly unknown[]> => {
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
