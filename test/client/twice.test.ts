import { gql } from '@apollo/client/core'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { SessionContext } from '../../src/graphql/use-session.ts'
import { createSessionServer } from '../../src/server/create-session-server.ts'
import type { Session } from '../../src/session/session.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { Client, gate, listen } from '../support/harness.ts'
import { clients, type Fetch } from './answering.ts'

interface Data {
  cart: number
  coupon: string
  user: string
}
type Context = SessionContext<Data>

const timer = (run: () => void): (() => void) => {
  setImmediate(run)
  return () => {}
}

/** What a resolver does with the session before it charges the card, while somebody signs in, and after that. */
const payments: Readonly<Record<string, readonly [before: Act, after: Act]>> = {
  get: [(session) => session.get('cart'), (session) => session.pop('cart')],
  id: [(session) => session.handle(), (session) => session.update('cart', () => 2)],
  has: [(session) => session.has('cart'), (session) => session.rotate()],
  setDefault: [(session) => session.setDefault('user', 'u'), (session) => session.flush()],
  set: [(session) => session.set('cart', 2), (session) => session.get('cart')],
  save: [
    (session) => {
      session.set('cart', 2)
      return session.save()
    },
    (session) => session.keys(),
  ],
  hasty: [(session) => void session.pop('cart'), () => {}],
  nothing: [() => {}, (session) => session.set('cart', 2)],
  untold: [(session) => session.get('cart'), (session) => void session.pop('cart')],
}
type Act = (session: Session<Data>) => unknown

/** A shop with a visitor, whose next requests come with the cookie from before a sign-in. */
async function open() {
  /** The key whose change waits on its way to the store. */
  let holds: string | null = null
  const isHeld = gate()
  let charges = 0
  const [isCharged, released] = [gate(), gate()]
  const charge = (): boolean => {
    charges++
    return true
  }
  const store = memoryStore({ max: 100 })
  const server = createSessionServer<Data>({
    store: {
      ...store,
      async commit(id, changes, now) {
        if (holds !== null && changes.entries.has(holds)) {
          isHeld.resolve()
          await released.promise
        }
        return store.commit(id, changes, now)
      },
    },
    cookie: { name: 'sid' },
    keys: {
      cart: { client: ['read', 'write', 'delete'] },
      coupon: { client: ['read', 'write', 'delete'] },
    },
    logging: false,
    typeDefs: `
      extend type Mutation {
        login: Boolean!
        charge: Boolean!
        checkout: Boolean!
        pay(as: String!): Boolean!
        receipt: Receipt!
      }
      type Receipt { cart: Int }
    `,
    resolvers: {
      Mutation: {
        charge,
        receipt: () => charge() && {},
        async login(_: unknown, __: unknown, { session }: Context) {
          await session.rotate()
          session.set('user', 'u')
          return true
        },
        async checkout(_: unknown, __: unknown, { session }: Context) {
          await session.get('cart')
          return charge()
        },
        async pay(_: unknown, { as }: { as: string }, { session }: Context) {
          const [before, after] = payments[as]!
          await before(session)
          charge()
          isCharged.resolve()
          await released.promise
          await after(session)
          return true
        },
      },
      Receipt: { cart: (_: unknown, __: unknown, { session }: Context) => session.get('cart') },
    },
  })
  const { url, close } = await listen(server)
  onTestFinished(close)
  const visitor = new Client(url)
  await visitor.run('mutation { updateSession(data: { cart: 1, coupon: "C" }) { session { handle } } }')
  const old = visitor.fork()
  /** A fetch of a browser that gets the new cookie after so many requests; null: at once. */
  const late = (count: number): { fetch: Fetch; sent(): number } => {
    let sent = 0
    const fetch: Fetch = (input, init) => {
      const headers = new Headers(init?.headers)
      headers.set('cookie', (sent++ < count ? old : visitor).cookie)
      return globalThis.fetch(input, { ...init, headers })
    }
    return { fetch, sent: () => sent }
  }
  const login = () => visitor.run('mutation { login }')
  const hold = (key: string): Promise<void> => {
    holds = key
    return isHeld.promise.finally(() => (holds = null))
  }
  return { url, visitor, late, login, hold, charges: () => charges, isCharged, released }
}

