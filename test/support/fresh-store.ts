// This gives tests a store of the kind that the present run of vitest is about.

import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import pg from 'pg'
import { afterAll, beforeEach, inject } from 'vitest'
import type { KeyedStore, SessionStore } from '../../src/session/store.ts'
import { cookieStore } from '../../src/stores/cookie.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { mysqlSchema, mysqlStore } from '../../src/stores/mysql.ts'
import { postgresSchema, postgresStore } from '../../src/stores/postgres.ts'
import { redisStore } from '../../src/stores/redis.ts'
import { sqliteStore } from '../../src/stores/sqlite.ts'
import { needs } from './needs.ts'

/** The kind of store of this run. The projects of vitest.config.ts run the shared tests once over each. */
export const storeName = process.env['TEST_STORE'] ?? 'memory'

const makers: Record<string, () => KeyedStore | Promise<KeyedStore>> = {
  redis() {
    const client = new Redis(inject('redisUrl')!, { maxRetriesPerRequest: 0, enableAutoPipelining: true })
    const subscriber = client.duplicate()
    afterAll(() => {
      subscriber.disconnect()
      client.disconnect()
    })
    return redisStore(client, { subscriber, live: true })
  },
  async postgres() {
    const pool = new pg.Pool({ connectionString: inject('postgresUrl')! })
    afterAll(() => pool.end())
    await pool.query(`BEGIN; SELECT pg_advisory_xact_lock(1); ${postgresSchema()} COMMIT`)
    return postgresStore(pool, { notices: true })
  },
  async mysql() {
    const { createPool } = await import('mysql2/promise')
    const pool = createPool({ uri: inject('mysqlUrl')! })
    afterAll(() => pool.end())
    await pool.query(mysqlSchema())
    return mysqlStore(pool)
  },
  sqlite() {
    const folder = mkdtempSync(join(tmpdir(), 'graphql-session-sqlite-'))
    const store = sqliteStore(join(folder, 'sessions.db'))
    afterAll(() => {
      store.close()
      rmSync(folder, { recursive: true })
    })
    return store
  },
}

const servers = { redis: 'sharedRedis', postgres: 'sharedPostgres', mysql: 'sharedMysql' } as const
const { skip = false, meta } = storeName in servers ? needs(servers[storeName as keyof typeof servers]) : {}
if (skip) beforeEach((test) => test.skip(meta?.whySkipped))

const shared = skip ? null : ((await makers[storeName]?.()) ?? null)

/** A store of that kind. Tests can share the database behind it, since ids are random. */
export const freshStore = (): KeyedStore => (shared ? { ...shared } : memoryStore({ max: 10_000 }))

/** The same for tests that also hold where a session is kept in its cookie. */
export const freshSessionStore = (): SessionStore =>
  storeName === 'cookie'
    ? cookieStore({ keys: [randomBytes(32).toString('base64')], denyList: memoryStore({ max: 100_000 }) })
    : freshStore()
