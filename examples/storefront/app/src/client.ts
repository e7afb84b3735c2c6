// This is the Apollo Client of the page, with a cache that has no settings.

import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from '@apollo/client'
import { OperationTypeNode } from 'graphql'
import { sessionLink } from 'graphql-session/client/apollo'
import { eventLink } from './event-link.ts'
import { journal } from './journal.ts'

const changes = [
  'login',
  'confirmPassword',
  'replayOldCookie',
  'addToCart',
  'removeFromCart',
  'updateSessionData',
]

const sending = ApolloLink.split(
  ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
  eventLink('/graphql'),
  new HttpLink({ uri: '/graphql' }),
)

export const client = new ApolloClient({
  link: ApolloLink.from([sessionLink({ changes }), journal, sending]),
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
