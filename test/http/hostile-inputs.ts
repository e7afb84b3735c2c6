import type { SessionEvent } from '../../src/session/events.ts'
import { idOf, mint } from '../../src/session/token.ts'

/** What no answer may repeat: it stands for whatever a client sends that is no name of the schema. */
export const canary = 'c4n4ry'
/** What no answer may show: it stands for whatever the server keeps from clients. */
export const secret = 's3rv3r-0nly'

/** The token of the session that is attacked, or in whose name the attack comes. */
export const token = mint()
/** The public id of its session. */
export const id = idOf('__Host-session', token)
export const otherToken = mint()
export const guess = mint()
/** Tokens of sessions that have ended, by how. */
export const ended = { logout: mint(), flush: mint(), rotate: mint(), idle: mint(), absolute: mint() }

/** What the session holds, as the store keeps it. */
export const seed: Readonly<Record<string, string>> = {
  dark_mode: 'true',
  shopping_cart: '[{"sku":"b-1","count":1}]',
  user_id: `"${secret}-id"`,
  role: `"${secret}-role"`,
  mfa_pending: 'true',
}

/** Bytes to send, or what the client does between them. */
export type Piece =
  | string
  | Buffer
  | { readonly pause: number }
  | { readonly leave: 'listening' | 'for good' }

export interface Expected {
  /** `null`: the connection is closed without a word. */
  readonly status: number | null
  /** `extensions.code` of each error; none: there are no errors. */
  readonly code?: string
  /** Left out: there is none, or with a status of 200 and a code it is null. */
  readonly data?: unknown
  readonly message?: RegExp
  /** What headers are; `null`: not there. */
  readonly headers?: Readonly<Record<string, string | null>>
  /** @default the answer has no Set-Cookie */
  readonly cookie?: 'set' | 'deleted'
  /** Nothing was run, though the status is 200, as it is for clients from before its media type. */
  readonly isUnrun?: true
  /** The answer comes as the one event of a stream. */
  readonly isStream?: true
  /** Node itself refuses, before this library is asked: with an empty body and headers of its own. */
  readonly byNode?: true
}

export interface Input extends Expected {
  /** Of the row in the list of bad inputs; with a + where it is of the kind only. */
  readonly id: string
  readonly title: string
  readonly send: Piece | readonly Piece[]
  /** Of the request, where that tells how its answer is to be read. @default 'POST' */
  readonly method?: 'HEAD'
  /** What else is answered to what was sent. */
  readonly further?: readonly Expected[]
  /** @default 'stays' */
  readonly connection?: 'stays' | 'closes'
  /** Calls to the store. @default none */
  readonly calls?: readonly string[]
  /** Resolvers of the application that ran. @default none */
  readonly ran?: readonly string[]
  readonly events?: readonly SessionEvent[]
  /** What the session holds at first. @default seed */
  readonly held?: Readonly<Record<string, string>>
  /** What it holds then; `null`: it has ended. @default as at first */
  readonly holds?: Readonly<Record<string, string>> | null
  /** What the session holds whose cookie is set. */
  readonly fresh?: Readonly<Record<string, string>>
  /** Sent to a server that gives a request a second to arrive. */
  readonly isSlow?: true
}

interface Request {
  readonly method?: string
  readonly target?: string
  readonly version?: string
  /** Beside or in place of the usual ones; `null`: not there. */
  readonly headers?: Readonly<Record<string, string | null>>
  /** Further lines of the head, as they are. */
  readonly lines?: readonly string[]
  readonly body?: string | Buffer | null
}

const json = 'application/json'
const graphqlJson = 'application/graphql-response+json'

const danger = 'mutation { setSessionKey(key: "dark_mode", value: false) { __typename } }'
const reading = '{ session { value(key: "dark_mode") keys } }'
const asVictim = { session: { value: true, keys: ['dark_mode', 'shopping_cart'] } }
const typename = { __typename: 'Query' }

const bodyOf = (query: unknown, variables?: unknown): string => JSON.stringify({ query, variables })
const cookieOf = (value: string): string => `__Host-session=${value}`

/** A request as the victim's browser or another client would send it, and as it is asked to be otherwise. */
function http(request: Request = {}): Buffer {
  const { method = 'POST', target = '/graphql', version = '1.1', lines = [] } = request
  const { body = method === 'POST' ? bodyOf(danger) : null } = request
  const headers: Record<string, string | null> = {
    Host: 'shop.example',
    Accept: graphqlJson,
    Cookie: cookieOf(token),
    'Content-Type': body === null ? null : json,
    'Content-Length': body === null ? null : String(Buffer.byteLength(body)),
    ...request.headers,
  }
  const head = [
    `${method} ${target} HTTP/${version}`,
    ...Object.entries(headers).flatMap(([name, value]) => (value === null ? [] : [`${name}: ${value}`])),
    ...lines,
    '\r\n',
  ].join('\r\n')
  return Buffer.concat([Buffer.from(head), Buffer.from(body ?? '')])
}

const run = (query: unknown, variables?: unknown, headers: Request['headers'] = {}): Buffer =>
  http({ body: bodyOf(query, variables), headers })
const raw = (body: string | Buffer, headers: Request['headers'] = {}): Buffer => http({ body, headers })
const withHeaders = (headers: Request['headers'], query = danger): Buffer => run(query, undefined, headers)
const withCookie = (cookie: string | null, query = reading): Buffer => withHeaders({ Cookie: cookie }, query)
const params = (rest: object): Buffer => raw(JSON.stringify({ query: '{ __typename }', ...rest }))
const get = (query: string, headers: Request['headers'] = {}, more = ''): Buffer =>
  http({ method: 'GET', target: `/graphql?query=${encodeURIComponent(query)}${more}`, headers })

/** As a server's client sends it that was read from a stream, and whose length is not known. */
const chunked = (chunks: readonly (string | Buffer)[], request: Request = {}): Buffer =>
  Buffer.concat([
    http({
      body: '',
      ...request,
      headers: { 'Content-Length': null, 'Transfer-Encoding': 'chunked', ...request.headers },
    }),
    ...chunks.map((chunk) => Buffer.from(chunk)),
  ])
const chunk = (data: string | Buffer): Buffer =>
  Buffer.concat([
    Buffer.from(`${Buffer.byteLength(data).toString(16)}\r\n`),
    Buffer.from(data),
    Buffer.from('\r\n'),
  ])
const stopSending = { leave: 'listening' } as const
const vanish = { leave: 'for good' } as const
const lastChunk = '0\r\n\r\n'

const times = (count: number, text: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => text(index)).join(' ')
const nested = (depth: number, open: string, close: string, inner = ''): string =>
  open.repeat(depth) + inner + close.repeat(depth)

const rejected = (reason: Extract<SessionEvent, { type: 'rejected' }>['reason']): readonly SessionEvent[] => [
  { type: 'rejected', reason },
]
const anonymous = { status: 200, data: { session: { value: null, keys: [] } } } as const
const malformed = { ...anonymous, cookie: 'deleted', events: rejected('malformed') } as const
const ambiguous = { ...anonymous, calls: ['read', 'read'], events: rejected('ambiguous') } as const
const unknown = { ...anonymous, cookie: 'deleted', calls: ['read'], events: rejected('unknown') } as const
const departed = {
  ended: { status: 200, data: null, code: 'SESSION_GONE', calls: ['read'], events: rejected('ended') },
  moved: { status: 200, data: null, code: 'SESSION_MOVED', calls: ['read'], events: rejected('moved') },
} as const
const victim = { status: 200, data: asVictim, calls: ['read'], events: [] } as const
const harmless = { status: 200, data: typename } as const
/** The request is one that is fine, and is run. */
const done = {
  status: 200,
  data: { setSessionKey: { __typename: 'SetSessionKeyPayload' } },
  calls: ['commit'],
  holds: { ...seed, dark_mode: 'false' },
} as const

const refused = (status: number, code: string, headers: Record<string, string | null> = {}) => ({
  status,
  code,
  headers: { 'access-control-allow-origin': null, 'access-control-allow-credentials': null, ...headers },
})
const byNode = (status: number) => ({ status, byNode: true, connection: 'closes' }) as const
const nowhere = { status: 404 } as const
const badRequest = refused(400, 'BAD_REQUEST')
const crossSite = refused(403, 'CSRF_CHECK_FAILED')
const notAllowed = refused(405, 'METHOD_NOT_ALLOWED', { allow: 'POST, GET' })
const mutationByGet = refused(405, 'METHOD_NOT_ALLOWED', { allow: 'POST' })
const notAcceptable = refused(406, 'NOT_ACCEPTABLE')
const tooLarge = refused(413, 'PAYLOAD_TOO_LARGE')
const wrongType = refused(415, 'UNSUPPORTED_MEDIA_TYPE')
const parseFailed = refused(400, 'GRAPHQL_PARSE_FAILED')
const invalid = refused(400, 'GRAPHQL_VALIDATION_FAILED')
const badInput = refused(400, 'BAD_USER_INPUT')
const unresolved = refused(400, 'OPERATION_RESOLUTION_FAILURE')
const tooComplex = refused(400, 'OPERATION_TOO_COMPLEX')
const closed = { status: null, connection: 'closes' } as const

type Outcome = Omit<Input, 'id' | 'title' | 'send'>

const row = (
  id: string,
  title: string,
  send: Input['send'],
  outcome: Outcome,
  more: Partial<Outcome> = {},
): Input => ({ id, title, send, ...outcome, ...more })

/** One row for each of a family. */
const each = <T>(
  id: string,
  kind: string,
  family: Readonly<Record<string, T>>,
  rowOf: (member: T) => readonly [send: Input['send'], outcome: Outcome, more?: Partial<Outcome>],
): Input[] => Object.entries(family).map(([name, member]) => row(id, `${kind}: ${name}`, ...rowOf(member)))

