// This defines what a session has to know of an entry that the application has declared.

import { SessionError } from './errors.ts'
import { encode, type Json, type Limits } from './value.ts'

/**
 * What a client may be allowed to do with a key. `popSessionKey` needs `read` and `delete`, and
 * `setDefaultSessionKey` needs `read` and `write`.
 */
export type KeyRight = 'read' | 'write' | 'delete'

/** One declared entry: who may do what with it, and which values it can have. */
export interface DeclaredKey {
  /** The rights that every client has. */
  readonly granted: ReadonlySet<KeyRight>
  /** The value that an absent entry is read as, deeply frozen; undefined where there is none. It is not stored. */
  readonly default: Json | undefined
  /** Seconds from its last write after which the entry is absent; undefined where it lasts as long as the session. */
  readonly ttl: number | undefined
  /** Whether what a visitor has stored stays when somebody signs in. @default false */
  readonly keepsOnSignIn?: boolean
  /**
   * Gives the form in which a value is stored that a client or a resolver gave.
   * @param isOfResolver - whether parts that are not declared are kept: a resolver writes back what it has read, also
   * what another version of the application has stored
   * @throws {SessionError} SESSION_VALUE_INVALID, naming the place in the value, and not the value
   */
  conform(value: unknown, isOfResolver?: boolean): Json
  /** Whether a stored value fits the declaration, which may be younger than the value. */
  fits(value: Json): boolean
}

/** The declared entries by their key in the store. */
export type DeclaredKeys = ReadonlyMap<string, DeclaredKey>

/**
 * What `sessionData` makes of a declaration, as far as a session needs it.
 * @typeParam Data - the application's keys and the types of their values
 */
export interface DeclaredData<Data extends object = Record<string, Json>> {
  /** The declared entries by their key in the store. */
  readonly keys: DeclaredKeys
  /** Only for the compiler, and never there. */
  readonly '~data'?: Data
}

/**
 * The declared entries of the option `data`; undefined where it is left out.
 * @throws {SessionError} CONFIG_INVALID, also for a default that could not be written
 */
export function declaredIn(data: DeclaredData<object> | undefined, limits: Limits): DeclaredKeys | undefined {
  if (data === undefined) return undefined
  if (!((data as Partial<DeclaredData> | null)?.keys instanceof Map)) {
    throw new SessionError('CONFIG_INVALID', 'data must be made by sessionData().')
  }
  for (const [key, { default: standing }] of data.keys) {
    if (standing !== undefined) checkDefault(key, standing, limits)
  }
  return data.keys
}

function checkDefault(key: string, standing: Json, limits: Limits): void {
  try {
    encode(key, standing, limits, true)
  } catch {
    throw new SessionError(
      'CONFIG_INVALID',
      `data: the default of "${key}" is larger than limits.valueBytes, which is ${limits.valueBytes} bytes of JSON.`,
    )
  }
}

declare const isDeclared: unique symbol

/**
 * A type of session data of which a declaration holds: `interface ShopSession extends Declared { … }`. A key that is not
 * optional has a default there, so that reading it gives no undefined.
 */
export interface Declared {
  readonly [isDeclared]?: never
}

/** What reading a key can give beside its value. Keys of a pattern, such as `pref:*`, have no default. */
export type IfAbsent<Data, Key extends keyof Data> = typeof isDeclared extends keyof Data
  ? Key extends Named<Data>
    ? undefined extends Data[Key]
      ? undefined
      : never
    : undefined
  : undefined

/** The keys of a type that are no pattern. */
type Named<Data> = keyof {
  [Key in keyof Data as {} extends Record<Key, unknown> ? never : Key]: never
}
