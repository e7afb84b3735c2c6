// This gives sessions to a GraphQL server that is no Yoga: it begins them for requests, and finishes results.

import type { IncomingMessage } from 'node:http'
import type { ExecutionResult, GraphQLError, GraphQLSchema } from 'graphql'
import { isAsyncIterable } from 'graphql-yoga'
import { failed, type Part, reworded } from '../graphql/errors.ts'
import { type Exchange, Exchanges, sessionOptionNames, type SessionOptions } from '../graphql/exchange.ts'
import { over } from '../graphql/iterator-end.ts'
import { scopeMutationFields } from '../graphql/operation.ts'
import { Refusals } from '../graphql/refusals.ts'
import { safeLogger } from '../graphql/safe-logger.ts'
import type { SessionContext } from '../graphql/use-session.ts'
import {
  crossSite,
  gateRules,
  headOf as headOfRequest,
  isHandshake,
  judgeOrigin,
  type RequestHead,
} from '../http/gate.ts'
import { whyUnsendable } from '../http/headers.ts'
import { headOf as headOfMessage } from '../http/message.ts'
import { SessionError } from '../session/errors.ts'
import { checkOptions } from '../session/options.ts'
import type { Json } from '../session/value.ts'

/** What `createSessions` logs with: `console`, or the logger of a framework. */
export interface SessionLogger {
  /** Called with what an operator has to know: failures of the store, mistakes of resolvers. */
  error(message: unknown): void
  /** Called with what a developer has to know: which option would let in a page that was refused. */
  warn(message: unknown): void
}

/**
 * What `createSessions` takes: the options of `useSession`, and these.
 * @typeParam Data - the application's keys and the types of their values
 */
export interface CreateSessionsOptions<
  Data extends object = Record<string, Json>,
> extends SessionOptions<Data> {
  /**
   * The schema that the server runs. The fields that its mutations reach are wrapped, so that what a field recorded is
   * dropped where it fails. Fields without a resolver, whose objects can have methods, are so only where no query
   * reaches their type: the server may have a `fieldResolver` for them.
   */
  readonly schema: GraphQLSchema
  /**
   * Other origins whose pages may use the server with the visitor's cookie, each exactly as browsers send it. Their
   * CORS headers are the server's own affair.
   * @default none
   */
  readonly origins?: readonly string[]
  /** Where failures are logged. @default console */
  readonly logger?: SessionLogger
}

const optionNames: Record<keyof CreateSessionsOptions, true> = {
  ...sessionOptionNames,
  schema: true,
  origins: true,
  logger: true,
}

/** What a server sends for a result: the result, and what belongs to an answer of HTTP beside it. */
export interface Finished<Result> {
  readonly result: Result
  /** 503 where the store failed; the highest that an error asks for in `extensions.http.status`; otherwise 200. */
  readonly status: number
  /**
   * The cookie, or the header of a client without cookies, and what keeps caches from storing the answer. Append `set-cookie` and `vary`, since the server may have
   * set some of its own, `Vary: Origin` of CORS for example. Set the others.
   */
  readonly headers: [name: string, value: string][]
}

/**
 * The sessions of a server that is no Yoga.
 * @typeParam Data - the application's keys and the types of their values
 */
export interface Sessions<Data extends object = Record<string, Json>> {
  /**
   * Whether a request, or the handshake of a WebSocket, comes from the server's own pages, from those of `origins` or
   * from no browser. Browsers send the visitor's cookie with requests and handshakes of other sites, too.
   *
   * A client that is no browser has to show it by a `Content-Type` that no form can send, such as `application/json`.
   * False for a request that has neither `Origin` nor `Sec-Fetch-Site`, and no `Content-Type` or the one of a form or
   * of text, as uploads have (`multipart/form-data`): an old browser may have sent it for a page of any site. A GET
   * needs no `Content-Type` where it has no cookie, nor the header of the option `transport`.
   */
  checkOrigin(request: IncomingMessage | Request): boolean
  /**
   * Begins the session of one operation. Copies of the context may hold more. The store is not read before the
   * session is used.
   *
   * Over a WebSocket, for which `request` is its handshake, each operation begins anew with the cookie that came
   * with it. There is no answer that could set one: what needs it is SESSION_HEADERS_SENT.
   * @returns the GraphQL context of the operation
   * @throws {GraphQLError} CSRF_CHECK_FAILED where `checkOrigin` would be false
   * @throws {SessionError} CONFIG_INVALID, at a second operation of one HTTP request
   */
  begin(request: IncomingMessage | Request): SessionContext<Data>
  /**
   * Saves what the operation did to its session, before its answer is written. Where that fails, the result is
   * an error without data. Session errors get their codes; other errors stay as the server made them.
   *
   * Of a stream each part is saved before it is delivered. What is recorded after a single result is
   * SESSION_HEADERS_SENT.
   * @param context - made by `begin`, or a copy of it
   * @param result - of `execute` or `subscribe`, also with errors that a server has formatted
   * @throws {SessionError} CONFIG_INVALID for another context
   */
  finish<Result extends AnyResult>(context: unknown, result: Result): Promise<Finished<OrEach<Result>>>
}

