// This prints what open streams take: memory each, and CPU for each notice of an end. Run it with --expose-gc.

import { setTimeout } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Redis } from 'ioredis'
import { digest, mint } from '../../src/session/token.ts'
import { Watcher } from '../../src/session/watch.ts'
import { redisStore } from '../../src/stores/redis.ts'
import { startRedis } from '../support/servers.ts'

const { values } = parseArgs({ options: { streams: { type: 'string', default: '10000' } } })
const count = Number(values.streams)
const print = (what: string, figure: string): void =>
  void process.stdout.write(`${what.padEnd(68)}${figure}\n`)

const server = await startRedis(['--appendonly', 'no'])
const connect = (): Redis => new Redis(server.url, { enableAutoPipelining: true })
const clients = [connect(), connect(), connect()] as const
try {
  const [client, subscriber, other] = clients
  const store = redisStore(client, { subscriber })
  /** Another process: nothing of what it does is for this one, but for what it tells. */
  const elsewhere = redisStore(other)
  const watcher = new Watcher({ find: (id, now) => store.read(id, now), notices: store.notices }, Date.now)
  const record = {
    entries: new Map([['user_id', '"5f0c6f1e-1d0f-4d86-a0a5-64f3e0d6d1c0"']]),
    createdAt: Date.now(),
    expiresAt: Date.now() + 14 * 24 * 60 * 60_000,
    policy: '',
  }
  const make = async (): Promise<string> => {
    const id = digest(mint())
    await store.create(id, record)
    return id
  }
  const heap = (): number => {
    globalThis.gc!()
    globalThis.gc!()
    return process.memoryUsage().heapUsed
  }
  const ids = await Promise.all(Array.from({ length: count }, make))
  const warm = await watcher.watch(await make(), { record, onEnd() {} })
  const before = heap()
  let ended = 0
  const listener = { record, onEnd: () => void ended++ }
  const leave = await Promise.all(ids.map((id) => watcher.watch(id, listener)))
  // Each is looked at once after it has begun.
  await setTimeout(2500)
  print(`${count} streams, bytes of the heap each`, ((heap() - before) / count).toFixed(0))

  const cpu = async (of: number, what: () => Promise<unknown>): Promise<string> => {
    const began = process.cpuUsage()
    await what()
    const { user, system } = process.cpuUsage(began)
    return `${((user + system) / of).toFixed(1)} µs`
  }
  print('CPU of a second without any notice', await cpu(1, () => setTimeout(1000)))

  const told = 20_000
  const publisher = connect()
  const publish = async (channel: string): Promise<void> => {
    for (let sent = 0; sent < told; sent += 1000) {
      await Promise.all(Array.from({ length: 1000 }, () => publisher.publish(channel, digest(mint()))))
    }
    await setTimeout(200)
  }
  const deaf = await cpu(told, () => publish('nobody:notices'))
  const heard = await cpu(told, () => publish('session:notices'))
  print('CPU to publish a notice that nobody hears', deaf)
  print('the same, where it is heard, of a session nobody watches', heard)
  publisher.disconnect()

  const spare = await Promise.all(Array.from({ length: count }, make))
  const unwatched = await cpu(count, async () => {
    await Promise.all(spare.map((id) => elsewhere.delete(id, Date.now())))
    await setTimeout(200)
  })
  const began = performance.now()
  const isOver = (): boolean => ended >= count || performance.now() - began > 10_000
  const watched = await cpu(count, async () => {
    await Promise.all(ids.map((id) => elsewhere.delete(id, Date.now())))
    while (!isOver()) await setTimeout(5)
  })
  print('CPU of a delete and its notice, of a session nobody watches', unwatched)
  print('the same, of a session with a stream, which is read and ends', watched)
  print(`all ${count} ended, of which were told`, String(ended))
  print('ms from the first delete to the last stream that was told', (performance.now() - began).toFixed(0))

  const again = await Promise.all(Array.from({ length: count }, make))
  leave.push(...(await Promise.all(again.map((id) => watcher.watch(id, listener)))))
  await setTimeout(1500)
  const gap = await cpu(count, async () => {
    subscriber.disconnect(true)
    await setTimeout(2000)
  })
  print('CPU of a stream when the bus breaks and comes back', gap)
  for (const each of [...leave, warm]) each()
} finally {
  for (const each of clients) each.disconnect()
  await server.stop()
}
process.exit(0)
