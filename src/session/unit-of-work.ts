// This holds the work of one request on one session, and decides what is saved at the end of the request.

import { type Activity, apply, type ChangeSet, changeSet, none } from './changes.ts'
import type { Presented } from './cookie.ts'
import { Entries } from './entries.ts'
import { headersSent, SessionError, tooLarge } from './errors.ts'
import { deadline } from './expiry.ts'
import { adds, Journal } from './journal.ts'
import { OneAtATime } from './one-at-a-time.ts'
import { type Owned, ownerKey } from './owner.ts'
import type { Departure, SessionRecord } from './record.ts'
import type { Settings } from './settings.ts'
import { SignedIn, type SignIn } from './signed-in.ts'
import type { Store } from './store.ts'
import { type CookieChange, type Standing, StoredSession, type Terms } from './stored-session.ts'
import type { VerbPromise } from './verb-promise.ts'
import { View } from './view.ts'
import type { Listener } from './watch.ts'

/** What happens at the end of a request, by what it knows of the session and whether it recorded a change. */
const atTheEnd = {
  absent: { nothing: 'leave', something: 'create' },
  unread: { nothing: 'leave', something: 'commit' },
  stored: { nothing: 'touch', something: 'commit' },
  flushed: { nothing: 'create', something: 'create' },
} as const satisfies Record<Standing, Record<'nothing' | 'something', string>>

/**
 * With a hundred writers at once one gets through in each round, so that the last needs a hundred attempts.
 * A change that fails more often than this is SESSION_CONFLICT, since the request would be busy without end.
 */
const maxAttempts = 256

/**
 * The work of one request on one session. Three parts share it: `StoredSession` is what the request knows of
 * the store, `Journal` is what it has recorded and not saved yet, and `View` applies the second to the first
 * for reads. The store is read at the first use. Recorded changes stay in the journal until `save`, at the
 * end of the request, stores them as one change set by the table above. `change`, `flush` and `rotate` act on
 * the store at once, and take from the journal what they supersede. Verbs that call the store run one at a
 * time, since the operations of a batch work on one session side by side.
 */
export class UnitOfWork {
  readonly settings: Settings
  /** Which of the stored entries count, for the verbs. */
  readonly entries: Entries
  readonly #stored: StoredSession
  readonly #journal = new Journal()
  readonly #view: View
  readonly #signedIn: SignedIn
  readonly #verbs = new OneAtATime()
  /** Whether the request tells the end of its session by itself, so that its stream need not end in an error. */
  tellsEnds = false
  readonly #outlivesFailures: boolean
  /** Verbs that have not ended. These promises never reject. */
  readonly #watched = new Set<Promise<unknown>>()
  #failed: { readonly verb: VerbPromise; readonly error: unknown }[] = []
  #touched = false
  #closed = false
  #verifying: NodeJS.Immediate | undefined

