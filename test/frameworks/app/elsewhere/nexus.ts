// This is a server whose schema is made by Nexus.

import { useDeferStream } from '@graphql-yoga/plugin-defer-stream'
import { createSessionServer, listen } from 'graphql-session'
import nexus from 'nexus'
import { type MySession, resolvers, sessionOptions } from './application.ts'

const { extendType, makeSchema, objectType, subscriptionType } = nexus
const { Mutation, Query, Slow, Subscription } = resolvers
const types = [
  objectType({ name: 'Slow', definition: (t) => t.boolean('darkMode', { resolve: Slow.darkMode }) }),
  extendType({
    type: 'Query',
    definition: (t) => t.nonNull.field('slow', { type: 'Slow', resolve: Query.slow }),
  }),
  extendType({ type: 'Mutation', definition: (t) => t.nonNull.int('count', { resolve: Mutation.count }) }),
  subscriptionType({
    definition: (t) =>
      t.boolean('darkModes', {
        subscribe: Subscription.darkModes.subscribe,
        resolve: (event: { darkModes: boolean }) => event.darkModes,
      }),
  }),
]

const server = createSessionServer<MySession>({
  ...sessionOptions,
  schema: makeSchema({ types, shouldGenerateArtifacts: false }),
  plugins: [useDeferStream()],
  graphiql: true,
})
await listen(server, { port: Number(process.env['PORT']) })
