import { inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, expectTypeOf, it } from 'vitest'
import { openSession, type OpenSession } from '../../src/server/open-session.ts'
import { asClient } from '../../src/session/client.ts'
import { sessionCookie } from '../../src/session/cookie.ts'
import type { AnySession } from '../../src/session/session.ts'
import { decode, encode, type Json } from '../../src/session/value.ts'
import { freshStore } from '../support/fresh-store.ts'
import { manualClock, watched } from '../support/harness.ts'

const open = () => openSession(freshStore())
const code = (name: string) => expect.objectContaining({ name: 'SessionError', code: name })
const limits = { valueBytes: 8192, keys: 128, sessionBytes: 65_536 }

describe('values', () => {
  it('come back equal, for any JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5, noUnicodeString: false }), (value) => {
        // The codec refuses what it would lose: those are cases of their own.
        fc.pre(!/\\u0000|\\ud[89a-f]/i.test(JSON.stringify(value)))
        const text = JSON.stringify(value)
        fc.pre(!/(?:^|[[:,])-?\d{16,}|e\+/.test(text) && Buffer.byteLength(text) < 8192)
        // JSON.stringify would drop the sign of zero.
        expect(decode(encode('k', value, limits))).toEqual(value)
      }),
    )
  })

  it('keep the sign of zero, at any depth', async () => {
    const store = freshStore()
    const session = openSession(store)
    const text = '{"here":[-0,0,{"-0":[-0,"-0,0"]}]}'
    session.set('a', JSON.parse(text))
    session.set('b', -0)
    await session.save()
    const next = openSession(store, session.token)
    expect(Object.is(await next.get('b'), -0)).toBe(true)
    // What Vitest finds equal has the same sign of zero.
    expect(await next.get('a')).toEqual(JSON.parse(text))
    expect(await next.update('b', (zero) => [zero as Json])).toEqual([-0])
  })

  it('come back deeply frozen', async () => {
    const session = open()
    session.set('a', { list: [{ b: 1 }] })
    for (const saved of [false, true]) {
      if (saved) await session.save()
      const value = (await session.get('a')) as any
      expect(() => (value.c = 1)).toThrow(TypeError)
      expect(() => (value.list[0].b = 2)).toThrow(TypeError)
      expect(() => value.list.push(1)).toThrow(TypeError)
    }
    const popped = (await session.pop('a')) as any
    expect(() => (popped.list[0].b = 2)).toThrow(TypeError)
  })

  it('are copied when they are set', async () => {
    const session = open()
    const cart = ['a']
    session.set('cart', cart)
    cart.push('b')
    expect(await session.get('cart')).toEqual(['a'])
  })

  const circular: Record<string, unknown> = {}
  circular['self'] = circular
  class Money {
    amount = 1
  }

  it.each<[string, unknown, RegExp]>([
    ['undefined', undefined, /undefined is not JSON; delete the key, or store null/],
    ['undefined inside', { a: undefined }, /undefined is not JSON/],
    ['a hole', [1, , 2], /undefined is not JSON/], // eslint-disable-line no-sparse-arrays
    ['a Date', new Date(), /a Date is not JSON; store its toISOString\(\)/],
    ['a Map', new Map(), /a Map is not JSON; store a plain object/],
    ['an instance of a class', new Money(), /a Money is not JSON/],
    ['a BigInt', 1n, /a bigint is not JSON/],
    ['a function', () => 1, /a function is not JSON/],
    ['toJSON', { toJSON: () => 1 }, /what its toJSON\(\) returns/],
    ['toJSON of an array', Object.assign([1], { toJSON: () => 1 }), /what its toJSON\(\) returns/],
    ['an array with names', Object.assign([1], { x: 2 }), /names that the array has/],
    ['an object of a strange kind', Object.create(Object.create(null)), /an? object with a prototype/],
    ['a symbol', Symbol('x'), /a symbol is not JSON/],
    ['a symbol key', { [Symbol('x')]: 1 }, /no symbol keys/],
    ['NaN', Number.NaN, /NaN and Infinity/],
    ['a large integer', 2 ** 53, /integers beyond 2\^53-1/],
    ['1e300', 1e300, /integers beyond/],
    ['U+0000', { a: 'x\0' }, /U\+0000/],
    ['U+0000 in a name', { 'x\0': 1 }, /U\+0000/],
    ['a lone surrogate', '\uD800', /well-formed/],
    ['a cycle', circular, /refers to itself/],
    ['a promise', Promise.resolve(1), /a Promise is not JSON/],
  ])('refuses %s, saying why and not what', (_, value, reason) => {
    const session = open()
    const set = () => session.set('key', value as Json)
    expect(set).toThrow(code('SESSION_VALUE_INVALID'))
    expect(set).toThrow(reason)
  })
})

