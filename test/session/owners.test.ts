import { beforeEach, describe, expect, it } from 'vitest'
import { sessionData } from '../../src/graphql/data/session-data.ts'
import { devicesOf, endDevices } from '../../src/server/devices.ts'
import { OpenSession, openSession, type OpenSettings } from '../../src/server/open-session.ts'
import { sessionCookie } from '../../src/session/cookie.ts'
import type { SessionError } from '../../src/session/errors.ts'
import type { SessionEvent } from '../../src/session/events.ts'
import { keyRules } from '../../src/session/key-declarations.ts'
import type { SessionRecord } from '../../src/session/record.ts'
import { resolveSettings } from '../../src/session/settings.ts'
import type { KeyedStore } from '../../src/session/store.ts'
import { digest, mint } from '../../src/session/token.ts'
import { UnitOfWork } from '../../src/session/unit-of-work.ts'
import { openStore } from '../../src/stores/open.ts'
import { freshStore } from '../support/fresh-store.ts'

const minute = 60_000
const hour = 60 * minute
let now: number
let store: KeyedStore
let user: string
let other: string
let events: SessionEvent[]
let settings: OpenSettings

beforeEach(() => {
  now = Date.now()
  store = freshStore()
  user = `user ${Math.random()}`
  other = `other ${Math.random()}`
  events = []
  settings = { clock: () => now, onEvent: (event) => events.push(event) }
})

const open = (token: string | null = null, more: OpenSettings = {}): OpenSession =>
  openSession(store, token, { ...settings, ...more })

/** Signs in on another device. @returns the token */
async function signIn(owner = user, more: OpenSettings = {}, label?: string): Promise<string> {
  const session = open(null, more)
  await session.identify(owner, label === undefined ? {} : { label })
  await session.save()
  return session.token!
}

/** A visitor who has no cookie yet, on a page whose requests share a nonce. */
function openJoined(nonce: string): OpenSession {
  const resolved = resolveSettings(settings)
  const rules = keyRules({})
  const unit = new UnitOfWork(openStore(store, sessionCookie(), resolved), resolved, null, {
    isOpened: true,
    nonce,
  })
  return new OpenSession(unit, rules)
}

const ownerOf = (token: string): Promise<string | null> => open(token).owner()
const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'nothing',
    (error: SessionError) => error.code,
  )

