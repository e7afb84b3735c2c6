import fc from 'fast-check'
import { type ChangeSet, changeSet } from '../src/changes.ts'
import type { SessionRecord } from '../src/record.ts'

// Few keys and texts, so that changes meet.
export const key = fc.constantFrom('a', 'b', 'pref:x', 'toString', '_')
export const text = fc.constantFrom('1', '"two"', '{"three":3}', 'null', '"ü€😀"')
const policyText = fc.constantFrom('', 'browser-close', '300')

export const entries = fc
  .array(fc.tuple(key, fc.option(text)), { maxLength: 5 })
  .map((pairs) => new Map<string, string | null>(pairs))

/** A change set without `expect` and `limit`, as a request saves at its end. */
export const recordedChange: fc.Arbitrary<ChangeSet> = fc
  .record({ clear: fc.boolean(), entries, policy: fc.option(policyText, { nil: undefined }) })
  .map(changeSet)

export const anyChange: fc.Arbitrary<ChangeSet> = fc
  .record({
    expect: fc.oneof({ weight: 3, arbitrary: fc.constant(new Map()) }, { weight: 1, arbitrary: entries }),
    clear: fc.boolean(),
    entries,
    policy: fc.option(policyText, { nil: undefined }),
    limit: fc.option(fc.record({ keys: fc.nat(5), bytes: fc.nat(60) }), { nil: undefined }),
    expiresAt: fc.option(fc.integer({ min: 20_000, max: 1_000_000 }), { nil: undefined }),
    under: fc.option(policyText, { nil: undefined }),
  })
  .map(changeSet)

export const record: fc.Arbitrary<SessionRecord> = fc
  .tuple(fc.array(fc.tuple(key, text), { maxLength: 5 }), policyText)
  .map(([pairs, policy]) => ({ entries: new Map(pairs), createdAt: 1_000, expiresAt: 1_000_000, policy }))

/** Runs of a property: many where time allows it (`npm run test:long`). */
export const runs = (usual: number, long: number): number => (process.env['LONG'] ? long : usual)
