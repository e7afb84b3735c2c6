import { randomBytes } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { cookieStore } from '../../src/stores/cookie.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { distant } from '../support/distant.ts'
import { freshStore } from '../support/fresh-store.ts'
import { Client, listen } from '../support/harness.ts'
import { makeServer } from '../support/make-server.ts'
import { shop } from '../support/shop.ts'

const page = () => ({ 'session-join': randomBytes(32).toString('base64url') })
const preferences = Array.from({ length: 10 }, (_, index) => `pref:${index}`)
const set = (key: string) => `mutation { setSessionKey(key: "${key}", value: 1) { created } }`
const keys = '{ session { keys } }'

async function openShop() {
  const { yoga, store, clock } = shop()
  const server = await listen(yoga)
  /** What a browser sends at once that has no cookie yet. Its cookies are those of the answer that came last. */
  const visit = async (headers: Record<string, string>, queries: readonly string[]) => {
    const answers = await Promise.all(queries.map((query) => new Client(server.url).run(query, {}, headers)))
    return { answers, tokens: new Set(answers.flatMap(({ setCookies }) => setCookies.map((each) => each.split(';')[0]))) } // prettier-ignore
  }
  const browser = (cookie: string | undefined) => {
    const client = new Client(server.url)
    const [name, token] = cookie!.split('=') as [string, string]
    client.cookies.set(name, token)
    return client
  }
  return { store, clock, visit, browser, [Symbol.asyncDispose]: () => server.close() }
}

describe('first writes of one page at once', () => {
  it('begin one session, and all are kept', async () => {
    await using open = await openShop()
    const { answers, tokens } = await open.visit(page(), preferences.map(set))
    expect(answers.flatMap(({ codes }) => codes)).toEqual([])
    expect(tokens.size).toBe(1)
    const { data } = await open.browser([...tokens][0]).run(keys)
    expect(data.session.keys.toSorted()).toEqual(preferences)
  })

  it('begin a session each without a nonce, with a malformed one, and on two pages', async () => {
    await using open = await openShop()
    const three = preferences.slice(0, 3).map(set)
    for (const nonce of ['', 'short', 'a'.repeat(129), `${'a'.repeat(30)} ü`]) {
      const headers = nonce.includes('ü')
        ? { 'session-join': encodeURIComponent(nonce) }
        : { 'session-join': nonce }
      expect((await open.visit(headers, three)).tokens.size).toBe(3)
    }
    const pages = await Promise.all([open.visit(page(), three), open.visit(page(), three)])
    expect(new Set(pages.flatMap(({ tokens }) => [...tokens])).size).toBe(2)
  })

  it('set a default once, and update one counter', async () => {
    await using open = await openShop()
    const setDefault = (value: number) =>
      `mutation { setDefaultSessionKey(key: "pref:x", value: ${value}) { created entry { value } } }`
    const { answers, tokens } = await open.visit(page(), [1, 2, 3, 4, 5].map(setDefault))
    const results = answers.map(({ data }) => data.setDefaultSessionKey)
    expect(results.filter(({ created }) => created)).toHaveLength(1)
    expect(new Set(results.map(({ entry }) => entry.value)).size).toBe(1)
    expect(tokens.size).toBe(1)
  })

  it('store nothing for those that only read', async () => {
    await using open = await openShop()
    const { tokens } = await open.visit(page(), [keys, 'mutation { logout { flushed } }', 'mutation { popSessionKey(key: "dark_mode") { found } }']) // prettier-ignore
    expect(tokens.size).toBe(0)
    expect(open.store.calls).toEqual([])
  })

  it('do not bring back a session that was signed out of meanwhile, and begin another one later', async () => {
    await using open = await openShop()
    const headers = page()
    const { tokens } = await open.visit(headers, [set('pref:a')])
    const browser = open.browser([...tokens][0])
    expect((await browser.run('mutation { logout { flushed } }')).data.logout.flushed).toBe(true)
    const late = await open.visit(headers, [set('pref:b')])
    expect(late.answers[0]).toMatchObject({ data: null, codes: ['SESSION_GONE'], setCookies: [] })
    expect((await browser.run(keys)).data.session.keys).toEqual([])
    open.clock.forward(60)
    const later = await open.visit(headers, [set('pref:c')])
    expect([later.answers[0]!.codes, later.tokens.size]).toEqual([[], 1])
  })

  it('leave neither the nonce nor a token in the store', async () => {
    const store = freshStore()
    const texts: string[] = []
    const { yoga } = shop(
      {},
      {
        ...store,
        async create(id, record) {
          texts.push(JSON.stringify([id, [...record.entries]]))
          await store.create(id, record)
        },
      },
    )
    const headers = page()
    const client = new Client(yoga)
    await client.run(set('pref:a'), {}, headers)
    expect(texts).toHaveLength(2)
    for (const secret of [headers['session-join'], client.token!]) expect(texts.join()).not.toContain(secret)
  })

  it('are as without a nonce where the cookie holds the session, and where no marks are left', async () => {
    const store = cookieStore({ keys: [randomBytes(32).toString('base64')] })
    const all = { '*': { client: ['write'] } } as const
    for (const yoga of [
      makeServer({ store, keys: all, logging: false }),
      makeServer({ store: memoryStore({ max: 9 }), keys: all, handOverTimeout: 0, logging: false }),
    ]) {
      const headers = page()
      const clients = [new Client(yoga), new Client(yoga)]
      const answers = await Promise.all(clients.map((client) => client.run(set('a'), {}, headers)))
      expect(answers.flatMap(({ codes }) => codes)).toEqual([])
      expect(new Set(clients.map(({ token }) => token)).size).toBe(2)
    }
  })
})

