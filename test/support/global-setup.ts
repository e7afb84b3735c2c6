// This starts the servers that all test files of a project share, before the first of them runs.

import type { TestProject } from 'vitest/node'
import { findBinary, type RunningServer, startMariadb, startPostgres, startRedis } from './servers.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** `null` if Redis is neither given by REDIS_URL nor installed. */
    redisUrl: string | null
    /** `null` if PostgreSQL is neither given by DATABASE_URL nor installed. */
    postgresUrl: string | null
    /** `null` if MySQL is neither given by MYSQL_URL nor MariaDB installed, or where the project `mysql` does not run. */
    mysqlUrl: string | null
  }
}

/**
 * Provides the servers that the environment names, or else starts them.
 * @returns a function that stops those that were started
 * @throws {Error} in CI if a server is neither named nor installed
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { REDIS_URL = null, DATABASE_URL = null, MYSQL_URL = null, CI } = process.env
  const started: RunningServer[] = []
  const provideOrSkip = async (
    given: string | null,
    binary: string,
    start: () => Promise<RunningServer>,
  ): Promise<string | null> => {
    if (given !== null) return given
    if (!findBinary(binary)) {
      if (CI) throw new Error(`CI skips nothing: ${binary} is not installed.`)
      return null
    }
    const server = await start()
    started.push(server)
    return server.url
  }
  project.provide('redisUrl', await provideOrSkip(REDIS_URL, 'redis-server', startRedis))
  project.provide('postgresUrl', await provideOrSkip(DATABASE_URL, 'postgres', startPostgres))
  // Where that project does not run, few tests need it, and start it themselves: it takes three seconds.
  const isOver = project.vitest.projects.some(({ name }) => name === 'mysql')
  project.provide('mysqlUrl', isOver ? await provideOrSkip(MYSQL_URL, 'mariadbd', startMariadb) : null)
  return async () => {
    await Promise.all(started.map((server) => server.stop()))
  }
}
