// This is what one request does to one session, and decides whether and what it saves at its end.

import { apply, type ChangeSet, changeSet } from './changes.ts'
import { headersSent, SessionError, tooLarge } from './errors.ts'
import { deadline } from './expiry.ts'
import { adds, Journal } from './journal.ts'
import { OneAtATime } from './one-at-a-time.ts'
import type { SessionRecord } from './record.ts'
import type { Settings } from './settings.ts'
import type { Store } from './store.ts'
import { type CookieChange, type Standing, StoredSession } from './stored-session.ts'
import { View } from './view.ts'

/** The commit policy: what happens at the end of a request, by how it stands and what it recorded. */
const atTheEnd = {
  absent: { nothing: 'leave', something: 'create' },
  unread: { nothing: 'leave', something: 'commit' },
  stored: { nothing: 'touch', something: 'commit' },
  flushed: { nothing: 'create', something: 'create' },
} as const satisfies Record<Standing, Record<'nothing' | 'something', string>>

/**
 * A hundred writers at once are done after a hundred attempts. Whoever loses more often than this is told
 * so, instead of keeping a request busy without end.
 */
const maxAttempts = 256

/**
 * The work of one request on one session. Three parts share it: `StoredSession` is what the request knows of the store,
 * `Journal` is what it recorded and has not saved, and `View` is the second over the first, for whoever reads. The store
 * is read at the first use. What is recorded stays in the journal until `save`, at the end of the request, stores all of
 * it as one change set by the table above. `change`, `flush` and `rotate` act on the store at once, and take from the
 * journal what they supersede. Verbs that call the store run one at a time, since the operations of a batch work on one
 * session side by side.
 */
export class UnitOfWork {
  readonly settings: Settings
  readonly #stored: StoredSession
  readonly #journal = new Journal()
  readonly #view: View
  readonly #verbs = new OneAtATime()
  #touched = false
  #closed = false
  #verifying: NodeJS.Immediate | undefined

  /** @param presented - what the client sent for a token; null for nothing. */
  constructor(store: Store, settings: Settings, presented: string | null) {
    this.settings = settings
    this.#stored = new StoredSession(store, settings, presented)
    this.#view = new View(this.#stored, this.#journal, settings)
  }

  /** Whether anybody asked for the session: only then does the answer depend on the cookie. */
  get touched(): boolean {
    return this.#touched
  }

  get cookie(): CookieChange {
    return this.#touched ? this.#stored.cookie : null
  }

  /** The token of the stored session, for whoever carries it in a way of their own. */
  get token(): string | null {
    return this.#stored.token
  }

