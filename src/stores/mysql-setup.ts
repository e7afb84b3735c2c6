// This reads how a MySQL server is set up, and tells which promises that does not keep.

import { SessionError } from '../session/errors.ts'
import { skewOf } from './clock-skew.ts'

/**
 * The time of the database in milliseconds since the epoch. UTC_TIMESTAMP knows no time zone, and so no hour that comes
 * twice.
 */
export const timeOfServer = `TIMESTAMPDIFF(MICROSECOND, '1970-01-01 00:00:00', UTC_TIMESTAMP(3)) DIV 1000`

/** Runs a statement. @returns its rows, each a list of its columns */
type Query = (sql: string, values: string[]) => Promise<unknown>

/**
 * Checks the server and the table, as `check` of a store does.
 * @throws {SessionError} CONFIG_INVALID where sessions cannot be stored
 */
export async function checkSetup(query: Query, table: string): Promise<string[]> {
  let setup: Setup
  const skew = await skewOf('MySQL', async () => {
    setup = await readSetup(query, table)
    return setup.itsTime
  })
  return [...judge(setup!, table), ...skew]
}

/** Of these each says that nothing can be written. A server knows some of them. */
const locks = ['read_only', 'super_read_only', 'innodb_read_only', 'transaction_read_only', 'tx_read_only']

/** Bytes. With the default limits a session has 64 KiB. */
const mebibyte = 2 ** 20

/** What is asked of a server. */
const names = [
  ...locks,
  'autocommit',
  'innodb_flush_log_at_trx_commit',
  'log_bin',
  'max_allowed_packet',
  'sync_binlog',
  'transaction_isolation',
  'tx_isolation',
  'wsrep_on',
  'wsrep_sync_wait',
]

/** The configuration as `check` reads it. */
interface Setup {
  /** Milliseconds since the epoch. */
  readonly itsTime: number
  /** `null` where there is no such table. */
  readonly engine: string | null
  /** The collation of the ids; `null` where they are binary. */
  readonly collation: string | null
  /** The value of a variable of the connection; undefined where the server does not know it. */
  variable(...asked: readonly string[]): string | undefined
}

async function readSetup(query: Query, table: string): Promise<Setup> {
  const [name, database = ''] = table.split('.').toReversed() as [string, string?]
  const known = `SHOW VARIABLES WHERE Variable_name IN ('${names.join("', '")}')`
  const variables = new Map((await query(known, [])) as [string, string][])
  const [[time, engine, collation]] = (await query(
    `SELECT ${timeOfServer}, (
        SELECT engine FROM information_schema.tables
        WHERE table_schema = COALESCE(NULLIF(?, ''), DATABASE()) AND table_name = ?
      ), (
        SELECT collation_name FROM information_schema.columns
        WHERE table_schema = COALESCE(NULLIF(?, ''), DATABASE()) AND table_name = ? AND column_name = 'id'
      )`,
    [database, name, database, name],
  )) as [[number | string, string | null, string | null]]
  return {
    itsTime: Number(time),
    engine,
    collation,
    variable: (...asked) => variables.get(asked.find((each) => variables.has(each))!),
  }
}

/**
 * Tells which promises the configuration does not keep.
 * @throws {SessionError} CONFIG_INVALID where sessions cannot be stored
 */
function judge({ engine, collation, variable }: Setup, table: string): string[] {
  if (engine === null) {
    throw new SessionError(
      'CONFIG_INVALID',
      `MySQL has no table ${table}. Run "graphql-session migrate", or the SQL of mysqlSchema().`,
    )
  }
  if (variable('autocommit') === 'OFF') {
    throw new SessionError(
      'CONFIG_INVALID',
      'MySQL keeps nothing of what it is told: autocommit is off. Set it to on for the pool of the sessions.',
    )
  }
  const warnings = []
  const stops = locks.find((name) => !['OFF', undefined].includes(variable(name)))
  if (stops) {
    warnings.push(
      `MySQL stores no session: it is read only, as a replica is, by ${stops}. Name the primary, or set that to off.`,
    )
  }
  if (engine !== 'InnoDB') {
    warnings.push(
      `MySQL may lose sessions of the table ${table} when it crashes: its engine is ${engine}. ALTER TABLE ${table} ENGINE = InnoDB.`,
    )
  }
  if (collation !== null && !collation.endsWith('_bin')) {
    warnings.push(
      `MySQL takes two sessions whose ids differ in case for one: the collation of ${table}.id is ${collation}. Make the column as mysqlSchema() does.`,
    )
  }
  const packet = Number(variable('max_allowed_packet'))
  if (packet < mebibyte) {
    warnings.push(
      `MySQL takes no session of more than ${packet} bytes: max_allowed_packet is ${packet}. Set it to ${mebibyte} or more.`,
    )
  }
  // MariaDB counts up to 3, which is as durable.
  if (['0', '2'].includes(variable('innodb_flush_log_at_trx_commit')!)) {
    warnings.push(
      `MySQL may lose the latest changes when it crashes, and deleted sessions come back: innodb_flush_log_at_trx_commit is ${variable('innodb_flush_log_at_trx_commit')}. Set it to 1.`,
    )
  }
  if (variable('log_bin') === 'ON' && variable('sync_binlog') !== '1') {
    warnings.push(
      `MySQL may lose the latest changes when the power fails, and deleted sessions come back: sync_binlog is ${variable('sync_binlog')}. Set it to 1.`,
    )
  }
  // The first bit is for reading.
  const waits = Number(variable('wsrep_sync_wait')) % 2 === 1
  if (variable('wsrep_on') === 'ON' && !waits) {
    warnings.push(
      `MySQL answers what is old where another node of the cluster has changed a session: wsrep_sync_wait is ${variable('wsrep_sync_wait')}. Set it to 1, or let all servers use one node.`,
    )
  }
  if (variable('transaction_isolation', 'tx_isolation') === 'READ-UNCOMMITTED') {
    warnings.push(
      'MySQL shows changes of sessions that it may still undo: the isolation is READ-UNCOMMITTED. Set it to READ-COMMITTED.',
    )
  }
  return warnings
}