describe('identify', () => {
  it('signs in under a new handle, and the old cookie is worthless', async () => {
    const session = open()
    session.set('cart', ['tea'])
    await session.save()
    const [token, handle] = [session.token!, await session.handle()]
    expect(await session.owner()).toBeNull()
    const login = open(token)
    await login.identify(user, { keep: ['cart'] })
    expect(await login.owner()).toBe(user)
    await login.save()
    expect(await login.handle()).not.toBe(handle)
    const next = open(login.token)
    expect([await next.owner(), await next.get('cart')]).toEqual([user, ['tea']])
    const old = open(token)
    expect([await old.owner(), await old.get('cart'), old.moved]).toEqual([null, undefined, 'moved'])
  })

  it('stores a session where there was none, with what was recorded', async () => {
    const session = open()
    session.set('cart', 1)
    await session.identify(user)
    session.set('theme', 'dark')
    await session.save()
    const next = open(session.token)
    expect([await next.owner(), await next.keys()]).toEqual([user, ['cart', 'theme']])
  })

  it('keeps what is named or declared, and nothing else of a visitor', async () => {
    const keys = { 'pref:*': { onSignIn: 'keep' }, other: { onSignIn: 'drop' } } as const
    const visit = async (): Promise<string> => {
      const session = open()
      session.merge({ 'pref:a': 1, other: 2, planted: 3 })
      await session.save()
      return session.token!
    }
    const declared = open(await visit(), { keys })
    await declared.identify(user)
    expect(await declared.keys()).toEqual(['pref:a'])
    const named = open(await visit(), { keys })
    await named.identify(user, { keep: ['planted'] })
    expect(await named.keys()).toEqual(['planted'])
    const none = open(await visit(), { keys })
    await none.identify(user, { keep: [] })
    expect(await none.keys()).toEqual([])
  })

  it('keeps what the declaration of data says', async () => {
    const declarations = [
      'type SessionData { cart: [Int!] @session(onSignIn: KEEP) other: Int  gone: Int @session(onSignIn: DROP) }',
      {
        cart: { type: '[Int!]', onSignIn: 'keep' },
        other: { type: 'Int' },
        gone: { type: 'Int', onSignIn: 'drop' },
      },
    ] as const
    for (const declaration of declarations) {
      const session = open(null, { data: sessionData(declaration) })
      session.merge({ cart: [1], other: 2, gone: 3 })
      await session.save()
      const login = open(session.token, { data: sessionData(declaration) })
      await login.identify(user)
      expect(await login.keys()).toEqual(['cart'])
    }
  })

  it('signs in after a clear of the same request, with what is recorded in between', async () => {
    for (const token of [await signIn(), await signIn(other), null]) {
      const session = open(token)
      session.set('before', 1)
      session.clear()
      session.set('between', 2)
      await session.identify(user)
      session.set('after', 3)
      await session.save()
      const next = open(session.token)
      expect([await next.owner(), await next.keys()]).toEqual([user, ['between', 'after']])
    }
  })

  it.each([0, 1, 2])(
    'carries nothing of another owner whose session a version without owners has rotated, and this one %i times since',
    async (times) => {
      const token = await signIn(other)
      const session = open(token)
      session.set('secret', 1)
      await session.save()
      let moved = mint()
      await store.create(digestOf(moved), (await store.read(digestOf(token), now)) as SessionRecord)
      for (let time = 0; time < times; time++) {
        const rotating = open(moved)
        await rotating.rotate()
        expect([await rotating.owner(), await rotating.keys()]).toEqual([null, ['secret']])
        moved = rotating.token!
      }
      const login = open(moved)
      await login.identify(user, { keep: ['secret'] })
      expect([await login.owner(), await login.keys()]).toEqual([user, []])
    },
  )

  it('carries only what is kept of a session to which a version without owners may have signed in somebody else', async () => {
    const token = await signIn()
    const session = open(token)
    session.merge({ cart: 1, user_id: user })
    await session.save()
    const moved = mint()
    const found = (await store.read(digestOf(token), now)) as SessionRecord
    const entries = new Map([...found.entries, ['user_id', JSON.stringify(other)]])
    await store.create(digestOf(moved), { ...found, entries })
    const login = open(moved)
    await login.identify(user, { keep: ['cart'] })
    expect([await login.owner(), await login.keys()]).toEqual([user, ['cart']])
  })

  it('carries what is kept, and nothing of another owner, of what the page has begun meanwhile', async () => {
    for (const owner of [null, other]) {
      const nonce = mint()
      const first = openJoined(nonce)
      first.merge({ cart: 1, planted: 2 })
      await first.save()
      if (owner !== null) await open(first.token).claim(owner)
      const login = openJoined(nonce)
      await login.identify(user, { keep: ['cart'] })
      expect([await login.owner(), await login.keys()]).toEqual([user, owner === null ? ['cart'] : []])
    }
  })

  it('keeps all where the same owner signs in again, as one device', async () => {
    const token = await signIn()
    const session = open(token)
    session.set('draft', 1)
    await session.save()
    const again = open(token)
    await again.identify(user)
    expect(await again.keys()).toEqual(['draft'])
    expect(await devicesOf(store, user, { clock: () => now })).toHaveLength(1)
  })

  it('ends the session of somebody else first, with all that it holds', async () => {
    const token = await signIn(other)
    const session = open(token)
    session.set('secret', 1)
    await session.save()
    const login = open(token)
    login.set('recorded', 1)
    await login.identify(user, { keep: ['secret'] })
    login.set('own', 1)
    await login.save()
    expect([await login.owner(), await login.keys()]).toEqual([user, ['own']])
    const old = open(token)
    expect([await old.owner(), old.moved]).toEqual([null, 'ended'])
    expect(await devicesOf(store, other, { clock: () => now })).toEqual([])
  })

  it('leaves a visitor all entries where it is refused', async () => {
    const session = open()
    session.merge({ cart: 1, theme: 'dark' })
    await session.save()
    const ticket = await session.ticket(user)
    await endDevices(store, user, { clock: () => now })
    const login = open(session.token)
    expect(await codeOf(login.identify(user, { ticket }))).toBe('SESSION_SIGN_IN_ENDED')
    await login.save()
    expect(login.token).toBe(session.token)
    expect(await open(login.token).entries()).toEqual([
      ['cart', 1],
      ['theme', 'dark'],
    ])
    const nobody = open()
    expect(await codeOf(nobody.identify(user, { ticket }))).toBe('SESSION_SIGN_IN_ENDED')
    await nobody.save()
    expect(nobody.token).toBeNull()
    const begun = open()
    begun.set('cart', 1)
    expect(await codeOf(begun.identify(user, { ticket }))).toBe('SESSION_SIGN_IN_ENDED')
    await begun.save()
    expect(await open(begun.token).entries()).toEqual([['cart', 1]])
  })

  it('leaves somebody else signed in where it is refused', async () => {
    const token = await signIn(other)
    const session = open(token)
    const ticket = await session.ticket(user)
    await endDevices(store, user, { clock: () => now })
    expect(await codeOf(session.identify(user, { ticket }))).toBe('SESSION_SIGN_IN_ENDED')
    expect(await ownerOf(token)).toBe(other)
  })

  it('begins the lifetime anew', async () => {
    const day = 24 * hour
    const timeouts = { idleTimeout: (20 * day) / 1000, absoluteTimeout: (20 * day) / 1000 }
    const session = open(null, timeouts)
    session.set('x', 1)
    await session.save()
    now += 19 * day
    const login = open(session.token, timeouts)
    await login.identify(user)
    await login.save()
    expect((await login.createdAt())?.getTime()).toBe(now)
    now += 19 * day
    expect(await open(login.token, timeouts).owner()).toBe(user)
  })

  it('shows nothing of the owner among the entries', async () => {
    const session = open(await signIn())
    expect([await session.isEmpty(), await session.keys(), await session.entries()]).toEqual([true, [], []])
    expect(await codeOf(session.get('$owner' as never))).toBe('SESSION_KEY_INVALID')
  })

  it('leaves the whole limit of keys to the application', async () => {
    const limits = { keys: 2 }
    const session = open(await signIn(), { limits })
    await session.owner()
    session.merge({ a: 1, b: 2 })
    await session.save()
    const blind = open(session.token, { limits })
    blind.merge({ a: 2, b: 3 })
    await blind.save()
    expect(await open(session.token).entries()).toEqual([
      ['a', 2],
      ['b', 3],
    ])
    expect(() => {
      session.set('c', 3)
    }).toThrow(expect.objectContaining({ code: 'SESSION_TOO_LARGE' }))
  })

  it.each(['', 'x'.repeat(257), '\ud800', 7, null])('refuses the owner %j', async (owner) => {
    expect(await codeOf(open().identify(owner as string))).toBe('CONFIG_INVALID')
  })
})

