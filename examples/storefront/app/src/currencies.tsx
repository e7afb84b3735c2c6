// This lets the visitor choose what prices are shown in.

import type { Currency } from '../generated/graphql.ts'
import { save } from './verbs.ts'

const currencies: readonly Currency[] = ['EUR', 'USD']

export const Currencies = ({ chosen }: { readonly chosen: Currency | undefined }) => (
  <fieldset className="choice">
    <legend className="unseen">Currency</legend>
    {currencies.map((currency) => (
      <label key={currency}>
        <input
          type="radio"
          name="currency"
          checked={chosen === currency}
          disabled={!chosen}
          onChange={() => void save({ currency })}
        />
        <span>{currency}</span>
      </label>
    ))}
  </fieldset>
)
