import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { type Browser, type BrowserContextOptions, chromium, type Locator, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import config from '../../examples/storefront/session.config.ts'
import manifest from '../../package.json' with { type: 'json' }
import { createSessionServer } from '../../src/server/create-session-server.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { chromiumArgs } from '../support/chromium.ts'
import { given, listen, seen } from '../support/harness.ts'
import { chromiumPath, needs } from '../support/needs.ts'
import { showIfFailed } from '../support/process-log.ts'

const root = new URL('../../', import.meta.url)
const patience = 60_000

const cart = [
  { sku: 'engine', quantity: 1 },
  { sku: 'cards', quantity: 3 },
]

describe('GraphiQL in Chromium', needs('chromium'), () => {
  let browser: Browser

  beforeAll(async () => {
    browser = await launchChromium()
  }, patience)

  afterAll(() => browser?.close())

  it('tells the story of its tabs', { timeout: 2 * patience }, async () => {
    const server = await startStorefront()
    const { page, complaints } = await openGraphiQL(browser, server.url)
    const titles = await page.getByRole('tab').allInnerTexts()
    const told: string[] = []
    const run = (title: string) => {
      told.push(title)
      return runTab(page, title)
    }
    expect(await numbersOf(page)).toEqual(titles.map((_, index) => `"${index + 1}"`))

    const { updateSessionData } = await run('SetDarkMode')
    const { handle } = updateSessionData.session
    expect(handle).toMatch(/^[\w-]{20,}$/)
    expect(updateSessionData.session).toEqual({ handle, isNew: true, darkMode: true })
    const cookie = await sessionCookie(page)
    expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Lax' })
    expect(await page.evaluate('document.cookie'), 'what a script can read').toBe('')

    expect(await run('Clear')).toEqual({ clearSession: { session: { handle, isEmpty: true, keys: [] } } })
    expect(await run('FillCart')).toEqual({
      updateSessionData: { session: { darkMode: true } },
      engine: { item: { quantity: 1 } },
      cards: { session: { handle, cart } },
    })
    expect((await sessionCookie(page)).value === cookie.value, 'the same cookie up to here').toBe(true)

    const { login } = await run('SignIn')
    expect(login).toMatchObject({
      user: { name: 'Ada Lovelace' },
      failedAttempts: 0,
      session: { keys: ['dark_mode', 'shopping_cart', 'user_id'] },
    })
    expect(login.session.handle).not.toBe(handle)
    const own = await sessionCookie(page)
    expect(own.value === cookie.value, 'the same cookie after the sign-in').toBe(false)

    expect(await run('Devices')).toEqual({
      mySessions: [
        {
          id: expect.any(String),
          current: true,
          signedInAt: expect.any(String),
          lastSeenAt: expect.any(String),
        },
      ],
    })

    told.push('WriteUserId')
    const { errors } = await execute(page, 'WriteUserId')
    expect(errors).toMatchObject([{ extensions: { code: 'SESSION_KEY_FORBIDDEN' } }])
    await page.getByRole('region', { name: 'Result Window' }).getByText('SESSION_KEY_FORBIDDEN').waitFor()
    expect(await run('DeleteDarkMode')).toEqual({
      deleteSessionKey: { deleted: true, session: { darkMode: false, keys: ['shopping_cart', 'user_id'] } },
    })
    expect(await run('PopCart')).toEqual({
      popSessionData: { popped: { cart }, session: { cart: [] } },
    })

    const { untilClose, anHour } = await run('SetExpiry')
    expect(untilClose.session).toMatchObject({ expiresAtBrowserClose: true })
    expect(untilClose.session.expiresIn).toBeGreaterThan(86_400)
    expect(anHour.session).toMatchObject({ expiresAtBrowserClose: false })
    expect(anHour.session.expiresIn).toBeGreaterThan(3590)
    expect(anHour.session.expiresIn).toBeLessThan(3601)
    // The cookie lasts until the absolute deadline. The server judges the other ones.
    expect((await sessionCookie(page)).expires - Date.now() / 1000).toBeGreaterThan(89 * 86_400)

    expect(await run('Look')).toMatchObject({
      session: {
        user: { name: 'Ada Lovelace' },
        cart: [],
        handle: login.session.handle,
        isNew: false,
        isEmpty: false,
        entries: [{ key: 'user_id', value: '1' }],
      },
    })
    told.push('Follow')
    await tabButton(page, 'Follow').click()
    await page.waitForURL(({ searchParams }) => searchParams.get('query')?.includes('Follow {') ?? false)
    await page.getByRole('button', { name: 'Execute query' }).click()
    const event = { data: { sessionChanged: { handle: login.session.handle, keys: ['user_id'] } } }
    await expect.poll(() => shownAnswer(page), { timeout: patience }).toEqual(event)
    await page.getByRole('button', { name: 'Stop query' }).click()

    expect(await run('LogoutKeepId')).toEqual({
      logout: { flushed: false, session: { handle: login.session.handle, isEmpty: true } },
    })
    expect((await sessionCookie(page)).value === own.value, 'the same cookie after a logout').toBe(true)

    const { logout } = await run('LogoutAndFlush')
    expect(logout).toMatchObject({ flushed: true, session: { isNew: true, isEmpty: true } })
    expect(logout.session.handle).not.toBe(login.session.handle)
    expect((await sessionCookie(page)).value === own.value, 'the same cookie after a flush').toBe(false)

    expect(told).toEqual(titles)
    expect(complaints).toEqual([])
    expect(await server.stop()).toBe(0)
  })

  it('opens a tab at the first click', { timeout: 2 * patience }, async () => {
    const { url } = await startStorefront()
    const { page } = await openGraphiQL(browser, url)
    await tabButton(page, 'FillCart').click()
    expect(await selectedTab(page)).toBe('FillCart')
  })

  it('shows the same tabs after a reload', { timeout: 2 * patience }, async () => {
    const { url } = await startStorefront()
    const { page } = await openGraphiQL(browser, url)
    const titles = await page.getByRole('tab').allInnerTexts()
    await reload(page)
    expect(await page.getByRole('tab').allInnerTexts()).toEqual(titles)
    await runTab(page, 'FillCart')
    await reload(page)
    expect(await page.getByRole('tab').allInnerTexts()).toEqual(titles)
    expect(await selectedTab(page)).toBe('FillCart')
  })

  it('starts over', { timeout: 2 * patience }, async () => {
    const { url } = await startStorefront()
    const { page, complaints } = await openGraphiQL(browser, url)
    const titles = await page.getByRole('tab').allInnerTexts()
    const startOver = page.getByRole('button', { name: 'Start over' })
    const questions: string[] = []
    let answer = false
    page.on('dialog', (dialog) => {
      questions.push(dialog.message())
      return answer ? dialog.accept() : dialog.dismiss()
    })

    await runTab(page, 'SignIn')
    await page.getByRole('tab', { selected: true }).getByRole('button', { name: 'Close Tab' }).click()
    expect(await page.getByRole('tab').count()).toBe(titles.length - 1)
    await Promise.all([answerTo(page, 'IntrospectionQuery'), startOver.click()])
    await expect.poll(() => page.getByRole('tab').allInnerTexts(), { timeout: patience }).toEqual(titles)
    expect(new URL(page.url()).search).toBe('')
    expect(await page.context().cookies()).toEqual([])
    expect(questions).toEqual([])

    await runTab(page, 'SetDarkMode')
    await sessionCookie(page)
    await page.getByRole('region', { name: 'Operation Editor' }).locator('.view-lines').click()
    await page.keyboard.press('Control+Home')
    await page.keyboard.insertText('# mine')
    await page.waitForURL(({ searchParams }) => searchParams.get('query')?.startsWith('# mine') ?? false)
    // GraphiQL stores its tabs half a second later.
    await expect.poll(() => page.evaluate('localStorage["graphiql:tabState"]')).toContain('# mine')
    await startOver.click()
    expect(questions).toHaveLength(1)
    expect(await page.evaluate('localStorage["graphiql:tabState"]')).toContain('# mine')
    answer = true
    await Promise.all([answerTo(page, 'IntrospectionQuery'), startOver.click()])
    await page.getByRole('tab').first().waitFor()
    expect(await page.evaluate('localStorage["graphiql:tabState"] ?? ""')).not.toContain('# mine')
    expect(await page.context().cookies()).toEqual([])
    expect(complaints).toEqual([])
  })

  it('takes 3 MB the first time, and 10 kB for a reload', { timeout: 2 * patience }, async () => {
    const shop = createSessionServer({ ...config, store: memoryStore({ max: 10 }) })
    const { url, server, close } = await listen(shop)
    onTestFinished(close)
    const sockets: Socket[] = []
    let pending = 0
    server.on('connection', (socket: Socket) => sockets.push(socket))
    server.on('request', (_, response: ServerResponse) => {
      pending += 1
      response.on('close', () => (pending -= 1))
    })
    const sent = (): number => sockets.reduce((sum, { bytesWritten }) => sum + bytesWritten, 0)
    const { page } = await openGraphiQL(browser, url)
    const settle = async () => {
      await expect.poll(() => [page.workers().length, pending], { timeout: patience }).toEqual([3, 0])
    }
    await settle()
    const first = sent()
    expect(first).toBeGreaterThan(1e6)
    expect(first).toBeLessThan(3e6)
    await reload(page)
    await settle()
    expect(sent() - first).toBeLessThan(10_000)
    await runTab(page, 'FillCart')
    const before = sent()
    await reload(page)
    await settle()
    expect(sent() - before, 'at another URL').toBeLessThan(10_000)
  })

  describe.each(['light', 'dark'] as const)('%s', (colorScheme) => {
    const sizes = [
      [1280, 800],
      [820, 1180],
      [390, 844],
    ] as const
    it.each(process.env['CI'] ? sizes : [sizes[colorScheme === 'light' ? 0 : 2]])(
      'fits into a window of %d by %d pixels',
      { timeout: 2 * patience },
      async (width, height) => {
        const { url } = await startStorefront()
        const { page, complaints } = await openGraphiQL(browser, url, {
          viewport: { width, height },
          colorScheme,
        })
        await execute(page, 'FillCart')
        const editor = await boxOf(page.getByRole('region', { name: 'Operation Editor' }))
        const result = await boxOf(page.getByRole('region', { name: 'Result Window' }))
        const isStacked = width < 900
        for (const box of [editor, result]) {
          expect(box.x).toBeGreaterThanOrEqual(0)
          expect(box.x + box.width).toBeLessThanOrEqual(width)
          expect(box.y + box.height).toBeLessThanOrEqual(height)
          expect(box.width).toBeGreaterThan(isStacked ? width * 0.85 : width * 0.4)
          expect(box.height).toBeGreaterThan(250)
        }
        expect(result.y >= editor.y + editor.height).toBe(isStacked)
        // No line goes on where nobody sees it.
        const reaches = await page
          .locator('.graphiql-query-editor .view-line > span')
          .evaluateAll((lines: any[]) => Math.max(...lines.map((line) => line.getBoundingClientRect().right)))
        expect(reaches).toBeLessThan(editor.x + editor.width)
        expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width)
        const background = await page
          .locator('.graphiql-container')
          .first()
          .evaluate((container) => (globalThis as any).getComputedStyle(container).backgroundColor as string)
        const red = Number(/\d+/.exec(background)?.[0])
        expect(red < 128).toBe(colorScheme === 'dark')
        for (const name of [
          'Show Documentation Explorer',
          'Hide Documentation Explorer',
          'Open settings dialog',
        ]) {
          await page.getByRole('button', { name }).click()
        }
        await page.getByRole('dialog', { name: 'Settings' }).getByRole('button', { name: 'Dark' }).click()
        expect(complaints).toEqual([])
      },
    )
  })
})

