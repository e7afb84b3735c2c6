// This puts a whole server together: Yoga, sessions, their schema, the gate, GraphiQL and health checks.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { GraphQLSchema } from 'graphql'
import {
  createGraphQLError,
  createYoga,
  isPromise,
  type Plugin,
  type YogaInitialContext,
  type YogaServerInstance,
  type YogaServerOptions,
} from 'graphql-yoga'
import { sessionData, type SessionDataSchema } from '../graphql/data/session-data.ts'
import { toGraphQL } from '../graphql/errors.ts'
import { Exchanges, sessionOptionNames, type SessionOptions } from '../graphql/exchange.ts'
import { trackStreams } from '../graphql/streams.ts'
import { Gate, gateOptionNames, type GateOptions } from '../graphql/use-gate.ts'
import { type SessionContext, sessionPlugin } from '../graphql/use-session.ts'
import { discard, discardUnread } from '../http/body.ts'
import { badHost, hasOneHost, judgesHosts, noHost } from '../http/host.ts'
import { isIncomingMessage } from '../http/node-http.ts'
import { send } from '../http/reply.ts'
import { SessionError } from '../session/errors.ts'
import { checkOptions } from '../session/options.ts'
import { resolveSettings } from '../session/settings.ts'
import type { Json } from '../session/value.ts'
import { type GraphiQLOptions, useGraphiQLPage } from './graphiql.ts'
import { healthPaths, useHealth } from './health.ts'
import { KnownOperations } from './known-operations.ts'
import { makeSchema, type SchemaParts } from './schema.ts'
import { allowsShortWay, type ContextOption, ShortWay } from './short-way.ts'
import { socketEndpoint } from './socket-endpoint.ts'

type YogaOptions = YogaServerOptions<{}, {}>

/**
 * What `createSessionServer` takes: the options of `useSession` and of `useSessionGate`, and these.
 * @typeParam Data - the application's keys and the types of their values
 * @typeParam Context - what `context` adds to the GraphQL context. Whoever names `Data` has to name it, too:
 * TypeScript infers all type parameters or none
 */
export interface SessionServerOptions<Data extends object = Record<string, Json>, Context extends object = {}>
  extends Omit<SessionOptions<Data>, 'data'>, GateOptions {
  /**
   * The application's declaration of its data, in SDL as `sessionData` takes it, or what `sessionData` made of it. Its
   * fields are added to the session's schema. @default nothing is declared
   */
  readonly data?: string | SessionDataSchema<Data>
  /** SDL beside the session's own, e.g. `extend type Query { me: User }`. */
  readonly typeDefs?: SchemaParts['typeDefs']
  /** The resolvers of `typeDefs`. Their context has the session: `context.session`. */
  readonly resolvers?: SchemaParts<YogaInitialContext & SessionContext<Data> & NoInfer<Context>>['resolvers']
  /**
   * An executable schema of the application, e.g. one that is made code first. The session's schema and `typeDefs`
   * are merged with it. @default none
   */
  readonly schema?: GraphQLSchema
  /**
   * What the context of each operation has beside the session, e.g. DataLoaders. It is an object, or a function
   * that gets the context so far and returns one, as Yoga's option. @default nothing
   */
  readonly context?:
    | Context
    | ((initial: YogaInitialContext & SessionContext<Data>) => Promise<Context> | Context)
  /** Further Yoga plugins. They run after the session's. */
  readonly plugins?: NonNullable<YogaOptions['plugins']>
  /** Several operations in one HTTP request, as Yoga's option. @default false */
  readonly batching?: YogaOptions['batching']
  /**
   * The path of GraphQL and GraphiQL, as `URL` writes it: without a pattern, and without a / at its end.
   * @default '/graphql'
   */
  readonly graphqlEndpoint?: string
  /**
   * GraphiQL at `graphqlEndpoint`, as `useGraphiQLPage` serves it. Options for the page do not turn it on; `enabled` does.
   * @default on, unless NODE_ENV is production
   */
  readonly graphiql?: boolean | GraphiQLOptions
  /** Where the server logs: a level, a logger, or whether it does at all, as Yoga's option. @default true */
  readonly logging?: YogaOptions['logging']
}

/** What the default export of `graphql-session serve --config FILE` holds. */
export type SessionServerConfig<
  Data extends object = Record<string, Json>,
  Context extends object = {},
> = Omit<SessionServerOptions<Data, Context>, 'store'>

const optionNames: Record<Exclude<keyof SessionServerOptions, keyof (SessionOptions & GateOptions)>, true> = {
  typeDefs: true,
  resolvers: true,
  schema: true,
  context: true,
  plugins: true,
  batching: true,
  graphqlEndpoint: true,
  graphiql: true,
  logging: true,
}

/** What the option `data` declares. @throws {SessionError} CONFIG_INVALID */
export function dataIn<Data extends object>(data: string | SessionDataSchema<Data>): SessionDataSchema<Data> {
  if (typeof data === 'string') return sessionData<Data>(data)
  const { keys, typeDefs } = (data ?? {}) as Partial<SessionDataSchema<Data>>
  if (keys instanceof Map && typeof typeDefs === 'string') return data
  throw new SessionError(
    'CONFIG_INVALID',
    'data must be SDL with a type SessionData, or made by sessionData().',
  )
}

