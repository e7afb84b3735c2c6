import { randomBytes } from 'node:crypto'
import { afterEach, describe, expect, it } from 'vitest'
import { openSession } from '../../src/server/open-session.ts'
import { sessionCookie } from '../../src/session/cookie.ts'
import type { SessionError } from '../../src/session/errors.ts'
import type { SessionEvent } from '../../src/session/events.ts'
import type { SessionStore } from '../../src/session/store.ts'
import { cookieStore } from '../../src/stores/cookie.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { Client, given, listen, manualClock } from '../support/harness.ts'
import { shop } from '../support/shop.ts'

const set = 'mutation { setSessionKey(key: "dark_mode", value: true) { created } }'
const get = '{ session { isNew handle value(key: "dark_mode") } }'
const logout = 'mutation { logout { flushed } }'
const rotate = 'mutation { rotateSession { session { handle } } }'

/** A token of which nobody knows a session. */
const dead = (): string => randomBytes(32).toString('base64url')

const opened: { close(): Promise<void> }[] = []
afterEach(() => Promise.all(opened.splice(0).map((server) => server.close())))

/** Each way through the server: Yoga's, which a plugin with a hook of requests keeps every request on. */
const ways = [
  ['the short way', []],
  ["Yoga's way", [{ onRequest() {} }]],
] as const

async function open(plugins: readonly object[] = [], options: Parameters<typeof shop>[0] = {}) {
  const events: SessionEvent[] = []
  const { yoga, store, clock } = shop({
    cookie: { name: 'sid' },
    onEvent: (event) => events.push(event),
    plugins: [...plugins],
    ...options,
  })
  const server = await listen(yoga)
  opened.push(server)
  /** What a browser gets that sends these values, each as a cookie of the name, in this order. */
  const ask = async (query: string, ...values: string[]) => {
    store.calls.length = 0
    events.length = 0
    const cookie = values.map((value) => `${name}=${value}`).join('; ')
    const answer = await new Client(server.url).run(query, undefined, values.length > 0 ? { cookie } : {})
    return { ...answer, calls: [...store.calls], events: [...events] }
  }
  const first = new Client(server.url)
  await first.run(set)
  const [name] = [...first.cookies.keys()] as [string]
  /** Begins another session. @returns its token */
  const begin = async (): Promise<string> => {
    const client = new Client(server.url)
    await client.run(set)
    return client.token!
  }
  return { ask, begin, name, token: first.token!, store, clock, url: server.url }
}