/** A result as servers and their versions of graphql-js type it, or a stream of them. */
type AnyResult =
  | { readonly data?: unknown; readonly errors?: readonly object[] | undefined }
  | AsyncIterable<object>

/** A stream can end before it begins: in a single result, which says that the session could not be saved. */
type OrEach<Result> = Result extends AsyncIterable<infer Each> ? Each | Result : Result

/** What `finish` needs of an operation, and what `begin` puts into its context. */
interface Begun<Data extends object> {
  readonly exchange: Exchange<Data>
  isFinished: boolean
}

const begunKey = Symbol('begun')

/**
 * Makes sessions for a GraphQL server that is no Yoga: Apollo Server, graphql-ws, mercurius, or graphql-js alone.
 * @typeParam Data - the application's keys and the types of their values
 * @throws {SessionError} CONFIG_INVALID, naming the option
 */
export function createSessions<Data extends object = Record<string, Json>>(
  options: CreateSessionsOptions<Data>,
): Sessions<Data> {
  checkOptions('createSessions', options, Object.keys(optionNames))
  const { schema, origins, trustProxy, logger = console } = options
  checkOwnOptions(options)
  const log = safeLogger(logger)
  const rules = gateRules({ ...(origins && { origins }), ...(trustProxy !== undefined && { trustProxy }) })
  const refusals = new Refusals(options.onEvent)
  const exchanges = new Exchanges<Data>(options)
  exchanges.areOriginsJudged = rules.origins.size > 0
  if (exchanges.header) rules.sessionHeaders.add(exchanges.header.name)
  exchanges.logger = refusals.logger = log
  scopeMutationFields(schema)
  const begun = new WeakSet<object>()

  const refuse = (head: RequestHead): GraphQLError | null => {
    if (judgeOrigin(head, rules) === null) return null
    refusals.hint(head)
    const { message, extensions } = refusals.toError(crossSite)
    const { status } = crossSite
    // Apollo Server reads the status from the extensions, frameworks of HTTP read it from the error.
    return Object.assign(reworded(undefined, message, { ...extensions, http: { status } }), {
      statusCode: status,
    })
  }

  const finish = async (context: unknown, result: unknown): Promise<Finished<never>> => {
    const own = (context as { [begunKey]?: Begun<Data> } | undefined)?.[begunKey]
    if (!own || own.isFinished) leave(result)
    if (!own)
      throw new SessionError('CONFIG_INVALID', 'finish needs the context that begin gave, or a copy of it.')
    if (own.isFinished) {
      log.error(`CONFIG_INVALID: ${finishedTwice}`)
      return {
        result: failed(new SessionError('CONFIG_INVALID', finishedTwice)) as never,
        status: 500,
        headers: [],
      }
    }
    own.isFinished = true
    const { exchange } = own
    const told = isAsyncIterable<ExecutionResult>(result)
      ? mapParts(result, (part) => exchanges.translate(part))
      : exchanges.conclude(context, result as ExecutionResult)
    const settled = await exchange.settle(told)
    const isStream = isAsyncIterable(settled)
    const status = isStream ? 200 : statusOf(settled as ExecutionResult)
    // The status is given without those of errors, lest it be taken for one that says already that the store failed.
    // A request that only calls itself a handshake has an answer, too, which caches could keep.
    const answer = exchange.finish(200, null)
    return {
      result: (isStream ? mapParts(settled, withoutHttp) : withoutHttp(settled as ExecutionResult)) as never,
      status: Math.max(status, answer?.status ?? 200),
      headers: [
        ...(answer?.headers ?? []),
        ...(answer?.vary ? [['vary', answer.vary] as [string, string]] : []),
      ],
    }
  }

  return {
    checkOrigin: (request) => refuse(headOf(request)) === null,

    begin(request) {
      const head = headOf(request)
      const refusal = refuse(head)
      if (refusal) throw refusal
      const isSocket = isHandshake(head)
      if (!isSocket && begun.has(request)) {
        throw new SessionError(
          'CONFIG_INVALID',
          'begin was called before for this request, and an HTTP request has one operation here: turn batches off.',
        )
      }
      begun.add(request)
      const exchange = exchanges.begin(head, !isSocket)
      const own: Begun<Data> = { exchange, isFinished: false }
      return { ...exchange.open(), [begunKey]: own }
    },

    finish,
  }
}

