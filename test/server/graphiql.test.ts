import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { getIntrospectionQuery } from 'graphql'
import { createSchema, createYoga, type Plugin } from 'graphql-yoga'
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { createSessionServer } from '../../src/server/create-session-server.ts'
import { type GraphiQLOptions, useGraphiQLPage } from '../../src/server/graphiql.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { listen } from '../support/harness.ts'

afterEach(() => vi.unstubAllEnvs())

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly bytes: Buffer
}

/** As the bytes come: `fetch` would decompress them. */
async function ask(
  url: string | URL,
  headers: Record<string, string> = {},
  { method = 'GET', body = '' } = {},
): Promise<Answer> {
  const outgoing = request(url, { method, headers })
  outgoing.end(body)
  const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage]
  const received = Object.entries(incoming.headersDistinct).flatMap(([name, values = []]) =>
    values.map((value): [string, string] => [name, value]),
  )
  return { status: incoming.statusCode!, headers: new Headers(received), bytes: await buffer(incoming) }
}

const html = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }
const json = { 'content-type': 'application/json' }
const browser = 'gzip, deflate, br, zstd'

const asOf = ({ headers, bytes }: Answer): string => {
  const coding = headers.get('content-encoding')
  return String(coding === 'br' ? brotliDecompressSync(bytes) : coding === 'gzip' ? gunzipSync(bytes) : bytes)
}

const listOf = (header: string | null): string[] => (header ?? '').split(', ')

async function serve(graphiql: GraphiQLOptions = {}): Promise<string> {
  const { url, close } = await listen(createSessionServer({ store: memoryStore({ max: 10 }), graphiql }))
  onTestFinished(close)
  return url
}

