// This is the session's schema with its resolvers, to be merged with an application's.

import { GraphQLScalarType, Kind, type ValueNode, valueFromASTUntyped } from 'graphql'
import { createGraphQLError } from 'graphql-yoga'
import { asClient } from '../session/client.ts'
import { SessionError } from '../session/errors.ts'
import type { Expiry } from '../session/expiry.ts'
import type { AnySession } from '../session/session.ts'
import type { Resolvers, SessionExpiryInput } from './generated/resolvers.ts'
import { sdl } from './generated/sdl.ts'
import { changesOf } from './session-changes.ts'

/** What the resolvers need in the GraphQL context. `useSession` puts it there. */
export interface ResolverContext {
  readonly session: AnySession
}

/** An entry as resolvers hand it on. */
export interface EntryResult {
  readonly key: string
  readonly value?: unknown
}

/** What the mutation `setSessionKey` hands to the resolvers of its payload. */
export interface SetSessionKeyResult {
  readonly session: AnySession
  readonly entry: EntryResult
  /** Whether the key was absent: a function, so that the store is only read where the client selects it. */
  readonly created: (() => Promise<boolean>) | null
}

/** The SDL of the session's types, queries and mutations, to be merged with an application's own. */
export const sessionTypeDefs: string = sdl

/**
 * The resolvers of `sessionTypeDefs`, to be merged with an application's own. They use the `context.session`
 * of `useSession`, and let a client do what its option `keys` grants. `context.session` is not restricted.
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

  Query: withSession({
    session: (_, __, { session }) => session,
    mySessions: (_, __, { session }) => session.devices(),
  }),

  Subscription: {
    sessionChanged: withSession({
      subscribe: (_: unknown, __: unknown, { session }: ResolverContext) => changesOf(session),
      resolve: (session: AnySession | null) => session,
    }) as never,
  },

  Session: {
    id: () => 'session',
    keys: (session) => asClient(session).keys(),
    has: (session, { key }) => asClient(session).has(key),
    value: (session, { key, default: fallback }) => asClient(session).get(key, fallback),
    entries: (session, { keys }) => asClient(session).entries(keys ?? null),
  },

  SessionEntry: {
    // Some caches, such as Relay's, have one space of ids for all types.
    id: ({ key }) => `SessionEntry:${key}`,
  },

  Mutation: withSession({
    setSessionKey: (_, args, { session }) => {
      const { key } = args
      const { value, created } = asClient(session).set(key, () => given(args))
      // Whether a key is there is something to read.
      return { session, entry: { key, value }, created: session.clientMay('read', key) ? created : null }
    },

    updateSession: (_, { data }, { session }) => ({ session, entries: asClient(session).merge(data) }),

    setDefaultSessionKey: async (_, args, { session }) => {
      const { key } = args
      const { value, created } = await asClient(session).setDefault(key, () => given(args))
      return { session, entry: { key, value }, created }
    },

    deleteSessionKey: async (_, { key }, { session }) => {
      const deleted = await asClient(session).delete(key)
      return { session, key, deleted: session.clientMay('read', key) ? deleted : null }
    },

    popSessionKey: async (_, { key, default: fallback }, { session }) => {
      const value = await asClient(session).pop(key, fallback)
      return { session, key, found: value !== undefined, value: value === undefined ? fallback : value }
    },

    clearSession: (_, __, { session }) => {
      asClient(session).clear()
      return { session }
    },

    logout: async (_, { flush }, { session }) => {
      const client = asClient(session)
      if (flush) return { session, flushed: await client.flush() }
      client.clear()
      return { session, flushed: false }
    },

    rotateSession: async (_, __, { session }) => {
      await asClient(session).rotate()
      return { session }
    },

    setSessionExpiry: (_, { expiry }, { session }) => {
      asClient(session).setExpiry(toExpiry(expiry))
      return { session }
    },

    popFlash: async (_, __, { session }) => ({ session, values: await session.popFlash() }),

    revokeSession: async (_, { id }, { session }) => ({
      session,
      id,
      revoked: await asClient(session).endDevice(id),
    }),

    revokeOtherSessions: async (_, __, { session }) => ({
      session,
      count: await asClient(session).endOtherDevices(),
    }),

    revokeAllSessions: async (_, __, { session }) => ({
      session,
      count: await asClient(session).endAllDevices(),
    }),
  }),
}

/**
 * Makes root resolvers tell the application's developer where the session comes from, if the context has none.
 * @throws {SessionError} CONFIG_INVALID, at each call in such a context
 */
export function withSession<Resolving extends object>(resolvers: Resolving): Resolving {
  const guarded = Object.entries(resolvers).map(([name, resolve]) => [
    name,
    (parent: unknown, args: unknown, context: Partial<ResolverContext> | null | undefined, info: unknown) => {
      if (context?.session) return resolve(parent, args, context, info)
      throw new SessionError(
        'CONFIG_INVALID',
        'There is no context.session. Add useSession to the plugins of Yoga. In another server, make the context with begin of createSessions.',
      )
    },
  ])
  return Object.fromEntries(guarded)
}

/** @throws {GraphQLError} BAD_USER_INPUT, where an executor that does not know `@oneOf` has let it through */
function toExpiry(expiry: SessionExpiryInput): Expiry {
  const present = Object.values(expiry).filter((value) => value != null)
  if (present.length !== 1) {
    throw createGraphQLError('SessionExpiryInput needs exactly one of its fields: seconds, at or policy.', {
      extensions: { code: 'BAD_USER_INPUT', http: { status: 400 } },
    })
  }
  const { seconds, at, policy } = expiry
  return seconds ?? at ?? (policy === 'BROWSER_CLOSE' ? 'browser-close' : null)
}

/**
 * The value among the arguments of a mutation. The schema cannot demand one, since it has to allow null.
 * @throws {GraphQLError} BAD_USER_INPUT where the client left the value out
 */
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
  // `Date` reads February 30 as March 2.
  const inMonth = new Date(`${month}${day}T00:00:00Z`).getUTCDate() === Number(day)
  if (!Number.isNaN(date.getTime()) && inMonth) return date
  throw createGraphQLError('A DateTime must be an RFC 3339 instant, e.g. 2026-11-23T01:00:00.000Z.', {
    extensions: { code: 'BAD_USER_INPUT' },
  })
}

const textOf = (node: ValueNode): unknown => (node.kind === Kind.STRING ? node.value : undefined)
