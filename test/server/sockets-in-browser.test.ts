import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Disposable } from 'graphql-ws'
import { useServer } from 'graphql-ws/use/ws'
import { type Browser, chromium } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { WebSocketServer } from 'ws'
import type { SessionOptions } from '../../src/graphql/exchange.ts'
import { sessionSockets } from '../../src/graphql/sockets.ts'
import { createSessionServer } from '../../src/server/create-session-server.ts'
import { createSessions } from '../../src/server/create-sessions.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { chromiumArgs } from '../support/chromium.ts'
import { listen } from '../support/harness.ts'
import { chromiumPath, needs } from '../support/needs.ts'

type Options = Pick<SessionOptions, 'store' | 'keys'>

const patience = 60_000
const write = 'mutation { setSessionKey(key: "theme", value: "dark") { created } }'
const read = '{ session { value(key: "theme") } }'

/** What a page does to read the visitor's session over a socket. Answers null where it gets none. */
const overSocket = `([url, query]) => new Promise((resolve) => {
  const socket = new WebSocket(url, 'graphql-transport-ws')
  const send = (message) => socket.send(JSON.stringify(message))
  socket.onopen = () => send({ type: 'connection_init' })
  socket.onclose = () => resolve(null)
  socket.onmessage = ({ data }) => {
    const { type, payload } = JSON.parse(data)
    if (type === 'connection_ack') send({ id: '1', type: 'subscribe', payload: { query } })
    if (type === 'next') resolve(payload)
  }
})`

async function site(handle?: (request: IncomingMessage, response: ServerResponse) => unknown) {
  const site = await listen((request: IncomingMessage, response: ServerResponse) => {
    if (handle && request.url === '/graphql') return handle(request, response)
    return response.setHeader('content-type', 'text/html').end('<p>')
  })
  onTestFinished(site.close)
  return { ...site, origin: new URL(site.url.replace('127.0.0.1', 'localhost')).origin }
}

describe('sockets in Chromium', needs('chromium'), () => {
  let browser: Browser

  beforeAll(async () => {
    const args = chromiumArgs('MAP localhost 127.0.0.1')
    browser = await chromium.launch({ executablePath: chromiumPath, args, timeout: patience })
  }, patience)

  afterAll(() => browser?.close())

  /** Serves sockets beside a Yoga, without a part of it. */
  function byCreateSessions(server: Server, options: Options & { origins: string[] }): Disposable {
    const { schema } = createSessionServer(options).getEnveloped({})
    const sessions = createSessions({ ...options, schema, logger: { error() {}, warn() {} } })
    return useServer(
      {
        schema,
        context: ({ extra }) => sessions.begin(extra.request),
        onOperation: async (_, __, ___, { contextValue }, operation) =>
          (await sessions.finish(contextValue, await operation)).result,
      },
      new WebSocketServer({
        server,
        verifyClient: ({ req }: { req: IncomingMessage }) => sessions.checkOrigin(req),
      }),
    )
  }

  function bySessionSockets(server: Server, options: Options & { origins: string[] }): Disposable {
    const sockets = sessionSockets(createSessionServer({ ...options, logging: false }))
    return useServer(sockets, new WebSocketServer({ server, ...sockets.handshakes }))
  }

  it.each([
    ['createSessions', byCreateSessions],
    ['sessionSockets', bySessionSockets],
  ])(
    'open for own and listed pages, and not for others that the cookie goes along with: %s',
    async (_, serve) => {
      const options: Options = {
        store: memoryStore({ max: 10 }),
        keys: { theme: { client: ['read', 'write'] } },
      }
      const [shop, app, evil] = [await site(createSessionServer(options)), await site(), await site()]
      const handshakes: IncomingMessage[] = []
      shop.server.on('upgrade', (request) => handshakes.push(request))
      const closing = serve(shop.server, { ...options, origins: [app.origin] })
      onTestFinished(() => closing.dispose())

      const page = await browser.newPage()
      await page.goto(shop.origin)
      await page.evaluate(
        `fetch('/graphql', { method: 'POST', headers: { 'content-type': 'application/json' }, body: ${JSON.stringify(JSON.stringify({ query: write }))} }).then((response) => response.text())`,
      )
      const answers: unknown[] = []
      for (const { origin } of [shop, app, evil]) {
        await page.goto(origin)
        const address = `${shop.origin.replace('http', 'ws')}/graphql`
        answers.push(await page.evaluate(`(${overSocket})(${JSON.stringify([address, read])})`))
      }
      const dark = { data: { session: { value: 'dark' } } }
      expect(answers).toEqual([dark, dark, null])
      expect(handshakes.map(({ headers }) => [headers.origin, headers.cookie !== undefined])).toEqual(
        [shop, app, evil].map(({ origin }) => [origin, true]),
      )
    },
  )
})
