import { createYoga } from 'graphql-yoga'
import { describe, expect, it } from 'vitest'
import { sessionResolvers, sessionTypeDefs } from '../../src/graphql/resolvers.ts'
import { useSessionGate } from '../../src/graphql/use-gate.ts'
import { useSession } from '../../src/graphql/use-session.ts'
import { createSessionServer, type SessionServerOptions } from '../../src/server/create-session-server.ts'
import { useGraphiQLPage } from '../../src/server/graphiql.ts'
import { makeSchema } from '../../src/server/schema.ts'
import { summary } from '../../src/server/summary.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { Client, overSocket } from '../support/harness.ts'

const set = 'mutation { setSessionKey(key: "theme", value: "dark") { created } }'
const get = '{ session { value(key: "theme") } }'
const app = 'https://app.example'

type Options = Partial<SessionServerOptions<{ theme: string }>> & { graphqlEndpoint: string }

const shared = () => ({
  store: memoryStore({ max: 100 }),
  keys: { theme: { client: ['read', 'write'] } } as const,
})

type Make = (options: Options) => Function

const ours: [way: string, make: Make][] = Object.entries({
  'the short way': (options) => createSessionServer({ ...shared(), origins: [app], ...options }),
  "Yoga's way": (options) =>
    createSessionServer({ ...shared(), origins: [app], plugins: [{ onRequest() {} }], ...options }),
} satisfies Record<string, Make>)

const inOwnYoga: Make = ({ graphqlEndpoint }) =>
  createYoga({
    graphqlEndpoint,
    schema: makeSchema({ typeDefs: sessionTypeDefs, resolvers: sessionResolvers }),
    plugins: [
      useSession(shared()),
      useSessionGate({ origins: [app] }),
      useGraphiQLPage({ title: 'at another path' }),
    ],
    maxRequestBodySize: false,
    graphiql: false,
    cors: false,
    landingPage: false,
  })

