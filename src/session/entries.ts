// This tells which stored entries count, and turns their texts into values and back.

import type { ChangeSet } from './changes.ts'
import type { DeclaredKeys } from './declared.ts'
import { isReserved } from './owner.ts'
import type { Settings } from './settings.ts'
import { decode, encode, type Json } from './value.ts'

/**
 * The end of an entry that lasts for a time of its own: its JSON, a space, and when it ends, in milliseconds since the
 * epoch. Entries are stored as compact JSON, which has no space before a number.
 */
const suffix = / (\d+)$/

/** Where an entry has such an end. The last character tells of most that they have none. */
const endOf = (text: string): RegExpExecArray | null =>
  /\d/.test(text.at(-1) ?? '') ? suffix.exec(text) : null

/** What is known of the text of an entry: its value, undefined where it does not fit, and when it ends (ms). */
interface Known {
  readonly text: string
  readonly value: Json | undefined
  readonly end: number | undefined
}

/**
 * The entries of one session as its verbs see them. A stored entry counts as absent for all of them once its time is
 * over, and while it does not fit what is declared of its key, as the declaration may be younger. No verb that only
 * reads deletes it.
 */
export class Entries {
  readonly #declared: DeclaredKeys | undefined
  readonly #settings: Settings
  readonly #handleOf: () => string | null
  /** What was read of a key last, as several fields of one request may read it: to judge a text takes time. */
  readonly #known = new Map<string, Known>()

  constructor(declared: DeclaredKeys | undefined, settings: Settings, handleOf: () => string | null) {
    this.#declared = declared
    this.#settings = settings
    this.#handleOf = handleOf
  }

  /** The value of a stored text, deeply frozen; undefined where there is none, or one that does not count. */
  read(key: string, text: string | null | undefined): Json | undefined {
    if (text === null || text === undefined) return undefined
    const { value, end } = this.#know(key, text)
    return end !== undefined && end <= this.#settings.clock() ? undefined : value
  }

  /** Whether the time of a stored text is over. */
  #isOver(text: string, now: number): boolean {
    const end = endOf(text)
    return end !== null && Number(end[1]) <= now
  }

  /** The value of a text that was written a moment ago, also where its time is over by now. */
  written(key: string, text: string): Json {
    return this.#know(key, text).value!
  }

  #know(key: string, text: string): Known {
    const known = this.#known.get(key)
    if (known?.text === text) return known
    const end = endOf(text)
    const stored = decode(end ? text.slice(0, end.index) : text)
    const made = { text, end: end ? Number(end[1]) : undefined, value: this.#judged(key, stored) }
    this.#known.set(key, made)
    return made
  }

  #judged(key: string, value: Json): Json | undefined {
    const declared = this.#declared?.get(key)
    if (!declared) return value
    // GraphQL cannot tell an entry that holds null from an absent one.
    if (value === null) return undefined
    if (declared.fits(value)) return value
    this.#settings.emit?.({ type: 'misfit', handle: this.#handleOf(), key })
    return undefined
  }

  /** Whether a stored text counts. Entries of this package itself do not. */
  has(key: string, text: string | null | undefined): boolean {
    if (text === null || text === undefined || isReserved(key)) return false
    const isPlain = !this.#declared?.has(key) && endOf(text) === null
    return isPlain || this.read(key, text) !== undefined
  }

  /** The keys of the entries that count, of those that are stored. */
  keysOf(stored: ReadonlyMap<string, string>): string[] {
    return [...stored].filter(([key, text]) => this.has(key, text)).map(([key]) => key)
  }

  /** The entries that count, of those that are stored. */
  of(stored: ReadonlyMap<string, string>): [key: string, value: Json][] {
    return [...stored].flatMap(([key, text]) => {
      const value = isReserved(key) ? undefined : this.read(key, text)
      return value === undefined ? [] : [[key, value] as [string, Json]]
    })
  }

  /** Whether none of the stored entries counts. */
  isNoneOf(stored: ReadonlyMap<string, string>): boolean {
    for (const [key, text] of stored) if (this.has(key, text)) return false
    return true
  }

  /** The stored entries without those whose time is over. */
  lasting(stored: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
    const now = this.#settings.clock()
    const lasting = [...stored].filter(([, text]) => !this.#isOver(text, now))
    return lasting.length === stored.size ? stored : new Map(lasting)
  }

  /**
   * Adds to changes that the entries whose time is over are deleted, so that they take no room, and that those which
   * are set again come last, as new keys do. Each is expected to be as it was read, since others may have set it again.
   * @param stored - what the session holds, as it was read
   * @returns the given changes where there is nothing to add
   */
  swept(changes: ChangeSet, stored: ReadonlyMap<string, string>): ChangeSet {
    if (changes.clear) return changes
    const now = this.#settings.clock()
    const over = [...stored].filter(
      ([key, text]) => changes.entries.get(key) !== null && this.#isOver(text, now),
    )
    if (over.length === 0) return changes
    const again = over.filter(([key]) => changes.entries.has(key))
    const deleted = over.filter(([key]) => !changes.entries.has(key))
    return {
      ...changes,
      expect: new Map([...over, ...changes.expect]),
      entries: new Map([...deleted.map(([key]) => [key, null] as const), ...changes.entries]),
      last: new Set([...(changes.last ?? []), ...again.map(([key]) => key)]),
    }
  }

  /** Whether changes set a key whose entries last for a time of their own. */
  setsBrief({ entries }: ChangeSet): boolean {
    if (!this.#declared) return false
    for (const [key, text] of entries) {
      if (text !== null && this.#declared.get(key)?.ttl !== undefined) return true
    }
    return false
  }

  /** The value that an absent key is read as; undefined where none is declared. */
  defaultOf(key: string): Json | undefined {
    return this.#declared?.get(key)?.default
  }

  /**
   * The text under which a value is stored.
   * @param isJudged - whether the declaration has made the value what it is
   * @throws {SessionError} SESSION_VALUE_INVALID, SESSION_VALUE_TOO_LARGE
   */
  write(key: string, value: unknown, isJudged = false): string {
    const declared = this.#declared?.get(key)
    const { limits } = this.#settings
    const given = encode(key, value, limits, declared !== undefined)
    if (!declared) return given
    const text = isJudged ? given : encode(key, declared.conform(value, true), limits, true)
    return declared.ttl === undefined ? text : `${text} ${this.#settings.clock() + declared.ttl * 1000}`
  }
}
