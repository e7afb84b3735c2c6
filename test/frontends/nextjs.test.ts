import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises'
import { type IncomingHttpHeaders, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { json } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { parseSetCookie } from 'cookie'
import { type Browser, chromium, type Page } from 'playwright-core'
import { CookieJar } from 'tough-cookie'
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import config from '../../examples/storefront/session.config.ts'
import { createSessionServer } from '../../src/server/create-session-server.ts'
import { publishedBy } from '../../src/server/published.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { chromiumArgs } from '../support/chromium.ts'
import { given, listen } from '../support/harness.ts'
import { chromiumPath, needs, skippedIf } from '../support/needs.ts'
import { pack, run } from '../support/packed.ts'
import { showIfFailed } from '../support/process-log.ts'
import { freePort } from '../support/servers.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const production = { NODE_ENV: 'production', NEXT_TELEMETRY_DISABLED: '1' } as const

const createShop = (options: Partial<typeof config> = {}) =>
  createSessionServer({ ...config, store: memoryStore({ max: 1000 }), logging: false, ...options })

let folder: string
let graphqlUrl: string
let closeGraphql: () => Promise<void>
let shop: ReturnType<typeof createShop>
let next: ChildProcess
let printed = ''
let built: string
let url: string
/** The headers of each request that the GraphQL server got. */
const asked: IncomingHttpHeaders[] = []

it('are made with the documents that the command prints', async () => {
  const documents = await publishedBy('print-documents', join(root, 'examples/storefront/session.config.ts'))
  expect(await readFile(join(root, 'examples/nextjs/session.graphql'), 'utf8')).toBe(documents)
})

const npm = ['npm', '--prefer-offline', '--ignore-scripts', '--no-audit', '--loglevel=warn']
const inCI = process.env['CI']
  ? needs('chromium')
  : skippedIf(true, 'Next.js is installed and built for it, half a minute: done in CI and with CI=1')

describe('pages that Next.js renders in the name of their visitors', inCI, () => {
  let browser: Browser

  beforeAll(async () => {
    ;({ url: graphqlUrl, close: closeGraphql } = await listen(
      (incoming: IncomingMessage, response: ServerResponse) => {
        asked.push(incoming.headers)
        return shop(incoming, response)
      },
    ))
    folder = await mkdtemp(join(tmpdir(), 'graphql-session-nextjs-'))
    const app = join(folder, 'app')
    const made = new Set(['node_modules', '.next'])
    await cp(join(root, 'examples/nextjs'), app, {
      recursive: true,
      filter: (path) => !made.has(basename(path)),
    })
    const [tarball] = await Promise.all([pack(folder), run([...npm, 'ci'], app)])
    await run([...npm, 'install', '--no-save', tarball], app)
    const bin = [process.execPath, join(app, 'node_modules/next/dist/bin/next')] as const
    const env = { ...process.env, ...production, SESSION_URL: graphqlUrl }
    // In CI it warns that no cache of an earlier build was kept.
    built = await run([...bin, 'build'], app, { ...env, CI: '' })
    const port = await freePort()
    next = spawn(bin[0], [bin[1], 'start', '--hostname', '127.0.0.1', '--port', String(port)], {
      cwd: app,
      env,
    })
    for (const stream of [next.stdout!, next.stderr!]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => (printed += chunk))
    }
    while (!printed.includes('Ready')) await once(next.stdout!, 'data')
    url = `http://localhost:${port}/`
    const args = chromiumArgs('MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1')
    browser = await chromium.launch({ executablePath: chromiumPath, args })
  }, 180_000)

  afterAll(async () => {
    await browser?.close()
    next?.kill('SIGKILL')
    await closeGraphql?.()
    await rm(folder, { recursive: true })
    // A folder with the packages of Next.js takes a busy machine a while.
  }, 60_000)

  beforeEach(() => {
    shop = createShop()
    asked.length = 0
    printed = ''
    showIfFailed('Next.js', () => printed)
  })

  const theOneOf = (setCookies: readonly string[]) => {
    expect(setCookies).toHaveLength(1)
    return parseSetCookie(setCookies[0]!)
  }
  const cookieName = (): string => `graphql-session-${new URL(graphqlUrl).port}`

  /** What the HTML of a page shows. */
  function shownIn(html: string) {
    const part = (pattern: RegExp): string | undefined => pattern.exec(html)?.[1]
    return {
      title: part(/<h1>([^<]*)/),
      handle: part(/<p>([^<]*)/),
      cart: [...html.matchAll(/<li>([^<]*)/g)].map(([, text]) => text),
      theme: part(/data-theme="(\w+)"/),
    }
  }

  /** A visitor without JavaScript. */
  class Visitor {
    readonly jar = new CookieJar()
    /** Of the last answer. */
    setCookies: string[] = []

    async ask(init: RequestInit = {}): Promise<{ status: number; html: string; headers: Headers }> {
      const cookie = await this.jar.getCookieString(url)
      const headers = { cookie, ...(init.headers as Record<string, string>) }
      const response = await fetch(url, { ...init, headers, signal: AbortSignal.timeout(10_000) })
      this.setCookies = response.headers.getSetCookie()
      // The jar takes no Secure cookie by http, as Chromium does of localhost.
      for (const each of this.setCookies) await this.jar.setCookie(each, url.replace('http:', 'https:'))
      return { status: response.status, html: await response.text(), headers: response.headers }
    }

    async look() {
      return shownIn((await this.ask()).html)
    }

    /** Sends the form that has the button, as a browser does. */
    async submit(button: string, fields: Record<string, string> = {}, origin = new URL(url).origin) {
      const { html } = await this.ask()
      const form = html.split('<form').find((each) => each.includes(`<button>${button}<`))!
      const body = new FormData()
      for (const [, name] of form.matchAll(/type="hidden" name="([^"]+)"/g)) body.append(name!, '')
      for (const [name, value] of Object.entries(fields)) body.append(name, value)
      const { status, html: after } = await this.ask({ method: 'POST', headers: { origin }, body })
      return { status, ...shownIn(after) }
    }
  }
  const ada = { username: 'ada', password: 'lovelace' }
  const nobody = { title: 'Hello.', handle: 'No session yet.', cart: [], theme: 'light' }

  it('are built without a warning, and rendered for each request', () => {
    expect(built).not.toMatch(/warn|⚠|deprecat/i)
    expect(built).toMatch(/ƒ \/$/m)
  })

  it('show the visitor, and are used by clicking', async () => {
    const context = await browser.newContext()
    context.setDefaultTimeout(10_000)
    onTestFinished(() => context.close())
    const flaws: string[] = []
    context.on('console', (message) => flaws.push(message.text()))
    context.on('weberror', (error) => flaws.push(error.error().message))
    context.on('request', (request) => {
      if (!request.url().startsWith(url)) flaws.push(request.url())
    })
    const page: Page = await context.newPage()
    const click = (name: string) => page.getByRole('button', { name }).click()
    const handle = () => page.locator('p').innerText()
    /** What the server has rendered, and no script has touched. */
    const rendered = async () => shownIn(await (await page.goto(url))!.text())

    expect(await rendered()).toEqual(nobody)
    expect(await context.cookies()).toEqual([])

    await click('Add tea')
    await page.getByText('1 Tea').waitFor()
    const [cookie, ...others] = await context.cookies()
    expect(others).toEqual([])
    const { expires, value, ...attributes } = cookie!
    expect(attributes).toMatchObject({
      name: cookieName(),
      domain: 'localhost',
      path: '/',
      httpOnly: true,
      secure: false,
      sameSite: 'Lax',
    })
    // The absolute timeout.
    expect(Math.abs(expires - Date.now() / 1000 - 90 * 86_400)).toBeLessThan(60)
    const first = await handle()
    expect(await rendered()).toEqual({ ...nobody, handle: first, cart: ['1 Tea, 100 g'] })

    await click('Turn dark')
    await page.getByRole('button', { name: 'Turn light' }).waitFor()
    expect((await rendered()).theme).toBe('dark')
    // What an action renders is newer than what the browser was answered before.
    await click('Turn light')
    await page.getByRole('button', { name: 'Turn dark' }).waitFor()
    await click('Add tea')
    await page.getByText('2 Tea').waitFor()

    await page.getByLabel('Password').fill('lovelace')
    await click('Sign in')
    await page.getByRole('heading', { name: 'Hello, Ada Lovelace.' }).waitFor()
    const second = await handle()
    expect(second).not.toBe(first)
    const [signedIn] = await context.cookies()
    expect(signedIn!.value).not.toBe(value)
    const cart = ['2 Tea, 100 g']
    expect(await rendered()).toEqual({ title: 'Hello, Ada Lovelace.', handle: second, cart, theme: 'light' })

    // A request that was under way with the old cookie: the page asks again, and has the new one by then.
    await context.addCookies([cookie!])
    await page.goto(url)
    await page.getByText('One moment').waitFor()
    await context.addCookies([signedIn!])
    await page.getByRole('heading', { name: 'Hello, Ada Lovelace.' }).waitFor()
    expect(await handle()).toBe(second)

    await click('Sign out')
    await page.getByRole('heading', { name: 'Hello.' }).waitFor()
    expect([first, second]).not.toContain(await handle())
    expect((await context.cookies())[0]!.value).not.toBe(signedIn!.value)
    expect(await rendered()).toEqual({ ...nobody, handle: await handle() })
    expect(flaws).toEqual([])
  })

  it('give no visitor what is of another one', async () => {
    const [one, other] = [new Visitor(), new Visitor()]
    expect(await one.submit('Add tea')).toMatchObject({ status: 200, cart: ['1 Tea, 100 g'] })
    expect(await other.look()).toEqual(nobody)
    await other.submit('Sign in', ada)
    await other.submit('Add tea')
    await other.submit('Add tea')
    const [ofOne, ofOther] = [await one.look(), await other.look()]
    expect(ofOne).toMatchObject({ title: 'Hello.', cart: ['1 Tea, 100 g'] })
    expect(ofOther).toMatchObject({ title: 'Hello, Ada Lovelace.', cart: ['2 Tea, 100 g'] })
    const looks = Array.from({ length: 50 }, (_, index) => (index % 2 ? other : one).look())
    expect(await Promise.all(looks)).toEqual(looks.map((_, index) => (index % 2 ? ofOther : ofOne)))
    const { headers } = await one.ask()
    expect(headers.get('cache-control')).toContain('no-store')
  })

  it('send the GraphQL server the cookies of the visitor, and nothing else of the request', async () => {
    const visitor = new Visitor()
    const secret = 'something-private'
    const headers = {
      authorization: secret,
      referer: `http://${secret}.example/`,
      'x-forwarded-for': secret,
      'x-forwarded-host': new URL(url).host,
      'x-forwarded-proto': 'https',
      'sec-fetch-site': 'cross-site',
      'user-agent': secret,
      'session-join': secret,
    }
    await visitor.ask({ headers })
    await visitor.submit('Add tea')
    await visitor.ask({ headers })
    const kept = await visitor.jar.getCookieString(url)
    expect(asked.map((each) => each.cookie ?? '')).toEqual(['', '', '', kept, kept])
    const names = new Set(asked.flatMap((each) => Object.keys(each)))
    // What Node's `fetch` sends of its own accord; and what makes it JSON, and the visitor's.
    const ofFetch = ['accept', 'accept-encoding', 'accept-language', 'cache-control', 'connection']
    const more = ['content-length', 'host', 'pragma', 'sec-fetch-mode', 'user-agent']
    expect([...names].toSorted()).toEqual([...ofFetch, ...more, 'content-type', 'cookie'].toSorted())
    expect(JSON.stringify(asked)).not.toContain(secret)
    expect(new Set(asked.map(({ host }) => host))).toEqual(new Set([new URL(graphqlUrl).host]))
  })

  it('hand on the cookie with all that it has in production', async () => {
    vi.stubEnv('NODE_ENV', 'production')
    onTestFinished(() => void vi.unstubAllEnvs())
    shop = createShop({
      origins: ['https://shop.example'],
      cookie: { sameSite: 'none', partitioned: true },
    })
    const visitor = new Visitor()
    await visitor.submit('Add tea')
    const { value, expires, ...attributes } = theOneOf(visitor.setCookies)
    given.add(value!)
    expect(attributes).toEqual({
      name: '__Host-session',
      maxAge: 90 * 86_400,
      path: '/',
      httpOnly: true,
      secure: true,
      sameSite: 'none',
      partitioned: true,
    })
    expect(Math.abs(expires!.getTime() - Date.now() - 90 * 86_400_000)).toBeLessThan(60_000)
  })

  it('lose nothing with the cookie that cannot be set while they are rendered', async () => {
    const visitor = new Visitor()
    const name = cookieName()
    await visitor.jar.setCookie(`${name}=${'A'.repeat(43)}; Path=/`, url)
    expect(await visitor.look()).toEqual(nobody)
    expect(visitor.setCookies).toEqual([])
    // A browser is told to forget it.
    const direct = await fetch(graphqlUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json', cookie: await visitor.jar.getCookieString(url) },
      body: '{ "query": "{ session { keys } }" }',
    })
    expect(theOneOf(direct.headers.getSetCookie())).toMatchObject({ name, maxAge: 0 })
    expect(await visitor.submit('Add tea')).toMatchObject({ cart: ['1 Tea, 100 g'] })
    expect(theOneOf(visitor.setCookies)).toMatchObject({ name, maxAge: 90 * 86_400 })
    expect(await visitor.look()).toMatchObject({ cart: ['1 Tea, 100 g'] })
  })

  it('let no page of another site act in the name of their visitor', async () => {
    const visitor = new Visitor()
    await visitor.submit('Add tea')
    const before = asked.length
    expect((await visitor.submit('Add tea', {}, 'https://evil.example')).status).not.toBe(200)
    // The page was rendered for its form, and nothing ran.
    expect(asked).toHaveLength(before + 1)
    expect(await visitor.look()).toMatchObject({ cart: ['1 Tea, 100 g'] })
  })

  /** What comes to `/graphql`. @returns the keys of the session, or a code */
  async function post(headers: Record<string, string>): Promise<unknown> {
    const outgoing = request(`${url}graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
    })
    outgoing.end(JSON.stringify({ query: 'mutation { addToCart(sku: "tea") { session { keys } } }' }))
    const [answer] = (await once(outgoing, 'response')) as [IncomingMessage]
    const { data, errors } = (await json(answer)) as Record<string, any>
    return data?.addToCart.session.keys ?? errors[0].extensions.code
  }

  it('hand on what browsers ask /graphql for, with what the gate judges by', async () => {
    const { origin } = new URL(url)
    const evil = 'https://evil.example'
    expect(await post({ origin, 'sec-fetch-site': 'same-origin' })).toEqual(['shopping_cart'])
    expect(await post({ origin: evil, 'sec-fetch-site': 'cross-site' })).toBe('CSRF_CHECK_FAILED')
    expect(await post({ origin: evil })).toBe('CSRF_CHECK_FAILED')
    // By plain http to another host than localhost, browsers do not tell the site.
    expect(await post({ origin })).toBe('CSRF_CHECK_FAILED')
    shop = createShop({ origins: [origin] })
    expect(await post({ origin })).toEqual(['shopping_cart'])
  })

  it('hand on to a server that lists its hosts by the one that it is asked by', async () => {
    const [own, host] = [new URL(graphqlUrl).hostname, 'shop.test']
    const headers = { host, origin: `http://${host}`, 'sec-fetch-site': 'same-origin' }
    shop = createShop({ allowedHosts: [own] })
    expect(await post(headers)).toEqual(['shopping_cart'])
    shop = createShop({ allowedHosts: [own], trustProxy: true })
    expect(await post(headers)).toBe('HOST_NOT_ALLOWED')
    // What is rendered asks by the name of the GraphQL server.
    expect(await new Visitor().look()).toEqual(nobody)
    shop = createShop({ allowedHosts: [own, host], trustProxy: true })
    expect(await post(headers)).toEqual(['shopping_cart'])
  })
})
