// This judges a request by method, types and origin before its body is read, and makes the CORS headers.

import { type RefusalCode, SessionError } from '../session/errors.ts'
import { accepts, isJson, plainTypeOf } from './media-types.ts'

/** What the gate demands of the head and the size of a request. */
export interface GateRuleOptions {
  /**
   * Other origins whose pages may use the server with the visitor's cookie, each exactly as browsers send it,
   * e.g. `https://app.example`, or `capacitor://localhost`, `tauri://localhost` and `chrome-extension://ID` for
   * apps and extensions. Their pages get CORS headers with credentials.
   * @default none: CORS is closed
   */
  readonly origins?: readonly string[]
  /**
   * Whether a proxy in front of the server sets `X-Forwarded-Proto` and `X-Forwarded-Host`, and drops those
   * that a client sent. If not, both headers are ignored.
   * @default false
   */
  readonly trustProxy?: boolean
  /**
   * Bytes that the body of a request may have, counted while it is read. A longer body is answered 413.
   * @default 131072 (128 KiB)
   */
  readonly maxRequestBodySize?: number
}

/** `GateRuleOptions`, checked and with their defaults. */
export interface GateRules {
  readonly origins: ReadonlySet<string>
  readonly trustProxy: boolean
  readonly maxRequestBodySize: number
  /** The request headers that carry sessions as the cookie does, in lower case. Who begins the sessions adds them. */
  readonly sessionHeaders: Set<string>
}

/** What is known of a request before its body is read. */
export interface RequestHead {
  readonly method: string
  /** The scheme of the connection itself. `publicAddress` gives the one that a trusted proxy names. */
  readonly scheme: 'http' | 'https'
  /**
   * The value of a header; null or undefined where the request has none.
   * @param name - in lower case
   */
  header(name: string): string | null | undefined
  /** Whether the request has a header, also an empty one. @default what `header` does not give is not there */
  has?(name: string): boolean
}

/** Whether a request has a header, also an empty one. @param name - in lower case */
export const hasHeader = (head: RequestHead, name: string): boolean =>
  head.header(name) != null || (head.has?.(name) ?? false)

/** The head of a request of the Fetch API. Its host comes from its URL where it has no header `Host`. */
export const headOf = ({ method, url, headers }: Request): RequestHead => ({
  method,
  scheme: url.startsWith('https:') ? 'https' : 'http',
  header: (name) => headers.get(name) ?? (name === 'host' ? new URL(url).host : null),
  // Once Yoga's Headers has been changed, it gives null for an empty header.
  has: (name) => [...headers.keys()].some((each) => each.toLowerCase() === name),
})

/** Why a request is not run, for its client. The message repeats nothing of the request. */
export interface Refusal {
  readonly status: number
  readonly code: RefusalCode
  readonly message: string
  readonly headers?: Readonly<Record<string, string>>
}

/** A complete answer of HTTP. */
export interface Reply {
  readonly status: number
  /** Each name once, but for `set-cookie`, and none of framing. */
  readonly headers: readonly (readonly [string, string])[]
  readonly body: string
}

/** The answer to a request that gets an error alone, in a type of JSON that its client accepts, or in `application/json`. */
export const refusalReply = (
  { status, code, message, headers = {} }: Omit<Refusal, 'code'> & { readonly code: string },
  accept: string | null | undefined,
): Reply => ({
  status,
  headers: [
    ['content-type', `${plainTypeOf(accept) ?? 'application/json'}; charset=utf-8`],
    ['cache-control', 'no-store'],
    ...Object.entries(headers),
  ],
  body: JSON.stringify({ errors: [{ message, extensions: { code } }] }),
})

/** Headers of every answer: a browser must not guess its type, nor load it into pages of other origins. */
export const protectiveHeaders: readonly (readonly [string, string])[] = [
  ['x-content-type-options', 'nosniff'],
  ['cross-origin-resource-policy', 'same-origin'],
]

/**
 * Checks the options, and fills in their defaults.
 * @throws {SessionError} CONFIG_INVALID, naming the option
 */
export function gateRules(options: GateRuleOptions): GateRules {
  const { origins, trustProxy = false, maxRequestBodySize = 128 * 1024 } = options
  if (origins !== undefined && (!Array.isArray(origins) || origins.length === 0)) {
    throw new SessionError(
      'CONFIG_INVALID',
      'origins must be a list of exact origins, e.g. ["https://app.example"]; leave it out for none.',
    )
  }
  for (const origin of origins ?? []) {
    if (isOrigin(origin)) continue
    throw new SessionError(
      'CONFIG_INVALID',
      'origins holds something else than an exact origin such as "https://app.example": no path, no *, no null.',
    )
  }
  if (typeof trustProxy !== 'boolean') {
    throw new SessionError('CONFIG_INVALID', 'trustProxy must be true or false.')
  }
  if (!Number.isSafeInteger(maxRequestBodySize) || maxRequestBodySize < 1 || maxRequestBodySize >= 2 ** 31) {
    throw new SessionError(
      'CONFIG_INVALID',
      'maxRequestBodySize must be a whole number of bytes from 1 to 2147483647.',
    )
  }
  return { origins: new Set(origins), trustProxy, maxRequestBodySize, sessionHeaders: new Set() }
}

