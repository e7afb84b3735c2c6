import { useDeferStream } from '@graphql-yoga/plugin-defer-stream'
import { isAsyncIterable, type Plugin } from 'graphql-yoga'
import { describe, expect, it, vi } from 'vitest'
import type { SessionContext } from '../../src/graphql/use-session.ts'
import { freshStore } from '../support/fresh-store.ts'
import { Client, gate, seen } from '../support/harness.ts'
import { shop, type ShopData } from '../support/shop.ts'

const begin = 'mutation { setSessionKey(key: "dark_mode", value: true) { created } }'
type Context = SessionContext<ShopData>

function deferring(act: (session: Context['session']) => unknown, ...plugins: Plugin[]) {
  return shop({
    plugins: [useDeferStream(), ...plugins],
    typeDefs: 'extend type Query { late: Late } type Late { act: Boolean }',
    resolvers: {
      Query: { late: () => ({}) },
      Late: {
        async act(_: unknown, __: unknown, { session }: Context) {
          await new Promise((next) => setImmediate(next))
          await act(session)
          return true
        },
      },
    },
  })
}

const defer = (client: Client) =>
  client.run('{ session { isNew } late { ... @defer { act } } }', undefined, { accept: 'multipart/mixed' })

describe('@defer', () => {
  it('saves what a deferred part wrote before that part is delivered', async () => {
    const { yoga, store } = deferring((session) => session.set('user_id', 'ada'))
    const client = new Client(yoga)
    await client.run(begin)
    store.calls.length = 0
    const { text, headers, setCookies } = await defer(client)
    expect(text).toContain('"incremental":[{"data":{"act":true}')
    expect(store.calls).toEqual(['read', 'commit'])
    expect([headers.get('vary'), headers.get('cache-control'), setCookies]).toEqual([
      'Cookie',
      'no-store',
      [],
    ])
    expect((await client.run('{ session { keys } }')).data.session.keys).toEqual(['dark_mode', 'user_id'])
  })

  it.each([
    ['at once', 0],
    ['later', 50],
  ])('ends in an error when what a part wrote %s cannot be saved', async (_, turns) => {
    const { yoga, store } = deferring(async (session) => {
      for (let turn = 0; turn < turns; turn++) await new Promise((next) => setImmediate(next))
      await store.delete((await session.handle())!, 0)
      session.set('user_id', 'ada')
    })
    const client = new Client(yoga)
    await client.run(begin)
    const { text } = await defer(client)
    const told = text.match(/"hasNext":\w+|SESSION_GONE|"act":true/g)!
    expect(told.slice(-2)).toEqual(['SESSION_GONE', '"hasNext":false'])
    expect(text).not.toContain('"act":true')
  })

  it('stores nothing more once it ended in an error', async () => {
    const failed = Promise.withResolvers<void>()
    const late = vi.fn<(error: unknown) => void>()
    let turn = 0
    const { yoga, store } = deferring(async (session) => {
      if (turn++ === 0) {
        await store.delete((await session.handle())!, 0)
        session.set('user_id', 'ada')
        return
      }
      await failed.promise
      try {
        session.set('dark_mode', false)
      } catch (error) {
        late(error)
      }
    })
    const client = new Client(yoga)
    await client.run(begin)
    const query = '{ session { isNew } a: late { ... @defer { act } } b: late { ... @defer { act } } }'
    const { text } = await client.run(query, undefined, { accept: 'multipart/mixed' })
    failed.resolve()
    await vi.waitFor(() => expect(late).toHaveBeenCalledOnce())
    expect(late).toHaveBeenCalledWith(expect.objectContaining({ code: 'SESSION_HEADERS_SENT' }))
    expect(text.match(/SESSION_GONE/g)).toHaveLength(1)
  })

  it('ends, also where a plugin around it does not', async () => {
    const held: Plugin = {
      onExecute: () => ({
        onExecuteDone({ result, setResult }) {
          if (!isAsyncIterable(result)) return
          const around = async function* () {
            try {
              yield* result as AsyncIterable<never>
            } finally {
              await new Promise(() => {})
            }
          }
          setResult(around())
        },
      }),
    }
    const { yoga, store } = deferring(async (session) => {
      await store.delete((await session.handle())!, 0)
      session.set('user_id', 'ada')
    }, held)
    const client = new Client(yoga)
    await client.run(begin)
    expect((await defer(client)).text).toContain('"hasNext":false')
  })

  it('marks the answer as depending on the cookie even if only a later part reads the session', async () => {
    const { yoga } = deferring((session) => session.get('dark_mode'))
    const { headers } = await new Client(yoga).run('{ late { ... @defer { act } } }', undefined, {
      accept: 'multipart/mixed',
    })
    expect([headers.get('vary'), headers.get('cache-control')]).toEqual(['Cookie', 'no-store'])
  })
})

