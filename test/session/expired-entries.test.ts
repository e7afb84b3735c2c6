import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { openSession, type OpenSession } from '../../src/server/open-session.ts'
import { asClient } from '../../src/session/client.ts'
import { sessionCookie } from '../../src/session/cookie.ts'
import type { DeclaredKey } from '../../src/session/declared.ts'
import type { SessionStore } from '../../src/session/store.ts'
import { cookieStore } from '../../src/stores/cookie.ts'
import { freshStore, storeName } from '../support/fresh-store.ts'
import { manualClock } from '../support/harness.ts'

const brief: DeclaredKey = {
  granted: new Set(['read', 'write', 'delete']),
  default: undefined,
  ttl: 60,
  conform: (value) => value as never,
  fits: (value) => value !== 'misfit',
}
const keys = new Map(['b1', 'b2', 'b3', 'b4'].map((key) => [key, brief] as const))

const rights = { '*': { client: ['write', 'delete'] } } as const

/** Requests of one client, one after the other or side by side, over a store that can be looked into. */
function world(make: () => SessionStore = freshStore, limits: object = { keys: 4 }) {
  const clock = manualClock()
  const store = make()
  const cookie = sessionCookie()
  let token: string | null = null
  const open = (declared = keys): OpenSession =>
    openSession(store, token, { clock, limits, cookie, data: { keys: declared }, keys: rights })
  const save = async (session: OpenSession): Promise<void> => {
    await session.save()
    token = session.token
  }
  return {
    clock,
    open,
    save,
    async request<T>(use: (session: OpenSession) => T | Promise<T>): Promise<T> {
      const session = open()
      const result = await use(session)
      await save(session)
      return result
    },
    /** What is stored, also what has expired. */
    async stored(back = 62): Promise<string[]> {
      const session = openSession(store, token, { clock: () => clock() - back * 1000, cookie })
      return (await session.keys()).toSorted()
    },
  }
}

const stores: [string, () => SessionStore][] = [
  [storeName, freshStore],
  ...(storeName === 'memory'
    ? [
        [
          'cookie',
          () => cookieStore({ keys: [randomBytes(32).toString('base64')] }),
        ] as (typeof stores)[number],
      ]
    : []),
]

/** A session at its limit of four keys, of which two have expired. */
async function full(make: () => SessionStore) {
  const shop = world(make)
  await shop.request((session) => session.merge({ b1: 1, plain: 1, b2: 2, other: 2 }))
  shop.clock.forward(61)
  return shop
}

