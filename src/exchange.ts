import type { ExecutionResult } from 'graphql'
import { isAsyncIterable, type YogaLogger } from 'graphql-yoga'
import { failed, unavailable } from './answer.ts'
import { type CookieOptions, type SessionCookie, sessionCookie } from './cookie.ts'
import { SessionError } from './errors.ts'
import { publicAddress } from './gate.ts'
import { type KeyDeclarations, keyRules } from './keys.ts'
import { startOperation } from './operation.ts'
import { Session } from './session.ts'
import { resolveSettings, type SessionSettings, settingNames } from './settings.ts'
import type { SessionStore, Store } from './store.ts'
import { checkStore, openStore } from './stores/open.ts'
import { UnitOfWork } from './unit.ts'
import type { Json } from './value.ts'

export interface SessionOptions<Data extends object = Record<string, Json>> extends SessionSettings {
  /** Where sessions are kept, e.g. `memoryStore({ max: 10_000 })`. */
  readonly store: SessionStore
  /** What clients may read, write and delete. @default nothing */
  readonly keys?: KeyDeclarations<Data>
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

/** A cookie, and the store of the sessions that it carries. */
interface Carrier {
  readonly cookie: SessionCookie
  readonly store: Store
}

/** One HTTP request: its work on the session, and how its cookie is written. */
interface Exchange {
  readonly unit: UnitOfWork
  readonly cookie: SessionCookie
  /** Whether the answer may go on to use the session after its headers left. */
  streams: boolean
}

/** What an answer becomes. */
export type Result = ExecutionResult | ExecutionResult[] | AsyncIterable<ExecutionResult>

/** The sessions of the requests of one server, by request: whoever runs requests opens, settles and finishes them. */
export class Exchanges<Data extends object = Record<string, Json>> {
  /** Where trouble is told; set by Yoga. */
  logger: YogaLogger | undefined
  readonly #options: SessionOptions<Data>
  readonly #settings
  readonly #rules
  readonly #secure: Carrier
  readonly #plain: Carrier
  readonly #all = new WeakMap<Request, Exchange>()

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

  /** A session for an operation of a request, which reads nothing yet. */
  open(request: Request): Session<Data> {
    const { unit } = this.#exchangeOf(request)
    const session: Session<Data> = new Session(unit, this.#rules, () => operation.scope)
    const operation = startOperation(session, unit)
    return session
  }

  /**
   * Saves what a request did, before its answer is written.
   * @returns the answer, also when it has to say that it could not be saved
   */
  async settle(request: Request, result: Result): Promise<Result> {
    const exchange = this.#all.get(request)
    if (!exchange) return result
    const { unit } = exchange
    const failure = await saved(unit)
    this.#log(unit.failure ?? failure)
    const isStream = isAsyncIterable(result)
    if (isStream) {
      exchange.streams = true
      unit.seal()
    } else unit.close()
    if (!failure) return isStream ? saveAlong(result, unit) : result
    if (isStream) await result[Symbol.asyncIterator]().return?.()
    return Array.isArray(result) ? result.map(() => failed(failure)) : failed(failure)
  }

  /**
   * What the answer to a request has to have beside what is in it. Also asked for requests that never had a session:
   * health checks, GraphiQL's page, preflights.
   */
  finish(request: Request, status: number, vary: string | null | undefined): Finish | null {
    const exchange = this.#all.get(request)
    if (!exchange || !(exchange.unit.touched || exchange.streams)) return null
    const { unit, cookie, streams } = exchange
    const headers: [string, string][] = [['cache-control', 'no-store']]
    if (unit.cookie) {
      headers.push(['set-cookie', unit.cookie === 'clear' ? cookie.clear() : cookie.set(unit.cookie)])
    }
    // Yoga answers a batch with 200, whatever its results say.
    const isDown = unit.failure !== null && !streams && status < unavailable.status
    if (isDown) headers.push(...Object.entries(unavailable.headers))
    return {
      headers,
      addsVary: !vary?.split(',').some((name) => ['*', 'cookie'].includes(name.trim().toLowerCase())),
      status: isDown ? unavailable.status : status,
    }
  }

  #carrying(cookie: SessionCookie): Carrier {
    return { cookie, store: openStore(this.#options.store, cookie, this.#settings) }
  }

  #exchangeOf(request: Request): Exchange {
    let exchange = this.#all.get(request)
    if (!exchange) {
      const { cookie, store } = this.#isPlainLoopback(request) ? this.#plain : this.#secure
      const presented = cookie.read(request.headers.get('cookie'))
      exchange = { unit: new UnitOfWork(store, this.#settings, presented), cookie, streams: false }
      this.#all.set(request, exchange)
    }
    return exchange
  }

  /** Where browsers refuse `Secure` and the prefixes that need it, except that some trust localhost. */
  #isPlainLoopback({ url, headers }: Request): boolean {
    if (this.#plain === this.#secure) return false
    if (!this.#options.trustProxy) return plainLoopback.test(url)
    const [scheme = '', rest = ''] = url.split('://')
    const address = publicAddress(
      {
        method: '',
        scheme: scheme === 'https' ? 'https' : 'http',
        header: (name) => headers.get(name) ?? (name === 'host' ? rest : null),
      },
      { trustProxy: true },
    )
    return plainLoopback.test(`${address.scheme}://${address.host}`)
  }

  /** For whoever runs the server. A driver's message may hold a password, so that only its code is shown. */
  #log(failure: unknown): void {
    if (!(failure instanceof SessionError)) {
      if (failure) this.logger?.error(failure)
    } else if (failure.code.startsWith('SESSION_STORE_')) {
      const { name, code = '' } = (failure.cause ?? {}) as Partial<NodeJS.ErrnoException>
      this.logger?.error(name === undefined ? failure.code : `${failure.code}: ${name} ${code}`.trimEnd())
    }
  }
}

const plainLoopback = /^http:\/\/(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?(?:[/?#]|$)/i

/** See `Exchanges.finish`. */
export interface Finish {
  readonly status: number
  readonly headers: readonly [string, string][]
  readonly addsVary: boolean
}

/** A throw in Yoga's onResultProcess would run its hooks again, and then answer with a stack trace. */
async function saved(unit: UnitOfWork): Promise<unknown> {
  try {
    if (unit.touched) await unit.save()
    return null
  } catch (error) {
    return error
  }
}

/**
 * Each part of a stream is delivered when what was recorded until then is stored, and so is its end. What could
 * not be stored is told once and forgotten.
 */
function saveAlong<Part extends object>(parts: AsyncIterable<Part>, unit: UnitOfWork): AsyncGenerator<Part> {
  const source = parts[Symbol.asyncIterator]()
  const afterSaving = async (step: IteratorResult<Part>): Promise<IteratorResult<Part>> => {
    const failure = await saved(unit)
    if (!failure) return step
    unit.discard()
    const { hasNext } = (step.value ?? {}) as { hasNext?: boolean }
    return { done: false, value: { ...failed(failure), ...(hasNext !== undefined && { hasNext }) } as never }
  }
  return {
    next: async () => afterSaving(await source.next()),
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
