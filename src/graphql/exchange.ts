// This begins the session of one HTTP request from its cookie, saves it before the answer, and adds headers.

import type { ExecutionResult, GraphQLError } from 'graphql'
import { isAsyncIterable, type YogaLogger } from 'graphql-yoga'
import { hostForLog } from '../http/allowed-hosts.ts'
import { hasHeader, headOf, publicAddress, type RequestHead } from '../http/gate.ts'
import { holdsCookiesBack } from '../http/held-back.ts'
import { isLoopback } from '../http/host.ts'
import {
  type Carrier,
  type CookieOptions,
  portOf,
  type SessionCookie,
  sessionCookie,
} from '../session/cookie.ts'
import { type DeclaredData, declaredIn } from '../session/declared.ts'
import { SessionError } from '../session/errors.ts'
import { type SessionHeader, sessionHeader, type TransportOptions } from '../session/header.ts'
import { joinHeader, nonceOf } from '../session/join.ts'
import { type KeyDeclarations, keyRules, type KeyRules } from '../session/key-declarations.ts'
import type { Ending } from '../session/record.ts'
import { Session } from '../session/session.ts'
import { resolveSettings, type SessionSettings, settingNames, type Settings } from '../session/settings.ts'
import type { SessionStore, Store } from '../session/store.ts'
import { UnitOfWork } from '../session/unit-of-work.ts'
import type { Json } from '../session/value.ts'
import { checkStore, openStore } from '../stores/open.ts'
import { failed, mistakesIn, type Part, toGraphQL, translate, unavailable } from './errors.ts'
import { Operation, type OperationContext, operationKey, operationOf } from './operation.ts'
import { saveAlong, saved } from './save-along.ts'
import { isOfSocket } from './socket-request.ts'
import { maxErrors } from './tidy-errors.ts'

/**
 * The options of `useSession`.
 * @typeParam Data - the application's keys and the types of their values
 */
export interface SessionOptions<Data extends object = Record<string, Json>> extends SessionSettings {
  /** Where sessions are kept, e.g. `memoryStore({ max: 10_000 })`. */
  readonly store: SessionStore
  /** What clients may read, write and delete, by key. @default nothing */
  readonly keys?: KeyDeclarations<NoInfer<Data>>
  /** What `sessionData` made of the application's declaration of its data. @default nothing is declared */
  readonly data?: DeclaredData<Data>
  /** The name and the attributes of the session cookie. @default `__Host-session`, Secure, SameSite=Lax, Path=/ */
  readonly cookie?: CookieOptions
  /**
   * A header for clients without cookies, such as native apps and other servers. Pages keep the cookie: what a script
   * can read, injected script can read as well.
   * @default none: the cookie alone carries sessions
   */
  readonly transport?: TransportOptions
  /**
   * Whether a proxy in front of the server sets `X-Forwarded-Proto` and `X-Forwarded-Host`, and drops those
   * that a client sent. Outside of production they tell whether the cookie can be `Secure`.
   * @default false
   */
  readonly trustProxy?: boolean
}

export const sessionOptionNames: Record<keyof SessionOptions, true> = {
  store: true,
  keys: true,
  data: true,
  cookie: true,
  transport: true,
  trustProxy: true,
  ...settingNames,
}

/** What Yoga writes an answer from: one result, those of a batch, or a stream of results. */
export type Result = ExecutionResult | ExecutionResult[] | AsyncIterable<ExecutionResult>

/** What an answer needs beside its body: the status, further headers, and what to add to its `Vary`, if anything. */
export interface Finish {
  readonly status: number
  readonly headers: readonly [string, string][]
  readonly vary: string | null
}

/**
 * One HTTP request and its session. Each operation opens the session, then the results of all of them are
 * settled, and the answer is finished with its headers.
 */
export class Exchange<Data extends object = Record<string, Json>> {
  readonly #unit: UnitOfWork
  readonly #carrier: Carrier
  readonly #dependsOn: readonly string[]
  readonly #rules: KeyRules
  readonly #log: (failure: unknown) => void
  readonly #onSet: () => void
  /** Whether the answer is a stream, which may use the session after its headers have left. */
  #streams = false

  /**
   * @param dependsOn - the request headers of which any can carry a session, as `Vary` has them
   * @param onSet - called when an answer sets the cookie
   */
  constructor(
    unit: UnitOfWork,
    carrier: Carrier,
    dependsOn: readonly string[],
    rules: KeyRules,
    log: (failure: unknown) => void,
    onSet: () => void,
  ) {
    this.#onSet = onSet
    this.#unit = unit
    this.#carrier = carrier
    this.#dependsOn = dependsOn
    this.#rules = rules
    this.#log = log
  }

