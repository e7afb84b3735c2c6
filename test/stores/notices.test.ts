import { Cluster, Redis } from 'ioredis'
import pg from 'pg'
import postgres from 'postgres'
import { createClient, createCluster } from 'redis'
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest'
import type { KeyedStore } from '../../src/session/store.ts'
import { digest, mint } from '../../src/session/token.ts'
import { postgresSchema, postgresStore } from '../../src/stores/postgres.ts'
import { redisStore } from '../../src/stores/redis.ts'
import { type RunningCluster, startCluster } from '../support/cluster.ts'
import { needs } from '../support/needs.ts'

const [redisUrl, postgresUrl] = [inject('redisUrl'), inject('postgresUrl')]
const record = { entries: new Map<string, string>(), createdAt: 0, expiresAt: Date.UTC(2100, 0), policy: '' }

interface Opened {
  readonly store: KeyedStore
  /** Ends the connection that listens, and no other. */
  cut(): Promise<unknown>
  close(): Promise<unknown>
}

/** Listens to a store, and tells what came since it was asked last. */
async function hear({ notices }: KeyedStore) {
  let heard: string[] = []
  const stop = await notices!.listen(
    (id, what) => heard.push(`${what} ${id}`),
    () => heard.push('gap'),
  )
  const take = (): string[] => heard.splice(0)
  return { stop, take, heard: () => heard }
}

/** Creates a session, ends it, and waits until that was told. */
async function ends(store: KeyedStore, heard: () => readonly string[]): Promise<void> {
  const id = digest(mint())
  await store.create(id, record)
  await store.delete(id, 0)
  await vi.waitFor(() => expect(heard()).toContain(`ended ${id}`), { timeout: 1000, interval: 5 })
}

async function pgStore(): Promise<Opened> {
  const pool = new pg.Pool({ connectionString: postgresUrl!, application_name: 'notices pg' })
  await pool.query(postgresSchema('notices_pg'))
  const store = postgresStore(pool, { table: 'notices_pg', notices: true })
  return { store, cut: () => terminate('LISTEN "notices_pg_notices"'), close: () => pool.end() }
}

async function postgresJsStore(): Promise<Opened> {
  const sql = postgres(postgresUrl!, { onnotice() {} })
  await sql.unsafe(postgresSchema('notices_sql'))
  const store = postgresStore(sql, { table: 'notices_sql', notices: true })
  return { store, cut: () => terminate('listen "notices_sql_notices"'), close: () => sql.end() }
}

