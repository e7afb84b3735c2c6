// This judges a request by its head, before its body is read: method, types, and where it comes from. CORS is here, too.

import { type RefusalCode, SessionError } from '../session/errors.ts'
import { accepts, isJson, plainTypeOf } from './media-types.ts'

export interface GateRuleOptions {
  /**
   * Other origins whose pages may use the server with the visitor's cookie, each exactly as browsers send it, e.g.
   * `https://app.example`. They get CORS headers with credentials. @default none: CORS is closed
   */
  readonly origins?: readonly string[]
  /**
   * Whether a proxy in front sets `X-Forwarded-Proto` and `X-Forwarded-Host`, and lets no client set them. Else they
   * are ignored. @default false
   */
  readonly trustProxy?: boolean
  /** Bytes of a request's body, counted while it is read. @default 131072 (128 KiB) */
  readonly maxRequestBodySize?: number
}

export interface GateRules {
  readonly origins: ReadonlySet<string>
  readonly trustProxy: boolean
  readonly maxRequestBodySize: number
}

/** What is known of a request before its body is read. */
export interface RequestHead {
  readonly method: string
  /** As the connection has it: whoever trusts a proxy reads its headers. */
  readonly scheme: 'http' | 'https'
  /** @param name - in lower case */
  header(name: string): string | null | undefined
}

export const headOf = ({ method, url, headers }: Request): RequestHead => ({
  method,
  scheme: url.startsWith('https:') ? 'https' : 'http',
  header: (name) => headers.get(name) ?? (name === 'host' ? new URL(url).host : null),
})

/** Why a request is not run. The text repeats nothing of the request. */
export interface Refusal {
  readonly status: number
  readonly code: RefusalCode
  readonly message: string
  readonly headers?: Readonly<Record<string, string>>
}

/** An answer of HTTP that is whole. */
export interface Reply {
  readonly status: number
  readonly headers: readonly (readonly [string, string])[]
  readonly body: string
}

/** A refusal as the client gets it, in a type that it accepts. */
export const refusalReply = (
  { status, code, message, headers = {} }: Refusal,
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

/** What a browser is told with every answer: not to guess types, and to hand it to no other site. */
export const protection: readonly (readonly [string, string])[] = [
  ['x-content-type-options', 'nosniff'],
  ['cross-origin-resource-policy', 'same-origin'],
]

/** @throws {SessionError} CONFIG_INVALID, naming the option */
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
  return { origins: new Set(origins), trustProxy, maxRequestBodySize }
}

/** `null`, patterns and paths are not the text that URL makes of them; `https://*.example` is, and never sent. */
export function isOrigin(text: unknown): text is string {
  if (typeof text !== 'string' || text.includes('*') || !/^https?:/.test(text)) return false
  return URL.canParse(text) && new URL(text).origin === text
}

/**
 * Judges a request before anything of it is parsed or run, by its method, its types and where it comes from.
 * @returns null where the body may be read
 */
export function judge(head: RequestHead, rules: GateRules): Refusal | null {
  const { method } = head
  if (method !== 'POST' && method !== 'GET') return methodNotAllowed
  if (!isReadable(head)) return unsupportedMediaType
  if (!isAnswerable(head.header('accept'))) return notAcceptable
  return isFromHere(head, rules) ? null : crossSite
}

/** The headers of an answer to a page of another origin; for each answer, whether it was refused or not. */
export function corsHeaders(origin: string | null | undefined, { origins }: GateRules): [string, string][] {
  if (origins.size === 0) return []
  if (!origin || !origins.has(origin)) return [['vary', 'Origin']]
  return [
    ['vary', 'Origin'],
    ['access-control-allow-origin', origin],
    ['access-control-allow-credentials', 'true'],
  ]
}

/** What a preflight is answered with beside `corsHeaders`. Whoever may send the cookie may send any header. */
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

/** RFC 9110, 15.5.6: `Allow` says what would be possible with this operation. */
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
    'The request comes from another site, or a GET with a cookie does not say where from. Add its origin to origins; a client that is no browser sends Content-Type: application/json.',
}

/** Forms, files and text are what a page can send anywhere without asking: only JSON is read. */
function isReadable(head: RequestHead): boolean {
  const encoding = head.header('content-encoding')
  if (encoding && encoding.toLowerCase() !== 'identity') return false
  const type = head.header('content-type')
  return type ? isJson(type) : head.method === 'GET'
}

/** By one answer, or by a stream. */
const isAnswerable = (accept: string | null | undefined): boolean =>
  plainTypeOf(accept) !== null || accepts(accept, 'text/event-stream', 'multipart/mixed')

/**
 * By Fetch Metadata where the browser sends it (any of today, over TLS or on localhost), else by `Origin`. A request
 * that says neither is from no browser, or a GET, which any page can have sent: that one may not carry a cookie,
 * unless its type shows that a preflight would have come first.
 */
function isFromHere(head: RequestHead, rules: GateRules): boolean {
  if (head.method === 'GET' && !head.header('cookie')) return true
  const site = head.header('sec-fetch-site')
  if (site === 'same-origin' || site === 'none') return true
  const origin = head.header('origin')
  if (origin && rules.origins.has(origin)) return true
  if (site) return false
  if (origin) return origin === ownOrigin(head, rules)
  return head.method === 'POST' || Boolean(head.header('content-type'))
}

function ownOrigin(head: RequestHead, rules: GateRules): string | null {
  const { scheme, host } = publicAddress(head, rules)
  const text = `${scheme}://${host}`
  // Of another scheme the origin is the text "null", which any page can have.
  return /^https?$/.test(scheme) && URL.canParse(text) ? new URL(text).origin : null
}

/** Where the client believes to be: what a trusted proxy says, and what the connection says without one. */
export function publicAddress(
  head: RequestHead,
  { trustProxy }: Pick<GateRules, 'trustProxy'>,
): { scheme: string; host: string } {
  // The nearest proxy writes the last of them; those before it are what it was told.
  const forwarded = (name: string): string | undefined =>
    (trustProxy && head.header(`x-forwarded-${name}`)?.split(',').at(-1)?.trim()) || undefined
  return {
    scheme: forwarded('proto')?.toLowerCase() ?? head.scheme,
    host: forwarded('host') ?? head.header('host') ?? '',
  }
}
