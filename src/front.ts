import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ExecutionResult } from 'graphql'
import {
  type FetchAPI,
  type GraphQLParams,
  isAsyncIterable,
  processRegularResult,
  type YogaServerInstance,
} from 'graphql-yoga'
import { failed } from './answer.ts'
import { readMessage } from './body.ts'
import type { Exchanges } from './exchange.ts'
import { corsHeaders, judge } from './gate.ts'
import { type PlainType, plainTypeOf } from './media-types.ts'
import { tidy } from './tidy.ts'
import { type Gate, protection, refusalAnswer } from './use-gate.ts'

/** Hooks that run wherever an operation is run. Any other sees or changes what only Yoga's way has. */
const hooksOnBothWays = new Set<PropertyKey>([
  'onYogaInit',
  'onSchemaChange',
  'onParse',
  'onValidate',
  'onContextBuilding',
  'onDispose',
  Symbol.dispose,
  Symbol.asyncDispose,
])

/** Whether what plugins do is the same on the short way. */
export const allowsShortWay = (plugins: readonly object[]): boolean =>
  plugins.every(
    (plugin) =>
      !plugin || (isPlain(plugin) && Reflect.ownKeys(plugin).every((hook) => hooksOnBothWays.has(hook))),
  )

/** An instance of a class has its hooks where `ownKeys` does not look. */
const isPlain = (plugin: object): boolean => Object.getPrototypeOf(plugin) === Object.prototype

type Yoga = Pick<
  YogaServerInstance<{}, {}>,
  'getResultForParams' | 'fetchAPI' | 'waitUntil' | 'graphqlEndpoint' | 'logger'
>

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/**
 * The short way of an operation that came as plain JSON and gets one answer: without a Request body, a Response and
 * the hooks for them, which are most of what Yoga does to such a request. The gate, the execution with its hooks, the
 * masking of errors and the shape of the answer are Yoga's way's own.
 */
export class ShortWay<Data extends object> {
  readonly #yoga: Yoga
  readonly #exchanges: Exchanges<Data>
  readonly #gate: Gate
  readonly #Request: new (message: IncomingMessage, response: ServerResponse) => Request

  constructor(yoga: Yoga, exchanges: Exchanges<Data>, gate: Gate) {
    this.#yoga = { ...pick(yoga) }
    this.#exchanges = exchanges
    this.#gate = gate
    this.#Request = requestOf(yoga.fetchAPI)
  }

  /** Whether a request can go the short way, as far as its head tells. */
  takes(message: IncomingMessage): boolean {
    const { method, url, headers, httpVersionMajor } = message
    if (method !== 'POST' || url !== this.#yoga.graphqlEndpoint || httpVersionMajor !== 1) return false
    // A framework around this has parsed the body, or cut the URL.
    if ('body' in message || 'originalUrl' in message) return false
    if (plainTypeOf(headers.accept) === null) return false
    return (
      judge(
        { method, scheme: schemeOf(message), header: (name) => headers[name] as string },
        this.#gate.rules,
      ) === null
    )
  }

  /** @returns false when its body says that it has to go Yoga's way, which then need not read it again. */
  async run(message: IncomingMessage, response: ServerResponse): Promise<boolean> {
    try {
      return await this.#run(message, response)
    } catch (error) {
      this.#yoga.logger.error(error)
      this.#send(message, response, 500, [['content-type', 'application/json; charset=utf-8']], unexpected)
      return true
    }
  }

  async #run(message: IncomingMessage, response: ServerResponse): Promise<boolean> {
    const { headers } = message
    const reading = await readMessage(message, this.#gate.rules.maxRequestBodySize)
    if ('refusal' in reading) {
      this.#gate.tell(reading.refusal)
      const refused = refusalAnswer(reading.refusal, headers.accept)
      this.#send(message, response, refused.status, refused.headers, refused.body)
      return true
    }
    const { params } = reading
    if (!isOneAnswer(params)) {
      this.#gate.handOver(message, reading)
      return false
    }
    const request = new this.#Request(message, response)
    const result = await this.#exchanges.settle(
      request,
      await this.#resultOf(params, request, message, response),
    )
    if (isAsyncIterable(result)) throw new Error('A stream came of an operation that has none.')
    const type = plainTypeOf(headers.accept)!
    const answer = answerOf(Array.isArray(result) ? result.map(tidy) : tidy(result), type)
    const finish = this.#exchanges.finish(request, answer.status, answer.headers['vary'])
    const written = Object.entries(answer.headers)
    if (finish?.addsVary) written.push(['vary', 'Cookie'])
    if (finish) written.push(...finish.headers)
    this.#send(message, response, finish?.status ?? answer.status, written, answer.body)
    return true
  }

  async #resultOf(
    params: GraphQLParams,
    request: Request,
    req: IncomingMessage,
    res: ServerResponse,
  ): Promise<ExecutionResult> {
    const { getResultForParams, waitUntil, logger } = this.#yoga
    try {
      return (await getResultForParams({ params, request }, { req, res, waitUntil })) as ExecutionResult
    } catch (error) {
      // Only the shape of the parameters is judged where nobody but the caller catches.
      if ((error as Error).name === 'GraphQLError') return { errors: [error as never] }
      logger.error(error)
      return failed(error)
    }
  }

  #send(
    { headers: { origin } }: IncomingMessage,
    response: ServerResponse,
    status: number,
    headers: readonly (readonly [string, string])[],
    body: string,
  ): void {
    if (response.destroyed || response.headersSent) return
    const all = [...headers, ...protection, ...corsHeaders(origin, this.#gate.rules)]
    response.writeHead(status, [...all, ['content-length', String(Buffer.byteLength(body))]].flat())
    response.end(body)
  }
}

const unexpected = JSON.stringify(failed(null))

/** Bound once: a Yoga server looks its members up anew at each use. */
const pick = ({ getResultForParams, fetchAPI, waitUntil, graphqlEndpoint, logger }: Yoga): Yoga => ({
  getResultForParams,
  fetchAPI,
  waitUntil,
  graphqlEndpoint,
  logger,
})

const schemeOf = ({ socket }: IncomingMessage): 'http' | 'https' => ('encrypted' in socket ? 'https' : 'http')

/** A batch has several answers, and what only these words can begin has parts. */
function isOneAnswer(params: unknown): params is GraphQLParams {
  const { query } = (params ?? {}) as { query?: unknown }
  return typeof query === 'string' && !/subscription|defer|stream/.test(query)
}

/** Status, headers and text as Yoga makes them, by its own function, without the Response that it puts them in. */
function answerOf(result: ExecutionResult | ExecutionResult[], type: PlainType): Answer {
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

/** The Request that Yoga makes of a message, but that its signal costs nothing until somebody asks for it. */
function requestOf(fetchAPI: FetchAPI): new (message: IncomingMessage, response: ServerResponse) => Request {
  return class MessageRequest extends fetchAPI.Request {
    readonly #response: ServerResponse
    #left: AbortController | undefined

    constructor(message: IncomingMessage, response: ServerResponse) {
      const url = `${schemeOf(message)}://${message.headers.host ?? 'localhost'}${message.url}`
      super(url, {
        method: 'POST',
        headers: message.headers as never,
        body: message as never,
        duplex: 'half',
      } as never)
      this.#response = response
    }

    override get signal(): AbortSignal {
      if (!this.#left) {
        const left = new AbortController()
        const abort = (): void => {
          if (!this.#response.writableFinished) left.abort()
        }
        if (this.#response.closed) abort()
        else this.#response.once('close', abort)
        this.#left = left
      }
      return this.#left.signal
    }
  }
}
