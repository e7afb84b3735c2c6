import { createRequire } from 'node:module'
import { useDeferStream } from '@graphql-yoga/plugin-defer-stream'
import { createInMemoryCache, useResponseCache } from '@graphql-yoga/plugin-response-cache'
import { createYoga, type Plugin } from 'graphql-yoga'
import { describe, expect, it } from 'vitest'
import { useSessionGate } from '../../src/graphql/use-gate.ts'
import { type SessionContext, useSession } from '../../src/graphql/use-session.ts'
import { createSessionServer } from '../../src/server/create-session-server.ts'
import { makeSchema } from '../../src/server/schema.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { Client } from '../support/harness.ts'

const ofYogasPlugin = createRequire(import.meta.resolve('@graphql-yoga/plugin-response-cache'))

type Context = SessionContext<{ name: string }>
type Options = Partial<Parameters<typeof useResponseCache>[0]>

/** A cache that records under which keys results were stored. */
function watchedCache() {
  const cache = createInMemoryCache()
  const kept: unknown[] = []
  return {
    ...cache,
    kept,
    set: (...args: Parameters<typeof cache.set>) => {
      kept.push(args[1].data)
      return cache.set(...args)
    },
  }
}

/** The application: fields that read or write the session, and fields that do not, which count how often they ran. */
function application() {
  const ran = { posts: 0, me: 0, login: 0 }
  const post = { id: '1', title: 'First', tags: [{ name: 'a' }] }
  return {
    ran,
    typeDefs: /* GraphQL */ `
      type Tag {
        name: String
      }
      type Post {
        id: ID!
        title: String
        tags: [Tag!]!
        isMine: Boolean
      }
      extend type Query {
        posts: [Post!]!
        me: String
        visits: Int
      }
      extend type Mutation {
        login(name: String!): String
        rename(id: ID!, title: String!): Post
      }
    `,
    resolvers: {
      Query: {
        posts() {
          ran.posts++
          return [post]
        },
        me(_: unknown, __: unknown, { session }: Context) {
          ran.me++
          return session.get('name')
        },
        visits: (_: unknown, __: unknown, { session }: Context) =>
          session.update('visits' as never, ((before = 0) => before + 1) as never),
      },
      Post: {
        isMine: async (_: unknown, __: unknown, { session }: Context) =>
          (await session.get('name')) === 'Ada',
      },
      Mutation: {
        async login(_: unknown, { name }: { name: string }, { session }: Context) {
          ran.login++
          session.set('name', name)
          return name
        },
        rename: (_: unknown, { title }: { title: string }) => Object.assign(post, { title }),
      },
    },
  }
}

type Application = ReturnType<typeof application>
type Serve = (cache: Plugin, application: Application, more?: Plugin[]) => { fetch: unknown }

const sessions = () => ({ store: memoryStore({ max: 100 }), keys: { name: { client: ['read'] } } }) as const

const own =
  (order: (cache: Plugin, session: Plugin) => Plugin[]): Serve =>
  (cache, parts, more = []) =>
    createYoga({
      schema: makeSchema(parts),
      plugins: [...order(cache, useSession(sessions()) as object as Plugin), ...more],
      batching: true,
      logging: false,
    })

const servers: Record<string, Serve> = {
  createSessionServer: (cache, { typeDefs, resolvers }, more = []) =>
    createSessionServer({
      ...sessions(),
      typeDefs,
      resolvers: resolvers as never,
      plugins: [cache, ...more],
      batching: true,
      logging: false,
    }),
  'a Yoga with the session first': own((cache, session) => [session, cache]),
  'a Yoga with the cache first': own((cache, session) => [cache, session]),
  'a Yoga with a gate between them': own((cache, session) => [session, useSessionGate(), cache]),
  'a Yoga with a cache that a plugin adds': own((cache, session) => [
    session,
    { onPluginInit: ({ addPlugin }) => addPlugin(cache) },
  ]),
}

