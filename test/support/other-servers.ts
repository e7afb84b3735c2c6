// This makes the server of a test on another GraphQL server than Yoga, by what examples/servers has for it.

import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { json } from 'node:stream/consumers'
import type { GraphQLSchema } from 'graphql'
import { sessionOptionNames } from '../../src/graphql/exchange.ts'
import { dataIn, type SessionServerOptions } from '../../src/server/create-session-server.ts'
import { createSessions, type Sessions } from '../../src/server/create-sessions.ts'
import { makeSchema } from '../../src/server/schema.ts'

interface Parts {
  readonly schema: GraphQLSchema
  readonly sessions: Sessions<any>
}

// Apollo Server and mercurius take no newer graphql than 16: they are installed only where that is, without their types.
const installed = (name: string): Promise<any> => import(name)
const example = (name: string): Promise<any> => import(`../../examples/servers/${name}.ts`)

type Listener = (request: IncomingMessage, response: ServerResponse) => unknown

const makers: Record<string, (parts: Parts) => Promise<Listener>> = {
  async 'graphql-http'({ schema, sessions }) {
    const { sessionHandler } = await example('graphql-http')
    return sessionHandler(schema, sessions)
  },

  async apollo({ schema, sessions }) {
    const [{ ApolloServer, HeaderMap }, { sessionPlugin }] = await Promise.all([
      installed('@apollo/server'),
      example('apollo'),
    ])
    const plugins = [sessionPlugin(sessions)]
    const server = new ApolloServer({ schema, plugins, includeStacktraceInErrorResponses: false })
    await server.start()
    const answer: Listener = async (request, response) => {
      const { headers, body, status } = await server.executeHTTPGraphQLRequest({
        httpGraphQLRequest: {
          method: request.method!,
          headers: new HeaderMap(
            Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
          ),
          body: await json(request).catch(() => ''),
          search: new URL(request.url!, 'http://localhost').search,
        },
        context: async () => ({ ...sessions.begin(request), res: response }),
      })
      for (const [name, value] of headers) response.setHeader(name, value)
      response.writeHead(status ?? 200)
      for await (const chunk of body.asyncIterator ?? [body.string]) response.write(chunk)
      response.end()
    }
    return answer
  },

  async mercurius({ schema, sessions }) {
    const [{ default: fastify }, { withSessions }] = await Promise.all([
      installed('fastify'),
      example('mercurius'),
    ])
    // Otherwise it refuses JSON with such keys, which are values as others for a session.
    const app = fastify({ onProtoPoisoning: 'ignore', onConstructorPoisoning: 'ignore' })
    await withSessions(app, schema, sessions)
    await app.ready()
    return (request, response) => app.routing(request, response)
  },
}

/** Makes the listener of the other server that the tests of this run are for; undefined for Yoga. */
export const otherServer = makers[process.env['TEST_WAY'] ?? 'yoga']

/** A server with the options of `createSessionServer`, as far as the other server has them. */
export function onOtherServer(options: SessionServerOptions<any, any>): RequestListener {
  const { data, logging, ...rest } = options
  const own = Object.entries(rest).filter(([name]) => name in sessionOptionNames || name === 'origins')
  const declared = data !== undefined && { data: dataIn(data) }
  const schema = makeSchema({ ...rest, ...declared })
  const logger = typeof logging === 'object' && { logger: logging }
  const sessions = createSessions<any>({
    ...(Object.fromEntries(own) as { store: SessionServerOptions['store'] }),
    ...declared,
    ...logger,
    schema,
  } as Parameters<typeof createSessions<any>>[0])
  const made = otherServer!({ schema, sessions })
  return (request: IncomingMessage, response) => void made.then((listen) => listen(request, response))
}
