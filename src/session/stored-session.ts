// This keeps what one request knows of the session in the store, and what its cookie has to become.

import { apply, type ChangeSet, none } from './changes.ts'
import type { SentCookie } from './cookie.ts'
import { headersSent, SessionError, tooLarge } from './errors.ts'
import { endsWithBrowser } from './expiry.ts'
import type { SessionRecord } from './record.ts'
import type { Settings } from './settings.ts'
import type { Store } from './store.ts'

/**
 * How a request stands with the store.
 * - `absent`: no session, or only one that is still to be created
 * - `unread`: a token was presented, and nothing was asked of the store yet
 * - `stored`: the session was seen alive: read, created or rotated by this request
 * - `flushed`: the session was deleted by this request, and its successor is owed to the client
 */
export type Standing = 'absent' | 'unread' | 'stored' | 'flushed'

/** What the answer does with the cookie; `null`: nothing. */
export type CookieChange = SentCookie | 'clear' | null

/**
 * The stored session as far as one request knows it, and what follows from that for the cookie. Only this calls the
 * store. What the store answers moves the session among the four standings: `read` finds it (`stored`) or not (`absent`),
 * `create` and `rotate` make it `stored`, `flush` makes it `flushed`. A session that was seen alive and is not there any
 * more is SESSION_GONE. After the first failure of the store it is not asked again.
 */
export class StoredSession {
  readonly #store: Store
  readonly #settings: Settings
  #token: string | null
  #standing: Standing
  #record: SessionRecord | null = null
  #successor: { readonly token: string; readonly createdAt: number } | null = null
  #cookie: CookieChange = null
  #failure: SessionError | null = null
  #sealed = false

  /** @param presented - what the client sent for a token; null for nothing. */
  constructor(store: Store, settings: Settings, presented: string | null) {
    this.#store = store
    this.#settings = settings
    const isUsable = presented !== null && store.isToken(presented)
    this.#token = isUsable ? presented : null
    this.#standing = isUsable ? 'unread' : 'absent'
    if (presented !== null && !isUsable) {
      this.#cookie = 'clear'
      settings.emit?.({ type: 'rejected', reason: 'malformed' })
    }
  }

  get standing(): Standing {
    return this.#standing
  }

  /** The store's state as last seen; null unless `stored`. */
  get record(): SessionRecord | null {
    return this.#record
  }

  get token(): string | null {
    return this.#token
  }

  /** The first failure of the store. It is not asked again by this request. */
  get failure(): SessionError | null {
    return this.#failure
  }

  /** A store that failed is no proof that a cookie is worthless. */
  get cookie(): CookieChange {
    return this.#failure && this.#cookie === 'clear' ? null : this.#cookie
  }

  /** True once the headers left, from when on no cookie can be set. */
  get isSealed(): boolean {
    return this.#sealed
  }

  seal(): void {
    this.#sealed = true
  }

  /** Whether every change has to reach the client. */
  get isInToken(): boolean {
    return this.#store.isInToken
  }

  idOf(token: string): string {
    return this.#store.idOf(token)
  }

  /** Of the session that was presented or is stored, whether or not it was seen alive. */
  get id(): string | null {
    return this.#token === null ? null : this.idOf(this.#token)
  }

