import type { IncomingMessage } from 'node:http'
import {
  type ASTVisitor,
  type DirectiveNode,
  type ExecutionResult,
  getOperationAST,
  NoSchemaIntrospectionCustomRule,
  OperationTypeNode,
  type ValidationContext,
  visit,
} from 'graphql'
import { createGraphQLError, type FetchAPI, isAsyncIterable, type Plugin } from 'graphql-yoga'
import { aborted, discard, readMessage, type Reading, readRequest, readSearch } from '../http/body.ts'
import { excessOfDocument, excessOfText, type OperationLimits, resolveOperationLimits } from './complexity.ts'
import { SessionError } from '../session/errors.ts'
import { emitterOf, type OnEvent } from '../session/events.ts'
import {
  corsHeaders,
  type GateRuleOptions,
  gateRules,
  headOf,
  type GateRules,
  judge,
  mutationByGet,
  notAcceptable,
  preflightHeaders,
  type Refusal,
} from '../http/gate.ts'
import { accepts, plainTypeOf } from '../http/media-types.ts'
import { checkOptions } from '../session/options.ts'
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

/** What a browser is told with every answer: not to guess types, and to hand it to no other site. */
export const protection: readonly (readonly [string, string])[] = [
  ['x-content-type-options', 'nosniff'],
  ['cross-origin-resource-policy', 'same-origin'],
]

const gates = new WeakMap<object, GateRules>()

/** Whether a plugin is a gate that lets other sites in by name only. */
export const gatesOrigins = (plugin: object | null | undefined): boolean =>
  Boolean(plugin && gates.get(plugin)?.origins.size)

/** The gate of one server: its rules, and what applies them to the requests that go through Yoga. */
export interface Gate {
  readonly rules: GateRules
  readonly plugin: Plugin
  /** What was read already of a request that goes on through Yoga. */
  handOver(message: IncomingMessage, reading: Reading): void
  /** A refusal as an answer of HTTP, told to whoever listens. */
  answer(refusal: Refusal, accept: string | undefined): RefusalAnswer
  /** An executor that refuses variables which it cannot go down into for want of stack, before anything is run. */
  bounded<Args, Result>(execute: (args: Args) => Result): (args: Args) => Result
}

/**
 * Judges each GraphQL request before anything of it is parsed or run: method and types, where it comes from, the size
 * of its body, and what its operation consists of. CORS is its own, too: set Yoga's `cors` and `maxRequestBodySize`
 * to false.
 * @throws {SessionError} CONFIG_INVALID, naming the option
 */
export function useSessionGate(options: GateOptions = {}): Plugin {
  checkOptions('useSessionGate', options, Object.keys(gateOptionNames))
  return createGate(options).plugin
}

