// This keeps sessions in MySQL or MariaDB.

import { randomInt } from 'node:crypto'
import { apply, type Outcome } from '../session/changes.ts'
import { SessionError } from '../session/errors.ts'
import { checkNumber, checkOptions } from '../session/options.ts'
import { type Departure, markRecord, seen, type SessionRecord } from '../session/record.ts'
import type { KeyedStore } from '../session/store.ts'
import { skewed } from './clock-skew.ts'
import { checkSetup, timeOfServer } from './mysql-setup.ts'
import { pack, unpack } from './packed.ts'

/** What the store uses of a pool of `mysql2/promise`. */
export interface MysqlPool {
  /** Gives a connection, and waits for one where all are in use. */
  getConnection(): Promise<MysqlConnection>
}

/** What the store uses of a connection of `mysql2/promise`. */
export interface MysqlConnection {
  /** Runs a prepared statement, which is prepared once per connection. */
  execute(statement: MysqlStatement): Promise<[unknown, unknown]>
  beginTransaction(): Promise<unknown>
  commit(): Promise<unknown>
  /** Gives the connection back to the pool. */
  release(): void
  /** Closes the connection, and takes it out of the pool. */
  destroy(): void
}

/** A statement with what the store needs to be so, however the pool was set up. */
export interface MysqlStatement {
  readonly sql: string
  readonly values: (string | number | Buffer)[]
  readonly rowsAsArray: true
  readonly nestTables: false
  readonly typeCast: (field: unknown, next: () => unknown) => unknown
}

/** The options of `mysqlStore`. */
export interface MysqlStoreOptions {
  /**
   * The name of the table, in lower case, with its database before a dot where needed.
   * @default 'graphql_session'
   */
  readonly table?: string
  /**
   * Milliseconds that a verb waits for a connection of the pool, and then for MySQL, before it fails and closes its
   * connection. mysql2 has no such limit of its own, so that a server which hangs would occupy the whole pool.
   * @default 3000
   */
  readonly queryTimeout?: number
}

/** Rows that one call of `sweep` removes, at most. */
const sweptAtOnce = 100
/** How often one call of `sweep` looks again where others removed what it has found. */
const sweepAttempts = 8

/**
 * How often a change is tried with its row locked. Once is enough, but where a cluster undoes what met a change on another
 * node: of those one is done at a time.
 */
const attemptsAtMost = 50

/**
 * Gives the SQL that makes the table, for those who do not use `graphql-session migrate`. It is one statement, and can
 * be run again.
 * @param table - as the option `table` of `mysqlStore`
 * @throws {SessionError} CONFIG_INVALID for another name than that takes
 */
export function mysqlSchema(table = 'graphql_session'): string {
  checkTable(table)
  return `CREATE TABLE IF NOT EXISTS ${quoted(table)} (
  id         varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- SHA-256 of the token in the cookie
  version    bigint   NOT NULL, -- another number after each change
  expires_at bigint   NOT NULL, -- milliseconds since the epoch
  record     longblob NOT NULL, -- UTF-8: created_at, expires_at, policy, then keys and their JSON text, a line each
  PRIMARY KEY (id),
  KEY expires_at (expires_at)
) ENGINE = InnoDB;
`
}

const quoted = (table: string): string => table.replace(/[^.]+/g, '`$&`')

/**
 * Makes a store in MySQL or MariaDB, with a row for each session. A change reads the row and writes it where
 * nobody else has changed it meanwhile, which are two round trips; one that met another change tries again in a
 * transaction that locks the row. `graphql-session migrate` makes the table, as does the SQL of `mysqlSchema`.
 * @param client - a pool of `mysql2/promise` or of `mysql2`; closed by whoever made it
 * @throws {SessionError} CONFIG_INVALID, naming the option
 */
