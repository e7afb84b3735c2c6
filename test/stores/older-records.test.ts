import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Redis } from 'ioredis'
import pg from 'pg'
import { describe, expect, inject, it, type TestOptions } from 'vitest'
import { devicesOf } from '../../src/server/devices.ts'
import { openSession, type OpenSettings } from '../../src/server/open-session.ts'
import { sessionCookie } from '../../src/session/cookie.ts'
import type { SessionStore } from '../../src/session/store.ts'
import { cookieStore } from '../../src/stores/cookie.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { postgresSchema, postgresStore } from '../../src/stores/postgres.ts'
import { redisStore } from '../../src/stores/redis.ts'
import { sqliteStore } from '../../src/stores/sqlite.ts'
import { needs } from '../support/needs.ts'

/** A store with the record that a version without owners wrote, byte by byte, and the token of its session. */
interface Written extends AsyncDisposable {
  readonly store: SessionStore
  readonly token: string
}

/** When each of them was created, and when it expires, as its application wished. */
const [createdAt, expiresAt] = [Date.UTC(2026, 10, 26), Date.UTC(2089, 11, 31, 23, 59, 55)]

const backends: [name: string, needed: TestOptions, write: () => Promise<Written>][] = [
  ['redisStore', needs('sharedRedis'), writeRedis],
  ['postgresStore', needs('sharedPostgres'), writePostgres],
  ['sqliteStore', {}, writeSqlite],
  ['cookieStore', {}, writeCookie],
]

async function writeRedis(): Promise<Written> {
  const client = new Redis(inject('redisUrl')!)
  const key = 'session:xR8NBjOrNsK9C2I_WXGZqhYytlx2g9zXFJe4gx02jYw'
  await client.hset(key, {
    '': '1795651200000 3786911995000 5 66 @3786911995000',
    cart: '1 ["apple","ä € 😀",{"n":-0.5}]',
    '7': '3 null',
    user_id: '4 "ada"',
    note: '5 "later"',
  })
  await client.pexpireat(key, expiresAt)
  return {
    store: redisStore(client),
    token: 'pj7Yg7RDl1yp8Cod9cSUAg7MKYMjcz3oz31uK6SFYv8',
    async [Symbol.asyncDispose]() {
      client.disconnect()
    },
  }
}

async function writePostgres(): Promise<Written> {
  const pool = new pg.Pool({ connectionString: inject('postgresUrl')! })
  await pool.query(`BEGIN; SELECT pg_advisory_xact_lock(1); ${postgresSchema()} COMMIT`)
  await pool.query(
    `INSERT INTO graphql_session (id, created_at, expires_at, policy, entries) VALUES ($1, $2, $3, $4, $5)`,
    [
      '_3Wnh4e-qz0FbGAoCRV4TWDuUcox-RuCDRa0z0nQRJQ',
      createdAt,
      expiresAt,
      '@3786911995000',
      String.raw`[["cart", "[\"apple\",\"ä € 😀\",{\"n\":-0.5}]"], ["7", "null"], ["user_id", "\"ada\""], ["note", "\"later\""]]`,
    ],
  )
  return {
    store: postgresStore(pool),
    token: 'LEpYIttcNH-h7pzB54YcJmjFULoh2a__2r0uT8HiMxk',
    [Symbol.asyncDispose]: () => pool.end(),
  }
}

async function writeSqlite(): Promise<Written> {
  const folder = mkdtempSync(join(tmpdir(), 'graphql-session-older-'))
  const file = join(folder, 'sessions.db')
  const store = sqliteStore(file)
  const database = new DatabaseSync(file)
  const record = `1795651200000\n3786911995000\n@3786911995000\ncart\n["apple","ä € 😀",{"n":-0.5}]\n7\nnull\nuser_id\n"ada"\nnote\n"later"`
  database
    .prepare('INSERT INTO graphql_session (id, expires_at, record) VALUES (?, ?, ?)')
    .run('5bYdz4VSqC5Km7nCpT-EiK99Ck3vvM3sbIljEGbRm9U', expiresAt, record)
  database.close()
  return {
    store,
    token: '4Xq03DaMGmvpsVhrI9LW0oko3j_sjcZ6ydcD93y-lEY',
    async [Symbol.asyncDispose]() {
      store.close()
      rmSync(folder, { recursive: true })
    },
  }
}

async function writeCookie(): Promise<Written> {
  return {
    store: cookieStore({
      keys: ['BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc='],
      denyList: memoryStore({ max: 100 }),
    }),
    token: [
      'eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIiwia2lkIjoiM0V2NERIZEgiLCJqdGkiOiJvR0htVXhNNFBiMFlYakpwVG5qRnBY',
      'Z2ZfYzE2blVtcXF6aXZsNFpCMWRBIiwiaWF0IjoxNzk1NjUxMjAwMDAwfQ..E8KXDSQvYmZwygPJ.6EzBki9PNcpRK6rmovbZZI',
      'gzXnu_4fYXDxU-Tpu7okI7z94dzMklpw3mtnrxpd9fSTGV7p7nrST--RY3H-QiS5t9RAOJ90af7unEPEnG3IWMzUrD1gmfy2BVQ',
      'YD_T1bWjMZyLWgFJaacb8G1znrM8RHeBwyDjnfOski2CHApi-V5v1y3bTfxxk8FiEvArnWBIK55X570VcpPCJ6Deels6Q4KUBqj',
      'OVVNKa5VfW5nvZqorFwPazYwQY58.aCk_VPEXWovnJnDpL4ERBQ',
    ].join(''),
    async [Symbol.asyncDispose]() {},
  }
}

const cookie = sessionCookie()
const lifetime = Math.ceil((expiresAt - createdAt) / 1000) + 10
const settings: OpenSettings = { idleTimeout: lifetime, absoluteTimeout: lifetime }

const entries = [
  ['cart', ['apple', 'ä € 😀', { n: -0.5 }]],
  ['7', null],
  ['user_id', 'ada'],
  ['note', 'later'],
]

describe.each(backends)('%s', (_, needed, write) => {
  it('goes on with a session of a version without owners, which can be claimed', needed, async () => {
    await using written = await write()
    const { store, token } = written
    const open = (presented: string | null) => openSession(store, presented, { ...settings, cookie })
    // Tests share the database, and with it the devices of an owner.
    const user = `ada ${Math.random()}`
    const before = open(token)
    expect([await before.owner(), await before.entries()]).toEqual([null, entries])
    expect([(await before.createdAt())?.getTime(), (await before.expiresAt())?.getTime()]).toEqual([
      createdAt,
      expiresAt,
    ])
    expect(await before.claim(user)).toBe(true)
    await before.rotate()
    before.set('after', 1)
    await before.save()
    const after = open(before.token)
    expect([await after.owner(), await after.entries()]).toEqual([user, [...entries, ['after', 1]]])
    expect((await after.expiresAt())?.getTime()).toBe(expiresAt)
    expect(await devicesOf(store, user, { ...settings, cookie })).toHaveLength(1)
    await after.endAllDevices()
    expect(await open(before.token).entries()).toEqual([])
  })
})
