// This opens the store that an application gives, of either kind, for the sessions that use it.

import type { Carrier } from '../session/cookie.ts'
import type { Settings } from '../session/settings.ts'
import type { KeyedStore, SessionStore, Store } from '../session/store.ts'
import { guarded } from './guarded.ts'
import { checkKeyedStore, isObject, keyed } from './keyed.ts'

/** Checks that an application has given a store. @throws {SessionError} CONFIG_INVALID */
export function checkStore(store: SessionStore): void {
  if (isObject(store) && 'open' in store && typeof store.open === 'function') return
  checkKeyedStore('store', store as KeyedStore)
}

/** Gives the store as sessions use it, with what carries their tokens. */
export const openStore = (store: SessionStore, carrier: Carrier, settings: Settings): Store =>
  'open' in store
    ? store.open(carrier, settings)
    : keyed(guarded(store, settings.calls), carrier.fullName, settings.clock, carrier.ownersName)