const cookies: Input[] = [
  row('K1', 'a token that is a character short', withCookie(cookieOf(token.slice(1))), malformed),
  row('K1', 'a token that is a character long', withCookie(cookieOf(`${token}A`)), malformed),
  row('K2', 'a token that was never issued', withCookie(cookieOf(guess)), unknown),
  row('K2', 'a write with a token that was never issued: it is not adopted', withCookie(cookieOf(guess), danger), { status: 200, data: done.data, calls: ['commit', 'create'], cookie: 'set', fresh: { dark_mode: 'false' } }),
  row('K2+', 'the public id in place of the token', withCookie(cookieOf(id)), unknown),
  ...each('K4', 'of two', {
    'a valid and an invalid one': `${cookieOf(token)}; ${cookieOf('x')}`,
    'an invalid and a valid one': `${cookieOf('x')}; ${cookieOf(token)}`,
    'one and the same twice': `${cookieOf(token)};${cookieOf(token)}`,
    'an empty and a valid one': `${cookieOf('')}; ${cookieOf(token)}`,
  }, (cookie) => [withCookie(cookie), victim, { events: [] }]),
  ...each('K4', 'of two', {
    'a valid one and one that was never issued': `${cookieOf(token)}; ${cookieOf(guess)}`,
    'one that was never issued and a valid one': `${cookieOf(guess)}; ${cookieOf(token)}`,
  }, (cookie) => [withCookie(cookie), victim, { calls: ['read', 'read'], events: [] }]),
  row('K4', 'two that live', withCookie(`${cookieOf(token)}; ${cookieOf(otherToken)}`), ambiguous),
  row('K4', 'a write with two that live', withCookie(`${cookieOf(token)}; ${cookieOf(otherToken)}`, danger), { status: 200, code: 'SESSION_AMBIGUOUS', calls: ['read', 'read'] }),
  row('K4', 'two that are malformed', withCookie(`${cookieOf('x')}; ${cookieOf('y')}`), { ...anonymous, events: malformed.events }),
  row('K4+', 'two of them in two headers', http({ body: bodyOf(reading), lines: [`Cookie: ${cookieOf(otherToken)}`] }), ambiguous),
  row('K4+', 'a value in quotes', withCookie(cookieOf(`"${token}"`)), victim),
  row('K4+', 'another cookie in a second header', http({ body: bodyOf(reading), lines: ['cookie: a=b'] }), victim),
  ...each('K5', 'a cookie that is not ours', {
    'lower case': `__host-session=${token}`,
    'upper case': `__HOST-SESSION=${token}`,
    'without the prefix': `session=${token}`,
    'a name for plain http': `graphql-session=${token}`,
    'with the prefix __Secure-': `__Secure-session=${token}`,
    'a longer name': `x__Host-session=${token}`,
    'a space before =': `__Host-session =${token}`,
    'in quotes': `"__Host-session=${token}"`,
    'percent-encoded': `%5F_Host-session=${token}`,
    'without a name': token,
    'after a comma': `a=b, ${cookieOf(token)}`,
    'the value of another': `a=${cookieOf(token)}`,
    'only separators': ';;; ; =; ;',
  }, (cookie) => [withCookie(cookie), anonymous, { events: [] }]),
  row('K7', '15 KB of a cookie', withCookie(cookieOf('x'.repeat(15_000))), malformed),
  row('K7+', '2,000 cookies', withCookie(`${'a=b; '.repeat(2000)}${cookieOf(token)}`), victim),
  row('K8', '20 KB of a Cookie header', withCookie(cookieOf('x'.repeat(20_000))), byNode(431)),
  row('K10', 'NUL in a cookie', withCookie(cookieOf('a\0b')), byNode(400)),
  row('K10+', 'CR in a cookie', withCookie(cookieOf(`a\rb`)), byNode(400)),
  ...each('K12', 'a value', {
    'a path': '../../etc/passwd',
    'a namespace': 'a:b',
    'a pattern': '*',
    'a hash tag': '{x}',
    SQL: "' OR 1=1--",
    'a percent-encoded header': '%0d%0aSet-Cookie:x',
    nothing: '',
    'a value with a quote before it': `"${token}`,
    'a value in two pairs of quotes': `""${token}""`,
    'a percent-encoded character': `%41${token.slice(3)}`,
    'plain base64': `${token.slice(2)}+/`,
    'padding instead of a character': `${token.slice(1)}=`,
    'a signature behind it': `${token}.abc`,
    'a prefix as Express has': `s:${token}`,
    'bytes that are no ASCII': 'é'.repeat(43),
    'full-width letters': 'Ａ'.repeat(43),
    'a pickle': 'gASVCgAAAAAAAACMBXBvc2l4lC4=',
    JSON: '{"$ne":null}',
    'an expression': '${7*7}',
    markup: `<script>${canary}</script>`,
    'two of them with a comma': `${token},${token}`,
  }, (value) => [withCookie(cookieOf(value)), malformed]),
  ...each('K16', 'a token after', { idle: ended.idle, absolute: ended.absolute }, (old) => [withCookie(cookieOf(old)), unknown]),
  ...each('K16', 'a token a moment after', { logout: ended.logout, flush: ended.flush }, (old) => [withCookie(cookieOf(old)), departed.ended]),
  row('K16', 'a token a moment after: rotation', withCookie(cookieOf(ended.rotate)), departed.moved),
  ...each('K16', 'a write a moment after', { logout: ended.logout, flush: ended.flush }, (old) => [withCookie(cookieOf(old), 'mutation { setSessionKey(key: "dark_mode", value: false) { created } }'), departed.ended]),
  ...each('K16', 'a pop with a token after', { idle: ended.idle, absolute: ended.absolute }, (old) => [withCookie(cookieOf(old), 'mutation { popSessionKey(key: "dark_mode") { found value } }'), { status: 200, data: { popSessionKey: { found: false, value: null } }, calls: ['read'], cookie: 'deleted', events: rejected('unknown') }]),
  row('K16', 'a second logout', withCookie(cookieOf(ended.logout), 'mutation { logout { flushed } }'), { status: 200, data: { logout: { flushed: false } }, calls: ['delete'] }),
  row('K16', 'a logout after a rotation', withCookie(cookieOf(ended.rotate), 'mutation { logout { flushed } }'), { ...departed.moved, calls: ['delete'] }),
  row('K18', 'the token in the URL', http({ target: `/graphql?sid=${token}&__Host-session=${token}`, body: bodyOf(reading), headers: { Cookie: null } }), anonymous),
  ...each('K18', 'the token in', {
    Bearer: { Authorization: `Bearer ${token}` },
    Basic: { Authorization: `Basic ${Buffer.from(`session:${token}`).toString('base64')}` },
    'headers of its name': { '__Host-session': token, 'X-Session': token, 'Set-Cookie': cookieOf(token) },
    Cookie2: { Cookie2: cookieOf(token) },
  }, (headers) => [withHeaders({ Cookie: null, ...headers }, reading), anonymous]),
  row('K18', 'the token in the variables, the extensions and a header of the body', http({ body: JSON.stringify({ query: reading, variables: { token }, extensions: { cookie: cookieOf(token) } }), headers: { Cookie: null } }), anonymous),
  row('K18+', 'the token in a key', run('query ($key: String!) { session { value(key: $key) } }', { key: `${token}!` }), { status: 200, code: 'SESSION_KEY_INVALID', data: { session: { value: null } } }),
  row('K19', 'names of the prototype beside it', withCookie(`__proto__=polluted; constructor=polluted; ${cookieOf(token)}; __proto__[polluted]=1`), victim),
  row('K19', 'only names of the prototype', withCookie('__proto__=x; constructor=y; __proto__.polluted=1'), anonymous),
  row('K20', 'the revocation of a session by its public id, which there is not', run(`mutation { revokeSession(handle: "${id}") }`), invalid),
] // prettier-ignore

const multipart = [
  '--b',
  'Content-Disposition: form-data; name="operations"',
  '',
  bodyOf(danger),
  '--b',
  'Content-Disposition: form-data; name="map"',
  '',
  '{"0":["__proto__.polluted"]}',
  '--b--',
  '',
].join('\r\n')

