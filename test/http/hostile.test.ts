import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { listen, type Listening } from '../../src/http/listen.ts'
import { createSessionServer } from '../../src/server/create-session-server.ts'
import { openSession } from '../../src/server/open-session.ts'
import type { SessionEvent } from '../../src/session/events.ts'
import type { SessionRecord } from '../../src/session/record.ts'
import { idOf, mint } from '../../src/session/token.ts'
import { freshStore, storeName } from '../support/fresh-store.ts'
import { given, manualClock, seen, watched } from '../support/harness.ts'
import { type RawAnswer, RawConnection } from '../support/raw.ts'
import { recordOf as found } from '../support/record-of.ts'
import {
  canary,
  ended,
  type Expected,
  guess,
  type Input,
  inputs,
  otherToken,
  type Piece,
  secret,
  seed,
  token,
} from './hostile-inputs.ts'

const day = 24 * 60 * 60
const all = ['read', 'write', 'delete'] as const
for (const known of [token, otherToken, guess, ...Object.values(ended)]) given.add(known)

type Path = readonly PropertyKey[]
const schemaOf = (flawOf: (value: any) => Path | null) => ({
  '~standard': {
    version: 1 as const,
    vendor: 'test',
    validate(value: unknown) {
      const path = flawOf(value)
      return path ? { issues: [{ message: `not ${JSON.stringify(value)}`, path }] } : { value }
    },
  },
})
const isCount = (value: unknown): boolean => Number.isInteger(value) && (value as number) >= 0
const cartFlaw = (cart: Record<string, unknown>[]): Path | null => {
  if (!Array.isArray(cart)) return []
  for (const [index, item] of cart.entries()) {
    if (!isCount(item['count'])) return [index, 'count']
    if (Object.keys(item).toSorted().join() !== 'count,sku') return [index]
  }
  return null
}

const gateCodes = new Set([
  'METHOD_NOT_ALLOWED',
  'UNSUPPORTED_MEDIA_TYPE',
  'NOT_ACCEPTABLE',
  'CSRF_CHECK_FAILED',
  'PAYLOAD_TOO_LARGE',
  'OPERATION_TOO_COMPLEX',
])

const post = (query: string): string => {
  const body = JSON.stringify({ query })
  return [
    'POST /graphql HTTP/1.1',
    'Host: shop.example',
    'Content-Type: application/json',
    `Cookie: __Host-session=${token}`,
    `Content-Length: ${body.length}`,
    '',
    body,
  ].join('\r\n')
}

it('has a row for each bad input of the list that is no matter of the cookie store', () => {
  const ids = [
    ...[1, 2, 4, 5, 7, 8, 10, 12, 16, 18, 19, 20].map((row) => `K${row}`),
    ...[1, 2, 3, 5, 7, 8, 9, 10, 11, 12, 14, 15, 16, 17, 18, 20].map((row) => `C${row}`),
    ...[1, 2, 3, 4, 7, 8, 9, 10, 11, 13, 14, 15, 17, 18, 19, 20, 21, 22, 24, 26].map((row) => `G${row}`),
    ...[1, 2, 3, 4, 7, 8, 10, 11, 12, 13, 15, 16, 17, 19, 21, 22, 23, 25, 26, 28, 31].map((row) => `I${row}`),
  ]
  expect(ids.filter((id) => !inputs.some((input) => input.id === id))).toEqual([])
  const titles = inputs.map(({ id, title }) => `${id} ${title}`)
  expect(titles.filter((title, index) => titles.indexOf(title) !== index)).toEqual([])
})

/** To one session, each of which a disk has to take before the next one. */
const writesOfAll = process.env['CI'] ? ({ memory: 10_000, redis: 2000 }[storeName] ?? 200) : 200

