import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrowserContext, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { SessionContext } from '../../src/graphql/use-session.ts'
import { createSessionServer, type SessionServerOptions } from '../../src/server/create-session-server.ts'
import { openSession } from '../../src/server/open-session.ts'
import { sessionCookie } from '../../src/session/cookie.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { certificate, type Tls } from '../support/certificate.ts'
import { chromiumArgs } from '../support/chromium.ts'
import { given, seen, watched } from '../support/harness.ts'
import { chromiumPath, needs } from '../support/needs.ts'

const patience = 60_000

const secret = 'what-only-the-visitor-may-know'

interface Setting {
  readonly what: string
  /** Scheme and host; each gets a port of its own. */
  readonly shop: string
  readonly evil: string
  /** A page that is let in by name. */
  readonly app?: string
  /** Whether the browser sends the visitor's cookie with what the evil page does. */
  readonly sendsCookie: boolean
  readonly cookie?: SessionServerOptions['cookie']
  /** Browsers refuse the `Secure` cookie over plain http: it is put there otherwise. */
  readonly plantsCookie?: boolean
  /** What the pages that are let in do in the same browser. */
  readonly uses: readonly [who: Who, use: Use][]
}

type Who = 'shop' | 'evil' | 'app'
type Use = keyof typeof uses

const all: readonly Use[] = [
  'fetch of a mutation',
  'fetch of a query by GET',
  'EventSource with a subscription',
  'EventSource with a query',
]
const by = (who: Who, deeds = all) => deeds.map((use): [Who, Use] => [who, use])

const settings: Setting[] = [
  {
    what: 'on another port, which is the same site, so that SameSite=Lax holds nothing back',
    shop: 'http://localhost',
    evil: 'http://localhost',
    app: 'http://localhost',
    sendsCookie: true,
    uses: [...by('shop'), ...by('app')],
  },
  {
    what: 'on another site, behind SameSite=Lax, with no origins at all',
    shop: 'http://localhost',
    evil: 'http://127.0.0.1',
    sendsCookie: false,
    uses: by('shop'),
  },
  {
    what: 'on another site, to which SameSite=None sends the cookie',
    shop: 'https://shop.example',
    evil: 'https://evil.example',
    app: 'https://app.example',
    sendsCookie: true,
    cookie: { sameSite: 'none' },
    uses: [...by('shop'), ...by('app')],
  },
  {
    what: 'in a browser that sends no Fetch Metadata, as none does over plain http',
    shop: 'http://shop.example',
    evil: 'http://shop.example',
    app: 'http://shop.example',
    sendsCookie: true,
    cookie: { name: 'shop' },
    plantsCookie: true,
    // A GET of its own page does not say there where it comes from.
    uses: [...by('shop', ['fetch of a mutation']), ...by('app')],
  },
]

/** In every page and frame. Each answers with what the page could read of the shop's answer. */
const tools = `
  const later = (start) => new Promise((done) => { start(done); setTimeout(done, 5000, 'nothing happened') })
  const add = (tag, properties, parent = document.documentElement) =>
    parent.appendChild(Object.assign(document.createElement(tag), properties))
  const read = (what) => { try { return what() } catch { return '' } }
  const textOf = (frame) => read(() => frame.contentDocument.body.innerText)

  globalThis.tools = {
    send: (url, init) =>
      fetch(url, { credentials: 'include', ...init }).then((answer) => answer.text()).catch(() => ''),

    beacon: (url, text, type) => read(() => (navigator.sendBeacon(url, new Blob([text], { type })), '')),

    load: (tag, url) =>
      later((done) => {
        const given = { src: url, href: url, rel: 'stylesheet' }
        add(tag, { onload: () => done('loaded'), onerror: () => done(''), ...given })
      }),

    listen: (url) =>
      later((done) => {
        const source = new EventSource(url, { withCredentials: true })
        const end = (text) => { source.close(); done(text) }
        for (const name of ['message', 'next', 'complete']) {
          source.addEventListener(name, ({ data }) => end(data || name))
        }
        source.onerror = () => end('')
      }),

    frame: (url) =>
      later((done) => { const frame = add('iframe', { onload: () => done(textOf(frame)), src: url }) }),

    submit: (action, method, enctype, fields) =>
      later((done) => {
        const frame = add('iframe', { name: String(Math.random()) })
        const form = add('form', { action, method, enctype, target: frame.name })
        for (const [name, value] of Object.entries(fields)) add('textarea', { name, value }, form)
        frame.onload = () => done(textOf(frame))
        form.submit()
      }),

    popUp: (url) =>
      later((done) => {
        const other = open(url)
        const timer = setInterval(() => {
          // Until it gets there it is a page of ours.
          if (read(() => other.location.href === 'about:blank')) return
          clearInterval(timer)
          done(read(() => other.document.body.innerText))
          other.close()
        }, 20)
      }),

    sandbox: (url, init) =>
      later((done) => {
        addEventListener('message', ({ data }) => done(data), { once: true })
        const args = JSON.stringify([url, { credentials: 'include', ...init }])
        const script = 'const tell = (text) => parent.postMessage(text, "*");' +
          'fetch(...' + args + ').then((answer) => answer.text()).then(tell, () => tell(""))'
        add('iframe', { sandbox: 'allow-scripts', srcdoc: '<script>' + script + '</' + 'script>' })
      }),
  }`

