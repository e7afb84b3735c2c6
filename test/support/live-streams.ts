// This lets streams begin at random moments beside the ends of their sessions, and judges by real time.

import { setTimeout } from 'node:timers/promises'
import { expect } from 'vitest'
import type { KeyedStore } from '../../src/session/store.ts'
import { digest, mint } from '../../src/session/token.ts'
import { Watcher } from '../../src/session/watch.ts'

/** A server with streams: its store, by connections of its own. */
export interface LiveNode {
  readonly store: KeyedStore
  /** Breaks the connection by which it is told of ends. */
  cut?(): Promise<unknown>
}

/** What happens. */
export interface Streams {
  /** How many streams begin while sessions end. */
  readonly streams: number
  /** Sessions that are in use at a time. @default 100 */
  readonly sessions?: number
  /** Further streams on each node, which are open all the time, and whose sessions end at last. @default 0 */
  readonly lasting?: number
  /** Milliseconds between two cuts of each node. @default 400 */
  readonly cutEvery?: number
  /** Milliseconds between two writes by one node to a session that nobody watches. @default none are made */
  readonly writeEvery?: number
}

/** What went wrong, and what ran. The first two have to be 0. */
export interface LiveVerdict {
  /** Streams that were not told of the end of their session. */
  alive: number
  /**
   * Streams that were told later than a second after the end had answered, and after they had begun. The time in which
   * this process stood still does not count.
   */
  late: number
  streams: number
  /** Streams that began before the end of their session had answered, and were entered after it. */
  beside: number
  ends: number
  cuts: number
  /** Milliseconds from the end, or the beginning where that was later, to the notice. */
  readonly after: { p50: number; p99: number; max: number }
  /** Milliseconds of the longest standstill of this process. */
  stall: number
}

interface Stream {
  readonly began: number
  told: number | null
}

/** Milliseconds in which a stream ends after its session. */
const bound = 1000
const year = 365 * 24 * 60 * 60_000
/** Milliseconds that a session lives at most. */
const longestLife = 500

/** Tells for how long the event loop stood still, as on a machine that is busy with other things. */
function watchLoop() {
  const standstills: { readonly from: number; readonly to: number }[] = []
  let last = performance.now()
  const timer = setInterval(() => {
    const now = performance.now()
    if (now - last > 40) standstills.push({ from: last, to: now })
    last = now
  }, 10)
  return {
    stoodStill: (since: number, until: number): number =>
      standstills.reduce(
        (sum, { from, to }) => sum + Math.max(0, Math.min(to, until) - Math.max(from, since)),
        0,
      ),
    longest: (): number => Math.max(0, ...standstills.map(({ from, to }) => to - from)),
    stop: (): void => clearInterval(timer),
  }
}

