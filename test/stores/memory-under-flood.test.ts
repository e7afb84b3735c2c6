import { afterEach, describe, expect, it } from 'vitest'
import { createSessionServer } from '../../src/server/create-session-server.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { Client, listen } from '../support/harness.ts'

interface MySession {
  user_id: string
  [page: `page${number}`]: string
}

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

/** Room for 120 sessions of 1024 characters. */
const store = { max: 120, maxSize: 120 * 1024 }

/** Serves an application over a memory store. @returns makes clients without a cookie */
async function serve(way: string): Promise<() => Client> {
  const server = createSessionServer<MySession>({
    store: memoryStore(store),
    logging: false,
    typeDefs: `
      extend type Query { user: String, page: String }
      extend type Mutation {
        signIn(id: String!): Boolean
        switchTo(id: String!): Boolean
        signOut: Boolean
        fill(characters: Int!): Boolean
      }`,
    resolvers: {
      Query: {
        user: (_, __, { session }) => session.get('user_id'),
        page: (_, __, { session }) => session.get('page0'),
      },
      Mutation: {
        async signIn(_, { id }: { id: string }, { session }) {
          await session.rotate()
          session.set('user_id', id)
        },
        async switchTo(_, { id }: { id: string }, { session }) {
          await session.flush()
          await session.rotate()
          session.set('user_id', id)
        },
        async signOut(_, __, { session }) {
          await session.flush()
        },
        fill(_, { characters }: { characters: number }, { session }) {
          for (let at = 0; at * 8000 < characters; at++) {
            session.set(`page${at}`, 'x'.repeat(Math.min(8000, characters - at * 8000)))
          }
        },
      },
    },
  })
  if (way === 'Yoga') return () => new Client(server)
  const { url, close } = await listen(server)
  closers.push(close)
  return () => new Client(url)
}

const fill = (client: Client, characters: number) =>
  client.run('mutation ($characters: Int!) { fill(characters: $characters) }', { characters })

/** Makes one client after the other, and has each do something. */
async function each(
  count: number,
  client: () => Client,
  act: (client: Client, at: number) => Promise<{ codes: string[] }>,
) {
  const clients: Client[] = []
  for (let at = 0; at < count; at++) {
    const one = client()
    expect((await act(one, at)).codes).toEqual([])
    clients.push(one)
  }
  return clients
}

async function count(clients: Client[], query: string): Promise<number> {
  const values = []
  for (const client of clients) values.push(Object.values((await client.run(query)).data)[0])
  return values.filter((value) => value !== null).length
}

describe.each(['Yoga', 'the short way'])('a flood of visitors, by %s', (way) => {
  const signIns: Record<string, (client: Client, at: number) => Promise<{ codes: string[] }>> = {
    'without a session': (client, at) => client.run(`mutation { signIn(id: "${at}") }`),
    'with a session': async (client, at) => {
      await fill(client, 20)
      return client.run(`mutation { signIn(id: "${at}") }`)
    },
    'with a cart in the same request': (client, at) =>
      client.run(`mutation { fill(characters: 20) signIn(id: "${at}") }`),
    'with a dead cookie': (client, at) => {
      client.cookies.set('sid', 'x'.repeat(43))
      return client.run(`mutation { signIn(id: "${at}") }`)
    },
    'as somebody else, and rotate it themselves': async (client, at) => {
      await client.run('mutation { signIn(id: "other") }')
      await client.run(`mutation { switchTo(id: "${at}") }`)
      return client.run('mutation { rotateSession { __typename } }')
    },
  }

  it.each(Object.keys(signIns))('signs nobody out who signed in %s', async (how) => {
    const client = await serve(way)
    const people = await each(5, client, signIns[how]!)
    await each(130, client, (visitor) => fill(visitor, 20))
    await each(4, client, (visitor) => fill(visitor, 57_000))
    expect(await count(people, '{ user }')).toBe(5)
  })

  it('of few large sessions leaves small ones alone', async () => {
    const client = await serve(way)
    const carts = await each(100, client, (visitor) => fill(visitor, 20))
    await each(6, client, (visitor) => fill(visitor, 57_000))
    await each(6, client, (visitor) => fill(visitor, 3_000))
    expect(await count(carts, '{ page }')).toBe(100)
  })

  it('of sessions that grow leaves small ones alone', async () => {
    const client = await serve(way)
    const carts = await each(100, client, (visitor) => fill(visitor, 20))
    const growing = await each(6, client, (visitor) => fill(visitor, 20))
    for (const visitor of growing) await fill(visitor, 57_000)
    expect(await count(carts, '{ page }')).toBe(100)
  })

  const claims: Record<string, string[]> = {
    rotateSession: ['mutation { fill(characters: 20) }', 'mutation { rotateSession { __typename } }'],
    'rotateSession without a session': ['mutation { rotateSession { __typename } fill(characters: 20) }'],
    'a sign-out': ['mutation { signIn(id: "1") }', 'mutation { signOut fill(characters: 20) }'],
    'a sign-out in the request of the sign-in': ['mutation { signIn(id: "1") signOut fill(characters: 20) }'],
  }

  it.each(Object.keys(claims))('is not of people who signed in after %s', async (how) => {
    const client = await serve(way)
    const claimants = await each(5, client, async (one) => {
      for (const query of claims[how]!.slice(0, -1)) await one.run(query)
      return one.run(claims[how]!.at(-1)!)
    })
    expect(await count(claimants, '{ page }')).toBe(5)
    await each(125, client, (visitor) => fill(visitor, 20))
    expect(await count(claimants, '{ page }')).toBe(0)
  })
})
