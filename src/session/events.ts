// This defines the events that `onEvent` gets, and calls it so that its failure does not fail a request.

import { type RefusalCode, SessionError, type SessionErrorCode } from './errors.ts'
import type { Departure } from './record.ts'

/**
 * What happened, for logs, metrics and alarms. `handle` is that of the session (`Session.handle`). Of what a
 * client sent, an event holds at most a well-formed key: no token, no value.
 */
export type SessionEvent =
  /** A session was stored for the first time, also the fresh one after `flush`. */
  | { readonly type: 'created'; readonly handle: string }
  /** Changes were stored: at the end of a request, or at once by `pop`, `update` and `setDefault`. */
  | { readonly type: 'committed'; readonly handle: string }
  /** `rotate` gave the session a new handle. */
  | { readonly type: 'rotated'; readonly handle: string; readonly previousHandle: string }
  /** The session was deleted by `flush`, or by an expiry that is past. */
  | { readonly type: 'flushed'; readonly handle: string }
  /** `identify` signed an owner in. The session has a new handle. */
  | { readonly type: 'signed-in'; readonly handle: string }
  /** A device was ended by another one of its owner, by an administrator, or as there were too many. */
  | { readonly type: 'revoked'; readonly handle: string }
  /** The session ended while a request used it: `SESSION_GONE`. */
  | { readonly type: 'gone'; readonly handle: string }
  /** Other requests changed the key at each attempt: `SESSION_CONFLICT`. */
  | { readonly type: 'conflict'; readonly handle: string | null; readonly key: string }
  /** A client lacks a right on a key: `SESSION_KEY_FORBIDDEN`. */
  | { readonly type: 'forbidden'; readonly handle: string | null; readonly key: string }
  /** A stored value does not fit what is declared of its key, and counts as absent. Told once per request and key. */
  | { readonly type: 'misfit'; readonly handle: string | null; readonly key: string }
  /**
   * The cookie, or the token in a header, belongs to no session. `malformed`: it cannot be a token. `unknown`: its session has ended or
   * expired, or the token was guessed. `moved`, `ended`: its session was replaced a moment ago, which is usual
   * for requests that were under way beside a sign-in or a sign-out. `ambiguous`: there are several of them,
   * and sessions of more than one, or more than four that differ. Another host of the domain may have set one.
   * `both`: the request had the header of a client without cookies, too, so that the cookie was not read.
   */
  | { readonly type: 'rejected'; readonly reason: 'malformed' | 'unknown' | 'ambiguous' | 'both' | Departure }
  /** The gate refused a request or an operation, and nothing was run. */
  | { readonly type: 'refused'; readonly status: number; readonly code: RefusalCode }
  /** A call to the store failed or took too long. */
  | { readonly type: 'trouble'; readonly handle: string | null; readonly code: SessionErrorCode }

/** A listener for events. It is not waited for, and what it throws becomes a warning of the process. */
export type OnEvent = (event: SessionEvent) => void

/**
 * Wraps the listener, so that its failure does not fail the request but becomes a warning of the process,
 * without the text of the failure.
 * @returns undefined without a listener, so that no event is made
 * @throws {SessionError} CONFIG_INVALID
 */
export function emitterOf(onEvent: OnEvent | undefined): OnEvent | undefined {
  if (onEvent === undefined) return undefined
  if (typeof onEvent !== 'function') {
    throw new SessionError('CONFIG_INVALID', 'onEvent must be a function that takes a SessionEvent.')
  }
  return (event) => {
    try {
      // The listener may be an async function by mistake. Its rejection, unhandled, would end the process.
      const result: unknown = onEvent(event)
      if (result instanceof Promise) result.catch(warn)
    } catch {
      warn()
    }
  }
}

const warn = (): void => process.emitWarning('onEvent failed.', 'SessionWarning')
