// This is the link that keeps an Apollo Client signed in.

import { ApolloLink, Observable } from '@apollo/client/core'
import { type Answer, Attempts, type SessionClientOptions, Settings } from './attempts.ts'
import { sentDocument } from './operation.ts'

/**
 * A link for Apollo Client, to stand before the one that sends: it sends an operation again that was answered by
 * `SESSION_MOVED`, adds the header `session-join`, and tells the other tabs of changes.
 *
 * ```ts
 * new ApolloClient({ link: sessionLink().concat(new HttpLink({ uri: '/graphql' })), cache: new InMemoryCache() })
 * ```
 */
export function sessionLink(options: SessionClientOptions = {}): ApolloLink {
  const settings = new Settings(options)
  return new ApolloLink(
    (operation, forward) =>
      new Observable((observer) => {
        const attempts = new Attempts(settings, sentDocument(operation.query, operation.operationName))
        let stop = nothing
        const send = (): void => {
          let isRefused = false
          operation.setContext(({ headers }) => ({ headers: { ...headers, ...settings.headers } }))
          const sending = forward(operation).subscribe({
            next(result) {
              if (isRefused) return
              const delay = attempts.judge(result as Answer)
              if (delay === null) return observer.next(result)
              isRefused = true
              stop()
              stop = settings.timer(send, delay)
            },
            error: (error: unknown) => observer.error(error),
            complete() {
              if (!isRefused) observer.complete()
            },
          })
          if (isRefused) sending.unsubscribe()
          else stop = () => sending.unsubscribe()
        }
        send()
        return () => stop()
      }),
  )
}

const nothing = (): void => {}
