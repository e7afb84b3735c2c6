import fc from 'fast-check'
import { mint } from '../../src/session/token.ts'

export const mix = <T>(...choices: [weight: number, arbitrary: fc.Arbitrary<T>][]): fc.Arbitrary<T> =>
  fc.oneof(...choices.map(([weight, arbitrary]) => ({ weight, arbitrary })))

export const oneOf = <T>(...values: T[]): fc.Arbitrary<T> => fc.constantFrom(...values)

export const words = (text: string): string[] => text.split(' ')

/** What upsets parsers: of cookies, HTTP, JSON, GraphQL and base64url. */
export const piece: fc.Arbitrary<string> = fc.oneof(
  oneOf(
    ...words(
      '" \' { } [ ] ( ) : ; , = . .. ... / \\ $ @ ! | & # - _ A a 0 é 🦊 % %00 \\u0000 \\ud800 "" {} [] -0 1e999',
    ),
    ...words(
      'null true 9007199254740993 __proto__ constructor prototype __typename __Host-session session=x',
    ),
    ...words('\t \n \r \r\n \0 \v \u00a0 \ufeff \u2028 \u202e \ud800'),
    ' ',
  ),
  fc.string({ maxLength: 4, unit: 'binary' }),
  fc.string({ maxLength: 4 }),
)

const edits = fc.array(
  fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    cut: fc.integer({ min: 0, max: 4 }),
    put: mix([1, oneOf('')], [2, piece]),
  }),
  { minLength: 1, maxLength: 3 },
)

/** Something that is nearly right. */
export const mutated = (texts: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.tuple(texts, edits).map(([text, changes]) =>
    changes.reduce((before, { at, cut, put }) => {
      const from = Math.round(at * before.length)
      return before.slice(0, from) + put + before.slice(from + cut)
    }, text),
  )

/** Right, nearly right, or anything. */
export const near = (right: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  mix([6, right], [6, mutated(right)], [1, fc.string({ unit: 'binary', maxLength: 200 })])

const documents = [
  '{ session { handle isNew isEmpty keys createdAt expiresAt expiresIn expiresAtBrowserClose } }',
  'query Q($key: String!, $value: JSON) { session { has(key: $key) value(key: $key, default: $value) entries(keys: [$key, "open:a"]) { key value } } }',
  'query Q { ...F @include(if: true) } fragment F on Query { session { ... on Session @skip(if: false) { id a: isNew } } }',
  'query Q { __typename } mutation M { clearSession { __typename } }',
  '{ __schema { queryType { name } types { name fields { name type { name ofType { name } } } } } }',
  'mutation ($key: String!, $value: JSON) { setSessionKey(key: $key, value: $value) { created entry { key value } session { handle keys } } }',
  'mutation ($data: JSONObject!) { updateSession(data: $data) { entries { key value } session { isEmpty } } }',
  'mutation ($key: String!, $value: JSON) { setDefaultSessionKey(key: $key, value: $value) { created entry { value } } }',
  'mutation ($key: String!) { deleteSessionKey(key: $key) { deleted key } }',
  'mutation ($key: String!, $value: JSON) { popSessionKey(key: $key, default: $value) { found value } }',
  'mutation ($flag: Boolean!) { logout(flush: $flag) { flushed session { handle isNew } } }',
  'mutation ($expiry: SessionExpiryInput!) { setSessionExpiry(expiry: $expiry) { session { expiresIn } } }',
  'mutation M { rotateSession { session { handle } } }',
  'mutation M { a: setSessionKey(key: "open:a", value: [1, {b: null}]) { created } b: popSessionKey(key: "open:a") { value } logout { flushed } }',
  'mutation M { setSessionKey(key: "count", value: "x") { created } }',
  'subscription ($to: Int) { ticks(to: $to) }',
  'query Q { session { ... @defer { id } } }',
  'mutation M { ... @defer { clearSession { __typename } } }',
]

/** GraphQL that is valid, and what has the words of it. */
export const document: fc.Arbitrary<string> = mix([4, oneOf(...documents)], [1, made()])

function made(): fc.Arbitrary<string> {
  const word = oneOf(...new Set(documents.join(' ').match(/[a-zA-Z_]\w*/g)))
  const list = (inner: fc.Arbitrary<string>) =>
    fc.array(inner, { maxLength: 3 }).map((each) => each.join(', '))
  const { selection } = fc.letrec<{ value: string; argument: string; selection: string }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4, depthSize: 'small' },
      oneOf(
        ...words(
          '1 -0 1.5e9 99999999999999999999 true null "open:a" "user_id" "" "\\u0000" """block""" ENUM $key $value $nope',
        ),
      ),
      list(tie('value')).map((inner) => `[${inner}]`),
      list(tie('argument')).map((inner) => `{${inner}}`),
    ),
    argument: fc.tuple(word, tie('value')).map(([name, value]) => `${name}: ${value}`),
    selection: fc
      .array(
        fc.tuple(
          oneOf('', '', '', 'a: ', '...', '... on '),
          word,
          mix([1, oneOf('')], [1, list(tie('argument')).map((inner) => `(${inner})`)]),
          oneOf('', '', '', ' @skip(if: $flag)', ' @include(if: true)', ' @nope', ' @defer', ' @stream'),
          fc.oneof({ maxDepth: 5, depthSize: 'small' }, oneOf(''), tie('selection')),
        ),
        { minLength: 1, maxLength: 4 },
      )
      .map((fields) => `{ ${fields.map((parts) => parts.join('')).join(' ')} }`),
  }))
  const typed = 'mutation ($key: String!, $value: JSON, $flag: Boolean!)'
  const beginning = oneOf('', 'query', 'query Q', 'mutation', typed, 'subscription', 'fragment F on Query')
  return fc.tuple(beginning, selection).map((parts) => parts.join(' '))
}