type Deed = (url: string) => [tool: string, ...args: unknown[]]

async function act(page: Page, deed: Deed, url: string): Promise<string> {
  const text = await page.evaluate<string, unknown[]>(
    ([tool, ...args]) => (globalThis as any).tools[tool as string](...args),
    deed(url),
  )
  seen.push(text)
  return text
}

const secretQuery = '{ secret }'
const mutation = 'mutation { buy }'
const subscription = 'subscription { secrets }'
const [json, text, form] = ['application/json', 'text/plain', 'application/x-www-form-urlencoded']

const body = (query: string): string => JSON.stringify({ query })
const search = (query: string): string => `?${new URLSearchParams({ query })}`
const post = (type: string, query = mutation) => ({
  method: 'POST',
  headers: { 'content-type': type },
  body: body(query),
})

const refusedPost = 'POST 415 with the cookie'
const refusedGet = 'GET 403 with the cookie'
/** All that is sent of what it precedes. It carries no cookie. */
const preflight = 'OPTIONS 204'

const attacks: [what: string, deed: Deed, arrives: string][] = [
  ['a form', (url) => ['submit', url, 'POST', form, { query: mutation }], refusedPost],
  [
    'a form of text',
    (url) => ['submit', url, 'POST', text, { [`{"query":"${mutation}","x":"`]: '"}' }],
    refusedPost,
  ],
  [
    'a multipart form',
    (url) => ['submit', url, 'POST', 'multipart/form-data', { operations: body(mutation), map: '{}' }],
    refusedPost,
  ],
  ['a form by GET', (url) => ['submit', url, 'GET', form, { query: mutation }], refusedGet],
  [
    'a form that is redirected',
    (url) => ['submit', `/bounce?${url}`, 'POST', form, { query: mutation }],
    refusedPost,
  ],
  ['fetch of JSON', (url) => ['send', url, post(json)], preflight],
  ['fetch of JSON, no-cors', (url) => ['send', url, { ...post(json), mode: 'no-cors' }], refusedPost],
  ['fetch of JSON that is redirected', (url) => ['send', `/bounce?${url}`, post(json)], preflight],
  ['fetch of text', (url) => ['send', url, post(text)], refusedPost],
  ['fetch of text, no-cors', (url) => ['send', url, { ...post(text), mode: 'no-cors' }], refusedPost],
  [
    'fetch by GET with a type that needs a preflight',
    (url) => ['send', url + search(secretQuery), { headers: { 'content-type': json } }],
    preflight,
  ],
  // None of these gets past the browser, with or without the visitor's cookie.
  ...([json, text] as const).map((type): (typeof attacks)[number] => [
    `fetch of ${type} with the header of clients without cookies`,
    (url) => ['send', url, { ...post(type), headers: { 'content-type': type, 'session-token': 'x' } }],
    preflight,
  ]),
  [
    'fetch by GET with the header of clients without cookies',
    (url) => ['send', url + search(secretQuery), { headers: { 'session-token': '' } }],
    preflight,
  ],
  ['fetch by PUT', (url) => ['send', url, { ...post(json), method: 'PUT' }], preflight],
  ['sendBeacon of text', (url) => ['beacon', url, body(mutation), text], refusedPost],
  [
    'sendBeacon of a form',
    (url) => ['beacon', url, String(new URLSearchParams({ query: mutation })), form],
    refusedPost,
  ],
  ['sendBeacon of JSON', (url) => ['beacon', url, body(mutation), json], preflight],
  ['EventSource with a subscription', (url) => ['listen', url + search(subscription)], refusedGet],
  ...[secretQuery, mutation].flatMap((query): typeof attacks => [
    [`fetch of ${query} by GET`, (url) => ['send', url + search(query)], refusedGet],
    [
      `fetch of ${query} by GET, no-cors`,
      (url) => ['send', url + search(query), { mode: 'no-cors' }],
      refusedGet,
    ],
    [`EventSource with ${query}`, (url) => ['listen', url + search(query)], refusedGet],
    [`a frame with ${query}`, (url) => ['frame', url + search(query)], refusedGet],
    [`a window with ${query}`, (url) => ['popUp', url + search(query)], refusedGet],
    ...['img', 'script', 'link', 'audio'].map((tag): (typeof attacks)[number] => [
      `<${tag}> with ${query}`,
      (url) => ['load', tag, url + search(query)],
      refusedGet,
    ]),
  ]),
  // Whether these carry the cookie is for the browser to say: they come from no site.
  ['fetch of text by nobody (Origin: null)', (url) => ['sandbox', url, post(text)], 'POST 415'],
  ['fetch of JSON by nobody (Origin: null)', (url) => ['sandbox', url, post(json)], preflight],
]

