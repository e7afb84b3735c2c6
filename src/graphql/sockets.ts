// This runs the operations of WebSockets for graphql-ws, each with the session of the handshake of its socket.

import type { IncomingMessage } from 'node:http'
import { setImmediate, setTimeout } from 'node:timers/promises'
import {
  type ExecutionArgs,
  type ExecutionResult,
  type GraphQLError,
  type GraphQLFormattedError,
  type GraphQLSchema,
  parse,
} from 'graphql'
import { type GraphQLParams, isAsyncIterable, type YogaServerInstance } from 'graphql-yoga'
import { hostNotAllowed } from '../http/allowed-hosts.ts'
import { judgeOrigin, protectiveHeaders, type Refusal } from '../http/gate.ts'
import { badHost, hasOneHost, noHost } from '../http/host.ts'
import { headOf } from '../http/message.ts'
import { SessionError, streamEnded } from '../session/errors.ts'
import type { Ending } from '../session/record.ts'
import { toGraphQL } from './errors.ts'
import type { Exchange, Exchanges } from './exchange.ts'
import { safeLogger } from './safe-logger.ts'
import { gateKey, handshakeRequests, headersOf, sessionsKey } from './socket-request.ts'
import type { Gate } from './use-gate.ts'

/** Operations that one socket may have under way. */
const maxOperations = 8
/** Milliseconds for a client to send `connection_init`. */
const initTimeout = 3000
/** Milliseconds for the operations of a session that has ended to end by themselves. Then they are cut off. */
const lastWords = 1000

/** What the sockets of a Yoga need of it. */
export type SocketYoga = Pick<
  YogaServerInstance<{}, {}>,
  'getResultForParams' | 'logger' | 'fetchAPI' | 'waitUntil'
>

/** What is needed of the context that graphql-ws has for a socket. */
export interface SocketContext {
  /** What the client sent with `connection_init`. */
  readonly connectionParams?: Readonly<Record<string, unknown>> | undefined
  /** The socket, and its handshake. */
  readonly extra: {
    readonly request: IncomingMessage
    readonly socket: { close(code: number, reason: string): void }
  }
}

/** The options that a `WebSocketServer` of `ws` needs beside where it listens. */
export interface HandshakeOptions {
  /** Bytes that a message may have: `maxRequestBodySize` of the gate. A longer one closes its socket by 1009. */
  readonly maxPayload: number
  /**
   * Refuses handshakes as the gate refuses requests, before there is a socket: those of pages of other origins and those
   * for other hosts by 403, and those that name no valid host by 400.
   */
  verifyClient(
    handshake: { readonly req: IncomingMessage },
    decide: (isLetIn: boolean, status?: number, body?: string, headers?: Record<string, string>) => void,
  ): void
}

/** What `useServer` of graphql-ws takes as its options. */
export interface SessionSockets {
  /** For the `WebSocketServer`: `new WebSocketServer({ server, path, ...sockets.handshakes })`. */
  readonly handshakes: HandshakeOptions
  /**
   * Closes each socket by 1001 once none of its queries and mutations is under way, and each that opens later: for when
   * the process is about to end. Clients of graphql-ws connect anew, and subscribe again.
   * @param over - until when operations go on. By default sockets begin to close at once
   */
  drain(over?: Promise<unknown>): void
  /** Milliseconds in which a client has to send `connection_init`. Then its socket is closed by 4408. */
  readonly connectionInitWaitTimeout: number
  /** Judges the handshake where nobody has, and begins to watch its session. */
  onConnect(context: SocketContext): Promise<boolean>
  /** Runs an operation by Yoga. What it returns is for `execute` and `subscribe`. */
  onSubscribe(context: SocketContext, id: string, params: object): Promise<ExecutionArgs>
  /** Gives what `onSubscribe` has run. */
  execute(args: ExecutionArgs): OperationResult
  /** Gives what `onSubscribe` has run. */
  subscribe(args: ExecutionArgs): OperationResult
  /** Gives the errors in which an operation ends, as clients may see them. */
  onError(
    context: SocketContext,
    id: string,
    params: object,
    errors: readonly GraphQLError[],
  ): GraphQLFormattedError[]
  /** Takes note that the last message of an operation was sent. */
  onComplete(context: SocketContext, id: string, params: object): void
  /** Takes note that a socket is closed. */
  onClose(context: SocketContext): void
}

type OperationResult = ExecutionResult | AsyncIterable<ExecutionResult>

