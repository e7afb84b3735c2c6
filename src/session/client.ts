// This decides what a client may do with its session: with which keys, which values, and only a shorter life.

import { SessionError } from './errors.ts'
import { encodePolicy, type Expiry } from './expiry.ts'
import type { KeyRules } from './key-declarations.ts'
import { type AnySession, partsOf } from './session.ts'
import type { UnitOfWork } from './unit-of-work.ts'
import { checkKey, encode, type Json } from './value.ts'
import { mindVerbs, quiet } from './verb-promise.ts'

/** Gives the session as a client may use it. Keys that are for the server only are not listed. */
export const asClient = (session: AnySession): ClientSession => new ClientSession(session)

const ofClients = new WeakSet<SessionError>()

/** Whether a client caused the error by what it asked for. Otherwise a resolver or the store caused it. */
export const isOfClient = (error: SessionError): boolean => ofClients.has(error)

/**
 * The verbs of a session for a client. Each checks the rights that `keys` declares and that a value fits the
 * schema of its key, and an expiry can only shorten the session's life. Resolvers use `Session`, which does
 * not restrict them.
 */
export class ClientSession {
  readonly #session: AnySession
  readonly #unit: UnitOfWork
  readonly #rules: KeyRules
  readonly #scope: () => object

  static {
    mindVerbs(
      this.prototype,
      ['keys', 'has', 'get', 'entries'],
      ['setDefault', 'delete', 'pop', 'flush', 'rotate', 'endDevice', 'endOtherDevices', 'endAllDevices'],
      (client, promise) => client.#unit.watch(promise),
    )
  }

  constructor(session: AnySession) {
    this.#session = session
    const { unit, rules, scope } = partsOf(session)
    this.#unit = unit
    this.#rules = rules
    this.#scope = scope
  }