describe.each(stores)('entries whose time is over, over the store %s', (_, make) => {
  const writes: [string, (session: OpenSession) => unknown][] = [
    ['set', (session) => session.set('new', 1)],
    ['merge', (session) => session.merge({ new: 1, newer: 2 })],
    ['setDefault', (session) => session.setDefault('new', 1)],
    ['update', (session) => session.update('new', () => 1)],
    ["a client's set", (session) => session.set('b3', 1)],
    ['two verbs', async (session) => (await session.update('new', () => 1), session.set('newer', 1))],
  ]
  it.each(writes)('take no room from %s, whether the session was read or not', async (_, write) => {
    for (const reads of [true, false]) {
      const shop = await full(make)
      await shop.request(async (session) => {
        if (reads) await session.keys()
        await write(session)
      })
      expect(await shop.request((session) => session.keys())).toEqual(
        expect.arrayContaining(['plain', 'other']),
      )
      expect(await shop.stored()).not.toContain('b1')
    }
  })

  it('take no room in bytes', async () => {
    const shop = world(make, { keys: 4, sessionBytes: 500 })
    await shop.request((session) => session.merge({ b1: 'x'.repeat(300), plain: 1 }))
    shop.clock.forward(61)
    await shop.request((session) => session.set('new', 'y'.repeat(300)))
    expect(await shop.request((session) => session.keys())).toEqual(['plain', 'new'])
  })

  it('are dropped by the next write of a request that has seen them, and by no other', async () => {
    const shop = world(make)
    await shop.request((session) => session.merge({ b1: 1, plain: 1 }))
    shop.clock.forward(61)
    await shop.request((session) => session.keys())
    await shop.request((session) => session.set('plain', 2))
    expect(await shop.stored()).toEqual(['b1', 'plain'])
    await shop.request(async (session) => {
      await session.get('plain')
      session.set('plain', 3)
    })
    expect(await shop.stored()).toEqual(['plain'])
  })

  it('are not dropped where another request has set them again', async () => {
    if (make !== freshStore) return
    const shop = await full(make)
    const slow = shop.open()
    await slow.keys()
    slow.set('plain', 9)
    await shop.request((session) => session.set('b1', 5))
    await shop.save(slow)
    expect(
      await shop.request(async (session) => [await session.get('b1'), await session.get('plain')]),
    ).toEqual([5, 9])
  })

  it('are dropped by one of two requests, and the other has room as well', async () => {
    if (make !== freshStore) return
    const shop = await full(make)
    const two = [shop.open(), shop.open()]
    for (const [index, session] of two.entries()) {
      await session.keys()
      session.set(`new${index}`, index)
    }
    for (const session of two) await shop.save(session)
    expect(await shop.request((session) => session.keys())).toEqual(['plain', 'other', 'new0', 'new1'])
  })

  it('do not make room for what would not fit without them', async () => {
    for (const reads of [true, false]) {
      const shop = await full(make)
      const session = shop.open()
      if (reads) await session.keys()
      const write = async (): Promise<void> => {
        session.merge({ new: 1, newer: 2, newest: 3 })
        await session.save()
      }
      await expect(write()).rejects.toMatchObject({ code: 'SESSION_TOO_LARGE' })
      expect(await shop.stored()).toEqual(['b1', 'b2', 'other', 'plain'])
    }
  })

  it('stay where they do not fit what is declared, as they may be of another version', async () => {
    const shop = world(make, { keys: 2 })
    const before = shop.open(new Map())
    before.merge({ b1: 'misfit', plain: 1 })
    await shop.save(before)
    const session = shop.open()
    await session.keys()
    expect(() => session.set('new', 1)).toThrow(expect.objectContaining({ code: 'SESSION_TOO_LARGE' }))
    expect(await shop.stored(0)).toEqual(['b1', 'plain'])
  })

  const again: [string, (session: OpenSession) => unknown][] = [
    ['set', (session) => session.set('b1', 2)],
    ['merge', (session) => session.merge({ b1: 2 })],
    ['setDefault', (session) => session.setDefault('b1', 2)],
    ['update', (session) => session.update('b1', () => 2)],
    ["a client's set", (session) => void asClient(session).set('b1', () => 2)],
  ]
  it.each(again)('come last when they are set again, by %s', async (_, write) => {
    for (const reads of [true, false]) {
      const shop = await full(make)
      await shop.request(async (session) => {
        if (reads) await session.has('plain')
        await write(session)
        expect(await session.keys()).toEqual(['plain', 'other', 'b1'])
      })
      expect(await shop.request((session) => session.keys())).toEqual(['plain', 'other', 'b1'])
    }
  })

  it('come last when they are set again by a request that does not ask', async () => {
    const shop = await full(make)
    await shop.request((session) => session.set('b1', 2))
    expect(await shop.request((session) => session.keys())).toEqual(['plain', 'other', 'b1'])
  })

  it('keep their place when they are set again in time', async () => {
    const shop = world(make)
    await shop.request((session) => session.merge({ b1: 1, plain: 1 }))
    shop.clock.forward(59)
    await shop.request((session) => session.set('b1', 2))
    expect(await shop.request((session) => session.keys())).toEqual(['b1', 'plain'])
  })
})

describe.each(stores)('a swap at the limit of keys, over the store %s', (_, make) => {
  async function atLimit() {
    const shop = world(make)
    await shop.request((session) => session.merge({ a: 1, c: 1, d: 1, e: 1 }))
    return shop
  }
  const swaps: [string, (session: OpenSession) => unknown][] = [
    ['a deletion and a set', async (session) => (await session.delete('a'), session.set('b', 1))],
    [
      'a deletion that is not awaited and a set',
      (session) => {
        void session.delete('a')
        session.set('b', 1)
      },
    ],
    ['a pop and a set', async (session) => (await session.pop('a'), session.set('b', 1))],
    [
      'a pop that is not awaited and a set',
      (session) => {
        void session.pop('a')
        session.set('b', 1)
      },
    ],
    ['one change of a client', (session) => asClient(session).change({ b: 1 }, ['a'])],
  ]
  it.each(swaps)('is done by %s, whether the session was read or not', async (_, swap) => {
    for (const reads of [true, false]) {
      const shop = await atLimit()
      await shop.request(async (session) => {
        if (reads) await session.keys()
        await swap(session)
      })
      expect(await shop.request((session) => session.keys())).toEqual(['c', 'd', 'e', 'b'])
    }
  })

  it('is refused at the end where the deletion has made no room', async () => {
    const shop = await atLimit()
    const session = shop.open()
    await session.keys()
    void session.delete('nothing')
    session.set('b', 1)
    await expect(session.save()).rejects.toMatchObject({ code: 'SESSION_TOO_LARGE' })
    expect(await shop.request((each) => each.keys())).toEqual(['a', 'c', 'd', 'e'])
  })
})
