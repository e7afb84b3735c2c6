// This keeps the changes that a request has recorded and not saved yet, and drops those of a failed field.

import { type ChangeSet, changeSet, compose } from './changes.ts'

interface Recorded {
  readonly scope: object
  readonly change: ChangeSet
  /** How many changes the request had recorded before this one, also those dropped or saved since. */
  readonly serial: number
}

/**
 * The changes that a request has recorded and not saved yet, in their order. Each has a scope: the field or
 * operation that recorded it, as an object.
 */
export class Journal {
  #changes: Recorded[] = []
  #count = 0
  #sum = nothing

  get isEmpty(): boolean {
    return this.#changes.length === 0
  }

  /** All recorded changes as one change set. */
  get sum(): ChangeSet {
    return this.#sum
  }

  /** How many changes the request ever recorded. `forget` takes it once those until now are stored. */
  get count(): number {
    return this.#count
  }

  record(scope: object, change: ChangeSet): void {
    if (!changesSomething(change)) return
    this.#sum = this.isEmpty ? change : compose(this.#sum, change)
    this.#changes.push({ scope, change, serial: this.#count++ })
  }

  /** Forgets the first `count` changes ever recorded, which were stored, and keeps those recorded since. */
  forget(count: number): void {
    this.#replace(this.#changes.filter(({ serial }) => serial >= count))
  }

  /** Forgets the changes of a scope. */
  drop(scope: object): void {
    this.#replace(this.#changes.filter((recorded) => recorded.scope !== scope))
  }

  reset(): void {
    this.#replace([])
  }

  /**
   * Forgets what a change that was stored at once supersedes: earlier changes of its keys and, if it cleared,
   * all up to the last clear. To save them at the end of the request would undo it.
   */
  settle(stored: ChangeSet): void {
    const cleared = stored.clear ? this.#changes.findLastIndex(({ change }) => change.clear) : -1
    this.#replace(
      this.#changes.slice(cleared + 1).map(({ scope, change, serial }) => ({
        scope,
        serial,
        change: {
          ...change,
          entries: new Map([...change.entries].filter(([key]) => !stored.entries.has(key))),
        },
      })),
    )
  }

  #replace(changes: readonly Recorded[]): void {
    this.#changes = changes.filter(({ change }) => changesSomething(change))
    this.#sum = this.#changes.reduce((sum, { change }) => compose(sum, change), nothing)
  }
}

const nothing = changeSet({})

const changesSomething = ({ clear, entries, policy }: ChangeSet): boolean =>
  clear || entries.size > 0 || policy !== undefined

/** Whether the change sets an entry or a policy, so that there has to be a session to keep it. */
export function adds({ entries, policy }: Pick<ChangeSet, 'entries' | 'policy'>): boolean {
  if (policy) return true
  for (const text of entries.values()) if (text !== null) return true
  return false
}
