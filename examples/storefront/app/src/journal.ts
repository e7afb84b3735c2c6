// This notes the last operation, and what became of the handle by it, for the inspector.

import { ApolloLink } from '@apollo/client'
import { OperationTypeNode, print } from 'graphql'
import { tap } from 'rxjs'

/** An operation that was answered. */
export interface Note {
  readonly name: string
  readonly text: string
  readonly variables: string
  /** What the answer did with the cookie, as far as the handle tells: the page cannot see its cookie. */
  readonly cookie: string
  /** The handle with which the page was loaded. */
  readonly cameWith: string | null
  /** When the last answer came that had the session, as `performance.now()` has it. */
  readonly seenAt: number
}

let last: Note | null = null
let known: string | null = null
let cameWith: string | null = null
const listeners = new Set<() => void>()

/** The last note, for `useSyncExternalStore`. */
export const lastNote = (): Note | null => last

export function onNote(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

/** Notes each operation that passes. It stands before the link that sends. */
export const journal = new ApolloLink((operation, forward) =>
  forward(operation).pipe(
    tap(({ data }) => {
      const { operationName: name = '', operationType, query, variables } = operation
      const handle = handleIn(data)
      // An event is no answer to this tab, but has the time that is left.
      if (operationType === OperationTypeNode.SUBSCRIPTION) {
        if (last && handle) noted({ ...last, seenAt: performance.now() })
        return
      }
      if (last === null) cameWith = handle ?? null
      noted({
        name,
        text: print(query),
        variables: JSON.stringify(variables, (key, value: unknown) => (key === 'password' ? '…' : value)),
        cookie: cookieAfter(handle, name),
        cameWith,
        seenAt: handle === undefined ? (last?.seenAt ?? 0) : performance.now(),
      })
    }),
  ),
)

function noted(note: Note): void {
  last = note
  for (const listener of listeners) listener()
}

function cookieAfter(handle: string | null | undefined, operation: string): string {
  const before = known
  if (handle === undefined) return 'Nothing that shows in the answer.'
  known = handle
  if (handle === before) return handle === null ? 'None: there is nothing to keep.' : 'Unchanged.'
  if (handle === null) return 'Ended: the session is gone.'
  if (before === null)
    return operation === 'Storefront' ? 'Recognised: you were here before.' : 'Set: a session began.'
  return ['SignOut', 'ForgetDevice'].includes(operation)
    ? 'Replaced: the old session is deleted, and a fresh one began.'
    : 'Replaced: a new secret, and the old one is worthless.'
}

/** The handle that an answer ends with: of a query, or of the last mutation. Undefined where none was asked for. */
function handleIn(data: unknown): string | null | undefined {
  const roots: unknown[] = Object.values(data ?? {})
  return roots.reduce<string | null | undefined>((before, root) => {
    const handle = handleOf(has(root, 'session') ? root.session : root)
    return handle === undefined ? before : handle
  }, undefined)
}

const has = <Name extends string>(value: unknown, name: Name): value is Record<Name, unknown> =>
  typeof value === 'object' && value !== null && name in value

function handleOf(value: unknown): string | null | undefined {
  if (!has(value, 'handle')) return undefined
  return typeof value.handle === 'string' ? value.handle : null
}
