import { setTimeout } from 'node:timers/promises'
import { apply } from '../../src/session/changes.ts'
import type { SessionRecord } from '../../src/session/record.ts'
import type { KeyedStore } from '../../src/session/store.ts'

const trip = (): Promise<void> => setTimeout(Math.random() * 3)

/** What most session libraries do, over a network: load the whole record, modify it, save the whole record. */
export function naiveStore(): KeyedStore {
  const rows = new Map<string, SessionRecord>()
  const load = async (id: string): Promise<SessionRecord | null> => {
    await trip()
    return rows.get(id) ?? null
  }
  return {
    async create(id, record) {
      rows.set(id, record)
    },
    read: load,
    async commit(id, changes) {
      const { outcome, record } = apply(await load(id), changes)
      await trip()
      if (outcome === 'committed') rows.set(id, record!)
      return outcome
    },
    async delete(id) {
      const row = await load(id)
      await trip()
      rows.delete(id)
      return row
    },
  }
}
