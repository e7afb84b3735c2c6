// This is the Yoga plugin that refuses requests and operations before they run, and answers CORS.

import type { IncomingMessage } from 'node:http'
import {
  type DocumentNode,
  type ExecutionResult,
  getOperationAST,
  GraphQLError,
  NoSchemaIntrospectionCustomRule,
  OperationTypeNode,
  versionInfo,
} from 'graphql'
import {
  createGraphQLError,
  type FetchAPI,
  isAsyncIterable,
  type Plugin,
  processRegularResult,
} from 'graphql-yoga'
import { type AllowedHostsOption, type HostJudge, hostJudge, hostNotAllowed } from '../http/allowed-hosts.ts'
import {
  discardUnread,
  isUntouched,
  readingOf,
  readMessage,
  type Reading,
  readRequest,
  readSearch,
} from '../http/body.ts'
import {
  corsHeaders,
  crossSite,
  type GateRuleOptions,
  gateRules,
  headOf,
  type GateRules,
  judge,
  mutationByGet,
  notAcceptable,
  preflightHeaders,
  protectiveHeaders,
  type Refusal,
  type RequestHead,
} from '../http/gate.ts'
import { accepts, plainerAccept } from '../http/media-types.ts'
import { SessionError } from '../session/errors.ts'
import type { OnEvent } from '../session/events.ts'
import { checkOptions } from '../session/options.ts'
import { type OperationLimits, OperationJudge } from './complexity.ts'
import { isOutOfStack, refusingDeepVariables } from './deep-variables.ts'
import { Documents } from './documents.ts'
import { asksForParts } from './incremental.ts'
import { ownHeaders } from './own-headers.ts'
import { Refusals } from './refusals.ts'
import { NoConditionalSubscriptions, NoStreamedMutations } from './rules.ts'
import { gateKey, isOfSocket } from './socket-request.ts'
import { onlyErrorsFromSources } from './sources.ts'
import { ErrorTidier, maxErrors } from './tidy-errors.ts'

/** The options of `useSessionGate`. */
export interface GateOptions extends GateRuleOptions, AllowedHostsOption {
  /** What an operation may consist of, at most. @default those of `OperationLimits` */
  readonly operationLimits?: Partial<OperationLimits>
  /** Whether clients may ask for the schema. @default true, unless NODE_ENV is production */
  readonly introspection?: boolean
  /** Called with a `refused` event for each refused request, and not waited for. @default nobody is told */
  readonly onEvent?: OnEvent
}

export const gateOptionNames: Record<keyof GateOptions, true> = {
  origins: true,
  trustProxy: true,
  allowedHosts: true,
  maxRequestBodySize: true,
  operationLimits: true,
  introspection: true,
  onEvent: true,
}

/**
 * Makes the Yoga plugin that judges each GraphQL request before it is run: its method and types, where it
 * comes from, the size of its body, and what its operation consists of. The plugin also answers CORS, so set
 * Yoga's own `cors` and `maxRequestBodySize` to false.
 * @throws {SessionError} CONFIG_INVALID, naming the option
 */
export function useSessionGate(options: GateOptions = {}): Plugin {
  checkOptions('useSessionGate', options, Object.keys(gateOptionNames))
  return new Gate(options).plugin
}

const rulesOf = Symbol('rules')

/** Whether a plugin is a gate with `origins`, which lets in no site that is not listed there. */
export const gatesOrigins = (plugin: object | null | undefined): boolean =>
  Boolean(plugin && rulesOf in plugin && (plugin as GatePlugin)[rulesOf].origins.size)

/** Lets a gate know a header that carries sessions, if the plugin is one. @param name - in lower case */
export function tellGate(plugin: object | null | undefined, name: string): void {
  if (plugin && rulesOf in plugin) (plugin as GatePlugin)[rulesOf].sessionHeaders.add(name)
}

interface GatePlugin extends Plugin {
  readonly [rulesOf]: GateRules
}

/** What a message of node:http, or of a framework, tells of its connection. */
interface Connected {
  readonly socket?: { readonly remoteAddress?: string | undefined } | null
}

const gatedKey = Symbol('gatedKey')

/** A GraphQL request that the gate has seen, with what one of its hooks finds out and a later one needs. */
type GatedRequest = Request & { [gatedKey]?: { readonly isBatch: boolean } }

/**
 * The gate of a server. A request meets it three times: its head is judged and its body read
 * (`onRequestParse`, by `http/gate` and `http/body`); each of its operations is judged before and after it is
 * parsed (`onParse`, by `complexity`) and when it runs (`deep-variables`); and its answer loses what repeats
 * the request (`tidy-errors`) and gets the headers of the gate (`onResponse`). `refusals` reports what is
 * refused, and `documents` keeps what was not.
 */
