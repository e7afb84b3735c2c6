// This keeps the changes that a request has recorded and not saved yet, and drops those of a failed field.

import { type ChangeSet, changeSet, compose } from './changes.ts'
import { setsExpiry } from './expiry.ts'

interface Recorded {
  readonly scope: object
  readonly change: ChangeSet
  /** The place of the change among all that the request recorded, also those dropped or saved since. */
  readonly serial: number
}

/**
 * The changes that a request has recorded and not saved yet, in their order. Each has a scope: the field or
 * operation that recorded it, as an object.
 */
export class Journal {
  #changes: Recorded[] = []
  readonly #dropped = new WeakSet()
  #count = 0
  #sum = nothing

  get isEmpty(): boolean {
    return this.#changes.length === 0
  }

  /** All recorded changes as one change set. */
  get sum(): ChangeSet {
    return this.#sum
  }

  /** The place of the next change. `forget` takes it once those before it are stored. */
  get count(): number {
    return this.#count
  }

  /** Takes the place of a change that cannot be recorded yet. A verb that has to wait acts at its place. */
  reserve(): number {
    return this.#count++
  }

  /** @param serial - the reserved place of the change; without it, the change comes after all others */
  record(scope: object, change: ChangeSet, serial = this.reserve()): void {
    if (!changesSomething(change) || this.#dropped.has(scope)) return
    const recorded = { scope, change, serial }
    const place = this.#changes.findLastIndex((each) => each.serial < serial) + 1
    if (place < this.#changes.length) return this.#replace(this.#changes.toSpliced(place, 0, recorded))
    this.#sum = this.isEmpty ? change : compose(this.#sum, change)
    this.#changes.push(recorded)
  }

  /**
   * What the changes before the place `serial` make of a key: its text, or null where they delete or clear
   * it; undefined where they leave it.
   */
  textOf(key: string, serial: number): string | null | undefined {
    let text: string | null | undefined
    for (const { change, serial: place } of this.#changes) {
      if (place >= serial) break
      const own = change.entries.get(key)
      if (own !== undefined) text = own
      else if (change.clear) text = null
    }
    return text
  }

  /** Whether a change before the place `serial` clears. */
  clears(serial: number): boolean {
    return (
      this.#sum.clear && this.#changes.some(({ change, serial: place }) => change.clear && place < serial)
    )
  }

  /** Forgets the changes before a place, which were stored or are void, and keeps those recorded since. */
  forget(count: number): void {
    this.#replace(this.#changes.filter(({ serial }) => serial >= count))
  }

  /** Forgets the changes of a scope, and those that verbs which are under way record for it later. */
  drop(scope: object): void {
    this.#dropped.add(scope)
    this.#replace(this.#changes.filter((recorded) => recorded.scope !== scope))
  }

  reset(): void {
    this.#replace([])
  }

  /**
   * Forgets what a change that was stored at once, at the place `serial`, supersedes: changes of its keys
   * before it and, if it cleared, all up to the last clear. To save them at the end of the request would undo
   * it. Changes after it, which were recorded while the store was called, stay.
   */
  settle(stored: ChangeSet, serial: number): void {
    const cleared = stored.clear
      ? this.#changes.findLastIndex(({ change, serial: place }) => change.clear && place < serial)
      : -1
    this.#replace(
      this.#changes.slice(cleared + 1).map((recorded) => {
        const { scope, change, serial: place } = recorded
        if (place >= serial) return recorded
        const entries = new Map([...change.entries].filter(([key]) => !stored.entries.has(key)))
        return { scope, serial: place, change: { ...change, entries } }
      }),
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
  if (policy !== undefined && setsExpiry(policy)) return true
  for (const text of entries.values()) if (text !== null) return true
  return false
}
