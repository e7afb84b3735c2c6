// This begins a session, so that the first writes of one page which run at once begin one and not several.

import { type Departure, type Mark, markRecord, type SessionRecord } from './record.ts'
import type { Settings } from './settings.ts'
import type { Store } from './store.ts'

/** Milliseconds between two looks for the session that another request of the page is about to create, at most. */
const longestPause = 50

/** The first write of a request that has no session. */
export interface FirstWrite {
  /** A new token, for the session that this request creates. */
  readonly token: string
  /** What the session begins with. */
  readonly record: SessionRecord
  /** The nonce that all requests of one page send; null: none, so that the request begins a session of its own. */
  readonly nonce: string | null
  /** Whether the application has rotated, as at a sign-in. */
  readonly isKept: boolean
  /** What is carried over then of what the page has begun. */
  readonly carry: (record: SessionRecord) => SessionRecord
  /** Whether the request has flushed, so that it is to have nothing of what other requests of the page have begun. */
  readonly isFlushed: boolean
}

/**
 * What became of a first write. `created`: it is stored. `joined`: the page has a session already, in which the
 * request goes on, and nothing of the write is stored. `departed`: that session was replaced a moment ago.
 */
export type Begun =
  | { readonly is: 'created'; readonly token: string }
  | { readonly is: 'joined'; readonly token: string; readonly record: SessionRecord }
  | { readonly is: 'departed'; readonly token: string; readonly departure: Departure }

/** What an attempt found under the token of the page; `over` where this request has ended the session there. */
type Found = Exclude<Begun, { is: 'created' }> | { readonly is: 'over' }

/** Begins the sessions of requests that have none. */
export class FirstWrites {
  readonly #store: Store
  readonly #settings: Settings
  readonly #call: <T>(verb: () => Promise<T>) => Promise<T>

  /** @param call - runs each call to the store, and takes note of its failure */
  constructor(store: Store, settings: Settings, call: <T>(verb: () => Promise<T>) => Promise<T>) {
    this.#store = store
    this.#settings = settings
    this.#call = call
  }

  /**
   * Stores a new session. Whoever signs in gets a token that no other request has: what the page has begun is moved to
   * it, and the other requests of the page are told so, lest their answers replace its cookie.
   */
  async begin(write: FirstWrite, now: number): Promise<Begun> {
    const { token, record, nonce, isKept, isFlushed } = write
    const { handOver } = this.#settings
    const create = async (): Promise<Begun> => ({
      is: 'created',
      token: await this.#call(() => this.#store.create(token, record, now)),
    })
    if (handOver === 0 || nonce === null || !this.#store.join) return create()
    const isApart = isKept || isFlushed
    const shared = isApart ? this.#store.mint() : token
    // The nonce is forgotten before the mark is that a session leaves, so that no session begins under its id again.
    const until = Math.min(now + handOver, record.expiresAt)
    const joined = await this.#call(() => this.#store.join!(nonce, shared, now, until))
    const mark: Mark = { as: 'moved', until: now + handOver }
    if (joined === shared && isApart) {
      await this.#call(() => this.#store.create(shared, markRecord(mark), now))
    }
    if (joined !== shared) {
      // Whoever came first creates it at the same time. If that fails, each request begins a session of its own.
      const found = await this.#whenThere(() => this.#find(joined, write, mark, now))
      if (found && found.is !== 'over') return found
    }
    return create()
  }

  /** Tries until there is an answer, for as long as a call to the store may take. @returns null when there is none */
  async #whenThere<T>(attempt: () => Promise<T | null>): Promise<T | null> {
    const { timeout } = this.#settings.calls
    let pause = 1
    for (let waited = 0; ; waited += pause, pause = Math.min(2 * pause, longestPause)) {
      const found = await this.#call(attempt)
      if (found !== null || waited >= timeout) return found
      await new Promise((resolve) => setTimeout(resolve, pause))
    }
  }

  /** Looks for the session of another request of the page, and takes it away from the others if this one signs in. */
  async #find(
    token: string,
    { isKept, carry, isFlushed }: FirstWrite,
    mark: Mark,
    now: number,
  ): Promise<Found | null> {
    if (isFlushed) return (await this.#store.delete(token, now, mark)) === null ? null : { is: 'over' }
    const found = isKept
      ? await this.#store.rotate(token, now, mark, (record) => ({ ...carry(record), kept: true }))
      : await this.#store.read(token, now)
    if (found === null) return null
    if (typeof found === 'string') return { is: 'departed', token, departure: found }
    return 'token' in found
      ? { is: 'joined', token: found.token, record: found.record }
      : { is: 'joined', token, record: found }
  }
}