export function mysqlStore(
  client: MysqlPool | { promise(): MysqlPool },
  options: MysqlStoreOptions = {},
): KeyedStore {
  checkOptions('mysqlStore', options, ['table', 'queryTimeout'])
  const { table = 'graphql_session', queryTimeout = 3000 } = options
  checkTable(table)
  checkNumber('mysqlStore: queryTimeout', queryTimeout, 'milliseconds')
  const sql = statements(quoted(table))
  const onConnection = connections('promise' in client ? client.promise() : client, queryTimeout)

  /** Decides on what was found, and writes that. @returns undefined where it was changed meanwhile */
  const attempt = async <T>(
    run: Run,
    find: string,
    [id, now, decide]: Change<T>,
  ): Promise<{ answer: T } | undefined> => {
    const { version, clock, record } = toFound(await run(find, [id]), now)
    const { answer, next } = decide(record, clock)
    if (next === undefined) return { answer }
    const isDone = await (next === null
      ? writes(run, sql.delete, [id, version])
      : writes(run, sql.update, [...toRow(next), id, version]))
    return isDone ? { answer } : undefined
  }

  /** Tries without a lock, since no lock outlives a statement then, and with one where that met another change. */
  const change = async <T>(...given: Change<T>): Promise<T> => {
    const done = await unlessMet(() => onConnection((run) => attempt(run, sql.find, given)))
    const { answer } = done ?? (await untilDone(() => locked(given)))
    return answer
  }

  const insert = async (run: Run, values: Values): Promise<'created' | 'in use' | 'skewed'> => {
    try {
      return (await writes(run, sql.insert, values)) ? 'created' : 'skewed'
    } catch (error) {
      if (codeOf(error) === 'ER_DUP_ENTRY') return 'in use'
      throw error
    }
  }

  const locked = <T>(given: Change<T>) =>
    onConnection(async (run, connection) => {
      await connection.beginTransaction()
      const done = await attempt(run, sql.findLocked, given)
      await connection.commit()
      return done
    })

  return {
    async create(id, record) {
      const row = toRow(record)
      const outcome = await untilDone(() =>
        onConnection(async (run) => {
          const first = await insert(run, [id, ...row, record.expiresAt])
          if (first !== 'in use') return first
          if (await writes(run, sql.replace, [...row, id, record.createdAt])) return 'created'
          // What has expired may have been swept before it could be replaced.
          return insert(run, [id, ...row, record.expiresAt])
        }),
      )
      if (outcome === 'skewed') throw skewed('MySQL')
      if (outcome === 'in use') throw new Error('The id is in use.')
    },
    async read(id, now) {
      return seen(toFound(await onConnection((run) => run(sql.find, [id])), now).record)
    },
    async commit(id, changes, now) {
      const outcome = await change<Outcome | 'skewed'>(id, now, (found, clock) => {
        const { outcome: answer, record: next } = apply(found, changes)
        if (answer !== 'committed') return { answer }
        // Nobody else finds what has expired by the clock of the database.
        if (next!.expiresAt > now && next!.expiresAt <= clock) return { answer: 'skewed' }
        return { answer, next }
      })
      if (outcome === 'skewed') throw skewed('MySQL')
      return outcome
    },
    async delete(id, now, mark) {
      const last = await change<SessionRecord | Departure | null | 'skewed'>(id, now, (found, clock) => {
        const answer = seen(found)
        if (answer === null || typeof answer === 'string') return { answer }
        // A session that is to move stays where the clock of the database would refuse to create it again.
        if (mark?.as === 'moved' && answer.expiresAt <= clock) return { answer: 'skewed' }
        return { answer, next: mark ? markRecord(mark) : null }
      })
      if (last === 'skewed') throw skewed('MySQL')
      return last
    },
    async sweep(now) {
      for (let looks = 0; looks < sweepAttempts; looks++) {
        const swept = await unlessMet(() =>
          onConnection(async (run) => {
            const ids = ((await run(sql.due, [now])) as [string][]).map(([id]) => id)
            if (ids.length === 0) return 0
            // One statement for any number of them, as no id is empty.
            const padded = [...ids, ...Array.from({ length: sweptAtOnce - ids.length }, () => '')]
            // Where another process swept the same ones, there may be more.
            return countOf(await run(sql.sweep, [...padded, now])) || undefined
          }),
        )
        if (swept !== undefined) return swept
      }
      // What is found here may not be there where rows are removed, as behind a proxy that reads from a replica.
      return 0
    },
    check: () => onConnection((run) => checkSetup(run, table)),
  }
}

/** A change of one session: its id, the present, and what becomes of the record, which is left where `next` is not given. */
type Change<T> = [
  id: string,
  now: number,
  decide: (
    found: SessionRecord | null,
    clock: number,
  ) => { answer: T; next?: SessionRecord | null | undefined },
]

/** Rows that a statement has written. Each that it finds gets another version, so that it has changed, too. */
const countOf = (done: unknown): number => (done as { affectedRows: number }).affectedRows

const writes = async (run: Run, sql: string, values: Values): Promise<boolean> =>
  countOf(await run(sql, values)) === 1

const codeOf = (error: unknown): string | undefined => (error as { code?: string }).code

const isDeadlock = (error: unknown): boolean => codeOf(error) === 'ER_LOCK_DEADLOCK'

/** @returns undefined where the server has undone what the task did because of another one */
async function unlessMet<T>(task: () => Promise<T>): Promise<T | undefined> {
  try {
    return await task()
  } catch (error) {
    if (isDeadlock(error)) return undefined
    throw error
  }
}

async function untilDone<T>(task: () => Promise<T | undefined>): Promise<T> {
  for (let attempts = 0; attempts < attemptsAtMost; attempts++) {
    const done = await unlessMet(task)
    if (done !== undefined) return done
  }
  throw new Error('Others go on changing the session.')
}

