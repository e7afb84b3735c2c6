import { makeExecutableSchema } from '@graphql-tools/schema'
import { createYoga, type YogaServerInstance } from 'graphql-yoga'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { sessionResolvers, sessionTypeDefs } from '../../src/graphql/resolvers.ts'
import { type GateOptions, useSessionGate } from '../../src/graphql/use-gate.ts'
import { useSession } from '../../src/graphql/use-session.ts'
import { createSessionServer } from '../../src/server/create-session-server.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { Client, given, listen, seen } from '../support/harness.ts'

const typeDefs = 'extend type Mutation { act: Int } type Subscription { acts: Int }'
const keys = { name: { client: ['read', 'write'] } } as const

/** A server, and how often somebody had it do something. */
interface Gated {
  readonly server: unknown
  acts: number
}

function resolversOf(gated: Gated) {
  return {
    Mutation: { act: () => ++gated.acts },
    Subscription: {
      acts: {
        async *subscribe() {
          yield { acts: ++gated.acts }
        },
      },
    },
  }
}

function ownYoga(options: GateOptions | undefined, yogaOptions: object): Gated {
  const gated: Gated = { server: null, acts: 0 }
  const schema = makeExecutableSchema({
    typeDefs: [sessionTypeDefs, typeDefs],
    resolvers: [sessionResolvers, resolversOf(gated)],
  })
  const plugins = [useSession({ store: memoryStore({ max: 10 }), keys }), useSessionGate(options)]
  return Object.assign(gated, { server: createYoga({ schema, plugins, logging: false, ...yogaOptions }) })
}

const servers: readonly (readonly [string, (options?: GateOptions) => Gated])[] = [
  [
    'createSessionServer',
    (options) => {
      const gated: Gated = { server: null, acts: 0 }
      const resolvers = resolversOf(gated)
      const store = memoryStore({ max: 10 })
      return Object.assign(gated, {
        server: createSessionServer({ store, keys, typeDefs, resolvers, logging: false, ...options }),
      })
    },
  ],
  [
    'useSessionGate in somebody’s own Yoga',
    (options) => ownYoga(options, { cors: false, maxRequestBodySize: false }),
  ],
  ['useSessionGate in somebody’s own Yoga, whose CORS is open', (options) => ownYoga(options, {})],
]

type Headers = Readonly<Record<string, string>>
type Sent = [method: string, headers: Headers, body?: string | undefined, search?: string]

/** Real HTTP: what Yoga is given by `fetch` is not what it is given by node:http. */
function serving(make: () => Gated) {
  let gated: Gated
  let running: Awaited<ReturnType<typeof listen>>
  let cookie: string
  beforeAll(async () => {
    gated = make()
    running = await listen(gated.server as YogaServerInstance<{}, {}>)
    const client = new Client(running.url)
    expect(
      (await client.run('mutation { setSessionKey(key: "name", value: "Ada") { created } }')).codes,
    ).toEqual([])
    given.add(client.token!)
    cookie = client.cookie
  })
  beforeEach(() => void (gated.acts = 0))
  afterAll(() => running.close())

  /** Sends what a browser would send with the visitor's cookie, and tells what came of it. */
  async function send(method: string, headers: Headers, body?: string, search = '') {
    const response = await fetch(running.url + search, {
      method,
      headers: { cookie, ...headers },
      redirect: 'manual',
      ...(body !== undefined && { body }),
    })
    const text = await response.text()
    const { headers: received } = response
    seen.push(text)
    return {
      status: response.status,
      code: /"code":"(\w+)"/.exec(text)?.[1],
      hasData: /"data":|Ada/.test(text),
      acts: gated.acts,
      opens: [...received.keys()].filter((name) => name.startsWith('access-control-allow-')),
      methods: received.get('access-control-allow-methods'),
      origin: received.get('access-control-allow-origin'),
      credentials: received.get('access-control-allow-credentials'),
      varies: (received.get('vary') ?? '').split(/, */).includes('Origin'),
      cookies: received.getSetCookie(),
      nosniff: received.get('x-content-type-options'),
      resources: received.get('cross-origin-resource-policy'),
    }
  }
  return Object.assign(send, { own: () => new URL(running.url).origin, acts: () => gated.acts })
}

