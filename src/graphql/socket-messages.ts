// This hands the parts of one operation of a socket on to graphql-ws as its messages, of which errors are the last.

import type { ExecutionResult, GraphQLError } from 'graphql'
import { over } from './iterator-end.ts'

/** What the messages of an operation have to know of their connection. */
export interface ConnectionState {
  /** Whether the session of the socket has ended. */
  readonly isEnding: boolean
  /** Whether the socket is about to be closed because the process ends. */
  readonly isLeaving: boolean
  /** Resolves when the socket is closed. */
  readonly gone: Promise<void>
}

/** Errors that graphql-ws is to send as the message `error`, which is the last of an operation. */
export class ErrorMessage extends Error {
  readonly errors: readonly GraphQLError[]

  constructor(errors: readonly GraphQLError[]) {
    super('The operation has ended.')
    this.errors = errors
  }
}

/** A source that has nothing to send. */
export const silence: AsyncIterable<ExecutionResult> = {
  [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }),
}

/** The parts of a stream as messages. Its source is never waited for when it is left, as it may wait for an event itself. */
export class Messages implements AsyncIterableIterator<ExecutionResult> {
  readonly #source: AsyncIterator<ExecutionResult>
  readonly #tidy: (part: ExecutionResult) => ExecutionResult
  readonly #connection: ConnectionState
  readonly #onLeave: () => void
  #isOver = false
  #last: ErrorMessage | null = null
  #waiting: PromiseWithResolvers<IteratorResult<ExecutionResult>> | null = null

  constructor(
    parts: AsyncIterable<ExecutionResult>,
    tidy: (part: ExecutionResult) => ExecutionResult,
    connection: ConnectionState,
    onLeave: () => void,
  ) {
    this.#source = parts[Symbol.asyncIterator]()
    this.#tidy = tidy
    this.#connection = connection
    this.#onLeave = onLeave
  }

  next(): Promise<IteratorResult<ExecutionResult>> {
    const last = this.#last
    this.#last = null
    if (last) return Promise.reject(last)
    if (this.#isOver) return Promise.resolve(over)
    this.#waiting = Promise.withResolvers()
    void this.#advance(this.#waiting)
    return this.#waiting.promise
  }

  async #advance(waiting: PromiseWithResolvers<IteratorResult<ExecutionResult>>): Promise<void> {
    try {
      const step = await this.#source.next()
      const isCut = step.done && this.#connection.isLeaving
      // A client that was told of the end would not subscribe again.
      if (isCut) await this.#connection.gone
      const part = step.done ? null : this.#tidy(step.value)
      if (this.#connection.isEnding && part?.errors && !part.data) return this.end(part.errors)
      this.#waiting = null
      if (!part) this.#isOver = true
      waiting.resolve(part ? { done: false, value: part } : over)
    } catch (error) {
      // What is thrown after the client has left is of nobody's interest.
      if (this.#isOver) waiting.resolve(over)
      else this.end(this.#tidy({ errors: [error as GraphQLError] }).errors!)
    }
  }

  /** Ends the stream in errors, also while it waits for its next part. */
  end(errors: readonly GraphQLError[]): void {
    if (this.#isOver) return
    if (this.#waiting) this.#waiting.reject(new ErrorMessage(errors))
    else this.#last = new ErrorMessage(errors)
    this.#abandon()
  }

  async return(): Promise<IteratorResult<ExecutionResult>> {
    this.#waiting?.resolve(over)
    this.#abandon()
    return over
  }

  #abandon(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#onLeave()
    void (async () => this.#source.return?.())().catch(() => {})
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}