const pay = gql`
  mutation Pay($as: String!) {
    pay(as: $as)
  }
`

describe.each(clients)('%s', (_, connect) => {
  it.each(Object.keys(payments).filter((as) => as !== 'hasty'))(
    'does not charge a card twice whose session moves after the resolver has used it: %s',
    async (as) => {
      const { url, late, login, charges, isCharged, released } = await open()
      const { fetch, sent } = late(1)
      const paid = connect(url, { timer }, fetch)(pay, { as })
      await isCharged.promise
      await login()
      released.resolve()
      await expect(paid).rejects.toEqual(['SESSION_MOVED'])
      expect([charges(), sent()]).toEqual([1, 1])
    },
  )

  it.each(['set', 'hasty'])(
    'does not charge a card twice whose resolver did not wait for the session: %s',
    async (as) => {
      const { url, late, login, charges, released } = await open()
      await login()
      released.resolve()
      const { fetch, sent } = late(1)
      const paid = connect(url, { timer }, fetch)(pay, { as })
      await expect(paid).rejects.toEqual(['SESSION_MOVED'])
      expect([charges(), sent()]).toEqual([1, 1])
    },
  )

  it('sends a mutation again whose resolver asked the session first', async () => {
    const { url, late, login, charges } = await open()
    await login()
    const { fetch, sent } = late(2)
    expect(
      await connect(
        url,
        { timer },
        fetch,
      )(gql`
        mutation {
          checkout
        }
      `),
    ).toEqual({ checkout: true })
    expect([charges(), sent()]).toEqual([1, 3])
  })

  it.each([
    'mutation { charge popSessionKey(key: "cart") { found } }',
    'mutation { receipt { cart } }',
    'mutation { ... on Mutation { charge popSessionKey(key: "cart") { found } } }',
    'mutation { ...F } fragment F on Mutation { charge checkout }',
    'mutation { ...F } fragment F on Mutation { charge setSessionKey(key: "cart", value: 2) { created } }',
  ])('does not run twice what ran before the session was asked for: %s', async (text) => {
    const { url, late, login, charges } = await open()
    await login()
    const { fetch, sent } = late(1)
    await expect(connect(url, { timer }, fetch)(gql(text))).rejects.toEqual(['SESSION_MOVED'])
    expect([charges(), sent()]).toEqual([1, 1])
  })

  it('tells that a value may have been taken whose mutation could not be saved', async () => {
    const { url, visitor, late, login, hold, released } = await open()
    const { fetch, sent } = late(1)
    const held = hold('cart')
    const popped = connect(
      url,
      { timer },
      fetch,
    )(gql`
      mutation {
        popSessionKey(key: "coupon") {
          found
        }
        setSessionKey(key: "cart", value: 2) {
          created
        }
      }
    `)
    await held
    await login()
    released.resolve()
    await expect(popped).rejects.toEqual(['SESSION_MOVED'])
    expect(sent()).toBe(1)
    const { data } = await visitor.run('{ session { keys } }')
    expect(data).toEqual({ session: { keys: ['cart'] } })
  })

  it('takes a value that had not been taken when the session moved', async () => {
    const { url, late, login, hold, released } = await open()
    const { fetch, sent } = late(1)
    const held = hold('coupon')
    const popped = connect(
      url,
      { timer },
      fetch,
    )(gql`
      mutation {
        popSessionKey(key: "coupon") {
          value
        }
      }
    `)
    await held
    await login()
    released.resolve()
    expect(await popped).toMatchObject({ popSessionKey: { value: 'C' } })
    expect(sent()).toBe(2)
  })
})
