import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import {
  type Browser,
  type BrowserContextOptions,
  chromium,
  type Page,
  type Request,
  type Route,
} from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import config from '../../examples/storefront/session.config.ts'
import { assembleServer } from '../../src/server/create-session-server.ts'
import { StaticSite } from '../../src/server/static-site.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { chromiumArgs } from '../support/chromium.ts'
import { Client, listen } from '../support/harness.ts'
import { chromiumPath, needs, skippedIf } from '../support/needs.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const app = join(root, 'examples/storefront/app')
const onlyInCI = skippedIf(!process.env['CI'], 'it opens two more pages: done in CI and with CI=1')
const phone = { width: 390, height: 844 }

/** Expects something of a page that has a moment to come to it. */
function soon(look: () => Promise<unknown>) {
  return expect.poll(look, { timeout: 10_000 })
}

let dist: string
let url: string
let close: () => Promise<unknown>
/** Milliseconds by which the clock of the server is ahead. */
let ahead = 0

beforeAll(async () => {
  dist = await mkdtemp(join(tmpdir(), 'graphql-session-storefront-'))
  // As `npm ci` builds it. In this process, Vite would take React and Apollo Client as they are for development.
  const command = ['build', app, '--outDir', dist, '--emptyOutDir', '--logLevel', 'warn']
  await promisify(execFile)(join(root, 'node_modules/.bin/vite'), command, {
    env: { ...process.env, NODE_ENV: 'production' },
  })
  const log = (line: string): void => expect.unreachable(line)
  const site = new StaticSite(dist, { graphqlEndpoint: '/graphql', log })
  const options = { store: memoryStore({ max: 1000 }), clock: () => Date.now() + ahead }
  const server = assembleServer({ ...config, ...options }, site.plugin)
  const listening = await listen(site.before(server))
  url = new URL('/', listening.url).href
  close = listening.close
}, 30_000)
afterAll(async () => {
  await close()
  await rm(dist, { recursive: true })
})

describe('what the page asks the server for', () => {
  const visitor = () => new Client(`${url}graphql`)
  const look = '{ session { rights { key may } hidden keys } }'
  const add = 'mutation { addToCart(sku: "tea") { session { handle } } }'
  const replay = 'mutation { replayOldCookie { answer setsCookie session { handle } } }'

  it('names the rights on what it may read, and counts what it may not', async () => {
    const client = visitor()
    const rights = [
      { key: 'dark_mode', may: ['READ', 'WRITE', 'DELETE'] },
      { key: 'shopping_cart', may: ['READ', 'DELETE'] },
      { key: 'currency', may: ['READ', 'WRITE', 'DELETE'] },
      { key: 'user_id', may: ['READ', 'DELETE'] },
    ]
    expect((await client.run(look)).data).toEqual({ session: { rights, hidden: 0, keys: [] } })
    await client.run('mutation { login(username: "ada", password: "wrong") { failedAttempts } }')
    await client.run('mutation { setSessionKey(key: "pref:size", value: 1) { created } }')
    expect((await client.run(look)).data).toEqual({ session: { rights, hidden: 1, keys: ['pref:size'] } })
  })

  it('has the cookie that was replaced refused', async () => {
    const client = visitor()
    expect((await client.run(replay)).codes).toEqual(['BAD_USER_INPUT'])
    const before = (await client.run(add)).data.addToCart.session.handle
    const { data } = await client.run(replay)
    const { answer, setsCookie, session } = data.replayOldCookie
    expect(answer.data).toEqual({ session: { handle: null, user: null } })
    expect(answer.errors[0].extensions.code).toBe('SESSION_MOVED')
    expect(setsCookie).toBe(false)
    expect(session.handle).not.toBe(before)
    expect((await client.run(look)).data.session.keys).toEqual(['shopping_cart'])
  })

  it('leaves GraphiQL where it was', async () => {
    const page = await fetch(`${url}graphql`, { headers: { accept: 'text/html' } })
    expect(await page.text()).toMatch(/graphiql/i)
  })
})

