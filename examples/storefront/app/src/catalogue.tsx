// This shows what the shop has.

import { useTransition } from 'react'
import type { Currency } from '../generated/graphql.ts'
import { Currencies } from './currencies.tsx'
import { priceIn } from './money.ts'
import { Picture } from './picture.tsx'
import type { StorefrontQuery } from './session.ts'
import { addToCart } from './verbs.ts'

type Product = StorefrontQuery['catalogue'][number]

interface Props {
  readonly products: readonly Product[] | undefined
  readonly currency: Currency | undefined
}

/** As many as the shop has, so that nothing moves when they arrive. */
const places = [1, 2, 3, 4]

export const Catalogue = ({ products, currency }: Props) => (
  <section aria-labelledby="catalogue" aria-busy={!products}>
    <div className="headline">
      <h2 id="catalogue">Catalogue</h2>
      <Currencies chosen={currency} />
    </div>
    <ul className="products">
      {products
        ? products.map((product) => <Card key={product.sku} product={product} currency={currency ?? 'EUR'} />)
        : places.map((place) => <li key={place} className="card waiting" />)}
    </ul>
  </section>
)

function Card({ product, currency }: { readonly product: Product; readonly currency: Currency }) {
  const [isPending, start] = useTransition()
  return (
    <li className="card">
      <Picture sku={product.sku} />
      <h3>{product.title}</h3>
      <p className="price">{priceIn(currency, product)}</p>
      <button
        type="button"
        aria-label={`Add ${product.title}`}
        aria-busy={isPending}
        onClick={() => start(async () => void (await addToCart(product.sku)))}
      >
        Add
      </button>
    </li>
  )
}