/** The configurations that the documentation of the plugin shows, and others that let it keep more. */
const caches: Record<string, Options> = {
  'one entry for all': { session: () => null },
  'a time to live': { session: () => null, ttl: 60_000 },
  metadata: { session: () => null, ttl: 2000, includeExtensionMetadata: true },
  enabled: { session: () => null, enabled: () => true },
  'an entry for each authentication': {
    session: (request) => request.headers.get('authentication'),
  },
  'times by type': { session: () => null, ttlPerSchemaCoordinate: { 'Query.me': 60_000, Session: 60_000 } },
  'whatever it judges': { session: () => null, shouldCacheResult: () => true, onTtl: () => 60_000 },
  'mutations that invalidate nothing': { session: () => null, invalidateViaMutation: false },
}

function serve(name: string, options: Options = {}, more?: Plugin[]) {
  const parts = application()
  const cache = watchedCache()
  const plugin = useResponseCache({ session: () => null, cache, ...options })
  const server = servers[name]!(plugin, parts, more)
  return { ran: parts.ran, kept: cache.kept, server, visitor: () => new Client(server) }
}

const login = (name: string): string => `mutation { login(name: "${name}") }`

describe.each(Object.keys(servers))('beside a response cache, on %s', (name) => {
  it.each(Object.keys(caches))('with %s each visitor gets what is of their own session', async (options) => {
    const { visitor, kept } = serve(name, caches[options])
    const [ada, bob, nobody] = [visitor(), visitor(), visitor()]
    const read = '{ me session { handle createdAt value(key: "name") keys } }'
    expect((await nobody.run(read)).data).toMatchObject({ me: null, session: { createdAt: null, keys: [] } })
    for (const [client, who] of [
      [ada, 'Ada'],
      [bob, 'Bob'],
    ] as const) {
      expect((await client.run(login(who))).data).toEqual({ login: who })
      for (const _ of [1, 2]) {
        const { data, headers, text } = await client.run(read)
        expect(data).toMatchObject({ me: who, session: { value: who, keys: ['name'] } })
        expect(headers.get('cache-control')).toBe('no-store')
        expect(headers.get('vary')).toMatch(/cookie/i)
        expect(headers.get('etag')).toBeNull()
        expect(text).not.toContain('__responseCache')
      }
    }
    expect((await nobody.run(read)).data).toMatchObject({ me: null, session: { createdAt: null, keys: [] } })
    expect((await ada.run('{ __typename me }')).data).toEqual({ __typename: 'Query', me: 'Ada' })
    expect((await bob.run('{ __typename me }')).data).toEqual({ __typename: 'Query', me: 'Bob' })
    expect(kept).toEqual([])
  })

  it('what did not touch a session is answered from the cache', async () => {
    const { visitor, ran, kept } = serve(name)
    const ada = visitor()
    await ada.run(login('Ada'))
    const posts = '{ posts { id title tags { name } } }'
    const [first, second, third] = [await ada.run(posts), await visitor().run(posts), await ada.run(posts)]
    expect(first.data).toEqual({ posts: [{ id: '1', title: 'First', tags: [{ name: 'a' }] }] })
    expect([second.data, third.data]).toEqual([first.data, first.data])
    expect([ran.posts, kept.length]).toEqual([1, 1])
    const etag = first.headers.get('etag')!
    expect(second.headers.get('etag')).toBe(etag)
    expect((await visitor().run(posts, undefined, { 'if-none-match': etag })).status).toBe(304)
  })

  it('a mutation invalidates, also one that touches a session', async () => {
    const { visitor, ran } = serve(name)
    const ada = visitor()
    const posts = '{ posts { id title } }'
    await ada.run(posts)
    const { data } = await ada.run(
      'mutation { login(name: "Ada") rename(id: "1", title: "Second") { title } }',
    )
    expect(data).toEqual({ login: 'Ada', rename: { title: 'Second' } })
    expect((await visitor().run(posts)).data.posts).toEqual([{ id: '1', title: 'Second' }])
    expect(ran.posts).toBe(2)
  })

  it('a field deep down that reads a session keeps the answer out of the cache', async () => {
    const { visitor, kept } = serve(name)
    const [ada, bob] = [visitor(), visitor()]
    await ada.run(login('Ada'))
    const query = '{ posts { isMine tags { name } } }'
    const tags = [{ name: 'a' }]
    expect((await ada.run(query)).data).toEqual({ posts: [{ isMine: true, tags }] })
    expect((await bob.run(query)).data).toEqual({ posts: [{ isMine: false, tags }] })
    expect(kept).toEqual([])
  })

  it('a query that writes runs each time, and a signed-in visitor is not shown what was for nobody', async () => {
    const { visitor } = serve(name)
    const ada = visitor()
    expect((await ada.run('{ visits me }')).data).toEqual({ visits: 1, me: null })
    await ada.run(login('Ada'))
    expect((await ada.run('{ visits me }')).data).toEqual({ visits: 2, me: 'Ada' })
    expect((await visitor().run('{ visits me }')).data).toEqual({ visits: 1, me: null })
  })

  it('a mutation runs for each visitor, and each gets a cookie', async () => {
    const { visitor, ran } = serve(name, { invalidateViaMutation: false })
    const [ada, other] = [await visitor().run(login('Ada')), await visitor().run(login('Ada'))]
    expect([ada.setCookies.length, other.setCookies.length, ran.login]).toEqual([1, 1, 2])
  })

  it('a batch is answered to its visitor alone', async () => {
    const { visitor, kept } = serve(name)
    const [ada, bob] = [visitor(), visitor()]
    await ada.run(login('Ada'))
    await bob.run(login('Bob'))
    const batch = [{ query: '{ me }' }, { query: '{ session { value(key: "name") } }' }]
    const of = (who: string) => [{ data: { me: who } }, { data: { session: { value: who } } }]
    expect((await ada.post(batch)).body).toEqual(of('Ada'))
    expect((await bob.post(batch)).body).toEqual(of('Bob'))
    expect(kept).toEqual([])
  })

  it('a client that says what it has gets the answer, not 304', async () => {
    const { visitor, server } = serve(name)
    const ada = visitor()
    const etag = (await ada.run('{ posts { id } }')).headers.get('etag')
    await ada.run(login('Ada'))
    const again = await (server.fetch as typeof fetch)('http://shop.example/graphql?query={me}', {
      headers: { cookie: ada.cookie, 'if-none-match': `${etag}x`, 'content-type': 'application/json' },
    })
    expect([again.status, await again.json()]).toEqual([200, { data: { me: 'Ada' } }])
  })

  it('an answer in parts of which one touched the session is not kept', async () => {
    const { visitor, kept } = serve(name, {}, [useDeferStream()])
    const [ada, bob] = [visitor(), visitor()]
    await ada.run(login('Ada'))
    await bob.run(login('Bob'))
    const query = '{ posts { id } ... @defer { me session { value(key: "name") } } }'
    const accept = { accept: 'text/event-stream' }
    for (const [client, who, others] of [
      [ada, 'Ada', 'Bob'],
      [bob, 'Bob', 'Ada'],
      [ada, 'Ada', 'Bob'],
    ] as const) {
      const { text, status } = await client.run(query, undefined, accept)
      expect(status).toBe(200)
      expect(text).toContain(who)
      expect(text).not.toContain(others)
      expect(text).not.toContain('__responseCache')
    }
    expect(kept).toEqual([])
  })
})

