import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Repeater } from 'graphql-yoga'
import { describe, expect, it, onTestFinished } from 'vitest'
import { sessionFetch, type SessionFetchOptions } from '../../src/client/fetch.ts'
import type { SessionContext } from '../../src/graphql/use-session.ts'
import { createSessionServer } from '../../src/server/create-session-server.ts'
import { openSession } from '../../src/server/open-session.ts'
import { sessionHeader } from '../../src/session/header.ts'
import type { SessionStore } from '../../src/session/store.ts'
import { cookieStore } from '../../src/stores/cookie.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { gate, given, listen, manualClock } from '../support/harness.ts'

const transport = { header: 'session-token' }
const set = 'mutation { setSessionKey(key: "a", value: 1) { created } }'
const mine = '{ mine }'
const login = 'mutation { login }'
const logout = 'mutation { logout { flushed } }'

const sealed = (): SessionStore =>
  cookieStore({ keys: [randomBytes(32).toString('base64')], denyList: memoryStore({ max: 100 }) })

async function serving(store: SessionStore = memoryStore({ max: 100 })) {
  const clock = manualClock(Date.now())
  const server = createSessionServer({
    store,
    clock,
    transport,
    logging: false,
    batching: true,
    keys: { a: { client: ['read', 'write'] } },
    typeDefs: `
      extend type Query { mine: String }
      extend type Mutation { login: Boolean }
      extend type Subscription { begins: Int }`,
    resolvers: {
      Query: { mine: (_: unknown, __: unknown, { session }: SessionContext) => session.owner() },
      Mutation: {
        login: (_: unknown, __: unknown, { session }: SessionContext) =>
          session.identify('ada').then(() => true),
      },
      Subscription: {
        begins: {
          async subscribe(_: unknown, __: unknown, { session }: SessionContext) {
            session.set('b', 1)
            return new Repeater<number>(async (push, stop) => {
              await push(1)
              stop()
            })
          },
          resolve: (value: number) => value,
        },
      },
    },
  })
  const { url, close } = await listen(server)
  onTestFinished(close)

  /** A client with a storage, of which each request may be held up after it was answered. */
  const client = (options: SessionFetchOptions = {}) => {
    const kept: (string | null)[] = []
    const requests: Headers[] = []
    let token: string | null = null
    let holding: { sent: Promise<void>; answered: Promise<void>; isAnswered(): void } | null = null
    const storage = {
      get: async () => token,
      async set(next: string | null) {
        await new Promise(setImmediate)
        if (next) given.add(next)
        kept.push((token = next))
      },
    }
    const ask = sessionFetch({
      token: storage,
      changes: ['login'],
      retryDelays: [0],
      async fetch(input, init) {
        const held = holding
        holding = null
        requests.push(new Headers(init?.headers ?? (input as Request).headers))
        await held?.sent
        const response = await fetch(input, init)
        held?.isAnswered()
        await held?.answered
        return response
      },
      ...options,
    })
    const run = async (query: string): Promise<any> => {
      const answer = await ask(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
        body: JSON.stringify({ query }),
      })
      return answer.headers.get('content-type')!.includes('json') ? answer.json() : answer.text()
    }
    return {
      ask,
      run,
      kept,
      requests,
      get token() {
        return token
      },
      put: (next: string | null) => void (token = next),
      /** Sends an operation whose answer does not arrive before it is let go. */
      async hold(query: string): Promise<() => Promise<void>> {
        const [open, answered] = [gate(), gate()]
        holding = { sent: Promise.resolve(), answered: open.promise, isAnswered: answered.resolve }
        const running = run(query)
        await answered.promise
        return async () => {
          open.resolve()
          await running
        }
      },
      /** Begins an operation, which arrives at the server when it is let go. */
      async delay(query: string): Promise<() => Promise<void>> {
        const open = gate()
        const before = requests.length
        holding = { sent: open.promise, answered: Promise.resolve(), isAnswered() {} }
        const running = run(query)
        while (requests.length === before) await new Promise(setImmediate)
        return async () => {
          open.resolve()
          await running
        }
      },
    }
  }
  return { url, store, clock, client }
}