export function createGate(options: GateOptions): Gate {
  const rules = gateRules(options)
  const limits = resolveOperationLimits(options.operationLimits)
  const { introspection = process.env['NODE_ENV'] !== 'production' } = options
  if (typeof introspection !== 'boolean') {
    throw new SessionError('CONFIG_INVALID', 'introspection must be true or false.')
  }
  const emit = emitterOf(options.onEvent)
  const handed = new WeakMap<object, Reading>()
  const excesses = new WeakMap<object, { readonly excess: string | null }>()
  const seen = new WeakSet<Request>()
  const batches = new WeakSet<Request>()

  const tell = ({ status, code }: Refusal): void => emit?.({ type: 'refused', status, code })

  const refuse = (refusal: Refusal): Error => {
    tell(refusal)
    const { status, code, message, headers } = refusal
    return createGraphQLError(message, {
      extensions: { code, http: { status, headers: { 'cache-control': 'no-store', ...headers } } },
    })
  }

  const answer = (refusal: Refusal, accept: string | null | undefined): RefusalAnswer => {
    // Who left before the end of a body is not refused anything.
    if (refusal !== aborted.refusal) tell(refusal)
    return refusalAnswer(refusal, accept)
  }

  const respond = (request: Request, refusal: Refusal, { Response }: FetchAPI): Response => {
    const { status, headers, body } = answer(refusal, request.headers.get('accept'))
    return new Response(body, { status, headers: Object.fromEntries(headers) })
  }

  const read = (request: Request, message: IncomingMessage | undefined): Promise<Reading> | Reading => {
    const known = message && handed.get(message)
    if (known) return known
    if (request.method === 'GET') return readSearch(new URL(request.url, 'http://localhost').searchParams)
    return message?.readableDidRead === false
      ? readMessage(message, rules.maxRequestBodySize)
      : readRequest(request, rules.maxRequestBodySize)
  }

  const checkStack = (error: unknown): void => {
    if ((error as Partial<Error> | undefined)?.name !== 'RangeError') return
    const message = 'The variables are nested too deeply.'
    throw refuse({ status: 400, code: 'OPERATION_TOO_COMPLEX', message })
  }

  const bounded =
    <Args, Result>(execute: (args: Args) => Result): ((args: Args) => Result) =>
    (args) => {
      try {
        const result = execute(args)
        // Without data nothing was run: some of what copies and checks the variables throws, and some answers.
        const { errors, data } = result as ExecutionResult
        if (errors && data === undefined) for (const error of errors) checkStack(error.originalError ?? error)
        return result
      } catch (error) {
        checkStack(error)
        throw error
      }
    }

  let endpoint: string | undefined
  const isEndpoint = (url: string): boolean => {
    const { pathname } = new URL(url, 'http://localhost')
    return pathname === endpoint || pathname === `${endpoint}/`
  }

  const plugin: Plugin = {
    onYogaInit({ yoga }) {
      endpoint = yoga.graphqlEndpoint
    },

    // Only requests for GraphQL get here: health checks, pages and the routes of other plugins have been answered.
    async onRequestParse({ request, serverContext, setRequestParser, endResponse, fetchAPI }) {
      seen.add(request)
      const head = headOf(request)
      if (request.method === 'OPTIONS') {
        return endResponse(
          new fetchAPI.Response(null, {
            status: 204,
            headers: { allow: 'POST, GET' },
          }),
        )
      }
      const { req } = (serverContext ?? {}) as { req?: IncomingMessage }
      const refusal = judge(head, rules)
      if (refusal) {
        if (req?.readableDidRead === false) await discard(req)
        return endResponse(respond(request, refusal, fetchAPI))
      }
      setRequestParser(async () => {
        const reading = await read(request, req)
        if ('params' in reading && Array.isArray(reading.params)) batches.add(request)
        return 'refusal' in reading ? respond(request, reading.refusal, fetchAPI) : (reading.params as never)
      })
    },

    onParse({ context, parseFn, setParseFn }) {
      const { request, params } = context as { request?: Request; params?: { operationName?: string } }
      // Another transport, graphql-ws for example, has its own ways of refusing.
      setParseFn((source: unknown, parseOptions) => {
        const excess = excessOfText(typeof source === 'string' ? source : (source as Source).body, limits)
        if (excess) throw refuse({ status: 400, code: 'OPERATION_TOO_COMPLEX', message: excess })
        return parseFn(source, parseOptions)
      })
      return ({ result }) => {
        if (result instanceof Error || !result) return
        let known = excesses.get(result)
        if (!known) excesses.set(result, (known = { excess: excessOfDocument(result, limits) }))
        const { excess } = known
        if (excess) throw refuse({ status: 400, code: 'OPERATION_TOO_COMPLEX', message: excess })
        const operation = request && getOperationAST(result, params?.operationName)?.operation
        if (operation === OperationTypeNode.MUTATION && request?.method === 'GET') throw refuse(mutationByGet)
        if (operation === OperationTypeNode.SUBSCRIPTION && batches.has(request!)) throw refuse(streamInBatch)
        if (
          operation === OperationTypeNode.SUBSCRIPTION &&
          !accepts(request?.headers.get('accept'), 'text/event-stream')
        ) {
          throw refuse(notAcceptable)
        }
      }
    },

    onValidate({ addValidationRule }) {
      if (!introspection) addValidationRule(NoSchemaIntrospectionCustomRule)
      addValidationRule(NoStreamedMutations)
    },

    onExecute({ executeFn, setExecuteFn }) {
      setExecuteFn(bounded(executeFn))
    },

    onResultProcess({ result, setResult }) {
      if (isAsyncIterable(result)) return
      setResult(Array.isArray(result) ? result.map((each) => tidy(oneAnswer(each))) : tidy(result))
    },

    onResponse({ request, response }) {
      const { headers } = response
      for (const [name, value] of protection) headers.set(name, value)
      // Nobody frames a page that can be made to send a mutation with a click.
      if (headers.get('content-type')?.startsWith('text/html')) {
        headers.set('content-security-policy', "frame-ancestors 'none'")
      }
      const { method, url } = request
      // A page, either kind of JSON and a stream are answers to the same URL.
      if (method === 'GET' && isEndpoint(url)) headers.append('vary', 'Accept')
      const isPreflight = method === 'OPTIONS' && isEndpoint(url)
      if (!isPreflight && !seen.has(request)) return
      // Whatever Yoga's own CORS has set would open what is closed here.
      const opening = [...headers.keys()].filter((name) => name.startsWith('access-control-'))
      for (const name of opening) headers.delete(name)
      const own = corsHeaders(request.headers.get('origin'), rules)
      if (isPreflight) own.push(...preflightHeaders(headOf(request), rules))
      for (const [name, value] of own) {
        if (name === 'vary') headers.append(name, value)
        else headers.set(name, value)
      }
    },
  }
  gates.set(plugin, rules)
  return { rules, plugin, answer, bounded, handOver: (message, reading) => void handed.set(message, reading) }
}

interface Source {
  readonly body: string
}

export interface RefusalAnswer {
  readonly status: number
  readonly headers: readonly [string, string][]
  readonly body: string
}

function refusalAnswer(
  { status, code, message, headers = {} }: Refusal,
  accept: string | null | undefined,
): RefusalAnswer {
  return {
    status,
    headers: [
      ['content-type', `${plainTypeOf(accept) ?? 'application/json'}; charset=utf-8`],
      ['cache-control', 'no-store'],
      ...Object.entries(headers),
    ],
    body: JSON.stringify({ errors: [{ message, extensions: { code } }] }),
  }
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
