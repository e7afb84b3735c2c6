// This reads the session cookie of a request, and writes the Set-Cookie that sets or deletes it.

import { stringifySetCookie } from 'cookie'
import { SessionError } from './errors.ts'
import { checkOptions } from './options.ts'

/** The name and the attributes of the session cookie. It is always `HttpOnly`. */
export interface CookieOptions {
  /**
   * The name of the cookie. With the prefix `__Host-` a browser takes it only over TLS and from the host
   * itself (RFC 6265bis, 4.1.3.2). A cookie that is not `Secure` has the name without the prefix.
   * @default '__Host-session'. A cookie that is not `Secure` is `graphql-session-PORT`, as browsers send a cookie to
   * all ports of a host: the port is that of the URL, and left out where the URL has none
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
  /**
   * Whether the cookie is `Secure`. Browsers drop such a cookie that comes over plain http, except that some keep it
   * on localhost. With `false` a machine in the local network, or a container, has sessions over plain http in
   * development; whoever is on the way can read the cookie. Where NODE_ENV is production `false` is refused.
   * @default true, except over plain http on a loopback host, unless NODE_ENV is production
   */
  readonly secure?: boolean
  /**
   * Whether the cookie is `Partitioned` (CHIPS): a page that is embedded in pages of other sites then has a session of
   * its own below each of them, also where the browser blocks cookies of third parties. It needs `sameSite: 'none'`,
   * and is left out where the cookie is not `Secure`.
   * @default false
   * @see https://www.rfc-editor.org/info/draft-cutler-httpbis-partitioned-cookies
   */
  readonly partitioned?: boolean
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

/** What carries the token of a session between a client and a server: the cookie, or a header of its own. */
export interface Carrier {
  /** The response header that carries it, in lower case. */
  readonly responseHeader: string
  /**
   * To what ids and sealed sessions are bound, so that the session of one carrier is none of another, nor of another
   * application with which it shares a store or a key.
   */
  readonly fullName: string
  /** To what the lists of devices are bound. It is the same for all carriers of one application. */
  readonly ownersName: string
  /** Gives the value of the response header that hands the client its token. */
  set(cookie: SentCookie): string
  /** Gives the value of the response header that takes the token away from the client. */
  clear(): string
}

/** The session cookie: how it is read, and with which attributes it is set and deleted. */
export interface SessionCookie extends Carrier {
  /** The name as browsers get it: where the cookie is not `Secure`, without the prefixes `__Host-` and `__Secure-`. */
  readonly name: string
  /**
   * The name as the options have it, or its default, also over plain http and for any port. Ids and sealed sessions are bound to it, so that
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

/** Where a cookie is used. */
export interface CookiePlace {
  /**
   * Whether the cookie is `Secure` where the option `secure` does not say it. It is false only for plain http on a
   * loopback host in development, where browsers refuse `Secure`, and the prefixes `__Host-` and `__Secure-` need it.
   * @default true
   */
  readonly secure?: boolean
  /**
   * The host of the request with its port, as its header `Host` has it: the default name of a cookie that is not
   * `Secure` has the port. @default a host without a port
   */
  readonly host?: string | null | undefined
}

/** The default name. Sessions are bound to it whether or not a browser gets the cookie under this name. */
const defaultName = '__Host-session'

/**
 * Makes the session cookie. `useSession` has its own from the option `cookie`; other HTTP routes read and
 * write the cookie with this one.
 * @param options - as the option `cookie` of `useSession`
 * @param place - where the cookie is used
 * @throws {SessionError} CONFIG_INVALID, naming the option
 */
export function sessionCookie(options: CookieOptions = {}, place: CookiePlace = {}): SessionCookie {
  checkOptions('cookie', options, ['name', 'sameSite', 'domain', 'path', 'secure', 'partitioned'])
  const { name: fullName = defaultName, sameSite = 'lax', domain, path = '/' } = options
  const { secure = place.secure ?? true, partitioned = false } = options
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
  if (typeof secure !== 'boolean') {
    throw new SessionError('CONFIG_INVALID', 'cookie.secure must be true or false.')
  }
  if (typeof partitioned !== 'boolean') {
    throw new SessionError('CONFIG_INVALID', 'cookie.partitioned must be true or false.')
  }
  if (partitioned && sameSite !== 'none') {
    throw new SessionError(
      'CONFIG_INVALID',
      "cookie.partitioned needs cookie.sameSite 'none': browsers send no other cookie from a page that another site embeds.",
    )
  }
  if (options.secure === false && process.env['NODE_ENV'] === 'production') {
    throw new SessionError(
      'CONFIG_INVALID',
      'cookie.secure must not be false where NODE_ENV is production: whoever is on the way could take the session. Leave it out and put TLS in front, with trustProxy: true where a proxy ends it.',
    )
  }
  if (options.secure === false && sameSite === 'none') {
    throw new SessionError(
      'CONFIG_INVALID',
      "cookie.sameSite 'none' needs Secure: browsers drop the cookie where cookie.secure is false.",
    )
  }
  const name = secure ? fullName : plainName(options.name, place.host)
  const attributes = {
    name,
    path,
    httpOnly: true,
    secure,
    partitioned: partitioned && secure,
    // Browsers take SameSite=None only with Secure. Lax will do here: all ports of a host are one site.
    sameSite: sameSite === 'none' && !secure ? ('lax' as const) : sameSite,
    ...(domain === undefined ? {} : { domain }),
  }
  const start = `${name}=`
  const cookie: SessionCookie = {
    name,
    fullName,
    ownersName: fullName,
    responseHeader: 'set-cookie',
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

/**
 * The name of a cookie that is not `Secure`. Servers at other ports, and of other makes, would replace each other's
 * cookies of one name, since a cookie is sent to all ports of its host (RFC 6265, 8.5).
 */
function plainName(given: string | undefined, host: string | null | undefined): string {
  if (given !== undefined) return given.replace(/^__(?:host|secure)-/i, '')
  const port = portOf(host)
  return port === '' ? 'graphql-session' : `graphql-session-${port}`
}

/** The port in a host; empty where it has none. */
export const portOf = (host: string | null | undefined): string => /:(\d{1,5})$/.exec(host ?? '')?.[1] ?? ''

const unquoted = (value: string): string =>
  value.length > 1 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value