describe('a ticket', () => {
  it('is void once the devices were ended', async () => {
    const session = open()
    const ticket = await session.ticket(user)
    await endDevices(store, user, { clock: () => now })
    expect(await codeOf(session.identify(user, { ticket }))).toBe('SESSION_SIGN_IN_ENDED')
    expect(await session.owner()).toBeNull()
    await session.save()
    expect(await ownerOf(session.token!)).toBeNull()
    await session.identify(user, { ticket: await session.ticket(user) })
    expect(await session.owner()).toBe(user)
  })

  it('is void for another owner, after 15 minutes, and where it is none', async () => {
    const session = open()
    const ticket = await session.ticket(user)
    expect(await codeOf(session.identify(other, { ticket }))).toBe('SESSION_SIGN_IN_ENDED')
    expect(await codeOf(session.identify(user, { ticket: 'x' }))).toBe('SESSION_SIGN_IN_ENDED')
    now += 15 * minute
    await open().identify(user, { ticket })
    now += 1
    expect(await codeOf(session.identify(user, { ticket }))).toBe('SESSION_SIGN_IN_ENDED')
  })

  it('of a first sign-in does not void that of another one beside it', async () => {
    const [first, second] = [open(), open()]
    const tickets = [await first.ticket(user), await second.ticket(user)]
    await Promise.all([
      first.identify(user, { ticket: tickets[0]! }),
      second.identify(user, { ticket: tickets[1]! }),
    ])
    expect(await first.devices()).toHaveLength(2)
  })

  it('is not void where one device was ended', async () => {
    const token = await signIn()
    const session = open()
    const ticket = await session.ticket(user)
    await open(token).endDevice((await open(token).devices())[0]!.id)
    await session.identify(user, { ticket })
    expect(await session.owner()).toBe(user)
  })
})

