// This is the schema that the probe asks, and what it declares of the session.

import { type SessionContext, sessionResolvers, sessionTypeDefs, type SessionOptions } from 'graphql-session'
import { createSchema, type YogaInitialContext } from 'graphql-yoga'
import { store } from './store.ts'

export interface MySession {
  dark_mode: boolean
  count: number
}

export const typeDefs = /* GraphQL */ `
  extend type Query {
    slow: Slow!
  }
  type Slow {
    darkMode: Boolean
  }
  extend type Mutation {
    count: Int!
  }
  extend type Subscription {
    darkModes: Boolean
  }
`

type Context = SessionContext<MySession>

export const resolvers = {
  Query: { slow: () => ({}) },
  Slow: { darkMode: (_: unknown, __: {}, { session }: Context) => session.get('dark_mode', false) },
  Mutation: {
    count: (_: unknown, __: {}, { session }: Context) => session.update('count', (count = 0) => count + 1),
  },
  Subscription: {
    darkModes: {
      async *subscribe(_: unknown, __: {}, { session }: Context) {
        yield { darkModes: await session.get('dark_mode', false) }
      },
    },
  },
}

export const schema = createSchema<YogaInitialContext & Context>({
  typeDefs: [sessionTypeDefs, typeDefs],
  resolvers: [sessionResolvers, resolvers],
})

export const sessionOptions = {
  store,
  keys: { dark_mode: { client: ['read', 'write', 'delete'] } },
} satisfies SessionOptions<MySession>
