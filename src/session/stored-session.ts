// This calls the store for one request, and keeps what is known of the session and of the cookie to set.

import { apply, type ChangeSet, changeSet, none } from './changes.ts'
import type { Presented, SentCookie } from './cookie.ts'
import type { DeclaredKeys } from './declared.ts'
import { ambiguous, crossSite, departed, gone, headersSent, SessionError, tooLarge } from './errors.ts'
import { cookieDeadline, deadline, needsNewCookie } from './expiry.ts'
import { type Begun, FirstWrites } from './first-write.ts'
import { withoutOwner } from './owner.ts'
import type { Departure, Mark, SessionRecord } from './record.ts'
import { choose, tokensOf } from './rivals.ts'
import type { Settings } from './settings.ts'
import type { OwnerStore, Store } from './store.ts'
import type { Listener } from './watch.ts'

/**
 * What a request knows of its session in the store.
 * - `absent`: there is no session, or only one that is still to be created
 * - `unread`: the client presented a token, and the store was not asked for it yet
 * - `stored`: this request has seen the session alive, as it read, created or rotated it
 * - `flushed`: this request has deleted the session, and its successor is still to be created
 */
export type Standing = 'absent' | 'unread' | 'stored' | 'flushed'

/** How a unit of work was begun. */
export interface Terms {
  /** What the application has declared of its entries. @default nothing */
  readonly declared?: DeclaredKeys | undefined
  /**
   * Whether a client that presents nothing may begin a session. Not if its browser holds back the cookie that
   * it may have.
   * @default true
   */
  readonly mayBegin?: boolean
  /** The nonce that all requests of one page send, so that its first writes begin one session; null: none. */
  readonly nonce?: string | null
  /**
   * Whether `openSession` has opened it. If the session was replaced, its user reads on as one without a
   * session, since a route may not be able to have its request sent again.
   * @default false
   */
  readonly isOpened?: boolean
  /**
   * Whether there is an answer that can set the cookie. Over a WebSocket there is none.
   * @default true
   */
  readonly hasHeaders?: boolean
  /**
   * Whether the client keeps its token until it gets another one. A browser drops a cookie at its time.
   * @default false
   */
  readonly keepsToken?: boolean
  /** Gives the `User-Agent` of the request, by which its owner knows the device. @default none */
  readonly userAgent?: () => string | null | undefined
}

/** A session that was moved or deleted, as the store had it last. */
export interface Left {
  readonly id: string
  readonly record: SessionRecord
}

const asItIs = (record: SessionRecord): SessionRecord => record
const keeping = (record: SessionRecord): SessionRecord => ({ ...record, kept: true })

/** What the answer does with the cookie: set it, delete it, or nothing (null). */
export type CookieChange = SentCookie | 'clear' | null

/**
 * The stored session as far as one request knows it, and what follows from that for the cookie. Only this
 * class calls the store. What the store answers moves the session among the four standings: `read` finds it
 * (`stored`) or not (`absent`), `create` and `rotate` make it `stored`, `flush` makes it `flushed`. If a
 * session that was seen alive is not there any more, that is SESSION_GONE. After its first failure the store
 * is not asked again, unless `recover` begins a new piece of work.
 *
 * Where the store has only the mark that the session left, it was replaced a moment ago. Whoever presents the
 * old token may be another person than the one who has the new one, so the request gets nothing of what came
 * after: it is refused at every use, nothing is stored, and its answer does not touch the cookie, as it may
 * arrive after the new one.
 */
export class StoredSession {
  readonly #store: Store
  readonly #settings: Settings
  readonly #isOpened: boolean
  readonly #hasHeaders: boolean
  readonly #keepsToken: boolean
  #nonce: string | null
  #token: string | null
  #standing: Standing
  #record: SessionRecord | null = null
  #found: SessionRecord | null = null
  #successor: { readonly token: string; readonly createdAt: number } | null = null
  /** Whether a session that is created from now on is evicted last, as the application has rotated. */
  #isKept = false
  /** Whether what this request begins is to have nothing of what other requests of the page have begun. */
  #isFlushed = false
  #cookie: CookieChange = null
  /** What the answer did with the cookie before this request made a session. */
  #cookieBefore: CookieChange = null
  #isAbandoned = false
  /** Whether this request has left a mark of the session that it came with, which refuses whoever has its cookie. */
  #hasMarked = false
  #departure: Departure | null = null
  #failure: SessionError | null = null
  /** How often the request has called the store or recorded a change. Nothing can have come before its first step. */
  #steps = 0
  #sealed = false
  /** The tokens of several cookies, until it is known which of them counts; null where there is no question. */
  #rivals: readonly string[] | null = null
  /** Why no session can be created; null where it can. */
  #refusal: SessionError | null
  /**
   * Whether it is known which cookie would be deleted, and that it is of no use. Of several cookies a browser does
   * not say which it deletes. Where it holds some back, one that came was not set as the session's cookie is.
   */
  #mayClear: boolean
  /** Whether a call failed since the record was read, so that the store may hold another one. */
  #isDoubtful = false