export class Gate {
  readonly rules: GateRules
  readonly refusals: Refusals
  readonly plugin: GatePlugin
  readonly documents = new Documents()
  /** What tidies the errors of answers, once Yoga has started. */
  errors!: ErrorTidier
  readonly #operations: OperationJudge
  readonly #judgeHost: HostJudge | null
  #endpoint: string | undefined
  /** The endpoint of Yoga, which may be a pattern such as `/:tenant/graphql`. */
  #pattern: URLPattern | undefined

  /** @throws {SessionError} CONFIG_INVALID, naming the option */
  constructor(options: GateOptions) {
    const { introspection = process.env['NODE_ENV'] !== 'production' } = options
    this.rules = gateRules(options)
    this.#judgeHost = hostJudge(options.allowedHosts, this.rules)
    this.#operations = new OperationJudge(options.operationLimits)
    if (typeof introspection !== 'boolean') {
      throw new SessionError('CONFIG_INVALID', 'introspection must be true or false.')
    }
    this.refusals = new Refusals(options.onEvent)
    this.plugin = this.#hooks(introspection)
  }

  /** Wraps an executor so that it refuses variables which are nested too deeply, or whose objects are misshapen. */
  bounded<Args, Result>(execute: (args: Args) => Result): (args: Args) => Result {
    return refusingDeepVariables(execute, this.#refuse)
  }

  /**
   * Whether a request calls the server by an allowed name.
   * @param message - the message of node:http, which knows its connection; null where there is none
   */
  allowsHost(head: RequestHead, message: Connected | null | undefined): boolean {
    return this.#judgeHost?.(head, message?.socket?.remoteAddress) ?? true
  }

  #hooks(introspection: boolean): GatePlugin {
    return {
      [rulesOf]: this.rules,

      onPluginInit: ({ plugins }) => this.documents.replaceCacheIn(plugins),

      onYogaInit: ({ yoga }) => {
        this.#endpoint = yoga.graphqlEndpoint
        this.#pattern = new yoga.fetchAPI.URLPattern({ pathname: yoga.graphqlEndpoint })
        this.refusals.logger = yoga.logger
        this.errors = new ErrorTidier(yoga)
        Object.assign(yoga, { [gateKey]: this })
      },

      onSchemaChange({ schema }) {
        onlyErrorsFromSources(schema)
      },

      // Pages and their assets are refused, too: this runs before the hooks that serve them, and after health checks.
      onRequest: async ({ request, serverContext, endResponse, fetchAPI }) => {
        if (!this.#judgeHost) return
        const { req } = (serverContext ?? {}) as { req?: IncomingMessage }
        const head = headOf(request)
        if (this.allowsHost(head, req)) return
        this.refusals.hintHost(head, this.rules)
        await discardUnread(request, req)
        endResponse(this.#respond(request, hostNotAllowed, fetchAPI))
      },

      // Only GraphQL requests get here: health checks, pages and routes of other plugins have been answered.
      onRequestParse: async ({ request, serverContext, setRequestParser, endResponse, fetchAPI }) => {
        const gated: GatedRequest = request
        gated[gatedKey] = { isBatch: false }
        if (request.method === 'OPTIONS') return endResponse(this.#preflight(request, fetchAPI))
        const { req } = (serverContext ?? {}) as { req?: IncomingMessage }
        const refusal = this.#judge(request)
        if (refusal) {
          await discardUnread(request, req)
          return endResponse(this.#respond(request, refusal, fetchAPI))
        }
        tellAccept(request, fetchAPI)
        // Yoga's own `maxRequestBodySize` moves the body into another Request, and gives the parser that one.
        setRequestParser(async (given) => {
          const reading = await this.#read(given, req)
          if ('refusal' in reading) return this.#respond(request, reading.refusal, fetchAPI)
          gated[gatedKey] = { isBatch: Array.isArray(reading.params) }
          return reading.params as never
        })
      },

      onParse: ({ context, parseFn, setParseFn }) => {
        const { request, params } = context as { request?: Request; params?: { operationName?: string } }
        setParseFn((source: unknown, parseOptions) => {
          this.#check(
            this.#operations.excessOfText(typeof source === 'string' ? source : (source as Source).body),
          )
          return this.#withinStack(() => parseFn(source, parseOptions))
        })
        return ({ result }) => {
          if (result instanceof Error || !result) return
          this.#check(this.#withinStack(() => this.#operations.excessOfDocument(result)))
          // Other transports than HTTP may have no request, and refuse in ways of their own.
          const refusal = request && refusalOfOperation(result, params?.operationName, request)
          if (refusal) throw this.#refuse(refusal)
        }
      },

      onValidate: ({ addValidationRule, validateFn, setValidationFn }) => {
        if (!introspection) addValidationRule(NoSchemaIntrospectionCustomRule)
        addValidationRule(NoStreamedMutations)
        if (versionInfo.major < 17) addValidationRule(NoConditionalSubscriptions)
        setValidationFn((schema, document, rules, ...options) =>
          this.#withinStack(() =>
            listingThrown(() =>
              // An answer has no more errors, and no suggestions. To make them takes most of the time.
              options.some((option) => option !== undefined)
                ? validateFn(schema, document, rules, ...options)
                : validateFn(schema, document, rules, { maxErrors, hideSuggestions: true }),
            ),
          ),
        )
      },

      onExecute: ({ args, executeFn, setExecuteFn, setResultAndStopExecution }) => {
        const { request } = (args.contextValue ?? {}) as { request?: GatedRequest }
        const refused = resultOf(() => {
          const refusal = asksForParts(args) && request && refusalOfParts(request)
          if (refusal) throw this.#refuse(refusal)
        })
        if (refused) setResultAndStopExecution(refused)
        else setExecuteFn(this.bounded(executeFn))
      },

      onSubscribe: ({ args, subscribeFn, setSubscribeFn, setResultAndStopExecution }) => {
        const refused = resultOf(() => asksForParts(args))
        if (refused) setResultAndStopExecution(refused)
        else setSubscribeFn(this.bounded(subscribeFn))
      },

      onResultProcess: ({ result, setResult, resultProcessor }) => {
        if (isAsyncIterable(result))
          return setResult(this.errors.tidyParts(result as AsyncIterable<object>) as never)
        const isOnlyPart = resultProcessor !== processRegularResult
        setResult(
          Array.isArray(result)
            ? result.map((each) => this.errors.tidy(withoutStream(each), isOnlyPart))
            : this.errors.tidy(result, isOnlyPart),
        )
      },

      onResponse: ({ request, response, fetchAPI }) =>
        this.#addHeaders(request, ownHeaders(response, fetchAPI)),
    }
  }

  readonly #refuse = (refusal: Refusal): Error => this.refusals.toError(refusal)

  #respond(request: Request, refusal: Refusal, { Response }: FetchAPI): Response {
    const { status, headers, body } = this.refusals.toReply(refusal, request.headers.get('accept'))
    return new Response(body, { status, headers: Object.fromEntries(headers) })
  }

  #judge(request: Request): Refusal | null {
    const head = headOf(request)
    const refusal = judge(head, this.rules)
    if (refusal === crossSite) this.refusals.hint(head)
    return refusal
  }

