import type { SessionCookie } from '../cookie.ts'
import { SessionError } from '../errors.ts'
import type { Settings } from '../settings.ts'
import type { SessionStore, Store } from '../store.ts'
import { guarded } from './guarded.ts'
import { keyed } from './keyed.ts'

/** @throws {SessionError} CONFIG_INVALID */
export function checkStore(store: SessionStore): void {
  const verbs = store && 'open' in store ? ['open'] : ['create', 'read', 'commit', 'delete']
  for (const verb of verbs) {
    if (typeof store?.[verb as never] === 'function') continue
    throw new SessionError(
      'CONFIG_INVALID',
      'store must be a session store, e.g. memoryStore({ max: 10_000 }).',
    )
  }
}

/** The store as sessions use it, with the client's cookie. */
export const openStore = (store: SessionStore, cookie: SessionCookie, settings: Settings): Store =>
  'open' in store ? store.open(cookie, settings) : keyed(guarded(store, settings.calls))
