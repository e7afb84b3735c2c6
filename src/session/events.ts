// This is what `onEvent` is told, and calls it so that it cannot fail a request.

import { type RefusalCode, SessionError, type SessionErrorCode } from './errors.ts'

/**
 * What happened, for logs, metrics and alarms. A session is named by its public id (`Session.id`); no event holds a
 * token, a value, or anything else that a client sent, but for a key that is well-formed.
 */
export type SessionEvent =
  /** Stored for the first time, also as the fresh one after `flush`. */
  | { readonly type: 'created'; readonly id: string }
  /** Changes were stored: at the end of a request, or at once by `pop`, `update` and `setDefault`. */
  | { readonly type: 'committed'; readonly id: string }
  | { readonly type: 'rotated'; readonly id: string; readonly previousId: string }
  /** Deleted, by `flush` or an expiry that is past. */
  | { readonly type: 'flushed'; readonly id: string }
  /** It ended while a request used it: `SESSION_GONE`. */
  | { readonly type: 'gone'; readonly id: string }
  /** Others were faster at each attempt: `SESSION_CONFLICT`. */
  | { readonly type: 'conflict'; readonly id: string | null; readonly key: string }
  /** A client lacks a right on a key: `SESSION_KEY_FORBIDDEN`. */
  | { readonly type: 'forbidden'; readonly id: string | null; readonly key: string }
  /** A cookie without a session. `malformed`: it can be no token, or there are two; `unknown`: ended, expired or guessed. */
  | { readonly type: 'rejected'; readonly reason: 'malformed' | 'unknown' }
  /** The HTTP front refused a request; nothing was run. */
  | { readonly type: 'refused'; readonly status: number; readonly code: RefusalCode }
  /** A call to the store failed or took too long. */
  | { readonly type: 'trouble'; readonly id: string | null; readonly code: SessionErrorCode }

export type OnEvent = (event: SessionEvent) => void

/**
 * Who listens may fail, and must not fail the request: that is warned of, without the text of the failure.
 * @returns undefined when nobody listens, so that no event is made
 * @throws {SessionError} CONFIG_INVALID
 */
export function emitterOf(onEvent: OnEvent | undefined): OnEvent | undefined {
  if (onEvent === undefined) return undefined
  if (typeof onEvent !== 'function') {
    throw new SessionError('CONFIG_INVALID', 'onEvent must be a function that takes a SessionEvent.')
  }
  return (event) => {
    try {
      // An async function is a mistake that must not end the process.
      const result: unknown = onEvent(event)
      if (result instanceof Promise) result.catch(warn)
    } catch {
      warn()
    }
  }
}

const warn = (): void => process.emitWarning('onEvent failed.', 'SessionWarning')
