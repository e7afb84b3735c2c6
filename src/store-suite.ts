import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { apply, type ChangeSet, changeSet } from './changes.ts'
import type { SessionRecord } from './record.ts'
import type { KeyedStore } from './store.ts'
import { digest, mint } from './token.ts'
import { anyChange, end, record, start, step } from './histories.ts'

export interface Guarantee {
  /** Stable: documentation and other code cite it. */
  readonly id: string
  readonly title: string
  /** Throws an AssertionError where the store does not keep it. */
  readonly check: (store: KeyedStore, options?: CheckOptions) => Promise<void>
}

export interface CheckOptions {
  /** Random histories to compare with `apply`. @default 100 */
  readonly histories?: number
}

const now = start + 10_000
const blank: SessionRecord = { entries: new Map(), createdAt: start, expiresAt: end, policy: '' }
const holding = (...pairs: [string, string][]): SessionRecord => ({ ...blank, entries: new Map(pairs) })
const setting = (...pairs: [string, string | null][]): ChangeSet => changeSet({ entries: new Map(pairs) })
const pairsOf = (session: SessionRecord | null): [string, string][] => [...(session?.entries ?? [])]

async function created(store: KeyedStore, session: SessionRecord = blank): Promise<string> {
  const id = digest(mint())
  await store.create(id, session)
  return id
}

async function popped(store: KeyedStore, id: string, key: string): Promise<string | null> {
  const text = (await store.read(id, now))?.entries.get(key) ?? null
  if (text === null) return null
  const changes = changeSet({ expect: new Map([[key, text]]), entries: new Map([[key, null]]) })
  return (await store.commit(id, changes, now)) === 'committed' ? text : null
}