describe('devices', () => {
  it('are listed to each of them, the last first', async () => {
    const laptop = await signIn(user, { request: request('Laptop\u0007 \u{1F600}'.concat('x'.repeat(300))) })
    now += minute
    const phone = await signIn(user, {}, 'my phone')
    const at = new Date(now)
    const devices = await open(laptop).devices()
    expect(devices).toEqual([
      {
        id: expect.stringMatching(/^[\w-]{12}$/),
        current: false,
        signedInAt: at,
        lastSeenAt: at,
        expiresAt: new Date(now + 90 * 24 * hour),
        userAgent: null,
        label: 'my phone',
      },
      expect.objectContaining({ current: true, userAgent: `Laptop ${'x'.repeat(249)}`, label: null }),
    ])
    expect((await open(phone).devices()).map(({ current }) => current)).toEqual([true, false])
    expect(await devicesOf(store, user, { clock: () => now })).toEqual(
      devices.map((device) => ({ ...device, current: false })),
    )
  })

  it('are none for a visitor, who cannot end any', async () => {
    await signIn()
    const visitor = open()
    visitor.set('cart', 1)
    await visitor.save()
    for (const session of [open(), open(visitor.token)]) {
      expect(await session.devices()).toEqual([])
      expect(await session.endDevice('x')).toBe(false)
      expect(await session.endOtherDevices()).toBe(0)
      expect(await session.endAllDevices()).toBe(0)
    }
    expect(await open(visitor.token).get('cart')).toBe(1)
  })

  it('keep their id when the session gets a new secret', async () => {
    const session = open(await signIn())
    const [{ id }] = (await session.devices()) as unknown as [{ id: string }]
    await session.rotate()
    await session.save()
    expect(await session.owner()).toBe(user)
    expect((await open(session.token).devices()).map((device) => device.id)).toEqual([id])
  })

  it('are seen in steps of an hour, by whoever reads', async () => {
    const token = await signIn()
    const seen = async (): Promise<number> =>
      (await devicesOf(store, user, { clock: () => now }))[0]!.lastSeenAt.getTime()
    const start = now
    now += hour - 1
    const soon = open(token)
    await soon.get('x')
    await soon.save()
    expect(await seen()).toBe(start)
    now += 1
    const later = open(token)
    await later.get('x')
    await later.save()
    expect(await seen()).toBe(now)
  })

  it('leave the list when their session ends by itself', async () => {
    const tokens = [await signIn(), await signIn(), await signIn()]
    await open(tokens[0]).flush()
    expect(await keysOfIndex()).toHaveLength(3)
    const cleared = open(tokens[1])
    cleared.clear()
    await cleared.save()
    expect(await devicesOf(store, user, { clock: () => now })).toHaveLength(1)
    expect(await cleared.owner()).toBeNull()
    now += 16 * minute
    await devicesOf(store, user, { clock: () => now })
    expect(await keysOfIndex()).toHaveLength(2)
    now += 15 * 24 * hour
    expect(await devicesOf(store, user, { clock: () => now })).toEqual([])
  })

  it('are listed as long as the last of them lives', async () => {
    const day = 24 * hour
    const seconds = { idleTimeout: (10 * day) / 1000, absoluteTimeout: (10 * day) / 1000 }
    const old = open(null, seconds)
    old.set('x', 1)
    await old.save()
    now += 9 * day
    await open(old.token, seconds).claim(user)
    const token = await signIn(user, seconds)
    now += 2 * day
    expect(await devicesOf(store, user, { clock: () => now, ...seconds })).toHaveLength(1)
    await endDevices(store, user, { clock: () => now, ...seconds })
    expect(await open(token, seconds).owner()).toBeNull()
  })

  it('are none any more that a request has cleared without reading it, so that their end spares who comes after', async () => {
    const token = await signIn()
    const blind = open(token)
    blind.clear()
    await blind.save()
    const visitor = open(token)
    visitor.set('cart', 1)
    await visitor.save()
    await endDevices(store, user, { clock: () => now })
    expect(await open(token).keys()).toEqual(['cart'])
  })

  it('are none that a version without owners has rotated, until somebody signs in again', async () => {
    const token = await signIn()
    const found = await store.read(digestOf(token), now)
    const moved = mint()
    await store.create(digestOf(moved), found as SessionRecord)
    await store.delete(digestOf(token), now)
    expect(await ownerOf(moved)).toBeNull()
    expect(await open(moved).devices()).toEqual([])
    expect(await open(moved).claim(user)).toBe(true)
    expect(await ownerOf(moved)).toBe(user)
    const again = open(moved)
    await again.identify(user)
    expect(await again.owner()).toBe(user)
  })

  it('are at most as many as there may be: the one that was not seen for longest goes', async () => {
    const devices = { max: 2 }
    const first = await signIn(user, { devices })
    now += minute
    const second = await signIn(user, { devices })
    now += 2 * hour
    const used = open(first)
    await used.owner()
    await used.save()
    const third = await signIn(user, { devices })
    expect(await Promise.all([first, second, third].map(ownerOf))).toEqual([user, null, user])
    expect(events.filter(({ type }) => type === 'revoked')).toHaveLength(1)
  })

  it.each(['end-oldest', 'refuse'] as const)('are as many where one signs in again: %s', async (whenFull) => {
    const devices = { max: 2, whenFull }
    const [first, second] = [await signIn(user, { devices }), await signIn(user, { devices })]
    const again = open(first, { devices })
    await again.identify(user)
    await again.save()
    expect(await Promise.all([again.token!, second].map(ownerOf))).toEqual([user, user])
    expect(await again.devices()).toHaveLength(2)
  })

  it('spare whoever signs in again where fewer are allowed than before', async () => {
    const first = await signIn()
    now += minute
    await signIn()
    await signIn()
    const again = open(first, { devices: { max: 2 } })
    await again.identify(user)
    await again.save()
    expect(await ownerOf(again.token!)).toBe(user)
  })

  it('are refused beyond that where it is asked for, but those that are gone do not count', async () => {
    const devices = { max: 2, whenFull: 'refuse' } as const
    const first = await signIn(user, { devices })
    await signIn(user, { devices })
    const third = open(null, { devices })
    expect(await codeOf(third.identify(user))).toBe('SESSION_TOO_MANY_DEVICES')
    expect(await third.owner()).toBeNull()
    await store.delete(digestOf(first), now)
    await third.identify(user)
    expect(await third.owner()).toBe(user)
  })

  it('are as many as sign in at once, and no more than there may be', async () => {
    await Promise.all(Array.from({ length: 40 }, () => signIn()))
    expect(await devicesOf(store, user, { clock: () => now })).toHaveLength(40)
    const devices = { max: 5 }
    const tokens = await Promise.all(Array.from({ length: 20 }, () => signIn(other, { devices })))
    const alive = (await Promise.all(tokens.map(ownerOf))).filter((owner) => owner !== null)
    expect(alive).toHaveLength(5)
    expect(await devicesOf(store, other, { clock: () => now })).toHaveLength(5)
  })
})

