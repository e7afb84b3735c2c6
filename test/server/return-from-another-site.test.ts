import type { IncomingMessage, ServerResponse } from 'node:http'
import { chromium } from 'playwright-core'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openSession } from '../../src/server/open-session.ts'
import { type CookieOptions, sessionCookie } from '../../src/session/cookie.ts'
import { SessionError } from '../../src/session/errors.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { chromiumArgs } from '../support/chromium.ts'
import { listen } from '../support/harness.ts'
import { chromiumPath, needs } from '../support/needs.ts'

/** A shop with a cart, to which a form or a link of a bank on another site returns. */
async function visit(options: CookieOptions, way: 'form' | 'link'): Promise<string[]> {
  const store = memoryStore({ max: 10 })
  const cookie = sessionCookie(options, { secure: false })
  const shop = await listen(async (request: IncomingMessage, response: ServerResponse) => {
    const session = openSession<Record<string, string>>(store, cookie.read(request.headers.cookie), {
      cookie,
      request,
    })
    let text: string
    try {
      if (request.url !== '/cart') session.set(request.url === '/return' ? 'paid' : 'cart', 'book')
      text = `cart: ${await session.get('cart', 'nothing')}`
      await session.save()
    } catch (error) {
      text = error instanceof SessionError ? error.code : 'broken'
    }
    const change = session.setCookie(cookie)
    if (change) response.setHeader('set-cookie', change)
    response.setHeader('content-type', 'text/html').end(text)
  })
  const at = (path: string): string => new URL(path, shop.url.replace('127.0.0.1', 'localhost')).href
  const bank = await listen((_: IncomingMessage, response: ServerResponse) => {
    response.setHeader('content-type', 'text/html')
    response.end(
      `<form method="post" action="${at('/return')}"><button>form</button></form><a href="${at('/return')}">link</a>`,
    )
  })
  const browser = await chromium.launch({
    executablePath: chromiumPath,
    args: chromiumArgs('MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1'),
  })
  onTestFinished(async () => {
    await browser.close()
    await Promise.all([shop.close(), bank.close()])
  })
  const page = await browser.newPage()
  const said: string[] = []
  const say = async (): Promise<unknown> => said.push(await page.innerText('body'))
  await page.goto(at('/fill'))
  await page.goto(bank.url)
  await Promise.all([page.waitForURL(at('/return')), page.click(way === 'form' ? 'button' : 'a')])
  await say()
  await page.goto(at('/cart'))
  await say()
  return said
}

describe('a return from another site, in a browser', needs('chromium'), () => {
  it.each([
    ['by a form', {}, 'form', 'SESSION_CROSS_SITE'],
    ['by a link, with a strict cookie', { sameSite: 'strict' }, 'link', 'SESSION_CROSS_SITE'],
    ['by a link', {}, 'link', 'cart: book'],
  ] as const)('%s leaves the cart', async (_, options, way, first) => {
    expect(await visit(options, way)).toEqual([first, 'cart: book'])
  })
})