  /** The token and the birth of a session that is still to be created. */
  issue(): { readonly token: string; readonly createdAt: number } {
    return (this.#successor ??= { token: this.#store.mint(), createdAt: this.#settings.clock() })
  }

  /** What a session that is still to be created holds. */
  blank(): SessionRecord {
    const createdAt = this.#successor?.createdAt ?? this.#settings.clock()
    return { entries: none, createdAt, expiresAt: 0, policy: '' }
  }

  read(): Promise<void> {
    return this.#standing === 'unread' ? this.reread() : Promise.resolve()
  }

  /** @throws {SessionError} SESSION_GONE when the session was seen alive before */
  async reread(): Promise<void> {
    const now = this.#settings.clock()
    const record = await this.#call(() => this.#store.read(this.#token!, now))
    if (record && this.#isAlive(record, now)) this.#keep(this.#token!, record)
    else this.#lose()
  }

  /** @throws {SessionError} SESSION_HEADERS_SENT, SESSION_TOO_LARGE */
  async create(changes: ChangeSet, now: number): Promise<void> {
    if (this.#sealed) throw headersSent()
    const { token } = this.issue()
    const { outcome, record } = apply(this.blank(), changes)
    if (outcome === 'full') throw tooLarge(this.#settings.limits)
    this.#keep(await this.#call(() => this.#store.create(token, record!, now)), record!)
    this.#send(now)
    this.#settings.emit?.({ type: 'created', id: this.id! })
  }

  /**
   * @returns `gone` only when the session was never seen alive; then it is `absent`
   * @throws {SessionError} SESSION_GONE, SESSION_TOO_LARGE
   */
  async commit(changes: ChangeSet, now: number): Promise<'committed' | 'conflict' | 'gone'> {
    if (this.isInToken && this.#sealed) throw headersSent()
    // The new cookie follows from the whole record.
    if (this.isInToken) await this.read()
    if (this.#token === null) return 'gone'
    const { outcome, token } = await this.#call(() => this.#store.commit(this.#token!, changes, now))
    if (outcome === 'full') throw tooLarge(this.#settings.limits)
    if (outcome === 'gone') this.#lose()
    if (outcome === 'committed') {
      this.#move(changes, token, now)
      this.#settings.emit?.({ type: 'committed', id: this.id! })
    }
    return outcome
  }

  /** Moves the deadline alone. Whoever only read does not mind that the session ended since. */
  async touch(changes: ChangeSet, now: number): Promise<void> {
    if (this.#sealed || changes.expiresAt === this.#record!.expiresAt) return
    const { outcome, token } = await this.#call(() => this.#store.commit(this.#token!, changes, now))
    if (outcome === 'committed') this.#move(changes, token, now)
  }

  /** Ends the session for a deadline that is past. @throws {SessionError} SESSION_GONE */
  async end(now: number): Promise<void> {
    if (this.#standing === 'stored' && (await this.#delete(now)) === null) this.#lose()
    if (this.#standing !== 'absent') this.#cookie = 'clear'
    this.#leave('absent')
  }

  /** @returns whether a stored session was deleted */
  async flush(now: number): Promise<boolean> {
    const last = await this.#delete(now)
    this.#successor = null
    if (last !== null) this.#leave('flushed')
    if (this.#standing === 'unread') this.#cookie = 'clear'
    if (this.#standing !== 'flushed') this.#leave('absent')
    return last !== null
  }

  /** @throws {SessionError} SESSION_GONE */
  async rotate(now: number): Promise<void> {
    this.#successor = null
    const token = this.#token
    if (token === null) return
    const rotated = await this.#call(() => this.#store.rotate(token, now))
    if (rotated === null) return this.#lose()
    if (!this.#isAlive(rotated.record, now)) {
      await this.#call(() => this.#store.delete(rotated.token, now))
      return this.#lose()
    }
    this.#keep(rotated.token, rotated.record)
    this.#send(now)
    this.#settings.emit?.({ type: 'rotated', id: this.id!, previousId: this.idOf(token) })
  }

  /** A store may keep a session beyond its absolute end: of a longer timeout, or cleared without a read. */
  #isAlive({ createdAt }: SessionRecord, now: number): boolean {
    return createdAt + this.#settings.timeouts.absoluteTimeout * 1000 > now
  }

  async #delete(now: number): Promise<SessionRecord | null> {
    const token = this.#token
    if (token === null) return null
    const last = await this.#call(() => this.#store.delete(token, now))
    if (last) this.#settings.emit?.({ type: 'flushed', id: this.idOf(token) })
    return last
  }

  /**
   * The session is not there. Seen alive before, it was ended by somebody else, and this request's work
   * must not bring it back (Rack CVE-2025-46336, Django's SessionInterrupted). Never seen, the cookie was
   * worthless from the start, and the request is anonymous.
   */
  #lose(): void {
    if (this.#standing === 'stored') {
      this.#settings.emit?.({ type: 'gone', id: this.id! })
      throw new SessionError(
        'SESSION_GONE',
        'The session ended while this request used it, for example by a logout. Its changes were not saved.',
      )
    }
    this.#leave('absent')
    this.#cookie = 'clear'
    this.#settings.emit?.({ type: 'rejected', reason: 'unknown' })
  }

  #keep(token: string, record: SessionRecord): void {
    this.#standing = 'stored'
    this.#token = token
    this.#record = record
    this.#successor = null
  }

  #leave(standing: 'absent' | 'flushed'): void {
    this.#standing = standing
    this.#token = null
    this.#record = null
  }

  /** Follows what the store did; the cookie follows the token, the deadline and the policy. */
  #move(changes: ChangeSet, token: string, now: number): void {
    const before = this.#record
    if (before === null) return
    // The store has judged what was expected and the limit, by what others have changed since this request read.
    this.#record = apply(before, { ...changes, expect: none, limit: undefined }).record!
    const { expiresAt, policy } = this.#record
    const isOther = token !== this.#token || expiresAt !== before.expiresAt || policy !== before.policy
    this.#token = token
    if (!this.#sealed && isOther) this.#send(now)
  }

  #send(now: number): void {
    const { expiresAt, policy } = this.#record!
    this.#cookie = { token: this.#token!, expiresAt: endsWithBrowser(policy) ? null : expiresAt, now }
  }

  async #call<T>(verb: () => Promise<T>): Promise<T> {
    if (this.#failure !== null) throw this.#failure
    try {
      return await verb()
    } catch (error) {
      if (error instanceof SessionError && error.code.startsWith('SESSION_STORE_')) {
        this.#failure ??= error
        this.#settings.emit?.({ type: 'trouble', id: this.id, code: error.code })
      }
      throw error
    }
  }
}
