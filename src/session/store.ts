// This is the contract of a store, and what it promises.

import type { ChangeSet, Outcome } from './changes.ts'
import type { SessionCookie } from './cookie.ts'
import type { SessionRecord } from './record.ts'
import type { Settings } from './settings.ts'

/**
 * What a storage backend implements. An id is 43 characters of base64url, an entry's text is compact
 * JSON without control characters, instants are whole ms since the epoch: a store reads no clock and owns no
 * timer. A record whose `expiresAt` is not after `now` is as good as deleted in every verb. Whatever
 * happens in a healthy system is a value; an exception means that the store is broken. What is thrown becomes
 * `SESSION_STORE_UNAVAILABLE`, unless it is a `SessionError` with a code of its own.
 */
export interface KeyedStore {
  /** Inserts. An id in use is an error, never overwritten. */
  create(id: string, record: SessionRecord): Promise<void>
  /** `null` when there is no such session. */
  read(id: string, now: number): Promise<SessionRecord | null>
  /**
   * Does at one instant what `apply` says, or nothing. Updates only: a session that is not there is
   * `gone`, whatever the change set. Once it answers `committed`, every later verb sees the change.
   */
  commit(id: string, changes: ChangeSet, now: number): Promise<Outcome>
  /**
   * Removes, and hands back the last state: every commit that answered `committed` is in it, every
   * later one answers `gone`. Of two deletes at the same time one gets the record, the other `null`.
   */
  delete(id: string, now: number): Promise<SessionRecord | null>
  /**
   * Removes expired sessions, a bounded batch at most, and tells how many: 0 when none is left. Only where the
   * backend does not drop them by itself.
   */
  sweep?(now: number): Promise<number>
  /**
   * For the start of a process: which promises the backend's configuration does not keep, one line each with the
   * remedy. Throws when there is no place for sessions, or no answer.
   */
  check?(): Promise<readonly string[]>
}

/**
 * Keeps sessions in the cookie itself, see `cookieStore`. Of the promises of a `KeyedStore` it cannot keep these:
 * of parallel requests of one client the last answer wins, whatever the others wrote; `pop` can deliver a value to
 * each of them, and `update` can lose one; and a cookie that was copied brings the session back as it was then.
 * @typeParam Revocable - whether `flush` and `rotate` can end a session before its time. Without it they answer
 * SESSION_NOT_REVOCABLE.
 */
export interface SealedStore<Revocable extends boolean = boolean> {
  readonly isRevocable: Revocable
  readonly keepsParallelWrites: false
  readonly popsOnce: false
  /** Where ended sessions are remembered, which has to be there for any to be let in. */
  readonly denyList?: KeyedStore | undefined
  /** For one cookie, to whose name and size what is sealed is bound. */
  open(cookie: SessionCookie, settings: Settings): Store
}

/** Where sessions are kept. */
export type SessionStore = KeyedStore | SealedStore

/** What a session talks to: the same verbs by token, and rotation. */
export interface Store {
  /** Whether every change makes another token, which the client has to get. */
  readonly isInToken: boolean
  /** Whether a cookie's value can be a token at all. What cannot never reaches the backend. */
  isToken(text: string): boolean
  /** The token to create a session with. */
  mint(): string
  /** The public id that belongs to a token, also to one that was only minted. */
  idOf(token: string): string
  /** @returns the token from here on, as do the others. */
  create(token: string, record: SessionRecord, now: number): Promise<string>
  read(token: string, now: number): Promise<SessionRecord | null>
  commit(token: string, changes: ChangeSet, now: number): Promise<{ outcome: Outcome; token: string }>
  delete(token: string, now: number): Promise<SessionRecord | null>
  /** Moves the session to a new token; `null` when there is none. The old token is dead at once. */
  rotate(token: string, now: number): Promise<{ token: string; record: SessionRecord } | null>
}
