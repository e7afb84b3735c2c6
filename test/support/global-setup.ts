// This starts the Redis and the PostgreSQL that all test files share, before the first of them runs.

import type { TestProject } from 'vitest/node'
import { findBinary, type RunningServer, startPostgres, startRedis } from './servers.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** `null` if Redis is neither given by REDIS_URL nor installed. */
    redisUrl: string | null
    /** `null` if PostgreSQL is neither given by DATABASE_URL nor installed. */
    postgresUrl: string | null
  }
}

/**
 * Provides the servers that the environment names, or else starts them.
 * @returns a function that stops those that were started
 * @throws {Error} in CI if a server is neither named nor installed
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { REDIS_URL = null, DATABASE_URL = null, CI } = process.env
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
  return async () => {
    await Promise.all(started.map((server) => server.stop()))
  }
}
