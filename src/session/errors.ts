// This lists the codes of all errors that a session or the gate answers with, and defines the error class.

import type { Departure, Ending } from './record.ts'

/** Why a session refuses something. The same string is GraphQL's `extensions.code`. */
export type SessionErrorCode =
  /**
   * The key is not 1 to 64 characters of `[A-Za-z0-9_][A-Za-z0-9_.:-]*`, or is one of `__proto__`, `constructor`
   * and `prototype`.
   */
  | 'SESSION_KEY_INVALID'
  /** The client has no such right on the key. Undeclared and server-only keys answer alike. */
  | 'SESSION_KEY_FORBIDDEN'
  /** The value is not JSON, or JSON would change it silently. */
  | 'SESSION_VALUE_INVALID'
  /** One value takes more bytes of JSON than `limits.valueBytes`. */
  | 'SESSION_VALUE_TOO_LARGE'
  /** The session would hold more keys or bytes than `limits` or its store allow. It stays as it was. */
  | 'SESSION_TOO_LARGE'
  /** The expiry is not a positive number of seconds, a valid date or a known policy. */
  | 'SESSION_EXPIRY_INVALID'
  /** `update`, `pop` or `setDefault` met another writer at every one of its attempts. Nothing was written. */
  | 'SESSION_CONFLICT'
  /**
   * The session was deleted or expired while this request used it, or a moment before, e.g. by a logout in
   * another tab. The answer leaves the cookie alone. It is not to be sent again, since it would run as
   * somebody else or as nobody.
   */
  | 'SESSION_GONE'
  /**
   * The cookie was replaced a moment ago, e.g. by a sign-in, and the session goes on under another one. The
   * answer leaves the cookie alone. `retryable` tells that the request is to be sent again, as a whole.
   */
  | 'SESSION_MOVED'
  /**
   * The session of an open stream has ended, by a sign-out, by another device of its owner, or by its deadline. `reason`
   * tells which. The stream ends with it.
   */
  | 'SESSION_ENDED'
  /**
   * The change comes too late: it needs a cookie or a save, and the headers of this response have left, or it came
   * over a WebSocket and there are none.
   */
  | 'SESSION_HEADERS_SENT'
  /**
   * A page of another site sent the request, and with such a request browsers hold back the cookie that the
   * visitor may have. A new session would replace the one of that cookie, so that none begins.
   */
  | 'SESSION_CROSS_SITE'
  /**
   * The browser has several cookies of the name, whose sessions are different ones. Nothing was changed, and no
   * cookie was touched.
   */
  | 'SESSION_AMBIGUOUS'
  /** The store failed, or has too many calls to answer. A change sent to it may have been made or not. */
  | 'SESSION_STORE_UNAVAILABLE'
  /** The store did not answer within `storeTimeout`. It may have made the change: `outcome` is `unknown`. */
  | 'SESSION_STORE_TIMEOUT'
  /** The session is kept in its cookie, and without a `denyList` it cannot be ended before its time. */
  | 'SESSION_NOT_REVOCABLE'
  /**
   * `identify` was given a ticket that is too old, or the owner's sign-ins were ended since it was taken, as after a
   * change of the password. Nobody was signed in.
   */
  | 'SESSION_SIGN_IN_ENDED'
  /** The owner is signed in on as many devices as `devices.max` allows, and `devices.whenFull` is `'refuse'`. */
  | 'SESSION_TOO_MANY_DEVICES'
  /** The verb needs somebody who is signed in by `identify`, and nobody is. */
  | 'SESSION_NOT_SIGNED_IN'
  /** The user has not proved within `maxAge` seconds to be the owner: ask for the password, and call `confirm`. */
  | 'SESSION_NOT_FRESH'
  /** The session has as many streams open on this server as `maxStreams` allows. */
  | 'RATE_LIMITED'
  /**
   * An option is not valid; the message names it. It is thrown at start, except for a schema that validates
   * asynchronously, which only its first use can tell.
   */
  | 'CONFIG_INVALID'