const crossing: Input[] = [
  ...each('C1', 'Origin', {
    'another site': 'https://evil.example',
    'another site over http': 'http://evil.example',
    'another scheme': 'https://shop.example',
    'another port': 'http://shop.example:8080',
    'a subdomain': 'http://a.shop.example',
    'a parent': 'http://example',
    'one that ends alike': 'http://evilshop.example',
    'one that begins alike': 'http://shop.example.evil',
    'one that holds it': 'http://evil.example/http://shop.example',
    'upper case': 'HTTP://SHOP.EXAMPLE',
    'a path': 'http://shop.example/',
    'a user': 'http://user@shop.example',
    'a dot at its end': 'http://shop.example.',
    'the IP of nobody': 'http://0.0.0.0',
    'no URL': 'shop.example',
    'a pattern': '*',
    'a file': 'file://',
    'an extension': 'chrome-extension://abcdef',
    'a list': 'http://shop.example https://evil.example',
    'bytes that are no ASCII': 'https://évil.example',
    'a homograph': 'http://ѕhop.example',
    'its own text': `https://${canary}.example`,
  }, (origin) => [withHeaders({ Origin: origin }), crossSite]),
  row('C1+', 'two Origin headers, the first its own', http({ lines: ['Origin: http://shop.example', 'Origin: https://evil.example'] }), crossSite),
  row('C1+', 'a query as well', withHeaders({ Origin: 'https://evil.example' }, reading), crossSite),
  row('C1+', 'a request without a cookie as well', withHeaders({ Origin: 'https://evil.example', Cookie: null }), crossSite),
  row('C1+', 'its own origin', withHeaders({ Origin: 'http://shop.example' }), done),
  row('C1+', 'its own origin with a port of its own', withHeaders({ Host: 'shop.example:80', Origin: 'http://shop.example' }), done),
  ...each('C2', 'a preflight', {
    'another site': 'https://evil.example',
    null: 'null',
    'its own': 'http://shop.example',
  }, (origin) => [http({ method: 'OPTIONS', headers: { Origin: origin, 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': `content-type, x-${canary}` } }), { status: 204, headers: { 'access-control-allow-origin': null, 'access-control-allow-credentials': null, 'access-control-allow-methods': null, 'access-control-allow-headers': null } }]),
  row('C3', 'Origin: null', withHeaders({ Origin: 'null' }), crossSite),
  row('C3+', 'Origin: NULL', withHeaders({ Origin: 'NULL' }), crossSite),
  ...each('C5', 'Sec-Fetch-Site', {
    'cross-site': 'cross-site',
    'same-site': 'same-site',
    'upper case': 'CROSS-SITE',
    'something new': 'fenced',
    'a list': 'same-origin, cross-site',
  }, (site) => [withHeaders({ 'Sec-Fetch-Site': site }), crossSite]),
  row('C5+', 'two of them, the first same-origin', http({ lines: ['Sec-Fetch-Site: same-origin', 'Sec-Fetch-Site: cross-site'] }), crossSite),
  row('C5+', 'cross-site, of what claims to be its own', withHeaders({ 'Sec-Fetch-Site': 'cross-site', Origin: 'http://shop.example' }), crossSite),
  row('C5+', 'same-origin', withHeaders({ 'Sec-Fetch-Site': 'same-origin', Origin: 'http://shop.example' }), done),
  ...each('C7', 'Content-Type', {
    'text/plain': 'text/plain',
    'text/plain with a charset': 'text/plain;charset=UTF-8',
    'text/plain that says JSON': 'text/plain; application/json',
    'upper case': 'TEXT/PLAIN',
    'a list of types': 'application/json, text/plain',
    'a list, the other way': 'text/plain, application/json',
    'a longer type': 'application/jsonp',
    'a shorter one': 'application/jso',
    'a suffix': 'application/vnd.api+json',
    'JSON Patch': 'application/json-patch+json',
    'the type of an answer': graphqlJson,
    'a wildcard': 'application/*',
    'any type': '*/*',
    'no type but its parameter': ';charset=utf-8',
    'only a slash': '/',
    'text/json': 'text/json',
    'text/html': 'text/html',
    'application/xml': 'application/xml',
    octets: 'application/octet-stream',
    'bytes that are no ASCII': 'application/jsön',
    'its own text': `${canary}/${canary}`,
    'a type in quotes': '"application/json"',
    'a space in the midst': 'application / json',
    'a type as long as a head may be': `application/json${'x'.repeat(8000)}`,
  }, (type) => [withHeaders({ 'Content-Type': type }), wrongType]),
  row('C7+', 'two Content-Types, the first text/plain', http({ headers: { 'Content-Type': 'text/plain' }, lines: ['Content-Type: application/json'] }), wrongType),
  row('C8', 'a form', raw(`query=${encodeURIComponent(danger)}`, { 'Content-Type': 'application/x-www-form-urlencoded' }), wrongType),
  row('C8+', 'a form that is JSON as well', raw(`{"query":"${danger.replaceAll('"', '\\"')}","x":"=y"}`, { 'Content-Type': 'application/x-www-form-urlencoded; charset=application/json' }), wrongType),
  row('C9', 'files', raw(multipart, { 'Content-Type': 'multipart/form-data; boundary=b' }), wrongType),
  row('C9+', 'files whose boundary says JSON', raw(bodyOf(danger), { 'Content-Type': 'multipart/form-data; boundary=application/json' }), wrongType),
  row('C10', 'application/graphql', raw(danger, { 'Content-Type': 'application/graphql' }), wrongType),
  row('C10+', 'application/graphql+json', withHeaders({ 'Content-Type': 'application/graphql+json' }), wrongType),
  row('C11', 'no Content-Type', withHeaders({ 'Content-Type': null }), wrongType),
  row('C11', 'an empty Content-Type', withHeaders({ 'Content-Type': '' }), wrongType),
  ...each('C12', 'JSON', {
    'upper case': 'APPLICATION/JSON',
    'a charset': 'application/json;charset=UTF-8',
    'a charset in quotes': 'application/json; charset="utf-8"',
    'a charset without a hyphen': 'application/json; charset=utf8',
    'a tab and spaces': 'application/json \t; charset=utf-8 ',
    'a semicolon at its end': 'application/json;',
    'a parameter nobody knows': 'application/json; profile=x',
  }, (type) => [withHeaders({ 'Content-Type': type }), done]),
  row('C14', 'a mutation by GET', get(danger, { 'Content-Type': json }), mutationByGet),
  row('C14', 'a mutation by GET without a cookie', get(danger, { Cookie: null }), mutationByGet),
  row('C14', 'a mutation by GET of its own page', get(danger, { 'Sec-Fetch-Site': 'same-origin' }), mutationByGet),
  row('C14+', 'a mutation among queries, by its name', get(`query a { __typename } ${danger.replace('mutation', 'mutation b')}`, { 'Content-Type': json }, '&operationName=b'), mutationByGet),
  row('C14+', 'a header that says another method', get(danger, { 'Content-Type': json, 'X-HTTP-Method-Override': 'POST', 'X-HTTP-Method': 'POST' }), mutationByGet),
  row('C14+', 'a mutation in the body of a GET, and a query in its URL', http({ method: 'GET', target: '/graphql?query={__typename}', body: bodyOf(danger) }), harmless),
  ...each('C15', 'Accept', {
    'application/xml': 'application/xml',
    'text/html': 'text/html',
    'its own text': `${canary}/${canary}`,
    'a weight of 0': 'application/json;q=0, application/graphql-response+json;q=0.0',
    'no weight at all': 'application/json;q=x',
    'another charset': 'application/json; charset=utf-16',
    'no list': ',,,;;;',
    'bytes that are no ASCII': 'applicatiön/json',
    'a longer type': 'application/jsonp',
    'a list as long as a head may be': 'a/b,'.repeat(3500),
  }, (accept) => [withHeaders({ Accept: accept }), notAcceptable]),
  row('C16', 'a GET with a cookie that says nothing of itself', get(reading), crossSite),
  row('C16', 'a GET of another type', get(reading, { 'Content-Type': 'x/y' }), wrongType),
  ...each('C16+', 'a GET of a type', {
    'text/plain': { 'Content-Type': 'text/plain' },
    'a form': { 'Content-Type': 'application/x-www-form-urlencoded' },
    files: { 'Content-Type': 'multipart/form-data; boundary=b' },
    'a message': { 'Content-Type': 'message/*', 'Sec-Fetch-Site': 'same-origin' },
  }, (headers) => [get(reading, headers), wrongType]),
  row('C16+', 'an empty type is none', get(reading, { 'Content-Type': '' }), crossSite),
  row('C16+', 'a GET of another site', get(reading, { 'Content-Type': json, Origin: 'https://evil.example' }), crossSite),
  row('C16+', 'a GET by Apollo’s header, which is none of ours', get(reading, { 'Apollo-Require-Preflight': '1', 'X-Requested-With': 'XMLHttpRequest' }), crossSite),
  row('C16+', 'a GET that had to ask first', get(reading, { 'Content-Type': json }), victim),
  row('C16+', 'a GET of its own page', get(reading, { 'Sec-Fetch-Site': 'same-origin' }), victim),
  row('C16+', 'a GET of an address bar', get(reading, { 'Sec-Fetch-Site': 'none' }), victim),
  row('C16+', 'a GET without a cookie', get(reading, { Cookie: null }), anonymous),
  row('C16+', 'a GET with an empty cookie', get('{ __typename }', { Cookie: '' }), harmless),
  ...each('C17', 'a stream of another site', {
    'by Fetch Metadata': { 'Sec-Fetch-Site': 'cross-site' },
    'by its origin': { Origin: 'https://evil.example' },
    'by nothing': {},
  }, (headers) => [get('subscription { ticks }', { Accept: 'text/event-stream', ...headers }), crossSite]),
  row('C17+', 'a mutation as a stream', get(danger, { Accept: 'text/event-stream', 'Content-Type': json }), mutationByGet, { isStream: true }),
  row('C17+', 'a mutation as a stream or not', get(danger, { Accept: `${graphqlJson}, text/event-stream`, 'Content-Type': json }), mutationByGet),
  ...each('C18', 'method', {
    PUT: 'PUT',
    DELETE: 'DELETE',
    PATCH: 'PATCH',
    TRACE: 'TRACE',
    PROPFIND: 'PROPFIND',
    QUERY: 'QUERY',
    PURGE: 'PURGE',
  }, (method) => [http({ method, body: method === 'TRACE' ? null : bodyOf(danger) }), notAllowed]),
  row('C18', 'HEAD', http({ method: 'HEAD', target: '/graphql?query={__typename}' }), { status: 405, headers: { allow: 'POST, GET' }, events: [{ type: 'refused', status: 405, code: 'METHOD_NOT_ALLOWED' }], method: 'HEAD' }),
  row('C18', 'CONNECT', http({ method: 'CONNECT', target: 'shop.example:80' }), closed),
  ...each('C18+', 'a method', {
    'lower case': 'post',
    'a method nobody knows': 'HACK',
    'an empty one': '',
  }, (method) => [http({ method, body: bodyOf(danger) }), byNode(400)]),
  ...each('C20', 'an untrusted', {
    'a scheme': { 'X-Forwarded-Proto': 'https', Origin: 'https://shop.example' },
    'a host': { 'X-Forwarded-Host': 'evil.example', Origin: 'http://evil.example' },
    both: { 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'evil.example', Origin: 'https://evil.example' },
    Forwarded: { Forwarded: 'host=evil.example;proto=https', Origin: 'https://evil.example' },
    'a rewritten URL': { 'X-Original-URL': '/graphql', 'X-Rewrite-URL': '/', 'X-Host': 'evil.example', Origin: 'http://evil.example' },
  }, (headers) => [withHeaders(headers), crossSite]),
  row('C20+', 'a scheme that nobody vouches for changes no cookie', withHeaders({ 'X-Forwarded-Proto': 'http', 'X-Forwarded-Host': 'localhost', Cookie: `graphql-session=${token}` }, reading), anonymous),
] // prettier-ignore

const tooMuch = Buffer.alloc(26_000_000, ' ')
const limit = 128 * 1024
const padded = (length: number): string => bodyOf('{ __typename }').padEnd(length, ' ')
const writing = (value: string): string =>
  `mutation { setSessionKey(key: "dark_mode", value: ${value}) { __typename } }`
const settingVariable =
  'mutation ($key: String!, $value: JSON) { setSessionKey(key: $key, value: $value) { __typename } }'
const expiring = (expiry: string): string => `mutation { setSessionExpiry(expiry: ${expiry}) { __typename } }`
const expiringVariable =
  'mutation ($expiry: SessionExpiryInput!) { setSessionExpiry(expiry: $expiry) { __typename } }'
const growing = (depth: number): Buffer =>
  raw(`{"query":"query ($b: Branch) { grow(b: $b) }","variables":${nested(depth, '{"b":', '}', 'null')}}`)

const shapes: Input[] = [
  ...each('G1', 'a body', {
    nothing: '',
    'half of it': '{"query":',
    NaN: '{"query": NaN}',
    'a word': canary,
    'a comment': `{"query":"{__typename}" /* ${canary} */}`,
    'single quotes': `{'query':'${canary}'}`,
    'something behind it': `{"query":"{__typename}"}${canary}`,
    'NUL behind it': '{"query":"{__typename}"}\0',
    'a control character in it': '{"query":"{__typename}\u0001"}',
    'a comma too many': '{"query":"{__typename}",}',
    'two bodies': '{"query":"{__typename}"}{"query":"{__typename}"}',
    'a form': `query=${canary}`,
    'nothing but nesting': '['.repeat(100_000),
    'nothing but objects': '{"a":'.repeat(20_000),
  }, (body) => [raw(body), badRequest]),
  ...each('G1+', 'bytes', {
    'a byte order mark': Buffer.from(`\uFEFF${bodyOf('{ __typename }')}`),
    'UTF-16': Buffer.from(bodyOf('{ __typename }'), 'utf16le'),
    'UTF-16 with its mark': Buffer.from(`\uFEFF${bodyOf('{ __typename }')}`, 'utf16le'),
    'Latin-1': Buffer.from(bodyOf('{ __typename } # ü'), 'latin1'),
    'an overlong form': Buffer.concat([Buffer.from('{"query":"{__typename} #'), Buffer.from([0xc0, 0x80]), Buffer.from('"}')]),
    'a surrogate': Buffer.concat([Buffer.from('{"query":"{__typename} #'), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from('"}')]),
    'half of a character': Buffer.concat([Buffer.from('{"query":"{__typename} #'), Buffer.from([0xf0, 0x9f, 0x92]), Buffer.from('"}')]),
    'gzip that does not say so': Buffer.from('1f8b0800000000000003ab562a2c4d2daa54b2520200', 'hex'),
  }, (body) => [raw(body), badRequest]),
  ...each('G2', 'a body', { null: 'null', 'a number': '7', text: `"${canary}"`, true: 'true' }, (body) => [raw(body), badRequest]),
  ...each('G3', 'a batch', {
    'of two': JSON.stringify(Array.from({ length: 2 }, () => ({ query: danger }))),
    'of 1,000': JSON.stringify(Array.from({ length: 1000 }, () => ({ query: danger }))),
    'of one': `[${bodyOf(danger)}]`,
    'of none': '[]',
    'of null': '[null]',
    'of batches': nested(50_000, '[', ']'),
  }, (body) => [raw(body), badRequest]),
  ...each('G4', 'parameters', {
    'no query': {},
    'a query of null': { query: null },
    'a query that is a number': { query: 5 },
    'a query that is an object': { query: { kind: 'Document', definitions: [] } },
    'a query that is a list': { query: [danger] },
    'variables that are a list': { query: danger, variables: [canary] },
    'variables that are text': { query: danger, variables: `{"a":"${canary}"}` },
    'variables that are a number': { query: danger, variables: 5 },
    'variables that are false': { query: danger, variables: false },
    'extensions that are text': { query: danger, extensions: canary },
    'extensions that are a list': { query: danger, extensions: [canary] },
    'a parameter nobody knows': { query: danger, [canary]: 1 },
    'a parameter of other servers': { query: danger, doc_id: canary, id: canary },
    'a persisted query': { extensions: { persistedQuery: { version: 1, sha256Hash: canary } } },
  }, (body) => [raw(JSON.stringify(body)), badRequest]),
  ...each('G4+', 'parameters', {
    'null for what may be left out': { variables: null, extensions: null, operationName: null },
    'null for a parameter nobody knows': { [canary]: null },
    'extensions that look like those of an answer': { extensions: { http: { status: 500, headers: { 'set-cookie': canary } }, code: canary } },
  }, (rest) => [params(rest), harmless]),
  ...each('G4+', 'parameters', {
    'the prototype': '{"query":"{ __typename }","__proto__":{"polluted":true}}',
    constructor: '{"query":"{ __typename }","constructor":{"prototype":{"polluted":true}}}',
    'a query by __proto__': `{"__proto__":${bodyOf(danger)}}`,
  }, (body) => [raw(body), badRequest]),
  row('G4+', 'one name twice: the last counts, for the gate as for the rest', raw('{"query":"mutation { clearSession { __typename } }","query":"{ __typename }"}'), harmless),
  ...each('G7', 'syntax', {
    'half of it': `{ ${canary}`,
    'a word': canary,
    'an empty text': '',
    'only spaces': ' \t\n,',
    'only a comment': `# ${canary}`,
    'half of a string': `{ session { has(key: "${canary}`,
    'half of a block string': `{ session { has(key: """${canary}`,
    'an escape there is not': `{ session { has(key: "\\${canary}") } }`,
    'half of an escape': `{ session { has(key: "\\u${canary}") } }`,
    'a surrogate by an escape': `{ session { has(key: "\\uD800${canary}") } }`,
    'a number and letters': `{ session { has(key: 1${canary}) } }`,
    'a value without a name': `{ session { has("${canary}") } }`,
    'a name where a value was due': `{ session { has(key: ${canary} ${canary}: } }`,
    NUL: '{ __typename \0 }',
    'letters that are no ASCII': '{ sеssion { keys } }',
    'a lone surrogate': '{ __typename } # \uD800',
    'a variable in a variable': 'query ($a: Int = $b) { __typename }',
    'a fragment named on': 'fragment on on Query { __typename }',
    'a closing brace too many': '{ __typename } }',
    SQL: `{ session } '; DROP TABLE sessions; -- ${canary}`,
  }, (query) => [run(query), parseFailed]),
  ...each('G8', 'mistyped', {
    'a field': '{ sesion { keys } }',
    'a field of a mutation': 'mutation { setSesionKey(key: "a") }',
    'an argument': `{ session { has(kye: "${canary}") } }`,
    'a type': '{ session { ... on Sesion { keys } } }',
    'a directive': '{ __typename @inclde(if: true) }',
    'an enum value': expiring('{ policy: BROWSER_CLOS }'),
    'a field of an input': expiring('{ secnds: 5 }'),
    'a type of a variable': 'query ($a: Sting) { __typename }',
    'a fragment': '{ session { ...Nowhere } }',
    'a field of a federation': '{ _service { sdl } _entities(representations: []) { __typename } }',
  }, (query) => [run(query), invalid]),
  ...each('G8+', 'invalid', {
    'text for a number': expiring(`{ seconds: "${canary}" }`),
    'a number beyond 32 bits': expiring('{ seconds: 99999999999 }'),
    'a number with a fraction': expiring('{ seconds: 1.5 }'),
    'an object for text': `{ session { has(key: { a: "${canary}" }) } }`,
    'a list for text': `{ session { has(key: ["${canary}"]) } }`,
    'an enum for text': `{ session { has(key: ${canary}) } }`,
    'a number for text': '{ session { has(key: 5) } }',
    'null for text': '{ session { has(key: null) } }',
    'text for a boolean': `{ __typename @include(if: "${canary}") }`,
    'a list with an object in it': `{ session { entries(keys: [{ a: "${canary}" }]) { key } } }`,
    'a wrong default': `query ($a: Int = "${canary}") { __typename @include(if: $a) }`,
    'an enum value': expiring(`{ policy: ${canary} }`),
    'text for an enum': expiring(`{ policy: "${canary}" }`),
    'two of what is exactly one': expiring('{ seconds: 5, policy: SERVER_DEFAULT }'),
    'none of what is exactly one': expiring('{}'),
    'null for what is exactly one': expiring('{ seconds: null }'),
    'two names in conflict': '{ session { a: id a: keys } }',
    'two values in conflict': `{ session { a: has(key: "${canary}") a: has(key: "b") } }`,
    'a directive twice': '{ __typename @include(if: true) @include(if: true) }',
    'a directive where it may not be': 'query @include(if: true) { __typename }',
    'a directive on a variable': `query ($a: Int @a(b: "${canary}")) { __typename }`,
    'a variable twice': 'query ($a: Boolean! $a: Boolean!) { __typename @include(if: $a) }',
    'a variable of an output type': 'query ($a: Session) { __typename }',
    'a type definition beside an operation': `{ __typename } type Query { ${canary}: Int }`,
    'an extension of the schema': '{ __typename } extend type Mutation { a: Int }',
    'a leaf with fields': '{ session { handle { a } } }',
    'an object without fields': '{ session }',
    'a list of a type 50 deep': `query ($a: ${nested(50, '[', ']', 'Int')}) { __typename }`,
    'a fragment of itself': '{ session { ...A } } fragment A on Session { id ...A }',
    'fragments of each other': '{ session { ...A } } fragment A on Session { ...B } fragment B on Session { ...A }',
    'a fragment of a mutation in itself': 'mutation { ...A } fragment A on Mutation { clearSession { __typename } ...A }',
    'fragments that nobody uses': `{ __typename } ${times(90, (index) => `fragment F${index} on Session { id }`)}`,
    '3,000 names in conflict': `{ session { a: id ${times(200, (index) => (index % 2 ? 'id' : 'keys'))} a: keys } }`,
  }, (query) => [run(query, query.includes('@include(if: $a)') ? { a: true } : undefined), invalid]),
  ...each('G9', 'a key', {
    'left out': {},
    null: { key: null, value: 1 },
    'a number': { key: 1, value: 1 },
    true: { key: true, value: 1 },
    'a list': { key: [canary], value: 1 },
    'an object': { key: { [canary]: canary }, value: 1 },
  }, (variables) => [run(settingVariable, variables), badInput]),
  ...each('G9', 'an expiry', {
    'text for seconds': { seconds: canary },
    'seconds beyond 32 bits': { seconds: 2_147_483_648 },
    'seconds with a fraction': { seconds: 1.5 },
    'two of what is exactly one': { seconds: 5, at: '2999-01-01T00:00:00Z' },
    'none of what is exactly one': {},
    'a field there is not': { [canary]: 5 },
    'a field that is mistyped': { secnds: 5 },
    'an enum value there is not': { policy: canary },
    'an enum value that is mistyped': { policy: 'BROWSER_CLOS' },
    'no instant': { at: canary },
    'a day there is not': { at: '2999-02-30T00:00:00Z' },
    'a year of six digits': { at: '+275760-09-13T00:00:00Z' },
    'an offset there is not': { at: '2999-01-01T00:00:00+99:99' },
    'an instant as a number': { at: 99_999_999_999 },
    'the prototype': JSON.parse('{"__proto__":{"polluted":true}}'),
    'text for all of it': canary,
  }, (expiry) => [run(expiringVariable, { expiry }), badInput]),
  ...each('G9', 'data', {
    text: canary,
    'a list': [canary],
    'a number': 5,
    null: null,
  }, (data) => [run('mutation ($data: JSONObject!) { updateSession(data: $data) { __typename } }', { data }), badInput]),
  ...each('G9', 'data in the document', {
    text: `"${canary}"`,
    'a list': `["${canary}"]`,
    'an enum': canary,
  }, (data) => [run(`mutation { updateSession(data: ${data}) { __typename } }`), badInput]),
  row('G9', 'no instant, in the document', run(expiring(`{ at: "${canary}" }`)), badInput),
  row('G9+', 'a directive by a variable of another type', run('query ($a: Boolean!) { __typename @include(if: $a) }', { a: canary }), badInput),
  row('G9+', 'a variable by __proto__', raw(`{"query":${JSON.stringify(settingVariable)},"variables":{"__proto__":{"key":"dark_mode","value":false}}}`), badInput),
  row('G9+', '1,000 wrong items of one list', run('query ($keys: [String!]) { session { entries(keys: $keys) { key } } }', { keys: Array.from({ length: 1000 }, () => ({ a: canary })) }), badInput),
  ...each('G10', 'operationName', {
    'a name there is not': { query: 'query a { __typename }', operationName: canary },
    'a name of the prototype': { query: 'query a { __typename }', operationName: '__proto__' },
    'a name that is a method': { query: 'query a { __typename }', operationName: 'toString' },
    'an empty name': { query: 'query a { __typename }', operationName: '' },
    'a name that is a number': { query: 'query a { __typename }', operationName: 5 },
    'a name that is a list': { query: 'query a { __typename }', operationName: ['a'] },
    'a name that is an object': { query: 'query a { __typename }', operationName: { [canary]: canary } },
    'a name of 100 KB': { query: 'query a { __typename }', operationName: canary.repeat(16_000) },
    'two without a name': { query: '{ __typename } { __typename }' },
    'a query and a mutation without a name': { query: `{ __typename } ${danger}` },
    'two with names, and none said': { query: `query a { __typename } ${danger.replace('mutation', 'mutation b')}` },
    'only a fragment': { query: 'fragment F on Query { __typename }' },
    'only a type': { query: `type Query { ${canary}: Int }` },
  }, (body) => [raw(JSON.stringify(body)), unresolved]),
  row('G7+', 'under application/json, whose status is 200', run('{', undefined, { Accept: json }), { status: 200, code: 'GRAPHQL_PARSE_FAILED', isUnrun: true }),
  row('G7+', 'under any type', run('{', undefined, { Accept: '*/*' }), { status: 200, code: 'GRAPHQL_PARSE_FAILED', isUnrun: true }),
  row('G7+', 'under none', run('{', undefined, { Accept: null }), { status: 200, code: 'GRAPHQL_PARSE_FAILED', isUnrun: true }),
  row('G8+', 'under application/json, whose status is 200', run('{ nothing }', undefined, { Accept: json }), { status: 200, code: 'GRAPHQL_VALIDATION_FAILED', isUnrun: true }),
  row('G9+', 'under application/json, whose status is 200', run('query ($a: Boolean!) { __typename @include(if: $a) }', { a: canary }, { Accept: json }), { status: 200, code: 'BAD_USER_INPUT', isUnrun: true }),
  ...each('G10+', 'under application/json all the same', {
    403: [{ Origin: 'https://evil.example' }, bodyOf(danger), crossSite],
    413: [{}, padded(limit + 1), tooLarge],
    415: [{ 'Content-Type': 'text/plain' }, bodyOf(danger), wrongType],
    'a body': [{}, '{', badRequest],
    'an operation': [{}, bodyOf(nested(20, '{ session ', '}', '{ id }')), tooComplex],
    'its name': [{}, JSON.stringify({ query: 'query a { __typename }', operationName: 'b' }), unresolved],
  } as const, ([headers, body, outcome]) => [raw(body, { Accept: json, ...headers }), outcome]),
  row('G10+', 'two of one name', params({ query: 'query a { __typename } query a { __typename }', operationName: 'a' }), invalid),
  row('G10+', 'a name of null', params({ operationName: null }), harmless),
  row('G11', '1,000 times popSessionKey', run(`mutation { ${times(1000, (index) => `a${index}: popSessionKey(key: "dark_mode") { found }`)} }`), tooComplex),
  row('G11', '10,000 times popSessionKey, which is over the size of a body first', run(`mutation { ${times(10_000, (index) => `a${index}: popSessionKey(key: "dark_mode") { found }`)} }`), tooLarge),
  row('G11', '21 times popSessionKey', run(`mutation { ${times(21, (index) => `a${index}: popSessionKey(key: "dark_mode") { found }`)} }`), tooComplex, { message: /rootFields is 20/ }),
  row('G11', '21 times popSessionKey by fragments', run(`mutation { ${times(3, () => '...F')} } fragment F on Mutation { ${times(7, (index) => `a${index}: popSessionKey(key: "dark_mode") { found }`)} }`), tooComplex, { message: /rootFields is 20/ }),
  row('G11+', '31 aliases', run(`{ session { ${times(31, (index) => `a${index}: id`)} } }`), tooComplex, { message: /aliases is 30/ }),
  row('G11+', 'aliases by fragments that double 30 times', run(`{ session { ...F0 } } ${times(30, (index) => `fragment F${index} on Session { ${index === 29 ? 'a: id' : `...F${index + 1} ...F${index + 1}`} }`)}`), tooComplex, { message: /aliases is 30/ }),
  row('G11+', 'fragments that double 30 times and say nothing new', run(`{ ...F0 } ${times(30, (index) => `fragment F${index} on Query { ${index === 29 ? '...on Query { __typename }' : `...F${index + 1} ...F${index + 1}`} }`)}`), tooComplex, { message: /rootFields is 20/ }),
  row('G13', 'a selection 5,000 deep', run(nested(5000, '{ session ', '}', '{ id }')), tooComplex),
  row('G13', 'a selection 16 deep', run(nested(15, '{ session ', '}', '{ id }')), tooComplex, { message: /depth is 15/ }),
  row('G13', 'a selection 16 deep by fragments', run(`{ session { ...F0 } } ${times(15, (index) => `fragment F${index} on Session { ${index === 14 ? 'id' : `session { ...F${index + 1} }`} }`)}`), tooComplex, { message: /depth is 15/ }),
  row('G13+', 'fragments 500 deep', run(nested(500, '{ ... ', '}', '{ __typename }')), tooComplex),
  row('G13+', '60,000 brackets', run('('.repeat(60_000)), tooComplex),
  row('G14', 'an object 5,000 deep', run(writing(nested(5000, '{ a: ', '}', '1'))), tooComplex),
  row('G14', 'a list 5,000 deep', run(writing(nested(5000, '[', ']', '1'))), tooComplex),
  row('G14', 'a list 65 deep', run(writing(nested(65, '[', ']', '1'))), tooComplex, { message: /literalDepth is 64/ }),
  row('G14', 'a default 65 deep', run(`mutation ($value: JSON = ${nested(65, '[', ']')}) { setSessionKey(key: "dark_mode", value: $value) { __typename } }`), tooComplex, { message: /literalDepth is 64/ }),
  row('G14', 'an argument of a directive 65 deep', run(`{ __typename @include(if: ${nested(65, '[', ']')}) }`), tooComplex, { message: /literalDepth is 64/ }),
  row('G14+', 'a type of lists 5,000 deep', run(`query ($a: ${nested(5000, '[', ']', 'Int')}) { __typename }`), tooComplex),
  ...each('G14+', 'an input of its own type', { '15,000 deep': 15_000, '18,000 deep': 18_000 }, (depth) => [growing(depth), tooComplex, { message: /nested too deeply/ }]),
  row('G14+', 'an input of its own type, 300 deep', growing(300), { status: 200, data: { grow: 1 }, ran: ['grow'] }),
  row('G15', '1,000 directives', run(`{ __typename ${'@a'.repeat(1000)} }`), tooComplex),
  row('G15', '1,000 directives that there are', run(`{ __typename ${'@include(if: true)'.repeat(1000)} }`), tooComplex),
  row('G15', '21 directives', run(`{ __typename ${'@a'.repeat(21)} }`), tooComplex, { message: /directives is 20/ }),
  row('G15', '20 directives that there are not', run(`{ __typename ${'@a'.repeat(20)} }`), invalid),
  row('G15', '21 directives on variables', run(`query (${times(21, (index) => `$v${index}: Int @a`)}) { __typename }`), tooComplex, { message: /directives is 20/ }),
  row('G15', '1,000 fields that there are not', run(`{ session { ${times(1000, (index) => `f${index}`)} } }`), invalid),
  row('G17', '1,000 variables', run(`query (${times(1000, (index) => `$v${index}: Int`)}) { __typename }`), tooComplex),
  row('G17', '400 variables that nobody uses', run(`query (${times(400, (index) => `$v${index}: Int`)}) { __typename }`), invalid),
  row('G17', '25 variables that are not declared', run(`{ session { ${times(25, (index) => `a${index}: has(key: $v${index})`)} } }`), invalid),
  row('G17', '1,000 values for variables that there are not', run('{ __typename }', Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`v${index}`, canary]))), harmless),
  ...each('G18', 'introspection', {
    'the schema': '{ __schema { types { name fields { name } } } }',
    'a type': '{ __type(name: "Session") { fields { name } } }',
    'by a fragment': '{ ...F } fragment F on Query { __schema { queryType { name } } }',
    'under an alias': '{ a: __schema { queryType { name } } }',
  }, (query) => [run(query), invalid]),
  row('G18+', 'the name of a type is no secret', run('{ __typename }'), harmless),
  row('G19', '26 MB with their length', [raw(tooMuch)], tooLarge),
  row('G19', '26 MB without their length', [chunked([chunk(tooMuch), lastChunk])], tooLarge),
  row('G19', '26 MB that are said to be 10 bytes: the rest is another request, and none', http({ body: tooMuch, headers: { 'Content-Length': '10' } }), byNode(400)),
  row('G19', '10 bytes that are said to be 26 MB', http({ body: '1234567890', headers: { 'Content-Length': '26000000' } }), tooLarge, { further: [{ status: 408, byNode: true }], connection: 'closes', isSlow: true }),
  row('G19', '10 bytes that are said to be 26 MB, and then an end', [http({ body: '1234567890', headers: { 'Content-Length': '26000000' } }), stopSending], byNode(400)),
  row('C7+', '10 bytes of text that are said to be 26 MB', http({ body: '1234567890', headers: { 'Content-Type': 'text/plain', 'Content-Length': '26000000' } }), wrongType, { further: [{ status: 408, byNode: true }], connection: 'closes', isSlow: true }),
  ...each('G19', 'Content-Encoding', {
    gzip: 'gzip',
    br: 'br',
    deflate: 'deflate',
    'upper case': 'GZIP',
    'a list': 'identity, gzip',
    'something new': canary,
  }, (encoding) => [raw(Buffer.alloc(1000), { 'Content-Encoding': encoding }), wrongType]),
  row('G19', '26 MB that are gzip', [raw(tooMuch, { 'Content-Encoding': 'gzip' })], wrongType),
  row('G19+', '26 MB of another site', [raw(tooMuch, { Origin: 'https://evil.example' })], crossSite),
  row('G19+', 'an encoding that is none', withHeaders({ 'Content-Encoding': 'identity' }), done),
  row('G20', '129 KiB', raw(padded(129 * 1024)), tooLarge),
  row('G20', '128 KiB and a byte', raw(padded(limit + 1)), tooLarge),
  row('G20', '128 KiB and a byte, in chunks of one', chunked([padded(limit + 1).replaceAll(/./g, (each) => `1\r\n${each}\r\n`), lastChunk]), tooLarge),
  row('G20', '128 KiB', raw(padded(limit)), harmless),
  row('G20', '128 KiB in chunks', chunked([chunk(padded(limit)), lastChunk]), harmless),
  row('G21', 'a body of a byte in 300 ms', [http({ headers: { 'Content-Length': '100' }, body: '' }), ...Array.from({ length: 7 }).flatMap(() => [' ', { pause: 300 }])], byNode(408), { isSlow: true }),
  row('G21', 'a head that does not end', ['POST /graphql HTTP/1.1\r\nHost: shop.example\r\nX-A: ', { pause: 2000 }], byNode(408), { isSlow: true }),
  row('G22', 'a URI of 20 KB', get(`# ${'x'.repeat(20_000)}`, { 'Content-Type': json }), byNode(431)),
  ...each('G24', 'charset', {
    'utf-16': 'utf-16',
    'utf-7': 'utf-7',
    'latin-1': 'iso-8859-1',
    'two of them': 'utf-8;charset=utf-16',
    none: '',
  }, (charset) => [withHeaders({ 'Content-Type': `application/json; charset=${charset}` }), wrongType]),
  ...each('G26', 'in a mutation', {
    '@defer': 'mutation { clearSession { ... @defer { session { handle } } } }',
    '@stream': 'mutation { clearSession { session { keys @stream(initialCount: 0) } } }',
    '@defer in a fragment': 'mutation { clearSession { ...F } } fragment F on ClearSessionPayload { ... @defer { session { handle } } }',
    '@defer that is off': 'mutation { clearSession { ... @defer(if: false) { session { handle } } } }',
  }, (query) => [run(query, undefined, { Accept: `multipart/mixed, ${graphqlJson}` }), invalid]),
  row('G26+', 'a subscription for one answer', run('subscription { ticks }'), notAcceptable),
  row('G26+', 'a subscription of nothing', run('subscription { __typename }', undefined, { Accept: `${graphqlJson}, text/event-stream` }), invalid),
  row('G26+', 'a subscription in which something is wrong, as a stream', run('subscription { nothing }', undefined, { Accept: 'text/event-stream' }), { status: 200, code: 'GRAPHQL_VALIDATION_FAILED', isStream: true }),
  row('G26+', 'a subscription of two fields', run('subscription { a: ticks b: ticks }', undefined, { Accept: `${graphqlJson}, text/event-stream` }), invalid),
  row('G26+', 'a query in the URL of a POST does not count', http({ target: `/graphql?query=${encodeURIComponent(danger)}&operationName=x&variables=[]`, body: bodyOf('{ __typename }') }), harmless),
  row('G26+', 'a query in the URL of a POST without a body', http({ target: `/graphql?query=${encodeURIComponent(danger)}`, body: '' }), badRequest),
  ...each('G26+', 'a GET with', {
    'variables that are no JSON': '&variables={a',
    'variables that are a list': '&variables=[1]',
    'variables that are text': `&variables="${canary}"`,
    'extensions that are no JSON': `&extensions=${canary}`,
    'extensions with __proto__': '&extensions={"__proto__":{"polluted":true}}',
  }, (more) => [get('{ __typename }', { 'Content-Type': json }, more), badRequest]),
  row('G26+', 'a GET without a query', http({ method: 'GET', headers: { 'Content-Type': json } }), badRequest),
  row('G26+', 'a GET with a query that is no percent-encoding', http({ method: 'GET', target: '/graphql?query=%zz%', headers: { 'Content-Type': json } }), parseFailed),
  row('G26+', 'two queries in one URL: the first counts, for the gate as for the rest', http({ method: 'GET', target: `/graphql?query={__typename}&query=${encodeURIComponent(danger)}`, headers: { 'Content-Type': json } }), harmless),
] // prettier-ignore

const anyText = { prefix: 'pref:' }
const value32 = nested(32, '[', ']')
const keysSeed = (count: number): Record<string, string> =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`${anyText.prefix}${index}`, '1']))
const bytes8000 = JSON.stringify('x'.repeat(8000))
const heavySeed = Object.fromEntries(Array.from({ length: 8 }, (_, index) => [`pref:${index}`, bytes8000]))

