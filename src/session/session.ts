// This is the session that a resolver holds: the verbs of Django's session, with values instead of text.

import { SessionError } from './errors.ts'
import { endsWithBrowser, type Expiry, encodePolicy } from './expiry.ts'
import type { KeyRight, KeyRules } from './keys.ts'
import type { UnitOfWork } from './unit-of-work.ts'
import { checkKey, decode, encode, type Json } from './value.ts'

type Key<Data> = keyof Data & string
/** A key that may be absent is declared optional; the value itself is never undefined. */
type Value<Data, K extends keyof Data> = Exclude<Data[K], undefined>
/** What was read can be written back. */
type Input<Data, K extends keyof Data> = Value<Data, K> | Frozen<Value<Data, K>>

/** Values come back deeply frozen: a change in place throws, instead of not being saved. */
export type Frozen<T> = Json extends T ? T : T extends object ? { readonly [K in keyof T]: Frozen<T[K]> } : T

/** What a session is made of, for code of this package that does with it what resolvers cannot. */
export let partsOf: (session: AnySession) => { readonly unit: UnitOfWork; readonly rules: KeyRules }

/**
 * The session of one request, with the verbs of Django's session. The store is read at the first use, once.
 *
 * `set`, `merge`, `delete`, `clear` and `setExpiry` are recorded and saved together at the end of the
 * request. `pop`, `setDefault`, `update`, `flush` and `rotate` act at once: when the promise resolves the
 * store has it, and a later error does not undo it. Reads see what the request wrote.
 *
 * Every verb can fail with `SESSION_KEY_INVALID` and, where it needs the store, with
 * `SESSION_STORE_UNAVAILABLE` or `SESSION_STORE_TIMEOUT`.
 *
 * @typeParam Data - the application's keys and the types of their values
 */
export class Session<Data extends object = Record<string, Json>> {
  readonly #unit: UnitOfWork
  readonly #rules: KeyRules
  readonly #scope: () => object

