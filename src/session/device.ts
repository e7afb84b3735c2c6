// This defines a device as its owner is shown it, and checks how an owner and a device may be called.

import { SessionError } from './errors.ts'
import type { Device } from './owner-index.ts'

/** A device on which an owner is signed in. */
export interface SessionDevice {
  /** The handle of the device, which stays when the session gets a new secret. It opens nothing. */
  readonly id: string
  /** Whether it is the device of this session. */
  readonly current: boolean
  readonly signedInAt: Date
  /** When it was last used, in steps of an hour at most. */
  readonly lastSeenAt: Date
  /** When it ends at the latest, however much it is used. */
  readonly expiresAt: Date
  /** The `User-Agent` of the sign-in: printable ASCII, at most 256 characters. */
  readonly userAgent: string | null
  /** What the application has called it. */
  readonly label: string | null
}

/** Gives a device as an owner is shown it. @param current - the device of the session that asks */
export const toDevice = (
  { id, at, seenAt, until, userAgent, label }: Device,
  current?: string,
): SessionDevice => ({
  id,
  current: id === current,
  signedInAt: new Date(at),
  lastSeenAt: new Date(seenAt),
  expiresAt: new Date(until),
  userAgent: userAgent ?? null,
  label: label ?? null,
})

/** Checks the name of an owner. @throws {SessionError} CONFIG_INVALID */
export function ownerName(owner: string): string {
  if (typeof owner === 'string' && owner.length > 0 && owner.length <= 256 && owner.isWellFormed())
    return owner
  throw new SessionError('CONFIG_INVALID', 'An owner must be named by a text of 1 to 256 characters.')
}

/** Checks the label of a device. @throws {SessionError} CONFIG_INVALID */
export function labelOf(label: string): string {
  if (typeof label === 'string' && label.length <= 64 && label.isWellFormed()) return label
  throw new SessionError('CONFIG_INVALID', 'The label of a device must be a text of at most 64 characters.')
}
