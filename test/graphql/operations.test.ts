import { describe, expect, it } from 'vitest'
import type { AnySession } from '../../src/session/session.ts'
import { Client } from '../support/harness.ts'
import { shop } from '../support/shop.ts'

const state = '{ session { handle isNew isEmpty keys } }'
const day = 86_400

function open() {
  const { yoga, clock, store } = shop()
  const client = new Client(yoga)
  const run = async (query: string, variables?: Record<string, unknown>) => {
    const { codes, data } = await client.run(query, variables)
    expect(codes).toEqual([])
    return data
  }
  return { client, clock, store, run, look: async () => (await run(state)).session }
}

describe('reading', () => {
  it('gives the value, the default for an absent key, and null for a stored null', async () => {
    const { run } = open()
    await run(
      'mutation { updateSession(data: { dark_mode: null, shopping_cart: ["a"] }) { entries { key } } }',
    )
    const { session } = await run(`{
      session {
        isEmpty
        stored: value(key: "shopping_cart")
        null: value(key: "dark_mode", default: 5)
        absent: value(key: "pref:x", default: { theme: "light" })
        undefined: value(key: "pref:x")
        has(key: "dark_mode")
        hasNot: has(key: "pref:x")
        entries(keys: ["dark_mode", "pref:x"]) { key value }
      }
    }`)
    expect(session).toEqual({
      isEmpty: false,
      stored: ['a'],
      null: null,
      absent: { theme: 'light' },
      undefined: null,
      has: true,
      hasNot: false,
      entries: [{ key: 'dark_mode', value: null }],
    })
  })

  it('shows what the client may read, in the order of first setting; isEmpty counts everything', async () => {
    const { yoga } = shop({
      typeDefs: 'extend type Mutation { secret: Boolean }',
      resolvers: {
        Mutation: {
          secret: (_: unknown, __: unknown, { session }: any) => session.set('server_only', 'x') ?? true,
        },
      },
    })
    const client = new Client(yoga)
    await client.run('mutation { secret }')
    const read = async () => (await client.run('{ session { isEmpty keys entries { key } } }')).data.session
    expect(await read()).toEqual({ isEmpty: false, keys: [], entries: [] })
    for (const key of ['pref:b', 'pref:a', 'pref:b']) {
      await client.run('mutation ($key: String!) { setSessionKey(key: $key, value: 1) { created } }', { key })
    }
    expect((await read()).keys).toEqual(['pref:b', 'pref:a'])
  })

  it('lists keys that begin with a digit, in the order in which they were first set', async () => {
    const { yoga } = shop({ keys: { '*': { client: ['read', 'write', 'delete'] } } })
    const client = new Client(yoga)
    const keys = ['10', '2', '0d5b8c1e-93a4-4a52-9a5e-3b8fd9c1a001']
    for (const key of keys) {
      await client.run('mutation ($key: String!) { setSessionKey(key: $key, value: -0) { created } }', {
        key,
      })
    }
    const { data } = await client.run(`{ session { keys value(key: "${keys[2]}") } }`)
    expect(data).toEqual({ session: { keys, value: 0 } })
  })
})

describe('the order of the keys', () => {
  const set = (name: string) => `setSessionKey(key: "pref:${name}", value: 1) { session { keys } }`
  const unset = (verb: string, name: string) => `${verb}(key: "pref:${name}") { session { keys } }`
  const setDefault = (name: string) =>
    `setDefaultSessionKey(key: "pref:${name}", value: 1) { session { keys } }`
  it.each([
    ['b a', [set('a'), unset('deleteSessionKey', 'a'), set('b'), set('a')]],
    ['a b c', [set('a'), setDefault('b'), set('c')]],
    ['b a', [set('a'), set('b'), unset('popSessionKey', 'a'), set('a')]],
    ['b c', [set('a'), 'clearSession { session { keys } }', set('b'), setDefault('c'), set('b')]],
    ['a b c', [set('a'), setDefault('c'), unset('deleteSessionKey', 'c'), set('b'), set('c')]],
  ])('is %s in the answer, after it, and where each field is sent by itself', async (keys, fields) => {
    const names = keys.split(' ').map((name) => `pref:${name}`)
    const together = open()
    const answer = await together.run(
      `mutation { ${fields.map((field, index) => `f${index}: ${field}`).join(' ')} }`,
    )
    const alone = open()
    for (const field of fields) await alone.run(`mutation { ${field} }`)
    expect([
      answer[`f${fields.length - 1}`].session.keys,
      (await together.look()).keys,
      (await alone.look()).keys,
    ]).toEqual([names, names, names])
  })
})

