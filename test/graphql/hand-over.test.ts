import { setTimeout as wait } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { sessionFetch } from '../../src/client/fetch.ts'
import type { SessionContext } from '../../src/graphql/use-session.ts'
import { listen } from '../../src/http/listen.ts'
import type { SessionServerOptions } from '../../src/server/create-session-server.ts'
import { distant } from '../support/distant.ts'
import { freshStore } from '../support/fresh-store.ts'
import { Client, given } from '../support/harness.ts'
import { makeServer } from '../support/make-server.ts'
import { shop, type ShopData } from '../support/shop.ts'

const upTo = (milliseconds: number): Promise<void> => wait(Math.random() * milliseconds)

/** A browser: `fetch` with a cookie jar, into which each answer puts its cookies when it arrives. */
function browser(): { fetch: typeof fetch; setCookies: string[] } {
  const jar = new Map<string, string>()
  const setCookies: string[] = []
  return {
    setCookies,
    async fetch(input, init) {
      const headers = new Headers(init?.headers)
      headers.set('cookie', [...jar].map(([name, value]) => `${name}=${value}`).join('; '))
      await upTo(8)
      const response = await fetch(input, { ...init, headers })
      await upTo(8)
      for (const cookie of response.headers.getSetCookie()) {
        const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie)!
        setCookies.push(cookie)
        given.add(value!)
        if (cookie.includes('Max-Age=0')) jar.delete(name!)
        else jar.set(name!, value!)
      }
      return response
    },
  }
}

type Answered = { data?: any; errors?: { extensions: { code: string } }[] }

/** The page of a visitor, which asks by the client kit. */
function page(url: string, retryDelays?: readonly number[]) {
  const { fetch, setCookies } = browser()
  const send = sessionFetch({ fetch, repeatable: ['note', 'addToCart'], ...(retryDelays && { retryDelays }) })
  const ask = async (query: string, variables?: Record<string, unknown>): Promise<Answered> => {
    const response = await send(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query, variables }),
    })
    return (await response.json()) as Answered
  }
  return { ask, setCookies }
}

interface Context extends SessionContext<ShopData> {}

const typeDefs = `
  extend type Query { me: String }
  extend type Mutation { login(as: String!): String addToCart(item: String!): Int note(text: String!): Boolean }
`
const resolvers = {
  Query: { me: (_: unknown, __: unknown, { session }: Context) => session.get('user_id') },
  Mutation: {
    async login(_: unknown, { as }: { as: string }, { session }: Context) {
      await session.rotate()
      session.set('user_id', as)
      return as
    },
    async addToCart(_: unknown, { item }: { item: string }, { session }: Context) {
      return (await session.update('shopping_cart', (cart = []) => [...cart, item])).length
    },
    note(_: unknown, { text }: { text: string }, { session }: Context) {
      session.set(`pref:${text}`, true)
      return true
    },
  },
}

const look = '{ me session { keys value(key: "shopping_cart") } }'
const logIn = 'mutation ($as: String!) { login(as: $as) }'
const addToCart = 'mutation ($item: String!) { addToCart(item: $item) }'
const note = 'mutation ($text: String!) { note(text: $text) }'
const setKey = 'mutation ($key: String!) { setSessionKey(key: $key, value: true) { created } }'

async function openServer(
  options: Partial<SessionServerOptions<ShopData>> = {},
): Promise<{ url: string } & Disposable> {
  const server = makeServer<ShopData>({
    store: distant(freshStore(), () => upTo(1)),
    // On a busy machine, the store is slow for other reasons.
    storeTimeout: 20_000,
    keys: {
      shopping_cart: { client: ['read', 'write'] },
      'pref:*': { client: ['read', 'write'] },
      dark_mode: {},
      user_id: { client: ['read'] },
      counter: {},
      server_only: {},
    },
    typeDefs,
    resolvers,
    logging: 'warn',
    graphiql: false,
    // With a plugin that has such a hook, every request takes Yoga's way.
    plugins: process.env['TEST_WAY'] === 'short' ? [] : [{ onSubscribe() {} }],
    ...options,
  })
  const { url, close } = await listen(server, { port: 0, drainTimeout: 1 })
  return { url: `${url}/graphql`, [Symbol.dispose]: () => void close() }
}

/** What became of the visitors. */
interface Tally {
  signedOut: number
  cartsLost: number
  /** Answers that show an empty cart. */
  shownEmpty: number
  /** The codes of errors in answers, after all that the client kit does. */
  errors: string[]
  /** Writes that were answered without an error and are not there afterwards, or are there twice. */
  writesLost: number
  cookies: number
}

