import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Browser, chromium, type Page as Tab } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { chromiumArgs } from '../support/chromium.ts'
import { gate, given, listen } from '../support/harness.ts'
import { chromiumPath, needs, skippedIf } from '../support/needs.ts'
import { makeScript } from './bundle.ts'
import type { kits } from './clients.ts'
import { parts } from './documents.ts'
import type { Page, View } from './page.ts'
import { createShop } from './server.ts'
import { type Shows, steps } from './steps.ts'

type Kit = keyof typeof kits

/** What a client says in development, and what is not about what it shows. */
const notices: Partial<Record<Kit, RegExp>> = {
  // Of each list that gets shorter, whether its items have ids or not.
  apollo:
    /^Cache data may be lost when replacing the %s field of a %s object\.[^]* (cart|entries) Session {2}Session\.\1 (?:[[\], Object]+|[{}\d:, Object]+)$/,
}

let browser: Browser
let script: string

/** A visitor without a cookie, and what the console of the page and the server get to know. */
async function visit(kit: Kit, by: 'typed' | 'byKey') {
  const shop = createShop()
  const requests: string[] = []
  let held = Promise.resolve()
  const { url, close } = await listen(async (request: IncomingMessage, response: ServerResponse) => {
    if (request.url?.startsWith('/graphql')) {
      requests.push(request.url)
      await held
      return shop(request, response)
    }
    const isScript = request.url === '/page.js'
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html')
    const html = '<link rel="icon" href="data:,"><body></body><script type="module" src="/page.js"></script>'
    return response.end(isScript ? script : html)
  })
  onTestFinished(close)
  const context = await browser.newContext()
  onTestFinished(() => context.close())
  const tab = await context.newPage()
  const complaints: string[] = []
  tab.on('console', (message) => {
    const text = message.text()
    if (!notices[kit]?.test(text)) complaints.push(text)
  })
  tab.on('pageerror', (error) => complaints.push(String(error)))
  tab.on('request', (request) => {
    if (!request.url().startsWith(new URL(url).origin)) complaints.push(request.url())
  })
  const load = async (): Promise<View> => {
    await tab.goto(new URL(`/?kit=${kit}&by=${by}`, url).href)
    await tab.waitForFunction('globalThis.page', null, { timeout: 5000 }).catch((cause: unknown) => {
      throw new Error(`The page has not loaded. ${complaints.join('\n')}`, { cause })
    })
    for (const { value } of await context.cookies()) given.add(value)
    return tab.evaluate(() => (globalThis as unknown as { page: Page }).page.view())
  }
  return { tab, load, requests, complaints, hold: (until: Promise<void>) => void (held = until) }
}

const act = (tab: Tab, ...args: Parameters<Page['act']>): ReturnType<Page['act']> =>
  tab.evaluate((sent) => (globalThis as unknown as { page: Page }).page.act(...sent), args)

/** In the page, past its client. */
async function handleOfServer(): Promise<string | null> {
  const headers = { 'content-type': 'application/json' }
  const response = await fetch('/graphql', { method: 'POST', headers, body: '{"query":"{session{handle}}"}' })
  const { data } = (await response.json()) as { data: { session: { handle: string | null } } }
  return data.session.handle
}

