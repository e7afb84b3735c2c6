// This keeps the changes that a request recorded and has not saved, so that those of a failed field can be dropped.

import { type ChangeSet, changeSet, compose } from './changes.ts'

interface Recorded {
  readonly scope: object
  readonly change: ChangeSet
  /** How many the request had recorded before, whatever became of them. */
  readonly serial: number
}

/** What a request recorded and has not saved yet, in order, each change with the scope that made it. */
export class Journal {
  #changes: Recorded[] = []
  #count = 0
  #sum = nothing

  get isEmpty(): boolean {
    return this.#changes.length === 0
  }

  /** Everything recorded, as one change set. */
  get sum(): ChangeSet {
    return this.#sum
  }

  /** How many changes the request ever recorded: those until now are to be forgotten once they are stored. */
  get count(): number {
    return this.#count
  }

  record(scope: object, change: ChangeSet): void {
    if (!changesSomething(change)) return
    this.#sum = this.isEmpty ? change : compose(this.#sum, change)
    this.#changes.push({ scope, change, serial: this.#count++ })
  }

  /** Forgets what was stored, the first so many, and not what others recorded in the meantime. */
  forget(count: number): void {
    this.#replace(this.#changes.filter(({ serial }) => serial >= count))
  }

  /** Forgets what a scope recorded. */
  drop(scope: object): void {
    this.#replace(this.#changes.filter((recorded) => recorded.scope !== scope))
  }

  reset(): void {
    this.#replace([])
  }

  /** Forgets what is superseded by a change that was stored at once: it may not be redone at the end. */
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

/** Whether a session has to exist for the change to be kept. */
export function adds({ entries, policy }: Pick<ChangeSet, 'entries' | 'policy'>): boolean {
  if (policy) return true
  for (const text of entries.values()) if (text !== null) return true
  return false
}
