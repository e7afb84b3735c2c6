import { afterEach, describe, expect, it } from 'vitest'
import { type Answer, Client, listen } from '../support/harness.ts'
import { shop } from '../support/shop.ts'

const day = 86_400
const unknownToken = 'A'.repeat(43)

const read = '{ session { value(key: "dark_mode") } }'
const set = 'mutation { setSessionKey(key: "dark_mode", value: true) { entry { key } } }'
const pop = 'mutation { popSessionKey(key: "dark_mode") { found } }'
const clear = 'mutation { clearSession { session { isEmpty } } }'
const blindClear = 'mutation { clearSession { __typename } }'
const flush = 'mutation { logout { flushed } }'
const rotate = 'mutation { rotateSession { __typename } }'
const untouched = '{ __typename }'

const opened: { close(): Promise<void> }[] = []
afterEach(() => Promise.all(opened.splice(0).map((server) => server.close())))

/** Over real HTTP, on a loopback host in development: the cookie has its name without the prefix. */
async function open() {
  const { yoga, store, clock } = shop({ cookie: { name: '__Host-session' } })
  const server = await listen(yoga)
  opened.push(server)
  const client = new Client(server.url)
  const calls = async (run: () => Promise<Answer>) => {
    store.calls.length = 0
    const answer = await run()
    expect(answer.status).toBe(200)
    return { answer, calls: [...store.calls] }
  }
  return {
    client,
    clock,
    store,
    run: (query: string) => calls(() => client.run(query)),
    post: (body: unknown) => calls(() => client.post(body)),
    async begin(query = set) {
      await client.run(query)
      expect(client.token).toHaveLength(43)
    },
  }
}

const marks = ({ headers, setCookies }: Answer) => ({
  cookies: setCookies.length,
  vary: headers.get('vary'),
  cache: headers.get('cache-control'),
})
const touched = { vary: 'Cookie', cache: 'no-store' }