  #preflight(request: Request, { Response }: FetchAPI): Response {
    const origin = request.headers.get('origin')
    if (origin && !this.rules.origins.has(origin)) this.refusals.hint(headOf(request))
    return new Response(null, { status: 204, headers: { allow: 'POST, GET' } })
  }

  #read(request: Request, message: IncomingMessage | undefined): Promise<Reading> | Reading {
    const known = message && readingOf(message)
    if (known) return known
    if (request.method === 'GET') return readSearch(new URL(request.url, 'http://localhost').searchParams)
    const { maxRequestBodySize } = this.rules
    return message && isUntouched(message)
      ? readMessage(message, maxRequestBodySize)
      : readRequest(request, maxRequestBodySize)
  }

  /**
   * @param excess - a message that names the limit which was exceeded, or null
   * @throws {GraphQLError} OPERATION_TOO_COMPLEX, unless `excess` is null
   */
  #check(excess: string | null): void {
    if (excess) throw this.#refuse({ status: 400, code: 'OPERATION_TOO_COMPLEX', message: excess })
  }

  /**
   * Runs a stage of what is done to a document.
   * @throws {GraphQLError} OPERATION_TOO_COMPLEX, where the stage uses up the stack: graphql-js calls itself for what
   * is nested, and for fragments that spread each other in a circle
   */
  #withinStack<T>(stage: () => T): T {
    try {
      return stage()
    } catch (error) {
      throw isOutOfStack(error) ? this.#refuse(outOfStack) : error
    }
  }

  #isEndpoint(url: string): boolean {
    const { pathname } = new URL(url, 'http://localhost')
    if (pathname === this.#endpoint || pathname === `${this.#endpoint}/`) return true
    return this.#pattern?.test({ pathname }) ?? false
  }

  #addHeaders(request: GatedRequest, headers: Headers): void {
    for (const [name, value] of protectiveHeaders) headers.set(name, value)
    // A site that could frame GraphiQL, for example, could make a visitor's click send a mutation.
    const isFramable = !headers.get('content-security-policy')?.includes("frame-ancestors 'none'")
    if (isFramable && headers.get('content-type')?.startsWith('text/html')) {
      headers.set('content-security-policy', "frame-ancestors 'none'")
    }
    const { method, url } = request
    // The same URL answers with a page, with either type of JSON or with a stream, depending on `Accept`.
    if (method === 'GET' && this.#isEndpoint(url) && !namesAccept.test(headers.get('vary') ?? '')) {
      headers.append('vary', 'Accept')
    }
    const isPreflight = method === 'OPTIONS' && (request[gatedKey] !== undefined || this.#isEndpoint(url))
    if (!isPreflight && !request[gatedKey]) return
    // Yoga's own CORS may have set headers that let in origins which are not listed here.
    const opening = [...headers.keys()].filter((name) => name.startsWith('access-control-'))
    for (const name of opening) headers.delete(name)
    const own = corsHeaders(request.headers.get('origin'), this.rules)
    if (isPreflight) own.push(...preflightHeaders(headOf(request), this.rules))
    for (const [name, value] of own) {
      if (name === 'vary') headers.append(name, value)
      else headers.set(name, value)
    }
  }
}

