// This decides, for fetch, Apollo Client and urql alike, whether an operation is sent again, and what its answer means.

import { joinHeader, joinNonce } from './join.ts'
import type { Sent } from './operation.ts'
import { announceOldCookie, announceSessionChange } from './tabs.ts'

/**
 * Calls back after so many milliseconds.
 * @returns calls it off
 */
export type Timer = (run: () => void, milliseconds: number) => () => void

/** What `sessionFetch`, `sessionLink` and `sessionExchange` take. */
export interface SessionClientOptions {
  /**
   * Milliseconds before an operation is sent again that was answered by `SESSION_MOVED`, or a query by `SESSION_GONE`: an
   * item for each time. Of a subscription that has gone on for five seconds since, the first one is next. `[]` sends nothing again.
   * @default [50, 150, 450]
   */
  readonly retryDelays?: readonly number[]
  /**
   * Whether requests have the header `session-join`: random text, the same one for each request of the page until its
   * session changes. By it the server puts first writes that run in parallel into one session. It is sent only where
   * there is a `window`, never by a server that renders pages.
   * @default true
   */
  readonly join?: boolean
  /**
   * The root fields of your own mutations that change who is signed in, like `login`: the other tabs are told when one
   * has succeeded. `logout`, `clearSession` and `rotateSession` are known.
   * @default none
   */
  readonly changes?: readonly string[]
  /**
   * The root fields of your own mutations that may run twice. Such a mutation is sent again also where it has run, or a
   * part of it; others hand on `SESSION_MOVED` then, as they may have charged a card. The session's own mutations are
   * known.
   * @default none
   */
  readonly repeatable?: readonly string[]
  /** How to wait; for tests. @default setTimeout */
  readonly timer?: Timer
}

/** The part of an answer that matters here. */
export interface Answer {
  readonly data?: unknown
  readonly errors?: readonly GraphQLFailure[] | undefined
}

interface GraphQLFailure {
  readonly path?: readonly (string | number)[] | undefined
  readonly extensions?: { readonly code?: unknown; readonly retryable?: unknown } | undefined
}

const ownChanges = ['logout', 'clearSession', 'rotateSession', 'revokeSession', 'revokeAllSessions']

/**
 * The root fields of the session's own mutations that record what is saved at the end of a request. A refusal means that
 * nothing of it is done, wherever it stands.
 */
const recording: readonly string[] = [
  'setSessionKey',
  'updateSession',
  'updateSessionData',
  'deleteSessionKey',
  'clearSession',
  'setSessionExpiry',
]

/**
 * The root fields of the session's own mutations that act at once. A refusal of such a field means that it did nothing.
 * One that comes later does not: what was popped, for example, is no longer there for a second time.
 */
const acting: ReadonlySet<string> = new Set([
  'setDefaultSessionKey',
  'popSessionKey',
  'popSessionData',
  'popFlash',
  'logout',
  'rotateSession',
  'revokeSession',
  'revokeOtherSessions',
  'revokeAllSessions',
])

const setTimer: Timer = (run, milliseconds) => {
  const timer = setTimeout(run, milliseconds)
  return () => clearTimeout(timer)
}

/** The options of a client, with their defaults. */
export class Settings {
  readonly retryDelays: readonly number[]
  readonly changes: ReadonlySet<string>
  /** The root fields that may run twice. */
  readonly repeatable: ReadonlySet<string>
  readonly timer: Timer
  /** Whether requests have the header `session-join`. */
  readonly joins: boolean

  constructor({
    retryDelays = [50, 150, 450],
    join = true,
    changes = [],
    repeatable = [],
    timer = setTimer,
  }: SessionClientOptions) {
    this.retryDelays = retryDelays
    this.changes = new Set([...ownChanges, ...changes])
    this.repeatable = new Set([...recording, ...repeatable])
    this.timer = timer
    this.joins = join
  }

  /** The request headers to add. */
  get headers(): Readonly<Record<string, string>> {
    const nonce = this.joins ? joinNonce() : null
    return nonce ? { [joinHeader]: nonce } : {}
  }
}

/** Milliseconds after which a subscription that was sent again goes on. One that is refused after each event would loop. */
const steady = 5000

