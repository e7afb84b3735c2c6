import { deepEqual as looselyEqual } from 'node:assert'
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { buffer } from 'node:stream/consumers'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { createSessionServer } from '../../src/server/create-session-server.ts'
import { sessionCookie } from '../../src/session/cookie.ts'
import { SessionError } from '../../src/session/errors.ts'
import { keyRules } from '../../src/session/key-declarations.ts'
import type { SessionRecord } from '../../src/session/record.ts'
import { resolveSettings } from '../../src/session/settings.ts'
import { mint } from '../../src/session/token.ts'
import { checkKey, decode, encode, isKey } from '../../src/session/value.ts'
import { cookieStore } from '../../src/stores/cookie.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { openStore } from '../../src/stores/open.ts'
import { runs } from '../support/runs.ts'
import {
  body,
  fieldText,
  headers,
  jar,
  message,
  method,
  mix,
  mutated,
  near,
  oneOf,
  path,
  piece,
  search,
  words,
} from './fuzz-inputs.ts'

/** How a million inputs are split; usually it is one in fifty of them. */
const shares = {
  cookies: 250_000,
  seals: 100_000,
  keys: 100_000,
  values: 150_000,
  texts: 50_000,
  fetches: 250_000,
  connections: 100_000,
}
const inputs = (name: keyof typeof shares) => ({ numRuns: runs(shares[name] / 50, shares[name]) })

const settings = resolveSettings({})
const { limits } = settings
const now = Date.UTC(2100, 10, 23)

/** What it answers, or its error, which must be one of ours. */
function settle<T>(work: () => T): T | SessionError {
  try {
    return work()
  } catch (error) {
    assert(error instanceof SessionError, error as Error)
    return error
  }
}

describe('the cookie header', () => {
  const name = '__Host-session'
  const { read } = sessionCookie()
  const others = words(
    'a session __Host-sessio __Host-session2 x__Host-session __host-session __Secure-session __proto__ ',
  )
  const pair = mix(
    [2, oneOf(mint(), mint(), '', 'x', 'a=b', '"quoted"').map((value): [string, string] => [name, value])],
    [3, fc.tuple(oneOf(...others), oneOf('1', '', name, `${name}=`, mint()))],
  )
  const pairs = fc.array(fc.tuple(pair, oneOf('; ', ';', ' ; ', ';\t', ';; ')), { maxLength: 6 })
  const join = (parts: readonly (readonly [readonly [string, string], string])[]): string =>
    parts.map(([[key, value], after]) => `${key}=${value}${after}`).join('')

  it('is read as what it was made of', () => {
    fc.assert(
      fc.property(pairs, (parts) => {
        const header = join(parts)
        const own = parts.flatMap(([[key, value]]) => (key === name ? [value.replaceAll('"', '')] : []))
        assert.deepEqual(read(header), own.length > 1 ? own : (own[0] ?? null))
      }),
      { numRuns: inputs('cookies').numRuns / 2 },
    )
  })

  it('may hold anything', () => {
    const stores = [
      openStore(memoryStore({ max: 1 }), sessionCookie(), settings),
      cookieStore({ keys: [newKey()] }).open(sessionCookie(), settings),
    ]
    fc.assert(
      fc.property(near(pairs.map(join)), (text) => {
        const found = read(text)
        if (found === null || found === '') return
        for (const value of [found].flat()) {
          const isThere = ['', '"'].some((quote) => text.includes(`${name}=${quote}${value}${quote}`))
          assert(isThere && !value.includes(';'))
          for (const store of stores) if (store.isToken(value)) assert.match(store.idOf(value), /^[\w-]{43}$/)
        }
      }),
      { numRuns: inputs('cookies').numRuns / 2 },
    )
  })
})