describe('keys', () => {
  it('may begin with a digit, and keep their order', async () => {
    const store = freshStore()
    const session = openSession(store)
    const keys = ['b', '2', '9f1c2b7e-5f0a-4a3e-8f39-0a4f1f5c7d11', '10', '007', '1']
    for (const key of keys) session.set(key, key)
    await session.save()
    const next = openSession(store, session.token)
    expect(await next.keys()).toEqual(keys)
    expect(await next.entries()).toEqual(keys.map((key) => [key, key]))
    expect(await next.pop('2')).toBe('2')
    expect(await openSession(store, session.token).keys()).toEqual(keys.toSpliced(1, 1))
  })
})

type Work = (session: OpenSession, next: () => Promise<void>) => Promise<void>

describe('the order of the keys', () => {
  // `next` saves between two verbs, or does nothing.
  const histories: Record<string, Work> = {
    'a b': async (session, next) => {
      session.set('a', 1)
      await next()
      await session.update('b', () => 1)
    },
    'b a': async (session, next) => {
      session.set('a', 1)
      await next()
      await session.delete('a')
      await next()
      session.set('b', 1)
      await next()
      session.set('a', 2)
    },
    'held 2 old': async (session, next) => {
      await session.delete('old')
      await next()
      session.merge({ held: 2, 2: 0 })
      await next()
      session.set('old', 2)
    },
    'old held a c b': async (session, next) => {
      session.set('a', 1)
      await next()
      await session.setDefault('c', 1)
      await next()
      session.set('b', 1)
      await next()
      await session.update('a', () => 2)
      await next()
      await session.update('c', () => 2)
    },
    'held a old': async (session, next) => {
      session.set('a', 1)
      await next()
      await session.pop('old')
      await next()
      await session.setDefault('old', 1)
    },
    'held old': async (session, next) => {
      await session.delete('old')
      await next()
      await session.update('old', () => 2)
    },
    'b old': async (session, next) => {
      session.clear()
      await next()
      session.merge({ a: 1, b: 1 })
      await next()
      await session.update('old', () => 2)
      await next()
      await session.delete('a')
    },
  }
  for (const [keys, work] of Object.entries(histories)) {
    it(`is ${keys}, in the request, after it, and where each verb was saved before the next`, async () => {
      const order = async (saves: boolean) => {
        const store = freshStore()
        const first = openSession(store)
        if (/old|held/.test(keys)) first.merge({ old: 1, held: 1 })
        await first.save()
        const session = openSession(store, first.token)
        await work(session, async () => {
          if (saves) await session.save()
        })
        const during = await session.keys()
        await session.save()
        return [during, await openSession(store, session.token).keys()].map((each) => each.join(' '))
      }
      expect(await order(true)).toEqual([keys, keys])
      expect(await order(false)).toEqual([keys, keys])
    })
  }

  it('gives way to what another request has written in the meantime', async () => {
    const store = freshStore()
    const session = openSession(store)
    session.set('a', 1)
    await session.update('count', () => 1)
    const other = openSession(store, session.token)
    await other.update('count', (count) => Number(count) + 1)
    await session.save()
    expect(await openSession(store, session.token).entries()).toEqual([
      ['count', 2],
      ['a', 1],
    ])
  })
})

