import { randomBytes } from 'node:crypto'
import { type IncomingMessage, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { setImmediate } from 'node:timers/promises'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createSessionServer } from '../../src/server/create-session-server.ts'
import type { KeyedStore, SessionStore } from '../../src/session/store.ts'
import { cookieStore } from '../../src/stores/cookie.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { Client, listen, seen, watched } from '../support/harness.ts'

afterEach(() => void vi.useRealTimers())

const secret = 'postgres://shop:hunter2@db.internal:5432'

function serverOver(store: SessionStore) {
  return createSessionServer({ store, keys: { a: { client: ['read', 'write'] } } })
}

/** The server over a memory store in which one verb does something else. */
function broken(read: KeyedStore['read']) {
  const store = watched({ ...memoryStore({ max: 10 }), read })
  return { store, yoga: serverOver(store) }
}

type Yoga = ReturnType<typeof serverOver>

async function ask(yoga: Yoga, path: string, init: RequestInit = {}) {
  const answer = await yoga.fetch(`http://localhost${path}`, init)
  const said = await answer.text()
  seen.push(said, JSON.stringify([...answer.headers]))
  return { status: answer.status, said, headers: answer.headers }
}

const ready = async (yoga: Yoga): Promise<unknown> => {
  const { status, said } = await ask(yoga, '/health/ready')
  return [status, said]
}

const unavailable = [503, 'store unavailable']

describe('GET /health/live', () => {
  it('says so, and asks no store', async () => {
    const { yoga, store } = broken(() => new Promise(() => {}))
    const { status, said, headers } = await ask(yoga, '/health/live')
    expect([status, said, headers.get('content-type'), headers.get('cache-control')]).toEqual([
      200,
      'live',
      'text/plain; charset=utf-8',
      'no-store',
    ])
    expect(store.calls).toEqual([])
  })
})

describe('GET /health/ready', () => {
  it('asks the store each time, for no session of anybody', async () => {
    const ids: string[] = []
    const { yoga, store } = broken(async (id) => (ids.push(id), null))
    expect([await ready(yoga), await ready(yoga)]).toEqual([
      [200, 'ready'],
      [200, 'ready'],
    ])
    expect(store.calls).toEqual(['read', 'delete', 'read', 'delete'])
    expect(new Set(ids).size).toBe(1)
  })

  it('asks once at a time, however many ask', async () => {
    const { promise, resolve } = Promise.withResolvers<null>()
    const { yoga, store } = broken(() => promise)
    const asked = Array.from({ length: 100 }, () => ready(yoga))
    await vi.waitFor(() => expect(store.calls).toEqual(['read', 'delete']))
    resolve(null)
    expect(new Set((await Promise.all(asked)).map(String))).toEqual(new Set(['200,ready']))
    expect(store.calls).toEqual(['read', 'delete'])
    await ready(yoga)
    expect(store.calls).toEqual(['read', 'delete', 'read', 'delete'])
  })

  it('waits 250 ms for a store that hangs', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const { yoga } = broken(() => new Promise(() => {}))
    let isAnswered = false
    const answer = ready(yoga).finally(() => (isAnswered = true))
    while (vi.getTimerCount() === 0) await setImmediate()
    await vi.advanceTimersByTimeAsync(249)
    expect(isAnswered).toBe(false)
    await vi.advanceTimersByTimeAsync(1)
    expect(await answer).toEqual(unavailable)
    expect(vi.getTimerCount()).toBe(0)
  })

  it.each<[how: string, read: KeyedStore['read']]>([
    ['throws', () => Promise.reject(new Error(`connect ECONNREFUSED ${secret}`))],
    [
      'throws at once',
      () => {
        throw new TypeError(secret)
      },
    ],
    ['throws no error', () => Promise.reject(secret)], // oxlint-disable-line typescript/prefer-promise-reject-errors
  ])('repeats nothing of a store that %s', async (_, read) => {
    const { yoga } = broken(read)
    const { status, said, headers } = await ask(yoga, '/health/ready')
    expect([status, said, headers.get('retry-after'), headers.get('cache-control')]).toEqual([
      503,
      'store unavailable',
      '1',
      'no-store',
    ])
    expect(seen.filter((each) => each.includes('hunter2'))).toEqual([])
  })

  it('is answered though every place for calls of requests is taken', async () => {
    const { promise, resolve } = Promise.withResolvers<null>()
    let calls = 0
    const store = {
      ...memoryStore({ max: 10 }),
      read: () => (++calls <= 2 ? promise : Promise.resolve(null)),
    }
    const keys = { a: { client: ['read', 'write'] } } as const
    const yoga = createSessionServer({ store, keys, storeCalls: 2, logging: false })
    const read = async () => {
      const client = new Client(yoga, 'http://localhost/graphql')
      client.cookies.set('graphql-session', 'x'.repeat(43))
      return (await client.run('{ session { value(key: "a") } }')).codes
    }
    const held = [read(), read()]
    await vi.waitFor(() => expect(calls).toBe(2))
    expect(await read()).toEqual(['SESSION_STORE_UNAVAILABLE'])
    expect(await ready(yoga)).toEqual([200, 'ready'])
    resolve(null)
    expect(await Promise.all(held)).toEqual([[], []])
  })

  it('takes no place from the calls of requests', async () => {
    const { promise, resolve } = Promise.withResolvers<null>()
    let calls = 0
    const store = {
      ...memoryStore({ max: 10 }),
      read: () => (++calls === 1 ? promise : Promise.resolve(null)),
    }
    const yoga = createSessionServer({ store, keys: { a: { client: ['read'] } }, storeCalls: 1 })
    const asked = ready(yoga)
    await vi.waitFor(() => expect(calls).toBe(1))
    const client = new Client(yoga, 'http://localhost/graphql')
    client.cookies.set('graphql-session', 'x'.repeat(43))
    expect((await client.run('{ session { value(key: "a") } }')).codes).toEqual([])
    resolve(null)
    expect(await asked).toEqual([200, 'ready'])
  })

  it.each<[how: string, remove: KeyedStore['delete']]>([
    [
      'refuses writes',
      () => Promise.reject(new Error("READONLY You can't write against a read only replica.")),
    ],
    ['never answers them', () => new Promise(() => {})],
  ])('is for no store that answers reads and %s', async (_, remove) => {
    const yoga = serverOver({ ...memoryStore({ max: 10 }), delete: remove })
    expect(await ready(yoga)).toEqual(unavailable)
  })

  it('notices that the store is back', async () => {
    let isDown = true
    const { yoga } = broken(async () => {
      if (isDown) throw new Error(secret)
      return null
    })
    expect(await ready(yoga)).toEqual(unavailable)
    isDown = false
    expect(await ready(yoga)).toEqual([200, 'ready'])
  })

  it('asks the deny-list of a cookie store, where it has one', async () => {
    const keys = [randomBytes(32).toString('base64')]
    expect(await ready(serverOver(cookieStore({ keys })))).toEqual([200, 'ready'])
    const denyList = watched(memoryStore({ max: 10 }))
    expect(await ready(serverOver(cookieStore({ keys, denyList })))).toEqual([200, 'ready'])
    expect(denyList.calls).toEqual(['read', 'delete'])
    const { store: down } = broken(() => Promise.reject(new Error(secret)))
    expect(await ready(serverOver(cookieStore({ keys, denyList: down })))).toEqual(unavailable)
  })

  it('says that the server is about to end, and asks no store then', async () => {
    const { yoga, store } = broken(async () => null)
    yoga.drain()
    const { status, said, headers } = await ask(yoga, '/health/ready')
    expect([status, said, headers.get('retry-after')]).toEqual([503, 'draining', '1'])
    expect((await ask(yoga, '/health/live')).said).toBe('live')
    expect(store.calls).toEqual([])
  })
})

