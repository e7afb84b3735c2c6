// This puts a whole server together: Yoga, sessions, their schema, the gate, GraphiQL and health checks.

import { IncomingMessage, type ServerResponse } from 'node:http'
import type { DocumentNode, GraphQLSchema } from 'graphql'
import {
  createYoga,
  type Plugin,
  type YogaInitialContext,
  type YogaServerInstance,
  type YogaServerOptions,
} from 'graphql-yoga'
import { LRUCache } from 'lru-cache'
import { Exchanges, sessionOptionNames, type SessionOptions } from '../graphql/exchange.ts'
import { trackStreams } from '../graphql/streams.ts'
import { Gate, gateOptionNames, type GateOptions } from '../graphql/use-gate.ts'
import { type SessionContext, sessionPlugin } from '../graphql/use-session.ts'
import { badHost, hasOneHost } from '../http/host.ts'
import { send } from '../http/reply.ts'
import { SessionError } from '../session/errors.ts'
import { checkOptions } from '../session/options.ts'
import { resolveSettings } from '../session/settings.ts'
import type { Json } from '../session/value.ts'
import { type GraphiQLOptions, useGraphiQLPage } from './graphiql.ts'
import { useHealth } from './health.ts'
import { KnownOperations } from './known-operations.ts'
import { makeSchema, type SchemaParts } from './schema.ts'
import { allowsShortWay, ShortWay } from './short-way.ts'

type YogaOptions = YogaServerOptions<{}, {}>

/**
 * @typeParam Data - the application's keys and the types of their values
 * @typeParam Context - what `context` adds to the GraphQL context
 */
export interface SessionServerOptions<Data extends object = Record<string, Json>, Context extends object = {}>
  extends SessionOptions<Data>, GateOptions {
  /** SDL beside the session's own, e.g. `extend type Query { me: User }`. */
  readonly typeDefs?: SchemaParts['typeDefs']
  /** The resolvers of `typeDefs`. Their context has the session: `context.session`. */
  readonly resolvers?: SchemaParts<YogaInitialContext & SessionContext<Data> & NoInfer<Context>>['resolvers']
  /** A schema that is made already, e.g. code first. The session's own is merged into it, as are `typeDefs`. */
  readonly schema?: GraphQLSchema
  /**
   * What the context of each operation has beside the session, e.g. DataLoaders: an object, or a function that makes
   * one of the context so far, as Yoga's option.
   */
  readonly context?:
    | Context
    | ((initial: YogaInitialContext & SessionContext<Data>) => Promise<Context> | Context)
  /** Further Yoga plugins. They run after the session's. */
  readonly plugins?: NonNullable<YogaOptions['plugins']>
  /** Several operations in one HTTP request, as Yoga's option. @default false */
  readonly batching?: YogaOptions['batching']
  /**
   * GraphiQL at `/graphql`, self-contained: the page loads nothing from elsewhere. Options for it do not turn it
   * on; `enabled` does. @default on, unless NODE_ENV is production
   */
  readonly graphiql?: boolean | GraphiQLOptions
  /** @default true */
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
  graphiql: true,
  logging: true,
}

/** A handler for node:http, and a Yoga server with all that belongs to one. */
export type SessionServer<
  Data extends object = Record<string, Json>,
  Context extends object = {},
> = YogaServerInstance<{}, SessionContext<Data> & Context> & {
  /** The process is about to end: completes event streams, and `/health/ready` answers 503 from here on. */
  drain(): void
}

/**
 * A Yoga server at `/graphql` with sessions, their schema merged with an application's own, behind a gate that judges
 * requests before they are run. Pass it to `listen`, or to `createServer` of node:http.
 * @throws {SessionError} CONFIG_INVALID, naming the option
 */