it('an answer in parts that touched no session is kept as before', async () => {
  const { visitor, kept } = serve('createSessionServer', {}, [useDeferStream()])
  const { text } = await visitor().run('{ posts { id ... @defer { title } } }', undefined, {
    accept: 'text/event-stream',
  })
  expect(text).toContain('First')
  expect(text).not.toContain('__responseCache')
  expect(kept).toHaveLength(1)
})

it('the cache that envelop has is kept from sessions, too', async () => {
  const parts = application()
  const cache = watchedCache()
  const { useResponseCache: useCacheOfEnvelop } = ofYogasPlugin('@envelop/response-cache') as {
    useResponseCache: typeof useResponseCache
  }
  const plugin = useCacheOfEnvelop({ session: () => null, cache })
  const server = servers['createSessionServer']!(plugin, parts)
  const [ada, bob] = [new Client(server), new Client(server)]
  await ada.run(login('Ada'))
  expect((await ada.run('{ me }')).data).toEqual({ me: 'Ada' })
  expect((await bob.run('{ me }')).data).toEqual({ me: null })
  await ada.run('{ posts { id } }')
  await bob.run('{ posts { id } }')
  expect([parts.ran.posts, cache.kept.length]).toEqual([1, 1])
})

it('what uses the session before a resolver does keeps answers out of the cache as well', async () => {
  const { typeDefs, resolvers } = application()
  const cache = watchedCache()
  const server = createSessionServer<{ name: string }, { who: string }>({
    ...sessions(),
    typeDefs: [typeDefs, 'extend type Query { who: String, early: String }'],
    resolvers: [
      resolvers,
      { Query: { who: (_: unknown, __: unknown, { who }: { who: string }) => who } },
    ] as never,
    context: async ({ session }) => ({ who: (await session.get('name')) ?? 'nobody' }),
    plugins: [useResponseCache({ session: () => null, cache })],
    logging: false,
  })
  const [ada, bob] = [new Client(server), new Client(server)]
  await ada.run(login('Ada'))
  expect((await ada.run('{ who }')).data).toEqual({ who: 'Ada' })
  expect((await bob.run('{ who }')).data).toEqual({ who: 'nobody' })
  expect(cache.kept).toEqual([])
})

