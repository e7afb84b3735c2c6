// This keeps what one socket has under way, operation by operation, and ends that with its session.

import { setImmediate, setTimeout } from 'node:timers/promises'
import type { ExecutionResult, GraphQLError } from 'graphql'
import { isAsyncIterable } from 'graphql-yoga'
import { type SessionError, streamEnded } from '../session/errors.ts'
import type { Ending } from '../session/record.ts'
import { toGraphQL } from './errors.ts'
import type { Exchange } from './exchange.ts'
import { type ConnectionState, Messages, silence } from './socket-messages.ts'

/** Milliseconds for the operations of a session that has ended to end by themselves. Then they are cut off. */
const lastWords = 1000

/** What graphql-ws sends of an operation. */
export type OperationResult = ExecutionResult | AsyncIterable<ExecutionResult>

/** What is needed of a socket of `ws`. */
interface Socket {
  close(code: number, reason: string): void
}

/** A socket, from its `connection_init` on: what it has under way, and what becomes of that when its session ends. */
export class Connection implements ConnectionState {
  readonly #socket: Socket
  /** The operations under way, by the parameters that graphql-ws hands on to each of its hooks. */
  readonly #operations = new Map<object, Operation>()
  readonly #closed = Promise.withResolvers<void>()
  #changed = Promise.withResolvers<void>()
  #isClosed = false
  #isLeaving = false
  #ending: SessionError | null = null
  #unfollow: (() => void) | null = null

  constructor(socket: Socket) {
    this.#socket = socket
  }

  /** The number of operations under way. */
  get size(): number {
    return this.#operations.size
  }

  get isEnding(): boolean {
    return this.#ending !== null
  }

  get isLeaving(): boolean {
    return this.#isLeaving
  }

  get gone(): Promise<void> {
    return this.#closed.promise
  }

  /**
   * Watches the session with which the socket was opened.
   * @returns false where there is none any more
   */
  async watch(exchange: Exchange): Promise<boolean> {
    try {
      const unfollow = await exchange.follow((ending) => void this.#end(ending))
      if (this.#isClosed) unfollow?.()
      else this.#unfollow = unfollow
      return true
    } catch (error) {
      this.#close(error)
      return false
    }
  }

  /** Takes an operation. @returns false where it is not to be run, as the socket is about to be closed */
  begin(params: object, operation: Operation): boolean {
    this.#operations.set(params, operation)
    if (this.#ending?.code === 'SESSION_ENDED') operation.refuse([toGraphQL(this.#ending)])
    // It has no answer here: its client sends it again over the next socket.
    else if (this.#ending || this.#isLeaving) operation.hold()
    return !this.#ending && !this.#isLeaving
  }

  /** Takes note that an operation goes on as a stream. */
  note(): void {
    this.#changed.resolve()
    this.#changed = Promise.withResolvers()
  }

  /** Takes note that the last message of an operation was sent. */
  end(params: object): void {
    this.#operations.delete(params)
    this.note()
  }

  /** Closes the socket by 1001 once no query and no mutation is under way. */
  leave(): void {
    this.#isLeaving = true
    const isIdle = (): boolean => ![...this.#operations.values()].some(({ isAwaited }) => isAwaited)
    void this.#until(isIdle).then(() => this.#socket.close(1001, 'Going away'))
  }

  /** Takes note that the socket is closed. */
  close(): void {
    this.#isClosed = true
    this.#unfollow?.()
    for (const operation of this.#operations.values()) operation.leave()
    this.#operations.clear()
    this.note()
    this.#closed.resolve()
  }

  /** Ends what goes on over the socket in an error, and closes it. What is about to have its answer gets it first. */
  async #end(ending: Ending): Promise<void> {
    this.#ending = streamEnded(ending)
    const errors = [toGraphQL(this.#ending)]
    for (const operation of this.#operations.values()) operation.end(errors, false)
    const isIdle = this.#until(() => [...this.#operations.values()].every(({ isHeld }) => isHeld))
    await Promise.race([isIdle, setTimeout(lastWords, undefined, { ref: false })])
    for (const operation of this.#operations.values()) operation.end(errors, true)
    await setImmediate()
    this.#close(this.#ending)
  }

  async #until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await this.#changed.promise
  }

  #close(error: unknown): void {
    const { code } = error as SessionError
    this.#socket.close(closeCodes[code] ?? closeCodes['SESSION_ENDED']!, code)
  }
}

/**
 * By what a socket is closed. Clients of graphql-ws do not connect again after 4401. They do so after 4403, when a browser
 * has the new cookie, and after 1013, each time after a longer while.
 */
const closeCodes: Readonly<Record<string, number>> = {
  SESSION_ENDED: 4401,
  SESSION_MOVED: 4403,
  SESSION_STORE_UNAVAILABLE: 1013,
  SESSION_STORE_TIMEOUT: 1013,
}

/** An operation of a socket, from its parameters to its last message. */
export class Operation {
  /** What graphql-ws sends. */
  result: OperationResult = { data: null }
  /** Its session; undefined where its context has none yet. */
  exchange: Exchange | undefined
  /** Whether it has a single result that is to be sent yet. */
  isAwaited = true
  /** Whether it has no answer. */
  isHeld = false
  readonly #connection: Connection
  #stream: Messages | null = null
  #left: AbortController | undefined
  #isLeft = false

  constructor(connection: Connection) {
    this.#connection = connection
  }

  /** Aborts when its client has left. */
  get signal(): AbortSignal {
    this.#left ??= new AbortController()
    if (this.#isLeft) this.#left.abort()
    return this.#left.signal
  }

  /** Takes note that its client has left. */
  leave(): void {
    this.#isLeft = true
    this.#left?.abort()
  }

  /** Takes what there is to send. */
  answer(
    result: ExecutionResult | AsyncIterable<ExecutionResult>,
    tidy: (part: ExecutionResult) => ExecutionResult,
  ): void {
    if (isAsyncIterable(result)) {
      this.isAwaited = false
      this.#stream = new Messages(result, tidy, this.#connection, () => this.leave())
      this.result = this.#stream
      this.#connection.note()
    } else {
      const tidied = tidy(result)
      if (tidied.errors && !('data' in tidied)) this.refuse(tidied.errors)
      else this.result = tidied
    }
  }

  /** Answers with errors alone. */
  refuse(errors: readonly GraphQLError[]): void {
    const refused = new Messages(
      silence,
      (part) => part,
      this.#connection,
      () => this.leave(),
    )
    refused.end(errors)
    this.result = refused
  }

  /** Leaves it without an answer until its socket is closed. graphql-ws waits for the end of a generator then. */
  hold(): void {
    this.isAwaited = false
    this.isHeld = true
    this.result = new Messages(
      silence,
      (part) => part,
      this.#connection,
      () => this.leave(),
    )
  }

  /**
   * Ends it, unless it has a single result. One that uses the session is about to end by itself, and may have a last event.
   * @param isDue - whether it had its time for that
   */
  end(errors: readonly GraphQLError[], isDue: boolean): void {
    if (isDue || !this.exchange?.isUsed) this.#stream?.end(errors)
  }
}
