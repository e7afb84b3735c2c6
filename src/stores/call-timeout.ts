// This tells calls that take too long, with one timer for many.

/** Begins to wait, and returns how to end it. */
export type CallTimeout = (late: () => void) => () => void

interface Group {
  readonly waiting: Set<() => void>
  timer: NodeJS.Timeout | undefined
}

/**
 * Calls `late` when something takes too long: one timer for all that begins in one turn of the event loop, and none for what
 * ends in it, as calls to a store in memory do.
 * @param timeout - milliseconds, from the end of the turn: while the event loop is blocked no answer could be read
 */
export function callTimeout(timeout: number): CallTimeout {
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
    const { waiting } = (group ??= begin())
    const own = group
    waiting.add(late)
    return () => {
      waiting.delete(late)
      if (waiting.size === 0) clearTimeout(own.timer)
    }
  }
}
