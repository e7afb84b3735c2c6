// This is one HTTP request and its session: begun from the cookie, saved before the answer, finished with headers.

import type { ExecutionResult } from 'graphql'
import { isAsyncIterable, type YogaLogger } from 'graphql-yoga'
import { failed, mistakesIn, type Part, translate, unavailable } from './answer.ts'
import { type CookieOptions, type SessionCookie, sessionCookie } from '../session/cookie.ts'
import { SessionError } from '../session/errors.ts'
import { headOf, publicAddress, type RequestHead } from '../http/gate.ts'
import { type KeyDeclarations, keyRules, type KeyRules } from '../session/keys.ts'
import { Operation, type OperationContext, operationKey, operationOf } from './operation.ts'
import { Session } from '../session/session.ts'
import { resolveSettings, type SessionSettings, settingNames, type Settings } from '../session/settings.ts'
import type { SessionStore, Store } from '../session/store.ts'
import { checkStore, openStore } from '../stores/open.ts'
import { UnitOfWork } from '../session/unit-of-work.ts'
import type { Json } from '../session/value.ts'

export interface SessionOptions<Data extends object = Record<string, Json>> extends SessionSettings {
  /** Where sessions are kept, e.g. `memoryStore({ max: 10_000 })`. */
  readonly store: SessionStore
  /** What clients may read, write and delete. @default nothing */
  readonly keys?: KeyDeclarations<NoInfer<Data>>
  readonly cookie?: CookieOptions
  /**
   * Whether a proxy in front sets `X-Forwarded-Proto` and `X-Forwarded-Host`, and lets no client set them: they tell
   * whether the cookie can be `Secure` outside of production. @default false
   */
  readonly trustProxy?: boolean
}

export const sessionOptionNames: Record<keyof SessionOptions, true> = {
  store: true,
  keys: true,
  cookie: true,
  trustProxy: true,
  ...settingNames,
}

/** What an answer becomes. */
export type Result = ExecutionResult | ExecutionResult[] | AsyncIterable<ExecutionResult>

/** What the answer to a request has to have beside what is in it. */
export interface Finish {
  readonly status: number
  readonly headers: readonly [string, string][]
  readonly addsVary: boolean
}

/** One HTTP request and its session: its operations open it, then their result is settled, and the answer finished. */
export class Exchange<Data extends object = Record<string, Json>> {
  readonly #unit: UnitOfWork
  readonly #cookie: SessionCookie
  readonly #rules: KeyRules
  readonly #log: (failure: unknown) => void
  /** Whether the answer may go on to use the session after its headers left. */
  #streams = false

  constructor(unit: UnitOfWork, cookie: SessionCookie, rules: KeyRules, log: (failure: unknown) => void) {
    this.#unit = unit
    this.#cookie = cookie
    this.#rules = rules
    this.#log = log
  }