describe('GraphiQL and NODE_ENV', () => {
  it('is served in development', async () => {
    expect(await servesGraphiQL({})).toBe(true)
  })

  it('is not served in production', async () => {
    expect(await servesGraphiQL({ NODE_ENV: 'production' })).toBe(false)
  })
})

/** The server of `npm start`, on a free port. */
async function startStorefront(env: NodeJS.ProcessEnv = {}) {
  const [, ...args] = manifest.scripts.start.split(' ')
  const server = spawn(process.execPath, args, {
    cwd: fileURLToPath(root),
    env: {
      ...process.env,
      NODE_ENV: undefined,
      HOST: undefined,
      SESSION_STORE: undefined,
      PORT: '0',
      ...env,
    },
  })
  const ended = once(server, 'exit')
  onTestFinished(async () => {
    server.kill('SIGKILL')
    await ended
    seen.push(output)
  })
  let output = ''
  showIfFailed('The storefront', () => output)
  const url = await new Promise<string>((printed, failed) => {
    const read = (text: string): void => {
      output += text
      const [address] = /http:\S+(?=\s)/.exec(output) ?? []
      if (address) printed(address)
    }
    server.stdout.setEncoding('utf8').on('data', read)
    server.stderr.setEncoding('utf8').on('data', read)
    server.once('exit', (code) => failed(new Error(`The server ended with ${code}.\n${output}`)))
  })
  return {
    url,
    async stop(): Promise<number | null> {
      server.kill('SIGTERM')
      const [code] = await ended
      return code
    },
  }
}

