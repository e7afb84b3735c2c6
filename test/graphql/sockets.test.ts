import { once } from 'node:events'
import { type IncomingMessage, request as httpRequest } from 'node:http'
import { json } from 'node:stream/consumers'
import { setTimeout } from 'node:timers/promises'
import { useDeferStream } from '@graphql-yoga/plugin-defer-stream'
import { type Client as SocketClient, type ClientOptions, createClient } from 'graphql-ws'
import { useServer } from 'graphql-ws/use/ws'
import { createYoga, Repeater } from 'graphql-yoga'
import { Redis } from 'ioredis'
import { beforeEach, describe, expect, inject, it, onTestFinished } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { sessionSockets } from '../../src/graphql/sockets.ts'
import type { SessionContext } from '../../src/graphql/use-session.ts'
import { listen as listenFor, type Listening } from '../../src/http/listen.ts'
import { createSessionServer, type SessionServerOptions } from '../../src/server/create-session-server.ts'
import type { KeyedStore } from '../../src/session/store.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { redisStore } from '../../src/stores/redis.ts'
import { freshStore } from '../support/fresh-store.ts'
import { Client, listen, watched } from '../support/harness.ts'
import { needs, skippedIf } from '../support/needs.ts'

let store: KeyedStore
let clock: number
let goOn: PromiseWithResolvers<void>
let running: number
let left: AbortSignal[]

beforeEach(() => {
  store = freshStore()
  clock = Date.now()
  goOn = Promise.withResolvers()
  running = 0
  left = []
})

const endless = (first: unknown) =>
  new Repeater(async (push, stop) => {
    void push(first)
    await stop
  })

const options = {
  keys: { theme: { client: ['read', 'write', 'delete'] } },
  clock: () => clock,
  // Nodes of one site have the same cookie, whatever their port.
  cookie: { name: 'sid', secure: false },
  typeDefs: `
    extend type Query { me: String, says: String, waits: Int, fails: Int, big: JSON }
    extend type Mutation { login(user: ID!): Boolean!, seen: Int!, waitsToo: Int, end: Int! }
    extend type Subscription { ticks: String, public: Int, writes: Int, fails: Int, breaks: Int, hangs: Int }
  `,
  resolvers: {
    Query: {
      me: (_: unknown, __: unknown, { session }: SessionContext) => session.owner(),
      async waits(_: unknown, __: unknown, { request }: { request: Request }) {
        left.push(request.signal)
        running++
        await goOn.promise
        running--
        return 1
      },
      says: (_: unknown, __: unknown, { request, connectionParams }: any) =>
        `${request.headers.get('user-agent')} says ${connectionParams.says}`,
      fails() {
        throw new Error('a password')
      },
      big: () => 1n,
    },
    Mutation: {
      async login(_: unknown, { user }: { user: string }, { session }: SessionContext) {
        await session.identify(user)
        return true
      },
      seen: (_: unknown, __: unknown, { session }: SessionContext) =>
        session.update('seen', (seen) => Number(seen ?? 0) + 1),
      async waitsToo() {
        running++
        await goOn.promise
        return 1
      },
      end: (_: unknown, __: unknown, { session }: SessionContext) => session.endOtherDevices(),
    },
    Subscription: {
      // They never have an event of their own after the first.
      ticks: {
        async subscribe(_: unknown, __: unknown, { session }: SessionContext) {
          return endless(await session.owner())
        },
        resolve: String,
      },
      public: { subscribe: () => endless(1), resolve: Number },
      writes: {
        async *subscribe(_: unknown, __: unknown, { session }: SessionContext) {
          session.set('theme', 'of the stream')
          yield 1
          await goOn.promise
          session.set('theme', 'x'.repeat(9000))
          yield 2
        },
        resolve: Number,
      },
      fails: {
        subscribe() {
          throw new Error('a password')
        },
      },
      hangs: {
        async *subscribe() {
          yield { hangs: 1 }
          await new Promise(() => {})
        },
      },
      breaks: {
        async *subscribe() {
          yield { breaks: 1 }
          throw new Error('a password')
        },
      },
    },
  },
} as const

interface Node {
  readonly url: string
  readonly handshakes: IncomingMessage[]
  readonly logged: string[]
  /** By what codes its sockets were closed, and were done with. */
  readonly left: unknown[]
  readonly sockets: WebSocketServer
  client(): Client
  drain(): void
}