describe.each([...ours, ['a Yoga of somebody’s own', inOwnYoga] as const])(
  'another path than /graphql, on %s',
  (_, make) => {
    const paths = ['/api/graphql', '/', '/gql', '/v1.0/graph-ql_~', '/a%20b/graphql']

    it.each(paths)('%s has sessions, whose cookie is for all paths', async (graphqlEndpoint) => {
      const ask = overSocket(make({ graphqlEndpoint }))
      const url = `http://localhost:4000${graphqlEndpoint}`
      const client = new Client({ fetch: ask }, url)
      const { data, setCookies } = await client.run(set)
      expect(data).toEqual({ setSessionKey: { created: true } })
      expect(setCookies).toEqual([expect.stringContaining('; Path=/;')])
      expect((await client.run(get)).data).toEqual({ session: { value: 'dark' } })
      // The second time an operation is known.
      expect((await client.run(get)).data).toEqual({ session: { value: 'dark' } })
      const byGet = await ask(`${url}?query=${encodeURIComponent(get)}`, {
        headers: { cookie: client.cookie, 'content-type': 'application/json' },
      })
      expect(await byGet.json()).toEqual({ data: { session: { value: 'dark' } } })
      expect(byGet.headers.get('vary')).toMatch(/Accept/)
      const preflight = await ask(url, {
        method: 'OPTIONS',
        headers: { origin: app, 'access-control-request-method': 'POST' },
      })
      expect(preflight.headers.get('access-control-allow-origin')).toBe(app)
      expect(preflight.headers.get('access-control-allow-methods')).toBe('POST, GET')
    })

    it('serves GraphiQL there, with its assets', async () => {
      const ask = overSocket(make({ graphqlEndpoint: '/api/graphql' }))
      const html = await ask('http://localhost/api/graphql', { headers: { accept: 'text/html' } })
      const text = await html.text()
      expect(html.headers.get('content-type')).toMatch('text/html')
      const [asset] = /\?graphiql=[^"&]+\.js/.exec(text)!
      const script = await ask(`http://localhost/api/graphql${asset}`, {})
      expect(script.headers.get('content-type')).toMatch('javascript')
      await script.body?.cancel()
    })
  },
)

describe.each(ours)('another path than /graphql, on %s,', (_, make) => {
  it('is the only one', async () => {
    const ask = overSocket(make({ graphqlEndpoint: '/api/graphql' }))
    const status = async (path: string, accept = 'application/json') => {
      const headers = { 'content-type': 'application/json', accept }
      const body = JSON.stringify({ query: '{ __typename }' })
      const posted = await ask(`http://localhost${path}`, { method: 'POST', headers, body })
      const got = await ask(`http://localhost${path}`, { headers })
      return [posted.status, got.status]
    }
    expect(await status('/api/graphql')).toEqual([200, 200])
    expect(await status('/api/graphql/')).toEqual([200, 200])
    for (const path of ['/graphql', '/x/api/graphql', '/api/graphql/x', '/api', '/API/graphql']) {
      expect(await status(path), path).toEqual([404, 404])
      expect(await status(path, 'text/html'), path).toEqual([404, 404])
    }
  })

  it('is where / leads to, and health checks stay', async () => {
    const ask = overSocket(make({ graphqlEndpoint: '/api/graphql' }))
    const root = await ask('http://localhost/', { headers: { accept: 'text/html' } })
    expect([root.status, root.headers.get('location')]).toEqual([302, '/api/graphql'])
    for (const name of ['live', 'ready']) {
      expect(await (await ask(`http://localhost/health/${name}`, {})).text()).toBe(name)
    }
    const atRoot = overSocket(make({ graphqlEndpoint: '/' }))
    const page = await atRoot('http://localhost/', { headers: { accept: 'text/html' } })
    expect([page.status, page.headers.get('content-type')]).toEqual([200, expect.stringMatching('html')])
    expect(await (await atRoot('http://localhost/health/live', {})).text()).toBe('live')
  })

  it('streams there', async () => {
    const ticking = {
      typeDefs: 'type Subscription { ticks: Int }',
      resolvers: {
        Subscription: {
          ticks: {
            async *subscribe() {
              yield { ticks: 1 }
            },
          },
        },
      },
    }
    const ask = overSocket(make({ graphqlEndpoint: '/api/graphql', ...ticking }))
    const answer = await ask('http://localhost/api/graphql', {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
      body: JSON.stringify({ query: 'subscription { ticks }' }),
    })
    expect(await answer.text()).toContain('"ticks":1')
  })
})

describe('the path of a Yoga of somebody’s own', () => {
  it.each([
    ['/:tenant/graphql', '/shop/graphql'],
    ['/graphql', '/behind/a/prefix/graphql'],
  ])('may be the pattern %s, as Yoga takes it: %s', async (graphqlEndpoint, path) => {
    const ask = overSocket(inOwnYoga({ graphqlEndpoint }))
    const url = `http://localhost${path}`
    const client = new Client({ fetch: ask }, url)
    expect((await client.run(set)).data).toEqual({ setSessionKey: { created: true } })
    expect((await client.run(get)).data).toEqual({ session: { value: 'dark' } })
    const asked = { origin: app, 'access-control-request-method': 'POST' }
    const preflight = await ask(url, { method: 'OPTIONS', headers: asked })
    expect(preflight.headers.get('access-control-allow-origin')).toBe(app)
    expect(preflight.headers.get('access-control-allow-methods')).toBe('POST, GET')
  })

  it('may be a pattern for GraphiQL, too, and for a preflight that Yoga itself answers', async () => {
    const graphqlEndpoint = '/:tenant/graphql'
    const url = 'http://localhost/shop/graphql'
    const page = await overSocket(inOwnYoga({ graphqlEndpoint }))(url, { headers: { accept: 'text/html' } })
    expect([page.status, page.headers.get('vary')]).toEqual([200, expect.stringMatching(/Accept/)])
    await page.body?.cancel()
    const open = createYoga({ graphqlEndpoint, plugins: [useSessionGate({ origins: [app] })] })
    const headers = { origin: 'https://evil.example', 'access-control-request-method': 'POST' }
    const preflight = await overSocket(open)(url, { method: 'OPTIONS', headers })
    expect(preflight.headers.get('access-control-allow-origin')).toBeNull()
  })
})

describe('graphqlEndpoint', () => {
  it.each(
    [
      ['', 'graphql', 'https://shop.example/graphql', '//evil.example', '/a b', '/ü', '/graphql/'],
      ['/graphql?x', '/graphql#x', '/a/../graphql', '/:tenant/graphql', '/*', '/(a|b)', '/{a}?', '/a\\b'],
      ['/health/live', '/health/ready', null, 1, ['/graphql']],
    ].flat(),
  )('is not %j', (graphqlEndpoint) => {
    expect(() => createSessionServer({ ...shared(), graphqlEndpoint: graphqlEndpoint as never })).toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        message: expect.stringMatching(/^graphqlEndpoint must/),
      }),
    )
  })

  it('is in the start-up text', () => {
    const at = { address: '127.0.0.1', port: 4000 }
    expect(summary(at, '127.0.0.1', 'memory', { graphqlEndpoint: '/api/graphql' })).toMatch(
      /^serves http:\/\/localhost:4000\/api\/graphql \(open/,
    )
  })
})
