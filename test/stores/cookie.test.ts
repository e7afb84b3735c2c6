import { randomBytes } from 'node:crypto'
import { CompactEncrypt, EncryptJWT } from 'jose'
import { describe, expect, it } from 'vitest'
import { createSessionServer, type SessionServerOptions } from '../../src/server/create-session-server.ts'
import { openSession } from '../../src/server/open-session.ts'
import { sessionCookie } from '../../src/session/cookie.ts'
import type { KeyedStore } from '../../src/session/store.ts'
import { cookieStore, type CookieStoreOptions } from '../../src/stores/cookie.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { Client, listen, manualClock } from '../support/harness.ts'

const newKey = (): string => randomBytes(32).toString('base64')
const keys = [newKey()]
const all = { client: ['read', 'write', 'delete'] } as const

function serverOf(store: CookieStoreOptions, options: Partial<SessionServerOptions> = {}) {
  return createSessionServer({
    store: cookieStore(store),
    keys: { '*': all },
    batching: true,
    logging: false,
    ...options,
  })
}

const set = (value: string) => `mutation { setSessionKey(key: "k", value: "${value}") { created } }`
const get = '{ session { isNew handle value(key: "k") } }'
const signOut = 'mutation { logout { flushed } }'

/** What a client sees that sends just this cookie. */
async function seenWith(yoga: { fetch: unknown }, name: string, token: string): Promise<unknown> {
  const client = new Client(yoga)
  client.cookies.set(name, token)
  const { data } = await client.run(get)
  return data.session.value
}

const name = '__Host-session'

async function signedIn(yoga: { fetch: unknown }): Promise<Client> {
  const client = new Client(yoga)
  expect((await client.run(set('in'))).codes).toEqual([])
  return client
}

describe('the deny-list', () => {
  it('tells those who listen to it that a session has ended', async () => {
    const denyList = memoryStore({ max: 10 })
    const told: unknown[] = []
    await denyList.notices!.listen(
      (...news) => told.push(news),
      () => {},
    )
    const client = await signedIn(serverOf({ keys, denyList }))
    const { handle } = (await client.run(get)).data.session
    expect(told).toEqual([])
    await client.run('mutation { logout(flush: true) { flushed } }')
    expect(told).toEqual([[handle, 'ended']])
  })
})

