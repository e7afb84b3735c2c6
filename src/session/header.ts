// This reads the token of a client without cookies from a request header, and gives it back in one of the answer.

import type { Carrier, CookieOptions, Presented } from './cookie.ts'
import { sessionCookie } from './cookie.ts'
import { SessionError } from './errors.ts'
import { checkOptions } from './options.ts'

/** How clients may carry their session beside the cookie. */
export interface TransportOptions {
  /**
   * The name of the header in which clients without cookies, such as native apps and other servers, send the token of
   * their session, and get it back, e.g. `'session-token'`. It must be a header of its own: neither `Authorization`,
   * which stays free for the application, nor any that HTTP or browsers define.
   */
  readonly header: string
}

/**
 * The header of a client without cookies. A request that has it, even empty, is one of such a client: its cookies are
 * neither read nor set.
 */
export interface SessionHeader extends Carrier {
  /** Its name, in lower case. */
  readonly name: string
  /**
   * Reads the header.
   * @param value - as the request has it
   * @returns the value, whether or not it can be a token; null where it is empty, or there is none
   */
  read(value: string | null | undefined): Presented
}

/** A name of a header (RFC 9110, 5.6.2). */
const headerName = /^[\w!#$%&'*+.^`|~-]+$/

/** Headers that have a meaning already, to HTTP, to browsers, to proxies or to this library. */
const taken =
  /^(?:accept|access-control|alt|content|cross-origin|if|keep|proxy|sec|x-forwarded|x-real)-|^(?:accept|age|allow|authentication-info|authorization|cache-control|connection|cookie2?|date|dnt|early-data|etag|expect|expires|forwarded|from|host|http2-settings|last-event-id|last-modified|link|location|max-forwards|origin|pragma|priority|range|referer|refresh|retry-after|server|server-timing|session-join|set-cookie2?|strict-transport-security|te|trailer|transfer-encoding|upgrade|upgrade-insecure-requests|user-agent|vary|via|warning|www-authenticate)$/

/**
 * Makes the header of clients without cookies. `useSession` has its own from the option `transport`; other HTTP routes
 * read and write the header with this one.
 * @param transport - as the option `transport` of `useSession`
 * @param cookie - as the option `cookie` of `useSession`, by whose name the sessions of applications are told apart
 * @throws {SessionError} CONFIG_INVALID, naming the option
 */
export function sessionHeader(transport: TransportOptions, cookie: CookieOptions = {}): SessionHeader {
  checkOptions('transport', transport, ['header'])
  const { header } = transport
  if (typeof header !== 'string' || !headerName.test(header) || taken.test(header.toLowerCase())) {
    throw new SessionError(
      'CONFIG_INVALID',
      "transport.header must be the name of a header of its own, e.g. 'session-token' (RFC 9110, 5.1).",
    )
  }
  const name = header.toLowerCase()
  const { fullName } = sessionCookie(cookie)
  return {
    name,
    responseHeader: name,
    // No cookie has a space in its name, so that a token of a cookie is none of a header, and the reverse.
    fullName: `header ${fullName}`,
    ownersName: fullName,
    read: (value) => value || null,
    set: ({ token }) => token,
    clear: () => '',
  }
}
