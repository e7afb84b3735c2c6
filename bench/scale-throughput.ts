// This measures throughput by the number of sessions in a store and the number of server processes on it.

import { load } from './load.ts'
import { moveToAnyCore, type ServerProcess } from './machine.ts'
import { tokenOf } from './peers/graphql-session.ts'
import { fillMemory, fillPostgres, fillRedis, fillSqlite } from './scale-fill.ts'
import { rounded } from './statistics.ts'
import type { System } from './systems.ts'
import { usageOf } from './usage.ts'
import { exchangesOf, type Workload, workloads } from './workload.ts'

/** The connections of the load, over all processes. One to six of them can share it evenly. */
export const connections = 60

/** How many sessions are used, spread over the store, by all processes together. */
const used = 12_000

/** The stores, with what they are called by in systems.ts. Memory has a single process. */
export const storeKinds = {
  memory: 'in memory',
  sqlite: 'in SQLite',
  redis: 'in Redis',
  postgres: 'in PostgreSQL',
} as const satisfies Record<string, System['group']>

export type StoreKind = keyof typeof storeKinds

const fillers = { sqlite: fillSqlite, redis: fillRedis, postgres: fillPostgres }

/** A number for each round. */
interface Throughput {
  readonly perSecond: number[]
  /** Microseconds of the servers' CPU a request. */
  readonly cpu: number[]
  /** Microseconds of CPU of the store's processes, a request; 0 where it has none. */
  readonly store: number[]
}

/** What was measured of a store. */
export type Grid = readonly (Readonly<Record<Workload, Throughput>> & {
  /** Sessions in the store. */
  readonly count: number
  /** Server processes. */
  readonly processes: number
})[]

interface Options {
  readonly kind: StoreKind
  /** Numbers of sessions. */
  readonly counts: readonly number[]
  /** Numbers of server processes. */
  readonly processes: readonly number[]
  readonly rounds: number
  readonly seconds: number
  readonly add: (step: () => Promise<void>) => void
}

/** A server over a store with some number of sessions. */
interface Target {
  readonly server: ServerProcess
  readonly port: number
}

export async function measureThroughput(options: Options): Promise<Grid> {
  const { kind, counts, rounds, seconds } = options
  moveToAnyCore()
  const { targets, pid, processes } = await startAll(options)
  console.log(`${kind}: ${counts.join(', ')} sessions are there.`)
  // All processes read and write at the same time, as they will be measured, and answer rightly.
  for (const [index, count] of counts.entries()) {
    for (const workload of workloads) {
      await together(targets[index]!, { count, workload, seconds: 1, checks: true })
    }
  }
  const grid: Grid = counts.flatMap((count) =>
    processes.map((number) => ({ count, processes: number, R: emptySeries(), W: emptySeries() })),
  )
  let window = 0
  for (let round = 0; round < rounds; round++) {
    for (const workload of workloads) {
      // Each round begins with another one, so that none is always the first.
      const first = round % grid.length
      for (const { count, processes: number, [workload]: series } of [
        ...grid.slice(first),
        ...grid.slice(0, first),
      ]) {
        const chosen = targets[counts.indexOf(count)]!.slice(0, number)
        const measured = await together(chosen, { count, workload, seconds, window: ++window, pid })
        series.perSecond.push(Math.round(measured.perSecond))
        series.cpu.push(rounded(measured.cpu, 2))
        series.store.push(rounded(measured.store, 2))
      }
    }
    console.log(`${kind}: round ${round + 1} of ${rounds} is done.`)
  }
  return grid
}

/** @returns the servers by number of sessions; each list has one of each process */
async function startAll({ kind, counts, processes, add }: Options) {
  if (kind === 'memory') {
    const servers = await fillMemory({ counts, add })
    return { targets: servers.map((server) => [{ server, port: server.port }]), pid: null, processes: [1] }
  }
  const { pid, start } = await fillers[kind]({ counts, add })
  const targets: Target[][] = counts.map(() => [])
  for (let started = 0; started < Math.max(...processes); started++) {
    const server = await start()
    add(() => server.stop())
    for (const [index, port] of server.ports.entries()) targets[index]!.push({ server, port })
  }
  return { targets, pid, processes }
}

function emptySeries(): Throughput {
  return { perSecond: [], cpu: [], store: [] }
}

interface Window {
  readonly count: number
  readonly workload: Workload
  readonly seconds: number
  readonly checks?: boolean
  /** A number that differs from window to window, so that W changes what another window has written. */
  readonly window?: number
  readonly pid?: number | null
}

/** Loads several servers at the same time. Each has sessions of its own, as a browser asks one server at a time. */
async function together(
  targets: readonly Target[],
  { count, workload, seconds, checks = false, window, pid }: Window,
): Promise<{ perSecond: number; cpu: number; store: number }> {
  const cookies = cookiesOf(count)
  const written = window === undefined ? undefined : [2 * window, 2 * window + 1]
  const cpuOf = async (): Promise<number> =>
    sum((await Promise.all(targets.map(({ server }) => server.usage()))).map(({ cpu }) => cpu))
  const ofStore = (): number => (pid ? usageOf(pid).cpu : 0)
  const exchanges = targets.map((_, index) => {
    const own = cookies.filter((_cookie, serial) => serial % targets.length === index)
    return exchangesOf(own, written)[workload]
  })
  const [before, storeBefore] = [await cpuOf(), ofStore()]
  const loaded = await Promise.all(
    targets.map(({ port }, index) =>
      load(port, exchanges[index]!, {
        seconds,
        connections: Math.floor(connections / targets.length),
        checks,
      }),
    ),
  )
  const requests = sum(loaded.map((each) => each.requests))
  return {
    perSecond: sum(loaded.map((each) => each.requests / each.seconds)),
    cpu: ((await cpuOf()) - before) / requests,
    store: (ofStore() - storeBefore) / requests,
  }
}

/** The cookies of sessions spread evenly over a store that holds `count` of them. */
function cookiesOf(count: number): string[] {
  const step = Math.max(1, Math.floor(count / used))
  return Array.from(
    { length: Math.min(count, used) },
    (_, index) => `__Host-session=${tokenOf(index * step)}`,
  )
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