/** Why the gate does not run a request, or an operation. The same string is GraphQL's `extensions.code`. */
export type RefusalCode =
  /** 405: the method is neither `POST` nor `GET`, or a mutation was sent with `GET`. */
  | 'METHOD_NOT_ALLOWED'
  /** 415: the body is not `application/json` in UTF-8, or has a content encoding. */
  | 'UNSUPPORTED_MEDIA_TYPE'
  /** 406: `Accept` names no type in which the operation can be answered. */
  | 'NOT_ACCEPTABLE'
  /** 403: a page of another origin sent the request, or a `GET` with a cookie does not show what sent it. */
  | 'CSRF_CHECK_FAILED'
  /** 403: the host of the request is none of `allowedHosts`. */
  | 'HOST_NOT_ALLOWED'
  /** 413: the body is larger than `maxRequestBodySize`. */
  | 'PAYLOAD_TOO_LARGE'
  /** 400: the request is malformed, e.g. its body is not JSON, or it has a subscription in a batch. */
  | 'BAD_REQUEST'
  /** 400: a variable or an argument has no value, or one that does not fit its type. */
  | 'BAD_USER_INPUT'
  /** 400: the operation is larger than `operationLimits`, or its variables are nested too deeply. */
  | 'OPERATION_TOO_COMPLEX'
  /** 429: the WebSocket has as many operations under way as it may have. */
  | 'TOO_MANY_OPERATIONS'

/**
 * The only error class of this package. The message names the limit, the option or the key at fault (a
 * malformed key is not repeated), and never holds a value, a token or a driver's message. `cause` is what the
 * driver threw, of which only the name and the code are logged, and nothing is sent.
 */
export class SessionError extends Error {
  /** The name of the class, as stack traces show it. */
  override readonly name = 'SessionError'
  /** Why the session refused. Clients get the same string as `extensions.code`. */
  readonly code: SessionErrorCode
  /** `'unknown'` when the store may or may not have applied the change. */
  readonly outcome: 'unknown' | undefined
  /**
   * True where the request had not used its session before it was refused, so that it may be sent again; undefined
   * where it had, as a resolver may have charged a card by then. The code is SESSION_MOVED.
   */
  readonly retryable: true | undefined
  /** Seconds within which the user has to have proved to be the owner. The code is SESSION_NOT_FRESH. */
  readonly maxAge: number | undefined
  /** Why the session of a stream has ended. The code is SESSION_ENDED. */
  readonly reason: 'signed-out' | 'expired' | undefined
  /** What graphql-js copies into the error that a client gets, whatever server runs it. */
  readonly extensions: {
    readonly code: SessionErrorCode
    readonly outcome?: 'unknown'
    readonly retryable?: true
    readonly maxAge?: number
    readonly reason?: 'signed-out' | 'expired'
  }

  /**
   * A store of your own may throw it; whatever else a store throws becomes SESSION_STORE_UNAVAILABLE.
   * @param message - sent to clients as it is
   */
  constructor(
    code: SessionErrorCode,
    message: string,
    options: {
      cause?: unknown
      outcome?: 'unknown'
      retryable?: true
      maxAge?: number
      reason?: 'signed-out' | 'expired'
    } = {},
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.code = code
    this.outcome = options.outcome
    this.retryable = options.retryable
    this.maxAge = options.maxAge
    this.reason = options.reason
    this.extensions = {
      code,
      ...(options.outcome && { outcome: options.outcome }),
      ...(options.retryable && { retryable: options.retryable }),
      ...(options.maxAge !== undefined && { maxAge: options.maxAge }),
      ...(options.reason && { reason: options.reason }),
    }
  }
}

