// This opens a session outside of a GraphQL request, e.g. in a script, a job or another HTTP route.

import { holdsCookiesBack, type RequestLike, siteOf } from '../http/held-back.ts'
import { type Carrier, type Presented, type SessionCookie, sessionCookie } from '../session/cookie.ts'
import { type DeclaredData, declaredIn } from '../session/declared.ts'
import { SessionError } from '../session/errors.ts'
import type { SessionHeader } from '../session/header.ts'
import { type KeyDeclarations, keyRules, type KeyRules } from '../session/key-declarations.ts'
import { checkOptions } from '../session/options.ts'
import type { Departure } from '../session/record.ts'
import { Session } from '../session/session.ts'
import { resolveSettings, type SessionSettings, settingNames } from '../session/settings.ts'
import type { SessionStore } from '../session/store.ts'
import { UnitOfWork } from '../session/unit-of-work.ts'
import type { Json } from '../session/value.ts'
import { checkStore, openStore } from '../stores/open.ts'

/**
 * A session outside of a GraphQL request, made by `openSession`. `save` stores what was recorded, and then
 * the client has to get the cookie. After a failure of the store the next verb asks it again.
 * @typeParam Data - the application's keys and the types of their values
 */
export class OpenSession<Data extends object = Record<string, Json>> extends Session<Data> {
  readonly #unit: UnitOfWork

  /** @internal `openSession` makes it. */
  constructor(unit: UnitOfWork, rules: KeyRules) {
    const scope = {}
    super(unit, rules, () => scope)
    this.#unit = unit
  }

  /**
   * The secret for the cookie, to be read after `save`; null while nothing is stored. Never log or show it.
   */
  get token(): string | null {
    return this.#unit.token
  }

  /**
   * Where the session of the token has gone, once it was read, if it was replaced a moment ago: `moved` by a
   * sign-in, `ended` by a sign-out. Reads are then those of a visitor without a session, a change that would
   * begin one is SESSION_MOVED or SESSION_GONE, and the client's cookie stays as it is.
   */
  get moved(): Departure | null {
    return this.#unit.departure
  }

  /**
   * The `Set-Cookie` value that the client has to get, after `save`.
   * @param cookie - made by `sessionCookie` with the server's options
   * @returns null where the cookie that the client has is right
   */
  setCookie(cookie: SessionCookie): string | null {
    return this.#valueOf(cookie)
  }

  /**
   * The value that the response header has to have which gives a client without cookies its token, after `save`.
   * @param header - made by `sessionHeader` with the server's options, and given to `openSession` as `cookie`
   * @returns '' where the session has ended; null where the token that the client has is right: then there must be no
   * such header
   */
  setHeader(header: SessionHeader): string | null {
    return this.#valueOf(header)
  }

  #valueOf(carrier: Carrier): string | null {
    const change = this.#unit.cookie
    return change === 'clear' ? carrier.clear() : change && carrier.set(change)
  }
}

/**
 * The settings of `openSession`.
 * @typeParam Data - the application's keys and the types of their values
 */
export interface OpenSettings<Data extends object = Record<string, Json>> extends SessionSettings {
  /**
   * What clients may read, write and delete, by key, where `sessionResolvers` serve the session to them. It does not
   * restrict your own code. @default nothing
   */
  readonly keys?: KeyDeclarations<NoInfer<Data>>
  /** What `sessionData` made of the application's declaration of its data. @default nothing is declared */
  readonly data?: DeclaredData<Data>
  /**
   * The cookie that carries the session, or the header of a client without cookies, made by `sessionHeader`. A
   * `cookieStore` needs it, and binds what it seals to it. The token of one opens nothing with the other.
   */
  readonly cookie?: SessionCookie | SessionHeader
  /**
   * The request that is answered, of node:http, the Fetch API or a framework. If a page of another site sent
   * it and it has no session cookie, it begins no session (SESSION_CROSS_SITE): browsers hold back the cookie
   * there, e.g. in the return from a bank by POST, and a new one would replace it.
   * @default none: a session may begin
   */
  readonly request?: RequestLike
}

const openSettingNames: Record<keyof OpenSettings, true> = {
  ...settingNames,
  cookie: true,
  data: true,
  keys: true,
  request: true,
}

/**
 * Opens a session outside of a GraphQL request: in scripts, jobs and other HTTP routes. Nothing is stored
 * before `save()`, except by `flush`, `rotate`, `pop`, `update` and `setDefault`, which act at once.
 * @typeParam Data - the application's keys and the types of their values
 * @param store - the same as the server's
 * @param token - from the cookie or the header, see `SessionCookie.read` and `SessionHeader.read`; null for a new session
 * @param settings - the same as the server's, lest the session live longer than the server allows
 * @throws {SessionError} CONFIG_INVALID, naming the option
 */
export function openSession<Data extends object = Record<string, Json>>(
  store: SessionStore,
  token: Presented = null,
  settings: OpenSettings<Data> = {},
): OpenSession<Data> {
  checkOptions('openSession', settings, Object.keys(openSettingNames))
  checkStore(store)
  const { cookie, request } = settings
  if (request !== undefined && (typeof request?.headers !== 'object' || request.headers === null)) {
    throw new SessionError('CONFIG_INVALID', 'request must be a request with headers.')
  }
  if ('open' in store && !cookie) {
    throw new SessionError('CONFIG_INVALID', 'openSession with a cookieStore needs the option cookie.')
  }
  const resolved = resolveSettings(settings)
  const presented = token === null || typeof token === 'string' || Array.isArray(token) ? token : ''
  const carrier = cookie ?? sessionCookie()
  // No page of another site can send a header without being let in, and none is held back.
  const { sameSite } = carrier as Partial<SessionCookie>
  const mayBegin = !request || sameSite === undefined || !holdsCookiesBack(siteOf(request), sameSite)
  const rules = keyRules(settings.keys ?? {}, declaredIn(settings.data, resolved.limits))
  return new OpenSession(
    new UnitOfWork(openStore(store, carrier, resolved), resolved, presented, {
      declared: rules.declared,
      isOpened: true,
      mayBegin,
      keepsToken: sameSite === undefined,
      userAgent: () => request && siteOf(request).header('user-agent'),
    }),
    rules,
  )
}