  /**
   * @param presented - what the client sent as its token, which may not be one
   */
  constructor(store: Store, settings: Settings, presented: Presented, terms: Terms = {}) {
    const { isOpened = false, mayBegin = true, nonce = null, hasHeaders = true, keepsToken = false } = terms
    this.#nonce = presented === null ? nonce : null
    this.#isOpened = isOpened
    this.#hasHeaders = hasHeaders
    this.#keepsToken = keepsToken
    this.#store = store
    this.#settings = settings
    this.#refusal = mayBegin ? null : crossSite()
    const isOnly = presented === null || typeof presented === 'string'
    this.#mayClear = mayBegin && isOnly
    const token = isOnly ? presented : this.#compete(presented)
    const isUsable = token !== null && store.isToken(token)
    this.#token = isUsable ? token : null
    this.#standing = isUsable || this.#rivals ? 'unread' : 'absent'
    if (presented !== null && this.#standing === 'absent') {
      this.#cookie = 'clear'
      settings.emit?.({ type: 'rejected', reason: 'malformed' })
    }
  }

  get standing(): Standing {
    return this.#standing
  }

  /** The record as this request last saw it; null unless `stored`. */
  get record(): SessionRecord | null {
    return this.#record
  }

  /** The record as this request read it first, without what the request has changed since. */
  get found(): SessionRecord | null {
    return this.#found
  }

  /** The token of the session that was presented or is stored. */
  get token(): string | null {
    return this.#token
  }

  /** Where the session of the token has gone, if it was replaced a moment ago. */
  get departure(): Departure | null {
    return this.#departure
  }

  /** The first failure of the store, after which this request does not ask it again. */
  get failure(): SessionError | null {
    return this.#failure
  }

