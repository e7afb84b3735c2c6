import { setTimeout } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { needs } from '../support/needs.ts'
import { startRedis } from '../support/servers.ts'
import type { Answer, Send } from './caller.ts'
import { Fleet } from './fleet.ts'
import { startWithTable } from './mariadb.ts'
import { startCluster } from './postgres.ts'
import { isFull, report } from './size.ts'
import { queries } from './verbs.ts'

const clients = 16
const stoppedFor = isFull ? 10_000 : 3000
const deadline = 2000
/** Milliseconds by which an answer may miss the deadline of the store. `npm test` has much else to do meanwhile. */
const grace = isFull ? 250 : 750
const recovery = 2000
/** Milliseconds in which an answer of the store from before it stopped reaches the client. */
const onTheWay = 100

interface Heard extends Answer {
  readonly began: number
  readonly ended: number
}

/** Stops the store under load, lets it go on, and judges every answer. */
async function outage(name: string, send: Send, signal: (name: NodeJS.Signals) => unknown): Promise<void> {
  const ask = async (query: string, token: string | null, variables = {}): Promise<Heard> => {
    const began = performance.now()
    const answer = await send({ query, token, variables })
    return { ...answer, began, ended: performance.now() }
  }
  const write = (token: string | null) => ask(queries.set, token, { key: 'kept', value: 7 })
  const created = await Promise.all(Array.from({ length: clients }, () => write(null)))
  const tokens = created.map(({ token }) => token!)
  expect(tokens.filter(Boolean)).toHaveLength(clients)

  const end = new AbortController()
  const repeat = async (request: () => Promise<Heard>): Promise<Heard[]> => {
    const all: Heard[] = []
    while (!end.signal.aborted) {
      const heard = await request()
      all.push(heard)
      await setTimeout(heard.status === 503 ? 20 : 5)
    }
    return all
  }
  const users = tokens.map((token, client) =>
    repeat(() => (client % 2 === 0 ? ask(queries.read, token) : write(token))),
  )
  const bystander = repeat(() => ask('{ __typename }', null))

  await setTimeout(500)
  await signal('SIGSTOP')
  const stoppedAt = performance.now()
  await setTimeout(stoppedFor)
  const wentOnAt = performance.now()
  await signal('SIGCONT')
  await setTimeout(recovery)
  const recoveredAt = performance.now()
  await setTimeout(500)
  end.abort()
  const [answers, unconcerned] = [(await Promise.all(users)).flat(), await bystander]

  const failed = answers.filter(({ status }) => status !== 200)
  const meanwhile = answers.filter(({ ended }) => ended > stoppedAt + onTheWay && ended < wentOnAt)
  const longest = (of: Heard[]): number =>
    Math.round(Math.max(...of.map(({ began, ended }) => ended - began)))
  report(`${name} stopped for ${stoppedFor} ms`, {
    answers: answers.length,
    failed: failed.length,
    codes: Object.fromEntries(
      [...Map.groupBy(failed, ({ codes }) => codes.join())].map(([code, all]) => [code, all.length]),
    ),
    'longest, ms': longest(answers),
    'without a session': unconcerned.length,
    'longest of those, ms': longest(unconcerned),
    'last failure, ms after it went on': Math.round(Math.max(...failed.map(({ ended }) => ended)) - wentOnAt),
  })

  expect(meanwhile.length).toBeGreaterThan(clients / 2)
  expect(failed.length).toBeGreaterThanOrEqual(clients)
  expect(meanwhile.filter(({ status }) => status !== 503)).toEqual([])
  for (const answer of failed) {
    expect(answer).toMatchObject({ status: 503, token: null, retryAfter: '1' })
    expect(answer.codes.every((code) => /^SESSION_STORE_(?:TIMEOUT|UNAVAILABLE)$/.test(code))).toBe(true)
  }
  expect(answers.filter(({ token }) => token !== null)).toEqual([])
  expect(longest(answers)).toBeLessThanOrEqual(deadline + grace)
  expect(unconcerned.filter(({ status, codes }) => status !== 200 || codes.length > 0)).toEqual([])
  expect(longest(unconcerned)).toBeLessThan(grace)
  expect(unconcerned.filter(({ began }) => began > stoppedAt && began < wentOnAt).length).toBeGreaterThan(100)
  expect(failed.filter(({ ended }) => ended > recoveredAt)).toEqual([])
  for (const token of tokens) {
    const { data } = await ask(queries.read, token)
    expect(data.session).toEqual({ isNew: false, entries: [{ key: 'kept', value: 7 }] })
  }
}

describe('a store that stops is an error within the deadline, and nothing else', { timeout: 120_000 }, () => {
  it('Redis', needs('ownRedis'), async () => {
    const store = await startRedis()
    try {
      await using fleet = await Fleet.start(1, { SESSION_STORE: store.url })
      await outage('Redis', fleet.send, (name) => store.process.kill(name))
    } finally {
      await store.stop()
    }
  })

  it('MySQL', needs('ownMariadb'), async () => {
    const store = await startWithTable()
    try {
      await using fleet = await Fleet.start(1, { SESSION_STORE: store.url })
      await outage('MySQL', fleet.send, (name) => store.process.kill(name))
    } finally {
      await store.stop()
    }
  })

  it('PostgreSQL', needs('ownPostgres'), async () => {
    const store = await startCluster()
    try {
      await using fleet = await Fleet.start(1, { SESSION_STORE: store.server.url })
      await outage('PostgreSQL', fleet.send, store.signal)
    } finally {
      await store.signal('SIGCONT')
      await store.server.stop()
    }
  })
})
