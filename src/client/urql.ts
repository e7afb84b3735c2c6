// This is the exchange that keeps an urql client signed in.

import { type Exchange, makeOperation, type Operation } from '@urql/core'
import { filter, makeSubject, map, merge, pipe } from 'wonka'
import { Attempts, type SessionClientOptions, Settings } from './attempts.ts'
import { sentDocument } from './operation.ts'

/**
 * An exchange for urql, to stand before `fetchExchange`: it sends an operation again that was answered by `SESSION_MOVED`,
 * adds the header `session-join`, and tells the other tabs of changes.
 *
 * ```ts
 * new Client({ url: '/graphql', exchanges: [cacheExchange, sessionExchange(), fetchExchange] })
 * ```
 */
export function sessionExchange(options: SessionClientOptions = {}): Exchange {
  const settings = new Settings(options)
  return ({ forward }) =>
    (operations) => {
      const open = new Map<number, { readonly attempts: Attempts; stop: () => void }>()
      const again = makeSubject<Operation>()
      const begun = map((operation: Operation) => {
        open.get(operation.key)?.stop()
        open.delete(operation.key)
        if (operation.kind === 'teardown') return operation
        open.set(operation.key, {
          attempts: new Attempts(settings, sentDocument(operation.query)),
          stop() {},
        })
        return withHeaders(operation, settings)
      })
      return pipe(
        merge([begun(operations), again.source]),
        forward,
        filter(({ operation, data, error, hasNext }) => {
          const own = open.get(operation.key)
          if (!own) return true
          const delay = own.attempts.judge({ data, errors: error?.graphQLErrors })
          if (delay === null) {
            if (!hasNext) open.delete(operation.key)
            return true
          }
          // A stream that goes on after it was refused would be a second one.
          again.next(makeOperation('teardown', operation))
          own.stop = settings.timer(() => again.next(operation), delay)
          return false
        }),
      )
    }
}

/** Adds the headers when the operation is sent, also when it is sent again. */
function withHeaders(operation: Operation, settings: Settings): Operation {
  const { context, kind } = operation
  const fetchOptions = (): RequestInit => {
    const given = typeof context.fetchOptions === 'function' ? context.fetchOptions() : context.fetchOptions
    const headers = new Headers(given?.headers)
    for (const [name, value] of Object.entries(settings.headers)) headers.set(name, value)
    return { ...given, headers }
  }
  return makeOperation(kind, operation, { ...context, fetchOptions })
}