const key = mix([6, oneOf('open:a', 'open:b', 'open:c', 'user_id', 'count', 'other')], [1, piece])
const json = mix<unknown>([3, fc.jsonValue({ maxDepth: 3 })], [1, piece])
const expiry = mix<unknown>(
  [2, oneOf(60, 0, -1, 2 ** 31).map((seconds) => ({ seconds }))],
  [2, oneOf('2200-01-01T00:00:00Z', '2100-02-30T00:00:00Z', '1990-01-01T00:00:00Z').map((at) => ({ at }))],
  [2, oneOf('BROWSER_CLOSE', 'SERVER_DEFAULT', 'NEVER').map((policy) => ({ policy }))],
  [1, oneOf({}, null, { seconds: 1, policy: 'SERVER_DEFAULT' })],
)
const variables = fc.record(
  {
    key: mix<unknown>([9, key], [1, json]),
    value: json,
    data: mix<unknown>([6, fc.dictionary(key, json, { maxKeys: 4 })], [1, json]),
    flag: mix<unknown>([9, fc.boolean()], [1, json]),
    expiry: mix([4, expiry], [1, json]),
    to: mix<unknown>([4, fc.integer({ max: 5 })], [1, json]),
  },
  { requiredKeys: ['key', 'data', 'flag', 'expiry'] },
)

export interface Params {
  readonly query: unknown
  readonly variables: unknown
  readonly operationName?: unknown
  readonly extensions?: unknown
}

const params: fc.Arbitrary<Params> = fc.record(
  {
    query: mix<unknown>([20, document], [8, mutated(document)], [1, json]),
    variables: mix<unknown>([12, variables], [1, json]),
    operationName: mix<unknown>([24, oneOf(undefined)], [2, oneOf('Q', 'M')], [1, json]),
    extensions: mix<unknown>([12, oneOf(undefined)], [1, json]),
  },
  { requiredKeys: ['query', 'variables'] },
)

const deep = (open: string, close: string, depth: number): string =>
  `${open.repeat(depth)}1${close.repeat(depth)}`
const written = params.map((each) => JSON.stringify(each))

export const body: fc.Arbitrary<string> = mix(
  [40, written],
  [10, mutated(written)],
  [4, fc.array(params, { maxLength: 7 }).map((each) => JSON.stringify(each))],
  [2, fc.oneof(fc.json(), fc.string({ unit: 'binary' }))],
  [
    1,
    oneOf(
      ...words(' { null [] {}'),
      'x'.repeat(200_000),
      `{"query":"{ ${'a{'.repeat(5000)} }"}`,
      '{"query":"{ __typename }","extensions":{"__proto__":{"polluted":1}}}',
      `{"query":"{ __typename }","variables":${deep('[', ']', 60_000)}}`,
      `{"query":${JSON.stringify(documents[5])},"variables":{"key":"open:a","value":${deep('{"a":', '}', 20_000)}}}`,
    ),
  ],
)

