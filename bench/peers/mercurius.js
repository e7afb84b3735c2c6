// This serves the workload by Mercurius on Fastify, with @fastify/session.

import cookie from '@fastify/cookie'
import session from '@fastify/session'
import { RedisStore } from 'connect-redis'
import Fastify from 'fastify'
import mercurius from 'mercurius'
import { createClient } from 'redis'
import { resolversOver, typeDefs } from '../workload.ts'

const resolvers = resolversOver(
  ({ reply }, key) => reply.request.session[key],
  ({ reply }, key, value) => (reply.request.session[key] = value),
)

/**
 * The set-up that the manuals of the three packages show. `secure` is off, since @fastify/session sets no
 * Secure cookie over plain http, which the bench uses.
 */
async function serving(sessionOptions, mercuriusOptions) {
  const app = Fastify()
  app.register(cookie)
  app.register(session, {
    secret: 'a secret with a minimum length of 32 characters',
    cookie: { secure: false, maxAge: 14 * 24 * 60 * 60 * 1000 },
    ...sessionOptions,
  })
  app.register(mercurius, { schema: typeDefs, resolvers, ...mercuriusOptions })
  await app.listen({ host: '127.0.0.1', port: 0 })
  return app.server
}

export const memory = () => serving()

/** The fastest settings: no request renews a session or saves an empty one, and queries are compiled. */
export const lean = () => serving({ rolling: false, saveUninitialized: false }, { jit: 1 })

export async function redis(url) {
  const client = createClient({ url })
  await client.connect()
  return serving({ store: new RedisStore({ client }) })
}