async function servesGraphiQL(env: NodeJS.ProcessEnv): Promise<boolean> {
  const { url } = await startStorefront(env)
  const response = await fetch(url, { headers: { accept: 'text/html' } })
  return /graphiql/i.test(await response.text())
}

function launchChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: chromiumPath,
    timeout: patience,
    args: chromiumArgs('MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1'),
  })
}

async function openGraphiQL(browser: Browser, url: string, options: BrowserContextOptions = {}) {
  const viewport = { width: 1280, height: 800 }
  const context = await browser.newContext({ viewport, deviceScaleFactor: 1, ...options })
  onTestFinished(() => context.close())
  context.setDefaultTimeout(patience)
  const page = await context.newPage()
  const requests: string[] = []
  page.on('request', (request) => requests.push(request.url()))
  page.on('websocket', (socket) => requests.push(socket.url()))
  onTestFinished(() => {
    expect(requests).toContain(url)
    expect(requests.filter((request) => leaves(url, request))).toEqual([])
  })
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text())
  })
  await Promise.all([answerTo(page, 'IntrospectionQuery'), page.goto(url)])
  await page.getByRole('region', { name: 'Operation Editor' }).filter({ hasText: 'SetDarkMode {' }).waitFor()
  return { page, complaints }
}

const leaves = (home: string, request: string): boolean =>
  !/^(data|blob):/.test(request) && new URL(request).origin !== new URL(home).origin

