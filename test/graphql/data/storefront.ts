// This has the declaration of a storefront, and a server that answers by a declaration.

import { makeExecutableSchema } from '@graphql-tools/schema'
import type { GraphQLSchema } from 'graphql'
import { createYoga } from 'graphql-yoga'
import type { SessionDataSchema } from '../../../src/graphql/data/session-data.ts'
import { useSession } from '../../../src/graphql/use-session.ts'
import { memoryStore } from '../../../src/stores/memory.ts'
import { Client } from '../../support/harness.ts'

export const storefront = `
  type SessionData {
    "Whether the shop is shown dark."
    darkMode: Boolean! @session(client: [READ, WRITE, DELETE], default: false, key: "dark_mode")
    "What is in the cart."
    cart: [CartItem!]! @session(client: [READ, DELETE], default: [], key: "shopping_cart")
    currency: Currency! @session(client: [READ, WRITE, DELETE], default: EUR)
    userId: ID @session(client: [READ, DELETE], key: "user_id")
    "How often somebody tried to sign in."
    loginAttempts: Int! @session(default: 0)
  }
  type CartItem { id: ID!  sku: ID!  quantity: Int! }
  enum Currency { EUR USD }
`

export const schemaOf = (
  { typeDefs, resolvers }: SessionDataSchema<any>,
  more: { typeDefs?: string; resolvers?: object } = {},
): GraphQLSchema =>
  makeExecutableSchema({
    typeDefs: [typeDefs, more.typeDefs ?? []].flat(),
    resolvers: [resolvers as {}, more.resolvers ?? {}],
  })

/** Makes a client of a server whose sessions hold what is declared. */
export function clientOf(
  data: SessionDataSchema<any>,
  schema = schemaOf(data),
  store = memoryStore({ max: 100 }),
): Client {
  return new Client(
    createYoga({
      schema,
      logging: false,
      plugins: [useSession<any>({ store, data })],
    }),
  )
}
