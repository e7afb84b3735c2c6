import { setTimeout } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { accepted, refused } from '../long/flood-documents.ts'
import { needs } from '../support/needs.ts'
import { startRedis } from '../support/servers.ts'
import type { Answer } from './caller.ts'
import { Fleet } from './fleet.ts'
import { startWithTable } from './mariadb.ts'
import { startCluster } from './postgres.ts'
import { isFull, report } from './size.ts'
import { queries } from './verbs.ts'

const people = 8
const visitorsAtOnce = 20
const lasts = isFull ? 5000 : 1200
/** Milliseconds in which all is well again. */
const recovery = 2000
/** Milliseconds of most answers that wait for nothing: less than a call of the store may take. */
const grace = 250
/** Fewer places for calls of the store than there are visitors at once. */
const env = { STORE_TIMEOUT: '500', STORE_CALLS: '8' }

/** What came of a stream: the number of each event, or the code of its error. */
interface Listener {
  readonly events: (number | string)[]
  leave(): Promise<void>
}

/** Listens to a stream of which each event writes its number into the session. */
async function listenTo(url: string, token: string): Promise<Listener> {
  const left = new AbortController()
  const response = await fetch(`${url}?${new URLSearchParams({ query: 'subscription { pulse }' })}`, {
    headers: {
      accept: 'text/event-stream',
      // A GET with a cookie says by it that no page of another site sent it.
      'content-type': 'application/json',
      cookie: `session=${token}`,
    },
    signal: left.signal,
  })
  const events: (number | string)[] = []
  const listening = (async () => {
    for await (const text of response.body!.pipeThrough(new TextDecoderStream())) {
      for (const [, data] of text.matchAll(/^data: (.+)$/gm)) {
        const { data: values, errors } = JSON.parse(data!)
        events.push(errors ? errors[0].extensions.code : values.pulse)
      }
    }
  })().catch(() => {})
  return {
    events,
    async leave() {
      left.abort()
      await listening
    },
  }
}

interface Outage {
  begin(): unknown
  end(): unknown
}