describe('setSessionKey', () => {
  it('tells whether the key was absent before, also twice in one request and after a clear', async () => {
    const { run } = open()
    const set = 'setSessionKey(key: "dark_mode", value: true) { created entry { key value } }'
    const entry = { key: 'dark_mode', value: true }
    expect(await run(`mutation { a: ${set} b: ${set} }`)).toEqual({
      a: { created: true, entry },
      b: { created: false, entry },
    })
    expect(await run(`mutation { a: ${set} clearSession { __typename } b: ${set} }`)).toMatchObject({
      a: { created: false },
      b: { created: true },
    })
  })

  it('has the session say under which handle it is going to be stored', async () => {
    const { run, look } = open()
    const data = await run(
      'mutation { setSessionKey(key: "dark_mode", value: 1) { session { handle isNew createdAt expiresAt expiresIn } } }',
    )
    const { session } = data.setSessionKey
    expect(session).toEqual({
      handle: expect.stringMatching(/^[\w-]{43}$/),
      isNew: true,
      createdAt: '2100-11-23T00:00:00.000Z',
      expiresAt: '2100-12-07T00:00:00.000Z',
      expiresIn: 14 * day,
    })
    expect(await look()).toMatchObject({ handle: session.handle, isNew: false })
  })

  it('shows a handle that is of no use as a token', async () => {
    const { client, look } = open()
    await client.run('mutation { setSessionKey(key: "dark_mode", value: 1) { created } }')
    const { handle } = await look()
    const thief = client.fork()
    thief.cookies.set('__Host-session', handle)
    expect((await thief.run(state)).data.session.isNew).toBe(true)
  })
})

describe('updateSession', () => {
  it('sets every entry or none', async () => {
    const { client, look } = open()
    const update = 'mutation ($data: JSONObject!) { updateSession(data: $data) { entries { key value } } }'
    const refused = await client.run(update, { data: { dark_mode: true, shopping_cart: 'x'.repeat(9000) } })
    expect(refused.codes).toEqual(['SESSION_VALUE_TOO_LARGE'])
    expect(await look()).toMatchObject({ handle: null, keys: [] })
    const { data } = await client.run(update, { data: { dark_mode: true, shopping_cart: ['a'] } })
    expect(data.updateSession.entries).toEqual([
      { key: 'dark_mode', value: true },
      { key: 'shopping_cart', value: ['a'] },
    ])
  })

  it.each(['5', '"x"', '[1]', 'null'])('takes an object only, not %s', async (data) => {
    const { client } = open()
    const { body } = await client.run(`mutation { updateSession(data: ${data}) { __typename } }`)
    expect(body.data).toBeUndefined()
    expect(body.errors).toHaveLength(1)
  })
})

describe('setDefaultSessionKey', () => {
  it('sets where the key is absent, and says which value stands', async () => {
    const { run } = open()
    const set = (value: number) =>
      run(
        `mutation { setDefaultSessionKey(key: "pref:size", value: ${value}) { created entry { key value } } }`,
      )
    const entry = { key: 'pref:size', value: 1 }
    expect((await set(1)).setDefaultSessionKey).toEqual({ created: true, entry })
    expect((await set(2)).setDefaultSessionKey).toEqual({ created: false, entry })
  })
})

describe('deleteSessionKey and popSessionKey', () => {
  it('delete one entry; an absent key is no error', async () => {
    const { run } = open()
    await run('mutation { updateSession(data: { dark_mode: true, shopping_cart: ["a"] }) { __typename } }')
    const remove = 'mutation { deleteSessionKey(key: "dark_mode") { key deleted session { keys } } }'
    expect((await run(remove)).deleteSessionKey).toEqual({
      key: 'dark_mode',
      deleted: true,
      session: { keys: ['shopping_cart'] },
    })
    expect((await run(remove)).deleteSessionKey.deleted).toBe(false)
    const pop = 'mutation { popSessionKey(key: "shopping_cart", default: []) { key found value } }'
    expect((await run(pop)).popSessionKey).toEqual({ key: 'shopping_cart', found: true, value: ['a'] })
    expect((await run(pop)).popSessionKey).toEqual({ key: 'shopping_cart', found: false, value: [] })
  })

  it('pop a stored null as found', async () => {
    const { run } = open()
    await run('mutation { setSessionKey(key: "dark_mode", value: null) { created } }')
    const { popSessionKey } = await run(
      'mutation { popSessionKey(key: "dark_mode", default: 1) { found value } }',
    )
    expect(popSessionKey).toEqual({ found: true, value: null })
  })
})

