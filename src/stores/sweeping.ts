// This removes expired sessions from stores whose backend does not drop them.

import { setTimeout } from 'node:timers/promises'
import type { KeyedStore } from '../session/store.ts'

/** The options of `sweepExpired`. */
export interface SweepOptions {
  /** Called after each batch, with the number of sessions removed so far. @default nobody */
  readonly onProgress?: (swept: number) => void
  /** The clock, for tests. Gives milliseconds since the epoch. @default Date.now */
  readonly clock?: () => number
}

/** The pause after each batch, in multiples of what the batch took: the store is 98 % free. */
const rest = 49

/**
 * Removes the expired sessions of a store, like Django's `clearsessions`. It goes in batches with pauses, so
 * that requests get through in between. Several processes may do it at the same time.
 * @param store - one whose backend drops expired sessions by itself has nothing to remove
 * @param options - listener and clock
 * @returns how many sessions were removed
 * @throws what the driver of the store throws
 */
export async function sweepExpired(
  store: KeyedStore,
  { onProgress, clock = Date.now }: SweepOptions = {},
): Promise<number> {
  let swept = 0
  // Sessions that expire from here on are left to the next sweep, as this one might never end otherwise.
  const now = clock()
  for (;;) {
    const began = performance.now()
    const count = (await store.sweep?.(now)) ?? 0
    if (count === 0) return swept
    swept += count
    onProgress?.(swept)
    await setTimeout(rest * (performance.now() - began))
  }
}
