// This computes what a request sees of its session while its changes are not saved yet.

import { apply } from './changes.ts'
import type { Entries } from './entries.ts'
import { changedPolicy, deadline, isDue } from './expiry.ts'
import { adds, type Journal } from './journal.ts'
import type { SessionRecord } from './record.ts'
import type { Settings } from './settings.ts'
import type { StoredSession } from './stored-session.ts'

/**
 * The session as one request sees it: the stored record as far as the request knows it, or an empty one, with
 * the changes that it has recorded and not saved yet. It is computed from those two, and calls no store.
 */
export class View {
  readonly #stored: StoredSession
  readonly #journal: Journal
  readonly #entries: Entries
  readonly #settings: Settings

  constructor(stored: StoredSession, journal: Journal, entries: Entries, settings: Settings) {
    this.#stored = stored
    this.#journal = journal
    this.#entries = entries
    this.#settings = settings
  }

  /** The record with the recorded changes, without their limit, which was judged when they were recorded. */
  get record(): SessionRecord {
    const record = this.#stored.record ?? this.#stored.blank()
    if (this.#journal.isEmpty) return record
    const sum = this.#entries.swept(this.#journal.sumOver(this.#stored.record), record.entries)
    return apply(record, { ...sum, policy: this.policy, limit: undefined }).record!
  }

  /** Whether `save` will create a session. */
  get willBeCreated(): boolean {
    const { standing } = this.#stored
    return standing === 'flushed' || (standing === 'absent' && adds(this.#journal.sum))
  }

  /** The id of the session, or of the one that `save` will create; null while there is nothing to store. */
  get id(): string | null {
    const token = this.#stored.token ?? (this.willBeCreated ? this.#stored.issue().token : null)
    return token === null ? null : this.#stored.idOf(token)
  }

  /** When the session was created. Milliseconds since the epoch; null while there is nothing to store. */
  get createdAt(): number | null {
    const { record } = this.#stored
    if (record) return record.createdAt
    return this.willBeCreated ? this.#stored.issue().createdAt : null
  }

  /** When the session ends. Milliseconds since the epoch; null while there is nothing to store. */
  get expiresAt(): number | null {
    return this.#stored.record || this.willBeCreated ? this.deadline(this.#settings.clock()) : null
  }

  /** The expiry policy that the session has after this request. */
  get policy(): string {
    const { policy, clear } = this.#journal.sum
    const before = clear ? '' : (this.#stored.record?.policy ?? '')
    return policy === undefined ? before : changedPolicy(before, policy)
  }

  /** Computes the deadline that the session has after this request: the old one if the new one is not due. */
  deadline(now: number): number {
    const before = this.#stored.record
    const { policy } = this
    const { createdAt } = before ?? this.#stored.blank()
    const target = deadline(policy, createdAt, now, this.#settings.timeouts)
    const stays = before && policy === before.policy && !isDue(before, target, this.#settings.timeouts)
    return stays ? before.expiresAt : target
  }
}