describe('the table "When is it saved, and what does the client get"', () => {
  it('no cookie, session untouched', async () => {
    const { run } = await open()
    const { answer, calls } = await run(untouched)
    expect(calls).toEqual([])
    expect(marks(answer)).toEqual({ cookies: 0, vary: null, cache: null })
  })

  it('no cookie, session only read', async () => {
    const { run } = await open()
    const { answer, calls } = await run(read)
    expect(calls).toEqual([])
    expect(marks(answer)).toEqual({ cookies: 0, ...touched })
  })

  it('valid cookie, untouched: the store is not even read', async () => {
    const { run, begin } = await open()
    await begin()
    const { answer, calls } = await run(untouched)
    expect(calls).toEqual([])
    expect(marks(answer)).toEqual({ cookies: 0, vary: null, cache: null })
  })

  it('valid cookie, read: read once, and the deadline left while it is not due', async () => {
    const { run, begin, clock } = await open()
    await begin()
    clock.forward((14 * day) / 20 - 1)
    const { answer, calls } = await run('{ a: session { handle } b: session { keys isNew expiresIn } }')
    expect(calls).toEqual(['read'])
    expect(marks(answer)).toEqual({ cookies: 0, ...touched })
  })

  it('valid cookie, read when 1/20 of the idle timeout is over: the deadline moves, and no cookie is sent', async () => {
    const { run, begin, clock, client } = await open()
    await begin()
    const { token } = client
    clock.forward((14 * day) / 20)
    const { answer, calls } = await run('{ session { expiresIn } }')
    expect(calls).toEqual(['read', 'commit'])
    expect(answer.data.session.expiresIn).toBe(14 * day)
    expect(marks(answer)).toEqual({ cookies: 0, ...touched })
    expect(client.token).toBe(token)
  })

  it.each([
    ['bogus', unknownToken, ['read']],
    ['malformed', 'short', []],
    ['empty', '', []],
  ])('%s cookie, read: anonymous, and the cookie deleted', async (_, token, expected) => {
    const { run, client } = await open()
    client.cookies.set('session', token)
    const { answer, calls } = await run('{ session { handle isNew keys } }')
    expect(calls).toEqual(expected)
    expect(answer.data.session).toEqual({ handle: null, isNew: true, keys: [] })
    expect(marks(answer)).toEqual({ cookies: 1, ...touched })
    expect(answer.setCookies[0]).toBe(
      'session=; Max-Age=0; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Lax',
    )
  })

  it('expired cookie, read: anonymous, and the cookie deleted', async () => {
    const { run, begin, clock } = await open()
    await begin()
    clock.forward(14 * day)
    const { answer, calls } = await run(read)
    expect(calls).toEqual(['read'])
    expect(answer.data.session.value).toBeNull()
    expect(answer.setCookies[0]).toMatch(/^session=; Max-Age=0;/)
  })

  it.each([
    ['bogus', unknownToken],
    ['malformed', 'short'],
  ])('%s cookie, write: a session of its own, never the id of the cookie', async (_, token) => {
    const { run, client } = await open()
    client.cookies.set('session', token)
    const { answer, calls } = await run(set)
    expect(calls.at(-1)).toBe('create')
    expect(answer.setCookies).toHaveLength(1)
    expect(client.token).not.toBe(token)
    expect((await run(read)).answer.data.session.value).toBe(true)
  })

  it('write, no session yet: one INSERT', async () => {
    const { run } = await open()
    const { answer, calls } = await run(set)
    expect(calls).toEqual(['create'])
    expect(marks(answer)).toEqual({ cookies: 1, ...touched })
    expect(answer.setCookies[0]).toMatch(
      /^session=[\w-]{43}; Max-Age=7776000; Path=\/; Expires=Mon, 21 Feb 2101 00:00:00 GMT; HttpOnly; SameSite=Lax$/,
    )
  })

  it('write, session there, nothing asked: one change set and no read', async () => {
    const { run, begin } = await open()
    await begin()
    const { answer, calls } = await run(set)
    expect(calls).toEqual(['commit'])
    expect(marks(answer)).toEqual({ cookies: 0, ...touched })
  })

  it('write and read, session there', async () => {
    const { run, begin } = await open()
    await begin()
    const { answer, calls } = await run(
      'mutation { setSessionKey(key: "pref:a", value: 1) { created session { keys } } }',
    )
    expect(calls).toEqual(['read', 'commit'])
    expect(answer.data.setSessionKey).toEqual({ created: true, session: { keys: ['dark_mode', 'pref:a'] } })
    expect(answer.setCookies).toEqual([])
  })

  it('write when the deadline is due: it moves, and no cookie is sent', async () => {
    const { run, begin, clock } = await open()
    await begin()
    clock.forward(day)
    const { answer, calls } = await run('mutation { setSessionKey(key: "dark_mode", value: 1) { created } }')
    expect(calls).toEqual(['read', 'commit'])
    expect(answer.setCookies).toEqual([])
  })

  it.each([
    ['pop of the last key', pop, ['read', 'commit']],
    [
      'delete of the last key',
      'mutation { deleteSessionKey(key: "dark_mode") { deleted } }',
      ['read', 'commit'],
    ],
    ['clear', blindClear, ['read', 'commit']],
    ['logout without flush', 'mutation { logout(flush: false) { flushed } }', ['read', 'commit']],
  ])('%s: the record stays, empty', async (_, query, expected) => {
    const { run, begin, client } = await open()
    await begin()
    const { token } = client
    const { answer, calls } = await run(query)
    expect(calls).toEqual(expected)
    expect(marks(answer)).toEqual({ cookies: 0, ...touched })
    const after = await run('{ session { isNew isEmpty } }')
    expect(after.answer.data.session).toEqual({ isNew: false, isEmpty: true })
    expect(client.token).toBe(token)
  })

  it('set, then pop, no session yet: nothing', async () => {
    const { run } = await open()
    const { answer, calls } = await run(
      'mutation { setSessionKey(key: "dark_mode", value: 1) { created } popSessionKey(key: "dark_mode") { value session { handle } } }',
    )
    expect(answer.data.popSessionKey).toEqual({ value: 1, session: { handle: null } })
    expect(calls).toEqual([])
    expect(marks(answer)).toEqual({ cookies: 0, ...touched })
  })

  it('flush, session there: deleted, and a fresh one stored with a new token', async () => {
    const { run, begin, client } = await open()
    await begin()
    const { token } = client
    const { answer, calls } = await run(flush)
    expect(calls).toEqual(['delete', 'create'])
    expect(answer.data.logout.flushed).toBe(true)
    expect(marks(answer)).toEqual({ cookies: 1, ...touched })
    expect(client.token).not.toBe(token)
    expect((await run('{ session { isNew isEmpty } }')).answer.data.session).toEqual({
      isNew: false,
      isEmpty: true,
    })
  })

  it('flush, then write: the fresh one is stored once, with the entry', async () => {
    const { run, begin } = await open()
    await begin('mutation { setSessionKey(key: "pref:old", value: 1) { created } }')
    const { answer, calls } = await run(
      'mutation { logout { flushed } setSessionKey(key: "dark_mode", value: true) { session { keys } } }',
    )
    expect(calls).toEqual(['delete', 'create'])
    expect(answer.data.setSessionKey.session.keys).toEqual(['dark_mode'])
    expect(answer.setCookies).toHaveLength(1)
    expect((await run('{ session { keys } }')).answer.data.session.keys).toEqual(['dark_mode'])
  })

  it.each([
    ['flush', flush],
    ['clear', clear],
    ['pop', pop],
    ['delete', 'mutation { deleteSessionKey(key: "dark_mode") { deleted } }'],
    ['rotate', rotate],
    ['logout without flush', 'mutation { logout(flush: false) { flushed } }'],
  ])('%s, no session: nothing', async (_, query) => {
    const { run } = await open()
    const { answer, calls } = await run(query)
    expect(calls).toEqual([])
    expect(marks(answer)).toEqual({ cookies: 0, ...touched })
  })

  it("expiry 'browser-close': stored, and a cookie without Max-Age and Expires", async () => {
    const { run, begin } = await open()
    await begin()
    const { answer, calls } = await run(
      'mutation { setSessionExpiry(expiry: { policy: BROWSER_CLOSE }) { session { expiresAtBrowserClose expiresIn } } }',
    )
    expect(calls).toEqual(['read', 'commit'])
    expect(answer.data.setSessionExpiry.session).toEqual({ expiresAtBrowserClose: true, expiresIn: 14 * day })
    expect(answer.setCookies[0]).toMatch(/^session=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax$/)
    const rotated = await run(rotate)
    expect(rotated.answer.setCookies[0]).not.toMatch(/Max-Age|Expires/)
  })

  it('rotate: delete and create, nothing read', async () => {
    const { run, begin, client } = await open()
    await begin()
    const { token } = client
    const { answer, calls } = await run(rotate)
    expect(calls).toEqual(['delete', 'create'])
    expect(marks(answer)).toEqual({ cookies: 1, ...touched })
    expect(client.token).not.toBe(token)
    expect((await run(read)).answer.data.session.value).toBe(true)
  })

  it('a root mutation field ends in an error: its changes are dropped, those of the others stay', async () => {
    const { run } = await open()
    const { answer, calls } = await run(
      `mutation {
        a: setSessionKey(key: "dark_mode", value: 1) { entry { key } }
        b: updateSession(data: { shopping_cart: [], server_only: "mine" }) { entries { key } }
      }`,
    )
    expect(answer.codes).toEqual(['SESSION_KEY_FORBIDDEN'])
    expect(calls).toEqual(['create'])
    expect((await run('{ session { keys } }')).answer.data.session.keys).toEqual(['dark_mode'])
  })

  it('an error further down that erases the field drops its changes too', async () => {
    const { run } = await open()
    const { answer, calls } = await run(
      'mutation { setSessionKey(key: "dark_mode", value: 1) { session { has(key: "server_only") } } }',
    )
    expect(answer.data).toBeNull()
    expect(calls).toEqual([])
    expect(answer.setCookies).toEqual([])
  })

  it('an error further down that leaves the field keeps its changes', async () => {
    const { run } = await open()
    const { answer } = await run(
      'mutation { setSessionKey(key: "dark_mode", value: 1) { session { value(key: "server_only") } } }',
    )
    expect(answer.codes).toEqual(['SESSION_KEY_FORBIDDEN'])
    expect((await run(read)).answer.data.session.value).toBe(1)
  })
})

