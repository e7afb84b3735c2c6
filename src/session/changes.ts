// This defines what a change set is, and what it does to a record: every store does the same.

import type { SessionRecord } from './record.ts'

/** What one request did to one session. A store applies all of it at one instant, or none. */
export interface ChangeSet {
  /** Each key must hold exactly this text now (null: must be absent), else `conflict`. Judged first. */
  readonly expect: ReadonlyMap<string, string | null>
  /** Drop every entry, also those this request never saw, and reset the policy. Before `entries`. */
  readonly clear: boolean
  /** Text to set, or null to delete. One map: a key cannot be both. A key that is there keeps its place. */
  readonly entries: ReadonlyMap<string, string | null>
  /** The new expiry policy, if it changes. */
  readonly policy?: string | undefined
  /** The new deadline, if it moves (ms since the epoch). */
  readonly expiresAt?: number | undefined
  /** The policy that the new deadline follows from. Where another one stands meanwhile, the deadline stays. */
  readonly under?: string | undefined
  /** What the session may hold after the change, else `full`. Only carried by a change set that adds something. */
  readonly limit?: SizeLimit | undefined
}

export interface SizeLimit {
  readonly keys: number
  /** UTF-8 bytes of all keys and texts. */
  readonly bytes: number
}

/** Outcomes of a healthy system are values. Only `committed` changed anything. */
export type Outcome = 'committed' | 'conflict' | 'gone' | 'full'

export const none: ReadonlyMap<string, never> = new Map<string, never>()

export const changeSet = (part: Partial<ChangeSet>): ChangeSet => ({
  expect: none,
  clear: false,
  entries: none,
  ...part,
})

/**
 * The meaning of a change set: the memory store calls it, other stores translate it.
 * `null` is a session that is not there, deleted or expired; it stays so.
 */
export function apply(
  record: SessionRecord | null,
  changes: ChangeSet,
): { outcome: Outcome; record: SessionRecord | null } {
  if (record === null) return { outcome: 'gone', record }
  for (const [key, text] of changes.expect) {
    if ((record.entries.get(key) ?? null) !== text) return { outcome: 'conflict', record }
  }
  const entries = new Map(changes.clear ? none : record.entries)
  for (const [key, text] of changes.entries) {
    if (text === null) entries.delete(key)
    else entries.set(key, text)
  }
  if (changes.limit && exceeds(entries, changes.limit)) return { outcome: 'full', record }
  const policy = changes.policy ?? (changes.clear ? '' : record.policy)
  const moves = changes.expiresAt !== undefined && (changes.under ?? policy) === policy
  const expiresAt = moves ? changes.expiresAt : record.expiresAt
  return { outcome: 'committed', record: { entries, createdAt: record.createdAt, expiresAt, policy } }
}

/** One change set that does what the two do one after the other, of what a request records: no `expect`, no deadline. */
export function compose(first: ChangeSet, second: ChangeSet): ChangeSet {
  return {
    expect: none,
    clear: first.clear || second.clear,
    entries: second.clear ? second.entries : new Map([...first.entries, ...second.entries]),
    policy: second.policy ?? (second.clear ? undefined : first.policy),
    limit: second.limit ?? first.limit,
  }
}

function exceeds(entries: ReadonlyMap<string, string>, limit: SizeLimit): boolean {
  if (entries.size > limit.keys) return true
  let units = 0
  for (const [key, text] of entries) units += key.length + text.length
  // UTF-8 takes three bytes for one of UTF-16 at most, and counting them takes longer than the rest of a change.
  if (units * 3 <= limit.bytes) return false
  let bytes = 0
  for (const [key, text] of entries) bytes += Buffer.byteLength(key) + Buffer.byteLength(text)
  return bytes > limit.bytes
}