const tabButton = (page: Page, title: string) => page.getByTitle(title, { exact: true })

const numbersOf = (page: Page): Promise<string[]> =>
  page
    .locator('.graphiql-tab-button')
    .evaluateAll((tabs) => tabs.map((tab) => (globalThis as any).getComputedStyle(tab, '::before').content))

async function selectedTab(page: Page): Promise<string> {
  const selected = page.getByRole('tab', { selected: true })
  await expect.poll(() => selected.count(), { timeout: 10_000 }).toBe(1)
  return selected.innerText()
}

async function reload(page: Page): Promise<void> {
  await Promise.all([answerTo(page, 'IntrospectionQuery'), page.reload()])
  await page.getByRole('region', { name: 'Operation Editor' }).filter({ hasText: '{' }).waitFor()
}

async function boxOf(locator: Locator) {
  const box = await locator.boundingBox()
  return box!
}

const answerTo = (page: Page, operationName: string) =>
  page.waitForResponse((response) => response.request().postDataJSON()?.operationName === operationName)

async function execute(page: Page, title: string) {
  await tabButton(page, title).click()
  // Up to 100 ms after it shows a tab GraphiQL would still send the name of the operation before. It writes the
  // query to the address when it has seen the new one.
  await page.waitForURL(({ searchParams }) => searchParams.get('query')?.includes(`${title} {`) ?? false)
  const [response] = await Promise.all([
    answerTo(page, title),
    page.getByRole('button', { name: 'Execute query' }).click(),
  ])
  const text = await response.text()
  seen.push(text)
  return JSON.parse(text)
}

async function runTab(page: Page, title: string) {
  const answer = await execute(page, title)
  expect(answer).not.toHaveProperty('errors')
  await expect.poll(() => shownAnswer(page), { timeout: patience }).toEqual(answer)
  return answer.data
}

/** What a person reads. The editor shows every space as a no-break one, which JSON does not know. */
async function shownAnswer(page: Page): Promise<unknown> {
  const text = await page.getByRole('region', { name: 'Result Window' }).locator('.view-lines').innerText()
  return JSON.parse(text.replaceAll('\u00a0', ' '))
}

async function sessionCookie(page: Page) {
  const cookies = await page.context().cookies()
  expect(cookies.map(({ name }) => name)).toEqual([`graphql-session-${new URL(page.url()).port}`])
  const [cookie] = cookies
  given.add(cookie!.value)
  return cookie!
}