/** Ends the connection whose last statement this was. */
async function terminate(statement: string): Promise<void> {
  const client = new pg.Client(postgresUrl!)
  await client.connect()
  const { rows } = await client.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE trim(query) = $1`,
    [statement],
  )
  expect(rows).toHaveLength(1)
  await client.end()
}

async function ioredisStore(): Promise<Opened> {
  const client = new Redis(redisUrl!, { maxRetriesPerRequest: 0 })
  const subscriber = client.duplicate({ enableOfflineQueue: true })
  const id = await subscriber.client('ID')
  const store = redisStore(client, { prefix: 'notices-a:', subscriber })
  const close = async () => [client, subscriber].map((each) => each.disconnect())
  return { store, cut: () => client.client('KILL', 'ID', id), close }
}

async function nodeRedisStore(): Promise<Opened> {
  const client = createClient({ url: redisUrl! })
  const subscriber = client.duplicate()
  await Promise.all([client.connect(), subscriber.connect()])
  const id = await subscriber.sendCommand<number>(['CLIENT', 'ID'])
  const store = redisStore(client, { prefix: 'notices-b:', subscriber })
  const close = async () => [client, subscriber].map((each) => each.destroy())
  return { store, cut: () => client.sendCommand(['CLIENT', 'KILL', 'ID', String(id)]), close }
}

// The package postgres does not tell when its connection breaks, only when it listens again.
describe.each<[string, Parameters<typeof needs>[0], () => Promise<Opened>, gaps: number]>([
  ['ioredis', 'sharedRedis', ioredisStore, 2],
  ['redis', 'sharedRedis', nodeRedisStore, 2],
  ['pg', 'sharedPostgres', pgStore, 2],
  ['postgres', 'sharedPostgres', postgresJsStore, 1],
])('notices by %s', (_, need, open, gaps) => {
  describe('of a real server', needs(need), () => {
    it('tell of a gap when their connection breaks, and come again', async () => {
      const { store, cut, close } = await open()
      const { take, heard, stop } = await hear(store)
      await ends(store, heard)
      expect(take().filter((each) => each === 'gap')).toEqual([])
      await cut()
      await vi.waitFor(() => expect(heard()).toContain('gap'), { timeout: 5000, interval: 5 })
      await vi.waitFor(() => ends(store, heard), { timeout: 5000 })
      expect(take().filter((each) => each === 'gap').length).toBeGreaterThanOrEqual(gaps)
      await stop()
      await close()
    })

    it('do not keep the client of the store from its end', async () => {
      const { store, close } = await open()
      const { stop } = await hear(store)
      const began = performance.now()
      await close()
      expect(performance.now() - began).toBeLessThan(1000)
      await Promise.all([stop(), stop()])
    })
  })
})

describe('a subscriber', needs('sharedRedis'), () => {
  it.each([
    ['that may not publish', ['resetchannels'], [expect.stringContaining('does not arrive')]],
    ['that may publish', ['allchannels'], []],
  ])('of a user %s loses no delete, and is told of at start', async (_, rights, warnings) => {
    const admin = new Redis(redisUrl!, { maxRetriesPerRequest: 0 })
    const user = `notices-${rights[0]}`
    await admin.acl('SETUSER', user, 'reset', 'on', '>secret', '~*', '+@all', '-info', ...rights)
    const client = admin.duplicate({ username: user, password: 'secret' })
    const subscriber = admin.duplicate()
    const store = redisStore(client, { prefix: 'rights:', subscriber })
    const id = digest(mint())
    await store.create(id, record)
    expect(await store.delete(id, 0, { as: 'ended', until: Date.now() + 60_000 })).toEqual(record)
    expect(await store.read(id, 0)).toBe('ended')
    const told = (await store.check!()).filter((line) => line.includes('rights:notices'))
    expect(told).toEqual(warnings)
    await admin.acl('DELUSER', user)
    for (const each of [admin, client, subscriber]) each.disconnect()
  })

  it('that hears nothing is polled for', async () => {
    const client = new Redis(redisUrl!, { maxRetriesPerRequest: 0 })
    const elsewhere = {
      subscribe: async () => 1,
      unsubscribe: vi.fn<() => Promise<number>>(async () => 0),
      on() {},
      off() {},
    }
    const store = redisStore(client, { prefix: 'nobody:', subscriber: elsewhere })
    const { heard, stop } = await hear(store)
    await vi.waitFor(() => expect(heard().length).toBeGreaterThan(1), { timeout: 3000, interval: 20 })
    await stop()
    expect(elsewhere.unsubscribe).toHaveBeenCalledOnce()
    client.disconnect()
  })

  it.each([{ subscriber: 1 }, { subscriber: {} }, { live: 'yes' }, 'its own client'])(
    'is refused at start: %o',
    (options) => {
      const client = {
        async evalsha() {},
        async eval() {},
        on() {},
        off() {},
        subscribe() {},
        unsubscribe() {},
      }
      const given = typeof options === 'string' ? { subscriber: client } : options
      expect(() => redisStore(client, given as never)).toThrow(
        expect.objectContaining({ code: 'CONFIG_INVALID' }),
      )
    },
  )
})

describe('in a cluster', needs('ownRedis'), () => {
  let cluster: RunningCluster
  beforeAll(async () => {
    cluster = await startCluster()
  }, 60_000)
  afterAll(() => cluster.stop(), 60_000)

  it.each([
    [
      'ioredis',
      async () => {
        const nodes = cluster.nodes.map(({ port }) => ({ host: '127.0.0.1', port }))
        const [client, subscriber] = [new Cluster(nodes), new Cluster(nodes)]
        const close = () => [client, subscriber].map((each) => each.disconnect())
        return { store: redisStore(client, { subscriber, live: true }), close }
      },
    ],
    [
      'redis',
      async () => {
        const rootNodes = cluster.nodes.map(({ port }) => ({ url: `redis://127.0.0.1:${port}` }))
        const [client, subscriber] = [createCluster({ rootNodes }), createCluster({ rootNodes })]
        await Promise.all([client.connect(), subscriber.connect()])
        const close = () => [client, subscriber].map((each) => each.destroy())
        return { store: redisStore(client, { subscriber, live: true }), close }
      },
    ],
  ])('%s hears of sessions on every node', async (_, open) => {
    const { store, close } = await open()
    const { heard, take, stop } = await hear(store)
    for (let count = 0; count < 12; count++) await ends(store, heard)
    expect(take()).not.toContain('gap')
    await cluster.disconnect()
    await cluster.settled()
    await vi.waitFor(() => ends(store, heard), { timeout: 10_000 })
    await stop()
    close()
  })
})