const json = { 'content-type': 'application/json' }
const act = JSON.stringify({ query: 'mutation { act }' })
const urlencoded = (query: string): string => `?query=${encodeURIComponent(query)}`
const own = 'itself'

const configurations: readonly (readonly [string, readonly string[]])[] = [
  ['none', []],
  ['one', ['https://app.example']],
  ['two', ['https://app.example', 'https://admin.example']],
  ['one with a port', ['https://app.example:8443']],
  ['one over http', ['http://app.example']],
  ['localhost', ['http://localhost:5173']],
  ['addresses', ['http://127.0.0.1:5173', 'http://[::1]:5173']],
  ['an international name', ['https://xn--bcher-kva.example']],
]

const origins: readonly (string | null)[] = [
  null,
  own,
  'null',
  'https://app.example',
  'https://admin.example',
  'https://evil.example',
  'https://a.app.example',
  'https://app.example.evil',
  'https://evilapp.example',
  'https://app.example:8443',
  'https://app.example:443',
  'https://app.example/',
  'http://app.example',
  'HTTPS://APP.EXAMPLE',
  'http://localhost',
  'http://localhost:5173',
  'http://127.0.0.1:5173',
  'http://[::1]:5173',
  'https://xn--bcher-kva.example',
  'https://app.example, https://evil.example',
]

describe.each(servers)('CORS of %s', (_, make) => {
  describe.each(configurations)('open for: %s', (_, allowed) => {
    const send = serving(() => make(allowed.length > 0 ? { origins: allowed } : {}))
    const isAllowed = (origin: string | null): boolean => origin !== null && allowed.includes(origin)

    /** As a browser of today says it, or one of before Fetch Metadata; `null`: no browser. */
    const from = (origin: string | null, site?: string): Headers => {
      if (origin === null) return {}
      const isOwn = origin === own
      return {
        origin: isOwn ? send.own() : origin,
        ...(site && { 'sec-fetch-site': isOwn ? 'same-origin' : site }),
      }
    }

    const cells = async (cellOf: (origin: string | null) => unknown): Promise<Record<string, unknown>> => {
      const all = origins.map(async (origin) => [origin ?? 'no origin', await cellOf(origin)] as const)
      return Object.fromEntries(await Promise.all(all))
    }

    /** Where nobody is let in by name, it is all the same whether a cache knows the origins apart. */
    const opening = (origin: string | null, names: readonly string[]) => ({
      opens: isAllowed(origin) ? names.map((name) => `access-control-allow-${name}`) : [],
      origin: isAllowed(origin) ? origin : null,
      credentials: isAllowed(origin) ? 'true' : null,
      ...(allowed.length > 0 && { varies: true }),
    })

    it.each(['POST', 'GET', 'DELETE'])('preflights of %s', async (asked) => {
      const answers = await cells((origin) =>
        send('OPTIONS', {
          ...from(origin, 'cross-site'),
          'access-control-request-method': asked,
          'access-control-request-headers': 'content-type',
        }),
      )
      const expected = await cells((origin) => ({
        ...opening(origin, ['credentials', 'headers', 'methods', 'origin']),
        status: 204,
        methods: isAllowed(origin) ? 'POST, GET' : null,
        acts: 0,
      }))
      expect(answers).toMatchObject(expected)
    })

    it.each([
      ['a browser, of another site', 'cross-site'],
      ['a browser, of the same site', 'same-site'],
      ['a browser of before Fetch Metadata', undefined],
    ])('requests of %s', async (_, site) => {
      const isLetIn = (origin: string | null): boolean =>
        origin === null || origin === own || isAllowed(origin)
      const answers = await cells((origin) => send('POST', { ...json, ...from(origin, site) }, act))
      const expected = await cells((origin) => ({
        ...opening(origin, ['credentials', 'origin']),
        status: isLetIn(origin) ? 200 : 403,
        code: isLetIn(origin) ? undefined : 'CSRF_CHECK_FAILED',
        hasData: isLetIn(origin),
      }))
      expect(answers).toMatchObject(expected)
      expect(send.acts()).toBe(origins.filter(isLetIn).length)
    })
  })
})