  /** Tells whoever listens that a client lacks a right on a key. */
  forbid(key: string): void {
    this.settings.emit?.({ type: 'forbidden', id: this.#stored.id, key })
  }

  /** The first failure of the store, if it failed. */
  get failure(): SessionError | null {
    return this.#stored.failure
  }

  /** From here on no cookie can be set: whatever needs one is refused. */
  seal(): void {
    this.#stored.seal()
  }

  /** From here on nothing is saved any more: whatever would be recorded is refused. */
  close(): void {
    this.seal()
    this.#closed = true
  }

  /** The session as this request sees it: the stored record, or an empty one, under what was recorded. */
  view(): Promise<SessionRecord> {
    return this.#read().then(() => this.#view.record)
  }

  async isStored(): Promise<boolean> {
    await this.#read()
    return this.#stored.standing === 'stored'
  }

  /** The id, present or to be; null while there is nothing to store. */
  id(): Promise<string | null> {
    return this.#read().then(() => this.#view.id)
  }

  /** Milliseconds since the epoch; null while there is nothing to store. */
  createdAt(): Promise<number | null> {
    return this.#read().then(() => this.#view.createdAt)
  }

  /** Milliseconds since the epoch; null while there is nothing to store. */
  expiresAt(): Promise<number | null> {
    return this.#read().then(() => this.#view.expiresAt)
  }

  /**
   * Answers later, and only if asked, whether the key is absent at this point of the request. So a write
   * need not read first.
   */
  absence(key: string): () => Promise<boolean> {
    const { sum } = this.#journal
    const recorded = sum.entries.get(key)
    if (recorded !== undefined || sum.clear) return async () => typeof recorded !== 'string'
    const isAbsent = () => !this.#stored.record?.entries.has(key)
    if (this.#stored.standing === 'unread') return () => this.#read().then(isAbsent)
    const absent = isAbsent()
    return async () => absent
  }

  /** @throws {SessionError} SESSION_TOO_LARGE as far as is known before saving, SESSION_HEADERS_SENT */
  record(scope: object, part: Partial<ChangeSet>): void {
    this.#touched = true
    const change = changeSet({ ...part, limit: this.#limitOf(part) })
    if (change.limit && apply(this.#view.record, change).outcome === 'full')
      throw tooLarge(this.settings.limits)
    const { isInToken, standing } = this.#stored
    const needsCookie = isInToken || change.policy !== undefined || (standing === 'absent' && adds(change))
    if (this.#closed || (this.#stored.isSealed && needsCookie)) throw headersSent()
    this.#journal.record(scope, change)
    // Microtasks run first: only a request that waits for something outside is still busy then.
    if (standing === 'unread') this.#verifying ??= setImmediate(() => this.#verify())
  }

  /** Forgets what a scope recorded. What was done at once stays. */
  drop(scope: object): void {
    this.#journal.drop(scope)
  }

  /** Forgets whatever was recorded. */
  discard(): void {
    this.#journal.reset()
  }

  /**
   * Changes one entry at once and atomically. `change` sees the text under the key (null: absent) and
   * answers with the new text (null: delete), or undefined to leave it; it runs again when somebody
   * else was faster.
   * @throws {SessionError} SESSION_CONFLICT, SESSION_GONE, SESSION_TOO_LARGE, SESSION_HEADERS_SENT
   */
  change(key: string, change: (text: string | null) => string | null | undefined): Promise<void> {
    this.#touched = true
    return this.#verbs.run(async () => {
      await this.#stored.read()
      for (let attempt = 1; attempt <= maxAttempts; attempt++) {
        const text = this.#view.record.entries.get(key) ?? null
        const next = change(text)
        if (next === undefined) return
        if (await this.#changeNow(key, text, next)) return
        await this.#stored.reread()
      }
      this.settings.emit?.({ type: 'conflict', id: this.#stored.id, key })
      throw new SessionError(
        'SESSION_CONFLICT',
        `"${key}" was changed by others at each of ${maxAttempts} attempts. Nothing was written; try again.`,
      )
    })
  }

  /** @returns whether a stored session was deleted. @throws {SessionError} SESSION_HEADERS_SENT */
  flush(): Promise<boolean> {
    this.#touched = true
    return this.#verbs.run(async () => {
      if (this.#stored.isSealed) throw headersSent()
      const flushed = await this.#stored.flush(this.settings.clock())
      this.#journal.reset()
      return flushed
    })
  }

  /** @throws {SessionError} SESSION_GONE, SESSION_HEADERS_SENT */
  rotate(): Promise<void> {
    this.#touched = true
    return this.#verbs.run(async () => {
      if (this.#stored.isSealed) throw headersSent()
      await this.#stored.rotate(this.settings.clock())
    })
  }

  /** Whether there is anything to save, or a verb that did not end yet. A save that has nothing to do would only cost. */
  get isOwing(): boolean {
    if (!this.#touched) return false
    if (this.#verbs.isBusy || !this.#journal.isEmpty) return true
    const { standing, record } = this.#stored
    if (standing !== 'stored') return standing === 'flushed'
    return this.#view.deadline(this.settings.clock()) !== record!.expiresAt
  }

  /**
   * Saves what was recorded, by the table above.
   * @throws {SessionError} SESSION_GONE, SESSION_TOO_LARGE, SESSION_HEADERS_SENT, SESSION_STORE_…
   */
  save(): Promise<void> {
    clearImmediate(this.#verifying)
    this.#verifying = undefined
    return this.#verbs.run(() => this.#save())
  }

  async #save(): Promise<void> {
    const { failure } = this.#stored
    if (failure && this.#journal.isEmpty) return
    if (failure) throw failure
    // A policy gives a new deadline, which depends on when the session was created.
    if (this.#journal.sum.policy !== undefined) await this.#stored.read()
    const now = this.settings.clock()
    const { count, isEmpty, sum } = this.#journal
    const { standing, record } = this.#stored
    const expiresAt = this.#view.deadline(now)
    const under = this.#view.policy
    const changed = standing === 'absent' ? adds(sum) : !isEmpty
    const ends = sum.policy !== undefined && expiresAt <= now
    switch (ends ? 'end' : atTheEnd[standing][changed ? 'something' : 'nothing']) {
      case 'leave':
        break
      case 'end':
        await this.#stored.end(now)
        break
      case 'create':
        await this.#stored.create({ ...sum, expiresAt }, now)
        break
      case 'touch':
        await this.#stored.touch(changeSet({ expiresAt, under }), now)
        break
      case 'commit': {
        // A deadline that does not move is left out: somebody else may have moved it since it was read.
        // A clear that was not preceded by a read resets the policy, and so the deadline.
        const moves = record ? expiresAt !== record.expiresAt : sum.clear
        const renews = moves && !this.#stored.isSealed
        const changes = renews ? { ...sum, expiresAt, under } : sum
        const outcome = await this.#stored.commit(changes, now)
        if (outcome === 'gone') return this.#save()
      }
    }
    this.#journal.forget(count)
  }

  /** @returns false when somebody else was faster. */
  async #changeNow(key: string, text: string | null, next: string | null): Promise<boolean> {
    const now = this.settings.clock()
    const { sum } = this.#journal
    // What this request itself recorded under the key or cleared goes with the change, and is not compared.
    const own = sum.clear || sum.entries.has(key)
    const entries = new Map([[key, next]])
    const limit = this.#limitOf({ entries })
    const changes = changeSet({ expect: new Map(own ? [] : [[key, text]]), clear: sum.clear, entries, limit })
    if (this.#stored.standing === 'stored') {
      if ((await this.#stored.commit(changes, now)) !== 'committed') return false
    } else if (next !== null) {
      // Under the server's policy: one that was recorded is stored at the end, with its own deadline.
      const expiresAt = deadline('', this.#stored.issue().createdAt, now, this.settings.timeouts)
      await this.#stored.create(changeSet({ entries, limit, expiresAt }), now)
    }
    this.#journal.settle(changes)
    return true
  }

  /**
   * Finds out whether the session is there, when something was recorded without asking and the request goes
   * on: a session that ends from here on was used while it lived.
   */
  #verify(): void {
    this.#verifying = undefined
    if (!this.#journal.isEmpty) this.#read().catch(() => {})
  }

  #read(): Promise<void> {
    this.#touched = true
    const { standing, failure } = this.#stored
    if (failure) return Promise.reject(failure)
    return standing === 'unread' ? this.#verbs.run(() => this.#stored.read()) : known
  }

  #limitOf({ entries }: Partial<ChangeSet>): ChangeSet['limit'] {
    const { keys, sessionBytes } = this.settings.limits
    return entries && adds({ entries }) ? { keys, bytes: sessionBytes } : undefined
  }
}

const known = Promise.resolve()
