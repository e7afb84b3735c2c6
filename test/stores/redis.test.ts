import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest'
import { changeSet } from '../../src/session/changes.ts'
import type { KeyedStore } from '../../src/session/store.ts'
import { redisStore } from '../../src/stores/redis.ts'
import { guarantees } from '../../src/stores/suite/suite.ts'
import { FaultyProxy } from '../faults/proxy.ts'
import { needs } from '../support/needs.ts'
import { recordOf } from '../support/record-of.ts'
import { runs } from '../support/runs.ts'
import { freePort, startRedis } from '../support/servers.ts'

const url = inject('redisUrl')
const histories = runs(1_000, 100_000)

describe('redisStore with ioredis', needs('sharedRedis'), () => {
  const client = new Redis(url!, { lazyConnect: true, maxRetriesPerRequest: 0, enableAutoPipelining: true })
  const other = new Redis(url!, { lazyConnect: true, maxRetriesPerRequest: 0 })
  const [subscriber, another] = [client, other].map((each) => each.duplicate())
  afterAll(() => [client, other, subscriber!, another!].forEach((each) => each.disconnect()))
  const store = redisStore(client, { subscriber: subscriber!, live: true })
  const peer = redisStore(other, { subscriber: another!, live: true })
  it.each(guarantees)('$id $title', ({ check }) => check(store, { histories, peer }))
})

describe('redisStore with redis', needs('sharedRedis'), () => {
  const client = createClient({ url: url! })
  const subscriber = client.duplicate()
  beforeAll(() => Promise.all([client.connect(), subscriber.connect()]))
  afterAll(() => [client, subscriber].forEach((each) => each.destroy()))
  const store = redisStore(client, { subscriber, live: true })
  it.each(guarantees)('$id $title', ({ check }) => check(store, { histories }))
})

describe('a session in Redis', needs('sharedRedis', 'ownRedis'), () => {
  const client = new Redis(url!, { lazyConnect: true, maxRetriesPerRequest: 0 })
  afterAll(() => client.disconnect())
  const store = redisStore(client, { prefix: 'here:' })
  const expiresAt = Date.UTC(2100, 0)
  const record = { entries: new Map([['k', '1']]), createdAt: 0, expiresAt, policy: '' }

  it('is one hash under the prefix, which Redis drops at its deadline', async () => {
    await store.create('dropped', record)
    expect(await client.type('here:dropped')).toBe('hash')
    expect(await client.pexpiretime('here:dropped')).toBe(expiresAt)
    await store.commit('dropped', changeSet({ expiresAt: expiresAt + 5 }), 0)
    expect(await client.pexpiretime('here:dropped')).toBe(expiresAt + 5)
    await store.commit('dropped', changeSet({ clear: true }), 0)
    expect(await client.pexpiretime('here:dropped')).toBe(expiresAt + 5)
    await store.commit('dropped', changeSet({ expiresAt: 1 }), 1)
    expect(await client.exists('here:dropped')).toBe(0)
  })

  it('is not said to be stored where Redis, by its own clock, drops it at once', async () => {
    // To Redis a process whose clock is behind is what a Redis whose clock is ahead is to the process.
    const now = Date.now() - 86_400_000
    const past = now + 3_600_000
    await expect(store.create('skewed', { ...record, expiresAt: past })).rejects.toThrow('clock')
    await store.create('skewed', record)
    await expect(store.commit('skewed', changeSet({ expiresAt: past }), now)).rejects.toThrow('clock')
    expect(await store.delete('skewed', now)).toEqual(record)
  })

  it('stays whole when Redis has no room for a change', async () => {
    const server = await startRedis()
    const own = new Redis(server.url, { maxRetriesPerRequest: 0 })
    const full = redisStore(own)
    await full.create('a', record)
    await full.create('b', record)
    await own.config('SET', 'maxmemory', '1')
    const entries = new Map([['k', null], ['other', '2']]) // prettier-ignore
    await expect(full.commit('a', changeSet({ entries }), 0)).rejects.toThrow('OOM')
    await expect(full.create('c', record)).rejects.toThrow('OOM')
    expect(await full.read('a', 0)).toEqual(record)
    expect(await full.delete('a', 0)).toEqual(record)
    // Clearing makes room first.
    expect(await full.commit('b', changeSet({ clear: true, entries }), 0)).toBe('committed')
    expect(recordOf(await full.read('b', 0))?.entries).toEqual(new Map([['other', '2']]))
    own.disconnect()
    await server.stop()
  })

  it('is found by a Redis that forgot the scripts', async () => {
    await store.create('forgetful', record)
    await client.script('FLUSH')
    expect(await store.read('forgetful', 0)).toEqual(record)
  })
})

