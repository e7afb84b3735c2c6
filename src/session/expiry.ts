// This computes when a session ends: idle and absolute timeout, and an expiry of its own.

import { SessionError } from './errors.ts'
import type { SessionRecord } from './record.ts'

/**
 * When a session ends, as Django's `set_expiry` takes it: seconds without activity, with the
 * browser, at a date (one that is past: now), or null for the server's own setting.
 */
export type Expiry = number | 'browser-close' | Date | null

/** Both apply together. Seconds. */
export interface Timeouts {
  readonly idleTimeout: number
  readonly absoluteTimeout: number
}

/** @throws {SessionError} SESSION_EXPIRY_INVALID */
export function encodePolicy(expiry: Expiry): string {
  if (expiry === null) return ''
  if (expiry === 'browser-close') return expiry
  if (expiry instanceof Date && !Number.isNaN(expiry.getTime())) return `@${expiry.getTime()}`
  if (typeof expiry === 'number' && Number.isSafeInteger(expiry) && expiry > 0) return String(expiry)
  throw new SessionError(
    'SESSION_EXPIRY_INVALID',
    "An expiry is a whole number of seconds from 1 up, a valid Date, 'browser-close' or null.",
  )
}

export const endsWithBrowser = (policy: string): boolean => policy === 'browser-close'

/** The deadline (ms) that activity at `now` gives a session. Rotation does not restart the absolute one. */
export function deadline(policy: string, createdAt: number, now: number, timeouts: Timeouts): number {
  const end = createdAt + timeouts.absoluteTimeout * 1000
  if (policy.startsWith('@')) return Math.min(end, Number(policy.slice(1)))
  return Math.min(end, now + idleSeconds(policy, timeouts) * 1000)
}

/**
 * Whether activity has to be written. At most once per 1/20 of the idle timeout, so that reading does
 * not mean writing, and once when the absolute end comes into reach; a deadline that came nearer, by configuration or a cleared policy, is due at once.
 */
export function isDue(record: SessionRecord, target: number, timeouts: Timeouts): boolean {
  const end = record.createdAt + timeouts.absoluteTimeout * 1000
  if (target === end && record.expiresAt < end) return true
  const slack = (idleSeconds(record.policy, timeouts) * 1000) / 20
  return target < record.expiresAt || target - record.expiresAt >= slack
}

const idleSeconds = (policy: string, { idleTimeout }: Timeouts): number =>
  /^\d+$/.test(policy) ? Number(policy) : idleTimeout