/** What `createSessionServer` makes: a handler for node:http that also has every member of a Yoga server. */
export type SessionServer<
  Data extends object = Record<string, Json>,
  Context extends object = {},
> = YogaServerInstance<{}, SessionContext<Data> & Context> & {
  /**
   * For when the process is about to end: lets `/health/ready` answer 503, closes the connections of event streams, and
   * closes WebSockets by 1001, each once none of its queries and mutations is under way.
   * @param over - until when streams go on, as their clients may come back to this process. By default they end at once
   */
  drain(over?: Promise<unknown>): void
  /**
   * Takes a handshake at `graphqlEndpoint`, for WebSockets as `sessionSockets` serves them. `listen` hands handshakes over
   * from Node 24.9 on; with a server of your own it is for its event `upgrade`. The packages graphql-ws and ws have to be
   * installed: without them the answer is 501.
   */
  upgrade(message: IncomingMessage, socket: Duplex, head: Buffer): void
}

/**
 * Makes a Yoga server at one path with sessions and their schema, which is merged with the application's. A gate
 * judges requests before they are run. Pass the server to `listen`, or to `createServer` of node:http.
 * @throws {SessionError} CONFIG_INVALID, naming the option, or the line of `typeDefs` that is wrong
 */
export function createSessionServer<Data extends object = Record<string, Json>, Context extends object = {}>(
  options: SessionServerOptions<Data, Context>,
): SessionServer<Data, Context> {
  return assembleServer(options)
}

/**
 * Makes the server of `createSessionServer`, with or without a site beside it.
 * @param site - answers where no other plugin has. It has the path /
 * @throws {SessionError} CONFIG_INVALID
 */
export function assembleServer<Data extends object, Context extends object>(
  given: SessionServerOptions<Data, Context>,
  site?: Plugin,
): SessionServer<Data, Context> {
  checkOptions(
    'createSessionServer',
    given,
    Object.keys({ ...sessionOptionNames, ...gateOptionNames, ...optionNames }),
  )
  const { data, ...rest } = given
  const options = { ...rest, ...(data !== undefined && { data: dataIn(data) }) }
  checkYogaOptions(options)
  const { plugins = [], batching = false, logging = true, graphiql } = options
  const context = withPromise(options.context)
  const { graphqlEndpoint = defaultEndpoint } = options
  const page = typeof graphiql === 'object' ? graphiql : {}
  const exchanges = new Exchanges<Data>(options)
  const gate = new Gate(options)
  const streams = trackStreams()
  const known = new KnownOperations(gate, plugins)
  const shortWay = allowsShortWay(plugins) ? new ShortWay(exchanges, gate, known, context) : null
  let isDraining = false
  const yoga = createYoga<{}, SessionContext<Data> & Context>({
    schema: makeSchema(options),
    ...(context && { context: context as never }),
    plugins: [
      shortWay ? known.plugin : {},
      useHealth(options.store, resolveSettings(options), () => isDraining),
      sessionPlugin(exchanges, true),
      gate.plugin,
      streams.plugin,
      ...(servesGraphiQL(graphiql)
        ? [
            useGraphiQLPage({ title: 'graphql-session', ...page, enabled: true }),
            site ? {} : rootToGraphiQL(graphqlEndpoint),
          ]
        : []),
      ...plugins,
      site ?? {},
      exactPath(graphqlEndpoint),
      gate.documents.plugin,
    ],
    // The gate bounds bodies at a fraction of the CPU that Yoga's own limit takes.
    maxRequestBodySize: false,
    // Yoga answers every URL that ends in this text as a health check. No URL ends in a space.
    healthCheckEndpoint: ' ',
    // The gate has a cache that knows what its documents take.
    parserAndValidationCache: false,
    graphqlEndpoint,
    batching,
    logging,
    cors: false,
    // Yoga's own pages load scripts and icons from other hosts.
    landingPage: false,
    graphiql: false,
  })
  shortWay?.attach(yoga)
  const sockets = socketEndpoint(yoga)
  const drain = (over?: Promise<unknown>): void => {
    isDraining = true
    // Sockets come first: where they are about to close, the end of a stream is told to no client, so that it comes back.
    sockets.drain(over)
    if (over) void over.then(() => streams.end())
    else streams.end()
  }
  const handle = (...args: unknown[]): unknown => {
    const [message, response] = args as [IncomingMessage, ServerResponse]
    if (!isIncomingMessage(message)) return Reflect.apply(yoga, undefined, args)
    if (!hasOneHost(message)) {
      const reply = gate.refusals.toReply(badHost, message.headers.accept)
      return discard(message).then(() => send(message, response, reply, gate.rules, yoga.logger))
    }
    if (message.httpVersionMajor === 1) message.headers.host ??= noHost
    if (args.length === 2 && shortWay?.takes(message)) return shortWay.run(message, response)
    return orEnd(Reflect.apply(yoga, undefined, args), response)
  }
  const members = { drain, upgrade: sockets.upgrade, [judgesHosts]: true }
  return withMembersOf(yoga, Object.assign(handle, members)) as SessionServer<Data, Context>
}

