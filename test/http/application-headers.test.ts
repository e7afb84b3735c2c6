import type { ServerResponse } from 'node:http'
import { createGraphQLError, createYoga } from 'graphql-yoga'
import { afterEach, describe, expect, it } from 'vitest'
import { useSession } from '../../src/graphql/use-session.ts'
import { createSessionServer } from '../../src/server/create-session-server.ts'
import { makeSchema } from '../../src/server/schema.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { Client, listen } from '../support/harness.ts'

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()))
})

type Context = { session: { set(key: string, value: unknown): void }; res: ServerResponse }

/** A resolver that changes the session, acts on the response, and may fail with extensions. */
function withField(act: (res: ServerResponse) => unknown) {
  const keep = (_: unknown, __: unknown, { session }: Context) => {
    session.set('dark_mode', true)
    return true
  }
  return {
    store: memoryStore({ max: 100 }),
    keys: { dark_mode: { client: ['read'] } },
    typeDefs: 'extend type Query { plain: Int } extend type Mutation { keep: Boolean, act: String }',
    resolvers: {
      Query: { plain: () => 1 },
      Mutation: { keep, act: (_: unknown, __: unknown, { res }: Context) => act(res) },
    },
    logging: false,
  } as const
}

type Options = ReturnType<typeof withField>

const ways: Record<string, (options: Options) => unknown> = {
  'the short way': (options) => createSessionServer(options),
  "Yoga's way": (options) => createSessionServer({ ...options, plugins: [{ onExecute() {} }] }),
  'a Yoga of its own': ({ store, keys, logging, ...parts }) =>
    createYoga({
      schema: makeSchema(parts),
      plugins: [useSession({ store, keys })],
      logging,
      cors: { origin: 'http://app.example', credentials: true },
    }),
}

async function mutate(way: string, act: (res: ServerResponse) => unknown) {
  const server = await listen(ways[way]!(withField(act)) as never)
  closers.push(server.close)
  const client = new Client(server.url)
  const answer = await client.run('mutation { keep act }')
  const names = (answer.headers.get('vary') ?? '').split(', ')
  const after = await client.run('{ session { keys } }')
  return { ...answer, names, stored: after.data?.session.keys }
}

/** An error that asks Yoga for a status and headers. */
const asking = (http: object) => () => {
  throw createGraphQLError('asked', { extensions: { http, code: 'ASKED' } })
}