describe('options that cannot be read are CONFIG_INVALID at start', () => {
  const store = memoryStore({ max: 1 })
  const refuses = (options: object, name: string): void => {
    const refusal = expect.objectContaining({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(name),
    })
    expect(() => useSessionGate(options)).toThrow(refusal)
    expect(() => createSessionServer({ store, ...options })).toThrow(refusal)
  }

  it.each<[unknown]>([
    ['*'],
    [true],
    [[]],
    [null],
    [{}],
    [/example/],
    [() => true],
    ['https://app.example'],
    [['*']],
    [['null']],
    [[null]],
    [[undefined]],
    [['']],
    [['https://*.example.com']],
    [['https://*']],
    [[/https:.*/]],
    [['app.example']],
    [['//app.example']],
    [['https://app.example/']],
    [['https://app.example/path']],
    [['https://app.example?']],
    [['https://app.example#']],
    [['https://user@app.example']],
    [['https://app.example:443']],
    [['http://app.example:80']],
    [['https://APP.example']],
    [['HTTPS://app.example']],
    [[' https://app.example']],
    [['https://app.example\n']],
    [['https://bücher.example']],
    [['https://[::1']],
    [['ftp://app.example']],
    [['file://']],
    [['chrome-extension://']],
    [['chrome-extension://abc/page.html']],
    [['chrome-extension://*']],
    [['CHROME-extension://abc']],
    [['capacitor://Localhost']],
    [['capacitor:localhost']],
    [['capacitor://user@localhost']],
    [['file://localhost']],
    [['wss://app.example']],
    [['javascript://app.example']],
    [['blob:https://app.example']],
    [['https://app.example, https://admin.example']],
    [['https://app.example', '*']],
    [['https://app.example', ['https://admin.example']]],
  ])('origins: %j', (given) => refuses({ origins: given }, 'origins'))

  it.each<[string, unknown]>([
    ...['yes', 1, null, 'loopback', ['127.0.0.1']].map((value) => ['trustProxy', value] as [string, unknown]),
    ...['10kb', '131072', 0, -1, 1.5, Number.NaN, Infinity, null, true, 2 ** 31].map(
      (value) => ['maxRequestBodySize', value] as [string, unknown],
    ),
    ...['no', 0, null].map((value) => ['introspection', value] as [string, unknown]),
    ...[null, [], 5, 'none'].map((value) => ['operationLimits', value] as [string, unknown]),
    ...['on', null, {}].map((value) => ['onEvent', value] as [string, unknown]),
  ])('%s: %j', (name, value) => refuses({ [name]: value }, name))

  it.each(['tokens', 'depth', 'rootFields', 'aliases', 'directives', 'literalDepth'])(
    'operationLimits.%s',
    (name) => {
      for (const value of ['10', 0, -1, 1.5, Number.NaN, Infinity, null, 2 ** 31]) {
        refuses({ operationLimits: { [name]: value } }, `operationLimits.${name}`)
      }
    },
  )

  it('and so is an option that nobody knows', () => {
    refuses({ origin: ['https://app.example'] }, 'origin')
    refuses({ operationLimits: { fields: 5 } }, 'fields')
  })

  it('and a cookie for other sites without a list of them', () => {
    const cookie = { sameSite: 'none' } as const
    const refusal = expect.objectContaining({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('sameSite'),
    })
    expect(() => createSessionServer({ store, cookie })).toThrow(refusal)
    expect(() => createSessionServer({ store, cookie, origins: ['https://app.example'] })).not.toThrow()
  })
})

