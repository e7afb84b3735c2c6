import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { Redis } from 'ioredis'
import pg from 'pg'
import { describe, expect, inject, it, onTestFinished } from 'vitest'
import { digest, mint } from '../../src/session/token.ts'
import { type Notices, Watcher } from '../../src/session/watch.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { postgresSchema, postgresStore } from '../../src/stores/postgres.ts'
import { redisStore } from '../../src/stores/redis.ts'
import { sqliteStore } from '../../src/stores/sqlite.ts'
import { type LiveNode, outlived } from '../support/live-streams.ts'
import { needs, skippedIf } from '../support/needs.ts'
import { runs } from '../support/runs.ts'

type Nodes = () => Promise<LiveNode[]>

const memory: Nodes = async () => {
  const store = memoryStore({ max: 100_000 })
  return [{ store }, { store }]
}

const redis: Nodes = async () => {
  const url = inject('redisUrl')!
  const admin = new Redis(url)
  onTestFinished(() => admin.disconnect())
  return ['live-a', 'live-b'].map((connectionName) => {
    const client = new Redis(url, { enableAutoPipelining: true })
    const subscriber = new Redis(url, { connectionName })
    onTestFinished(() => [client, subscriber].forEach((each) => each.disconnect()))
    const cut = async (): Promise<void> => {
      const list = (await admin.client('LIST', 'TYPE', 'PUBSUB')) as string
      const found = list.split('\n').find((line) => line.includes(` name=${connectionName} `))
      const id = found && /^id=(\d+)/.exec(found)?.[1]
      if (id) await admin.client('KILL', 'ID', id)
    }
    return { store: redisStore(client, { prefix: 'live-streams:', subscriber }), cut }
  })
}

const postgres: Nodes = async () => {
  const connectionString = inject('postgresUrl')!
  const admin = new pg.Pool({ connectionString, max: 1 })
  await admin.query(`BEGIN; SELECT pg_advisory_xact_lock(1); ${postgresSchema('live_streams')} COMMIT`)
  onTestFinished(() => admin.end())
  return ['live a', 'live b'].map((name) => {
    const pool = new pg.Pool({ connectionString, application_name: name, max: 5 })
    pool.on('error', () => {})
    onTestFinished(() => pool.end())
    const cut = () =>
      admin.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE application_name = $1 AND query = 'LISTEN "live_streams_notices"'`,
        [name],
      )
    return { store: postgresStore(pool, { table: 'live_streams', notices: true }), cut }
  })
}

const sqlite: Nodes = async () => {
  const folder = mkdtempSync(join(tmpdir(), 'graphql-session-live-'))
  const stores = [1, 2].map(() => sqliteStore(join(folder, 'sessions.db'), { busyTimeout: 10_000 }))
  onTestFinished(() => {
    for (const store of stores) store.close()
    rmSync(folder, { recursive: true })
  })
  return stores.map((store) => ({ store }))
}

/** A store of somebody else, which tells of nothing. */
const silent: Nodes = async () => {
  const { create, read, commit, delete: remove } = memoryStore({ max: 100_000 })
  const store = { create, read, commit, delete: remove }
  return [{ store }, { store }]
}

const onlyInCI =
  process.env['CI'] || process.env['LONG']
    ? undefined
    : skippedIf(true, 'each of these takes seconds, and is tried in CI')

describe('no stream outlives its session', () => {
  describe.each([
    ['memory', {}, memory, { streams: 32_000, sessions: 100, lasting: 500 }],
    [
      'redis, while the bus is cut',
      needs('sharedRedis'),
      redis,
      { streams: 32_000, sessions: 100, lasting: 500 },
    ],
    [
      'postgres, while the bus is cut',
      needs('sharedPostgres'),
      postgres,
      { streams: 8000, sessions: 40, lasting: 100 },
    ],
    ['sqlite', {}, sqlite, { streams: 8000, sessions: 40, lasting: 100 }],
  ] as const)('over %s', (title, options, nodes, long) => {
    it('of those that begin beside the end', options, async () => {
      await outlived(title, await nodes(), process.env['LONG'] ? long : { streams: 300 })
    })
  })

  describe.each([
    ['a store that tells of nothing', {}, silent, {}],
    ['a bus that is cut', onlyInCI ?? needs('sharedRedis'), redis, {}],
    ['other processes that write', onlyInCI ?? {}, sqlite, { writeEvery: 30 }],
  ] as const)('of many, beside %s', (title, options, nodes, more) => {
    it('within a second', options, async () => {
      await outlived(title, await nodes(), { streams: 100, lasting: runs(900, 2000), ...more })
    })
  })

  it('that ends beside a look at it, where only a gap tells of that', async () => {
    const { read, ...store } = memoryStore({ max: 1000 })
    const found = { entries: new Map(), createdAt: 0, expiresAt: Date.now() + 3_600_000, policy: '' }
    let onGap = (): void => {}
    const notices: Notices = {
      tellsChanges: true,
      async listen(_, gap) {
        onGap = gap
        return async () => {}
      },
    }
    const [id, ...others] = Array.from({ length: 500 }, () => digest(mint())) as [string, ...string[]]
    let isFirst = true
    const find = async (asked: string, now: number) => {
      const record = await read(asked, now)
      if (asked === id && isFirst) {
        isFirst = false
        await store.delete(id, now)
        onGap()
      }
      return record
    }
    const watcher = new Watcher({ find, notices }, Date.now)
    const leave: (() => void)[] = []
    for (const each of [id, ...others]) await store.create(each, found)
    for (const each of others) leave.push(await watcher.watch(each, { record: found, onEnd() {} }))
    const ended = Promise.withResolvers<string>()
    leave.push(await watcher.watch(id, { record: found, onEnd: ended.resolve }))
    expect(await Promise.race([ended.promise, setTimeout(2000, 'alive', { ref: false })])).toBe('ended')
    for (const each of leave) each()
  })
})