const setting = (key: string, value: unknown): Buffer => run(settingVariable, { key, value })
const settingRaw = (value: string): Buffer =>
  raw(`{"query":${JSON.stringify(settingVariable)},"variables":{"key":"pref:x","value":${value}}}`)
const fallingBack = (value: string): Buffer =>
  raw(
    `{"query":"query ($fallback: JSON) { session { value(key: \\"pref:x\\", default: $fallback) } }","variables":{"fallback":${value}}}`,
  )
const resolved = (code: string): Pick<Input, 'status' | 'code'> => ({ status: 200, code })
const keyInvalid = resolved('SESSION_KEY_INVALID')
const keyForbidden = resolved('SESSION_KEY_FORBIDDEN')
const valueInvalid = resolved('SESSION_VALUE_INVALID')
const valueTooLarge = resolved('SESSION_VALUE_TOO_LARGE')
const sessionTooLarge = resolved('SESSION_TOO_LARGE')
const set = (entries: Record<string, string>) => ({ ...done, holds: { ...seed, ...entries } })

const onKey = (key: string): Record<string, string> => ({
  deleteSessionKey: `mutation { deleteSessionKey(key: "${key}") { deleted } }`,
  popSessionKey: `mutation { popSessionKey(key: "${key}") { found value } }`,
  setDefaultSessionKey: `mutation { setDefaultSessionKey(key: "${key}", value: "${canary}") { created entry { value } } }`,
  updateSession: `mutation { updateSession(data: { dark_mode: false, ${key}: "${canary}" }) { __typename } }`,
})