/** What a verb may meet in a session, its store or its devices whatever the code that calls it. */
const ofSession: ReadonlySet<SessionErrorCode> = new Set([
  'SESSION_CONFLICT',
  'SESSION_GONE',
  'SESSION_MOVED',
  'SESSION_CROSS_SITE',
  'SESSION_AMBIGUOUS',
  'SESSION_STORE_UNAVAILABLE',
  'SESSION_STORE_TIMEOUT',
  'SESSION_SIGN_IN_ENDED',
  'SESSION_TOO_MANY_DEVICES',
  'SESSION_NOT_FRESH',
])

/** Whether a verb failed for the state of the session, and not for a mistake of the resolver that called it. */
export const isOfSession = (failure: unknown): boolean =>
  failure instanceof SessionError && ofSession.has(failure.code)

/**
 * The error for a request with the cookie of a session that was replaced.
 * @param isFirst - whether the request had not used the session before
 */
export function departed(departure: Departure, isFirst: boolean): SessionError {
  if (departure === 'ended') return gone()
  return isFirst
    ? new SessionError(
        'SESSION_MOVED',
        'The cookie was replaced a moment ago, for example by a sign-in. Nothing was saved; send the request again.',
        { retryable: true },
      )
    : new SessionError(
        'SESSION_MOVED',
        'The cookie was replaced, for example by a sign-in, so that nothing more is saved. A part of the request may have run.',
      )
}

export const gone = (): SessionError =>
  new SessionError(
    'SESSION_GONE',
    'The session ended while this request was under way, for example by a logout. Nothing was saved.',
  )

export const headersSent = (): SessionError =>
  new SessionError(
    'SESSION_HEADERS_SENT',
    'The headers of this response have left, so that no cookie can be set: create, rotate, flush and expire sessions before a stream starts, and not over a WebSocket.',
  )

export const crossSite = (): SessionError =>
  new SessionError(
    'SESSION_CROSS_SITE',
    'A page of another site sent this request, and browsers hold back the session cookie there: no session can begin with it. Begin it with a request from a page of this site.',
  )

export const ambiguous = (): SessionError =>
  new SessionError(
    'SESSION_AMBIGUOUS',
    'The browser sent several session cookies of different sessions, one of which another host of the domain may have set. Nothing was changed. Delete the cookies of this site, and use a cookie name with the prefix __Host-.',
  )

export const tooLarge = ({ keys, sessionBytes }: { keys: number; sessionBytes: number }): SessionError =>
  new SessionError(
    'SESSION_TOO_LARGE',
    `A session holds at most ${keys} keys and ${sessionBytes} bytes, and no more than its store has room for. Nothing was stored; delete what is no longer needed.`,
  )

/** The error with which a stream ends, as its session does. */
export function streamEnded(ending: Ending): SessionError {
  if (ending === 'moved') {
    return new SessionError(
      'SESSION_MOVED',
      'The cookie was replaced, for example by a sign-in, and the stream ends. Begin it again, with the new cookie.',
      { retryable: true },
    )
  }
  if (ending === 'unavailable') {
    return new SessionError(
      'SESSION_STORE_UNAVAILABLE',
      'The session store is not available, so that nobody can tell whether the session goes on. Try again later.',
    )
  }
  return new SessionError('SESSION_ENDED', 'The session has ended, and the stream ends with it.', {
    reason: ending === 'expired' ? 'expired' : 'signed-out',
  })
}

export const tooManyStreams = (most: number): SessionError =>
  new SessionError(
    'RATE_LIMITED',
    `The session has ${most} streams open on this server, and no more are allowed. Close one of them first.`,
  )

export const notSignedIn = (): SessionError =>
  new SessionError('SESSION_NOT_SIGNED_IN', 'Nobody is signed in to this session.')

export const notFresh = (maxAge: number): SessionError =>
  new SessionError(
    'SESSION_NOT_FRESH',
    `This needs a user who has proved to be the owner within the last ${maxAge} seconds. Ask for the password again.`,
    { maxAge },
  )

export const notRevocable = (): SessionError =>
  new SessionError(
    'SESSION_NOT_REVOCABLE',
    'This session is kept in its cookie, and the server has no list of ended ones: it cannot be ended before its time. Clear it instead.',
  )
