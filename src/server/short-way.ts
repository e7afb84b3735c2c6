import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ExecutionArgs, ExecutionResult } from 'graphql'
import {
  type GraphQLParams,
  isAsyncIterable,
  isPromise,
  maskError,
  type Plugin,
  processRegularResult,
  type YogaLogger,
  type YogaServerInstance,
} from 'graphql-yoga'
import { failed } from '../graphql/answer.ts'
import { readMessage } from '../http/body.ts'
import { concluded, type Exchange, type Exchanges } from '../graphql/exchange.ts'
import { judge } from '../http/gate.ts'
import { type PlainType, plainTypeOf } from '../http/media-types.ts'
import { headOf, requestsOf } from '../http/message.ts'
import { refuse, send } from '../http/reply.ts'
import { tidy } from '../graphql/tidy.ts'
import type { Gate } from '../graphql/use-gate.ts'

/** They run for each operation: those that were run before are not known to be the same again. */
const hooksOfOperations = ['onParse', 'onValidate', 'onContextBuilding'] as const

/** Hooks of plugins that see and change the same on both ways. Any other has only Yoga's way. */
const hooksOnBothWays = new Set<PropertyKey>([
  'onYogaInit',
  'onSchemaChange',
  'onDispose',
  Symbol.dispose,
  Symbol.asyncDispose,
  ...hooksOfOperations,
])

/** Whether what plugins do is the same on the short way. */
export const allowsShortWay = (plugins: readonly object[]): boolean =>
  plugins.every(
    (plugin) =>
      !plugin || (isPlain(plugin) && Reflect.ownKeys(plugin).every((hook) => hooksOnBothWays.has(hook))),
  )

const seesOperations = (plugin: object): boolean => hooksOfOperations.some((hook) => plugin && hook in plugin)

/** An instance of a class has its hooks where `ownKeys` does not look. */
const isPlain = (plugin: object): boolean => Object.getPrototypeOf(plugin) === Object.prototype

/** A part of an LRU cache. */
export interface Cache<Value> {
  get(text: string): Value | undefined
  set(text: string, value: Value): unknown
}

/** What of a Yoga server each request needs, looked up once: each look makes a new bound function. */
type Members = Pick<
  YogaServerInstance<{}, {}>,
  'getResultForParams' | 'waitUntil' | 'graphqlEndpoint' | 'logger'
>

/** The server itself takes whatever does not go the short way. */
interface Yoga extends Members, Pick<YogaServerInstance<{}, {}>, 'fetchAPI'> {
  (message: IncomingMessage, response: ServerResponse): unknown
}

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** An operation that was parsed, judged and validated before, and what runs it. */
interface Prepared {
  readonly execute: (args: ExecutionArgs) => MaybePromise<ExecutionResult>
  readonly args: Pick<ExecutionArgs, 'schema' | 'document'>
  /** Which one of its document, by the name that the client gave. */
  readonly operationName: string | undefined
}

type MaybePromise<T> = T | Promise<T>

type Run<Data extends object> = [result: ExecutionResult, exchange: Exchange<Data> | undefined]

/**
 * The short way of an operation that came as plain JSON and gets one answer: without a Request body, a Response and
 * the hooks for them, which are most of what Yoga does to such a request. It is run by Yoga's own pipeline; the next
 * time, unless a plugin has a hook there, by its executor alone. The gate, the session, the masking of errors and the
 * shape of the answer are the same functions as on Yoga's way.
 */
export class ShortWay<Data extends object> {
  /** For the server, before any plugin that puts another executor in place of Yoga's. */
  readonly plugin: Plugin = {
    onExecute: ({ args, executeFn }) => {
      const { params } = args.contextValue as { params?: GraphQLParams }
      if (!params?.query || !this.#learns) return
      const { schema, document } = args as ExecutionArgs
      const execute = this.#gate.bounded(executeFn as Prepared['execute'])
      const { operationName } = params
      this.#prepared.set(keyOf(params), { execute, args: { schema, document }, operationName })
    },
  }

  readonly #exchanges: Exchanges<Data>
  readonly #gate: Gate
  readonly #learns: boolean
  readonly #prepared: Cache<Prepared>
  #yoga!: Yoga
  #members!: Members
  #requestOf!: (message: IncomingMessage, response: ServerResponse) => Request
  #lazyRequest!: PropertyDescriptor

  /** @param plugins - of the application, which allow the short way */
  constructor(exchanges: Exchanges<Data>, gate: Gate, prepared: Cache<Prepared>, plugins: readonly object[]) {
    this.#exchanges = exchanges
    this.#gate = gate
    this.#prepared = prepared
    this.#learns = !plugins.some(seesOperations)
  }

  /** The server whose way this shortens. */
  leadTo(yoga: Yoga): void {
    this.#yoga = yoga
    const { getResultForParams, waitUntil, graphqlEndpoint, logger } = yoga
    this.#members = { getResultForParams, waitUntil, graphqlEndpoint, logger }
    const requestOf = requestsOf(yoga.fetchAPI)
    this.#requestOf = requestOf
    // Few resolvers ask for it. One getter for all: V8 makes a hidden class for each object that has one of its own,
    // which took a third of a request, most of it in the garbage collector.
    this.#lazyRequest = {
      enumerable: true,
      configurable: true,
      get(this: { req: IncomingMessage; res: ServerResponse }) {
        return requestOf(this.req, this.res)
      },
    }
  }

