// This generates random sessions, changes and histories, to compare stores with `apply`.

import * as fc from 'fast-check'
import { type Activity, type ChangeSet, changeSet } from '../../session/changes.ts'
import type { Departure, SessionRecord } from '../../session/record.ts'

/**
 * When the sessions of the suite begin: far ahead, so that a backend that goes by its own clock drops none of
 * them. Milliseconds since the epoch.
 */
export const start = Date.UTC(2100, 0)

/** The deadline of the sessions, unless a change moves it. */
export const end = start + 1_000_000

// Keys and texts are few, so that changes often meet at a key.
// An object of JavaScript would list `10` first.
export const key = fc.constantFrom('a', 'b', 'pref:x', 'toString', '10')
export const text = fc.constantFrom('1', '"two"', '{"three":3}', 'null', '"ü€😀"')
const policyText = fc.constantFrom('', 'browser-close', '300')

export const entries = fc
  .array(fc.tuple(key, fc.option(text)), { maxLength: 5 })
  .map((pairs) => new Map<string, string | null>(pairs))

/** A change set as a request saves it at its end, without `expect` and `limit`. */
export const recordedChange: fc.Arbitrary<ChangeSet> = fc
  .record({ clear: fc.boolean(), entries, policy: fc.option(policyText, { nil: undefined }) })
  .map(changeSet)

const activity: fc.Arbitrary<Activity> = fc.record({
  until: fc.integer({ min: end - 100_000, max: end + 100_000 }),
  lifetime: fc.integer({ min: end - start - 50_000, max: end - start + 50_000 }),
  step: fc.nat(20_000),
})

const limit = fc.option(fc.record({ keys: fc.nat(5), bytes: fc.nat(60) }), { nil: undefined })

/** What most requests that change something do: one key is set. A store may have a shorter way for it. */
const oneSet: fc.Arbitrary<ChangeSet> = fc
  .record({ pair: fc.tuple(key, text), limit, activity: fc.option(activity, { nil: undefined }) })
  .map(({ pair, ...rest }) => changeSet({ ...rest, entries: new Map([pair]) }))

const mixed: fc.Arbitrary<ChangeSet> = fc
  .record({
    expect: fc.oneof({ weight: 3, arbitrary: fc.constant(new Map()) }, { weight: 1, arbitrary: entries }),
    clear: fc.boolean(),
    entries,
    last: fc.option(fc.uniqueArray(key), { nil: undefined }),
    policy: fc.option(policyText, { nil: undefined }),
    limit,
    expiresAt: fc.option(fc.integer({ min: start + 20_000, max: end }), { nil: undefined }),
    under: fc.option(policyText, { nil: undefined }),
    activity: fc.option(activity, { nil: undefined }),
  })
  .map(({ last, ...change }) => {
    const isSet = (name: string): boolean => typeof change.entries.get(name) === 'string'
    return changeSet({ ...change, last: last && new Set(last.filter(isSet)) })
  })

/** A change set of any kind. */
export const anyChange: fc.Arbitrary<ChangeSet> = fc.oneof(
  { weight: 3, arbitrary: mixed },
  { weight: 1, arbitrary: oneSet },
)

export const record: fc.Arbitrary<SessionRecord> = fc
  .tuple(fc.array(fc.tuple(key, text), { maxLength: 5 }), policyText)
  .map(([pairs, policy]) => ({ entries: new Map(pairs), createdAt: start, expiresAt: end, policy }))

/** Milliseconds for which a mark of the suite lasts. */
export const marked = 60_000

/**
 * One step of a history: what happens to the session, and how many milliseconds after the step before. A
 * departure is a deletion that leaves that mark.
 */
export interface Step {
  readonly wait: number
  readonly change: ChangeSet | 'delete' | Departure
}

export const step: fc.Arbitrary<Step> = fc.record({
  wait: fc.oneof({ weight: 5, arbitrary: fc.nat(100) }, { weight: 1, arbitrary: fc.nat(400_000) }),
  change: fc.oneof(
    { weight: 30, arbitrary: anyChange },
    { weight: 2, arbitrary: fc.constantFrom('delete', 'moved', 'ended') },
  ),
})
