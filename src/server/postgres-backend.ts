// This opens PostgreSQL for the server, from the text of SESSION_STORE.

import { invalid } from './invalid.ts'
import { onlyOptions, parse } from './store-url.ts'

/** What the package pg reads from a URL. It takes no notice of others, and a `connect_timeout` would mean nothing. */
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

/** The table that SESSION_STORE means: in the schema of `?schema=`, which is ours and not of pg. */
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
  // A query that was given up ends its connection, so that a server that went silent does not keep the pool.
  const pool = new pg.Pool({
    connectionString: text,
    application_name: 'graphql-session',
    connectionTimeoutMillis: 2000,
    query_timeout: 3000,
    keepAlive: true,
  })
  const store = postgresStore(pool, { table })
  return {
    store,
    backing: store,
    says: `PostgreSQL at ${url.host}${url.pathname}`,
    async migrate() {
      // CREATE TABLE IF NOT EXISTS fails when two do it at the same time.
      await pool.query(`BEGIN; SELECT pg_advisory_xact_lock(5046713); ${postgresSchema(table)} COMMIT`)
      return table
    },
    close: () => pool.end(),
  }
}
