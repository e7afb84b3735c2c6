// This measures the throughput of several server processes on one Redis.

import { startRedis } from '../test/support/servers.ts'
import { type Exchange, load } from './load.ts'
import { moveToAnyCore, type ServerProcess, startServer } from './machine.ts'
import { rounded } from './statistics.ts'
import { prepare, type Workload, workloads } from './workload.ts'

/** Numbers of server processes. */
const counts = [1, 2, 4]
/** The connections of the load, over all processes. */
export const connections = 64

/** A number for each round. */
interface Throughput {
  readonly perSecond: number[]
  /** Microseconds of the servers' CPU a request. */
  readonly cpu: number[]
}

/** The throughput of each workload, by the number of server processes. */
export type Processes = readonly (Readonly<Record<Workload, Throughput>> & { readonly count: number })[]

interface Options {
  readonly rounds: number
  readonly seconds: number
  readonly add: (step: () => Promise<void>) => void
}

export async function measureProcesses({ rounds, seconds, add }: Options): Promise<Processes> {
  moveToAnyCore()
  const redis = await startRedis(['--appendonly', 'no'])
  add(() => redis.stop())
  const servers: ServerProcess[] = []
  for (let started = 0; started < Math.max(...counts); started++) {
    const server = await startServer({
      file: 'graphql-session.ts',
      name: 'redis',
      argument: redis.url,
      pinned: false,
    })
    add(() => server.stop())
    servers.push(server)
  }
  // One server begins the sessions. The other ones answer rightly only if they share them.
  const exchanges = await prepare(servers[0]!.port, 'sessions')
  for (const { port } of servers) {
    for (const workload of workloads) await load(port, exchanges[workload], { seconds: 2, checks: true })
  }
  const processes: Processes = counts.map((count) => ({
    count,
    R: { perSecond: [], cpu: [] },
    W: { perSecond: [], cpu: [] },
  }))
  for (let round = 0; round < rounds; round++) {
    for (const workload of workloads) {
      for (const { count, [workload]: series } of processes) {
        const { perSecond, cpu } = await together(servers.slice(0, count), exchanges[workload], seconds)
        series.perSecond.push(Math.round(perSecond))
        series.cpu.push(rounded(cpu, 2))
      }
    }
    console.log(`Processes: round ${round + 1} of ${rounds} is done.`)
  }
  return processes
}

/** Loads several servers at the same time. */
async function together(
  servers: readonly ServerProcess[],
  exchange: Exchange,
  seconds: number,
): Promise<{ perSecond: number; cpu: number }> {
  const before = await cpuOf(servers)
  const loaded = await Promise.all(
    servers.map(({ port }) => load(port, exchange, { seconds, connections: connections / servers.length })),
  )
  const cpu = (await cpuOf(servers)) - before
  return {
    perSecond: sum(loaded.map(({ requests, seconds: took }) => requests / took)),
    cpu: cpu / sum(loaded.map(({ requests }) => requests)),
  }
}

async function cpuOf(servers: readonly ServerProcess[]): Promise<number> {
  return sum((await Promise.all(servers.map((server) => server.usage()))).map(({ cpu }) => cpu))
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
