// This tells which stored entries count, and turns their texts into values and back.

import type { DeclaredKeys } from './declared.ts'
import { SessionError } from './errors.ts'
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

/**
 * The entries of one session as its verbs see them. A stored entry counts as absent for all of them once its time is
 * over, and while it does not fit what is declared of its key, as the declaration may be younger. No verb that only
 * reads deletes it.
 */
export class Entries {
  readonly #declared: DeclaredKeys | undefined
  readonly #settings: Settings
  readonly #handleOf: () => string | null
  /** The keys of which the listener has heard that their value does not fit. */
  #misfits: Set<string> | undefined

  constructor(declared: DeclaredKeys | undefined, settings: Settings, handleOf: () => string | null) {
    this.#declared = declared
    this.#settings = settings
    this.#handleOf = handleOf
  }

  /** The value of a stored text, deeply frozen; undefined where there is none, or one that does not count. */
  read(key: string, text: string | null | undefined): Json | undefined {
    if (text === null || text === undefined) return undefined
    const end = endOf(text)
    if (end && Number(end[1]) <= this.#settings.clock()) return undefined
    const value = decode(end ? text.slice(0, end.index) : text)
    const declared = this.#declared?.get(key)
    if (!declared) return value
    // GraphQL cannot tell an entry that holds null from an absent one.
    if (value === null) return undefined
    if (declared.fits(value)) return value
    this.#tellMisfit(key)
    return undefined
  }

  /** Whether a stored text counts. */
  has(key: string, text: string | null | undefined): boolean {
    if (text === null || text === undefined) return false
    const isPlain = !this.#declared?.has(key) && endOf(text) === null
    return isPlain || this.read(key, text) !== undefined
  }

  /** The entries that count, of those that are stored. */
  of(stored: ReadonlyMap<string, string>): [key: string, text: string][] {
    return [...stored].filter(([key, text]) => this.has(key, text))
  }

  /** The value that an absent key is read as; undefined where none is declared. */
  defaultOf(key: string): Json | undefined {
    return this.#declared?.get(key)?.default
  }

  /**
   * The text under which a value is stored.
   * @throws {SessionError} SESSION_VALUE_INVALID, SESSION_VALUE_TOO_LARGE
   */
  write(key: string, value: unknown): string {
    const text = encode(key, value, this.#settings.limits)
    const declared = this.#declared?.get(key)
    if (!declared) return text
    if (value === null || !declared.fits(value as Json)) {
      throw new SessionError('SESSION_VALUE_INVALID', `The value for "${key}" does not fit its declaration.`)
    }
    return declared.ttl === undefined ? text : `${text} ${this.#settings.clock() + declared.ttl * 1000}`
  }

  #tellMisfit(key: string): void {
    this.#misfits ??= new Set()
    if (this.#misfits.has(key)) return
    this.#misfits.add(key)
    this.#settings.emit?.({ type: 'misfit', handle: this.#handleOf(), key })
  }
}