describe('an end', () => {
  it('forgets what was recorded for the session that it ends', async () => {
    for (const end of [
      (session: OpenSession) => session.endAllDevices(),
      async (session: OpenSession) => session.endDevice((await session.devices())[0]!.id),
    ]) {
      const session = open(await signIn(`${user} ${Math.random()}`))
      session.set('secret', 1)
      await end(session)
      session.set('after', 2)
      await session.save()
      expect(await open(session.token).keys()).toEqual(['after'])
    }
  })

  it('counts those that were signed in, and neither what is gone nor what was cleared', async () => {
    const [here, gone, cleared] = [await signIn(), await signIn(), await signIn()]
    await signIn()
    await store.delete(digestOf(gone), now)
    const empty = open(cleared)
    empty.clear()
    await empty.save()
    const session = open(here)
    expect(await session.endOtherDevices()).toBe(1)
    expect(await session.devices()).toHaveLength(1)
  })

  it('of all can be done again where the store has failed', async () => {
    const [token, other] = [await signIn(), await signIn()]
    let isDown = true
    const failing: KeyedStore = {
      ...store,
      async delete(id, at, mark) {
        if (isDown) throw new Error('The store is down.')
        return store.delete(id, at, mark)
      },
    }
    const session = openSession(failing, token, settings)
    expect(await codeOf(session.endAllDevices())).toBe('SESSION_STORE_UNAVAILABLE')
    isDown = false
    expect(await openSession(failing, token, settings).endAllDevices()).toBe(2)
    expect(await Promise.all([token, other].map(ownerOf))).toEqual([null, null])
  })

  it('of all others voids the tickets also where the store has lost the list', async () => {
    const session = open(await signIn())
    const login = open()
    const ticket = await login.ticket(user)
    await store.delete(indexOf(user), now)
    expect(await codeOf(session.endOtherDevices())).toBe('SESSION_GONE')
    expect(await codeOf(login.identify(user, { ticket }))).toBe('SESSION_SIGN_IN_ENDED')
  })

  it('leaves nothing recorded to a visitor where the store fails in the middle of a sign-in', async () => {
    const token = await signIn()
    let isDown = false
    const failing: KeyedStore = {
      ...store,
      async commit(id, changes, at) {
        if (isDown && id !== indexOf(user)) throw new Error('The store is down.')
        return store.commit(id, changes, at)
      },
    }
    const session = openSession(failing, token, settings)
    session.set('secret', 1)
    isDown = true
    expect(await codeOf(session.identify(user))).toBe('SESSION_STORE_UNAVAILABLE')
    isDown = false
    await session.save()
    expect([session.token, await session.owner(), await session.keys()]).toEqual([null, null, []])
  })

  it('is not escaped by a rotation that the store has failed', async () => {
    const session = open(await signIn())
    session.set('secret', 1)
    await session.save()
    let isDown = false
    const failing: KeyedStore = {
      ...store,
      async commit(id, changes, at) {
        if (isDown && id === indexOf(user)) throw new Error('The store is down.')
        return store.commit(id, changes, at)
      },
    }
    const rotating = openSession(failing, session.token, settings)
    rotating.set('more', 1)
    isDown = true
    expect(await codeOf(rotating.rotate())).toBe('SESSION_STORE_UNAVAILABLE')
    isDown = false
    await rotating.save().catch(() => {})
    expect([rotating.token, await rotating.owner()]).toEqual([null, null])
  })

  it('deletes the cookie where a rotation finds the session past its absolute timeout', async () => {
    const day = 24 * hour
    const visitor = open(null, { idleTimeout: (30 * day) / 1000, absoluteTimeout: (90 * day) / 1000 })
    visitor.set('cart', 1)
    await visitor.save()
    const session = open(visitor.token, {
      idleTimeout: (20 * day) / 1000,
      absoluteTimeout: (20 * day) / 1000,
    })
    expect(await session.get('cart')).toBe(1)
    now += 21 * day
    expect(await codeOf(session.rotate())).toBe('SESSION_GONE')
    expect(session.setCookie(sessionCookie())).toContain('Max-Age=0')
    expect(await open(visitor.token).keys()).toEqual([])
  })

  it('of one device signs that out, and no other', async () => {
    const [first, second] = [await signIn(user, {}, 'first'), await signIn(user, {}, 'second')]
    const session = open(first)
    const idOf = async (label: string): Promise<string> =>
      (await session.devices()).find((device) => device.label === label)!.id
    const id = await idOf('second')
    expect(await session.endDevice(id)).toBe(true)
    expect(await Promise.all([first, second].map(ownerOf))).toEqual([user, null])
    expect(open(second)).toMatchObject({ moved: null })
    expect(await session.endDevice(id)).toBe(false)
    expect(await session.endDevice('nobody')).toBe(false)
    expect(await session.endDevice(await idOf('first'))).toBe(true)
    await session.save()
    expect([await ownerOf(first), await session.owner()]).toEqual([null, null])
  })

  it('reaches no device of another owner', async () => {
    const victim = await signIn(other)
    const [{ id }] = (await open(victim).devices()) as unknown as [{ id: string }]
    const attacker = open(await signIn())
    expect(await attacker.endDevice(id)).toBe(false)
    expect(await ownerOf(victim)).toBe(other)
  })

  it('of all others spares this one, also its next secret', async () => {
    const tokens = [await signIn(), await signIn(), await signIn()]
    const session = open(tokens[0])
    expect(await session.endOtherDevices()).toBe(2)
    expect(await Promise.all(tokens.map(ownerOf))).toEqual([user, null, null])
    await session.rotate()
    await session.save()
    expect(await ownerOf(session.token!)).toBe(user)
    expect(await open(session.token).endOtherDevices()).toBe(0)
  })

  it('of all signs this one out, too, into a fresh session', async () => {
    const tokens = [await signIn(), await signIn()]
    const session = open(tokens[0])
    session.set('x', 1)
    await session.save()
    expect(await session.endAllDevices()).toBe(2)
    await session.save()
    expect(await Promise.all(tokens.map(ownerOf))).toEqual([null, null])
    expect([await session.owner(), await session.keys()]).toEqual([null, []])
    expect(session.token).not.toBe(tokens[0])
  })

  it('by an administrator ends one, all but one, or all', async () => {
    const tokens = [await signIn(), await signIn(), await signIn(), await signIn()]
    const clock = () => now
    const ids = await Promise.all(
      tokens.map(async (token) => (await open(token).devices()).find(({ current }) => current)!.id),
    )
    expect(await endDevices(store, user, { clock, only: ids[0]! })).toBe(1)
    expect(await endDevices(store, user, { clock, only: ids[0]! })).toBe(0)
    expect(await endDevices(store, user, { clock, except: ids[1]! })).toBe(2)
    expect(await Promise.all(tokens.map(ownerOf))).toEqual([null, user, null, null])
    expect(await codeOf(endDevices(store, user, { clock, except: 'nobody' }))).toBe('SESSION_NOT_SIGNED_IN')
    expect(await codeOf(endDevices(store, user, { clock, except: ids[1]!, only: ids[1]! }))).toBe(
      'CONFIG_INVALID',
    )
    expect(await endDevices(store, user, { clock })).toBe(1)
    expect(await endDevices(store, user, { clock })).toBe(0)
  })

  it('that was interrupted lets its device neither end others nor go on under another secret', async () => {
    const failing: KeyedStore = { ...store, delete: () => Promise.reject(new Error('The store is down.')) }
    const [ended, token] = [await signIn(user, {}, 'ended'), await signIn()]
    const { id } = (await open(token).devices()).find(({ label }) => label === 'ended')!
    const session = openSession(failing, token, settings)
    expect(await codeOf(session.endDevice(id))).toBe('SESSION_STORE_UNAVAILABLE')
    expect(await ownerOf(ended)).toBe(user)
    expect(await codeOf(open(ended).rotate())).toBe('SESSION_GONE')
    expect(await Promise.all([ended, token].map(ownerOf))).toEqual([null, user])

    const another = await signIn(user, {}, 'another')
    const next = (await open(token).devices()).find(({ label }) => label === 'another')!
    expect(await codeOf(openSession(failing, token, settings).endDevice(next.id))).toBe(
      'SESSION_STORE_UNAVAILABLE',
    )
    expect(await codeOf(open(another).endOtherDevices())).toBe('SESSION_GONE')
    expect(await Promise.all([another, token].map(ownerOf))).toEqual([null, user])
  })

  it('of all reaches whoever signs in while it looks who is there', async () => {
    await signIn()
    const login = open()
    const ticket = await login.ticket(user)
    let isFirst = true
    const slow: KeyedStore = {
      ...store,
      async read(id, at) {
        const found = await store.read(id, at)
        if (isFirst && id === indexOf(user)) {
          isFirst = false
          await login.identify(user, { ticket }).catch(() => {})
        }
        return found
      },
    }
    await endDevices(slow, user, { clock: () => now })
    expect([isFirst, await login.owner()]).toEqual([false, null])
  })

  it('that was interrupted is finished by whoever lists or ends next', async () => {
    const tokens = [await signIn(), await signIn()]
    // The end dies after the first of its steps, so that the sessions are still there.
    const dying: KeyedStore = {
      ...store,
      async delete() {
        throw new Error('The process has died.')
      },
    }
    expect(await codeOf(endDevices(dying, user, { clock: () => now }))).toBe('SESSION_STORE_UNAVAILABLE')
    expect(await devicesOf(store, user, { clock: () => now })).toEqual([])
    expect(await Promise.all(tokens.map(ownerOf))).toEqual([null, null])
  })

  it('that the store has lost is found when the device is seen next', async () => {
    const token = await signIn()
    await store.delete(indexOf(user), now)
    expect(await ownerOf(token)).toBe(user)
    now += hour
    const session = open(token)
    await session.owner()
    await session.save()
    expect(await ownerOf(token)).toBeNull()
  })
})

