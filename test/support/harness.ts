// This has the GraphQL client, the HTTP server, the clock and the watched store that most tests use.

import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type Server } from 'node:http'
import { createServer as createServerByTls, request as requestByTls } from 'node:https'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { inspect } from 'node:util'
import type { KeyedStore } from '../../src/session/store.ts'
import { certificate, type Tls } from './certificate.ts'

/** Every token that a server gave to a client. no-secrets.ts looks for them in `seen`. */
export const given = new Set<string>()
/** Every text that anybody could read: answers, their headers without cookies, and lines of the console. */
export const seen: string[] = []

for (const level of ['debug', 'info', 'log', 'warn', 'error'] as const) {
  const write = console[level].bind(console)
  console[level] = (...parts: unknown[]) => {
    seen.push(parts.map((part) => inspect(part, { depth: 20, showHidden: true })).join(' '))
    write(...parts)
  }
}

export interface Answer {
  status: number
  headers: Headers
  setCookies: string[]
  text: string
  body: any
  data: any
  codes: string[]
}

type Fetch = (url: string, init: RequestInit) => Promise<Response> | Response

/**
 * How requests reach a server: by its method `fetch`, which Yoga answers, or in other projects through a socket, since
 * only requests of node:http can take the short way, and other servers have no such method.
 */
const fetchOf = (server: { fetch: unknown }): Fetch =>
  (process.env['TEST_WAY'] ?? 'yoga') !== 'yoga' && typeof server === 'function'
    ? overSocket(server)
    : (server.fetch as Fetch)

/** The ports on which a server listens, by the protocol. */
const ports = new WeakMap<object, Map<string, Promise<number>>>()

function portOf(server: Function, protocol: string): Promise<number> {
  const own = ports.get(server) ?? new Map<string, Promise<number>>()
  const port = own.get(protocol) ?? listenUntilTheEnd(server, protocol === 'https:')
  ports.set(server, own.set(protocol, port))
  return port
}

/** Listens for a server until the process ends, and does not keep the process alive. @returns the port */
async function listenUntilTheEnd(server: Function, isTls: boolean): Promise<number> {
  const handler = (request: IncomingMessage, response: never): void => {
    // The server is to see a visitor from elsewhere, who calls it by any name.
    Object.defineProperty(request.socket, 'remoteAddress', { value: '192.0.2.1', configurable: true })
    server(request, response)
  }
  const listening = await listen(handler, isTls ? certificate() : undefined)
  listening.server.unref()
  return Number(new URL(listening.url).port)
}

/** A `fetch` that sends every request to the server. The host of the URL, or of the headers, only becomes a header. */
export const overSocket =
  (server: Function): Fetch =>
  async (url, { method = 'GET', headers = {}, body = '', signal }) => {
    const { protocol, host, pathname, search } = new URL(url)
    const isTls = protocol === 'https:'
    const outgoing = (isTls ? requestByTls : request)({
      port: await portOf(server, protocol),
      rejectUnauthorized: false,
      path: pathname + search,
      method,
      headers: { host, ...(headers as Record<string, string>) },
      ...(signal && { signal }),
    })
    outgoing.end(body)
    const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage]
    const hasBody = incoming.statusCode !== 204 && incoming.statusCode !== 304
    if (!hasBody) incoming.resume()
    return new Response(hasBody ? (Readable.toWeb(incoming) as ReadableStream) : null, {
      status: incoming.statusCode!,
      headers: Object.entries(incoming.headersDistinct).flatMap(([name, values = []]) =>
        values.map((value): [string, string] => [name, value]),
      ),
    })
  }

/** The header by which tests carry sessions of clients without cookies. */
export const sessionHeaderName = 'session-token'

/** A GraphQL client that keeps the cookies it gets and sends them again, as `curl -b -c` does. */
export class Client {
  readonly #fetch: Fetch
  readonly #url: string
  readonly cookies = new Map<string, string>()

