import { GraphQLScalarType } from 'graphql'
import { expect, it } from 'vitest'
import { dataTypes } from '../../src/codegen/data-types.ts'
import { sessionData } from '../../src/graphql/data/session-data.ts'

const shop = `
  "What the shop keeps."
  type SessionData {
    """
    Whether the shop is shown dark.
    It says */ here.
    """
    darkMode: Boolean! @session(client: [READ, WRITE], default: false, key: "dark_mode")
    cart: [CartItem!]! @session(client: [READ], default: [], key: "shop.cart")
    currency: Currency @session(default: EUR)
    seen: [[Int]] @deprecated(reason: "Nobody reads it.")
    at: DateTime
    big: Big
    any: JSON
    target: Target
    mfa: Challenge @session(ttl: 300)
  }
  "One thing in the cart."
  type CartItem { id: ID!  "How many." quantity: Int! @session(default: 1)  note: String  more: [CartItem!] }
  enum Currency { EUR USD }
  scalar Big
  union Target = CartItem | Challenge
  type Challenge { nonce: String!  details: JSONObject!  extra: [JSON] }
`
const Big = new GraphQLScalarType({ name: 'Big' })

it('writes the stored form of each key, and of the types in them', () => {
  expect(dataTypes(sessionData(shop, { scalars: [Big] }))).toBe(`\
import type * as $session from 'graphql-session'

/** What the shop keeps. */
export interface SessionData extends $session.Declared {
  /**
   * Whether the shop is shown dark.
   * It says *\\/ here.
   */
  dark_mode: boolean
  'shop.cart': readonly CartItem[]
  currency: Currency
  /** @deprecated Nobody reads it. */
  seen?: readonly (readonly (number | null)[] | null)[]
  at?: string
  big?: string
  any?: $session.Json
  target?: Target
  mfa?: Challenge
}

/** One thing in the cart. */
export interface CartItem {
  readonly id: string
  /** How many. */
  readonly quantity: number
  readonly note?: string | null
  readonly more?: readonly CartItem[] | null
}

export type Currency = 'EUR' | 'USD'

export type Target =
  | (CartItem & { readonly __typename: 'CartItem' })
  | (Challenge & { readonly __typename: 'Challenge' })

export interface Challenge {
  readonly nonce: string
  readonly details: { readonly [name: string]: $session.Json }
  readonly extra?: readonly ($session.Json | null)[] | null
}
`)
})

it('takes the types of scalars, keys and patterns that it is told', () => {
  const written = dataTypes(
    sessionData('type SessionData { a: Big b: JSON! @session(default: []) } scalar Big', { scalars: [Big] }),
    {
      scalars: { Big: '`${number}`' },
      keys: { b: 'readonly (1 | 2)[]', 'c.d': 'number', 'pref:*': 'string' },
    },
  )
  expect(written).toContain(`\
  a?: \`\${number}\`
  b: readonly (1 | 2)[]
  'c.d'?: number
  [key: \`pref:\${string}\`]: string | undefined
}`)
})

it('writes the same of a declaration that is formatted in another way, or is an object', () => {
  const text = `type SessionData { "Dark?" dark: Boolean! @session(default: false) ids: [ID!] @session(client: [READ]) }`
  const object = sessionData({
    dark: { type: 'Boolean!', description: 'Dark?', default: false },
    ids: { type: '[ID!]', client: ['read'] },
  })
  const written = [sessionData(text), sessionData(text.replaceAll(' ', '\n\n  ')), object].map((data) =>
    dataTypes(data),
  )
  expect(new Set(written).size).toBe(1)
  expect(written[0]).toContain('  /** Dark? */\n  dark: boolean\n  ids?: readonly string[]\n')
})