/** Runs streams over two or more nodes that share a store. */
export async function liveStreams(nodes: readonly LiveNode[], given: Streams): Promise<LiveVerdict> {
  const { streams: wanted, sessions = 100, lasting = 0, cutEvery = 400, writeEvery } = given
  const loop = watchLoop()
  const servers = nodes.map(({ store, cut }) => ({
    store,
    cut,
    watcher: new Watcher({ find: (id, now) => store.read(id, now), notices: store.notices }, Date.now),
  }))
  const verdict = { alive: 0, late: 0, streams: 0, beside: 0, ends: 0, cuts: 0 }
  const ended: { readonly acked: number; readonly of: readonly Stream[] }[] = []
  const any = <T>(list: readonly T[]): T => list[Math.floor(Math.random() * list.length)]!

  const begin = async ({ store } = any(servers)): Promise<string> => {
    const id = digest(mint())
    const now = Date.now()
    await store.create(id, { entries: new Map(), createdAt: now, expiresAt: now + year, policy: '' })
    return id
  }
  /** Begins a stream as a request does: it reads the session, does something else, and then watches it. */
  const open = async (id: string, { store, watcher } = any(servers)): Promise<Stream | null> => {
    const record = await store.read(id, Date.now())
    if (record === null || typeof record === 'string') return null
    if (Math.random() < 0.5) await setTimeout(Math.random() * 4)
    const stream: Stream = { began: performance.now(), told: null }
    const onEnd = (): void => void (stream.told ??= performance.now())
    await watcher.watch(id, Math.random() < 0.5 ? { record, onEnd } : { record, onEnd, onChange() {} })
    return stream
  }
  const end = async (id: string): Promise<number> => {
    await any(servers).store.delete(id, Date.now())
    verdict.ends++
    return performance.now()
  }
  const live = async (): Promise<void> => {
    const id = await begin()
    const life = Math.random() * longestLife
    const opening = async (): Promise<Stream | null> => {
      const isBesideEnd = Math.random() < 0.5
      await setTimeout(isBesideEnd ? Math.max(0, life + (Math.random() - 0.7) * 10) : Math.random() * life)
      return open(id)
    }
    const opened = Promise.all([opening(), opening(), opening(), opening()])
    await setTimeout(life)
    const acked = await end(id)
    const of = (await opened).filter((each) => each !== null)
    verdict.streams += of.length
    verdict.beside += of.filter(({ began }) => began > acked).length
    ended.push({ acked, of })
  }

  const stopped = new AbortController()
  const each = async (interval: number | undefined, what: () => Promise<unknown>): Promise<void> => {
    if (interval === undefined) return
    while (!stopped.signal.aborted) {
      await setTimeout(interval)
      if (!stopped.signal.aborted) await what()
    }
  }
  const beside = [
    ...servers.map(async ({ cut }) => {
      if (cut) await each(cutEvery, async () => void (await cut(), verdict.cuts++))
    }),
    each(writeEvery, () => begin(servers[0])),
  ]
  const held = await Promise.all(
    servers.flatMap((server) =>
      Array.from({ length: lasting }, async () => {
        const id = await begin()
        return { id, stream: (await open(id, server))! }
      }),
    ),
  )
  await Promise.all(
    Array.from({ length: sessions }, async () => {
      while (verdict.streams < wanted) await live()
    }),
  )
  for (const { id, stream } of held) {
    ended.push({ acked: await end(id), of: [stream] })
    verdict.streams++
  }
  const isOver = (): boolean => ended.every(({ of }) => of.every(({ told }) => told !== null))
  const deadline = performance.now() + 3 * bound
  while (!isOver() && performance.now() < deadline) await setTimeout(20)
  stopped.abort()
  await Promise.all(beside)
  loop.stop()

  const waits: number[] = []
  for (const { acked, of } of ended) {
    for (const { began, told } of of) {
      if (told === null) verdict.alive++
      else {
        const from = Math.max(acked, began)
        waits.push(told - from)
        if (told - from > bound && told - from - loop.stoodStill(from, told) > bound) verdict.late++
      }
    }
  }
  waits.sort((a, b) => a - b)
  const at = (share: number): number =>
    Math.round(10 * (waits[Math.floor(share * (waits.length - 1))] ?? 0)) / 10
  return { ...verdict, after: { p50: at(0.5), p99: at(0.99), max: at(1) }, stall: Math.round(loop.longest()) }
}

/** Runs streams, and fails where one lives on. `npm run test:long` shows what ran. */
export async function outlived(title: string, nodes: readonly LiveNode[], given: Streams): Promise<void> {
  const began = performance.now()
  const verdict = await liveStreams(nodes, given)
  const seconds = Math.round((performance.now() - began) / 1000)
  // oxlint-disable-next-line eslint/no-console -- what has to be 0 tells little without what ran
  if (process.env['LONG']) console.info(title, { ...verdict, seconds })
  expect(verdict, `${title}: ${JSON.stringify(verdict)}`).toMatchObject({ alive: 0, late: 0 })
  expect(verdict.beside, 'streams that began beside the end').toBeGreaterThan(0)
}
