// This opens the store that an application gives, of either kind, for the sessions that use it.

import type { SessionCookie } from '../session/cookie.ts'
import type { Settings } from '../session/settings.ts'
import type { KeyedStore, SessionStore, Store } from '../session/store.ts'
import { guarded } from './guarded.ts'
import { checkKeyedStore, isObject, keyed } from './keyed.ts'

/** Checks that an application has given a store. @throws {SessionError} CONFIG_INVALID */
export function checkStore(store: SessionStore): void {
  if (isObject(store) && 'open' in store && typeof store.open === 'function') return
  checkKeyedStore('store', store as KeyedStore)
}

/** Gives the store as sessions use it, with the cookie that carries them. */
export const openStore = (store: SessionStore, cookie: SessionCookie, settings: Settings): Store =>
  'open' in store
    ? store.open(cookie, settings)
    : keyed(guarded(store, settings.calls), cookie.fullName, settings.clock)