/**
 * Makes the options with which `useServer` of graphql-ws serves a Yoga that has `useSession` and `useSessionGate`.
 *
 * The connection has the token, the operation has the session: each operation begins its own unit of work with the cookie
 * of the handshake, reads anew, and is saved before its result is sent, a subscription before each event. What needs a
 * cookie is SESSION_HEADERS_SENT. When the session of a socket ends, wherever that is, each of its operations ends in an
 * `error` (SESSION_ENDED, SESSION_MOVED) and the socket is closed: by 4401 for an end, after which a client of graphql-ws
 * does not connect again, by 4403 where the session goes on under another cookie, and by 1013 where the store fails.
 * @throws {SessionError} CONFIG_INVALID where the Yoga has no `useSession` or no `useSessionGate`
 */
export function sessionSockets(yoga: SocketYoga): SessionSockets {
  const { exchanges, gate } = pluginsOf(yoga)
  const logger = safeLogger(yoga.logger)
  const requestOf = handshakeRequests(yoga.fetchAPI)
  const connections = new Map<SocketContext, Connection>()
  const judged = new WeakSet<IncomingMessage>()
  let isOver = false
  let hasWarned = false

  const refusalOf = (message: IncomingMessage): Refusal | null => {
    judged.add(message)
    const head = headOf(message)
    if (!hasOneHost(message)) return badHost
    if (!gate.allowsHost(head, message)) {
      gate.refusals.hintHost(head, gate.rules)
      return hostNotAllowed
    }
    const refusal = judgeOrigin(head, gate.rules)
    if (refusal) gate.refusals.hint(head)
    return refusal
  }

  /** Whether a socket may stay that was opened by a server without `handshakes`. */
  const isLetInLate = (message: IncomingMessage): boolean => {
    if (judged.has(message)) return true
    if (!hasWarned) {
      logger.warn(
        'A WebSocketServer lacks the handshakes of sessionSockets: other sites are refused late, and messages may have 100 MiB. Make it by new WebSocketServer({ ...sockets.handshakes }).',
      )
    }
    hasWarned = true
    const refusal = refusalOf(message)
    if (refusal) gate.refusals.toError(refusal)
    return refusal === null
  }

  const begin = ({ extra, connectionParams }: SocketContext, left: () => AbortSignal): Request => {
    const { request } = extra
    const { header } = exchanges
    const token = connectionParams?.['sessionToken']
    // What no header can carry is no token, and would be quoted in the error of whoever tries.
    const carried = typeof token === 'string' && /^[\x21-\x7e]*$/.test(token) ? token : ''
    const later = header && typeof token === 'string' ? { [header.name]: carried } : {}
    const { scheme } = headOf(request)
    return requestOf(
      `${scheme}://${request.headers.host ?? noHost}${request.url}`,
      headersOf(request, later),
      left,
    )
  }

  /** Runs an operation through the whole of Yoga's pipeline, and saves its session. */
  const run = async (context: SocketContext, params: object, operation: Operation): Promise<void> => {
    const { request: req, socket } = context.extra
    const request = begin(context, () => operation.signal)
    let result: ExecutionResult | AsyncIterable<ExecutionResult>
    try {
      result = (await yoga.getResultForParams(
        { params: params as GraphQLParams, request },
        { req, socket, connectionParams: context.connectionParams, waitUntil: yoga.waitUntil },
      )) as typeof result
    } catch (error) {
      if (operation.signal.aborted) return operation.hold()
      result = { errors: [error as GraphQLError] }
    }
    operation.exchange = exchanges.find(request)
    const settled = (await operation.exchange?.settle(result)) ?? result
    operation.answer(settled as typeof result, (part) => gate.errors.tidyMessage(part))
  }

  const leave = (): void => {
    isOver = true
    for (const connection of connections.values()) connection.leave()
  }

  return {
    handshakes: {
      maxPayload: gate.rules.maxRequestBodySize,
      verifyClient({ req }, decide) {
        const refusal = refusalOf(req)
        if (!refusal) return decide(true)
        const { status, headers, body } = gate.refusals.toReply(refusal, req.headers.accept)
        return decide(false, status, body, Object.fromEntries([...protectiveHeaders, ...headers]))
      },
    },

    drain(after) {
      if (after) void after.then(leave, leave)
      else leave()
    },

    connectionInitWaitTimeout: initTimeout,

    async onConnect(context) {
      const { request, socket } = context.extra
      if (!isLetInLate(request)) return false
      const connection = new Connection(socket)
      connections.set(context, connection)
      if (isOver) connection.leave()
      return connection.watch(exchanges.of(begin(context, neverAborted)))
    },

    async onSubscribe(context, _, params) {
      const connection = connections.get(context)
      if (!connection) throw new SessionError('CONFIG_INVALID', 'Keep onConnect of sessionSockets.')
      const operation = new Operation(connection)
      if (connection.size >= maxOperations) operation.refuse([gate.refusals.toError(tooManyOperations)])
      else if (connection.begin(params, operation)) await run(context, params, operation)
      return { schema: none, document: stub, contextValue: operation }
    },

    execute: ({ contextValue }) => (contextValue as Operation).result,
    subscribe: ({ contextValue }) => (contextValue as Operation).result,

    onError(_, __, ___, errors) {
      // This is how graphql-ws wraps what a stream throws, with graphql 16 and from 17 on.
      const { originalError, cause } = errors[0] as GraphQLError & { cause?: unknown }
      const told = [originalError, cause].find((each) => each instanceof Told)
      return (told?.errors ?? gate.errors.tidyMessage({ errors }).errors ?? []).map((error) => error.toJSON())
    },

    onComplete(context, _, params) {
      connections.get(context)?.end(params)
    },

    onClose(context) {
      connections.get(context)?.close()
      connections.delete(context)
    },
  }
}