describe.each(Object.keys(ways))('on %s', (way) => {
  it('the cookies and the Vary that a resolver set are sent beside those of the session', async () => {
    const { setCookies, names, headers } = await mutate(way, (res) => {
      res.setHeader('Set-Cookie', ['a=1', 'b=2'])
      res.setHeader('Vary', 'Accept-Language, COOKIE')
      res.setHeader('X-Own', 'kept')
      return 'done'
    })
    expect(setCookies.map((cookie) => cookie.split('=')[0]).toSorted((a, b) => (a! < b! ? -1 : 1))).toEqual([
      'a',
      'b',
      expect.stringMatching(/session/),
    ])
    expect(names.map((name) => name.toLowerCase())).toContain('accept-language')
    expect(names.filter((name) => name.toLowerCase() === 'cookie')).toHaveLength(1)
    expect([headers.get('x-own'), headers.get('cache-control')]).toEqual(['kept', 'no-store'])
  })

  it('one cookie that was appended is sent, too', async () => {
    const { setCookies } = await mutate(way, (res) => {
      res.appendHeader('set-cookie', 'a=1')
      return 'done'
    })
    expect(setCookies).toHaveLength(2)
  })

  it('a response that says where it ends does not cut the answer', async () => {
    const { data } = await mutate(way, (res) => {
      res.setHeader('Content-Length', '3')
      return 'done'
    })
    expect(data).toEqual({ keep: true, act: 'done' })
  })

  it.each([
    ['a line break in a header', { headers: { 'x-note': 'a\r\nSet-Cookie: b=2' } }],
    ['a character beyond Latin-1 in a header', { headers: { 'x-note': '\u2713' } }],
    ['a header without a value', { headers: { 'x-note': undefined } }],
    ['a header whose name has a space', { headers: { 'x note': 'a' } }],
    ['a header without a name', { headers: { '': 'a' } }],
    ['a status that no answer has', { status: 99 }],
    ['a status above all', { status: 1000 }],
    ['a status that is no whole number', { status: 200.5 }],
    ['a status that is text', { status: 'teapot' }],
  ])('%s makes it a 500 that has the cookie of what was stored', async (_, http) => {
    const { status, setCookies, codes, headers, stored, text } = await mutate(way, asking(http))
    expect([status, codes]).toEqual([500, ['INTERNAL_SERVER_ERROR']])
    expect(setCookies).toHaveLength(1)
    expect(headers.get('cache-control')).toBe('no-store')
    expect(stored).toEqual(['dark_mode'])
    expect(text).not.toMatch(/ at |node:|x-note/)
  })

  it.each(['Content-Length', 'content-length', 'Transfer-Encoding', 'TRAILER'])(
    'an error that sets %s does not cut the answer',
    async (name) => {
      const http = { headers: { [name]: name === 'Transfer-Encoding' ? 'chunked' : '3' } }
      const { status, codes, data } = await mutate(way, asking(http))
      expect([status, codes, data]).toEqual([200, ['ASKED'], { keep: true, act: null }])
    },
  )

  it('headers of errors are sent once each, and never let others store the answer', async () => {
    const http = {
      headers: { VARY: 'cookie, Accept', 'Cache-Control': 'public, max-age=60', 'Set-Cookie': 'a=1' },
    }
    const { setCookies, names, headers } = await mutate(way, asking(http))
    expect(setCookies.map((cookie) => cookie.split('=')[0])).toContain('a')
    expect(setCookies).toHaveLength(2)
    expect(names.filter((name) => name.toLowerCase() === 'cookie')).toHaveLength(1)
    expect(names).toContain('Accept')
    expect(headers.get('cache-control')).toBe('no-store')
  })

  it.each<[string, (res: ServerResponse) => void]>([
    ['writes the head', (res) => void res.writeHead(200, { 'content-type': 'text/plain' })],
    ['flushes the headers', (res) => res.flushHeaders()],
    ['writes a part of a body', (res) => void res.write('x')],
  ])('an answer that a resolver begins and does not end is cut and logged: it %s', async (_, begin) => {
    const logged: unknown[] = []
    const log = (line: unknown): void => void logged.push(line)
    const logging = { debug() {}, info() {}, warn: log, error: log }
    const options = withField((res) => {
      begin(res)
      return 'done'
    })
    const server = await listen(ways[way]!({ ...options, logging } as never) as never)
    closers.push(server.close)
    const body = JSON.stringify({ query: 'mutation { keep act }' })
    const headers = { 'content-type': 'application/json' }
    const signal = AbortSignal.timeout(5000)
    const answer = fetch(server.url, { method: 'POST', headers, body, signal }).then((each) => each.text())
    await expect(answer).rejects.toBeInstanceOf(TypeError)
    expect(logged).toEqual([expect.stringContaining('began the response itself')])
    expect((await new Client(server.url).run('{ plain }')).data).toEqual({ plain: 1 })
  })

  it('an answer that a resolver ended itself is left alone', async () => {
    const logged: unknown[] = []
    const log = (line: unknown): void => void logged.push(line)
    const logging = { debug() {}, info() {}, warn: log, error: log }
    const options = withField((res) => void res.end('own'))
    const server = await listen(ways[way]!({ ...options, logging } as never) as never)
    closers.push(server.close)
    const { text } = await new Client(server.url).run('mutation { keep act }')
    expect(logged).toEqual([])
    expect(text).toBe('own')
  })
})