describe('a sealed cookie', () => {
  const cookie = sessionCookie()
  const keys = [newKey(), newKey()]
  const store = cookieStore({ keys }).open(cookie, settings)
  const foreign = [
    cookieStore({ keys: [newKey()] }).open(cookie, settings),
    cookieStore({ keys }).open(sessionCookie({ name: 'other' }), settings),
  ]
  const records = [0, 1, 40].map((size): SessionRecord => ({
    entries: new Map(Array.from({ length: size }, (_, index) => [`key${index}`, `"value ${index}"`])),
    createdAt: now - 1000,
    expiresAt: now + 1000,
    policy: '',
  }))
  let seals: string[]
  let strangers: string[]

  beforeAll(async () => {
    seals = await Promise.all(records.map((record) => store.create(mint(), record, now)))
    strangers = await Promise.all(foreign.map((other) => other.create(mint(), records[1]!, now)))
  })

  const own = fc.nat().map((index) => seals[index % seals.length]!)
  const any = fc.nat().map((index) => [...seals, ...strangers][index % (seals.length + strangers.length)]!)
  const partsOf = (token: string): string[] => token.split('.')
  const bytes = (minLength: number, maxLength = minLength) => fc.uint8Array({ minLength, maxLength })
  const headers: unknown[] = [
    null,
    1,
    'dir',
    [],
    {},
    { zip: 'DEF' },
    { b64: false },
    { alg: 'PBES2-HS256+A128KW', p2c: 1e9 },
    ...[undefined, null, 1].map((jti) => ({ jti })),
    ...[...words('none A128KW RSA-OAEP ECDH-ES'), null].map((alg) => ({ alg })),
    ...[...words('none A128GCM A128CBC-HS256'), null].map((enc) => ({ enc })),
    ...['x', '__proto__', null].map((kid) => ({ kid })),
    ...[['exp'], ['b64'], 1].map((crit) => ({ crit })),
  ]
  const forged = fc.oneof(
    mutated(own),
    fc.tuple(own, fc.nat(), oneOf(...words('A Z a z 0 9 - _ + / = .'))).map(([token, at, put]) => {
      const where = at % token.length
      return token.slice(0, where) + put + token.slice(where + 1)
    }),
    // The last character of a part has bits that count for nothing.
    fc.tuple(own, fc.nat(4), fc.integer({ min: 1, max: 15 })).map(([token, which, bits]) => {
      const parts = partsOf(token)
      const signs = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
      const last = signs[signs.indexOf(parts[which]!.at(-1) ?? '') ^ bits] ?? ''
      return parts.with(which, parts[which]!.slice(0, -1) + last).join('.')
    }),
    fc
      .tuple(any, any, any, any, any)
      .map((tokens) => tokens.map((token, part) => partsOf(token)[part]).join('.')),
    fc.tuple(own, oneOf(...headers), fc.boolean()).map(([token, changes, isWhole]) => {
      const [header = '', ...rest] = partsOf(token)
      const before: unknown = JSON.parse(Buffer.from(header, 'base64url').toString())
      const after = isWhole ? changes : Object.assign({}, before, changes)
      return [Buffer.from(JSON.stringify(after)).toString('base64url'), ...rest].join('.')
    }),
    // It looks like one.
    fc
      .tuple(bytes(0, 60), bytes(0), bytes(12), bytes(1, 60), bytes(16))
      .map((parts) => parts.map((part) => Buffer.from(part).toString('base64url')).join('.')),
    any,
    fc.string({ maxLength: 100, unit: 'binary' }),
  )

  it('opens only as it was sealed, here and for this cookie', async () => {
    await fc.assert(
      fc.asyncProperty(forged, async (token) => {
        const at = seals.indexOf(token)
        assert.deepEqual(await store.read(token, now), at === -1 ? null : records[at])
        if (store.isToken(token)) assert.match(store.idOf(token), /^[\w-]{43}$/)
      }),
      inputs('seals'),
    )
  })
})

