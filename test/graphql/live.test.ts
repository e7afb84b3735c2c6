import { setTimeout } from 'node:timers/promises'
import { Repeater } from 'graphql-yoga'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import type { SessionContext } from '../../src/graphql/use-session.ts'
import { createSessionServer } from '../../src/server/create-session-server.ts'
import type { KeyedStore } from '../../src/session/store.ts'
import { freshStore } from '../support/fresh-store.ts'
import { Client } from '../support/harness.ts'

const keys = {
  theme: { client: ['read', 'write', 'delete'] },
  secret: {},
} as const

let store: KeyedStore
let clock: number
let isStuck = false
const url = 'http://shop.example/graphql'

const node = (backend = store) =>
  createSessionServer({
    store: backend,
    keys,
    clock: () => clock,
    logging: false,
    typeDefs: `
      extend type Mutation { login(user: ID!): Boolean! hide: Boolean! }
      extend type Subscription { ticks(of: String): String, public: Int }
    `,
    resolvers: {
      Mutation: {
        async login(_: unknown, { user }: { user: string }, { session }: SessionContext) {
          await session.identify(user)
          return true
        },
        hide(_: unknown, __: unknown, { session }: SessionContext) {
          session.set('secret', Math.random())
          return true
        },
      },
      Subscription: {
        ticks: {
          // It never has an event of its own.
          async subscribe(_: unknown, __: unknown, { session }: SessionContext) {
            const owner = await session.owner()
            return new Repeater<string>(async (push, stop) => {
              void push(String(owner))
              await stop
            })
          },
          resolve: (value: string) => value,
        },
        public: {
          subscribe: () =>
            new Repeater<number>(async (push, stop) => {
              void push(1)
              await stop
            }),
          resolve: (value: number) => value,
        },
      },
    },
  })

beforeEach(() => {
  store = freshStore()
  clock = Date.now()
  isStuck = false
})

interface Event {
  readonly data?: any
  readonly errors?: readonly { readonly extensions: { readonly code: string; readonly reason?: string } }[]
}

/** Opens an event stream, and collects what comes until it ends. */
async function stream(server: { fetch: unknown }, client: Client, query: string) {
  const cancel = new AbortController()
  onTestFinished(() => cancel.abort())
  const response: Response = await (server.fetch as typeof fetch)(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'text/event-stream',
      cookie: client.cookie,
    },
    body: JSON.stringify({ query }),
    signal: cancel.signal,
  })
  const reader = response.body!.getReader()
  const events: Event[] = []
  let next = Promise.withResolvers<void>()
  let isOver = false
  const read = async (): Promise<void> => {
    let text = ''
    const decoder = new TextDecoder()
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      text += decoder.decode(value, { stream: true })
      const parts = text.split('\n\n')
      text = parts.pop()!
      for (const part of parts) {
        const data = /^data: ?(.+)$/m.exec(part)?.[1]
        if (data && data !== '{}') events.push(JSON.parse(data) as Event)
      }
      next.resolve()
      next = Promise.withResolvers()
    }
    isOver = true
    next.resolve()
  }
  void read().catch(() => {})
  const until = async (condition: () => boolean, what: string): Promise<void> => {
    const deadline = performance.now() + 4000
    while (!condition()) {
      if (performance.now() > deadline) throw new Error(`Waited for ${what}: ${JSON.stringify(events)}`)
      await Promise.race([next.promise, setTimeout(20)])
    }
  }
  return {
    response,
    events,
    begun: () => until(() => events.length > 0, 'an event'),
    count: (count: number) => until(() => events.length >= count, `${count} events`),
    over: () => until(() => isOver, 'the end'),
    close: () => reader.cancel(),
    get isOver() {
      return isOver
    },
  }
}

const write = 'mutation { setSessionKey(key: "theme", value: "dark") { created } }'
const codes = ({ errors = [] }: Event): string[] =>
  errors.map(({ extensions: { code, reason } }) => (reason ? `${code} ${reason}` : code))