describe('a client that may not read a key', () => {
  it('is not told whether it was there', async () => {
    const { yoga } = shop({ keys: { dark_mode: { client: ['write', 'delete'] } } })
    const client = new Client(yoga)
    const set = 'mutation { setSessionKey(key: "dark_mode", value: true) { created } }'
    const remove = 'mutation { deleteSessionKey(key: "dark_mode") { deleted } }'
    for (const query of [remove, set, set, remove, remove]) {
      const { codes, data } = await client.run(query)
      expect([codes, Object.values(Object.values(data)[0] as object)]).toEqual([[], [null]])
    }
  })
})

describe('clearSession and logout', () => {
  const fill = 'mutation { updateSession(data: { dark_mode: true, shopping_cart: ["a"] }) { __typename } }'

  it.each([
    ['clearSession', 'clearSession { session { handle isEmpty keys isNew } }'],
    ['logout(flush: false)', 'logout(flush: false) { flushed session { handle isEmpty keys isNew } }'],
  ])('%s: no entries, the same handle and cookie', async (_, field) => {
    const { client, run, look } = open()
    await run(fill)
    const { handle } = await look()
    const { token } = client
    const { it: payload } = await run(`mutation { it: ${field} }`)
    expect(payload.session).toEqual({ handle, isEmpty: true, keys: [], isNew: false })
    expect(payload.flushed ?? false).toBe(false)
    expect(client.token).toBe(token)
    expect(await look()).toEqual({ handle, isNew: false, isEmpty: true, keys: [] })
  })

  it('logout flushes unless told otherwise: the old cookie is worthless at once, the new one works', async () => {
    const { client, run, look } = open()
    await run(fill)
    const before = client.fork()
    const { handle } = await look()
    const { logout } = await run('mutation { logout { flushed session { handle isNew isEmpty createdAt } } }')
    expect(logout).toEqual({
      flushed: true,
      session: {
        handle: expect.any(String),
        isNew: true,
        isEmpty: true,
        createdAt: '2100-11-23T00:00:00.000Z',
      },
    })
    expect(logout.session.handle).not.toBe(handle)
    expect(new Set((await before.run(state)).codes)).toEqual(new Set(['SESSION_GONE']))
    expect(await look()).toEqual({ handle: logout.session.handle, isNew: false, isEmpty: true, keys: [] })
  })

  it('a field after a logout writes into the fresh session', async () => {
    const { run, look } = open()
    await run(fill)
    const data = await run(`mutation {
      logout { session { handle } }
      setSessionKey(key: "pref:a", value: 1) { created session { handle keys } }
    }`)
    expect(data.setSessionKey.session).toEqual({ handle: data.logout.session.handle, keys: ['pref:a'] })
    expect(await look()).toMatchObject({ handle: data.logout.session.handle, keys: ['pref:a'] })
  })

  it('what was written before a logout in the same request goes with the old session', async () => {
    const { run, look } = open()
    await run(`mutation {
      setSessionKey(key: "pref:a", value: 1) { created }
      logout { flushed }
    }`)
    expect(await look()).toEqual({ handle: null, isNew: true, isEmpty: true, keys: [] })
  })

  it('clearing takes the expiry set by the client along', async () => {
    const { client, run } = open()
    await run(fill)
    await run('mutation { setSessionExpiry(expiry: { seconds: 60 }) { __typename } }')
    const { clearSession } = await run(
      'mutation { clearSession { session { expiresIn expiresAtBrowserClose } } }',
    )
    expect(clearSession.session).toEqual({ expiresIn: 14 * day, expiresAtBrowserClose: false })
    expect((await client.run('{ session { expiresIn } }')).data.session.expiresIn).toBe(14 * day)
  })
})