describe.each(ways)('two cookies of the name, on %s', (_, plugins) => {
  it('are the session of the one that lives, in either order, and none is deleted', async () => {
    const { ask, token } = await open(plugins)
    for (const values of [
      [dead(), token],
      [token, dead()],
      [dead(), dead(), token, dead()],
      ['x', token],
      [token, ''],
      [token, 'x', dead(), `"${'x'.repeat(50)}`],
    ]) {
      const answer = await ask(get, ...values)
      expect(answer.data.session).toMatchObject({ isNew: false, value: true })
      expect(answer.setCookies).toEqual([])
      expect(answer.events).toEqual([])
    }
  })

  it('are one when they are equal, which costs no further call', async () => {
    const { ask, token } = await open(plugins)
    for (const values of [[token, token], Array<string>(20).fill(token), [token, `"${token}"`]]) {
      const answer = await ask(get, ...values)
      expect(answer.data.session.isNew).toBe(false)
      expect(answer.calls).toEqual(['read'])
      expect((await ask(set, ...values)).calls).toEqual(['read', 'commit'])
    }
  })

  it('are written to like one, and signed out of', async () => {
    const { ask, token } = await open(plugins)
    const written = await ask(set, dead(), token)
    expect(written.data).toEqual({ setSessionKey: { created: false } })
    expect(written.calls).toEqual(['read', 'read', 'commit'])
    expect(written.setCookies).toEqual([])

    const popped = await ask('mutation { popSessionKey(key: "dark_mode") { found } }', dead(), token)
    expect(popped.data).toEqual({ popSessionKey: { found: true } })

    const rotated = await ask(rotate, dead(), token)
    const next = /=([\w-]{43});/.exec(rotated.setCookies[0]!)![1]!
    given.add(next)
    expect((await ask(get, token, next)).data.session.isNew).toBe(false)

    const flushed = await ask(logout, next, dead())
    expect(flushed.data).toEqual({ logout: { flushed: true } })
    expect(await ask(get, next)).toMatchObject({ data: null })
  })

  it('none of which lives are anonymous, and a write begins a session beside them', async () => {
    const { ask } = await open(plugins)
    const values = [dead(), dead()]
    const answer = await ask(get, ...values)
    expect(answer.data.session).toEqual({ isNew: true, handle: null, value: null })
    expect(answer.setCookies).toEqual([])
    expect(answer.events).toEqual([{ type: 'rejected', reason: 'unknown' }])

    const written = await ask(set, ...values)
    expect(written.codes).toEqual([])
    const fresh = /^sid=([\w-]{43});/.exec(written.setCookies[0]!)![1]!
    expect((await ask(get, ...values, fresh)).data.session.isNew).toBe(false)
  })

  it('that are malformed reach no store, and are left alone', async () => {
    const { ask } = await open(plugins)
    const answer = await ask(get, 'x', '', 'y')
    expect(answer.data.session.isNew).toBe(true)
    expect(answer.calls).toEqual([])
    expect(answer.setCookies).toEqual([])
    expect(answer.events).toEqual([{ type: 'rejected', reason: 'malformed' }])
    expect((await ask(logout, 'x', 'y')).setCookies).toEqual([])
    expect((await ask(logout, dead(), dead())).setCookies).toEqual([])
  })

  it('that live and differ are refused: nothing is shown, changed or set', async () => {
    const { ask, begin, token } = await open(plugins)
    const other = await begin()
    for (const values of [
      [token, other],
      [other, 'x', token, dead()],
    ]) {
      const answer = await ask(get, ...values)
      expect(answer.data.session).toEqual({ isNew: true, handle: null, value: null })
      expect(answer.setCookies).toEqual([])
      expect(answer.events).toEqual([{ type: 'rejected', reason: 'ambiguous' }])
      for (const query of [
        set,
        logout,
        rotate,
        'mutation { clearSession { __typename } }',
        'mutation { setDefaultSessionKey(key: "dark_mode", value: true) { created } }',
        'mutation { popSessionKey(key: "dark_mode") { found } }',
        'mutation { deleteSessionKey(key: "dark_mode") { deleted } }',
        'mutation { setSessionExpiry(expiry: { seconds: 5 }) { __typename } }',
      ]) {
        const refused = await ask(query, ...values)
        expect(refused.codes, query).toEqual(['SESSION_AMBIGUOUS'])
        expect(refused.setCookies).toEqual([])
        expect(new Set(refused.calls)).toEqual(new Set(['read']))
      }
    }
    for (const alone of [token, other]) expect((await ask(get, alone)).data.session.value).toBe(true)
  })

  it('of which more than four differ are refused without asking the store', async () => {
    const { ask, token } = await open(plugins)
    const crowd = [dead(), token, dead(), dead(), dead()]
    const answer = await ask(get, ...crowd)
    expect(answer.data.session.isNew).toBe(true)
    expect(answer.events).toEqual([{ type: 'rejected', reason: 'ambiguous' }])
    expect([...answer.calls, ...answer.setCookies]).toEqual([])
    expect((await ask(set, ...crowd)).codes).toEqual(['SESSION_AMBIGUOUS'])
    expect((await ask('{ __typename }', ...crowd)).calls).toEqual([])
    // Those that cannot be a token do not count.
    expect((await ask(get, ...Array.from({ length: 30 }, (__, each) => `x${each}`), token)).data.session.isNew).toBe(false) // prettier-ignore
  })

  it('do not matter to a request that uses no session', async () => {
    const { ask, begin, token } = await open(plugins)
    const answer = await ask('{ __typename }', token, await begin())
    expect(answer.calls).toEqual([])
    expect(answer.setCookies).toEqual([])
  })
})

it('two sealed sessions are one when they are one session, as its newest seal has it', async () => {
  const store = cookieStore({ keys: [randomBytes(32).toString('base64')] })
  const clock = manualClock()
  const { ask, begin, token } = await open([], { store, clock })
  const unset = 'mutation { setSessionKey(key: "dark_mode", value: false) { created } }'
  clock.forward(1)
  const value = (text: string): string => /^sid=([^;]+);/.exec(text)![1]!
  const newer = value((await ask(unset, token)).setCookies[0]!)
  const broken = `${token.slice(0, -2)}${token.endsWith('AA') ? 'QQ' : 'AA'}`
  for (const values of [
    [token, newer],
    [newer, token],
    [broken, token, newer, newer],
  ]) {
    const answer = await ask(get, ...values)
    expect(answer.data.session).toMatchObject({ isNew: false, value: false })
    expect(answer.setCookies).toEqual([])
  }
  expect((await ask(get, broken, token)).data.session.value).toBe(true)
  expect((await ask(set, newer, await begin())).codes).toEqual(['SESSION_AMBIGUOUS'])
})