const uses = {
  'fetch of a mutation': (url) => ['send', url, post(json, 'mutation { buy secret }')],
  'fetch of a query by GET': (url) => ['send', url + search(secretQuery)],
  'EventSource with a subscription': (url) => ['listen', url + search(subscription)],
  'EventSource with a query': (url) => ['listen', url + search(secretQuery)],
} satisfies Record<string, Deed>

describe('a page of another origin', needs('chromium', 'openssl'), () => {
  let profile: string
  let context: BrowserContext
  let tls: Tls

  beforeAll(async () => {
    tls = certificate()
    profile = mkdtempSync(join(tmpdir(), 'graphql-session-chromium-'))
    // As the browsers that still send the cookies of other sites.
    mkdirSync(join(profile, 'Default'))
    writeFileSync(join(profile, 'Default', 'Preferences'), '{"profile":{"cookie_controls_mode":0}}')
    context = await chromium.launchPersistentContext(profile, {
      executablePath: chromiumPath,
      timeout: patience,
      ignoreHTTPSErrors: true,
      args: chromiumArgs('MAP *.example 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1'),
    })
    context.setDefaultTimeout(patience)
    await context.addInitScript(tools)
  }, patience)

  afterAll(async () => {
    await context?.close()
    if (profile) rmSync(profile, { recursive: true, maxRetries: 10 })
  })

  describe.each(settings)('$what', (setting) => {
    let shop: Shop
    let pages: Record<Who, Page | undefined>

    beforeAll(async () => {
      shop = await openShop(setting, tls)
      await context.clearCookies()
      const open = async (origin: string | undefined): Promise<Page | undefined> => {
        if (origin === undefined) return undefined
        const page = await context.newPage()
        await page.goto(`${origin}/page`)
        return page
      }
      const { origins, cookieName: name } = shop
      pages = {
        shop: await open(origins.shop),
        evil: await open(origins.evil),
        app: await open(origins.app),
      }
      if (setting.plantsCookie) {
        const { hostname: domain } = new URL(setting.shop)
        const attributes = { domain, path: '/', httpOnly: true, sameSite: 'Lax' as const }
        await context.addCookies([{ name, value: await shop.signIn(), ...attributes }])
      } else await act(pages.shop!, (url) => ['send', url, post(json, 'mutation { signIn }')], shop.url)
      const cookies = await context.cookies()
      expect(cookies.map((cookie) => cookie.name)).toEqual([name])
      given.add(cookies[0]!.value)
    }, patience)

    afterAll(async () => {
      for (const page of Object.values(pages ?? {})) await page?.close()
      shop?.close()
    })

    beforeEach(() => shop.forget())

    it.each(attacks)('gets nothing and runs nothing by %s', async (_, deed, arrives) => {
      expect(await act(pages.evil!, deed, shop.url), 'what it could read').toBe('')
      await expect.poll(() => shop.arrived.length, { timeout: 10_000 }).toBeGreaterThan(0)
      expect(shop.calls, 'calls to the store').toEqual([])
      // Without a cookie anybody may ask, as nobody.
      const { sendsCookie } = setting
      const ran = shop.ran.filter(({ field, user }) => sendsCookie || field === 'buy' || user !== null)
      expect(ran, 'what was run').toEqual([])
      const others = shop.arrived.filter((each) => sendsCookie && !each.startsWith(arrives))
      expect(others, 'what else arrived').toEqual([])
    })

    it.each(setting.uses)(
      'whereas the page of the %s, which is let in, gets its answer by %s',
      async (who, use) => {
        expect(await act(pages[who]!, uses[use], shop.url)).toContain(secret)
        expect(shop.ran).toContainEqual({ field: expect.any(String), user: 'ada' })
      },
    )
  })
})

