import { SessionError } from '../session/errors.ts'
import type { CallLimits } from '../session/settings.ts'
import type { KeyedStore } from '../session/store.ts'
import { callTimeout } from './call-timeout.ts'

/** Milliseconds between attempts to find out whether a backend that went silent answers again. */
const probeInterval = 250

type Verb = 'create' | 'read' | 'commit' | 'delete'

/** The calls to one backend, whoever makes them. */
interface Traffic {
  live: number
  /** By verb, as a backend may hold up one and answer another. */
  readonly given: Readonly<Record<Verb, GivenUp>>
}

/** Calls that neither answered nor failed in time: they may still be waiting in the driver, or never settle. */
interface GivenUp {
  readonly calls: Set<object>
  probedAt: number
}

const traffics = new WeakMap<KeyedStore, Traffic>()
const nothing = (): GivenUp => ({ calls: new Set(), probedAt: 0 })

/**
 * The same backend, for whom trouble is bounded: a call that takes too long is given up, there are only so many at a
 * time, and whatever a driver throws (messages may hold connection strings), at once or late, becomes an error with a
 * fixed text. Nothing is sent twice.
 */
export function guarded(backend: KeyedStore, { timeout, inFlight }: CallLimits): KeyedStore {
  const traffic = traffics.get(backend) ?? {
    live: 0,
    given: { create: nothing(), read: nothing(), commit: nothing(), delete: nothing() },
  }
  traffics.set(backend, traffic)

  const watch = callTimeout(timeout)

  /** Whether there is room, or a probe is due of a backend that holds everything up. */
  const admit = ({ calls, probedAt }: GivenUp): 'call' | 'probe' | null => {
    if (traffic.live + calls.size < inFlight) return 'call'
    return calls.size > 0 && performance.now() - probedAt >= probeInterval ? 'probe' : null
  }

  const call = <T>(verb: Verb, task: () => Promise<T>): Promise<T> => {
    const up = traffic.given[verb]
    const admitted = admit(up)
    if (admitted === null) return Promise.reject(unavailable())
    const before = admitted === 'probe' ? [...up.calls] : []
    if (admitted === 'probe') up.probedAt = performance.now()
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    let isLive = true
    const leave = (): void => {
      if (isLive) traffic.live--
      isLive = false
    }
    traffic.live++
    const giveUp = (): void => {
      leave()
      // A probe is beyond the bound as it is, and the next one comes soon.
      if (admitted === 'call') up.calls.add(giveUp)
      reject(tooLate(timeout))
    }
    const settled = watch(giveUp)
    const run = async (): Promise<void> => {
      try {
        resolve(await task())
        // It answers again, so that what was given up before is not waiting for its answer.
        for (const each of isLive ? before : []) up.calls.delete(each)
      } catch (cause) {
        reject(cause instanceof SessionError ? cause : unavailable(cause))
      }
      settled()
      up.calls.delete(giveUp)
      leave()
    }
    void run()
    return promise
  }

  return {
    create: (id, record) => call('create', () => backend.create(id, record)),
    read: (id, now) => call('read', () => backend.read(id, now)),
    commit: (id, changes, now) => call('commit', () => backend.commit(id, changes, now)),
    delete: (id, now) => call('delete', () => backend.delete(id, now)),
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
