import { makeExecutableSchema } from '@graphql-tools/schema'
import { createYoga } from 'graphql-yoga'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { sessionResolvers, sessionTypeDefs } from '../../src/graphql/resolvers.ts'
import { useSessionGate } from '../../src/graphql/use-gate.ts'
import { useSession } from '../../src/graphql/use-session.ts'
import { createSessionServer, type SessionServerOptions } from '../../src/server/create-session-server.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { listen, seen } from '../support/harness.ts'
import { type RawAnswer, RawConnection } from '../support/raw.ts'

type Options = Omit<SessionServerOptions, 'store'>

const typeDefs = 'type Subscription { acts: Int }'
const resolvers = {
  Subscription: {
    acts: {
      async *subscribe() {
        yield { acts: 1 }
      },
    },
  },
}
const store = memoryStore({ max: 100 })
const keys = { name: { client: ['read', 'write'] } } as const
const logging = false

const sessionServer = (options: Options = {}) =>
  createSessionServer({ store, keys, typeDefs, resolvers, logging, ...options })

function ownYoga(): ReturnType<typeof createYoga> {
  const schema = makeExecutableSchema({
    typeDefs: [sessionTypeDefs, typeDefs],
    resolvers: [sessionResolvers, resolvers],
  })
  return createYoga({
    schema,
    logging,
    cors: false,
    plugins: [useSession({ store, keys }), useSessionGate()],
  })
}

const running: Awaited<ReturnType<typeof listen>>[] = []
const stop = () => Promise.all(running.splice(0).map((each) => each.close()))

async function start(server: unknown): Promise<number> {
  const listening = await listen(server as never)
  running.push(listening)
  return Number(new URL(listening.url).port)
}

/** Sends a request with this host as its bytes: fetch would send the one of its URL. */
async function ask(
  port: number,
  host: string | null,
  [line, ...others]: readonly string[],
): Promise<RawAnswer> {
  const [head, body = ''] = others.join('\r\n').split('\r\n\r\n')
  const connection = await RawConnection.open(port)
  const lines = [
    line,
    ...(host === null ? [] : [`Host: ${host}`]),
    ...(head ? [head] : []),
    ...(body ? [`Content-Length: ${body.length}`] : []),
  ]
  await connection.send(`${lines.join('\r\n')}\r\nConnection: close\r\n\r\n${body}`)
  const answer = (await connection.answer(line!.split(' ')[0]))!
  connection.destroy()
  seen.push(answer.text)
  return answer
}

const post = ['POST /graphql HTTP/1.1', 'Content-Type: application/json']
const read = [...post, '', '{"query":"{ __typename }"}']
const encoded = (query: string): string => encodeURIComponent(query)
const ways: readonly (readonly [string, readonly string[]])[] = [
  ['an operation by POST', read],
  ['a batch', [...post, '', '[{"query":"{ __typename }"}]']],
  ['a query by GET', [`GET /graphql?query=${encoded('{ __typename }')} HTTP/1.1`]],
  [
    'a subscription',
    [`GET /graphql?query=${encoded('subscription { acts }')} HTTP/1.1`, 'Accept: text/event-stream'],
  ],
  [
    'a subscription by POST',
    [post[0]!, 'Accept: text/event-stream', post[1]!, '', '{"query":"subscription { acts }"}'],
  ],
  ['GraphiQL', ['GET /graphql HTTP/1.1', 'Accept: text/html']],
  ['GraphiQL at its end', ['GET /graphql/ HTTP/1.1', 'Accept: text/html']],
  ['an asset of GraphiQL', ['GET /graphql?graphiql=none HTTP/1.1']],
  ['the way to GraphiQL', ['GET / HTTP/1.1']],
  ['a preflight', ['OPTIONS /graphql HTTP/1.1', 'Origin: http://evil.example']],
]

const refused = { status: 403, code: 'HOST_NOT_ALLOWED' }
const outcome = ({ status, text }: RawAnswer) => ({ status, code: /"code":"(\w+)"/.exec(text)?.[1] })

