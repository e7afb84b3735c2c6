import { setImmediate as nextTurn } from 'node:timers/promises'
import { createSchema, createYoga } from 'graphql-yoga'
import { describe, expect, it } from 'vitest'
import { type SessionContext, useSession } from '../../src/graphql/use-session.ts'
import type { SessionServerOptions } from '../../src/server/create-session-server.ts'
import { openSession } from '../../src/server/open-session.ts'
import type { Session } from '../../src/session/session.ts'
import type { KeyedStore } from '../../src/session/store.ts'
import { distant } from '../support/distant.ts'
import { freshStore, storeName } from '../support/fresh-store.ts'
import { Client, gate, listen } from '../support/harness.ts'
import { shop, type ShopData } from '../support/shop.ts'

const hundred = Array.from({ length: 100 }, (_, index) => index)
const setDark = 'mutation { setSessionKey(key: "dark_mode", value: true) { entry { key } } }'

const stores: [string, () => KeyedStore][] = [
  [storeName, () => freshStore()],
  ['a distant store', () => distant(freshStore(), nextTurn)],
]

async function openShop(options: Parameters<typeof shop>[0] = {}, backend?: KeyedStore) {
  const { yoga, store, clock } = shop(options, backend)
  const server = await listen(yoga)
  const client = new Client(server.url)
  await client.run(setDark)
  return { client, store, clock, [Symbol.asyncDispose]: () => server.close() }
}

describe.each(stores)('a hundred requests at once on one session in %s', (_, backend) => {
  it('that each set another key: a hundred keys', async () => {
    await using open = await openShop({}, backend())
    const answers = await Promise.all(
      hundred.map((index) =>
        open.client.run(
          `mutation { setSessionKey(key: "pref:${index}", value: ${index}) { entry { value } } }`,
        ),
      ),
    )
    expect(answers.flatMap(({ codes }) => codes)).toEqual([])
    const { data } = await open.client.run('{ session { entries { key value } } }')
    const values = data.session.entries.filter(({ key }: { key: string }) => key !== 'dark_mode')
    expect(
      values.map(({ value }: { value: number }) => value).toSorted((a: number, b: number) => a - b),
    ).toEqual(hundred)
  })

  it('that pop one key: one finds it', async () => {
    await using open = await openShop({}, backend())
    const answers = await Promise.all(
      hundred.map(() => open.client.run('mutation { popSessionKey(key: "dark_mode") { found value } }')),
    )
    const pops = answers.map(({ data }) => data.popSessionKey)
    expect(pops.filter(({ found }) => found)).toEqual([{ found: true, value: true }])
    expect(pops.filter(({ found }) => !found)).toHaveLength(99)
  })

  it('that set a default: one creates it, all see the same', async () => {
    await using open = await openShop({}, backend())
    const answers = await Promise.all(
      hundred.map((index) =>
        open.client.run(
          `mutation { setDefaultSessionKey(key: "pref:x", value: ${index}) { created entry { value } } }`,
        ),
      ),
    )
    const results = answers.map(({ data }) => data.setDefaultSessionKey)
    expect(results.filter(({ created }) => created)).toHaveLength(1)
    expect(new Set(results.map(({ entry }) => entry.value)).size).toBe(1)
  })

  it('that update one counter: a hundred', async () => {
    await using open = await openShop(
      {
        typeDefs: 'extend type Mutation { count: Int! }',
        resolvers: {
          Mutation: {
            count: (_: unknown, __: unknown, { session }: SessionContext<ShopData>) =>
              session.update('counter', (counter = 0) => counter + 1),
          },
        },
        keys: { counter: { client: ['read'] }, dark_mode: { client: ['write'] } },
      },
      backend(),
    )
    const answers = await Promise.all(hundred.map(() => open.client.run('mutation { count }')))
    expect(answers.map(({ data }) => data.count).toSorted((a, b) => a - b)).toEqual(hundred.map((n) => n + 1))
    const { data } = await open.client.run('{ session { value(key: "counter") } }')
    expect(data.session.value).toBe(100)
  })
})

type Work = (session: Session<ShopData>) => unknown

/** A mutation that uses the session before and after somebody outside opens the gate. */
async function openSlow(before: Work, after: Work, options: Partial<SessionServerOptions<ShopData>> = {}) {
  const [reached, held] = [gate(), gate()]
  const open = await openShop({
    ...options,
    typeDefs: 'extend type Mutation { slow: Boolean }',
    resolvers: {
      Mutation: {
        async slow(_: unknown, __: unknown, { session }: SessionContext<ShopData>) {
          await before(session)
          reached.resolve()
          await held.promise
          await after(session)
          return true
        },
      },
    },
  })
  return { ...open, reached: reached.promise, release: held.resolve }
}