/** A process with HTTP and sockets. The gate sees visitors from elsewhere. */
async function node(
  given: Partial<SessionServerOptions> = {},
  serve: { isBare?: boolean; keepAlive?: number } = {},
): Promise<Node> {
  const logged: string[] = []
  const log = (...text: unknown[]): void => void logged.push(text.map(String).join(' '))
  const yoga = createSessionServer({
    logging: { debug() {}, info() {}, warn: log, error: log },
    ...(options as unknown as SessionServerOptions),
    store,
    ...given,
  })
  const { url, server, close } = await listen(yoga)
  const handshakes: IncomingMessage[] = []
  server.on('upgrade', (request) => handshakes.push(request))
  const sockets = sessionSockets(yoga)
  const socketServer = new WebSocketServer({
    server,
    path: '/graphql',
    ...(serve.isBare ? {} : sockets.handshakes),
  })
  const left: unknown[] = []
  const onClose: typeof sockets.onClose = (context, ...how) => {
    left.push(how)
    sockets.onClose(context)
  }
  const closing = useServer({ ...sockets, onClose }, socketServer)
  onTestFinished(async () => {
    goOn.resolve()
    await closing.dispose()
    await close()
  })
  return {
    url,
    handshakes,
    logged,
    left,
    sockets: socketServer,
    client: () => new Client(url),
    drain: () => sockets.drain(),
  }
}

interface Connected {
  readonly client: SocketClient
  /** How often it was connected, and by what codes it was closed. */
  readonly log: { connects: number; closed: [number, string][] }
  run(query: string, variables?: {}): Promise<Result[]>
  watch(query: string): Watched
}

interface Result {
  readonly data?: any
  readonly errors?: readonly { message: string; extensions: { code: string; reason?: string } }[]
}

interface Watched {
  readonly results: Result[]
  /** What the message `error` had, or the close event. */
  readonly end: Promise<any>
  cancel(): void
}

/** A client of graphql-ws with its defaults, which sends the cookie that the other client has by then. */
function connect(
  { url }: Node,
  visitor?: Client,
  headers: Record<string, string> = {},
  given: Partial<ClientOptions> = {},
): Connected {
  const log: Connected['log'] = { connects: 0, closed: [] }
  class WithCookie extends WebSocket {
    constructor(address: string, protocols: string[]) {
      const cookie: Record<string, string> = visitor?.cookie ? { cookie: visitor.cookie } : {}
      super(address, protocols, { headers: { ...cookie, ...headers } })
    }
  }
  const client = createClient({
    url: url.replace('http', 'ws'),
    webSocketImpl: WithCookie,
    // One socket for all operations.
    lazyCloseTimeout: 60_000,
    ...given,
    on: {
      connected: () => void log.connects++,
      closed: (event) => {
        const { code, reason } = event as CloseEvent
        log.closed.push([code, reason])
      },
    },
  })
  onTestFinished(() => void client.dispose())
  const watch = (query: string, variables?: {}): Watched => {
    const results: Result[] = []
    const ended = Promise.withResolvers<unknown>()
    const cancel = client.subscribe(
      { query, ...(variables && { variables }) },
      {
        next: (result) => void results.push(result as Result),
        error: ended.resolve,
        complete: () => ended.resolve('complete'),
      },
    )
    return { results, end: ended.promise, cancel }
  }
  return {
    client,
    log,
    watch,
    async run(query, variables) {
      const { results, end } = watch(query, variables)
      const how = await end
      if (how === 'complete') return results
      return Array.isArray(how)
        ? [{ errors: how }]
        : [
            {
              errors: [
                {
                  message: String((how as CloseEvent).code),
                  extensions: { code: (how as CloseEvent).reason },
                },
              ],
            },
          ]
    },
  }
}

const codesOf = (results: readonly Result[]): string[] =>
  results.flatMap(({ errors = [] }) =>
    errors.map(({ extensions: { code, reason } }) => (reason ? `${code} ${reason}` : code)),
  )

async function until(condition: () => boolean, what = 'something'): Promise<void> {
  const deadline = performance.now() + 5000
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`Waited for ${what}`)
    await setTimeout(5)
  }
}