it('openSession takes them as SessionCookie.read gives them', async () => {
  const store = memoryStore({ max: 10 })
  const cookie = sessionCookie({ name: 'sid' })
  const begin = async (): Promise<string> => {
    const session = openSession(store, null, { cookie })
    session.set('user', 'ada')
    await session.save()
    given.add(session.token!)
    return session.token!
  }
  const [token, other] = [await begin(), await begin()]
  const visit = (...values: string[]) =>
    openSession(store, cookie.read(values.map((value) => `sid=${value}`).join('; ')), { cookie })

  const found = visit(dead(), token)
  expect(await found.get('user')).toBe('ada')
  expect(found.token === token).toBe(true)
  expect(found.setCookie(cookie)).toBeNull()

  for (const change of [
    async (session: ReturnType<typeof visit>) => session.set('user', 'eve'),
    async (session: ReturnType<typeof visit>) => session.clear(),
    (session: ReturnType<typeof visit>) => session.flush(),
    (session: ReturnType<typeof visit>) => session.rotate(),
    (session: ReturnType<typeof visit>) => session.setDefault('x', 1),
  ]) {
    const session = visit(token, other)
    const act = async (): Promise<void> => {
      await change(session)
      await session.save()
    }
    await expect(act()).rejects.toThrow(expect.objectContaining({ code: 'SESSION_AMBIGUOUS' }))
    expect([session.token, session.setCookie(cookie)]).toEqual([null, null])
  }
  expect(await visit(token, other).get('user')).toBeUndefined()
  const none = visit('x', 'y')
  expect(await none.isNew()).toBe(true)
  expect(none.setCookie(cookie)).toBeNull()
})

it('a quoted value is read like one without quotes (RFC 6265, 4.1.1)', async () => {
  const { ask, token, name, url } = await open()
  for (const value of [`"${token}"`, `"${token}" `]) {
    expect((await ask(get, value)).data.session.isNew).toBe(false)
  }
  const among = { cookie: `a="b"; ${name}="${token}"; c=d` }
  expect((await new Client(url).run(get, undefined, among)).data.session.isNew).toBe(false)
  for (const value of [`"${token}`, `${token}"`, `""${token}""`, `'${token}'`, '"', '""']) {
    const answer = await ask(get, value)
    expect(answer.data.session.isNew).toBe(true)
    expect(answer.calls).toEqual([])
  }
})

describe('a store that two applications share', () => {
  const stores: [string, () => SessionStore][] = [
    ['a store by id', () => memoryStore({ max: 100 })],
    ['a sealed one', () => cookieStore({ keys: [randomBytes(32).toString('base64')] })],
  ]
  it.each(stores)('%s takes no token of one as a session of the other', async (_, make) => {
    const store = make()
    const names = ['__Host-shop', '__Host-office', '__Secure-shop', 'shop'] as const
    const apps = names.map((name) => shop({ store, cookie: { name }, clock: manualClock() }))
    for (const url of ['http://localhost/graphql', 'https://app.example/graphql']) {
      const clients = apps.map(({ yoga }) => new Client(yoga, url))
      for (const client of clients) await client.run(set)
      for (const [at, client] of clients.entries()) {
        expect((await client.run(get)).data.session.isNew).toBe(false)
        for (const [of, { token }] of clients.entries()) {
          if (of === at) continue
          const thief = new Client(apps[at]!.yoga, url)
          thief.cookies.set([...client.cookies.keys()][0]!, token!)
          expect((await thief.run(get)).data.session.isNew, `${names[of]} at ${names[at]}`).toBe(true)
        }
      }
    }
  })

  it('knows a session outside of GraphQL by the name of its cookie', async () => {
    const store = memoryStore({ max: 100 })
    const { token } = await begun(store, { name: '__Host-office' })
    const isNew = (cookie?: ReturnType<typeof sessionCookie>) =>
      openSession(store, token, cookie ? { cookie } : {}).isNew()
    expect(await isNew(sessionCookie({ name: '__Host-office' }))).toBe(false)
    expect(await isNew(sessionCookie({ name: '__Host-office' }, { secure: false }))).toBe(false)
    expect(await isNew(sessionCookie({ name: '__Host-shop' }))).toBe(true)
    expect(await isNew()).toBe(true)
    const usual = await begun(store)
    expect(await openSession(store, usual.token).isNew()).toBe(false)
    expect(await openSession(store, usual.token, { cookie: sessionCookie() }).isNew()).toBe(false)
  })

  async function begun(store: SessionStore, cookie = {}): Promise<{ token: string }> {
    const client = new Client(shop({ store, cookie, clock: Date.now }).yoga, 'http://localhost/graphql')
    await client.run(set)
    return { token: client.token! }
  }
})