describe('recorded and at once', () => {
  const begin = async () => {
    const store = watched(freshStore())
    const session = openSession(store)
    session.merge({ a: 1, b: 2 })
    await session.save()
    store.calls.length = 0
    const next = openSession(store, session.token)
    const other = () => openSession(store, session.token)
    return { store, next, other }
  }

  it('are seen by the request that stored them where others had made room', async () => {
    const store = freshStore()
    const settings = { limits: { keys: 2 } }
    const first = openSession(store, null, settings)
    first.merge({ a: 1, b: 2 })
    await first.save()
    const [one, other] = [first.token, first.token].map((token) => openSession(store, token, settings))
    await one!.keys()
    await other!.pop('a')
    await one!.update('c', () => 3)
    expect(await one!.get('c')).toBe(3)
  })

  it('set, merge, delete, clear and setExpiry wait for save', async () => {
    const { store, next } = await begin()
    next.set('c', 3)
    next.merge({ d: 4 })
    await next.delete('a')
    next.setExpiry(60)
    expect(store.calls).toEqual(['read'])
    await next.save()
    expect(store.calls).toEqual(['read', 'commit'])
    await next.save()
    expect(store.calls).toEqual(['read', 'commit'])
  })

  it.each<[string, (session: OpenSession) => Promise<unknown>, string[]]>([
    ['pop', (session) => session.pop('a'), ['read', 'commit']],
    ['pop of an absent key', (session) => session.pop('x'), ['read']],
    ['update', (session) => session.update('a', () => 5), ['read', 'commit']],
    ['setDefault', (session) => session.setDefault('x', 5), ['read', 'commit']],
    ['setDefault of a present key', (session) => session.setDefault('a', 5), ['read']],
    ['flush', (session) => session.flush(), ['delete']],
    ['rotate', (session) => session.rotate(), ['delete', 'create']],
  ])('%s does not', async (_, act, calls) => {
    const { store, next } = await begin()
    await act(next)
    expect(store.calls).toEqual(calls)
  })

  it('what acted at once outlives a request that ends in an error; what was recorded does not', async () => {
    const { next, other } = await begin()
    next.set('recorded', 1)
    await next.update('a', () => 10)
    await next.pop('b')
    expect(await other().entries()).toEqual([['a', 10]])
  })

  it('a clear that was recorded before goes with a change at once, which survives it', async () => {
    const { next, other } = await begin()
    next.set('c', 3)
    next.clear()
    next.set('d', 4)
    await next.update('a', (a) => Number(a ?? 100) + 1)
    expect(await other().entries()).toEqual([['a', 101]])
    await next.save()
    expect(await other().entries()).toEqual([
      ['d', 4],
      ['a', 101],
    ])
  })

  it('update creates a session when there is none', async () => {
    const store = freshStore()
    const session = openSession(store)
    expect(await session.update('n', (n) => Number(n ?? 0) + 1)).toBe(1)
    expect(await openSession(store, session.token).get('n')).toBe(1)
  })

  it('what is recorded while a save is under way is not forgotten with it', async () => {
    const { next, other } = await begin()
    next.set('c', 3)
    const saving = next.save()
    await Promise.resolve()
    next.set('d', 4)
    await saving
    await next.save()
    expect(await other().keys()).toEqual(['a', 'b', 'c', 'd'])
  })

  it('what was stored at once is not stored again', async () => {
    const { store, next } = await begin()
    next.set('a', 5)
    await next.update('a', (a) => Number(a) + 1)
    next.merge({})
    await next.save()
    expect(store.calls).toEqual(['read', 'commit'])
  })

  it('ending a session that somebody else rotated is told, instead of taking their cookie away', async () => {
    const { next, other } = await begin()
    await next.get('a')
    await other().rotate()
    next.setExpiry(new Date(0))
    await expect(next.save()).rejects.toThrow(code('SESSION_MOVED'))
  })

  it('ending a session of which nothing is left is told', async () => {
    const { store, next } = await begin()
    await store.delete((await next.handle())!, 0)
    next.setExpiry(new Date(0))
    await expect(next.save()).rejects.toThrow(code('SESSION_GONE'))
  })

  it('update reads what this request set, and refuses what is not JSON', async () => {
    const session = open()
    session.set('n', 1)
    await expect(session.update('n', () => undefined as unknown as Json)).rejects.toThrow(
      code('SESSION_VALUE_INVALID'),
    )
    expect(await session.update('n', (n) => Number(n) + 1)).toBe(2)
  })
})

it('recording is quick, however much is recorded', () => {
  const session = open()
  const start = performance.now()
  for (let round = 0; round < 5_000; round++) session.set(`key${round % 100}`, round)
  // Some 100 ms here; work that grows with the square of it took a hundred times as long.
  expect(performance.now() - start).toBeLessThan(5_000)
})