  /**
   * Checks that the session knows the declaration of keys, by which clients have their rights.
   * @throws {SessionError} CONFIG_INVALID
   */
  needDeclared(keys: Iterable<string>): void {
    for (const key of keys) {
      if (this.#rules.declared?.has(key)) continue
      throw new SessionError(
        'CONFIG_INVALID',
        `The session does not know that "${key}" is declared. Give what sessionData() made as useSession({ data }), or as data to whatever else makes the sessions.`,
      )
    }
  }

  /** The keys that the client may read. */
  async keys(): Promise<string[]> {
    return (await this.#session.keys()).filter((key) => this.#rules.mayClient('read', key))
  }

  has(key: string): Promise<boolean> {
    asked(() => this.#session.checkClientMay(key, 'read'))
    return this.#session.has(key)
  }

  /** @param fallback - what to give for an absent key; undefined when the client asks for none */
  get(key: string, fallback: unknown): Promise<unknown> {
    asked(() => {
      this.#session.checkClientMay(key, 'read')
      if (fallback !== undefined) this.#check(key, fallback)
    })
    return this.#session.get(key, fallback)
  }

  /** @param keys - which to list, if the client may read each of them; null for all that it may read */
  async entries(keys: readonly string[] | null): Promise<{ key: string; value: unknown }[]> {
    asked(() => {
      for (const key of keys ?? []) this.#session.checkClientMay(key, 'read')
    })
    return (await this.#session.entries())
      .filter(([key]) => (keys ? keys.includes(key) : this.#rules.mayClient('read', key)))
      .map(([key, value]) => ({ key, value }))
  }

  /**
   * @param given - gives the value, and may throw; asked only if the client has the right
   * @returns the value as it is stored, and whether the key was absent. `created` is a function, as only that
   * may have to read the store, and a client that does not ask for it need not wait.
   */
  set(key: string, given: () => unknown): { value: unknown; created: () => Promise<boolean> } {
    return asked(() => {
      this.#session.checkClientMay(key, 'write')
      const created = this.#unit.absence(key)
      const conforming = this.#conform(key, given())
      this.#record([{ key, value: conforming }])
      return { value: conforming, created: () => quiet(created()) }
    })
  }

  /** @returns the values as they are stored */
  merge(data: Readonly<Record<string, unknown>>): { key: string; value: unknown }[] {
    return asked(() => {
      for (const key of Object.keys(data)) this.#session.checkClientMay(key, 'write')
      const entries = Object.entries(data).map(([key, value]) => ({ key, value: this.#conform(key, value) }))
      this.#record(entries)
      return entries
    })
  }

  /**
   * Sets entries and deletes others, in one change: what it deletes makes room for what it sets.
   * @param keys - to delete, where they are there
   */
  change(data: Readonly<Record<string, unknown>>, keys: readonly string[]): void {
    asked(() => {
      for (const key of keys) this.#session.checkClientMay(key, 'delete')
      for (const key of Object.keys(data)) this.#session.checkClientMay(key, 'write')
      const entries = Object.entries(data).map(([key, value]) => ({ key, value: this.#conform(key, value) }))
      this.#record(entries, keys)
    })
  }

  /** @param given - as of `set` */
  setDefault(key: string, given: () => unknown): Promise<{ value: unknown; created: boolean }> {
    return asked(async () => {
      this.#session.checkClientMay(key, 'read', 'write')
      return this.#session.setDefault(key, this.#conform(key, given()))
    })
  }

  delete(key: string): Promise<boolean> {
    return asked(async () => {
      this.#session.checkClientMay(key, 'delete')
      return this.#session.delete(key)
    })
  }

  /** @returns the value taken, or undefined: the fallback is only checked here */
  pop(key: string, fallback: unknown): Promise<unknown> {
    return asked(async () => {
      this.#session.checkClientMay(key, 'read', 'delete')
      if (fallback !== undefined) this.#check(key, fallback)
      return this.#session.pop(key)
    })
  }

  /**
   * Sets what the client wishes, beside what the application has set: the nearer one counts, so that this only
   * shortens the session's life. Null takes the wish back.
   */
  setExpiry(expiry: Expiry): void {
    asked(() => this.#unit.record(this.#scope(), { policy: encodePolicy(expiry, 'client') }))
  }

  clear(): void {
    asked(() => this.#session.clear())
  }

  flush(): Promise<boolean> {
    return asked(() => this.#session.flush())
  }

  rotate(): Promise<void> {
    // Anybody may ask for this, so that it is no sign of a sign-in as the rotation of a resolver is.
    return asked(() => this.#unit.rotate(false))
  }

  endDevice(id: string): Promise<boolean> {
    return asked(() => this.#session.endDevice(id))
  }

  endOtherDevices(): Promise<number> {
    return asked(() => this.#session.endOtherDevices())
  }

  endAllDevices(): Promise<number> {
    return asked(() => this.#session.endAllDevices())
  }

  /** Records values that `#conform` gave, so that they need not be judged again. */
  #record(entries: readonly { key: string; value: Json }[], deleted: readonly string[] = []): void {
    const texts = entries.map(({ key, value }) => [key, this.#unit.entries.write(key, value, true)] as const)
    this.#unit.record(this.#scope(), {
      entries: new Map<string, string | null>([...deleted.map((key) => [key, null] as const), ...texts]),
    })
  }

  #conform(key: string, value: unknown): Json {
    return this.#rules.conform(key, value, (given) => this.#check(key, given)) as Json
  }

  /** @throws {SessionError} when the value cannot be stored under the key */
  #check(key: string, value: unknown): void {
    checkKey(key)
    encode(key, value, this.#unit.settings.limits, this.#rules.declared?.has(key))
  }
}

/** Runs a verb, and marks the error that it throws, at once or later, as caused by the client. */
function asked<T>(verb: () => T): T {
  try {
    const result = verb()
    return result instanceof Promise ? (result.catch(blameClient) as T) : result
  } catch (error) {
    return blameClient(error)
  }
}

function blameClient(error: unknown): never {
  if (error instanceof SessionError) ofClients.add(error)
  throw error
}
