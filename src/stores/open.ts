// This makes of any store that an application gives what sessions talk to.

import type { SessionCookie } from '../session/cookie.ts'
import type { Settings } from '../session/settings.ts'
import type { KeyedStore, SessionStore, Store } from '../session/store.ts'
import { guarded } from './guarded.ts'
import { checkKeyedStore, isObject, keyed } from './keyed.ts'

/** @throws {SessionError} CONFIG_INVALID */
export function checkStore(store: SessionStore): void {
  if (isObject(store) && 'open' in store && typeof store.open === 'function') return
  checkKeyedStore('store', store as KeyedStore)
}

/** The store as sessions use it, with the client's cookie. */
export const openStore = (store: SessionStore, cookie: SessionCookie, settings: Settings): Store =>
  'open' in store ? store.open(cookie, settings) : keyed(guarded(store, settings.calls))
