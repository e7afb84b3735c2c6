// This is the contract between sessions and stores: the verbs of a store, and what each of them promises.

import type { ChangeSet, Outcome } from './changes.ts'
import type { Carrier } from './cookie.ts'
import type { Departure, Mark, SessionRecord } from './record.ts'
import type { Settings } from './settings.ts'
import type { Listener, Notices } from './watch.ts'

/**
 * What a storage backend implements. An id is 43 characters of base64url, the text of an entry is compact
 * JSON without control characters, and an instant is whole milliseconds since the epoch. A store reads no
 * clock, as `now` tells it the present, and owns no timer. Every verb treats a record whose `expiresAt` is
 * not after `now` as deleted.
 *
 * What happens in a healthy system is returned as a value. An exception means that the store is broken, and
 * becomes SESSION_STORE_UNAVAILABLE, unless it is a `SessionError` with a code of its own.
 */
export interface KeyedStore {
  /**
   * Inserts a record. It throws for an id in use, whose record or mark stays as it is. What has expired when the new
   * record was created, at its `createdAt`, is as good as deleted, and is replaced.
   */
  create(id: string, record: SessionRecord): Promise<void>
  /** Reads a record. @returns null when there is no such session, or what the mark says that it left */
  read(id: string, now: number): Promise<SessionRecord | Departure | null>
  /**
   * Changes a record as `apply` says, at one instant, or not at all. It never creates: for a session that is
   * not there it answers `gone`, whatever the change set, or what the mark says that the session left. Once it
   * has answered `committed`, every later verb sees the change.
   */
  commit(id: string, changes: ChangeSet, now: number): Promise<Outcome>
  /**
   * Removes a record, and hands back its last state: it has every commit that answered `committed`, and every
   * later one answers `gone`. Of two deletes at the same time one gets the record, and the other null or what
   * the mark says.
   * @param mark - is left in the place of the record, in the same step, where there was one. A store keeps it
   * until its end: `read`, `commit` and `delete` answer what it says, and none of them removes it. Keep it as
   * `markRecord` gives it, and hand out what `seen` makes of a record. A store that leaves no mark keeps all
   * other promises, but requests under way beside a sign-in are anonymous
   */
  delete(id: string, now: number, mark?: Mark): Promise<SessionRecord | Departure | null>
  /**
   * Removes a batch of expired sessions, of bounded size. A store has it unless its backend drops them.
   * @returns how many were removed; 0 when none is left
   */
  sweep?(now: number): Promise<number>
  /**
   * Checks the backend, at the start of a process. It throws when the backend has no place for sessions (no
   * table), or does not answer.
   * @returns which promises the configuration of the backend does not keep, a line each with the remedy
   */
  check?(): Promise<readonly string[]>
  /** Tells of sessions that ended, so that open streams end with them. Without it they are read once a second. */
  readonly notices?: Notices
}

/**
 * A store that keeps sessions in the cookie itself, see `cookieStore`. It cannot keep these promises of a
 * `KeyedStore`: of parallel requests of one client the last answer wins, and what the others wrote is lost;
 * `pop` can deliver a value to each of them, and `update` can lose one; and a copy of the cookie brings the
 * session back as it was then.
 * @typeParam Revocable - whether `flush` and `rotate` can end a session before its time; otherwise they throw
 * SESSION_NOT_REVOCABLE
 */
export interface SealedStore<Revocable extends boolean = boolean> {
  /** Whether a session can be ended before its time, which needs a deny-list. */
  readonly isRevocable: Revocable
  /** Always false: of what parallel requests write, only the last answer stays. */
  readonly keepsParallelWrites: false
  /** Always false: `pop` can deliver a value to more than one request. */
  readonly popsOnce: false
  /** The store that remembers ended sessions. While it does not answer, no session can be read. */
  readonly denyList?: KeyedStore | undefined
  /**
   * Opens the store for one cookie, or for the header of clients without cookies: its full name is part of the seal, and
   * the attributes of a cookie count for the size.
   */
  open(cookie: Carrier, settings: Settings): Store
}

/** Where sessions are kept. */
export type SessionStore = KeyedStore | SealedStore

/** What a rotation has made, and the record as the old token had it last. */
export interface Rotated {
  readonly token: string
  readonly record: SessionRecord
  readonly before: SessionRecord
}

/** A store as sessions use it: the verbs of a `KeyedStore` by token instead of id, and rotation. */
export interface Store {
  /** Whether the token holds the session itself, so that a change gives a new token to send to the client. */
  readonly isInToken: boolean
  /** Whether the text has the form of a token. A text of another form is not sent to the backend. */
  isToken(text: string): boolean
  /** Makes a new token, to create a session with. */
  mint(): string
  /** Gives the public id that belongs to a token, also before its session is created. */
  idOf(token: string): string
  /** Of tokens of one session, gives the newest. Only a store `isInToken` has several for a session. */
  newest?(tokens: readonly string[]): string
  /** Creates a session. @returns its token from then on */
  create(token: string, record: SessionRecord, now: number): Promise<string>
  /**
   * Gives the token that the first writes of one page share, so that those which run at once begin one session:
   * that of whoever comes first with the nonce. A store whose tokens hold the session does not have it.
   * @param token - a new token, for whoever comes first
   * @param until - when the nonce is forgotten. Milliseconds since the epoch
   */
  join?(nonce: string, token: string, now: number, until: number): Promise<string>
  /** Reads a session. */
  read(token: string, now: number): Promise<SessionRecord | Departure | null>
  /** Changes a session. @returns its token from then on, with the outcome */
  commit(token: string, changes: ChangeSet, now: number): Promise<{ outcome: Outcome; token: string }>
  /** Deletes a session, leaves a mark if one is given, and hands back its last state. */
  delete(token: string, now: number, mark?: Mark): Promise<SessionRecord | Departure | null>
  /**
   * Moves a session to a new token, voids the old one at once, and leaves the mark if one is given.
   * @param carry - makes the record that the new token gets, of the last one of the old token
   * @returns both; null when there is no such session, or what the mark says that it left
   */
  rotate(
    token: string,
    now: number,
    mark: Mark | undefined,
    carry: (record: SessionRecord) => SessionRecord,
  ): Promise<Rotated | Departure | null>
  /**
   * Watches a session for an open stream. Resolves once no end is missed.
   * @returns ends it
   */
  watch(token: string, listener: Listener): Promise<() => void>
  /** Where the devices of owners are listed. Without it no session can be ended before its time. */
  readonly owners?: OwnerStore
}

/** What the devices of owners need of a store: a place for its own record, and sessions by their id. */
export interface OwnerStore {
  /** Where the records of owners are kept. */
  readonly records: Pick<KeyedStore, 'create' | 'read' | 'commit'>
  /** The full name of the cookie, since owners of two applications may have one name. */
  readonly name: string
  /** Finds a session. @returns `unread` where it has not been ended, and its record is in the cookie */
  find(id: string, now: number): Promise<SessionRecord | Departure | 'unread' | null>
  /**
   * Ends a session for good.
   * @param until - when it ends in any case. Milliseconds since the epoch
   * @returns what `find` would have found
   */
  end(id: string, now: number, until: number): Promise<SessionRecord | Departure | 'unread' | null>
}
