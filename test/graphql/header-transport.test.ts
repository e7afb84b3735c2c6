import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { json } from 'node:stream/consumers'
import { makeExecutableSchema } from '@graphql-tools/schema'
import { execute, parse } from 'graphql'
import { createYoga, Repeater } from 'graphql-yoga'
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { sessionResolvers, sessionTypeDefs } from '../../src/graphql/resolvers.ts'
import { useSessionGate } from '../../src/graphql/use-gate.ts'
import { type SessionContext, useSession } from '../../src/graphql/use-session.ts'
import { createSessions } from '../../src/server/create-sessions.ts'
import { devicesOf } from '../../src/server/devices.ts'
import { openSession } from '../../src/server/open-session.ts'
import { sessionCookie } from '../../src/session/cookie.ts'
import type { SessionEvent } from '../../src/session/events.ts'
import { sessionHeader } from '../../src/session/header.ts'
import type { KeyedStore, SessionStore } from '../../src/session/store.ts'
import { cookieStore } from '../../src/stores/cookie.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { type Answer, Client, given, listen } from '../support/harness.ts'
import { shop } from '../support/shop.ts'

const name = 'session-token'
const transport = { header: 'Session-Token' }

const set = 'mutation { setSessionKey(key: "dark_mode", value: true) { created } }'
const get = '{ session { isNew handle value(key: "dark_mode") } }'
const logout = 'mutation { logout { flushed } }'
const login = (user: string) => `mutation { login(user: "${user}") }`
const rotate = 'mutation { rotateSession { session { isNew } } }'

const dead = (): string => randomBytes(32).toString('base64url')

const typeDefs = /* GraphQL */ `
  extend type Query {
    idle: Boolean
    mine: String
    fails: Boolean
  }
  extend type Mutation {
    login(user: ID!): Boolean!
    hide: Boolean!
  }
  extend type Subscription {
    ticks: Int
    begins: Int
  }
`
const resolvers = {
  Query: {
    idle: () => true,
    mine: (_: unknown, __: unknown, { session }: SessionContext) => session.owner(),
    async fails(_: unknown, __: unknown, { session }: SessionContext) {
      await session.get('dark_mode')
      throw new Error('bug')
    },
  },
  Mutation: {
    async login(_: unknown, { user }: { user: string }, { session }: SessionContext) {
      await session.identify(user)
      return true
    },
    hide(_: unknown, __: unknown, { session }: SessionContext) {
      session.set('server_only', 'x')
      return true
    },
  },
  Subscription: {
    ticks: {
      async subscribe(_: unknown, __: unknown, { session }: SessionContext) {
        await session.get('dark_mode')
        return new Repeater<number>(async (push, stop) => {
          await push(1)
          stop()
        })
      },
      resolve: (value: number) => value,
    },
    begins: {
      async subscribe(_: unknown, __: unknown, { session }: SessionContext) {
        session.set('server_only', 'x')
        return new Repeater<number>(async (push, stop) => {
          await push(1)
          stop()
        })
      },
      resolve: (value: number) => value,
    },
  },
}

function open(options: Parameters<typeof shop>[0] = {}, backend?: KeyedStore) {
  const events: SessionEvent[] = []
  const made = shop(
    { transport, typeDefs, resolvers, onEvent: (event) => events.push(event), ...options },
    backend,
  )
  return { ...made, events: () => events.splice(0) }
}

/**
 * The header of an answer, by which a client without cookies gets its token. Yoga's own Headers, which no network has
 * carried, gives null for an empty one.
 */
const tokenIn = ({ headers }: Answer): string | null =>
  [...headers].find(([each]) => each === name)?.[1] ?? null

/** A client without cookies, as a native app is. */
class Native {
  readonly #client: Client
  token = ''

  constructor(...args: ConstructorParameters<typeof Client>) {
    this.#client = new Client(...args)
  }

  run(query: string, headers: Record<string, string> = {}): Promise<Answer> {
    return this.post({ query }, headers)
  }

