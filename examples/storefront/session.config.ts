import { scrypt, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { promisify } from 'node:util'
import { GraphQLError } from 'graphql'
import type { Session, SessionContext, SessionServerConfig } from 'graphql-session'
import { replay } from './replay.ts'
import { rightsIn } from './rights.ts'
import type { CartItem, SessionData as ShopSession } from './session.gen.ts'
import { tabs } from './tabs.ts'

/** What this shop keeps in a session, by key: `npm run codegen` writes it. It types `context.session`. */
export type { ShopSession }

const data = /* GraphQL */ `
  type SessionData {
    "Whether the shop is shown dark."
    darkMode: Boolean! @session(key: "dark_mode", client: [READ, WRITE, DELETE], default: false)
    "What the visitor is about to buy. Only addToCart and removeFromCart write it."
    cart: [CartItem!]! @session(key: "shopping_cart", client: [READ, DELETE], default: [])
    "What prices are shown in."
    currency: Currency! @session(client: [READ, WRITE, DELETE], default: EUR)
    "Who is signed in. A client may sign itself out, never in."
    userId: ID @session(key: "user_id", client: [READ, DELETE])
    loginAttempts: Int! @session(key: "login_attempts", default: 0)
  }

  type CartItem {
    id: ID!
    sku: ID!
    quantity: Int!
  }

  enum Currency {
    EUR
    USD
  }
`

const rights = rightsIn(data)
const readable = rights.filter(({ may }) => may.includes('READ'))

interface Product {
  readonly sku: string
  readonly title: string
  /** In cents, by currency. */
  readonly price: Readonly<Record<ShopSession['currency'], number>>
}

const catalogue: readonly Product[] = [
  { sku: 'tea', title: 'Tea, 100 g', price: { EUR: 890, USD: 990 } },
  { sku: 'engine', title: 'Analytical engine', price: { EUR: 1_700_000, USD: 1_900_000 } },
  { sku: 'cards', title: 'Punched cards, 1,000', price: { EUR: 2400, USD: 2700 } },
  { sku: 'notes', title: 'Notes on the engine', price: { EUR: 1250, USD: 1400 } },
]

interface User {
  readonly id: string
  readonly username: string
  readonly name: string
  /** scrypt (RFC 7914) with Node's default cost. */
  readonly password: { readonly salt: string; readonly hash: string }
}

const users: readonly User[] = [
  {
    id: '1',
    username: 'ada',
    name: 'Ada Lovelace',
    password: { salt: 'c3RvcmVmcm9udC1zYWx0LTE', hash: 'lt_50caAI8AA_aaTfAAj00GdG182Y0QwC8BvYNFCDH8' },
  },
]

const config: SessionServerConfig<ShopSession> = {
  data,
  // Preferences have no types: they are read and written by key, as JSON.
  keys: { 'pref:*': { client: ['read', 'write', 'delete'] } },
  // So short that the page is soon seen to ask for the password. A real shop would take 300.
  devices: { fresh: 60 },

  typeDefs: /* GraphQL */ `
    type User {
      id: ID!
      name: String!
    }

    type LoginPayload implements SessionPayload {
      session: Session!
      user: User!
      "Wrong passwords in this session since its last sign-in."
      failedAttempts: Int!
    }

    type ConfirmPasswordPayload implements SessionPayload {
      session: Session!
    }

    type Product {
      sku: ID!
      title: String!
      "In cents."
      price(currency: Currency!): Int!
    }

    type AddToCartPayload implements SessionPayload {
      session: Session!
      item: CartItem!
    }

    type RemoveFromCartPayload implements SessionPayload {
      session: Session!
    }

    type ReplayOldCookiePayload implements SessionPayload {
      session: Session!
      "What the server answered to the old cookie."
      answer: JSON!
      "Whether that answer set or deleted a cookie."
      setsCookie: Boolean!
    }

    "What clients may do with an entry."
    enum EntryRight {
      READ
      WRITE
      DELETE
    }

    type EntryRights {
      key: String!
      may: [EntryRight!]!
    }

    extend type CartItem {
      product: Product!
    }

    extend type Session {
      "Who is signed in."
      user: User
      "What clients may do with each entry that they may read, for the inspector of the page."
      rights: [EntryRights!]!
      "How many entries there are that no client may read."
      hidden: Int!
    }

    extend type Query {
      "Who is signed in."
      me: User
      catalogue: [Product!]!
    }

    extend type Mutation {
      "Signs in, and keeps the cart of an anonymous visitor. Try ada with the password lovelace."
      login(username: String!, password: String!): LoginPayload!
      "Proves again who is signed in, where the server says SESSION_NOT_FRESH."
      confirmPassword(password: String!): ConfirmPasswordPayload!
      "Adds to the cart. Of two at the same time, none is lost."
      addToCart(sku: ID!, quantity: Int! = 1): AddToCartPayload!
      "Takes an item out of the cart."
      removeFromCart(sku: ID!): RemoveFromCartPayload!
      "Replaces the cookie, and then sends the server a request with the one that this request came with."
      replayOldCookie: ReplayOldCookiePayload!
    }
  `,

  resolvers: {
    Query: {
      me: (_: unknown, __: unknown, { session }: SessionContext<ShopSession>) => userOf(session),
      catalogue: () => catalogue,
    },

    Session: {
      user: userOf,
      rights: () => readable,
      async hidden(session: Session<ShopSession>) {
        const known = new Map<string, readonly string[]>(rights.map(({ key, may }) => [key, may]))
        return (await session.keys()).filter((key) => known.get(key)?.includes('READ') === false).length
      },
    },

    CartItem: { product: ({ sku }: CartItem) => productOf(sku) },

    Product: {
      price: ({ price }: Product, { currency }: { currency: ShopSession['currency'] }) => price[currency],
    },

    Mutation: {
      async login(_: unknown, args: Credentials, { session }: SessionContext<ShopSession>) {
        const user = users.find(({ username }) => username === args.username)
        // Before the password is looked at: who ends all devices meanwhile ends this sign-in, too.
        const ticket = await session.ticket(user?.id ?? 'nobody')
        if (!(await isPassword(args.password, user))) {
          // At once, so that the error below does not undo it.
          await session.update('login_attempts', (attempts) => attempts + 1)
          throw unauthenticated('Unknown username or wrong password.')
        }
        // For the user to see. It slows no attacker down, who drops the cookie and begins at none.
        const failedAttempts = (await session.pop('login_attempts')) ?? 0
        // Against fixation: the secret from before is worthless. Of somebody else's session nothing is carried over.
        await session.identify(user!.id, { ticket, keep: (await session.keys()).filter(isKept) })
        session.set('user_id', user!.id)
        await session.flash(welcome(user!, failedAttempts))
        return { session, user, failedAttempts }
      },

      async confirmPassword(
        _: unknown,
        { password }: Pick<Credentials, 'password'>,
        { session }: SessionContext<ShopSession>,
      ) {
        const user = await userOf(session)
        if (!user) throw unauthenticated('Nobody is signed in.')
        if (!(await isPassword(password, user))) throw unauthenticated('Wrong password.')
        await session.confirm()
        return { session }
      },

      async addToCart(_: unknown, { sku, quantity }: Ordered, { session }: SessionContext<ShopSession>) {
        productOf(sku)
        if (quantity < 1 || quantity > mostOfOne) throw badInput(`A quantity is from 1 to ${mostOfOne}.`)
        const cart = await session.update('shopping_cart', (items) => added(items, sku, quantity))
        return { session, item: cart.find((item) => item.sku === sku) }
      },

      async removeFromCart(_: unknown, { sku }: { sku: string }, { session }: SessionContext<ShopSession>) {
        await session.update('shopping_cart', (items) => items.filter((item) => item.sku !== sku))
        return { session }
      },

      async replayOldCookie(_: unknown, __: unknown, { session, req }: NodeContext) {
        if (await session.isNew()) throw badInput('There is no cookie yet. Put something into the cart.')
        await session.rotate()
        return { session, ...(await replay(req)) }
      },
    },
  },

  graphiql: { title: 'Storefront', defaultTabs: tabs },
}

/** The context of a request that came through node:http. */
interface NodeContext extends SessionContext<ShopSession> {
  readonly req: IncomingMessage
}

interface Ordered {
  readonly sku: string
  readonly quantity: number
}

const mostOfOne = 10_000

function added(items: readonly CartItem[], sku: string, quantity: number): readonly CartItem[] {
  const known = items.find((item) => item.sku === sku)
  // The ids of all types are kept in one table by some caches, so that this one names its type.
  if (!known) return [...items, { id: `CartItem:${sku}`, sku, quantity }]
  const sum = Math.min(known.quantity + quantity, mostOfOne)
  return items.map((item) => (item === known ? { ...item, quantity: sum } : item))
}

function productOf(sku: string): Product {
  const product = catalogue.find((each) => each.sku === sku)
  if (!product) throw badInput('There is no such product.')
  return product
}

const badInput = (message: string): GraphQLError =>
  new GraphQLError(message, { extensions: { code: 'BAD_USER_INPUT' } })

const unauthenticated = (message: string): GraphQLError =>
  new GraphQLError(message, { extensions: { code: 'UNAUTHENTICATED' } })

/**
 * Who is signed in, which takes both: that the session is one of the user's devices, as the user can end it from any
 * other one, and the entry, as a client may sign itself out by deleting it.
 */
async function userOf(session: Session<ShopSession>): Promise<User | undefined> {
  const [owner, id] = await Promise.all([session.owner(), session.get('user_id')])
  return owner === id ? users.find((user) => user.id === id) : undefined
}

/** Whether an entry of a visitor is the user's after the sign-in. */
const isKept = (key: string): boolean =>
  ['shopping_cart', 'dark_mode', 'currency'].includes(key) || key.startsWith('pref:')

function welcome({ name }: User, failedAttempts: number): string {
  const before = failedAttempts > 0 ? ` Wrong passwords before this one: ${failedAttempts}.` : ''
  return `Welcome, ${name}.${before}`
}

interface Credentials {
  readonly username: string
  readonly password: string
}

const derive = promisify<string, Buffer, number, Buffer>(scrypt)
const nobody = { salt: '', hash: Buffer.alloc(32).toString('base64url') }

/** Takes as long for an unknown user as for a wrong password. */
async function isPassword(password: string, user: User | undefined): Promise<boolean> {
  const { salt, hash } = user?.password ?? nobody
  const derived = await derive(password, Buffer.from(salt, 'base64url'), 32)
  return timingSafeEqual(derived, Buffer.from(hash, 'base64url')) && user !== undefined
}

export default config