describe('keys', () => {
  const reserved = ['__proto__', 'constructor', 'prototype']
  const signs = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789.:-'
  const isWordly = (key: string): boolean =>
    key.length >= 1 &&
    key.length <= 64 &&
    key.split('').every((sign) => signs.includes(sign)) &&
    !'.:-'.includes(key[0]!) &&
    !reserved.includes(key)
  const valid = mix(
    [
      1,
      oneOf(
        ...reserved,
        ...words('a _ user_id pref:dark a.b-c toString hasOwnProperty then __defineGetter__'),
      ),
    ],
    [1, fc.integer({ min: 62, max: 66 }).map((length) => 'k'.repeat(length))],
    [1, fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,66}$/)],
  )
  const right = oneOf('read' as const, 'write' as const, 'delete' as const)

  it('are keys by their signs, and grant what was declared', () => {
    const rules = keyRules({ 'pref:*': { client: ['read'] }, user_id: { client: ['read', 'write'] }, a: {} })
    fc.assert(
      fc.property(near(valid), right, (key, right) => {
        const answer = settle(() => checkKey(key))
        assert.equal(answer === undefined, isWordly(key))
        assert.equal(isKey(key), isWordly(key))
        if (answer) assert.equal(answer.code, 'SESSION_KEY_INVALID')
        const mayPref = key.startsWith('pref:') && right === 'read'
        assert.equal(rules.mayClient(right, key), mayPref || (key === 'user_id' && right !== 'delete'))
      }),
      { numRuns: inputs('keys').numRuns * 0.8 },
    )
  })

  it('are declared as they should be, or that is said', () => {
    const declaration = fc.oneof(
      oneOf({}, { client: [] }, { client: ['read'] }, { schema: {} }),
      fc.record({ client: fc.anything() }),
      fc.anything(),
    )
    fc.assert(
      fc.property(
        fc.oneof(fc.dictionary(near(valid), declaration, { maxKeys: 3 }), fc.anything()),
        valid,
        right,
        (declarations, key, right) => {
          const rules = settle(() => keyRules(declarations as never))
          if (rules instanceof SessionError) assert.equal(rules.code, 'CONFIG_INVALID')
          else assert.equal(typeof rules.mayClient(right, key), 'boolean')
        },
      ),
      { numRuns: inputs('keys').numRuns * 0.2 },
    )
  })
})

describe('values', () => {
  const nest = (depth: number, isList: boolean): unknown => {
    let value: unknown = 1
    for (let level = 0; level < depth; level++) value = isList ? [value] : { a: value }
    return value
  }
  const cyclic: unknown[] = []
  cyclic.push({ cyclic })
  const odd = fc.oneof(
    oneOf<unknown>(
      undefined,
      cyclic,
      10n,
      Symbol('x'),
      () => 1,
      Number.NaN,
      Infinity,
      -Infinity,
      -0,
      2 ** 53,
    ),
    oneOf<unknown>(2 ** 53 - 1, 1e-320, '\0', '\ud800', 'a\udc00', '\u2028', new Date(0), new Map(), /x/),
    oneOf<unknown>(new Uint8Array(3), Object.create(null), Object.assign([1], { a: 1 }), Array(2)),
    oneOf<unknown>(
      Object.defineProperty({}, 'toJSON', { value: () => 1 }),
      JSON.parse('{"__proto__":{"polluted":1}}'),
      { [Symbol('x')]: 1 },
    ),
    fc.tuple(fc.integer({ min: 28, max: 36 }), fc.boolean()).map(([depth, isList]) => nest(depth, isList)),
    fc.tuple(oneOf(1000, 50_000), fc.boolean()).map(([depth, isList]) => nest(depth, isList)),
    fc.integer({ min: -3, max: 0 }).map((less) => 'x'.repeat(limits.valueBytes + less)),
  )
  const holding = (value: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
    fc.oneof(
      value,
      value.map((inner) => [inner]),
      value.map((inner) => ({ inner, other: 1 })),
      fc.tuple(piece, value).map(([key, inner]) => ({ [key]: inner })),
    )
  const anything = fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withSet: true,
    withNullPrototype: true,
    withObjectString: true,
    withSparseArray: true,
    withTypedArray: true,
    withUnicodeString: true,
  })

  it('are stored as they are, or refused', () => {
    fc.assert(
      fc.property(fc.oneof(holding(fc.jsonValue()), holding(odd), anything), (value) => {
        const text = settle(() => encode('key', value, limits))
        if (text instanceof SessionError) {
          assert(text.code === 'SESSION_VALUE_INVALID' || text.code === 'SESSION_VALUE_TOO_LARGE')
          return
        }
        assert(Buffer.byteLength(text) <= limits.valueBytes)
        const back = decode(text)
        JSON.parse(text, (key, inner: unknown) => {
          for (const each of [key, inner])
            if (typeof each === 'string') assert(each.isWellFormed() && !each.includes('\0'))
          return inner
        })
        assert.equal(encode('key', back, limits), text)
        // Loosely: the prototype of an object is no part of a value.
        looselyEqual(back, value)
        assert(Object.isFrozen(back))
      }),
      inputs('values'),
    )
    assert.deepEqual(Object.keys(Object.prototype), [])
    assert.equal(({} as any).polluted, undefined)
  })

  it('that a store holds are JSON, or that is said', () => {
    fc.assert(
      fc.property(near(fc.json()), (text) => {
        const value = settle(() => decode(text))
        if (value instanceof SessionError) assert.equal(value.code, 'SESSION_STORE_UNAVAILABLE')
        else assert.deepEqual(value, JSON.parse(text))
      }),
      inputs('texts'),
    )
  })
})

