import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openSession } from '../../src/server/open-session.ts'
import { asClient } from '../../src/session/client.ts'
import { SessionError } from '../../src/session/errors.ts'
import type { AnySession } from '../../src/session/session.ts'
import type { KeyedStore } from '../../src/session/store.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { Client, seen } from '../support/harness.ts'
import { shop } from '../support/shop.ts'

const turn = () => new Promise((resolve) => setImmediate(resolve))

/** A backend that fails while `isDown`. */
function fragile() {
  const store: KeyedStore = memoryStore({ max: 100 })
  const state = { isDown: false }
  const guard =
    <Verb extends Exclude<keyof KeyedStore, 'notices'>>(verb: Verb): KeyedStore[Verb] =>
    async (...args: never[]) => {
      await turn()
      if (state.isDown) throw new Error('connection refused')
      return (store[verb] as (...args: never[]) => never)(...args)
    }
  return Object.assign(state, {
    store: { create: guard('create'), read: guard('read'), commit: guard('commit'), delete: guard('delete') },
  })
}

const unhandled: unknown[] = []
const note = (error: unknown) => void unhandled.push(error)
beforeEach(() => {
  unhandled.length = 0
  process.on('unhandledRejection', note)
})
afterEach(async () => {
  await turn()
  await turn()
  process.off('unhandledRejection', note)
  expect(unhandled).toEqual([])
})

type Use = (session: AnySession) => unknown

/** Every verb that gives a promise. */
const verbs: [string, (session: AnySession) => Promise<unknown>][] = [
  ['get', (session) => session.get('cart')],
  ['has', (session) => session.has('cart')],
  ['keys', (session) => session.keys()],
  ['entries', (session) => session.entries()],
  ['isEmpty', (session) => session.isEmpty()],
  ['delete', (session) => session.delete('cart')],
  ['pop', (session) => session.pop('cart')],
  ['setDefault', (session) => session.setDefault('cart', 1)],
  ['update', (session) => session.update('cart', () => 1)],
  ['flush', (session) => session.flush()],
  ['rotate', (session) => session.rotate()],
  ['id', (session) => session.handle()],
  ['isNew', (session) => session.isNew()],
  ['createdAt', (session) => session.createdAt()],
  ['expiresAt', (session) => session.expiresAt()],
  ['expiresIn', (session) => session.expiresIn()],
  ['expiresAtBrowserClose', (session) => session.expiresAtBrowserClose()],
  ['save', (session) => (session.set('cart', 1), session.save())],
  ["a client's keys", (session) => asClient(session).keys()],
  ["a client's has", (session) => asClient(session).has('cart')],
  ["a client's get", (session) => asClient(session).get('cart', undefined)],
  ["a client's entries", (session) => asClient(session).entries(null)],
  ["a client's setDefault", (session) => asClient(session).setDefault('cart', () => 1)],
  ["a client's delete", (session) => asClient(session).delete('cart')],
  ["a client's pop", (session) => asClient(session).pop('cart', undefined)],
  ["a client's flush", (session) => asClient(session).flush()],
  ["a client's rotate", (session) => asClient(session).rotate()],
  [
    "a client's created",
    (session) =>
      asClient(session)
        .set('cart', () => 1)
        .created(),
  ],
]

/** A server whose field `use` gets the session of a client that has one. */
async function serve(use: Use) {
  const backend = fragile()
  const { yoga } = shop(
    {
      keys: { '*': { client: ['read', 'write', 'delete'] } },
      typeDefs: 'extend type Query { use: Boolean } extend type Mutation { use: Boolean }',
      resolvers: {
        Query: { use: async (_: unknown, __: unknown, { session }: any) => (await use(session)) !== 0 },
        Mutation: { use: async (_: unknown, __: unknown, { session }: any) => (await use(session)) !== 0 },
      },
    },
    backend.store,
  )
  const client = new Client(yoga)
  await client.run('mutation { setSessionKey(key: "cart", value: 0) { created } }')
  return { backend, client }
}

