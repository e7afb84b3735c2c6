// This ends the event streams of a server that is about to end, so that it need not wait for them.

import { isAsyncIterable, type Plugin } from 'graphql-yoga'

/** The event streams of a server, which have no end of their own. */
export interface Streams {
  /** Collects the streams of a Yoga server. */
  readonly plugin: Plugin
  /** Completes each stream, even while it is waiting for its next event, and each that begins later. */
  end(): void
}

/** Makes a collection of streams for one server. */
export function trackStreams(): Streams {
  const ends = new Set<() => void>()
  let isOver = false
  return {
    end() {
      isOver = true
      for (const end of ends) end()
    },
    plugin: {
      onSubscribe: () => ({
        onSubscribeResult({ result, setResult }) {
          if (isAsyncIterable(result)) setResult(endable(result, ends))
          // A stream that begins after `end` was called has to be ended here.
          if (isOver) for (const end of ends) end()
        },
      }),
    },
  }
}

const over = { done: true, value: undefined } as const

/**
 * Wraps a source of events so that it can be ended from outside. The source may hang in an `await` that
 * nothing ends, so its end is not waited for.
 */
function endable<Event>(source: AsyncIterable<Event>, ends: Set<() => void>): AsyncIterableIterator<Event> {
  const events = source[Symbol.asyncIterator]()
  let isOver = false
  let waiting: PromiseWithResolvers<IteratorResult<Event>> | undefined
  const leave = (): void => {
    isOver = true
    ends.delete(end)
    waiting?.resolve(over)
  }
  const end = (): void => {
    leave()
    events.return?.().catch(() => {})
  }
  const advance = async ({ resolve, reject }: PromiseWithResolvers<IteratorResult<Event>>): Promise<void> => {
    try {
      const step = await events.next()
      resolve(step)
      if (step.done) leave()
    } catch (error) {
      reject(error)
      leave()
    }
  }
  ends.add(end)
  return {
    // `Promise.race` with one promise of the whole stream would keep something of each event until its end.
    next() {
      if (isOver) return Promise.resolve(over)
      waiting = Promise.withResolvers()
      void advance(waiting)
      return waiting.promise
    },
    async return() {
      leave()
      await events.return?.()
      return over
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}
