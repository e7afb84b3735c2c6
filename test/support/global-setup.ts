import type { TestProject } from 'vitest/node'
import { findBinary, type RunningServer, startPostgres, startRedis } from './servers.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Null where no such server is to be had. */
    redisUrl: string | null
    postgresUrl: string | null
  }
}

/** The servers that all test files share: those of the environment, or our own. */
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