  /**
   * @param presented - what the client sent as its token, which may not be one
   */
  constructor(store: Store, settings: Settings, presented: Presented, terms: Terms = {}) {
    this.settings = settings
    this.#outlivesFailures = terms.isOpened ?? false
    this.#stored = new StoredSession(store, settings, presented, terms)
    this.entries = new Entries(terms.declared, settings, () => this.#stored.id)
    this.#view = new View(this.#stored, this.#journal, this.entries, settings)
    this.#signedIn = new SignedIn(this.#stored, this.#view, settings, terms.userAgent)
  }

  /** Whether the request used its session. Only then does the answer depend on the cookie. */
  get touched(): boolean {
    return this.#touched
  }

  /** What the answer has to do with the cookie: nothing, if the request did not use its session. */
  get cookie(): CookieChange {
    return this.#touched ? this.#stored.cookie : null
  }

  /** The token of the session, for callers that carry it by other means than the cookie. */
  get token(): string | null {
    return this.#stored.token
  }

  /** Tells the listener that a client lacks a right on a key. */
  forbid(key: string): void {
    this.settings.emit?.({ type: 'forbidden', handle: this.#stored.id, key })
  }

  /** The first failure of the store; null if it did not fail. */
  get failure(): SessionError | null {
    return this.#stored.failure
  }

  /** Where the session of the presented token has gone, if it was replaced a moment ago. */
  get departure(): Departure | null {
    return this.#stored.departure
  }

  /**
   * Begins a new piece of work, e.g. the next event of a stream or the next `save`: after a failure the store
   * is asked again. What was recorded stays recorded.
   */
  recover(): void {
    this.#stored.recover()
  }

  /** Takes note of how a verb ends, so that its failure is told where nobody takes its promise. */
  watch(verb: VerbPromise): void {
    const note = (error: unknown): void => {
      this.#watched.delete(ended)
      this.#failed = this.#failed.filter((each) => !each.verb.isTaken)
      this.#failed.push({ verb, error })
    }
    // `verb.then` would mark it as taken.
    const ended: Promise<unknown> = Promise.prototype.then.call(
      verb,
      () => void this.#watched.delete(ended),
      note,
    )
    this.#watched.add(ended)
  }

  /** Waits for the verbs that are under way, and gives the failures of those that nobody awaited, once. */
  async untold(): Promise<unknown[]> {
    while (this.#watched.size > 0) await Promise.all(this.#watched)
    const untold = this.#failed.filter(({ verb }) => !verb.isTaken)
    this.#failed = []
    return untold.map(({ error }) => error)
  }

  /** Marks that the headers have left. From then on a change that needs a cookie is SESSION_HEADERS_SENT. */
  seal(): void {
    this.#stored.seal()
  }

  /** Marks that nothing will be saved any more. From then on a recorded change is SESSION_HEADERS_SENT. */
  close(): void {
    this.seal()
    this.#closed = true
  }

  /** The session as this request sees it: the stored record, or an empty one, with recorded changes. */
  view(): Promise<SessionRecord> {
    return this.#read().then(() => this.#view.record)
  }

  /** Whether the session is in the store. */
  async isStored(): Promise<boolean> {
    await this.#read()
    return this.#stored.standing === 'stored'
  }

  /** The id of the session, or of the one that `save` will create; null while there is nothing to store. */
  id(): Promise<string | null> {
    return this.#read().then(() => this.#view.id)
  }

  /** When the session was created. Milliseconds since the epoch; null while there is nothing to store. */
  createdAt(): Promise<number | null> {
    return this.#read().then(() => this.#view.createdAt)
  }

  /** When the session ends. Milliseconds since the epoch; null while there is nothing to store. */
  expiresAt(): Promise<number | null> {
    return this.#read().then(() => this.#view.expiresAt)
  }

  /**
   * Gives a function that tells whether the key is absent at this point of the request. It reads the store
   * only when it is called, so that a write need not read first.
   */
  absence(key: string): () => Promise<boolean> {
    const place = this.#journal.count
    let isAbsent: boolean | undefined
    const decide = (): void => {
      const isKnown = !this.#stored.needsReading || this.#journal.textOf(key, place) !== undefined
      if (isKnown) isAbsent = !this.entries.has(key, this.#textBefore(place, key))
    }
    // Verbs that were called before this point may still change the key.
    const decided = this.#verbs.isBusy ? this.#verbs.run(async () => decide()) : decide()
    return async () => {
      await decided
      if (isAbsent === undefined) await this.#read()
      // Nobody had read the session at this point, so what is read first is what was there.
      return (isAbsent ??= !this.entries.has(key, this.#stored.found?.entries.get(key)))
    }
  }

  /**
   * Records a change in the name of a scope, to be saved at the end of the request.
   * @throws {SessionError} SESSION_HEADERS_SENT, SESSION_CROSS_SITE, SESSION_AMBIGUOUS; SESSION_MOVED or
   * SESSION_GONE where that is known already
   * @throws {SessionError} SESSION_TOO_LARGE by the record as known; the store judges again when it is saved
   */
  record(scope: object, part: Partial<ChangeSet>): void {
    this.#record(scope, part)
  }

  /**
   * Records that a key is deleted, unless it is absent: in the turn of the verbs, so that of several verbs
   * that take a key away one succeeds, and at the place of the call among what is recorded in the meantime.
   * @returns whether the key was there
   * @throws {SessionError} SESSION_HEADERS_SENT
   */
  delete(scope: object, key: string): Promise<boolean> {
    this.#begin()
    const place = this.#journal.reserve()
    return this.#verbs.run(async () => {
      if (this.#stored.failure) throw this.#stored.failure
      await this.#readToChange()
      const text = this.#textBefore(place, key)
      if (text === null) return false
      const wasThere = this.entries.has(key, text)
      this.#record(scope, { entries: new Map([[key, null]]) }, place)
      return wasThere
    })
  }

  /** @throws {SessionError} SESSION_AMBIGUOUS where the change would be one of nobody's session */
  async #readToChange(): Promise<void> {
    await this.#stored.read()
    if (this.#stored.isContested) await this.#stored.decide()
  }

  #record(scope: object, part: Partial<ChangeSet>, place?: number): void {
    this.#touched = true
    const change = changeSet({ ...part, limit: this.#limitOf(part) })
    if (change.limit && this.#isTooLarge(change)) throw tooLarge(this.settings.limits)
    const { isInToken, standing, refusal } = this.#stored
    const begins = standing === 'absent' && adds(change)
    if (begins && refusal) throw refusal
    const needsCookie = isInToken || change.policy !== undefined || begins
    if (this.#closed || (this.#stored.isSealed && needsCookie)) throw headersSent()
    this.#journal.record(scope, change, place)
    this.#stored.step()
    // Microtasks run before an immediate: only a request that waits for something outside is still busy then.
    if (standing === 'unread') this.#verifying ??= setImmediate(() => this.#verify())
  }

  /** Whether the session cannot hold a change, as far as is known: a verb under way may still make room. */
  #isTooLarge(change: ChangeSet): boolean {
    if (this.#verbs.isBusy) return false
    const { record } = this.#view
    if (apply(record, change).outcome !== 'full') return false
    return apply({ ...record, entries: this.entries.lasting(record.entries) }, change).outcome === 'full'
  }

  /** Forgets the changes that a scope recorded. Changes that were made at once stay. */
  drop(scope: object): void {
    this.#journal.drop(scope)
  }

  /** Forgets all recorded changes. */
  discard(): void {
    this.#journal.reset()
  }

  /**
   * Changes one entry in the store at once, by compare-and-set.
   * @param change - gets the text under the key (null: absent) and gives the new text (null: delete the key),
   * or undefined to leave it. It runs again when another request was faster
   * @throws {SessionError} SESSION_CONFLICT, SESSION_GONE, SESSION_TOO_LARGE, SESSION_HEADERS_SENT
   */
  change(key: string, change: (text: string | null) => string | null | undefined): Promise<void> {
    this.#begin()
    const place = this.#journal.reserve()
    return this.#verbs.run(async () => {
      await this.#readToChange()
      for (let attempt = 1; attempt <= maxAttempts; attempt++) {
        const text = this.#textBefore(place, key)
        const next = change(text)
        if (next === undefined) return
        if (await this.#changeNow(key, text, next, place)) return
        await this.#stored.reread()
      }
      this.settings.emit?.({ type: 'conflict', handle: this.#stored.id, key })
      throw new SessionError(
        'SESSION_CONFLICT',
        `"${key}" was changed by others at each of ${maxAttempts} attempts. Nothing was written; try again.`,
      )
    })
  }

  /**
   * Deletes the session and what was recorded.
   * @returns whether a stored session was deleted
   * @throws {SessionError} SESSION_HEADERS_SENT, SESSION_NOT_REVOCABLE
   */
  flush(): Promise<boolean> {
    this.#begin()
    const place = this.#journal.count
    return this.#verbs.run(async () => {
      if (this.#stored.isSealed) throw headersSent()
      const flushed = await this.#signedIn.flush(this.settings.clock())
      this.#journal.forget(place)
      return flushed
    })
  }

  /**
   * Moves the session to a new token.
   * @param isKept - whether the application asks for it, so that the session is evicted last
   * @throws {SessionError} SESSION_GONE, SESSION_HEADERS_SENT, SESSION_NOT_REVOCABLE
   */
  rotate(isKept: boolean): Promise<void> {
    this.#begin()
    const place = this.#journal.count
    return this.#verbs.run(async () => {
      if (this.#stored.isSealed) throw headersSent()
      await this.#unlessAbandoned(place, () => this.#signedIn.rotate(this.settings.clock(), isKept))
    })
  }

  /**
   * Watches the session for an open stream.
   * @returns ends it; null where nothing is stored that could end
   */
  follow(listener: Omit<Listener, 'record'>): Promise<(() => void) | null> {
    return this.#stored.watch(listener)
  }

  /** Reads the session anew, as somebody may have changed it. @throws {SessionError} SESSION_MOVED, SESSION_GONE */
  refresh(): Promise<void> {
    this.#begin()
    return this.#verbs.run(() => this.#stored.reread())
  }

  /** Whose session it is, as this request sees it; null for nobody's. */
  owned(): Promise<Owned | null> {
    return this.#read().then(() => this.#signedIn.owned)
  }

  /**
   * Gives a ticket, and reads the session meanwhile, which the sign-in has to know.
   * @throws {SessionError} SESSION_NOT_REVOCABLE, SESSION_MOVED
   */
  async ticket(owner: string): Promise<string> {
    const [ticket] = await Promise.all([this.#signedIn.ticket(owner), this.#read()])
    return ticket
  }

  /**
   * Does what concerns the owner of the session, in the turn of the verbs.
   * @param isSealable - whether it can be done once the headers have left
   * @throws {SessionError} SESSION_HEADERS_SENT
   */
  asOwner<T>(verb: (signedIn: SignedIn) => Promise<T>, isSealable = false): Promise<T> {
    this.#begin()
    const place = this.#journal.count
    return this.#verbs.run(async () => {
      if (!isSealable && this.#stored.isSealed) throw headersSent()
      await this.#readToChange()
      const before = this.#stored.standing
      try {
        return await verb(this.#signedIn)
      } finally {
        // What was recorded for a session that has ended is for nobody.
        if (before === 'stored' && this.#stored.standing !== 'stored') this.#journal.forget(place)
      }
    })
  }

  /**
   * Signs an owner in.
   * @throws {SessionError} SESSION_SIGN_IN_ENDED, SESSION_TOO_MANY_DEVICES, SESSION_HEADERS_SENT, SESSION_NOT_REVOCABLE
   */
  signIn(owner: string, signIn: SignIn): Promise<void> {
    this.#begin()
    const place = this.#journal.count
    return this.#verbs.run(async () => {
      if (this.#stored.isSealed) throw headersSent()
      // What is cleared before is gone, also the owner, whom the clear would take away again when it is saved.
      if (this.#journal.clears(place)) {
        await this.#signedIn.flush(this.settings.clock())
        this.#journal.settle(ownerKey, place, true, null)
      }
      await this.#unlessAbandoned(place, () =>
        this.#signedIn.enter(owner, signIn, () => this.#journal.forget(place)),
      )
    })
  }

  /** Forgets what was recorded before a place where the session for which it was recorded had to be given up. */
  async #unlessAbandoned(place: number, verb: () => Promise<void>): Promise<void> {
    try {
      await verb()
    } finally {
      if (this.#stored.isAbandoned) this.#journal.forget(place)
    }
  }

  /** Whether `save` has anything to do, or a verb to wait for. If not, callers skip it, as it takes time. */
  get needsSaving(): boolean {
    if (this.#watched.size > 0 || this.#failed.length > 0) return true
    if (!this.#touched) return false
    if (this.#verbs.isBusy || !this.#journal.isEmpty) return true
    const { standing, record } = this.#stored
    if (standing !== 'stored') return standing === 'flushed'
    const now = this.settings.clock()
    if (this.#view.deadline(now) !== record!.expiresAt || this.#stored.needsNewCookie(now)) return true
    return this.#signedIn.isDue(now)
  }

  /**
   * Saves what was recorded, by the table above.
   * @throws {SessionError} SESSION_GONE, SESSION_TOO_LARGE, SESSION_HEADERS_SENT, SESSION_NOT_REVOCABLE,
   * SESSION_STORE_UNAVAILABLE, SESSION_STORE_TIMEOUT
   */
  save(): Promise<void> {
    if (this.#outlivesFailures) this.recover()
    clearImmediate(this.#verifying)
    this.#verifying = undefined
    return this.#verbs.run(() => this.#save())
  }

  async #save(): Promise<void> {
    const { failure } = this.#stored
    if (failure && this.#journal.isEmpty) return
    if (failure) throw failure
    if (this.#stored.isContested && !this.#journal.isEmpty) await this.#stored.decide()
    // A new policy gives a new deadline, and that depends on when the session was created. A key whose time is over
    // comes last when it is set again, and only its text tells. A clear signs out, and whoever uses the session next
    // must not lose it with the devices of who was signed in before.
    const { sum: unsaved } = this.#journal
    const needsRecord = unsaved.clear || unsaved.policy !== undefined || this.entries.setsBrief(unsaved)
    if (needsRecord) await this.#stored.read()
    const now = this.settings.clock()
    const { count, isEmpty } = this.#journal
    const { standing, record } = this.#stored
    const expiresAt = this.#view.deadline(now)
    const under = this.#view.policy
    const recorded = this.#journal.sum
    const sum = recorded.policy === undefined ? recorded : { ...recorded, policy: under }
    const changed = standing === 'absent' ? adds(sum) : !isEmpty
    const ends = sum.policy !== undefined && expiresAt <= now
    switch (ends ? 'end' : atTheEnd[standing][changed ? 'something' : 'nothing']) {
      case 'leave':
        break
      case 'end':
        await this.#stored.end(now)
        break
      case 'create':
        if (!(await this.#stored.create({ ...sum, expiresAt }, now))) return this.#save()
        break
      case 'touch':
        await this.#stored.touch(changeSet({ expiresAt, under }), now)
        break
      case 'commit': {
        // A deadline that stays as it was read is left out, since another request may have moved it in the meantime.
        // Where the record was not read, the store is told of the activity.
        const moves = record !== null && expiresAt !== record.expiresAt
        const changes = moves
          ? { ...sum, expiresAt, under }
          : record
            ? sum
            : { ...sum, activity: this.#activity(now) }
        const { entries, last, expect } = this.#journal.sumOver(record)
        const left = changes.clear ? this.#signedIn.stored : null
        let outcome = await this.#commit({ ...changes, entries, last, expect }, now)
        // Another request has changed a key that only had to be put last.
        if (outcome === 'conflict') outcome = await this.#commit(changes, now)
        // The cookie was worthless. What the changes add goes into a new session.
        if (outcome === 'gone') return this.#save()
        if (left) await this.#signedIn.leave(left, now)
      }
    }
    this.#journal.forget(count)
    await this.#signedIn.see(now)
  }

  /**
   * Stores changes, and deletes along with them the entries whose time is over, as far as they are known. Where there is
   * no room they are looked for, once.
   * @throws {SessionError} SESSION_TOO_LARGE, and what `StoredSession.commit` throws
   */
  async #commit(changes: ChangeSet, now: number): Promise<'committed' | 'conflict' | 'gone'> {
    const known = this.#stored.record
    let outcome = await this.#commitSwept(changes, now)
    if (outcome !== 'full') return outcome
    // Nothing was over when it was read.
    if (known && this.entries.swept(changes, known.entries) === changes) throw tooLarge(this.settings.limits)
    await (this.#stored.needsReading ? this.#stored.read() : this.#stored.reread())
    const { record } = this.#stored
    if (record === null) return 'gone'
    // Only who has read knows whose session it is, and that this takes no room of the application's.
    const allowed = record.entries.has(ownerKey) ? { ...changes, limit: this.#limitOf(changes) } : changes
    if (allowed !== changes || this.entries.swept(changes, record.entries) !== changes)
      outcome = await this.#commitSwept(allowed, now)
    if (outcome === 'full') throw tooLarge(this.settings.limits)
    return outcome
  }

  async #commitSwept(changes: ChangeSet, now: number): ReturnType<StoredSession['commit']> {
    const stored = this.#stored.record?.entries ?? none
    const swept = this.entries.swept(changes, stored)
    const outcome = await this.#stored.commit(swept, now)
    // Another request may have set again, or deleted, what was to be deleted.
    return outcome === 'conflict' && swept !== changes ? this.#stored.commit(changes, now) : outcome
  }

  /** Makes one attempt of `change`. @returns false when another request was faster */
  async #changeNow(key: string, text: string | null, next: string | null, place: number): Promise<boolean> {
    const now = this.settings.clock()
    // What this request has recorded or cleared is not in the store yet, so that no text is expected there.
    const own = this.#journal.textOf(key, place) !== undefined
    const clear = this.#journal.clears(place)
    const held = this.#stored.record?.entries ?? none
    const lasting = this.entries.lasting(held)
    const setAt = next === null ? null : this.#journal.setAt(key, place, lasting.has(key))
    // These were set after this key, so that they have to come after it.
    const later = setAt === null ? [] : this.#journal.storedAfter(key, setAt)
    const moved = later.flatMap((each) => (held.has(each) ? [[each, held.get(each)!] as const] : []))
    const isAgain = next !== null && this.#journal.deletes(key, place)
    const entries = new Map([[key, next], ...moved])
    const changes = changeSet({
      expect: new Map([...(own ? [] : [[key, text] as const]), ...moved]),
      clear,
      entries,
      last: new Set([...(isAgain ? [key] : []), ...moved.map(([each]) => each)]),
      limit: this.#limitOf({ entries }),
    })
    if (this.#stored.standing === 'stored') {
      if ((await this.#commit(changes, now)) !== 'committed') return false
    } else if (next !== null) {
      // The session begins under the server's own policy. `save` stores a recorded one, with its deadline.
      const expiresAt = deadline('', this.#stored.issue().createdAt, now, this.settings.timeouts)
      if (!(await this.#stored.create({ ...changes, expect: none, expiresAt }, now))) return false
    }
    this.#journal.settle(key, place, clear, setAt)
    return true
  }

  /**
   * Reads the session of a request that has recorded a change without a read, and goes on. If the session
   * ends after that, `save` answers SESSION_GONE. Otherwise `save` would take the cookie for worthless, and
   * create a new session.
   */
  #verify(): void {
    this.#verifying = undefined
    if (!this.#journal.isEmpty) this.#read().catch(() => {})
  }

  /** The text under a key with what was recorded before a place; null where it is absent. */
  #textBefore(place: number, key: string): string | null {
    const own = this.#journal.textOf(key, place)
    return own === undefined ? (this.#stored.record?.entries.get(key) ?? null) : own
  }

  #begin(): void {
    this.#touched = true
    if (this.#outlivesFailures) this.recover()
  }

  /** Reads the session at the first use. A failure of the store is thrown again at each further use. */
  #read(): Promise<void> {
    this.#begin()
    const { needsReading, failure } = this.#stored
    if (failure) return Promise.reject(failure)
    return needsReading ? this.#verbs.run(() => this.#stored.read()) : known
  }

  #activity(now: number): Activity {
    const idle = this.settings.timeouts.idleTimeout * 1000
    const lifetime = this.settings.timeouts.absoluteTimeout * 1000
    return { until: now + idle, lifetime, step: idle / 20 }
  }

  /** The limit for a change: none if it sets no entry, so that a session over the limit can be emptied. */
  #limitOf({ entries }: Partial<ChangeSet>): ChangeSet['limit'] {
    if (!entries || !adds({ entries })) return undefined
    const { keys, sessionBytes } = this.settings.limits
    // What the session says of its owner is nothing that the application can delete.
    const own = this.#stored.record?.entries.get(ownerKey)
    if (own === undefined) return { keys, bytes: sessionBytes }
    return { keys: keys + 1, bytes: sessionBytes + Buffer.byteLength(own) + ownerKey.length }
  }
}

const known = Promise.resolve()
