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

/** Answers that leave on one connection before it is taken for the only one in use. */
const rowOfOne = 8

let turn: Turn | null = null
let connections = 0
let latest = 0
let inRow = 0
const connectionKey = Symbol('connection')

/**
 * Lets an answer leave at the end of this turn of the event loop, together with the others of the turn. A
 * client that waits for several answers, a proxy for example, is then woken once for all of them instead of
 * once for each. Waking the client is the most expensive part of a write.
 *
 * Requests then wait for one promise. Where the runtime forbids that, the answer leaves at once. So it does where the
 * last answers have all left on its connection, as there is nothing to put together then.
 * @param on - the socket of the answer, if it is known
 * @param leave - sends the answer; must not throw
 * @returns a promise that resolves when all answers of the turn have left; undefined where there is nothing to wait for
 */
export function endOfTurn(on: object | null | undefined, leave?: () => void): Promise<void> | undefined {
  if (isAlone(on) || !mayShare()) {
    leave?.()
    return undefined
  }
  turn ??= begin()
  const { leaving, ended, end, since } = turn
  if (leave) leaving.push(leave)
  if (performance.now() - since > longestTurn) end()
  return ended
}

/**
 * Whether a connection has had the last answers. It does not follow from when they left, so that waiting cannot end itself.
 * The connection has a number, as a reference to it would keep it, and its server, from being freed.
 */
function isAlone(on: { [connectionKey]?: number } | null | undefined): boolean {
  const number = on ? (on[connectionKey] ??= ++connections) : 0
  if (number === 0 || number !== latest) inRow = 0
  latest = number
  return inRow++ >= rowOfOne
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
