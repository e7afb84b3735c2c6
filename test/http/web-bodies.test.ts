import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { createYoga, createSchema } from 'graphql-yoga'
import { describe, expect, it, onTestFinished } from 'vitest'
import { useSessionGate } from '../../src/graphql/use-gate.ts'
import { createSessionServer } from '../../src/server/create-session-server.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { RawConnection } from '../support/raw.ts'

/** What servers whose requests are made from those of node:http have in common, e.g. h3, Nitro and SvelteKit. */
interface WebServer {
  fetch(request: Request, context: object): Promise<Response> | Response
}

const ownYoga = (): WebServer =>
  createYoga({
    schema: createSchema({ typeDefs: 'type Query { a: Int }' }),
    plugins: [useSessionGate({ allowedHosts: true })],
    fetchAPI: { Response },
    cors: false,
    maxRequestBodySize: false,
    logging: false,
  })

/** Some frameworks give Yoga nothing but the request. */
const requestAlone = (server: WebServer): WebServer => ({ fetch: (request) => server.fetch(request, {}) })

const ownServer = (): WebServer => createSessionServer({ store: memoryStore({ max: 10 }), logging: false })

/** Serves with a body that is made by `Readable.toWeb`. The process must not notice that one is refused. */
async function serving(server: WebServer): Promise<number> {
  const handle = async (message: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = '', headers } = message
    const hasBody = method !== 'GET' && method !== 'HEAD'
    const request = new Request(`http://${headers.host}${message.url}`, {
      method,
      headers: headers as Record<string, string>,
      ...(hasBody && { body: Readable.toWeb(message), duplex: 'half' }),
    } as RequestInit)
    const answer = await server.fetch(request, { req: message, res: response })
    response.writeHead(answer.status, Object.fromEntries(answer.headers))
    response.end(Buffer.from(await answer.arrayBuffer()))
  }
  const listening = createServer((message, response) => void handle(message, response))
  await once(listening.listen(0, '127.0.0.1'), 'listening')
  const uncaught: unknown[] = []
  const note = (error: unknown): void => void uncaught.push(error)
  process.on('uncaughtExceptionMonitor', note)
  onTestFinished(() => {
    process.off('uncaughtExceptionMonitor', note)
    listening.closeAllConnections()
    listening.close()
    expect(uncaught).toEqual([])
  })
  return (listening.address() as AddressInfo).port
}

type Headers = Readonly<Record<string, string>>

async function send(client: RawConnection, method: string, path: string, headers: Headers, body: string) {
  const isChunked = 'transfer-encoding' in headers
  const length = isChunked ? {} : { 'content-length': String(body.length) }
  const lines = Object.entries({ host: 'shop.example', ...length, ...headers }).map((each) => each.join(': '))
  await client.send([`${method} ${path} HTTP/1.1`, ...lines, '', ''].join('\r\n'))
  for (let at = 0; at < body.length; at += 50_000) {
    const part = body.slice(at, at + 50_000)
    await client.send(isChunked ? `${part.length.toString(16)}\r\n${part}\r\n` : part)
  }
  if (isChunked) await client.send('0\r\n\r\n')
}

const json = { 'content-type': 'application/json' }
const long = JSON.stringify({ query: '{ __typename }', operationName: 'x'.repeat(300_000) })
const short = JSON.stringify({ query: '{ __typename }' })

const refusals: readonly (readonly [string, number, string, string, Headers])[] = [
  ['a body that is too long', 413, 'POST', '/graphql', json],
  ['another type', 415, 'POST', '/graphql', { 'content-type': 'text/plain' }],
  ['a page of another site', 403, 'POST', '/graphql', { ...json, 'sec-fetch-site': 'cross-site' }],
  ['another method', 405, 'PUT', '/graphql', json],
  ['an answer nobody can give', 406, 'POST', '/graphql', { ...json, accept: 'text/csv' }],
]

