// This is the shop behind the page: its data are fields of Session, and so is who is signed in.

import { GraphQLError } from 'graphql'
import type { SessionContext } from '../../src/graphql/use-session.ts'
import { createSessionServer } from '../../src/server/create-session-server.ts'
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
type ShopSession = Context['session']

/** What `type SessionData { darkMode: Boolean! cart: [CartItem!]! currency: Currency! userId: ID }` stands for. */
const dataTypeDefs = /* GraphQL */ `
  type CartItem {
    id: ID!
    sku: String!
    quantity: Int!
  }
  input CartItemInput {
    id: ID!
    sku: String!
    quantity: Int!
  }
  enum Currency {
    EUR
    USD
  }
  extend type Session {
    darkMode: Boolean!
    cart: [CartItem!]!
    currency: Currency!
    userId: ID
  }
  input SessionDataInput {
    darkMode: Boolean
    cart: [CartItemInput!]
    currency: Currency
  }
  enum SessionDataKey {
    DARK_MODE
    CART
    CURRENCY
    USER_ID
  }
  type PoppedSessionData {
    darkMode: Boolean
    cart: [CartItem!]
    currency: Currency
    userId: ID
  }
  type UpdateSessionDataPayload implements SessionPayload {
    session: Session!
  }
  type PopSessionDataPayload implements SessionPayload {
    session: Session!
    popped: PoppedSessionData!
  }
  extend type Mutation {
    updateSessionData(data: SessionDataInput!): UpdateSessionDataPayload!
    popSessionData(keys: [SessionDataKey!]!): PopSessionDataPayload!
  }
`

const names = { DARK_MODE: 'darkMode', CART: 'cart', CURRENCY: 'currency', USER_ID: 'userId' } as const

const dataResolvers = {
  SessionDataKey: names,
  Session: {
    darkMode: async (session: ShopSession) => (await session.get('darkMode')) ?? false,
    cart: async (session: ShopSession) => (await session.get('cart')) ?? [],
    currency: async (session: ShopSession) => (await session.get('currency')) ?? 'EUR',
    userId: (session: ShopSession) => session.get('userId'),
  },
  Mutation: {
    async updateSessionData(_: unknown, { data }: { data: Partial<ShopData> }, { session }: Context) {
      for (const [name, value] of Object.entries(data) as [keyof ShopData, never][]) {
        if (value === null) await session.delete(name)
        else session.set(name, value)
      }
      return { session }
    },
    async popSessionData(_: unknown, { keys }: { keys: (keyof ShopData)[] }, { session }: Context) {
      const popped: Record<string, unknown> = {}
      for (const key of keys) popped[key] = await session.pop(key)
      return { session, popped }
    },
  },
}

const shopTypeDefs = /* GraphQL */ `
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

const shopResolvers = {
  Session: {
    user: async (session: ShopSession) =>
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

/** The SDL of the shop without what the session has itself. */
export const typeDefs = [dataTypeDefs, shopTypeDefs]

const all = { client: ['read', 'write', 'delete'] } as const

export const createShop = () =>
  createSessionServer<ShopData>({
    store: memoryStore({ max: 100 }),
    keys: { darkMode: all, cart: all, currency: all, userId: { client: ['read', 'delete'] } },
    logging: 'warn',
    typeDefs,
    resolvers: [dataResolvers, shopResolvers],
  })
