import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { rolldown } from 'rolldown'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import type { SessionContext } from '../../src/graphql/use-session.ts'
import { createSessionServer } from '../../src/server/create-session-server.ts'
import type { SessionEvent } from '../../src/session/events.ts'
import { mint } from '../../src/session/token.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { chromiumArgs } from '../support/chromium.ts'
import { distant } from '../support/distant.ts'
import { Client, given, listen } from '../support/harness.ts'
import { chromiumPath, needs } from '../support/needs.ts'
import type { Shop } from './page.ts'

interface MySession {
  user_id: string
  [item: `item:${string}`]: boolean
}
type Context = SessionContext<MySession>

const kits = ['fetch', 'apollo', 'urql']
const keysOf = '{ session { keys } }'

let browser: Browser
let script: string

/** Serves a shop and its page, at each name below localhost. */
async function serve() {
  const events: SessionEvent[] = []
  const server = createSessionServer<MySession>({
    // So far away that what a page sends at once is under way at once.
    store: distant(memoryStore({ max: 100 }), () => setTimeout(10)),
    cookie: { name: 'sid' },
    keys: { 'item:*': { client: ['read', 'write'] } },
    onEvent: (event) => events.push(event),
    logging: 'warn',
    typeDefs: 'extend type Query { me: String } extend type Mutation { login(as: String!): String }',
    resolvers: {
      Query: { me: (_: unknown, __: unknown, { session }: Context) => session.get('user_id') },
      Mutation: {
        async login(_: unknown, { as }: { as: string }, { session }: Context) {
          await session.rotate()
          session.set('user_id', as)
          return as
        },
      },
    },
  })
  const { url, close } = await listen(async (request: IncomingMessage, response: ServerResponse) => {
    if (request.url?.startsWith('/graphql')) return server(request, response)
    const isScript = request.url === '/page.js'
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html')
    return response.end(isScript ? script : '<script type="module" src="/page.js"></script>')
  })
  onTestFinished(close)
  const { port } = new URL(url)
  return { url, events, at: (name: string, path = '/') => `http://${name}:${port}${path}` }
}

async function openContext(): Promise<BrowserContext> {
  const context = await browser.newContext()
  onTestFinished(() => context.close())
  return context
}

async function openTab(context: BrowserContext, address: string): Promise<Page> {
  const page = await context.newPage()
  await page.goto(address)
  // It has its title once it has asked who is signed in.
  await page.waitForFunction('document.title')
  return page
}

/** Has the page ask by its client. */
const ask = (page: Page, query: string): Promise<any> =>
  page.evaluate((text) => (globalThis as unknown as { shop: Shop }).shop.ask(text), query)

const shows = (page: Page, title: string): Promise<unknown> =>
  page.waitForFunction((wanted) => (globalThis as any).document.title === wanted, title, { timeout: 5000 })

async function cookiesIn(context: BrowserContext): Promise<string[]> {
  const cookies = await context.cookies()
  for (const { value } of cookies) given.add(value)
  return cookies.map(({ domain, path, value }) => `${domain}${path} ${value}`).toSorted()
}

const set = (index: number): string =>
  `mutation { setSessionKey(key: "item:${index}", value: true) { created } }`

/** Has the page write several keys at once. */
const setAll = (page: Page, count: number): Promise<unknown[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => ask(page, set(index))))

const createdIn = (events: readonly SessionEvent[]): number =>
  events.filter(({ type }) => type === 'created').length