/**
 * Whether a text is an origin exactly as browsers send it. `null`, a URL with a path and most patterns differ
 * from the origin that `URL` makes of them. `https://*.example` does not, though no browser sends it, so a
 * `*` is refused by itself. Apps and extensions have schemes of their own, for which `URL` knows no origin.
 */
export function isOrigin(text: unknown): text is string {
  if (typeof text !== 'string' || text.includes('*')) return false
  if (!/^https?:/.test(text)) return originOfApp.test(text)
  return URL.canParse(text) && new URL(text).origin === text
}

/** A scheme and a host, as browsers write them. Pages of the schemes that are left out have the origin `null`, or none. */
const originOfApp =
  /^(?!(?:about|blob|data|file|filesystem|ftp|https?|javascript|view-source|wss?):)[a-z][a-z\d+.-]*:\/\/[a-z\d.-]+(?::\d+)?$/

/**
 * Judges a request by its method, its types and where it comes from, before anything of it is parsed or run.
 * @returns why it is refused; null where its body may be read
 */
export function judge(head: RequestHead, rules: GateRules): Refusal | null {
  const { method } = head
  if (method !== 'POST' && method !== 'GET') return methodNotAllowed
  if (!isReadable(head)) return unsupportedMediaType
  if (!isAnswerable(head.header('accept'))) return notAcceptable
  return isAllowedOrigin(head, rules) ? null : crossSite
}

/**
 * Judges only where a request comes from, for a server that takes the body by rules of its own. The request may be
 * the handshake of a WebSocket.
 * @returns why it is refused; null where it may run
 */
export function judgeOrigin(head: RequestHead, rules: GateRules): Refusal | null {
  const isAllowed = isHandshake(head) ? isAllowedHandshake(head, rules) : isAllowedOrigin(head, rules)
  return isAllowed ? null : crossSite
}

/** Whether a request opens a WebSocket (RFC 6455, 4.1). No page can set this header of any other request. */
export const isHandshake = (head: RequestHead): boolean =>
  (head.header('upgrade')?.toLowerCase().split(',') ?? []).some((each) => each.trim() === 'websocket')

/**
 * The CORS headers of an answer. A refusal needs them as any other answer does: without them the page could
 * not read why it was refused.
 * @param origin - the header `Origin` of the request
 */
export function corsHeaders(
  origin: string | null | undefined,
  { origins, sessionHeaders }: GateRules,
): [string, string][] {
  if (origins.size === 0) return []
  if (!origin || !origins.has(origin)) return [['vary', 'Origin']]
  const headers: [string, string][] = [
    ['vary', 'Origin'],
    ['access-control-allow-origin', origin],
    ['access-control-allow-credentials', 'true'],
  ]
  if (sessionHeaders.size > 0) headers.push(['access-control-expose-headers', [...sessionHeaders].join(', ')])
  return headers
}

/**
 * The headers that answer a preflight, beside `corsHeaders`. A listed origin gets every header that it asks
 * for, since it may send the visitor's cookie in any case.
 */
export function preflightHeaders(head: RequestHead, { origins }: GateRules): [string, string][] {
  if (!origins.has(head.header('origin') ?? '')) return []
  return [
    ['access-control-allow-methods', 'POST, GET'],
    ['access-control-allow-headers', head.header('access-control-request-headers') ?? 'content-type'],
    ['access-control-max-age', '7200'],
  ]
}

export const methodNotAllowed: Refusal = {
  status: 405,
  code: 'METHOD_NOT_ALLOWED',
  message: 'Send operations with POST, or queries with GET.',
  headers: { allow: 'POST, GET' },
}

/** Refuses a mutation by GET. `Allow` names what this operation can be sent with (RFC 9110, 15.5.6). */
export const mutationByGet: Refusal = {
  ...methodNotAllowed,
  message: 'Only queries and subscriptions may be sent with GET. Send this operation with POST.',
  headers: { allow: 'POST' },
}

const unsupportedMediaType: Refusal = {
  status: 415,
  code: 'UNSUPPORTED_MEDIA_TYPE',
  message: 'Send the operation as application/json in UTF-8, without a content encoding.',
  headers: { accept: 'application/json', 'accept-encoding': 'identity' },
}