/** Any plugin that asks for a hook of HTTP makes all requests go Yoga's way. */
describe.each([
  ['the short way', []],
  ['Yoga’s way', [{ onRequest() {} }]],
])('%s', (_, plugins) => {
  const store = watched(freshStore())
  const clock = manualClock()
  const events: SessionEvent[] = []
  const ran: string[] = []
  const trouble: unknown[] = []
  const note = (error: unknown): void => void trouble.push(error)
  let usual: Listening
  let impatient: Listening

  const recordOf = (entries: Readonly<Record<string, string>>): SessionRecord => ({
    entries: new Map(Object.entries(entries)),
    createdAt: clock(),
    expiresAt: clock() + 14 * day * 1000,
    policy: '',
  })

  /** Whether the session has ended before: the same store may have served the other way through the server. */
  const isMarked = async (held: string): Promise<boolean> =>
    typeof (await store.read(idOf('__Host-session', held), clock())) === 'string'

  async function keep(held: string, record: SessionRecord): Promise<void> {
    if (await isMarked(held)) return
    await store.delete(idOf('__Host-session', held), 0)
    await store.create(idOf('__Host-session', held), record)
  }

  beforeAll(async () => {
    const yoga = createSessionServer({
      store,
      clock,
      plugins,
      onEvent: (event) => events.push(event),
      // The inputs come to this machine as if to shop.example, and some name other hosts.
      allowedHosts: true,
      graphiql: false,
      introspection: false,
      logging: 'error',
      keys: {
        dark_mode: { client: all, schema: schemaOf((value) => (typeof value === 'boolean' ? null : [])) },
        shopping_cart: { client: all, schema: schemaOf(cartFlaw) },
        'pref:*': { client: all },
        user_id: {},
        role: {},
        mfa_pending: {},
      },
      typeDefs: `
        directive @defer(if: Boolean! = true, label: String) on FRAGMENT_SPREAD | INLINE_FRAGMENT
        directive @stream(if: Boolean! = true, label: String, initialCount: Int = 0) on FIELD
        input Branch { b: Branch }
        extend type Query { grow(b: Branch): Int, wait: Int }
        type Subscription { ticks: Int }
      `,
      resolvers: {
        Query: {
          grow: () => ran.push('grow'),
          wait: () => setTimeout(100, ran.push('wait')),
        },
        Subscription: {
          ticks: {
            async *subscribe() {
              ran.push('ticks')
              yield { ticks: 1 }
            },
          },
        },
      },
    })
    process.on('uncaughtException', note).on('unhandledRejection', note)
    usual = await listen(yoga, { port: 0 })
    impatient = await listen(yoga, { port: 0, headersTimeout: 1000, requestTimeout: 1000 })
    const end = async (held: string, query: string): Promise<void> => {
      if (await isMarked(held)) return
      await keep(held, recordOf(seed))
      const response = await fetch(`${usual.url}/graphql`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          cookie: `graphql-session-${new URL(usual.url).port}=${held}`,
        },
        body: JSON.stringify({ query }),
      })
      expect(await response.json()).not.toHaveProperty('errors')
    }
    await end(ended.logout, 'mutation { logout { flushed } }')
    await end(ended.rotate, 'mutation { rotateSession { session { handle } } }')
    await keep(ended.flush, recordOf(seed))
    await openSession(store, ended.flush, { clock }).flush()
    await keep(ended.idle, { ...recordOf(seed), expiresAt: clock() })
    await keep(ended.absolute, { ...recordOf(seed), createdAt: clock() - 90 * day * 1000 })
    await keep(otherToken, recordOf(seed))
  })

  afterAll(async () => {
    await Promise.all([usual.close(), impatient.close()])
    process.off('uncaughtException', note).off('unhandledRejection', note)
  })

  const connect = (server: Listening): Promise<RawConnection> =>
    RawConnection.open(Number(new URL(server.url).port))

  async function isServed(connection: RawConnection): Promise<void> {
    await connection.send(post('{ session { keys } }'))
    const answer = await connection.answer()
    expect(answer?.status).toBe(200)
    expect(JSON.parse(answer!.text)).toEqual({ data: { session: { keys: expect.any(Array) } } })
    expect(connection.rest).toBe('')
  }

  const stored = (held: string) => store.read(idOf('__Host-session', held), clock())

  /** Sends it to the session `token`, and compares all that is to be seen of it, and of the server, afterwards. */
  async function judge(input: Input): Promise<void> {
    const { held = seed, holds = held, further = [], connection: fate = 'stays' } = input
    // A token whose session ends is not used twice, as its id is taken for as long as the mark lasts.
    const own = holds === null ? mint() : token
    await keep(own, recordOf(held))
    for (const list of [store.calls, events, ran, trouble]) list.length = 0

    const started = performance.now()
    const connection = await connect(input.isSlow ? impatient : usual)
    await send(
      connection,
      [input.send].flat().map((piece) => withToken(piece, own)),
    )
    const successor = judgeAnswer(await connection.answer(input.method), input)
    for (const expected of further) judgeAnswer(await connection.answer(), expected)
    expect(connection.rest).toBe('')
    expect(performance.now() - started).toBeLessThan(5000)

    expect(store.calls).toEqual(input.calls ?? [])
    expect(ran).toEqual(input.ran ?? [])
    const refusal = { type: 'refused', status: input.status, code: input.code }
    expect(events).toEqual(gateCodes.has(input.code ?? '') ? [refusal] : (input.events ?? events))

    expect(await stored(own)).toEqual(holds ? recordOf(holds) : 'ended')
    expect(await stored(otherToken)).toEqual(recordOf(seed))
    for (const dead of [guess, ended.idle]) expect(await stored(dead)).toBeNull()
    for (const dead of [ended.logout, ended.flush]) expect(await stored(dead)).toBe('ended')
    expect(await stored(ended.rotate)).toBe('moved')
    expect(input.fresh && (await stored(successor!))).toEqual(input.fresh && recordOf(input.fresh))
    expect(Reflect.get({}, 'polluted')).toBeUndefined()
    expect(trouble).toEqual([])

    expect(fate === 'stays' || (await connection.isClosed())).toBe(true)
    const next = fate === 'stays' ? connection : await connect(usual)
    await isServed(next)
    for (const each of [connection, next]) each.destroy()
  }

  // With their titles in full, which it.each would cut.
  for (const input of inputs) {
    it(`${input.id} ${input.title}`, async () => {
      await judge(input)
      // What is known from the first time is run, or refused, by less than all of the code.
      if (!input.isSlow) await judge(input)
    })
  }

  it('I14 as many keys as requests: stops at 128', async () => {
    const writes = plugins.length === 0 ? writesOfAll : 200
    await keep(token, recordOf({}))
    const codes = await Promise.all(
      Array.from({ length: 20 }, async (_, client) => {
        const connection = await connect(usual)
        const answers: string[] = []
        for (let index = 0; index < writes / 20; index++) {
          await connection.send(
            post(`mutation { setSessionKey(key: "pref:${client}.${index}", value: 1) { __typename } }`),
          )
          answers.push((await connection.answer())!.text)
        }
        connection.destroy()
        return answers.map((text) => JSON.parse(text).errors?.[0].extensions.code ?? 'stored')
      }),
    )
    const count = (code: string): number => codes.flat().filter((each) => each === code).length
    expect([count('stored'), count('SESSION_TOO_LARGE')]).toEqual([128, writes - 128])
    expect(found(await stored(token))!.entries.size).toBe(128)
  })

  it('I27 two pops of one value at once: one has it, the other finds nothing', async () => {
    const connections = [await connect(usual), await connect(usual)]
    const pop = post('mutation { popSessionKey(key: "dark_mode") { found value } }')
    for (let round = 0; round < 50; round++) {
      await keep(token, recordOf(seed))
      await Promise.all(connections.map((connection) => connection.send(pop)))
      const answers = await Promise.all(connections.map((connection) => connection.answer()))
      const results = answers.map((answer) => JSON.parse(answer!.text).data.popSessionKey)
      expect(results.toSorted((a, b) => Number(b.found) - Number(a.found))).toEqual([
        { found: true, value: true },
        { found: false, value: null },
      ])
    }
    for (const connection of connections) connection.destroy()
  })
})