describe('rotateSession', () => {
  it('gives a new handle and secret, keeps entries and creation, and kills the old cookie', async () => {
    const { client, clock, run, look } = open()
    await run('mutation { setSessionKey(key: "dark_mode", value: true) { created } }')
    const old = client.fork()
    const { handle } = await look()
    clock.forward(3600)
    const { rotateSession } = await run(
      'mutation { rotateSession { session { handle keys createdAt isNew } } }',
    )
    expect(rotateSession.session).toEqual({
      handle: expect.any(String),
      keys: ['dark_mode'],
      createdAt: '2100-11-23T00:00:00.000Z',
      isNew: false,
    })
    expect(rotateSession.session.handle).not.toBe(handle)
    expect(new Set((await old.run(state)).codes)).toEqual(new Set(['SESSION_MOVED']))
    expect(await look()).toMatchObject({ handle: rotateSession.session.handle, keys: ['dark_mode'] })
  })

  it('does not restart the absolute timeout', async () => {
    const { client, clock, run } = open()
    await run('mutation { setSessionKey(key: "dark_mode", value: true) { created } }')
    for (let days = 0; days < 80; days += 10) {
      clock.forward(10 * day)
      await run('mutation { rotateSession { session { handle } } }')
    }
    expect((await run('{ session { expiresIn } }')).session.expiresIn).toBe(10 * day)
    clock.forward(10 * day)
    expect((await client.run(state)).data.session.isNew).toBe(true)
  })
})

describe('the absolute timeout', () => {
  it('ends a session whatever is asked of it first, also one that was stored under a longer one', async () => {
    const longer = shop({ absoluteTimeout: 90 * day })
    const { yoga, clock, store } = shop({ absoluteTimeout: 20 * day }, longer.store)
    const client = new Client(longer.yoga)
    await client.run('mutation { setSessionKey(key: "dark_mode", value: true) { created } }')
    for (let days = 0; days < 25; days += 5) {
      for (const each of [clock, longer.clock]) each.forward(5 * day)
      await client.run('mutation { setSessionKey(key: "dark_mode", value: true) { __typename } }')
    }
    const stricter = new Client(yoga)
    for (const [name, value] of client.cookies) stricter.cookies.set(name, value)
    const { data, setCookies } = await stricter.run('mutation { rotateSession { session { isNew keys } } }')
    expect(data.rotateSession.session).toEqual({ isNew: true, keys: [] })
    expect(setCookies[0]).toContain('Max-Age=0')
    expect(store.calls.at(-1)).toBe('delete')
  })
})

