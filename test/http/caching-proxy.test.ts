import { randomBytes } from 'node:crypto'
import type { Plugin } from 'graphql-yoga'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { createSessionServer } from '../../src/server/create-session-server.ts'
import { cookieStore } from '../../src/stores/cookie.ts'
import { type Answer, Client, listen } from '../support/harness.ts'
import { needs } from '../support/needs.ts'
import { type Nginx, startNginx } from '../support/nginx.ts'
import { shop } from '../support/shop.ts'

const app = 'https://app.example'
const json = 'application/json'
const day = 86_400

const setups: [what: string, directive: string, plugins: Plugin[]][] = [
  ['as it comes', '', []],
  ['as it comes, for a server that goes the long way', '', [{ onRequest() {} }]],
  ['that keeps answers with a Set-Cookie', 'proxy_ignore_headers Set-Cookie;', []],
  [
    'that keeps answers with a Set-Cookie, for a server that goes the long way',
    'proxy_ignore_headers Set-Cookie;',
    [{ onRequest() {} }],
  ],
]

describe('a caching proxy', needs('nginx'), () => {
  describe.each(setups)('%s', (_, directive, plugins) => {
    let origin: Awaited<ReturnType<typeof openOrigin>>
    let proxy: Awaited<ReturnType<typeof startProxy>>

    beforeAll(async () => {
      origin = await openOrigin(plugins)
      proxy = await startProxy(origin.url, directive)
    })
    afterAll(async () => {
      await proxy?.stop()
      await origin?.close()
    })

    const visitor = async (name: string | null): Promise<Visitor> => {
      const visitor = new Visitor(`${proxy.url}/graphql`)
      if (name !== null) await visitor.enter(`${name}, nobody else`)
      return visitor
    }
    const visitors = async () => {
      const [ada, bob, nobody] = [await visitor('Ada'), await visitor('Bob'), await visitor(null)]
      return { ada, bob, nobody, all: [ada, bob, nobody] }
    }

    describe('that has to be feared', () => {
      it('serves what may be kept from its cache', async () => {
        const ask = async (): Promise<unknown[]> => {
          const answer = await fetch(`${proxy.url}/public`)
          return [await answer.text(), answer.headers.get('x-cache-status')]
        }
        expect([await ask(), await ask()]).toEqual([
          ['1', 'MISS'],
          ['1', 'HIT'],
        ])
      })

      it.each(['GET', 'POST'])(
        'gives what a careless server says to one to the other, by %s',
        async (method) => {
          const { all } = await visitors()
          const texts = []
          for (const { cookie } of all) {
            const init = { method, headers: { cookie }, ...(method === 'POST' && { body: 'who' }) }
            texts.push(await (await fetch(`${proxy.url}/careless`, init)).text())
          }
          expect(texts).toEqual([all[0]!.cookie, all[0]!.cookie, all[0]!.cookie])
        },
      )
    })

    it.each<[what: string, ask: (visitor: Visitor, query: string) => Promise<Answer>]>([
      ['GET', (visitor, query) => visitor.get(query)],
      ['POST', (visitor, query) => visitor.run(query)],
      ['an event stream', (visitor, query) => visitor.get(query, { accept: 'text/event-stream' })],
      ['a batch', (visitor, query) => visitor.post([{ query }, { query }])],
      [
        'an error beside it',
        async (visitor, query) => {
          const answer = await visitor.get(
            query.replace('{ handle', '{ no: value(key: "server_only") handle'),
          )
          expect(answer.codes).toEqual(['SESSION_KEY_FORBIDDEN'])
          return answer
        },
      ],
      [
        'a deadline that moves',
        async (visitor, query) => {
          origin.clock.forward(day)
          const answer = await visitor.get(query)
          expect(answer.setCookies).toEqual([])
          return answer
        },
      ],
    ])('gives each their own session by %s', async (_, ask) => {
      const { all } = await visitors()
      const query = personal()
      for (const visitor of [...all, ...all]) {
        const answer = await ask(visitor, query)
        expect(answer.text).toContain(visitor.secret ?? '"secret":null')
        expectOwn(answer, visitor, all)
      }
    })

    it.each<[what: string, mutation: string, isDone: (data: any, visitor: Visitor) => unknown]>([
      ['set', 'setSessionKey(key: "pref:a", value: 1)', () => true],
      ['pop', 'popSessionKey(key: "pref:secret") { value', (data, { secret }) => data.value === secret],
      ['clear', 'clearSession', () => true],
      ['rotation', 'rotateSession', () => true],
      ['logout', 'logout { flushed', (data, { secret }) => data.flushed === (secret !== null)],
    ])('does a %s for each of them, with the same words', async (_, mutation, isDone) => {
      const { all } = await visitors()
      const selection = mutation.includes('{') ? mutation : `${mutation} {`
      const text = `mutation M${++asked} { done: ${selection} session { handle } } }`
      for (const visitor of all) {
        const answer = await visitor.run(text)
        expect(answer.codes).toEqual([])
        expect(isDone(answer.data.done, visitor), answer.text).toBe(true)
        expectOwn(answer, visitor, all)
      }
    })

    it('tells nobody but who sent it that a cookie is worthless', async () => {
      const { ada, all, nobody } = await visitors()
      const query = personal()
      for (let round = 0; round < 2; round++) {
        const answer = await nobody.get(query, { cookie: 'session=malformed' })
        expect(answer.setCookies).toEqual([expect.stringMatching(/^session=; Max-Age=0/)])
        expectOwn(answer, nobody, all)
        const other = await ada.get(query)
        expect([other.setCookies, other.data.session.secret]).toEqual([[], ada.secret])
      }
    })

    it.each<[what: string, ask: (url: string) => Promise<Response>]>([
      ['without a cookie', (url) => fetch(url, { headers: { 'content-type': json } })],
      [
        'with a worthless cookie',
        (url) => fetch(url, { headers: { 'content-type': json, cookie: 'session=x' } }),
      ],
      [
        'from another site',
        (url) => fetch(url, { headers: { cookie: 'session=x', origin: 'https://evil.example' } }),
      ],
      ['with a cookie, and no word where from', (url) => fetch(url, { headers: { cookie: 'session=x' } })],
      ['for a page', (url) => fetch(url, { headers: { accept: 'text/html' } })],
      ['for XML', (url) => fetch(url, { headers: { accept: 'application/xml' } })],
      [
        'for the other JSON',
        (url) => fetch(url, { headers: { accept: 'application/graphql-response+json' } }),
      ],
      ['for a stream', (url) => fetch(url, { headers: { accept: 'text/event-stream' } })],
      ['with a body of text', (url) => fetch(url, { headers: { 'content-type': 'text/plain' } })],
      ['by HEAD', (url) => fetch(url, { method: 'HEAD' })],
      ['by PUT', (url) => fetch(url, { method: 'PUT' })],
      ['by POST of nothing', (url) => fetch(url, { method: 'POST', headers: { 'content-type': json } })],
      [
        'by a form',
        (url) => fetch(url, { method: 'POST', body: new URLSearchParams({ query: '{ __typename }' }) }),
      ],
      [
        'by POST of too much',
        (url) => fetch(url, { method: 'POST', headers: { 'content-type': json }, body: 'x'.repeat(2e5) }),
      ],
      [
        'by a preflight',
        (url) => fetch(url, { method: 'OPTIONS', headers: { origin: 'https://evil.example' } }),
      ],
    ])('gives the right answer after the same URL was asked for %s', async (_, ask) => {
      const { all } = await visitors()
      const queries: [query: string, accept: string, says: (visitor: Visitor) => string][] = [
        [personal(), json, ({ secret }) => secret ?? '"secret":null'],
        [`query Q${++asked} { __typename }`, json, () => '{"data":{"__typename":"Query"}}'],
        [
          `subscription S${++asked} { ticks }`,
          'text/event-stream',
          () => 'event: next\ndata: {"data":{"ticks":1}}',
        ],
      ]
      for (const [query, accept, says] of queries) {
        for (let round = 0; round < 2; round++) {
          const answer = await ask(`${proxy.url}/graphql${search(query)}`)
          const text = await answer.text()
          for (const { secret } of all) expect(text).not.toContain(secret ?? 'nobody else')
          for (const visitor of all) {
            const own = await visitor.get(query, { accept })
            const type = own.headers.get('content-type')?.split(';')[0]
            expect([own.status, type]).toEqual([200, accept])
            expect(own.text).toContain(says(visitor))
          }
        }
      }
    })

    it('lets in only the origins that may', async () => {
      const url = `${proxy.url}/graphql${search(`query Q${++asked} { __typename }`)}`
      const opened = async (from?: string): Promise<string | null> => {
        const answer = await fetch(url, { headers: from === undefined ? {} : { origin: from } })
        await answer.text()
        return answer.headers.get('access-control-allow-origin')
      }
      for (let round = 0; round < 2; round++) {
        expect([await opened(app), await opened('https://evil.example'), await opened()]).toEqual([
          app,
          null,
          null,
        ])
      }
    })

    it.each<
      [
        what: string,
        status: number,
        init: Omit<RequestInit, 'headers'> & { query?: string; headers?: Record<string, string> },
      ]
    >([
      [
        'GRAPHQL_VALIDATION_FAILED',
        400,
        {
          query: '{ nonsense }',
          headers: { accept: 'application/graphql-response+json', 'content-type': json },
        },
      ],
      ['CSRF_CHECK_FAILED', 403, { query: '{ __typename }' }],
      [
        'METHOD_NOT_ALLOWED',
        405,
        { query: 'mutation { clearSession { __typename } }', headers: { 'content-type': json } },
      ],
      ['UNSUPPORTED_MEDIA_TYPE', 415, { method: 'POST', body: 'x' }],
      [
        'PAYLOAD_TOO_LARGE',
        413,
        { method: 'POST', body: 'x'.repeat(2e5), headers: { 'content-type': json } },
      ],
      ['BAD_REQUEST', 400, { method: 'POST', body: '{', headers: { 'content-type': json } }],
    ])('shows nothing of anybody with %s', async (code, status, { query, headers = {}, ...init }) => {
      const { all, ada, bob } = await visitors()
      for (const visitor of [ada, bob, ada]) {
        const { cookie } = visitor
        const url = `${proxy.url}/graphql${query ? search(query) : ''}`
        const answer = await visitor.take(await fetch(url, { ...init, headers: { cookie, ...headers } }))
        expect([answer.status, answer.codes]).toEqual([status, [code]])
        expectOwn(answer, visitor, all)
      }
    })

    it('shows nothing of anybody with GraphiQL', async () => {
      const { ada, bob, all } = await visitors()
      for (const visitor of [ada, bob]) {
        const answer = await visitor.get('', { accept: 'text/html' })
        expect([answer.status, /graphiql/i.test(answer.text)]).toEqual([200, true])
        expectOwn(answer, visitor, all)
        expect(answer.setCookies).toEqual([])
      }
    })

    it('never keeps how the server is', async () => {
      const ask = async (path: string): Promise<unknown[]> => {
        const answer = await fetch(proxy.url + path)
        return [answer.status, await answer.text(), answer.headers.get('x-cache-status')]
      }
      expect([await ask('/health/ready'), await ask('/health/live')]).toEqual([
        [200, 'ready', 'MISS'],
        [200, 'live', 'MISS'],
      ])
      origin.drain()
      expect([await ask('/health/ready'), await ask('/health/live')]).toEqual([
        [503, 'draining', 'MISS'],
        [200, 'live', 'MISS'],
      ])
    })
  })
})