describe.each(verbs)('a store that fails at %s', (_, verb) => {
  it('ends no process when the promise is taken later', async () => {
    const { backend, client } = await serve(async (session) => {
      const promise = verb(session)
      await turn()
      await turn()
      await turn()
      await promise
    })
    backend.isDown = true
    const answer = await client.run('mutation { use }')
    expect(answer.status).toBe(503)
    expect(answer.codes).toEqual(['SESSION_STORE_UNAVAILABLE'])
  })

  it.each<[string, (promise: Promise<any>) => Promise<unknown>]>([
    ['then', (promise) => promise.then((value) => value ?? [])],
    ['finally', (promise) => promise.finally(() => {})],
    [
      'several of them',
      (promise) =>
        promise
          .then(undefined)
          .finally(() => {})
          .then((value) => value),
    ],
  ])('ends no process when what follows from it by %s is taken later', async (_, follow) => {
    const { backend, client } = await serve(async (session) => {
      const promise = follow(verb(session))
      await turn()
      await turn()
      await turn()
      await follow(promise)
    })
    backend.isDown = true
    expect((await client.run('mutation { use }')).codes).toEqual(['SESSION_STORE_UNAVAILABLE'])
  })

  it('ends no process when nobody takes the promise, and is told', async () => {
    const { backend, client } = await serve((session) => void verb(session))
    backend.isDown = true
    const answer = await client.run('mutation { use }')
    expect(answer.status).toBe(503)
    backend.isDown = false
    expect((await client.run('{ session { isNew } }')).data.session.isNew).toBe(false)
  })
})

describe('what a callback throws', () => {
  it.each(verbs.slice(0, 10))('is not kept quiet: %s', async (_, verb) => {
    const session = openSession(memoryStore({ max: 10 }))
    const bug = new Error('a bug')
    void verb(session).then(() => {
      throw bug
    })
    await turn()
    await turn()
    expect(unhandled.splice(0)).toEqual([bug])
  })

  it.each<[string, (promise: Promise<unknown>) => Promise<unknown>]>([
    ['then', (promise) => promise.then(String)],
    ['finally', (promise) => promise.finally(() => {})],
  ])('is not kept quiet where more follows by %s', async (_, follow) => {
    const bug = new Error('a bug')
    void follow(
      openSession(memoryStore({ max: 10 }))
        .get('cart')
        .then(() => {
          throw bug
        }),
    )
    await turn()
    await turn()
    expect(unhandled.splice(0)).toEqual([bug])
  })
})

/** Ways to follow a promise with a callback, and in which state of the promise the callback is called. */
const followers: [
  string,
  ('kept' | 'failed')[],
  (promise: Promise<unknown>, call: () => any) => Promise<unknown>,
][] = [
  ['then', ['kept'], (promise, call) => promise.then(call)],
  ['then with both', ['kept', 'failed'], (promise, call) => promise.then(call, call)],
  ['catch', ['failed'], (promise, call) => promise.catch(call)],
  ['finally', ['kept', 'failed'], (promise, call) => promise.finally(call)],
  [
    'finally of what follows',
    ['kept', 'failed'],
    (promise, call) =>
      promise
        .then((value) => value)
        .finally(() => {})
        .finally(call),
  ],
  ['then after it', ['kept', 'failed'], (promise, call) => promise.finally(call).then(String)],
]
const bugs: [string, (error: Error) => unknown][] = [
  [
    'throws',
    (error) => {
      throw error
    },
  ],
  [
    'gives a promise that fails',
    async (error) => {
      throw error
    },
  ],
  [
    'gives one that fails later',
    async (error) => {
      await turn()
      throw error
    },
  ],
]

describe.each(
  followers.flatMap(([name, states, follow]) => states.map((state) => [state, name, follow] as const)),
)('a callback of a promise that is %s, by %s', (state, _, follow) => {
  const open = (): AnySession => {
    const backend = fragile()
    backend.isDown = true
    // A store that is down fails a read, and without a token none is made.
    return state === 'failed'
      ? openSession(backend.store, 'A'.repeat(43))
      : openSession(memoryStore({ max: 10 }))
  }
  const kinds: [string, (session: AnySession) => Promise<unknown>][] = [
    ['get', (session) => session.get('cart')],
    ['pop', (session) => session.pop('cart')],
    ["a client's keys", (session) => asClient(session).keys()],
  ]

  it.each(bugs)('that %s replaces the outcome, as with any promise', async (_, call) => {
    for (const [, verb] of kinds) {
      const bug = new Error('a bug')
      await expect(follow(verb(open()), () => call(bug))).rejects.toBe(bug)
    }
  })

  it.each(bugs)('that %s is not kept quiet', async (_, call) => {
    for (const [, verb] of kinds) {
      const bug = new Error('a bug')
      void follow(verb(open()), () => call(bug))
      for (let turns = 0; turns < 6; turns++) await turn()
      expect(unhandled.splice(0)).toEqual([bug])
    }
  })
})

