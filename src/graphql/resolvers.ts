import { GraphQLScalarType, Kind, type ValueNode, valueFromASTUntyped } from 'graphql'
import { createGraphQLError } from 'graphql-yoga'
import type { Expiry } from '../session/expiry.ts'
import type { Resolvers, SessionExpiryInput } from './generated/resolvers.ts'
import { sdl } from './generated/sdl.ts'
import type { AnySession } from '../session/session.ts'

/** What the resolvers need of the GraphQL context; `useSession` puts it there. */
export interface ResolverContext {
  readonly session: AnySession
}

export interface SetSessionKeyResult {
  readonly session: AnySession
  readonly entry: { readonly key: string; readonly value?: unknown }
  /** Only answered, and the store only read for it, when the client selects it. */
  readonly created: () => Promise<boolean>
}

/** The SDL of the session's types, queries and mutations, to be merged with an application's own. */
export const sessionTypeDefs: string = sdl

/**
 * The resolvers of `sessionTypeDefs`. A client's rights are checked here, by the `keys` of `useSession`;
 * `context.session` itself is not restricted.
 */
export const sessionResolvers: Resolvers = {
  JSON: new GraphQLScalarType({
    name: 'JSON',
    specifiedByURL: 'https://datatracker.ietf.org/doc/html/rfc8259',
    parseValue: (value) => value,
    parseLiteral: valueFromASTUntyped,
  }),

  JSONObject: new GraphQLScalarType({
    name: 'JSONObject',
    specifiedByURL: 'https://datatracker.ietf.org/doc/html/rfc8259',
    parseValue: toObject,
    parseLiteral: (node, variables) => toObject(valueFromASTUntyped(node, variables)),
  }),

  DateTime: new GraphQLScalarType<Date, string>({
    name: 'DateTime',
    specifiedByURL: 'https://scalars.graphql.org/andimarek/date-time.html',
    serialize: (value) => (value as Date).toISOString(),
    parseValue: toDate,
    parseLiteral: (node) => toDate(textOf(node)),
  }),

  Query: {
    session: (_, __, { session }) => session,
  },

  Session: {
    keys: async (session) => (await session.keys()).filter((key) => session.clientMay('read', key)),
    has: (session, { key }) => {
      session.checkClientMay(key, 'read')
      return session.has(key)
    },
    value: (session, { key, default: fallback }) => {
      session.checkClientMay(key, 'read')
      if (fallback !== undefined) session.checkValue(key, fallback)
      return session.get(key, fallback)
    },
    entries: async (session, { keys }) => {
      for (const key of keys ?? []) session.checkClientMay(key, 'read')
      return (await session.entries())
        .filter(([key]) => (keys ? keys.includes(key) : session.clientMay('read', key)))
        .map(([key, value]) => ({ key, value }))
    },
  },

  Mutation: {
    setSessionKey: (_, args, { session }) => {
      session.checkClientMay(args.key, 'write')
      const created = session.absence(args.key)
      const value = session.conform(args.key, given(args))
      session.set(args.key, value)
      return { session, entry: { key: args.key, value }, created }
    },

    updateSession: (_, { data }, { session }) => {
      for (const key of Object.keys(data)) session.checkClientMay(key, 'write')
      const entries = Object.entries(data).map(([key, value]) => ({
        key,
        value: session.conform(key, value),
      }))
      session.merge(Object.fromEntries(entries.map(({ key, value }) => [key, value])))
      return { session, entries }
    },

    setDefaultSessionKey: async (_, args, { session }) => {
      session.checkClientMay(args.key, 'read', 'write')
      const { value, created } = await session.setDefault(args.key, session.conform(args.key, given(args)))
      return { session, entry: { key: args.key, value }, created }
    },

    deleteSessionKey: async (_, { key }, { session }) => {
      session.checkClientMay(key, 'delete')
      return { session, key, deleted: await session.delete(key) }
    },

    popSessionKey: async (_, { key, default: fallback }, { session }) => {
      session.checkClientMay(key, 'read', 'delete')
      if (fallback !== undefined) session.checkValue(key, fallback)
      const value = await session.pop(key)
      return { session, key, found: value !== undefined, value: value === undefined ? fallback : value }
    },

    clearSession: (_, __, { session }) => {
      session.clear()
      return { session }
    },

    logout: async (_, { flush }, { session }) => {
      if (flush) return { session, flushed: await session.flush() }
      session.clear()
      return { session, flushed: false }
    },

    rotateSession: async (_, __, { session }) => {
      await session.rotate()
      return { session }
    },

    setSessionExpiry: (_, { expiry }, { session }) => {
      session.shortenExpiry(toExpiry(expiry))
      return { session }
    },
  },
}

const toExpiry = ({ seconds, at, policy }: SessionExpiryInput): Expiry =>
  seconds ?? at ?? (policy === 'BROWSER_CLOSE' ? 'browser-close' : null)

/** The schema cannot say it: a value may be null, and so may not be left out by its type. */
function given({ key, value }: { readonly key: string; readonly value?: unknown }): unknown {
  if (value !== undefined) return value
  throw createGraphQLError(`The value for "${key}" is missing. To store null, say null.`, {
    extensions: { code: 'BAD_USER_INPUT', http: { status: 400 } },
  })
}

function toObject(value: unknown): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>
  throw createGraphQLError('A JSONObject must be an object.', { extensions: { code: 'BAD_USER_INPUT' } })
}

const rfc3339 = /^(\d{4}-\d\d-)(\d\d)T(?:[01]\d|2[0-3]):\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/i

function toDate(value: unknown): Date {
  const [, month, day] = (typeof value === 'string' && rfc3339.exec(value)) || []
  const date = new Date(month ? String(value).toUpperCase() : Number.NaN)
  // Date takes February 30 for March 2.
  const inMonth = new Date(`${month}${day}T00:00:00Z`).getUTCDate() === Number(day)
  if (!Number.isNaN(date.getTime()) && inMonth) return date
  throw createGraphQLError('A DateTime must be an RFC 3339 instant, e.g. 2026-11-23T01:00:00.000Z.', {
    extensions: { code: 'BAD_USER_INPUT' },
  })
}

const textOf = (node: ValueNode): unknown => (node.kind === Kind.STRING ? node.value : undefined)