describe('claim', () => {
  it('makes a session of nobody a device, once, under the same handle', async () => {
    const session = open()
    session.set('user_id', '7')
    await session.save()
    const handle = await session.handle()
    const claims = [open(session.token), open(session.token)]
    expect(await Promise.all(claims.map((each) => each.claim(user)))).toEqual([true, true])
    const next = open(session.token)
    expect([await next.owner(), await next.handle(), await next.get('user_id')]).toEqual([user, handle, '7'])
    expect(await next.devices()).toHaveLength(1)
    expect(await next.claim(other)).toBe(false)
    expect(await open().claim(user)).toBe(false)
    await endDevices(store, user, { clock: () => now })
    expect(await ownerOf(session.token!)).toBeNull()
  })
})

describe('freshness', () => {
  it('counts from the sign-in, or from confirm, which gives a new secret', async () => {
    const session = open(await signIn())
    await session.requireFresh(60)
    now += minute
    await session.requireFresh(60)
    now += 1
    const error = (await session.requireFresh(60).catch((each: unknown) => each)) as SessionError
    expect(error).toMatchObject({ code: 'SESSION_NOT_FRESH', extensions: { maxAge: 60 } })
    const { token } = session
    await session.confirm()
    await session.requireFresh(1)
    await session.save()
    expect(session.token).not.toBe(token)
    expect(await ownerOf(session.token!)).toBe(user)
    expect(await session.devices()).toHaveLength(1)
  })

  it('is none without somebody who is signed in', async () => {
    expect(await codeOf(open().requireFresh(60))).toBe('SESSION_NOT_SIGNED_IN')
    expect(await codeOf(open().confirm())).toBe('SESSION_NOT_SIGNED_IN')
    const claimed = open()
    claimed.set('x', 1)
    await claimed.save()
    await claimed.claim(user)
    expect(await codeOf(claimed.requireFresh(3600))).toBe('SESSION_NOT_FRESH')
  })

  it.each([0, -1, 0.5, Number.NaN, Infinity, '60'])('is not of %s seconds', async (seconds) => {
    expect(await codeOf(open().requireFresh(seconds as number))).toBe('CONFIG_INVALID')
  })

  it('is needed to end other devices where that is asked for, and to list them never', async () => {
    const devices = { fresh: 300 }
    const [token, other] = [await signIn(), await signIn()]
    const session = open(token, { devices })
    now += 301_000
    const list = await session.devices()
    const { id } = list.find(({ current }) => !current)!
    for (const end of [
      () => session.endDevice(id),
      () => session.endOtherDevices(),
      () => session.endAllDevices(),
    ]) {
      expect(await codeOf(end())).toBe('SESSION_NOT_FRESH')
    }
    expect(await ownerOf(other)).toBe(user)
    await session.confirm()
    expect(await session.endOtherDevices()).toBe(1)
  })
})

