import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createYoga, type Plugin, Repeater } from 'graphql-yoga'
import { afterEach, describe, expect, it } from 'vitest'
import { useSessionGate } from '../../src/graphql/use-gate.ts'
import { useSession } from '../../src/graphql/use-session.ts'
import { createSessionServer } from '../../src/server/create-session-server.ts'
import { makeSchema } from '../../src/server/schema.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { Client } from '../support/harness.ts'

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()))
})

async function listen(handler: unknown): Promise<string> {
  const server = createServer(handler as () => void).listen(0, '127.0.0.1')
  await once(server, 'listening')
  closers.push(async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`
}

const options = (logged: unknown[]) => {
  const log = (...args: unknown[]): void => void logged.push(...args)
  const silent = (): void => {}
  return {
    store: memoryStore({ max: 100 }),
    keys: { dark_mode: { client: ['read', 'write'] } },
    logging: { debug: silent, info: silent, warn: silent, error: log },
  } as const
}

type Make = (plugin: Plugin, logged: unknown[]) => object

const servers: Record<string, Make> = {
  createSessionServer: (plugin, logged) => createSessionServer({ ...options(logged), plugins: [plugin] }),
  'a Yoga with useSession before': (plugin, logged) => {
    const { logging, ...rest } = options(logged)
    return createYoga({ schema: makeSchema({}), plugins: [useSession(rest), plugin], logging })
  },
  'a Yoga with useSession and a gate behind': (plugin, logged) => {
    const { logging, ...rest } = options(logged)
    return createYoga({
      schema: makeSchema({}),
      plugins: [plugin, useSession(rest), useSessionGate()],
      logging,
    })
  },
}

const secret = 'postgres://app:hunter2@db'
const fail = (): never => {
  throw new Error(secret)
}
const failLater = (): Promise<never> => Promise.reject(new TypeError(secret))

/** A plugin that fails only while `armed` says so: a second request looks at what was stored. */
const arm = (plugin: Plugin, armed: { is: boolean }): Plugin =>
  Object.fromEntries(
    Object.entries(plugin).map(([name, hook]) => [
      name,
      (payload: unknown) => (armed.is ? (hook as (payload: unknown) => unknown)(payload) : undefined),
    ]),
  )

const throwNull = (): never => {
  // oxlint-disable-next-line no-throw-literal, typescript/only-throw-error
  throw null
}

const failing: Record<string, Plugin> = {
  'onResponse throws': { onResponse: fail },
  'onResponse rejects': { onResponse: failLater },
  'onResponse throws what is no error': { onResponse: throwNull },
  'onResponse throws when it has replaced the answer': {
    onResponse({ response, setResponse, fetchAPI }) {
      setResponse(new fetchAPI.Response(secret, { status: 201, headers: response.headers }))
      fail()
    },
  },
  'onResponse throws when it has read the answer': {
    async onResponse({ response }) {
      await response.text()
      fail()
    },
  },
  'onResponse sets a header with a line break': {
    onResponse: ({ response }) => response.headers.set('x-note', `a\r\nx-secret: ${secret}`),
  },
  'onResponse appends a header beyond Latin-1': {
    onResponse: ({ response }) => response.headers.append('x-note', '\u2713'),
  },
  'onResponse sets a header whose name has a space': {
    onResponse: ({ response }) => response.headers.set('x note', 'a'),
  },
  'onResponse answers with a status that no answer has': {
    onResponse: ({ response: { headers }, setResponse, fetchAPI }) =>
      setResponse(new fetchAPI.Response('{}', { status: 999, headers })),
  },
  'onResponse answers with a line break in the text of the status': {
    onResponse: ({ response: { headers }, setResponse, fetchAPI }) =>
      setResponse(new fetchAPI.Response('{}', { statusText: 'a\r\nb', headers })),
  },
  'onResponse answers with what is no answer': {
    onResponse: ({ setResponse }) => setResponse({ secret } as never),
  },
  'onResultProcess throws': { onResultProcess: fail },
  'onResultProcess rejects': { onResultProcess: failLater },
  'a processor of results throws': {
    onResultProcess: ({ setResultProcessor }) => setResultProcessor(fail as never, 'application/json'),
  },
  'onExecutionResult throws': { onExecutionResult: fail },
  'a request handler of its own throws afterwards': {
    onRequest({ requestHandler, setRequestHandler }) {
      setRequestHandler(async (...args) => {
        await requestHandler(...args)
        return fail()
      })
    },
  },
}

/** A hook before the one that saves: then nothing is stored, and there is no cookie. */
const failsBeforeSaving = (name: string, how: string): boolean =>
  name.endsWith('behind') && how.startsWith('onResultProcess')

const write = 'mutation { setSessionKey(key: "dark_mode", value: true) { created } }'

describe.each(Object.keys(servers))('on %s', (name) => {
  it.each(Object.keys(failing))(
    'where %s, the answer is a 500 without its text, with the cookie of what was stored',
    async (how) => {
      const isStored = !failsBeforeSaving(name, how)
      const armed = { is: true }
      const logged: unknown[] = []
      const client = new Client(await listen(servers[name]!(arm(failing[how]!, armed), logged)))
      const { status, codes, text, headers, setCookies } = await client.run(write)
      expect([status, codes]).toEqual([500, ['INTERNAL_SERVER_ERROR']])
      expect(setCookies).toHaveLength(isStored ? 1 : 0)
      expect(headers.get('cache-control')).toBe('no-store')
      expect(headers.get('vary')).toMatch(/cookie/i)
      expect(headers.get('content-type')).toMatch(/json/)
      expect(text + [...headers].join(' ')).not.toMatch(/hunter2| at |node:/)
      expect(logged.length).toBeGreaterThan(0)
      armed.is = false
      const { data } = await client.run('{ session { value(key: "dark_mode") } }')
      expect(data).toEqual({ session: { value: isStored || null } })
    },
  )
})

describe('on createSessionServer', () => {
  const early: Record<string, Plugin> = {
    'onRequest throws': { onRequest: fail },
    'onRequest rejects': { onRequest: failLater },
    'onRequest throws what is no error': { onRequest: throwNull },
    'onRequest throws with a status': {
      onRequest: () => Promise.reject(Object.assign(new Error(secret), { status: 99 })),
    },
    'onRequestParse throws': { onRequestParse: fail },
    'onParams throws': { onParams: fail },
  }
  it.each(Object.keys(early))(
    'where %s, the answer is a 500 that tells nothing, to every kind of request',
    async (how) => {
      const logged: unknown[] = []
      const server = servers['createSessionServer']!(early[how]!, logged)
      const url = await listen(server)
      const client = new Client(url)
      for (const { status, codes, text, setCookies, headers } of [
        await client.run(write),
        await client.take(await fetch(`${url}?query={__typename}`)),
        await new Client(server as { fetch: unknown }).run(write),
      ]) {
        expect([status, codes, setCookies]).toEqual([500, ['INTERNAL_SERVER_ERROR'], []])
        expect(text).not.toMatch(/hunter2| at |node:/)
        expect(headers.get('x-content-type-options')).toBe('nosniff')
      }
      expect(logged.length).toBeGreaterThanOrEqual(3)
    },
  )

  it('where onResponse fails for a stream, the stream ends, and its client is told', async () => {
    const ended = Promise.withResolvers<void>()
    const server = createSessionServer({
      ...options([]),
      plugins: [{ onResponse: fail }],
      typeDefs: 'type Subscription { ticks: Int }',
      resolvers: {
        Subscription: {
          ticks: {
            subscribe: () =>
              new Repeater(async (_, stop) => {
                await stop
                ended.resolve()
              }),
          },
        },
      },
    })
    const client = new Client(await listen(server))
    const accept = { accept: 'text/event-stream' }
    const { status, codes, text } = await client.run('subscription { ticks }', undefined, accept)
    expect([status, codes]).toEqual([500, ['INTERNAL_SERVER_ERROR']])
    expect(text).not.toContain('hunter2')
    await ended.promise
  })

  it('a logger that throws fails no more than its line', async () => {
    const logging = { debug() {}, info() {}, warn() {}, error: fail }
    const plugin: Plugin = { onResponse: fail }
    const server = createSessionServer({ ...options([]), logging, plugins: [plugin] })
    const { status, codes, setCookies } = await new Client(await listen(server)).run(write)
    expect([status, codes, setCookies.length]).toEqual([500, ['INTERNAL_SERVER_ERROR'], 1])
  })
})

describe('inside of middleware', () => {
  type Handler = (request: IncomingMessage, response: ServerResponse) => unknown

  /** A server in middleware that lets the writing of an answer fail, for those whose status and cookies it is told. */
  async function within(fails: (times: number) => boolean, plugins: Plugin[] = []) {
    const logged: unknown[] = []
    const server = createSessionServer({ ...options(logged), plugins }) as Handler
    let times = 0
    const url = await listen((request: IncomingMessage, response: ServerResponse) => {
      const writeHead = response.writeHead.bind(response) as (...args: unknown[]) => ServerResponse
      response.writeHead = (...args: unknown[]) => (fails(++times) ? fail() : writeHead(...args))
      return server(request, response)
    })
    return { client: new Client(url), logged }
  }

  it.each([
    ['at its first run', 1],
    ['when it is known', 2],
  ])('an operation whose answer fails %s is a 500 with the cookie of what was stored', async (_, at) => {
    const { client, logged } = await within((times) => times === at)
    const clients = [client.fork(), client.fork()]
    const answers = [await clients[0]!.run(write), await clients[1]!.run(write)]
    const { status, codes, setCookies, headers, text } = answers[at - 1]!
    expect([status, codes, setCookies.length]).toEqual([500, ['INTERNAL_SERVER_ERROR'], 1])
    expect([headers.get('cache-control'), headers.get('vary')]).toEqual(['no-store', 'Cookie'])
    expect(text).not.toContain('hunter2')
    expect(logged.length).toBeGreaterThan(0)
    const { data } = await clients[at - 1]!.run('{ session { value(key: "dark_mode") } }')
    expect(data).toEqual({ session: { value: true } })
  })

  it.each(['at its first run', 'when it is known'])(
    'an operation whose error cannot be logged %s tells the cookie that it has changed',
    async (when) => {
      let fails = false
      const error = (): void => void (fails && fail())
      const server = createSessionServer({
        ...options([]),
        logging: { debug() {}, info() {}, warn() {}, error },
        typeDefs: 'extend type Mutation { boom: Int }',
        resolvers: { Mutation: { boom: fail } },
      })
      const client = new Client(await listen(server))
      await client.run(write)
      const rotate = 'mutation { rotateSession { session { isNew } } boom }'
      if (when === 'when it is known') await client.run(rotate)
      fails = true
      const { status, codes, setCookies } = await client.run(rotate)
      expect([status, codes, setCookies.length]).toEqual([200, ['INTERNAL_SERVER_ERROR'], 1])
      fails = false
      const { data } = await client.run('{ session { value(key: "dark_mode") } }')
      expect(data).toEqual({ session: { value: true } })
    },
  )

  it.each<[string, number, Plugin[]]>([
    ['the short way', 2, []],
    ["Yoga's way", 1, [{ onExecute() {} }]],
  ])(
    'on %s an answer that cannot be written at all ends its connection, and nothing else',
    async (_, tries, plugins) => {
      const { client } = await within((times) => times <= tries, plugins)
      await expect(client.run(write)).rejects.toThrow('fetch failed')
      expect((await client.run('{ __typename }')).status).toBe(200)
    },
  )
})

describe('in a Yoga of its own', () => {
  const own = (plugin: Plugin) =>
    servers['a Yoga with useSession before']!(plugin, []) as { fetch: (url: string) => Promise<Response> }

  it.each<[string, Plugin]>([
    ['onRequest', { onRequest: fail }],
    ['onResponse', { onResponse: fail }],
    ['the handler of requests', { onRequest: ({ setRequestHandler }) => setRequestHandler(fail) }],
  ])('what %s throws for a request without a session is for whoever called it', async (_, plugin) => {
    const call = async () => own(plugin).fetch('http://localhost/graphql?query={__typename}')
    await expect(call()).rejects.toThrow(secret)
  })

  it('a handler of failures that the application has comes first', async () => {
    const answered: Plugin = {
      onRequest({ requestHandler, setRequestHandler, fetchAPI }) {
        setRequestHandler(async (...args) => {
          try {
            return await requestHandler(...args)
          } catch {
            return new fetchAPI.Response('own', { status: 418 })
          }
        })
      },
      onResultProcess: fail,
    }
    const { status, text, setCookies } = await new Client(own(answered)).run(write)
    expect([status, text, setCookies.length]).toEqual([418, 'own', 1])
  })
})