describe('the page', () => {
  let url: string
  let close: () => Promise<void>

  beforeAll(async () => {
    const graphiql = { defaultTabs: [{ query: 'query First { session { handle } }' }] }
    ;({ url, close } = await listen(createSessionServer({ store: memoryStore({ max: 10 }), graphiql })))
  })

  afterAll(() => close())

  it.each([
    [browser, 'br'],
    ['gzip, deflate', 'gzip'],
    ['GZIP;q=0.5, br;q=0', 'gzip'],
    ['deflate', null],
    ['br;q=0, gzip; q=0.0', null],
    ['', null],
  ])('comes to a client that takes "%s" as %s', async (acceptEncoding, coding) => {
    const plain = await ask(url, html)
    const answer = await ask(url, { ...html, 'accept-encoding': acceptEncoding })
    expect([answer.status, answer.headers.get('content-encoding')]).toEqual([200, coding])
    expect(answer.headers.get('content-length')).toBe(String(answer.bytes.length))
    expect(asOf(answer)).toBe(String(plain.bytes))
    expect(answer.bytes.length).toBeLessThan(3000)
  })

  it('can be kept, but is asked for again', async () => {
    const { headers } = await ask(url, html)
    expect(headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(headers.get('cache-control')).toBe('no-cache')
    expect(listOf(headers.get('vary'))).toEqual(['Accept', 'Accept-Encoding'])
    expect(headers.get('content-security-policy')).toBe("frame-ancestors 'none'")
    const etag = headers.get('etag')!
    for (const coding of [browser, '']) {
      const again = await ask(url, { ...html, 'accept-encoding': coding, 'if-none-match': `"x", ${etag}` })
      expect([again.status, again.headers.get('etag'), again.bytes.length]).toEqual([304, etag, 0])
    }
    const other = await ask(url, { ...html, 'if-none-match': 'W/"0123456789abcdef"' })
    expect([other.status, other.headers.get('etag')]).toEqual([200, etag])
  })

  it('has another ETag when its options are others', async () => {
    const etag = (await ask(await serve({ title: 'Shop' }), html)).headers.get('etag')!
    const other = await ask(await serve({ title: 'Other' }), { ...html, 'if-none-match': etag })
    expect([other.status, other.headers.get('etag') === etag]).toEqual([200, false])
  })

  it('answers HEAD with the headers of GET', async () => {
    const asked = { ...html, 'accept-encoding': browser }
    const [get, head] = [await ask(url, asked), await ask(url, asked, { method: 'HEAD' })]
    for (const name of ['etag', 'content-type', 'content-encoding', 'content-length', 'cache-control']) {
      expect(head.headers.get(name), name).toBe(get.headers.get(name))
    }
    expect([head.status, head.bytes.length]).toEqual([200, 0])
  })

  it('fits the width of a phone, and names no other host', async () => {
    const text = asOf(await ask(url, html))
    expect(text).toContain('<meta name="viewport" content="width=device-width, initial-scale=1" />')
    expect(text).not.toMatch(/\/\/|<script(?! defer src| id="options")/)
  })

  it('is for who asks for it: others get GraphQL', async () => {
    for (const accept of ['*/*', 'application/json']) {
      const { headers } = await ask(`${url}?query={__typename}`, { accept, 'apollo-require-preflight': '1' })
      expect(headers.get('content-type')).toMatch(/json/)
      expect(listOf(headers.get('vary'))).toContain('Accept')
    }
    expect((await ask(`${url}/`, html)).status).toBe(200)
    for (const path of ['/x/graphql', '/graphql/x', '/graphqlx', '/graphql.js']) {
      expect((await ask(new URL(path, url), html)).status, path).toBe(404)
    }
  })

  it('shows a title as text, and keeps what is in tabs within its script', async () => {
    const text = asOf(
      await ask(
        await serve({ title: '<b>&"', defaultTabs: [{ query: '# </script><script>alert(1)' }] }),
        html,
      ),
    )
    expect(text).toContain('<title>&lt;b>&amp;&quot;</title>')
    expect(text).not.toContain('</script><script>')
    const [, options = ''] = /<script id="options" type="application\/json">(.*)<\/script>/.exec(text)!
    expect(JSON.parse(options)).toMatchObject({ defaultTabs: [{ query: '# </script><script>alert(1)' }] })
    expect(JSON.parse(options).title).toContain('&lt;b>&amp;&quot;')
  })

  it('numbers its tabs by their titles', async () => {
    const tabs = ['# query None { a }\nmutation A {a}', '{ a }', 'query B_2 { b }'].map((query) => ({
      query,
    }))
    const text = asOf(await ask(await serve({ defaultTabs: tabs }), html))
    expect(text).toContain('.graphiql-tab-button[title="A"]::before { content: "1" }')
    expect(text).toContain('.graphiql-tab-button[title="B_2"]::before { content: "3" }')
    expect(text.match(/::before/g)).toHaveLength(2)
    expect(asOf(await ask(await serve(), html))).not.toContain('Start over')
  })

  describe('its assets', () => {
    const namesIn = (text: string): string[] => [...new Set(text.match(/(?<=\?graphiql=)[\w-]+\.\w+/g))]
    const assetUrl = (name: string): string => `${url}?graphiql=${name}`

    async function names(): Promise<string[]> {
      const own = namesIn(asOf(await ask(url, html)))
      const script = own.find((name) => name.startsWith('script'))!
      return [...own, ...namesIn(asOf(await ask(assetUrl(script))))]
    }

    it('are kept for ever under names of their own', async () => {
      const found = await names()
      expect(found.map((name) => name.replace(/-[\da-f]{16}\./, '.')).toSorted()).toEqual(
        ['editor.js', 'graphql.js', 'icon.ico', 'json.js', 'script.js', 'style.css'].toSorted(),
      )
      for (const name of found) {
        const { status, headers } = await ask(assetUrl(name), { accept: '*/*', 'accept-encoding': browser })
        expect(status).toBe(200)
        expect(headers.get('cache-control')).toBe('public, max-age=31536000, immutable')
        expect(headers.get('x-content-type-options')).toBe('nosniff')
        expect(listOf(headers.get('vary'))).toContain('Accept-Encoding')
        expect(headers.get('content-encoding')).toBe('br')
        const type = { js: /^text\/javascript/, css: /^text\/css/, ico: /^image\/x-icon$/ }
        expect(headers.get('content-type')).toMatch(type[name.split('.')[1] as keyof typeof type])
      }
    })

    it.each(['br', 'gzip'])('are less than 3 MB as %s', async (coding) => {
      const answers = await Promise.all(
        (await names()).map((name) => ask(assetUrl(name), { 'accept-encoding': coding })),
      )
      const bytes = answers.reduce((sum, { bytes: { length } }) => sum + length, 0)
      expect(bytes).toBeGreaterThan(1e6)
      expect(bytes).toBeLessThan(3e6)
    })

    it('answer HEAD, and nothing else is there', async () => {
      const [name = ''] = await names()
      const head = await ask(assetUrl(name), { 'accept-encoding': browser }, { method: 'HEAD' })
      const { bytes } = await ask(assetUrl(name), { 'accept-encoding': browser })
      expect([head.status, head.headers.get('content-length')]).toEqual([200, String(bytes.length)])
      for (const other of [`x${name}`, 'script.js', 'schema', '', '__proto__']) {
        const answer = await ask(assetUrl(other), html)
        expect([answer.status, answer.headers.get('cache-control')]).toEqual([404, 'no-store'])
      }
      expect((await ask(new URL(`/x?graphiql=${name}`, url))).status).toBe(404)
    })
  })

  describe('its introspection', () => {
    const introspection = JSON.stringify({ query: getIntrospectionQuery() })
    const post = (search: string, body: string): Promise<Answer> =>
      ask(url + search, { ...json, 'accept-encoding': browser }, { method: 'POST', body })

    it('is compressed', async () => {
      const plain = await post('', introspection)
      expect(plain.headers.get('content-encoding')).toBeNull()
      const marked = await post('?graphiql=schema', introspection)
      expect(marked.headers.get('content-encoding')).toBe('br')
      expect(asOf(marked)).toBe(String(plain.bytes))
      expect(marked.bytes.length).toBeLessThan(plain.bytes.length / 5)
    })

    it.each([
      '{ __schema { types { name } } session { handle } }',
      '{ __schema: session { handle } }',
      '{ __schema { queryType { name } } }',
    ])('is the only thing in an answer that is: %s', async (query) => {
      const answer = await post('?graphiql=schema', JSON.stringify({ query }))
      expect([answer.status, answer.headers.get('content-encoding')]).toEqual([200, null])
    })

    it('is the only answer that is', async () => {
      const query = '{ session { handle } }'
      const secret = await post('?graphiql=schema', JSON.stringify({ query }))
      expect([secret.status, secret.headers.get('content-encoding')]).toEqual([200, null])
      expect(JSON.parse(String(secret.bytes))).toEqual({ data: { session: { handle: null } } })
      const refused = await post('?graphiql=schema', '{')
      expect([refused.status, refused.headers.get('content-encoding')]).toEqual([400, null])
    })
  })

  it('is not there in production, and neither are its assets', async () => {
    const [, script = ''] = /src="([^"]+)"/.exec(asOf(await ask(url, html)))!
    vi.stubEnv('NODE_ENV', 'production')
    const { url: production, close: end } = await listen(
      createSessionServer({ store: memoryStore({ max: 10 }), logging: false }),
    )
    onTestFinished(end)
    for (const path of ['', script]) {
      for (const method of ['GET', 'HEAD']) {
        const answer = await ask(production + path, html, { method })
        expect(answer.headers.get('content-type')).toMatch(/json/)
        expect(answer.bytes.length).toBeLessThan(300)
      }
    }
    expect(useGraphiQLPage({ title: 'Shop' })).toEqual({})
    expect(useGraphiQLPage({ enabled: true })).not.toEqual({})
  })
})

