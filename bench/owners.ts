// This measures what signing in, listing and ending devices takes, over Redis and PostgreSQL.

import { Redis } from 'ioredis'
import { Pool } from 'pg'
import { openSession } from '../src/server/open-session.ts'
import type { KeyedStore } from '../src/session/store.ts'
import { postgresSchema, postgresStore } from '../src/stores/postgres.ts'
import { redisStore } from '../src/stores/redis.ts'
import { startPostgres, startRedis } from '../test/support/servers.ts'

/** How many times each is done. */
const times = 200
const counts = [1, 10, 50]

const redis = await startRedis(['--appendonly', 'no'])
const postgres = await startPostgres(['synchronous_commit=off'])
const client = new Redis(redis.url, { enableAutoPipelining: true })
const pool = new Pool({ connectionString: postgres.url, max: 20 })
try {
  await pool.query(postgresSchema())
  for (const [name, store] of [
    ['Redis', redisStore(client)],
    ['PostgreSQL', postgresStore(pool)],
  ] as const) {
    console.info(`${name}, ms, median (99th percentile) of ${times}`)
    await measure(store)
  }
} finally {
  client.disconnect()
  await pool.end()
  await Promise.all([redis.stop(), postgres.stop()])
}

async function measure(store: KeyedStore): Promise<void> {
  const visitor = async (): Promise<string> => {
    const session = openSession(store)
    session.set('cart', 1)
    await session.save()
    return session.token!
  }
  await row('rotation of a visitor', async () => {
    const session = openSession(store, await visitor())
    return () => session.rotate()
  })
  await row('sign-in of a visitor, with a ticket', async (owner) => {
    await signIn(store, owner)
    const ticket = await openSession(store).ticket(owner)
    const session = openSession(store, await visitor())
    return () => session.identify(owner, { ticket })
  })
  await row('rotation of an owner', async (owner) => {
    const session = openSession(store, await signIn(store, owner))
    return () => session.rotate()
  })
  for (const count of counts) {
    await row(`list of ${count}`, async (owner) => {
      const token = await signIn(store, owner, count)
      return () => openSession(store, token).devices()
    })
    await row(`end of all ${count}`, async (owner) => {
      const token = await signIn(store, owner, count)
      return () => openSession(store, token).endAllDevices()
    })
  }
}

/** Signs in on as many devices. @returns the token of the last one */
async function signIn(store: KeyedStore, owner: string, count = 1): Promise<string> {
  const tokens = await Promise.all(
    Array.from({ length: count }, async () => {
      const session = openSession(store)
      await session.identify(owner)
      return session.token!
    }),
  )
  return tokens.at(-1)!
}

/** Measures one thing. @param prepare - makes what is measured */
async function row(what: string, prepare: (owner: string) => Promise<() => Promise<unknown>>): Promise<void> {
  const taken: number[] = []
  for (let time = 0; time < times; time++) {
    const run = await prepare(`owner ${Math.random()}`)
    const began = performance.now()
    await run()
    taken.push(performance.now() - began)
  }
  taken.sort((a, b) => a - b)
  const [median, most] = [0.5, 0.99].map((share) => taken[Math.floor(share * (times - 1))]!.toFixed(2))
  console.info(`  ${what.padEnd(40)}${median!.padStart(6)} (${most})`)
}