/** In none of these can a browser find a script. */
const harmlessType =
  /^(?:none|application\/(?:graphql-response\+)?json; charset=utf-8|text\/(?:plain; charset=utf-8|event-stream))$/

/** @returns the token that it sets */
function judgeAnswer(answer: RawAnswer | null, expected: Expected): string | undefined {
  const { status, text = '', head = '', headers = new Headers() } = answer ?? {}
  seen.push(head, text)
  expect([status ?? null, text]).toEqual([expected.status, expect.any(String)])
  for (const kept of [canary, secret, token, otherToken]) expect(head + text).not.toContain(kept)
  expect(text).not.toMatch(/Did you mean|node_modules|(?:\\n|\n) *at |file:\/\//)
  for (const [name, value] of Object.entries(expected.headers ?? {})) expect(headers.get(name)).toBe(value)
  const isOurs = answer && !expected.byNode
  expect(headers.get('x-content-type-options')).toBe(isOurs ? 'nosniff' : null)
  expect(headers.get('content-type') ?? 'none').toMatch(harmlessType)

  const json = expected.isStream ? /^data: (\{.*\})$/m.exec(text)![1]! : text
  const body = json.startsWith('{') ? JSON.parse(json) : json
  expect(body).toEqual(bodyOf(expected, body.errors?.length))
  expect(body.errors ?? []).not.toHaveProperty('10')
  return judgeCookie(headers.getSetCookie(), expected.cookie)
}

function bodyOf({ status, code, data, message = /./, ...expected }: Expected, count = 1): unknown {
  if (!code) return data === undefined || typeof data === 'string' ? (data ?? '') : { data }
  // None of these requests had used its session before it was refused.
  const extensions = code === 'SESSION_MOVED' ? { code, retryable: true } : { code }
  const error = expect.objectContaining({ message: expect.stringMatching(message), extensions })
  const isRun = status === 200 && !expected.isStream && !expected.isUnrun
  return {
    errors: Array.from({ length: count }, () => error),
    ...((data !== undefined || isRun) && { data: data ?? null }),
  }
}

function judgeCookie(cookies: readonly string[], expected: Expected['cookie']): string | undefined {
  const attributes = ['HttpOnly', 'Path=/', 'SameSite=Lax', 'Secure']
  const values = cookies.map((cookie) => {
    const [pair = '', ...given] = cookie.split('; ')
    expect(given.filter((each) => !/^(?:Max-Age|Expires)=/.test(each)).toSorted()).toEqual(attributes)
    return pair.replace('__Host-session=', '') || given.find((each) => each.startsWith('Max-Age'))
  })
  const fresh = expect.stringMatching(/^[\w-]{43}$/)
  expect(values).toEqual(expected ? [expected === 'set' ? fresh : 'Max-Age=0'] : [])
  expect([token, otherToken, guess, ...Object.values(ended)]).not.toContain(values[0])
  if (expected === 'set') given.add(values[0]!)
  return values[0]
}

/** The piece of a request with another token in the place of the usual one. Both have the same length. */
const withToken = (piece: Piece, own: string): Piece =>
  Buffer.isBuffer(piece) ? Buffer.from(piece.toString('latin1').replaceAll(token, own), 'latin1') : piece

async function send(connection: RawConnection, pieces: readonly Piece[]): Promise<void> {
  for (const piece of pieces) {
    if (typeof piece === 'string' || Buffer.isBuffer(piece)) await connection.send(piece)
    else if ('pause' in piece) await setTimeout(piece.pause)
    else if (piece.leave === 'for good') connection.destroy()
    else connection.end()
  }
}
