// This serves the workload by Apollo Server on Express, with express-session.

import { createServer } from 'node:http'
import { ApolloServer } from '@apollo/server'
import { expressMiddleware } from '@as-integrations/express5'
import { RedisStore } from 'connect-redis'
import express from 'express'
import session from 'express-session'
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

export async function redis(url) {
  const client = createClient({ url })
  await client.connect()
  return serving({ store: new RedisStore({ client }) })
}
