// This makes an Error of whatever else the source of a subscription throws, which would be shown to clients.

import type { GraphQLFieldResolver, GraphQLSchema } from 'graphql'
import { isAsyncIterable, isPromise } from 'graphql-yoga'

const wrapped = new WeakSet<object>()

/**
 * Wraps the sources of a schema's subscriptions. Yoga's executor makes an error of GraphQL, which is meant for
 * clients, of any object with a message that a source throws. Several servers may share a schema, so that a
 * field which has been wrapped already is left alone.
 */
export function onlyErrorsFromSources(schema: GraphQLSchema): void {
  for (const field of Object.values(schema.getSubscriptionType()?.getFields() ?? {})) {
    const { subscribe } = field
    if (!subscribe || wrapped.has(field)) continue
    wrapped.add(field)
    field.subscribe = ((source, args, context, info) => {
      const events: unknown = subscribe(source, args, context, info)
      return isPromise(events) ? events.then(withErrors) : withErrors(events)
    }) satisfies GraphQLFieldResolver<unknown, unknown>
  }
}

function withErrors(events: unknown): unknown {
  if (!isAsyncIterable(events)) return events
  const source = events[Symbol.asyncIterator]()
  const { return: leave } = source
  return {
    async next() {
      try {
        return await source.next()
      } catch (thrown) {
        throw thrown instanceof Error ? thrown : new Error(textOf(thrown))
      }
    },
    ...(leave && { return: (value: unknown) => leave.call(source, value) }),
    [Symbol.asyncIterator]() {
      return this
    },
  }
}

function textOf(thrown: unknown): string {
  const { message } = (thrown ?? {}) as { message?: unknown }
  return String(message ?? thrown)
}