/** The attempts at one operation. */
export class Attempts {
  readonly #settings: Settings
  readonly #sent: Sent
  #retries = 0
  #retriedAt = Number.NEGATIVE_INFINITY
  /** Whether it was sent again since the last answer that was handed on. */
  #isAgain = false
  #isAnswered = false

  constructor(settings: Settings, sent: Sent) {
    this.#settings = settings
    this.#sent = sent
  }

  /**
   * Judges an answer; of a stream, each of its parts. One that is handed on may be told to the other tabs.
   * @returns the milliseconds after which to send the operation again, or null if the answer is to be handed on
   */
  judge(answer: Answer): number | null {
    const isFirst = !this.#isAnswered
    const begins = isFirst || this.goesOn
    if (performance.now() - this.#retriedAt > steady) this.#retries = 0
    const delay =
      begins && mayRepeat(answer, this.#sent, this.#settings.repeatable)
        ? this.#settings.retryDelays[this.#retries]
        : undefined
    if (delay !== undefined) {
      this.#retries++
      this.#retriedAt = performance.now()
      this.#isAgain = true
      return delay
    }
    this.#isAnswered = true
    if (isFirst && this.#changed(answer)) announceSessionChange()
    else if (this.#isAgain || isOfOldCookie(answer)) announceOldCookie()
    this.#isAgain = false
    return null
  }

  /** Whether any part may say that the cookie was replaced, after which the operation begins anew: a subscription's. */
  get goesOn(): boolean {
    return this.#sent.isSubscription
  }

  /** Whether the operation changes who is signed in, as far as is known. */
  get isChange(): boolean {
    const { isMutation, fields } = this.#sent
    return isMutation && (fields?.some(({ name }) => this.#settings.changes.has(name)) ?? false)
  }

  #changed({ data }: Answer): boolean {
    return Boolean(data) && this.isChange
  }
}

const isOfOldCookie = ({ errors }: Answer): boolean =>
  errors?.some(({ extensions }) => ['SESSION_GONE', 'SESSION_MOVED'].includes(extensions?.code as string)) ??
  false

const isMoved = ({ extensions }: GraphQLFailure): boolean => extensions?.code === 'SESSION_MOVED'

/**
 * Whether the server refused an operation because its cookie was replaced a moment ago, and has run nothing of it that
 * must not run twice. What is not known to be harmless is not sent again. A query is asked again also where its session
 * has ended: the page that shows its answer is to show what there is for whoever is there now, and a client that has an
 * answer of the sign-out already shows what was there before both while the query has failed.
 */
function mayRepeat(
  { data, errors }: Answer,
  { isMutation, isSubscription, fields }: Sent,
  repeatable: ReadonlySet<string>,
): boolean {
  if (!isMutation && !isSubscription) return isOfOldCookie({ errors })
  const moved = errors?.filter(isMoved) ?? []
  if (moved.length === 0) return false
  // An event of a subscription that has data was taken from its source.
  if (isSubscription) return !Object.values(data ?? {}).some((value) => value !== null)
  if (moved.length < errors!.length) return false
  const nameOf = new Map(fields?.map(({ key, name }) => [key, name]))
  const refused = new Set<unknown>()
  for (const { path, extensions } of moved) {
    const isRetryable = extensions?.retryable === true
    if (!path) {
      // Either nothing began, or the session could not be saved after all the fields had run.
      if (!isRetryable && !fields?.every(({ name }) => repeatable.has(name))) return false
      return true
    }
    const name = nameOf.get(path[0] as string) ?? ''
    // Below a root field, that field ran.
    const didNothing = path.length === 1 && (isRetryable || acting.has(name))
    if (!didNothing && !repeatable.has(name)) return false
    refused.add(path[0])
  }
  // The root fields of a mutation run one after the other: one that ran before the session was asked for must not run twice.
  if (data) return Object.keys(data).every((key) => refused.has(key))
  // Without data, the fields after the last one that was refused did not begin.
  const keys = fields?.map(({ key }) => key) ?? []
  const last = keys.findLastIndex((key) => refused.has(key))
  return last >= 0 && keys.slice(0, last).every((key) => refused.has(key))
}