it('compares a stamp, of which the store gets a digest', async () => {
  const session = open()
  await session.identify(user, { stamp: 'pbkdf2$secret' })
  await session.save()
  const next = open(session.token)
  expect([await next.checkStamp('pbkdf2$secret'), await next.checkStamp('other')]).toEqual([true, false])
  expect(await open().checkStamp('pbkdf2$secret')).toBe(false)
  expect(JSON.stringify([...(await recordsOf([digestOf(session.token!)]))])).not.toContain('secret')
})

describe('flash', () => {
  it('gives each notice once, the oldest first, to one of many', async () => {
    const session = open()
    await session.flash('one')
    await session.flash({ two: [2] })
    await session.save()
    const { token } = session
    await Promise.all([open(token).flash(3), open(token).flash(null)])
    expect([await open(token).hasFlash(), await open(token).isEmpty(), await open(token).keys()]).toEqual([
      true,
      true,
      [],
    ])
    const taken = await Promise.all([1, 2, 3, 4].map(() => open(token).popFlash()))
    const [values, ...others] = taken.toSorted((a, b) => b.length - a.length)
    expect(values!.slice(0, 2)).toEqual(['one', { two: [2] }])
    expect(values!.slice(2).map(String).toSorted()).toEqual(['3', 'null'])
    expect(others).toEqual([[], [], []])
    expect(await open(token).hasFlash()).toBe(false)
  })

  it('drops the oldest of large notices, so that there is room for another', async () => {
    const session = open()
    for (let index = 0; index < 20; index++) await session.flash(`${index} `.padEnd(8000, 'x'))
    expect((await session.popFlash()).map((text) => Number.parseInt(text as string, 10))).toEqual([18, 19])
  })

  it('forgets a notice that nobody took in time, and the oldest of too many', async () => {
    const session = open()
    for (let index = 0; index < 33; index++) await session.flash(index, { ttl: index < 32 ? 60 : 61 })
    now += 59_999
    expect(await open(session.token).hasFlash()).toBe(true)
    now += 1
    expect(await open(session.token).popFlash()).toEqual([32])
    for (let index = 0; index < 34; index++) await session.flash(index)
    expect((await session.popFlash()).slice(0, 2)).toEqual([2, 3])
    expect(await codeOf(session.flash(1, { ttl: 0 }))).toBe('CONFIG_INVALID')
    expect(await codeOf(session.flash(new Date() as never))).toBe('SESSION_VALUE_INVALID')
  })
})

it('refuses settings that mean nothing', () => {
  for (const devices of [{ max: 0 }, { max: 1001 }, { whenFull: 'x' }, { fresh: 0 }, { other: 1 }]) {
    expect(() => open(null, { devices: devices as never })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID' }),
    )
  }
})

const request = (userAgent: string) => ({ headers: { 'user-agent': userAgent } })
const digestOf = (token: string): string => digest(`__Host-session=${token}`)
const indexOf = (owner: string): string => digest(`owner __Host-session=${owner}`)

async function recordsOf(ids: readonly string[]): Promise<string[][]> {
  const records = await Promise.all(ids.map((id) => store.read(id, now)))
  return records.map((record) =>
    record && typeof record !== 'string' ? [...record.entries].map((pair) => pair.join(' ')) : [],
  )
}

const keysOfIndex = async (): Promise<string[]> => (await recordsOf([indexOf(user)]))[0]!
