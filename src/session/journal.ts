// This keeps the changes that a request has recorded and not saved yet, and drops those of a failed field.

import { type ChangeSet, changeSet, compose, none } from './changes.ts'
import { setsExpiry } from './expiry.ts'
import type { SessionRecord } from './record.ts'

/** A change in which `undefined` stands for a key that is stored already, and only has its place there. */
type Change = Omit<ChangeSet, 'entries'> & {
  readonly entries: ReadonlyMap<string, string | null | undefined>
}

interface Recorded {
  readonly scope: object
  readonly change: Change
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
  /** Whether one of the changes has a place for a key that is stored. */
  #hasPlaces = false

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
    this.#sum = this.isEmpty ? change : compose([this.#sum, change])
    this.#changes.push(recorded)
  }

  /**
   * All recorded changes as one change set that also puts keys last which were stored at once, after others
   * that are not stored yet: each with the text of the record, which is expected there.
   */
  sumOver(record: SessionRecord | null): ChangeSet {
    if (record === null || !this.#hasPlaces) return this.#sum
    const sum = compose(this.#changes.map(({ change }) => filled(change, record.entries)))
    const stored = [...sum.entries].filter(([key, text]) => text !== null && !this.#sum.entries.has(key))
    return { ...sum, expect: new Map(stored) }
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

  /** Whether a change before the place `serial` deletes the key, whatever became of it after. */
  deletes(key: string, serial: number): boolean {
    return this.#changes.some(
      ({ change, serial: place }) => place < serial && change.entries.get(key) === null,
    )
  }

  /** Whether a change before the place `serial` clears. */
  clears(serial: number): boolean {
    return (
      this.#sum.clear && this.#changes.some(({ change, serial: place }) => change.clear && place < serial)
    )
  }

  /** Forgets the changes before a place, which were stored or are void, and keeps those recorded since. */
  forget(count: number): void {
    if (count === this.#count) return this.reset()
    this.#replace(this.#changes.filter(({ serial }) => serial >= count))
  }

  /** Forgets the changes of a scope, and those that verbs which are under way record for it later. */
  drop(scope: object): void {
    this.#dropped.add(scope)
    this.#replace(this.#changes.filter((recorded) => recorded.scope !== scope))
  }

  reset(): void {
    this.#changes = []
    this.#hasPlaces = false
    this.#sum = nothing
  }

  /**
   * Forgets what a change that was stored at once, at the place `serial`, supersedes: changes of its keys
   * before it and, if it cleared, all up to the last clear. To save them at the end of the request would undo
   * it. Changes after it, which were recorded while the store was called, stay.
   *
   * A key is listed where it was first set, though keys that were set before it are stored after it. So it keeps
   * its place among the changes.
   * @param setAt - the place at which the key was first set; null where it is deleted or was stored before
   */
  settle(key: string, serial: number, isCleared: boolean, setAt: number | null): void {
    const cleared = isCleared
      ? this.#changes.findLastIndex(({ change, serial: place }) => change.clear && place < serial)
      : -1
    const changes = this.#changes.slice(cleared + 1).map((recorded) => {
      const { scope, change, serial: place } = recorded
      if (place >= serial || !change.entries.has(key)) return recorded
      const entries = new Map(change.entries)
      if (place === setAt) entries.set(key, undefined)
      else entries.delete(key)
      return { scope, serial: place, change: { ...change, entries } }
    })
    if (setAt === serial) {
      const index = changes.findLastIndex((each) => each.serial < serial) + 1
      const change = { ...nothing, entries: new Map([[key, undefined]]) }
      changes.splice(index, 0, { scope: {}, change, serial })
    }
    this.#replace(changes)
  }

  /**
   * The place of the change that first set a key, as the session is before the place `serial`: `serial` itself
   * where the key is absent, and null where it is in the store.
   * @param isHeld - whether the store has an entry under the key
   */
  setAt(key: string, serial: number, isHeld: boolean): number | null {
    let at = isHeld ? null : serial
    for (const { change, serial: place } of this.#changes) {
      if (place >= serial) break
      const isSet = change.entries.has(key) && change.entries.get(key) !== null
      const isStored = isSet && change.entries.get(key) === undefined
      if (isStored || (isSet && (change.clear || at === serial))) at = place
      else if (!isSet && (change.clear || change.entries.has(key))) at = serial
    }
    return at
  }

  /** The keys that are stored already though they were set after the place at which a key was set, in order. */
  storedAfter(key: string, setAt: number): string[] {
    const stored: string[] = []
    let isAfter = false
    for (const { change, serial } of this.#changes) {
      if (serial < setAt) continue
      for (const [each, text] of change.entries) {
        if (isAfter && text === undefined) stored.push(each)
        isAfter ||= each === key
      }
    }
    return stored
  }

  #replace(changes: readonly Recorded[]): void {
    // What is stored needs no place unless an entry comes before it that is not.
    const first = changes.findIndex(({ change }) => setsEntry(change))
    this.#changes = changes
      .map((each, index) => (index < first || first < 0 ? { ...each, change: plain(each.change) } : each))
      .filter(({ change }) => places(change) || changesSomething(plain(change)))
    this.#hasPlaces = this.#changes.some(({ change }) => places(change))
    this.#sum = compose(this.#changes.map(({ change }) => plain(change)))
  }
}

const nothing = changeSet({})

/** Whether the change has a place for a key that is stored. */
const places = ({ entries }: Change): boolean => {
  for (const text of entries.values()) if (text === undefined) return true
  return false
}

/** The change without keys that are stored. */
const plain = (change: Change): ChangeSet => (places(change) ? filled(change, none) : (change as ChangeSet))

/** The change that puts keys last which are stored, with these texts. */
function filled(change: Change, texts: ReadonlyMap<string, string>): ChangeSet {
  const entries = new Map<string, string | null>()
  const last = new Set(change.last)
  for (const [key, own] of change.entries) {
    const text = own === undefined ? texts.get(key) : own
    if (text === undefined) continue
    entries.set(key, text)
    if (own === undefined) last.add(key)
  }
  return { ...change, entries, last }
}

const changesSomething = ({ clear, entries, policy }: ChangeSet): boolean =>
  clear || entries.size > 0 || policy !== undefined

/** Whether the change sets an entry or a policy, so that there has to be a session to keep it. */
export function adds(change: Pick<ChangeSet, 'entries' | 'policy'>): boolean {
  if (change.policy !== undefined && setsExpiry(change.policy)) return true
  return setsEntry(change)
}

function setsEntry({ entries }: Pick<Change, 'entries'>): boolean {
  for (const text of entries.values()) if (typeof text === 'string') return true
  return false
}