interface Shop {
  readonly url: string
  readonly origins: Readonly<Record<Who, string | undefined>>
  readonly cookieName: string
  /** Which fields were resolved, for whom. */
  readonly ran: { field: string; user: string | null }[]
  readonly calls: string[]
  /** Method, status, and whether the session's cookie was there. */
  readonly arrived: string[]
  /** The token of a visitor who got in by another door. */
  signIn(): Promise<string>
  forget(): void
  close(): void
}

async function openShop(setting: Setting, tls: Tls): Promise<Shop> {
  const { cookie = {} } = setting
  const closing: (() => void)[] = []
  const serve = async (address: string, listener: RequestListener): Promise<string> => {
    const isTls = address.startsWith('https:')
    const server = isTls ? createTlsServer(tls, listener) : createServer(listener)
    await once(server.listen(0, '127.0.0.1'), 'listening')
    closing.push(() => {
      server.close()
      server.closeAllConnections()
    })
    return `${address}:${(server.address() as AddressInfo).port}`
  }
  const evil = await serve(setting.evil, page)
  const app = setting.app === undefined ? undefined : await serve(setting.app, page)

  const ran: Shop['ran'] = []
  const arrived: string[] = []
  const store = watched(memoryStore({ max: 10 }))
  const run =
    (field: string, answer: string | boolean) =>
    async (_: unknown, __: unknown, { session }: Context) => {
      ran.push({ field, user: (await session.get('user')) ?? null })
      return (await session.get('user')) === 'ada' ? answer : null
    }
  const yoga = createSessionServer<Data>({
    allowedHosts: ['shop.example', 'app.example'],
    store,
    cookie,
    transport: { header: 'session-token' },
    graphiql: false,
    ...(app !== undefined && { origins: [app] }),
    typeDefs: /* GraphQL */ `
      extend type Query {
        secret: String
      }
      extend type Mutation {
        signIn: Boolean
        buy: Boolean
        secret: String
      }
      type Subscription {
        secrets: String
      }
    `,
    resolvers: {
      Query: { secret: run('secret', secret) },
      Mutation: {
        signIn: (_: unknown, __: unknown, { session }: Context) => session.set('user', 'ada'),
        buy: run('buy', true),
        secret: run('secret', secret),
      },
      Subscription: {
        secrets: {
          async *subscribe(_: unknown, __: unknown, context: Context) {
            yield { secrets: await run('secrets', secret)(_, __, context) }
          },
        },
      },
    },
  })
  const origin = await serve(setting.shop, (request, response) => {
    if (request.url === '/page') return page(request, response)
    const hasCookie = (request.headers.cookie ?? '').includes(`${cookieName}=`)
    response.once('close', () => {
      arrived.push(`${request.method} ${response.statusCode}${hasCookie ? ' with the cookie' : ''}`)
    })
    void yoga(request, response)
  })
  const { host, hostname } = new URL(origin)
  const cookieName = sessionCookie(cookie, { secure: hostname !== 'localhost', host }).name
  return {
    url: `${origin}/graphql`,
    origins: { shop: origin, evil, app },
    cookieName,
    ran,
    calls: store.calls,
    arrived,
    async signIn() {
      const session = openSession<Data>(store, null, { cookie: sessionCookie(setting.cookie) })
      session.set('user', 'ada')
      await session.save()
      return session.token!
    },
    forget() {
      for (const list of [ran, store.calls, arrived]) list.length = 0
    },
    close() {
      for (const close of closing) close()
    },
  }
}

interface Data {
  user: string
}
type Context = SessionContext<Data>

/** An empty page, and a redirect to wherever. */
const page: RequestListener = ({ url = '' }, response) => {
  const [path, to] = url.split('?', 2)
  if (path === '/bounce') response.writeHead(307, { location: to })
  else response.writeHead(200, { 'content-type': 'text/html' })
  response.end(path === '/page' ? '<!doctype html><title>page</title>' : '')
}