describe('the cookie', () => {
  it('is __Host-session and Secure wherever a browser takes it so', async () => {
    const { yoga } = shop()
    const urls = [
      'https://localhost:4000/graphql',
      'http://shop.example/graphql',
      'https://shop.example/graphql',
    ]
    for (const url of urls) {
      const { setCookies } = await new Client(yoga, url).run(set)
      expect(setCookies[0]).toMatch(/^__Host-session=[\w-]{43}; .*Path=\/; .*HttpOnly; Secure; SameSite=Lax$/)
    }
  })

  it.each([
    ['http://localhost/graphql', 'graphql-session'],
    ['http://127.0.0.1:4000/graphql', 'graphql-session-4000'],
    ['http://[::1]:4000/graphql', 'graphql-session-4000'],
    ['http://[::1]/graphql', 'graphql-session'],
    ['http://shop.localhost:65535/graphql', 'graphql-session-65535'],
  ])('has the port in its name, without Secure, at %s in development', async (url, name) => {
    const client = new Client(shop().yoga, url)
    const { setCookies } = await client.run(set)
    expect(setCookies[0]).toMatch(new RegExp(`^${name}=`))
    expect(setCookies[0]).not.toContain('Secure')
    const cookie = `${client.cookie}; session=foreign; graphql-session-1=other`
    const { data } = await client.run('{ session { isNew } }', undefined, { cookie })
    expect(data.session.isNew).toBe(false)
  })

  it.each(['__Host-shop', 'shop'])(
    'is shop without a port, where the options have the name %s',
    async (name) => {
      const { setCookies } = await new Client(
        shop({ cookie: { name } }).yoga,
        'http://localhost:4000/graphql',
      ).run(set)
      expect(setCookies[0]).toMatch(/^shop=/)
    },
  )

  it('is another one at each of many ports, all of which lead to their sessions', async () => {
    const { yoga } = shop()
    const client = new Client(yoga, 'http://localhost:4000/graphql')
    await client.run(set)
    for (let port = 4001; port < 4120; port++) {
      const { setCookies } = await new Client(yoga, `http://localhost:${port}/graphql`).run(set)
      expect(setCookies[0]).toMatch(new RegExp(`^graphql-session-${port}=`))
    }
    expect((await client.run('{ session { isNew } }')).data.session.isNew).toBe(false)
  })

  it('is not fooled by a host that only begins like a loopback one', async () => {
    const { setCookies } = await new Client(shop().yoga, 'http://localhost.evil.example/graphql').run(set)
    expect(setCookies[0]).toMatch(/^__Host-session=.*Secure/)
  })

  it('is found among others, and not under another spelling', async () => {
    const { client, begin } = await open()
    await begin()
    const isNew = async (cookie: string) => (await client.fork().run('{ session { isNew } }', undefined, { cookie })).data.session.isNew // prettier-ignore
    expect(await isNew(`a=b; session=${client.token}; mysession=x; session2=y`)).toBe(false)
    expect(await isNew(`Session=${client.token}`)).toBe(true)
    expect(await isNew(`mysession=${client.token}`)).toBe(true)
  })
})