  constructor(server: { fetch: unknown } | string, url = 'http://shop.example/graphql') {
    this.#fetch = typeof server === 'string' ? fetch : fetchOf(server)
    this.#url = typeof server === 'string' ? server : url
  }

  /** Makes another client, with a copy of the cookies that this one has now. */
  fork(): Client {
    const fork = new Client({ fetch: this.#fetch }, this.#url)
    for (const [name, value] of this.cookies) fork.cookies.set(name, value)
    return fork
  }

  get cookie(): string {
    return [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  }

  get token(): string | undefined {
    return [...this.cookies.values()][0]
  }

  run(query: string, variables?: Record<string, unknown>, headers?: Record<string, string>): Promise<Answer> {
    return this.post({ query, ...(variables && { variables }) }, headers)
  }

  async post(body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    const response = await this.#fetch(this.#url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(this.cookies.size > 0 && { cookie: this.cookie }),
        ...headers,
      },
      body: JSON.stringify(body),
    })
    return this.take(response)
  }

  async take(response: Response): Promise<Answer> {
    const setCookies = response.headers.getSetCookie()
    for (const cookie of setCookies) this.#keep(cookie)
    const text = await response.text()
    const byHeader = response.headers.get(sessionHeaderName)
    if (byHeader) given.add(byHeader)
    const shown = [...response.headers].filter(
      ([name]) => name !== 'set-cookie' && name !== sessionHeaderName,
    )
    seen.push(text, JSON.stringify(shown))
    const body = text.startsWith('{') || text.startsWith('[') ? JSON.parse(text) : undefined
    const results = [body].flat()
    return {
      status: response.status,
      headers: response.headers,
      setCookies,
      text,
      body,
      data: body?.data,
      codes: results.flatMap((result) => result?.errors ?? []).map((error) => error.extensions?.code),
    }
  }

  #keep(setCookie: string): void {
    const [pair = '', ...attributes] = setCookie.split('; ')
    const [name = '', value = ''] = pair.split('=')
    if (value.length >= 43) given.add(value)
    if (attributes.includes('Max-Age=0')) this.cookies.delete(name)
    else this.cookies.set(name, value)
  }
}

/** Starts a real HTTP server on a free port of 127.0.0.1. `close` ends its connections, too. */
export async function listen(
  handler: (request: never, response: never) => unknown,
  tls?: Tls,
): Promise<{ url: string; server: Server; close(): Promise<void> }> {
  const listener = (request: unknown, response: unknown): void =>
    void handler(request as never, response as never)
  const server = tls ? createServerByTls(tls, listener) : createServer(listener)
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
  const { port } = server.address() as AddressInfo
  return {
    url: `http${tls ? 's' : ''}://127.0.0.1:${port}/graphql`,
    server,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed())
        server.closeAllConnections()
      }),
  }
}

/**
 * A clock (milliseconds since the epoch) that moves only by `forward` (seconds). It begins in 2100, so that
 * no store that drops expired sessions by the real time drops one during a test.
 */
export function manualClock(now = Date.UTC(2100, 10, 23)): { (): number; forward(seconds: number): void } {
  return Object.assign(() => now, { forward: (seconds: number) => void (now += seconds * 1000) })
}

/** A store that passes each call on to another one, and records the names of the verbs in order. */
export function watched(store: KeyedStore): KeyedStore & { calls: string[] } {
  const calls: string[] = []
  const watch =
    <Verb extends Exclude<keyof KeyedStore, 'notices'>>(verb: Verb): KeyedStore[Verb] =>
    (...args: never[]) => {
      calls.push(verb)
      return (store[verb] as (...args: never[]) => never)(...args)
    }
  return {
    calls,
    create: watch('create'),
    read: watch('read'),
    commit: watch('commit'),
    delete: watch('delete'),
  }
}

/** A promise that a test settles, to hold up what awaits it. */
export const gate = (): PromiseWithResolvers<void> => Promise.withResolvers<void>()
