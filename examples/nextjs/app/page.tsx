// This is the page. It is rendered anew for each request, as it reads the cookie of the visitor.

import { GetSessionDocument } from '../documents.gen'
import { query } from '../session'
import { addTea, login, logout } from './actions'
import { AskAgain } from './ask-again'
import { Cart } from './cart'

export default async function Page() {
  const { data, errors } = await query(GetSessionDocument)
  const codes = errors?.map(({ extensions }) => extensions?.code) ?? []
  // Another request of this visitor has just signed in or out. The browser has the new cookie, or will in a moment.
  if (codes.some((code) => code === 'SESSION_MOVED' || code === 'SESSION_GONE')) return <AskAgain />
  if (!data || errors) throw new Error(`GraphQL answered ${codes.join(', ')}.`)

  const { session } = data
  return (
    <main>
      <h1>{session.user ? `Hello, ${session.user.name}.` : 'Hello.'}</h1>
      <p>{session.handle ?? 'No session yet.'}</p>
      <Cart rendered={session} />
      <form action={addTea}>
        <button>Add tea</button>
      </form>
      {session.user ? (
        <form action={logout}>
          <button>Sign out</button>
        </form>
      ) : (
        <form action={login}>
          <input name="username" aria-label="Name" autoComplete="username" defaultValue="ada" />
          <input name="password" aria-label="Password" type="password" autoComplete="current-password" />
          <button>Sign in</button>
        </form>
      )}
    </main>
  )
}
