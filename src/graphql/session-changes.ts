// This is the source of the subscription `sessionChanged`: the session of a client, whenever somebody changes it.

import { Repeater } from 'graphql-yoga'
import { streamEnded } from '../session/errors.ts'
import { type AnySession, partsOf } from '../session/session.ts'

/** Milliseconds between two events, at least. What changes in between is told as one. */
const pause = 100
/** Milliseconds until a change is read again that could not be read. */
const retry = 1000

/**
 * Gives the session at once and after each change, with what it holds then, and null when it has ended. Where nothing is
 * stored there is nothing to watch, so that this is all it gives.
 */
export function changesOf(session: AnySession): AsyncIterable<AnySession | null> {
  const { unit } = partsOf(session)
  unit.tellsEnds = true
  return new Repeater<AnySession | null>(async (push, stop) => {
    let isOver = false
    let told = Number.NEGATIVE_INFINITY
    let timer: NodeJS.Timeout | undefined
    const tell = async (): Promise<void> => {
      timer = undefined
      told = performance.now()
      try {
        unit.recover()
        await unit.refresh()
        if (!isOver) await push(session)
      } catch {
        // Whether the session has ended is told by `onEnd`. A store that has failed may answer again.
        if (!isOver) timer ??= setTimeout(() => void tell(), retry)
      }
    }
    await session.isNew()
    const unfollow = await unit.follow({
      most: unit.settings.maxStreams,
      onEnd(why) {
        if (isOver) return
        if (why === 'ended' || why === 'expired') {
          void push(null)
          stop()
        } else stop(streamEnded(why))
      },
      onChange() {
        timer ??= setTimeout(() => void tell(), Math.max(0, told + pause - performance.now()))
      },
    })
    void push(session)
    if (unfollow) await stop
    else stop()
    isOver = true
    clearTimeout(timer)
    unfollow?.()
  })
}
