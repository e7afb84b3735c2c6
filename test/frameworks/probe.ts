// This asks a server, over HTTP and with cookies, for what holds everywhere: the verbs, streams, and the gate's refusals.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { Client } from '../support/harness.ts'

/** What a server is asked for, one after the other. */
export type StepName =
  | 'page'
  | 'set'
  | 'read'
  | 'defer'
  | 'sse'
  | 'pop'
  | 'pop again'
  | 'count'
  | 'own origin'
  | 'cross-site'
  | 'text/plain'
  | 'too large'
  | 'too large, chunked'
  | 'bad JSON'
  | 'lives'
  | 'stream ends'
  | 'logout'
  | 'old cookie'

/** What only a place is asked for that has the files for it. */
export type OwnStepName = 'headers' | 'device' | 'two fetches'

/** What one run of the steps shares. */
interface Visit {
  readonly url: string
  readonly visitor: Client
  oldCookie: string
}

type Step = (visit: Visit) => Promise<void>

const set = 'mutation { setSessionKey(key: "dark_mode", value: true) { created } }'
const read = '{ session { value(key: "dark_mode") } }'
const pop = 'mutation { popSessionKey(key: "dark_mode") { found value } }'

/** @returns the data of an answer, which must have no errors */
async function data(client: Client, query: string): Promise<unknown> {
  const { status, text, body } = await client.run(query)
  assert.ok(status === 200 && body && !body.errors, `${status} ${text.slice(0, 500)}`)
  return body.data
}

/** Expects a refusal in the gate's form: JSON with a code. A server of another kind has another form for its 403. */
async function refused(
  { url, visitor }: Visit,
  status: number,
  headers: Record<string, string>,
  body: BodyInit = JSON.stringify({ query: read }),
): Promise<void> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', cookie: visitor.cookie, ...headers },
    body,
    signal: AbortSignal.timeout(10_000),
    ...(body instanceof ReadableStream && { duplex: 'half' }),
  })
  const text = await response.text()
  assert.equal(response.status, status, text.slice(0, 500))
  if (status !== 403) assert.match(text, /"code":"[A-Z_]+"/)
}

async function streamed({ url, visitor }: Visit, query: string, accept: string): Promise<string> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept, cookie: visitor.cookie },
    body: JSON.stringify({ query }),
    signal: AbortSignal.timeout(10_000),
  })
  const text = await response.text()
  assert.equal(response.headers.get('content-type')?.split(';')[0], accept, text.slice(0, 500))
  return text
}

const tooLarge = 300_000

/** A body that is sent without its length. */
function chunks(): ReadableStream<Uint8Array> {
  let left = tooLarge
  return new ReadableStream({
    pull(controller) {
      if (left <= 0) return controller.close()
      controller.enqueue(new Uint8Array(10_000).fill(32))
      left -= 10_000
    },
  })
}

const steps: Record<StepName, Step> = {
  async page({ url }) {
    const response = await fetch(url, {
      headers: { accept: 'text/html' },
      signal: AbortSignal.timeout(10_000),
    })
    assert.equal(response.status, 200)
    assert.match(await response.text(), /<html[^]*graphiql/i)
  },
  async set({ visitor }) {
    const { status, setCookies, text, data } = await visitor.run(set)
    assert.deepEqual(data, { setSessionKey: { created: true } }, `${status} ${text.slice(0, 500)}`)
    assert.equal(setCookies.filter((cookie) => /HttpOnly/i.test(cookie)).length, 1, setCookies.join('\n'))
  },
  async read({ url, visitor }) {
    assert.deepEqual(await data(visitor, read), { session: { value: true } })
    assert.deepEqual(await data(new Client(url), read), { session: { value: null } })
  },
  async defer(visit) {
    const query = '{ __typename ... @defer { slow { darkMode } } }'
    const text = await streamed(visit, query, 'multipart/mixed')
    assert.match(text, /"darkMode":true/)
    assert.ok(text.split('\r\n---').length > 2, text)
  },
  async sse(visit) {
    const text = await streamed(visit, 'subscription { darkModes }', 'text/event-stream')
    assert.match(text, /"darkModes":true/)
  },
  async pop({ visitor }) {
    assert.deepEqual(await data(visitor, pop), { popSessionKey: { found: true, value: true } })
  },
  async 'pop again'({ visitor }) {
    assert.deepEqual(await data(visitor, pop), { popSessionKey: { found: false, value: null } })
  },
  async count({ url, visitor }) {
    const others = Array.from({ length: 20 }, () => new Client(url))
    const counts = await Promise.all([
      ...others.map(() => data(visitor, 'mutation { count }')),
      ...others.map(async (other) => void (await data(other, read))),
      ...others.map(async (other) => void (await data(other, set))),
    ])
    const numbers = (counts.filter(Boolean) as { count: number }[]).map(({ count }) => count)
    assert.deepEqual(
      numbers.toSorted((a, b) => a - b),
      Array.from({ length: 20 }, (_, index) => index + 1),
    )
    for (const other of others) assert.deepEqual(await data(other, read), { session: { value: true } })
  },
  async 'own origin'({ url, visitor }) {
    const { status, text } = await visitor.run(read, {}, { origin: new URL(url).origin })
    assert.equal(status, 200, text.slice(0, 500))
  },
  'cross-site': (visit) =>
    refused(visit, 403, { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }),
  'text/plain': (visit) => refused(visit, 415, { 'content-type': 'text/plain' }),
  async 'too large'(visit) {
    for (let round = 0; round < 5; round++) await refused(visit, 413, {}, ' '.repeat(tooLarge))
  },
  async 'too large, chunked'(visit) {
    for (let round = 0; round < 5; round++) await refused(visit, 413, {}, chunks())
  },
  'bad JSON': (visit) => refused(visit, 400, {}, '{ "query": '),
  async lives({ visitor }) {
    await data(visitor, set)
    assert.deepEqual(await data(visitor, read), { session: { value: true } })
  },
  async 'stream ends'({ url }) {
    const client = new Client(url)
    await data(client, set)
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream', cookie: client.cookie },
      body: JSON.stringify({ query: 'subscription { sessionChanged { isNew } }' }),
      signal: AbortSignal.timeout(10_000),
    })
    let text = ''
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk
      if (chunk.includes('"isNew":false')) await data(client, 'mutation { logout { flushed } }')
    }
    assert.match(text, /"isNew":false[^]*"sessionChanged":null/)
  },
  async logout(visit) {
    const { visitor } = visit
    visit.oldCookie = visitor.cookie
    const flush = 'mutation { logout(flush: true) { flushed } }'
    assert.deepEqual(await data(visitor, flush), { logout: { flushed: true } })
    assert.notEqual(visitor.cookie, visit.oldCookie)
    assert.deepEqual(await data(visitor, read), { session: { value: null } })
  },
  async 'old cookie'({ url, oldCookie }) {
    const { data, text } = await new Client(url).run(read, {}, { cookie: oldCookie })
    assert.deepEqual(data, { session: { value: null } }, text.slice(0, 500))
  },
}

