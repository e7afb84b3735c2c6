// This runs `graphql-session serve --workers N`: processes that share one port, and are replaced when they fail.

import cluster, { type Worker } from 'node:cluster'
import { setTimeout } from 'node:timers/promises'
import { invalid } from './invalid.ts'

/** What a worker tells once it listens: the lines that say what it serves. */
interface Announcement {
  readonly serves: string
}

/** Milliseconds before a worker that has failed is replaced: the first time, and at most, where it fails again and again. */
const [firstWait, longestWait] = [100, 5000]
/** Milliseconds after which the next failure of a worker is the first again. */
const steady = 10_000

/** @throws {SessionError} CONFIG_INVALID */
export function workersIn(text = '1'): number {
  const count = Number(text)
  if (!/^[1-9]\d{0,2}$/.test(text) || count > 256) {
    throw invalid('--workers must be a whole number from 1 to 256')
  }
  return count
}

/** Whether this process has to start the workers, and serves nothing itself. */
export const startsWorkers = (): boolean => cluster.isPrimary

/** Whether this process says what concerns all workers alike. */
export const isFirstWorker = (): boolean => cluster.worker?.id === 1

/** Has the process that started this one print what is served. */
export const announce = (serves: string): void => {
  process.send!({ serves } satisfies Announcement)
}

/**
 * Starts workers, which run what this process was called with. Resolves when all of them listen, or when one could not,
 * which has said why on stderr.
 */
export async function startWorkers(count: number): Promise<void> {
  const workers = new Set<Worker>()
  const ending = new AbortController()
  let isServing = false
  let wait = firstWait

  /** @returns what it serves; null where it ended before it did */
  const begin = (): Promise<string | null> => {
    const worker = cluster.fork()
    const began = performance.now()
    workers.add(worker)
    const replace = async (how: string | number): Promise<void> => {
      if (performance.now() - began > steady) wait = firstWait
      console.error(
        `graphql-session: worker ${worker.process.pid} ended (${how}), the next one starts in ${wait} ms`,
      )
      const now = wait
      wait = Math.min(2 * wait, longestWait)
      await setTimeout(now, undefined, { signal: ending.signal })
      await begin()
    }
    return new Promise((resolve) => {
      let hasServed = false
      // A configuration may send messages of its own.
      worker.on('message', (message: Partial<Announcement> | null) => {
        if (typeof message?.serves !== 'string') return
        hasServed = true
        resolve(message.serves)
      })
      worker.once('exit', (code, signal) => {
        workers.delete(worker)
        resolve(null)
        if (ending.signal.aborted) process.exitCode ||= code
        else if (isServing || hasServed) replace(signal ?? code).catch(() => {})
      })
    })
  }
  const end = (signal: NodeJS.Signals): void => {
    if (!ending.signal.aborted && isServing) {
      console.log(`graphql-session: ${signal}, finishing the requests under way`)
    }
    ending.abort()
    // Each of them ends as it would alone. This process ends with the last one.
    for (const worker of workers) worker.process.kill(signal)
  }
  process.on('SIGTERM', end).on('SIGINT', end)

  // The first one finds out whether they can start.
  const first = await begin()
  const others = first === null ? [] : await Promise.all(Array.from({ length: count - 1 }, begin))
  if (first === null || others.includes(null)) {
    if (!ending.signal.aborted) process.exitCode = 1
    return end('SIGTERM')
  }
  isServing = true
  console.log(first.replace(/^ {2}store .*$/m, (line) => `${line}\n  workers   ${count}`))
}
