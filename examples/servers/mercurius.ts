// This registers mercurius with a session for each operation, which is finished before its answer leaves.

import type { IncomingMessage } from 'node:http'
import type { FastifyInstance } from 'fastify'
import type { GraphQLSchema } from 'graphql'
import type { SessionContext, Sessions } from 'graphql-session'
import mercurius from 'mercurius'

declare module 'mercurius' {
  interface MercuriusContext {
    handshake: IncomingMessage
  }
}

export async function withSessions<Data extends object>(
  app: FastifyInstance,
  schema: GraphQLSchema,
  sessions: Sessions<Data>,
): Promise<void> {
  await app.register(mercurius, {
    schema,
    context: (request) => sessions.begin(request.raw),
    subscription: {
      verifyClient: ({ req }, next) => next(sessions.checkOrigin(req)),
      context: (_, request) => ({ handshake: request.raw }),
    },
  })

  app.graphql.addHook('onResolution', async (execution, context) => {
    const { result, status, headers } = await sessions.finish(context, execution)
    Object.assign(execution, result)
    if (status !== 200) context.reply.code(status)
    for (const [name, value] of headers) {
      // Fastify appends cookies, and replaces other headers.
      const before = name === 'vary' ? context.reply.getHeader(name) : undefined
      context.reply.header(name, before === undefined ? value : `${before}, ${value}`)
    }
  })

  app.graphql.addHook('preSubscriptionExecution', async (_, __, context) => {
    Object.assign(context, sessions.begin(context.handshake))
    await sessions.finish(context, {})
  })
}
