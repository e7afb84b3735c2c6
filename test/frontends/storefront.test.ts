import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import config from '../../examples/storefront/session.config.ts'
import { assembleServer } from '../../src/server/create-session-server.ts'
import { StaticSite } from '../../src/server/static-site.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { chromiumArgs } from '../support/chromium.ts'
import { Client, listen } from '../support/harness.ts'
import { chromiumPath, needs } from '../support/needs.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const app = join(root, 'examples/storefront/app')
const phone = { width: 390, height: 844 }

/** Expects something of a page that has a moment to come to it. */
function soon(look: () => Promise<unknown>) {
  return expect.poll(look, { timeout: 10_000 })
}

let dist: string
let url: string
let close: () => Promise<unknown>

beforeAll(async () => {
  dist = await mkdtemp(join(tmpdir(), 'graphql-session-storefront-'))
  // As `npm ci` builds it. In this process, Vite would take React and Apollo Client as they are for development.
  const options = ['build', app, '--outDir', dist, '--emptyOutDir', '--logLevel', 'warn']
  await promisify(execFile)(join(root, 'node_modules/.bin/vite'), options, {
    env: { ...process.env, NODE_ENV: 'production' },
  })
  const log = (line: string): void => expect.unreachable(line)
  const site = new StaticSite(dist, { graphqlEndpoint: '/graphql', log })
  const server = assembleServer({ ...config, store: memoryStore({ max: 1000 }) }, site.plugin)
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
    /** Goes on by Tab to what has a name. */
    const reach = async (name: string): Promise<void> => {
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
    await reach('Dark mode')
    await page.keyboard.press('Space')
    await soon(() => themeOf(page)).toBe('dark')
    await reach('Sign in')
    await page.keyboard.press('Enter')
    await reach('Username')
    await reach('Password')
    await page.keyboard.type('lovelace')
    await page.keyboard.press('Enter')
    await page.getByText('Welcome, Ada Lovelace.').waitFor()
    await soon(() => page.evaluate('document.activeElement.className')).toBe('account')
    await reach('EUR')
    await page.keyboard.press('ArrowRight')
    await reach('Add Tea')
    await page.keyboard.press('Enter')
    await soon(() => linesOf(page)).toEqual(['1 Tea, 100 g $9.90 ×'])
    await reach('Remove Tea')
    await page.keyboard.press('Enter')
    await soon(() => linesOf(page)).toEqual([expect.stringMatching(/^Nothing yet/)])
    expect(await page.evaluate('document.activeElement.id')).toBe('cart')
    await reach('Write user_id')
    await page.keyboard.press('Enter')
    await page.getByText('SESSION_KEY_FORBIDDEN', { exact: true }).waitFor()
    await reach('Dismiss')
    await page.keyboard.press('Enter')
    await soon(() => page.getByText('Welcome').count()).toBe(0)
    await page.getByRole('button', { name: 'Ada Lovelace' }).focus()
    await page.keyboard.press('Enter')
    await reach('Sign out')
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
    expect(await handleOf(one)).toBe(await handleOf(two))
  })

  it('asks once more in a second tab for what changes while it asks', async () => {
    const { open } = await visitor()
    const one = await open()
    await add(one, 'Tea')
    await soon(() => linesOf(one)).toEqual(['1 Tea, 100 g €8.90 ×'])
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
    await soon(() => linesOf(one)).toEqual(['3 Tea, 100 g €26.70 ×'])
    released.resolve()
    await soon(() => linesOf(two)).toEqual(['3 Tea, 100 g €26.70 ×'])
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