  static {
    partsOf = (session) => ({ unit: session.#unit, rules: session.#rules })
  }

  /** Made by `useSession` and `openSession`. */
  constructor(unit: UnitOfWork, rules: KeyRules, scope: () => object) {
    this.#unit = unit
    this.#rules = rules
    this.#scope = scope
  }

  /** The value, or `fallback` when the key is absent. A stored null is a value. */
  get<K extends Key<Data>>(key: K): Promise<Frozen<Value<Data, K>> | undefined>
  get<K extends Key<Data>, F>(key: K, fallback: F): Promise<Frozen<Value<Data, K>> | F>
  async get(key: string, fallback?: unknown): Promise<unknown> {
    checkKey(key)
    const text = (await this.#unit.view()).entries.get(key)
    return text === undefined ? fallback : decode(text)
  }

  async has(key: Key<Data>): Promise<boolean> {
    checkKey(key)
    return (await this.#unit.view()).entries.has(key)
  }

  /** In the order in which the keys were first set. */
  async keys(): Promise<Key<Data>[]> {
    return [...(await this.#unit.view()).entries.keys()] as Key<Data>[]
  }

  /** In the order of `keys()`. */
  async entries(): Promise<{ [K in Key<Data>]: [K, Frozen<Value<Data, K>>] }[Key<Data>][]> {
    const { entries } = await this.#unit.view()
    return [...entries].map(([key, text]) => [key, decode(text)]) as never
  }

  async isEmpty(): Promise<boolean> {
    return (await this.#unit.view()).entries.size === 0
  }

  /**
   * Sets one entry. The value is copied now: changing the object afterwards has no effect.
   * @throws {SessionError} SESSION_VALUE_INVALID, SESSION_VALUE_TOO_LARGE, SESSION_TOO_LARGE, SESSION_HEADERS_SENT
   */
  set<K extends Key<Data>>(key: K, value: Input<Data, K>): void {
    this.#unit.record(this.#scope(), { entries: new Map([[key, this.#encode(key, value)]]) })
  }

  /** Sets every given entry, or none of them. @throws {SessionError} as `set` */
  merge(data: { readonly [K in Key<Data>]?: Input<Data, K> }): void {
    const entries = new Map<string, string>()
    for (const [key, value] of Object.entries(data)) entries.set(key, this.#encode(key, value))
    this.#unit.record(this.#scope(), { entries })
  }

  /** @returns whether the key was there; unlike Django's `del`, an absent key is no error. */
  async delete(key: Key<Data>): Promise<boolean> {
    if (!(await this.has(key))) return false
    this.#unit.record(this.#scope(), { entries: new Map([[key, null]]) })
    return true
  }

  /**
   * Takes a value out, once: of two requests at the same time one gets it and the other finds nothing.
   * @throws {SessionError} SESSION_CONFLICT, SESSION_GONE
   */
  pop<K extends Key<Data>>(key: K): Promise<Frozen<Value<Data, K>> | undefined>
  pop<K extends Key<Data>, F>(key: K, fallback: F): Promise<Frozen<Value<Data, K>> | F>
  async pop(key: string, fallback?: unknown): Promise<unknown> {
    checkKey(key)
    let taken: string | null = null
    await this.#unit.change(key, (text) => {
      taken = text
      return text === null ? undefined : null
    })
    return taken === null ? fallback : decode(taken)
  }

  /**
   * Sets the entry only where the key is absent; of two requests at the same time one does. `value` is the
   * one that stands.
   * @throws {SessionError} as `set`, SESSION_CONFLICT, SESSION_GONE
   */
  async setDefault<K extends Key<Data>>(
    key: K,
    value: Input<Data, K>,
  ): Promise<{ value: Frozen<Value<Data, K>>; created: boolean }> {
    const given = this.#encode(key, value)
    let standing = given
    let created = false
    await this.#unit.change(key, (text) => {
      created = text === null
      standing = text ?? given
      return created ? given : undefined
    })
    return { value: decode(standing) as Frozen<Value<Data, K>>, created }
  }

  /**
   * Computes a new value from the present one, without losing anybody's update: compare-and-set, retried
   * when another request was faster. So `compute` can run several times, and must do nothing else.
   * Without a session it creates one.
   * @returns the value stored
   * @throws {SessionError} as `set`, SESSION_CONFLICT, SESSION_GONE
   */
  async update<K extends Key<Data>>(
    key: K,
    compute: (current: Frozen<Value<Data, K>> | undefined) => Input<Data, K>,
  ): Promise<Frozen<Value<Data, K>>> {
    checkKey(key)
    let stored = ''
    await this.#unit.change(key, (text) => {
      stored = this.#encode(
        key,
        compute(text === null ? undefined : (decode(text) as Frozen<Value<Data, K>>)),
      )
      return stored
    })
    return decode(stored) as Frozen<Value<Data, K>>
  }

  /** Deletes every entry and the expiry set by `setExpiry`; keeps the id and the cookie. Does not read the store. */
  clear(): void {
    this.#unit.record(this.#scope(), { clear: true })
  }

  /**
   * Deletes the session from the store, and goes on in a fresh, empty one with a new id and cookie. For
   * signing out. Does nothing without a session.
   * @returns whether a stored session was deleted
   * @throws {SessionError} SESSION_HEADERS_SENT, SESSION_NOT_REVOCABLE
   */
  flush(): Promise<boolean> {
    return this.#unit.flush()
  }

  /**
   * New secret and id; the same entries, `createdAt` and absolute deadline. For signing in, against session
   * fixation. The old cookie is worthless at once. Does nothing without a stored session.
   * @throws {SessionError} SESSION_GONE, SESSION_HEADERS_SENT, SESSION_NOT_REVOCABLE
   */
  rotate(): Promise<void> {
    return this.#unit.rotate()
  }

  /**
   * @param expiry - seconds without activity, `'browser-close'`, a date (a past one ends the session now),
   * or null for the server's own setting. The server's absolute timeout applies all the same.
   * @throws {SessionError} SESSION_EXPIRY_INVALID, SESSION_HEADERS_SENT
   */
  setExpiry(expiry: Expiry): void {
    this.#unit.record(this.#scope(), { policy: encodePolicy(expiry) })
  }

  /** Public handle: the digest of the secret. Null while there is nothing to store. */
  id(): Promise<string | null> {
    return this.#unit.id()
  }

  /** True until the session is stored for the first time. */
  async isNew(): Promise<boolean> {
    return !(await this.#unit.isStored())
  }

  /** Null while there is nothing to store. Rotation does not change it. */
  async createdAt(): Promise<Date | null> {
    return toDate(await this.#unit.createdAt())
  }

  /** When the session ends if nothing renews it; null while there is nothing to store. */
  async expiresAt(): Promise<Date | null> {
    return toDate(await this.#unit.expiresAt())
  }

  /** Whole seconds until `expiresAt`, rounded down. */
  async expiresIn(): Promise<number | null> {
    const at = await this.#unit.expiresAt()
    return at === null ? null : Math.max(0, Math.floor((at - this.#unit.settings.clock()) / 1000))
  }

  async expiresAtBrowserClose(): Promise<boolean> {
    return endsWithBrowser((await this.#unit.view()).policy)
  }

  /**
   * Saves what was recorded. Only needed outside a request.
   * @throws {SessionError} SESSION_GONE, SESSION_TOO_LARGE, SESSION_HEADERS_SENT
   */
  save(): Promise<void> {
    return this.#unit.save()
  }

  /** Whether the declarations in `keys` give clients this right. Resolvers themselves are not restricted. */
  clientMay(right: KeyRight, key: string): boolean {
    return this.#rules.mayClient(right, key)
  }

  /**
   * For a resolver that does with a key what a client asks for.
   * @throws {SessionError} SESSION_KEY_INVALID, SESSION_KEY_FORBIDDEN unless the declarations give clients each right
   */
  checkClientMay(key: string, ...rights: KeyRight[]): void {
    checkKey(key)
    if (rights.every((right) => this.#rules.mayClient(right, key))) return
    this.#unit.forbid(key)
    throw new SessionError('SESSION_KEY_FORBIDDEN', `"${key}" is not for clients to ${rights.join(' and ')}.`)
  }

  #encode(key: string, value: unknown): string {
    checkKey(key)
    return encode(key, value, this.#unit.settings.limits)
  }
}

/** A session of whatever keys: what resolvers take that serve any application. */
// oxlint-disable-next-line typescript/no-explicit-any -- nothing else is a supertype of every Session<Data>
export type AnySession = Session<any>

const toDate = (at: number | null): Date | null => (at === null ? null : new Date(at))
