// This is the server that the package has itself, with the schema that the probe asks.

import { useDeferStream } from '@graphql-yoga/plugin-defer-stream'
import { createSessionServer, listen } from 'graphql-session'
import { type MySession, resolvers, sessionOptions, typeDefs } from './application.ts'

const server = createSessionServer<MySession>({
  ...sessionOptions,
  typeDefs,
  resolvers,
  plugins: [useDeferStream()],
  graphiql: true,
})

await listen(server, { port: Number(process.env['PORT']) })
