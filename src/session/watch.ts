// This watches sessions for those that have an open stream, and tells them when their session ends or changes.

import { tooManyStreams } from './errors.ts'
import { ownerIn, ownerKey } from './owner.ts'
import type { Departure, Ending, SessionRecord } from './record.ts'
import { unref } from './runtime.ts'

/** What a store is asked for. */
export interface WatchedStore {
  /** Finds a session. @returns `unread` where it has not ended, and its record is in the cookie */
  find(id: string, now: number): Promise<SessionRecord | Departure | 'unread' | null>
  readonly notices?: Notices | undefined
}

/** What a store tells of its sessions, on every process that uses it. */
export interface Notices {
  /**
   * Begins to listen. Resolves once nothing is missed that happens from then on.
   * @param onNotice - called with the id once a session is gone (deleted, evicted, or past the deadline that a commit
   * gave it), or, where `tellsChanges`, once a commit has changed more than its deadline. It is a hint, which may be
   * doubled or late
   * @param onGap - called when something may have been missed, as when the connection broke, and when it is there
   * again, so that whoever listens reads what it watches
   * @returns ends it
   */
  listen(
    onNotice: (id: string, what: 'ended' | 'changed') => void,
    onGap: () => void,
  ): Promise<() => Promise<void>>
  /**
   * Tells everybody who listens that a session ended, for a store that keeps in this one which of its sessions ended
   * (`cookieStore`).
   */
  tell?(id: string): Promise<void>
  /** Whether changes are told, too. */
  readonly tellsChanges: boolean
}

/** Who is told of a session. */
export interface Listener {
  /** The session as the listener knows it. */
  readonly record: SessionRecord
  /** How many listeners that have such a bound the session may have, with this one. @default any number */
  readonly most?: number
  /** Called once, when the session is no more. */
  onEnd(ending: Ending): void
  /** Called after each change of what the session holds, at once and as often as it is seen. */
  onChange?(): void
}

/** Milliseconds after which a session is asked for that may have ended while nobody listened for it yet. */
const firstLook = 100
/** Milliseconds between two looks at each session, with what tells of ends, and without it. */
const backstop = 30_000
const polling = 900
/** Milliseconds over which the looks after a gap are spread. With what it takes to tell of a gap this is below a second. */
const longestSpread = 600
/** Milliseconds for which a stream waits until its store is heard. */
const longestWait = 2000
/** Milliseconds for which it is listened on when nobody watches any more, as the next stream may begin soon. */
const linger = 1000
/** Milliseconds for which a store may fail before the streams of its sessions end. */
const patience = 10_000

interface Watched {
  readonly listeners: Set<Listener>
  /** Whose session it was when it was first watched. */
  readonly owner: string | null
  expiresAt: number
  /** What the session held last, to tell a change from a new deadline. */
  last: string
  failingSince: number | null
  isLooking: boolean
  looksAgain: boolean
  /** When the next look is planned for, as `performance.now()` has it. */
  lookAt: number
  timer: NodeJS.Timeout | undefined
}

/**
 * Watches the sessions of one store. A notice only causes a look: whether a session has ended is decided by reading it,
 * so that notices may be missing, late, doubled or wrong. Who listens is entered before it is made sure that the store
 * tells of ends, and the session is looked at after that; so no end falls in between.
 */
export class Watcher {
  readonly #store: WatchedStore
  readonly #clock: () => number
  readonly #watched = new Map<string, Watched>()
  #listening: Promise<() => Promise<void>> | null = null
  #isHeard = false
  #leaving: NodeJS.Timeout | undefined

  constructor(store: WatchedStore, clock: () => number) {
    this.#store = store
    this.#clock = clock
  }

