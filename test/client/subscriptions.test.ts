import { writeFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Repeater } from 'graphql-yoga'
import { Redis } from 'ioredis'
import { type Browser, chromium, type Page } from 'playwright-core'
import { rolldown } from 'rolldown'
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest'
import type { SessionContext } from '../../src/graphql/use-session.ts'
import { listen, type Listener, type Listening } from '../../src/http/listen.ts'
import { createSessionServer } from '../../src/server/create-session-server.ts'
import { redisStore } from '../../src/stores/redis.ts'
import { chromiumArgs } from '../support/chromium.ts'
import { Client, given } from '../support/harness.ts'
import { chromiumPath, needs, skippedIf } from '../support/needs.ts'
import { type Nginx, startNginx } from '../support/nginx.ts'
import { freePort } from '../support/servers.ts'

/** What the clients show of a session that goes on under another cookie. */
const kits = {
  'graphql-ws': ['SESSION_MOVED'],
  'Apollo Client by graphql-ws': [],
  'urql by graphql-ws': [],
  'urql by fetch': [],
  'graphql-sse': [],
  EventSource: ['SESSION_MOVED'],
}
/** The one that tells whoever subscribed that its stream broke off, and lets them subscribe again. */
const tellsOfCuts = 'urql by fetch'

/** Rows that take seconds, as clients wait before they come back. */
const patient = Boolean(process.env['CI'] || process.env['LONG'])
const slow = skippedIf(!patient, 'clients wait for seconds, which is tried in CI and with LONG=1')

let browser: Browser
let script: string
let nodes: Node[]
/** By the client that they have. */
const pages = new Map<string, Page>()
let proxy: Nginx
/** Each request for a subscription, and each handshake: by which client, to which node. */
let asked: { readonly kit: string; readonly node: Node }[]

/** A server that can be started again at its port. */
class Node {
  readonly port: number
  readonly #sockets = new Set<Socket>()
  #listening: Listening | undefined
  #redis: Redis | undefined

  constructor(port: number) {
    this.port = port
  }