describe('the client in Chromium', needs('chromium'), () => {
  beforeAll(async () => {
    const bundle = await rolldown({
      input: fileURLToPath(new URL('page.ts', import.meta.url)),
      platform: 'browser',
      transform: { define: { 'process.env.NODE_ENV': '"production"' } },
    })
    const { output } = await bundle.generate({ format: 'esm' })
    script = output[0].code
    browser = await chromium.launch({
      executablePath: chromiumPath,
      args: chromiumArgs('MAP *.localhost 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'),
    })
  }, 60_000)

  afterAll(() => browser?.close())

  it.each(kits)('keeps two tabs in one session, by %s', async (kit) => {
    const { at, events } = await serve()
    const context = await openContext()
    const address = at('shop.localhost', `/?kit=${kit}`)
    const [first, second] = await Promise.all([openTab(context, address), openTab(context, address)])
    // The first writes of a page begin one session, and those after a sign-out another one.
    for (let round = 0; round < 2; round++) {
      events.length = 0
      const answers = await setAll(first, 5)
      expect(answers).toMatchObject(answers.map(() => ({ setSessionKey: { created: true } })))
      expect(createdIn(events)).toBe(1)
      expect(await cookiesIn(context)).toHaveLength(1)

      await ask(first, 'mutation { login(as: "ada") }')
      await shows(second, 'ada')
      const { session } = await ask(second, keysOf)
      expect(session.keys).toHaveLength(5)
      await ask(second, 'mutation { logout { flushed } }')
      await shows(first, 'nobody')
      expect(await ask(first, keysOf)).toMatchObject({ session: { keys: [] } })
      // So that the next writes come without a cookie, too.
      await context.clearCookies()
    }
  })

  it('begins a session each by the first writes of a page that does not join them', async () => {
    const { at, events } = await serve()
    const page = await openTab(await openContext(), at('shop.localhost', '/?separate'))
    await setAll(page, 5)
    expect(createdIn(events)).toBeGreaterThan(1)
  })

  describe('beside a page of a name below its own that sets the cookie with another path', () => {
    /** Somebody signs in, and visits the neighbour from time to time. */
    async function signIn() {
      const shop = await serve()
      const context = await openContext()
      const page = await openTab(context, shop.at('shop.localhost'))
      await ask(page, 'mutation { login(as: "ada") }')
      const { name, value } = (await context.cookies())[0]!
      let planted = ''
      const neighbour = await listen((_: IncomingMessage, response: ServerResponse) => {
        response.setHeader('set-cookie', `${name}=${planted}; Domain=shop.localhost; Max-Age=86400`)
        response.setHeader('content-type', 'text/html').end('<title>neighbour</title>')
      })
      onTestFinished(neighbour.close)
      /** Has the neighbour set the cookie, and goes back to the shop. */
      const meet = async (token: string, path: string): Promise<void> => {
        given.add(token)
        planted = `${token}; Path=${path}`
        await page.goto(neighbour.url.replace('127.0.0.1', 'evil.shop.localhost'))
        const before = await cookiesIn(context)
        expect(before).toContainEqual(`.shop.localhost${path} ${token}`)
        await page.goto(shop.at('shop.localhost'))
        await page.waitForFunction('document.title')
        expect(await cookiesIn(context)).toEqual(before)
      }
      return { ...shop, context, page, meet, own: value }
    }

    it('is nobody beside another session, and changes nothing', async () => {
      const { meet, events, context, page, url } = await signIn()
      const eve = new Client(url)
      await eve.run('mutation { login(as: "eve") }')
      for (const path of ['/graphql', '/']) {
        events.length = 0
        await meet(eve.token!, path)
        await shows(page, 'nobody')
        expect(events).toContainEqual({ type: 'rejected', reason: 'ambiguous' })
        const before = await cookiesIn(context)
        for (const field of [
          'setSessionKey(key: "item:1", value: true) { created }',
          'logout { flushed }',
          'login(as: "ada")',
        ]) {
          expect(await ask(page, `mutation { ${field} }`)).toEqual(['SESSION_AMBIGUOUS'])
        }
        expect(await cookiesIn(context)).toEqual(before)
        expect(createdIn(events)).toBe(0)
      }
    })

    it('stays signed in beside one that has ended, that is malformed, or that is its own', async () => {
      const { meet, page, own } = await signIn()
      for (const token of [mint(), 'malformed', own]) {
        await meet(token, '/graphql')
        await shows(page, 'ada')
        expect(await ask(page, set(1))).toHaveProperty('setSessionKey')
      }
    })
  })
})
