import { describe, expect, expectTypeOf, it } from 'vitest'
import { openSession } from '../../src/server/open-session.ts'
import { asClient } from '../../src/session/client.ts'
import type { Declared, DeclaredKey, KeyRight } from '../../src/session/declared.ts'
import { SessionError } from '../../src/session/errors.ts'
import type { SessionEvent } from '../../src/session/events.ts'
import type { AnySession, Session } from '../../src/session/session.ts'
import type { Json } from '../../src/session/value.ts'
import { memoryStore } from '../../src/stores/memory.ts'

const declared = (
  fits: (value: Json) => boolean,
  {
    granted = ['read', 'write', 'delete'],
    ...more
  }: Partial<Omit<DeclaredKey, 'granted'>> & { granted?: KeyRight[] } = {},
): DeclaredKey => ({
  granted: new Set(granted),
  default: undefined,
  ttl: undefined,
  fits,
  conform(value) {
    if (fits(value as Json)) return value as Json
    throw new SessionError('SESSION_VALUE_INVALID', 'No.')
  },
  ...more,
})

const isNumber = (value: Json): boolean => typeof value === 'number'
const keys = new Map([
  ['count', declared(isNumber, { default: 7 })],
  ['plain', declared(isNumber)],
  ['brief', declared(isNumber, { ttl: 60 })],
  ['brief_default', declared(isNumber, { ttl: 60, default: 7 })],
])

/** Sessions of one token, over one store, with a clock that moves by hand. */
async function world() {
  const state = { now: 1_000_000 }
  const events: SessionEvent[] = []
  const store = memoryStore({ max: 100 })
  const settings = { clock: () => state.now, onEvent: (event: SessionEvent) => void events.push(event) }
  const first = openSession(store, null, settings)
  first.set('other', 'x')
  await first.save()
  const { token } = first
  const misfits = (): string[] =>
    events.flatMap((event) => (event.type === 'misfit' ? [event.key] : [])).toSorted()
  return {
    state,
    events,
    misfits,
    /** A session of an application that declares its data. */
    open: (): AnySession & { token: string | null } =>
      openSession(store, token, { ...settings, data: { keys } }),
    /** One of an application that does not, as it was before it did. */
    before: (): AnySession =>
      openSession(store, token, { ...settings, keys: { '*': { client: ['read', 'write', 'delete'] } } }),
  }
}

/** What every verb says of a key, each in a session of its own, so that none sees what another did. */
async function verbs(open: () => AnySession, key: string) {
  const run = async (verb: (session: AnySession) => unknown) => verb(open())
  return {
    get: await run((session) => session.get(key)),
    fallback: await run((session) => session.get(key, 'fallback')),
    has: await run((session) => session.has(key)),
    keys: await run(async (session) => (await session.keys()).includes(key)),
    entries: await run(async (session) => (await session.entries()).find(([each]) => each === key)?.[1]),
    client: await run((session) => asClient(session).get(key, undefined)),
    clientHas: await run((session) => asClient(session).has(key)),
    created: await run((session) =>
      asClient(session)
        .set(key, () => 1)
        .created(),
    ),
    deleted: await run((session) => session.delete(key)),
  }
}

const absent = {
  get: undefined,
  fallback: 'fallback',
  has: false,
  keys: false,
  entries: undefined,
  client: undefined,
  clientHas: false,
  created: true,
  deleted: false,
}
const present = (value: Json) => ({
  get: value,
  fallback: value,
  has: true,
  keys: true,
  entries: value,
  client: value,
  clientHas: true,
  created: false,
  deleted: true,
})