export function createSessionServer<Data extends object = Record<string, Json>, Context extends object = {}>(
  options: SessionServerOptions<Data, Context>,
): SessionServer<Data, Context> {
  checkOptions(
    'createSessionServer',
    options,
    Object.keys({ ...sessionOptionNames, ...gateOptionNames, ...optionNames }),
  )
  checkYogaOptions(options)
  const { plugins = [], batching = false, logging = true, graphiql, context } = options
  const page = typeof graphiql === 'object' ? graphiql : {}
  const exchanges = new Exchanges<Data>(options)
  const gate = new Gate(options)
  const streams = trackStreams()
  const known = new KnownOperations(gate, plugins, byText())
  const shortWay = allowsShortWay(plugins) ? new ShortWay(exchanges, gate, known, context) : null
  let isDraining = false
  const yoga = createYoga<{}, SessionContext<Data> & Context>({
    schema: makeSchema(options),
    ...(context && { context: context as never }),
    plugins: [
      shortWay ? known.plugin : {},
      useHealth(options.store, resolveSettings(options), () => isDraining),
      sessionPlugin(exchanges),
      gate.plugin,
      streams.plugin,
      ...(servesGraphiQL(graphiql)
        ? [useGraphiQLPage({ title: 'graphql-session', ...page, enabled: true }), rootToGraphiQL]
        : []),
      ...plugins,
      exactPath,
    ],
    // The gate has a limit of its own, which costs a fraction of this one.
    maxRequestBodySize: false,
    // Yoga's own answers whatever URL ends in this text, and no URL ends in a space.
    healthCheckEndpoint: ' ',
    parserAndValidationCache: { documentCache: byText<DocumentNode>(), errorCache: noCache },
    batching,
    logging,
    cors: false,
    // Yoga's own pages load from elsewhere.
    landingPage: false,
    graphiql: false,
  })
  shortWay?.attach(yoga)
  const drain = (): void => {
    isDraining = true
    streams.end()
  }
  const handle = (...args: unknown[]): unknown => {
    const [message, response] = args as [IncomingMessage, ServerResponse]
    if (!(message instanceof IncomingMessage)) return Reflect.apply(yoga, undefined, args)
    if (!hasOneHost(message)) {
      const reply = gate.refusals.toReply(badHost, message.headers.accept)
      return send(message, response, reply, gate.rules)
    }
    // Else an address of this machine would be put in its place, for which cookies need not be Secure.
    if (message.httpVersionMajor === 1) message.headers.host ??= 'unknown.invalid'
    if (args.length === 2 && shortWay?.takes(message)) return shortWay.run(message, response)
    return Reflect.apply(yoga, undefined, args)
  }
  return withMembersOf(yoga, Object.assign(handle, { drain })) as SessionServer<Data, Context>
}

/**
 * A function that has the members of a Yoga server. Its own are found first, and those of every function, which Yoga
 * would have call itself: node:http calls its listeners by `apply`.
 */
function withMembersOf(yoga: object, handle: Function): object {
  const isOwn = (name: PropertyKey): boolean => Object.hasOwn(handle, name) || name in Function.prototype
  return new Proxy(handle, {
    get: (target, name) => Reflect.get(isOwn(name) ? target : yoga, name),
    has: (_, name) => isOwn(name) || name in yoga,
  })
}

/**
 * Yoga's own cache keeps a thousand documents, whatever their size: a client that sends others each time could have it
 * hold a thousand of the largest. Here their text is bounded, too: 1 Mi characters, of which a parsed document takes
 * some 50 bytes each.
 */
const byText = <Value extends {}>(): LRUCache<string, Value> =>
  new LRUCache({ max: 1000, maxSize: 2 ** 20, sizeCalculation: (_, text) => text.length + 1 })

/** Who sends what cannot be parsed is not served faster for sending it again. */
const noCache = { get: () => undefined, set: () => {} }

/** Yoga takes what it cannot read for a default. */
function checkYogaOptions({
  graphiql = true,
  batching = false,
  logging = true,
  schema,
  context = {},
}: Pick<SessionServerOptions, 'graphiql' | 'batching' | 'logging' | 'schema'> & {
  readonly context?: unknown
}): void {
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

/** Yoga serves each URL that ends in its path, of whatever folder or query. */
const exactPath: Plugin = {
  onRequest({ url, fetchAPI, endResponse }) {
    if (url.pathname === '/graphql' || url.pathname === '/graphql/') return
    endResponse(new fetchAPI.Response(null, { status: 404 }))
  },
}

const rootToGraphiQL: Plugin = {
  onRequest({ request, url, fetchAPI, endResponse }) {
    if (request.method !== 'GET' || url.pathname !== '/') return
    endResponse(new fetchAPI.Response(null, { status: 302, headers: { location: '/graphql' } }))
  },
}
