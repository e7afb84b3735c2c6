// This lets the answers of one turn of the event loop leave together at its end, which wakes their reader once.

import { clearImmediate, setImmediate } from 'node:timers'

/** Milliseconds that an answer waits for others, at most, beside what the request after it does without a pause. */
const patience = 5

interface Turn {
  readonly leaving: (() => void)[]
  readonly ended: Promise<void>
  readonly end: () => void
  readonly since: number
}

let turn: Turn | null = null

/**
 * What is answered in one turn of the event loop leaves together at its end: whoever waits for several answers, a proxy for
 * example, is woken once for all of them and not once for each, which is the dearest part of a write.
 * @param leave - what to do then; may not throw
 * @returns when all have left
 */
export function endOfTurn(leave?: () => void): Promise<void> {
  turn ??= begin()
  const { leaving, ended, end, since } = turn
  if (leave) leaving.push(leave)
  if (performance.now() - since > patience) end()
  return ended
}

function begin(): Turn {
  const leaving: (() => void)[] = []
  const { promise, resolve } = Promise.withResolvers<void>()
  const end = (): void => {
    clearImmediate(immediate)
    turn = null
    // Whoever waits goes on after the loop, and also when something in it throws.
    resolve()
    for (const leave of leaving) leave()
  }
  const immediate = setImmediate(end)
  return { leaving, ended: promise, end, since: performance.now() }
}