describe('a declared key', () => {
  it('that is absent is read as its default, and is no entry', async () => {
    const { open } = await world()
    expect(await verbs(open, 'count')).toEqual({ ...absent, get: 7, client: 7 })
    expect(await verbs(open, 'plain')).toEqual(absent)
    expect(await open().pop('count')).toBeUndefined()
    expect(await openSession(memoryStore({ max: 1 }), null, { data: { keys } }).isEmpty()).toBe(true)
  })

  it('is there when it was set', async () => {
    const { open } = await world()
    const session = open()
    session.set('count', 0)
    await session.save()
    expect(await verbs(open, 'count')).toEqual(present(0))
  })

  it.each<[string, Json]>([
    ['another type', 'seven'],
    ['null', null],
  ])('whose stored value is %s counts as absent, and is not deleted by reading', async (what, old) => {
    const { open, before, misfits } = await world()
    const session = before()
    session.set('count', old)
    await session.save()
    expect(await verbs(open, 'count')).toEqual({ ...absent, get: 7, client: 7 })
    // `fits` of a stored null is never asked: it is how a value is taken away in GraphQL.
    expect(misfits().length > 0).toBe(what !== 'null')
    const reader = open()
    await Promise.all([
      reader.get('count'),
      reader.keys(),
      reader.entries(),
      reader.has('count'),
      reader.pop('count'),
    ])
    await reader.save()
    expect(await before().get('count', 'gone')).toEqual(old)
  })

  it('is judged once for each request, however often it is read', async () => {
    let judged = 0
    const counted = declared((value) => {
      judged++
      return isNumber(value)
    })
    const store = memoryStore({ max: 10 })
    const first: AnySession & { token: string | null } = openSession(store)
    first.set('count', 1)
    await first.save()
    const session: AnySession = openSession(store, first.token, {
      data: { keys: new Map([['count', counted]]) },
    })
    for (let time = 0; time < 5; time++) {
      expect(await session.get('count')).toBe(1)
      expect(await session.keys()).toEqual(['count'])
      expect(await session.entries()).toEqual([['count', 1]])
      expect(await session.isEmpty()).toBe(false)
    }
    expect(judged).toBe(1)
  })

  it('whose value does not fit is told of once for each request', async () => {
    const { open, before, events } = await world()
    const session = before()
    session.set('count', 'seven')
    await session.save()
    events.length = 0
    const reader = open()
    await Promise.all([reader.get('count'), reader.keys(), reader.get('count'), reader.has('count')])
    expect(events).toEqual([{ type: 'misfit', handle: await reader.handle(), key: 'count' }])
  })

  it.each<[string, (session: AnySession) => unknown, Json | undefined]>([
    ['setDefault', (session) => session.setDefault('count', 1), 1],
    ['update', (session) => session.update('count', (count: number) => count + 1), 8],
    ['set', (session) => session.set('count', 2), 2],
    ['delete', (session) => session.delete('count'), undefined],
  ])('whose value does not fit is replaced by %s', async (_, verb, left) => {
    const { open, before } = await world()
    const session = before()
    session.set('count', 'seven')
    await session.save()
    const writer = open()
    await verb(writer)
    await writer.save()
    expect(await before().get('count')).toEqual(left)
  })

  it.each<[string, (session: AnySession) => unknown]>([
    ['set', (session) => session.set('count', 'seven')],
    ['set of null', (session) => session.set('count', null)],
    ['merge', (session) => session.merge({ other: 1, count: 'seven' })],
    ['setDefault', (session) => session.setDefault('count', 'seven')],
    ['update', (session) => session.update('count', () => 'seven')],
    ["a client's set", (session) => asClient(session).set('count', () => 'seven')],
    ["a client's merge", (session) => asClient(session).merge({ count: 'seven' })],
    ["a client's setDefault", (session) => asClient(session).setDefault('count', () => 'seven')],
  ])('takes no other value by %s', async (_, verb) => {
    const { open } = await world()
    const session = open()
    await expect(async () => verb(session)).rejects.toMatchObject({ code: 'SESSION_VALUE_INVALID' })
    await session.save()
    expect(await open().get('count')).toBe(7)
  })
})