describe('a session in the cookie', () => {
  it('has the verbs of any other', async () => {
    const client = await signedIn(serverOf({ keys }))
    const { session } = (await client.run(get)).data
    expect(session).toEqual({ isNew: false, handle: expect.stringMatching(/^[\w-]{43}$/), value: 'in' })
    const popped = await client.run('mutation { popSessionKey(key: "k") { found value session { handle } } }')
    expect(popped.data.popSessionKey).toEqual({
      found: true,
      value: 'in',
      session: { handle: session.handle },
    })
    expect((await client.run('mutation { popSessionKey(key: "k") { found } }')).data.popSessionKey).toEqual({ found: false }) // prettier-ignore
    await client.run('mutation { updateSession(data: { a: 1, b: 2 }) { entries { key } } }')
    await client.run('mutation { deleteSessionKey(key: "a") { deleted } }')
    expect((await client.run('{ session { keys } }')).data.session.keys).toEqual(['b'])
    await client.run('mutation { clearSession { session { handle } } }')
    expect((await client.run('{ session { isEmpty handle } }')).data.session).toEqual({
      isEmpty: true,
      handle: session.handle,
    })
  })

  it('sets a cookie when something changed, and only then', async () => {
    const yoga = serverOf({ keys })
    const client = new Client(yoga)
    expect((await client.run(get)).setCookies).toEqual([])
    expect((await client.run(set('1'))).setCookies).toEqual([
      expect.stringMatching(
        /^__Host-session=[^;]+; Max-Age=7776000; Path=\/; .*HttpOnly; Secure; SameSite=Lax$/,
      ),
    ])
    expect((await client.run(get)).setCookies).toEqual([])
    const twice = await client.run(`mutation { a: setSessionKey(key: "a", value: 1) { created } b: popSessionKey(key: "a") { found } }`) // prettier-ignore
    expect(twice.setCookies).toHaveLength(1)
  })

  it('lasts for one absolute timeout at most, also where the clock that began it is ahead', async () => {
    const clock = manualClock()
    const client = await signedIn(serverOf({ keys }, { clock }))
    clock.forward(-1)
    const [cookie] = (await client.run(set('2'))).setCookies
    expect(cookie).toContain(`; Max-Age=${90 * 24 * 60 * 60};`)
  })

  it('is the same for the operations of a batch', async () => {
    const client = await signedIn(serverOf({ keys }))
    const queries = ['a', 'b', 'c'].map((key) => ({ query: `mutation { setDefaultSessionKey(key: "${key}", value: 1) { created } }` })) // prettier-ignore
    expect((await client.post(queries)).setCookies).toHaveLength(1)
    expect((await client.run('{ session { keys } }')).data.session.keys).toEqual(['k', 'a', 'b', 'c'])
  })

  it('cannot be read by who carries it', async () => {
    const client = await signedIn(serverOf({ keys }))
    const parts = client.token!.split('.').map((part) => Buffer.from(part, 'base64url').toString('latin1'))
    expect(parts.join()).not.toContain('"k"')
    expect(JSON.parse(parts[0]!)).toMatchObject({ alg: 'dir', enc: 'A256GCM', kid: expect.any(String) })
  })

  it('is anonymous when any character of it was changed', async () => {
    const yoga = serverOf({ keys })
    const { token } = await signedIn(yoga)
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    expect(await seenWith(yoga, name, token!)).toBe('in')
    const accepted: number[] = []
    for (let at = 0; at < token!.length; at++) {
      const flipped = alphabet.includes(token![at]!)
        ? alphabet[alphabet.indexOf(token![at]!) ^ 1]! // the lowest bit, which is the one that base64 may ignore
        : 'x'
      const changed = token!.slice(0, at) + flipped + token!.slice(at + 1)
      if ((await seenWith(yoga, name, changed)) !== null) accepted.push(at)
    }
    expect(accepted).toEqual([])
  })

  it('is anonymous when every other byte value stands at a place', async () => {
    const yoga = serverOf({ keys })
    const { token } = await signedIn(yoga)
    const [header, empty, iv, sealed, tag] = token!.split('.') as [string, string, string, string, string]
    const bytes = Buffer.from(tag, 'base64url')
    for (let bit = 0; bit < 128; bit++) {
      const changed = Buffer.from(bytes)
      changed[bit >> 3]! ^= 1 << (bit & 7)
      const other = [header, empty, iv, sealed, changed.toString('base64url')].join('.')
      expect(await seenWith(yoga, name, other)).toBeNull()
    }
    expect(await seenWith(yoga, name, [header, empty, iv, sealed, tag.slice(0, 16)].join('.'))).toBeNull()
  })

  it('is anonymous when sealed with a key that was removed, and not when it was moved back', async () => {
    const [old, fresh] = [newKey(), newKey()]
    const { token } = await signedIn(serverOf({ keys: [old] }))
    expect(await seenWith(serverOf({ keys: [fresh, old] }), name, token!)).toBe('in')
    expect(await seenWith(serverOf({ keys: [fresh] }), name, token!)).toBeNull()
  })

  it('is anonymous under another cookie name, though sealed with the same key', async () => {
    const { token } = await signedIn(serverOf({ keys }))
    const other = serverOf({ keys }, { cookie: { name: '__Host-admin' } })
    expect(await seenWith(other, '__Host-admin', token!)).toBeNull()
  })

  it('is anonymous from its deadline on, and when it comes from the future', async () => {
    const clock = manualClock()
    const yoga = serverOf({ keys }, { clock, idleTimeout: 60 })
    const { token } = await signedIn(yoga)
    clock.forward(59)
    expect(await seenWith(yoga, name, token!)).toBe('in')
    clock.forward(1)
    expect(await seenWith(yoga, name, token!)).toBeNull()
    clock.forward(-3600)
    expect(await seenWith(yoga, name, token!)).toBeNull()
  })

  it.each<[string, (secret: Uint8Array) => Promise<string> | string]>([
    ['plain JSON', () => Buffer.from('{"user_id":"admin"}').toString('base64url')],
    ['a JWE of another content', (secret) =>
      new CompactEncrypt(Buffer.from('1\n2')).setProtectedHeader({ alg: 'dir', enc: 'A256GCM' }).encrypt(secret)],
    ['no audience', (secret) =>
      new EncryptJWT({ rec: '0\n9999999999999\n\nk\n"in"' })
        .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', kid: 'x' })
        .setExpirationTime('1h')
        .encrypt(secret)],
    ['an unsecured JWT', () => `${Buffer.from('{"alg":"none"}').toString('base64url')}.e30.`],
    ['../../etc/passwd', () => '../../etc/passwd'],
    ['nothing', () => ''],
    ['4,097 characters', () => 'x'.repeat(4097)],
  ])('is anonymous for %s', async (_, forge) => {
    const yoga = serverOf({ keys })
    expect(await seenWith(yoga, name, await forge(Buffer.from(keys[0]!, 'base64')))).toBeNull()
  }) // prettier-ignore

  it('loses nobody while its keys are changed', async () => {
    const [first, second] = [newKey(), newKey()]
    const fleet = [[first], [first, second], [second, first], [second]]
    const clients = await Promise.all(Array.from({ length: 20 }, () => signedIn(serverOf({ keys: [first] }))))
    // Each step is rolled out while clients are served by nodes of the step before and of the new one.
    for (let step = 1; step < fleet.length; step++) {
      const nodes = [fleet[step - 1]!, fleet[step]!].map((held) => serverOf({ keys: held }))
      for (const client of clients) {
        for (let request = 0; request < 6; request++) {
          const node = new Client(nodes[request % 2]!)
          for (const [cookie, value] of client.cookies) node.cookies.set(cookie, value)
          expect((await node.run(get)).data.session.value).toBe('in')
          const written = await node.run(request >= 4 ? set('in') : get)
          expect(written.codes).toEqual([])
          for (const [cookie, value] of node.cookies) client.cookies.set(cookie, value)
        }
      }
    }
  })
})

