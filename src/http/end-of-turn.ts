// This holds answers until the end of a turn of the event loop, so that their reader is woken once for all.

import { clearImmediate, setImmediate } from 'node:timers'
import { mayShare } from '../session/runtime.ts'

/**
 * Milliseconds that the first answer of a turn waits for others at most. Work that the next request does
 * without a pause comes on top.
 */
const longestTurn = 5

interface Turn {
  readonly leaving: (() => void)[]
  readonly ended: Promise<void>
  readonly end: () => void
  readonly since: number
}

let turn: Turn | null = null

/**
 * Lets an answer leave at the end of this turn of the event loop, together with the others of the turn. A
 * client that waits for several answers, a proxy for example, is then woken once for all of them instead of
 * once for each. Waking the client is the most expensive part of a write.
 *
 * Requests then wait for one promise. Where the runtime forbids that, the answer leaves at once.
 * @param leave - sends the answer; must not throw
 * @returns a promise that resolves when all answers of the turn have left
 */
export function endOfTurn(leave?: () => void): Promise<void> {
  if (!mayShare()) {
    leave?.()
    return Promise.resolve()
  }
  turn ??= begin()
  const { leaving, ended, end, since } = turn
  if (leave) leaving.push(leave)
  if (performance.now() - since > longestTurn) end()
  return ended
}

function begin(): Turn {
  const leaving: (() => void)[] = []
  const { promise, resolve } = Promise.withResolvers<void>()
  const end = (): void => {
    clearImmediate(immediate)
    turn = null
    // Code that awaits this promise goes on after the loop all the same, and also where a `leave` throws.
    resolve()
    for (const leave of leaving) leave()
  }
  const immediate = setImmediate(end)
  return { leaving, ended: promise, end, since: performance.now() }
}
