import { apply, type ChangeSet, changeSet } from './changes.ts'
import type { SentCookie } from './cookie.ts'
import { SessionError } from './errors.ts'
import { deadline, endsWithBrowser, isDue } from './expiry.ts'
import { Journal } from './journal.ts'
import type { SessionRecord } from './record.ts'
import type { Settings } from './settings.ts'
import type { Store } from './store.ts'

/** What the answer does with the cookie; `null`: nothing. */
export type CookieChange = SentCookie | 'clear' | null

/**
 * How the unit stands with the store.
 * - `absent`: no session, or only one that is still to be created
 * - `unread`: a token was presented and nothing was asked of the store yet
 * - `stored`: the record was read, created or rotated by this unit
 * - `flushed`: the session was deleted by this unit, and its successor is owed to the client
 */
type Standing = 'absent' | 'unread' | 'stored' | 'flushed'

/** The commit policy: what happens at the end, by what was recorded. */
const atTheEnd = {
  absent: { nothing: 'leave', something: 'create', end: 'leave' },
  unread: { nothing: 'leave', something: 'commit', end: 'delete' },
  stored: { nothing: 'touch', something: 'commit', end: 'delete' },
  flushed: { nothing: 'create', something: 'create', end: 'leave' },
} as const satisfies Record<Standing, Record<'nothing' | 'something' | 'end', string>>

/**
 * Two writers are done after two attempts each, a hundred at once after a hundred. Whoever loses more
 * often than this is told so, instead of keeping a request busy without end.
 */
const maxAttempts = 256

/** The work of one request on one session: read once, changes recorded, saved once. Knows no HTTP. */
export class UnitOfWork {
  readonly #store: Store
  readonly #settings: Settings
  readonly #journal = new Journal()
  #token: string | null
  #standing: Standing
  /** The store's state as last seen; null while there is none. */
  #record: SessionRecord | null = null
  /** The token and birth of a session that is not stored yet. */
  #successor: { readonly token: string; readonly createdAt: number } | null = null
  #tail: Promise<unknown> = Promise.resolve()
  #failure: SessionError | null = null
  #sealed = false
  #touched = false
  #cookie: CookieChange = null

  /** @param token - as presented: `null` for none, `''` for one that cannot be used. */
  constructor(store: Store, settings: Settings, token: string | null) {
    this.#store = store
    this.#settings = settings
    this.#token = token || null
    this.#standing = token ? 'unread' : 'absent'
    if (token === '') this.#cookie = 'clear'
  }

  get settings(): Settings {
    return this.#settings
  }

  /** Whether anybody asked for the session: only then does the answer depend on the cookie. */
  get touched(): boolean {
    return this.#touched
  }

  /** What the answer has to do with the cookie. A store that failed is no proof that a cookie is worthless. */
  get cookie(): CookieChange {
    return this.#touched && !(this.#failure && this.#cookie === 'clear') ? this.#cookie : null
  }

  /** The token of the stored session; for whoever carries it in a way of their own. */
  get token(): string | null {
    return this.#standing === 'stored' || this.#standing === 'unread' ? this.#token : null
  }

  /** From here on no cookie can be set: whatever needs one is refused. */
  seal(): void {
    this.#sealed = true
  }

  /** The session as this request sees it: the stored record, or an empty one, under what was recorded. */
  async view(): Promise<SessionRecord> {
    await this.#read()
    return this.#seen()
  }

  /** Whether a stored session lies under this unit. */
  async isStored(): Promise<boolean> {
    await this.#read()
    return this.#standing === 'stored'
  }

  /** The id, present or to be; null while there is nothing to store. */
  async id(): Promise<string | null> {
    await this.#read()
    const token = this.#standing === 'stored' ? this.#token : this.#isOwed() ? this.#issue().token : null
    return token === null ? null : this.#store.idOf(token)
  }

