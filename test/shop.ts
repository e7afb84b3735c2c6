import type { KeyedStore } from '../src/store.ts'
import { createSessionServer, type SessionServerOptions } from '../src/server.ts'
import { memoryStore } from '../src/stores/memory.ts'
import { manualClock, watched } from './harness.ts'

const all = { client: ['read', 'write', 'delete'] } as const

export interface ShopData {
  dark_mode: boolean
  shopping_cart: string[]
  user_id: string
  counter: number
  server_only: string
  [preference: `pref:${string}`]: unknown
}

/** A server for tests: its store is watched, its clock stands still. */
export function shop(options: Partial<SessionServerOptions<ShopData>> = {}, backend?: KeyedStore) {
  const store = watched(backend ?? memoryStore({ max: 10_000 }))
  const clock = manualClock()
  const yoga = createSessionServer<ShopData>({
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
