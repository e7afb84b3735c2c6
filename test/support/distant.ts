// This makes a store that is far away, so that others get in between its calls.

import type { KeyedStore } from '../../src/session/store.ts'

/** @param leg - how long a call takes to the store, and its answer back */
export function distant(store: KeyedStore, leg: () => Promise<unknown>): KeyedStore {
  const late = async <T>(verb: () => Promise<T>): Promise<T> => {
    await leg()
    const answer = await verb()
    await leg()
    return answer
  }
  return {
    create: (...args) => late(() => store.create(...args)),
    read: (...args) => late(() => store.read(...args)),
    commit: (...args) => late(() => store.commit(...args)),
    delete: (...args) => late(() => store.delete(...args)),
  }
}
