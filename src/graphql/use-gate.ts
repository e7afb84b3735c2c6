// This is the Yoga plugin that refuses requests and operations.

import type { IncomingMessage } from 'node:http'
import {
  type ASTVisitor,
  type DirectiveNode,
  type DocumentNode,
  type ExecutionResult,
  getOperationAST,
  NoSchemaIntrospectionCustomRule,
  OperationTypeNode,
  type ValidationContext,
  visit,
} from 'graphql'
import { createGraphQLError, type FetchAPI, isAsyncIterable, type Plugin } from 'graphql-yoga'
import { discard, readingOf, readMessage, type Reading, readRequest, readSearch } from '../http/body.ts'
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
  protection,
  type Refusal,
} from '../http/gate.ts'
import { accepts } from '../http/media-types.ts'
import { SessionError } from '../session/errors.ts'
import type { OnEvent } from '../session/events.ts'
import { checkOptions } from '../session/options.ts'
import { type OperationLimits, OperationJudge } from './complexity.ts'
import { refusingDeepVariables } from './deep-variables.ts'
import { Refusals } from './refusals.ts'
import { tidy } from './tidy.ts'

export interface GateOptions extends GateRuleOptions {
  /** What an operation may consist of. */
  readonly operationLimits?: Partial<OperationLimits>
  /** Whether clients may ask for the schema. @default on, unless NODE_ENV is production */
  readonly introspection?: boolean
  /** Called with each refused request, at once and not waited for. @default nobody */
  readonly onEvent?: OnEvent
}

export const gateOptionNames: Record<keyof GateOptions, true> = {
  origins: true,
  trustProxy: true,
  maxRequestBodySize: true,
  operationLimits: true,
  introspection: true,
  onEvent: true,
}

/**
 * Judges each GraphQL request before anything of it is parsed or run: method and types, where it comes from, the size
 * of its body, and what its operation consists of. CORS is its own, too: set Yoga's `cors` and `maxRequestBodySize`
 * to false.
 * @throws {SessionError} CONFIG_INVALID, naming the option
 */
export function useSessionGate(options: GateOptions = {}): Plugin {
  checkOptions('useSessionGate', options, Object.keys(gateOptionNames))
  return new Gate(options).plugin
}

const rulesOf = Symbol('rules')

/** Whether a plugin is a gate that lets other sites in by name only. */
export const gatesOrigins = (plugin: object | null | undefined): boolean =>
  Boolean(plugin && rulesOf in plugin && (plugin as GatePlugin)[rulesOf].origins.size)

interface GatePlugin extends Plugin {
  readonly [rulesOf]: GateRules
}

const passage = Symbol('passage')

/** A request for GraphQL that the gate has seen, with what one hook learns and a later one needs. */
type GatedRequest = Request & { [passage]?: { readonly isBatch: boolean } }

/**
 * The gate of one server. A request meets it three times: its head is judged and its body read (`onRequestParse`, by
 * `http/gate` and `http/body`); each of its operations is judged before and after it is parsed (`onParse`, by
 * `complexity`) and when it is run (`deep-variables`); and its answer is rid of what repeats the request (`tidy`) and
 * gets the headers of the gate (`onResponse`). Whatever is refused is told by `refusals`.
 */
export class Gate {
  readonly rules: GateRules
  readonly refusals: Refusals
  readonly plugin: GatePlugin
  readonly #operations: OperationJudge
  #endpoint: string | undefined

  /** @throws {SessionError} CONFIG_INVALID, naming the option */
  constructor(options: GateOptions) {
    const { introspection = process.env['NODE_ENV'] !== 'production' } = options
    this.rules = gateRules(options)
    this.#operations = new OperationJudge(options.operationLimits)
    if (typeof introspection !== 'boolean') {
      throw new SessionError('CONFIG_INVALID', 'introspection must be true or false.')
    }
    this.refusals = new Refusals(options.onEvent)
    this.plugin = this.#hooks(introspection)
  }