describe('a page in Chromium, with a client as it comes', needs('chromium'), () => {
  beforeAll(async () => {
    script = await makeScript()
    browser = await chromium.launch({
      executablePath: chromiumPath,
      args: chromiumArgs('MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'),
    })
  }, 60_000)

  afterAll(() => browser?.close())

  /** Does all the steps. */
  async function play(kit: Kit, by: 'typed' | 'byKey') {
    const { tab, load, requests, complaints } = await visit(kit, by)
    const seen: unknown[] = []
    let handle: string | null | undefined
    for (const { what, loads, [by]: actions } of steps) {
      requests.length = 0
      let view: View = {}
      let codes: unknown[] = []
      for (const { name, variables = {} } of actions) ({ view, codes } = await act(tab, name, variables))
      if (loads) view = await load()
      const count = requests.length
      const stored = await tab.evaluate(handleOfServer)
      const next = view['handle'] || null
      const word = next === null ? 'none' : next === handle ? 'same' : 'another'
      const shows = { ...view, handle: next === stored ? word : 'a wrong one' }
      seen.push({ what, codes, shows, requests: count })
      handle = next
    }
    return { seen, complaints }
  }

  /** What `play` has to see. */
  function expected(kit: Kit, by: 'typed' | 'byKey'): unknown[] {
    const queries = by === 'typed' ? parts.length : 1
    let all: Partial<Shows> = {}
    return steps.map(({ what, loads, [by]: actions, shows, codes = [] }) => {
      all = { ...all, ...shows }
      const { handle, isNew, entries = '' } = all
      const keys = [...entries.matchAll(/(\w+): /g)].map(([, key]) => key).join(', ')
      // The cache of documents asks again after each mutation, unless it failed, and so sees the session stored.
      const asksAgain = kit === 'documents' && actions.length > 0
      const shown = by === 'typed' ? { ...all, keys } : { handle, isNew, keys, entries }
      return {
        what,
        codes,
        shows: asksAgain ? { ...shown, isNew: 'false' } : shown,
        requests:
          actions.length * (asksAgain && codes.length === 0 ? 1 + queries : 1) + (loads ? queries : 0),
      }
    })
  }

  it.each(['apollo', 'graphcache', 'documents', 'relay', 'tanstack'] as const)(
    'shows what the fields of Session hold: %s',
    async (kit) => {
      const { seen, complaints } = await play(kit, 'typed')
      expect(seen).toEqual(expected(kit, 'typed'))
      expect(complaints).toEqual([])
    },
  )

  const onlyInCI = skippedIf(!process.env['CI'], 'each of these takes seconds, and is tried in CI')

  it.each(['apollo', 'apolloTold', 'graphcache', 'documents', 'tanstack'] as const)(
    'shows what its keys hold: %s',
    onlyInCI,
    async (kit) => {
      const { seen, complaints } = await play(kit, 'byKey')
      expect(seen).toEqual(expected(kit, 'byKey'))
      expect(complaints).toEqual([])
    },
  )

  it.each(['apollo', 'graphcache', 'relay', 'tanstack'] as const)(
    'shows the visitor after a logout that selects nothing, until the client begins anew: %s',
    onlyInCI,
    async (kit) => {
      const { tab, load, requests, complaints } = await visit(kit, 'typed')
      await load()
      await act(tab, 'add', { sku: 'engine', quantity: 1 })
      const { view } = await act(tab, 'login', { password: 'lovelace' })
      expect(view).toMatchObject({ user: 'Ada', cart: '1 engine' })
      expect((await act(tab, 'leave', {})).view).toEqual(view)
      requests.length = 0
      expect(await tab.evaluate(() => (globalThis as unknown as { page: Page }).page.begin())).toEqual({
        ...view,
        user: 'nobody',
        cart: '',
        keys: '',
        entries: '',
        isNew: 'false',
        handle: await tab.evaluate(handleOfServer),
      })
      expect(requests).toHaveLength(parts.length + 1)
      expect(complaints).toEqual([])
    },
  )

  it.each(['apollo', 'graphcacheGuesses', 'relay', 'tanstack'] as const)(
    'shows a change before the server has answered, and takes it back if the server refuses: %s',
    async (kit) => {
      const { tab, load, hold, requests, complaints } = await visit(kit, 'typed')
      expect(await load()).toMatchObject({ settings: 'light, EUR' })

      /** Sends a change of darkMode among others. @returns what is shown while it is under way, and afterwards */
      async function turn(darkMode: boolean, others = {}) {
        const answer = gate()
        hold(answer.promise)
        const sent = tab.waitForRequest('**/graphql')
        const done = act(tab, 'dark', { data: { darkMode, ...others } }, { darkMode })
        await sent
        const meanwhile = await tab.evaluate(() => (globalThis as unknown as { page: Page }).page.view())
        answer.resolve()
        return { meanwhile, ...(await done) }
      }
      expect(await turn(true)).toMatchObject({
        meanwhile: { settings: 'dark, EUR', cart: '' },
        view: { settings: 'dark, EUR', cart: '' },
        codes: [],
      })
      const tooMuch = [{ id: 'CartItem:engine', sku: 'engine'.repeat(2000), quantity: 1 }]
      expect(await turn(false, { cart: tooMuch })).toMatchObject({
        meanwhile: { settings: 'light, EUR', cart: '' },
        view: { settings: 'dark, EUR', cart: '' },
        codes: ['SESSION_VALUE_TOO_LARGE'],
      })
      expect(requests).toHaveLength(parts.length + 2)
      expect(complaints).toEqual([])
    },
  )
})
