import { createConnection } from 'mysql2/promise'
import { mysqlSchema } from '../../src/stores/mysql.ts'
import { type RunningServer, startMariadb } from '../support/servers.ts'

/** MariaDB with the table for sessions, durable as its defaults are. */
export async function startWithTable(): Promise<RunningServer> {
  const server = await startMariadb()
  const connection = await createConnection(server.url)
  await connection.query(mysqlSchema())
  await connection.end()
  return server
}