  async post(body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    const answer = await this.#client.post(body, { [name]: this.token, ...headers })
    this.token = tokenIn(answer) ?? this.token
    expect(answer.setCookies).toEqual([])
    return answer
  }
}

afterEach(() => vi.unstubAllEnvs())

describe('a client without cookies', () => {
  it('lives its whole story by the header', async () => {
    const { yoga, store, clock } = open()
    const user = `user ${Math.random()}`
    const app = new Native(yoga)

    const visit = await app.run(get)
    expect(visit.data.session).toEqual({ isNew: true, handle: null, value: null })
    expect(tokenIn(visit)).toBeNull()

    const written = await app.run(set)
    const first = app.token
    expect(first).toMatch(/^[\w-]{43}$/)
    expect(written.headers.get('cache-control')).toBe('no-store')
    expect(written.headers.get('vary')).toBe('session-token, Cookie')
    expect((await app.run(get)).data.session).toMatchObject({ isNew: false, value: true })

    await app.run(login(user))
    const second = app.token
    expect(second).not.toBe(first)
    await app.run(rotate)
    expect(app.token).not.toBe(second)
    expect((await app.run('{ mine }')).data).toEqual({ mine: user })

    const tablet = new Native(yoga)
    await tablet.run(login(user))
    const browser = new Client(yoga)
    await browser.run(login(user))
    expect((await app.run('{ mySessions { id current } }')).data.mySessions).toHaveLength(3)
    expect((await browser.run('{ mySessions { id current } }')).data.mySessions).toHaveLength(3)
    const others = await app.run('mutation { revokeOtherSessions { count } }')
    expect(others.data.revokeOtherSessions).toEqual({ count: 2 })
    expect((await browser.run('{ mine }')).data).toEqual({ mine: null })
    expect((await tablet.run('{ mine }')).data).toEqual({ mine: null })
    expect(await devicesOf(store, user, { clock })).toHaveLength(1)

    const last = app.token
    await app.run(logout)
    expect(app.token).not.toBe(last)
    expect((await app.run('{ mine }')).data).toEqual({ mine: null })
    for (const old of [first, second]) {
      app.token = old
      const answer = await app.run('{ mine }')
      expect([answer.codes, tokenIn(answer)]).toEqual([['SESSION_MOVED'], null])
    }
    app.token = last
    expect((await app.run('{ mine }')).data).toEqual({ mine: null })
  })

  it('is answered with an empty header where its token is worth nothing, and never by an error', async () => {
    const { yoga, clock, events } = open()
    const app = new Native(yoga)
    await app.run(set)
    const { token } = app
    clock.forward(15 * 24 * 60 * 60)
    events()
    for (const [value, reason] of [
      [token, 'unknown'],
      [dead(), 'unknown'],
      ['x', 'malformed'],
      [`${token}, ${token}`, 'malformed'],
      ['"quoted"; a=b', 'malformed'],
    ] as const) {
      const answer = await app.run(get, { [name]: value })
      expect(answer.data.session).toMatchObject({ isNew: true })
      expect(answer.codes).toEqual([])
      expect(tokenIn(answer)).toBe('')
      expect(answer.headers.get('vary')).toBe('session-token, Cookie')
      expect(events()).toEqual([{ type: 'rejected', reason }])
    }
  })

  it('hears nothing where nothing has changed, nor where its session was not used', async () => {
    const { yoga, store, clock } = open({ absoluteTimeout: 5 * 365 * 24 * 60 * 60 })
    const app = new Native(yoga)
    await app.run(set)
    const { token } = app
    for (const query of [get, set, 'mutation { setSessionExpiry(expiry: { seconds: 60 }) { __typename } }']) {
      expect(tokenIn(await app.run(query))).toBeNull()
    }
    for (const policy of ['BROWSER_CLOSE', 'SERVER_DEFAULT']) {
      const answer = await app.run(
        `mutation { setSessionExpiry(expiry: { policy: ${policy} }) { __typename } }`,
      )
      expect(tokenIn(answer)).toBeNull()
    }
    // A browser would be sent its cookie again, before it drops that.
    for (let day = 0; day < 130; day += 10) {
      clock.forward(10 * 24 * 60 * 60)
      expect(tokenIn(await app.run(get))).toBeNull()
    }
    expect(app.token).toBe(token)
    store.calls.length = 0
    const idle = await app.run('{ idle }')
    expect([idle.headers.get('vary'), idle.headers.get('cache-control')]).toEqual([null, null])
    expect(store.calls).toEqual([])
  })

  it('begins anew after its session has ended', async () => {
    const { yoga } = open()
    const app = new Native(yoga)
    app.token = dead()
    await app.run('{ mine }')
    expect(app.token).toBe('')
    await app.run(set)
    expect(app.token).toMatch(/^[\w-]{43}$/)
  })

  it('is told of its token in an answer to a batch, in a stream and beside errors', async () => {
    const { yoga } = open()
    const batch = new Native(yoga)
    await batch.post([{ query: get }, { query: set }])
    expect(batch.token).toMatch(/^[\w-]{43}$/)

    const stream = new Native(yoga)
    const begun = await stream.run('subscription { begins }', { accept: 'text/event-stream' })
    expect(begun.text).toContain('{"data":{"begins":1}}')
    expect(begun.headers.get('vary')).toContain('session-token, Cookie')
    expect(stream.token).toMatch(/^[\w-]{43}$/)
    const goesOn = await stream.run('subscription { ticks }', { accept: 'text/event-stream' })
    expect(goesOn.text).toContain('{"data":{"ticks":1}}')
    expect((await stream.run(get)).data.session.isNew).toBe(false)

    const failing = new Native(yoga)
    await failing.run('mutation { hide broken: login(user: "") }')
    const beside = await failing.run('{ fails }', { [name]: dead() })
    expect([tokenIn(beside), beside.codes]).toEqual(['', ['INTERNAL_SERVER_ERROR']])
  })

  it('may ask by GET, in JSON, as one with a cookie has to', async () => {
    const { yoga } = open()
    const { url, close } = await listen(yoga)
    onTestFinished(close)
    const app = new Native(url)
    await app.run(set)
    const ask = (headers: Record<string, string>) =>
      fetch(`${url}?${new URLSearchParams({ query: get })}`, { headers })
    const asked = await ask({ [name]: app.token, 'content-type': 'application/json' })
    expect(await asked.json()).toMatchObject({ data: { session: { isNew: false } } })
    for (const value of [app.token, '', 'x']) expect((await ask({ [name]: value })).status).toBe(403)
    const anonymous = await ask({})
    expect(anonymous.status).toBe(200)
  })

  it('is not told that its session has ended while the store is down', async () => {
    const { yoga, store } = open()
    const app = new Native(yoga)
    await app.run(set)
    const { token } = app
    store.read = () => Promise.reject(new Error('down'))
    const answer = await app.run(get)
    expect([answer.status, tokenIn(answer), answer.headers.get('retry-after')]).toEqual([
      503,
      null,
      expect.any(String),
    ])
    expect(answer.headers.get('vary')).toBe('session-token, Cookie')
    expect(app.token).toBe(token)
  })

  it('begins one session with writes that run side by side, by the nonce of its page', async () => {
    const { yoga } = open()
    const nonce = dead()
    const apps = [new Native(yoga), new Native(yoga)]
    await Promise.all(apps.map((app) => app.run(set, { 'session-join': nonce })))
    expect(apps[0]!.token).toBe(apps[1]!.token)
    // The same nonce with cookies is another visitor's.
    const browser = new Client(yoga)
    await browser.run(set, undefined, { 'session-join': nonce })
    expect(browser.token).not.toBe(apps[0]!.token)
  })

  it('begins a session also where a browser would hold cookies back', async () => {
    const { yoga } = open({ origins: ['https://app.example'] })
    const headers = { origin: 'https://app.example', 'sec-fetch-site': 'cross-site' }
    expect((await new Client(yoga).run(set, undefined, headers)).codes).toEqual(['SESSION_CROSS_SITE'])
    const app = new Native(yoga)
    const answer = await app.run(set, headers)
    expect(answer.codes).toEqual([])
    expect(app.token).toMatch(/^[\w-]{43}$/)
    expect(answer.headers.get('access-control-expose-headers')).toBe(name)
  })
})

