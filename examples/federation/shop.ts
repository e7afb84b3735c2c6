// This is what the subgraph has: its modules, with that of the sessions among them, and its plugins.

import { parse } from 'graphql'
import {
  type SessionContext,
  sessionResolvers,
  sessionTypeDefs,
  useSession,
  useSessionGate,
} from 'graphql-session'
import { memoryStore } from 'graphql-session/stores/memory'

interface MySession {
  dark_mode: boolean
}

const typeDefs = /* GraphQL */ `
  extend type Mutation {
    "Takes anybody at their word."
    login(user: ID!): Boolean!
  }
`

const resolvers = {
  Mutation: {
    async login(_: unknown, { user }: { user: string }, { session }: SessionContext<MySession>) {
      await session.identify(user)
      return true
    },
  },
}

export const modules = [
  { typeDefs: parse(sessionTypeDefs), resolvers: sessionResolvers as {} },
  { typeDefs: parse(typeDefs), resolvers },
]

export const plugins = [
  useSession<MySession>({
    store: memoryStore({ max: 10_000 }),
    keys: { dark_mode: { client: ['read', 'write', 'delete'] } },
  }),
  useSessionGate({ origins: ['http://localhost:3000'] }),
]