/** A visitor who is signed in over HTTP. */
async function signedIn(server: Node, user = `user ${Math.random()}`): Promise<Client> {
  const client = server.client()
  expect((await client.run(`mutation { login(user: "${user}") }`)).data).toEqual({ login: true })
  return client
}

const write = (value: string) => `mutation { setSessionKey(key: "theme", value: "${value}") { created } }`
const read = '{ session { value(key: "theme") } }'
const logout = 'mutation { logout(flush: true) { flushed } }'
const lastsOneSecond = 'mutation { setSessionExpiry(expiry: { seconds: 1 }) { session { id } } }'

describe('an operation of a socket', () => {
  it('has the session of the handshake, reads it anew, and saves before its result', async () => {
    const [here, there] = [await node(), await node()]
    const visitor = await signedIn(here, 'ada')
    const { run, log } = connect(there, visitor)
    expect(await run('{ me }')).toEqual([{ data: { me: 'ada' } }])
    expect(await run(write('over a socket'))).toEqual([{ data: { setSessionKey: { created: true } } }])
    expect((await visitor.run(read)).data.session.value).toBe('over a socket')
    await visitor.run(write('over HTTP'))
    expect(await run(read)).toEqual([{ data: { session: { value: 'over HTTP' } } }])
    expect(log.connects).toBe(1)
  })

  it('saves each event of a subscription before it is told', async () => {
    const server = await node()
    const visitor = await signedIn(server)
    const { watch } = connect(server, visitor)
    const { results, end } = watch('subscription { writes }')
    await until(() => results.length === 1)
    expect((await visitor.run(read)).data.session.value).toBe('of the stream')
    goOn.resolve()
    await until(() => results.length === 2)
    expect(codesOf(results)).toEqual(['SESSION_VALUE_TOO_LARGE'])
    expect(await end).toBe('complete')
  })

  it('is nobody’s without a cookie', async () => {
    const server = await node()
    const { run, watch } = connect(server)
    expect(await run('{ me }')).toEqual([{ data: { me: null } }])
    const { results } = watch('subscription { ticks }')
    await until(() => results.length === 1)
    expect(results).toEqual([{ data: { ticks: 'null' } }])
    expect(codesOf(await run(write('dark')))).toEqual(['SESSION_HEADERS_SENT'])
  })

  it.each([
    'mutation { rotateSession { session { id } } }',
    logout,
    'mutation { login(user: "eve") }',
    'mutation { revokeAllSessions { count } }',
    'mutation { setSessionExpiry(expiry: { seconds: 60 }) { session { id } } }',
  ])('can set no cookie: %s', async (query) => {
    const server = await node()
    const visitor = await signedIn(server, 'ada')
    const { run } = connect(server, visitor)
    expect(codesOf(await run(query))).toEqual(['SESSION_HEADERS_SENT'])
    expect((await visitor.run('{ me }')).data).toEqual({ me: 'ada' })
  })

  it('is run at the same time as others of its socket, each by itself', async () => {
    const server = await node()
    const visitor = await signedIn(server)
    const { run } = connect(server, visitor)
    const results = await Promise.all(Array.from({ length: 8 }, () => run('mutation { seen }')))
    expect(results.map(([each]) => each!.data.seen).toSorted((a, b) => a - b)).toEqual([
      1, 2, 3, 4, 5, 6, 7, 8,
    ])
  })

  it('has its errors masked and tidied, and closes no socket by them', async () => {
    const server = await node()
    const { run, watch, log } = connect(server)
    expect(await run('{ fails }')).toMatchObject([
      { data: { fails: null }, errors: [{ message: 'Unexpected error.' }] },
    ])
    expect(await run('{ big }')).toMatchObject([{ errors: [{ message: 'Unexpected error.' }] }])
    expect(await run('subscription { fails }')).toMatchObject([
      { errors: [{ message: 'Unexpected error.' }] },
    ])
    const { results, end } = watch('subscription { breaks }')
    expect(await end).toBe('complete')
    expect(results).toMatchObject([{ data: { breaks: 1 } }, { errors: [{ message: 'Unexpected error.' }] }])
    expect(await watch('{').end).toMatchObject([{ extensions: { code: 'GRAPHQL_PARSE_FAILED' } }])
    expect(codesOf(await run('{ a b c d e f g h i j k l m }'))).toEqual(
      Array.from({ length: 10 }, () => 'GRAPHQL_VALIDATION_FAILED'),
    )
    expect(codesOf(await run('query A { me } query B { me }'))).toEqual(['OPERATION_RESOLUTION_FAILURE'])
    expect(JSON.stringify([await run('{ fails }'), results])).not.toContain('password')
    expect(log).toEqual({ connects: 1, closed: [] })
  })

  it('has the limits of the gate', async () => {
    const server = await node({ operationLimits: { depth: 3 } })
    const { run, log } = connect(server)
    expect(codesOf(await run('{ __schema { types { fields { name } } } }'))).toEqual([
      'OPERATION_TOO_COMPLEX',
    ])
    expect(codesOf(await run('subscription { sessionChanged { data { a: keys } } }'))).not.toEqual([])
    expect(log.closed).toEqual([])
  })

  it('may have its answer in parts, whatever the handshake accepts', async () => {
    const server = await node({ plugins: [useDeferStream()] })
    const visitor = await signedIn(server, 'ada')
    const { run, watch } = connect(server, visitor, { accept: 'application/json' })
    const parts = await run('{ __typename ... @defer { me } }')
    expect(JSON.stringify(parts)).toContain('"me":"ada"')
    expect(parts.length).toBeGreaterThan(1)
    expect(codesOf(await run('mutation { ... @defer { seen } }'))).toContain('GRAPHQL_VALIDATION_FAILED')
    const { results } = watch('subscription { ticks }')
    await until(() => results.length === 1)
    expect(results).toEqual([{ data: { ticks: 'ada' } }])
  })

  it('is one of eight at most, also where its client has left it', async () => {
    const server = await node()
    const { run, watch, log } = connect(server)
    const watched = Array.from({ length: 8 }, () => watch('{ waits }'))
    await until(() => running === 8)
    expect(codesOf(await run('{ me }'))).toEqual(['TOO_MANY_OPERATIONS'])
    for (const { cancel } of watched) cancel()
    expect(codesOf(await run('{ me }'))).toEqual(['TOO_MANY_OPERATIONS'])
    goOn.resolve()
    await until(() => running === 0)
    expect(await run('{ me }')).toEqual([{ data: { me: null } }])
    expect(log.closed).toEqual([])
  })

  it('is told when its client has left', async () => {
    const server = await node()
    const { client, watch } = connect(server)
    watch('{ waits }')
    await until(() => left.length === 1)
    expect(left[0]!.aborted).toBe(false)
    client.terminate()
    await client.dispose()
    await until(() => left[0]!.aborted)
  })
})