/** Writes the statements. Parameters that are selected have a type, since MySQL would guess one. */
function statements(table: string) {
  const find = `SELECT version, expires_at, record, ${timeOfServer} FROM ${table} WHERE id = ?`
  return {
    find,
    findLocked: `${find} FOR UPDATE`,
    // What the clock of the database calls expired is not there for anybody else, and so it is not stored.
    insert: `INSERT INTO ${table} (id, version, expires_at, record)
      SELECT CAST(? AS CHAR(64)), CAST(? AS SIGNED), CAST(? AS SIGNED), CAST(? AS BINARY) FROM DUAL
      WHERE CAST(? AS SIGNED) > ${timeOfServer}`,
    replace: `UPDATE ${table} SET version = ?, expires_at = ?, record = ? WHERE id = ? AND expires_at <= ?`,
    update: `UPDATE ${table} SET version = ?, expires_at = ?, record = ? WHERE id = ? AND version = ?`,
    delete: `DELETE FROM ${table} WHERE id = ? AND version = ?`,
    // A DELETE by the index of the deadlines would lock the session that expires next, too. The sum keeps that index out.
    due: `SELECT id FROM ${table} WHERE expires_at <= ? ORDER BY expires_at LIMIT ${sweptAtOnce}`,
    sweep: `DELETE FROM ${table} WHERE id IN (${Array(sweptAtOnce).fill('?').join()}) AND expires_at + 0 <= ?`,
  }
}

interface Found {
  readonly version: number
  /** The time of the server. Milliseconds since the epoch. */
  readonly clock: number
  /** `null` where there is none, or it has expired. */
  readonly record: SessionRecord | null
}

/** Reads a row. A pool may be set up to give large numbers as text. */
function toFound(rows: unknown, now: number): Found {
  const [row] = rows as [string, string, Buffer, string][]
  const [version, expiresAt, clock] = [row?.[0], row?.[1], row?.[3]].map(Number) as [number, number, number]
  return {
    version,
    clock,
    record: row && expiresAt > now ? { ...unpack(row[2].toString()), expiresAt } : null,
  }
}

/** The columns of a row but for its id, with a version that no other change has. */
const toRow = (record: SessionRecord): Values => [
  randomInt(2 ** 48 - 1),
  record.expiresAt,
  Buffer.from(pack(record)),
]

type Values = MysqlStatement['values']

/** Runs a statement. @returns its rows, each a list of its columns, or what it did */
type Run = (sql: string, values: Values) => Promise<unknown>

/** Runs work on one connection. */
type OnConnection = <T>(work: (run: Run, connection: MysqlConnection) => Promise<T>) => Promise<T>

/**
 * Makes a function that runs work on a connection of the pool. When the work fails, or is not done in time, the
 * connection is closed: mysql2 would leave it waiting for the answer, until none of the pool is left. A transaction
 * that is open in it is rolled back by that.
 * @param timeout - milliseconds for which the work may wait for a connection, and then for its answers
 */
function connections(pool: MysqlPool, timeout: number): OnConnection {
  const connected = async (): Promise<MysqlConnection> => {
    const coming = pool.getConnection()
    try {
      return await within(timeout, coming)
    } catch (error) {
      coming.then(
        (connection) => connection.release(),
        () => {},
      )
      throw error
    }
  }
  return async (work) => {
    const connection = await connected()
    const run: Run = async (sql, values) => (await connection.execute({ sql, values, ...form }))[0]
    try {
      const result = await within(timeout, work(run, connection))
      connection.release()
      return result
    } catch (error) {
      // To end a deadlock the server undoes the whole transaction, and the connection is as it was before.
      if (isDeadlock(error)) connection.release()
      else connection.destroy()
      throw error
    }
  }
}

/** How the rows of a statement come, whatever the pool says. Only a function takes the place of its own `typeCast`. */
const form: Omit<MysqlStatement, 'sql' | 'values'> = {
  rowsAsArray: true,
  nestTables: false,
  typeCast: (_, next) => next(),
}

async function within<T>(timeout: number, task: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    late.reject(Object.assign(new Error(`MySQL did not answer within ${timeout} ms.`), { code: 'ETIMEDOUT' }))
  }, timeout)
  try {
    return await Promise.race([task, late.promise])
  } finally {
    clearTimeout(timer)
  }
}

function checkTable(table: string): void {
  if (/^(?:[a-z_][a-z0-9_]{0,63}\.)?[a-z_][a-z0-9_]{0,63}$/.test(table)) return
  throw new SessionError(
    'CONFIG_INVALID',
    'mysqlStore: table must be a name of at most 64 lower case letters, digits and _, with a database and a dot before it if need be.',
  )
}