/** Visitors with a cart sign in, while other requests of their pages are under way. */
async function rush(
  visitors: number,
  inFlight: number,
  { retryDelays, ...options }: Partial<SessionServerOptions<ShopData>> & { retryDelays?: number[] } = {},
): Promise<Tally> {
  using server = await openServer(options)
  const errors: string[] = []
  const tally: Tally = { errors, signedOut: 0, cartsLost: 0, shownEmpty: 0, writesLost: 0, cookies: 0 }
  const visit = async (visitor: number): Promise<void> => {
    const as = `visitor ${visitor}`
    const { ask: send, setCookies } = page(server.url, retryDelays)
    const ask: typeof send = async (query, variables) => {
      const answer = await send(query, variables)
      errors.push(...(answer.errors ?? []).map(({ extensions }) => extensions.code))
      return answer
    }
    await ask(addToCart, { item: 'first' })
    const items: string[] = ['first']
    const keys: string[] = ['shopping_cart', 'user_id']
    const one = async (index: number): Promise<void> => {
      await upTo(10)
      const place = visitor + index
      const name = `item${index}`
      const kind = place % 2 === 0 ? 'look' : (['addToCart', 'note', 'setKey'] as const)[(place >> 1) % 3]!
      const { data, errors: refused } = await (kind === 'look'
        ? ask(look)
        : kind === 'addToCart'
          ? ask(addToCart, { item: name })
          : kind === 'note'
            ? ask(note, { text: name })
            : ask(setKey, { key: `pref:${name}` }))
      if (refused) return
      if (kind === 'look') {
        if (!data.session.value?.includes('first')) tally.shownEmpty++
      } else if (kind === 'addToCart') items.push(name)
      else keys.push(`pref:${name}`)
    }
    const login = async (): Promise<void> => {
      await upTo(10)
      await ask(logIn, { as })
    }
    await Promise.all([login(), ...Array.from({ length: inFlight }, (_, index) => one(index))])
    const { data } = await ask(look)
    const cart: string[] = data?.session.value ?? []
    if (data?.me !== as) tally.signedOut++
    if (!cart.includes('first')) tally.cartsLost++
    if (String(cart.toSorted()) !== String(items.toSorted())) tally.writesLost++
    if (data && !keys.every((key) => data.session.keys.includes(key))) tally.writesLost++
    tally.cookies += setCookies.length
  }
  const all = Array.from({ length: visitors }, (_, visitor) => visitor)
  while (all.length > 0) await Promise.all(all.splice(0, 40).map(visit))
  return tally
}

const nothingLost = { signedOut: 0, cartsLost: 0, shownEmpty: 0, writesLost: 0 }
const visitors = process.env['LONG'] || process.env['CI'] ? 1000 : 14

describe.concurrent(`${visitors} visitors sign in while their pages ask on`, () => {
  it.each([1, 2, 5])('with %i requests under way: nobody notices', { timeout: 600_000 }, async (inFlight) => {
    expect(await rush(visitors, inFlight)).toEqual({ ...nothingLost, errors: [], cookies: 2 * visitors })
  })

  it('without what the client kit sends again: there are errors, and nobody is signed out', async () => {
    const tally = await rush(14, 5, { retryDelays: [] })
    expect(tally).toEqual({ ...nothingLost, errors: expect.any(Array), cookies: 28 })
    expect(new Set(tally.errors)).toEqual(new Set(['SESSION_MOVED']))
  })
})

describe('two sign-ins at once with one cookie that has a cart', () => {
  it('are both answered, and the cart stays', async () => {
    using server = await openServer()
    const ends = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const { ask } = page(server.url)
        await ask(addToCart, { item: 'first' })
        const both = await Promise.all([ask(logIn, { as: 'ada' }), ask(logIn, { as: 'ada' })])
        return [...both.map(({ data }) => data), (await ask(look)).data]
      }),
    )
    const end = { me: 'ada', session: { keys: ['shopping_cart', 'user_id'], value: ['first'] } }
    expect(ends).toEqual(ends.map(() => [{ login: 'ada' }, { login: 'ada' }, end]))
  })

  it('of which the second repeats one whose answer was lost: it is told, and begins no other session', async () => {
    const { yoga, store } = shop({ typeDefs, resolvers })
    const client = new Client(yoga)
    await client.run(addToCart, { item: 'first' })
    const again = client.fork()
    await client.run(logIn, { as: 'ada' })
    store.calls.length = 0
    const answer = await again.run(logIn, { as: 'ada' })
    expect(answer).toMatchObject({ codes: ['SESSION_MOVED'], setCookies: [] })
    expect(store.calls).not.toContain('create')
    expect((await client.run(look)).data).toMatchObject({ me: 'ada', session: { value: ['first'] } })
  })
})
