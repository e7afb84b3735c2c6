// This makes the server that most tests over HTTP use: a shop with session keys of different rights.

import type { SessionServerOptions } from '../../src/server/create-session-server.ts'
import type { KeyedStore } from '../../src/session/store.ts'
import { freshStore } from './fresh-store.ts'
import { manualClock, watched } from './harness.ts'
import { makeServer } from './make-server.ts'

const all = { client: ['read', 'write', 'delete'] } as const

export interface ShopData {
  dark_mode: boolean
  shopping_cart: string[]
  user_id: string
  counter: number
  server_only: string
  [preference: `pref:${string}`]: unknown
}

/** Makes the server, a store that records the calls to it, and a clock that only the test moves. */
export function shop(options: Partial<SessionServerOptions<ShopData>> = {}, backend?: KeyedStore) {
  const store = watched(backend ?? freshStore())
  const clock = manualClock()
  const yoga = makeServer<ShopData>({
    store,
    clock,
    batching: { limit: 100 },
    logging: 'warn',
    keys: {
      dark_mode: all,
      shopping_cart: all,
      'pref:*': all,
      'pref:hidden': {},
      user_id: { client: ['read', 'delete'] },
      server_only: {},
    },
    ...options,
  })
  return { yoga, store, clock }
}