describe('a session in the cookie, without a deny-list', () => {
  it.each([
    ['logout', signOut],
    ['rotateSession', 'mutation { rotateSession { session { handle } } }'],
    ['an expiry in the past', 'mutation { setSessionExpiry(expiry: { at: "2020-01-01T00:00:00Z" }) { session { handle } } }'], // prettier-ignore
  ])('%s answers SESSION_NOT_REVOCABLE and leaves the cookie alone', async (_, mutation) => {
    const yoga = serverOf({ keys })
    const client = await signedIn(yoga)
    const answer = await client.run(mutation)
    expect(answer.codes).toEqual(['SESSION_NOT_REVOCABLE'])
    expect(answer.setCookies).toEqual([])
    expect(await seenWith(yoga, name, client.token!)).toBe('in')
  })

  it('can be emptied, and logged out of without a session', async () => {
    const yoga = serverOf({ keys })
    const client = await signedIn(yoga)
    expect((await client.run('mutation { logout(flush: false) { flushed } }')).codes).toEqual([])
    expect((await client.run(get)).data.session.value).toBeNull()
    expect((await new Client(yoga).run(signOut)).data).toEqual({ logout: { flushed: false } })
  })

  it('says so in its type', () => {
    const irrevocable: false = cookieStore({ keys }).isRevocable
    const revocable: true = cookieStore({ keys, denyList: memoryStore({ max: 1 }) }).isRevocable
    expect([irrevocable, revocable]).toEqual([false, true])
  })
})

