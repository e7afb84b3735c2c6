import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import pg from 'pg'
import { describe, expect, inject, it, type TestOptions } from 'vitest'
import { endDevices } from '../../src/server/devices.ts'
import { openSession } from '../../src/server/open-session.ts'
import type { KeyedStore } from '../../src/session/store.ts'
import { postgresSchema, postgresStore } from '../../src/stores/postgres.ts'
import { redisStore } from '../../src/stores/redis.ts'
import { sqliteStore } from '../../src/stores/sqlite.ts'
import { needs, skippedIf } from '../support/needs.ts'
import { deploy, olderVersion, presentVersion } from '../support/rolling-deploy.ts'
import { runs } from '../support/runs.ts'

/** One database, as the processes of two versions have it open. */
interface Shared extends AsyncDisposable {
  readonly older: KeyedStore
  readonly present: KeyedStore
}

async function openRedis(): Promise<Shared> {
  const clients = [0, 1].map(() => new Redis(inject('redisUrl')!, { maxRetriesPerRequest: 0 }))
  return {
    older: redisStore(clients[0]!),
    present: redisStore(clients[1]!),
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.disconnect()
    },
  }
}

async function openPostgres(): Promise<Shared> {
  const pools = [0, 1].map(() => new pg.Pool({ connectionString: inject('postgresUrl')! }))
  await pools[0]!.query(`BEGIN; SELECT pg_advisory_xact_lock(1); ${postgresSchema()} COMMIT`)
  return {
    older: postgresStore(pools[0]!),
    present: postgresStore(pools[1]!),
    async [Symbol.asyncDispose]() {
      await Promise.all(pools.map((pool) => pool.end()))
    },
  }
}

async function openSqlite(): Promise<Shared> {
  const folder = mkdtempSync(join(tmpdir(), 'graphql-session-deploy-'))
  const file = join(folder, 'sessions.db')
  const stores = [sqliteStore(file), sqliteStore(file)]
  return {
    older: stores[0]!,
    present: stores[1]!,
    async [Symbol.asyncDispose]() {
      for (const store of stores) store.close()
      rmSync(folder, { recursive: true })
    },
  }
}

const inCI = (needed: TestOptions): TestOptions =>
  process.env['CI'] || process.env['LONG']
    ? needed
    : skippedIf(true, 'each of these takes seconds, and is tried in CI')

const backends: [name: string, needed: TestOptions, open: () => Promise<Shared>][] = [
  ['Redis', inCI(needs('sharedRedis')), openRedis],
  ['PostgreSQL', inCI(needs('sharedPostgres')), openPostgres],
  ['a SQLite file', inCI({}), openSqlite],
]

describe.each(backends)('while an older version and this one run on %s', (_, needed, open) => {
  it('nothing is lost, and nothing comes back', needed, async () => {
    await using shared = await open()
    const found = await deploy(olderVersion(shared.older), presentVersion(shared.present), {
      operations: runs(4000, 100_000),
    })
    // oxlint-disable-next-line eslint/no-console -- what has to be 0 tells little without what ran
    if (process.env['LONG']) console.info(found)
    expect(found).toMatchObject({
      details: [],
      lost: 0,
      poppedTwice: 0,
      revived: 0,
      impostors: 0,
      signedOut: 0,
    })
    for (const ran of [found.signIns, found.rotations, found.disowned, found.ends, found.pops]) {
      expect(ran).toBeGreaterThan(0)
    }
  })

  it(
    'an end misses a session that the older one has rotated, which is nobody’s until it is claimed',
    needed,
    async () => {
      await using shared = await open()
      const [older, present] = [olderVersion(shared.older), presentVersion(shared.present)]
      const user = `user ${Math.random()}`
      const visitor = await older.run(null, 'signIn', '', user)
      const owned = openSession<{ user_id: string }>(shared.present, visitor.token)
      expect(await owned.claim(user)).toBe(true)
      const { token } = await older.run(visitor.token, 'rotate', '', null)
      await endDevices(shared.present, user)
      const survivor = openSession<{ user_id: string }>(shared.present, token)
      expect([await survivor.owner(), await survivor.get('user_id')]).toEqual([null, user])
      expect(await survivor.claim(user)).toBe(true)
      expect(await endDevices(shared.present, user)).toBe(1)
      expect(await present.look(token!)).toEqual({ owner: null, entries: {} })
      expect(await older.look(token!)).toEqual({ owner: null, entries: {} })
    },
  )
})
