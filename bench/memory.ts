// This measures the bytes that memoryStore takes for a session, and reads some back (`npm run bench:memory`).

import { isDeepStrictEqual } from 'node:util'
import type { SessionRecord } from '../src/session/record.ts'
import { digest, mint } from '../src/session/token.ts'
import { memoryStore } from '../src/stores/memory.ts'

const count = 1_000_000
const jsonBytes = 206
/** Bytes of heap that a session may take. */
const target = 530
/** How many sessions are read back, about. */
const samples = 1000

const now = Date.now()
const day = 24 * 60 * 60 * 1000

/** The data of a session. Its texts differ from those of any other, as V8 may keep equal texts only once. */
function dataOf(serial: number): Record<string, unknown> {
  const number = String(serial).padStart(9, '0')
  const data = {
    user_id: number,
    dark_mode: serial % 2 === 0,
    shopping_cart: [{ sku: `sku-${number}`, quantity: 1 }],
    'pref:locale': 'en-GB',
    csrf: '',
  }
  return { ...data, csrf: number.repeat(99).slice(0, jsonBytes - bytesOf(data)) }
}

const bytesOf = (data: object): number => Buffer.byteLength(JSON.stringify(data))

const recordOf = (serial: number): SessionRecord => ({
  entries: new Map(Object.entries(dataOf(serial)).map(([key, value]) => [key, JSON.stringify(value)])),
  createdAt: now - serial,
  expiresAt: now - serial + 14 * day,
  policy: '',
})

/** What the process uses after its garbage was collected. */
function settled(): { heapUsed: number; rss: number } {
  if (!globalThis.gc) throw new Error('Run it with node --expose-gc.')
  globalThis.gc()
  globalThis.gc()
  return process.memoryUsage()
}

/** @returns the ids of the sessions to read back, with their serial numbers */
async function fill(): Promise<Map<string, number>> {
  const sampled = new Map<string, number>()
  for (let serial = 0; serial < count; serial++) {
    const id = digest(mint())
    await store.create(id, recordOf(serial))
    if (Math.random() < samples / count) sampled.set(id, serial)
  }
  return sampled
}

async function misread(sampled: Map<string, number>): Promise<number> {
  let wrong = 0
  for (const [id, serial] of sampled) {
    if (!isDeepStrictEqual(await store.read(id, now), recordOf(serial))) wrong++
  }
  return wrong
}

const bytes = bytesOf(dataOf(count - 1))
if (bytes !== jsonBytes) throw new Error(`A session is ${bytes} bytes of JSON.`)

const before = settled()
const store = memoryStore({ max: count })
const sampled = await fill()
const after = settled()
const wrong = await misread(sampled)

const perSession = (key: 'heapUsed' | 'rss'): number => Math.round((after[key] - before[key]) / count)
const heap = perSession('heapUsed')

console.log(`memoryStore({ max: ${count} }) with ${count} sessions, each with an id of 43 characters
and ${Object.keys(dataOf(0)).length} entries that are ${jsonBytes} bytes as one JSON object. Node ${process.version}.

heap  ${heap} bytes a session (heapUsed after gc, less that before the store was made); target ${target}
RSS   ${perSession('rss')} bytes a session (of the whole process, which keeps what its garbage once needed)
read  ${sampled.size - wrong} of ${sampled.size} sampled at random came back equal`)

if (heap > target || wrong > 0) process.exitCode = 1
