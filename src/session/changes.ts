// This defines the change set, in which a request hands its changes to a store, and what it does to a record.

import { changedPolicy } from './expiry.ts'
import { type Departure, seen, type SessionRecord } from './record.ts'

/** What one request did to one session. A store applies all of it at one instant, or none. */
export interface ChangeSet {
  /** The text that each key must hold (null: be absent), else `conflict`. This is judged before the rest. */
  readonly expect: ReadonlyMap<string, string | null>
  /** Whether to drop every entry, also those unseen by the request, and the policy. Done before `entries`. */
  readonly clear: boolean
  /**
   * Text to set under a key, or null to delete the key. A key that is there keeps its place in the order.
   * This is one map, so that a key cannot be both set and deleted.
   */
  readonly entries: ReadonlyMap<string, string | null>
  /**
   * Of the keys that `entries` sets, those that lose their place if they are there, and come last, as they were
   * deleted before they were set. They and new keys come in the order of `entries`.
   */
  readonly last?: ReadonlySet<string> | undefined
  /** The new expiry policy, if it changes. While it is recorded it can be the change of a part of it. */
  readonly policy?: string | undefined
  /** The new deadline, if it moves. Milliseconds since the epoch. */
  readonly expiresAt?: number | undefined
  /** The policy that `expiresAt` was computed from. If the session has another one, its deadline stays. */
  readonly under?: string | undefined
  /** The use of a session that was not read, which moves its deadline under the server's default policy. */
  readonly activity?: Activity | undefined
  /** What the session may hold after the change, else `full`. Only given where an entry is set. */
  readonly limit?: SizeLimit | undefined
}

/**
 * The use of a session by a request that did not read it. Under the policy `''` the deadline moves to `until`,
 * but not beyond `createdAt + lifetime`, where that is at least `step` later or the last time. It never moves
 * to an earlier instant.
 */
export interface Activity {
  /** The new deadline. Milliseconds since the epoch. */
  readonly until: number
  /** Milliseconds that a session lives from its creation, at most. */
  readonly lifetime: number
  /** Milliseconds by which the deadline moves, at least, so that not every write moves it. */
  readonly step: number
}

/** How large a session may become. */
export interface SizeLimit {
  /** The number of keys, at most. */
  readonly keys: number
  /** UTF-8 bytes of all keys and texts together, at most. */
  readonly bytes: number
}

/**
 * What became of a change set. Only `committed` changed anything. `conflict`: a key did not hold what
 * `expect` says. `gone`: there is no such session. `moved`, `ended`: there is only the mark that it left. `full`: the
 * session would become larger than `limit`, or than its store can hold.
 */
export type Outcome = 'committed' | 'conflict' | 'gone' | 'full' | Departure

export const none: ReadonlyMap<string, never> = new Map<string, never>()

export const changeSet = (part: Partial<ChangeSet>): ChangeSet => ({
  expect: none,
  clear: false,
  entries: none,
  ...part,
})

/**
 * Defines what a change set does. The memory, SQLite and cookie stores call this function; the others do the
 * same in the language of their backend.
 * @param record - what was found under the id, which may be a mark; null for a session that is not there,
 * because it was deleted or has expired
 * @returns the outcome, and the record that the store holds from then on: the given one unless `committed`
 */
export function apply(
  record: SessionRecord | null,
  changes: ChangeSet,
): { outcome: Outcome; record: SessionRecord | null } {
  if (record === null) return { outcome: 'gone', record }
  const found = seen(record)
  if (typeof found === 'string') return { outcome: found, record }
  for (const [key, text] of changes.expect) {
    if ((record.entries.get(key) ?? null) !== text) return { outcome: 'conflict', record }
  }
  const entries = new Map(changes.clear ? none : record.entries)
  for (const [key, text] of changes.entries) {
    if (text === null || changes.last?.has(key)) entries.delete(key)
    if (text !== null) entries.set(key, text)
  }
  if (changes.limit && exceeds(entries, changes.limit)) return { outcome: 'full', record }
  const policy = changes.policy ?? (changes.clear ? '' : record.policy)
  const moves = changes.expiresAt !== undefined && (changes.under ?? policy) === policy
  const expiresAt = moves ? changes.expiresAt : renewed(record, policy, changes.activity)
  return { outcome: 'committed', record: { entries, createdAt: record.createdAt, expiresAt, policy } }
}

function renewed({ createdAt, expiresAt }: SessionRecord, policy: string, activity?: Activity): number {
  if (!activity || policy !== '') return expiresAt
  const end = createdAt + activity.lifetime
  const target = Math.min(activity.until, end)
  const isDue = target - expiresAt >= activity.step || (target === end && target > expiresAt)
  return isDue ? target : expiresAt
}

/**
 * Joins recorded changes into one with the same effect. A recorded change has no `expect` and no deadline, and
 * neither has the result.
 */
export function compose(changes: readonly ChangeSet[]): ChangeSet {
  const from = Math.max(
    0,
    changes.findLastIndex(({ clear }) => clear),
  )
  const { clear = false } = changes[from] ?? {}
  let policy: string | undefined
  let limit: SizeLimit | undefined
  const entries = new Map<string, string | null>()
  const last = new Set<string>()
  for (const change of changes.slice(from)) {
    addEntries(entries, last, change)
    policy = joinedPolicy(policy, change.policy)
  }
  for (const change of changes) limit = change.limit ?? limit
  return { expect: none, clear, entries, last: last.size > 0 ? last : undefined, policy, limit }
}

function addEntries(entries: Map<string, string | null>, last: Set<string>, change: ChangeSet): void {
  for (const [key, text] of change.entries) {
    const isLast = text !== null && (entries.get(key) === null || change.last?.has(key))
    if (isLast) last.add(key)
    if (text === null) last.delete(key)
    // A Map keeps the place of a key unless it is deleted.
    if (text === null || isLast) entries.delete(key)
    entries.set(key, text)
  }
}

const joinedPolicy = (first: string | undefined, second: string | undefined): string | undefined =>
  first === undefined || second === undefined ? (second ?? first) : changedPolicy(first, second)

function exceeds(entries: ReadonlyMap<string, string>, limit: SizeLimit): boolean {
  if (entries.size > limit.keys) return true
  let units = 0
  for (const [key, text] of entries) units += key.length + text.length
  // A UTF-16 code unit is at most three bytes of UTF-8. To count the bytes takes longer than the rest of a
  // change, so they are counted only where this bound does not settle it.
  if (units * 3 <= limit.bytes) return false
  let bytes = 0
  for (const [key, text] of entries) bytes += Buffer.byteLength(key) + Buffer.byteLength(text)
  return bytes > limit.bytes
}