const app = 'https://app.example'

/** Every code that an answer may have. INTERNAL_SERVER_ERROR is not among them. */
const codes = new Set([
  ...words('METHOD_NOT_ALLOWED UNSUPPORTED_MEDIA_TYPE NOT_ACCEPTABLE CSRF_CHECK_FAILED PAYLOAD_TOO_LARGE'),
  ...words('BAD_REQUEST BAD_USER_INPUT OPERATION_TOO_COMPLEX OPERATION_RESOLUTION_FAILURE'),
  ...words('GRAPHQL_PARSE_FAILED GRAPHQL_VALIDATION_FAILED SESSION_KEY_INVALID SESSION_KEY_FORBIDDEN'),
  ...words(
    'SESSION_VALUE_INVALID SESSION_VALUE_TOO_LARGE SESSION_TOO_LARGE SESSION_EXPIRY_INVALID SESSION_GONE',
  ),
])
const statuses = new Set([200, 204, 302, 400, 403, 404, 405, 406, 413, 415])
/** What node:http says by itself, in few words, of what is no HTTP. */
const bareStatuses = new Set([100, 400, 413, 417, 431])

describe('a request', () => {
  const problems: unknown[] = []
  const complain = (...parts: unknown[]): void => {
    // A request of another origin is told of in development, as is one that lacks TLS, and is no problem.
    const hint = /^(?:CSRF_CHECK_FAILED: refused|The session cookie is Secure)/
    problems.push(...parts.filter((part) => !hint.test(String(part))))
  }
  const yoga = createSessionServer({
    store: memoryStore({ max: 1000 }),
    cookie: { name: '__Host-session' },
    keys: {
      'open:*': { client: ['read', 'write', 'delete'] },
      user_id: { client: ['read'] },
      count: { client: ['write'], schema: counts },
    },
    origins: [app],
    trustProxy: true,
    batching: { limit: 5 },
    graphiql: false,
    logging: { debug() {}, info() {}, warn: complain, error: complain },
    typeDefs: 'type Subscription { ticks(to: Int = 2): Int! }',
    resolvers: {
      Subscription: {
        ticks: {
          async *subscribe(_: unknown, { to }: { to: number }) {
            for (let ticks = 1; ticks <= Math.min(to, 3); ticks++) yield { ticks }
          },
        },
      },
    },
  })
  /** The session's cookie, as the last answer left it. */
  let held = ''
  const server = createServer((request, response) => void yoga(request, response))
  let port: number

  beforeAll(async () => {
    // So that a client can say that it has said everything.
    Object.assign(server, { httpAllowHalfOpen: true })
    await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
    port = (server.address() as AddressInfo).port
  })
  afterAll(() => void server.close())

  function check(status: number, type: string, text: string): void {
    assert(statuses.has(status), `status ${status}`)
    const results = type.startsWith('text/event-stream')
      ? [...text.matchAll(/^data: (.+)$/gm)].map(([, data]) => data!)
      : type.startsWith('multipart/mixed')
        ? text.split('\r\n').filter((line) => line.startsWith('{'))
        : text.startsWith('{') || text.startsWith('[')
          ? [text]
          : []
    for (const result of results.flatMap((each): any => JSON.parse(each))) {
      const errors: any[] = result.errors ?? []
      assert(errors.length <= 10 && (errors.length > 0 || 'data' in result))
      for (const { message, extensions } of errors) {
        assert(codes.has(extensions?.code), `code ${extensions?.code}: ${message}`)
        assert(
          typeof message === 'string' && !/\bat (?:[^ ]+ \()?(?:file:|node:|\/)[^ ]*:\d+:\d+/.test(message),
        )
      }
    }
    assert.deepEqual(problems, [], 'what was logged')
    assert.deepEqual(Object.keys(Object.prototype), [])
  }

  const keep = (setCookies: readonly string[]): void => {
    for (const each of setCookies) {
      assert.match(each, /^(?:__Host-)?session=[\w-]*; (?:Max-Age=\d+; )?Path=\/; /)
      const [pair = ''] = each.split(';')
      held = each.includes('Max-Age=0') ? '' : pair
    }
  }

  it('is answered in order, whatever it is', async () => {
    await fc.assert(
      fc.asyncProperty(method, path, search, headers, body, async (method, path, search, headers, body) => {
        const given = Object.entries(headers)
          .filter(([, value]) => value !== undefined)
          .map(([name, value]) => [name, fieldText(value!.replaceAll(jar, held))] as [string, string])
        const hasBody = method !== 'GET'
        const answer = await yoga.fetch(`http://localhost${path}${hasBody ? '' : search}`, {
          method,
          headers: given,
          ...(hasBody && { body }),
        })
        const text = await answer.text()
        check(answer.status, answer.headers.get('content-type') ?? '', text)
        assert.equal(answer.headers.get('x-content-type-options'), 'nosniff')
        keep(answer.headers.getSetCookie())
      }),
      inputs('fetches'),
    )
  })

  it('is answered in order, whatever its bytes are', async () => {
    const bytes = mix(
      [6, message],
      [6, mutated(message)],
      [2, fc.tuple(near(message), message).map((both) => both.join(''))],
      [1, fc.string({ unit: 'binary', maxLength: 300 })],
    )
    await fc.assert(
      fc.asyncProperty(bytes, async (text) => {
        const answered = await talk(port, Buffer.from(text.replaceAll(jar, held), 'latin1'))
        for (const { status, headers, body } of parsed(answered)) {
          if (bareStatuses.has(status) && !headers.has('x-content-type-options')) assert.equal(body, '')
          else {
            check(status, headers.get('content-type') ?? '', body)
            assert.equal(headers.get('x-content-type-options'), 'nosniff')
          }
          keep(headers.getSetCookie())
        }
      }),
      inputs('connections'),
    )
  })
})

const counts = {
  '~standard': {
    version: 1 as const,
    vendor: 'test',
    validate: (value: unknown) => (typeof value === 'number' ? { value } : { issues: [{ path: ['x'] }] }),
  },
}

function newKey(): string {
  return randomBytes(32).toString('base64')
}

/** All that a server says to a client that says this, and that it is all. */
async function talk(port: number, bytes: Buffer): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
  const late = setTimeout(() => socket.destroy(new Error('The server neither answers nor closes.')), 10_000)
  socket.end(bytes)
  try {
    return (await buffer(socket)).toString('latin1')
  } catch (error) {
    // A server may close while it is still being sent to.
    assert.equal((error as NodeJS.ErrnoException).code, 'ECONNRESET', error as Error)
    return ''
  } finally {
    clearTimeout(late)
    socket.destroy()
  }
}

