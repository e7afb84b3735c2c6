// This defines the session that a resolver holds: the verbs of Django's session, on values instead of text.

import type { IfAbsent, KeyRight } from './declared.ts'
import { labelOf, ownerName, type SessionDevice, toDevice } from './device.ts'
import { SessionError } from './errors.ts'
import { endsWithBrowser, type Expiry, encodePolicy } from './expiry.ts'
import { flashKey, noticesIn, withNotice } from './flash.ts'
import type { KeyRules } from './key-declarations.ts'
import { checkNumber, checkOptions } from './options.ts'
import type { UnitOfWork } from './unit-of-work.ts'
import { checkKey, encode, type Json, type JsonInput, type Refused, type Storable } from './value.ts'
import { mindVerbs } from './verb-promise.ts'

type Key<Data> = keyof Data & string
/** The type of a value. A key that may be absent is declared optional, and its value is never undefined. */
type Value<Data, K extends keyof Data> = Exclude<Data[K], undefined>
/** What can be written as a value of a type, also the frozen value that was read. */
type Writable<V> = [IsRefused<V>] extends [true] ? Storable<V> : V | Frozen<V>
type IsRefused<V> = [V] extends [Storable<V>] ? false : true

/**
 * What can be written under a key: what fits each of them, where the key is one of several. Of a key that is a type
 * parameter the compiler takes the last branch, where it can prove no other, so that `Data[K]` fits `K`, where it holds no objects.
 */
type Input<Data, K extends keyof Data> = [IsMixed<Data, K>] extends [true]
  ? Fitting<Data, K>
  : Writable<Value<Data, K>>
type IsMixed<Data, K extends keyof Data> = [Value<Data, K>] extends [Fitting<Data, K>] ? false : true
/** The intersection, which TypeScript infers for the parameter of a union of functions. */
type Fitting<Data, K extends keyof Data> = (
  K extends unknown ? (value: Writable<Value<Data, K>>) => void : never
) extends (value: infer Each) => void
  ? [Each] extends [never]
    ? Refused<'The key is one of several whose values have nothing in common. Set each by its own name.'>
    : Each
  : never

/** Refuses names that are no keys, as those of a computed name are: `{ [key]: value }` fits any of them. */
type Known<Given, Data> = {
  [
    Name in Exclude<keyof Given & string, Key<Data>>
  ]: Refused<'There is no such key, or it is one of several.'>
}

/**
 * How `identify` signs an owner in.
 * @typeParam Name - the application's keys
 */
export interface IdentifyOptions<Name extends string = string> {
  /** Of `ticket`, taken before the password was looked at. @default taken now, which is late */
  readonly ticket?: string
  /** What the owner is shown of the device, at most 64 characters. @default none */
  readonly label?: string
  /** The keys of the entries that a visitor has stored and the owner keeps. @default those declared with `onSignIn` */
  readonly keep?: readonly Name[]
  /** Any text that changes with the owner's password. Only a digest of it is stored. @default none */
  readonly stamp?: string
}

/** A value as a session gives it. It is deeply frozen: a change in place throws instead of being lost. */
export type Frozen<T> = Json extends T ? T : T extends object ? { readonly [K in keyof T]: Frozen<T[K]> } : T

/**
 * Gives the parts of a session to other code of this package that needs more than a resolver may use.
 * @internal
 */
export let partsOf: (session: AnySession) => {
  readonly unit: UnitOfWork
  readonly rules: KeyRules
  readonly scope: () => object
}

/**
 * The session of one request, with the verbs of Django's session. The store is read at the first use, once.
 *
 * `set`, `merge`, `delete`, `clear` and `setExpiry` record a change, and all changes of a request are saved
 * together at its end. `pop`, `setDefault`, `update`, `flush` and `rotate` act at once: when the promise
 * resolves the store has the change, and a later error does not undo it. Reads see what the request has
 * written.
 *
 * Every verb that takes a key throws SESSION_KEY_INVALID for a malformed one, and every verb that gives a
 * promise can reject with SESSION_STORE_UNAVAILABLE or SESSION_STORE_TIMEOUT. Each verb lists its other
 * codes.
 *
 * A verb takes effect at the point where it is called, also among verbs that are not awaited. A failure that
 * nobody awaits does not end the process: `save` throws it, or in a GraphQL request it becomes the answer
 * (SESSION_GONE, SESSION_CONFLICT and a failure of the store) or is logged (mistakes of the resolver).
 *
 * @typeParam Data - the application's keys and the types of their values
 */
