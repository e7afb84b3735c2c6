import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { apply, changeSet, compose } from '../../src/session/changes.ts'
import { Journal } from '../../src/session/journal.ts'
import type { SessionRecord } from '../../src/session/record.ts'
import { anyChange, entries, record, recordedChange } from '../../src/stores/suite/histories.ts'
import { runs } from '../support/runs.ts'

const numRuns = runs(1_000, 100_000)
const set = (...pairs: [string, string | null][]) => changeSet({ entries: new Map(pairs) })
const bare = (...pairs: [string, string][]): SessionRecord => ({
  entries: new Map(pairs),
  createdAt: 1,
  expiresAt: 2,
  policy: '',
})

/** A record with its entries as a list, since a Map is equal to another whatever their order is. */
const ordered = (found: SessionRecord | null) => found && { ...found, entries: [...found.entries] }

it('a request that records very many changes takes no time that grows by their square', () => {
  const journal = new Journal()
  const scopes = [{}, {}]
  const many = 20_000
  const begun = performance.now()
  for (let index = 0; index < many; index++) {
    journal.record(scopes[index % 2]!, set([`k${index % 50}`, String(index)]))
    journal.sumOver(bare(['k1', '1']))
  }
  journal.drop(scopes[0]!)
  // It is a twentieth of a second. By the square it is ten.
  expect(performance.now() - begun).toBeLessThan(2000)
  expect(journal.sum.entries.get('k1')).toBe(String(many - 49))
  expect(journal.sum.entries.size).toBe(25)
})

describe('the laws of apply', () => {
  it('composes: one change set does what two do one after the other, order included', () => {
    fc.assert(
      fc.property(record, recordedChange, recordedChange, (before, first, second) => {
        const stepwise = apply(apply(before, first).record, second).record
        expect(ordered(apply(before, compose([first, second])).record)).toEqual(ordered(stepwise))
      }),
      { numRuns },
    )
  })

  it('is associative, with the empty change set as its identity', () => {
    fc.assert(
      fc.property(record, recordedChange, recordedChange, recordedChange, (before, a, b, c) => {
        const [left, right] = [compose([compose([a, b]), c]), compose([a, compose([b, c])])]
        expect(left).toEqual(right)
        expect(ordered(apply(before, left).record)).toEqual(ordered(apply(before, right).record))
        expect(compose([a, b, c])).toEqual(left)
        expect(compose([changeSet({}), a])).toMatchObject(a)
        expect(compose([a, changeSet({})])).toMatchObject(a)
      }),
      { numRuns },
    )
  })

  it('commutes for disjoint sets', () => {
    fc.assert(
      fc.property(record, entries, entries, (before, left, right) => {
        const first = changeSet({ entries: left })
        const second = changeSet({ entries: new Map([...right].filter(([key]) => !left.has(key))) })
        expect(apply(apply(before, first).record, second).record).toEqual(
          apply(apply(before, second).record, first).record,
        )
      }),
      { numRuns },
    )
  })

  it('gone absorbs: nothing brings a session back', () => {
    fc.assert(
      fc.property(anyChange, (change) => {
        expect(apply(null, change)).toEqual({ outcome: 'gone', record: null })
      }),
      { numRuns },
    )
  })

  it('changes nothing unless committed', () => {
    fc.assert(
      fc.property(record, anyChange, (before, change) => {
        const { outcome, record: after } = apply(before, change)
        expect(outcome === 'committed' || after === before).toBe(true)
      }),
      { numRuns },
    )
  })
})

describe('apply', () => {
  it('judges expectations first, null meaning absent', () => {
    const change = changeSet({ expect: new Map([['a', null]]), entries: new Map([['a', '2']]) })
    expect(apply(bare(['a', '1']), change).outcome).toBe('conflict')
    expect(apply(bare(), change).outcome).toBe('committed')
  })

  it('clears before it sets, and resets the policy with it', () => {
    const before = { ...bare(['a', '1'], ['b', '2']), policy: '300' }
    const after = apply(before, changeSet({ clear: true, entries: new Map([['b', '3']]) })).record
    expect(after).toEqual(bare(['b', '3']))
  })

  it('moves the deadline only under the policy that it follows from', () => {
    const renewal = changeSet({ expiresAt: 9, under: '' })
    expect(apply(bare(), renewal).record?.expiresAt).toBe(9)
    expect(apply({ ...bare(), policy: '300' }, renewal).record?.expiresAt).toBe(2)
    expect(apply({ ...bare(), policy: '300' }, { ...renewal, clear: true }).record?.expiresAt).toBe(9)
    expect(apply(bare(), { ...renewal, policy: '300', under: '300' }).record?.expiresAt).toBe(9)
  })

  it('keeps the order of first setting', () => {
    const after = apply(bare(['a', '1'], ['b', '2']), set(['b', '3'], ['c', '4'], ['a', '5'])).record
    expect([...after!.entries.keys()]).toEqual(['a', 'b', 'c'])
  })

  it('puts a key last that was deleted and set again', () => {
    const again = compose([set(['a', null]), set(['a', '2'], ['c', '2'])])
    const keys = (...held: string[]) => {
      const before = bare(...held.map((key): [string, string] => [key, '1']))
      return [...apply(before, again).record!.entries.keys()].join('')
    }
    expect([keys('a', 'b'), keys('c', 'a', 'b'), keys()]).toEqual(['bac', 'cba', 'ac'])
  })

  it('is full beyond the limit of keys or of UTF-8 bytes, and not at it', () => {
    const limited = (keys: number, bytes: number) => ({ ...set(['k', '"é"']), limit: { keys, bytes } })
    expect(apply(bare(['a', '1']), limited(2, 7)).outcome).toBe('committed')
    expect(apply(bare(['a', '1']), limited(1, 7)).outcome).toBe('full')
    expect(apply(bare(['a', '1']), limited(2, 6)).outcome).toBe('full')
  })
})