describe.each(['live', 'ready'])('/health/%s', (name) => {
  it('is answered to HEAD without words', async () => {
    const { status, said } = await ask(serverOver(memoryStore({ max: 1 })), `/health/${name}`, {
      method: 'HEAD',
    })
    expect([status, said]).toEqual([200, ''])
  })

  it.each(['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])('is not for %s', async (method) => {
    const { yoga, store } = broken(async () => null)
    const { status, said, headers } = await ask(yoga, `/health/${name}`, { method })
    expect([status, said, headers.get('allow')]).toEqual([405, 'method not allowed', 'GET, HEAD'])
    expect(store.calls).toEqual([])
  })

  it('has nothing to do with sessions', async () => {
    const store = watched(memoryStore({ max: 10 }))
    const yoga = serverOver(store)
    const client = new Client(yoga, 'http://localhost/graphql')
    await client.run('mutation { setSessionKey(key: "a", value: 1) { created } }')
    store.calls.length = 0
    for (const cookie of [client.cookie, 'graphql-session=malformed']) {
      const { headers } = await ask(yoga, `/health/${name}`, { headers: { cookie } })
      expect([headers.getSetCookie(), headers.get('vary')]).toEqual([[], null])
    }
    expect(new Set(store.calls)).toEqual(new Set(name === 'live' ? [] : ['read', 'delete']))
  })

  it('is this path only', async () => {
    const { url, close } = await listen(serverOver(memoryStore({ max: 10 })))
    const get = async (path: string): Promise<unknown[]> => {
      const answer = await new Promise<IncomingMessage>((done, failed) => {
        request(url, { path }, done).once('error', failed).end()
      })
      return [answer.statusCode, await text(answer)]
    }
    expect(await get(`/health/${name}`)).toEqual([200, name])
    expect(await get(`/health/${name}?verbose`)).toEqual([200, name])
    for (const path of [
      `/x/health/${name}`,
      `/health/${name}/`,
      `/health/${name}/x`,
      `/health/${name}x`,
      `/graphql?x=/health/${name}`,
      `/graphql/health/${name}`,
      `//health/${name}`,
      `/health//${name}`,
      `/health%2f${name}`,
      `/Health/${name}`,
      `/health/${name.toUpperCase()}`,
      '/health',
      '/health/',
      '/health/constructor',
      '/health/__proto__',
      '/%20',
    ]) {
      const [status, said] = await get(path)
      expect(said, path).toMatch(/^(?:\{"errors":.*)?$/)
      // That is for GraphQL, which misses a query.
      expect(status, path).toBe(path.startsWith('/graphql?') ? 200 : 404)
    }
    await close()
  })
})
