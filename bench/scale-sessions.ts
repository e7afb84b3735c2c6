// This measures how the latency of reads depends on the number of sessions in the memory store.

import { Agent } from 'node:http'
import { setImmediate } from 'node:timers/promises'
import { type Ask, ask } from './load.ts'
import { moveToLoadCore, type ServerProcess, startServer } from './machine.ts'
import { tokenOf } from './peers/graphql-session.ts'
import { quantile, rounded } from './statistics.ts'
import { reading } from './workload.ts'

/** Requests a second. A core can serve several times as many, so that no request waits in a queue. */
export const perSecond = 1_000
/**
 * How many sessions are read, spread over the store: the caches of a processor would hold the records of a
 * thousand sessions, but not of a million.
 */
const asked = 20_000
/**
 * The step from one request to the next in the list of reads. It is prime, so that each read has its turn,
 * and neighbours do not follow each other.
 */
const stride = 7919
const answer = '{"data":{"session":{"value":100}}}'

/** What was measured, by the number of sessions; a list has a number for each round. */
export type Sessions = readonly {
  readonly count: number
  /** Milliseconds. */
  readonly p50: number[]
  /** Milliseconds. */
  readonly p99: number[]
  /** Microseconds of the server's CPU a request. */
  readonly cpu: number[]
  /** MiB that the server's process takes at the end. */
  rss: number
}[]

interface Options {
  /** Sessions in the memory store. */
  readonly counts: readonly number[]
  readonly rounds: number
  readonly seconds: number
  readonly add: (step: () => Promise<void>) => void
}

export async function measureSessions({ counts, rounds, seconds, add }: Options): Promise<Sessions> {
  moveToLoadCore()
  const servers: ServerProcess[] = []
  const asks = counts.map(asksFor)
  const sessions: Sessions = counts.map((count) => ({ count, p50: [], p99: [], cpu: [], rss: 0 }))
  for (const [index, count] of counts.entries()) {
    const server = await startServer({ file: 'graphql-session.ts', name: 'filled', argument: String(count) })
    add(() => server.stop())
    servers.push(server)
    console.log(`${count} sessions are there.`)
    await latencies(server.port, asks[index]!, seconds)
  }
  for (let round = 0; round < rounds; round++) {
    const took: number[][] = counts.map(() => [])
    const used = counts.map(() => 0)
    // The servers take turns of one second: other work on the machine slows them down for longer periods.
    for (let turn = 0; turn < seconds * counts.length; turn++) {
      const index = (round + turn) % counts.length
      const server = servers[index]!
      const before = await server.usage()
      took[index]!.push(...(await latencies(server.port, asks[index]!, 1)))
      const after = await server.usage()
      used[index]! += after.cpu - before.cpu
      sessions[index]!.rss = Math.round(after.rss / 2 ** 20)
    }
    for (const [index, { p50, p99, cpu }] of sessions.entries()) {
      p50.push(rounded(quantile(took[index]!, 0.5), 3))
      p99.push(rounded(quantile(took[index]!, 0.99), 3))
      cpu.push(rounded(used[index]! / took[index]!.length, 2))
    }
    console.log(`Sessions: round ${round + 1} of ${rounds} is done.`)
  }
  return sessions
}

/** Reads of sessions, spread evenly over a store that holds `count` of them. */
function asksFor(count: number): Ask[] {
  const step = Math.max(1, Math.floor(count / asked))
  return Array.from({ length: Math.min(count, asked) }, (_, index) => ({
    cookie: `__Host-session=${tokenOf(index * step)}`,
    body: reading,
  }))
}

/**
 * Sends requests at a fixed rate, whether or not earlier ones were answered: a server that stops to collect
 * garbage has to take those that fall due meanwhile. It waits without a timer, which is off by a millisecond.
 * @returns the milliseconds from the instant at which each request was due to its answer
 */
async function latencies(port: number, asks: readonly Ask[], seconds: number): Promise<number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 })
  const timed = async (each: Ask, due: number): Promise<number> => {
    const { status, text } = await ask(port, each, agent)
    const at = performance.now()
    if (text !== answer) throw new Error(`${status} ${text}`)
    return at - due
  }
  const took: Promise<number>[] = []
  const began = performance.now()
  for (let index = 0; index < perSecond * seconds; index++) {
    const due = began + (index * 1000) / perSecond
    while (performance.now() < due) await setImmediate()
    took.push(timed(asks[(index * stride) % asks.length]!, due))
  }
  const all = await Promise.all(took)
  agent.destroy()
  return all
}
