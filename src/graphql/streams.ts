// This ends the event streams of a server that is about to end, so that it need not wait for them.

import type { ServerResponse } from 'node:http'
import { isAsyncIterable, type Plugin } from 'graphql-yoga'
import { http } from '../http/node-http.ts'
import { over } from './iterator-end.ts'

/** The event streams of a server, which have no end of their own. */
export interface Streams {
  /** Collects the streams of a Yoga server. */
  readonly plugin: Plugin
  /**
   * Ends each stream, even while it is waiting for its next event, and each that begins later. Its connection is closed
   * after what was sent, as clients begin a stream again that breaks off, and none that they were told is complete.
   * Where node:http has no part in it, it is completed.
   */
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
      onSubscribe: ({ args }) => ({
        onSubscribeResult({ result, setResult }) {
          const { res } = args.contextValue as { res?: unknown }
          if (isAsyncIterable(result)) {
            setResult(endable(result, ends, isServerResponse(res) ? () => breakOff(res) : null))
          }
          // A stream that begins after `end` was called has to be ended here.
          if (isOver) for (const end of ends) end()
        },
      }),
    },
  }
}

const isServerResponse = (value: unknown): value is ServerResponse =>
  http !== undefined && value instanceof http.ServerResponse

/** Closes the connection of an answer once that has begun: a proxy would answer in place of one that has not. */
function breakOff(response: ServerResponse): void {
  if (response.headersSent && response.socket) response.socket.destroySoon()
  else if (!response.closed) setTimeout(breakOff, 10, response)
}

/**
 * Wraps a source of events so that it can be ended from outside. The source may hang in an `await` that
 * nothing ends, so its end is not waited for.
 * @param close - closes the connection that it is for. The stream is left then
 */
function endable<Event>(
  source: AsyncIterable<Event>,
  ends: Set<() => void>,
  close: (() => void) | null,
): AsyncIterableIterator<Event> {
  const events = source[Symbol.asyncIterator]()
  let isOver = false
  let waiting: PromiseWithResolvers<IteratorResult<Event>> | undefined
  const leave = (): void => {
    isOver = true
    ends.delete(end)
    waiting?.resolve(over)
  }
  const end = (): void => {
    if (close) {
      ends.delete(end)
      return close()
    }
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