describe('a sign-in beside first writes of its page', () => {
  const typeDefs = 'extend type Mutation { rotateIn: Boolean flushIn: Boolean }'
  const keysOf = { 'pref:*': { client: ['read', 'write'] }, user_id: { client: ['read'] } } as const
  async function openLate(random: () => number) {
    const store = distant(memoryStore({ max: 1000 }), () => wait(random() * 3))
    const server = await listen(
      makeServer<Record<string, any>>({
        store,
        logging: false,
        keys: keysOf,
        typeDefs,
        resolvers: {
          Mutation: {
            rotateIn: async (_, __, { session }) => {
              await session.rotate()
              session.set('user_id', '1')
              return true
            },
            flushIn: async (_, __, { session }) => {
              await session.flush()
              session.set('user_id', '1')
              return true
            },
          },
        },
      }),
    )
    return { url: server.url, [Symbol.asyncDispose]: () => server.close() }
  }

  it.each([
    ['rotateIn', 'before'],
    ['rotateIn', 'between'],
    ['rotateIn', 'after'],
    ['flushIn', 'before'],
    ['flushIn', 'between'],
    ['flushIn', 'after'],
  ])('by %s, sent %s them, is not undone by their answers', async (login, place) => {
    await using open = await openLate(Math.random)
    for (let round = 0; round < 10; round++) {
      const headers = page()
      const jar = new Client(open.url)
      const refused: string[] = []
      const ask = async (query: string) => {
        const client = new Client(open.url)
        const { codes } = await client.run(query, {}, headers)
        refused.push(...codes)
        for (const [name, value] of client.cookies) jar.cookies.set(name, value)
        return client.token
      }
      const writes = preferences.slice(0, 4).map(set)
      const at = { before: 0, between: 2, after: 4 }[place]!
      const tokens = await Promise.all(writes.toSpliced(at, 0, `mutation { ${login} }`).map(ask))
      // Nobody else of the page has had the token of whoever has signed in.
      expect(tokens.filter((token) => token === tokens[at])).toHaveLength(1)
      const { data } = await jar.run('{ session { keys value(key: "user_id") } }')
      expect(data.session.value, String(refused)).toBe('1')
      // What the client kit sends again is all that may be missing after a rotation, and after a flush all is.
      expect(refused.filter((code) => code !== 'SESSION_MOVED')).toEqual([])
      const kept = login === 'rotateIn' ? 4 - refused.length : 0
      expect(data.session.keys.length - 1).toBeGreaterThanOrEqual(kept)
    }
  })

  it('hands its token to none of them', async () => {
    await using open = await openLate(() => 0)
    const headers = page()
    const victim = new Client(open.url)
    await victim.run('mutation { rotateIn }', {}, headers)
    const other = new Client(open.url)
    const answer = await other.run(set('pref:1'), {}, headers)
    expect([answer.codes, answer.setCookies]).toEqual([['SESSION_MOVED'], []])
    expect((await victim.run(keys)).data.session.keys).toEqual(['user_id'])
  })
})

it('a session that takes long to begin is waited for', async () => {
  const { create, ...rest } = memoryStore({ max: 100 })
  const store = {
    ...rest,
    async create(...args: Parameters<typeof create>) {
      // The nonce is kept at once, and the session a while later.
      if (args[1].policy !== '' || args[1].entries.has('pref:0')) await wait(150)
      return create(...args)
    },
  }
  const server = await listen(makeServer({ store, logging: false, keys: { 'pref:*': { client: ['read', 'write'] } } })) // prettier-ignore
  onTestFinished(server.close)
  const headers = page()
  const clients = preferences.map(() => new Client(server.url))
  const first = clients[0]!.run(set('pref:0'), {}, headers)
  await wait(50)
  await Promise.all([first, ...clients.slice(1).map((client, index) => client.run(set(preferences[index + 1]!), {}, headers))]) // prettier-ignore
  expect(new Set(clients.map(({ token }) => token)).size).toBe(1)
})
