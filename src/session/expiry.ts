// This computes when a session ends, by the idle and the absolute timeout and by an expiry of its own.

import { SessionError } from './errors.ts'
import type { SessionRecord } from './record.ts'

/**
 * When a session ends, as Django's `set_expiry` takes it: after so many seconds without activity (a whole
 * number from 1 up), with the browser, at a date (at once if it is past), or as the server has it (null).
 */
export type Expiry = number | 'browser-close' | Date | null

/** The timeouts of the server. A session ends by whichever comes first. */
export interface Timeouts {
  /** Seconds without activity after which a session ends. */
  readonly idleTimeout: number
  /** Seconds after its creation at which a session ends. */
  readonly absoluteTimeout: number
}

/**
 * Writes an expiry as the policy of a record: `''`, `'browser-close'`, seconds, or `@` and milliseconds.
 * @throws {SessionError} SESSION_EXPIRY_INVALID
 */
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

/**
 * Computes the deadline that activity at `now` gives a session. Rotation keeps `createdAt`, so it does not
 * restart the absolute timeout.
 * @returns milliseconds since the epoch, as all instants here
 */
export function deadline(policy: string, createdAt: number, now: number, timeouts: Timeouts): number {
  const end = createdAt + timeouts.absoluteTimeout * 1000
  if (policy.startsWith('@')) return Math.min(end, Number(policy.slice(1)))
  return Math.min(end, now + idleSeconds(policy, timeouts) * 1000)
}

/** Milliseconds that browsers keep a cookie, at most: 400 days (RFC 6265bis, 5.5). */
const longestCookie = 400 * 24 * 60 * 60 * 1000

/**
 * Computes when the cookie of a session ends. It follows the absolute deadline, and not the idle one, which
 * the server judges: so activity sends no cookie, and an answer that is late cannot put an old cookie back.
 * @returns milliseconds since the epoch; null: with the browser
 */
export function cookieDeadline(
  { policy, createdAt }: SessionRecord,
  now: number,
  { absoluteTimeout }: Timeouts,
): number | null {
  if (endsWithBrowser(policy)) return null
  const end = createdAt + absoluteTimeout * 1000
  const last = policy.startsWith('@') ? Math.min(end, Number(policy.slice(1))) : end
  return Math.min(last, now + longestCookie)
}

/**
 * Whether the cookie of a session that outlives the cookies of browsers has to be sent again. That is in the
 * first quarter of each hundred days after the first hundred, since nobody notes when it was sent last.
 */
export function needsNewCookie(record: SessionRecord, now: number, timeouts: Timeouts): boolean {
  if (timeouts.absoluteTimeout * 1000 <= longestCookie || endsWithBrowser(record.policy)) return false
  const period = longestCookie / 4
  const age = now - record.createdAt
  return age >= period && age % period < period / 4
}

/**
 * Whether the deadline `target` has to be stored, under the policy that the record has. A later one is stored
 * at most once per 1/20 of the idle timeout, so that most reads do not write. The absolute end is stored as
 * soon as it is reached or has come nearer by configuration. Any other earlier one is not stored: it cannot be
 * told from that of a process whose clock is behind, which would end the session for all others.
 */
export function isDue(record: SessionRecord, target: number, timeouts: Timeouts): boolean {
  const end = record.createdAt + timeouts.absoluteTimeout * 1000
  if (target === end && record.expiresAt !== end) return true
  const slack = (idleSeconds(record.policy, timeouts) * 1000) / 20
  return target - record.expiresAt >= slack
}

const idleSeconds = (policy: string, { idleTimeout }: Timeouts): number =>
  /^\d+$/.test(policy) ? Number(policy) : idleTimeout