describe.each<[name: string, open: (port: number) => Promise<{ store: KeyedStore; close(): void }>]>([
  [
    'ioredis',
    async (port) => {
      const client = new Redis(port, '127.0.0.1', { maxRetriesPerRequest: 0, enableOfflineQueue: false })
      await once(client, 'ready')
      return { store: redisStore(client), close: () => client.disconnect() }
    },
  ],
  [
    'redis',
    async (port) => {
      const client = createClient({ url: `redis://127.0.0.1:${port}`, disableOfflineQueue: true })
      await client.connect()
      return { store: redisStore(client), close: () => client.destroy() }
    },
  ],
])('a client of %s whose server becomes a replica', needs('ownRedis'), (_, open) => {
  it('connects again, to the new master', async () => {
    const [old, next] = await Promise.all([startRedis(), startRedis()])
    await using proxy = await FaultyProxy.to(old.port)
    const { store, close } = await open(proxy.port)
    const record = { entries: new Map([['k', '1']]), createdAt: 0, expiresAt: Date.UTC(2100, 0), policy: '' }
    await store.create('before', record)
    const demoted = new Redis(old.url)
    await demoted.replicaof('127.0.0.1', next.port)
    demoted.disconnect()
    proxy.lead(next.port)
    const refused = await store.create('refused', record).catch((error: unknown) => error)
    expect(refused).toMatchObject({ code: 'READONLY' })
    await vi.waitFor(() => store.create('after', record), { timeout: 3000, interval: 20 })
    expect(await store.read('after', 0)).toEqual(record)
    close()
    await Promise.all([old.stop(), next.stop()])
  })
})

describe('the check of Redis', needs('ownRedis'), () => {
  it('tells of a replica, and of a clock that is far from ours', async () => {
    const server = await startRedis()
    const client = new Redis(server.url, { maxRetriesPerRequest: 0 })
    const store = redisStore(client)
    expect(await store.check!()).toEqual([])
    await client.replicaof('127.0.0.1', await freePort())
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 3_600_000 })
    expect(await store.check!()).toEqual([
      expect.stringMatching(/stores no session: it is a replica.*Name the master/),
      expect.stringMatching(/^The clock of Redis is 3[56]\d\d s ahead of the clock of this process/),
    ])
    vi.setSystemTime(Date.now() + 2 * 3_600_000)
    expect((await store.check!()).at(-1)).toMatch(/ 3[56]\d\d s behind /)
    vi.useRealTimers()
    client.disconnect()
    await server.stop()
  })
})

it.each(['+astray', ':0', '$-1', '*-1', '$4\r\nlost', '$10\r\nhash\nk\n1 7', '*2\r\n+k\r\n+1 7'])(
  'takes the reply %j for a broken store',
  async (reply) => {
    const server = createServer((socket) => {
      socket.on('data', () => socket.write(`${reply}\r\n`))
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const client = new Redis(port, '127.0.0.1', {
      protocol: 2,
      enableReadyCheck: false,
      disableClientInfo: true,
      maxRetriesPerRequest: 0,
    })
    const store = redisStore(client)
    await expect(store.read('a', 0)).rejects.toThrow('no script of ours')
    await expect(store.delete('a', 0)).rejects.toThrow('no script of ours')
    await expect(store.commit('a', changeSet({}), 0)).rejects.toThrow('no script of ours')
    client.disconnect()
    server.close()
  },
)

it.each([{ prefix: 1 }, { perfix: 'x' }, null])('refuses %o at start', (options) => {
  const client = { evalsha: async () => null, eval: async () => null, on() {} }
  expect(() => redisStore(client, options as never)).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID' }),
  )
})
