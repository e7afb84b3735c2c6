// This answers a plain JSON request without the parts of Yoga that such a request does not need.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ExecutionResult, GraphQLError } from 'graphql'
import {
  type GraphQLParams,
  isAsyncIterable,
  isPromise,
  maskError,
  type YogaServerInstance,
} from 'graphql-yoga'
import { failed } from '../graphql/errors.ts'
import type { Exchange, Exchanges } from '../graphql/exchange.ts'
import { type Logger, safeLogger } from '../graphql/safe-logger.ts'
import type { Gate } from '../graphql/use-gate.ts'
import { keepReading, readMessage } from '../http/body.ts'
import { judge } from '../http/gate.ts'
import { foldHeaders, whyUnsendable } from '../http/headers.ts'
import { type PlainType, plainTypeOf } from '../http/media-types.ts'
import { headOf, requestsOf } from '../http/message.ts'
import { send } from '../http/reply.ts'
import type { KnownOperation, KnownOperations } from './known-operations.ts'
import { type PlainAnswer, plainAnswer } from './plain-answer.ts'

/** Hooks with the same effect on both ways. A plugin with any other hook makes all requests go Yoga's way. */
const hooksOnBothWays = new Set<PropertyKey>([
  'onYogaInit',
  'onSchemaChange',
  'onDispose',
  Symbol.dispose,
  Symbol.asyncDispose,
  'onParse',
  'onValidate',
  'onContextBuilding',
])

/** Whether these plugins have the same effect on the short way as on Yoga's. */
export const allowsShortWay = (plugins: readonly object[]): boolean =>
  plugins.every(
    (plugin) =>
      !plugin || (isPlain(plugin) && Reflect.ownKeys(plugin).every((hook) => hooksOnBothWays.has(hook))),
  )

/** Whether a plugin is no instance of a class, whose hooks `ownKeys` would not find. */
const isPlain = (plugin: object): boolean => Object.getPrototypeOf(plugin) === Object.prototype

/** The members of Yoga that each request needs. They are kept, as each look-up makes a new bound function. */
interface Members extends Pick<
  YogaServerInstance<{}, {}>,
  'getResultForParams' | 'waitUntil' | 'graphqlEndpoint'
> {
  readonly logger: Logger
}

/** A Yoga server, which is called with each request that does not go the short way. */
interface Yoga extends Members, Pick<YogaServerInstance<{}, {}>, 'fetchAPI'> {
  (message: IncomingMessage, response: ServerResponse): unknown
}

/** Yoga's option `context`: what an application has in its GraphQL context beside the session. */
export type ContextOption = object | undefined

type MaybePromise<T> = T | Promise<T>

type Run<Data extends object> = [result: ExecutionResult, exchange: Exchange<Data> | undefined]

/**
 * The short way through the server, for an operation that came as plain JSON and gets one answer. It makes no
 * Request and no Response, and runs none of their hooks, which are most of what Yoga does to such a request.
 *
 * `takes` judges a request by its head: its method, URL and types, and whether the gate lets it in. `run`
 * reads its body. A body that may have more than one answer goes on to Yoga, which gets what was read. Any
 * other is run: by Yoga's pipeline the first time, and by its executor alone once the operation is known.
 * Then the session is saved, the errors are tidied, and the same functions as on Yoga's way write the answer.
 */
export class ShortWay<Data extends object> {
  readonly #exchanges: Exchanges<Data>
  readonly #gate: Gate
  readonly #operations: KnownOperations
  readonly #context: ContextOption
  #yoga!: Yoga
  #members!: Members
  #requestOf!: (message: IncomingMessage, response: ServerResponse) => Request
  #lazyRequest!: PropertyDescriptor

  constructor(exchanges: Exchanges<Data>, gate: Gate, operations: KnownOperations, context: ContextOption) {
    this.#exchanges = exchanges
    this.#gate = gate
    this.#operations = operations
    this.#context = context
  }