  async createdAt(): Promise<number | null> {
    await this.#read()
    if (this.#standing === 'stored') return this.#record!.createdAt
    return this.#isOwed() ? this.#issue().createdAt : null
  }

  async expiresAt(): Promise<number | null> {
    await this.#read()
    return this.#standing === 'stored' || this.#isOwed() ? this.#deadline(this.#now()) : null
  }

  /**
   * Answers later, and only if asked, whether the key is absent at this point of the request. So a
   * write need not read first.
   */
  absence(key: string): () => Promise<boolean> {
    const { sum } = this.#journal
    const recorded = sum.entries.get(key)
    if (recorded !== undefined || sum.clear) return async () => typeof recorded !== 'string'
    if (this.#standing !== 'unread') {
      const absent = !this.#record?.entries.has(key)
      return async () => absent
    }
    return async () => {
      await this.#read()
      return !this.#record?.entries.has(key)
    }
  }

  /** @throws {SessionError} SESSION_TOO_LARGE as far as is known before saving, SESSION_HEADERS_SENT */
  record(scope: object, part: Partial<ChangeSet>): void {
    this.#touched = true
    const change = changeSet({ ...part, limit: this.#limitOf(part) })
    if (apply(this.#seen(), change).outcome === 'full') throw this.#tooLarge()
    if (this.#sealed && this.#standing === 'absent' && adds(change)) throw headersSent()
    if (this.#sealed && change.policy !== undefined) throw headersSent()
    this.#journal.record(scope, change)
  }

  /** Forgets what a scope recorded. What was done at once stays. */
  drop(scope: object): void {
    this.#journal.drop(scope)
  }

  /**
   * Finds out whether the session is there, if something was recorded without asking. Called when a
   * request goes on for longer: a session that ends from here on was used while it lived.
   */
  verify(): void {
    if (!this.#journal.isEmpty) this.#read().catch(() => {})
  }

  /**
   * Changes one entry at once and atomically. `change` sees the text under the key (null: absent) and
   * answers with the new text (null: delete), or undefined to leave it; it runs again when somebody
   * else was faster.
   * @throws {SessionError} SESSION_CONFLICT, SESSION_GONE, SESSION_TOO_LARGE, SESSION_HEADERS_SENT
   */
  change(key: string, change: (text: string | null) => string | null | undefined): Promise<void> {
    this.#touched = true
    return this.#exclusive(async () => {
      await this.#readNow()
      for (let attempt = 1; attempt <= maxAttempts; attempt++) {
        const text = this.#seen().entries.get(key) ?? null
        const next = change(text)
        if (next === undefined) return
        if (await this.#changeNow(key, text, next)) return
        await this.#reread()
      }
      throw new SessionError(
        'SESSION_CONFLICT',
        `"${key}" was changed by others at each of ${maxAttempts} attempts. Nothing was written; try again.`,
      )
    })
  }

  /** @returns whether a stored session was deleted. */
  flush(): Promise<boolean> {
    this.#touched = true
    return this.#exclusive(async () => {
      if (this.#sealed) throw headersSent()
      const now = this.#now()
      const last = this.#token === null ? null : await this.#call(this.#store.delete(this.#token, now))
      this.#journal.reset()
      this.#successor = null
      if (this.#isAlive(last, now)) {
        this.#leave('flushed')
        return true
      }
      if (this.#standing === 'unread') this.#cookie = 'clear'
      if (this.#standing !== 'flushed') this.#leave('absent')
      return false
    })
  }

  rotate(): Promise<void> {
    this.#touched = true
    return this.#exclusive(async () => {
      if (this.#sealed) throw headersSent()
      if (this.#token === null) {
        this.#successor = null
        return
      }
      const now = this.#now()
      const rotated = await this.#call(this.#store.rotate(this.#token, now))
      if (rotated === null) return this.#lost()
      this.#keep(rotated.token, rotated.record)
      this.#sendCookie(now)
    })
  }

  /**
   * Saves what was recorded, by the table above.
   * @throws {SessionError} SESSION_GONE, SESSION_TOO_LARGE, SESSION_HEADERS_SENT, SESSION_STORE_…
   */
  save(): Promise<void> {
    return this.#exclusive(async () => {
      if (this.#failure !== null) {
        if (this.#journal.isEmpty) return
        throw this.#failure
      }
      if (this.#journal.sum.policy !== undefined) await this.#readNow()
      await this.#save(this.#now())
    })
  }

  async #save(now: number): Promise<void> {
    const { sum, recorded } = this.#journal
    const something = this.#standing === 'absent' ? adds(sum) : !this.#journal.isEmpty
    const ends = sum.policy !== undefined && this.#deadline(now) <= now
    switch (atTheEnd[this.#standing][ends ? 'end' : something ? 'something' : 'nothing']) {
      case 'leave':
        if (ends && this.#standing === 'flushed') this.#cookie = 'clear'
        if (ends) this.#leave('absent')
        break
      case 'create':
        await this.#create(sum, now)
        break
      case 'touch':
        await this.#touch(now)
        break
      case 'commit':
        if (!(await this.#commit(sum, now))) return this.#save(now)
        break
      case 'delete':
        if ((await this.#call(this.#store.delete(this.#token!, now))) === null) this.#lost()
        this.#leave('absent')
        this.#cookie = 'clear'
    }
    this.#journal.forget(recorded)
  }

  async #create(changes: ChangeSet, now: number): Promise<void> {
    if (this.#sealed) throw headersSent()
    const { token } = this.#issue()
    const { outcome, record } = apply(this.#blank(), { ...changes, expiresAt: this.#deadline(now) })
    if (outcome === 'full') throw this.#tooLarge()
    await this.#call(this.#store.create(token, record!))
    this.#keep(token, record!)
    this.#sendCookie(now)
  }

  /** Activity alone. Whoever only read does not mind that the session ended since. */
  async #touch(now: number): Promise<void> {
    const expiresAt = this.#deadline(now)
    if (this.#sealed || expiresAt === this.#record!.expiresAt) return
    const changes = changeSet({ expiresAt })
    if ((await this.#call(this.#store.commit(this.#token!, changes, now))) !== 'committed') return
    this.#record = apply(this.#record, changes).record
    this.#sendCookie(now)
  }

  /** @returns false when there turned out to be no session, so that the table has to be asked again. */
  async #commit(sum: ChangeSet, now: number): Promise<boolean> {
    const before = this.#record
    const expiresAt = before && !this.#sealed ? this.#deadline(now) : undefined
    // A deadline that does not move is left out: somebody else may have moved it since it was read.
    const changes = expiresAt === before?.expiresAt ? sum : { ...sum, expiresAt }
    const outcome = await this.#call(this.#store.commit(this.#token!, changes, now))
    if (outcome === 'full') throw this.#tooLarge()
    if (outcome === 'gone') {
      this.#lost()
      return false
    }
    this.#record = before && apply(before, changes).record
    const moved = this.#record?.expiresAt !== before?.expiresAt || this.#record?.policy !== before?.policy
    if (moved) this.#sendCookie(now)
    return true
  }

  /** @returns false when somebody else was faster. */
  async #changeNow(key: string, text: string | null, next: string | null): Promise<boolean> {
    const now = this.#now()
    const { sum } = this.#journal
    // What this request itself recorded under the key or cleared goes with the change, and is not compared.
    const own = sum.clear || sum.entries.has(key)
    const entries = new Map([[key, next]])
    if (this.#standing !== 'stored') {
      if (next !== null) await this.#create(changeSet({ entries, limit: this.#limitOf({ entries }) }), now)
      this.#journal.settle(changeSet({ entries, clear: sum.clear }))
      return true
    }
    const changes = changeSet({
      expect: new Map(own ? [] : [[key, text]]),
      clear: sum.clear,
      entries,
      limit: this.#limitOf({ entries }),
    })
    const outcome = await this.#call(this.#store.commit(this.#token!, changes, now))
    if (outcome === 'gone') this.#lost()
    if (outcome === 'full') throw this.#tooLarge()
    if (outcome !== 'committed') return false
    this.#record = apply(this.#record, { ...changes, expect: new Map() }).record
    this.#journal.settle(changes)
    return true
  }

  async #read(): Promise<void> {
    this.#touched = true
    if (this.#failure !== null) throw this.#failure
    if (this.#standing === 'unread') await this.#exclusive(() => this.#readNow())
  }

  async #readNow(): Promise<void> {
    if (this.#failure !== null) throw this.#failure
    if (this.#standing === 'unread') await this.#reread()
  }

  async #reread(): Promise<void> {
    const now = this.#now()
    const record = await this.#call(this.#store.read(this.#token!, now))
    if (this.#isAlive(record, now)) this.#keep(this.#token!, record)
    else this.#lost()
  }

  /** The absolute timeout also ends a session that was stored under a longer one. */
  #isAlive(record: SessionRecord | null, now: number): record is SessionRecord {
    return record !== null && record.createdAt + this.#settings.timeouts.absoluteTimeout * 1000 > now
  }

  /**
   * The session is not there. Seen alive before, it was ended by somebody else, and this request's work
   * must not bring it back (Rack CVE-2025-46336, Django's SessionInterrupted). Never seen, the cookie was
   * worthless from the start, and the request is anonymous.
   */
  #lost(): void {
    if (this.#standing === 'stored') {
      throw new SessionError(
        'SESSION_GONE',
        'The session ended while this request used it, for example by a logout. Its changes were not saved.',
      )
    }
    this.#leave('absent')
    this.#cookie = 'clear'
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

  #sendCookie(now: number): void {
    const { expiresAt, policy } = this.#record!
    this.#cookie = { token: this.#token!, expiresAt: endsWithBrowser(policy) ? null : expiresAt, now }
  }

  #isOwed(): boolean {
    return this.#standing === 'flushed' || (this.#standing === 'absent' && adds(this.#journal.sum))
  }

  #issue(): { readonly token: string; readonly createdAt: number } {
    return (this.#successor ??= { token: this.#store.mint(), createdAt: this.#now() })
  }

  #blank(): SessionRecord {
    const createdAt = this.#successor?.createdAt ?? this.#now()
    return { entries: new Map(), createdAt, expiresAt: 0, policy: '' }
  }

  #seen(): SessionRecord {
    const record = this.#record ?? this.#blank()
    return this.#journal.isEmpty ? record : apply(record, { ...this.#journal.sum, limit: undefined }).record!
  }

  /** The deadline that the session has after this request. */
  #deadline(now: number): number {
    const { createdAt, policy } = this.#seen()
    const target = deadline(policy, createdAt, now, this.#settings.timeouts)
    const before = this.#record
    return before && policy === before.policy && !isDue(before, target, this.#settings.timeouts)
      ? before.expiresAt
      : target
  }

  #limitOf({ entries }: Partial<ChangeSet>): ChangeSet['limit'] {
    const { keys, sessionBytes } = this.#settings.limits
    return entries && adds({ entries }) ? { keys, bytes: sessionBytes } : undefined
  }

  #tooLarge(): SessionError {
    const { keys, sessionBytes } = this.#settings.limits
    return new SessionError(
      'SESSION_TOO_LARGE',
      `A session holds at most ${keys} keys and ${sessionBytes} bytes. Nothing was stored; delete what is no longer needed.`,
    )
  }

  #now(): number {
    return this.#settings.clock()
  }

  /** One verb at a time: operations of a batch work on one session side by side. */
  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#tail.then(work)
    this.#tail = done.catch(() => {})
    return done
  }

  /** A store that failed once is not asked again by this request, and its cookie stays as it is. */
  async #call<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer
    } catch (error) {
      if (error instanceof SessionError && error.code.startsWith('SESSION_STORE_')) this.#failure ??= error
      throw error
    }
  }
}

const adds = ({ entries, policy }: Pick<ChangeSet, 'entries' | 'policy'>): boolean =>
  Boolean(policy) || [...entries.values()].some((text) => text !== null)

const headersSent = (): SessionError =>
  new SessionError(
    'SESSION_HEADERS_SENT',
    'The headers of this response have left, so that no cookie can be set: create, rotate, flush and expire sessions before a stream starts.',
  )
