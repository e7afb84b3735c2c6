// This opens PostgreSQL for the command, from the URL in SESSION_STORE, and makes its table for `migrate`.

import { invalid } from './invalid.ts'
import { onlyOptions, parse } from './store-url.ts'

/**
 * The parameters of a URL that the package pg reads. It ignores any other without an error, e.g.
 * `connect_timeout`, so that `openPostgres` refuses those.
 */
const parameters = [
  'application_name',
  'fallback_application_name',
  'host',
  'idle_in_transaction_session_timeout',
  'lock_timeout',
  'options',
  'password',
  'port',
  'query_timeout',
  'ssl',
  'sslcert',
  'sslkey',
  'sslmode',
  'sslnegotiation',
  'sslrootcert',
  'statement_timeout',
  'uselibpqcompat',
  'user',
]

export const isPostgres = (text: string): boolean => /^postgres(?:ql)?:/.test(text)

/** The name of the table, in the schema of `?schema=`. That parameter is ours: pg does not read it. */
export function postgresTable(text: string): string {
  const schema = parse(text).searchParams.get('schema')
  if (schema === null) return 'graphql_session'
  if (!/^[a-z_][a-z0-9_]{0,51}$/.test(schema)) {
    throw invalid('SESSION_STORE: schema must be a name of at most 52 lower case letters, digits and _')
  }
  return `${schema}.graphql_session`
}

export async function openPostgres(text: string) {
  const url = parse(text)
  onlyOptions('postgres:', url.searchParams, ['schema', ...parameters])
  const table = postgresTable(text)
  const [{ default: pg }, { postgresSchema, postgresStore }] = await Promise.all([
    import('pg'),
    import('../stores/postgres.ts'),
  ])
  // After `query_timeout` milliseconds the pool closes the connection of a query, so that a server that
  // stopped answering does not occupy the whole pool.
  const pool = new pg.Pool({
    connectionString: text,
    application_name: 'graphql-session',
    connectionTimeoutMillis: 2000,
    query_timeout: 3000,
    keepAlive: true,
  })
  const store = postgresStore(pool, { table, notices: true })
  return {
    store,
    backing: store,
    says: `PostgreSQL at ${url.host}${url.pathname}`,
    async migrate() {
      // Without the lock, CREATE TABLE IF NOT EXISTS fails in one of two processes that run it together.
      await pool.query(`BEGIN; SELECT pg_advisory_xact_lock(5046713); ${postgresSchema(table)} COMMIT`)
      return table
    },
    close: () => pool.end(),
  }
}