describe.each(servers)('a proxy in front of %s', (_, make) => {
  const shop = 'https://shop.example'
  const forwarded = { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'shop.example' }
  const cases: readonly (readonly [string, Headers, boolean])[] = [
    ['what it says', { ...forwarded, origin: shop }, true],
    [
      'in upper case',
      { ...forwarded, 'x-forwarded-proto': 'HTTPS', 'x-forwarded-host': 'SHOP.example', origin: shop },
      true,
    ],
    [
      'a port that is the usual one',
      { ...forwarded, 'x-forwarded-host': 'shop.example:443', origin: shop },
      true,
    ],
    [
      'a port',
      { ...forwarded, 'x-forwarded-host': 'shop.example:8443', origin: 'https://shop.example:8443' },
      true,
    ],
    [
      'a port that the page has not',
      { ...forwarded, 'x-forwarded-host': 'shop.example:8443', origin: shop },
      false,
    ],
    ['another scheme', { ...forwarded, 'x-forwarded-proto': 'http', origin: shop }, false],
    ['another host', { ...forwarded, origin: 'https://evil.example' }, false],
    ['no scheme', { 'x-forwarded-host': 'shop.example', origin: shop }, false],
    [
      'no scheme, of a page without TLS',
      { 'x-forwarded-host': 'shop.example', origin: 'http://shop.example' },
      true,
    ],
    [
      'TLS as far as the first proxy',
      { ...forwarded, 'x-forwarded-proto': 'https,http', origin: shop },
      true,
    ],
    ['TLS to none', { ...forwarded, 'x-forwarded-proto': 'http, http', origin: shop }, false],
    ['an empty host', { ...forwarded, 'x-forwarded-host': '', origin: shop }, false],
    [
      'the last of a list',
      { 'x-forwarded-proto': 'http, https', 'x-forwarded-host': 'evil.example, shop.example', origin: shop },
      true,
    ],
    [
      'the first of a list',
      {
        'x-forwarded-proto': 'https, https',
        'x-forwarded-host': 'evil.example, shop.example',
        origin: 'https://evil.example',
      },
      false,
    ],
    [
      'a list whose last is empty',
      { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'evil.example,', origin: 'https://evil.example' },
      false,
    ],
    ['no host', { ...forwarded, 'x-forwarded-host': '[', origin: shop }, false],
    ['a scheme that has no origins', { ...forwarded, 'x-forwarded-proto': 'blob', origin: 'null' }, false],
    ['no proxy, and its own origin', { origin: own }, true],
    ['no proxy, and another origin', { origin: shop }, false],
    ['a page of another site', { ...forwarded, origin: shop, 'sec-fetch-site': 'cross-site' }, false],
    ['another header', { forwarded: 'host=shop.example;proto=https', origin: shop }, false],
  ]

  describe('that is trusted', () => {
    const send = serving(() => make({ trustProxy: true }))
    it.each(cases)('%s', async (_, headers, isOurs) => {
      const { origin } = headers
      const answer = await send(
        'POST',
        { ...json, ...headers, origin: origin === own ? send.own() : origin! },
        act,
      )
      expect([answer.status, answer.acts]).toEqual(isOurs ? [200, 1] : [403, 0])
      expect(answer.opens).toEqual([])
    })
  })

  describe('that is not', () => {
    const send = serving(() => make())
    it.each(cases)('%s', async (_, headers) => {
      const { origin } = headers
      const answer = await send(
        'POST',
        { ...json, ...headers, origin: origin === own ? send.own() : origin! },
        act,
      )
      expect([answer.status, answer.acts]).toEqual(origin === own ? [200, 1] : [403, 0])
      expect(answer.opens).toEqual([])
    })
  })
})