  /** Whether a request can go the short way, as far as its head tells. */
  takes(message: IncomingMessage): boolean {
    const { method, url, headers, httpVersionMajor } = message
    if (method !== 'POST' || url !== this.#members.graphqlEndpoint || httpVersionMajor !== 1) return false
    // A framework around this has parsed the body, or cut the URL.
    if ('body' in message || 'originalUrl' in message) return false
    return plainTypeOf(headers.accept) !== null && judge(headOf(message), this.#gate.rules) === null
  }

  /** Whatever its body turns out to hold. */
  run(message: IncomingMessage, response: ServerResponse): Promise<unknown> {
    return this.#run(message, response).catch((error: unknown) => {
      this.#members.logger.error(error)
      const headers = [['content-type', 'application/json; charset=utf-8']] as const
      return send(message, response, { status: 500, headers, body: unexpected }, this.#gate.rules)
    })
  }

  async #run(message: IncomingMessage, response: ServerResponse): Promise<unknown> {
    const { headers } = message
    const reading = await readMessage(message, this.#gate.rules.maxRequestBodySize)
    if ('refusal' in reading) {
      return refuse(reading.refusal, message, response, this.#gate)
    }
    const { params } = reading
    if (!isOneAnswer(params)) {
      this.#gate.handOver(message, reading)
      return this.#yoga(message, response)
    }
    const prepared = this.#find(params)
    const run = prepared
      ? this.#execute(prepared, params, message, response)
      : this.#process(params, message, response)
    const [raw, exchange] = isPromise(run) ? await run : run
    const settling = exchange ? exchange.settle(raw) : raw
    const result = isPromise(settling) ? await settling : settling
    if (isAsyncIterable(result)) throw new Error('A stream came of an operation that has none.')
    const type = plainTypeOf(headers.accept)!
    const answer = this.#write(tidy(result as ExecutionResult), type)
    const finish = exchange?.finish(answer.status, answer.headers['vary'])
    const written = Object.entries(answer.headers)
    if (finish?.addsVary) written.push(['vary', 'Cookie'])
    if (finish) written.push(...finish.headers)
    const status = finish?.status ?? answer.status
    return send(message, response, { status, headers: written, body: answer.body }, this.#gate.rules)
  }

  /** A resolver can return what JSON cannot say. What was stored is stored, and its cookie has to be sent. */
  #write(result: ExecutionResult, type: PlainType): Answer {
    try {
      return answerOf(result, type)
    } catch (error) {
      this.#members.logger.error(error)
      return { ...answerOf(failed(null), type), status: 500 }
    }
  }

  #find(params: GraphQLParams): Prepared | undefined {
    const prepared = isWellFormed(params) ? this.#prepared.get(keyOf(params)) : undefined
    return prepared?.operationName === params.operationName ? prepared : undefined
  }

  /** With Yoga's executor alone. */
  #execute(
    { execute, args }: Prepared,
    params: GraphQLParams,
    req: IncomingMessage,
    res: ServerResponse,
  ): MaybePromise<Run<Data>> {
    const { waitUntil, logger } = this.#members
    const exchange = this.#exchanges.begin(headOf(req))
    const contextValue = Object.defineProperty(
      { req, res, waitUntil, params, ...exchange.open() },
      'request',
      this.#lazyRequest,
    )
    const { variables: variableValues, operationName } = params
    const end = (result: ExecutionResult): Run<Data> => [
      masked(concluded(contextValue, result), logger),
      exchange,
    ]
    const fail = (error: unknown): Run<Data> => end(this.#failure(error))
    let result
    try {
      result = execute({ ...args, contextValue, variableValues, operationName })
    } catch (error) {
      return fail(error)
    }
    return isPromise(result) ? result.then(end, fail) : end(result)
  }

  /** With all of Yoga's pipeline. */
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

  /** What Yoga's way catches around all of this: a refusal of the gate or of the parameters, and bugs. */
  #failure(error: unknown): ExecutionResult {
    if ((error as Error).name === 'GraphQLError') return { errors: [error as never] }
    this.#members.logger.error(error)
    return failed(error)
  }
}

const unexpected = JSON.stringify(failed(null))

const keyOf = ({ query, operationName }: GraphQLParams): string =>
  operationName ? `${operationName}\n${query}` : query!

/** What Yoga refuses when it judges the parameters. */
function isWellFormed(params: GraphQLParams): boolean {
  for (const name in params) {
    const value: unknown = params[name as keyof GraphQLParams]
    if (name === 'variables' || name === 'extensions') {
      if (typeof value !== 'object' || Array.isArray(value)) return false
    } else if (name !== 'query' && (name !== 'operationName' || typeof value !== 'string')) return false
  }
  return true
}

/** As Yoga masks what was not meant for clients, and logs it. */
function masked(result: ExecutionResult, logger: YogaLogger): ExecutionResult {
  if (!result.errors) return result
  const errors = result.errors.map((error) => {
    const shown = maskError(error, 'Unexpected error.')
    if (shown !== error) logger.error(error)
    return shown as typeof error
  })
  return { ...result, errors }
}

/** A batch has several answers, and what only these words can begin has parts. */
function isOneAnswer(params: unknown): params is GraphQLParams {
  const { query } = (params ?? {}) as { query?: unknown }
  return typeof query === 'string' && !/subscription|defer|stream/.test(query)
}

/** Status, headers and text as Yoga makes them, by its own function, without the Response that it puts them in. */
function answerOf(result: ExecutionResult, type: PlainType): Answer {
  return processRegularResult(result as never, { Response: Captured } as never, type) as unknown as Answer
}

class Captured implements Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string

  constructor(body: string, { status, headers }: Pick<Answer, 'status' | 'headers'>) {
    this.body = body
    this.status = status
    this.headers = headers
  }
}