describe('a handshake', () => {
  /** Opens a socket. @returns the status of a refusal, or null where it opened */
  async function open(server: Node, headers: Record<string, string>): Promise<[number, string] | null> {
    const socket = new WebSocket(server.url.replace('http', 'ws'), 'graphql-transport-ws', { headers })
    const refused = Promise.withResolvers<[number, string]>()
    socket.on('unexpected-response', (_, response) => {
      let text = ''
      response
        .on('data', (part) => (text += part))
        .on('end', () => refused.resolve([response.statusCode!, text]))
    })
    const how = await Promise.race([refused.promise, once(socket, 'open').then(() => null)])
    socket.terminate()
    return how
  }

  it('of another site is refused, and of the own or a listed one is not', async () => {
    const server = await node({ origins: ['https://app.example'] })
    const own = new URL(server.url)
    const refused = [403, expect.stringContaining('CSRF_CHECK_FAILED')]
    expect(await open(server, { origin: 'https://evil.example' })).toEqual(refused)
    expect(await open(server, { origin: 'null' })).toEqual(refused)
    expect(await open(server, { 'sec-fetch-site': 'cross-site' })).toEqual(refused)
    expect(await open(server, { origin: own.origin })).toBeNull()
    expect(await open(server, { origin: 'https://app.example' })).toBeNull()
    expect(await open(server, {})).toBeNull()
  })

  it('for another host is refused', async () => {
    const server = await node({ allowedHosts: ['shop.example'] })
    expect(await open(server, { host: 'evil.example' })).toEqual([
      403,
      expect.stringContaining('HOST_NOT_ALLOWED'),
    ])
    expect(await open(server, { host: 'a b' })).toEqual([400, expect.stringContaining('BAD_REQUEST')])
    expect(await open(server, { host: 'shop.example' })).toBeNull()
  })

  it('is told of to the listener', async () => {
    const events: unknown[] = []
    const server = await node({ onEvent: (event) => void events.push(event) })
    await open(server, { origin: 'https://evil.example' })
    expect(events).toEqual([{ type: 'refused', status: 403, code: 'CSRF_CHECK_FAILED' }])
  })

  it('is judged late where the server of the sockets does not', async () => {
    const events: { type: string }[] = []
    const server = await node({ onEvent: (event) => void events.push(event) }, { isBare: true })
    const evil = { origin: 'https://evil.example' }
    const { run } = connect(server, undefined, evil, { retryAttempts: 0 })
    expect(codesOf(await run('{ me }'))).toEqual(['Forbidden'])
    expect(await connect(server).run('{ me }')).toEqual([{ data: { me: null } }])
    expect(server.logged.filter((line) => line.includes('handshakes of sessionSockets'))).toHaveLength(1)
    expect(events).toEqual([{ type: 'refused', status: 403, code: 'CSRF_CHECK_FAILED' }])
  })

  it('needs the subprotocol', async () => {
    const server = await node()
    const other = new WebSocket(server.url.replace('http', 'ws'))
    expect((await once(other, 'close'))[0]).toBe(4406)
  })

  it(
    'is of no use without connection_init',
    skippedIf(!process.env['CI'], 'it takes three seconds'),
    async () => {
      const server = await node()
      const silent = new WebSocket(server.url.replace('http', 'ws'), 'graphql-transport-ws')
      const start = performance.now()
      expect((await once(silent, 'close'))[0]).toBe(4408)
      expect(performance.now() - start).toBeLessThan(4000)
    },
  )

  it('gives no room for a message that is too large', async () => {
    const server = await node()
    const { run, log } = connect(server, undefined, {}, { retryAttempts: 0 })
    expect(await run('query ($a: JSON) { me }', { a: 'x'.repeat(100_000) })).toMatchObject([{}])
    expect(log.closed).toEqual([])
    await run(`{ me } # ${'x'.repeat(128 * 1024)}`)
    expect(log.closed[0]![0]).toBe(1009)
  })

  it('has the session of the token that its client sends, where the server takes tokens', async () => {
    const server = await node({ transport: { header: 'session-token' } })
    const login = await fetch(server.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'session-token': '' },
      body: JSON.stringify({ query: 'mutation { login(user: "ada") }' }),
    })
    const token = login.headers.get('session-token')!
    const visitor = await signedIn(server, 'bob')
    const { run, watch } = connect(server, visitor, {}, { connectionParams: { sessionToken: token } })
    expect(await run('{ me }')).toEqual([{ data: { me: 'ada' } }])
    const { end } = watch('subscription { ticks }')
    await fetch(server.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'session-token': token },
      body: JSON.stringify({ query: logout }),
    })
    expect(await end).toMatchObject([{ extensions: { code: 'SESSION_ENDED' } }])
    const nobody = connect(server, visitor, {}, { connectionParams: { sessionToken: '' } })
    expect(await nobody.run('{ me }')).toEqual([{ data: { me: null } }])
  })

  it('gives no session but its own', async () => {
    const server = await node()
    const visitor = await signedIn(server)
    const params = { sessionToken: visitor.token, 'session-token': visitor.token, says: 'hello' }
    const { run } = connect(server, undefined, { 'user-agent': 'a test' }, { connectionParams: params })
    expect(await run('{ me says }')).toEqual([{ data: { me: null, says: 'a test says hello' } }])
  })
})