  /** An executor that refuses variables which are nested too deeply. */
  bounded<Args, Result>(execute: (args: Args) => Result): (args: Args) => Result {
    return refusingDeepVariables(execute, this.#refuse)
  }

  #hooks(introspection: boolean): GatePlugin {
    return {
      [rulesOf]: this.rules,

      onYogaInit: ({ yoga }) => {
        this.#endpoint = yoga.graphqlEndpoint
        this.refusals.logger = yoga.logger
      },

      // Only requests for GraphQL get here: health checks, pages and the routes of other plugins have been answered.
      onRequestParse: async ({ request, serverContext, setRequestParser, endResponse, fetchAPI }) => {
        const gated: GatedRequest = request
        gated[passage] = { isBatch: false }
        if (request.method === 'OPTIONS') return endResponse(this.#preflight(request, fetchAPI))
        const { req } = (serverContext ?? {}) as { req?: IncomingMessage }
        const refusal = this.#judge(request)
        if (refusal) {
          if (req?.readableDidRead === false) await discard(req)
          return endResponse(this.#respond(request, refusal, fetchAPI))
        }
        setRequestParser(async () => {
          const reading = await this.#read(request, req)
          if ('refusal' in reading) return this.#respond(request, reading.refusal, fetchAPI)
          gated[passage] = { isBatch: Array.isArray(reading.params) }
          return reading.params as never
        })
      },

      onParse: ({ context, parseFn, setParseFn }) => {
        const { request, params } = context as { request?: Request; params?: { operationName?: string } }
        setParseFn((source: unknown, parseOptions) => {
          this.#check(
            this.#operations.excessOfText(typeof source === 'string' ? source : (source as Source).body),
          )
          return parseFn(source, parseOptions)
        })
        return ({ result }) => {
          if (result instanceof Error || !result) return
          this.#check(this.#operations.excessOfDocument(result))
          // Another transport, graphql-ws for example, has no request and its own ways of refusing.
          const refusal = request && misplaced(result, params?.operationName, request)
          if (refusal) throw this.#refuse(refusal)
        }
      },

      onValidate({ addValidationRule }) {
        if (!introspection) addValidationRule(NoSchemaIntrospectionCustomRule)
        addValidationRule(NoStreamedMutations)
      },

      onExecute: ({ executeFn, setExecuteFn }) => {
        setExecuteFn(this.bounded(executeFn))
      },

      onResultProcess({ result, setResult }) {
        if (isAsyncIterable(result)) return
        setResult(Array.isArray(result) ? result.map((each) => tidy(oneAnswer(each))) : tidy(result))
      },

      onResponse: ({ request, response: { headers } }) => this.#addHeaders(request, headers),
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
    return message?.readableDidRead === false
      ? readMessage(message, maxRequestBodySize)
      : readRequest(request, maxRequestBodySize)
  }

  /** @throws a refusal of what is over a limit */
  #check(excess: string | null): void {
    if (excess) throw this.#refuse({ status: 400, code: 'OPERATION_TOO_COMPLEX', message: excess })
  }

  #isEndpoint(url: string): boolean {
    const { pathname } = new URL(url, 'http://localhost')
    return pathname === this.#endpoint || pathname === `${this.#endpoint}/`
  }

  #addHeaders(request: GatedRequest, headers: Headers): void {
    for (const [name, value] of protection) headers.set(name, value)
    // Nobody frames a page that can be made to send a mutation with a click.
    if (headers.get('content-type')?.startsWith('text/html')) {
      headers.set('content-security-policy', "frame-ancestors 'none'")
    }
    const { method, url } = request
    // A page, either kind of JSON and a stream are answers to the same URL.
    if (method === 'GET' && this.#isEndpoint(url)) headers.append('vary', 'Accept')
    const isPreflight = method === 'OPTIONS' && this.#isEndpoint(url)
    if (!isPreflight && !request[passage]) return
    // Whatever Yoga's own CORS has set would open what is closed here.
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

interface Source {
  readonly body: string
}

/** Why an operation cannot be run by this request, whose method, types or batch do not go with it. */
function misplaced(document: DocumentNode, name: string | undefined, request: GatedRequest): Refusal | null {
  const operation = getOperationAST(document, name)?.operation
  if (operation === OperationTypeNode.MUTATION && request.method === 'GET') return mutationByGet
  if (operation !== OperationTypeNode.SUBSCRIPTION) return null
  if (request[passage]?.isBatch) return streamInBatch
  return accepts(request.headers.get('accept'), 'text/event-stream') ? null : notAcceptable
}

/** What in a batch has more than one answer cannot be written between the others. */
function oneAnswer(result: ExecutionResult | AsyncIterable<unknown>): ExecutionResult {
  if (!isAsyncIterable(result)) return result
  result[Symbol.asyncIterator]()
    .return?.()
    .catch(() => {})
  const { message, code } = streamInBatch
  return { errors: [createGraphQLError(message, { extensions: { code } })] }
}

const streamInBatch: Refusal = {
  status: 400,
  code: 'BAD_REQUEST',
  message: 'A batch takes no subscriptions, @defer or @stream.',
}

/** A field that a client is told of before what it changed is saved could not be taken back. */
const NoStreamedMutations = (context: ValidationContext): ASTVisitor => ({
  OperationDefinition(operation) {
    if (operation.operation !== OperationTypeNode.MUTATION) return
    for (const part of [operation, ...context.getRecursivelyReferencedFragments(operation)]) {
      visit(part, {
        Directive(directive: DirectiveNode) {
          if (directive.name.value !== 'defer' && directive.name.value !== 'stream') return
          context.reportError(
            createGraphQLError('@defer and @stream are for queries, not for mutations.', {
              nodes: directive,
            }),
          )
        },
      })
    }
  },
})
