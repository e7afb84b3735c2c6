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

/** In a change of a policy: the part stays as it is. */
const kept = '='

/**
 * Writes an expiry as a change of one part of a policy. A policy has two: what the application has set and,
 * after a `;`, what the client wishes; the nearer one counts, so that a client takes back nothing but its own
 * wish. A part is `''`, `'browser-close'`, seconds, or `@` and milliseconds. A policy without `;` has no wish.
 *
 * A store gets the policy as a whole. Of two requests at the same time that each change a part of it, the
 * later one therefore decides on both.
 * @throws {SessionError} SESSION_EXPIRY_INVALID
 */
export function encodePolicy(expiry: Expiry, by: 'application' | 'client'): string {
  const part = encodePart(expiry)
  return by === 'client' ? joined(kept, part) : joined(part, kept)
}

/** Applies the change of a policy to a policy, or to the change before it. */
export function changedPolicy(before: string, change: string): string {
  const [application, client] = partsOf(before)
  const [nextApplication, nextClient] = partsOf(change)
  return joined(
    nextApplication === kept ? application : nextApplication,
    nextClient === kept ? client : nextClient,
  )
}

/** Whether the change of a policy sets anything but the server's own setting. */
export const setsExpiry = (change: string): boolean =>
  partsOf(change).some((part) => part !== '' && part !== kept)

function partsOf(policy: string): [application: string, client: string] {
  const at = policy.indexOf(';')
  return at === -1 ? [policy, ''] : [policy.slice(0, at), policy.slice(at + 1)]
}

const joined = (application: string, client: string): string =>
  client === '' ? application : `${application};${client}`

function encodePart(expiry: Expiry): string {
  if (expiry === null) return ''
  if (expiry === 'browser-close') return expiry
  if (expiry instanceof Date && !Number.isNaN(expiry.getTime())) return `@${expiry.getTime()}`
  if (typeof expiry === 'number' && Number.isSafeInteger(expiry) && expiry > 0) return String(expiry)
  throw new SessionError(
    'SESSION_EXPIRY_INVALID',
    "An expiry is a whole number of seconds from 1 up, a valid Date, 'browser-close' or null.",
  )
}

/** Whether the application or the client lets the session end with the browser. */
export const endsWithBrowser = (policy: string): boolean => partsOf(policy).includes('browser-close')

/**
 * Computes the deadline that activity at `now` gives a session. Rotation keeps `createdAt`, so it does not
 * restart the absolute timeout.
 * @returns milliseconds since the epoch, as all instants here
 */
export function deadline(policy: string, createdAt: number, now: number, timeouts: Timeouts): number {
  return Math.min(fixedEnd(policy, createdAt, timeouts), now + idleSeconds(policy, timeouts) * 1000)
}

/** The end that no activity moves: the absolute timeout, or a date before it. */
function fixedEnd(policy: string, createdAt: number, { absoluteTimeout }: Timeouts): number {
  const end = createdAt + absoluteTimeout * 1000
  // Most sessions have no expiry of their own, and each request asks several times.
  if (policy === '') return end
  const dates = partsOf(policy).filter(isDate)
  return Math.min(end, ...dates.map((part) => Number(part.slice(1))))
}

const isDate = (part: string): boolean => part.startsWith('@')

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
  timeouts: Timeouts,
): number | null {
  if (endsWithBrowser(policy)) return null
  // The clock that gave `createdAt` may be ahead of this one.
  const longest = Math.min(timeouts.absoluteTimeout * 1000, longestCookie)
  return Math.min(fixedEnd(policy, createdAt, timeouts), now + longest)
}

/**
 * Whether the cookie of a session that outlives the cookies of browsers has to be sent again. Nobody notes when it was
 * sent last. So that is in the first quarter of each hundred days after the first hundred. A session that may be left
 * for longer than such a quarter needs it whenever its deadline moves, and once that cannot move any more, always.
 * @param moves - whether the deadline moves
 */
export function needsNewCookie(
  record: SessionRecord,
  now: number,
  moves: boolean,
  timeouts: Timeouts,
): boolean {
  if (timeouts.absoluteTimeout * 1000 <= longestCookie || endsWithBrowser(record.policy)) return false
  const period = longestCookie / 4
  const window = period / 4
  const age = now - record.createdAt
  if (age >= period && age % period < window) return true
  if (idleSeconds(record.policy, timeouts) * 1000 <= window) return false
  return moves || record.expiresAt === fixedEnd(record.policy, record.createdAt, timeouts)
}

/**
 * Whether the deadline `target` has to be stored, under the policy that the record has. A later one is stored
 * at most once per 1/20 of the idle timeout, so that most reads do not write. The absolute end, or a date before
 * it, is stored as soon as it is reached or has come nearer by configuration. Any other earlier one is not stored: it cannot be
 * told from that of a process whose clock is behind, which would end the session for all others.
 */
export function isDue(record: SessionRecord, target: number, timeouts: Timeouts): boolean {
  const end = fixedEnd(record.policy, record.createdAt, timeouts)
  if (target === end && record.expiresAt !== end) return true
  const slack = (idleSeconds(record.policy, timeouts) * 1000) / 20
  return target - record.expiresAt >= slack
}

/** Seconds without activity after which a session ends; Infinity where only a date ends it. */
function idleSeconds(policy: string, { idleTimeout }: Timeouts): number {
  if (policy === '') return idleTimeout
  const [application, client] = partsOf(policy)
  const limit = idleOf(application, idleTimeout)
  return client === '' ? limit : Math.min(limit, idleOf(client, idleTimeout))
}

function idleOf(part: string, idleTimeout: number): number {
  if (isDate(part)) return Infinity
  return /^\d+$/.test(part) ? Number(part) : idleTimeout
}