describe('a client with a token', () => {
  it('sends the header always, and keeps what comes back', async () => {
    const { client, clock } = await serving()
    const app = client()
    expect(await app.run(mine)).toEqual({ data: { mine: null } })
    expect(app.requests[0]!.get('session-token')).toBe('')
    expect(app.kept).toEqual([])
    await app.run(set)
    await app.run(login)
    expect(await app.run(mine)).toEqual({ data: { mine: 'ada' } })
    await app.run(logout)
    expect(new Set(app.kept).size).toBe(3)
    expect(await app.run(mine)).toEqual({ data: { mine: null } })
    clock.forward(100 * 24 * 60 * 60)
    expect(await app.run(mine)).toEqual({ data: { mine: null } })
    expect(app.token).toBeNull()
    expect(app.requests.every((headers) => !headers.has('cookie'))).toBe(true)
  })

  it('takes a Request, asks by GET, and reads streams', async () => {
    const { client, url } = await serving()
    const app = client()
    const init = { method: 'POST', headers: { 'content-type': 'application/json' } }
    await app.ask(new Request(url, { ...init, body: JSON.stringify({ query: set }) }))
    expect(app.token).toMatch(/^[\w-]{43}$/)
    const answer = await app.ask(`${url}?${new URLSearchParams({ query: '{ session { isNew } }' })}`)
    expect(await answer.json()).toEqual({ data: { session: { isNew: false } } })
    const visitor = client()
    expect(await visitor.run('subscription { begins }')).toContain('"begins":1')
    expect(visitor.token).toMatch(/^[\w-]{43}$/)
  })

  it('sends no cookies, and its token to no server to which it is redirected', async () => {
    const reached: IncomingMessage[] = []
    const other = await listen((request: IncomingMessage, response: ServerResponse) => {
      reached.push(request)
      response.end('{}')
    })
    const { url, close } = await listen((_: IncomingMessage, response: ServerResponse) => {
      response.writeHead(307, { location: other.url }).end()
    })
    onTestFinished(close)
    onTestFinished(other.close)
    const inits: RequestInit[] = []
    const ask = sessionFetch({
      token: { get: () => 'secret', set() {} },
      fetch(input, init) {
        inits.push(init!)
        return fetch(input, init)
      },
    })
    const post = { method: 'POST', body: '{}', credentials: 'include' } as const
    await expect(ask(url, post)).rejects.toThrow('fetch failed')
    await expect(ask(new Request(url, post))).rejects.toThrow('fetch failed')
    expect(reached).toEqual([])
    expect(inits[0]).toMatchObject({ credentials: 'omit', redirect: 'error' })
    expect((await ask(url, { ...post, redirect: 'manual' })).status).toBe(307)
  })

  it('sends an operation again with the token as it is then', async () => {
    const { client, store, clock } = await serving()
    const app = client({
      timer: (run) => {
        app.put(next)
        setImmediate(run)
        return () => {}
      },
    })
    await app.run(set)
    const header = sessionHeader(transport)
    const session = openSession(store, header.read(app.token), { cookie: header, clock })
    await session.rotate()
    await session.save()
    const next = session.setHeader(header)
    expect(await app.run('{ session { isNew } }')).toEqual({ data: { session: { isNew: false } } })
    expect(app.requests.slice(-2).map((headers) => headers.get('session-token'))).toEqual([app.kept[0], next])
  })

  it('begins one session with first writes that run side by side', async () => {
    const { client } = await serving()
    const app = client()
    await Promise.all([app.run(set), app.run(set), app.run(set)])
    expect(new Set(app.kept).size).toBe(1)
    expect(app.requests[0]!.get('session-join')).toMatch(/^[\w-]{43}$/)
    await app.run(set)
    expect(app.requests.at(-1)!.has('session-join')).toBe(false)
    const alone = client({ join: false })
    await alone.run(set)
    expect(alone.requests[0]!.has('session-join')).toBe(false)
  })

  it('fails where its token cannot be kept, and goes on with the next request', async () => {
    const { client } = await serving()
    const set1 = () => Promise.reject(new Error('locked'))
    const app = client({ token: { get: () => null, set: set1 } })
    await expect(app.run(set)).rejects.toThrow('locked')
    expect(await app.run(mine)).toEqual({ data: { mine: null } })
  })
})

