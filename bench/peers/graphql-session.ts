// This serves the workload by graphql-session: as a server, as a plugin, and with many sessions in memory.

import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { createSchema, createYoga } from 'graphql-yoga'
import { Redis } from 'ioredis'
import { createPool } from 'mysql2/promise'
import { Pool } from 'pg'
import { sessionData } from '../../src/graphql/data/session-data.ts'
import { type SessionContext, useSession } from '../../src/graphql/use-session.ts'
import { createSessionServer } from '../../src/server/create-session-server.ts'
import type { SessionRecord } from '../../src/session/record.ts'
import type { SessionStore } from '../../src/session/store.ts'
import { digest, idOf } from '../../src/session/token.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { mysqlSchema, mysqlStore } from '../../src/stores/mysql.ts'
import { postgresSchema, postgresStore } from '../../src/stores/postgres.ts'
import { redisStore } from '../../src/stores/redis.ts'
import { sqliteStore } from '../../src/stores/sqlite.ts'
import { declaration, entriesOf, keys, resolversOver, typeDefs } from '../workload.ts'

function serving(store: SessionStore): Server {
  const app = createSessionServer({ store, keys, graphiql: false, logging: false })
  return createServer((incoming, response) => void app(incoming, response))
}

export const memory = async (): Promise<Server> => serving(memoryStore({ max: 10_000 }))

/** @param file - a path on a disk, since a file in memory costs no waiting */
export const sqlite = async (file: string): Promise<Server> => serving(sqliteStore(file))

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

export const redis = async (url: string): Promise<Server> => serving(redisStore(await redisClient(url)))

async function redisClient(url: string): Promise<Redis> {
  const client = new Redis(url, {
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    enableAutoPipelining: true,
  })
  await once(client, 'ready')
  return client
}

export async function postgres(connectionString: string): Promise<Server> {
  const pool = new Pool({ connectionString, max: 10 })
  await pool.query(postgresSchema())
  return serving(postgresStore(pool))
}

export async function mysql(uri: string): Promise<Server> {
  const pool = createPool({ uri, connectionLimit: 10 })
  await pool.query(mysqlSchema())
  return serving(mysqlStore(pool))
}

/** A server for each of several files, in one process. */
export const sqliteFiles = (files: string): Promise<Server[]> => Promise.all(files.split(' ').map(sqlite))

/** A server for each of several tables. */
export async function postgresTables(argument: string): Promise<Server[]> {
  const [connectionString, ...tables] = argument.split(' ') as [string, ...string[]]
  const pool = new Pool({ connectionString, max: 10 })
  return tables.map((table) => serving(postgresStore(pool, { table })))
}

/** A server for each of several prefixes of keys. */
export async function redisPrefixes(argument: string): Promise<Server[]> {
  const [url, ...prefixes] = argument.split(' ') as [string, ...string[]]
  const client = await redisClient(url)
  return prefixes.map((prefix) => serving(redisStore(client, { prefix })))
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

/** A session that lasts for two weeks, with the entries that the workload names. */
export function recordOf(serial: number): SessionRecord {
  const createdAt = Date.now()
  const entries = Object.entries(entriesOf(serial)).map(
    ([key, value]) => [key, JSON.stringify(value)] as const,
  )
  return {
    entries: new Map(entries),
    createdAt,
    expiresAt: createdAt + 14 * 24 * 60 * 60 * 1000,
    policy: '',
  }
}

/** The id in the store of the session of `tokenOf`. */
export const storedIdOf = (serial: number): string => idOf('__Host-session', tokenOf(serial))

/** A server whose memory store has room for a million sessions and already holds `count` of them. */
export async function filled(count: string): Promise<Server> {
  const store = memoryStore({ max: 1_000_000 })
  for (let serial = 0; serial < Number(count); serial++) {
    await store.create(storedIdOf(serial), recordOf(serial))
  }
  return serving(store)
}