describe('useGraphiQLPage', () => {
  const schema = createSchema({ typeDefs: 'type Query { ok: Boolean }' })

  it('serves the page at the endpoint of any Yoga', async () => {
    const twoCookies: Plugin = {
      onResponse({ response }) {
        response.headers.append('set-cookie', 'a=1')
        response.headers.append('set-cookie', 'b=2')
      },
    }
    const plugins = [twoCookies, useGraphiQLPage({ title: 'Shop' })]
    const { url, close } = await listen(
      createYoga({ schema, graphqlEndpoint: '/api/graphql', graphiql: false, plugins, logging: false }),
    )
    onTestFinished(close)
    const endpoint = new URL('/api/graphql', url).href
    const page = await ask(endpoint, { ...html, 'accept-encoding': browser })
    expect(asOf(page)).toContain('<title>Shop</title>')
    expect(page.headers.get('content-security-policy')).toBe("frame-ancestors 'none'")
    expect(listOf(page.headers.get('vary'))).toEqual(expect.arrayContaining(['Accept', 'Accept-Encoding']))
    const [, script = ''] = /src="([^"]+)"/.exec(asOf(page))!
    expect((await ask(new URL(script, endpoint))).status).toBe(200)
    expect((await ask(new URL(script, url))).status).toBe(404)

    const body = JSON.stringify({ query: getIntrospectionQuery() })
    const marked = await ask(
      `${endpoint}?graphiql=schema`,
      { ...json, 'accept-encoding': 'gzip' },
      { method: 'POST', body },
    )
    expect(JSON.parse(asOf(marked))).toMatchObject({ data: { __schema: { queryType: { name: 'Query' } } } })
    expect(marked.headers.getSetCookie()).toEqual(['a=1', 'b=2'])
    expect(marked.headers.get('content-encoding')).toBe('gzip')
  })
})
