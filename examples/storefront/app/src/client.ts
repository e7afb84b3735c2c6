// This is the Apollo Client of the page, with a cache that has no settings, and what keeps its tabs together.

import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from '@apollo/client'
import { onSessionChange } from 'graphql-session/client'
import { sessionLink } from 'graphql-session/client/apollo'
import { journal } from './journal.ts'

const changes = ['login', 'addToCart', 'removeFromCart', 'updateSessionData', 'replayOldCookie']

export const client = new ApolloClient({
  link: ApolloLink.from([sessionLink({ changes }), journal, new HttpLink({ uri: '/graphql' })]),
  cache: new InMemoryCache(),
})

let isAsking = false
let isDue = false

/** Asks again for what is on the screen: once more at the end where something changed meanwhile. */
export async function refresh(): Promise<void> {
  isDue = true
  if (isAsking) return
  isAsking = true
  while (isDue) {
    isDue = false
    // What fails is shown by the query itself.
    await client.refetchQueries({ include: 'active' }).catch(() => {})
  }
  isAsking = false
}

onSessionChange(() => void refresh())
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible') void refresh()
})