/** Floods a server with visitors and documents while its store is away, beside people who are signed in. */
async function besiege(name: string, fleet: Fleet, outage: Outage): Promise<void> {
  const server = fleet.servers[0]!
  const ask = (query: string, token: string | null, variables = {}): Promise<Answer> =>
    server.send({ query, token, variables })
  const begin = () => ask(queries.set, null, { key: 'kept', value: 7 })
  const ready = async (): Promise<number> => {
    const { status, body } = await fetch(new URL('/health/ready', server.url))
    await body?.cancel()
    return status
  }

  const tokens = (await Promise.all(Array.from({ length: people }, begin))).map(({ token }) => token!)
  const stream = await listenTo(server.url, tokens[0]!)
  await expect.poll(() => stream.events.length).toBeGreaterThan(2)
  await outage.begin()
  const endsAt = performance.now() + lasts
  const answers: Answer[] = []
  const waits: number[] = []
  const visitor = async (): Promise<void> => {
    while (performance.now() < endsAt) {
      answers.push(await begin())
      await setTimeout(5)
    }
  }
  /** Documents that use no session wait for none. */
  const reader = async (): Promise<void> => {
    for (let index = 0; performance.now() < endsAt; index++) {
      for (const { title, send, code } of [...accepted, ...refused]) {
        // A subscription has no answer of its own here.
        const { query, variables } = send(index)
        if (query.startsWith('subscription') || send(index).operationName) continue
        const began = performance.now()
        const { codes } = await ask(query, null, variables as object)
        expect([title, codes[0] ?? null]).toEqual([title, code])
        waits.push(performance.now() - began)
      }
    }
  }
  const watcher = async (): Promise<Set<number>> => {
    const statuses = new Set<number>()
    while (performance.now() < endsAt - 300) {
      statuses.add(await ready())
      await setTimeout(50)
    }
    return statuses
  }
  const [statuses] = await Promise.all([
    watcher(),
    reader(),
    ...Array.from({ length: visitorsAtOnce }, visitor),
  ])
  const heard = stream.events.length
  await outage.end()
  const wentOnAt = performance.now()
  await expect.poll(ready, { timeout: recovery, interval: 20 }).toBe(200)
  // Calls of before the outage ended may still have the places, until all of them are free.
  const atOnce = async () => (await Promise.all(Array.from({ length: 6 }, begin))).map(({ status }) => status)
  await expect.poll(atOnce, { timeout: recovery, interval: 20 }).toEqual(Array(6).fill(200))
  const recovered = Math.round(performance.now() - wentOnAt)
  await expect.poll(() => typeof stream.events.at(-1), { timeout: recovery, interval: 20 }).toBe('number')
  const again = stream.events.length
  await expect.poll(() => stream.events.length).toBeGreaterThan(again + 5)
  await stream.leave()
  const median = waits.toSorted((a, b) => a - b)[waits.length >> 1]!
  const failures = stream.events.filter((event) => typeof event === 'string')
  report(`${name} away for ${lasts} ms`, {
    visitors: answers.length,
    documents: waits.length,
    'median of those, ms': Math.round(median),
    'events of the stream': stream.events.length,
    'that failed': failures.length,
    'well again, ms after it came back': recovered,
  })

  expect(answers.length).toBeGreaterThan(visitorsAtOnce)
  for (const answer of answers) {
    expect(answer).toMatchObject({ status: 503, token: null, retryAfter: '1' })
    expect(answer.codes.every((code) => /^SESSION_STORE_(?:TIMEOUT|UNAVAILABLE)$/.test(code))).toBe(true)
  }
  expect(waits.length).toBeGreaterThan(20)
  expect(median).toBeLessThan(grace)
  expect(statuses).toEqual(new Set([503]))
  expect(failures.length).toBeGreaterThan(0)
  expect(failures.filter((code) => !code.startsWith('SESSION_STORE_'))).toEqual([])
  expect(stream.events.slice(again).filter((event) => typeof event === 'string')).toEqual([])
  expect(heard).toBeLessThan(again)
  await expect.poll(async () => (await ask('{ live }', null)).data.live).toBe(0)
  for (const token of tokens) {
    const { data } = await ask(queries.read, token)
    expect(data.session.isNew).toBe(false)
    expect(data.session.entries).toContainEqual({ key: 'kept', value: 7 })
  }
  // What the events after the outage wrote is there.
  const { data } = await ask('{ session { value(key: "pulse") } }', tokens[0]!)
  expect(data.session.value).toBeGreaterThanOrEqual(Number(stream.events.at(-1)))
  expect(fleet.crashes).toEqual([])
}

describe('floods and streams while the store is away', { timeout: 60_000 }, () => {
  it.each(['stopped', 'killed'])('Redis, %s', needs('ownRedis'), async (how) => {
    const store = await startRedis()
    try {
      await using fleet = await Fleet.start(1, { ...env, SESSION_STORE: store.url })
      await besiege(
        `Redis, ${how},`,
        fleet,
        how === 'killed'
          ? { begin: () => store.kill(), end: () => store.restart() }
          : { begin: () => store.process.kill('SIGSTOP'), end: () => store.process.kill('SIGCONT') },
      )
    } finally {
      await store.stop()
    }
  })

  it('PostgreSQL, stopped', needs('ownPostgres'), async () => {
    const store = await startCluster()
    try {
      await using fleet = await Fleet.start(1, { ...env, SESSION_STORE: store.server.url })
      await besiege('PostgreSQL, stopped,', fleet, {
        begin: () => store.signal('SIGSTOP'),
        end: () => store.signal('SIGCONT'),
      })
    } finally {
      await store.signal('SIGCONT')
      await store.server.stop()
    }
  })

  it('MySQL, stopped', needs('ownMariadb'), async () => {
    const store = await startWithTable()
    try {
      await using fleet = await Fleet.start(1, { ...env, SESSION_STORE: store.url })
      await besiege('MySQL, stopped,', fleet, {
        begin: () => store.process.kill('SIGSTOP'),
        end: () => store.process.kill('SIGCONT'),
      })
    } finally {
      await store.stop()
    }
  })
})
