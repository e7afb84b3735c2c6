// This removes expired sessions from stores that do not do it by themselves.

import { setTimeout } from 'node:timers/promises'
import type { KeyedStore } from '../session/store.ts'

export interface SweepOptions {
  /** Called after each batch with the number of sessions removed so far. */
  readonly onProgress?: (swept: number) => void
  /** Milliseconds since the epoch; for tests. @default Date.now */
  readonly clock?: () => number
}

/** How long the store is left alone after each batch, in multiples of what the batch took. */
const rest = 49

/**
 * Removes the expired sessions of a store, Django's `clearsessions`: batch after batch, so that requests get through in
 * between. Several processes may do it at the same time. Does nothing where the store drops them by itself.
 * @returns how many sessions were removed
 */
export async function sweepExpired(
  store: KeyedStore,
  { onProgress, clock = Date.now }: SweepOptions = {},
): Promise<number> {
  let swept = 0
  // What expires meanwhile is for the next time, lest this one never end.
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