describe.each([
  ['a Yoga of one’s own', () => requestAlone(ownYoga()), refusals],
  ['a Yoga of one’s own that gets the message, too', ownYoga, refusals],
  [
    'createSessionServer',
    () => requestAlone(ownServer()),
    [
      ...refusals,
      ['another path', 404, 'POST', '/elsewhere', json] as const,
      ['a health check by POST', 405, 'POST', '/health/live', json] as const,
    ],
  ],
])('bodies of node as streams of the Fetch API, in %s', (_, make, rows) => {
  describe.each([
    ['with its length', {}],
    ['in chunks', { 'transfer-encoding': 'chunked' }],
  ])('%s', (_, framing) => {
    it.each(rows)('%s is refused, and its connection goes on', async (_, status, method, path, headers) => {
      const client = await RawConnection.open(await serving(make()))
      for (let round = 0; round < 3; round++) {
        await send(client, method, path, { ...headers, ...framing }, long)
        expect((await client.answer())?.status).toBe(status)
        await send(client, 'POST', '/graphql', { ...json, ...framing }, short)
        expect((await client.answer())?.status).toBe(200)
      }
    })
  })

  it.each(rows.slice(0, 2))(
    '%s is refused to a client that stops sending',
    async (_, status, method, path, headers) => {
      const client = await RawConnection.open(await serving(make()))
      const began = performance.now()
      await send(client, method, path, { ...headers, 'content-length': '400000' }, 'x'.repeat(200_000))
      expect((await client.answer())?.status).toBe(status)
      expect(performance.now() - began).toBeLessThan(4000)
    },
  )

  it.each(rows)(
    '%s ends nothing but the connection of a client that leaves',
    async (_, __, method, path, headers) => {
      const port = await serving(make())
      const client = await RawConnection.open(port)
      await send(client, method, path, { ...headers, 'content-length': '400000' }, 'x'.repeat(200_000))
      client.destroy()
      const next = await RawConnection.open(port)
      await send(next, 'POST', '/graphql', json, short)
      expect((await next.answer())?.status).toBe(200)
    },
  )
})

describe('a Yoga of one’s own that has a limit of its own, too', () => {
  const url = 'http://localhost/graphql'
  const chunks = () => new Blob([short]).stream()
  // Yoga adds a length to headers that are no Headers.
  const init = { method: 'POST', headers: new Headers(json), body: short }
  const forms: Readonly<Record<string, () => Request | [string, RequestInit]>> = {
    'a URL with a body': () => [url, init],
    'a Request with a text': () => new Request(url, init),
    'a Request with a stream': () =>
      new Request(url, { ...init, body: chunks(), duplex: 'half' } as RequestInit),
  }
  const makeLimited = () =>
    createYoga({
      schema: createSchema({ typeDefs: 'type Query { a: Int }' }),
      plugins: [useSessionGate({ allowedHosts: true, maxRequestBodySize: 1000 })],
      logging: false,
    })

  it.each(Object.entries(forms))('reads the body of %s', async (_, make) => {
    const given = make()
    const yoga = makeLimited()
    const answer = await (Array.isArray(given) ? yoga.fetch(...given) : yoga.fetch(given))
    expect([answer.status, await answer.json()]).toEqual([200, { data: { __typename: 'Query' } }])
  })

  it('refuses the body of a Request that is too long', async () => {
    const answer = await makeLimited().fetch(new Request(url, { ...init, body: long }))
    expect(answer.status).toBe(413)
  })

  it.each([
    ['with the message', (server: WebServer) => server],
    ['with the request alone', requestAlone],
  ])('reads a body that node makes a stream of, %s', async (_, wrap) => {
    const client = await RawConnection.open(await serving(wrap(makeLimited())))
    for (const framing of [{}, { 'transfer-encoding': 'chunked' }]) {
      await send(client, 'POST', '/graphql', { ...json, ...framing }, short)
      expect((await client.answer())?.status).toBe(200)
    }
  })
})
