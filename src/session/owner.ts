// This defines how a session says whose it is: an entry of its own, which no key of an application can name.

import type { SessionRecord } from './record.ts'

/** The key of that entry. Keys of applications begin with a letter, a digit or `_`. */
export const ownerKey = '$owner'

/** Whether a key is one of this package, and none of an application. */
export const isReserved = (key: string): boolean => key.charCodeAt(0) === 36

/** Whose a session is, since it was signed in. Instants are milliseconds since the epoch. */
export interface Owned {
  /** Who has signed in, as the application names it. */
  readonly owner: string
  /** The handle of the device, which stays when the session gets a new id. */
  readonly device: string
  /**
   * The id of the session that was signed in. A version of this package that knows no owners copies the entry when it
   * rotates a session, which the index of the owner is not told of, so that it does not count there.
   */
  readonly id: string
  /** When the device was last seen, in steps. */
  readonly seenAt: number
  /** When its user last proved to be the owner. */
  readonly confirmedAt: number
  /** What the application gave to compare later, e.g. a digest of the password's hash. */
  readonly stamp?: string | undefined
}

/** Whose a session is. @param id - under which the record is stored. @returns null for nobody's */
export function ownerOf({ entries }: SessionRecord, id: string): Owned | null {
  const text = entries.get(ownerKey)
  if (text === undefined) return null
  const owned = JSON.parse(text) as Owned
  return owned.id === id ? owned : null
}

/** Who is named in a record, under whatever id that is stored; null for nobody. */
export function ownerIn({ entries }: Pick<SessionRecord, 'entries'>): string | null {
  const text = entries.get(ownerKey)
  return text === undefined ? null : (JSON.parse(text) as Owned).owner
}

/** The record without its owner, e.g. to store it under another id. */
export function withoutOwner(record: SessionRecord): SessionRecord {
  if (!record.entries.has(ownerKey)) return record
  const entries = new Map(record.entries)
  entries.delete(ownerKey)
  return { ...record, entries }
}
