// This reads the session cookie of a request, and writes the Set-Cookie that sets or deletes it.

import { stringifySetCookie } from 'cookie'
import { SessionError } from './errors.ts'
import { checkOptions } from './options.ts'

export interface CookieOptions {
  /** With the `__Host-` prefix a browser takes the cookie from this host over TLS only. @default '__Host-session' */
  readonly name?: string
  /** `'none'` only with `useSessionGate({ origins })`, which keeps other sites out in its place. @default 'lax' */
  readonly sameSite?: 'lax' | 'strict' | 'none'
  /** Share the cookie with subdomains. Needs a `name` without `__Host-`. @default this host only */
  readonly domain?: string
  /** Needs a `name` without `__Host-`. @default '/' */
  readonly path?: string
}

export interface SentCookie {
  readonly token: string
  /** Milliseconds since the epoch; null: with the browser. */
  readonly expiresAt: number | null
  readonly now: number
}

/** The session cookie: how it is read, and with which attributes it is set and deleted. */
export interface SessionCookie {
  readonly name: string
  /**
   * What a `Cookie` header holds: the token, or something that is none. `null`: no such cookie. `''`: none that can
   * be used, because there are two of them, and which one the browser meant cannot be known.
   */
  read(header: string | null | undefined): string | null
  /** A `Set-Cookie` value. */
  set(cookie: SentCookie): string
  /** The `Set-Cookie` value that deletes the cookie, with the attributes with which it was set. */
  clear(): string
}

/**
 * @param place - `secure`: false only where a browser refuses `Secure`: plain http on a loopback host, in
 * development. The prefixes `__Host-` and `__Secure-` need it, so they are left off the name.
 * @throws {SessionError} CONFIG_INVALID
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
    // Browsers take SameSite=None with Secure only. Between ports of this machine Lax does the same.
    sameSite: sameSite === 'none' && !secure ? ('lax' as const) : sameSite,
    ...(domain === undefined ? {} : { domain }),
  }
  const start = `${name}=`
  const cookie: SessionCookie = {
    name,
    read(header) {
      if (!header) return null
      // The usual one has no other beside it.
      if (header.startsWith(start) && !header.includes(';')) return header.trimEnd().slice(start.length)
      const values = header
        .split(';')
        .map((pair) => pair.trim())
        .filter((pair) => pair.startsWith(start))
      if (values.length === 0) return null
      return values.length === 1 ? values[0]!.slice(start.length) : ''
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