describe('setSessionExpiry', () => {
  const expire = (expiry: string) =>
    `mutation { setSessionExpiry(expiry: ${expiry}) { session { expiresAt expiresIn expiresAtBrowserClose } } }`
  const begin = 'mutation { setSessionKey(key: "dark_mode", value: true) { created } }'

  it('seconds count from the last activity', async () => {
    const { client, clock, run } = open()
    await run(begin)
    await run(expire('{ seconds: 600 }'))
    for (let minutes = 0; minutes < 60; minutes += 5) {
      clock.forward(300)
      expect((await run('{ session { expiresIn } }')).session.expiresIn).toBe(600)
    }
    clock.forward(600)
    expect((await client.run(state)).data.session.isNew).toBe(true)
  })

  it('applies also when nothing of the session is asked for', async () => {
    const { client, clock, run } = open()
    await run(begin)
    const { setCookies } = await client.run(
      'mutation { setSessionExpiry(expiry: { seconds: 600 }) { __typename } }',
    )
    expect(setCookies[0]).toContain(`Max-Age=${90 * day};`)
    clock.forward(600)
    expect((await client.run(state)).data.session.isNew).toBe(true)
  })

  it('a date is fixed, and a client keeps its session no longer than the server would', async () => {
    const { clock, run } = open()
    await run(begin)
    const { setSessionExpiry } = await run(expire('{ at: "2100-12-01T02:00:00+02:00" }'))
    expect(setSessionExpiry.session.expiresAt).toBe('2100-12-01T00:00:00.000Z')
    clock.forward(day)
    expect((await run('{ session { expiresIn } }')).session.expiresIn).toBe(7 * day)
    const { setSessionExpiry: late } = await run(expire('{ at: "2199-01-01T00:00:00Z" }'))
    expect(late.session.expiresIn).toBe(14 * day)
    const { setSessionExpiry: long } = await run(expire('{ seconds: 2000000000 }'))
    expect(long.session.expiresIn).toBe(14 * day)
  })

  it('a past date ends the session now', async () => {
    const { client, store, run } = open()
    await run(begin)
    const old = client.fork()
    const { setCookies } = await client.run(expire('{ at: "2020-01-01T00:00:00Z" }'))
    expect(setCookies[0]).toContain('Max-Age=0')
    expect(store.calls.at(-1)).toBe('delete')
    expect(new Set((await old.run(state)).codes)).toEqual(new Set(['SESSION_GONE']))
  })

  it('goes back to the setting of the server', async () => {
    const { run } = open()
    await run(begin)
    await run(expire('{ policy: BROWSER_CLOSE }'))
    const { setSessionExpiry } = await run(expire('{ policy: SERVER_DEFAULT }'))
    expect(setSessionExpiry.session).toMatchObject({ expiresIn: 14 * day, expiresAtBrowserClose: false })
  })

  describe('beside the expiry that a resolver sets', () => {
    const application = {
      minutes: (session: AnySession) => session.setExpiry(300),
      browser: (session: AnySession) => session.setExpiry('browser-close'),
      date: (session: AnySession) => session.setExpiry(new Date('2100-11-23T00:08:20Z')),
      long: (session: AnySession) => session.setExpiry(80 * day),
      none: (session: AnySession) => session.setExpiry(null),
    }
    const begun = () => {
      const { yoga, clock } = shop({
        typeDefs: 'extend type Mutation { limit(to: String!): Boolean }',
        resolvers: {
          Mutation: {
            limit: (_: unknown, { to }: any, { session }: any) =>
              application[to as keyof typeof application](session) ?? true,
          },
        },
      })
      const client = new Client(yoga)
      const lasts = async () => {
        const { codes, data } = await client.run('{ session { expiresIn expiresAtBrowserClose } }')
        expect(codes).toEqual([])
        return [data.session.expiresIn, data.session.expiresAtBrowserClose]
      }
      return { client, clock, lasts }
    }
    const wish = (expiry: string) => `setSessionExpiry(expiry: ${expiry}) { __typename }`
    const limit = (to: string) => `limit(to: "${to}")`
    const own = '{ policy: SERVER_DEFAULT }'
    const closing = '{ policy: BROWSER_CLOSE }'

    it.each<[app: string, wishes: string[], seconds: number, withBrowser: boolean]>([
      ['minutes', [own], 300, false],
      ['minutes', ['{ seconds: 900 }'], 300, false],
      ['minutes', ['{ seconds: 2000000000 }'], 300, false],
      ['minutes', ['{ at: "2199-01-01T00:00:00Z" }'], 300, false],
      ['minutes', [closing], 300, true],
      ['minutes', [closing, own], 300, false],
      ['minutes', ['{ seconds: 60 }'], 60, false],
      ['minutes', ['{ seconds: 60 }', own], 300, false],
      ['minutes', ['{ seconds: 60 }', '{ seconds: 120 }'], 120, false],
      ['minutes', ['{ at: "2100-11-23T00:01:00Z" }'], 60, false],
      ['minutes', ['{ at: "2100-11-23T00:01:00Z" }', '{ seconds: 900 }'], 300, false],
      ['browser', [own], 14 * day, true],
      ['browser', ['{ seconds: 60 }'], 60, true],
      ['browser', [closing, own], 14 * day, true],
      ['date', [own], 500, false],
      ['date', ['{ seconds: 60 }'], 60, false],
      ['date', ['{ at: "2199-01-01T00:00:00Z" }'], 500, false],
      ['long', [own], 80 * day, false],
      ['long', ['{ seconds: 900 }', own], 80 * day, false],
      ['none', ['{ seconds: 2000000000 }'], 14 * day, false],
    ])('%s, then %j', async (app, wishes, seconds, withBrowser) => {
      const all = [limit(app), ...wishes.map(wish)]
      const inOneRequest = all.map((field, at) => `f${at}: ${field}`).join(' ')
      const inEither = [all, [inOneRequest], [...wishes.map(wish), limit(app)]]
      for (const requests of inEither) {
        const { client, lasts } = begun()
        await client.run(begin)
        for (const fields of requests) {
          expect((await client.run(`mutation { ${fields} }`)).codes).toEqual([])
          await client.run('mutation { rotateSession { __typename } }')
        }
        expect(await lasts()).toEqual([seconds, withBrowser])
      }
    })

    it('counts both from the last activity, and sends the cookie that ends by the nearer', async () => {
      const { client, clock, lasts } = begun()
      await client.run(
        `mutation { setSessionKey(key: "dark_mode", value: true) { created } ${limit('minutes')} }`,
      )
      await client.run(`mutation { ${wish('{ at: "2100-11-23T00:10:00Z" }')} }`)
      for (const [seconds, left] of [
        [200, 300],
        [95, 300],
        [10, 295],
        [245, 50],
      ] as const) {
        clock.forward(seconds)
        expect((await lasts())[0]).toBe(left)
      }
      const undone = await client.run(`mutation { ${wish(own)} }`)
      expect(undone.setCookies[0]).toContain(`Max-Age=${90 * day - 550};`)
      expect(await lasts()).toEqual([300, false])
      clock.forward(300)
      expect((await client.run(state)).data.session.isNew).toBe(true)
    })

    it('goes with a clear and with a logout, both parts of it', async () => {
      for (const verb of ['clearSession { __typename }', 'logout { __typename }']) {
        const { client, lasts } = begun()
        await client.run(begin)
        await client.run(`mutation { ${limit('minutes')} ${wish('{ seconds: 60 }')} }`)
        await client.run(`mutation { ${verb} setSessionKey(key: "dark_mode", value: 1) { created } }`)
        expect(await lasts()).toEqual([14 * day, false])
        await client.run(`mutation { ${limit('minutes')} ${verb} ${wish('{ seconds: 600 }')} }`)
        expect(await lasts()).toEqual([600, false])
      }
    })

    it('begins no session by giving back what nobody has set', async () => {
      const { client } = begun()
      const { data } = await client.run(
        `mutation { setSessionExpiry(expiry: ${own}) { session { handle } } }`,
      )
      expect(data.setSessionExpiry.session.handle).toBeNull()
      for (const fields of [wish(own), limit('none'), `${wish(own)} ${limit('none')}`]) {
        expect((await client.run(`mutation { ${fields} }`)).setCookies).toEqual([])
      }
      expect((await client.run(state)).data.session.isNew).toBe(true)
    })
  })

  it('is not undone by somebody else who only read, and whose deadline was due', async () => {
    const held = Promise.withResolvers<void>()
    const reached = Promise.withResolvers<void>()
    const { yoga, clock } = shop({
      typeDefs: 'extend type Query { slow: Boolean }',
      resolvers: {
        Query: {
          async slow(_: unknown, __: unknown, { session }: any) {
            await session.get('dark_mode')
            reached.resolve()
            await held.promise
            return true
          },
        },
      },
    })
    const client = new Client(yoga)
    await client.run(begin)
    clock.forward(day)
    const slow = client.fork().run('{ slow }')
    await reached.promise
    await client.run(expire('{ seconds: 600 }'))
    held.resolve()
    await slow
    clock.forward(600)
    expect((await client.run(state)).data.session.isNew).toBe(true)
  })

  it('goes with a clear that reads nothing, and the deadline with it', async () => {
    const { yoga, clock } = shop({
      typeDefs: 'extend type Mutation { stayFor80Days: Boolean }',
      resolvers: {
        Mutation: {
          stayFor80Days: (_: unknown, __: unknown, { session }: any) => session.setExpiry(80 * day) ?? true,
        },
      },
    })
    const client = new Client(yoga)
    await client.run(begin)
    await client.run('mutation { stayFor80Days }')
    expect((await client.run('{ session { expiresIn } }')).data.session.expiresIn).toBe(80 * day)
    await client.run('mutation { clearSession { __typename } }')
    clock.forward(14 * day)
    expect((await client.run(state)).data.session.isNew).toBe(true)
  })

  it('of the past, with something that is stored at once: nothing is left, and the cookie is no riddle', async () => {
    const { client } = open()
    const answer = await client.run(
      'mutation { setSessionExpiry(expiry: { at: "2020-01-01T00:00:00Z" }) { __typename } setDefaultSessionKey(key: "pref:a", value: 1) { created } }',
    )
    expect(answer.codes).toEqual([])
    expect(client.token).toBeUndefined()
    expect(answer.setCookies.join()).not.toContain('Max-Age=-')
  })

  it('lets an active session live to its absolute end', async () => {
    const { yoga, clock } = shop({ idleTimeout: 3600, absoluteTimeout: 7370 })
    const client = new Client(yoga)
    await client.run(begin)
    for (let seconds = 20; seconds < 7370; seconds += 20) {
      clock.forward(20)
      expect((await client.run('{ session { isNew } }')).data.session.isNew).toBe(false)
    }
    clock.forward(20)
    expect((await client.run('{ session { isNew } }')).data.session.isNew).toBe(true)
  })

  it('begins a session, as in Django', async () => {
    const { run, look } = open()
    await run(expire('{ seconds: 600 }'))
    expect(await look()).toMatchObject({ isNew: false, isEmpty: true })
  })

  it.each(['{}', '{ seconds: 1, policy: BROWSER_CLOSE }', '{ seconds: null }'])(
    'takes exactly one: %s',
    async (expiry) => {
      const { body } = await open().client.run(expire(expiry))
      expect(body.data).toBeUndefined()
    },
  )
})