describe.each(servers)('pages of apps and extensions, with %s', (_, make) => {
  const apps = [
    'capacitor://localhost',
    'tauri://localhost',
    'chrome-extension://abcdef',
    'moz-extension://0a-1b',
  ]
  const send = serving(() => make({ origins: apps }))

  it.each(apps)('come from %s', async (origin) => {
    const answer = await send('POST', { ...json, origin, 'sec-fetch-site': 'cross-site' }, act)
    expect([answer.status, answer.acts, answer.origin, answer.credentials]).toEqual([200, 1, origin, 'true'])
    const preflight = await send('OPTIONS', { origin, 'access-control-request-method': 'POST' })
    expect([preflight.origin, preflight.methods]).toEqual([origin, 'POST, GET'])
  })

  it.each(['null', 'tauri://evil', 'chrome-extension://abcde', 'http://localhost', 'ionic://localhost'])(
    'and not from %s',
    async (origin) => {
      const answer = await send('POST', { ...json, origin, 'sec-fetch-site': 'cross-site' }, act)
      expect([answer.status, answer.acts, answer.opens]).toEqual([403, 0, []])
    },
  )
})

describe.each(servers)('what pages of other sites have done to others, with %s', (_, make) => {
  const send = serving(() => make({ origins: ['https://app.example'] }))
  const query = urlencoded('{ session { value(key: "name") } }')
  const mutation = urlencoded('mutation { act }')
  const evil = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }
  const form = (type: string): Headers => ({ 'content-type': type })
  const navigation = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }
  const files = [
    '--b\r\nContent-Disposition: form-data; name="operations"\r\n\r\n',
    act,
    '\r\n--b\r\nContent-Disposition: form-data; name="map"\r\n\r\n{}\r\n--b--\r\n',
  ].join('')
  const multipart = form('multipart/form-data; boundary=b')

  it.each<[string, Sent, number]>([
    ['a form', ['POST', { ...form('application/x-www-form-urlencoded'), ...evil, ...navigation }, mutation.slice(1)], 415],
    ['a form of a sandbox', ['POST', { ...form('application/x-www-form-urlencoded'), origin: 'null' }, mutation.slice(1)], 415],
    ['a form in upper case (Hono CVE-2024-43787)', ['POST', { ...form('APPLICATION/X-WWW-FORM-URLENCODED'), ...evil }, mutation.slice(1)], 415],
    ['a form of text that is JSON', ['POST', { ...form('text/plain'), ...evil, ...navigation }, act], 415],
    ['files (Apollo GHSA-2p3c-p3qw-69r4)', ['POST', { ...multipart, ...evil }, files], 415],
    ['files of an old browser', ['POST', multipart, files], 415],
    ['no type (Hono CVE-2024-48913)', ['POST', { 'content-type': '', ...evil }, act], 415],
    ['no type of an old browser', ['POST', { 'content-type': '' }, act], 415],
    ['a type that only begins with JSON', ['POST', form('application/jsonp'), act], 415],
    ['a type that holds JSON', ['POST', form('text/plain; application/json'), act], 415],
    ['JSON', ['POST', { ...json, ...evil }, act], 403],
    ['JSON of a sandbox', ['POST', { ...json, origin: 'null', 'sec-fetch-site': 'cross-site' }, act], 403],
    ['JSON of a sandbox in an old browser', ['POST', { ...json, origin: 'null' }, act], 403],
    ['JSON of a subdomain', ['POST', { ...json, origin: 'http://a.127.0.0.1', 'sec-fetch-site': 'same-site' }, act], 403],
    ['JSON without an origin', ['POST', { ...json, 'sec-fetch-site': 'cross-site' }, act], 403],
    ['JSON without an origin, of a subdomain', ['POST', { ...json, 'sec-fetch-site': 'same-site' }, act], 403],
    ['a mutation by GET', ['GET', evil, undefined, mutation], 403],
    ['a mutation by a link', ['GET', { ...navigation, 'sec-fetch-site': 'cross-site' }, undefined, mutation], 403],
    ['a mutation by an address bar', ['GET', { ...navigation, 'sec-fetch-site': 'none' }, undefined, mutation], 405],
    ['an image', ['GET', { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' }, undefined, query], 403],
    ['an image of an old browser', ['GET', { accept: 'image/avif,*/*;q=0.8' }, undefined, query], 403],
    ['a script of an old browser', ['GET', { accept: '*/*' }, undefined, `${query}&callback=steal`], 403],
    ['a link', ['GET', { ...navigation, 'sec-fetch-site': 'cross-site' }, undefined, query], 403],
    ['a GET of a subdomain', ['GET', { 'sec-fetch-site': 'same-site' }, undefined, query], 403],
    ['a GET of an odd type (Apollo GHSA-9q82-xgwf-vj6h)', ['GET', form('message/*'), undefined, query], 415],
    ['a GET of text', ['GET', form('text/plain'), undefined, query], 415],
    ['a GET of a form', ['GET', form('application/x-www-form-urlencoded'), undefined, query], 415],
    ['a GET that says JSON', ['GET', { ...json, ...evil }, undefined, query], 403],
    ['a GET with the proof of others', ['GET', { 'apollo-require-preflight': '1', 'x-requested-with': 'a' }, undefined, query], 403],
    ['a stream', ['GET', { ...evil, accept: 'text/event-stream' }, undefined, urlencoded('subscription { acts }')], 403],
    ['a stream of an old browser', ['GET', { accept: 'text/event-stream' }, undefined, urlencoded('subscription { acts }')], 403],
    ['a mutation as a stream', ['GET', { ...json, accept: 'text/event-stream' }, undefined, mutation], 405],
    ['an answer nobody can give', ['POST', { ...json, accept: 'application/xml' }, act], 406],
    ['another method', ['PUT', { ...json, ...evil }, act], 405],
    ['a method in a header', ['GET', { ...json, 'x-http-method-override': 'POST' }, undefined, mutation], 405],
  ])('%s', async (_, [method, headers, body, search], status) => {
    const answer = await send(method, headers, body, search)
    expect(answer).toMatchObject({
      status,
      acts: 0,
      hasData: false,
      opens: [],
      cookies: [],
      nosniff: 'nosniff',
      resources: 'same-origin',
      code: { 403: 'CSRF_CHECK_FAILED', 405: 'METHOD_NOT_ALLOWED', 406: 'NOT_ACCEPTABLE', 415: 'UNSUPPORTED_MEDIA_TYPE' }[status],
    })
    expect(answer.varies).toBe(true)
  })

  it.each<[string, Sent]>([
    ['a page of its own', ['POST', { ...json, 'sec-fetch-site': 'same-origin' }, act]],
    ['no browser', ['POST', json, act]],
    ['a page that is allowed', ['POST', { ...json, origin: 'https://app.example', 'sec-fetch-site': 'cross-site' }, act]],
    ['a GET of a page of its own', ['GET', { 'sec-fetch-site': 'same-origin' }, undefined, query]],
    ['a GET of an address bar', ['GET', { ...navigation, 'sec-fetch-site': 'none' }, undefined, query]],
    ['a GET of a page that is allowed', ['GET', { origin: 'https://app.example', 'sec-fetch-site': 'cross-site' }, undefined, query]],
    ['a GET of no browser', ['GET', json, undefined, query]],
    ['a stream of a page of its own', ['GET', { accept: 'text/event-stream', 'sec-fetch-site': 'same-origin' }, undefined, urlencoded('subscription { acts }')]],
  ])('and is let in: %s', async (_, [method, headers, body, search]) => {
    const answer = await send(method, headers, body, search)
    expect(answer).toMatchObject({ status: 200, hasData: true, acts: search === query ? 0 : 1 })
  })
}) // prettier-ignore