/** A client who is signed in. */
async function signedIn(server: { fetch: unknown }, user = `user ${Math.random()}`): Promise<Client> {
  const client = new Client(server)
  const { body } = await client.run(`mutation { login(user: "${user}") }`)
  expect(body).toEqual({ data: { login: true } })
  return client
}

describe('a stream ends with its session', () => {
  it.each([
    [
      'a logout',
      (client: Client) => client.run('mutation { logout(flush: true) { flushed } }'),
      'SESSION_ENDED signed-out',
    ],
    [
      'a new secret',
      (client: Client) => client.run('mutation { rotateSession { session { id } } }'),
      'SESSION_MOVED',
    ],
    [
      'another sign-in',
      (client: Client) => client.run('mutation { login(user: "x") }'),
      'SESSION_ENDED signed-out',
    ],
    [
      'an end from elsewhere',
      (client: Client) => client.run('mutation { revokeAllSessions { count } }'),
      'SESSION_ENDED signed-out',
    ],
    [
      'an expiry that is past',
      (client: Client) =>
        client.run(
          'mutation { setSessionExpiry(expiry: { at: "2001-01-01T00:00:00Z" }) { session { id } } }',
        ),
      'SESSION_ENDED signed-out',
    ],
  ])('by %s, on every node, within a second', async (_, end, code) => {
    const [here, there] = [node(), node()]
    const client = await signedIn(here)
    const streams = await Promise.all(
      [here, there].map((server) => stream(server, client.fork(), 'subscription { ticks }')),
    )
    const other = await stream(here, await signedIn(here), 'subscription { ticks }')
    await Promise.all([...streams, other].map((each) => each.begun()))
    await end(client)
    const ended = performance.now()
    await Promise.all(streams.map((each) => each.over()))
    expect(performance.now() - ended).toBeLessThan(1200)
    for (const { events } of streams) expect(codes(events.at(-1)!)).toEqual([code])
    expect(other.isOver).toBe(false)
  })

  it.each(['clearSession { session { id } }', 'logout(flush: false) { flushed }'])(
    'by %s, which signs its owner out',
    async (field) => {
      const [here, there] = [node(), node()]
      const client = await signedIn(here)
      const { begun, over, events } = await stream(there, client.fork(), 'subscription { ticks }')
      await begun()
      await client.run(`mutation { ${field} }`)
      await over()
      expect(codes(events.at(-1)!)).toEqual(['SESSION_ENDED signed-out'])
    },
  )

  it('by its deadline', async () => {
    const server = node()
    const client = await signedIn(server)
    // A watched session is looked at when its deadline is due. The clock can be set forward, a timer cannot.
    await client.run('mutation { setSessionExpiry(expiry: { seconds: 1 }) { session { id } } }')
    const { begun, over, events } = await stream(server, client, 'subscription { ticks }')
    await begun()
    clock += 1001
    await over()
    expect(codes(events.at(-1)!)).toEqual(['SESSION_ENDED expired'])
  })

  it('also where it ended before the stream was listened for', async () => {
    const server = node()
    const client = await signedIn(server)
    const late = node({
      ...store,
      async read(id, now) {
        const found = await store.read(id, now)
        // The session ends right after the stream has read it.
        if (!isStuck) await new Client(server).run(write)
        if (!isStuck) {
          isStuck = true
          const fork = client.fork()
          await fork.run('mutation { logout(flush: true) { flushed } }')
        }
        return found
      },
    })
    const { over, events } = await stream(late, client.fork(), 'subscription { ticks }')
    await over()
    expect(codes(events.at(-1)!)).toEqual(['SESSION_ENDED signed-out'])
  })

  it('and eight of a session are open at most, on each server', async () => {
    const [here, there] = [node(), node()]
    const client = await signedIn(here)
    const ticks = 'subscription { ticks }'
    const open = await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        stream(here, client.fork(), index < 2 ? 'subscription { sessionChanged { id } }' : ticks),
      ),
    )
    await Promise.all(open.map((each) => each.begun()))
    for (const query of [ticks, 'subscription { sessionChanged { id } }']) {
      const { over, events } = await stream(here, client.fork(), query)
      await over()
      expect(codes(events.at(-1)!)).toEqual(['RATE_LIMITED'])
    }
    const others = [
      await stream(there, client.fork(), ticks),
      await stream(here, await signedIn(here), ticks),
    ]
    await Promise.all(others.map((each) => each.begun()))
    expect(others.map(({ events }) => events[0]!.errors)).toEqual([undefined, undefined])
    await open[0]!.close()
    await setTimeout(100)
    const next = await stream(here, client.fork(), ticks)
    await next.begun()
    expect(next.events[0]!.errors).toBeUndefined()
  })

  it('and not where it does not use the session, or there is none', async () => {
    const server = node()
    const client = await signedIn(server)
    const streams = [
      await stream(server, client.fork(), 'subscription { public }'),
      await stream(server, new Client(server), 'subscription { ticks }'),
    ]
    await Promise.all(streams.map((each) => each.begun()))
    await client.run('mutation { logout(flush: true) { flushed } }')
    await setTimeout(1200)
    expect(streams.map(({ isOver }) => isOver)).toEqual([false, false])
  })
})

