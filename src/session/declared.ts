// This defines what a session has to know of an entry that the application has declared.

import type { KeyRight } from './key-declarations.ts'
import type { Json } from './value.ts'

/** One declared entry: who may do what with it, and which values it can have. */
export interface DeclaredKey {
  /** The rights that every client has. */
  readonly granted: ReadonlySet<KeyRight>
  /** The value that an absent entry is read as, deeply frozen; undefined where there is none. It is not stored. */
  readonly default: Json | undefined
  /** Seconds from its last write after which the entry is absent; undefined where it lasts as long as the session. */
  readonly ttl: number | undefined
  /**
   * Gives the form in which a value is stored that a client or a resolver gave.
   * @throws {SessionError} SESSION_VALUE_INVALID, naming the place in the value, and not the value
   */
  conform(value: unknown): Json
  /** Whether a stored value fits the declaration, which may be younger than the value. */
  fits(value: Json): boolean
}

/** The declared entries by their key in the store. */
export type DeclaredKeys = ReadonlyMap<string, DeclaredKey>
