import { AsyncLocalStorage, createHook } from 'node:async_hooks'
import { setTimeout } from 'node:timers/promises'
import { makeExecutableSchema } from '@graphql-tools/schema'
import { createYoga } from 'graphql-yoga'
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { sessionResolvers, sessionTypeDefs } from '../../src/graphql/resolvers.ts'
import { useSessionGate } from '../../src/graphql/use-gate.ts'
import { useSession } from '../../src/graphql/use-session.ts'
import { createSessionServer } from '../../src/server/create-session-server.ts'
import type { KeyedStore, SessionStore } from '../../src/session/store.ts'
import { cookieStore } from '../../src/stores/cookie.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { Client, listen } from '../support/harness.ts'

/*
 * The runtime of Cloudflare, workerd, lets no request run code on behalf of another one: what continues after a promise
 * that another request made fails with "Cannot perform I/O on behalf of a different request".
 */

const request = new AsyncLocalStorage<number>()

/** Counts how often a request waited for a promise that was made by another request. */
function watchPromises(): { readonly shared: number } {
  const makers = new Map<number, number>()
  const watch = { shared: 0 }
  const hook = createHook({
    init(id, type, trigger) {
      if (type !== 'PROMISE') return
      const own = request.getStore()
      if (own === undefined) return
      makers.set(id, own)
      const maker = makers.get(trigger)
      if (maker !== undefined && maker !== own) watch.shared++
    },
  }).enable()
  onTestFinished(() => void hook.disable())
  return watch
}

/** A store that answers after a pause, as those over the network do. */
function slow(backend: KeyedStore): KeyedStore {
  const after =
    <Args extends unknown[], Result>(verb: (...args: Args) => Promise<Result>) =>
    async (...args: Args): Promise<Result> => {
      await setTimeout(2)
      return verb(...args)
    }
  return {
    create: after(backend.create),
    read: after(backend.read),
    commit: after(backend.commit),
    delete: after(backend.delete),
  }
}

const stores: readonly (readonly [string, () => SessionStore])[] = [
  ['memory', () => memoryStore({ max: 1000 })],
  ['a store over the network', () => slow(memoryStore({ max: 1000 }))],
  ['cookies', () => cookieStore({ keys: [Buffer.alloc(32, 7).toString('base64')] })],
]

const keys = { a: { client: ['read', 'write'] } } as const
const body = JSON.stringify({ query: 'mutation { setSessionKey(key: "a", value: 1) { created } }' })
const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body }
const count = 50
const all = <Each>(one: (index: number) => Promise<Each>): Promise<Each[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => request.run(index, () => one(index))))

afterEach(() => vi.unstubAllGlobals())

describe.each(stores)('requests that run at once over %s', (_, make) => {
  it('wait for no promise of another one where they come from no socket of node', async () => {
    const yoga = createYoga({
      schema: makeExecutableSchema({ typeDefs: sessionTypeDefs, resolvers: sessionResolvers }),
      plugins: [useSession({ store: make(), keys }), useSessionGate()],
      cors: false,
      maxRequestBodySize: false,
    })
    const send = async (): Promise<number> => (await yoga.fetch('http://shop.example/graphql', init)).status
    await send()
    const watch = watchPromises()
    expect(await all(send)).toEqual(Array.from({ length: count }, () => 200))
    expect(watch.shared).toBe(0)
  })

  it('wait for no promise of another one over node:http in Cloudflare’s runtime', async () => {
    vi.stubGlobal('navigator', { userAgent: 'Cloudflare-Workers' })
    const server = createSessionServer({ store: make(), keys, logging: false })
    let last = 0
    const running = await listen((message, response) => request.run(++last, () => server(message, response)))
    onTestFinished(() => running.close())
    const send = async (path = '/graphql', sent: object = init): Promise<number> =>
      (await fetch(new URL(path, running.url), sent)).status
    await send()
    const watch = watchPromises()
    const statuses = await Promise.all(
      Array.from({ length: count }, (_, index) =>
        index % 2 ? send() : send('/health/ready', { method: 'GET' }),
      ),
    )
    expect(statuses).toEqual(Array.from({ length: count }, () => 200))
    expect(watch.shared).toBe(0)
  })
})

it('a stream begins and ends with its session where timers are numbers, as in Cloudflare’s runtime', async () => {
  const timers = new Map<number, NodeJS.Timeout>()
  const numbered =
    (begin: (act: () => void, wait?: number) => NodeJS.Timeout) =>
    (act: () => void, wait?: number): number => {
      const timer = begin(act, wait)
      timers.set(Number(timer), timer)
      return Number(timer)
    }
  vi.stubGlobal('navigator', { userAgent: 'Cloudflare-Workers' })
  vi.stubGlobal('setTimeout', numbered(globalThis.setTimeout))
  vi.stubGlobal('setInterval', numbered(globalThis.setInterval))
  const yoga = createYoga({
    schema: makeExecutableSchema({ typeDefs: sessionTypeDefs, resolvers: sessionResolvers }),
    plugins: [useSession({ store: memoryStore({ max: 10 }), keys }), useSessionGate()],
    cors: false,
    maxRequestBodySize: false,
  })
  const client = new Client(yoga)
  await client.post(JSON.parse(body))
  const stream = await yoga.fetch('http://shop.example/graphql', {
    method: 'POST',
    headers: { ...init.headers, accept: 'text/event-stream', cookie: client.cookie },
    body: JSON.stringify({ query: 'subscription { sessionChanged { isNew } }' }),
  })
  let text = ''
  for await (const chunk of stream.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk
    if (chunk.includes('"isNew":false')) await client.run('mutation { logout { flushed } }')
  }
  expect(text).toMatch(/"isNew":false[^]*"sessionChanged":null/)
  for (const timer of timers.values()) clearTimeout(timer)
})