describe('a slow mutation held open while another request flushes', () => {
  const write: Work = (session) => session.set('user_id', 'ada')
  const uses: [string, Work, Work][] = [
    ['reads, then writes', (session) => session.get('dark_mode'), write],
    ['writes without reading, before and after', write, write],
    ['writes without reading, before', write, () => {}],
    ['waits, then writes without reading', (session) => nextTurn().then(() => write(session)), () => {}],
    ['reads, then pops', (session) => session.get('dark_mode'), (session) => session.pop('dark_mode')],
    [
      'reads, then updates',
      (session) => session.get('dark_mode'),
      (session) => session.update('counter', () => 1),
    ],
    [
      'reads, then sets a default',
      (session) => session.get('dark_mode'),
      (session) => session.setDefault('counter', 1),
    ],
    ['reads, then rotates', (session) => session.get('dark_mode'), (session) => session.rotate()],
    ['reads, then clears', (session) => session.get('dark_mode'), (session) => session.clear()],
    ['reads, then sets an expiry', (session) => session.get('dark_mode'), (session) => session.setExpiry(60)],
  ]

  it.each(uses)('%s: SESSION_GONE, and the session stays dead', async (_, before, after) => {
    const { client, store, reached, release, ...open } = await openSlow(before, after)
    const old = client.fork()
    const slow = old.fork().run('mutation { slow }')
    await reached
    // What a request that waits for something outside does at once: nothing of it may depend on luck.
    await nextTurn()
    await client.run('mutation { logout(flush: true) { flushed } }')
    store.calls.length = 0
    release()
    const answer = await slow
    expect(answer.codes).toEqual(['SESSION_GONE'])
    expect(answer.data?.slow ?? null).toBeNull()
    expect(answer.setCookies).toEqual([])
    expect(store.calls).not.toContain('create')
    for (let replay = 0; replay < 3; replay++) {
      const replayed = await old.fork().run('{ session { isEmpty } }')
      expect(replayed).toMatchObject({ data: null, codes: ['SESSION_GONE'], setCookies: [] })
    }
    await open[Symbol.asyncDispose]()
  })

  it.each([
    ['before', write, () => {}],
    ['after it has waited', (session: Session<ShopData>) => nextTurn().then(() => write(session)), () => {}],
  ] as const)('writes without reading, %s, where no mark is left: SESSION_GONE', async (_, before, after) => {
    const { client, store, reached, release, ...open } = await openSlow(before, after, { handOverTimeout: 0 })
    const slow = client.fork().run('mutation { slow }')
    await reached
    await nextTurn()
    await client.run('mutation { logout { flushed } }')
    store.calls.length = 0
    release()
    expect(await slow).toMatchObject({ codes: ['SESSION_GONE'], setCookies: [] })
    expect(store.calls).not.toContain('create')
    await open[Symbol.asyncDispose]()
  })

  it('only reads: it is answered, and the session stays dead', async () => {
    const { client, reached, release, clock, ...open } = await openSlow(
      (session) => session.get('dark_mode'),
      () => {},
    )
    clock.forward(86_400)
    const old = client.fork()
    const slow = old.fork().run('mutation { slow }')
    await reached
    await client.run('mutation { logout { flushed } }')
    release()
    const answer = await slow
    expect(answer.data).toEqual({ slow: true })
    expect(answer.setCookies).toEqual([])
    expect((await old.run('{ session { isNew } }')).codes).toEqual(['SESSION_GONE'])
    await open[Symbol.asyncDispose]()
  })

  it('flushes too: it is answered, with nothing to delete', async () => {
    const { client, reached, release, ...open } = await openSlow(
      (session) => session.get('dark_mode'),
      (session) => session.flush(),
    )
    const slow = client.fork().run('mutation { slow }')
    await reached
    await client.run('mutation { logout { flushed } }')
    release()
    const answer = await slow
    expect(answer.data).toEqual({ slow: true })
    expect(answer.setCookies).toEqual([])
    await open[Symbol.asyncDispose]()
  })

  it('uses the session for the first time afterwards: SESSION_GONE, and no new session', async () => {
    const { client, reached, release, ...open } = await openSlow(() => {}, write)
    const slow = client.fork()
    const answering = slow.run('mutation { slow }')
    await reached
    await client.run('mutation { logout { flushed } }')
    release()
    expect(await answering).toMatchObject({ data: null, codes: ['SESSION_GONE'], setCookies: [] })
    expect((await client.run('{ session { keys } }')).data.session.keys).toEqual([])
    await open[Symbol.asyncDispose]()
  })
})

it('a delete that is under way when its field fails is dropped with it', async () => {
  const typeDefs = 'extend type Mutation { fail: Boolean }'
  const fail = (_: unknown, __: unknown, { session }: SessionContext<ShopData>) =>
    Promise.all([session.delete('dark_mode'), Promise.reject(new Error('no'))])
  await using open = await openShop(
    { typeDefs, resolvers: { Mutation: { fail } }, logging: false },
    distant(freshStore(), nextTurn),
  )
  expect((await open.client.run('mutation { fail }')).data).toEqual({ fail: null })
  expect((await open.client.run('{ session { keys } }')).data.session.keys).toEqual(['dark_mode'])
})

