// This checks the promises of a store, as a list of checks for any test runner.

import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { type Activity, apply, type ChangeSet, changeSet, type Outcome } from '../../session/changes.ts'
import { type Departure, markRecord, seen, type SessionRecord } from '../../session/record.ts'
import type { KeyedStore } from '../../session/store.ts'
import { digest, mint } from '../../session/token.ts'
import { anyChange, end, marked, record, start, step } from './histories.ts'

/** One promise of a `KeyedStore`, and the check that proves it. */
export interface Guarantee {
  /** The id, e.g. `S07`. It can be cited, since no id is ever given to another promise. */
  readonly id: string
  /** The promise, e.g. `MUST answer gone after a delete, whatever the change set`. */
  readonly title: string
  /** Resolves where the store keeps the promise, else rejects with what was expected and what came. */
  readonly check: (store: KeyedStore, options?: CheckOptions) => Promise<void>
}

/** How thoroughly a promise is checked. */
export interface CheckOptions {
  /** The number of random histories that are compared with `apply`. @default 100 */
  readonly histories?: number
  /**
   * Another store over the same sessions, with a connection of its own, like that of another process. The
   * verbs go to the two in turn. Without it the suite misses a lock that holds within one process only.
   * @default none
   */
  readonly peer?: KeyedStore
}

const now = start + 10_000
const blank: SessionRecord = { entries: new Map(), createdAt: start, expiresAt: end, policy: '' }
const holding = (...pairs: [string, string][]): SessionRecord => ({ ...blank, entries: new Map(pairs) })
const setting = (...pairs: [string, string | null][]): ChangeSet => changeSet({ entries: new Map(pairs) })

/** What a store hands out for an id. */
type Found = SessionRecord | Departure | null

const recordOf = (found: Found): SessionRecord | null => (typeof found === 'string' ? null : found)
const pairsOf = (found: Found): [string, string][] => [...(recordOf(found)?.entries ?? [])]
const keysOf = (found: Found): string[] => pairsOf(found).map(([key]) => key)

// `assert` takes two maps with another order of entries for equal, so the entries become a list.
const ordered = (found: Found) =>
  found === null || typeof found === 'string' ? found : { ...found, entries: [...found.entries.entries()] }

function assertSame(actual: Found, expected: Found): void {
  assert.deepEqual(ordered(actual), ordered(expected))
}

async function created(store: KeyedStore, session: SessionRecord = blank): Promise<string> {
  const id = digest(mint())
  await store.create(id, session)
  return id
}

async function popped(store: KeyedStore, id: string, key: string): Promise<string | null> {
  const text = recordOf(await store.read(id, now))?.entries.get(key) ?? null
  if (text === null) return null
  const changes = changeSet({ expect: new Map([[key, text]]), entries: new Map([[key, null]]) })
  return (await store.commit(id, changes, now)) === 'committed' ? text : null
}

const shown = (answer: Found | Outcome) =>
  answer === null || typeof answer === 'string' ? answer : ordered(answer)

async function sweepAll(store: KeyedStore, instant: number): Promise<number> {
  let swept = 0
  for (let batch = 1; ; batch++) {
    const count = await store.sweep!(instant)
    if (count === 0) return swept
    swept += count
    assert.ok(batch < 10_000, 'after 10000 batches sweep still told of expired sessions')
  }
}

function inTurn(stores: readonly KeyedStore[]): KeyedStore {
  let turn = 0
  const next = (): KeyedStore => stores[turn++ % stores.length]!
  const canSweep = stores.every(({ sweep }) => sweep)
  return {
    create: (id, session) => next().create(id, session),
    read: (id, instant) => next().read(id, instant),
    commit: (id, changes, instant) => next().commit(id, changes, instant),
    delete: (id, instant, mark) => next().delete(id, instant, mark),
    ...(canSweep && { sweep: (instant: number) => next().sweep!(instant) }),
  }
}

/** A promise, whose check also gets each of the stores that `store` takes in turn. */
interface Promised extends Omit<Guarantee, 'check'> {
  check(store: KeyedStore, options: CheckOptions, stores: readonly KeyedStore[]): Promise<void>
}