describe('a socket is closed when its session ends', () => {
  it.each([
    ['a logout', (client: Client) => client.run(logout), 'SESSION_ENDED signed-out', 4401, 'SESSION_ENDED'],
    [
      'all devices ended',
      (client: Client) => client.run('mutation { revokeAllSessions { count } }'),
      'SESSION_ENDED signed-out',
      4401,
      'SESSION_ENDED',
    ],
    ['its deadline', async () => void (clock += 1001), 'SESSION_ENDED expired', 4401, 'SESSION_ENDED'],
  ] as const)('by %s, and its client does not come back', async (_, end, code, closed, reason) => {
    const [here, there] = [await node(), await node()]
    const visitor = await signedIn(here)
    const other = await signedIn(here)
    const isTime = code.includes('expired')
    // A watched session is looked at when its deadline is due. The clock can be set forward, a timer cannot.
    if (isTime) for (const each of [visitor, other]) await each.run(lastsOneSecond)
    const [busy, idle, others] = [connect(there, visitor), connect(there, visitor), connect(there, other)]
    const watched = ['ticks', 'public', 'ticks'].map((field) => busy.watch(`subscription { ${field} }`))
    const live = busy.watch('subscription { sessionChanged { isEmpty } }')
    await Promise.all([idle, others].map(({ run }) => run('{ me }')))
    await until(() => [...watched, live].every(({ results }) => results.length === 1))
    const since = performance.now()
    await end(visitor)
    const ends = await Promise.all(watched.map((each) => each.end))
    expect(ends.map((errors) => codesOf([{ errors }]))).toEqual([[code], [code], [code]])
    expect([await live.end, live.results.at(-1)]).toEqual(['complete', { data: { sessionChanged: null } }])
    await until(() => busy.log.closed.length === 1 && idle.log.closed.length === 1)
    expect(performance.now() - since).toBeLessThan(2000)
    expect([busy.log.closed, idle.log.closed]).toEqual([[[closed, reason]], [[closed, reason]]])
    await setTimeout(300)
    expect([busy.log.connects, idle.log.connects]).toEqual([1, 1])
    if (isTime) await until(() => others.log.closed.length > 0)
    expect(others.log.closed).toHaveLength(isTime ? 1 : 0)
  })

  it('by a new cookie, with which its client comes back', async () => {
    const server = await node()
    const visitor = await signedIn(server, 'ada')
    const soon = { retryWait: () => setTimeout(20) }
    const { watch, run, log } = connect(server, visitor, {}, soon)
    const { results, end } = watch('subscription { ticks }')
    await until(() => results.length === 1)
    await visitor.run('mutation { rotateSession { session { id } } }')
    expect(codesOf([{ errors: await end }])).toEqual(['SESSION_MOVED'])
    await until(() => log.closed.length === 1)
    expect(log.closed).toEqual([[4403, 'SESSION_MOVED']])
    expect(await run('{ me }')).toEqual([{ data: { me: 'ada' } }])
    expect(log.connects).toBe(2)
  })

  it('by a new cookie, and whoever subscribes again before that is answered over the next one', async () => {
    const server = await node()
    const visitor = await signedIn(server, 'ada')
    const { client, watch, log } = connect(server, visitor, {}, { retryWait: () => setTimeout(20) })
    const waiting = watch('{ waits }')
    const seen: string[] = []
    const begin = (): void => {
      const query = 'subscription { ticks }'
      client.subscribe<{ ticks: string }>(
        { query },
        {
          next: ({ data }) => void seen.push(data!.ticks),
          error(errors) {
            seen.push(...codesOf([{ errors } as Result]))
            begin()
          },
          complete() {},
        },
      )
    }
    begin()
    await until(() => running === 1 && seen.length === 1)
    const since = performance.now()
    await visitor.run('mutation { rotateSession { session { id } } }')
    await until(() => seen.length > 1)
    // The socket stays until the query is answered.
    await setTimeout(50)
    goOn.resolve()
    expect([await waiting.end, waiting.results]).toEqual(['complete', [{ data: { waits: 1 } }]])
    await until(() => seen.length > 2)
    // Nothing waits for what has no answer over the old socket.
    expect(performance.now() - since).toBeLessThan(1000)
    expect(seen).toEqual(['ada', 'SESSION_MOVED', 'ada'])
    expect(log).toEqual({ connects: 2, closed: [[4403, 'SESSION_MOVED']] })
  })

  it('at once where it comes with a cookie that was replaced, so that its client gives up', async () => {
    const server = await node()
    const visitor = await signedIn(server)
    const [moved, ended] = [visitor.fork(), visitor]
    await visitor.run('mutation { rotateSession { session { id } } }')
    const stale = connect(server, moved, {}, { retryAttempts: 2, retryWait: () => setTimeout(1) })
    expect(codesOf(await stale.run('{ me }'))).toEqual(['SESSION_MOVED'])
    expect(stale.log.connects).toBe(0)
    expect(stale.log.closed).toEqual(Array.from({ length: 3 }, () => [4403, 'SESSION_MOVED']))
    const late = ended.fork()
    await ended.run(logout)
    const gone = connect(server, late)
    expect(codesOf(await gone.run('{ me }'))).toEqual(['SESSION_GONE'])
    expect(gone.log).toEqual({ connects: 0, closed: [[4401, 'SESSION_GONE']] })
  })

  it('and gives the answers that are under way first', async () => {
    const server = await node()
    const visitor = await signedIn(server)
    const { watch, log } = connect(server, visitor)
    const idle = connect(server, visitor)
    const { results, end } = watch('{ waits }')
    await idle.run('{ me }')
    await until(() => running === 1)
    await visitor.run(logout)
    await until(() => idle.log.closed.length === 1)
    expect(codesOf(await connect(server, visitor).run('{ me }'))).toEqual([])
    const late = watch('{ me }')
    expect(codesOf([{ errors: await late.end }])).toEqual(['SESSION_ENDED signed-out'])
    goOn.resolve()
    expect(await end).toBe('complete')
    expect(results).toEqual([{ data: { waits: 1 } }])
    await until(() => log.closed.length === 1)
    expect(log.closed).toEqual([[4401, 'SESSION_ENDED']])
  })

  it('by 1013 where the store fails when it opens', async () => {
    const server = await node()
    const visitor = await signedIn(server)
    const down = await node({
      store: { ...store, read: () => Promise.reject(new Error('down')) },
    })
    const { run, log } = connect(down, visitor, {}, { retryAttempts: 1, retryWait: () => setTimeout(1) })
    expect(codesOf(await run('{ me }'))).toEqual(['SESSION_STORE_UNAVAILABLE'])
    expect(log).toEqual({
      connects: 0,
      closed: Array.from({ length: 2 }, () => [1013, 'SESSION_STORE_UNAVAILABLE']),
    })
  })
})

