import { execFileSync } from 'node:child_process'
import { setTimeout } from 'node:timers/promises'
import pg from 'pg'
import { postgresSchema } from '../../src/stores/postgres.ts'
import { type RunningServer, startPostgres } from '../servers.ts'

export interface Cluster {
  readonly server: RunningServer
  /** Every process of it at once, so that none can put its affairs in order. */
  signal(signal: NodeJS.Signals): void
  kill(): Promise<void>
  restart(): Promise<void>
}

/** PostgreSQL with the table for sessions, durable as its defaults are. */
export async function startCluster(): Promise<Cluster> {
  const server = await startPostgres()
  const client = new pg.Client({ connectionString: server.url })
  await client.connect()
  await client.query(postgresSchema())
  await client.end()
  const signal = (name: NodeJS.Signals): void => {
    const { pid } = server.process
    for (const each of [pid!, ...childrenOf(pid!)]) {
      try {
        process.kill(each, name)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
      }
    }
  }
  return {
    server,
    signal,
    async kill() {
      // One that is forked meanwhile ends by itself, when it notices that the postmaster is gone.
      signal('SIGKILL')
      await server.kill()
    },
    async restart() {
      for (let attempt = 1; ; attempt++) {
        try {
          return await server.restart()
        } catch (error) {
          if (attempt === 5) throw error
          await setTimeout(200)
        }
      }
    },
  }
}

function childrenOf(pid: number): number[] {
  try {
    return execFileSync('pgrep', ['-P', String(pid)], { encoding: 'utf8' })
      .split('\n')
      .filter(Boolean)
      .map(Number)
  } catch {
    return []
  }
}