describe('@stream', () => {
  it('saves what an item wrote before that item is delivered', async () => {
    const { yoga } = shop({
      plugins: [useDeferStream()],
      typeDefs: 'extend type Query { items: [Int] }',
      resolvers: {
        Query: {
          async *items(_: unknown, __: unknown, { session }: Context) {
            for (const item of [1, 2, 3]) {
              await new Promise((next) => setImmediate(next))
              session.set(`pref:${item}`, item)
              yield item
            }
          },
        },
      },
    })
    const client = new Client(yoga)
    await client.run(begin)
    const { text } = await client.run('{ items @stream(initialCount: 1) }', undefined, {
      accept: 'multipart/mixed',
    })
    expect(text).toContain('"hasNext":true')
    expect(text).not.toContain('errors')
    const { data } = await client.run('{ session { keys } }')
    expect(data.session.keys).toEqual(['dark_mode', 'pref:1', 'pref:2', 'pref:3'])
  })
})

describe('a subscription', () => {
  const typeDefs = 'type Subscription { ticks: Int, fails: Int }'

  it('saves what an event wrote before the event is delivered, and what came after the last one', async () => {
    const afterwards = gate()
    const { yoga } = shop({
      typeDefs,
      resolvers: {
        Subscription: {
          ticks: {
            async *subscribe(_: unknown, __: unknown, { session }: Context) {
              yield { ticks: 1 }
              yield { ticks: 2 }
              session.set('pref:after', true)
              afterwards.resolve()
            },
            async resolve({ ticks }: { ticks: number }, _: unknown, { session }: Context) {
              session.set(`pref:${ticks}`, ticks)
              return (await session.keys()).length
            },
          },
        },
      },
    })
    const client = new Client(yoga)
    await client.run(begin)
    const { text } = await client.run('subscription { ticks }', undefined, { accept: 'text/event-stream' })
    expect(text).toContain('data: {"data":{"ticks":2}}')
    expect(text).toContain('data: {"data":{"ticks":3}}')
    await afterwards.promise
    await new Promise((next) => setImmediate(next))
    const { data } = await client.run('{ session { keys } }')
    expect(data.session.keys).toEqual(['dark_mode', 'pref:1', 'pref:2', 'pref:after'])
  })

  it('can begin a session before its stream starts, and only then', async () => {
    const { yoga } = shop({
      typeDefs,
      resolvers: {
        Subscription: {
          ticks: {
            subscribe(_: unknown, __: unknown, { session }: Context) {
              session.set('user_id', 'ada')
              return (async function* () {
                yield { ticks: 1 }
              })()
            },
          },
        },
      },
    })
    const client = new Client(yoga)
    const { setCookies } = await client.run('subscription { ticks }', undefined, {
      accept: 'text/event-stream',
    })
    expect(setCookies).toHaveLength(1)
    expect((await client.run('{ session { keys } }')).data.session.keys).toEqual(['user_id'])
  })

  it('shows the code of a session error, in its source and in its events', async () => {
    const { yoga } = shop({
      typeDefs,
      resolvers: {
        Subscription: {
          ticks: {
            async *subscribe() {
              yield { ticks: 1 }
            },
            resolve: (_: unknown, __: unknown, { session }: Context) => session.set('user_id', 'ada'),
          },
          fails: {
            subscribe: (_: unknown, __: unknown, { session }: Context) => session.set('a b' as 'user_id', ''),
          },
        },
      },
    })
    const run = (field: string) =>
      new Client(yoga).run(`subscription { ${field} }`, undefined, { accept: 'text/event-stream' })
    expect((await run('ticks')).text).toContain('"code":"SESSION_HEADERS_SENT"')
    expect((await run('fails')).text).toContain('"code":"SESSION_KEY_INVALID"')
  })

  it('goes on after a part that could not be saved, which is told once', async () => {
    const { yoga } = shop({
      typeDefs,
      limits: { keys: 2 },
      resolvers: {
        Subscription: {
          ticks: {
            async *subscribe() {
              for (const ticks of [1, 2, 3]) yield { ticks }
            },
            resolve({ ticks }: { ticks: number }, _: unknown, { session }: Context) {
              if (ticks < 3) session.set(`pref:${ticks}`, ticks)
              return ticks
            },
          },
        },
      },
    })
    const client = new Client(yoga)
    await client.run(begin)
    const { text } = await client.run('subscription { ticks }', undefined, { accept: 'text/event-stream' })
    expect(text.match(/SESSION_TOO_LARGE/g)).toHaveLength(1)
    expect(text).toContain('{"data":{"ticks":1}}')
    expect(text).toContain('{"data":{"ticks":3}}')
    expect((await client.run('{ session { keys } }')).data.session.keys).toEqual(['dark_mode', 'pref:1'])
  })

  it.each(['read', 'commit'] as const)(
    'goes on after an event in which the store failed once, in %s',
    async (verb) => {
      const backend = freshStore()
      const { [verb]: works } = backend
      const failOnce = () => {
        Object.assign(backend, {
          [verb]() {
            Object.assign(backend, { [verb]: works })
            return Promise.reject(Object.assign(new Error('hunter2'), { code: 'ECONNRESET' }))
          },
        })
      }
      const { yoga } = shop(
        {
          typeDefs,
          resolvers: {
            Subscription: {
              ticks: {
                async *subscribe() {
                  for (const ticks of [1, 2, 3]) {
                    if (ticks === (verb === 'read' ? 1 : 2)) failOnce()
                    yield { ticks }
                  }
                },
                async resolve({ ticks }: { ticks: number }, _: unknown, { session }: Context) {
                  if (verb === 'read') await session.get('dark_mode')
                  session.set(`pref:${ticks}`, ticks)
                  return ticks
                },
              },
            },
          },
        },
        backend,
      )
      const client = new Client(yoga)
      await client.run(begin)
      const before = seen.length
      const { text } = await client.run('subscription { ticks }', undefined, { accept: 'text/event-stream' })
      const logged = seen
        .slice(before)
        .filter((line) => line.includes('SESSION_STORE_UNAVAILABLE: Error ECONNRESET'))
      expect(text.match(/SESSION_STORE_UNAVAILABLE/g)).toHaveLength(1)
      expect(text).toContain('{"data":{"ticks":3}}')
      expect(logged).toHaveLength(1)
      const { data } = await client.run('{ session { keys } }')
      const failing = verb === 'read' ? 'pref:1' : 'pref:2'
      expect(data.session.keys).toEqual(
        ['dark_mode', 'pref:1', 'pref:2', 'pref:3'].filter((key) => key !== failing),
      )
    },
  )

  it('saves what its end recorded when nobody waits for the next event', async () => {
    const takeOne: Plugin = {
      async onResultProcess({ result, setResult }) {
        if (!isAsyncIterable(result)) return
        const parts = result[Symbol.asyncIterator]()
        await parts.next()
        await parts.return?.()
        setResult({ data: {} })
      },
    }
    const { yoga } = shop({
      typeDefs,
      plugins: [takeOne],
      resolvers: {
        Subscription: {
          ticks: {
            async *subscribe(_: unknown, __: unknown, { session }: Context) {
              try {
                yield { ticks: 1 }
                yield { ticks: 2 }
              } finally {
                session.set('user_id', 'left')
              }
            },
          },
        },
      },
    })
    const client = new Client(yoga)
    await client.run(begin)
    await client.run('subscription { ticks }', undefined, { accept: 'text/event-stream' })
    expect((await client.run('{ session { keys } }')).data.session.keys).toEqual(['dark_mode', 'user_id'])
  })

  it('leaves nothing behind when the client goes away, and saves what its end recorded', async () => {
    const left = gate()
    const { yoga } = shop({
      typeDefs,
      resolvers: {
        Subscription: {
          ticks: {
            async *subscribe(_: unknown, __: unknown, { session }: Context) {
              try {
                for (let tick = 1; ; tick++) {
                  yield { ticks: tick }
                  await new Promise((next) => setImmediate(next))
                }
              } finally {
                session.set('user_id', 'left')
                left.resolve()
              }
            },
          },
        },
      },
    })
    const client = new Client(yoga)
    await client.run(begin)
    const response = await yoga.fetch('http://shop.example/graphql', {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream', cookie: client.cookie },
      body: JSON.stringify({ query: 'subscription { ticks }' }),
    })
    const reader = response.body!.getReader()
    await reader.read()
    await reader.cancel()
    await left.promise
    const keys = async () => (await client.run('{ session { keys } }')).data.session.keys
    await expect.poll(keys).toEqual(['dark_mode', 'user_id'])
  })
})