export const search: fc.Arbitrary<string> = mix(
  [8, params.map(({ query, variables, operationName }) => searchOf(query, variables, operationName))],
  [
    1,
    oneOf(
      '',
      '?',
      '?query',
      '?query=',
      '?query={__typename}&query=x',
      '?variables={}',
      '?query=%ff',
      '?query=%',
    ),
  ],
)

function searchOf(query: unknown, variables: unknown, operationName: unknown): string {
  const text = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))
  const given = { query: text(query), variables: JSON.stringify(variables) }
  const name = operationName === undefined ? {} : { operationName: text(operationName) }
  return `?${new URLSearchParams({ ...given, ...name })}`
}

export const method = mix(
  [12, oneOf('POST')],
  [4, oneOf('GET')],
  [1, oneOf('PUT', 'DELETE', 'OPTIONS', 'PATCH')],
)

export const path = mix(
  [30, oneOf('/graphql')],
  [1, oneOf(...words('/ // /graphql/ /graphql/x /graphql%00 /% /health/ready /health/live'))],
)

/** Stands for the cookie that the client has by then. */
export const jar = 'JAR'

const rarely = (often: string[], arbitrary = mutated(oneOf(...often))): fc.Arbitrary<string | undefined> =>
  mix<string | undefined>([40, oneOf(undefined)], [2, oneOf(...often)], [1, arbitrary])

const jsonTypes = ['application/json', 'application/json; charset=utf-8', 'APPLICATION/JSON']

export const headers: fc.Arbitrary<Record<string, string | undefined>> = fc.record(
  {
    'content-type': mix(
      [30, oneOf(...jsonTypes)],
      [2, mutated(oneOf(...jsonTypes))],
      [
        1,
        oneOf(
          '',
          'x',
          'text/plain',
          'application/graphql',
          'application/x-www-form-urlencoded',
          'multipart/form-data; boundary=x',
        ),
      ],
    ),
    accept: rarely([
      ...words('application/json application/graphql-response+json */* text/event-stream multipart/mixed'),
      'text/html, */*;q=0.1',
      'application/json;q=0',
      'application/json, text/event-stream',
    ]),
    cookie: mix(
      [12, oneOf(jar)],
      [3, mutated(oneOf(jar, `session=${mint()}`, `session=${jar}; session=x`))],
      [1, near(oneOf(`session=${mint()}`))],
    ),
    origin: rarely(words('https://app.example http://localhost https://evil.example null')),
    'sec-fetch-site': rarely(words('same-origin same-site cross-site none')),
    'content-encoding': rarely(words('identity gzip')),
    'x-forwarded-proto': rarely(['https', 'http, https']),
    'x-forwarded-host': rarely(['localhost', 'shop.example:80'], near(oneOf('localhost'))),
    'access-control-request-headers': rarely(['content-type']),
  },
  { requiredKeys: ['content-type'] },
)

/** What can be in the field of a header. */
export const fieldText = (text: string): string => text.replaceAll(/[^\t\x20-\x7e\xa0-\xff]/g, '?').trim()

/** A request as it is sent, in latin1. */
export const message: fc.Arbitrary<string> = fc
  .tuple(method, path, search, headers, body, fc.boolean())
  .map(([method, path, search, headers, body, isChunked]) => {
    const isGet = method === 'GET'
    const content = isGet ? '' : Buffer.from(body).toString('latin1')
    const lines = [`${method} ${path}${isGet ? search : ''} HTTP/1.1`, 'Host: localhost']
    for (const [name, value] of Object.entries(headers)) {
      if (value !== undefined) lines.push(`${name}: ${fieldText(value)}`)
    }
    if (isGet) return `${lines.join('\r\n')}\r\n\r\n`
    if (!isChunked) return `${lines.join('\r\n')}\r\nContent-Length: ${content.length}\r\n\r\n${content}`
    const chunk = content && `${content.length.toString(16)}\r\n${content}\r\n`
    return `${lines.join('\r\n')}\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}0\r\n\r\n`
  })
