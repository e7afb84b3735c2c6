// This writes prices.

import type { Currency } from '../generated/graphql.ts'

/** What something costs in each currency, in cents. */
interface Prices {
  readonly eur: number
  readonly usd: number
}

export function priceIn(currency: Currency, { eur, usd }: Prices, quantity = 1): string {
  const cents = (currency === 'EUR' ? eur : usd) * quantity
  return new Intl.NumberFormat('en', { style: 'currency', currency }).format(cents / 100)
}

export const sumOf = (items: readonly { readonly quantity: number; readonly product: Prices }[]): Prices => ({
  eur: items.reduce((sum, { quantity, product }) => sum + quantity * product.eur, 0),
  usd: items.reduce((sum, { quantity, product }) => sum + quantity * product.usd, 0),
})
