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
      const open = new Map<string, Sending>()
      const again = makeSubject<Operation>()
      const end = (key: number): void => {
        for (const [id, own] of open) {
          if (own.key !== key) continue
          own.stop()
          open.delete(id)
        }
      }
      const begun = map((operation: Operation) => {
        if (operation.kind === 'teardown') {
          end(operation.key)
          return operation
        }
        const id = idOf(operation)
        open.get(id)?.stop()
        const attempts = new Attempts(settings, sentDocument(operation.query))
        open.set(id, { key: operation.key, attempts, isRefused: false, stop() {} })
        return withHeaders(operation, settings)
      })
      return pipe(
        merge([begun(operations), again.source]),
        forward,
        filter(({ operation, data, error, hasNext }) => {
          const id = idOf(operation)
          const own = open.get(id)
          if (!own) return true
          // What comes of a mutation after its refusal, as the end of its stream.
          if (own.isRefused) return false
          // Beside the errors of a subscription urql shows the data of the event before.
          const latest = operation.kind === 'subscription' && error ? null : data
          const delay = own.attempts.judge({ data: latest, errors: error?.graphQLErrors })
          if (delay === null) {
            if (!hasNext) open.delete(id)
            return true
          }
          own.isRefused = true
          // A stream that goes on after it was refused would be a second one. A teardown ends all that have its key, and
          // another mutation may have it.
          if (operation.kind !== 'mutation') again.next(makeOperation('teardown', operation))
          own.stop = settings.timer(() => {
            own.isRefused = false
            again.next(operation)
          }, delay)
          return false
        }),
      )
    }
}

/** An operation that is not answered yet. */
interface Sending {
  readonly key: number
  readonly attempts: Attempts
  /** Whether it was refused, and waits to be sent again. */
  isRefused: boolean
  stop(): void
}

/** What tells operations apart, as urql's client does: equal mutations have one key, and run side by side. */
const idOf = ({ key, kind, context: { _instance: instance } }: Operation): string =>
  kind === 'mutation' ? `${key} ${instance}` : `${key}`

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
