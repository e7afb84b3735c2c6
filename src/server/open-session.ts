import { type SessionCookie, sessionCookie } from '../session/cookie.ts'
import { SessionError } from '../session/errors.ts'
import { keyRules } from '../session/keys.ts'
import { checkOptions } from '../session/options.ts'
import { Session } from '../session/session.ts'
import { resolveSettings, type SessionSettings, settingNames } from '../session/settings.ts'
import type { SessionStore } from '../session/store.ts'
import { UnitOfWork } from '../session/unit-of-work.ts'
import type { Json } from '../session/value.ts'
import { checkStore, openStore } from '../stores/open.ts'

/** A session outside of a GraphQL request. */
export class OpenSession<Data extends object = Record<string, Json>> extends Session<Data> {
  readonly #unit: UnitOfWork

  constructor(unit: UnitOfWork) {
    const scope = {}
    super(unit, keyRules({ '*': { client: ['read', 'write', 'delete'] } }), () => scope)
    this.#unit = unit
  }

  /** The secret for the cookie, after `save`; null while nothing is stored. Never log it or answer with it. */
  get token(): string | null {
    return this.#unit.token
  }

  /** After `save`: the `Set-Cookie` value that the client has to get; null when its cookie is right as it is. */
  setCookie(cookie: SessionCookie): string | null {
    const change = this.#unit.cookie
    return change === 'clear' ? cookie.clear() : change && cookie.set(change)
  }
}

export interface OpenSettings extends SessionSettings {
  /** The cookie that carries the session: a `cookieStore` needs to know it. */
  readonly cookie?: SessionCookie
}

const openSettingNames: Record<keyof OpenSettings, true> = { ...settingNames, cookie: true }

/**
 * Opens a session outside of a GraphQL request: scripts, jobs, other HTTP routes. Nothing is saved before
 * `save()` (or `flush`, `rotate`, `pop`, `update` and `setDefault`, which act at once).
 * @param token - from the cookie; null for a new session
 * @param settings - the same as those of `useSession`, lest the session get a longer life than the server gives it
 * @throws {SessionError} CONFIG_INVALID
 */
export function openSession<Data extends object = Record<string, Json>>(
  store: SessionStore,
  token: string | null = null,
  settings: OpenSettings = {},
): OpenSession<Data> {
  checkOptions('openSession', settings, Object.keys(openSettingNames))
  checkStore(store)
  const { cookie } = settings
  if ('open' in store && !cookie) {
    throw new SessionError('CONFIG_INVALID', 'openSession with a cookieStore needs the option cookie.')
  }
  const resolved = resolveSettings(settings)
  const presented = token === null || typeof token === 'string' ? token : ''
  return new OpenSession(
    new UnitOfWork(openStore(store, cookie ?? sessionCookie(), resolved), resolved, presented),
  )
}