describe('the storefront in Chromium', needs('chromium'), () => {
  let browser: Browser

  beforeAll(async () => {
    const args = chromiumArgs('MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1')
    browser = await chromium.launch({ executablePath: chromiumPath, args })
  }, 30_000)
  afterAll(() => browser?.close())

  /** A visitor, whose pages may neither complain nor ask another host. */
  async function visitor(options: BrowserContextOptions = {}) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options })
    context.setDefaultTimeout(10_000)
    const flaws: string[] = []
    context.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) flaws.push(message.text())
    })
    context.on('weberror', (error) => flaws.push(error.error().message))
    context.on('request', (request) => {
      if (!request.url().startsWith(url)) flaws.push(request.url())
    })
    onTestFinished(async () => {
      await context.close()
      expect(flaws).toEqual([])
    })
    const open = async () => {
      const page = await context.newPage()
      await page.goto(url)
      await page.getByRole('button', { name: 'Add Tea' }).waitFor()
      return page
    }
    return { context, open }
  }

  const add = (page: Page, what: string) => page.getByRole('button', { name: `Add ${what}` }).click()
  const linesOf = async (page: Page): Promise<string[]> =>
    (await page.locator('.lines li').allInnerTexts()).map((line) => line.replaceAll('\n', ' '))
  const themeOf = (page: Page) => page.evaluate('document.documentElement.dataset.theme')
  const handleOf = (page: Page) => page.getByTestId('handle').innerText()
  const cookieFate = (page: Page) => page.locator('.fate').innerText()

  async function signIn(page: Page, password = 'lovelace'): Promise<void> {
    await page.getByRole('button', { name: 'Sign in' }).first().click()
    await page.getByLabel('Password').fill(password)
    await page.getByLabel('Password').press('Enter')
  }

  /** Goes on by Tab to what has a name. */
  async function reach(page: Page, name: string): Promise<void> {
    const focused = (): Promise<string> =>
      page.evaluate(
        `(({ ariaLabel, labels, textContent }) => ariaLabel || labels?.[0]?.textContent || textContent)(document.activeElement === document.body ? {} : document.activeElement) ?? ''`,
      )
    for (let steps = 0; !(await focused()).includes(name); steps++) {
      expect(steps, name).toBeLessThan(40)
      await page.keyboard.press('Tab')
    }
    const ring = '(({ outlineStyle }) => outlineStyle)(getComputedStyle(document.activeElement))'
    expect(await page.evaluate(ring), name).toBe('solid')
  }

  const login = 'mutation { login(username: "ada", password: "lovelace") { user { id } } }'

  /** A client that is signed in, and ends all that other tests have left signed in. */
  async function alone(): Promise<Client> {
    const client = new Client(`${url}graphql`)
    await client.run(login)
    await client.run('mutation { revokeOtherSessions { count } }')
    return client
  }

  async function listDevices(page: Page) {
    await page.getByRole('button', { name: 'Ada Lovelace' }).click()
    await page.getByRole('button', { name: 'Your devices' }).click()
    const dialog = page.getByRole('dialog', { name: 'Your devices' })
    await dialog.getByText('This device').waitFor()
    return dialog
  }

  it('is used by clicking', async () => {
    const page = await (await visitor()).open()
    expect(await handleOf(page)).toMatch(/^none yet/)
    expect(await cookieFate(page)).toMatch(/^None/)
    await add(page, 'Tea')
    await soon(() => cookieFate(page)).toMatch(/^Set/)
    const row = page.getByRole('row', { name: 'shopping_cart' })
    await row.getByText('CartItem:tea').waitFor()
    expect(await row.locator('abbr').allInnerTexts()).toEqual(['R', '·', 'D'])
    const left = page.getByRole('timer')
    expect(await left.innerText()).toMatch(/^(?:14 d 00:00:00|13 d 23:59:5\d)$/)
    const atFirst = await left.innerText()
    await soon(() => left.innerText()).not.toBe(atFirst)
    await add(page, 'Tea')
    await add(page, 'Analytical engine')
    await soon(() => linesOf(page)).toEqual(['2 Tea, 100 g €17.80 ×', '1 Analytical engine €17,000.00 ×'])
    expect(await cookieFate(page)).toBe('Unchanged.')
    await page.getByLabel('USD').click()
    await soon(() => linesOf(page)).toEqual(['2 Tea, 100 g $19.80 ×', '1 Analytical engine $19,000.00 ×'])
    await page.getByRole('button', { name: 'Remove Analytical' }).click()
    await soon(() => linesOf(page)).toEqual(['2 Tea, 100 g $19.80 ×'])
    expect(await page.locator('.total').innerText()).toContain('$19.80')
    await page.getByRole('switch', { name: 'Dark mode' }).click()
    await soon(() => themeOf(page)).toBe('dark')

    const before = await handleOf(page)
    await signIn(page, 'wrong')
    await page.getByRole('alert').getByText('Unknown username or wrong password.').waitFor()
    await page.getByText('1 entry is hidden from you.').waitFor()
    await page.getByLabel('Password').fill('lovelace')
    await page.getByLabel('Password').press('Enter')
    await page.getByText('Welcome, Ada Lovelace. Wrong passwords before this one: 1.').waitFor()
    await page.getByText('No entry is hidden from you.').waitFor()
    expect(await cookieFate(page)).toMatch(/^Replaced: a new secret/)
    const after = await handleOf(page)
    expect(after).not.toBe(before)
    expect(await page.getByLabel('Last operation').innerText()).toContain('"password":"…"')

    await page.reload()
    await page.getByRole('button', { name: 'Ada Lovelace' }).waitFor()
    expect(await linesOf(page)).toEqual(['2 Tea, 100 g $19.80 ×'])
    expect(await themeOf(page)).toBe('dark')
    expect(await page.getByText('Welcome').count()).toBe(0)
    expect(await handleOf(page)).toBe(after)

    await page.getByRole('button', { name: 'Ada Lovelace' }).click()
    await page.getByRole('button', { name: 'Sign out', exact: true }).click()
    await page.getByRole('button', { name: 'Sign in' }).first().waitFor()
    expect(await linesOf(page)).toEqual([expect.stringMatching(/^Nothing yet/)])
    expect([await themeOf(page), await page.getByLabel('USD').isChecked()]).toEqual(['dark', true])
    expect(await handleOf(page)).not.toBe(after)

    await signIn(page)
    await page.getByRole('button', { name: 'Ada Lovelace' }).click()
    await page.getByRole('button', { name: 'forget this device' }).click()
    await soon(() => themeOf(page)).toBe('light')
    expect(await cookieFate(page)).toMatch(/^Replaced: the old session is deleted/)
    expect(await page.getByLabel('EUR').isChecked()).toBe(true)
  })

  it('is used by keyboard', async () => {
    const page = await (await visitor()).open()
    await reach(page, 'Dark mode')
    await page.keyboard.press('Space')
    await soon(() => themeOf(page)).toBe('dark')
    await reach(page, 'Sign in')
    await page.keyboard.press('Enter')
    await reach(page, 'Username')
    await reach(page, 'Password')
    await page.keyboard.type('lovelace')
    await page.keyboard.press('Enter')
    await page.getByText('Welcome, Ada Lovelace.').waitFor()
    await soon(() => page.evaluate('document.activeElement.className')).toBe('account')
    await reach(page, 'EUR')
    await page.keyboard.press('ArrowRight')
    await reach(page, 'Add Tea')
    await page.keyboard.press('Enter')
    await soon(() => linesOf(page)).toEqual(['1 Tea, 100 g $9.90 ×'])
    await reach(page, 'Remove Tea')
    await page.keyboard.press('Enter')
    await soon(() => linesOf(page)).toEqual([expect.stringMatching(/^Nothing yet/)])
    expect(await page.evaluate('document.activeElement.id')).toBe('cart')
    await reach(page, 'Write user_id')
    await page.keyboard.press('Enter')
    await page.getByText('SESSION_KEY_FORBIDDEN', { exact: true }).waitFor()
    await reach(page, 'Dismiss')
    await page.keyboard.press('Enter')
    await soon(() => page.getByText('Welcome').count()).toBe(0)
    await page.getByRole('button', { name: 'Ada Lovelace' }).focus()
    await page.keyboard.press('Enter')
    await reach(page, 'Sign out')
    await page.keyboard.press('Enter')
    await page.getByText('Signed out.').waitFor()
  })

  it('has a second tab that follows, and two tabs that add at once lose nothing', async () => {
    const { open } = await visitor()
    const one = await open()
    await add(one, 'Tea')
    await soon(() => linesOf(one)).toEqual(['1 Tea, 100 g €8.90 ×'])
    const two = await open()
    await Promise.all([one, two, one, two, one, two].map((page) => add(page, 'Tea')))
    for (const page of [one, two]) {
      await soon(() => linesOf(page)).toEqual(['7 Tea, 100 g €62.30 ×'])
    }
    await two.getByRole('switch').click()
    await soon(() => themeOf(one)).toBe('dark')
    await signIn(one)
    await two.getByRole('button', { name: 'Ada Lovelace' }).waitFor()
    await two.getByRole('button', { name: 'Ada Lovelace' }).click()
    await two.getByRole('button', { name: 'Sign out', exact: true }).click()
    await one.getByRole('button', { name: 'Sign in' }).first().waitFor()
    await soon(() => linesOf(one)).toEqual([expect.stringMatching(/^Nothing yet/)])
    // The answer to the sign-out may be on its way to the tab that has sent it.
    await soon(async () => (await handleOf(one)) === (await handleOf(two))).toBe(true)
  })

  it(
    'shows the answer to a sign-out also where a query fails that was under way with it',
    onlyInCI,
    async () => {
      const { context, open } = await visitor()
      const page = await open()
      await signIn(page)
      await page.getByRole('button', { name: 'Ada Lovelace' }).waitFor()
      const cookie = (await context.cookies()).map(({ name, value }) => `${name}=${value}`).join('; ')
      const isQuery = (request: Request): boolean => request.postData()?.includes('query Storefront') ?? false
      const held = Promise.withResolvers<Route>()
      let isHeld = false
      await page.route(/graphql/, (route) => {
        if (isHeld || !isQuery(route.request())) return route.continue()
        isHeld = true
        return held.resolve(route)
      })
      await page.evaluate(`document.dispatchEvent(new Event('visibilitychange'))`)
      const query = await held.promise
      const before = await handleOf(page)
      await page.getByRole('button', { name: 'Ada Lovelace' }).click()
      await Promise.all([
        page.waitForResponse((response) => response.request().postData()?.includes('SignOut') ?? false),
        page.getByRole('button', { name: 'Sign out', exact: true }).click(),
      ])
      const late = await fetch(`${url}graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', cookie },
        body: query.request().postData(),
      })
      const body = await late.text()
      expect(body).toContain('SESSION_GONE')
      await query.fulfill({ status: late.status, contentType: 'application/json', body })
      await page.getByRole('button', { name: 'Sign in' }).first().waitFor()
      expect(await handleOf(page)).not.toBe(before)
    },
  )

  it('has a second tab that is told of what changes, and asks for nothing', async () => {
    const { open } = await visitor()
    const one = await open()
    await add(one, 'Tea')
    await soon(() => linesOf(one)).toEqual(['1 Tea, 100 g €8.90 ×'])
    const two = await open()
    // Its stream may begin only now.
    await add(one, 'Tea')
    await soon(() => linesOf(two)).toEqual(['2 Tea, 100 g €17.80 ×'])
    const asked: string[] = []
    two.on('request', (request) => asked.push(request.postData() ?? request.url()))
    await one.bringToFront()
    await add(one, 'Tea')
    await soon(() => linesOf(two)).toEqual(['3 Tea, 100 g €26.70 ×'])
    await one.getByLabel('USD').click()
    await soon(() => two.getByLabel('USD').isChecked()).toBe(true)
    expect(asked).toEqual([])
  })

  it(
    'follows again what has changed while it was hidden, and holds no connection then',
    onlyInCI,
    async () => {
      const { open } = await visitor()
      const one = await open()
      await add(one, 'Tea')
      await soon(() => linesOf(one)).toEqual(['1 Tea, 100 g €8.90 ×'])
      const two = await open()
      const turn = (state: string) =>
        two.evaluate(`Object.defineProperty(document, 'visibilityState', { configurable: true, value: '${state}' })
        document.dispatchEvent(new Event('visibilitychange'))`)
      const stream = /subscription/
      await Promise.all([
        two.waitForEvent('requestfailed', (request) => stream.test(request.url())),
        turn('hidden'),
      ])
      const begun: string[] = []
      two.on('request', (request) => begun.push(request.url()))
      await add(one, 'Tea')
      await soon(() => linesOf(two)).toEqual(['2 Tea, 100 g €17.80 ×'])
      expect(begun).toEqual([`${url}graphql`])
      await Promise.all([two.waitForResponse(stream), turn('visible')])
      await one.getByRole('switch').click()
      await soon(() => themeOf(two)).toBe('dark')
    },
  )

  it('asks once more in a second tab for what changes while it asks', async () => {
    const { open } = await visitor()
    const one = await open()
    const two = await open()
    const [asked, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    await two.route('**/graphql', async (route) => {
      const response = await route.fetch()
      asked.resolve()
      await released.promise
      await route.fulfill({ response })
    })
    await add(one, 'Tea')
    await asked.promise
    await add(one, 'Tea')
    await soon(() => linesOf(one)).toEqual(['2 Tea, 100 g €17.80 ×'])
    released.resolve()
    await soon(() => linesOf(two)).toEqual(['2 Tea, 100 g €17.80 ×'])
  })

  it('lists the devices of a user, and one that is ended elsewhere falls back by itself', async () => {
    await alone().then((client) => client.run('mutation { logout { flushed } }'))
    const handheld = {
      viewport: phone,
      userAgent: 'Mozilla/5.0 (iPhone; CPU iPhone OS 26_0 like Mac OS X) Safari/604.1',
    }
    const onPhone = await visitor(handheld)
    const [here, there] = [await (await visitor()).open(), await onPhone.open()]
    await signIn(here)
    await here.getByText('Welcome').waitFor()
    await there.getByRole('switch').click()
    await add(there, 'Tea')
    await signIn(there)
    await there.getByText('Welcome').waitFor()

    const dialog = await listDevices(here)
    const rows = async () =>
      (await dialog.getByRole('listitem').allInnerTexts()).map((row) => row.replaceAll(/\s+/g, ' '))
    const at = String.raw`Signed in \w+ \d+, \d+:\d+ [AP]M Last seen \w+ \d+, \d+:\d+ [AP]M`
    expect(await rows()).toEqual([
      expect.stringMatching(`^Safari on iPhone ${at} End$`),
      expect.stringMatching(`^Chrome on Linux This device ${at}$`),
    ])
    await dialog.getByRole('button', { name: 'End Safari on iPhone' }).click()
    await there.getByRole('button', { name: 'Sign in' }).first().waitFor({ timeout: 2000 })
    await there.getByText('You were signed out, in another tab or by another device.').waitFor()
    expect(await linesOf(there)).toEqual([expect.stringMatching(/^Nothing yet/)])
    await dialog.getByText('One device was signed out.').waitFor()
    expect(await rows()).toEqual([expect.stringMatching('^Chrome on Linux This device')])
    expect(await dialog.getByRole('button', { name: 'everywhere else' }).isDisabled()).toBe(true)

    await add(there, 'Notes')
    await soon(() => linesOf(there)).toEqual(['1 Notes on the engine €12.50 ×'])
    expect(await themeOf(there)).toBe('light')
    await signIn(there)
    await there.getByText('Welcome').waitFor()
    await here.getByRole('button', { name: 'Close' }).click()
    expect(await here.evaluate('document.activeElement.className')).toBe('account')
  })

  it('ends the other devices after a fresh password, by keyboard, and moves nothing', async () => {
    const [other, page] = [await (await visitor()).open(), await (await visitor()).open()]
    await alone().then((client) => client.run('mutation { logout { flushed } }'))
    for (const each of [other, page]) {
      await signIn(each)
      await each.getByText('Welcome').waitFor()
    }
    const there = await listDevices(other)
    ahead += 60_001
    await page.getByRole('button', { name: 'Ada Lovelace' }).focus()
    await page.keyboard.press('Enter')
    await reach(page, 'Your devices')
    await page.keyboard.press('Enter')
    const dialog = page.getByRole('dialog', { name: 'Your devices' })
    const box = await dialog.boundingBox()
    await dialog.getByText('This device').waitFor()
    await reach(page, 'Sign out everywhere else')
    await page.keyboard.press('Enter')
    await dialog.getByText('it was a minute or more ago').waitFor()
    expect(await dialog.boundingBox()).toEqual(box)
    await reach(page, 'Your password')
    await page.keyboard.type('wrong')
    await page.keyboard.press('Enter')
    await dialog.getByRole('alert').getByText('Wrong password.').waitFor()
    await reach(page, 'Your password')
    await page.keyboard.press('Control+A')
    await page.keyboard.type('lovelace')
    await page.keyboard.press('Enter')
    await dialog.getByText('One device was signed out.').waitFor()
    expect(await dialog.boundingBox()).toEqual(box)
    expect(await page.evaluate('document.activeElement.id')).toBe('devices')
    await there.waitFor({ state: 'detached', timeout: 2000 })
    await other.getByText('You were signed out').waitFor()
    expect(await other.evaluate('document.activeElement.className')).toBe('account')
    await page.keyboard.press('Escape')
    await soon(() => page.evaluate('document.activeElement.className')).toBe('account')
    await page.getByRole('button', { name: 'Ada Lovelace' }).waitFor()
  })

  it('shows the latest of two answers, also where the first one is late', async () => {
    const { context, open } = await visitor()
    const page = await open()
    await add(page, 'Tea')
    await soon(() => linesOf(page)).toEqual(['1 Tea, 100 g €8.90 ×'])
    const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    let sent = 0
    await context.route('**/graphql', async (route) => {
      const isFirst = ++sent === 1
      const response = await route.fetch()
      // The second one is not sent before the first is answered, and so cannot be waited for.
      if (isFirst) await Promise.race([second.promise, setTimeout(300)])
      await route.fulfill({ response })
      if (isFirst) first.resolve()
      else second.resolve()
    })
    await Promise.all([add(page, 'Tea'), add(page, 'Tea')])
    await Promise.all([first.promise, second.promise])
    await soon(() => linesOf(page)).toEqual(['3 Tea, 100 g €26.70 ×'])
    // An answer that is shown late would be there by then.
    await page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))')
    expect(await linesOf(page)).toEqual(['3 Tea, 100 g €26.70 ×'])
  })

  it('cannot be broken', async () => {
    const page = await (await visitor()).open()
    const attack = async (name: string) => {
      await page.getByRole('button', { name }).click()
      const answer = page.getByLabel(`Answer to: ${name}`)
      await soon(() => answer.innerText()).not.toBe('')
      return JSON.parse(await answer.innerText())
    }
    // Also where nobody has a cookie yet: a hundred first writes are in one session.
    expect(await attack('A hundred adds at once')).toEqual({
      sent: 100,
      accepted: 100,
      before: 0,
      after: 100,
      added: 100,
    })
    expect(await linesOf(page)).toEqual(['100 Tea, 100 g €890.00 ×'])
    const before = await handleOf(page)
    expect((await attack('Write user_id')).errors).toMatchObject([
      { extensions: { code: 'SESSION_KEY_FORBIDDEN' } },
    ])
    const { data, errors } = await attack('Replay the old cookie')
    expect(data).toEqual({ session: { handle: null, user: null } })
    expect(errors[0].extensions.code).toBe('SESSION_MOVED')
    expect(await handleOf(page)).not.toBe(before)
    expect(await linesOf(page)).toEqual(['100 Tea, 100 g €890.00 ×'])
  })

  it.each([
    ['a desktop', undefined],
    ['a phone', phone],
  ])('moves nothing, and shows no other theme, while the session is awaited on %s', async (_, viewport) => {
    const { context, open } = await visitor(viewport && { viewport })
    const page = await open()
    await add(page, 'Tea')
    await add(page, 'Notes')
    await page.getByRole('switch').click()
    await soon(() => themeOf(page)).toBe('dark')
    await signIn(page)
    await page.getByText('Welcome').waitFor()
    await context.route('**/graphql', async (route) => {
      await awaited
      await route.continue()
    })
    const { promise: awaited, resolve } = Promise.withResolvers<void>()
    await page.addInitScript(`
      globalThis.shifts = []
      globalThis.backgrounds = new Set()
      new PerformanceObserver((list) => shifts.push(...list.getEntries().map(({ value, sources }) =>
        value + ' ' + sources.map(({ node }) => node?.className || node?.nodeName)))).observe({ type: 'layout-shift', buffered: true })
      const look = () => {
        if (document.body) backgrounds.add(getComputedStyle(document.documentElement).backgroundColor)
        requestAnimationFrame(look)
      }
      look()`)
    await page.reload({ waitUntil: 'load' })
    await page.locator('.card.waiting').first().waitFor()
    await page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))')
    resolve()
    await page.getByRole('button', { name: 'Remove Notes' }).waitFor()
    await page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))')
    expect(await page.evaluate('shifts')).toEqual([])
    expect(await page.evaluate('[...backgrounds]')).toEqual(['rgb(21, 19, 17)'])
  })

  const views = [
    ['light', 'a desktop', 1280, 800],
    ['dark', 'a small phone', 320, 568],
    ...(process.env['CI']
      ? ([
          ['dark', 'a desktop', 1280, 800],
          ['light', 'a phone', 390, 844],
          ['light', 'a small phone', 320, 568],
          ['dark', 'a phone', 390, 844],
        ] as const)
      : []),
  ] as const
  it.each(views)('has nothing that axe finds, %s on %s', async (theme, _, width, height) => {
    const page = await (await visitor({ viewport: { width, height }, reducedMotion: 'reduce' })).open()
    // The policy of the page lets no script tag in. What the browser itself evaluates is none.
    await page.evaluate(await readFile(new URL(import.meta.resolve('axe-core/axe.min.js')), 'utf8'))
    const found = async () => {
      const { violations } = await page.evaluate<any>('axe.run()')
      return violations.map(({ id, nodes }: any) => `${id}: ${nodes.map(({ html }: any) => html).join()}`)
    }
    if (theme === 'dark') await page.getByRole('switch').click()
    await soon(() => themeOf(page)).toBe(theme)
    await add(page, 'Tea')
    await page.getByRole('button', { name: 'Sign in' }).first().click()
    expect(await found()).toEqual([])
    await page.getByLabel('Password').fill('lovelace')
    await page.getByLabel('Password').press('Enter')
    await page.getByText('Welcome').waitFor()
    const grip = page.getByRole('button', { name: 'Session' })
    if (await grip.isVisible()) await grip.click()
    expect(await found()).toEqual([])
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width)
    const small = `[...document.querySelectorAll('button, summary, label:has(:is(input[type=radio]))')]
        .filter((each) => each.checkVisibility())
        .map((each) => each.getBoundingClientRect()).filter((box) => box.width < 42 || box.height < 42).length`
    expect(await page.evaluate(small), 'targets smaller than a finger').toBe(0)

    await new Client(`${url}graphql`).run(login)
    ahead += 60_001
    const dialog = await listDevices(page)
    expect(await found()).toEqual([])
    await dialog.getByRole('button', { name: 'everywhere else' }).click()
    await dialog.getByLabel('Your password').waitFor()
    expect(await found()).toEqual([])
    expect(await page.evaluate(small), 'targets smaller than a finger').toBe(0)
    const { x, y, width: wide, height: high } = (await dialog.boundingBox())!
    expect([x >= 0, y >= 0, x + wide <= width, y + high <= height]).toEqual([true, true, true, true])
  })

  const pictures = [
    ['light', { viewport: { width: 1280, height: 800 } }],
    ['dark', { viewport: phone, deviceScaleFactor: 1.5 }],
  ] as const
  it.each(process.env['SCREENSHOT'] === '1' ? pictures : [])(
    'is shown in the README: %s',
    async (theme, options) => {
      const page = await (await visitor(options)).open()
      for (const what of ['Tea', 'Tea', 'Analytical engine']) await add(page, what)
      if (theme === 'dark') await page.getByRole('switch').click()
      await signIn(page)
      await page.getByRole('button', { name: 'Dismiss' }).click()
      if (theme === 'dark') await page.getByRole('button', { name: 'Session' }).click()
      await page.evaluate('document.activeElement.blur()')
      await page.screenshot({ path: join(root, `examples/storefront/storefront-${theme}.png`) })
    },
  )

  it('takes less than 150 kB the first time', async () => {
    const { context } = await visitor()
    const page = await context.newPage()
    const devtools = await context.newCDPSession(page)
    await devtools.send('Network.enable')
    let bytes = 0
    devtools.on('Network.loadingFinished', ({ encodedDataLength }) => (bytes += encodedDataLength))
    await page.goto(url)
    await page.getByRole('button', { name: 'Add Tea' }).waitFor()
    expect(bytes).toBeGreaterThan(50_000)
    expect(bytes).toBeLessThan(150_000)
  })
})