describe('openSession', () => {
  it('carries a session outside of a request, by token', async () => {
    const store = freshStore()
    const first = openSession(store)
    expect(first.token).toBeNull()
    first.set('a', 1)
    await first.save()
    const again = openSession(store, first.token)
    expect(await again.get('a')).toBe(1)
    await again.rotate()
    expect(again.token).not.toBe(first.token)
    expect(await openSession(store, first.token).get('a')).toBeUndefined()
    await again.flush()
    expect(await openSession(store, again.token).isNew()).toBe(true)
  })

  it.each(['', 'short', '../../etc/passwd', 'A'.repeat(44), "' OR 1=1--"])(
    'takes the token %j for none, without asking the store',
    async (token) => {
      const store = watched(freshStore())
      const session = openSession(store, token)
      expect(await session.isNew()).toBe(true)
      expect(session.token).toBeNull()
      expect(store.calls).toEqual([])
    },
  )

  it('shows its token to nobody who only prints it', async () => {
    const session = open()
    session.set('a', 1)
    await session.save()
    expect(session.token).toHaveLength(43)
    for (const text of [inspect(session, { depth: 9, showHidden: true }), JSON.stringify(session)]) {
      expect(text).not.toContain(session.token)
    }
  })

  it('takes any expiry from the application, up to the absolute timeout', async () => {
    const clock = manualClock()
    const session = openSession(freshStore(), null, {
      clock,
      idleTimeout: 60,
      absoluteTimeout: 3600,
    })
    const lasts = async (expiry: Parameters<typeof session.setExpiry>[0]) => {
      session.setExpiry(expiry)
      return session.expiresIn()
    }
    expect(await lasts(600)).toBe(600)
    expect(await lasts(2_000_000_000)).toBe(3600)
    expect(await lasts(new Date(clock() + 500_000))).toBe(500)
    expect(await lasts(new Date('2199-01-01'))).toBe(3600)
    for (const invalid of [0, -1, 1.5, Number.NaN, Infinity, '5', undefined, new Date('x')]) {
      expect(() => session.setExpiry(invalid as never)).toThrow(code('SESSION_EXPIRY_INVALID'))
      expect(() => asClient(session).setExpiry(invalid as never)).toThrow(code('SESSION_EXPIRY_INVALID'))
    }
  })

  it('says which cookie the client has to get', async () => {
    const store = freshStore()
    const cookie = sessionCookie()
    const session = openSession(store)
    await session.save()
    expect(session.setCookie(cookie)).toBeNull()
    session.set('a', 1)
    await session.save()
    expect(session.setCookie(cookie)).toMatch(new RegExp(`^__Host-session=${session.token};`))
    const again = openSession(store, session.token)
    again.set('a', 2)
    await again.save()
    expect(again.setCookie(cookie)).toBeNull()
    const bogus = openSession(store, 'bogus')
    await bogus.get('a')
    expect(bogus.setCookie(cookie)).toBe(cookie.clear())
  })

  it('refuses a store and settings that it cannot read', () => {
    const invalid = code('CONFIG_INVALID')
    expect(() => openSession(undefined as never)).toThrow(invalid)
    expect(() => openSession({ commit() {} } as never)).toThrow(invalid)
    expect(() => openSession(freshStore(), null, { idleTimout: 5 } as never)).toThrow(invalid)
  })

  it('ends at the idle and at the absolute timeout, even one that was shortened since', async () => {
    const store = freshStore()
    const clock = manualClock()
    const session = openSession(store, null, { clock })
    session.set('a', 1)
    await session.save()
    const later = (settings: object) => openSession(store, session.token, { clock, ...settings })
    clock.forward(3600)
    expect(await later({}).isNew()).toBe(false)
    expect(await later({ idleTimeout: 600, absoluteTimeout: 3600 }).isNew()).toBe(true)
    clock.forward(14 * 86_400)
    expect(await later({}).isNew()).toBe(true)
  })

  it('is ended by no process whose clock is wrong', async () => {
    const store = freshStore()
    const clock = manualClock()
    const session = openSession(store, null, { clock })
    session.set('a', 1)
    await session.save()
    const by = (days: number) =>
      openSession(store, session.token, { clock: () => clock() + days * 86_400_000 })
    const behind = by(-20)
    expect(await behind.get('a')).toBe(1)
    behind.set('b', 1)
    await behind.save()
    expect(await by(20).isNew()).toBe(true)
    expect(await by(0).keys()).toEqual(['a', 'b'])
  })

  it('types keys and values', () => {
    interface Data {
      dark_mode: boolean
      cart: { sku: string }[]
      [preference: `pref:${string}`]: number
    }
    const session = openSession<Data>(freshStore())
    expectTypeOf(session.get('dark_mode')).resolves.toEqualTypeOf<boolean | undefined>()
    expectTypeOf(session.get('dark_mode', false)).resolves.toEqualTypeOf<boolean>()
    expectTypeOf(session.get('pref:size')).resolves.toEqualTypeOf<number | undefined>()
    expectTypeOf(session.pop('cart', null)).resolves.toEqualTypeOf<
      readonly { readonly sku: string }[] | null
    >()
    // @ts-expect-error -- a value of the wrong type
    expect(() => session.set('dark_mode', 'yes')).not.toThrow()
    // @ts-expect-error -- a key that the application does not know
    expect(() => session.set('dark_mod', true)).not.toThrow()
    session.set('cart', [{ sku: 'a' }])
    const readBack = async () => session.set('cart', await session.get('cart', []))
    expect(readBack).toBeInstanceOf(Function)
    expectTypeOf(session).toExtend<AnySession>()
    const optional = openSession<{ user_id?: string }>(freshStore())
    expectTypeOf(optional.get('user_id', null)).resolves.toEqualTypeOf<string | null>()
    expectTypeOf(openSession(freshStore()).get('x')).resolves.toEqualTypeOf<Json | undefined>()
  })
})
