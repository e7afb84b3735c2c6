import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { needs } from '../support/needs.ts'
import { startRedis } from '../support/servers.ts'
import { check, count } from './checker.ts'
import { Fleet } from './fleet.ts'
import type { Operation, Status } from './history.ts'
import { startWithTable } from './mariadb.ts'
import { startCluster } from './postgres.ts'
import { FaultyProxy } from './proxy.ts'
import { isFull, report } from './size.ts'
import { torment, type Victims } from './torment.ts'
import { Workload } from './workload.ts'

const clients = 16
const plan = isFull ? { clients, operations: 100_000 } : { clients, operations: 3000, pause: 30 }
const timeout = isFull ? 1_200_000 : 90_000

async function judge(name: string, victims: Victims): Promise<void> {
  const started = performance.now()
  let isTormented = true
  const workload = new Workload(victims.fleet.send, { ...plan, mayEnd: () => !isTormented })
  const tormented = torment(victims, () => workload.isDone).finally(() => (isTormented = false))
  const [worked] = await Promise.allSettled([workload.run(), tormented])
  if (worked.status === 'rejected') throw worked.reason
  const times = await tormented
  await workload.review()
  const { history } = workload
  const findings = check(history)
  const statuses = tally(history)
  report(name, {
    operations: history.length,
    ...statuses,
    sessions: new Set(history.map(({ cookie }) => cookie.session)).size,
    seconds: Math.round((performance.now() - started) / 1000),
    faults: times,
    hits: victims.proxy?.hits,
    findings: count(findings),
  })
  expect(findings.slice(0, 3)).toEqual([])
  expect(victims.fleet.crashes).toEqual([])
  expect(Object.values(victims.proxy?.hits ?? {})).not.toContain(0)
  expect(statuses.unknown).toBeGreaterThan(0)
  expect(statuses.acked).toBeGreaterThan(history.length / 3)
}

function tally(history: readonly Operation[]): Record<Status, number> {
  const of = (wanted: Status): number => history.filter(({ status }) => status === wanted).length
  return { acked: of('acked'), unknown: of('unknown'), refused: of('refused') }
}

// Shorter than any fault lasts.
const env = { STORE_TIMEOUT: '500' }

describe('nothing acknowledged is lost, delivered twice or brought back, whatever fails', () => {
  it('three servers on Redis', { timeout, ...needs('ownRedis') }, async () => {
    const store = await startRedis()
    try {
      await using proxy = await FaultyProxy.to(store.port)
      await using fleet = await Fleet.start(3, { ...env, SESSION_STORE: `redis://127.0.0.1:${proxy.port}` })
      await judge('Redis', { fleet, proxy, store })
    } finally {
      await store.stop()
    }
  })

  it('three servers on PostgreSQL', { timeout, ...needs('ownPostgres') }, async () => {
    const store = await startCluster()
    try {
      await using proxy = await FaultyProxy.to(store.server.port)
      const url = `postgres://postgres@127.0.0.1:${proxy.port}/postgres`
      await using fleet = await Fleet.start(3, { ...env, SESSION_STORE: url })
      await judge('PostgreSQL', { fleet, proxy, store })
    } finally {
      await store.server.stop()
    }
  })

  it('three servers on MySQL', { timeout, ...needs('ownMariadb') }, async () => {
    const store = await startWithTable()
    try {
      await using proxy = await FaultyProxy.to(store.port)
      const url = `mysql://root@127.0.0.1:${proxy.port}/test`
      await using fleet = await Fleet.start(3, { ...env, SESSION_STORE: url })
      await judge('MySQL', { fleet, proxy, store })
    } finally {
      await store.stop()
    }
  })

  it('three servers on one SQLite file', { timeout }, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'graphql-session-faults-'))
    try {
      await using fleet = await Fleet.start(3, {
        ...env,
        SESSION_STORE: `sqlite:${join(folder, 'sessions.db')}`,
      })
      await judge('SQLite', { fleet, proxy: null, store: null })
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})