export const notAcceptable: Refusal = {
  status: 406,
  code: 'NOT_ACCEPTABLE',
  message:
    'The answer can be application/graphql-response+json or application/json, for streams text/event-stream or multipart/mixed. The operation was not run.',
}

export const crossSite: Refusal = {
  status: 403,
  code: 'CSRF_CHECK_FAILED',
  message:
    'The request comes from another site, or a GET with a cookie or a token does not say where from. Add its origin to origins; a client that is no browser sends Content-Type: application/json.',
}

/** Whether the body is plain JSON. A page can send forms, files and text to any site without a preflight. */
function isReadable(head: RequestHead): boolean {
  const encoding = head.header('content-encoding')
  if (encoding && encoding.toLowerCase() !== 'identity') return false
  const type = head.header('content-type')
  return type ? isJson(type) : head.method === 'GET'
}

/** Whether the client accepts one of the types of a single answer, or of a stream. */
const isAnswerable = (accept: string | null | undefined): boolean =>
  plainTypeOf(accept) !== null || accepts(accept, 'text/event-stream', 'multipart/mixed')

/**
 * Whether a request comes from this server's own pages, from those of a listed origin, or from no page at
 * all. `Sec-Fetch-Site` (Fetch Metadata) decides where the browser sends it, as every current one does over
 * TLS and to localhost. Otherwise `Origin` decides. A request with neither header can come from any page in an old
 * browser, unless its Content-Type shows that a browser would have sent a preflight first.
 */
function isAllowedOrigin(head: RequestHead, rules: GateRules): boolean {
  if (head.method === 'GET' && !carriesSession(head, rules)) return true
  const site = head.header('sec-fetch-site')
  if (site === 'same-origin' || site === 'none') return true
  const origin = head.header('origin')
  if (origin && rules.origins.has(origin)) return true
  if (site) return false
  if (origin) return origin === ownOrigin(head, rules)
  return needsPreflight(head.header('content-type'))
}

/** Whether a request may have a session: by any cookie, or by the header of a client without cookies. */
const carriesSession = (head: RequestHead, { sessionHeaders }: GateRules): boolean =>
  Boolean(head.header('cookie')) || [...sessionHeaders].some((name) => hasHeader(head, name))

/**
 * Whether the handshake of a WebSocket comes from a page that may open one. Browsers ask for no preflight and let
 * pages of any site open sockets with the visitor's cookie, but each handshake has an `Origin` (RFC 6455, 10.2).
 */
function isAllowedHandshake(head: RequestHead, rules: GateRules): boolean {
  const site = head.header('sec-fetch-site')
  if (site === 'same-origin') return true
  const origin = head.header('origin')
  return origin ? rules.origins.has(origin) || origin === ownOrigin(head, rules) : !site
}

/** Whether a page of another origin can send a body of this type only after a preflight (Fetch, 2.2.2). */
function needsPreflight(type: string | null | undefined): boolean {
  if (type === 'application/json') return true
  const [essence = ''] = type?.toLowerCase().split(';') ?? []
  return !['', 'text/plain', 'multipart/form-data', 'application/x-www-form-urlencoded'].includes(
    essence.trim(),
  )
}

/** The origin under which the client reaches this server; null where it has none. */
function ownOrigin(head: RequestHead, rules: GateRules): string | null {
  const { scheme, host } = publicAddress(head, rules)
  const text = `${scheme}://${host}`
  // The origin of any other scheme is the text "null", and a page of any site can send that as its `Origin`.
  return /^https?$/.test(scheme) && URL.canParse(text) ? new URL(text).origin : null
}

/** The scheme and host that the client sees: those that a trusted proxy names, or the connection's own. */
export function publicAddress(
  head: RequestHead,
  { trustProxy }: Pick<GateRules, 'trustProxy'>,
): { scheme: string; host: string } {
  const forwarded = (name: string): string[] =>
    ((trustProxy && head.header(`x-forwarded-${name}`)) || '').split(',').map((value) => value.trim())
  // Some proxies call the scheme of a WebSocket by its own name, and the page's is the one of HTTP.
  const schemes = forwarded('proto').map((scheme) => scheme.toLowerCase().replace(/^ws(?=s?$)/, 'http'))
  return {
    // A proxy behind the one that ends TLS appends the http of its own connection.
    scheme: (schemes.includes('https') ? 'https' : schemes.at(-1)) || head.scheme,
    // The nearest proxy appends the last value. The values before it may have been sent by a client.
    host: forwarded('host').at(-1) || (head.header('host') ?? ''),
  }
}