const serverKeys = { user_id: 'user_id', role: 'role', mfa_pending: 'mfa_pending' }

const entries: Input[] = [
  ...each('I1', 'write', serverKeys, (key) => [setting(key, canary), keyForbidden]),
  ...each('I2', 'write', {
    undeclared: 'undeclared',
    'a server key in another case': 'User_ID',
    'a longer one': 'role.x',
    'a key of a prefix': 'pref',
  }, (key) => [setting(key, canary), keyForbidden]),
  ...Object.keys(serverKeys).flatMap((key) => each('I3', `of ${key}`, onKey(key), (query) => [run(query), keyForbidden])),
  ...Object.keys(serverKeys).flatMap((key) => each('I3', `of ${key}`, { value: `value(key: "${key}")`, has: `has(key: "${key}")`, entries: `entries(keys: ["dark_mode", "${key}"]) { value }`, 'a fallback': `value(key: "${key}", default: "${canary}")` }, (field) => [run(`{ session { ${field} } }`), keyForbidden, { data: field.startsWith('value') ? { session: { value: null } } : null }])),
  row('I3', 'a subscription to a server key, which there is not', run('subscription { sessionKey(key: "role") }', undefined, { Accept: `${graphqlJson}, text/event-stream` }), invalid),
  ...['__proto__', 'constructor', 'prototype'].flatMap((key) => [row('I4', `setSessionKey of ${key}`, setting(key, { polluted: true, isAdmin: true }), keyInvalid), ...each('I4', `of ${key}`, onKey(key), (query) => [run(query), keyInvalid]), row('I4', `updateSession of ${key} by a variable`, raw(`{"query":"mutation ($data: JSONObject!) { updateSession(data: $data) { __typename } }","variables":{"data":{"dark_mode":false,"${key}":{"polluted":true}}}}`), keyInvalid), row('I4', `reading ${key}`, run(`{ session { value(key: "${key}") } }`), keyInvalid, { data: { session: { value: null } } })]),
  ...each('I7', 'a key of', {
    'an empty one': '',
    '65 bytes': 'k'.repeat(65),
    '100 KB': 'k'.repeat(100_000),
    'pref: and 65 bytes': `pref:${'k'.repeat(60)}`,
  }, (key) => [setting(key, 1), keyInvalid]),
  row('I7', '1 MiB', setting('k'.repeat(1024 * 1024), 1), tooLarge),
  row('I7', '64 bytes', setting(`pref:${'k'.repeat(59)}`, 1), set({ [`pref:${'k'.repeat(59)}`]: '1' })),
  ...each('I8', 'a key with', {
    NUL: 'pref:a\0b',
    'CR and LF': 'pref:a\r\nb',
    'LF at its end': 'pref:a\n',
    tab: 'pref:a\tb',
    'an ANSI escape': 'pref:\u001B[31m',
    'an operator': '$ne',
    'an RTL mark': 'pref:\u202Ea',
    'a Cyrillic letter': 'uѕer_id',
    'é as one': 'pref:é',
    'é as two': 'pref:e\u0301',
    'a zero-width space': 'pref:\u200Ba',
    'a byte order mark': '\uFEFFdark_mode',
    'a full-width letter': 'ｄark_mode',
    'a lone surrogate': 'pref:\uD800',
    'an emoji': 'pref:💥',
    'a space': 'dark_mode ',
    'a path': 'pref:../../etc/passwd',
    'a pattern': 'pref:*',
    'a hash tag': 'pref:{x}',
    SQL: "pref:' OR 1=1--",
    'an index': 'shopping_cart[0]',
    'a pointer': '/shopping_cart/0',
    markup: `<img src=x onerror=${canary}>`,
    'an expression': '${7*7}',
    'a format': '%s%s%n',
    'its own text': `${canary} `,
  }, (key) => [setting(key, 1), keyInvalid]),
  row('I8', 'a dot is text, never a path', setting('pref:a.b', 1), set({ 'pref:a.b': '1' })),
  row('I8', 'a dot does not reach into a value', setting('shopping_cart.0', 1), keyForbidden),
  ...each('I8+', 'a key like', {
    toString: 'pref:toString',
    hasOwnProperty: 'pref:hasOwnProperty',
    valueOf: 'pref:valueOf',
    'the prototype': 'pref:__proto__',
  }, (key) => [setting(key, 1), set({ [key]: '1' })]),
  ...each('I10', 'NUL in', {
    text: 'a\0b',
    'a list': [[['a\0b']]],
    'an object': { a: { b: 'a\0b' } },
    'a name in an object': { 'a\0b': 1 },
  }, (value) => [setting('pref:x', value), valueInvalid]),
  row('I10', 'by the document', run(writing('"a\\u0000b"').replace('dark_mode', 'pref:x')), valueInvalid),
  ...each('I10+', 'surrogates', {
    'a lone surrogate': '"\\uD800"',
    'one the other way': '"\\uDFFF\\uD800"',
    'one in a name': '{"\\uD800":1}',
  }, (value) => [settingRaw(value), valueInvalid]),
  row('I10+', 'a surrogate by the document', run(writing('"\\uD800"')), parseFailed),
  row('I10+', 'a pair of surrogates, and other text that is fine', settingRaw('"\\uD83D\\uDCA5\\u2028\\uFFFF\\u001B[31m"'), set({ 'pref:x': JSON.stringify('💥\u2028\uFFFF\u001B[31m') })),
  row('I11', '1 MiB', setting('pref:x', 'x'.repeat(1024 * 1024)), tooLarge),
  row('I11', '100 KB', setting('pref:x', canary.repeat(16_000)), valueTooLarge),
  row('I12', '8,192 bytes', setting('pref:x', 'x'.repeat(8190)), set({ 'pref:x': JSON.stringify('x'.repeat(8190)) })),
  row('I12', '8,193 bytes', setting('pref:x', 'x'.repeat(8191)), valueTooLarge),
  row('I12', '8,192 bytes of two each', setting('pref:x', 'é'.repeat(4095)), set({ 'pref:x': JSON.stringify('é'.repeat(4095)) })),
  row('I12', '8,193 bytes of two each', setting('pref:x', `${'é'.repeat(4095)}x`), valueTooLarge),
  row('I12', '8,194 bytes of four each', setting('pref:x', '💥'.repeat(2048)), valueTooLarge),
  row('I12+', '2,000 characters that JSON writes in six', settingRaw(JSON.stringify('\u0001'.repeat(2000))), valueTooLarge),
  row('I13', 'the 129th key, where nothing was read', setting('dark_mode', true), sessionTooLarge, { held: keysSeed(128), calls: ['commit', 'read'] }),
  row('I13', 'the 129th key, where the session was read', run('mutation { popSessionKey(key: "dark_mode") { found } setSessionKey(key: "dark_mode", value: true) { created } }'), sessionTooLarge, { held: keysSeed(128), calls: ['read'] }),
  row('I13', 'the 129th key as a default', run('mutation { setDefaultSessionKey(key: "dark_mode", value: true) { created } }'), sessionTooLarge, { held: keysSeed(128), calls: ['read', 'commit'] }),
  row('I13', 'more than 64 KiB', setting('pref:9', 'x'.repeat(8000)), sessionTooLarge, { held: heavySeed, calls: ['commit', 'read'] }),
  row('I13', 'more than 64 KiB by a longer value', setting('pref:8', 'x'.repeat(8000)), sessionTooLarge, { held: { ...heavySeed, 'pref:8': '1' }, calls: ['commit', 'read'] }),
  row('I13', '129 keys at once', run('mutation ($data: JSONObject!) { updateSession(data: $data) { __typename } }', { data: keysSeed(129) }), sessionTooLarge),
  row('I13+', 'a key that is there already is not one more', setting('pref:0', 2), done, { held: keysSeed(128), holds: { ...keysSeed(128), 'pref:0': '2' } }),
  row('I15', '32 deep', settingRaw(value32), set({ 'pref:x': value32 })),
  ...each('I15', 'nesting', { '33 deep': 33, '5,000 deep': 5000, '60,000 deep': 60_000 }, (depth) => [settingRaw(nested(depth, '[', ']')), valueInvalid]),
  row('I15', '5,000 objects deep', settingRaw(nested(5000, '{"a":', '}', '1')), valueInvalid),
  row('I15', '100,000 deep', settingRaw(nested(100_000, '[', ']')), tooLarge),
  row('I15', '33 deep by the document', run(writing(nested(33, '[', ']')).replace('dark_mode', 'pref:x')), valueInvalid),
  row('I15', '33 deep by a default', run(`mutation ($value: JSON = ${nested(33, '[', ']')}) { setSessionKey(key: "pref:x", value: $value) { __typename } }`), valueInvalid),
  ...each('I15+', 'a fallback', {
    '5,000 deep': 5000,
    '60,000 deep': 60_000,
  }, (depth) => [fallingBack(nested(depth, '[', ']')), valueInvalid, { data: { session: { value: null } } }]),
  row('I15+', 'a fallback of pop 60,000 deep, behind a write', raw(`{"query":"mutation ($fallback: JSON) { setSessionKey(key: \\"dark_mode\\", value: false) { __typename } popSessionKey(key: \\"pref:x\\", default: $fallback) { value } }","variables":{"fallback":${nested(60_000, '[', ']')}}}`), valueInvalid, { calls: ['commit'], holds: done.holds }),
  row('I16', 'a list of 1,000,000', settingRaw(`[${'1,'.repeat(999_999)}1]`), tooLarge),
  row('I16', 'a list of 60,000', settingRaw(`[${'1,'.repeat(59_999)}1]`), valueTooLarge),
  row('I16', 'an object of 10,000', settingRaw(`{${times(10_000, (index) => `"k${index}":1`).replaceAll(' ', ',')}}`), valueTooLarge),
  ...each('I17', 'no number', {
    '1e999': '1e999',
    '-1e999': '-1e999',
    'in a list': '[[1e999]]',
    'in an object': '{"a":{"b":-1e400}}',
  }, (value) => [settingRaw(value), valueInvalid]),
  row('I17', 'by the document', run(writing('1e999')), valueInvalid),
  ...each('I19', 'beyond 2^53', {
    '2^53 + 1': '9007199254740993',
    '2^53': '9007199254740992',
    '-2^53': '-9007199254740992',
    '20 digits': '12345678901234567890',
    '1e300': '1e300',
    'in an object': '{"id":9007199254740993}',
  }, (value) => [settingRaw(value), valueInvalid]),
  row('I19', 'by the document', run(writing('9007199254740993').replace('dark_mode', 'pref:x')), valueInvalid),
  row('I19', '2^53 - 1', settingRaw('9007199254740991'), set({ 'pref:x': '9007199254740991' })),
  ...each('I19+', 'numbers', { '-0': '-0', 'a tiny number': '5e-324' }, (value) => [settingRaw(value), set({ 'pref:x': value })]),
  row('I21', 'null by a variable', setting('pref:x', null), set({ 'pref:x': 'null' })),
  row('I21', 'null by the document', run(writing('null').replace('dark_mode', 'pref:x')), set({ 'pref:x': 'null' })),
  row('I21', 'null is there, and absent is not', run(`{ session { has(key: "pref:x") value(key: "pref:x", default: 1) absent: has(key: "pref:y") fallback: value(key: "pref:y", default: 1) } }`), { held: { 'pref:x': 'null' }, status: 200, data: { session: { has: true, value: null, absent: false, fallback: 1 } }, calls: ['read'] }),
  row('I22', 'no value by the document', run('mutation { setSessionKey(key: "dark_mode") { __typename } }'), badInput, { data: null }),
  row('I22', 'no value by a variable', run(settingVariable, { key: 'dark_mode' }), badInput, { data: null }),
  row('I22', 'no value for a default', run('mutation { setDefaultSessionKey(key: "pref:x") { __typename } }'), badInput, { data: null }),
  ...each('I23', 'an object with', {
    'the prototype': '{"__proto__":{"polluted":true}}',
    constructor: '{"constructor":{"prototype":{"polluted":true}}}',
    'further down': '[{"a":{"__proto__":{"polluted":true},"b":1}}]',
    toString: '{"toString":1,"hasOwnProperty":1,"then":1}',
    toJSON: '{"toJSON":"x"}',
    __typename: '{"__typename":"Query"}',
  }, (value) => [settingRaw(value), set({ 'pref:x': value })]),
  row('I23', '__proto__ by the document', run(writing('{ __proto__: { polluted: true }, a: [{ constructor: { prototype: { polluted: true } } }] }').replace('dark_mode', 'pref:x')), set({ 'pref:x': '{"__proto__":{"polluted":true},"a":[{"constructor":{"prototype":{"polluted":true}}}]}' })),
  row('I23+', '__proto__ as a fallback', fallingBack('{"__proto__":{"polluted":true}}'), { status: 200, data: { session: { value: JSON.parse('{"__proto__":{"polluted":true}}') } }, calls: ['read'] }),
  ...each('I25', 'a schema', {
    'a number for a boolean': 5,
    text: canary,
    'a list': [true],
    null: null,
  }, (value) => [setting('dark_mode', value), valueInvalid, { message: /^The value for "dark_mode" does not fit its schema\.$/ }]),
  ...each('I25', 'a schema', {
    'a property too many': [[{ sku: 'b-1', count: 1 }, { sku: 'b-2', count: 1, [canary]: canary }], '1'],
    'a number too low': [[{ sku: 'b-1', count: -1 }], '0.count'],
    'text for a number': [[{ sku: 'b-1', count: canary }], '0.count'],
    'a property that is missing': [[{ sku: 'b-1' }], '0.count'],
  } as const, ([value, at]) => [setting('shopping_cart', value), valueInvalid, { message: new RegExp(`^The value for "shopping_cart" does not fit its schema at ${at}\\.$`) }]),
  row('I25', 'by updateSession, of which nothing is done then', run('mutation ($data: JSONObject!) { updateSession(data: $data) { __typename } }', { data: { 'pref:x': 1, dark_mode: canary } }), valueInvalid),
  row('I25', 'by setDefaultSessionKey', run(`mutation { setDefaultSessionKey(key: "dark_mode", value: "${canary}") { created } }`), valueInvalid),
  row('I26', 'the same value twice', run('mutation { a: setSessionKey(key: "dark_mode", value: true) { __typename } b: setSessionKey(key: "dark_mode", value: true) { __typename } }'), { status: 200, data: { a: done.data.setSessionKey, b: done.data.setSessionKey }, calls: ['commit'] }),
  row('I26', 'pop of an absent key', run('mutation { popSessionKey(key: "pref:x") { found value } }'), { status: 200, data: { popSessionKey: { found: false, value: null } }, calls: ['read'] }),
  row('I26', 'delete of an absent key', run('mutation { deleteSessionKey(key: "pref:x") { deleted } }'), { status: 200, data: { deleteSessionKey: { deleted: false } }, calls: ['read'] }),
  ...each('I26', 'without a session', {
    pop: ['popSessionKey(key: "pref:x") { found value }', { popSessionKey: { found: false, value: null } }],
    delete: ['deleteSessionKey(key: "pref:x") { deleted }', { deleteSessionKey: { deleted: false } }],
    clear: ['clearSession { session { isNew } }', { clearSession: { session: { isNew: true } } }],
    logout: ['logout { flushed }', { logout: { flushed: false } }],
    rotate: ['rotateSession { session { isNew } }', { rotateSession: { session: { isNew: true } } }],
    'set and pop': ['setSessionKey(key: "pref:x", value: 1) { __typename } popSessionKey(key: "pref:x") { found value }', { ...done.data, popSessionKey: { found: true, value: 1 } }],
  } as const, ([field, data]) => [withCookie(null, `mutation { ${field} }`), { status: 200, data }]),
  row('I28', 'a write after a logout', run('mutation { a: logout { flushed } b: setSessionKey(key: "dark_mode", value: false) { created } }'), { status: 200, data: { a: { flushed: true }, b: { created: true } }, calls: ['delete', 'create'], holds: null, cookie: 'set', fresh: { dark_mode: 'false' } }),
  row('I28+', 'a read of server keys after a logout', run('mutation { logout { flushed session { keys isEmpty entries { value } } } }'), { status: 200, data: { logout: { flushed: true, session: { keys: [], isEmpty: true, entries: [] } } }, calls: ['delete', 'create'], holds: null, cookie: 'set', fresh: {} }),
  ...each('I31', 'extensions', {
    'extensions with __proto__': '{"query":"{ __typename }","extensions":{"__proto__":{"polluted":true}}}',
    'extensions whose __proto__ is null': '{"query":"{ __typename }","extensions":{"__proto__":null}}',
    'extensions with __proto__ by an escape': '{"query":"{ __typename }","extensions":{"\\u005f_proto__":{"polluted":true}}}',
    'a query of __proto__ beside it': '{"query":"{ __typename }","extensions":{"a":1,"__proto__":{"query":"x"}}}',
  }, (body) => [raw(body), badRequest]),
  row('I31', 'an operationName of __proto__', params({ operationName: '__proto__' }), unresolved),
  row('I31', 'an operationName of constructor', params({ operationName: 'constructor' }), unresolved),
  row('I31', 'an operationName of 1 MiB', params({ operationName: canary.repeat(200_000) }), tooLarge),
  ...each('I31+', 'extensions', {
    'further down': '{"query":"{ __typename }","extensions":{"a":{"__proto__":{"polluted":true}}}}',
    'by the constructor': '{"query":"{ __typename }","extensions":{"constructor":{"prototype":{"polluted":true}}}}',
  }, (body) => [raw(body), harmless]),
] // prettier-ignore

