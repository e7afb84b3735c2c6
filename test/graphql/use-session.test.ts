import { makeExecutableSchema } from '@graphql-tools/schema'
import { createSchema, createYoga, type Plugin } from 'graphql-yoga'
import { describe, expect, expectTypeOf, it, onTestFinished, vi } from 'vitest'
import { sessionResolvers, sessionTypeDefs } from '../../src/graphql/resolvers.ts'
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

  it('lets answers of node:http go at the end of a turn of the event loop', async () => {
    let ended = false
    const before: Plugin = { onResponse: () => void setImmediate(() => (ended = true)) }
    const after: Plugin = { onResponse: ({ response }) => response.headers.set('ended', String(ended)) }
    const plugins = [before, useSession<Data>({ store: memoryStore({ max: 10 }) }), after]
    const running = await listen(createYoga({ schema: schema(), plugins }))
    onTestFinished(() => running.close())
    const { headers } = await new Client(running.url).run('{ visits }')
    expect(headers.get('ended')).toBe('true')
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