/** A browser that forgets a cookie when its Max-Age is over, and after 400 days in any case (RFC 6265bis, 5.5). */
function forgetfulVisitor(timeouts: { idleTimeout?: number; absoluteTimeout?: number }) {
  const { yoga, store, clock } = shop(timeouts)
  const client = new Client(yoga)
  let [forgetsAt, cookies] = [0, 0]
  return {
    store,
    clock,
    /** How many cookies it has got. */
    get cookies() {
      return cookies
    },
    async run(query: string): Promise<Answer> {
      if (clock() >= forgetsAt) client.cookies.clear()
      const answer = await client.run(query)
      for (const cookie of answer.setCookies) {
        cookies++
        const age = Number(/Max-Age=(\d+)/.exec(cookie)![1])
        forgetsAt = clock() + Math.min(age, 400 * day) * 1000
      }
      return answer
    },
  }
}

describe('a visitor who comes again and again stays', () => {
  const keys = '{ session { keys } }'

  it('with a mutation an hour that only writes, for longer than the idle timeout', async () => {
    const { run, store, clock } = forgetfulVisitor({ idleTimeout: day })
    await run('mutation { setSessionKey(key: "pref:first", value: 1) { __typename } }')
    for (let hour = 1; hour <= 30; hour++) {
      clock.forward(3600)
      store.calls.length = 0
      const answer = await run('mutation { setSessionKey(key: "dark_mode", value: true) { __typename } }')
      expect({ hour, calls: store.calls, setCookies: answer.setCookies }).toEqual({
        hour,
        calls: ['commit'],
        setCookies: [],
      })
    }
    expect((await run(keys)).data.session.keys).toEqual(['pref:first', 'dark_mode'])
  })

  it('with a visit a day for longer than the idle timeout, with the cookie of the first day', async () => {
    const visitor = forgetfulVisitor({})
    await visitor.run(set)
    for (let visit = 1; visit < 30; visit++) {
      visitor.clock.forward(day)
      expect((await visitor.run(keys)).data.session.keys).toEqual(['dark_mode'])
    }
    expect(visitor.cookies).toBe(1)
  })

  it.each([20, 2 * 365])(
    'with a visit a day for longer than browsers keep a cookie, within %i days',
    async (days) => {
      const visitor = forgetfulVisitor({ idleTimeout: days * day, absoluteTimeout: 5 * 365 * day })
      await visitor.run(set)
      for (let visit = 1; visit <= 500; visit++) {
        visitor.clock.forward(day)
        const { session } = (await visitor.run(keys)).data
        expect({ visit, session }).toEqual({ visit, session: { keys: ['dark_mode'] } })
      }
      // In most answers there is none.
      expect(visitor.cookies).toBeLessThan(150)
    },
  )

  it.each([30, 91, 120, 180, 365])('with a visit every %i days for five years', async (days) => {
    const visitor = forgetfulVisitor({ idleTimeout: 2 * 365 * day, absoluteTimeout: 5 * 365 * day })
    await visitor.run(set)
    for (let visit = 1; visit < (5 * 365) / days; visit++) {
      visitor.clock.forward(days * day)
      const { session } = (await visitor.run(keys)).data
      expect({ visit, session }).toEqual({ visit, session: { keys: ['dark_mode'] } })
    }
  })
})
