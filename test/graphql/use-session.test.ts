import { once } from 'node:events'
import { Agent, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { makeExecutableSchema } from '@graphql-tools/schema'
import { createSchema, createYoga, type FetchAPI, type Plugin } from 'graphql-yoga'
import { describe, expect, expectTypeOf, it, onTestFinished, vi } from 'vitest'
import { sessionResolvers, sessionTypeDefs } from '../../src/graphql/resolvers.ts'
import { useSessionGate } from '../../src/graphql/use-gate.ts'
import { type SessionContext, useSession } from '../../src/graphql/use-session.ts'
import type { Session } from '../../src/session/session.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { Client, listen } from '../support/harness.ts'

interface Data {
  visits: number
}

const schema = () =>
  createSchema<SessionContext<Data>>({
    typeDefs: /* GraphQL */ `
      type Query {
        visits: Int!
        leave: Boolean
      }
      type Mutation {
        visit(fail: Boolean): Int
        both(fail: Boolean): [Int]
        setAtOnce(how: String!): Int
      }
    `,
    resolvers: {
      Query: {
        visits: (_, __, { session }) => session.get('visits', 0),
        leave(_, __, { session }) {
          void session.flush()
          return true
        },
      },
      Mutation: {
        setAtOnce(_, { how }, { session }) {
          session.set('visits', 7)
          if (how === 'throws') throw new Error('thrown')
          return how === 'returns' ? new Error('returned') : 7
        },
        async visit(_, { fail }, { session }) {
          expectTypeOf(session).toEqualTypeOf<Session<Data>>()
          session.set('visits', (await session.get('visits', 0)) + 1)
          return fail ? new Error('returned, not thrown') : session.get('visits')
        },
      },
    },
  })

/** Asks for the visits, over one connection that is kept. */
function visitsOver(url: string): () => Promise<IncomingMessage> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  onTestFinished(() => agent.destroy())
  return async () => {
    const headers = { 'content-type': 'application/json' }
    const sent = request(`${url}/graphql`, { method: 'POST', agent, headers }).end('{"query":"{ visits }"}')
    const [answer] = (await once(sent, 'response')) as [IncomingMessage]
    expect(JSON.parse(await text(answer))).toMatchObject({ data: { visits: 0 } })
    return answer
  }
}

/** What a plugin of an application makes all of its answers of. */
const oneObject: Record<string, string> = { 'Content-Type': 'application/json' }
let oneHeaders: Headers | undefined

const yogaWith = (...plugins: Plugin[]) =>
  createYoga({
    schema: schema(),
    plugins: [...plugins, useSession<Data>({ store: memoryStore({ max: 10 }) })],
  })

