// This keeps sessions in the memory of this process.

import cluster from 'node:cluster'
import { LRUCache } from 'lru-cache'
import { apply } from '../session/changes.ts'
import { SessionError } from '../session/errors.ts'
import { checkOptions } from '../session/options.ts'
import { markRecord, seen, type SessionRecord } from '../session/record.ts'
import type { KeyedStore } from '../session/store.ts'
import { pack, unpack } from './packed.ts'

/** The options of `memoryStore`. */
export interface MemoryStoreOptions {
  /**
   * The number of sessions, at most; up to 2^24, which is what a Map holds. Beyond it the session used
   * longest ago is evicted, and lost.
   */
  readonly max: number
  /**
   * Characters (UTF-16 code units) that all sessions hold together, at most. Beyond it the session used
   * longest ago is evicted, and lost.
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
  const sessions = new LRUCache<string, string>({
    max,
    maxSize,
    sizeCalculation: (text, id) => id.length + text.length,
  })

  const find = (id: string, now: number): SessionRecord | null => {
    const text = sessions.get(id)
    if (text === undefined) return null
    const record = unpack(text)
    // An expired one stays until it is evicted, as another user of the store may have another clock.
    return record.expiresAt > now ? record : null
  }

  // LRUCache drops an entry larger than `maxSize`, and the one that it replaces. So `put` refuses it first.
  const put = (id: string, record: SessionRecord): boolean => {
    const text = pack(record)
    if (id.length + text.length > maxSize) return false
    sessions.set(id, text)
    return true
  }

  return {
    async create(id, record) {
      if (sessions.has(id)) throw new Error('The id is in use.')
      if (!put(id, record)) {
        throw new SessionError('SESSION_TOO_LARGE', 'The session is larger than the whole store.')
      }
    },
    async read(id, now) {
      return seen(find(id, now))
    },
    async commit(id, changes, now) {
      const { outcome, record } = apply(find(id, now), changes)
      return outcome === 'committed' && !put(id, record!) ? 'full' : outcome
    },
    async delete(id, now, mark) {
      const found = seen(find(id, now))
      if (typeof found === 'string') return found
      sessions.delete(id)
      if (found && mark) put(id, markRecord(mark))
      return found
    },
  }
}

let hasWarned = false

/** Warns once where this is one of several processes that serve the same clients, as far as they tell. */
function warnAmongMany(): void {
  // A process manager numbers the instances of an application, and a single one is 0.
  const isOneOfMany = cluster.isWorker || Number(process.env['NODE_APP_INSTANCE']) > 0
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