describe('the header and the cookie', () => {
  it('are two sessions: the header wins, and the cookie is neither read nor set', async () => {
    const { yoga, events } = open()
    const browser = new Client(yoga)
    await browser.run(set)
    const { cookie } = browser
    const app = new Native(yoga)
    await app.run('mutation { hide }')
    const { token } = app
    events()
    for (const value of ['', dead(), 'x', token]) {
      const answer = await app.run(get, { cookie, [name]: value })
      expect(answer.data.session.value).toBeNull()
      expect(answer.data.session.isNew).toBe(value !== token)
      expect(events()[0]).toEqual({ type: 'rejected', reason: 'both' })
    }
    app.token = ''
    await app.run(login(`user ${Math.random()}`), { cookie })
    await app.run(logout, { cookie })
    expect(browser.cookie).toBe(cookie)
    expect((await browser.run(get)).data.session.value).toBe(true)
  })

  it('are no rivals where the cookie is of another name', async () => {
    const { yoga, events } = open()
    await new Native(yoga).run(get, { cookie: 'theme=dark; session=1' })
    expect(events()).toEqual([])
  })

  it('have tokens of their own, which open nothing in each other’s place', async () => {
    const { yoga } = open()
    const browser = new Client(yoga)
    await browser.run(set)
    const app = new Native(yoga)
    await app.run(set)
    const { token } = app
    app.token = browser.token!
    expect((await app.run(get)).data.session).toMatchObject({ isNew: true })
    const thief = new Client(yoga)
    for (const each of browser.cookies.keys()) thief.cookies.set(each, token)
    expect((await thief.run(get)).data.session).toMatchObject({ isNew: true })
  })

  it('are bound to the name of the cookie, so that applications with one store are told apart', async () => {
    const { yoga, store } = open()
    const other = open({ cookie: { name: 'other' } }, store)
    const app = new Native(yoga)
    await app.run(set)
    expect((await new Native(other.yoga).run(get, { [name]: app.token })).data.session.isNew).toBe(true)
  })

  it('are both named by Vary, and the header is never set for who did not send it', async () => {
    const { yoga } = open()
    const browser = new Client(yoga)
    for (const query of [get, set, rotate, logout, get]) {
      const answer = await browser.run(query)
      expect(tokenIn(answer)).toBeNull()
      expect(answer.headers.get('vary')).toBe('session-token, Cookie')
    }
  })

  it('are the cookie alone where the option is not set', async () => {
    const { yoga } = shop()
    const browser = new Client(yoga)
    const answer = await browser.run(set, undefined, { [name]: dead() })
    expect(tokenIn(answer)).toBeNull()
    expect(answer.setCookies).toHaveLength(1)
    expect(answer.headers.get('vary')).toBe('Cookie')
  })

  it('are the header, also empty, where a plugin has changed the headers of the request', async () => {
    const { yoga } = open({
      plugins: [{ onRequest: ({ request }: { request: Request }) => request.headers.append('x', 'y') }],
    })
    const { url, close } = await listen(yoga)
    onTestFinished(close)
    const browser = new Client(url)
    await browser.run(set)
    const answer = await new Native(url).run(get, { cookie: browser.cookie })
    expect(answer.data.session).toMatchObject({ isNew: true })
    const asked = `${url}?${new URLSearchParams({ query: get })}`
    expect((await fetch(asked, { headers: { [name]: '' } })).status).toBe(403)
    // Node writes an empty header as such.
    const ended = await new Native(url).run(get, { [name]: dead() })
    expect(tokenIn(ended)).toBe('')
  })

  it.each<[Record<string, string>, number]>([
    [{ 'sec-fetch-site': 'same-origin' }, 1],
    [{ 'sec-fetch-mode': 'cors' }, 0],
    [{}, 0],
  ])('are told apart in the log where a page sends the header: %j', async (headers, lines) => {
    const warned: string[] = []
    const warn = (line: unknown) => void warned.push(String(line))
    const { yoga } = open({ logging: { debug() {}, info() {}, warn, error() {} } })
    const app = new Native(yoga)
    for (let i = 0; i < 3; i++) await app.run(set, headers)
    expect(warned).toHaveLength(lines)
    for (const line of warned) {
      expect(line).toMatch(/^A browser sent the header session-token\./)
      expect(line).not.toContain(app.token)
    }
  })
})