describe('finally', () => {
  it('without a function passes the outcome on', async () => {
    const backend = fragile()
    const session = openSession(backend.store, 'A'.repeat(43))
    expect(await openSession(backend.store).get('cart', 1).finally(undefined)).toBe(1)
    backend.isDown = true
    await expect(session.get('cart').finally(null)).rejects.toThrow(SessionError)
    void session.get('cart').finally(undefined)
    void session.pop('cart').finally(undefined)
  })

  it('gives what the verb gives, and waits for what its callback gives', async () => {
    const session = openSession(memoryStore({ max: 10 }))
    session.set('cart', 1)
    const order: string[] = []
    const callback = async (): Promise<number> => {
      await turn()
      order.push('callback')
      return 2
    }
    const value = session.get('cart').finally(() => callback() as never)
    expect(await value.then((each) => (order.push('then'), each))).toBe(1)
    expect(order).toEqual(['callback', 'then'])
  })
})

describe('a verb that nobody awaits', () => {
  const gone = fragile()
  const cases: [string, Use, string][] = [
    [
      'SESSION_GONE',
      async (session) => {
        await session.get('cart')
        await gone.store.delete((await session.handle())!, 0)
        void session.update('cart', () => 1)
      },
      'SESSION_GONE',
    ],
  ]
  it.each(cases)('%s is the answer', async (_, use, code) => {
    const client = new Client(
      shop(
        {
          typeDefs: 'extend type Mutation { use: Boolean }',
          resolvers: {
            Mutation: {
              use: async (_: unknown, __: unknown, { session }: any) => (await use(session)) !== 0,
            },
          },
        },
        gone.store,
      ).yoga,
    )
    await client.run('mutation { setSessionKey(key: "dark_mode", value: true) { created } }')
    const answer = await client.run('mutation { use }')
    expect(answer.data).toBeNull()
    expect(answer.codes).toEqual([code])
  })

  it('and whose compute throws is logged', async () => {
    const { client } = await serve((session) => {
      void session.update('cart', () => {
        throw new Error('a bug in compute')
      })
    })
    seen.length = 0
    const answer = await client.run('mutation { use }')
    expect(answer.body).toEqual({ data: { use: true } })
    expect(seen.join('\n')).toContain('a bug in compute')
  })

  it('and that refuses its value is logged by its code', async () => {
    const { client } = await serve((session) => void session.setDefault('cart', new Date()))
    seen.length = 0
    expect((await client.run('mutation { use }')).body).toEqual({ data: { use: true } })
    expect(seen.join('\n')).toContain('SESSION_VALUE_INVALID')
  })

  it.each<[string, (promise: Promise<unknown>) => Promise<unknown>]>([
    ['caught it', (promise) => promise.catch(() => {})],
    ['caught what follows from it', (promise) => promise.finally(() => {}).catch(() => {})],
  ])('is no news when a resolver has %s', async (_, take) => {
    const { client } = await serve((session) =>
      take(
        session.update('cart', () => {
          throw new Error('a bug in compute')
        }),
      ),
    )
    seen.length = 0
    expect((await client.run('mutation { use }')).body).toEqual({ data: { use: true } })
    expect(seen.join('\n')).not.toContain('bug in compute')
  })

  it('outside of a request is told by the next save, once', async () => {
    const session = openSession(memoryStore({ max: 10 }))
    session.set('a', 1)
    void session.update('b', () => {
      throw new RangeError('compute')
    })
    await expect(session.save()).rejects.toThrow(RangeError)
    await session.save()
    expect(await openSession(memoryStore({ max: 1 }), session.token).isNew()).toBe(true)
    expect(session.token).not.toBeNull()
  })
})

describe('a store that failed once', () => {
  it.each(verbs)('is asked again by the next verb of an open session: %s', async (_, verb) => {
    const backend = fragile()
    const session = openSession(backend.store)
    session.set('cart', 0)
    await session.save()
    const next = openSession(backend.store, session.token, {
      keys: { '*': { client: ['read', 'write', 'delete'] } },
    })
    backend.isDown = true
    await expect(verb(next)).rejects.toThrow(SessionError)
    backend.isDown = false
    await verb(next)
    await next.save()
  })

  it('lets a session be created, under an id that the failed attempt cannot hold', async () => {
    const store = memoryStore({ max: 10 })
    let isLate = true
    const session = openSession({
      ...store,
      async create(id, record) {
        await store.create(id, record)
        if (isLate) throw new Error('the answer was lost')
      },
    })
    session.set('a', 1)
    await expect(session.save()).rejects.toThrow(SessionError)
    isLate = false
    await session.save()
    expect(await openSession(store, session.token).get('a')).toBe(1)
  })

  it('is not asked again in the same request', async () => {
    let reads = 0
    const { backend, client } = await serve(async (session) => {
      await session.get('cart').catch(() => {})
      backend.isDown = false
      reads++
      await session.get('cart').catch(() => {})
    })
    backend.isDown = true
    expect((await client.run('mutation { use }')).status).toBe(503)
    expect(reads).toBe(1)
  })
})
