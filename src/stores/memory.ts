// This keeps sessions in the memory of this process.

import type { Cluster } from 'node:cluster'
import { LRUCache } from 'lru-cache'
import { apply } from '../session/changes.ts'
import { SessionError } from '../session/errors.ts'
import { checkOptions } from '../session/options.ts'
import { markRecord, seen, type SessionRecord } from '../session/record.ts'
import type { KeyedStore } from '../session/store.ts'
import { changesData, ChannelNotices } from './notice-channel.ts'
import { expiryOf, pack, unpack } from './packed.ts'

/** The options of `memoryStore`. */
export interface MemoryStoreOptions {
  /**
   * The number of sessions, at most; up to 2^24, which is what a Map holds. Beyond it sessions of visitors are
   * evicted, and lost: of the size of which there are most, the one used longest ago. Sessions that somebody
   * signed in to (`Session.identify`, `Session.rotate`) are evicted where they have expired, or where visitors
   * have less than a sixteenth of the store.
   */
  readonly max: number
  /**
   * Characters (UTF-16 code units) that all sessions hold together, at most. Beyond it sessions of visitors
   * are evicted, and lost: of the largest, the one used longest ago. Sessions that somebody signed in to are
   * evicted as above.
   * @default 512 for each of `max`, and at least 1,048,576
   */
  readonly maxSize?: number
}

/**
 * Makes a store in the memory of this process. Other processes do not see its sessions, and they end with it.
 * @throws {SessionError} CONFIG_INVALID, naming the option
 */
export function memoryStore(options: MemoryStoreOptions): KeyedStore {
  checkOptions('memoryStore', options, ['max', 'maxSize'])
  const { max, maxSize = Math.max(max * 512, 2 ** 20) } = options
  checkSize('max', max, 2 ** 24)
  checkSize('maxSize', maxSize, Number.MAX_SAFE_INTEGER)
  warnAmongMany()
  const notices = new ChannelNotices(true)
  const onEvicted = (id: string): void => notices.notify(id, 'ended')
  const visitors = new Crowd(onEvicted)
  const signedIn = new Crowd(onEvicted)
  let present = Number.NEGATIVE_INFINITY

  const find = (id: string, now: number): SessionRecord | null => {
    present = now
    const keptText = signedIn.get(id)
    const text = keptText ?? visitors.get(id)
    if (text === undefined) return null
    const record: SessionRecord = keptText === undefined ? unpack(text) : { ...unpack(text), kept: true }
    // An expired one stays until it is evicted, as another user of the store may have another clock.
    return record.expiresAt > now ? record : null
  }

  const remove = (id: string): void => {
    signedIn.delete(id)
    visitors.delete(id)
  }

  /** Evicts until there is room for one more session of the size. */
  const makeRoom = (size: number): void => {
    for (;;) {
      const isTooLarge = visitors.size + signedIn.size + size > maxSize
      if (!isTooLarge && visitors.count + signedIn.count < max) return
      // Sessions of people who do not sign out would take the room of visitors for ever.
      if (signedIn.evictExpired(present)) continue
      const isScarce = isTooLarge ? visitors.size < maxSize / 16 : visitors.count < max / 16
      const crowd = isScarce && signedIn.count > 0 ? signedIn : visitors
      if (isTooLarge) crowd.evictLarge()
      else crowd.evictCommon()
    }
  }

  /**
   * Puts a record into its crowd, in place of the one under the id.
   * @returns false, and does nothing, if it is too large
   */
  const put = (id: string, record: SessionRecord, isKept = false): boolean => {
    const text = pack(record)
    const size = sizeOf(text, id)
    const crowd = isKept ? signedIn : visitors
    // What a single visitor stores must not push out many who have signed in.
    const room = isKept || size <= maxSize / 16 ? maxSize : maxSize - signedIn.size
    if (size > room) return false
    const before = crowd.sizeOf(id)
    if (before === 0 || visitors.size + signedIn.size + size - before > maxSize) {
      crowd.delete(id)
      makeRoom(size)
    }
    crowd.put(id, text)
    return true
  }

  return {
    async create(id, record) {
      const isThere = signedIn.has(id) || visitors.has(id)
      if (isThere && find(id, record.createdAt) !== null) throw new Error('The id is in use.')
      if (isThere) remove(id)
      if (!put(id, record, record.kept)) {
        throw new SessionError('SESSION_TOO_LARGE', 'The session is larger than the store has room for.')
      }
    },
    async read(id, now) {
      return seen(find(id, now))
    },
    async commit(id, changes, now) {
      const found = find(id, now)
      const { outcome, record } = apply(found, changes)
      if (outcome !== 'committed') return outcome
      if (!put(id, record!, found!.kept)) return 'full'
      if (record!.expiresAt <= now) notices.notify(id, 'ended')
      else if (changesData(changes)) notices.notify(id, 'changed')
      return outcome
    },
    async delete(id, now, mark) {
      const found = seen(find(id, now))
      if (typeof found === 'string') return found
      remove(id)
      if (found && mark) put(id, markRecord(mark))
      if (found) notices.notify(id, 'ended')
      return found
    },
    notices,
  }
}

