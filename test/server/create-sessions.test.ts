import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect as connectHttp2, createServer as createHttp2 } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { json, text } from 'node:stream/consumers'
import { setImmediate } from 'node:timers/promises'
import { makeExecutableSchema } from '@graphql-tools/schema'
import { execute, type ExecutionResult, GraphQLError, parse, subscribe } from 'graphql'
import { type Client as SocketClient, createClient } from 'graphql-ws'
import { useServer } from 'graphql-ws/use/ws'
import { describe, expect, it, onTestFinished } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { sessionResolvers, sessionTypeDefs } from '../../src/graphql/resolvers.ts'
import type { SessionContext } from '../../src/graphql/use-session.ts'
import { createSessions, type CreateSessionsOptions } from '../../src/server/create-sessions.ts'
import { openSession } from '../../src/server/open-session.ts'
import { SessionError } from '../../src/session/errors.ts'
import type { SessionEvent } from '../../src/session/events.ts'
import type { KeyedStore } from '../../src/session/store.ts'
import { cookieStore } from '../../src/stores/cookie.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { Client, gate, listen, manualClock } from '../support/harness.ts'

interface Data {
  theme: string
  cart: string[]
  note: string
  user_id: string
  seen: number
}

const keys = {
  theme: { client: ['read', 'write', 'delete'] },
  note: { client: ['read', 'write'] },
  seen: { client: ['read'] },
} as const

const typeDefs = [
  sessionTypeDefs,
  /* GraphQL */ `
    extend type Query {
      me: String
      forget: Boolean
    }

    extend type Mutation {
      login(id: String!): Boolean!
      fails(key: String!): Boolean
      part(key: String!): Part
      wrong: Boolean
      bad: Boolean
    }

    type Part {
      fails: Boolean!
    }

    type Subscription {
      seen(to: Int!): Int!
      begins: Int!
      opens: Int!
      writes(key: String!): Int!
      reads: Int!
    }
  `,
]

type Context = SessionContext<Data>

/** When `reads` has its second event. */
let goOn = gate()

async function* over<Each>(events: readonly Each[]): AsyncGenerator<Each> {
  yield* events
}

const schema = makeExecutableSchema<Context>({
  typeDefs,
  resolvers: [
    sessionResolvers as never,
    {
      Query: {
        me: (_, __, { session }) => session.get('user_id'),
        forget: (_, __, { session }) =>
          session.get('theme').then(
            () => null,
            () => null,
          ),
      },
      Mutation: {
        async login(_, { id }, { session }) {
          await session.rotate()
          session.set('user_id', id)
          return true
        },
        fails(_, { key }, { session }) {
          session.set(key, 'x')
          throw new GraphQLError('No.')
        },
        part(_, { key }, { session }) {
          session.set(key, 'x')
          return {}
        },
        wrong(_, __, { session }) {
          session.set('theme', new Date() as never)
        },
        bad() {
          throw new GraphQLError('Bad.', { extensions: { code: 'BAD', http: { status: 422 } } })
        },
      },
      Part: {
        fails() {
          throw new GraphQLError('No.')
        },
      },
      Subscription: {
        seen: {
          async *subscribe(_, { to }, { session }) {
            for (let seen = 1; seen <= to; seen++) {
              session.set('seen', seen)
              yield { seen }
            }
          },
        },
        begins: {
          async *subscribe(_, __, { session }) {
            session.set('seen', 1)
            yield { begins: 1 }
          },
        },
        opens: {
          subscribe(_, __, { session }) {
            session.set('seen', 1)
            return over([{ opens: 1 }, { opens: 2 }])
          },
        },
        writes: {
          async *subscribe(_, { key }, { session }) {
            yield { writes: 1 }
            session.set(key, 'y'.repeat(20_000))
            yield { writes: 2 }
          },
        },
        reads: {
          async *subscribe(_, __, { session }) {
            await session.get('seen')
            yield { reads: 1 }
            await goOn.promise
            await session.get('seen')
            yield { reads: 2 }
          },
        },
      },
    },
  ],
})

interface Guest {
  readonly url: string
  readonly store: KeyedStore
  readonly logged: string[]
  readonly events: SessionEvent[]
  client(): Client
  /** What the session of a client holds in the store. */
  stored(client: Client): Promise<Record<string, unknown>>
  socket(client?: Client, headers?: Record<string, string>): SocketClient
}

