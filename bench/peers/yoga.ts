// This serves the workload by GraphQL Yoga, once without sessions and once with a short plugin for them.

import { createServer, type Server } from 'node:http'
import { parseCookie, stringifySetCookie } from 'cookie'
import { createSchema, createYoga, type Plugin, type YogaInitialContext } from 'graphql-yoga'
import { LRUCache } from 'lru-cache'
import { resolversOver, sessionless, typeDefs } from '../workload.ts'

export async function bare(): Promise<Server> {
  const yoga = createYoga({ schema: createSchema({ typeDefs, resolvers: sessionless }) })
  return createServer((incoming, response) => void yoga(incoming, response))
}

export async function naive(): Promise<Server> {
  const resolvers = resolversOver<NaiveContext>(
    ({ session }, key) => session[key],
    ({ session }, key, value) => (session[key] = value),
  )
  const schema = createSchema<NaiveContext>({ typeDefs, resolvers })
  const yoga = createYoga({ schema, plugins: [useNaiveSession()] })
  return createServer((incoming, response) => void yoga(incoming, response))
}

interface NaiveContext {
  session: Record<string, unknown>
}

/** Sessions as one writes them in half an hour: each request loads the whole record and stores it again. */
function useNaiveSession(): Plugin<NaiveContext> {
  const store = new LRUCache<string, string>({ max: 10_000 })
  const open = new WeakMap<Request, NaiveContext & { id: string; isNew: boolean }>()
  return {
    onContextBuilding({ context, extendContext }) {
      const { request } = context as unknown as YogaInitialContext
      const { session: known = '' } = parseCookie(request.headers.get('cookie') ?? '')
      const stored = store.get(known)
      const session = stored ? (JSON.parse(stored) as Record<string, unknown>) : {}
      open.set(request, { id: stored ? known : crypto.randomUUID(), isNew: !stored, session })
      extendContext({ session })
    },
    onResponse({ request, response }) {
      const opened = open.get(request)
      if (!opened) return
      const { id, isNew, session } = opened
      store.set(id, JSON.stringify(session))
      if (!isNew) return
      response.headers.append(
        'set-cookie',
        stringifySetCookie({ name: 'session', value: id, path: '/', httpOnly: true, sameSite: 'lax' }),
      )
    },
  }
}
