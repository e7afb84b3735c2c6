import { setImmediate } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { apply } from '../src/changes.ts'
import type { SessionRecord } from '../src/record.ts'
import type { KeyedStore } from '../src/store.ts'
import { guarantees } from '../src/store-suite.ts'

/** What most session libraries do: load the whole record, modify it, save the whole record. */
function naiveStore(): KeyedStore {
  const rows = new Map<string, SessionRecord>()
  const load = async (id: string, now: number): Promise<SessionRecord | null> => {
    await setImmediate()
    const row = rows.get(id)
    return row && row.expiresAt > now ? row : null
  }
  return {
    async create(id, record) {
      rows.set(id, record)
    },
    read: load,
    async commit(id, changes, now) {
      const { outcome, record } = apply(await load(id, now), changes)
      await setImmediate()
      if (outcome === 'committed') rows.set(id, record!)
      return outcome
    },
    async delete(id, now) {
      const row = await load(id, now)
      await setImmediate()
      rows.delete(id)
      return row
    },
  }
}

const broken = async (store: KeyedStore): Promise<string[]> => {
  const outcomes = await Promise.all(
    guarantees.map(async ({ id, check }) => {
      // S05 is about one client alone and takes long here.
      if (id === 'S05') return []
      return check(store).then(
        () => [],
        () => [id],
      )
    }),
  )
  return outcomes.flat()
}

it('a store that loads, modifies and saves breaks the guarantees about concurrency', async () => {
  expect(await broken(naiveStore())).toEqual(expect.arrayContaining(['S02', 'S08', 'S09', 'S10', 'S12']))
})

it('a store that saves with an upsert breaks the guarantees about deleted sessions', async () => {
  const rows = new Map<string, SessionRecord>()
  const blank = { entries: new Map(), createdAt: 0, expiresAt: Infinity, policy: '' }
  const upserting: KeyedStore = {
    ...naiveStore(),
    async read(id) {
      return rows.get(id) ?? null
    },
    async commit(id, changes) {
      const { outcome, record } = apply(rows.get(id) ?? blank, changes)
      rows.set(id, record!)
      return outcome
    },
  }
  expect(await broken(upserting)).toEqual(expect.arrayContaining(['S06', 'S07']))
})