/** What every server-side store has to keep, whatever runs it. */
export const guarantees: readonly Guarantee[] = [
  {
    id: 'S01',
    title: 'MUST hand back what was created, entries in their order',
    async check(store) {
      const session = { ...holding(['b', '1'], ['a', '"ü€😀"'], ['toString', '{"x":[null]}']), policy: '300' }
      const read = await store.read(await created(store, session), now)
      assert.deepEqual(read, session)
      assert.deepEqual(pairsOf(read), pairsOf(session))
    },
  },
  {
    id: 'S02',
    title: 'MUST refuse to create an id in use, and keep what is there',
    async check(store) {
      const id = await created(store, holding(['a', '1']))
      await assert.rejects(store.create(id, holding(['a', '2'])))
      assert.deepEqual(pairsOf(await store.read(id, now)), [['a', '1']])
    },
  },
  {
    id: 'S03',
    title: 'MUST answer null for an id that was never created',
    async check(store) {
      assert.equal(await store.read(digest(mint()), now), null)
      assert.equal(await store.delete(digest(mint()), now), null)
    },
  },
  {
    id: 'S04',
    title: 'MUST take an expired session for deleted, from its deadline on',
    async check(store) {
      for (const late of [end, end + 1]) {
        assert.equal(await store.read(await created(store), late), null)
        assert.equal(await store.commit(await created(store), setting(['a', '1']), late), 'gone')
        assert.equal(await store.delete(await created(store), late), null)
      }
      const id = await created(store)
      assert.notEqual(await store.read(id, end - 1), null)
    },
  },
  {
    id: 'S05',
    title: 'MUST do what apply says, for any history of change sets',
    async check(store, { histories = 100 } = {}) {
      // Side by side, as a round trip is mostly waiting.
      const lanes = Math.min(8, histories)
      const property = fc.asyncProperty(record, fc.array(step, { maxLength: 12 }), async (first, steps) => {
        const id = await created(store, first)
        let expected: SessionRecord | null = first
        let instant = now
        for (const { wait, change } of steps) {
          instant += wait
          if (expected && expected.expiresAt <= instant) expected = null
          if (change === 'delete') {
            const last = await store.delete(id, instant)
            assert.deepEqual(last, expected)
            assert.deepEqual(pairsOf(last), pairsOf(expected))
            expected = null
          } else {
            const applied: ReturnType<typeof apply> = apply(expected, change)
            assert.equal(await store.commit(id, change, instant), applied.outcome)
            expected = applied.record
          }
          if (expected && expected.expiresAt <= instant) expected = null
          const read = await store.read(id, instant)
          assert.deepEqual(read, expected)
          assert.deepEqual(pairsOf(read), pairsOf(expected))
        }
      })
      const lane = () => fc.assert(property, { numRuns: Math.ceil(histories / lanes) })
      await Promise.all(Array.from({ length: lanes }, lane))
    },
  },
  {
    id: 'S06',
    title: 'MUST never create by a commit',
    async check(store) {
      const id = digest(mint())
      assert.equal(await store.commit(id, setting(['a', '1']), now), 'gone')
      assert.equal(await store.read(id, now), null)
    },
  },
  {
    id: 'S07',
    title: 'MUST answer gone after a delete, whatever the change set',
    async check(store) {
      await fc.assert(
        fc.asyncProperty(record, anyChange, async (session, change) => {
          const id = await created(store, session)
          await store.delete(id, now)
          assert.equal(await store.commit(id, change, now), 'gone')
          assert.equal(await store.read(id, now), null)
        }),
      )
    },
  },
  {
    id: 'S08',
    title: 'MUST hand back the last state on delete, to one of two',
    async check(store) {
      const id = await created(store, holding(['a', '1']))
      await store.commit(id, setting(['b', '2']), now)
      const deleted = await Promise.all([store.delete(id, now), store.delete(id, now)])
      const [last, ...others] = deleted.filter((session) => session !== null)
      assert.deepEqual(pairsOf(last ?? null), [['a', '1'], ['b', '2']]) // prettier-ignore
      assert.equal(others.length, 0)
    },
  },
  {
    id: 'S09',
    title: 'MUST keep every one of many commits at the same time that change different keys',
    async check(store) {
      const id = await created(store)
      const keys = Array.from({ length: 100 }, (_, index) => `key${index}`)
      await Promise.all(keys.map((key) => store.commit(id, setting([key, '1']), now)))
      assert.deepEqual(pairsOf(await store.read(id, now)).map(([key]) => key).toSorted(), keys.toSorted()) // prettier-ignore
    },
  },
  {
    id: 'S10',
    title: 'MUST let one of many compare-and-sets on the same text through',
    async check(store) {
      const id = await created(store, holding(['code', '"once"']))
      const pops = await Promise.all(Array.from({ length: 50 }, () => popped(store, id, 'code')))
      assert.deepEqual(pops.filter((text) => text !== null), ['"once"']) // prettier-ignore
      assert.deepEqual(pairsOf(await store.read(id, now)), [])
    },
  },
  {
    id: 'S11',
    title: 'MUST answer a commit after it with the change, and the deadline that it moved',
    async check(store) {
      const id = await created(store, holding(['a', '1']))
      assert.equal(await store.commit(id, changeSet({ expiresAt: end + 500 }), now), 'committed')
      assert.equal((await store.read(id, end + 499))?.expiresAt, end + 500)
      assert.equal(await store.commit(id, changeSet({ expiresAt: now + 1 }), now), 'committed')
      assert.equal(await store.read(id, now + 1), null)
    },
  },
  {
    id: 'S12',
    title: 'MUST have every commit in the last state that was committed before a delete, and none after',
    async check(store) {
      const id = await created(store)
      const outcomes = new Map<string, string>()
      const commits = Array.from({ length: 60 }, async (_, index) => {
        outcomes.set(`key${index}`, await store.commit(id, setting([`key${index}`, '1']), now))
      })
      const last = await store.delete(id, now)
      await Promise.all(commits)
      const committed = [...outcomes].filter(([, outcome]) => outcome === 'committed').map(([key]) => key)
      assert.deepEqual(pairsOf(last).map(([key]) => key).toSorted(), committed.toSorted()) // prettier-ignore
      assert.equal(await store.read(id, now), null)
    },
  },
  {
    id: 'S13',
    title: 'MUST hand out states that later changes do not alter',
    async check(store) {
      const id = await created(store, holding(['a', '1']))
      const before = await store.read(id, now)
      await store.commit(id, setting(['a', '2'], ['b', '3']), now)
      assert.deepEqual(pairsOf(before), [['a', '1']])
    },
  },
  {
    id: 'S14',
    title: 'MUST sweep what expired and nothing else, where it sweeps',
    async check(store) {
      if (!store.sweep) return
      const dead = await Promise.all(Array.from({ length: 25 }, () => created(store)))
      const alive = await created(store, { ...blank, expiresAt: end + 1 })
      while ((await store.sweep(end)) > 0);
      // Asked at an earlier instant, what is still there would be found.
      assert.deepEqual(await Promise.all(dead.map((id) => store.read(id, now))), dead.map(() => null)) // prettier-ignore
      assert.notEqual(await store.read(alive, now), null)
      assert.equal(await store.sweep(end), 0)
    },
  },
]
