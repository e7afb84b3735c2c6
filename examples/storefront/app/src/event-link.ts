// This is the link that reads the events of a subscription, by the EventSource of the browser.

import { ApolloLink, Observable } from '@apollo/client'
import { print } from 'graphql'

/** Reads each event stream by a GET. Where the connection breaks, the browser opens it again. */
export const eventLink = (uri: string): ApolloLink =>
  new ApolloLink(
    ({ query, variables }) =>
      new Observable((observer) => {
        const search = new URLSearchParams({ query: print(query), variables: JSON.stringify(variables) })
        const source = new EventSource(`${uri}?${search}`)
        source.addEventListener('next', ({ data }: MessageEvent<string>) => observer.next(JSON.parse(data)))
        source.addEventListener('complete', () => {
          // A server that ends a stream is asked for it again by the browser otherwise.
          source.close()
          observer.complete()
        })
        source.addEventListener('error', () => {
          if (source.readyState === EventSource.CLOSED)
            observer.error(new Error('The server sends no events.'))
        })
        return () => source.close()
      }),
  )