describe('a request from a page of another site', () => {
  const cross = { 'sec-fetch-site': 'cross-site' }
  const visit = { ...cross, 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }
  const foreign = { origin: 'https://bank.example' }

  describe.each(ways)('on %s', (_, plugins) => {
    const at = async (options: Parameters<typeof shop>[0] = {}) => {
      const { url, store } = await open(plugins, { origins: ['https://bank.example'], ...options })
      store.calls.length = 0
      const ask = (query: string, headers: Record<string, string>) => new Client(url).run(query, {}, headers)
      return { ask, store, url }
    }

    it.each([{ sameSite: 'lax' }, { sameSite: 'strict' }] as const)(
      'begins no session, of which $sameSite keeps the cookie back',
      async (cookie) => {
        const { ask, store } = await at({ cookie })
        const headers = { ...foreign, ...cross }
        for (const query of [
          set,
          'mutation { setDefaultSessionKey(key: "dark_mode", value: true) { created } }',
          'mutation { updateSession(data: { dark_mode: true }) { __typename } }',
        ]) {
          const answer = await ask(query, headers)
          expect(answer.codes, query).toEqual(['SESSION_CROSS_SITE'])
          expect(answer.setCookies).toEqual([])
        }
        expect((await ask(get, headers)).data.session.isNew).toBe(true)
        expect((await ask(logout, headers)).data).toEqual({ logout: { flushed: false } })
        expect(store.calls).toEqual([])
      },
    )

    it('begins one where the cookie would have come along', async () => {
      const none = await at({ cookie: { sameSite: 'none' } })
      expect((await none.ask(set, { ...foreign, ...cross })).setCookies).toHaveLength(1)
      const lax = await at()
      for (const headers of [
        foreign,
        { ...foreign, 'sec-fetch-site': 'same-site' },
        { 'sec-fetch-site': 'same-origin' },
        {},
      ]) {
        expect((await lax.ask(set, headers)).setCookies).toHaveLength(1)
      }
    })

    it('works in the session of the cookie that it has', async () => {
      const { ask, url } = await at()
      const own = new Client(url)
      await own.run(set)
      expect((await ask(set, { ...foreign, ...cross, cookie: own.cookie })).codes).toEqual([])
    })
  })

  it.each([
    ['a form of a bank', 'lax', 'POST', { ...visit, ...foreign }, false],
    ['a form of an old browser', 'lax', 'POST', { ...foreign, host: 'shop.example' }, false],
    ['a form of nobody', 'lax', 'POST', { origin: 'null', host: 'shop.example' }, false],
    ['an image', 'lax', 'GET', { ...cross, 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' }, false],
    ['a frame', 'lax', 'GET', { ...visit, 'sec-fetch-dest': 'iframe' }, false],
    ['a link, with a strict cookie', 'strict', 'GET', visit, false],
    ['a link', 'lax', 'GET', visit, true],
    ['a form, with a cookie for other sites', 'none', 'POST', { ...visit, ...foreign }, true],
    ['a form of its own', 'lax', 'POST', { origin: 'https://shop.example', host: 'shop.example' }, true],
    [
      'a form of its own, behind a proxy',
      'strict',
      'POST',
      { origin: 'https://shop.example', host: '127.0.0.1:4000', 'x-forwarded-host': 'shop.example' },
      true,
    ],
    ['a bookmark', 'strict', 'GET', { ...visit, 'sec-fetch-site': 'none' }, true],
    ['a client that is no browser', 'strict', 'POST', {}, true],
  ] as const)('%s (%s, %s) at a route with openSession', async (_, sameSite, method, headers, begins) => {
    const store = memoryStore({ max: 10 })
    const cookie = sessionCookie({ sameSite })
    const of = (held: Record<string, string>) => ({ method, headers: held })
    for (const request of [of(headers), { method, headers: new Headers(Object.entries(headers)) }]) {
      const session = openSession(store, cookie.read(null), { cookie, request })
      const write = async (): Promise<void> => {
        session.set('user', 'ada')
        await session.save()
      }
      const code = await write().then(
        () => null,
        (error: SessionError) => error.code,
      )
      expect(code).toBe(begins ? null : 'SESSION_CROSS_SITE')
      expect(session.setCookie(cookie) !== null).toBe(begins)
      if (session.token) given.add(session.token)
    }
    expect(() => openSession(store, null, { request: 1 as never })).toThrow(/request/)
  })
})