/** The whole of a guest: node:http with graphql-js, and graphql-ws beside it, as docs/frameworks.md has them. */
async function serve(options: Partial<CreateSessionsOptions<Data>> = {}): Promise<Guest> {
  const store = (options.store ?? memoryStore({ max: 1000 })) as KeyedStore
  const logged: string[] = []
  const events: SessionEvent[] = []
  const log = (text: unknown): void => void logged.push(String(text))
  const sessions = createSessions<Data>({
    schema,
    store,
    keys,
    logger: { error: log, warn: log },
    onEvent: (event) => void events.push(event),
    ...options,
  })
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (!sessions.checkOrigin(request)) return void response.writeHead(403).end()
    const { query, variables } = (await json(request)) as { query: string; variables: {} }
    const contextValue = sessions.begin(request)
    const executed = await execute({
      schema,
      document: parse(query),
      variableValues: variables,
      contextValue,
    })
    const { result, status, headers } = await sessions.finish(contextValue, executed)
    for (const [name, value] of headers) response.appendHeader(name, value)
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(result))
  }
  const { url, server, close } = await listen(answer)
  const sockets = new WebSocketServer({
    server,
    path: '/graphql',
    verifyClient: ({ req }: { req: IncomingMessage }) => sessions.checkOrigin(req),
  })
  const closing = useServer(
    {
      schema,
      context: ({ extra }) => sessions.begin(extra.request),
      onOperation: async (_, __, ___, { contextValue }, operation) =>
        (await sessions.finish(contextValue, await operation)).result,
    },
    sockets,
  )
  onTestFinished(async () => {
    await closing.dispose()
    await close()
  })
  return {
    url,
    store,
    logged,
    events,
    client: () => new Client(url),
    stored: async ({ token }) => Object.fromEntries(await openSession<Data>(store, token ?? null).entries()),
    socket(client, headers = {}) {
      const cookie = client && { cookie: client.cookie }
      class WithHeaders extends WebSocket {
        constructor(address: string, protocols: string[]) {
          super(address, protocols, { headers: { ...cookie, ...headers } })
        }
      }
      const socket = createClient({
        url: url.replace('http', 'ws'),
        webSocketImpl: WithHeaders,
        retryAttempts: 0,
        // One socket for all operations.
        lazyCloseTimeout: 60_000,
      })
      onTestFinished(() => void socket.dispose())
      return socket
    },
  }
}

async function run(socket: SocketClient, query: string): Promise<ExecutionResult[]> {
  const results: ExecutionResult[] = []
  for await (const result of socket.iterate({ query })) results.push(result as ExecutionResult)
  return results
}
const codesOf = (results: readonly ExecutionResult[]): unknown[] =>
  results.flatMap(({ errors = [] }) => errors.map(({ extensions }) => extensions['code']))

const set = (key: string, value: string): string =>
  `mutation { setSessionKey(key: "${key}", value: "${value}") { created } }`