const finishedTwice =
  'finish was called before for this context. Each operation needs its own context of begin, and an HTTP request has one operation: turn batches off.'

function checkOwnOptions({
  schema,
  origins,
  cookie,
  logger = console,
}: Pick<CreateSessionsOptions, 'schema' | 'origins' | 'cookie' | 'logger'>): void {
  if (typeof (schema as Partial<GraphQLSchema> | undefined)?.getMutationType !== 'function') {
    throw new SessionError('CONFIG_INVALID', 'schema must be the GraphQLSchema that the server runs.')
  }
  if (cookie?.sameSite === 'none' && !origins) {
    throw new SessionError(
      'CONFIG_INVALID',
      "cookie.sameSite 'none' sends the cookie with the requests of any site: it needs origins.",
    )
  }
  if (typeof logger?.error !== 'function' || typeof logger.warn !== 'function') {
    throw new SessionError('CONFIG_INVALID', 'logger must have the methods error and warn.')
  }
}

/** @throws {SessionError} CONFIG_INVALID where it is neither a message of node:http nor a Request */
function headOf(request: IncomingMessage | Request): RequestHead {
  const { headers } = (request ?? {}) as Partial<Request>
  if (typeof headers !== 'object' || headers === null) {
    throw new SessionError(
      'CONFIG_INVALID',
      'The request must be an IncomingMessage of node:http or a Request, e.g. request.raw of Fastify.',
    )
  }
  return typeof headers.get === 'function'
    ? headOfRequest(request as Request)
    : headOfMessage(request as IncomingMessage)
}

/** What Yoga and Apollo Server read of an error for the answer, and do not send. */
interface HttpExtensions {
  readonly http?: { readonly status?: unknown }
}

/** The status for which errors of a result ask. One that cannot be sent would lose the cookie of what is saved. */
function statusOf({ errors = [] }: ExecutionResult): number {
  const statuses = errors.map(({ extensions }) => (extensions as HttpExtensions | undefined)?.http?.status)
  return Math.max(200, ...statuses.filter((status) => whyUnsendable(status, []) === null).map(Number))
}

/** Takes out of the errors of a result, or of a part of one, what is for its headers. */
function withoutHttp<Result extends Part>(result: Result): Result {
  const { errors, incremental, completed } = result
  return {
    ...result,
    ...(errors && { errors: errors.map(errorWithoutHttp) }),
    ...(incremental && { incremental: incremental.map(withoutHttp) }),
    ...(completed && { completed: completed.map(withoutHttp) }),
  }
}

function errorWithoutHttp(error: GraphQLError): GraphQLError {
  if (!error.extensions || !('http' in error.extensions)) return error
  const { http: _, ...extensions } = error.extensions
  // An error that the server has formatted is a plain object.
  return error instanceof Error
    ? reworded(error, error.message, extensions)
    : ({ ...(error as object), extensions } as GraphQLError)
}

/** Ends the stream of a result that nobody is going to read. It is not waited for, as it may wait for an event. */
function leave(result: unknown): void {
  if (!isAsyncIterable(result)) return
  void (async () => result[Symbol.asyncIterator]().return?.())().catch(() => {})
}

/**
 * Changes each part of a stream. A session error of its source becomes a last part. Unlike a generator it ends its
 * source at once when it is left, also while it waits for the next part.
 */
function mapParts<Each extends Part>(
  parts: AsyncIterable<Each>,
  change: (part: Each) => Each,
): AsyncGenerator<Each, void> {
  const source = parts[Symbol.asyncIterator]()
  let isOver = false
  const advance = async (go: () => Promise<IteratorResult<Each>>): Promise<IteratorResult<Each, void>> => {
    if (isOver) return over
    try {
      const step = await go()
      return step.done ? over : { done: false, value: change(step.value) }
    } catch (error) {
      isOver = true
      if (!(error instanceof SessionError)) throw error
      return { done: false, value: change(failed(error) as never) }
    }
  }
  return {
    next: () => advance(() => source.next()),
    async return() {
      isOver = true
      await source.return?.()
      return over
    },
    throw: (error) =>
      advance(async () => {
        if (!source.throw) throw error
        return source.throw(error)
      }),
    [Symbol.asyncIterator]() {
      return this
    },
    async [Symbol.asyncDispose]() {
      await this.return()
    },
  }
}
