import { execFile } from 'node:child_process'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import pg from 'pg'
import { postgresSchema } from '../../src/stores/postgres.ts'
import { type RunningServer, startPostgres } from '../support/servers.ts'

export interface Cluster {
  readonly server: RunningServer
  /** Every process of it at once, so that none can put its affairs in order. */
  signal(signal: NodeJS.Signals): Promise<void>
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
  const signal = async (name: NodeJS.Signals): Promise<void> => {
    const { pid } = server.process
    // So that it forks nobody who would not be on the list.
    process.kill(pid!, 'SIGSTOP')
    for (const each of [...(await childrenOf(pid!)), pid!]) {
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
      await signal('SIGKILL')
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

/** Not in one turn: requests go on until the signal. */
async function childrenOf(pid: number): Promise<number[]> {
  const { stdout } = await promisify(execFile)('pgrep', ['-P', String(pid)])
  return stdout.split('\n').filter(Boolean).map(Number)
}