  /**
   * Watches a session. Resolves once no end is missed.
   * @returns ends it
   * @throws {SessionError} RATE_LIMITED
   */
  async watch(id: string, listener: Listener): Promise<() => void> {
    const watched = this.#watched.get(id) ?? made(listener.record)
    const bounded = [...watched.listeners].filter((each) => each.most !== undefined)
    const { most = Infinity } = listener
    if (bounded.length >= most) throw tooManyStreams(most)
    this.#watched.set(id, watched)
    watched.listeners.add(listener)
    // Of a session that is kept in its cookie each listener may know a later state.
    watched.expiresAt = Math.max(watched.expiresAt, listener.record.expiresAt)
    // Others may have been told already of what this one has not read.
    if (watched.last !== heldBy(listener.record)) listener.onChange?.()
    this.#plan(id, watched, firstLook)
    clearTimeout(this.#leaving)
    await this.#listen()
    return () => {
      watched.listeners.delete(listener)
      this.#dropIfUnused(id, watched)
    }
  }

  async #listen(): Promise<void> {
    const { notices } = this.#store
    if (!notices || this.#isHeard) return
    this.#listening ??= notices.listen(
      (id, what) => this.#notice(id, what),
      () => this.#gap(),
    )
    try {
      const listening = this.#listening.then((stop) => {
        this.#isHeard = true
        return stop
      })
      // A connection to listen with may take long to get. Sessions are polled until then.
      await Promise.race([listening, later(longestWait)])
    } catch {
      // Sessions are polled until the next one who watches tries again.
      this.#listening = null
      this.#isHeard = false
    }
  }

  #notice(id: string, what: 'ended' | 'changed'): void {
    const watched = this.#watched.get(id)
    if (!watched) return
    const isWanted = what === 'ended' || [...watched.listeners].some(({ onChange }) => onChange)
    if (isWanted) void this.#look(id, watched)
  }

  /** Looks at all sessions, one after the other, so that the store does not get all reads at once. */
  #gap(): void {
    const spread = Math.min(longestSpread, this.#watched.size)
    const latest = performance.now() + spread
    for (const [id, watched] of this.#watched) {
      // Gaps can come faster than the looks after each of them.
      if (watched.lookAt > latest) this.#plan(id, watched, Math.random() * spread)
    }
  }

  async #look(id: string, watched: Watched): Promise<void> {
    if (watched.isLooking) {
      watched.looksAgain = true
      return
    }
    watched.isLooking = true
    do {
      watched.looksAgain = false
      const now = this.#clock()
      try {
        const found = await this.#store.find(id, now)
        watched.failingSince = null
        this.#judge(id, watched, found)
      } catch {
        watched.failingSince ??= performance.now()
        if (performance.now() - watched.failingSince >= patience) this.#end(id, watched, 'unavailable')
        else this.#plan(id, watched, 1000)
      }
    } while (watched.looksAgain && watched.listeners.size > 0)
    watched.isLooking = false
  }

  #judge(id: string, watched: Watched, found: Awaited<ReturnType<WatchedStore['find']>>): void {
    const isExpired = watched.expiresAt <= this.#clock()
    if (found === 'unread') {
      if (isExpired) this.#end(id, watched, 'expired')
      else this.#planNext(id, watched)
      return
    }
    if (found === null) return this.#end(id, watched, isExpired ? 'expired' : 'ended')
    if (typeof found === 'string') return this.#end(id, watched, found)
    // A session that was cleared has signed its owner out.
    if (watched.owner !== null && ownerIn(found) !== watched.owner) return this.#end(id, watched, 'ended')
    watched.expiresAt = found.expiresAt
    const held = heldBy(found)
    const hasChanged = watched.last !== held
    watched.last = held
    this.#planNext(id, watched)
    if (hasChanged) for (const listener of watched.listeners) listener.onChange?.()
  }

  #end(id: string, watched: Watched, ending: Ending): void {
    const listeners = [...watched.listeners]
    watched.listeners.clear()
    this.#dropIfUnused(id, watched)
    for (const listener of listeners) listener.onEnd(ending)
  }

  /** Plans the look after one that found the session: at its deadline, which others may move until then, or before. */
  #planNext(id: string, watched: Watched): void {
    // A timer fires a little early.
    const rest = Math.max(watched.expiresAt - this.#clock(), 0) + 1
    this.#plan(id, watched, Math.min(rest, this.#isToldOf(watched) ? backstop : polling))
  }

  #isToldOf({ listeners }: Watched): boolean {
    if (!this.#isHeard) return false
    return this.#store.notices!.tellsChanges || [...listeners].every(({ onChange }) => !onChange)
  }

  /** Plans a look, unless an earlier one is planned: no look that is due may be put off by another reason for one. */
  #plan(id: string, watched: Watched, wait: number): void {
    const lookAt = performance.now() + wait
    // Whoever has watched it may have left during a look.
    if (watched.listeners.size === 0 || watched.lookAt <= lookAt) return
    clearTimeout(watched.timer)
    watched.lookAt = lookAt
    const look = (): void => {
      watched.lookAt = Number.POSITIVE_INFINITY
      void this.#look(id, watched)
    }
    watched.timer = unref(setTimeout(look, wait))
  }

  #dropIfUnused(id: string, watched: Watched): void {
    if (watched.listeners.size > 0) return
    clearTimeout(watched.timer)
    if (this.#watched.get(id) === watched) this.#watched.delete(id)
    if (this.#watched.size > 0) return
    clearTimeout(this.#leaving)
    this.#leaving = unref(setTimeout(() => this.#leave(), linger))
  }

  #leave(): void {
    if (this.#watched.size > 0) return
    const listening = this.#listening
    this.#listening = null
    this.#isHeard = false
    void listening?.then((stop) => stop()).catch(() => {})
  }
}

/** What a change is seen by: neither a new deadline, nor that the device was seen, is one. */
function heldBy({ policy, entries }: SessionRecord): string {
  return JSON.stringify([policy, ownerIn({ entries }), ...[...entries].filter(([key]) => key !== ownerKey)])
}

const later = (wait: number): Promise<void> =>
  new Promise((resolve) => {
    unref(setTimeout(resolve, wait))
  })

const made = (record: SessionRecord): Watched => ({
  listeners: new Set(),
  owner: ownerIn(record),
  expiresAt: record.expiresAt,
  last: heldBy(record),
  failingSince: null,
  isLooking: false,
  looksAgain: false,
  lookAt: Number.POSITIVE_INFINITY,
  timer: undefined,
})
