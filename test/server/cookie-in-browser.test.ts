import { once } from 'node:events'
import type { RequestListener, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { type Browser, type BrowserContext, chromium, type Frame } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { createSessionServer, type SessionServerOptions } from '../../src/server/create-session-server.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { certificate } from '../support/certificate.ts'
import { chromiumArgs } from '../support/chromium.ts'
import { given, listen } from '../support/harness.ts'
import { chromiumPath, needs } from '../support/needs.ts'

describe('the cookie in Chromium', needs('chromium'), () => {
  let browser: Browser

  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath: chromiumPath,
      args: chromiumArgs(
        'MAP *.test 127.0.0.1, MAP *.localhost 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1',
      ),
    })
  }, 60_000)

  afterAll(() => browser?.close())

  /** A server, and what it warned of. */
  async function serve(options: Partial<SessionServerOptions<{ user: string }>> = {}) {
    const warnings: string[] = []
    const ignore = (): void => {}
    const server = createSessionServer<{ user: string }>({
      store: memoryStore({ max: 100 }),
      keys: { user: { client: ['read', 'write'] } },
      logging: { debug: ignore, info: ignore, warn: (text) => void warnings.push(text), error: ignore },
      ...options,
    })
    const { url, close } = await listen(server)
    onTestFinished(close)
    /** The origin of the server under a name. */
    const at = (host: string): string => `http://${host}:${new URL(url).port}`
    return { at, warnings, port: new URL(url).port }
  }

  async function visitor(): Promise<BrowserContext> {
    const context = await browser.newContext({ ignoreHTTPSErrors: true })
    onTestFinished(async () => {
      for (const { value } of await context.cookies()) given.add(value)
      await context.close()
    })
    return context
  }

  /** What a page of the server gets for an operation. */
  async function ask(context: BrowserContext, origin: string, query: string): Promise<any> {
    const page = context.pages()[0] ?? (await context.newPage())
    await page.goto(`${origin}/health/live`)
    return send(page.mainFrame(), query)
  }

  async function send(frame: Frame, query: string): Promise<any> {
    const init = {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query }),
    }
    const answer = await frame.evaluate(
      `fetch('/graphql', ${JSON.stringify(init)}).then((response) => response.json())`,
    )
    return (answer as { data: unknown }).data
  }

  const signIn = 'mutation { setSessionKey(key: "user", value: "ada") { created } }'
  const signOut = 'mutation { logout(flush: true) { flushed } }'
  const look = '{ session { value(key: "user") } }'
  const created = { setSessionKey: { created: true } }
  const signedIn = { session: { value: 'ada' } }
  const nobody = { session: { value: null } }

  it('is dropped over plain http by another name than localhost, of which the log tells', async () => {
    const { at, warnings } = await serve({ allowedHosts: ['lan.test'] })
    const context = await visitor()
    for (let round = 0; round < 2; round++) {
      expect(await ask(context, at('lan.test'), signIn)).toEqual(created)
      expect(await ask(context, at('lan.test'), look)).toEqual(nobody)
    }
    expect(await context.cookies()).toEqual([])
    expect(warnings).toEqual([expect.stringMatching(/Secure.*plain http to lan\.test: browsers drop it/)])
  })

  it('is kept there with secure: false', async () => {
    const { at, warnings } = await serve({ allowedHosts: ['lan.test'], cookie: { secure: false } })
    const context = await visitor()
    expect(await ask(context, at('lan.test'), signIn)).toEqual(created)
    expect(await ask(context, at('lan.test'), look)).toEqual(signedIn)
    expect(warnings).toEqual([])
  })

  it('is kept below localhost in development', async () => {
    const { at, warnings, port } = await serve()
    const context = await visitor()
    expect(await ask(context, at('shop.localhost'), signIn)).toEqual(created)
    expect(await ask(context, at('shop.localhost'), look)).toEqual(signedIn)
    expect(await context.cookies()).toMatchObject([{ name: `graphql-session-${port}`, secure: false }])
    expect(warnings).toEqual([])
  })

  it('is none of another server, whose port browsers do not tell apart', async () => {
    const servers = await Promise.all([serve(), serve()])
    const [one, two] = servers.map(({ at }) => at('localhost')) as [string, string]
    const foreign = await listen((_: never, response: ServerResponse) => {
      response.setHeader('set-cookie', 'session=eyJ1c2VyIjoxfQ.signature; HttpOnly; Path=/').end('signed in')
    })
    onTestFinished(foreign.close)
    const context = await visitor()
    const visitForeign = async () => {
      const page = context.pages()[0] ?? (await context.newPage())
      await page.goto(foreign.url.replace('127.0.0.1', 'localhost'))
    }
    await visitForeign()
    expect(await ask(context, one, signIn)).toEqual(created)
    expect(await ask(context, two, signIn)).toEqual(created)
    await visitForeign()
    expect(await ask(context, one, look)).toEqual(signedIn)
    expect(await ask(context, two, signOut)).toEqual({ logout: { flushed: true } })
    expect(await ask(context, two, look)).toEqual(nobody)
    expect(await ask(context, one, look)).toEqual(signedIn)
    const names = (await context.cookies()).map(({ name }) => name)
    expect(names).toContain('session')
    expect(names).toContain(`graphql-session-${servers[0].port}`)
  })

  it('is one for each site that embeds a page, with partitioned', needs('openssl'), async () => {
    let answer: RequestListener = (_, response) => void response.end()
    const server = createServer(certificate(), (request, response) => {
      if (request.headers.host?.startsWith('shop.test')) return answer(request, response)
      response.setHeader('content-type', 'text/html').end(`<iframe src="${shop}/health/live"></iframe>`)
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    onTestFinished(() => {
      server.close()
      server.closeAllConnections()
    })
    const { port } = server.address() as AddressInfo
    const shop = `https://shop.test:${port}`
    const sessions = createSessionServer<{ user: string }>({
      store: memoryStore({ max: 100 }),
      keys: { user: { client: ['read', 'write'] } },
      cookie: { sameSite: 'none', partitioned: true },
      origins: [shop],
      allowedHosts: ['shop.test'],
    })
    answer = (request, response) => void sessions(request, response)
    const context = await visitor()
    const page = await context.newPage()
    const within = async (site: string, query: string): Promise<unknown> => {
      await page.goto(`https://${site}.test:${port}/`)
      return send(
        page.frames().find((frame) => frame.url().startsWith(shop))!,
        query,
      )
    }
    expect(await within('portal', signIn)).toEqual(created)
    expect(await within('office', look)).toEqual(nobody)
    expect(await within('office', signIn)).toEqual(created)
    expect(await within('portal', look)).toEqual(signedIn)
    const held = (await context.cookies()).map(({ name, partitionKey }) => `${name} ${partitionKey}`)
    expect(held.toSorted()).toEqual([
      '__Host-session https://office.test',
      '__Host-session https://portal.test',
    ])
    const end = 'mutation { setSessionExpiry(expiry: { at: "1970-01-01T00:00:00Z" }) { __typename } }'
    await within('portal', end)
    expect((await context.cookies()).map(({ partitionKey }) => partitionKey)).toEqual(['https://office.test'])
  })
})