it('a verb that nobody awaits, with a cookie that was replaced, fails the answer', async () => {
  const typeDefs = 'extend type Mutation { later: Boolean }'
  const later = (_: unknown, __: unknown, { session }: SessionContext<ShopData>) => {
    void session.update('counter', (counter = 0) => counter + 1)
    return true
  }
  await using open = await openShop({ typeDefs, resolvers: { Mutation: { later } } })
  const old = open.client.fork()
  await open.client.run('mutation { rotateSession { session { keys } } }')
  expect(await old.run('mutation { later }')).toMatchObject({ data: null, codes: ['SESSION_MOVED'] })
})

describe('rotation', () => {
  it('of two at once, one wins and the other is told', async () => {
    await using open = await openShop()
    const [one, two] = [open.client.fork(), open.client.fork()]
    const rotate = 'mutation { rotateSession { session { keys } } }'
    const answers = await Promise.all([one.run(rotate), two.run(rotate)])
    const cookies = answers.flatMap(({ setCookies }) =>
      setCookies.filter((cookie) => !cookie.includes('Max-Age=0')),
    )
    expect(cookies).toHaveLength(1)
    expect(answers.flatMap(({ codes }) => codes)).toEqual(['SESSION_MOVED'])
    const alive = await Promise.all([one, two].map((it) => it.run('{ session { keys } }')))
    expect(alive.map(({ data, codes }) => data?.session.keys ?? codes)).toEqual(
      expect.arrayContaining([['dark_mode'], ['SESSION_MOVED']]),
    )
  })
})

describe('a batch of operations in one HTTP request', () => {
  it('has one session and one Set-Cookie, and its operations see the writes of each other', async () => {
    const { yoga, store } = shop()
    const client = new Client(yoga)
    const batch = Array.from({ length: 10 }, (_, index) => ({
      query: `mutation { setSessionKey(key: "pref:${index}", value: ${index}) { session { handle } } }`,
    }))
    const answer = await client.post(batch)
    expect(answer.codes).toEqual([])
    expect(new Set(answer.body.map((each: any) => each.data.setSessionKey.session.handle)).size).toBe(1)
    expect(answer.setCookies).toHaveLength(1)
    expect(store.calls).toEqual(['create'])
    const { data } = await client.run('{ session { keys } }')
    expect(data.session.keys).toHaveLength(10)
  })

  it('sees in one operation what another one wrote, within one request', async () => {
    const written = gate()
    const { yoga } = shop({
      typeDefs: 'extend type Mutation { write: Boolean! } extend type Query { keysAfterwards: [String!]! }',
      resolvers: {
        Mutation: {
          write(_: unknown, __: unknown, { session }: SessionContext<ShopData>) {
            session.set('counter', 1)
            written.resolve()
            return true
          },
        },
        Query: {
          async keysAfterwards(_: unknown, __: unknown, { session }: SessionContext<ShopData>) {
            await written.promise
            return session.keys()
          },
        },
      },
    })
    const answer = await new Client(yoga).post([
      { query: '{ keysAfterwards }' },
      { query: 'mutation { write }' },
    ])
    expect(answer.body).toEqual([{ data: { keysAfterwards: ['counter'] } }, { data: { write: true } }])
  })

  it('does at once what acts at once, one after the other: flush, rotate, pop, update', async () => {
    const { yoga } = shop()
    const client = new Client(yoga)
    await client.run(setDark)
    const answer = await client.post([
      { query: 'mutation { rotateSession { session { handle } } }' },
      { query: 'mutation { popSessionKey(key: "dark_mode") { found } }' },
      { query: 'mutation { popSessionKey(key: "dark_mode") { found } }' },
      { query: 'mutation { setDefaultSessionKey(key: "pref:a", value: 1) { created } }' },
      { query: 'mutation { setDefaultSessionKey(key: "pref:a", value: 2) { created } }' },
      { query: 'mutation { logout { flushed } }' },
      { query: 'mutation { rotateSession { session { handle } } }' },
    ])
    expect(answer.codes).toEqual([])
    expect(answer.setCookies).toHaveLength(1)
    const found = [answer.body[1], answer.body[2]].filter((each) => each.data.popSessionKey.found)
    expect(found).toHaveLength(1)
    expect((await client.run('{ session { isNew keys } }')).data.session).toEqual({ isNew: false, keys: [] })
  })

  it('gives all of it the error when the session is gone', async () => {
    const store = freshStore()
    const [reached, held] = [gate(), gate()]
    const schema = createSchema<SessionContext>({
      typeDefs: 'type Query { a: String } type Mutation { slow: Boolean, quick: Boolean }',
      resolvers: {
        Mutation: {
          async slow(_, __, { session }) {
            await session.get('k')
            session.set('k', 2)
            reached.resolve()
            await held.promise
            return true
          },
          quick: () => true,
        },
      },
    })
    const yoga = createYoga({ schema, batching: true, plugins: [useSession({ store })] })
    const session = openSession(store)
    session.set('k', 1)
    await session.save()
    const client = new Client(yoga)
    client.cookies.set('__Host-session', session.token!)
    const batch = client.post([{ query: 'mutation { slow }' }, { query: 'mutation { quick }' }])
    await reached.promise
    await openSession(store, session.token).flush()
    held.resolve()
    expect((await batch).codes).toEqual(['SESSION_GONE', 'SESSION_GONE'])
  })
})