describe('a process that ends', () => {
  it('closes its sockets by 1001 when what is under way has its answer, so that clients come back', async () => {
    const server = await node()
    const visitor = await signedIn(server)
    const busy = connect(server, visitor, {}, { retryAttempts: 1, retryWait: () => setTimeout(1) })
    const idle = connect(server, visitor, {}, { retryAttempts: 0 })
    const waiting = busy.watch('mutation { waitsToo }')
    const ticks = busy.watch('subscription { ticks }')
    await idle.run('{ me }')
    await until(() => running === 1 && ticks.results.length === 1)
    server.drain()
    await until(() => idle.log.closed.length === 1)
    expect([idle.log.closed, busy.log.closed]).toEqual([[[1001, 'Going away']], []])
    const late = busy.watch('{ me }')
    await setTimeout(20)
    goOn.resolve()
    expect(await waiting.end).toBe('complete')
    expect(waiting.results).toEqual([{ data: { waitsToo: 1 } }])
    await ticks.end
    // It came back for the subscription, which was not told to be complete.
    expect(busy.log).toEqual({ connects: 1, closed: Array.from({ length: 2 }, () => [1001, 'Going away']) })
    expect([ticks.results.length, late.results.length]).toEqual([1, 0])
    await until(() => server.left.length === 2)
  })
})