const tooManyOperations: Refusal = {
  status: 429,
  code: 'TOO_MANY_OPERATIONS',
  message: `A socket has at most ${maxOperations} operations under way. Wait for one of them to end, or complete it.`,
}

const neverAborted = (): AbortSignal => new AbortController().signal

/** graphql-ws looks for an operation in a document. What runs is the one of the parameters, by Yoga. */
const stub = parse('{ __typename }')
const none = null as unknown as GraphQLSchema

/** @throws {SessionError} CONFIG_INVALID */
function pluginsOf(yoga: object): { readonly exchanges: Exchanges; readonly gate: Gate } {
  const { [sessionsKey]: exchanges, [gateKey]: gate } = (yoga ?? {}) as {
    [sessionsKey]?: Exchanges
    [gateKey]?: Gate
  }
  if (exchanges && gate) return { exchanges, gate }
  throw new SessionError(
    'CONFIG_INVALID',
    'sessionSockets needs a Yoga with the plugins useSession and useSessionGate, or one of createSessionServer.',
  )
}

/** Errors that graphql-ws is to send as the message `error`, which is the last of an operation. */
class Told extends Error {
  readonly errors: readonly GraphQLError[]

  constructor(errors: readonly GraphQLError[]) {
    super('The operation has ended.')
    this.errors = errors
  }
}

/** A socket, from its `connection_init` on: what it has under way, and what becomes of that when its session ends. */
class Connection {
  readonly #socket: SocketContext['extra']['socket']
  /** The operations under way, by the parameters that graphql-ws hands on to each of its hooks. */
  readonly #operations = new Map<object, Operation>()
  readonly #closed = Promise.withResolvers<void>()
  #changed = Promise.withResolvers<void>()
  #isClosed = false
  #isLeaving = false
  #ending: SessionError | null = null
  #unfollow: (() => void) | null = null

  constructor(socket: SocketContext['extra']['socket']) {
    this.#socket = socket
  }

  /** The number of operations under way. */
  get size(): number {
    return this.#operations.size
  }

  /** Whether the session of the socket has ended. */
  get isEnding(): boolean {
    return this.#ending !== null
  }

  /** Whether the socket is about to be closed because the process ends. */
  get isLeaving(): boolean {
    return this.#isLeaving
  }

  /** Resolves when the socket is closed. */
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
    if (this.#ending) operation.refuse([toGraphQL(this.#ending)])
    // It has no answer here: its client sends it again over the next socket.
    else if (this.#isLeaving) operation.hold()
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
    const isIdle = this.#until(() => this.size === 0)
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
class Operation {
  /** What graphql-ws sends. */
  result: OperationResult = { data: null }
  /** Its session; undefined where its context has none yet. */
  exchange: Exchange | undefined
  /** Whether it has a single result that is to be sent yet. */
  isAwaited = true
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

const over = { done: true, value: undefined } as const

const silence: AsyncIterable<ExecutionResult> = {
  [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }),
}

/** The parts of a stream as messages. Its source is never waited for when it is left, as it may wait for an event itself. */
class Messages implements AsyncIterableIterator<ExecutionResult> {
  readonly #source: AsyncIterator<ExecutionResult>
  readonly #tidy: (part: ExecutionResult) => ExecutionResult
  readonly #connection: Connection
  readonly #onLeave: () => void
  #isOver = false
  #last: Told | null = null
  #waiting: PromiseWithResolvers<IteratorResult<ExecutionResult>> | null = null

  constructor(
    parts: AsyncIterable<ExecutionResult>,
    tidy: (part: ExecutionResult) => ExecutionResult,
    connection: Connection,
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
    if (this.#waiting) this.#waiting.reject(new Told(errors))
    else this.#last = new Told(errors)
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