  /** Sets the server whose way this shortens. It has to be called before any other method. */
  attach(yoga: Yoga): void {
    this.#yoga = yoga
    const { getResultForParams, waitUntil, graphqlEndpoint, logger } = yoga
    this.#members = { getResultForParams, waitUntil, graphqlEndpoint, logger: safeLogger(logger) }
    const requestOf = requestsOf(yoga.fetchAPI)
    this.#requestOf = requestOf
    // Few resolvers ask for the Request. All contexts share one getter: for each object with a getter of its
    // own V8 makes a hidden class, which took a third of a request, most of it in the garbage collector.
    this.#lazyRequest = {
      enumerable: true,
      configurable: true,
      get(this: { req: IncomingMessage; res: ServerResponse }) {
        return requestOf(this.req, this.res)
      },
      // The option `context` may return the context that it was given, with its request.
      set(value: Request) {
        Object.defineProperty(this, 'request', {
          value,
          writable: true,
          enumerable: true,
          configurable: true,
        })
      },
    }
  }

  /** Whether a request can go the short way, as far as its head tells. */
  takes(message: IncomingMessage): boolean {
    const { method, url, headers, httpVersionMajor } = message
    if (method !== 'POST' || url !== this.#members.graphqlEndpoint || httpVersionMajor !== 1) return false
    // With one of these properties, a framework around the server has parsed the body or cut the URL.
    if ('body' in message || 'originalUrl' in message) return false
    if (plainTypeOf(headers.accept) === null) return false
    const head = headOf(message)
    return this.#gate.allowsHost(head, message) && judge(head, this.#gate.rules) === null
  }

  /** Answers a request that `takes` has accepted, whatever its body turns out to hold. The promise does not reject. */
  async run(message: IncomingMessage, response: ServerResponse): Promise<unknown> {
    try {
      return await this.#run(message, response)
    } catch (error) {
      return this.#fail(error, message, response)
    }
  }

  async #run(message: IncomingMessage, response: ServerResponse): Promise<unknown> {
    const { accept } = message.headers
    const reading = await readMessage(message, this.#gate.rules.maxRequestBodySize)
    if ('refusal' in reading) {
      const reply = this.#gate.refusals.toReply(reading.refusal, accept)
      return send(message, response, reply, this.#gate.rules, this.#members.logger)
    }
    const { params } = reading
    if (!isOneAnswer(params)) {
      keepReading(message, reading)
      return this.#yoga(message, response)
    }
    const known = this.#operations.find(params)
    const begun = known && this.#exchanges.begin(headOf(message))
    try {
      const run = begun
        ? this.#execute(known, params, message, response, begun)
        : this.#process(params, message, response)
      const [raw, exchange] = isPromise(run) ? await run : run
      const settling = exchange ? exchange.settle(raw) : raw
      const result = isPromise(settling) ? await settling : settling
      if (isAsyncIterable(result)) throw new Error('A stream came of an operation that has none.')
      const answer = this.#write(result as ExecutionResult, plainTypeOf(accept)!)
      return await this.#send(message, response, answer, exchange)
    } catch (error) {
      const exchange = begun ?? this.#exchanges.find(this.#requestOf(message, response))
      return this.#fail(error, message, response, exchange)
    }
  }

  /** Sends an answer with the headers of its session. */
  #send(
    message: IncomingMessage,
    response: ServerResponse,
    answer: PlainAnswer,
    exchange: Exchange<Data> | undefined,
  ): Promise<void> {
    const finish = exchange?.finish(answer.status, null)
    const headers = [...answer.headers]
    if (finish?.vary) headers.push(['vary', finish.vary])
    if (finish) headers.push(...finish.headers)
    const status = finish?.status ?? answer.status
    // Beside its type an answer has only headers that a result asked for, which may be any.
    const once = answer.headers.length > 1 ? foldHeaders(headers) : headers
    return send(
      message,
      response,
      { status, headers: once, body: answer.body },
      this.#gate.rules,
      this.#members.logger,
    )
  }

  /**
   * Answers a request that met a bug: of the server, or of what is around it, such as a logger that throws or middleware
   * that lets the writing of an answer fail. What was done to the session by then stays, so that its cookie is sent.
   */
  async #fail(
    error: unknown,
    message: IncomingMessage,
    response: ServerResponse,
    exchange?: Exchange<Data>,
  ): Promise<void> {
    this.#members.logger.error(error)
    try {
      await this.#send(message, response, unexpected, exchange)
    } catch {
      response.destroy()
    }
  }

  /**
   * Writes an answer. A resolver can return a value that JSON cannot express, and ask for a status or a header that
   * cannot be sent. The session is saved by then and its cookie has to be sent, so the answer becomes an error here
   * instead of failing the whole request.
   */
  #write(result: ExecutionResult, type: PlainType): PlainAnswer {
    try {
      const answer = plainAnswer(this.#gate.errors.tidy(result), type)
      // Nothing else of a result can ask for a status or for headers.
      const why = result.errors || result.extensions ? whyUnsendable(answer.status, answer.headers) : null
      if (why) throw new TypeError(why)
      return answer
    } catch (error) {
      this.#members.logger.error(error)
      return { ...plainAnswer(failed(null), type), status: 500 }
    }
  }

  /** Runs a known operation with Yoga's executor alone. */
  #execute(
    operation: KnownOperation,
    params: GraphQLParams,
    req: IncomingMessage,
    res: ServerResponse,
    exchange: Exchange<Data>,
  ): MaybePromise<Run<Data>> {
    const { waitUntil } = this.#members
    const initial = Object.defineProperty(
      { req, res, waitUntil, params, ...exchange.open() },
      'request',
      this.#lazyRequest,
    )
    if (this.#context === undefined) return this.#call(operation, params, initial, exchange)
    // Yoga answers so when its option `context` fails.
    const fail = (error: unknown): Run<Data> => [
      masked({ errors: [error as GraphQLError] }, this.#members.logger),
      exchange,
    ]
    try {
      const own =
        typeof this.#context === 'function' ? (this.#context(initial) as MaybePromise<object>) : this.#context
      const go = (added: object): MaybePromise<Run<Data>> =>
        this.#call(operation, params, Object.assign(initial, added), exchange)
      return isPromise(own) ? own.then(go).catch(fail) : go(own)
    } catch (error) {
      return fail(error)
    }
  }

  #call(
    { execute, args }: KnownOperation,
    { variables, operationName }: GraphQLParams,
    contextValue: object,
    exchange: Exchange<Data>,
  ): MaybePromise<Run<Data>> {
    const end = (result: ExecutionResult): Run<Data> => [
      masked(this.#exchanges.conclude(contextValue, result), this.#members.logger),
      exchange,
    ]
    const fail = (error: unknown): Run<Data> => end(this.#failure(error))
    let result
    try {
      result = execute({ ...args, contextValue, variableValues: variables, operationName })
    } catch (error) {
      return fail(error)
    }
    return isPromise(result) ? result.then(end, fail) : end(result)
  }

  /** Runs an operation with all of Yoga's pipeline. */
  async #process(params: GraphQLParams, req: IncomingMessage, res: ServerResponse): Promise<Run<Data>> {
    const { waitUntil, getResultForParams } = this.#members
    const request = this.#requestOf(req, res)
    let result
    try {
      result = (await getResultForParams({ params, request }, { req, res, waitUntil })) as ExecutionResult
    } catch (error) {
      result = this.#failure(error)
    }
    return [result, this.#exchanges.find(request)]
  }

  /** The result for an error that Yoga's own way would catch: a refusal, or a bug, which is logged. */
  #failure(error: unknown): ExecutionResult {
    if ((error as Error).name === 'GraphQLError') return { errors: [error as never] }
    this.#members.logger.error(error)
    return failed(error)
  }
}

const unexpected: PlainAnswer = {
  status: 500,
  headers: [['content-type', 'application/json; charset=utf-8']],
  body: JSON.stringify(failed(null)),
}

/** Masks and logs each error that was not meant for clients, as Yoga does. */
function masked(result: ExecutionResult, logger: Logger): ExecutionResult {
  if (!result.errors) return result
  const errors = result.errors.map((error) => {
    try {
      const shown = maskError(error, 'Unexpected error.')
      if (shown !== error) logger.error(error)
      return shown as typeof error
    } catch (bug) {
      // What an error has for extensions may throw. The session is still to be saved, and its cookie to be sent.
      logger.error(bug)
      return failed(null).errors![0]!
    }
  })
  return { ...result, errors }
}

/** Whether the answer is a single one. A batch has several, and only with these words can one have parts. */
function isOneAnswer(params: unknown): params is GraphQLParams {
  const { query } = (params ?? {}) as { query?: unknown }
  return typeof query === 'string' && !/subscription|defer|stream/.test(query)
}
