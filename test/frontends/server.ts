// This is the shop behind the page: its data are fields of Session, and so is who is signed in.

import { GraphQLError } from 'graphql'
import { sessionData } from '../../src/graphql/data/session-data.ts'
import type { SessionContext } from '../../src/graphql/use-session.ts'
import { createSessionServer } from '../../src/server/create-session-server.ts'
import { makeSchema } from '../../src/server/schema.ts'
import { memoryStore } from '../../src/stores/memory.ts'

interface CartItem {
  readonly id: string
  readonly sku: string
  readonly quantity: number
}

interface ShopData {
  darkMode: boolean
  cart: CartItem[]
  currency: 'EUR' | 'USD'
  userId: string
}
type Context = SessionContext<ShopData>

const data = sessionData<ShopData>(/* GraphQL */ `
  type SessionData {
    darkMode: Boolean! @session(client: [READ, WRITE, DELETE], default: false)
    cart: [CartItem!]! @session(client: [READ, WRITE, DELETE], default: [])
    currency: Currency! @session(client: [READ, WRITE, DELETE], default: EUR)
    userId: ID @session(client: [READ, DELETE])
  }
  type CartItem {
    id: ID!
    sku: String!
    quantity: Int!
  }
  enum Currency {
    EUR
    USD
  }
`)

const typeDefs = /* GraphQL */ `
  type User {
    id: ID!
    name: String!
  }
  extend type Session {
    user: User
  }
  type AddToCartPayload implements SessionPayload {
    session: Session!
  }
  type LoginPayload implements SessionPayload {
    session: Session!
  }
  extend type Mutation {
    addToCart(sku: String!, quantity: Int!): AddToCartPayload!
    login(password: String!): LoginPayload!
  }
`

const resolvers = {
  Session: {
    user: async (session: Context['session']) =>
      (await session.get('userId')) === 'ada' ? { id: 'User:ada', name: 'Ada' } : null,
  },
  Mutation: {
    async addToCart(_: unknown, { sku, quantity }: Omit<CartItem, 'id'>, { session }: Context) {
      await session.update('cart', (cart = []) => {
        const there = cart.find((item) => item.sku === sku)
        const item = { id: `CartItem:${sku}`, sku, quantity: quantity + (there?.quantity ?? 0) }
        return there ? cart.map((other) => (other.sku === sku ? item : other)) : [...cart, item]
      })
      return { session }
    },
    async login(_: unknown, { password }: { password: string }, { session }: Context) {
      if (password !== 'lovelace')
        throw new GraphQLError('Wrong.', { extensions: { code: 'WRONG_PASSWORD' } })
      await session.rotate()
      session.set('userId', 'ada')
      return { session }
    },
  },
}

/** What Relay's compiler reads. */
export const schema = makeSchema({ data, typeDefs, resolvers })

export const createShop = () =>
  createSessionServer<ShopData>({
    store: memoryStore({ max: 100 }),
    data,
    typeDefs,
    resolvers,
    logging: 'warn',
  })