describe('of answers that come late', () => {
  it('one to an older request does not replace the token of a sign-in', async () => {
    const { client } = await serving(sealed())
    const app = client()
    await app.run(set)
    const write = await app.hold(set)
    await app.run(login)
    const { token } = app
    await write()
    expect(app.token).toBe(token)
    expect(await app.run(mine)).toEqual({ data: { mine: 'ada' } })
  })

  it('the one to a sign-in counts, also where others came before it', async () => {
    const { client } = await serving(sealed())
    const app = client()
    await app.run(set)
    const writes = [await app.hold(set), await app.hold(set)]
    const signIn = await app.hold(login)
    const { token } = app
    for (const write of writes) await write()
    expect(app.token).not.toBe(token)
    await signIn()
    expect(app.token).not.toBe(token)
    expect(await app.run(mine)).toEqual({ data: { mine: 'ada' } })
  })

  it('the one to a sign-in counts, whenever the others were sent', async () => {
    for (const comesLast of ['the sign-in', 'the write']) {
      const { client } = await serving(sealed())
      const app = client()
      await app.run(set)
      const signIn = await app.delay(login)
      const write = await app.hold(set)
      if (comesLast === 'the sign-in') await write()
      await signIn()
      await write()
      expect(await app.run(mine)).toEqual({ data: { mine: 'ada' } })
    }
  })

  it('one that comes while another is kept waits for it', async () => {
    const { client } = await serving(sealed())
    const app = client()
    await app.run(set)
    const write = await app.hold(set)
    const signIn = await app.hold(login)
    await Promise.all([signIn(), write()])
    expect(await app.run(mine)).toEqual({ data: { mine: 'ada' } })
  })

  it('the one to a sign-in of a visitor counts beside the one that began a session', async () => {
    const { client } = await serving()
    const app = client()
    const write = await app.hold(set)
    const signIn = await app.hold(login)
    await write()
    await signIn()
    expect(await app.run(mine)).toEqual({ data: { mine: 'ada' } })
    const other = client()
    const late = await other.hold(set)
    await other.run(login)
    await late()
    expect(await other.run(mine)).toEqual({ data: { mine: 'ada' } })
  })

  it('none brings back what was before a sign-out', async () => {
    const { client } = await serving(sealed())
    const app = client()
    await app.run(login)
    const write = await app.hold(set)
    await app.run(logout)
    const { token } = app
    await write()
    expect(app.token).toBe(token)
  })

  it('the one to the last of two first requests counts, in either order', async () => {
    const { client } = await serving()
    for (const isInOrder of [true, false]) {
      const app = client({ join: false, changes: [] })
      const first = await app.hold(set)
      const second = await app.hold(login)
      await (isInOrder ? first() : second())
      await (isInOrder ? second() : first())
      expect(await app.run(mine)).toEqual({ data: { mine: 'ada' } })
    }
  })

  it('none that says that the session has ended takes a newer one away', async () => {
    const { client } = await serving()
    for (const [sentFirst, answeredFirst] of [
      [mine, mine],
      [mine, set],
      [set, mine],
      [set, set],
    ]) {
      const app = client()
      app.put(randomBytes(32).toString('base64url'))
      const first = await app.hold(sentFirst!)
      const second = await app.hold(sentFirst === mine ? set : mine)
      await (sentFirst === answeredFirst ? first() : second())
      await (sentFirst === answeredFirst ? second() : first())
      expect(app.token).toMatch(/^[\w-]{43}$/)
      expect(await app.run('{ session { isNew } }')).toEqual({ data: { session: { isNew: false } } })
    }
  })

  it('none replaces a token that the application has put there', async () => {
    const { client } = await serving()
    const app = client()
    const signIn = await app.hold(login)
    app.put('restored')
    await signIn()
    expect(app.token).toBe('restored')
  })
})