describe('a page of another site', () => {
  it.each([
    ['a listed origin’s may, and reads the answer', ['https://app.example'], 'https://app.example', 200],
    ['another one may not', ['https://app.example'], 'https://evil.example', 403],
    ['none may where no origins are listed', undefined, 'https://evil.example', 403],
  ])('%s', async (_, origins, origin, status) => {
    const { yoga } = open(origins ? { origins } : {})
    const asked = await yoga.fetch('http://shop.example/graphql', {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': `content-type,${name}`,
      },
    })
    const isLetIn = status === 200
    expect(asked.headers.get('access-control-allow-headers')).toBe(isLetIn ? `content-type,${name}` : null)
    expect(asked.headers.get('access-control-allow-origin')).toBe(isLetIn ? origin : null)
    const browser = new Client(yoga)
    await browser.run(set)
    for (const value of ['', 'x', dead()]) {
      const answer = await browser.run(set, undefined, { origin, [name]: value })
      expect(answer.status).toBe(status)
      expect(answer.headers.get('access-control-expose-headers')).toBe(isLetIn ? name : null)
      expect(answer.setCookies).toEqual([])
    }
  })

  it('exposes nothing without the option', async () => {
    const { yoga } = shop({ origins: ['https://app.example'] })
    const answer = await new Client(yoga).run(get, undefined, { origin: 'https://app.example' })
    expect(answer.headers.get('access-control-allow-origin')).toBe('https://app.example')
    expect([...answer.headers.keys()]).not.toContain('access-control-expose-headers')
  })
})