describe('sessionSockets', () => {
  it('wants both plugins', () => {
    expect(() => sessionSockets(createYoga({ logging: false }))).toThrow(/useSession and useSessionGate/)
    expect(() => sessionSockets(null as never)).toThrow(/useSession and useSessionGate/)
  })

  it('waits for no resolver when a socket is closed', async () => {
    const server = await node()
    const { client, watch } = connect(server)
    const { results } = watch('subscription { hangs }')
    await until(() => results.length === 1)
    client.terminate()
    await client.dispose()
    await until(() => server.left.length === 1)
  })

  it('leaves nothing behind', async () => {
    const calls = watched(memoryStore({ max: 10 }))
    const server = await node({ store: calls })
    const visitor = server.client()
    await visitor.run(write('dark'))
    const { client, run } = connect(server, visitor)
    calls.calls.length = 0
    await run('{ __typename }')
    expect(calls.calls).toEqual(['read'])
    await client.dispose()
    await until(() => server.left.length === 1)
    // A session that somebody still watched would be looked at by then.
    await setTimeout(200)
    expect(calls.calls).toEqual(['read'])
  })
})

describe('over Redis', needs('sharedRedis'), () => {
  it('a socket of another node is closed within a second', async () => {
    const clients = [1, 2].map(() => new Redis(inject('redisUrl')!, { maxRetriesPerRequest: 0 }))
    onTestFinished(() => clients.forEach((client) => client.disconnect()))
    const [here, there] = await Promise.all(clients.map((client) => node({ store: redisStore(client) })))
    const visitor = await signedIn(here!, 'ada')
    const { watch, log } = connect(there!, visitor)
    const { results, end } = watch('subscription { ticks }')
    await until(() => results.length === 1)
    const since = performance.now()
    await visitor.run(logout)
    expect(codesOf([{ errors: await end }])).toEqual(['SESSION_ENDED signed-out'])
    await until(() => log.closed.length === 1)
    expect(performance.now() - since).toBeLessThan(2000)
    expect(log).toEqual({ connects: 1, closed: [[4401, 'SESSION_ENDED']] })
  })
})

