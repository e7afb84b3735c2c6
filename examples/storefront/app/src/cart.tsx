// This shows what the visitor is about to buy. It is as high for nothing as for everything, so that nothing moves.

import { useRef } from 'react'
import { priceIn, sumOf } from './money.ts'
import type { Session } from './session.ts'
import { removeFromCart } from './verbs.ts'

export function Cart({ session }: { readonly session: Session | undefined }) {
  const heading = useRef<HTMLHeadingElement>(null)
  const remove = async (sku: string): Promise<void> => {
    await removeFromCart(sku)
    // The button that had the focus is gone.
    heading.current?.focus()
  }
  const items = session?.cart ?? []
  const currency = session?.currency ?? 'EUR'
  const count = items.reduce((sum, { quantity }) => sum + quantity, 0)
  return (
    <section className="cart" aria-labelledby="cart" aria-busy={!session}>
      <h2 id="cart" ref={heading} tabIndex={-1}>
        Cart <small aria-live="polite">{session && (count === 1 ? '1 thing' : `${count} things`)}</small>
      </h2>
      <ul className={session ? 'lines' : 'lines waiting'}>
        {items.map(({ id, sku, quantity, product }) => (
          <li key={id}>
            <span className="quantity">{quantity}</span>
            <span className="title">{product.title}</span>
            <span className="price">{priceIn(currency, product, quantity)}</span>
            <button type="button" aria-label={`Remove ${product.title}`} onClick={() => void remove(sku)}>
              ×
            </button>
          </li>
        ))}
        {session && items.length === 0 && (
          <li className="empty">Nothing yet. Add something: it begins your session.</li>
        )}
      </ul>
      <p className="total">
        <span>Total</span> <strong>{session && priceIn(currency, sumOf(items))}</strong>
      </p>
    </section>
  )
}
