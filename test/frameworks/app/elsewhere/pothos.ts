// This is a server whose schema is made by Pothos.

import { useDeferStream } from '@graphql-yoga/plugin-defer-stream'
import SchemaBuilder from '@pothos/core'
import { createSessionServer, listen, type SessionContext } from 'graphql-session'
import { type MySession, sessionOptions } from './application.ts'

const builder = new SchemaBuilder<{ Context: SessionContext<MySession> }>({})
const slow = builder.objectRef<{}>('Slow').implement({
  fields: (t) => ({
    darkMode: t.boolean({ resolve: (_, __, { session }) => session.get('dark_mode', false) }),
  }),
})
builder.queryType({ fields: (t) => ({ slow: t.field({ type: slow, resolve: () => ({}) }) }) })
builder.mutationType({
  fields: (t) => ({
    count: t.int({ resolve: (_, __, { session }) => session.update('count', (count = 0) => count + 1) }),
  }),
})
builder.subscriptionType({
  fields: (t) => ({
    darkModes: t.boolean({
      async *subscribe(_, __, { session }) {
        yield await session.get('dark_mode', false)
      },
      resolve: (mode) => mode as boolean,
    }),
  }),
})

const server = createSessionServer<MySession>({
  ...sessionOptions,
  schema: builder.toSchema(),
  plugins: [useDeferStream()],
  graphiql: true,
})
await listen(server, { port: Number(process.env['PORT']) })