describe('a route beside GraphQL', () => {
  const header = sessionHeader(transport)

  it('opens the session of a header, and gives the token back', async () => {
    const { yoga, store, clock } = open()
    const app = new Native(yoga)
    await app.run(set)
    const settings = { cookie: header, clock }
    const request = { method: 'POST', headers: { 'sec-fetch-site': 'cross-site' } }
    const session = openSession(store, header.read(app.token), { ...settings, request })
    expect(await session.get('dark_mode')).toBe(true)
    session.setExpiry('browser-close')
    await session.save()
    expect(session.setHeader(header)).toBeNull()
    await session.rotate()
    await session.save()
    app.token = session.setHeader(header)!
    given.add(app.token)
    expect((await app.run(get)).data.session.isNew).toBe(false)

    const begun = openSession(store, header.read(''), { ...settings, request })
    begun.set('dark_mode', true)
    await begun.save()
    expect(begun.setHeader(header)).toMatch(/^[\w-]{43}$/)

    const unknown = openSession(store, header.read(dead()), settings)
    expect(await unknown.isNew()).toBe(true)
    expect(unknown.setHeader(header)).toBe('')
    expect(await openSession(store, header.read(app.token), { clock }).isNew()).toBe(true)
  })

  it('hands an app over to a web view, by a code that counts once and opens nothing itself', async () => {
    const codes = { cookie: sessionCookie({ name: 'hand-over' }), absoluteTimeout: 60, idleTimeout: 60 }
    let enters: (code: string, session: SessionContext['session']) => Promise<boolean>
    const { yoga, store, clock } = open({
      typeDefs: `${typeDefs} extend type Mutation { code: String enter(code: String!): Boolean! }`,
      resolvers: {
        ...resolvers,
        Mutation: {
          ...resolvers.Mutation,
          async code(_: unknown, __: unknown, { session }: SessionContext) {
            const code = openSession(store, null, { ...codes, clock })
            code.set('user', await session.owner())
            await code.save()
            return code.token
          },
          enter: (_: unknown, { code }: { code: string }, { session }: SessionContext) =>
            enters(code, session),
        },
      },
    })
    enters = async (code, session) => {
      const user = await openSession(store, code, { ...codes, clock }).pop('user')
      if (typeof user !== 'string') return false
      await session.identify(user)
      return true
    }
    const user = `user ${Math.random()}`
    const app = new Native(yoga)
    await app.run(login(user))
    const { code } = (await app.run('mutation { code }')).data
    const views = [new Client(yoga), new Client(yoga)]
    const entered = await Promise.all(
      views.map(async (view) => (await view.run(`mutation { enter(code: "${code}") }`)).data.enter),
    )
    expect(entered.filter(Boolean)).toEqual([true])
    const view = views[entered.indexOf(true)]!
    expect((await view.run('{ mine }')).data.mine).toBe(user)
    const late = (await app.run('mutation { code }')).data.code
    expect((await app.run(get, { [name]: late })).data.session.isNew).toBe(true)
    clock.forward(61)
    expect((await new Client(yoga).run(`mutation { enter(code: "${late}") }`)).data.enter).toBe(false)
  })
})

