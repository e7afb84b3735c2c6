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
          const sendAgain = (answer: Answer): boolean => {
            const delay = attempts.judge(answer)
            if (delay === null) return false
            isRefused = true
            stop()
            stop = settings.timer(send, delay)
            return true
          }
          operation.setContext(({ headers }) => ({ headers: { ...headers, ...settings.headers } }))
          const sending = forward(operation).subscribe({
            next(result) {
              if (!isRefused && !sendAgain(result as Answer)) observer.next(result)
            },
            error(error: unknown) {
              // This is how the link of graphql-ws hands on the errors in which an operation ends.
              const { errors } = (error ?? {}) as Answer
              if (!Array.isArray(errors) || !sendAgain({ errors })) observer.error(error)
            },
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