describe('a key with a time of its own', () => {
  it.each(['set', 'setDefault', 'update'] as const)(
    'is absent for every verb after it, set by %s',
    async (verb) => {
      const { open, state, misfits } = await world()
      const session = open()
      if (verb === 'update') await session.update('brief', () => 1)
      else await session[verb]('brief', 1)
      await session.save()
      state.now += 59_999
      expect(await verbs(open, 'brief')).toEqual(present(1))
      state.now += 1
      expect(await verbs(open, 'brief')).toEqual(absent)
      expect(await open().pop('brief', 'none')).toBe('none')
      expect(misfits()).toEqual([])
    },
  )

  it('is read as its default after it', async () => {
    const { open, state } = await world()
    const session = open()
    session.set('brief_default', 1)
    await session.save()
    state.now += 60_000
    expect(await verbs(open, 'brief_default')).toEqual({ ...absent, get: 7, client: 7 })
    const writer = open()
    expect(await writer.update('brief_default', (count: number) => count + 1)).toBe(8)
    expect(await writer.setDefault('brief', 3)).toEqual({ value: 3, created: true })
  })

  it('begins anew with each write', async () => {
    const { open, state } = await world()
    for (let time = 0; time < 3; time++) {
      const session = open()
      session.set('brief', time)
      await session.save()
      state.now += 59_999
      expect(await open().get('brief')).toBe(time)
    }
  })

  it('keeps its time where nobody declares it any more', async () => {
    const { open, before, state } = await world()
    const session = open()
    session.set('brief', 1)
    await session.save()
    expect(await verbs(before, 'brief')).toMatchObject({ get: 1, has: true })
    state.now += 60_000
    expect(await verbs(before, 'brief')).toMatchObject({ get: undefined, has: false, keys: false })
  })

  it.each<[string, Json]>([
    ['text that ends like a time', 'until 1764150000000'],
    ['a number', 1_764_150_000_000],
    ['a list that ends in a number', [1, 2]],
    ['text of digits', '12 34'],
  ])('is not taken for %s', async (_, value) => {
    const { before } = await world()
    const session = before()
    session.set('text', value)
    await session.save()
    expect(await before().get('text')).toEqual(value)
  })

  it.each<[string, (session: AnySession) => Promise<unknown>, unknown]>([
    ['update', (session) => session.update('brief', () => 1), 1],
    ['setDefault', (session) => session.setDefault('brief', 1), { value: 1, created: true }],
  ])('gives what was written, however long %s took', async (_, verb, given) => {
    const store = memoryStore({ max: 10 })
    const state = { now: 1_000_000 }
    const slow = {
      ...store,
      async create(...args: Parameters<typeof store.create>) {
        await store.create(...args)
        state.now += 60_000
      },
    }
    const session: AnySession = openSession(slow, null, { clock: () => state.now, data: { keys } })
    expect(await verb(session)).toEqual(given)
  })

  it('of two that pop it at the same time one gets it', async () => {
    const { open } = await world()
    const session = open()
    session.set('brief', 1)
    await session.save()
    const taken = await Promise.all([open().pop('brief'), open().pop('brief')])
    expect(taken.filter((value) => value !== undefined)).toEqual([1])
  })
})

describe('the declaration', () => {
  it('gives clients rights, in the place of `keys`', async () => {
    const own = new Map([['count', declared(isNumber, { granted: ['read'] })]])
    const session: AnySession = openSession(memoryStore({ max: 1 }), null, {
      data: { keys: own },
      keys: { '*': { client: ['read', 'write', 'delete'] } },
    })
    expect((['read', 'write', 'delete'] as const).map((right) => session.clientMay(right, 'count'))).toEqual([
      true,
      false,
      false,
    ])
    expect(session.clientMay('write', 'other')).toBe(true)
  })

  it.each<[string, (session: AnySession) => unknown]>([
    ['set', (session) => asClient(session).set('name', () => ' Ada ')],
    ['merge', (session) => asClient(session).merge({ name: ' Ada ' })],
    ['setDefault', (session) => asClient(session).setDefault('name', () => ' Ada ')],
  ])('says in which form a value of a client is stored: %s', async (_, verb) => {
    const text = declared((value) => typeof value === 'string', { conform: (value) => String(value).trim() })
    const session: AnySession = openSession(memoryStore({ max: 1 }), null, {
      data: { keys: new Map([['name', text]]) },
    })
    await verb(session)
    expect(await session.get('name')).toBe('Ada')
  })

  it.each<[string, object, RegExp]>([
    ['a key that both declare', { data: { keys }, keys: { count: {} } }, /"count" is declared in data/],
    ['what sessionData did not make', { data: { count: 'Int' } }, /data must be made by sessionData/],
    ['null', { data: null }, /data must be made by sessionData/],
  ])('is refused: %s', (_, settings, message) => {
    expect(() => openSession(memoryStore({ max: 1 }), null, settings)).toThrow(message)
  })

  it('types what reading gives', () => {
    interface Data extends Declared {
      count: number
      plain?: string
      [preference: `pref:${string}`]: boolean | number | string | undefined
    }
    interface Old {
      count: number
    }
    expectTypeOf<(session: Session<Data>, old: Session<Old>) => unknown>(async (session, old) => {
      expectTypeOf(await session.get('count')).toEqualTypeOf<number>()
      expectTypeOf(await session.get('plain')).toEqualTypeOf<string | undefined>()
      expectTypeOf(await session.pop('count')).toEqualTypeOf<number | undefined>()
      expectTypeOf(await old.get('count')).toEqualTypeOf<number | undefined>()
      await session.update('count', (count) => count + 1)
      // @ts-expect-error there may be none
      await old.update('count', (count) => count + 1)
      // @ts-expect-error there is no such key
      await session.get('cuont')
      expectTypeOf(await session.get('pref:a')).toEqualTypeOf<boolean | number | string | undefined>()
    })
  })
})