export class Session<Data extends object = Record<string, Json>> {
  readonly #unit: UnitOfWork
  readonly #rules: KeyRules
  readonly #scope: () => object

  static {
    partsOf = (session) => ({ unit: session.#unit, rules: session.#rules, scope: session.#scope })
    mindVerbs(
      this.prototype as AnySession,
      [
        ...(['get', 'has', 'keys', 'entries', 'isEmpty', 'handle', 'isNew', 'save'] as const),
        ...(['createdAt', 'expiresAt', 'expiresIn', 'expiresAtBrowserClose'] as const),
        ...(['owner', 'hasFlash', 'ticket', 'devices', 'requireFresh', 'checkStamp'] as const),
      ],
      [
        ...(['delete', 'pop', 'setDefault', 'update', 'flush', 'rotate'] as const),
        ...([
          'flash',
          'popFlash',
          'identify',
          'claim',
          'confirm',
          'endDevice',
          'endOtherDevices',
          'endAllDevices',
        ] as const),
      ],
      (session, promise) => session.#unit.watch(promise),
    )
  }

  /** @internal `useSession` and `openSession` make sessions. */
  constructor(unit: UnitOfWork, rules: KeyRules, scope: () => object) {
    this.#unit = unit
    this.#rules = rules
    this.#scope = scope
  }

  /**
   * Reads a value. A stored null is a value, unless the key is declared.
   * @returns the declared default when the key is absent; undefined where it has none
   */
  get<K extends Key<Data>>(key: K): Promise<Frozen<Value<Data, K>> | IfAbsent<Data, K>>
  /** Reads a value. @returns `fallback` when the key is absent. A stored null is a value. */
  get<K extends Key<Data>, F>(key: K, fallback: F): Promise<Frozen<Value<Data, K>> | F>
  async get(key: string, fallback?: unknown): Promise<unknown> {
    checkKey(key)
    const { entries } = this.#unit
    const value = entries.read(key, (await this.#unit.view()).entries.get(key))
    if (value !== undefined) return value
    return fallback === undefined ? entries.defaultOf(key) : fallback
  }

  /** Whether the key is there, also with the value null. */
  async has(key: Key<Data>): Promise<boolean> {
    checkKey(key)
    return this.#unit.entries.has(key, (await this.#unit.view()).entries.get(key))
  }

  /**
   * Lists the keys, in the order in which they were first set. A key that was deleted and is set again comes last.
   * The order is the same whether verbs share a request or are saved one by one.
   */
  async keys(): Promise<Key<Data>[]> {
    return this.#unit.entries.keysOf((await this.#unit.view()).entries) as Key<Data>[]
  }

  /** Lists keys with their values, in the order of `keys()`. */
  async entries(): Promise<{ [K in Key<Data>]: [K, Frozen<Value<Data, K>>] }[Key<Data>][]> {
    return this.#unit.entries.of((await this.#unit.view()).entries) as never
  }

  /** Whether the session has no entries, or there is no session. */
  async isEmpty(): Promise<boolean> {
    return this.#unit.entries.isNoneOf((await this.#unit.view()).entries)
  }

  /**
   * Sets one entry. The value is copied at once, so that to change the object afterwards has no effect.
   * @throws {SessionError} SESSION_VALUE_INVALID, SESSION_VALUE_TOO_LARGE, SESSION_TOO_LARGE,
   * SESSION_HEADERS_SENT
   */
  set<K extends Key<Data>>(key: K, value: Input<Data, K>): void {
    this.#unit.record(this.#scope(), { entries: new Map([[key, this.#encode(key, value)]]) })
  }

  /**
   * Sets every given entry, or none of them, like Django's `update`, in the order in which the object lists its
   * keys: those like `10` come first, in ascending order (ECMA-262, OrdinaryOwnPropertyKeys).
   * @throws {SessionError} SESSION_VALUE_INVALID, SESSION_VALUE_TOO_LARGE, SESSION_TOO_LARGE,
   * SESSION_HEADERS_SENT
   */
  merge<Given extends { readonly [K in Key<Data>]?: Input<Data, K> }>(
    data: Given & Known<Given, Data>,
  ): void {
    const entries = new Map<string, string>()
    for (const [key, value] of Object.entries(data)) entries.set(key, this.#encode(key, value))
    this.#unit.record(this.#scope(), { entries })
  }

  /**
   * Deletes one entry. Unlike Django's `del`, it does not throw for an absent key.
   * @returns whether the key was there: of several calls in one request, beside `pop`, one gets true
   * @throws {SessionError} SESSION_HEADERS_SENT
   */
  async delete(key: Key<Data>): Promise<boolean> {
    checkKey(key)
    return this.#unit.delete(this.#scope(), key)
  }

  /**
   * Takes a value out, once: of two requests at the same time one gets it and the other finds nothing.
   * @returns undefined when the key is absent
   * @throws {SessionError} SESSION_CONFLICT, SESSION_GONE; with a `cookieStore` SESSION_HEADERS_SENT
   */
  pop<K extends Key<Data>>(key: K): Promise<Frozen<Value<Data, K>> | undefined>
  /**
   * Takes a value out, once: of two requests at the same time one gets it and the other finds nothing.
   * @returns `fallback` when the key is absent
   * @throws {SessionError} SESSION_CONFLICT, SESSION_GONE; with a `cookieStore` SESSION_HEADERS_SENT
   */
  pop<K extends Key<Data>, F>(key: K, fallback: F): Promise<Frozen<Value<Data, K>> | F>
  async pop(key: string, fallback?: unknown): Promise<unknown> {
    checkKey(key)
    let taken: Json | undefined
    await this.#unit.change(key, (text) => {
      taken = this.#unit.entries.read(key, text)
      return taken === undefined ? undefined : null
    })
    return taken === undefined ? fallback : taken
  }

  /**
   * Sets an entry if its key is absent, like Django's `setdefault`. Of two requests at the same time only one
   * sets it. Without a session it creates one.
   * @returns the value that the key has from then on, and whether this call set it
   * @throws {SessionError} SESSION_VALUE_INVALID, SESSION_VALUE_TOO_LARGE, SESSION_TOO_LARGE,
   * SESSION_HEADERS_SENT, SESSION_CONFLICT, SESSION_GONE
   */
  async setDefault<K extends Key<Data>>(
    key: K,
    value: Input<Data, K>,
  ): Promise<{ value: Frozen<Value<Data, K>>; created: boolean }> {
    const given = this.#encode(key, value)
    let standing: Json | undefined
    let created = false
    await this.#unit.change(key, (text) => {
      standing = this.#unit.entries.read(key, text)
      created = standing === undefined
      return created ? given : undefined
    })
    if (standing === undefined) standing = this.#unit.entries.written(key, given)
    return { value: standing as Frozen<Value<Data, K>>, created }
  }

  /**
   * Computes a new value from the present one by compare-and-set, retried when another request was faster, so
   * that no update is lost. Without a session it creates one.
   * @param compute - gets the present value, undefined for an absent key, and gives the new one. It can run
   * several times, so it must have no side effects
   * @returns the value that was stored
   * @throws {SessionError} SESSION_VALUE_INVALID, SESSION_VALUE_TOO_LARGE, SESSION_TOO_LARGE,
   * SESSION_HEADERS_SENT, SESSION_CONFLICT, SESSION_GONE
   * @throws whatever `compute` throws
   */
  async update<K extends Key<Data>>(
    key: K,
    // The second half tells the compiler what the literals in a value are to be.
    compute: (
      current: Frozen<Value<Data, K>> | IfAbsent<Data, K>,
    ) => Input<Data, K> & (Value<Data, K> | Frozen<Value<Data, K>>),
  ): Promise<Frozen<Value<Data, K>>> {
    checkKey(key)
    let stored = ''
    await this.#unit.change(key, (text) => {
      const { entries } = this.#unit
      const current = entries.read(key, text)
      stored = this.#encode(
        key,
        compute((current === undefined ? entries.defaultOf(key) : current) as Frozen<Value<Data, K>>),
      )
      return stored
    })
    return this.#unit.entries.written(key, stored) as Frozen<Value<Data, K>>
  }

  /**
   * Deletes every entry and the expiry set by `setExpiry`, without reading the store. The handle stays.
   * @throws {SessionError} SESSION_HEADERS_SENT
   */
  clear(): void {
    this.#unit.record(this.#scope(), { clear: true })
  }

  /**
   * Deletes the session from the store with all that this request recorded, and goes on in a fresh, empty one
   * with a new handle and cookie. Use it to sign out. Without a stored session it creates none.
   * @returns whether a stored session was deleted
   * @throws {SessionError} SESSION_HEADERS_SENT, SESSION_NOT_REVOCABLE
   */
  flush(): Promise<boolean> {
    return this.#unit.flush()
  }

  /**
   * Gives the session a new secret and handle, like Django's `cycle_key`, and keeps its entries, `createdAt` and
   * absolute deadline, against session fixation. The old secret is worthless at once. `identify` does it, too, and signs in.
   * Without a stored session there is nothing to rotate, but one that the request creates after it counts as
   * signed in to, too. `memoryStore` evicts such sessions last.
   * @throws {SessionError} SESSION_GONE, SESSION_HEADERS_SENT, SESSION_NOT_REVOCABLE
   */
  rotate(): Promise<void> {
    return this.#unit.rotate(true)
  }

  /**
   * Leaves a notice that is shown once, e.g. "You are signed in.", for whoever takes it by `popFlash` first: no other
   * request, poll or tab uses it up. It acts at once. The last 32 are kept, and of large ones fewer.
   * @param value - any JSON
   * @param options - `ttl`: seconds after which nobody gets it any more; 300 where it is left out
   * @throws {SessionError} SESSION_VALUE_INVALID, SESSION_VALUE_TOO_LARGE, SESSION_TOO_LARGE, SESSION_CONFLICT, SESSION_GONE
   * @throws {SessionError} SESSION_HEADERS_SENT; CONFIG_INVALID for another `ttl`
   */
  async flash(value: JsonInput, options: { readonly ttl?: number } = {}): Promise<void> {
    checkOptions('flash', options, ['ttl'])
    const { ttl = 300 } = options
    checkNumber('flash.ttl', ttl, 'seconds')
    const { limits, clock } = this.#unit.settings
    const added = encode('flash', value, limits)
    await this.#unit.change(flashKey, (text) => withNotice(text, added, clock() + ttl * 1000, clock()))
  }

  /**
   * Takes all notices, the oldest first. Of two requests at the same time one gets them.
   * @throws {SessionError} SESSION_CONFLICT, SESSION_GONE
   */
  async popFlash(): Promise<Json[]> {
    let taken: Json[] = []
    await this.#unit.change(flashKey, (text) => {
      taken = noticesIn(text, this.#unit.settings.clock()).map(([value]) => value)
      return text === null ? undefined : null
    })
    return taken
  }

  /** Whether there is a notice for `popFlash` to take. */
  async hasFlash(): Promise<boolean> {
    const { entries } = await this.#unit.view()
    return noticesIn(entries.get(flashKey), this.#unit.settings.clock()).length > 0
  }

  /** Who is signed in by `identify`; null for a visitor. */
  async owner(): Promise<string | null> {
    return (await this.#unit.owned())?.owner ?? null
  }

  /**
   * Gives a ticket for a sign-in, to be taken before the password is looked at, and handed to `identify`. It is void
   * once the owner's devices were ended (`endOtherDevices`, `endAllDevices`), so that nobody is signed in with a
   * password that was changed meanwhile, and after 15 minutes. It opens nothing, and can be kept in the session between
   * the steps of a sign-in; it is not for clients. The session is read meanwhile, as the sign-in has to know it.
   * @throws {SessionError} SESSION_NOT_REVOCABLE, SESSION_MOVED, SESSION_GONE
   */
  async ticket(owner: string): Promise<string> {
    return this.#unit.ticket(ownerName(owner))
  }

  /**
   * Signs an owner in: the session gets a new secret and handle, as by `rotate`, and is one of the owner's devices. Call
   * it once the owner has proved who it is. Without a session it stores one. Like Django's `login`, it ends the session
   * of somebody else first, and goes on in a fresh one.
   *
   * Of what a visitor has stored only the entries in `keep` stay, since a page of another person may have stored them.
   * If the same owner is signed in already, all entries stay, and the device is a new one in the place of the one before:
   * with another `id`, the `label` that is given this time or none, and the time of this sign-in. What the request has
   * recorded is saved, too. The session's lifetime (`absoluteTimeout`) begins anew.
   * @param owner - the id of the user, 1 to 256 characters. It is stored in the session
   * @throws {SessionError} SESSION_SIGN_IN_ENDED where the ticket is void, SESSION_TOO_MANY_DEVICES: nobody is signed in
   * @throws {SessionError} SESSION_GONE, SESSION_HEADERS_SENT, SESSION_NOT_REVOCABLE
   */
  async identify(owner: string, options: IdentifyOptions<Key<Data>> = {}): Promise<void> {
    checkOptions('identify', options, ['ticket', 'label', 'keep', 'stamp'])
    const { ticket, label, keep, stamp } = options
    if (keep !== undefined && !Array.isArray(keep)) {
      throw new SessionError('CONFIG_INVALID', 'identify: keep must be a list of keys.')
    }
    for (const [name, text] of Object.entries({ ticket, stamp })) {
      if (text === undefined || typeof text === 'string') continue
      throw new SessionError('CONFIG_INVALID', `identify: ${name} must be text.`)
    }
    const kept = keep && new Set<string>(keep)
    await this.#unit.signIn(ownerName(owner), {
      ticket: ticket ?? null,
      keeps: (key) => kept?.has(key) ?? this.#rules.keepsOnSignIn(key),
      label: label === undefined ? undefined : labelOf(label),
      stamp,
    })
  }

  /**
   * Makes a stored session of nobody one of the owner's devices, under the same handle. It is for sessions that were
   * signed in before the application called `identify`. Such a session is not fresh, as nobody has proved anything:
   * `requireFresh` fails until `confirm`.
   * @returns whether the owner is signed in to it: false where somebody else is, or nothing is stored
   * @throws {SessionError} SESSION_SIGN_IN_ENDED where the owner's devices were ended at the same time
   * @throws {SessionError} SESSION_TOO_MANY_DEVICES, SESSION_GONE, SESSION_NOT_REVOCABLE
   */
  async claim(owner: string, options: { readonly label?: string } = {}): Promise<boolean> {
    checkOptions('claim', options, ['label'])
    const { label } = options
    return this.#unit.asOwner(
      (signedIn) => signedIn.claim(ownerName(owner), label === undefined ? undefined : labelOf(label)),
      true,
    )
  }

  /** Lists the devices on which the owner is signed in, the last that signed in first; none for a visitor. */
  async devices(): Promise<SessionDevice[]> {
    const current = (await this.#unit.owned())?.device
    const devices = await this.#unit.asOwner((signedIn) => signedIn.list(), true)
    return devices.map((device) => toDevice(device, current))
  }

  /**
   * Ends a device of the owner: its session is deleted before the promise resolves, and never comes back. The current
   * one goes on in a fresh session, as after `flush`.
   * @param id - of `devices`
   * @returns whether it was signed in; false for an id of nobody, and of somebody else
   * @throws {SessionError} SESSION_NOT_FRESH, SESSION_HEADERS_SENT
   */
  endDevice(id: string): Promise<boolean> {
    return this.#unit.asOwner((signedIn) => signedIn.end(id))
  }

  /**
   * Ends all devices of the owner but this one, and every sign-in that has its ticket from before. Call it once a new
   * password is stored (ASVS 5.0, 7.4.3).
   * @returns how many were signed in
   * @throws {SessionError} SESSION_NOT_FRESH; SESSION_GONE where this device was ended meanwhile
   */
  endOtherDevices(): Promise<number> {
    return this.#unit.asOwner((signedIn) => signedIn.endOthers(), true)
  }

  /**
   * Ends all devices of the owner, and goes on in a fresh session, as after `flush`.
   * @returns how many were signed in, with this one
   * @throws {SessionError} SESSION_NOT_FRESH, SESSION_HEADERS_SENT
   */
  endAllDevices(): Promise<number> {
    return this.#unit.asOwner((signedIn) => signedIn.endAll())
  }

  /**
   * Takes note that the user has proved again to be the owner, by the password for example. The session gets a new
   * secret and handle (ASVS 5.0, 7.2.4).
   * @throws {SessionError} SESSION_NOT_SIGNED_IN, SESSION_GONE, SESSION_HEADERS_SENT
   */
  confirm(): Promise<void> {
    return this.#unit.asOwner((signedIn) => signedIn.confirm())
  }

  /**
   * Throws unless the user has proved within the last seconds to be the owner, by `identify` or `confirm`. Activity does
   * not count.
   * @param seconds - a whole number above 0
   * @throws {SessionError} SESSION_NOT_SIGNED_IN; SESSION_NOT_FRESH, with `maxAge`; CONFIG_INVALID
   */
  async requireFresh(seconds: number): Promise<void> {
    checkNumber('requireFresh', seconds, 'seconds')
    await this.#unit.asOwner(async (signedIn) => signedIn.requireFresh(seconds), true)
  }

  /**
   * Compares what `identify` was given as `stamp`, e.g. the hash of the owner's password, with what it is now, like
   * Django's `get_session_auth_hash`. It finds a session that a failover of the store has brought back.
   * @returns false where it differs, or nobody is signed in: end the session with `flush`
   */
  async checkStamp(stamp: string): Promise<boolean> {
    return this.#unit.asOwner(async (signedIn) => signedIn.fits(stamp), true)
  }

  /**
   * Sets when the session ends, like Django's `set_expiry`. The absolute timeout of the server still applies, and
   * so does what a client wishes by `setSessionExpiry`, if that is nearer. A client cannot undo this.
   * @param expiry - seconds without activity, `'browser-close'`, a date (a past one ends the session when the
   * request is saved), or null for the server's own setting
   * @throws {SessionError} SESSION_EXPIRY_INVALID, SESSION_HEADERS_SENT
   */
  setExpiry(expiry: Expiry): void {
    this.#unit.record(this.#scope(), { policy: encodePolicy(expiry, 'application') })
  }

  /**
   * The public handle of the session: a digest of its secret, which changes with it. It is the id under which a store
   * keeps the session. Null while there is nothing to store.
   */
  handle(): Promise<string | null> {
    return this.#unit.id()
  }

  /** Whether the session is not stored yet. */
  async isNew(): Promise<boolean> {
    return !(await this.#unit.isStored())
  }

  /** When the session was created; null while there is nothing to store. Rotation does not change it. */
  async createdAt(): Promise<Date | null> {
    return toDate(await this.#unit.createdAt())
  }

  /** When the session ends if nothing renews it; null while there is nothing to store. */
  async expiresAt(): Promise<Date | null> {
    return toDate(await this.#unit.expiresAt())
  }

  /** Whole seconds until `expiresAt`, rounded down; null while there is nothing to store. */
  async expiresIn(): Promise<number | null> {
    const at = await this.#unit.expiresAt()
    return at === null ? null : Math.max(0, Math.floor((at - this.#unit.settings.clock()) / 1000))
  }

  /** Whether the session ends with the browser, after `setExpiry('browser-close')`. */
  async expiresAtBrowserClose(): Promise<boolean> {
    return endsWithBrowser((await this.#unit.view()).policy)
  }

  /**
   * Saves what was recorded. In a GraphQL request `useSession` does it at the end.
   * @throws what a verb threw that acts (`update`, `delete` and so on) and that nobody awaited. Then nothing
   * is saved; a second call saves
   * @throws {SessionError} SESSION_GONE, SESSION_TOO_LARGE, SESSION_HEADERS_SENT
   * @throws {SessionError} SESSION_NOT_REVOCABLE when `setExpiry` was given a past date
   */
  async save(): Promise<void> {
    const untold = await this.#unit.untold()
    if (untold.length > 0) throw untold[0]
    await this.#unit.save()
  }

  /** Whether the option `keys` gives clients this right on the key. It does not restrict resolvers. */
  clientMay(right: KeyRight, key: string): boolean {
    return this.#rules.mayClient(right, key)
  }

  /**
   * Throws unless the option `keys` gives clients each of the rights on the key. A resolver of yours calls it
   * before it does with a key what a client asks for.
   * @throws {SessionError} SESSION_KEY_INVALID, SESSION_KEY_FORBIDDEN
   */
  checkClientMay(key: string, ...rights: KeyRight[]): void {
    checkKey(key)
    if (rights.every((right) => this.#rules.mayClient(right, key))) return
    this.#unit.forbid(key)
    throw new SessionError('SESSION_KEY_FORBIDDEN', `"${key}" is not for clients to ${rights.join(' and ')}.`)
  }

  #encode(key: string, value: unknown): string {
    checkKey(key)
    return this.#unit.entries.write(key, value)
  }
}

/** A session with any keys, for resolvers that serve any application. */
// oxlint-disable-next-line typescript/no-explicit-any -- nothing else is a supertype of every Session<Data>
export type AnySession = Session<any>

const toDate = (at: number | null): Date | null => (at === null ? null : new Date(at))
