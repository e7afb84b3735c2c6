import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import manifest from '../../package.json' with { type: 'json' }
import { chromiumArgs } from '../support/chromium.ts'
import { given, seen } from '../support/harness.ts'
import { chromiumPath, needs } from '../support/needs.ts'
import { showIfFailed } from '../support/process-log.ts'

const root = new URL('../../', import.meta.url)
const patience = 60_000

const cart = [
  { sku: 'engine', quantity: 1 },
  { sku: 'cards', quantity: 1000 },
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

    const { login } = await run('SignIn')
    const { id } = login.session
    expect(id).toMatch(/^[\w-]{20,}$/)
    expect(login).toMatchObject({
      user: { name: 'Ada Lovelace' },
      session: { isNew: true, keys: ['user_id'] },
    })
    const cookie = await sessionCookie(page)
    expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Lax' })
    expect(await page.evaluate('document.cookie'), 'what a script can read').toBe('')

    expect(await run('FillCart')).toEqual({
      updateSession: {
        entries: [{ key: 'shopping_cart', value: cart }],
        session: { id, keys: ['user_id', 'shopping_cart'] },
      },
    })
    if (process.env['SCREENSHOT'] === '1') await takeScreenshot(page)

    expect(await run('SetDarkMode')).toEqual({
      setSessionKey: {
        entry: { key: 'dark_mode', value: true },
        created: true,
        session: { keys: ['user_id', 'shopping_cart', 'dark_mode'] },
      },
    })
    expect(await run('DeleteDarkMode')).toEqual({
      deleteSessionKey: { deleted: true, session: { value: false } },
    })
    expect(await run('PopCart')).toEqual({
      popSessionKey: { found: true, value: cart, session: { keys: ['user_id'] } },
    })
    expect(await run('Clear')).toEqual({
      clearSession: { session: { id, isEmpty: true, keys: [] } },
    })
    expect(await run('LogoutKeepId')).toEqual({
      logout: { flushed: false, session: { id, isEmpty: true } },
    })
    expect((await sessionCookie(page)).value === cookie.value, 'the same cookie up to here').toBe(true)

    const { logout } = await run('LogoutAndFlush')
    expect(logout).toMatchObject({ flushed: true, session: { isNew: true, isEmpty: true } })
    expect(logout.session.id).not.toBe(id)
    expect((await sessionCookie(page)).value === cookie.value, 'the same cookie after a flush').toBe(false)

    const look = await run('Look')
    expect(look).toMatchObject({
      me: null,
      session: { id: logout.session.id, isNew: false, isEmpty: true, entries: [] },
    })

    expect(told).toEqual(titles)
    expect(complaints).toEqual([])
    expect(await server.stop()).toBe(0)
  })

  it('opens a tab at the first click', { timeout: 2 * patience }, async () => {
    const { url } = await startStorefront()
    const { page } = await openGraphiQL(browser, url)
    await tabButton(page, 'FillCart').click()
    const selected = page.getByRole('tab', { selected: true })
    await expect.poll(() => selected.innerText(), { timeout: 10_000 }).toBe('FillCart')
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

async function openGraphiQL(browser: Browser, url: string) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, deviceScaleFactor: 1 })
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
  await page.getByRole('region', { name: 'Operation Editor' }).filter({ hasText: 'SignIn {' }).waitFor()
  return { page, complaints }
}

const leaves = (home: string, request: string): boolean =>
  !/^(data|blob):/.test(request) && new URL(request).origin !== new URL(home).origin

const tabButton = (page: Page, title: string) => page.getByRole('button', { name: title, exact: true })

const answerTo = (page: Page, operationName: string) =>
  page.waitForResponse((response) => response.request().postDataJSON()?.operationName === operationName)

async function runTab(page: Page, title: string) {
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
  const answer = JSON.parse(text)
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
  expect(cookies.map(({ name }) => name)).toEqual(['session'])
  const [cookie] = cookies
  given.add(cookie!.value)
  return cookie!
}

async function takeScreenshot(page: Page): Promise<void> {
  // Away from the button, which grows under the pointer.
  await page.mouse.move(960, 740)
  await page.screenshot({ path: fileURLToPath(new URL('examples/storefront/graphiql.png', root)) })
}
