// This lays the page out: the shop at the left, and at the right what the server remembers.

import { useQuery } from '@apollo/client/react'
import { useEffect } from 'react'
import { BreakIt } from './break-it.tsx'
import { Cart } from './cart.tsx'
import { Catalogue } from './catalogue.tsx'
import { refresh } from './client.ts'
import { useSessionChanges } from './following.ts'
import { Header } from './header.tsx'
import { Inspector } from './inspector.tsx'
import { Notice, useNotices } from './notice.tsx'
import { Storefront } from './session.ts'
import { useTheme } from './theme.ts'

export function App() {
  const { data, error } = useQuery(Storefront)
  const session = data?.session
  // So long as another device has just ended the session of this cookie, the server answers nobody.
  useEffect(() => {
    const timer = error && !data ? setTimeout(() => void refresh(), 1000) : undefined
    return () => clearTimeout(timer)
  }, [error, data])
  useTheme(session?.darkMode)
  useSessionChanges(session?.handle)
  useNotices(session?.hasFlash)
  return (
    <>
      <Header session={session} />
      <main>
        <div className="shop">
          <div className="intro">
            <h1>Fine goods for early programmers</h1>
            <p>Whatever you do here, the panel shows what the server remembers of it.</p>
            {error && !data && <p role="alert">The server does not answer: {error.message}</p>}
          </div>
          <Catalogue products={data?.catalogue} currency={session?.currency} />
          <Cart session={session} />
          <BreakIt />
        </div>
        <Inspector session={session} />
      </main>
      <footer>
        <a href="/" target="_blank" rel="noopener">
          Open a second tab
        </a>
        <a href="/graphql">GraphiQL</a>
      </footer>
      <Notice />
    </>
  )
}
