// GraphQL Code Generator writes this file, by graphql-session/codegen.

import type * as $session from 'graphql-session'

/** What a session holds, by key. */
export interface SessionData extends $session.Declared {
  /** Whether the shop is shown dark. */
  dark_mode: boolean
  /** What the visitor is about to buy. Only addToCart and removeFromCart write it. */
  shopping_cart: readonly CartItem[]
  /** What prices are shown in. */
  currency: Currency
  /** Who is signed in. A client may sign itself out, never in. */
  user_id?: string
  login_attempts: number
  [key: `pref:${string}`]: string | number | boolean | undefined
}

export interface CartItem {
  readonly id: string
  readonly sku: string
  readonly quantity: number
}

export type Currency = 'EUR' | 'USD'