describe('a session in the cookie, with a deny-list', () => {
  it('is over after logout, for every copy of it', async () => {
    const yoga = serverOf({ keys, denyList: memoryStore({ max: 100 }) })
    const client = await signedIn(yoga)
    const early = client.token!
    await client.run(set('later'))
    const late = client.token!
    const answer = await client.run(signOut)
    expect(answer.data).toEqual({ logout: { flushed: true } })
    expect(answer.setCookies).toHaveLength(1)
    expect(client.token).not.toBe(late)
    for (const copy of [early, late]) {
      const writer = new Client(yoga)
      writer.cookies.set(name, copy)
      for (const query of [get, 'mutation { setSessionKey(key: "other", value: 1) { created } }', get]) {
        const { codes, setCookies } = await writer.run(query)
        expect({ codes: [...new Set(codes)], setCookies }).toEqual({
          codes: ['SESSION_GONE'],
          setCookies: [],
        })
      }
    }
  })

  it('is over until the latest deadline that a copy can have', async () => {
    const clock = manualClock()
    const yoga = serverOf({ keys, denyList: memoryStore({ max: 100 }) }, { clock, idleTimeout: 600, absoluteTimeout: 3600 }) // prettier-ignore
    const client = await signedIn(yoga)
    const long = client.token!
    await client.run('mutation { setSessionExpiry(expiry: { seconds: 60 }) { session { handle } } }')
    await client.run(signOut)
    clock.forward(599)
    expect(await seenWith(yoga, name, long)).toBeNull()
  })

  it('rotates, and the old cookie is dead', async () => {
    const yoga = serverOf({ keys, denyList: memoryStore({ max: 100 }) })
    const client = await signedIn(yoga)
    const before = (await client.run(get)).data.session
    const old = client.token!
    expect((await client.run('mutation { rotateSession { session { handle } } }')).codes).toEqual([])
    const after = (await client.run(get)).data.session
    expect(after).toEqual({ ...before, handle: expect.any(String) })
    expect(after.handle).not.toBe(before.handle)
    const late = new Client(yoga)
    late.cookies.set(name, old)
    const { codes, setCookies } = await late.run(get)
    expect({ codes: [...new Set(codes)], setCookies }).toEqual({ codes: ['SESSION_MOVED'], setCookies: [] })
  })

  it('is ended by one of two logouts at the same time', async () => {
    const client = await signedIn(serverOf({ keys, denyList: memoryStore({ max: 100 }) }))
    const answers = await Promise.all([client.fork().run(signOut), client.fork().run(signOut)])
    expect(answers.flatMap(({ codes }) => codes)).toEqual([])
    expect(answers.filter(({ data }) => data.logout.flushed)).toHaveLength(1)
  })

  it('is 503 while the deny-list does not answer, and the cookie stays', async () => {
    const down = (): Promise<never> => Promise.reject(new Error('connect to postgres://u:hunter2@h failed'))
    const denyList: KeyedStore = { ...memoryStore({ max: 1 }), read: down, create: down }
    const working = serverOf({ keys })
    const client = await signedIn(working)
    const broken = new Client(serverOf({ keys, denyList }))
    broken.cookies.set(name, client.token!)
    for (const query of [get, set('x'), signOut]) {
      const answer = await broken.run(query)
      expect(answer.status).toBe(503)
      expect(new Set(answer.codes)).toEqual(new Set(['SESSION_STORE_UNAVAILABLE']))
      expect(answer.setCookies).toEqual([])
      expect(answer.text).not.toContain('hunter2')
    }
  })
})

describe('the size of a sealed cookie', () => {
  /** The same session in a cookie that is `longer` by so many characters of its path. */
  const withPath = (longer: number) =>
    serverOf({ keys }, { clock: manualClock(), cookie: { name: 'session', path: `/${'x'.repeat(longer)}` } })
  const value = 'x'.repeat(1800)

  it('is at most 3,072 bytes with its attributes; beyond, the old cookie stays valid', async () => {
    const [shortest] = (await new Client(withPath(0)).run(set(value))).setCookies
    const room = 3072 - Buffer.byteLength(shortest!)
    expect(room).toBeGreaterThan(1)

    const exact = await new Client(withPath(room)).run(set(value))
    expect(exact.codes).toEqual([])
    expect(Buffer.byteLength(exact.setCookies[0]!)).toBe(3072)

    const created = await new Client(withPath(room + 1)).run(set(value))
    expect(created.codes).toEqual(['SESSION_TOO_LARGE'])
    expect(created.setCookies).toEqual([])

    const client = new Client(withPath(room + 1))
    await client.run(set('small'))
    const changed = await client.run(set(value))
    expect(changed.codes).toEqual(['SESSION_TOO_LARGE'])
    expect(changed.setCookies).toEqual([])
    expect((await client.run(get)).data.session.value).toBe('small')
  })
})

