/** Opens PostgreSQL for the server, from the text of SESSION_STORE. */
import { parse } from './store-url.ts'

export async function openPostgres(text: string) {
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