const twoWrites = 'mutation { setSessionKey(key: "dark_mode", value: true) { created } count }'

/** @returns the cookies of sessions that an answer sets, each once */
const sessionsIn = (setCookies: readonly string[]): Set<string> =>
  new Set(setCookies.filter((cookie) => /HttpOnly/i.test(cookie)).map((cookie) => cookie.split(';')[0]!))

const ownSteps: Record<OwnStepName, Step> = {
  async headers({ url }) {
    const { headers, setCookies } = await new Client(url).run(set)
    assert.equal(sessionsIn(setCookies).size, 1, setCookies.join('\n'))
    assert.ok(
      setCookies.some((cookie) => cookie.startsWith('last_page=cart; Path=/')),
      setCookies.join('\n'),
    )
    assert.equal(headers.get('retry-after'), '1')
  },
  async device({ url }) {
    const client = new Client(url)
    const agent = { 'user-agent': 'Probe/1.0' }
    const { data: login, text } = await client.run('mutation { login(user: "ada") }', {}, agent)
    assert.deepEqual(login, { login: true }, text.slice(0, 500))
    assert.deepEqual(await data(client, '{ mySessions { userAgent } }'), {
      mySessions: [{ userAgent: 'Probe/1.0' }],
    })
  },
  async 'two fetches'({ url }) {
    const apart = new Client(url)
    assert.equal(sessionsIn((await apart.run(twoWrites)).setCookies).size, 2)
    assert.deepEqual(await data(apart, read), { session: { value: null } })

    const joined = new Client(url)
    const header = { 'session-join': randomBytes(16).toString('base64url') }
    assert.equal(sessionsIn((await joined.run(twoWrites, {}, header)).setCookies).size, 1)
    assert.deepEqual(await data(joined, read), { session: { value: true } })
    assert.deepEqual(await data(joined, 'mutation { count }'), { count: 2 })

    const known = new Client(url)
    await data(known, set)
    assert.equal(sessionsIn((await known.run(twoWrites)).setCookies).size, 0)
    assert.deepEqual(await data(known, 'mutation { count login(user: "bob") }'), { count: 2, login: true })
    assert.deepEqual((await known.run('mutation { login(user: "bob") count }')).codes, ['SESSION_MOVED'])
    // The sign-in has kept nothing of the visitor's, and what came after it has saved nothing.
    assert.deepEqual(await data(known, 'mutation { count }'), { count: 1 })
    assert.deepEqual((await known.run('mutation { logout { flushed } count }')).codes, ['SESSION_GONE'])
  },
}

export const stepNames = Object.keys(steps) as StepName[]

const tooLong = (): never => {
  throw new Error('It took more than 30 s.')
}

/** @returns by the name of each step that failed, why */
export async function probe(
  url: string,
  without: ReadonlySet<StepName>,
  also: readonly OwnStepName[],
): Promise<ReadonlyMap<string, string>> {
  const visit: Visit = { url, visitor: new Client(url), oldCookie: '' }
  const failed = new Map<string, string>()
  const asked = [
    ...stepNames.filter((name) => !without.has(name)).map((name) => [name, steps[name]] as const),
    ...also.map((name) => [name, ownSteps[name]] as const),
  ]
  for (const [name, step] of asked) {
    try {
      await Promise.race([step(visit), setTimeout(30_000, null, { ref: false }).then(tooLong)])
    } catch (error) {
      const { message, cause } = error as Error
      failed.set(name, cause instanceof Error ? `${message}: ${cause.message}` : message)
    }
  }
  return failed
}