  async start(): Promise<void> {
    this.#redis = new Redis(inject('redisUrl')!, { maxRetriesPerRequest: 0 })
    const yoga = createSessionServer({
      store: redisStore(this.#redis),
      cookie: { name: 'sid', secure: false },
      trustProxy: true,
      logging: 'warn',
      typeDefs: `
        extend type Mutation { login(user: ID!): Boolean! }
        extend type Subscription { ticks: String! }
      `,
      resolvers: {
        Mutation: {
          async login(_: unknown, { user }: { user: string }, { session }: SessionContext) {
            await session.identify(user)
            return true
          },
        },
        Subscription: {
          // It never has an event of its own after the first.
          ticks: {
            async subscribe(_: unknown, __: unknown, { session }: SessionContext) {
              const handle = (await session.owner()) === null ? 'nobody' : await session.handle()
              return new Repeater<string>(async (push, stop) => {
                void push(String(handle))
                await stop
              })
            },
            resolve: String,
          },
        },
      },
    })
    const note = ({ headers }: IncomingMessage): void => {
      const isOne = headers.upgrade || headers.accept?.startsWith('text/event-stream')
      if (isOne) asked.push({ kit: String(headers['user-agent']), node: this })
    }
    const listener: Listener = (request, response) => {
      note(request)
      return yoga(request, response)
    }
    listener.drain = (over) => yoga.drain(over)
    listener.upgrade = (request, ...rest) => {
      note(request)
      yoga.upgrade(request, ...rest)
    }
    this.#listening = await listen(listener, { port: this.port, drainDelay: 0, drainTimeout: 3000 })
    this.#listening.server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
  }

  async stop(): Promise<void> {
    await this.#listening?.close()
    this.#redis?.disconnect()
  }

  /** Ends without a word to anybody. */
  async crash(): Promise<void> {
    const closed = this.#listening?.close()
    for (const socket of this.#sockets) socket.resetAndDestroy()
    await closed
    this.#redis?.disconnect()
  }
}

const startProxy = (nodes: readonly number[]): Promise<Nginx> =>
  startNginx((port, folder) => {
    writeFileSync(join(folder, 'page.js'), script)
    return `
      map $http_upgrade $connection_to_server {
        websocket upgrade;
        default '';
      }
      upstream nodes {
        ${nodes.map((node) => `server 127.0.0.1:${node} max_fails=0;`).join('\n')}
      }
      server {
        listen 127.0.0.1:${port};
        location = / {
          default_type text/html;
          return 200 '<script type="module" src="/page.js"></script>';
        }
        location = /page.js {
          default_type text/javascript;
          alias ${folder}/page.js;
        }
        location / {
          proxy_pass http://nodes;
          proxy_http_version 1.1;
          proxy_set_header Upgrade $http_upgrade;
          proxy_set_header Connection $connection_to_server;
          proxy_set_header Host $http_host;
          proxy_set_header X-Forwarded-Host $http_host;
          proxy_set_header X-Forwarded-Proto $scheme;
          proxy_buffering off;
        }
      }`
  })

/** Somebody who is signed in, with the page of one client. */
class Visitor {
  readonly kit: string
  readonly user: string
  readonly #page: Page

  constructor(kit: string, user: string, page: Page) {
    this.kit = kit
    this.user = user
    this.#page = page
  }

  static async signIn(kit: string): Promise<Visitor> {
    const page = pages.get(kit)!
    const client = new Client(`${proxy.url}/graphql`)
    const user = `user ${Math.random()}`
    expect((await client.run(`mutation { login(user: "${user}") }`)).data).toEqual({ login: true })
    const cookie = { name: 'sid', value: client.token!, url: proxy.url, sameSite: 'Lax' as const }
    await page.context().addCookies([cookie])
    const search = new URLSearchParams({ kit, ...(!patient && { soon: '' }) })
    await page.goto(`${proxy.url}/?${search}`)
    return new Visitor(kit, user, page)
  }

  /** Sends an operation from the page. */
  async run(query: string): Promise<any> {
    const data = await this.#page.evaluate(`page.run(${JSON.stringify(query)})`)
    for (const { value } of await this.#page.context().cookies()) given.add(value)
    return data
  }

  /** @param before - an operation that is sent right before */
  async subscribe(before = '{ __typename }'): Promise<void> {
    await this.#page.evaluate(`page.run(${JSON.stringify(before)}).then(() => page.subscribe())`)
    await this.sees(1)
  }

  seen(): Promise<string[]> {
    return this.#page.evaluate('page.seen')
  }

  /** Waits until so many events and ends have come. */
  async sees(count: number): Promise<void> {
    const seen = async (): Promise<number> => (await this.seen()).length
    await expect
      .poll(seen, { timeout: 20_000, interval: 20, message: this.kit })
      .toBeGreaterThanOrEqual(count)
  }

  /** What an event says of its session. */
  async handle(): Promise<string> {
    return (await this.run('{ session { handle } }')).session.handle
  }

  /** By how many requests it subscribed. */
  get asked(): number {
    return asked.filter(({ kit }) => kit === this.kit).length
  }

  get node(): Node {
    return asked.findLast(({ kit }) => kit === this.kit)!.node
  }
}

const signIn = (): Promise<Visitor[]> => Promise.all(Object.keys(kits).map((kit) => Visitor.signIn(kit)))

/** Ends the session of a visitor by another device. */
async function revoke({ user }: Visitor): Promise<void> {
  const other = new Client(`${proxy.url}/graphql`)
  await other.run(`mutation { login(user: "${user}") }`)
  const { mySessions } = (await other.run('{ mySessions { id current } }')).data
  const { id } = mySessions.find(({ current }: { current: boolean }) => !current)
  const { data } = await other.run(`mutation { revokeSession(id: "${id}") { revoked } }`)
  expect(data).toEqual({ revokeSession: { revoked: true } })
}

/** Longer than any client waits before it comes back, where they are told not to wait. */
const moment = (): Promise<void> => setTimeout(patient ? 5000 : 700)

describe('subscriptions of two nodes behind nginx', needs('chromium', 'nginx', 'sharedRedis'), () => {
  beforeAll(async () => {
    const bundle = await rolldown({
      input: fileURLToPath(new URL('subscribing.ts', import.meta.url)),
      platform: 'browser',
      transform: { define: { 'process.env.NODE_ENV': '"production"' } },
    })
    const { output } = await bundle.generate({ format: 'esm', codeSplitting: false })
    script = output[0].code
    browser = await chromium.launch({
      executablePath: chromiumPath,
      args: chromiumArgs('MAP localhost 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'),
    })
    nodes = [new Node(await freePort()), new Node(await freePort())]
    await Promise.all(nodes.map((node) => node.start()))
    proxy = await startProxy(nodes.map(({ port }) => port))
    for (const kit of Object.keys(kits)) {
      // Each has its own cookies. Requests and handshakes name the client by what they say of the browser.
      const context = await browser.newContext({ userAgent: kit })
      pages.set(kit, await context.newPage())
    }
  }, 60_000)

  afterAll(async () => {
    await browser?.close()
    await proxy?.stop()
    await Promise.all(nodes?.map((node) => node.stop()))
  })

  beforeEach(() => {
    asked = []
  })

  const end = async (reason: string, make: (visitor: Visitor) => unknown, before?: string): Promise<void> => {
    const visitors = await signIn()
    await Promise.all(visitors.map((visitor) => visitor.subscribe(before)))
    await Promise.all(visitors.map(make))
    await Promise.all(visitors.map((visitor) => visitor.sees(2)))
    await moment()
    for (const visitor of visitors) {
      const seen = [expect.stringMatching(/^.{43}$/), `SESSION_ENDED ${reason}`]
      expect([visitor.kit, await visitor.seen()]).toEqual([visitor.kit, seen])
      expect([visitor.kit, visitor.asked]).toEqual([visitor.kit, 1])
    }
  }

  it('end with their session where another device ends it, and nobody asks again', () =>
    end('signed-out', revoke))

  it('end with their session where its time is over, and nobody asks again', slow, () =>
    end('expired', () => {}, 'mutation { setSessionExpiry(expiry: { seconds: 2 }) { session { id } } }'),
  )

  it('go on under another cookie', async () => {
    const visitors = await signIn()
    await Promise.all(visitors.map((visitor) => visitor.subscribe()))
    await Promise.all(visitors.map((visitor) => visitor.run('mutation { rotateSession { session { id } } }')))
    const told = (visitor: Visitor): string[] => kits[visitor.kit as keyof typeof kits]
    await Promise.all(visitors.map((visitor) => visitor.sees(told(visitor).length + 2)))
    await moment()
    for (const visitor of visitors) {
      const [first, ...rest] = await visitor.seen()
      const handle = await visitor.handle()
      expect(first).not.toBe(handle)
      expect([visitor.kit, ...rest]).toEqual([visitor.kit, ...told(visitor), handle])
      // The stream may end before the page has the new cookie, so that it asks with the old one first.
      expect([2, 3], visitor.kit).toContain(visitor.asked)
    }
  })

  it('go on after a time without any node', slow, async () => {
    const visitors = await signIn()
    await Promise.all(visitors.map((visitor) => visitor.subscribe()))
    await Promise.all(nodes.map((node) => node.crash()))
    // Each has tried to come back by then, and was answered 502 by nginx.
    await setTimeout(4500)
    await Promise.all(nodes.map((node) => node.start()))
    const told = ({ kit }: Visitor): string[] => (kit === tellsOfCuts ? ['broken off'] : [])
    await Promise.all(visitors.map((visitor) => visitor.sees(told(visitor).length + 2)))
    for (const visitor of visitors) {
      const handle = await visitor.handle()
      expect([visitor.kit, await visitor.seen()]).toEqual([visitor.kit, [handle, ...told(visitor), handle]])
      expect([visitor.kit, visitor.asked]).toEqual([visitor.kit, 2])
    }
  })

  it.each(['stop', 'crash'] as const)('go on where one node after the other has a %s', slow, async (how) => {
    const visitors = await signIn()
    await Promise.all(visitors.map((visitor) => visitor.subscribe()))
    const cuts = new Map(visitors.map((visitor) => [visitor, 0]))
    const told = ({ kit }: Visitor): string[] => (kit === tellsOfCuts ? ['broken off'] : [])
    const events = (visitor: Visitor): number => cuts.get(visitor)! * (1 + told(visitor).length) + 1
    for (const node of nodes) {
      const cut = visitors.filter((visitor) => visitor.node === node)
      for (const visitor of cut) cuts.set(visitor, cuts.get(visitor)! + 1)
      await node[how]()
      await Promise.all(cut.map((visitor) => visitor.sees(events(visitor))))
      await node.start()
    }
    await moment()
    for (const visitor of visitors) {
      const count = cuts.get(visitor)!
      const handle = await visitor.handle()
      const again = Array.from({ length: count }, () => [...told(visitor), handle]).flat()
      expect([visitor.kit, await visitor.seen()]).toEqual([visitor.kit, [handle, ...again]])
      expect([visitor.kit, visitor.asked]).toEqual([visitor.kit, 1 + count])
      expect(count).toBeGreaterThan(0)
    }
  })
})
