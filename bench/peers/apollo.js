// This serves the workload by Apollo Server on Express, with express-session.

import { createServer } from 'node:http'
import { ApolloServer } from '@apollo/server'
import { expressMiddleware } from '@as-integrations/express5'
import Database from 'better-sqlite3'
import createSqliteStore from 'better-sqlite3-session-store'
import connectPgSimple from 'connect-pg-simple'
import { RedisStore } from 'connect-redis'
import express from 'express'
import createMysqlStore from 'express-mysql-session'
import session from 'express-session'
import { Pool } from 'pg'
import { createClient } from 'redis'
import { resolversOver, typeDefs } from '../workload.ts'

const resolvers = resolversOver(
  (request, key) => request.session[key],
  (request, key, value) => (request.session[key] = value),
)

/**
 * The set-up that the manuals of Apollo Server and express-session show, without CORS. `resave` and
 * `saveUninitialized` have the values that express-session recommends.
 */
async function serving(sessionOptions) {
  const apollo = new ApolloServer({ typeDefs, resolvers })
  await apollo.start()
  const app = express()
  app.use(
    '/graphql',
    session({
      secret: 'a secret with a minimum length of 32 characters',
      resave: false,
      saveUninitialized: false,
      cookie: { maxAge: 14 * 24 * 60 * 60 * 1000 },
      ...sessionOptions,
    }),
    express.json(),
    expressMiddleware(apollo, { context: async ({ req }) => req }),
  )
  return createServer(app)
}

export const memory = () => serving()

/** Durable, as our own store is: what has been answered is on the disk. */
export const sqlite = (file) => servingSqlite(`${file}-full`, 'FULL')

/** As better-sqlite3 comes: a machine that loses its power may lose what was answered last. */
export const sqliteNormal = (file) => servingSqlite(`${file}-normal`, 'NORMAL')

/** In WAL, as the manual of better-sqlite3 recommends. */
async function servingSqlite(file, synchronous) {
  const client = new Database(file)
  client.pragma('journal_mode = WAL')
  client.pragma(`synchronous = ${synchronous}`)
  return serving({ store: new (createSqliteStore(session))({ client }) })
}

export async function redis(url) {
  const client = createClient({ url })
  await client.connect()
  return serving({ store: new RedisStore({ client }) })
}

export async function postgres(connectionString) {
  const pool = new Pool({ connectionString, max: 10 })
  const store = new (connectPgSimple(session))({
    pool,
    createTableIfMissing: true,
    pruneSessionInterval: false,
  })
  return serving({ store })
}

export async function mysql(url) {
  const { hostname: host, port, username: user, pathname } = new URL(url)
  const options = {
    host,
    port: Number(port),
    user,
    database: pathname.slice(1),
    connectionLimit: 10,
    clearExpired: false,
  }
  const store = new (createMysqlStore(session))(options)
  await store.onReady()
  return serving({ store })
}
