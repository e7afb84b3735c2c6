// This opens MySQL or MariaDB for the command, from the URL in SESSION_STORE, and makes its table for `migrate`.

import { invalid } from './invalid.ts'
import { credentials, onlyOptions, parse } from './store-url.ts'

export const isMysql = (text: string): boolean => /^(?:mysql|mariadb):/.test(text)

export async function openMysql(text: string) {
  const url = parse(text)
  const { searchParams, hostname, port, host, protocol } = url
  onlyOptions(protocol, searchParams, ['connectionLimit', 'socketPath', 'ssl'])
  const { username, password } = credentials(url)
  const database = url.pathname.slice(1)
  if (!/^[\w$-]+$/.test(database)) {
    throw invalid(`SESSION_STORE: the path of a ${protocol} URL is the name of a database`)
  }
  const socketPath = searchParams.get('socketPath')
  const options = { connectionLimit: limitOf(searchParams), ...tlsOf(searchParams) }
  const [{ createPool }, { mysqlSchema, mysqlStore }] = await Promise.all([
    import('mysql2/promise'),
    import('../stores/mysql.ts'),
  ])
  const pool = createPool({
    ...options,
    ...(socketPath !== null && { socketPath }),
    host: hostname.replace(/^\[|\]$/g, '') || '127.0.0.1',
    port: Number(port || 3306),
    ...(username && { user: username }),
    ...(password && { password }),
    database,
    connectTimeout: 2000,
    // It would keep a stack for each statement.
    trace: false,
  })
  const store = mysqlStore(pool)
  return {
    store,
    backing: store,
    says: `${protocol === 'mysql:' ? 'MySQL' : 'MariaDB'} at ${socketPath ?? host}/${database}`,
    async migrate() {
      await pool.query(mysqlSchema())
      return 'graphql_session'
    },
    // A connection that could not be made fails again when it ends, and what it failed of has been told.
    close: () => pool.end().catch(() => {}),
  }
}

function limitOf(searchParams: URLSearchParams): number {
  const text = searchParams.get('connectionLimit') ?? '10'
  if (!/^[1-9]\d{0,3}$/.test(text)) {
    throw invalid('SESSION_STORE: connectionLimit must be a whole number from 1 to 9999')
  }
  return Number(text)
}

/**
 * Says how to use TLS: with a certificate that is trusted and of that host, unless the text of an object says otherwise.
 * mysql2 does not compare the host unless it is asked to.
 */
function tlsOf(searchParams: URLSearchParams): { ssl?: object } {
  const text = searchParams.get('ssl') ?? 'false'
  if (text === 'false') return {}
  try {
    const given: unknown = text === 'true' ? {} : JSON.parse(text)
    if (typeof given === 'object' && given !== null && !Array.isArray(given))
      return { ssl: { verifyIdentity: true, ...given } }
  } catch {
    // It is told below.
  }
  throw invalid(
    'SESSION_STORE: ssl must be true, false or JSON of an object, e.g. {"rejectUnauthorized":false}',
  )
}