describe('a connection from this machine', () => {
  let port: number
  beforeAll(async () => void (port = await start(sessionServer())))
  afterAll(stop)

  it.each(ways)('gets nothing under another name: %s', async (_, request) => {
    const answer = await ask(port, 'evil.example', request)
    expect(outcome(answer)).toEqual(refused)
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
    expect(answer.headers.getSetCookie()).toEqual([])
    expect((await ask(port, 'localhost', request)).status).not.toBe(403)
  })

  it.each([
    'evil.example:4000',
    'EVIL.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '127-0-0-1.evil.example',
    'evil-localhost',
    'evillocalhost',
    'evil.example.',
    'localhost.localdomain',
    'shop',
  ])('refuses %s', async (host) => {
    expect(outcome(await ask(port, host, read))).toEqual(refused)
  })

  it.each([
    'localhost',
    'localhost:4000',
    'LOCALHOST:1',
    'localhost.',
    'localhost.:4000',
    'shop.localhost',
    'a.b.Localhost:80',
    '127.0.0.1',
    '127.0.0.1:4000',
    '127.1.2.3',
    '[::1]',
    '[::1]:4000',
    '[0:0:0:0:0:0:0:1]:4000',
    // An emulator of Android reaches this machine so.
    '10.0.2.2:4000',
  ])('lets %s in', async (host) => {
    expect(outcome(await ask(port, host, read))).toEqual({ status: 200, code: undefined })
  })

  it('lets in a client of HTTP/1.0 that names no host, as no browser does', async () => {
    const lines = ['POST /graphql HTTP/1.0', ...read.slice(1)]
    expect((await ask(port, null, lines)).status).toBe(200)
    expect(outcome(await ask(port, 'evil.example', lines))).toEqual(refused)
  })

  it('gets no data for a target in absolute form', async () => {
    const target = (host: string) => [`GET http://${host}/graphql?query=%7B__typename%7D HTTP/1.1`]
    for (const [host, named] of [
      ['evil.example', 'localhost'],
      ['localhost', 'evil.example'],
    ] as const) {
      expect((await ask(port, named, target(host))).text).not.toContain('data')
    }
  })

  it.each(['/health/live', '/health/ready'])('is told %s under any name', async (path) => {
    expect((await ask(port, 'probe.example', [`GET ${path} HTTP/1.1`])).status).toBe(200)
  })

  it('is judged in somebody’s own Yoga, too', async () => {
    const own = await start(ownYoga())
    // Yoga answers for its own GraphiQL before it asks a plugin. There is no data in it.
    for (const [, request] of ways.filter(([name]) => !name.startsWith('GraphiQL'))) {
      expect(outcome(await ask(own, 'evil.example', request))).toEqual(refused)
    }
    expect((await ask(own, 'localhost', read)).status).toBe(200)
  })
})

describe('any host is let in', () => {
  afterEach(() => {
    vi.unstubAllEnvs()
    return stop()
  })

  it.each<[string, Options]>([
    ['where a proxy is trusted, which may be on this machine', { trustProxy: true }],
    ['with allowedHosts: true', { allowedHosts: true }],
  ])('%s', async (_, options) => {
    expect((await ask(await start(sessionServer(options)), 'shop.example', read)).status).toBe(200)
  })

  it('in production, where a proxy may be on this machine', async () => {
    vi.stubEnv('NODE_ENV', 'production')
    expect((await ask(await start(sessionServer()), 'shop.example', read)).status).toBe(200)
  })

  it('from another machine, whose names for this one nobody knows', async () => {
    const server = sessionServer()
    const port = await start((request: { socket: object }, response: unknown) => {
      Object.defineProperty(request.socket, 'remoteAddress', { value: '192.0.2.1' })
      return (server as unknown as (...args: unknown[]) => unknown)(request, response)
    })
    expect((await ask(port, 'shop.example', read)).status).toBe(200)
  })
})