let asked = 0
/** The same for everybody, and never asked before. */
const personal = (): string => `query Q${++asked} { session { handle secret: value(key: "pref:secret") } }`
const search = (query: string): string => `?${new URLSearchParams({ query })}`

class Visitor extends Client {
  readonly #url: string
  secret: string | null = null
  /** What nobody else may see. */
  readonly own = new Set<string>()

  constructor(url: string) {
    super(url)
    this.#url = url
  }

  async enter(secret: string): Promise<void> {
    this.secret = secret
    this.own.add(secret)
    await this.run(
      `mutation ($secret: JSON) { setSessionKey(key: "pref:secret", value: $secret) { session { handle } } }`,
      { secret },
    )
  }

  async get(query: string, headers: Record<string, string> = {}): Promise<Answer> {
    return this.take(
      await fetch(`${this.#url}${query && search(query)}`, {
        headers: { accept: json, 'content-type': json, cookie: this.cookie, ...headers },
      }),
    )
  }

  override async take(response: Response): Promise<Answer> {
    const answer = await super.take(response)
    for (const id of answer.text.match(/(?<="id":")[\w-]{43}(?=")/g) ?? []) this.own.add(id)
    for (const token of this.cookies.values()) this.own.add(token)
    return answer
  }
}

function expectOwn(answer: Answer, visitor: Visitor, all: readonly Visitor[]): void {
  const whole = [answer.text, ...answer.setCookies, JSON.stringify([...answer.headers])].join('\n')
  const foreign = all.flatMap(({ own }) => [...own].filter((mark) => !visitor.own.has(mark)))
  expect(foreign.filter((mark) => whole.includes(mark))).toEqual([])
  const others = all.filter((other) => other !== visitor)
  expect(others.filter(({ own }) => [...own].some((mark) => visitor.own.has(mark)))).toEqual([])
}

