// This bounds how long calls to a store take and how many there are, and replaces the errors of its driver.

import type { Outcome } from '../session/changes.ts'
import { SessionError } from '../session/errors.ts'
import type { Departure, Mark, SessionRecord } from '../session/record.ts'
import { mayShare } from '../session/runtime.ts'
import type { CallLimits } from '../session/settings.ts'
import type { KeyedStore } from '../session/store.ts'
import { type CallTimeout, callTimeout } from './call-timeout.ts'

/** Milliseconds between the probes that find out whether a silent backend answers again. */
const probeInterval = 250

type Verb = 'create' | 'read' | 'commit' | 'delete'

/** The calls of one verb that were given up. The driver may still hold them, and they may never end. */
class GivenUp {
  readonly calls = new Set<object>()
  probedAt = Number.NEGATIVE_INFINITY

  get mayProbe(): boolean {
    return this.calls.size > 0 && performance.now() - this.probedAt >= probeInterval
  }
}

/** A backend with calls that are bounded. */
export interface GuardedStore extends KeyedStore {
  /**
   * Moves a record to another id. Both steps are one call for the bounds: a delete after which the create was
   * refused would lose the session.
   * @param carry - makes the record that the other id gets
   * @returns the last record of the old id; null when there is no such session
   */
  move(
    id: string,
    successor: string,
    now: number,
    mark: Mark | undefined,
    carry: (record: SessionRecord) => SessionRecord,
  ): Promise<SessionRecord | Departure | null>
}

/**
 * All calls to one backend, from all of its users in this process. Calls that were given up are counted by
 * verb, since a backend may hold up one verb and answer another.
 */
class Traffic {
  live = 0
  readonly givenUp: Readonly<Record<Verb, GivenUp>> = {
    create: new GivenUp(),
    read: new GivenUp(),
    commit: new GivenUp(),
    delete: new GivenUp(),
  }
}

const traffics = new WeakMap<KeyedStore, Traffic>()

/**
 * Gives the backend with calls that are bounded in time and number. No call is sent twice, and what a driver
 * throws becomes an error with a fixed text, since its message may hold a connection string.
 *
 * A call is live from its start until it ends or `timeout` is over. In that case its caller is told, and it
 * counts as given up, since the driver may still hold it. Live calls, and those of the same verb that were
 * given up, are `inFlight` at most, and a further call fails at once. So that a verb does not fail for ever
 * once so many of its calls were given up, one call in 250 ms is let through as a probe. If a probe ends in
 * time, the backend answers again, and calls of the same verb that were given up before it count no more.
 */
export function guarded(backend: KeyedStore, limits: CallLimits): GuardedStore {
  const traffic = traffics.get(backend) ?? new Traffic()
  traffics.set(backend, traffic)
  return bounded(backend, traffic, limits)
}

/**
 * Gives the backend to find out whether it works. These calls are counted apart from those of requests, so
 * that a backend that is only busy is not taken for a broken one. Where requests may not share a probe, each
 * sends its own.
 * @param timeout - milliseconds that a call may take
 */
export const probed = (backend: KeyedStore, timeout: number): KeyedStore =>
  bounded(backend, new Traffic(), { timeout, inFlight: mayShare() ? 2 : 1000 })

function bounded(backend: KeyedStore, traffic: Traffic, limits: CallLimits): GuardedStore {
  const call = caller(traffic, limits, callTimeout(limits.timeout))
  return {
    ...(backend.notices && { notices: backend.notices }),
    create: (id, record) => call('create', () => backend.create(id, record)),
    read: (id, now) => call('read', () => backend.read(id, now)),
    commit: (id, changes, now) => call('commit', () => backend.commit(id, changes, now)),
    delete: (id, now, mark) => call('delete', () => backend.delete(id, now, mark)),
    move: (id, successor, now, mark, carry) =>
      call('delete', async () => {
        const found = checked('delete', await backend.delete(id, now, mark))
        if (found === null || typeof found === 'string') return found
        await backend.create(successor, carry(found))
        return found
      }),
  }
}

const outcomes: ReadonlySet<unknown> = new Set<Outcome>([
  'committed',
  'conflict',
  'full',
  'gone',
  'moved',
  'ended',
])

/** Whether it is a record, null or what a mark says. */
function isFound(answer: unknown): boolean {
  if (answer === null || answer === 'moved' || answer === 'ended') return true
  if (typeof answer !== 'object') return false
  const { entries, createdAt, expiresAt, policy } = answer as Record<keyof SessionRecord, unknown>
  const isRecord = entries instanceof Map && typeof policy === 'string'
  return isRecord && Number.isFinite(createdAt) && Number.isFinite(expiresAt)
}

const isAnswer: Readonly<Record<Verb, (answer: unknown) => boolean>> = {
  create: () => true,
  read: isFound,
  commit: (answer) => outcomes.has(answer),
  delete: isFound,
}

/**
 * Gives back what a store answered. What is no answer of the verb would be taken for one: that there is no
 * session, for example, so that the visitor gets another, or that something was saved.
 */
function checked<T>(verb: Verb, answer: T): T {
  if (isAnswer[verb](answer)) return answer
  throw new TypeError(`"${verb}" of the store answered what KeyedStore has no meaning for.`)
}

const caller =
  (traffic: Traffic, { timeout, inFlight }: CallLimits, watch: CallTimeout) =>
  <T>(verb: Verb, task: () => Promise<T>): Promise<T> => {
    const givenUp = traffic.givenUp[verb]
    const isFull = traffic.live + givenUp.calls.size >= inFlight
    if (isFull && !givenUp.mayProbe) return Promise.reject(unavailable())
    const isProbe = isFull
    const call = {}
    const before = isProbe ? [...givenUp.calls] : []
    if (isProbe) givenUp.probedAt = performance.now()
    const { promise, resolve, reject } = Promise.withResolvers<T>()

    let isLive = true
    traffic.live++
    const leave = (): void => {
      if (isLive) traffic.live--
      isLive = false
    }
    const inTime = watch(() => {
      leave()
      // A late probe does not count as given up: it was over the bound, and the next one comes soon.
      if (!isProbe) givenUp.calls.add(call)
      reject(tooLate(timeout))
    })
    const run = async (): Promise<void> => {
      try {
        resolve(checked(verb, await task()))
        if (isLive) for (const each of before) givenUp.calls.delete(each)
      } catch (cause) {
        reject(cause instanceof SessionError ? cause : unavailable(cause))
      }
      inTime()
      givenUp.calls.delete(call)
      leave()
    }
    void run()
    return promise
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
