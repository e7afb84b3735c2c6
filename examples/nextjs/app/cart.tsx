'use client'

import { sessionFetch } from 'graphql-session/client'
import { useState } from 'react'
import {
  UpdateSessionDataDocument,
  type SessionAllFragment,
  type UpdateSessionDataMutation,
} from '../documents.gen'
import type { Answer } from '../session'

/** It sends again what was answered by `SESSION_MOVED`: a browser has the new cookie by then. */
const send = sessionFetch()

/** The cart and the theme, as the server has rendered them until the browser knows better. */
export function Cart({ rendered }: { rendered: SessionAllFragment }) {
  const [answer, setAnswer] = useState({ rendered, session: rendered })
  // After an action the server has rendered again, and that is newer than what the browser was answered before.
  const { cart, darkMode } = answer.rendered === rendered ? answer.session : rendered

  async function turnDark(): Promise<void> {
    const response = await send('/graphql', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        query: UpdateSessionDataDocument.toString(),
        variables: { data: { darkMode: !darkMode } },
      }),
    })
    const { data }: Answer<UpdateSessionDataMutation> = await response.json()
    if (data) setAnswer({ rendered, session: data.updateSessionData.session })
  }

  return (
    <section data-theme={darkMode ? 'dark' : 'light'}>
      <ul>
        {cart.map(({ id, quantity, product }) => (
          <li key={id}>{`${quantity} ${product.title}`}</li>
        ))}
      </ul>
      <button onClick={() => void turnDark()}>{darkMode ? 'Turn light' : 'Turn dark'}</button>
    </section>
  )
}