describe('sessionChanged', () => {
  const query = 'subscription { sessionChanged { isEmpty keys expiresIn theme: value(key: "theme") } }'

  it('gives the session at once and when it changes, with the rights of a client, and null at its end', async () => {
    const [here, there] = [node(), node()]
    const client = await signedIn(here)
    const { begun, count, over, events } = await stream(there, client.fork(), query)
    await begun()
    expect(events[0]!.data.sessionChanged).toMatchObject({ isEmpty: true, keys: [], theme: null })
    await client.run(write)
    await count(2)
    expect(events[1]!.data.sessionChanged).toMatchObject({ isEmpty: false, keys: ['theme'], theme: 'dark' })
    await client.run('mutation { hide }')
    await count(3)
    expect(events[2]!.data.sessionChanged).toMatchObject({ keys: ['theme'] })
    await client.run('mutation { logout(flush: true) { flushed } }')
    await over()
    expect(events.at(-1)).toEqual({ data: { sessionChanged: null } })
  })

  it('tells many changes at once as a few', async () => {
    const server = node()
    const client = await signedIn(server)
    const { begun, events } = await stream(server, client.fork(), query)
    await begun()
    const start = performance.now()
    for (let index = 0; index < 50; index++) {
      await client.run(`mutation { setSessionKey(key: "theme", value: ${index}) { created } }`)
    }
    const took = performance.now() - start
    await setTimeout(1200)
    expect(events.at(-1)!.data.sessionChanged.theme).toBe(49)
    expect(events.length).toBeLessThan(3 + took / 100 + 12)
  })

  it('goes on after a read that has failed', async () => {
    const client = await signedIn(node())
    let failures = 0
    const failing = node({
      ...store,
      async read(id, now) {
        if (failures-- > 0) throw new Error('The store is down.')
        return store.read(id, now)
      },
    })
    const { begun, count, events } = await stream(failing, client.fork(), query)
    await begun()
    failures = 2
    await client.run(write)
    await count(2)
    expect(events[1]!.data.sessionChanged).toMatchObject({ theme: 'dark' })
  })

  it('says nothing of a session that is only used', async () => {
    const server = node()
    const client = await signedIn(server)
    const { begun, events } = await stream(server, client.fork(), query)
    await begun()
    clock += 2 * 24 * 60 * 60_000
    await client.run('{ session { expiresIn } }')
    await setTimeout(1200)
    expect(events).toHaveLength(1)
  })

  it('gives an empty session and completes where nothing is stored', async () => {
    const server = node()
    const { over, events } = await stream(server, new Client(server), query)
    await over()
    expect(events.map(({ data }) => data.sessionChanged.isEmpty)).toEqual([true])
  })

  it('asks for the new cookie after a new secret', async () => {
    const server = node()
    const client = await signedIn(server)
    const { begun, over, events } = await stream(server, client.fork(), query)
    await begun()
    await client.run('mutation { rotateSession { session { id } } }')
    await over()
    expect(codes(events.at(-1)!)).toEqual(['SESSION_MOVED'])
  })
})