it('a plugin that answers by the session, in the place of the executor, answers each visitor', async () => {
  const guarding: Plugin = {
    async onExecute({ args, setResultAndStopExecution }) {
      const name = await (args.contextValue as unknown as Context).session.get('name')
      setResultAndStopExecution({ data: { posts: [{ title: name ?? 'Sign in.' }] } })
    },
  }
  const { visitor, kept } = serve('a Yoga with the cache first', {}, [guarding])
  const query = '{ posts { title } }'
  expect((await visitor().run(query)).data).toEqual({ posts: [{ title: 'Sign in.' }] })
  expect(kept).toEqual([])
})

it('a cache that two servers share, each with a session of its own, is kept from both', async () => {
  const cache = watchedCache()
  const plugin = useResponseCache({ session: () => null, cache })
  const both = ['createSessionServer', 'a Yoga with the cache first'].map((name) => {
    const server = servers[name]!(plugin, application())
    return [new Client(server), new Client(server)] as const
  })
  for (const [ada, bob] of both) {
    await ada.run(login('Ada'))
    expect((await ada.run('{ me }')).data).toEqual({ me: 'Ada' })
    expect((await bob.run('{ me }')).data).toEqual({ me: null })
  }
  expect(cache.kept).toEqual([])
})

it('two sessions in one Yoga are both kept from the cache', async () => {
  const cache = watchedCache()
  const parts = application()
  const other = useSession<{ name: string }>({ ...sessions(), cookie: { name: 'other' } })
  const server = createYoga({
    schema: makeSchema(parts),
    plugins: [
      useSession(sessions()),
      other as object as Plugin,
      useResponseCache({ session: () => null, cache }),
    ],
    logging: false,
  })
  const [ada, bob] = [new Client(server), new Client(server)]
  await ada.run(login('Ada'))
  expect((await ada.run('{ me }')).data).toEqual({ me: 'Ada' })
  expect((await bob.run('{ me }')).data).toEqual({ me: null })
  expect(cache.kept).toEqual([])
})

it('a cache of which only the half that answers is known is refused at the start', () => {
  const { onParams } = useResponseCache({ session: () => null })
  const refused = { code: 'CONFIG_INVALID', message: expect.stringContaining('response cache') }
  const start = (plugins: Plugin[]) => () => createSessionServer({ ...sessions(), plugins, logging: false })
  expect(start([{ onParams: onParams! }])).toThrow(expect.objectContaining(refused))
  expect(start([{ onParams() {} }])).not.toThrow()
})
