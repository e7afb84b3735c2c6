// These are the codes of every error that a session or the gate answers with.

/** Every way in which a session refuses. The same string is GraphQL's `extensions.code`. */
export type SessionErrorCode =
  /** The key is not 1 to 64 characters of `[A-Za-z_][A-Za-z0-9_.:-]*`, or is `__proto__`, `constructor` or `prototype`. */
  | 'SESSION_KEY_INVALID'
  /** The client has no such right on the key. Undeclared and server-only keys answer alike. */
  | 'SESSION_KEY_FORBIDDEN'
  /** The value is not JSON, or JSON would change it silently. */
  | 'SESSION_VALUE_INVALID'
  /** One value is over its limit of bytes. */
  | 'SESSION_VALUE_TOO_LARGE'
  /** The session would hold too many keys or bytes. What it held before stays. */
  | 'SESSION_TOO_LARGE'
  /** The expiry is not a positive number of seconds, a valid date or a known policy. */
  | 'SESSION_EXPIRY_INVALID'
  /** `update`, `pop` or `setDefault` met another writer at every one of its attempts. Nothing was written. */
  | 'SESSION_CONFLICT'
  /** The session was deleted or expired while this request used it. */
  | 'SESSION_GONE'
  /** The change needs a cookie, and the headers of this response have left. */
  | 'SESSION_HEADERS_SENT'
  /** The store failed. Whether the last change was applied may be unknown. */
  | 'SESSION_STORE_UNAVAILABLE'
  /** The store did not answer in time (`storeTimeout`). It may have made the change or not: `outcome` is `unknown`. */
  | 'SESSION_STORE_TIMEOUT'
  /** The session is kept in its cookie, and there is no deny-list: it cannot be ended before its time. */
  | 'SESSION_NOT_REVOCABLE'
  /** An option cannot be read. Thrown at start, naming the option. */
  | 'CONFIG_INVALID'

/** Why the gate does not run a request, or an operation. The same string is GraphQL's `extensions.code`. */
export type RefusalCode =
  | 'METHOD_NOT_ALLOWED'
  | 'UNSUPPORTED_MEDIA_TYPE'
  | 'NOT_ACCEPTABLE'
  | 'CSRF_CHECK_FAILED'
  | 'PAYLOAD_TOO_LARGE'
  | 'BAD_REQUEST'
  | 'BAD_USER_INPUT'
  | 'OPERATION_TOO_COMPLEX'

/**
 * The one error class. Its message names the limit, the option or (unless it is no key at all) the key at fault;
 * it never holds a value, a token or a driver's message (`cause` may, and is never sent or logged).
 */
export class SessionError extends Error {
  override readonly name = 'SessionError'
  readonly code: SessionErrorCode
  /** `'unknown'` when the store may or may not have applied the change. */
  readonly outcome: 'unknown' | undefined

  constructor(
    code: SessionErrorCode,
    message: string,
    options: { cause?: unknown; outcome?: 'unknown' } = {},
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.code = code
    this.outcome = options.outcome
  }
}

export const headersSent = (): SessionError =>
  new SessionError(
    'SESSION_HEADERS_SENT',
    'The headers of this response have left, so that no cookie can be set: create, rotate, flush and expire sessions before a stream starts.',
  )

export const tooLarge = ({ keys, sessionBytes }: { keys: number; sessionBytes: number }): SessionError =>
  new SessionError(
    'SESSION_TOO_LARGE',
    `A session holds at most ${keys} keys and ${sessionBytes} bytes, and no more than its store has room for. Nothing was stored; delete what is no longer needed.`,
  )