const sizeOf = (text: string, id: string): number => id.length + text.length

/** The sizes from which on sessions are of the next class, in characters. */
const bounds = [512, 4096, 32_768]

/**
 * Sessions that are evicted by the same rules, in the order of their last use within each class of sizes. The
 * classes keep a few large sessions from pushing out thousands of small ones.
 */
class Crowd {
  readonly #classes: readonly LRUCache<string, string>[]

  /** @param onEvicted - called with the id of each session that is evicted */
  constructor(onEvicted: (id: string) => void) {
    // With `max` each cache would reserve memory for that many, and by `maxSize` it would evict by its own rules.
    this.#classes = [...bounds, Infinity].map(
      () =>
        new LRUCache<string, string>({
          maxSize: Number.MAX_SAFE_INTEGER,
          sizeCalculation: sizeOf,
          dispose: (_, id, reason) => reason === 'evict' && onEvicted(id),
        }),
    )
  }

  /** How many sessions there are. */
  get count(): number {
    return this.#classes.reduce((sum, { size }) => sum + size, 0)
  }

  /** How many characters they hold together. */
  get size(): number {
    return this.#classes.reduce((sum, { calculatedSize }) => sum + calculatedSize, 0)
  }

  has(id: string): boolean {
    return this.#classes.some((each) => each.has(id))
  }

  /** Gives a text, which is then the one used last. */
  get(id: string): string | undefined {
    for (const each of this.#classes) {
      const text = each.get(id)
      if (text !== undefined) return text
    }
    return undefined
  }

  /** How many characters there are under an id, and the id; 0 where there is nothing. */
  sizeOf(id: string): number {
    const text = this.#classOf(id)?.peek(id)
    return text === undefined ? 0 : sizeOf(text, id)
  }

  /** Puts a text under an id, in place of what is there. */
  put(id: string, text: string): void {
    const size = sizeOf(text, id)
    const place = this.#classes[bounds.filter((bound) => bound <= size).length]!
    const before = this.#classOf(id)
    if (before !== place) before?.delete(id)
    place.set(id, text)
  }

  delete(id: string): void {
    this.#classOf(id)?.delete(id)
  }

  #classOf(id: string): LRUCache<string, string> | undefined {
    return this.#classes.find((each) => each.has(id))
  }

  /** Evicts a session that has expired and was used longest ago. @returns whether there was one */
  evictExpired(now: number): boolean {
    const cache = this.#classes.find((each) => {
      const [oldest] = each.rvalues()
      return oldest !== undefined && expiryOf(oldest) <= now
    })
    return cache?.pop() !== undefined
  }

  /** Evicts one of the largest sessions. */
  evictLarge(): void {
    this.#classes.findLast(({ size }) => size > 0)?.pop()
  }

  /** Evicts a session of the class that has most of them. */
  evictCommon(): void {
    this.#classes.reduce((most, each) => (each.size > most.size ? each : most)).pop()
  }
}

let hasWarned = false

/** Warns once where this is one of several processes that serve the same clients, as far as they tell. */
function warnAmongMany(): void {
  // Workers lack the module, and there an import would fail.
  const cluster = process.getBuiltinModule('node:cluster') as unknown as Cluster | undefined
  // A process manager numbers the instances of an application, and a single one is 0.
  const isOneOfMany = cluster?.isWorker || Number(process.env['NODE_APP_INSTANCE']) > 0
  if (!isOneOfMany || hasWarned) return
  hasWarned = true
  process.emitWarning(
    'memoryStore keeps sessions in this process, and other processes do not see them: a client that reaches another one has no session. Use another store, or one process.',
    'SessionWarning',
  )
}

function checkSize(name: string, value: number, most: number): void {
  if (!Number.isSafeInteger(value) || value < 1 || value > most) {
    throw new SessionError('CONFIG_INVALID', `memoryStore: ${name} must be a whole number from 1 to ${most}.`)
  }
}