describe('a cookie over the limit', () => {
  it('is taken as before, can shrink, and cannot grow', async () => {
    const roomy = new Client(serverOf({ keys, maxCookieBytes: 4096 }))
    await roomy.run(set('x'.repeat(1500)))
    await roomy.run('mutation { setSessionKey(key: "b", value: "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx") { created } }') // prettier-ignore
    await roomy.run('mutation ($v: JSON!) { setSessionKey(key: "c", value: $v) { created } }', { v: 'y'.repeat(700) }) // prettier-ignore
    expect(roomy.token!.length).toBeGreaterThan(3072)
    const client = new Client(serverOf({ keys }))
    client.cookies.set(name, roomy.token!)
    expect((await client.run('mutation { setSessionKey(key: "d", value: "x") { created } }')).codes).toEqual(['SESSION_TOO_LARGE']) // prettier-ignore
    expect((await client.run('mutation { deleteSessionKey(key: "b") { deleted } }')).data).toEqual({ deleteSessionKey: { deleted: true } }) // prettier-ignore
    expect(client.token!.length).toBeGreaterThan(3072 - 200)
    expect((await client.run(get)).data.session.value).toHaveLength(1500)
  })

  it('is rotated as it is, and not lost', async () => {
    const roomy = new Client(serverOf({ keys, maxCookieBytes: 4096 }))
    await roomy.run(set('x'.repeat(2000)))
    await roomy.run('mutation ($v: JSON!) { setSessionKey(key: "c", value: $v) { created } }', { v: 'y'.repeat(200) }) // prettier-ignore
    expect(roomy.token!.length).toBeGreaterThan(3072)
    const client = new Client(serverOf({ keys, denyList: memoryStore({ max: 100 }) }))
    client.cookies.set(name, roomy.token!)
    expect((await client.run('mutation { rotateSession { session { handle } } }')).codes).toEqual([])
    expect(client.token).not.toBe(roomy.token)
    expect((await client.run(get)).data.session.value).toHaveLength(2000)
  })

  it('is an option, within what browsers take', () => {
    for (const maxCookieBytes of [0, 511, 4097, Number.NaN, Infinity, 1000.5, '3072' as never]) {
      expect(() => cookieStore({ keys, maxCookieBytes })).toThrow(/maxCookieBytes/)
    }
  })
})

describe('a stream over a session in the cookie', () => {
  it('cannot change it, as the cookie has left', async () => {
    const codes: unknown[] = []
    const yoga = serverOf(
      { keys },
      {
        typeDefs: 'type Subscription { writes: Boolean }',
        resolvers: {
          Subscription: {
            writes: {
              async *subscribe(_: unknown, __: unknown, { session }: { session: { set(key: string, value: number): void } }) {
                yield { writes: true }
                try {
                  session.set('k', 1)
                } catch (error) {
                  codes.push((error as { code: string }).code)
                }
              },
            },
          },
        },
      },
    ) // prettier-ignore
    const { url, close } = await listen(yoga)
    const client = new Client(url)
    await client.run(set('in'))
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream', cookie: client.cookie },
      body: JSON.stringify({ query: 'subscription { writes }' }),
    })
    await response.text()
    await close()
    expect(codes).toEqual(['SESSION_HEADERS_SENT'])
  })
})

describe('openSession over a cookieStore', () => {
  const cookie = sessionCookie()

  it('works with the cookie that carries it', async () => {
    const store = cookieStore({ keys })
    const session = openSession(store, null, { cookie })
    session.set('k', 'v')
    await session.save()
    expect(session.setCookie(cookie)).toContain(session.token)
    expect(await openSession(store, session.token, { cookie }).get('k')).toBe('v')
    expect(await openSession(store, 'x'.repeat(43), { cookie }).get('k')).toBeUndefined()
  })

  it('refuses to guess the cookie', () => {
    expect(() => openSession(cookieStore({ keys }))).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID' }),
    )
  })
})

it.each<[string, unknown]>([
  ['no options', undefined],
  ['no key', { keys: [] }],
  ['a key as text', { keys: 'x' }],
  ['a passphrase', { keys: ['correct horse battery staple'] }],
  ['a key that is too short', { keys: [randomBytes(16).toString('base64')] }],
  ['a key that is too long', { keys: [randomBytes(33).toString('base64')] }],
  ['a key that is no text', { keys: [randomBytes(32)] }],
  ['an unknown option', { keys, secret: 'x' }],
  ['a deny-list that is no store', { keys, denyList: 'memory:' }],
  ['a deny-list that is null', { keys, denyList: null }],
  ['a deny-list in a cookie', { keys, denyList: cookieStore({ keys }) }],
])('refuses %s at start', (_, options) => {
  expect(() => cookieStore(options as never)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
})
