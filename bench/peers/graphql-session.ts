// This serves the workload by graphql-session: as a server, as a plugin, and with many sessions in memory.

import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { createSchema, createYoga } from 'graphql-yoga'
import { Redis } from 'ioredis'
import { sessionData } from '../../src/graphql/data/session-data.ts'
import { type SessionContext, useSession } from '../../src/graphql/use-session.ts'
import { createSessionServer } from '../../src/server/create-session-server.ts'
import type { SessionStore } from '../../src/session/store.ts'
import { digest, idOf } from '../../src/session/token.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { redisStore } from '../../src/stores/redis.ts'
import { declaration, entriesOf, keys, resolversOver, typeDefs } from '../workload.ts'

function serving(store: SessionStore): Server {
  const app = createSessionServer({ store, keys, graphiql: false, logging: false })
  return createServer((incoming, response) => void app(incoming, response))
}

export const memory = async (): Promise<Server> => serving(memoryStore({ max: 10_000 }))

/** The same entries, declared, so that they are fields with types. */
export async function typed(): Promise<Server> {
  const store = memoryStore({ max: 10_000 })
  const app = createSessionServer({
    store,
    data: sessionData(declaration),
    keys: { 'pref:*': { client: ['read', 'write'] } },
    graphiql: false,
    logging: false,
  })
  return createServer((incoming, response) => void app(incoming, response))
}

export async function redis(url: string): Promise<Server> {
  const client = new Redis(url, {
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    enableAutoPipelining: true,
  })
  await once(client, 'ready')
  return serving(redisStore(client))
}

/** The plugin `useSession` in a Yoga with default options and its own schema. */
export async function plugin(): Promise<Server> {
  const resolvers = resolversOver<SessionContext>(
    ({ session }, key) => session.get(key),
    ({ session }, key, value) => session.set(key, value as string),
  )
  const schema = createSchema<SessionContext>({ typeDefs, resolvers })
  const yoga = createYoga({ schema, plugins: [useSession({ store: memoryStore({ max: 10_000 }) })] })
  return createServer((incoming, response) => void yoga(incoming, response))
}

/**
 * A token (43 characters of base64url) computed from a number, so that the process that measures knows the
 * tokens of the sessions that `filled` made in another process.
 */
export const tokenOf = (serial: number): string => digest(String(serial))

/** A server whose memory store has room for a million sessions and already holds `count` of them. */
export async function filled(count: string): Promise<Server> {
  const store = memoryStore({ max: 1_000_000 })
  const createdAt = Date.now()
  const expiresAt = createdAt + 14 * 24 * 60 * 60 * 1000
  for (let serial = 0; serial < Number(count); serial++) {
    const entries = new Map(
      Object.entries(entriesOf(serial)).map(([key, value]) => [key, JSON.stringify(value)]),
    )
    await store.create(idOf('__Host-session', tokenOf(serial)), { entries, createdAt, expiresAt, policy: '' })
  }
  return serving(store)
}