describe('useSession in somebody’s own Yoga', () => {
  it('gives resolvers a session that lasts from request to request', async () => {
    const client = new Client(yogaWith())
    expect((await client.run('mutation { visit }')).data.visit).toBe(1)
    expect((await client.run('mutation { a: visit b: visit }')).data).toEqual({ a: 2, b: 3 })
    expect((await client.run('{ visits }')).data.visits).toBe(3)
    expect((await new Client(yogaWith()).run('{ visits }')).data.visits).toBe(0)
  })

  it('drops what a failed field recorded before the next one begins', async () => {
    const client = new Client(createYoga({ schema: schema(), logging: false, plugins: [useSession<Data>({ store: memoryStore({ max: 10 }) })] })) // prettier-ignore
    const { data } = await client.run('mutation { a: visit b: visit(fail: true) c: visit }')
    expect(data).toEqual({ a: 1, b: null, c: 2 })
    expect((await client.run('{ visits }')).data.visits).toBe(2)
  })

  it('lets answers of node:http go at the end of a turn of the event loop, unless they have a connection alone', async () => {
    let ended = false
    const before: Plugin = {
      onResponse() {
        ended = false
        setImmediate(() => (ended = true))
      },
    }
    const after: Plugin = { onResponse: ({ response }) => response.headers.set('ended', String(ended)) }
    const plugins = [before, useSession<Data>({ store: memoryStore({ max: 10 }) }), after]
    const running = await listen(createYoga({ schema: schema(), plugins }))
    onTestFinished(() => running.close())
    const ask = visitsOver(running.url)
    const waited: unknown[] = []
    for (let count = 0; count < 10; count++) waited.push((await ask()).headers['ended'])
    expect(waited).toEqual([...Array.from({ length: 8 }, () => 'true'), 'false', 'false'])
    const other = visitsOver(running.url)
    expect((await other()).headers['ended']).toBe('true')
    expect((await ask()).headers['ended']).toBe('true')
  })

  it('gives headers a form that is written in one call', async () => {
    let sent: ServerResponse | undefined
    const sees: Plugin = {
      onResponse: ({ serverContext }) =>
        void (sent = (serverContext as unknown as { res: ServerResponse }).res),
    }
    const running = await listen(yogaWith(sees))
    onTestFinished(() => running.close())
    await visitsOver(running.url)()
    // Node has no list of headers that were written with the status.
    expect(sent).toMatchObject({ headersSent: true })
    expect(sent!.getHeaderNames()).toEqual([])
  })

  it.each<[what: string, init: (fetchAPI: FetchAPI) => HeadersInit]>([
    ['one object', () => oneObject],
    ['one Headers', ({ Headers: Own }) => (oneHeaders ??= new Own(oneObject))],
  ])('gives nobody the headers of others where all answers are made of %s', async (_, init) => {
    const makes: Plugin = {
      onResultProcess: ({ setResultProcessor }) =>
        setResultProcessor(
          (result, fetchAPI) => new fetchAPI.Response(JSON.stringify(result), { headers: init(fetchAPI) }),
          'application/json',
        ),
    }
    const sets: Plugin = {
      onResponse({ request: { headers }, serverContext }) {
        if (headers.get('session-token') === null) return
        ;(serverContext as unknown as { res: ServerResponse }).res.setHeader('set-cookie', 'set=1')
      },
    }
    const store = memoryStore({ max: 10 })
    const yoga = createYoga({
      schema: schema(),
      plugins: [
        makes,
        sets,
        useSession<Data>({ store, transport: { header: 'session-token' } }),
        useSessionGate(),
      ],
      cors: false,
      maxRequestBodySize: false,
    })
    const running = await listen(yoga)
    onTestFinished(() => running.close())
    const ask = (query: string, headers: Record<string, string> = {}): Promise<Response> =>
      fetch(`${running.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ query }),
      })
    const first = await ask('mutation { visit }')
    expect(first.headers.getSetCookie()).toHaveLength(1)
    const second = await ask('mutation { visit }', { 'session-token': '' })
    expect(second.headers.get('session-token')).toMatch(/^[\w-]{43}$/)
    expect(second.headers.getSetCookie()).toEqual(['set=1'])
    const third = await ask('{ visits }')
    expect(third.headers.getSetCookie()).toEqual([])
    expect(third.headers.get('session-token')).toBeNull()
    expect(third.headers.get('cross-origin-resource-policy')).toBe('same-origin')
    expect((await ask('{ __typename }')).headers.get('cross-origin-resource-policy')).toBe('same-origin')
    expect(Object.keys(oneObject)).toEqual(['Content-Type', 'content-length'])
    expect([...(oneHeaders ?? [])].map(([name]) => name.toLowerCase())).not.toContain('vary')
  })

  it.each<[what: string, headers: Record<string, string>]>([
    ['in another case', { 'Cache-Control': 'public', Vary: 'Origin' }],
    ['in lower case', { 'cache-control': 'public', vary: 'Origin' }],
    ['of a result', { 'content-TYPE': 'application/json; charset=utf-8', Vary: 'Origin' }],
  ])('sends each header once where another one has set it %s', async (_, headers) => {
    const other: Plugin = {
      onResultProcess: ({ setResult }) =>
        setResult({ data: { visits: 0 }, extensions: { http: { headers } } }),
    }
    const running = await listen(yogaWith(other))
    onTestFinished(() => running.close())
    const { headersDistinct } = await visitsOver(running.url)()
    expect(headersDistinct).toMatchObject({
      'content-type': [expect.stringMatching(/^application\/(?:graphql-response\+)?json; charset=utf-8$/)],
      'cache-control': ['no-store'],
      vary: ['Origin, Cookie'],
    })
  })

  it.each([
    ['Set-Cookie', 'Cache-Control'],
    ['set-cookie', 'cache-control'],
  ])('sends what another plugin has put into an answer once: %s, %s', async (cookieName, cachingName) => {
    const body = '{"data":{"visits":0}}'
    const other: Plugin = {
      onResponse({ setResponse, fetchAPI, serverContext }) {
        ;(serverContext as unknown as { res: ServerResponse }).res.setHeader('set-cookie', 'another=1')
        setResponse(
          new fetchAPI.Response(body, {
            headers: {
              'Content-Type': 'application/json',
              'content-length': String(body.length),
              [cookieName]: 'other=1',
              [cachingName]: 'public',
            },
          }),
        )
      },
    }
    const running = await listen(yogaWith(other))
    onTestFinished(() => running.close())
    const { headersDistinct } = await visitsOver(running.url)()
    expect(headersDistinct).toMatchObject({
      'set-cookie': ['other=1', 'another=1'],
      'cache-control': ['no-store'],
    })
    const { setCookies } = await new Client(running.url).run('mutation { visit }')
    expect(setCookies).toEqual(['other=1', 'another=1', expect.stringMatching(/^graphql-session-\d+=/)])
  })

  it.each(['before', 'after'])('sends the type that a plugin %s it has set', async (where) => {
    const other: Plugin = {
      onResponse: ({ response }) => response.headers.set('content-type', 'application/json; charset=UTF-8'),
    }
    const session = useSession<Data>({ store: memoryStore({ max: 10 }) })
    const plugins = where === 'before' ? [other, session] : [session, other]
    const running = await listen(createYoga({ schema: schema(), plugins }))
    onTestFinished(() => running.close())
    const { headersDistinct } = await visitsOver(running.url)()
    expect(headersDistinct['content-type']).toEqual(['application/json; charset=UTF-8'])
  })

  it('sends each cookie once where a result has set others', async () => {
    const other: Plugin = {
      onResultProcess: ({ result, setResult }) =>
        setResult({ ...(result as object), extensions: { http: { headers: { 'set-cookie': 'other=1' } } } }),
    }
    const { setCookies } = await new Client(yogaWith(other)).run('mutation { visit }')
    expect(setCookies).toEqual(['other=1', expect.stringMatching(/^__Host-session=/)])
  })

  it('answers under a test’s fake timers', async () => {
    const running = await listen(yogaWith())
    onTestFinished(() => running.close())
    vi.useFakeTimers({ toFake: ['setImmediate', 'clearImmediate'] })
    try {
      const { data } = await new Client(running.url).run('mutation { visit }')
      expect(data.visit).toBe(1)
    } finally {
      vi.useRealTimers()
    }
  })

  it('adds to a Vary that is there, and does not repeat Cookie', async () => {
    const varying = (vary: string): Plugin => ({
      onResponse: ({ response }) => response.headers.set('vary', vary),
    })
    const varyAfter = async (vary: string) => (await new Client(yogaWith(varying(vary))).run('{ visits }')).headers.get('vary') // prettier-ignore
    expect(await varyAfter('Origin')).toBe('Origin, Cookie')
    expect(await varyAfter('Accept, cookie')).toBe('Accept, cookie')
    expect(await varyAfter('*')).toBe('*')
  })

  it('keeps a Set-Cookie that is there', async () => {
    const other: Plugin = { onResponse: ({ response }) => response.headers.append('set-cookie', 'other=1') }
    const { setCookies } = await new Client(yogaWith(other)).run('mutation { visit }')
    expect(setCookies).toEqual(['other=1', expect.stringMatching(/^__Host-session=/)])
  })

  it('leaves requests alone that have no session: health, GraphiQL, preflight, a syntax error', async () => {
    const yoga = yogaWith()
    const cookie = `__Host-session=${'A'.repeat(43)}`
    const get = (
      path: string,
      { headers = {}, method = 'GET' }: { headers?: object; method?: string } = {},
    ) => yoga.fetch(`http://shop.example${path}`, { method, headers: { cookie, ...headers } })
    const responses = [
      await get('/health'),
      await get('/graphql', { headers: { accept: 'text/html' } }),
      await get('/graphql', { method: 'OPTIONS' }),
      await get('/graphql?query={'),
      await get('/nowhere'),
    ]
    for (const { headers } of responses) {
      expect(headers.getSetCookie()).toEqual([])
      expect(headers.get('cache-control')).not.toBe('no-store')
    }
  })

  it('does what a resolver did not wait for before the answer leaves', async () => {
    const client = new Client(yogaWith())
    await client.run('mutation { visit }')
    const { setCookies } = await client.run('{ leave }')
    expect(setCookies).toHaveLength(1)
    expect((await client.run('{ visits }')).data.visits).toBe(0)
  })

  it.each(['throws', 'returns'])('drops what a field set that %s an error at once', async (how) => {
    const client = new Client(yogaWith())
    await client.run('mutation { setAtOnce(how: "well") }')
    await client.run('mutation { visit }')
    await client.run(`mutation { setAtOnce(how: "${how}") visit }`)
    expect((await client.run('{ visits }')).data.visits).toBe(9)
  })

  it('is there for a plugin that builds the context on it, also for one that stands before', async () => {
    const found: number[] = []
    const builds: Plugin<SessionContext<Data>> = {
      async onContextBuilding({ context }) {
        found.push(await context.session.get('visits', 0))
      },
    }
    const yoga = createYoga({
      schema: schema(),
      plugins: [builds, useSession<Data>({ store: memoryStore({ max: 10 }) })],
    })
    const client = new Client(yoga)
    await client.run('mutation { visit }')
    await client.run('{ visits }')
    expect(found).toEqual([0, 1])
  })

  it('refuses what comes after the answer, instead of losing it', async () => {
    let kept: Session<Data> | undefined
    const keep: Plugin<{ session: Session<Data> }> = {
      onContextBuilding:
        () =>
        ({ context }) =>
          void (kept = context.session),
    }
    const yoga = createYoga({
      schema: schema(),
      plugins: [useSession<Data>({ store: memoryStore({ max: 10 }) }), keep],
    })
    const client = new Client(yoga)
    await client.run('mutation { visit }')
    await client.run('{ visits }')
    const refused = expect.objectContaining({ code: 'SESSION_HEADERS_SENT' })
    expect(() => kept!.set('visits', 9)).toThrow(refused)
    await expect(kept!.rotate()).rejects.toThrow(refused)
    await expect(kept!.flush()).rejects.toThrow(refused)
    expect((await client.run('{ visits }')).data.visits).toBe(1)
  })

  it('serves one schema from two servers, each with its own sessions', async () => {
    const shared = schema()
    const yoga = () =>
      createYoga({ schema: shared, plugins: [useSession<Data>({ store: memoryStore({ max: 10 }) })] })
    const [one, two] = [new Client(yoga()), new Client(yoga())]
    expect((await one.run('mutation { visit }')).data.visit).toBe(1)
    expect((await one.run('mutation { a: visit b: visit }')).data).toEqual({ a: 2, b: 3 })
    expect((await two.run('mutation { visit }')).data.visit).toBe(1)
  })

  it('merges the session’s schema into an application’s own', async () => {
    const yoga = createYoga({
      schema: makeExecutableSchema({
        typeDefs: [sessionTypeDefs, 'type Query { hello: String } type Mutation { greet: String }'],
        resolvers: [sessionResolvers, { Query: { hello: () => 'world' }, Mutation: { greet: () => 'hi' } }],
      }),
      plugins: [
        useSession<{ dark_mode: boolean }>({
          store: memoryStore({ max: 10 }),
          keys: { dark_mode: { client: ['read', 'write'] } },
        }),
      ],
    })
    const client = new Client(yoga)
    await client.run('mutation { greet setSessionKey(key: "dark_mode", value: true) { created } }')
    const { data } = await client.run('{ hello session { value(key: "dark_mode") } }')
    expect(data).toEqual({ hello: 'world', session: { value: true } })
  })
})