const schema = makeExecutableSchema({ typeDefs: sessionTypeDefs, resolvers: sessionResolvers as never })
const keys = { dark_mode: { client: ['read', 'write', 'delete'] } } as const

describe('a server that is no Yoga', () => {
  const serving = async () => {
    const events: SessionEvent[] = []
    const sessions = createSessions({
      schema,
      keys,
      transport,
      store: memoryStore({ max: 100 }),
      onEvent: (event) => events.push(event),
      logger: { error() {}, warn() {} },
    })
    const { url, close } = await listen(async (request: IncomingMessage, response: ServerResponse) => {
      if (!sessions.checkOrigin(request)) return response.writeHead(403).end()
      const contextValue = sessions.begin(request)
      const { query } = (request.method === 'GET' ? { query: get } : await json(request)) as { query: string }
      const executed = await execute({ schema, document: parse(query), contextValue })
      const { result, status, headers } = await sessions.finish(contextValue, executed)
      for (const [each, value] of headers) response.appendHeader(each, value)
      return response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(result))
    })
    onTestFinished(close)
    return { url, sessions, events }
  }

  it('carries sessions by the header, too', async () => {
    const { url, events } = await serving()
    const browser = new Client(url)
    await browser.run(set)
    const app = new Native(url)
    const begun = await app.run(set, { cookie: browser.cookie })
    expect(begun.headers.get('vary')).toBe('session-token, Cookie')
    expect(events).toContainEqual({ type: 'rejected', reason: 'both' })
    const { token } = app
    expect((await app.run(get)).data.session).toMatchObject({ isNew: false, value: true })
    await app.run(logout)
    expect(app.token).not.toBe(token)
    const answer = await app.run(get, { [name]: dead() })
    expect([answer.data.session.isNew, tokenIn(answer)]).toEqual([true, ''])
  })

  it('takes a GET with the header for one that may have a session', async () => {
    const { url } = await serving()
    expect((await fetch(url)).status).toBe(200)
    expect((await fetch(url, { headers: { [name]: '' } })).status).toBe(403)
    const type = { 'content-type': 'application/json' }
    expect((await fetch(url, { headers: { [name]: dead(), ...type } })).status).toBe(200)
  })

  it('opens the session of a handshake, whose operations cannot give a token', async () => {
    const { url, sessions } = await serving()
    const app = new Native(url)
    await app.run(set)
    const headers = { upgrade: 'websocket', [name]: app.token }
    const { session } = sessions.begin(new Request(url, { headers }))
    expect(await session.get('dark_mode')).toBe(true)
    const visitor = sessions.begin(new Request(url, { headers: { ...headers, [name]: '' } }))
    expect(() => {
      visitor.session.set('dark_mode', true)
    }).toThrow(expect.objectContaining({ code: 'SESSION_HEADERS_SENT' }))
  })
})

