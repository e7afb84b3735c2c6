import { SessionError } from '../errors.ts'
import type { CallLimits } from '../settings.ts'
import type { KeyedStore } from '../store.ts'

/** Milliseconds between attempts to find out whether a backend that went silent answers again. */
const probeInterval = 250

/** The calls to one backend, whoever makes them. */
interface Traffic {
  live: number
  /** Given up, and neither answered nor failed since. A driver may never settle them. */
  readonly lost: Set<object>
  probedAt: number
}

const traffics = new WeakMap<KeyedStore, Traffic>()

/**
 * The same backend, for whom trouble is bounded: a call that takes too long is given up, there are only so many at a
 * time, and whatever a driver throws (messages may hold connection strings), at once or late, becomes an error with a
 * fixed text. Nothing is sent twice.
 */
export function guarded(backend: KeyedStore, { timeout, inFlight }: CallLimits): KeyedStore {
  const traffic = traffics.get(backend) ?? { live: 0, lost: new Set(), probedAt: 0 }
  traffics.set(backend, traffic)

  const isFull = (): boolean => {
    if (traffic.live + traffic.lost.size < inFlight) return false
    const now = performance.now()
    if (traffic.lost.size === 0 || now - traffic.probedAt < probeInterval) return true
    traffic.probedAt = now
    return false
  }

  const call = <T>(verb: () => Promise<T>): Promise<T> => {
    if (isFull()) return Promise.reject(unavailable())
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    let isLive = true
    const leave = (): void => {
      if (isLive) traffic.live--
      isLive = false
    }
    traffic.live++
    const timer = setTimeout(() => {
      leave()
      traffic.lost.add(timer)
      reject(tooLate(timeout))
    }, timeout)
    const run = async (): Promise<void> => {
      try {
        resolve(await verb())
        // It answers, so that what was lost on the way is not waiting in it.
        traffic.lost.clear()
      } catch (cause) {
        reject(cause instanceof SessionError ? cause : unavailable(cause))
        traffic.lost.delete(timer)
      }
      clearTimeout(timer)
      leave()
    }
    void run()
    return promise
  }

  return {
    create: (id, record) => call(() => backend.create(id, record)),
    read: (id, now) => call(() => backend.read(id, now)),
    commit: (id, changes, now) => call(() => backend.commit(id, changes, now)),
    delete: (id, now) => call(() => backend.delete(id, now)),
  }
}

const unavailable = (cause?: unknown): SessionError =>
  new SessionError(
    'SESSION_STORE_UNAVAILABLE',
    'The session store is not available. Try again later.',
    cause === undefined ? {} : { cause },
  )

const tooLate = (timeout: number): SessionError =>
  new SessionError(
    'SESSION_STORE_TIMEOUT',
    `The session store did not answer within ${timeout} ms. It may have made the change or not.`,
    { outcome: 'unknown' },
  )