describe('allowedHosts', () => {
  const allowedHosts = ['Shop.example', '.app.example', 'bücher.example', '[2001:db8::1]', '192.0.2.7']
  let port: number
  beforeAll(async () => void (port = await start(sessionServer({ allowedHosts }))))
  afterAll(stop)

  it.each([
    'shop.example',
    'SHOP.example:8080',
    'shop.example.',
    'app.example',
    'a.b.app.example:1',
    'xn--bcher-kva.example',
    '[2001:DB8::1]:80',
    '192.0.2.7',
    'localhost:4000',
    '[::1]',
  ])('lets %s in', async (host) => {
    expect((await ask(port, host, read)).status).toBe(200)
  })

  it.each(['evil.example', 'a.shop.example', 'evilapp.example', 'shop.example.evil.example', '192.0.2.8'])(
    'refuses %s',
    async (host) => {
      expect(outcome(await ask(port, host, read))).toEqual(refused)
    },
  )

  it('refuses a request that names no host', async () => {
    expect(outcome(await ask(port, null, ['POST /graphql HTTP/1.0', ...read.slice(1)]))).toEqual(refused)
  })

  it('holds in production', async () => {
    vi.stubEnv('NODE_ENV', 'production')
    const own = await start(sessionServer({ allowedHosts }))
    vi.unstubAllEnvs()
    expect(outcome(await ask(own, 'evil.example', read))).toEqual(refused)
    expect((await ask(own, 'shop.example', read)).status).toBe(200)
  })

  it('holds for the host that a trusted proxy names', async () => {
    const own = await start(sessionServer({ allowedHosts, trustProxy: true }))
    const named = (host: string) => [read[0]!, `X-Forwarded-Host: ${host}`, ...read.slice(1)]
    expect((await ask(own, 'upstream', named('shop.example'))).status).toBe(200)
    for (const host of ['evil.example', 'shop.example@evil.example', 'shop.example/', '']) {
      expect(outcome(await ask(own, 'evil.example', named(host)))).toEqual(refused)
    }
  })

  it('holds for Requests, which have no connection', async () => {
    const { fetch } = sessionServer({ allowedHosts })
    const of = async (url: string): Promise<number> =>
      (await fetch(`${url}/graphql?query={__typename}`)).status
    expect(await of('http://shop.example')).toBe(200)
    expect(await of('http://evil.example')).toBe(403)
    expect((await fetch('http://evil.example/health/live')).status).toBe(200)
  })

  it.each([
    ['shop.example'],
    [false],
    [null],
    [['*']],
    [['*.shop.example']],
    [['shop.example:4000']],
    [['http://shop.example']],
    [['shop.example/graphql']],
    [['']],
    [['.']],
    [['::1']],
    [['[::1']],
    [['[::1]:4000']],
    [['user@shop.example']],
    [[/shop/]],
    [['a b']],
  ])('cannot be %j', (given) => {
    const refusal = expect.objectContaining({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('allowedHosts'),
    })
    expect(() => sessionServer({ allowedHosts: given as never })).toThrow(refusal)
    expect(() => useSessionGate({ allowedHosts: given as never })).toThrow(refusal)
  })
})

it('is told once to the log, and each time to the listener', async () => {
  const lines: string[] = []
  const log = (line: unknown): void => void lines.push(String(line))
  const events: unknown[] = []
  const port = await start(
    sessionServer({
      logging: { debug() {}, info() {}, warn: log, error: log },
      onEvent: (event) => events.push(event),
    }),
  )
  for (const request of [read, ways[5]![1], ways[2]![1]]) await ask(port, 'evil.example:80', request)
  await stop()
  expect(lines).toEqual([
    "HOST_NOT_ALLOWED: refused a request for another host. To allow it, add it to the option allowedHosts: ['evil.example'].",
  ])
  expect(events).toEqual(Array.from({ length: 3 }, () => ({ type: 'refused', ...refused })))
})