describe('over node:http', () => {
  it('saves without save(), and sets the cookie', async () => {
    const guest = await serve()
    const client = guest.client()
    const { data, setCookies, headers, status } = await client.run(set('theme', 'dark'))
    expect(data).toEqual({ setSessionKey: { created: true } })
    expect(status).toBe(200)
    expect(setCookies).toEqual([expect.stringMatching(/^graphql-session-\d+=[\w-]{43}; .*HttpOnly/)])
    expect([headers.get('cache-control'), headers.get('vary')]).toEqual(['no-store', 'Cookie'])
    expect(await guest.stored(client)).toEqual({ theme: 'dark' })
    const again = await client.run('{ session { value(key: "theme") } }')
    expect(again.data).toEqual({ session: { value: 'dark' } })
    expect(again.setCookies).toEqual([])
  })

  it('leaves an answer alone that did not use its session', async () => {
    const { headers } = await (await serve()).client().run('{ __typename }')
    expect([headers.get('cache-control'), headers.get('vary')]).toEqual([null, null])
  })

  it.each([
    'setSessionKey(key: "user_id", value: "admin") { created }',
    'updateSession(data: { user_id: "admin" }) { entries { key } }',
    'setDefaultSessionKey(key: "user_id", value: "admin") { created }',
    'popSessionKey(key: "user_id") { value }',
  ])('refuses a client what is not declared: %s', async (field) => {
    const guest = await serve()
    const client = guest.client()
    const { codes, setCookies } = await client.run(`mutation { ${field} }`)
    expect(codes).toEqual(['SESSION_KEY_FORBIDDEN'])
    expect(setCookies).toEqual([])
    expect((await client.run('{ me }')).data).toEqual({ me: null })
  })

  it('keeps what two requests write at the same time', async () => {
    const guest = await serve()
    const client = guest.client()
    await client.run(set('theme', 'dark'))
    await Promise.all([client.run(set('theme', 'light')), client.run(set('note', 'milk'))])
    expect(await guest.stored(client)).toEqual({ theme: 'light', note: 'milk' })
  })

  it('takes back what failed fields recorded, and keeps what the others did', async () => {
    const guest = await serve()
    const client = guest.client()
    const { codes } = await client.run(/* GraphQL */ `
      mutation {
        setSessionKey(key: "theme", value: "dark") {
          created
        }
        fails(key: "note")
        part(key: "user_id") {
          fails
        }
      }
    `)
    expect(codes).toEqual([undefined, undefined])
    expect(await guest.stored(client)).toEqual({ theme: 'dark' })
  })

  it('begins no session for what a failed field recorded', async () => {
    const guest = await serve()
    const { setCookies } = await guest.client().run('mutation { fails(key: "note") }')
    expect(setCookies).toEqual([])
    expect(guest.events).toEqual([])
  })

  it.each([
    ['SESSION_VALUE_TOO_LARGE', set('theme', 'x'.repeat(9000))],
    ['SESSION_KEY_INVALID', set('__proto__', 'x')],
    [
      'SESSION_TOO_LARGE',
      `mutation { a: ${set('theme', 'x').slice(11, -2)} b: ${set('note', 'x').slice(11, -2)} }`,
    ],
  ])('gives errors their code: %s', async (code, mutation) => {
    const guest = await serve({ limits: { keys: 1 } })
    expect((await guest.client().run(mutation)).codes).toEqual([code])
  })

  it('answers with the status for which an error asks, and does not send it in the error', async () => {
    const guest = await serve()
    const { status, text } = await guest.client().run('mutation { bad }')
    expect(status).toBe(422)
    expect(text).not.toContain('http')
    const missing = await guest.client().run('mutation { setSessionKey(key: "theme") { created } }')
    expect([missing.status, missing.codes]).toEqual([400, ['BAD_USER_INPUT']])
    expect(missing.text).not.toContain('http')
  })

  it.each([42, 99.5, 700, 'teapot'])('sends no status that is none: %s', async (status) => {
    const { begin, finish } = createSessions({ schema, store: memoryStore({ max: 1 }) })
    const error = new GraphQLError('Bad.', { extensions: { http: { status: status as number } } })
    const context = begin(new Request('https://shop.example/graphql'))
    expect((await finish(context, { errors: [error] })).status).toBe(200)
  })

  it('logs mistakes of resolvers', async () => {
    const guest = await serve()
    expect((await guest.client().run('mutation { wrong }')).codes).toEqual(['SESSION_VALUE_INVALID'])
    expect(guest.logged).toEqual([expect.stringMatching(/^wrong: SESSION_VALUE_INVALID/)])
  })

  it('logs out, gives a new cookie, and tells requests with the old one', async () => {
    const guest = await serve()
    const client = guest.client()
    await client.run(set('theme', 'dark'))
    const other = client.fork()
    const { data, setCookies } = await client.run('mutation { logout(flush: true) { flushed } }')
    expect(data).toEqual({ logout: { flushed: true } })
    expect(setCookies).toHaveLength(1)
    expect(client.token).not.toBe(other.token)
    expect(await guest.stored(client)).toEqual({})
    const late = await other.run(set('theme', 'light'))
    expect([late.codes, late.data, late.setCookies]).toEqual([['SESSION_GONE'], null, []])
  })

  it('gives a new cookie at a sign-in, and tells requests with the old one', async () => {
    const guest = await serve()
    const client = guest.client()
    await client.run(set('theme', 'dark'))
    const other = client.fork()
    await client.run('mutation { login(id: "ada") }')
    expect((await client.run('{ me session { value(key: "theme") } }')).data).toEqual({
      me: 'ada',
      session: { value: 'dark' },
    })
    const late = await other.run('{ me }')
    expect([late.codes, late.data, late.setCookies]).toEqual([['SESSION_MOVED'], { me: null }, []])
  })

  it('answers 503 while the store is down, also where a resolver hides it', async () => {
    const store = memoryStore({ max: 10 })
    const guest = await serve({ store })
    const client = guest.client()
    await client.run(set('theme', 'dark'))
    const { commit, read } = store
    const fail = () => Promise.reject(new Error('password'))
    Object.assign(store, { commit: fail, read: fail })
    for (const query of [set('theme', 'light'), '{ me }', '{ forget }']) {
      const { status, headers, codes, text, setCookies } = await client.run(query)
      expect([status, headers.get('retry-after'), codes, setCookies]).toEqual([
        503,
        '1',
        ['SESSION_STORE_UNAVAILABLE'],
        [],
      ])
      expect(text).not.toMatch(/password|http/)
    }
    expect(guest.logged.join()).not.toContain('password')
    Object.assign(store, { commit, read })
    expect((await client.run('{ session { value(key: "theme") } }')).data).toEqual({
      session: { value: 'dark' },
    })
  })

  it('keeps a session in its cookie', async () => {
    const guest = await serve({ store: cookieStore({ keys: ['k'.repeat(43)] }) })
    const client = guest.client()
    await client.run(set('theme', 'dark'))
    await client.run(set('note', 'milk'))
    const { data } = await client.run('{ session { entries { key value } } }')
    expect(data.session.entries).toEqual([
      { key: 'theme', value: 'dark' },
      { key: 'note', value: 'milk' },
    ])
    // A socket cannot get a new cookie, so that nothing can be written over it.
    expect(codesOf(await run(guest.socket(client), set('theme', 'light')))).toEqual(['SESSION_HEADERS_SENT'])
  })

  it.each([
    ['of another site', { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }, 403],
    ['of another site, in an old browser', { origin: 'https://evil.example' }, 403],
    ['of a form, in a very old browser', { 'content-type': 'text/plain' }, 403],
    ['of a form with a type of its own', { 'content-type': 'application/x-www-form-urlencoded; a=b' }, 403],
    ['of an upload that nobody has to ask for', { 'content-type': 'multipart/form-data; boundary=a' }, 403],
    ['of its own page', { origin: 'https://evil.example', 'sec-fetch-site': 'same-origin' }, 200],
    ['of a listed site', { origin: 'https://app.example', 'sec-fetch-site': 'cross-site' }, 200],
    ['of no browser', {}, 200],
  ])('judges a request %s', async (_, headers, status) => {
    const guest = await serve({ origins: ['https://app.example'] })
    const client = guest.client()
    await client.run(set('theme', 'dark'))
    const response = await fetch(guest.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', cookie: client.cookie, ...headers },
      body: JSON.stringify({ query: set('theme', 'light') }),
    })
    expect(response.status).toBe(status)
    expect(await guest.stored(client)).toEqual({ theme: status === 200 ? 'light' : 'dark' })
    const refused = guest.events.filter(({ type }) => type === 'refused')
    expect(refused).toEqual(status === 200 ? [] : [{ type: 'refused', status, code: 'CSRF_CHECK_FAILED' }])
  })

  it('begins a session for a listed site in an old browser', async () => {
    const guest = await serve({ origins: ['https://app.example'] })
    const { codes } = await guest.client().run(set('theme', 'dark'), {}, { origin: 'https://app.example' })
    expect(codes).toEqual([])
  })

  it('judges a request of HTTP/2 by its authority', async () => {
    const sessions = createSessions({
      schema,
      store: memoryStore({ max: 1 }),
      logger: { error() {}, warn() {} },
    })
    const server = createHttp2((request, response) => {
      response.end(String(sessions.checkOrigin(request as never)))
    })
    await new Promise<void>((listening) => void server.listen(0, '127.0.0.1', listening))
    const own = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const connection = connectHttp2(own)
    onTestFinished(() => {
      connection.destroy()
      server.close()
    })
    const ask = (origin: string): Promise<string> =>
      text(connection.request({ ':method': 'POST', 'content-type': 'application/json', origin }).end())
    expect([await ask(own), await ask('https://evil.example')]).toEqual(['true', 'false'])
  })

  it('begins no session for a page of a sibling whose cookie the browser holds back', async () => {
    const sessions = createSessions({
      schema,
      store: memoryStore({ max: 1 }),
      keys,
      cookie: { sameSite: 'strict' },
    })
    const request = new Request('https://shop.example/graphql', {
      headers: { 'sec-fetch-site': 'cross-site' },
    })
    const context = sessions.begin(request)
    const document = parse(set('theme', 'dark'))
    const { result } = await sessions.finish(
      context,
      await execute({ schema, document, contextValue: context }),
    )
    expect(codesOf([result])).toEqual(['SESSION_CROSS_SITE'])
  })
})