  /** Whether the request has used its session so far, so that its answer is for this visitor alone. */
  get isUsed(): boolean {
    return this.#unit.touched
  }

  /**
   * Watches the session for a connection that was opened with its cookie.
   * @returns ends it; null where nothing is stored that could end
   * @throws {SessionError} SESSION_MOVED, SESSION_GONE, SESSION_STORE_UNAVAILABLE, SESSION_STORE_TIMEOUT
   */
  async follow(onEnd: (ending: Ending) => void): Promise<(() => void) | null> {
    await this.#unit.isStored()
    return this.#unit.follow({ onEnd })
  }

  /**
   * What the context of an operation gets: the session, for which the store is not read before it is used.
   */
  open(): OperationContext & { session: Session<Data> } {
    const sessionOf = (scope: () => object): Session<Data> => new Session(this.#unit, this.#rules, scope)
    const operation = new Operation(this.#unit, sessionOf)
    return { session: operation.session, [operationKey]: operation }
  }

  /**
   * Saves what the request did to its session, before the answer is written.
   * @returns the result, or one that says that the session could not be saved; not as a promise where there
   * is nothing to save
   */
  settle(result: Result): Promise<Result> | Result {
    const unit = this.#unit
    if (unit.needsSaving || isAsyncIterable(result)) return this.#save(result)
    this.#log(unit.failure)
    unit.close()
    return this.#told(result)
  }

  async #save(result: Result): Promise<Result> {
    const unit = this.#unit
    const failure = await saved(unit, this.#log)
    this.#log(unit.failure ?? failure)
    const isStream = isAsyncIterable(result)
    if (isStream) {
      // A stream that could not be saved is told of in a single answer.
      this.#streams = !failure
      unit.seal()
    } else unit.close()
    if (!failure) return isStream ? saveAlong(result, unit, this.#log) : this.#told(result)
    if (isStream) await result[Symbol.asyncIterator]().return?.()
    return this.#told(Array.isArray(result) ? result.map(() => failed(failure)) : failed(failure))
  }

  /**
   * Lets an answer say that the store failed, where its resolvers hide it, e.g. by a default for what they could not
   * read: the status is 503. The error stands first, as further ones are cut.
   */
  #told(result: Result): Result {
    const { failure } = this.#unit
    if (!failure || isAsyncIterable(result)) return result
    const results = [result].flat()
    const isTold = results.some(({ errors = [] }) => errors.slice(0, maxErrors).some(tellsOfStore))
    if (isTold) return result
    const told = results.map((each) => (isAsyncIterable(each) ? each : tell(each, failure)))
    return Array.isArray(result) ? told : told[0]!
  }

  /**
   * Says what has to be added to the answer.
   * @param status - of the answer so far
   * @param vary - its header `Vary`, so far
   * @returns null where nobody asked for the session
   */
  finish(status: number, vary: string | null | undefined): Finish | null {
    const unit = this.#unit
    if (!unit.touched && !this.#streams) return null
    const headers: [string, string][] = [['cache-control', 'no-store']]
    const change = unit.cookie
    if (change) {
      if (change !== 'clear') this.#onSet()
      const carrier = this.#carrier
      headers.push([carrier.responseHeader, change === 'clear' ? carrier.clear() : carrier.set(change)])
    }
    // Yoga answers a batch with 200, even where its results say that the store failed.
    const isDown = unit.failure !== null && !this.#streams && status < unavailable.status
    if (isDown) headers.push(...Object.entries(unavailable.headers))
    const known = vary?.toLowerCase().split(',') ?? []
    const isKnown = (name: string): boolean =>
      known.some((each) => each.trim() === '*' || each.trim() === name.toLowerCase())
    return {
      headers,
      vary: this.#dependsOn.filter((name) => !isKnown(name)).join(', ') || null,
      status: isDown ? unavailable.status : status,
    }
  }
}

/** A cookie, and the store as it is opened for that cookie. */
interface CookieAndStore {
  readonly cookie: SessionCookie
  readonly store: Store
}

const dependsOnCookie = ['Cookie']

/** Begins and finds the exchanges of one server. */
export class Exchanges<Data extends object = Record<string, Json>> {
  /** Where failures are logged: Yoga's logger, once Yoga has started. */
  logger: Pick<YogaLogger, 'error' | 'warn'> | undefined
  /** Whether a gate with `origins` stands before them, so that an `Origin` that comes here is a listed one. */
  areOriginsJudged = false
  /**
   * The header of clients without cookies, for which `sessionToken` of the `connectionParams` of a WebSocket stands; null
   * where there is none.
   */
  readonly header: SessionHeader | null
  readonly #options: SessionOptions<Data>
  readonly #settings: Settings
  readonly #rules: KeyRules
  /** The cookie that is `Secure`; null where the options say that none is. */
  readonly #secure: CookieAndStore | null
  /** The one for plain http on a loopback host, or with `secure: false` for any; null in production. */
  readonly #plain: CookieAndStore | null
  /** That cookie under the names that have a port, by the port. */
  readonly #plainByPort = new Map<string, CookieAndStore>()
  /** The store as it is opened for the header. */
  readonly #headerStore: Store | null
  readonly #dependsOn: readonly string[]
  #hasToldOfDropped = false
  #hasToldOfPage = false
  readonly #key = Symbol('session')

  /** @throws {SessionError} CONFIG_INVALID, naming the option */
  constructor(options: SessionOptions<Data>) {
    const { keys = {}, cookie = {}, transport, trustProxy = false } = options
    checkStore(options.store)
    if (typeof trustProxy !== 'boolean') {
      throw new SessionError('CONFIG_INVALID', 'trustProxy must be true or false.')
    }
    this.#options = options
    this.#settings = resolveSettings(options)
    this.#rules = keyRules(keys, declaredIn(options.data, this.#settings.limits))
    const secure = this.#withStore(sessionCookie(cookie))
    this.#secure = cookie.secure === false ? null : secure
    // The store bounds a sealed session by the longest name that its cookie can get.
    this.#plain =
      process.env['NODE_ENV'] === 'production'
        ? null
        : this.#withStore(sessionCookie(cookie, { secure: false, host: 'localhost:65535' }))
    this.header = transport === undefined ? null : sessionHeader(transport, cookie)
    this.#headerStore = this.header && openStore(options.store, this.header, this.#settings)
    this.#dependsOn = this.header ? [this.header.name, ...dependsOnCookie] : dependsOnCookie
  }

  /** Whether pages of other sites send the cookie along. */
  get isCrossSite(): boolean {
    return this.#options.cookie?.sameSite === 'none'
  }

  /**
   * Begins the exchange of a request from the cookie in its head, or from the header of a client without cookies: a
   * request that has this header, even empty or malformed, is never one of the cookie.
   * @param hasHeaders - whether there is an answer that can set the cookie; if not, what needs that is refused
   */
  begin(head: RequestHead, hasHeaders = true): Exchange<Data> {
    const { header } = this
    if (header && hasHeader(head, header.name)) return this.#beginByHeader(header, head, hasHeaders)
    const { cookie, store } = this.#cookieFor(head)
    const presented = cookie.read(head.header('cookie'))
    const mayBegin = !holdsCookiesBack(head, cookie.sameSite, this.areOriginsJudged)
    return new Exchange(
      new UnitOfWork(store, this.#settings, presented, {
        declared: this.#rules.declared,
        mayBegin,
        nonce: nonceOf(head.header(joinHeader)),
        hasHeaders,
        userAgent: () => head.header('user-agent'),
      }),
      cookie,
      this.#dependsOn,
      this.#rules,
      this.#log,
      cookie === this.#secure?.cookie && !this.#hasToldOfDropped ? () => this.#tellOfDropped(head) : ignore,
    )
  }

  /**
   * The exchange of a request, begun when it is first asked for. It is stored on the request and freed with
   * it. A value in a WeakMap would outlive the next round of the garbage collector, which is a good part of
   * what a request costs.
   */
  of(request: Request): Exchange<Data> {
    const known = this.find(request)
    if (known) return known
    const exchange = this.begin(headOf(request), !isOfSocket(request))
    ;(request as unknown as { [key: symbol]: Exchange<Data> })[this.#key] = exchange
    return exchange
  }

  /** The exchange of a request. Health checks, GraphiQL's page and preflights, for example, have none. */
  find(request: Request): Exchange<Data> | undefined {
    return (request as unknown as { [key: symbol]: Exchange<Data> | undefined })[this.#key]
  }

  /** Drops the changes of fields that an error erased from a result, and translates the result. */
  conclude(context: unknown, result: ExecutionResult): ExecutionResult {
    operationOf(context)?.dropErased(result)
    return this.translate(result)
  }

  /**
   * Gives the session errors of a result, or of a part of one, their code, and logs mistakes of resolvers.
   */
  translate<Translated extends Part>(result: Translated): Translated {
    if (!result.errors && !result.incremental && !result.completed) return result
    for (const mistake of mistakesIn(result)) this.logger?.error(mistake)
    return translate(result)
  }

  #beginByHeader(header: SessionHeader, head: RequestHead, hasHeaders: boolean): Exchange<Data> {
    if (this.#cookieFor(head).cookie.read(head.header('cookie')) !== null) {
      this.#settings.emit?.({ type: 'rejected', reason: 'both' })
    }
    this.#tellOfPage(header, head)
    return new Exchange(
      new UnitOfWork(this.#headerStore!, this.#settings, header.read(head.header(header.name)), {
        declared: this.#rules.declared,
        nonce: nonceOf(head.header(joinHeader)),
        hasHeaders,
        keepsToken: true,
        userAgent: () => head.header('user-agent'),
      }),
      header,
      this.#dependsOn,
      this.#rules,
      this.#log,
      ignore,
    )
  }

  /** Logs, once, that a page of a browser carries its session by the header, where all of its scripts can read it. */
  #tellOfPage({ name }: SessionHeader, head: RequestHead): void {
    // Of the headers of Fetch Metadata this is the one that Node's own fetch does not send.
    if (this.#hasToldOfPage || !head.header('sec-fetch-site')) return
    this.#hasToldOfPage = true
    this.logger?.warn(
      `A browser sent the header ${name}. Any script of its page can read the token there, injected script, too. Leave pages to the cookie, and the header to clients without cookies.`,
    )
  }

  #withStore(cookie: SessionCookie): CookieAndStore {
    return { cookie, store: openStore(this.#options.store, cookie, this.#settings) }
  }

  /**
   * The cookie of a request. One that came by plain http to a loopback host, outside of production, has none that is
   * `Secure`: browsers refuse it there, and the name prefixes that need it, except that some trust localhost.
   */
  #cookieFor(head: RequestHead): CookieAndStore {
    if (!this.#plain) return this.#secure!
    const { scheme, host } = publicAddress(head, this.#addressRules)
    if (this.#secure && !(scheme === 'http' && isLoopback(host))) return this.#secure
    return this.#options.cookie?.name === undefined ? this.#plainAt(host, this.#plain) : this.#plain
  }

  /** The cookie that is not `Secure`, under its name for the port of a host. The store is the same for all ports. */
  #plainAt(host: string, { store }: CookieAndStore): CookieAndStore {
    const port = portOf(host)
    const known = this.#plainByPort.get(port)
    if (known) return known
    const made = { cookie: sessionCookie(this.#options.cookie, { secure: false, host }), store }
    // A server is reached under a few ports. The bound keeps invented ones from filling the memory.
    if (this.#plainByPort.size < 100) this.#plainByPort.set(port, made)
    return made
  }

  /**
   * Logs, once, that a browser drops the cookie which an answer sets: it is `Secure`, and goes over plain http to a
   * host that is not loopback. No browser would say so, and each of its requests would begin another session.
   */
  #tellOfDropped(head: RequestHead): void {
    // Browsers send this header to what is trustworthy only, so that TLS ends in front of this server.
    if (this.#hasToldOfDropped || head.header('sec-fetch-site')) return
    const { scheme, host } = publicAddress(head, this.#addressRules)
    if (scheme !== 'http' || isLoopback(host)) return
    this.#hasToldOfDropped = true
    const name = hostForLog(head, this.#addressRules)
    const remedy =
      process.env['NODE_ENV'] === 'production'
        ? ''
        : ' Without TLS, in development, set cookie: { secure: false }.'
    this.logger?.warn(
      `The session cookie is Secure and was sent over plain http${name === null ? '' : ` to ${name.slice(0, 200)}`}: browsers drop it. Put TLS in front, and set trustProxy: true where a proxy ends it.${remedy}`,
    )
  }

  get #addressRules(): { trustProxy: boolean } {
    return { trustProxy: this.#options.trustProxy ?? false }
  }

  /**
   * Logs a failure for the operator of the server. A driver's message may hold a password, so that only the
   * name and the code of its error are shown.
   */
  readonly #log = (failure: unknown): void => {
    if (!(failure instanceof SessionError)) {
      if (failure) this.logger?.error(failure)
    } else if (failure.code.startsWith('SESSION_STORE_')) {
      const { name, code = '' } = (failure.cause ?? {}) as Partial<NodeJS.ErrnoException>
      this.logger?.error(name === undefined ? failure.code : `${failure.code}: ${name} ${code}`.trimEnd())
    }
  }
}

const ignore = (): void => {}

const tell = (result: ExecutionResult, failure: SessionError): ExecutionResult => ({
  ...result,
  errors: [toGraphQL(failure), ...(result.errors ?? [])],
})

const tellsOfStore = ({ extensions }: GraphQLError): boolean =>
  String(extensions?.['code']).startsWith('SESSION_STORE_')
