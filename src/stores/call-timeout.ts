// This tells which calls take too long, with one timer for all that begin together.

import { mayShare } from '../session/runtime.ts'

/**
 * Starts to wait for a call, and calls `late` if it takes too long.
 * @returns a function that ends the wait
 */
export type CallTimeout = (late: () => void) => () => void

interface Group {
  readonly waiting: Set<() => void>
  timer: NodeJS.Timeout | undefined
}

/**
 * Makes a timeout for calls. There is one timer for all calls that begin in one turn of the event loop, and
 * none if all of them end in it, as those of a store in memory do. Where requests may not share a timer, each call has
 * its own.
 * @param timeout - milliseconds from the end of the turn, as no answer can be read before that
 */
export function callTimeout(timeout: number): CallTimeout {
  const sharesTimers = mayShare()
  let group: Group | null = null

  const begin = (): Group => {
    const begun: Group = { waiting: new Set(), timer: undefined }
    setImmediate(() => {
      group = null
      if (begun.waiting.size === 0) return
      begun.timer = setTimeout(() => {
        for (const late of begun.waiting) late()
      }, timeout)
    })
    return begun
  }

  return (late) => {
    if (!sharesTimers) {
      const timer = setTimeout(late, timeout)
      return () => clearTimeout(timer)
    }
    const { waiting } = (group ??= begin())
    const own = group
    waiting.add(late)
    return () => {
      waiting.delete(late)
      if (waiting.size === 0) clearTimeout(own.timer)
    }
  }
}