/** A server that is careful, with two routes beside it that are not. */
async function openOrigin(plugins: Plugin[]) {
  const { yoga, clock } = shop({
    cookie: { name: '__Host-session' },
    origins: [app],
    plugins,
    typeDefs: 'type Subscription { ticks: Int }',
    resolvers: {
      Subscription: {
        ticks: {
          async *subscribe() {
            yield { ticks: 1 }
          },
        },
      },
    },
  })
  let served = 0
  const { url, close } = await listen((request: any, response: any) => {
    if (request.url === '/public') {
      response.writeHead(200, { 'cache-control': 'public, max-age=60' }).end(String(++served))
    } else if (request.url === '/careless') response.end(request.headers.cookie ?? 'nobody')
    else void yoga(request, response)
  })
  return { url: new URL(url).origin, clock, drain: () => yoga.drain(), close }
}

describe('a proxy with the limits that it comes with', needs('nginx'), () => {
  it.each([
    ['hands on the largest sealed cookie', {}, 200],
    ['answers 502 for the largest that browsers take', { maxCookieBytes: 4096 }, 502],
  ])('%s', async (_, limit, expected) => {
    const sessions = createSessionServer({
      store: cookieStore({ keys: [randomBytes(32).toString('base64')], ...limit }),
      keys: { k: { client: ['read', 'write'] } },
      logging: false,
    })
    const origin = await listen(sessions)
    const proxy = await startProxy(new URL(origin.url).origin, null)
    onTestFinished(async () => {
      await proxy.stop()
      await origin.close()
    })
    const set = 'mutation ($v: JSON!) { setSessionKey(key: "k", value: $v) { created } }'
    let length = 3000
    const isTooLong = async () =>
      (await new Client(origin.url).run(set, { v: 'x'.repeat(length) })).codes.length
    while (await isTooLong()) length -= 10
    const { status } = await new Client(`${proxy.url}/graphql`).run(set, { v: 'x'.repeat(length) })
    expect(status).toBe(expected)
  })
})

const caching = `
          proxy_cache answers;
          proxy_cache_valid any 10m;
          proxy_cache_methods GET HEAD POST;
          proxy_cache_key $request_uri$request_body;
          add_header X-Cache-Status $upstream_cache_status always;`

const startProxy = (upstream: string, directive: string | null): Promise<Nginx> =>
  startNginx(
    (port) => `
      proxy_cache_path cache keys_zone=answers:1m;
      server {
        listen 127.0.0.1:${port};
        location / {
          proxy_pass ${upstream};
          ${directive === null ? '' : `${caching} ${directive}`}
        }
      }`,
  )