  /** What an operation of the request has in its context: a session, which reads nothing yet. */
  open(): OperationContext & { session: Session<Data> } {
    const operation = new Operation(this.#unit)
    const session: Session<Data> = new Session(this.#unit, this.#rules, () => operation.scope)
    return { session, [operationKey]: operation }
  }

  /**
   * Saves what a request did, before its answer is written.
   * @returns the answer, also when it has to say that it could not be saved; at once where there is nothing to save
   */
  settle(result: Result): Promise<Result> | Result {
    const unit = this.#unit
    if (unit.isOwing || isAsyncIterable(result)) return this.#save(result)
    this.#log(unit.failure)
    unit.close()
    return result
  }

  async #save(result: Result): Promise<Result> {
    const unit = this.#unit
    const failure = await saved(unit)
    this.#log(unit.failure ?? failure)
    const isStream = isAsyncIterable(result)
    if (isStream) {
      this.#streams = true
      unit.seal()
    } else unit.close()
    if (!failure) return isStream ? saveAlong(result, unit) : result
    if (isStream) await result[Symbol.asyncIterator]().return?.()
    return Array.isArray(result) ? result.map(() => failed(failure)) : failed(failure)
  }

  /** @returns null where nobody asked for the session */
  finish(status: number, vary: string | null | undefined): Finish | null {
    const unit = this.#unit
    if (!unit.touched && !this.#streams) return null
    const headers: [string, string][] = [['cache-control', 'no-store']]
    const change = unit.cookie
    if (change) {
      headers.push(['set-cookie', change === 'clear' ? this.#cookie.clear() : this.#cookie.set(change)])
    }
    // Yoga answers a batch with 200, whatever its results say.
    const isDown = unit.failure !== null && !this.#streams && status < unavailable.status
    if (isDown) headers.push(...Object.entries(unavailable.headers))
    return {
      headers,
      addsVary: !vary?.split(',').some((name) => ['*', 'cookie'].includes(name.trim().toLowerCase())),
      status: isDown ? unavailable.status : status,
    }
  }
}

/** A cookie, and the store of the sessions that it carries. */
interface Carrier {
  readonly cookie: SessionCookie
  readonly store: Store
}

/** The requests of one server. */
export class Exchanges<Data extends object = Record<string, Json>> {
  /** Where trouble is told; set by Yoga. */
  logger: YogaLogger | undefined
  readonly #options: SessionOptions<Data>
  readonly #settings: Settings
  readonly #rules: KeyRules
  readonly #secure: Carrier
  readonly #plain: Carrier
  readonly #key = Symbol('session')

  /** @throws {SessionError} CONFIG_INVALID, naming the option */
  constructor(options: SessionOptions<Data>) {
    const { keys = {}, cookie = {}, trustProxy = false } = options
    checkStore(options.store)
    if (typeof trustProxy !== 'boolean') {
      throw new SessionError('CONFIG_INVALID', 'trustProxy must be true or false.')
    }
    this.#options = options
    this.#settings = resolveSettings(options)
    this.#rules = keyRules(keys)
    this.#secure = this.#carrying(sessionCookie(cookie))
    this.#plain =
      process.env['NODE_ENV'] === 'production'
        ? this.#secure
        : this.#carrying(sessionCookie(cookie, { secure: false }))
  }

  /** Whether pages of other sites send the cookie along. */
  get isCrossSite(): boolean {
    return this.#options.cookie?.sameSite === 'none'
  }

  begin(head: RequestHead): Exchange<Data> {
    const { cookie, store } = this.#isPlainLoopback(head) ? this.#plain : this.#secure
    const presented = cookie.read(head.header('cookie'))
    return new Exchange(new UnitOfWork(store, this.#settings, presented), cookie, this.#rules, this.#log)
  }

  /**
   * The one of a request, begun when it is first asked for. It is on the request, where it ends with it: what a WeakMap
   * holds outlives the garbage collector's next round, a good part of what a request costs.
   */
  of(request: Request): Exchange<Data> {
    const known = this.find(request)
    if (known) return known
    const exchange = this.begin(headOf(request))
    Object.defineProperty(request, this.#key, { value: exchange })
    return exchange
  }

  /** Also asked for requests that never had a session: health checks, GraphiQL's page, preflights. */
  find(request: Request): Exchange<Data> | undefined {
    return (request as unknown as { [key: symbol]: Exchange<Data> | undefined })[this.#key]
  }

  /** The result of an operation, once the changes of fields that an error erased are dropped. */
  conclude(context: unknown, result: ExecutionResult): ExecutionResult {
    operationOf(context)?.dropErased(result)
    return this.translate(result)
  }

  /** A result, or a part of a stream, whose session errors have their code. Mistakes of resolvers are logged. */
  translate<Translated extends Part>(result: Translated): Translated {
    if (!result.errors && !result.incremental) return result
    for (const mistake of mistakesIn(result)) this.logger?.error(mistake)
    return translate(result)
  }

  #carrying(cookie: SessionCookie): Carrier {
    return { cookie, store: openStore(this.#options.store, cookie, this.#settings) }
  }

  /** Where browsers refuse `Secure` and the prefixes that need it, except that some trust localhost. */
  #isPlainLoopback(head: RequestHead): boolean {
    if (this.#plain === this.#secure) return false
    const { trustProxy = false } = this.#options
    const { scheme, host } = publicAddress(head, { trustProxy })
    return scheme === 'http' && loopback.test(host)
  }

  /** For whoever runs the server. A driver's message may hold a password, so that only its code is shown. */
  readonly #log = (failure: unknown): void => {
    if (!(failure instanceof SessionError)) {
      if (failure) this.logger?.error(failure)
    } else if (failure.code.startsWith('SESSION_STORE_')) {
      const { name, code = '' } = (failure.cause ?? {}) as Partial<NodeJS.ErrnoException>
      this.logger?.error(name === undefined ? failure.code : `${failure.code}: ${name} ${code}`.trimEnd())
    }
  }
}

const loopback = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/i

/** A throw in Yoga's onResultProcess would run its hooks again, and then answer with a stack trace. */
async function saved(unit: UnitOfWork): Promise<unknown> {
  try {
    if (unit.isOwing) await unit.save()
    return null
  } catch (error) {
    return error
  }
}

/**
 * Each part of a stream is delivered when what was recorded until then is stored, and so is its end. What could
 * not be stored is told once and forgotten; it ends an answer in parts (`@defer`, `@stream`), whose later ones would add to
 * what was taken back.
 */
function saveAlong<Each extends object>(parts: AsyncIterable<Each>, unit: UnitOfWork): AsyncGenerator<Each> {
  const source = parts[Symbol.asyncIterator]()
  let isOver = false
  const afterSaving = async (step: IteratorResult<Each>): Promise<IteratorResult<Each>> => {
    const failure = await saved(unit)
    if (!failure) return step
    unit.discard()
    const isInParts = 'hasNext' in (step.value ?? {})
    if (!isInParts) return { done: false, value: failed(failure) as never }
    isOver = true
    unit.close()
    // Not waited for, as it may wait for a resolver itself.
    source.return?.().catch(() => {})
    return { done: false, value: { ...failed(failure), hasNext: false } as never }
  }
  return {
    next: async () => (isOver ? { done: true, value: undefined } : afterSaving(await source.next())),
    async return(value: unknown) {
      const step = (await source.return?.(value)) ?? { done: true, value }
      await saved(unit)
      return step
    },
    async throw(error: unknown) {
      if (!source.throw) throw error
      return afterSaving(await source.throw(error))
    },
    [Symbol.asyncIterator]() {
      return this
    },
    async [Symbol.asyncDispose]() {
      await this.return(undefined)
    },
  }
}
