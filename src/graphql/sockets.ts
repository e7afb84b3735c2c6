// This makes the options with which graphql-ws runs each operation of a WebSocket in the session of its handshake.

import type { IncomingMessage } from 'node:http'
import {
  type ExecutionArgs,
  type ExecutionResult,
  type GraphQLError,
  type GraphQLFormattedError,
  type GraphQLSchema,
  parse,
} from 'graphql'
import type { GraphQLParams, YogaServerInstance } from 'graphql-yoga'
import { hostNotAllowed } from '../http/allowed-hosts.ts'
import { judgeOrigin, protectiveHeaders, type Refusal } from '../http/gate.ts'
import { badHost, hasOneHost, noHost } from '../http/host.ts'
import { headOf } from '../http/message.ts'
import { SessionError } from '../session/errors.ts'
import type { Exchanges } from './exchange.ts'
import { safeLogger } from './safe-logger.ts'
import { Connection, Operation, type OperationResult } from './socket-connection.ts'
import { ErrorMessage } from './socket-messages.ts'
import { gateKey, handshakeRequests, headersOf, sessionsKey } from './socket-request.ts'
import type { Gate } from './use-gate.ts'

/** Operations that one socket may have under way. */
const maxOperations = 8
/** Milliseconds for a client to send `connection_init`. */
const initTimeout = 3000

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
      const isClosing = connection.isEnding || connection.isLeaving
      const isFull = connection.size >= maxOperations && !isClosing
      if (isFull) operation.refuse([gate.refusals.toError(tooManyOperations)])
      else if (connection.begin(params, operation)) await run(context, params, operation)
      return { schema: none, document: stub, contextValue: operation }
    },

    execute: ({ contextValue }) => (contextValue as Operation).result,
    subscribe: ({ contextValue }) => (contextValue as Operation).result,

    onError(_, __, ___, errors) {
      // This is how graphql-ws wraps what a stream throws, with graphql 16 and from 17 on.
      const { originalError, cause } = errors[0] as GraphQLError & { cause?: unknown }
      const message = [originalError, cause].find((each) => each instanceof ErrorMessage)
      const toSend = message?.errors ?? gate.errors.tidyMessage({ errors }).errors ?? []
      return toSend.map((error) => error.toJSON())
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