describe('a Yoga of the application', () => {
  const sessions = () => useSession({ store: memoryStore({ max: 10 }), keys, transport })
  const gate = () => useSessionGate({ origins: ['https://app.example'] })

  it.each([
    ['before the gate', () => [sessions(), gate()]],
    ['behind the gate', () => [gate(), sessions()]],
  ])('has it %s', async (_, plugins) => {
    const yoga = createYoga({ schema, plugins: plugins(), logging: false, cors: false })
    const { url, close } = await listen(yoga)
    onTestFinished(close)
    const app = new Native(url)
    const answer = await app.run(set, { origin: 'https://app.example' })
    expect(answer.headers.get('access-control-expose-headers')).toBe(name)
    expect((await app.run(get)).data.session).toMatchObject({ isNew: false, value: true })
    const asked = `${url}?${new URLSearchParams({ query: get })}`
    expect((await fetch(asked)).status).toBe(200)
    expect((await fetch(asked, { headers: { [name]: app.token } })).status).toBe(403)
  })
})

describe('sessions that are kept in the token itself', () => {
  const secrets = [randomBytes(32).toString('base64')]
  const sealed = (denyList: KeyedStore): SessionStore => cookieStore({ keys: secrets, denyList })

  it('are sealed for one carrier, and listed with all devices of their owner', async () => {
    const { yoga } = open({ store: sealed(memoryStore({ max: 100 })) })
    const app = new Native(yoga)
    await app.run(set)
    const sent = app.token
    expect(sent).toMatch(/^[\w-]+\.\./)
    const browser = new Client(yoga)
    await browser.run(set)
    expect((await app.run(get, { [name]: browser.token! })).data.session.isNew).toBe(true)
    app.token = sent
    const thief = new Client(yoga)
    for (const each of browser.cookies.keys()) thief.cookies.set(each, sent)
    expect((await thief.run(get)).data.session.isNew).toBe(true)

    await app.run(login('ada'))
    await browser.run(login('ada'))
    expect((await app.run('{ mySessions { id } }')).data.mySessions).toHaveLength(2)
    await browser.run('mutation { revokeOtherSessions { count } }')
    expect((await app.run('{ mine }')).data).toEqual({ mine: null })
  })
})

describe('transport', () => {
  it.each([
    [null, /^transport must be an object/],
    ['session-token', /^transport must be an object/],
    [{ header: name, cookie: false }, /^transport has no option "cookie"/],
    ...[undefined, '', 5, 'session token', 'session:token', 'sëssion', 'a\r\nb', 'Cookie', 'Set-Cookie', 'authorization', 'Host', 'content-type', 'Origin', 'sec-fetch-site', 'sec-x', 'x-forwarded-for', 'proxy-authorization', 'connection', 'transfer-encoding', 'access-control-allow-origin', 'session-join', 'vary', 'cache-control', 'user-agent'].map((header): [unknown, RegExp] => [{ header }, /^transport\.header must be the name of a header of its own/]), // prettier-ignore
  ])('%j is refused', (given, message) => {
    const options = { store: memoryStore({ max: 1 }), transport: given }
    expect(() => useSession(options as never)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringMatching(message) }),
    )
  })

  it.each(['session-token', 'X-Session', 'shop_session'])('%s is taken', (header) => {
    expect(sessionHeader({ header }).name).toBe(header.toLowerCase())
  })
})