describe('listen', () => {
  async function served(given: Partial<SessionServerOptions> = {}) {
    const yoga = createSessionServer({
      logging: false,
      ...(options as unknown as SessionServerOptions),
      store,
      ...given,
    })
    const listening = await listenFor(yoga, { port: 0, drainDelay: 0, drainTimeout: 500 })
    onTestFinished(async () => {
      goOn.resolve()
      await listening.close()
    })
    const url = `${listening.url}/graphql`
    return { listening, url, client: () => new Client(url) } as unknown as Node & { listening: Listening }
  }

  it('serves sockets at the endpoint of a server', async () => {
    const server = await served()
    const visitor = await signedIn(server, 'ada')
    const { run, log } = connect(server, visitor)
    expect(await run('{ me }')).toEqual([{ data: { me: 'ada' } }])
    await visitor.run(logout)
    await until(() => log.closed.length === 1)
    expect(log.closed).toEqual([[4401, 'SESSION_ENDED']])
    const elsewhere = new WebSocket(server.url.replace('http', 'ws').replace('graphql', 'other'))
    const [, response] = (await once(elsewhere, 'unexpected-response')) as [unknown, IncomingMessage]
    expect(response.statusCode).toBe(404)
    response.resume()
    const evil = new WebSocket(server.url.replace('http', 'ws'), 'graphql-transport-ws', {
      origin: 'https://evil.example',
    })
    const [, refused] = (await once(evil, 'unexpected-response')) as [unknown, IncomingMessage]
    expect(refused.statusCode).toBe(403)
    refused.resume()
  })

  it('takes requests that offer another upgrade', async () => {
    const server = await served()
    const request = httpRequest(server.url, {
      method: 'POST',
      headers: {
        connection: 'Upgrade, HTTP2-Settings',
        upgrade: 'h2c',
        'http2-settings': 'AAMAAABk',
        'content-type': 'application/json',
      },
    })
    request.end(JSON.stringify({ query: '{ me }' }))
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    expect(await json(response)).toEqual({ data: { me: null } })
  })

  it('leaves sockets to whoever takes them', async () => {
    const { listening, url } = await served()
    const own = new WebSocketServer({ server: listening.server, path: '/graphql' })
    own.on('connection', (socket) => socket.close(4000, 'own'))
    const socket = new WebSocket(url.replace('http', 'ws'))
    expect((await once(socket, 'close'))[0]).toBe(4000)
  })

  it('waits for what is under way over its sockets, and closes them by 1001', async () => {
    const server = await served()
    const { watch, log } = connect(server, undefined, {}, { retryAttempts: 0 })
    const { results, end } = watch('{ waits }')
    const ticks = watch('subscription { public }')
    await until(() => running === 1 && ticks.results.length === 1)
    const closed = server.listening.close()
    await setTimeout(50)
    expect(log.closed).toEqual([])
    goOn.resolve()
    expect([await end, results]).toEqual(['complete', [{ data: { waits: 1 } }]])
    expect(await ticks.end).toMatchObject({ code: 1001 })
    await closed
    expect(ticks.results).toHaveLength(1)
  })

  it('cuts sockets off after drainTimeout', async () => {
    const server = await served()
    const { watch, log } = connect(server, undefined, {}, { retryAttempts: 0 })
    watch('{ waits }')
    await until(() => running === 1)
    const since = performance.now()
    await server.listening.close()
    expect(performance.now() - since).toBeGreaterThan(450)
    await until(() => log.closed.length === 1)
    expect(log.closed).toEqual([[1006, '']])
  })
})