const outOfStack: Refusal = {
  status: 400,
  code: 'OPERATION_TOO_COMPLEX',
  message:
    'The operation is too complex: it is nested too deeply, or its fragments spread each other too often.',
}

const namesAccept = /(?:^|,)\s*accept\s*(?:,|$)/i

interface Source {
  readonly body: string
}

/**
 * Lets Yoga read from a request what the gate has read there, in a header `Accept` that Yoga would misread: it would run
 * the operation, and then answer 406 without a body, or in a type that the client refuses. Not every server lets the
 * headers of a request be changed, so that they are copied.
 */
function tellAccept(request: Request, { Headers }: FetchAPI): void {
  const accept = plainerAccept(request.headers.get('accept'))
  if (accept === null) return
  const others = [...request.headers].filter(([name]) => name.toLowerCase() !== 'accept')
  const headers = new Headers([...others, ['accept', accept]])
  Object.defineProperty(request, 'headers', { value: headers, configurable: true, enumerable: true })
}

/**
 * Why a request cannot run such an operation, by its method, its `Accept` or as a batch; null if it can. Over a
 * WebSocket any operation has as many parts as it likes.
 */
function refusalOfOperation(
  document: DocumentNode,
  name: string | undefined,
  request: GatedRequest,
): Refusal | null {
  if (isOfSocket(request)) return null
  const operation = getOperationAST(document, name)?.operation
  if (operation === OperationTypeNode.MUTATION && request.method === 'GET') return mutationByGet
  if (operation !== OperationTypeNode.SUBSCRIPTION) return null
  if (request[gatedKey]?.isBatch) return streamInBatch
  return accepts(request.headers.get('accept'), 'text/event-stream') ? null : notAcceptable
}

/** Why a request cannot have an answer in parts, by its `Accept` or as a batch; null if it can. */
function refusalOfParts(request: GatedRequest): Refusal | null {
  if (isOfSocket(request)) return null
  if (request[gatedKey]?.isBatch) return streamInBatch
  return accepts(request.headers.get('accept'), 'text/event-stream', 'multipart/mixed') ? null : notAcceptable
}

/**
 * Takes an error of GraphQL that a rule throws for one that it reports, so that a client gets the code of an invalid
 * document. graphql-js 16.11 throws where the directives of a subscription's field have no value.
 */
function listingThrown<Errors>(validate: () => Errors): Errors | readonly GraphQLError[] {
  try {
    return validate()
  } catch (error) {
    if (error instanceof GraphQLError && error.extensions['code'] === undefined) return [error]
    throw error
  }
}

/** Replaces a stream in a batch by an error, as its parts cannot be written between the other results. */
function withoutStream(result: ExecutionResult | AsyncIterable<unknown>): ExecutionResult {
  if (!isAsyncIterable(result)) return result
  result[Symbol.asyncIterator]()
    .return?.()
    .catch(() => {})
  const { message, code } = streamInBatch
  return { errors: [createGraphQLError(message, { extensions: { code } })] }
}

/**
 * The result of an operation that is refused; null where it is not. graphql-ws closes a socket with all of its operations
 * where the execution of one throws.
 * @param check - throws a refusal
 */
function resultOf(check: () => void): ExecutionResult | null {
  try {
    check()
    return null
  } catch (error) {
    if (error instanceof GraphQLError) return { errors: [error] }
    throw error
  }
}

const streamInBatch: Refusal = {
  status: 400,
  code: 'BAD_REQUEST',
  message: 'A batch takes no subscriptions, @defer or @stream.',
}