const wires: Input[] = [
  row('H+', 'Content-Length and Transfer-Encoding', http({ headers: { 'Transfer-Encoding': 'chunked' } }), byNode(400)),
  ...each('H+', 'Transfer-Encoding:', {
    'one nobody knows': 'xchunked',
    'chunked twice': 'chunked, chunked',
    'chunked and then another': 'chunked, gzip',
    'a vertical tab': '\u000Bchunked',
    identity: 'identity',
  }, (encoding) => [chunked([chunk(bodyOf(danger)), lastChunk], { headers: { 'Transfer-Encoding': encoding } }), byNode(400)]),
  ...each('H+', 'a Content-Length that is', {
    'a negative one': '-1',
    'with a sign': '+10',
    'a list': '73, 73',
    'in hexadecimal': '0x49',
    'a fraction': '73.0',
    'beyond 64 bits': '99999999999999999999999',
    'a space in it': '7 3',
    empty: '',
  }, (length) => [http({ headers: { 'Content-Length': length } }), byNode(400)]),
  row('H+', 'two Content-Lengths', http({ lines: ['Content-Length: 5'] }), byNode(400)),
  row('H+', 'a Content-Length that is too short: what follows is no request', http({ body: bodyOf('{ __typename }').padEnd(60), headers: { 'Content-Length': '59' } }), byNode(400)),
  row('H+', 'an end of line behind a body', Buffer.concat([run('{ __typename }'), Buffer.from('\r\n')]), harmless),
  row('H+', 'a request in the body of a request is its body', raw(`${bodyOf('{ __typename }')}\r\n\r\n${http().toString()}`), badRequest),
  row('H+', 'a request behind a body is another one, and judged for itself', Buffer.concat([run('{ __typename }'), http({ headers: { Origin: 'https://evil.example' } })]), harmless, { further: [crossSite] }),
  ...each('H+', 'a chunk with', {
    'a size that is none': `xyz\r\n${bodyOf(danger)}\r\n${lastChunk}`,
    'a negative size': `-49\r\n${bodyOf(danger)}\r\n${lastChunk}`,
    'a size in 0x': `0x49\r\n${bodyOf(danger)}\r\n${lastChunk}`,
    'a size beyond 64 bits': `FFFFFFFFFFFFFFFFFF\r\n${bodyOf(danger)}\r\n${lastChunk}`,
    'a size too short': `5\r\n${bodyOf(danger)}\r\n${lastChunk}`,
    'an end of its own': `${chunk(bodyOf(danger)).toString()}\n0\n\n`,
  }, (body) => [chunked([body]), { status: 400, byNode: true as const, connection: 'closes' as const }]),
  row('H+', 'chunks with extensions, in upper case and with trailers', chunked([`${Buffer.byteLength(bodyOf(danger)).toString(16).toUpperCase()};a=b;c="d"\r\n${bodyOf(danger)}\r\n0\r\n`, 'Cookie: __Host-session=x\r\nOrigin: https://evil.example\r\n\r\n']), done),
  row('H+', 'chunks of a byte', chunked([bodyOf(danger).replaceAll(/./g, (each) => `1\r\n${each}\r\n`), lastChunk]), done),
  row('H+', 'no chunk at all', chunked([lastChunk]), badRequest),
  row('H+', '20 KB of an extension of a chunk', chunked([`1;${'x'.repeat(20_000)}\r\n `, `\r\n${lastChunk}`]), byNode(413)),
  ...each('H+', 'a head with', {
    'a folded header': ['X-A: b', ' c: d'],
    'a folded Cookie': ['Cookie:', ` ${cookieOf(otherToken)}`],
    'a space before the colon': ['Origin : https://evil.example'],
    'a name that is none': ['X(A: b'],
    'a name that is no ASCII': ['X-Ä: b'],
    'no colon': ['X-A'],
    'an empty name': [': b'],
    'NUL in a value': ['X-A: a\0b'],
    'CR in a value': ['X-A: a\rb'],
    'LF for an end of line': ['X-A: a\nX-B: b'],
  } as const, (lines) => [http({ lines }), byNode(400)]),
  row('H+', 'LF for each end of line', http().toString().replaceAll('\r\n', '\n'), byNode(400)),
  row('H+', '20 KB of headers', http({ lines: Array.from({ length: 2000 }, (_, index) => `X-${index}: a`) }), byNode(431)),
  row('H+', '500 headers', http({ body: bodyOf(reading), lines: Array.from({ length: 500 }, (_, index) => `X-${index}: a`) }), victim),
  row('H+', 'a header of 15 KB', http({ body: bodyOf(reading), lines: [`X-A: ${canary.repeat(2500)}`] }), victim),
  row('H+', 'text that is no ASCII in a header', http({ body: bodyOf(reading), lines: ['X-A: ü💥'] }), victim),
  row('H+', 'names of the prototype in headers', http({ body: bodyOf(reading), lines: ['__proto__: polluted', 'constructor: polluted', 'prototype: polluted'] }), victim),
  row('H+', 'no Host', http({ headers: { Host: null } }), { status: 400, byNode: true, connection: 'closes' }),
  ...each('H+', 'a Host with', {
    'a space in it': 'shop example',
    'a bracket': '[',
    'a port beyond 16 bits': 'shop.example:99999',
    'a port that is none': 'shop.example:http',
    markup: `<${canary}>`,
    'only a port': ':80',
    'a user': `${canary}@shop.example:x`,
  }, (host) => [withHeaders({ Host: host }), badRequest]),
  ...each('H+', 'a GET, and a Host with', {
    'a space in it': 'shop example',
    'a bracket': '[',
    'a port beyond 16 bits': 'shop.example:99999',
  }, (host) => [get(reading, { Host: host, 'Content-Type': json }), badRequest]),
  row('H+', 'health, and a Host that is none', http({ method: 'GET', target: '/health/live', headers: { Host: '[' } }), badRequest),
  row('H+', 'two Hosts', http({ lines: ['Host: evil.example'] }), badRequest),
  ...each('H+', 'a target with', {
    'upper case': '/GRAPHQL',
    'a percent-encoded letter': '/%67raphql',
    'a percent-encoded NUL': '/graphql%00',
    'a percent-encoded slash': '/graphql%2f',
    'a semicolon': '/graphql;a=b',
    'something behind it': '/graphqlx',
    'a backslash': '/\\graphql',
    'a level above': '/graphql/..',
    'something below': '/graphql/session',
    'an asterisk': '*',
    'health at its end': '/x/health/live',
    'an encoded level above': '/x/%2e%2e/y',
    'another folder': '/x/graphql',
    'its name at the end of a query': '/?x=/graphql',
    'its name at the end of a fragment': '/x#/graphql',
    'another host': 'http://evil.example/graphql',
    'another host without a scheme': '//evil.example/graphql',
    'two slashes': '//graphql',
    'a user': 'http://shop.example@evil.example/graphql',
    'a host that is none': 'http://[/graphql',
    'its own text': `/${canary}?${canary}=${canary}`,
  }, (target) => [http({ target }), nowhere]),
  row('H+', 'OPTIONS *', http({ method: 'OPTIONS', target: '*' }), nowhere),
  row('H+', 'health in a query is no health check', http({ target: '/graphql?x=/health/live', body: bodyOf('{ __typename }') }), harmless),
  row('H+', 'health by POST', http({ target: '/health/live' }), { status: 405, headers: { allow: 'GET, HEAD' }, data: 'method not allowed' }),
  row('H+', 'health by HTTP/1.0 without a Host, as load balancers ask', http({ method: 'GET', target: '/health/live', version: '1.0', headers: { Host: null } }), { status: 200, data: 'live' }, { connection: 'closes' }),
  row('H+', 'a fragment of a URL', http({ target: `/graphql#${canary}`, body: bodyOf('{ __typename }') }), harmless),
  row('H+', 'HTTP/1.0 without a Host', http({ version: '1.0', body: bodyOf(reading), headers: { Host: null } }), victim, { connection: 'closes' }),
  row('H+', 'HTTP/1.0 of another site', http({ version: '1.0', headers: { Origin: 'https://evil.example' } }), crossSite, { connection: 'closes' }),
  row('H+', 'HTTP/1.0 in chunks', chunked([chunk(bodyOf(danger)), lastChunk], { version: '1.0' }), done, { connection: 'closes' }),
  row('H+', 'HTTP/1.2', http({ version: '1.2' }), byNode(400)),
  row('H+', 'HTTP/1.1.1', http({ version: '1.1.1' }), byNode(400)),
  row('H+', 'HTTP/2 by its preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', byNode(400)),
  row('H+', 'TLS', Buffer.from('16030100a5010000a10303aabbccddeeff00112233445566778899', 'hex'), byNode(400)),
  row('H+', 'another protocol', 'SSH-2.0-OpenSSH_9.0\r\n', byNode(400)),
  row('H+', 'no protocol', Buffer.alloc(1000, 0xff), byNode(400)),
  row('H+', 'empty lines first', Buffer.concat([Buffer.from('\r\n\r\n'), run('{ __typename }')]), harmless),
  row('H+', 'nothing, and then an end', stopSending, closed),
  row('H+', 'half a head, and then an end', ['POST /graphql HTTP/1.1\r\nHost: a', stopSending], byNode(400)),
  row('H+', 'a request that takes its time, and then an end, by which streams know that their client left', [run('{ wait }'), stopSending], closed, { ran: ['wait'] }),
  row('H+', 'half a body, and then an end', [http().subarray(0, -10), stopSending], byNode(400)),
  row('H+', 'half a body in chunks, and then an end', [chunked([chunk(bodyOf(danger))]), stopSending], byNode(400)),
  row('H+', 'half a head, and nobody there any more', ['POST /graphql HTTP/1.1\r\nHost: a', vanish], closed),
  row('H+', 'half a body, and nobody there any more', [http().subarray(0, -10), { pause: 50 }, vanish], closed),
  row('H+', 'a request that takes its time, and nobody there any more', [run('{ wait }'), { pause: 50 }, vanish], closed, { ran: ['wait'] }),
  row('H+', 'half of too much, and nobody there any more', [chunked([chunk(tooMuch.subarray(0, 1_000_000))]), { pause: 50 }, vanish], closed),
  row('H+', 'a request in single bytes', [...http()].map((byte) => Buffer.from([byte])), done),
  row('H+', 'three requests at once', Buffer.concat([run('{ __typename }'), http(), run('{ nothing }')]), harmless, { further: [{ status: 200, data: done.data }, invalid], calls: ['commit'], holds: done.holds }),
  row('H+', 'a request behind one that is refused', Buffer.concat([withHeaders({ Origin: 'null' }), run(reading)]), crossSite, { further: [{ status: 200, data: asVictim }], calls: ['read'] }),
  row('H+', 'a request behind one that is too large', [raw(padded(limit * 4)), run(reading)], tooLarge, { further: [{ status: 200, data: asVictim }], calls: ['read'] }),
  row('H+', 'a request behind one in chunks that is too large', [chunked([chunk(padded(limit * 4)), lastChunk]), run(reading)], tooLarge, { further: [{ status: 200, data: asVictim }], calls: ['read'] }),
  row('H+', 'Connection: close', withHeaders({ Connection: 'close' }, reading), victim, { connection: 'closes' }),
  row('H+', 'headers that are said to be of one hop', withHeaders({ Connection: 'keep-alive, cookie, origin', Origin: 'https://evil.example' }), crossSite),
  ...each('H+', 'an upgrade, of another site', {
    'a WebSocket': { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Key': 'x', 'Sec-WebSocket-Version': '13' },
    'HTTP/2': { Connection: 'Upgrade, HTTP2-Settings', Upgrade: 'h2c', 'HTTP2-Settings': 'AAMAAABkAAQAAP__' },
  }, (headers) => [withHeaders({ ...headers, Origin: 'https://evil.example' }), crossSite]),
  row('H+', 'Expect: 100-continue', withHeaders({ Expect: '100-continue' }), done),
  row('H+', 'Expect: 100-continue, of another site', withHeaders({ Expect: '100-continue', Origin: 'https://evil.example' }), crossSite),
  row('H+', 'Expect: something else', withHeaders({ Expect: canary }), { status: 417, byNode: true }),
  row('H+', 'conditions and ranges', withHeaders({ Range: 'bytes=0-1', 'If-None-Match': '*', 'If-Modified-Since': 'Thu, 01 Jan 2099 00:00:00 GMT' }, reading), victim),
] // prettier-ignore

export const inputs: readonly Input[] = [...cookies, ...crossing, ...shapes, ...entries, ...wires]