  /**
   * What the answer has to do with the cookie. After a failed call to the store the cookie is not deleted,
   * since its session may still exist, unless this request has moved it before. Nor is it where there are
   * several: which one a browser would delete depends on the domain and the path of each, which it does not
   * send.
   */
  get cookie(): CookieChange {
    if (this.#departure) return null
    const mayClear = this.#mayClear && (this.#failure === null || this.#hasMarked)
    return this.#cookie === 'clear' && !mayClear ? null : this.#cookie
  }

  /** Why no session can be created; null where it can, as far as is known. */
  get refusal(): SessionError | null {
    return this.#departure ? departed(this.#departure, this.#steps === 1) : this.#refusal
  }

  /** Whether `decide` has to be waited for before a change. */
  get isContested(): boolean {
    return this.#rivals !== null || this.#refusal?.code === 'SESSION_AMBIGUOUS'
  }

  /**
   * Finds out which of several cookies counts.
   * @throws {SessionError} SESSION_AMBIGUOUS when that cannot be told
   */
  async decide(): Promise<void> {
    await this.#choose()
    if (this.isContested) throw this.#refusal!
  }

  /** Whether the answer has to send the cookie again before browsers drop it. @param moves - whether the deadline does */
  needsNewCookie(now: number, moves = false): boolean {
    if (this.#keepsToken || this.#record === null) return false
    return needsNewCookie(this.#record, now, moves, this.#settings.timeouts)
  }

  /**
   * Begins a new piece of work of the same caller, e.g. the next event of a stream: the store is asked again
   * after a failure. The call that failed may have been applied or not, so that the record is read anew.
   */
  recover(): void {
    if (this.#failure === null) return
    this.#failure = null
    this.#isDoubtful = this.#standing === 'stored'
    // A token whose creation failed may be in use, and to create it again would fail for ever.
    this.#successor = null
  }

  /** Whether the session has to be read before it is used. */
  get needsReading(): boolean {
    return this.#standing === 'unread' || this.#isDoubtful
  }

  /** Whether no cookie can be set: the headers have left, or there are none. */
  get isSealed(): boolean {
    return this.#sealed || !this.#hasHeaders
  }

  /** Takes note that a change is recorded. Whoever records it goes on, without knowing whether the session is there. */
  step(): void {
    this.#steps++
  }

  /** Marks that the headers have left. */
  seal(): void {
    this.#sealed = true
  }

  /** Where the devices of owners are listed; undefined where no session can be ended before its time. */
  get owners(): OwnerStore | undefined {
    return this.#store.owners
  }

  /**
   * Watches the session for an open stream.
   * @returns ends it; null where nothing is stored that could end
   */
  async watch(listener: Omit<Listener, 'record'>): Promise<(() => void) | null> {
    if (this.#standing !== 'stored') return null
    return this.#store.watch(this.#token!, { ...listener, record: this.#record! })
  }

  /** Whether a session that this request has made was ended, as whose it is could not be stored. */
  get isAbandoned(): boolean {
    return this.#isAbandoned
  }

  /** Whether the token holds the session, so that every change needs a new cookie. */
  get isInToken(): boolean {
    return this.#store.isInToken
  }

  idOf(token: string): string {
    return this.#store.idOf(token)
  }

  /** The id of the session that was presented or is stored, whether or not it was seen alive. */
  get id(): string | null {
    return this.#token === null ? null : this.idOf(this.#token)
  }

  /** The token and the creation time (ms) of the session to create, which the first call chooses. */
  issue(): { readonly token: string; readonly createdAt: number } {
    return (this.#successor ??= { token: this.#store.mint(), createdAt: this.#settings.clock() })
  }

  /** The empty record from which a session is created. */
  blank(): SessionRecord {
    const createdAt = this.#successor?.createdAt ?? this.#settings.clock()
    return { entries: none, createdAt, expiresAt: 0, policy: '' }
  }

  /**
   * Reads the session from the store, unless it was read before.
   * @throws {SessionError} SESSION_MOVED, SESSION_GONE
   */
  async read(): Promise<void> {
    if (!this.needsReading) return
    await (this.#rivals ? this.#choose() : this.reread())
    this.#found = this.#record
  }

  /**
   * Reads the session from the store again.
   * @throws {SessionError} SESSION_MOVED; SESSION_GONE, also when it was seen alive before
   */
  async reread(): Promise<void> {
    const now = this.#settings.clock()
    const found = await this.#call(() => this.#store.read(this.#token!, now))
    if (typeof found === 'string') this.#refuse(found)
    else if (found && this.#isAlive(found, now)) this.#keep(this.#token!, found)
    else this.#lose()
  }

  /**
   * Creates a session with the changes, unless another request of the same page has begun one.
   * @returns false when there is such a session. It is `stored` then, without the changes
   * @throws {SessionError} SESSION_HEADERS_SENT, SESSION_TOO_LARGE, SESSION_CROSS_SITE, SESSION_AMBIGUOUS
   */
  async create(changes: ChangeSet, now: number, carry = withoutOwner): Promise<boolean> {
    if (this.refusal) throw this.refusal
    if (this.isSealed) throw headersSent()
    const { outcome, record } = apply(this.blank(), changes)
    if (outcome === 'full') throw tooLarge(this.#settings.limits)
    const created: SessionRecord = this.#isKept ? { ...record!, kept: true } : record!
    const begun = await this.#begin(created, now, carry)
    if (begun.is === 'departed') {
      this.#token = begun.token
      throw this.#depart(begun.departure)
    }
    this.#keep(begun.token, begun.is === 'joined' ? begun.record : created)
    this.#send(now)
    if (begun.is === 'joined') return false
    this.#settings.emit?.({ type: 'created', handle: this.id! })
    return true
  }

  #begin(
    record: SessionRecord,
    now: number,
    carry: (record: SessionRecord) => SessionRecord,
  ): Promise<Begun> {
    const nonce = this.#nonce
    this.#nonce = null
    const { token } = this.issue()
    const writes = new FirstWrites(this.#store, this.#settings, (verb) => this.#call(verb))
    const [isKept, isFlushed] = [this.#isKept, this.#isFlushed]
    return writes.begin({ token, record, nonce, isKept, carry, isFlushed }, now)
  }

  /**
   * Stores the changes.
   * @returns `gone` only when the session was never seen alive; then it is `absent`
   * @throws {SessionError} SESSION_GONE when it was, SESSION_MOVED, SESSION_HEADERS_SENT
   */
  async commit(changes: ChangeSet, now: number): Promise<'committed' | 'conflict' | 'full' | 'gone'> {
    if (this.isInToken && this.isSealed) throw headersSent()
    // The new cookie holds the whole record, so that the record has to be known.
    if (this.isInToken) await this.read()
    if (this.#token === null) return 'gone'
    const { outcome, token } = await this.#call(() => this.#store.commit(this.#token!, changes, now))
    if (outcome === 'moved' || outcome === 'ended') throw this.#depart(outcome)
    if (outcome === 'gone') this.#lose()
    if (outcome === 'committed') {
      this.#move(changes, token, now)
      this.#settings.emit?.({ type: 'committed', handle: this.id! })
    }
    return outcome
  }

  /**
   * Moves the deadline, and sends a cookie that browsers would drop. It ignores that the session has ended, as
   * the request has only read.
   */
  async touch(changes: ChangeSet, now: number): Promise<void> {
    // An open stream is no activity, but each operation over a socket is.
    if (this.#sealed || this.#departure || (this.isInToken && this.isSealed)) return
    if (changes.expiresAt === this.#record!.expiresAt) {
      if (this.needsNewCookie(now)) this.#send(now)
      return
    }
    const { outcome, token } = await this.#call(() => this.#store.commit(this.#token!, changes, now))
    if (outcome === 'committed') this.#move(changes, token, now)
  }

  /**
   * Deletes the session and its cookie, as its deadline is past. If another request has just ended it, that is
   * as good.
   * @throws {SessionError} SESSION_GONE, SESSION_MOVED, SESSION_NOT_REVOCABLE
   */
  async end(now: number): Promise<void> {
    if (this.#standing === 'stored' && (await this.#delete(now)) === null && !this.#departure) this.#lose()
    if (this.#standing !== 'absent') this.#expel()
    this.#isKept = false
    this.#leave('absent')
  }

  /**
   * Deletes the session. If another request has just ended it, that is as good.
   * @returns its last state; null where it was not stored
   * @throws {SessionError} SESSION_MOVED, SESSION_NOT_REVOCABLE, SESSION_AMBIGUOUS
   */
  async flush(now: number): Promise<Left | null> {
    // What follows a flush, as a sign-in may, is nothing that other requests of the page share.
    this.#isFlushed = true
    if (this.isContested) await this.decide()
    const { id } = this
    const last = await this.#delete(now)
    this.#successor = null
    this.#isKept = false
    if (last !== null) {
      this.#leave('flushed')
      // Its cookie has come, so that the browser holds none back.
      this.#refusal = null
    }
    if (this.#standing === 'unread') this.#cookie = 'clear'
    if (this.#standing !== 'flushed') this.#leave('absent')
    return last && { id: id!, record: last }
  }

  /**
   * Moves the session to a new token.
   * @param isKept - whether it is evicted last from then on, also where it is still to be created
   * @param carry - makes the record that it goes on with
   * @returns what it was before; null where there was none
   * @throws {SessionError} SESSION_GONE, SESSION_MOVED, SESSION_NOT_REVOCABLE, SESSION_AMBIGUOUS
   */
  async rotate(now: number, isKept: boolean, carry = asItIs): Promise<Left | null> {
    if (this.isContested) await this.decide()
    this.#successor = null
    this.#isKept ||= isKept
    const token = this.#token
    if (token === null) return null
    const mark = this.#mark('moved', now)
    const carried = (record: SessionRecord): SessionRecord => {
      // A record is carried once its session was deleted, but for one in a cookie, which is sealed first.
      this.#hasMarked ||= mark !== undefined && !this.isInToken
      return isKept ? keeping(carry(record)) : carry(record)
    }
    const rotated = await this.#rotated(() => this.#store.rotate(token, now, mark, carried), now)
    if (typeof rotated === 'string') throw this.#depart(rotated)
    this.#hasMarked ||= mark !== undefined && rotated !== null
    if (rotated === null) this.#lose()
    else if (!this.#isAlive(rotated.record, now)) {
      await this.#call(() => this.#store.delete(rotated.token, now))
      this.#lose()
    }
    if (rotated === null || this.#standing === 'absent') return null
    this.#keep(rotated.token, rotated.record)
    this.#send(now)
    const id = this.idOf(token)
    this.#settings.emit?.({ type: 'rotated', handle: this.id!, previousHandle: id })
    return { id, record: rotated.before }
  }

  /** Rotates. A session that was deleted, and could not be stored again, is given up. */
  async #rotated<T>(verb: () => Promise<T>, now: number): Promise<T> {
    try {
      return await this.#call(verb)
    } catch (error) {
      if (this.#hasMarked) await this.abandon(now)
      throw error
    }
  }

  /**
   * Stores an empty session, unless there is one.
   * @param carry - makes what it holds of the one that the page has begun meanwhile
   * @returns whether it is this request's alone
   * @throws {SessionError} as `create`
   */
  async begin(now: number, carry: (record: SessionRecord) => SessionRecord): Promise<boolean> {
    if (this.#standing === 'stored') return false
    const expiresAt = deadline('', this.issue().createdAt, now, this.#settings.timeouts)
    return this.create(changeSet({ expiresAt }), now, carry)
  }

  /**
   * Ends the session under the token that this request has made, of which nobody else knows: no answer may bring it to
   * the client. Where the client has the cookie of a session of which only a mark is left, that is deleted.
   */
  async retract(now: number): Promise<void> {
    if (this.#failure === null && this.#standing === 'stored') await this.#delete(now).catch(() => {})
    this.#cookie = this.#cookieBefore
    if (this.#hasMarked) this.#expel()
    this.#isKept = false
    this.#leave('absent')
  }

  /** Retracts a session with all that was recorded for it. */
  async abandon(now: number): Promise<void> {
    this.#isAbandoned = true
    await this.retract(now)
  }

  /**
   * Goes on in a session that is stored before the old one is deleted, so that nothing has happened where it is refused.
   * @param as - what the mark of the old one says
   * @param admit - gets the id of the new one, and throws where it is refused
   * @param carried - makes what the new one holds, of the last state of the old one
   * @throws {SessionError} SESSION_GONE, SESSION_MOVED, SESSION_NOT_REVOCABLE, and what `admit` throws
   */
  async supersede(
    now: number,
    as: Departure,
    admit: (id: string) => Promise<void>,
    carried: (record: SessionRecord) => Partial<ChangeSet>,
  ): Promise<void> {
    const before = this.#token!
    const expiresAt = deadline('', now, now, this.#settings.timeouts)
    const blank: SessionRecord = { entries: none, createdAt: now, expiresAt, policy: '', kept: true }
    const token = await this.#call(() => this.#store.create(this.#store.mint(), blank, now))
    const drop = async (): Promise<void> => {
      try {
        await this.#call(() => this.#store.delete(token, now))
      } catch {
        // It is empty and nobody's, and nobody has its cookie.
      }
    }
    try {
      await admit(this.idOf(token))
    } catch (error) {
      await drop()
      throw error
    }
    const left = await this.#call(() => this.#store.delete(before, now, this.#mark(as, now)))
    if (left === null || typeof left === 'string') {
      await drop()
      if (left !== null) throw this.#depart(left)
      this.#lose()
    }
    this.#hasMarked = this.#settings.handOver > 0
    const previousHandle = this.idOf(before)
    this.#keep(token, blank)
    this.#send(now)
    this.#settings.emit?.(
      as === 'ended'
        ? { type: 'flushed', handle: previousHandle }
        : { type: 'rotated', handle: this.id!, previousHandle },
    )
    const last = left as SessionRecord
    try {
      await this.commit(changeSet(carried(this.#isAlive(last, now) ? last : blank)), now)
    } catch (error) {
      // The change may have been made, and whoever is told that it failed must not have its cookie.
      await this.abandon(now)
      throw error
    }
  }

  /** Takes the values of several cookies. @returns the only token; null where there is none, or more than one */
  #compete(presented: readonly string[]): string | null {
    const tokens = tokensOf(presented, this.#store)
    if (tokens.length > 1) this.#rivals = tokens
    return tokens.length === 1 ? tokens[0]! : null
  }

  /** Finds out which of several cookies counts. */
  async #choose(): Promise<void> {
    const rivals = this.#rivals
    if (!rivals) return
    const now = this.#settings.clock()
    const choice = await this.#call(() =>
      choose(rivals, this.#store, async (token) => {
        const found = await this.#store.read(token, now)
        return found && typeof found !== 'string' && !this.#isAlive(found, now) ? null : found
      }),
    )
    this.#rivals = null
    if (choice === 'none') return this.#lose()
    if (choice === 'ambiguous') {
      this.#refusal = ambiguous()
      this.#leave('absent')
      this.#settings.emit?.({ type: 'rejected', reason: 'ambiguous' })
      return
    }
    if ('record' in choice) return this.#keep(choice.token, choice.record)
    this.#token = choice.token
    this.#refuse(choice.departure)
  }

  /**
   * Whether the session is within its absolute timeout. A store may keep it longer: it may have been stored
   * under a longer timeout, or cleared by a request that had not read when it was created.
   */
  #isAlive({ createdAt }: SessionRecord, now: number): boolean {
    return createdAt + this.#settings.timeouts.absoluteTimeout * 1000 > now
  }

  async #delete(now: number): Promise<SessionRecord | null> {
    const token = this.#token
    if (token === null) return null
    const last = await this.#call(() => this.#store.delete(token, now, this.#mark('ended', now)))
    if (typeof last === 'string') {
      const refusal = this.#depart(last)
      if (last === 'moved') throw refusal
      this.#leave('absent')
      return null
    }
    if (last) this.#settings.emit?.({ type: 'flushed', handle: this.idOf(token) })
    return last
  }

  #mark(as: Departure, now: number): Mark | undefined {
    const { handOver } = this.#settings
    return handOver === 0 ? undefined : { as, until: now + handOver }
  }

  /** Takes note, at a read, that only a mark is left of the session. @throws {SessionError} unless it is opened */
  #refuse(departure: Departure): void {
    const refusal = this.#depart(departure)
    if (!this.#isOpened || this.#standing === 'stored') throw refusal
    this.#leave('absent')
  }

  /** Takes note that only a mark is left of the session. @returns the error to refuse its use with */
  #depart(departure: Departure): SessionError {
    this.#departure = departure
    this.#settings.emit?.(
      this.#standing === 'stored'
        ? { type: 'gone', handle: this.id! }
        : { type: 'rejected', reason: departure },
    )
    return departed(departure, this.#steps === 1)
  }

  /**
   * Takes note that the session is not there. If this request has seen it alive, somebody else has ended it,
   * and the changes of this request must not bring it back (Rack CVE-2025-46336, Django's
   * SessionInterrupted). If not, the cookie was worthless from the start, so that it is deleted and the
   * request is anonymous.
   * @throws {SessionError} SESSION_GONE when the session was seen alive
   */
  #lose(): void {
    if (this.#standing === 'stored') {
      this.#settings.emit?.({ type: 'gone', handle: this.id! })
      if (this.#hasMarked) this.#expel()
      throw gone()
    }
    this.#leave('absent')
    this.#cookie = 'clear'
    this.#settings.emit?.({ type: 'rejected', reason: 'unknown' })
  }

  #keep(token: string, record: SessionRecord): void {
    this.#standing = 'stored'
    // Where the session is there its cookie has come, so that the browser holds none back.
    this.#refusal = null
    this.#isDoubtful = false
    this.#token = token
    this.#record = record
    this.#successor = null
  }

  #leave(standing: 'absent' | 'flushed'): void {
    this.#standing = standing
    this.#token = null
    this.#record = null
  }

  /** Applies committed changes to the known record. A new token or policy needs a new cookie. */
  #move(changes: ChangeSet, token: string, now: number): void {
    const before = this.#record
    if (before === null) return
    // The store has judged `expect` and `limit` by its own record, which others may have changed since.
    this.#record = apply(before, { ...changes, expect: none, limit: undefined }).record!
    const isOther = token !== this.#token || (!this.#keepsToken && this.#record.policy !== before.policy)
    this.#token = token
    const moves = this.#record.expiresAt !== before.expiresAt
    if (!this.isSealed && (isOther || this.needsNewCookie(now, moves))) this.#send(now)
  }

  /** Deletes the cookie. The session that was in use has ended, so that no cookie of the name is of any use. */
  #expel(): void {
    this.#cookie = 'clear'
    this.#mayClear = true
  }

  #send(now: number): void {
    if (this.#cookie === null || this.#cookie === 'clear') this.#cookieBefore = this.#cookie
    const expiresAt = cookieDeadline(this.#record!, now, this.#settings.timeouts)
    this.#cookie = { token: this.#token!, expiresAt, now }
  }

  /**
   * Calls the store, unless it failed before or has only the mark of the session. Its first failure is kept,
   * and the listener is told of it.
   */
  #call<T>(verb: () => Promise<T>): Promise<T> {
    if (this.#failure !== null) throw this.#failure
    if (this.#departure !== null && this.#standing !== 'absent')
      throw departed(this.#departure, this.#steps === 1)
    this.#steps++
    return verb().catch((error: unknown) => {
      if (error instanceof SessionError && error.code.startsWith('SESSION_STORE_')) {
        this.#failure ??= error
        this.#settings.emit?.({ type: 'trouble', handle: this.id, code: error.code })
      }
      throw error
    })
  }
}
