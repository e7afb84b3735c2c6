// This reads the session cookie of a request, and writes the Set-Cookie that sets or deletes it.

import { stringifySetCookie } from 'cookie'
import { SessionError } from './errors.ts'
import { checkOptions } from './options.ts'

/** The name and the attributes of the session cookie. It is always `HttpOnly`. */
export interface CookieOptions {
  /**
   * The name of the cookie. With the prefix `__Host-` a browser takes it only over TLS and from the host
   * itself (RFC 6265bis, 4.1.3.2).
   * @default '__Host-session'
   */
  readonly name?: string
  /**
   * Whether requests from pages of other sites carry the cookie: with `'none'` all of them do. `useSession`
   * takes `'none'` only with `useSessionGate({ origins })`, which then keeps other sites out.
   * @default 'lax'
   */
  readonly sameSite?: 'lax' | 'strict' | 'none'
  /**
   * The domain that shares the cookie with its subdomains. Needs a `name` without `__Host-`.
   * @default this host only
   */
  readonly domain?: string
  /** The path below which browsers send the cookie. Needs a `name` without `__Host-`. @default '/' */
  readonly path?: string
}

/** What a session cookie is set to. */
export interface SentCookie {
  /** The value of the cookie: the secret token of the session. */
  readonly token: string
  /** When the cookie ends. Milliseconds since the epoch; null: with the browser. */
  readonly expiresAt: number | null
  /** The present, from which `Max-Age` is computed. Milliseconds since the epoch. */
  readonly now: number
}

/**
 * What a client presents as its session: the value of its cookie, null where it has none, or the values of
 * several cookies of the name.
 */
export type Presented = string | readonly string[] | null

/** The session cookie: how it is read, and with which attributes it is set and deleted. */
export interface SessionCookie {
  /** The name as browsers get it: over plain http without the prefixes `__Host-` and `__Secure-`. */
  readonly name: string
  /**
   * The name as the options have it, also over plain http. Ids and sealed sessions are bound to it, so that
   * the session of one application is none of another with which it shares a store or a key.
   */
  readonly fullName: string
  /** Whether requests from pages of other sites carry the cookie, as the options say it. */
  readonly sameSite: 'lax' | 'strict' | 'none'
  /**
   * Reads the cookie from a `Cookie` header.
   * @returns its value, whether or not it can be a token, without the quotes that it may stand in (RFC 6265,
   * 4.1.1); null where there is no such cookie; all values, in order, where there is more than one: browsers
   * keep one for each domain and path, and do not say which is which (RFC 6265, 8.6)
   */
  read(header: string | null | undefined): Presented
  /** Gives the `Set-Cookie` value that sets the cookie. */
  set(cookie: SentCookie): string
  /** Gives the `Set-Cookie` value that deletes the cookie, with the attributes with which it was set. */
  clear(): string
}

/**
 * Makes the session cookie. `useSession` has its own from the option `cookie`; other HTTP routes read and
 * write the cookie with this one.
 * @param options - as the option `cookie` of `useSession`
 * @param place - where the cookie is used. `secure` is false only for plain http on a loopback host in
 * development, where browsers refuse `Secure`. The prefixes `__Host-` and `__Secure-` need it, so they are
 * then left off the name.
 * @throws {SessionError} CONFIG_INVALID, naming the option
 */
export function sessionCookie(options: CookieOptions = {}, { secure = true } = {}): SessionCookie {
  checkOptions('cookie', options, ['name', 'sameSite', 'domain', 'path'])
  const { name: fullName = '__Host-session', sameSite = 'lax', domain, path = '/' } = options
  if ([fullName, path, domain ?? ''].some((text) => typeof text !== 'string')) {
    throw new SessionError('CONFIG_INVALID', 'cookie.name, cookie.domain and cookie.path must be text.')
  }
  if (/^__host-/i.test(fullName) && (domain !== undefined || path !== '/')) {
    throw new SessionError(
      'CONFIG_INVALID',
      'cookie.domain and cookie.path need a cookie.name without the prefix __Host- (RFC 6265bis, 4.1.3.2).',
    )
  }
  if (!path.startsWith('/') || domain === '') {
    throw new SessionError(
      'CONFIG_INVALID',
      'cookie.path must begin with a /, and cookie.domain must not be empty.',
    )
  }
  if (!['lax', 'strict', 'none'].includes(sameSite)) {
    throw new SessionError('CONFIG_INVALID', "cookie.sameSite must be 'lax', 'strict' or 'none'.")
  }
  const name = secure ? fullName : fullName.replace(/^__(?:host|secure)-/i, '')
  const attributes = {
    name,
    path,
    httpOnly: true,
    secure,
    // Browsers take SameSite=None only with Secure. Lax will do here: all ports of a host are one site.
    sameSite: sameSite === 'none' && !secure ? ('lax' as const) : sameSite,
    ...(domain === undefined ? {} : { domain }),
  }
  const start = `${name}=`
  const cookie: SessionCookie = {
    name,
    fullName,
    sameSite,
    read(header) {
      if (!header) return null
      const valueOf = (pair: string): string => unquoted(pair.trimEnd().slice(start.length))
      // Most headers hold this cookie alone, and need not be split.
      if (header.startsWith(start) && !header.includes(';')) return valueOf(header)
      const values = header
        .split(';')
        .map((pair) => pair.trimStart())
        .filter((pair) => pair.startsWith(start))
        .map(valueOf)
      return values.length > 1 ? values : (values[0] ?? null)
    },
    set({ token, expiresAt, now }) {
      return stringifySetCookie({
        ...attributes,
        value: token,
        ...(expiresAt === null
          ? {}
          : { maxAge: Math.max(0, Math.ceil((expiresAt - now) / 1000)), expires: new Date(expiresAt) }),
      })
    },
    clear() {
      return stringifySetCookie({ ...attributes, value: '', maxAge: 0, expires: new Date(0) })
    },
  }
  try {
    cookie.clear()
  } catch {
    throw new SessionError(
      'CONFIG_INVALID',
      'cookie.name, cookie.domain or cookie.path holds a character that a cookie cannot carry (RFC 6265, 4.1.1).',
    )
  }
  return cookie
}

const unquoted = (value: string): string =>
  value.length > 1 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value
