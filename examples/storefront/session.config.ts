import { scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { GraphQLError } from 'graphql'
import type { SessionContext, SessionServerConfig } from 'graphql-session'
import { tabs } from './tabs.ts'

/** What this shop keeps in a session. It types `context.session` and the declarations below. */
export interface ShopSession {
  dark_mode: boolean
  shopping_cart: { sku: string; quantity: number }[]
  user_id: string
  login_attempts: number
  [preference: `pref:${string}`]: string | number | boolean
}

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
  keys: {
    dark_mode: { client: ['read', 'write', 'delete'] },
    shopping_cart: { client: ['read', 'write', 'delete'] },
    'pref:*': { client: ['read', 'write', 'delete'] },
    // A client may sign itself out, never in.
    user_id: { client: ['read', 'delete'] },
    login_attempts: {},
  },

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

    extend type Query {
      "Who is signed in."
      me: User
    }

    extend type Mutation {
      "Signs in, and keeps the cart of an anonymous visitor. Try ada with the password lovelace."
      login(username: String!, password: String!): LoginPayload!
    }
  `,

  resolvers: {
    Query: {
      async me(_: unknown, __: unknown, { session }: SessionContext<ShopSession>) {
        const id = await session.get('user_id')
        return users.find((user) => user.id === id)
      },
    },

    Mutation: {
      async login(_: unknown, args: Credentials, { session }: SessionContext<ShopSession>) {
        const user = users.find(({ username }) => username === args.username)
        if (!(await isPassword(args.password, user))) {
          // At once, so that the error below does not undo it.
          await session.update('login_attempts', (attempts = 0) => attempts + 1)
          throw new GraphQLError('Unknown username or wrong password.', {
            extensions: { code: 'UNAUTHENTICATED' },
          })
        }
        // For the user to see. It slows no attacker down, who drops the cookie and begins at none.
        const failedAttempts = (await session.pop('login_attempts')) ?? 0
        const present = await session.get('user_id')
        // Against fixation: the id from before is worthless now. Somebody else's session is not carried over.
        if (present === undefined || present === user!.id) await session.rotate()
        else await session.flush()
        session.set('user_id', user!.id)
        return { session, user, failedAttempts }
      },
    },
  },

  graphiql: { title: 'Storefront', defaultTabs: tabs },
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