/** The answers of HTTP/1.1 that this consists of, to the last byte. */
function parsed(text: string): { status: number; headers: Headers; body: string }[] {
  const [whole, statusText, fields] =
    /^HTTP\/1\.1 (\d{3}) [\w -]+\r\n((?:[\w-]+: ?[^\r\n]*\r\n)*)\r\n/.exec(text) ?? []
  if (text === '') return []
  assert(whole !== undefined, `no head of an answer: ${JSON.stringify(text.slice(0, 200))}`)
  const status = Number(statusText)
  const headers = new Headers(
    fields!
      .split('\r\n')
      .filter(Boolean)
      .map((line) => line.split(/: ?(.*)/s, 2) as [string, string]),
  )
  let rest = text.slice(whole.length)
  let body = ''
  if (headers.get('transfer-encoding') === 'chunked') {
    for (;;) {
      const [line, size] = /^([\da-f]+)\r\n/.exec(rest) ?? []
      assert(line !== undefined, `no chunk: ${JSON.stringify(rest.slice(0, 200))}`)
      const length = Number.parseInt(size!, 16)
      body += rest.slice(line.length, line.length + length)
      rest = rest.slice(line.length + length + 2)
      if (length === 0) break
    }
  } else {
    const length = Number(headers.get('content-length') ?? 0)
    assert(rest.length >= length, 'The answer was cut.')
    body = rest.slice(0, length)
    rest = rest.slice(length)
  }
  return [{ status, headers, body: Buffer.from(body, 'latin1').toString() }, ...parsed(rest)]
}