/** What somebody has heard who listens to a store. */
class Heard {
  readonly news: (readonly [id: string, what: 'ended' | 'changed'])[] = []
  readonly early: string[] = []
  gaps = 0
  #next = Promise.withResolvers<void>()
  stop: () => Promise<void> = async () => {}

  /** @param isTrue - asked at each notice, at once, whether it is true by then */
  static async of(
    store: KeyedStore,
    isTrue: (id: string) => Promise<boolean> = async () => true,
  ): Promise<Heard> {
    const heard = new Heard()
    heard.stop = await store.notices!.listen(
      (id, what) => {
        heard.news.push([id, what])
        void (async () => {
          if (!(await isTrue(id))) heard.early.push(`${what} ${id}`)
          heard.#wake()
        })()
      },
      () => {
        heard.gaps++
        heard.#wake()
      },
    )
    return heard
  }

  #wake(): void {
    this.#next.resolve()
    this.#next = Promise.withResolvers()
  }

  has(id: string, what: 'ended' | 'changed'): boolean {
    return this.news.some(([of, news]) => of === id && news === what)
  }

  /** Waits until it has heard of a session, or that it may have missed something. @returns whether it has, in time */
  async within(id: string, what: 'ended' | 'changed', gaps: number): Promise<boolean> {
    const deadline = Date.now() + noticeTimeout
    const late = Promise.withResolvers<void>()
    const timer = setTimeout(late.resolve, noticeTimeout)
    const isHeard = () => this.has(id, what) || this.gaps > gaps
    while (!isHeard() && Date.now() < deadline) await Promise.race([this.#next.promise, late.promise])
    clearTimeout(timer)
    return isHeard()
  }
}

/** Milliseconds in which a notice comes, or a gap: a second, and what a machine takes that does other things too. */
const noticeTimeout = 1500

/** Listens to each of the stores while `check` runs. */
async function hearing(
  stores: readonly KeyedStore[],
  check: (all: readonly Heard[]) => Promise<void>,
  isTrue?: (store: KeyedStore, id: string) => Promise<boolean>,
): Promise<void> {
  const telling = stores.filter(({ notices }) => notices)
  const all = await Promise.all(
    telling.map((store) => Heard.of(store, isTrue && ((id: string) => isTrue(store, id)))),
  )
  try {
    if (all.length > 0) await check(all)
  } finally {
    await Promise.all(all.map((heard) => heard.stop()))
  }
}

function failing(): void {
  throw new Error('This is a listener that fails.')
}

/** Does something, and waits until each who listens has heard of it. @returns who has not */
async function deaf(
  all: readonly Heard[],
  id: string,
  what: 'ended' | 'changed',
  act: () => Promise<unknown>,
): Promise<number> {
  const gaps = all.map((heard) => heard.gaps)
  await act()
  const told = await Promise.all(all.map((heard, index) => heard.within(id, what, gaps[index]!)))
  return told.filter((isTold) => !isTold).length
}

const promises: readonly Promised[] = [
  {
    id: 'S01',
    title: 'MUST hand back what was created, entries in their order',
    async check(store) {
      const session = { ...holding(['b', '1'], ['a', '"ü€😀"'], ['toString', '{"x":[null]}']), policy: '300' }
      assertSame(await store.read(await created(store, session), now), session)
    },
  },
  {
    id: 'S02',
    title: 'MUST refuse to create an id in use, and keep what is there',
    async check(store) {
      const id = await created(store, holding(['a', '1']))
      await assert.rejects(
        store.create(id, holding(['a', '2'])),
        'a second create of the same id was accepted',
      )
      assertSame(await store.read(id, now), holding(['a', '1']))
      const contested = digest(mint())
      const attempts = await Promise.allSettled(
        ['1', '2', '3'].map((text) => store.create(contested, holding(['a', text]))),
      )
      const refused = attempts.filter(({ status }) => status === 'rejected')
      assert.equal(
        refused.length,
        2,
        `of three creates of one id at the same time ${refused.length} were refused`,
      )
    },
  },
  {
    id: 'S03',
    title: 'MUST answer null for an id that was never created',
    async check(store) {
      const id = digest(mint())
      assert.deepEqual(
        { read: await store.read(id, now), delete: await store.delete(id, now) },
        { read: null, delete: null },
      )
    },
  },
  {
    id: 'S04',
    title: 'MUST take an expired session for deleted, from its deadline on',
    async check(store) {
      const at = async (instant: number) => ({
        read: (await store.read(await created(store), instant)) !== null,
        commit: await store.commit(await created(store), setting(['a', '1']), instant),
        delete: (await store.delete(await created(store), instant)) !== null,
      })
      const alive = { read: true, commit: 'committed', delete: true }
      const expired = { read: false, commit: 'gone', delete: false }
      assert.deepEqual(
        { before: await at(end - 1), on: await at(end), after: await at(end + 1) },
        { before: alive, on: expired, after: expired },
      )
    },
  },
  {
    id: 'S05',
    title: 'MUST do what apply says, for any history of change sets',
    async check(store, { histories = 100 } = {}) {
      // Histories run side by side, since a round trip is mostly waiting.
      const lanes = Math.min(8, histories)
      const property = fc.asyncProperty(record, fc.array(step, { maxLength: 12 }), async (first, steps) => {
        const id = await created(store, first)
        let expected: SessionRecord | null = first
        let instant = now
        for (const [index, { wait, change }] of steps.entries()) {
          instant += wait
          if (expected && expected.expiresAt <= instant) expected = null
          const until = instant + marked
          let right: Found | Outcome
          let answer: Found | Outcome
          if (typeof change === 'string') {
            const mark = change === 'delete' ? undefined : { as: change, until }
            right = seen(expected)
            if (typeof right !== 'string') expected = right && mark ? markRecord(mark) : null
            answer = await store.delete(id, instant, mark)
          } else {
            const applied = apply(expected, change)
            right = applied.outcome
            expected = applied.record
            answer = await store.commit(id, change, instant)
          }
          if (expected && expected.expiresAt <= instant) expected = null
          const read = await store.read(id, instant)
          assert.deepEqual(
            { step: index + 1, answer: shown(answer), read: ordered(read) },
            { step: index + 1, answer: shown(right), read: ordered(seen(expected)) },
          )
        }
      })
      // Each lane runs to its end, so that none asks the store any more when this rejects.
      const lane = () => fc.assert(property, { numRuns: Math.ceil(histories / lanes) })
      const results = await Promise.allSettled(Array.from({ length: lanes }, lane))
      for (const result of results) if (result.status === 'rejected') throw result.reason
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
    async check(store, { histories = 100 } = {}) {
      await fc.assert(
        fc.asyncProperty(record, anyChange, async (session, change) => {
          const id = await created(store, session)
          await store.delete(id, now)
          assert.deepEqual(
            { commit: await store.commit(id, change, now), read: await store.read(id, now) },
            { commit: 'gone', read: null },
          )
        }),
        { numRuns: Math.min(histories, 100) },
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
      assert.deepEqual(
        deleted.map(ordered).filter((found) => found !== null),
        [ordered(holding(['a', '1'], ['b', '2']))],
      )
    },
  },
  {
    id: 'S09',
    title: 'MUST keep every one of many commits at the same time that change different keys',
    async check(store) {
      const id = await created(store)
      const keys = Array.from({ length: 100 }, (_, index) => `key${index}`)
      await Promise.all(keys.map((key) => store.commit(id, setting([key, '1']), now)))
      assert.deepEqual(keysOf(await store.read(id, now)).toSorted(), keys.toSorted())
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
    title: 'MUST show a change as soon as its commit has answered, and judge by the deadline that it moved',
    async check(store) {
      const id = await created(store, holding(['a', '1']))
      assert.equal(await store.commit(id, setting(['a', '2']), now), 'committed')
      assertSame(await store.read(id, now), holding(['a', '2']))
      assert.equal(await store.commit(id, changeSet({ expiresAt: end + 500 }), now), 'committed')
      assert.equal(recordOf(await store.read(id, end + 499))?.expiresAt, end + 500)
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
      assert.deepEqual(keysOf(last).toSorted(), committed.toSorted())
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
      const swept = await sweepAll(store, end)
      // At an earlier instant a read finds each session that was not swept.
      const left = await Promise.all(dead.map((id) => store.read(id, now)))
      assert.deepEqual(
        left.filter((session) => session !== null),
        [],
      )
      assert.ok(swept >= dead.length, `of ${dead.length} expired sessions it told of ${swept}`)
      assert.notEqual(await store.read(alive, now), null, 'a session that had not expired is gone')
    },
  },
  {
    id: 'S15',
    title: 'MUST tell apart ids, keys and texts that look alike, as a collation would not',
    async check(store) {
      const id = await created(store, holding(['a', '1'], ['A', '2']))
      const other = id.replace(/[a-z]/i, (letter) =>
        letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase(),
      )
      await assert.doesNotReject(
        store.create(other, holding(['a', '3'])),
        'an id in another case is another id',
      )
      assertSame(await store.read(id, now), holding(['a', '1'], ['A', '2']))
      assertSame(await store.read(other, now), holding(['a', '3']))
      const alike = [
        ['"a"', '"A"'],
        ['"a"', '"a "'],
        ['"e"', '"é"'],
        ['"é"', '"é"'.normalize('NFD')],
        ['{"a":1,"b":2}', '{"b":2,"a":1}'],
        ['1e+21', '1000000000000000000000'],
        ['null', null],
      ] as const
      for (const [held, expected] of alike) {
        const texts = await created(store, holding(['k', held]))
        const outcome = await store.commit(texts, changeSet({ expect: new Map([['k', expected]]) }), now)
        assert.equal(outcome, 'conflict', `${held} is held, ${expected ?? 'no key'} was expected: ${outcome}`)
      }
    },
  },
  {
    id: 'S16',
    title: 'MUST keep every text as it is',
    async check(store) {
      const controls = ['\b\f\n\r\t\u0001\u007f\u0085', '\u2028\u2029\ufeff\ufffe', '\\u0000']
      const written = ['', ' a ', '\\ " \' `', "'; -- ${x} $1 %s {0} ? :k", 'e\u0301 é 😀 \u{10ffff}']
      const numbers = [1e21, 1e-7, 5e-324, 0.1, -1, Number.MAX_SAFE_INTEGER]
      const shapes = [null, true, [], {}, [[null]], { b: [{ a: {} }], a: 1, '': 1, 1: 1 }]
      const values = [...controls, ...written, ...numbers, ...shapes]
      const texts = values.map((value, index): [string, string] => [`key${index}`, JSON.stringify(value)])
      assertSame(await store.read(await created(store, holding(...texts)), now), holding(...texts))
      const id = await created(store)
      await store.commit(id, setting(...texts), now)
      assertSame(await store.read(id, now), holding(...texts))
      assert.equal(await store.commit(id, changeSet({ expect: new Map(texts) }), now), 'committed')
      assertSame(await store.delete(id, now), holding(...texts))
    },
  },
  {
    id: 'S17',
    title: 'MUST hold a session as large as the default limits let one become',
    async check(store) {
      // The session has 128 keys of 64 bytes, 6 texts of 8192, and the rest of 65536 in two-byte characters.
      const sizes = [...Array<number>(6).fill(8192), 8070, ...Array<number>(120).fill(1), 2]
      const pairs = sizes.map((size, index): [string, string] => [
        `k${index}`.padEnd(64, '_'),
        size > 2 ? `"${'ü'.repeat((size - 2) / 2)}"` : '7'.repeat(size),
      ])
      const limit = { keys: 128, bytes: 65_536 }
      const id = await created(store)
      assert.equal(await store.commit(id, { ...setting(...pairs), limit }, now), 'committed')
      assertSame(await store.read(id, now), holding(...pairs))
      assert.equal(await store.commit(id, { ...setting([pairs[9]![0], '77']), limit }, now), 'full')
      assertSame(await store.delete(id, now), holding(...pairs))
      assertSame(await store.read(await created(store, holding(...pairs)), now), holding(...pairs))
    },
  },
  {
    id: 'S18',
    title: 'MUST judge expect first, then keys and UTF-8 bytes, and change nothing by what it refuses',
    async check(store) {
      // The session has 9 bytes (1 and 8) and the change adds 2, which makes 11 bytes in 2 keys.
      const session = holding(['a', '"é😀"'])
      const id = await created(store, session)
      const more = { ...setting(['b', '1']), policy: '300', expiresAt: end + 1 }
      const outcome = (part: Partial<ChangeSet>) => store.commit(id, { ...more, ...part }, now)
      const none = { keys: 0, bytes: 0 }
      assert.deepEqual(
        {
          'wrong text, no room': await outcome({ expect: new Map([['a', '1']]), limit: none }),
          'absent key, no room': await outcome({ expect: new Map([['b', '1']]), limit: none }),
          'present key, no room': await outcome({ expect: new Map([['a', null]]), limit: none }),
          'wrong text, cleared': await outcome({ expect: new Map([['a', '1']]), clear: true }),
          'one byte too many': await outcome({ limit: { keys: 2, bytes: 10 } }),
          'one key too many': await outcome({ limit: { keys: 1, bytes: 11 } }),
        },
        {
          'wrong text, no room': 'conflict',
          'absent key, no room': 'conflict',
          'present key, no room': 'conflict',
          'wrong text, cleared': 'conflict',
          'one byte too many': 'full',
          'one key too many': 'full',
        },
      )
      assertSame(await store.read(id, now), session)
      assert.equal(
        await outcome({ limit: { keys: 2, bytes: 11 } }),
        'committed',
        'there was just enough room',
      )
      const instead = { expect: new Map([['b', '1']]), clear: true, limit: { keys: 1, bytes: 2 } }
      assert.equal(await outcome(instead), 'committed', 'a clear makes room')
    },
  },
  {
    id: 'S19',
    title: 'MUST reset the policy by a clear, and move a deadline only under the policy that it follows from',
    async check(store) {
      const after = async (part: Partial<ChangeSet>) => {
        const id = await created(store, { ...blank, policy: '300' })
        await store.commit(id, changeSet(part), now)
        const session = recordOf(await store.read(id, now))
        return session && [session.policy, session.expiresAt - end]
      }
      const expiresAt = end + 9
      assert.deepEqual(
        {
          clear: await after({ clear: true }),
          'clear, policy': await after({ clear: true, policy: '60' }),
          deadline: await after({ expiresAt }),
          'deadline under what stands': await after({ expiresAt, under: '300' }),
          'deadline under another': await after({ expiresAt, under: '60' }),
          'deadline under the default, where another stands': await after({ expiresAt, under: '' }),
          'policy, deadline under it': await after({ policy: '60', expiresAt, under: '60' }),
          'policy, deadline under the one before': await after({ policy: '60', expiresAt, under: '300' }),
          'clear, deadline under the default': await after({ clear: true, expiresAt, under: '' }),
        },
        {
          clear: ['', 0],
          'clear, policy': ['60', 0],
          deadline: ['300', 9],
          'deadline under what stands': ['300', 9],
          'deadline under another': ['300', 0],
          'deadline under the default, where another stands': ['300', 0],
          'policy, deadline under it': ['60', 9],
          'policy, deadline under the one before': ['60', 0],
          'clear, deadline under the default': ['', 9],
        },
      )
    },
  },
  {
    id: 'S20',
    title: 'MUST keep a key at its place while it is there, and put a new one at the end',
    async check(store) {
      const id = await created(store, holding(['c', '1'], ['a', '1'], ['b', '1']))
      const after = async (changes: ChangeSet) => {
        await store.commit(id, changes, now)
        return pairsOf(await store.read(id, now)).join(' ')
      }
      const cleared = setting(['b', '4'], ['x', null], ['a', '4'])
      assert.deepEqual(
        {
          set: await after(setting(['z', '2'], ['a', '2'], ['y', '2'])),
          delete: await after(setting(['c', null], ['nothing', null])),
          again: await after(setting(['c', '3'])),
          clear: await after({ ...cleared, clear: true }),
        },
        {
          set: 'c,1 a,2 b,1 z,2 y,2',
          delete: 'a,2 b,1 z,2 y,2',
          again: 'a,2 b,1 z,2 y,2 c,3',
          clear: 'b,4 a,4',
        },
      )
    },
  },
  {
    id: 'S21',
    title: 'MUST not sweep a session whose deadline a commit has moved, where it sweeps',
    async check(store) {
      if (!store.sweep) return
      await sweepAll(store, end)
      const moved = changeSet({ expiresAt: end + 1000 })
      for (let round = 0; round < 20; round++) {
        const ids = await Promise.all(Array.from({ length: 10 }, () => created(store)))
        // The commits run with a clock one millisecond behind that of the sweep, as in another process.
        const outcomes = ids.map((id) => store.commit(id, moved, end - 1))
        await store.sweep(end)
        for (const [index, outcome] of (await Promise.all(outcomes)).entries()) {
          const session = await store.read(ids[index]!, end)
          assert.equal(session ? 'committed' : 'gone', outcome, `a commit answered ${outcome} during a sweep`)
        }
      }
    },
  },
  {
    id: 'S22',
    title: 'MUST know no key that was not set, also where objects inherit one',
    async check(store) {
      const keys = ['toString', 'valueOf', 'hasOwnProperty', '__defineGetter__', 'length', 'size']
      const pairs = keys.map((key): [string, string] => [key, '1'])
      const absent = new Map(keys.map((key) => [key, null]))
      const id = await created(store)
      assert.equal(await store.commit(id, { ...setting(...pairs), expect: absent }, now), 'committed')
      assertSame(await store.read(id, now), holding(...pairs))
      assert.equal(await store.commit(id, changeSet({ expect: absent }), now), 'conflict')
    },
  },
  {
    id: 'S23',
    title: 'MUST move the deadline by the activity of a request that did not read, within the lifetime',
    async check(store) {
      const after = async (part: Partial<Activity>, policy = '', change: Partial<ChangeSet> = {}) => {
        const id = await created(store, { ...blank, policy })
        const activity = { until: end + 500, lifetime: end - start + 1000, step: 500, ...part }
        await store.commit(id, changeSet({ ...change, activity }), now)
        const session = recordOf(await store.read(id, now))
        return session && session.expiresAt - end
      }
      assert.deepEqual(
        {
          'by a step': await after({}),
          'by less than a step': await after({ until: end + 499 }),
          'to an earlier instant': await after({ until: end - 500 }),
          'beyond the lifetime': await after({ until: end + 5000, step: 1 }),
          'to the last instant, by less than a step': await after({ until: end + 5000, step: 9999 }),
          'under another policy': await after({}, '300'),
          'after a clear of another policy': await after({}, '300', { clear: true }),
          'beside a deadline': await after({}, '', { expiresAt: end + 7 }),
        },
        {
          'by a step': 500,
          'by less than a step': 0,
          'to an earlier instant': 0,
          'beyond the lifetime': 1000,
          'to the last instant, by less than a step': 1000,
          'under another policy': 0,
          'after a clear of another policy': 500,
          'beside a deadline': 7,
        },
      )
    },
  },
  {
    id: 'S24',
    title: 'MUST put a key last that was deleted before it is set, in the order of the entries',
    async check(store) {
      const after = async (change: Partial<ChangeSet>, ...keys: string[]) => {
        const id = await created(store, holding(...keys.map((key): [string, string] => [key, '1'])))
        const changes = { ...setting(['x', '2'], ['a', '2'], ['y', '2']), last: new Set(['a']), ...change }
        assert.equal(await store.commit(id, changes, now), 'committed')
        return pairsOf(await store.read(id, now)).join(' ')
      }
      assert.deepEqual(
        {
          there: await after({}, 'a', 'b'),
          'the others there': await after({}, 'a', 'y', 'x'),
          absent: await after({}, 'b'),
          clear: await after({ clear: true }, 'a', 'b'),
          'no room for it twice': await after({ limit: { keys: 4, bytes: 8 } }, 'a', 'b'),
        },
        {
          there: 'b,1 x,2 a,2 y,2',
          'the others there': 'y,2 x,2 a,2',
          absent: 'b,1 x,2 a,2 y,2',
          clear: 'x,2 a,2 y,2',
          'no room for it twice': 'b,1 x,2 a,2 y,2',
        },
      )
    },
  },
  {
    id: 'S25',
    title: 'MUST put a new record in the place of one that has expired when it was created, and of no other',
    async check(store) {
      const id = await created(store, holding(['a', '1'], ['b', '2']))
      const late: SessionRecord = { ...holding(['c', '3']), createdAt: end - 1, expiresAt: end + 1000 }
      await assert.rejects(store.create(id, late), 'a create took the place of what had not expired')
      assertSame(await store.read(id, now), holding(['a', '1'], ['b', '2']))
      const next = { ...late, createdAt: end }
      await assert.doesNotReject(store.create(id, next), 'what has expired keeps its id')
      assertSame(await store.read(id, end), next)
      const left = await created(store)
      await store.delete(left, now, { as: 'moved', until: end })
      await assert.rejects(store.create(left, late), 'a create took the place of a mark')
      await assert.doesNotReject(store.create(left, next), 'a mark that has ended keeps its id')
      assertSame(await store.read(left, end), next)
    },
  },
  {
    id: 'M01',
    title: 'MUST answer what the mark says that a delete leaves, until it ends, and leave it where it is',
    async check(store) {
      for (const as of ['moved', 'ended'] as const) {
        const id = await created(store, holding(['a', '1']))
        const until = now + marked
        assertSame(await store.delete(id, now, { as, until }), holding(['a', '1']))
        const answers = async (instant: number) => ({
          read: await store.read(id, instant),
          blind: await store.commit(id, setting(['b', '2']), instant),
          clear: await store.commit(id, changeSet({ clear: true, policy: '60', expiresAt: end }), instant),
          judged: await store.commit(id, changeSet({ expect: new Map([['a', '1']]) }), instant),
          delete: await store.delete(id, instant),
          'delete with a mark': await store.delete(id, instant, { as: 'ended', until: end }),
        })
        const told = { read: as, blind: as, clear: as, judged: as, delete: as, 'delete with a mark': as }
        assert.deepEqual({ at: 'once', ...(await answers(now)) }, { at: 'once', ...told })
        await assert.rejects(store.create(id, blank), 'a create under a marked id was accepted')
        assert.deepEqual({ at: 'last', ...(await answers(until - 1)) }, { at: 'last', ...told })
        assert.deepEqual(
          { read: await store.read(id, until), commit: await store.commit(id, setting(['b', '2']), until) },
          { read: null, commit: 'gone' },
        )
      }
    },
  },
  {
    id: 'M02',
    title: 'MUST leave the mark in the step of the delete, so that the id is never unknown in between',
    async check(store) {
      for (let round = 0; round < 10; round++) {
        const id = await created(store)
        const mark = { as: 'moved', until: now + marked } as const
        const asked = (count: number) =>
          Array.from({ length: count }, (_, index) =>
            index % 2 === 0 ? store.read(id, now) : store.commit(id, setting([`k${index}`, '1']), now),
          )
        const before = asked(6)
        const deletions = [store.delete(id, now, mark), store.delete(id, now, mark)]
        const answers: (Found | Outcome)[] = await Promise.all([...before, ...asked(6)])
        const unknown = answers.filter((answer) => answer === null || answer === 'gone')
        assert.deepEqual(unknown, [], `beside a delete with a mark ${unknown.length} found nothing`)
        const deleted = await Promise.all(deletions)
        const records = deleted.filter((last) => recordOf(last))
        assert.deepEqual([records.length, deleted.includes('moved')], [1, true])
      }
    },
  },
  {
    id: 'M03',
    title: 'MUST leave a mark only where a session was, and sweep it like a session, where it sweeps',
    async check(store) {
      const mark = { as: 'ended', until: end } as const
      const [absent, expired, marks] = [digest(mint()), await created(store), await created(store)]
      assert.equal(await store.delete(absent, now, mark), null)
      assert.equal(await store.delete(expired, end, { as: 'ended', until: end + marked }), null)
      assert.equal(await store.read(absent, now), null, 'a mark was left for an id that was never created')
      assert.equal(await store.read(expired, end), null, 'a mark was left for a session that had expired')
      await store.delete(marks, now, mark)
      if (!store.sweep) return
      await sweepAll(store, end)
      assert.equal(await store.read(marks, now), null, 'a mark that had ended was not swept')
    },
  },
  {
    id: 'N01',
    title: 'MUST tell each who listens within a second that a session ended, once it is seen, where it tells',
    async check(store, _, stores) {
      const ways: Record<string, (id: string) => Promise<unknown>> = {
        'a delete': (id) => store.delete(id, now),
        'a delete that leaves a mark': (id) => store.delete(id, now, { as: 'ended', until: now + marked }),
        'a deadline that is over': (id) => store.commit(id, changeSet({ expiresAt: now }), now),
      }
      await hearing(
        stores,
        async (all) => {
          for (const [way, endIt] of Object.entries(ways)) {
            const id = await created(store, holding(['a', '1']))
            const count = await deaf(all, id, 'ended', () => endIt(id))
            assert.equal(count, 0, `of ${all.length} who listen ${count} were not told of ${way}`)
          }
          const early = all.flatMap((heard) => heard.early)
          assert.deepEqual(early, [], 'a notice came before the session was gone')
        },
        async (each, id) => recordOf(await each.read(id, now)) === null,
      )
    },
  },
  {
    id: 'N02',
    title: 'MUST tell of no end of a session that did not end, where it tells',
    async check(store, _, stores) {
      await hearing(stores, async (all) => {
        const [absent, alive, left] = [digest(mint()), await created(store), await created(store)]
        await store.delete(left, now, { as: 'moved', until: now + marked })
        await store.delete(absent, now)
        await store.delete(absent, now, { as: 'ended', until: now + marked })
        await store.commit(absent, setting(['a', '1']), now)
        await store.commit(alive, changeSet({ expect: new Map([['a', '1']]), expiresAt: now }), now)
        await store.commit(alive, setting(['a', '1']), now)
        await store.delete(left, now)
        const last = await created(store)
        await deaf(all, last, 'ended', () => store.delete(last, now))
        for (const { news } of all) {
          const ended = news.filter(([, what]) => what === 'ended').map(([id]) => id)
          assert.ok(!ended.includes(absent), 'it told of the end of a session that was never there')
          assert.ok(!ended.includes(alive), 'it told of the end of a session that is there')
          assert.ok(ended.filter((id) => id === left).length < 2, 'it told of an end under a mark')
        }
      })
    },
  },
  {
    id: 'N03',
    title: 'MUST tell of what a commit changes, and not of a deadline alone, where it tells changes',
    async check(store, _, stores) {
      const telling = stores.filter(({ notices }) => notices?.tellsChanges)
      await hearing(telling, async (all) => {
        const touched = await created(store)
        const activity = { until: end + 500, lifetime: 2 * (end - start), step: 1 }
        await store.commit(touched, changeSet({ activity }), now)
        await store.commit(touched, changeSet({ expect: new Map([['a', '1']]), clear: true }), now)
        for (const change of [setting(['a', '1']), changeSet({ clear: true }), changeSet({ policy: '60' })]) {
          const id = await created(store)
          const count = await deaf(all, id, 'changed', () => store.commit(id, change, now))
          assert.equal(count, 0, `of ${all.length} who listen ${count} were not told of a change`)
        }
        const told = all.some((heard) => heard.has(touched, 'changed'))
        assert.ok(!told, 'it told of a change where only a deadline moved, or nothing')
      })
    },
  },
  {
    id: 'N04',
    title:
      'MUST not fail for somebody who listens, and tell nothing to who does not any more, where it tells',
    async check(store, _, stores) {
      await hearing(stores, async (all) => {
        const telling = stores.flatMap(({ notices }) => notices ?? [])
        const stops = await Promise.all(telling.map((each) => each.listen(failing, () => {})))
        const gone = await Heard.of(stores.find(({ notices }) => notices)!)
        await gone.stop()
        const id = await created(store)
        let count = 0
        await assert.doesNotReject(
          (async () => (count = await deaf(all, id, 'ended', () => store.delete(id, now))))(),
          'a delete failed for somebody who listens',
        )
        await Promise.all(stops.map((stop) => stop()))
        assert.equal(count, 0, 'somebody was not told since another one who listens failed')
        assert.deepEqual(gone.news, [], 'it told somebody who did not listen any more')
      })
    },
  },
]

/**
 * The promises that every store has to keep, each as a test for your own test runner. They need the package
 * `fast-check`.
 *
 * Give them a store over a database of its own, and run one after the other: the sessions lie in the year
 * 2100, and S14 and S21 sweep as of then, which removes whatever else is there.
 * @example
 * for (const { id, title, check } of guarantees) {
 *   test(`${id} ${title}`, () => check(myStore(client), { peer: myStore(otherClient) }))
 * }
 */
export const guarantees: readonly Guarantee[] = promises.map(({ id, title, check }) => ({
  id,
  title,
  check: (store, { peer, ...options } = {}) =>
    check(peer ? inTurn([store, peer]) : store, options, peer ? [store, peer] : [store]),
}))