/** Ends the connection where Yoga was done, and could not write its answer: nobody else is going to. */
async function orEnd(answered: unknown, response: ServerResponse): Promise<void> {
  await answered
  if (!response.headersSent && !response.writableEnded) response.destroy()
}

/**
 * Makes a function that has the members of a Yoga server. Members of the function itself come first, and so do those
 * that every function has: node:http calls its listeners by `apply`, and Yoga's `apply` would call Yoga.
 */
function withMembersOf(yoga: object, handle: Function): object {
  const isOwn = (name: PropertyKey): boolean => Object.hasOwn(handle, name) || name in Function.prototype
  return new Proxy(handle, {
    get: (target, name) => Reflect.get(isOwn(name) ? target : yoga, name),
    has: (_, name) => isOwn(name) || name in yoga,
  })
}

/**
 * Makes a promise of what `context` returns if it has no more than `then`, which Yoga does not tell from a promise. A
 * session error of `context` gets its code: Yoga would mask it.
 */
function withPromise(context: unknown): ContextOption {
  if (typeof context !== 'function') return context as ContextOption
  return (initial: object): unknown => {
    try {
      const own: unknown = context(initial)
      return isPromise(own) ? Promise.resolve(own).catch(throwWithCode) : own
    } catch (error) {
      return throwWithCode(error)
    }
  }
}

function throwWithCode(error: unknown): never {
  throw error instanceof SessionError ? toGraphQL(error, createGraphQLError(error.message)) : error
}

/** Refuses values of these options that Yoga would silently replace by a default. */
function checkYogaOptions({
  graphiql = true,
  graphqlEndpoint = defaultEndpoint,
  batching = false,
  logging = true,
  schema,
  context = {},
}: Pick<SessionServerOptions, 'graphiql' | 'graphqlEndpoint' | 'batching' | 'logging' | 'schema'> & {
  readonly context?: unknown
}): void {
  if (!isEndpoint(graphqlEndpoint)) {
    throw new SessionError(
      'CONFIG_INVALID',
      'graphqlEndpoint must be a path such as "/api/graphql", without a pattern, a query or a / at its end, and none of the health checks.',
    )
  }
  if (schema !== undefined && typeof (schema as Partial<GraphQLSchema> | null)?.getQueryType !== 'function') {
    throw new SessionError('CONFIG_INVALID', 'schema must be a GraphQLSchema.')
  }
  if (!['object', 'function'].includes(typeof context) || context === null) {
    throw new SessionError(
      'CONFIG_INVALID',
      'context must be an object, or a function that returns or resolves to one.',
    )
  }
  if (typeof graphiql !== 'boolean' && (typeof graphiql !== 'object' || graphiql === null)) {
    throw new SessionError('CONFIG_INVALID', 'graphiql must be true, false or options for GraphiQL.')
  }
  if (typeof batching !== 'boolean') {
    checkOptions('batching', batching, ['limit'])
    const { limit = 10 } = batching
    if (!Number.isSafeInteger(limit) || limit < 1) {
      throw new SessionError('CONFIG_INVALID', 'batching.limit must be a whole number from 1 up.')
    }
  }
  const levels: readonly unknown[] = ['debug', 'info', 'warn', 'error', 'silent', true, false]
  if (!levels.includes(logging) && (typeof logging !== 'object' || logging === null)) {
    throw new SessionError(
      'CONFIG_INVALID',
      'logging must be true, false, a level such as "warn", or a logger.',
    )
  }
}

export const servesGraphiQL = (option: SessionServerOptions['graphiql']): boolean =>
  (typeof option === 'object' ? option.enabled : option) ?? process.env['NODE_ENV'] !== 'production'

export const defaultEndpoint = '/graphql'

/** Whether a path is one that requests come with: Yoga takes it for a pattern, and compares it with what `URL` made. */
function isEndpoint(path: unknown): path is string {
  if (typeof path !== 'string' || !/^\/[\w./~%@!$&',;=-]*$/.test(path) || healthPaths.has(path)) return false
  const url = new URL(path, 'http://localhost')
  return url.host === 'localhost' && url.pathname === path && (path === '/' || !path.endsWith('/'))
}

/** Answers 404 to other paths than the endpoint: Yoga would serve each one that ends in it. */
const exactPath = (endpoint: string): Plugin => ({
  async onRequest({ request, serverContext, url, fetchAPI, endResponse }) {
    if (url.pathname === endpoint || url.pathname === `${endpoint}/`) return
    await discardUnread(request, (serverContext as { req?: IncomingMessage }).req)
    endResponse(new fetchAPI.Response(null, { status: 404 }))
  },
})

const rootToGraphiQL = (endpoint: string): Plugin => ({
  onRequest({ request, url, fetchAPI, endResponse }) {
    if (request.method !== 'GET' || url.pathname !== '/' || endpoint === '/') return
    endResponse(new fetchAPI.Response(null, { status: 302, headers: { location: endpoint } }))
  },
})
