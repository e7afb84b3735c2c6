// This ends the event streams of a server that is about to end.

import { isAsyncIterable, type Plugin } from 'graphql-yoga'

/** The event streams of a server, which have no end of their own. */
export interface Streams {
  readonly plugin: Plugin
  /** Completes each of them, also one that is waiting for its next event. */
  end(): void
}

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
          // One that began while the others ended would have nobody to end it.
          if (isOver) for (const end of ends) end()
        },
      }),
    },
  }
}

const over = { done: true, value: undefined } as const

/** Its source may hang in an `await` that nothing ends, so that its end is not waited for. */
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
    // A race against a promise of the whole stream would keep something of each event until its end.
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