describe('over a socket', () => {
  async function signedIn(options?: Partial<CreateSessionsOptions<Data>>): Promise<[Guest, Client]> {
    const guest = await serve(options)
    const client = guest.client()
    await client.run(set('theme', 'dark'))
    return [guest, client]
  }

  it('reads and writes the session of the cookie', async () => {
    const [guest, client] = await signedIn()
    const socket = guest.socket(client)
    expect(await run(socket, set('theme', 'light'))).toEqual([
      { data: { setSessionKey: { created: false } } },
    ])
    expect(await guest.stored(client)).toEqual({ theme: 'light' })
    // A request over HTTP is seen by the next operation on the same socket.
    await client.run(set('note', 'milk'))
    expect(await run(socket, '{ session { value(key: "note") } }')).toEqual([
      { data: { session: { value: 'milk' } } },
    ])
  })

  it('counts operations as activity, and an open stream not', async () => {
    goOn = gate()
    const clock = manualClock()
    const [guest, client] = await signedIn({ clock, idleTimeout: 100 })
    const theme = '{ session { value(key: "theme") } }'
    const dark = { session: { value: 'dark' } }
    const socket = guest.socket(client)
    const reading = socket.iterate({ query: 'subscription { reads }' })
    expect((await reading.next()).value).toEqual({ data: { reads: 1 } })
    for (let times = 0; times < 3; times++) {
      clock.forward(60)
      expect(await run(socket, theme)).toEqual([{ data: dark }])
    }
    clock.forward(60)
    goOn.resolve()
    expect((await reading.next()).value).toEqual({ data: { reads: 2 } })
    clock.forward(60)
    expect((await client.run(theme)).data).toEqual({ session: { value: null } })
  })

  it('answers an error where a cookie would be needed', async () => {
    const [guest, client] = await signedIn()
    const socket = guest.socket(client)
    for (const mutation of [
      'mutation { logout(flush: true) { flushed } }',
      'mutation { rotateSession { session { isNew } } }',
      'mutation { login(id: "ada") }',
      'mutation { setSessionExpiry(expiry: { seconds: 60 }) { session { isNew } } }',
    ]) {
      expect(codesOf(await run(socket, mutation))).toEqual(['SESSION_HEADERS_SENT'])
    }
    expect(await guest.stored(client)).toEqual({ theme: 'dark' })
  })

  it.each(['none', 'a dead one'])('begins no session with this cookie: %s', async (which) => {
    const guest = await serve({ cookie: { name: 'sid' } })
    const cookie = `sid=${'A'.repeat(43)}`
    const socket = guest.socket(undefined, which === 'none' ? {} : { cookie })
    const [result] = await run(socket, set('theme', 'dark'))
    expect(result!.data).toBeFalsy()
    expect(codesOf([result!])).toEqual(['SESSION_HEADERS_SENT'])
    expect(guest.events.filter(({ type }) => type === 'created')).toEqual([])
  })

  it('refuses a client what is not declared, and takes back what failed', async () => {
    const [guest, client] = await signedIn()
    const socket = guest.socket(client)
    expect(codesOf(await run(socket, set('user_id', 'admin')))).toEqual(['SESSION_KEY_FORBIDDEN'])
    await run(socket, 'mutation { fails(key: "note") }')
    expect(await guest.stored(client)).toEqual({ theme: 'dark' })
  })

  it('tells an operation that the session was replaced or has ended', async () => {
    const [guest, client] = await signedIn()
    const [before, ended] = [guest.socket(client), guest.socket(client)]
    await run(before, '{ me }')
    await client.run('mutation { login(id: "ada") }')
    expect(codesOf(await run(before, '{ me }'))).toEqual(['SESSION_MOVED'])
    expect(codesOf(await run(before, set('theme', 'light')))).toEqual(['SESSION_MOVED'])
    await client.run('mutation { logout { flushed } }')
    expect(codesOf(await run(ended, set('theme', 'light')))).toEqual(['SESSION_MOVED'])
    expect(await run(guest.socket(client), '{ me }')).toEqual([{ data: { me: null } }])
  })

  it('saves each event before it is delivered', async () => {
    const [guest, client] = await signedIn()
    const seen: unknown[] = []
    for await (const { data } of guest.socket(client).iterate({ query: 'subscription { seen(to: 3) }' })) {
      seen.push([data!['seen'], (await guest.stored(client))['seen']])
    }
    // The source may be ahead of the client, and never behind.
    expect(seen.map((each) => (each as number[])[0])).toEqual([1, 2, 3])
    for (const [event, stored] of seen as [number, number][]) expect(stored).toBeGreaterThanOrEqual(event)
  })

  it('tells an event that could not be saved', async () => {
    const [guest, client] = await signedIn()
    const results = await run(guest.socket(client), 'subscription { writes(key: "note") }')
    expect(results[0]).toEqual({ data: { writes: 1 } })
    expect(codesOf(results.slice(1))).toEqual(['SESSION_VALUE_TOO_LARGE'])
    const nobody = await run(guest.socket(), 'subscription { begins }')
    expect(codesOf(nobody)).toEqual(['SESSION_HEADERS_SENT'])
  })

  it('tells that the store is down, and goes on when it is back', async () => {
    goOn.resolve()
    const store = memoryStore({ max: 10 })
    const [guest, client] = await signedIn({ store })
    const socket = guest.socket(client)
    const { commit, read } = store
    const fail = () => Promise.reject(new Error('password'))
    Object.assign(store, { commit: fail, read: fail })
    for (const query of [set('theme', 'light'), '{ me }', 'subscription { reads }']) {
      const results = await run(socket, query)
      expect(codesOf(results)).toEqual(['SESSION_STORE_UNAVAILABLE'])
      expect(JSON.stringify(results)).not.toMatch(/password|http/)
    }
    Object.assign(store, { commit, read })
    expect(await run(socket, 'subscription { reads }')).toEqual([
      { data: { reads: 1 } },
      { data: { reads: 2 } },
    ])
  })

  it.each([
    ['another site', { origin: 'https://evil.example' }, false],
    ['a sandboxed page', { origin: 'null' }, false],
    ['a page of another port', { origin: 'http://127.0.0.1:1' }, false],
    ['a page with another scheme', (url: URL) => ({ origin: `https://${url.host}` }), false],
    [
      'a page of another site that says so',
      { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' },
      false,
    ],
    ['no origin, though a browser', { 'sec-fetch-site': 'cross-site' }, false],
    ['the own page', (url: URL) => ({ origin: url.origin }), true],
    [
      'the own page, which says so',
      { origin: 'https://shop.example', 'sec-fetch-site': 'same-origin' },
      true,
    ],
    ['a listed site', { origin: 'https://app.example', 'sec-fetch-site': 'cross-site' }, true],
    ['no browser', {}, true],
  ])('judges the origin of a handshake: %s', async (_, given, isAllowed) => {
    const [guest, client] = await signedIn({ origins: ['https://app.example'] })
    const headers = (typeof given === 'function' ? given(new URL(guest.url)) : given) as Record<
      string,
      string
    >
    const operation = run(guest.socket(client, headers), '{ session { value(key: "theme") } }')
    const answer = await operation.then(
      ([result]) => result!.data,
      () => null,
    )
    expect(answer).toEqual(isAllowed ? { session: { value: 'dark' } } : null)
    expect(guest.events.filter(({ type }) => type === 'refused')).toEqual(
      isAllowed ? [] : [{ type: 'refused', status: 403, code: 'CSRF_CHECK_FAILED' }],
    )
  })

  it.each([
    ['wss', 'https://shop.example', true],
    ['https', 'https://shop.example', true],
    ['ws', 'http://shop.example', true],
    ['ws', 'https://shop.example', false],
  ])('takes the scheme %s of a trusted proxy for that of the page %s', async (scheme, origin, isAllowed) => {
    const sessions = createSessions({ schema, store: memoryStore({ max: 1 }), trustProxy: true })
    const headers = {
      upgrade: 'h2c, WebSocket',
      origin,
      host: '10.0.0.1',
      'x-forwarded-proto': scheme,
      'x-forwarded-host': 'shop.example',
    }
    expect(sessions.checkOrigin({ method: 'GET', headers, socket: {} } as never)).toBe(isAllowed)
  })

  it('begins nothing where nobody has asked checkOrigin', async () => {
    const sessions = createSessions({
      schema,
      store: memoryStore({ max: 1 }),
      logger: { error() {}, warn() {} },
    })
    const request = new Request('https://shop.example/graphql', {
      headers: { upgrade: 'websocket', origin: 'https://evil.example' },
    })
    expect(() => sessions.begin(request)).toThrow(
      expect.objectContaining({
        extensions: { code: 'CSRF_CHECK_FAILED', http: { status: 403 } },
        statusCode: 403,
      }),
    )
  })
})

describe('a stream', () => {
  const request = () => new Request('https://shop.example/graphql')

  async function streamed(query: string, store = memoryStore({ max: 10 })) {
    const sessions = createSessions<Data>({ schema, store, keys, logger: { error() {}, warn() {} } })
    const contextValue = sessions.begin(request())
    const events = await subscribe({ schema, document: parse(query), contextValue })
    const { result, status, headers } = await sessions.finish(contextValue, events)
    const results: ExecutionResult[] = []
    if (Symbol.asyncIterator in result) for await (const part of result) results.push(part)
    else results.push(result)
    return { results, status, names: headers.map(([name]) => name), isStream: Symbol.asyncIterator in result }
  }

  it('sets the cookie of a session that began before it, and none later', async () => {
    expect(await streamed('subscription { opens }')).toEqual({
      results: [{ data: { opens: 1 } }, { data: { opens: 2 } }],
      status: 200,
      names: ['cache-control', 'set-cookie', 'vary'],
      isStream: true,
    })
    const late = await streamed('subscription { begins }')
    expect([codesOf(late.results), late.names]).toEqual([['SESSION_HEADERS_SENT'], ['cache-control', 'vary']])
  })

  it('does not begin where the session could not be saved', async () => {
    const store = memoryStore({ max: 10 })
    store.create = () => Promise.reject(new Error('down'))
    const { results, status, names, isStream } = await streamed('subscription { opens }', store)
    expect([codesOf(results), status, isStream]).toEqual([['SESSION_STORE_UNAVAILABLE'], 503, false])
    expect(names).toContain('retry-after')
  })

  it.each([
    ['a session error once', new SessionError('SESSION_GONE', 'Gone.'), ['SESSION_GONE']],
    ['an error of its own as it is', new Error('Own.'), 'Own.'],
  ])('tells %s of a source that goes on failing', async (_, error, told) => {
    const sessions = createSessions({ schema, store: memoryStore({ max: 1 }) })
    const source = { next: () => Promise.reject(error), [Symbol.asyncIterator]: () => source }
    const { result } = await sessions.finish(
      sessions.begin(request()),
      source as AsyncIterable<ExecutionResult>,
    )
    const results: ExecutionResult[] = []
    const end = (async () => {
      for await (const part of result as AsyncIterable<ExecutionResult>) results.push(part)
      return codesOf(results)
    })()
    expect(await end.catch(({ message }: Error) => message)).toEqual(told)
  })

  it('ends its source with the subscription', async () => {
    const left = gate()
    const sessions = createSessions({ schema, store: memoryStore({ max: 1 }) })
    const context = sessions.begin(request())
    const events = {
      next: () => new Promise<never>(() => {}),
      return: async () => (left.resolve(), { done: true as const, value: undefined }),
      [Symbol.asyncIterator]: () => events,
    }
    const { result } = await sessions.finish(context, events as AsyncIterable<ExecutionResult>)
    const stream = result as AsyncGenerator<ExecutionResult>
    void stream.next()
    await stream.return(undefined)
    await left.promise
  })
})

describe('createSessions', () => {
  const store = memoryStore({ max: 1 })
  const invalid = (text: string) =>
    expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(text) })

  it.each<[name: string, options: Record<string, unknown>]>([
    ['schema', { schema: undefined }],
    ['schema', { schema: sessionTypeDefs }],
    ['store', { store: undefined }],
    ['origins', { origins: ['*'] }],
    ['origins', { cookie: { sameSite: 'none' } }],
    ['trustProxy', { trustProxy: 'yes' }],
    ['logger', { logger: {} }],
    ['keys', { keys: { a: { client: ['raed'] } } }],
    ['orgins', { orgins: [] }],
  ])('refuses a wrong option at once: %s %o', (name, options) => {
    expect(() => createSessions({ schema, store, ...options })).toThrow(invalid(name))
  })

  it('begins once for a request of HTTP', () => {
    const { begin } = createSessions({ schema, store })
    const request = new Request('https://shop.example/graphql')
    begin(request)
    expect(() => begin(request)).toThrow(invalid('begin'))
    const handshake = new Request('https://shop.example/graphql', { headers: { upgrade: 'websocket' } })
    begin(handshake)
    begin(handshake)
    for (const wrong of [undefined, null, {}, 'https://shop.example'])
      expect(() => begin(wrong as never)).toThrow(invalid('request'))
  })

  it('finishes a context once, and only its own', async () => {
    const logged: unknown[] = []
    const log = (text: unknown): void => void logged.push(text)
    const { begin, finish } = createSessions({ schema, store, logger: { error: log, warn: log } })
    const context = begin(new Request('https://shop.example/graphql'))
    expect((await finish({ ...context, more: 1 }, { data: { a: 1 } })).result).toEqual({ data: { a: 1 } })
    const { result, status } = await finish({ ...context }, { data: { a: 1 } })
    expect([result.data, codesOf([result]), status]).toEqual([null, ['CONFIG_INVALID'], 500])
    expect(logged).toEqual([expect.stringMatching(/CONFIG_INVALID: .*batch/)])
    for (const wrong of [{}, undefined, { session: context.session }])
      await expect(finish(wrong as never, {})).rejects.toThrow(invalid('begin'))
  })

  it.each(['POST', 'GET'])(
    'keeps caches from the answer to a %s that calls itself a handshake',
    async (method) => {
      const { begin, finish } = createSessions({ schema, store, keys })
      const headers = { upgrade: 'websocket', 'content-type': 'application/json' }
      const context = begin(new Request('https://shop.example/graphql', { method, headers }))
      await context.session.get('theme')
      const finished = await finish(context, { data: null })
      expect(finished.headers).toEqual([
        ['cache-control', 'no-store'],
        ['vary', 'Cookie'],
      ])
    },
  )

  it.each<[how: string, log: () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('Full.')
      },
    ],
    ['rejects', () => Promise.reject(new Error('Full.'))],
  ])('sends the cookie of what is saved where the logger %s', async (_, log) => {
    const rejected: unknown[] = []
    const keep = (error: unknown): void => void rejected.push(error)
    process.on('unhandledRejection', keep)
    onTestFinished(() => void process.off('unhandledRejection', keep))
    const sessions = createSessions<Data>({
      schema,
      store: memoryStore({ max: 10 }),
      keys,
      logger: { error: log, warn: log },
    })
    const contextValue = sessions.begin(new Request('https://shop.example/graphql'))
    const document = parse(`mutation { ${set('theme', 'dark').slice(11, -2)} wrong }`)
    const executed = await execute({ schema, document, contextValue })
    const { result, headers } = await sessions.finish(contextValue, executed)
    expect(codesOf([result])).toEqual(['SESSION_VALUE_INVALID'])
    expect(headers.map(([name]) => name)).toContain('set-cookie')
    expect((await sessions.finish(contextValue, executed)).status).toBe(500)
    const evil = new Request('https://shop.example/graphql', {
      method: 'POST',
      headers: { origin: 'https://evil.example' },
    })
    expect(sessions.checkOrigin(evil)).toBe(false)
    await setImmediate()
    expect(rejected).toEqual([])
  })

  it.each(['a second time', 'with a context of its own'])(
    'ends a stream that it is given %s',
    async (how) => {
      const { begin, finish } = createSessions({ schema, store, logger: { error() {}, warn() {} } })
      let isEnded = false
      const events: AsyncIterableIterator<ExecutionResult> = {
        next: () => new Promise<never>(() => {}),
        return: () => ((isEnded = true), Promise.reject(new Error('Own.'))),
        [Symbol.asyncIterator]: () => events,
      }
      const context = how === 'a second time' ? begin(new Request('https://shop.example/graphql')) : {}
      const first = await finish(context, { data: null }).catch((error: SessionError) => error.code)
      const second = await finish(context, events).catch((error: SessionError) => error.code)
      expect([first, second].filter((each) => each === 'CONFIG_INVALID')).toHaveLength(
        how === 'a second time' ? 0 : 2,
      )
      await setImmediate()
      expect(isEnded).toBe(true)
    },
  )

  it('takes results whose errors another server has formatted', async () => {
    const { begin, finish } = createSessions({ schema, store })
    const contextValue = begin(new Request('https://shop.example/graphql'))
    const executed = await execute({
      schema,
      document: parse('mutation { part(key: "note") { fails } }'),
      contextValue,
    })
    const formatted = JSON.parse(JSON.stringify(executed))
    const { headers, result } = await finish(contextValue, formatted)
    expect(result).toEqual(formatted)
    expect(headers.map(([name]) => name)).not.toContain('set-cookie')
  })
})
