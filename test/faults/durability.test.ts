import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { needs } from '../support/needs.ts'
import type { Answer } from './caller.ts'
import { Fleet } from './fleet.ts'
import { startWithTable } from './mariadb.ts'
import { startCluster } from './postgres.ts'
import { isFull, report } from './size.ts'
import { queries } from './verbs.ts'

const writes = isFull ? 10_000 : 2000
const keysInSession = 100
const usualWriters = 8

interface Written {
  readonly token: string
  readonly keys: string[]
}

const isAcked = ({ status, codes }: Answer): boolean => status === 200 && codes.length === 0

/** Writes through a server, to which something happens three times on the way; then compares. */
async function survive(
  name: string,
  fleet: Fleet,
  strike: () => Promise<void>,
  writers = usualWriters,
): Promise<void> {
  const sessions: Written[] = []
  const done = { begun: 0, unknown: 0, struck: 0 }
  let strikes = Promise.resolve()
  const set = async (key: string, token: string | null): Promise<Answer> => {
    done.begun++
    if (done.begun % Math.ceil(writes / 4) === 0) {
      strikes = strikes.then(strike)
      done.struck++
    }
    const answer = await fleet.send({ query: queries.set, variables: { key, value: 1 }, token })
    if (isAcked(answer)) return answer
    done.unknown++
    // Until the server is back, which takes a slow machine seconds: what is refused meanwhile would use up the writes.
    await strikes
    return answer
  }
  const writer = async (): Promise<void> => {
    while (done.begun < writes) {
      const first = await set('key0', null)
      if (!isAcked(first)) continue
      const session = { token: first.token!, keys: ['key0'] }
      sessions.push(session)
      for (let key = 1; key < keysInSession && done.begun < writes; key++) {
        if (isAcked(await set(`key${key}`, session.token))) session.keys.push(`key${key}`)
      }
    }
  }
  await Promise.all(Array.from({ length: writers }, writer))
  await strikes

  const missing: string[] = []
  for (const { token, keys } of sessions) {
    const { data } = await fleet.send({ query: queries.read, token })
    const found = new Set(data.session.entries.map(({ key }: { key: string }) => key))
    missing.push(...keys.filter((key) => !found.has(key)))
  }
  const acked = sessions.reduce((sum, { keys }) => sum + keys.length, 0)
  report(name, { ...done, acked, missing: missing.length })
  expect(missing).toEqual([])
  expect(acked).toBeGreaterThan(writes / 2)
  expect(done.unknown).toBeGreaterThan(0)
  expect(done.struck).toBeGreaterThanOrEqual(3)
}

const killing = (fleet: Fleet) => async (): Promise<void> => {
  const [server] = fleet.servers
  await server!.end('SIGKILL')
  await server!.start()
}

describe('every acknowledged write is there', { timeout: 300_000 }, () => {
  it('on SQLite after a kill -9 of the server', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'graphql-session-durability-'))
    try {
      await using fleet = await Fleet.start(1, { SESSION_STORE: `sqlite:${join(folder, 'sessions.db')}` })
      // So many that their changes are made together.
      await survive('SQLite, server killed', fleet, killing(fleet), 64)
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('on PostgreSQL after a kill -9 of the server, and of PostgreSQL', needs('ownPostgres'), async () => {
    const store = await startCluster()
    try {
      await using fleet = await Fleet.start(1, { SESSION_STORE: store.server.url })
      await survive('PostgreSQL, server killed', fleet, killing(fleet))
      await survive('PostgreSQL killed', fleet, async () => {
        await store.kill()
        await store.restart()
      })
    } finally {
      await store.server.stop()
    }
  })

  it('on MySQL after a kill -9 of the server, and of MySQL', needs('ownMariadb'), async () => {
    const store = await startWithTable()
    try {
      await using fleet = await Fleet.start(1, { SESSION_STORE: store.url })
      await survive('MySQL, server killed', fleet, killing(fleet))
      await survive('MySQL killed', fleet, async () => {
        await store.kill()
        await store.restart()
      })
    } finally {
      await store.stop()
    }
  })
})
