import { setImmediate } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { apply, changeSet, type ChangeSet } from '../../src/session/changes.ts'
import { markRecord, seen, type SessionRecord } from '../../src/session/record.ts'
import type { KeyedStore } from '../../src/session/store.ts'
import { guarantees } from '../../src/stores/suite/suite.ts'
import { recordOf } from '../support/record-of.ts'

type Rows = Map<string, SessionRecord>

const isAlive = (row: SessionRecord | undefined, now: number): row is SessionRecord =>
  row !== undefined && row.expiresAt > now

/** Right, as every verb runs within one turn of the event loop. Bugs are planted by replacing what it consists of. */
function mapStore(
  rows: Rows = new Map(),
  change: typeof apply = apply,
): Required<Omit<KeyedStore, 'check' | 'notices'>> {
  const find = (id: string, now: number): SessionRecord | null => {
    const row = rows.get(id)
    return isAlive(row, now) ? row : null
  }
  return {
    async create(id, record) {
      if (find(id, record.createdAt)) throw new Error('The id is in use.')
      rows.set(id, record)
    },
    async read(id, now) {
      return seen(find(id, now))
    },
    async commit(id, changes, now) {
      const { outcome, record } = change(find(id, now), changes)
      if (outcome === 'committed') rows.set(id, record!)
      return outcome
    },
    async delete(id, now, mark) {
      const last = seen(find(id, now))
      if (typeof last === 'string') return last
      if (last && mark) rows.set(id, markRecord(mark))
      else rows.delete(id)
      return last
    },
    async sweep(now) {
      const due = [...rows].filter(([, row]) => !isAlive(row, now)).slice(0, 10)
      for (const [id] of due) rows.delete(id)
      return due.length
    },
  }
}

type Told = (id: string, what: 'ended' | 'changed') => void

/** A right one that tells of its sessions. Bugs are planted by what stands between it and those who listen. */
function tellingStore(
  between: (tell: Told) => {
    readonly told?: Told
    readonly verbs?: (right: ReturnType<typeof mapStore>) => Partial<KeyedStore>
  } = () => ({}),
  stop: (listeners: Set<Told>, listener: Told) => void = (listeners, listener) => listeners.delete(listener),
): KeyedStore {
  const listeners = new Set<Told>()
  const each: Told = (id, what) => {
    for (const listener of listeners) {
      try {
        listener(id, what)
      } catch {}
    }
  }
  const { told = each, verbs } = between(each)
  const right = mapStore()
  const telling = {
    ...right,
    async commit(...[id, changes, now]: Parameters<KeyedStore['commit']>) {
      const outcome = await right.commit(id, changes, now)
      if (outcome !== 'committed') return outcome
      const { clear, entries, policy } = changes
      if ((await right.read(id, now)) === null) told(id, 'ended')
      else if (clear || entries.size > 0 || policy !== undefined) told(id, 'changed')
      return outcome
    },
    async delete(...[id, now, mark]: Parameters<KeyedStore['delete']>) {
      const last = await right.delete(id, now, mark)
      if (recordOf(last)) told(id, 'ended')
      return last
    },
  }
  return {
    ...telling,
    ...verbs?.(telling),
    notices: {
      tellsChanges: true,
      async listen(onNotice) {
        listeners.add(onNotice)
        return async () => stop(listeners, onNotice)
      },
    },
  }
}

/** A store with another opinion of what a change set means. */
const changing = (change: typeof apply): KeyedStore => mapStore(new Map(), change)

/** A right one, but for some verbs; `right` is what they stand for. */
function planted(bug: (right: ReturnType<typeof mapStore>, rows: Rows) => Partial<KeyedStore>): KeyedStore {
  const rows: Rows = new Map()
  const right = mapStore(rows)
  return { ...right, ...bug(right, rows) }
}

/** What is created goes through this first. */
const storing = (kept: (record: SessionRecord) => SessionRecord): KeyedStore =>
  planted((right) => ({ create: (id, record) => right.create(id, kept(record)) }))

const mapped = (
  { entries, ...record }: SessionRecord,
  each: (pair: [string, string]) => [string, string],
): SessionRecord => ({ ...record, entries: new Map([...entries].map(each)) })

const withEntries = (record: SessionRecord | null, entries: Iterable<[string, string]>) =>
  record && { ...record, entries: new Map(entries) }

const characters = ({ entries }: SessionRecord): number =>
  [...entries].reduce((sum, pair) => sum + pair.join('').length, 0)

const byKey = ([a]: [string, unknown], [b]: [string, unknown]): number => (a < b ? -1 : 1)

const without = (part: keyof ChangeSet) => (record: SessionRecord | null, changes: ChangeSet) =>
  apply(record, { ...changes, [part]: undefined })

/** Load the whole record, modify it, save the whole record: what most session libraries do. */
function naiveStore(rows: Rows = new Map()): KeyedStore {
  const load = async (id: string, now: number): Promise<SessionRecord | null> => {
    await setImmediate()
    const row = rows.get(id)
    return isAlive(row, now) ? row : null
  }
  return {
    async create(id, record) {
      if (await load(id, record.createdAt)) throw new Error('The id is in use.')
      rows.set(id, record)
    },
    read: (id, now) => load(id, now).then(seen),
    async commit(id, changes, now) {
      const { outcome, record } = apply(await load(id, now), changes)
      await setImmediate()
      if (outcome === 'committed') rows.set(id, record!)
      return outcome
    },
    async delete(id, now, mark) {
      const last = seen(await load(id, now))
      if (typeof last === 'string') return last
      await setImmediate()
      if (last && mark) rows.set(id, markRecord(mark))
      else rows.delete(id)
      return last
    },
  }
}

/** The naive one with each verb under a lock, which other stores over the same rows do not know. */
function lockingStore(rows: Rows): KeyedStore {
  const naive = naiveStore(rows)
  let last: Promise<unknown> = Promise.resolve()
  const locked = <T>(task: () => Promise<T>): Promise<T> => {
    const mine = last.then(task)
    last = mine.catch(() => {})
    return mine
  }
  return {
    create: (id, record) => locked(() => naive.create(id, record)),
    read: (id, now) => locked(() => naive.read(id, now)),
    commit: (id, changes, now) => locked(() => naive.commit(id, changes, now)),
    delete: (id, now, mark) => locked(() => naive.delete(id, now, mark)),
  }
}

/** Compare-and-set by a version, over a database that can do no more than that. */
function optimisticStore(
  rows: Map<string, { readonly version: number; readonly record: SessionRecord }>,
): KeyedStore {
  const swap = async (id: string, version: number, record: SessionRecord | null): Promise<boolean> => {
    await setImmediate()
    if ((rows.get(id)?.version ?? 0) !== version) return false
    if (record) rows.set(id, { version: version + 1, record })
    else rows.delete(id)
    return true
  }
  const attempt = async <T>(
    id: string,
    now: number,
    next: (record: SessionRecord | null) => { answer: T; record: SessionRecord | null },
  ): Promise<T> => {
    for (let attempts = 0; attempts < 1000; attempts++) {
      const row = rows.get(id)
      const before = row && isAlive(row.record, now) ? row.record : null
      const { answer, record } = next(before)
      if (record === before || (await swap(id, row!.version, record))) return answer
    }
    throw new Error('Too many others change this session.')
  }
  return {
    async create(id, record) {
      const row = rows.get(id)
      const isFree = !isAlive(row?.record, record.createdAt)
      if (!isFree || !(await swap(id, row?.version ?? 0, record))) throw new Error('The id is in use.')
    },
    async read(id, now) {
      const row = rows.get(id)
      return seen(row && isAlive(row.record, now) ? row.record : null)
    },
    commit: (id, changes, now) =>
      attempt(id, now, (before) => {
        const { outcome: answer, record } = apply(before, changes)
        return { answer, record: answer === 'committed' ? record : before }
      }),
    delete: (id, now, mark) =>
      attempt<Awaited<ReturnType<KeyedStore['delete']>>>(id, now, (before) => {
        const answer = seen(before)
        if (typeof answer === 'string') return { answer, record: before }
        return { answer, record: answer && mark ? markRecord(mark) : null }
      }),
  }
}

interface Planted {
  readonly bug: string
  /** The guarantees that are certain to be found broken. */
  readonly breaks: readonly string[]
  readonly store: () => KeyedStore
  readonly peer?: () => KeyedStore
}

const bugs: readonly Planted[] = [
  {
    bug: 'sorts the keys',
    breaks: ['S01', 'S20'],
    store: () =>
      planted((right) => ({
        read: async (id, now) => {
          const record = recordOf(await right.read(id, now))
          return withEntries(record, [...(record?.entries ?? [])].toSorted(byKey))
        },
      })),
  },
  {
    bug: 'forgets the policy',
    breaks: ['S01'],
    store: () => storing((record) => ({ ...record, policy: '' })),
  },
  {
    bug: 'hands out an array for a map',
    breaks: ['S01'],
    store: () =>
      planted((right) => ({
        read: async (id, now) => {
          const record = recordOf(await right.read(id, now))
          return record && { ...record, entries: [...record.entries] as never }
        },
      })),
  },
  {
    bug: 'overwrites on create',
    breaks: ['S02', 'S25'],
    store: () => planted((_, rows) => ({ create: async (id, record) => void rows.set(id, record) })),
  },
  {
    bug: 'looks whether an id is in use, and creates later',
    breaks: ['S02'],
    store: () =>
      planted((right, rows) => ({
        async create(id, record) {
          if (await right.read(id, 0)) throw new Error('The id is in use.')
          await setImmediate()
          rows.set(id, record)
        },
      })),
  },
  {
    bug: 'keeps the id of what has expired until it is swept',
    breaks: ['S25'],
    store: () =>
      planted((right, rows) => ({
        async create(id, record) {
          if (rows.has(id)) throw new Error('The id is in use.')
          await right.create(id, record)
        },
      })),
  },
  {
    bug: 'answers undefined where there is nothing',
    breaks: ['S03'],
    store: () =>
      planted((right) => ({ read: async (id, now) => (await right.read(id, now)) ?? (undefined as never) })),
  },
  {
    bug: 'takes a deadline that is now for alive',
    breaks: ['S04'],
    store: () =>
      planted((right) => ({
        read: (id, now) => right.read(id, now - 1),
        commit: (id, changes, now) => right.commit(id, changes, now - 1),
        delete: (id, now) => right.delete(id, now - 1),
      })),
  },
  {
    bug: 'leaves expiry to the sweep',
    breaks: ['S04'],
    store: () => planted((right) => ({ read: (id) => right.read(id, 0) })),
  },
  {
    bug: 'commits to what has expired',
    breaks: ['S04'],
    store: () => planted((right) => ({ commit: (id, changes) => right.commit(id, changes, 0) })),
  },
  {
    bug: 'hands back on delete what has expired',
    breaks: ['S04'],
    store: () => planted((right) => ({ delete: (id) => right.delete(id, 0) })),
  },
  {
    bug: 'forgets a new policy where a clear and a limit come with it',
    breaks: ['S05'],
    store: () =>
      changing((record, changes) =>
        apply(record, changes.clear && changes.limit ? { ...changes, policy: '' } : changes),
      ),
  },
  {
    bug: 'creates by a commit',
    breaks: ['S06', 'S07'],
    store: () => {
      const blank = { entries: new Map(), createdAt: 0, expiresAt: Infinity, policy: '' }
      return changing((record, changes) => apply(record ?? blank, changes))
    },
  },
  {
    bug: 'creates by a commit that clears, as nothing of the old record is needed',
    breaks: ['S07'],
    store: () => {
      const blank = { entries: new Map(), createdAt: 0, expiresAt: Infinity, policy: '' }
      return changing((record, changes) => apply(record ?? (changes.clear ? blank : null), changes))
    },
  },
  {
    bug: 'hands the record to both of two deletes',
    breaks: ['S08'],
    store: () =>
      planted((right, rows) => ({
        async delete(id, now) {
          const last = await right.read(id, now)
          await setImmediate()
          rows.delete(id)
          return last
        },
      })),
  },
  {
    bug: 'hands back on delete what was created',
    breaks: ['S08', 'S12'],
    store: () => {
      const cache: Rows = new Map()
      return planted((right) => ({
        async create(id, record) {
          await right.create(id, record)
          cache.set(id, record)
        },
        async delete(id, now) {
          return (await right.delete(id, now)) && cache.get(id)!
        },
      }))
    },
  },
  { bug: 'saves the whole record', breaks: ['S08', 'S09', 'S10', 'S12'], store: () => naiveStore() },
  {
    bug: 'judges expect, and writes later',
    breaks: ['S10'],
    store: () =>
      planted((right, rows) => ({
        async commit(id, changes, now) {
          const { outcome } = apply(recordOf(await right.read(id, now)), changes)
          await setImmediate()
          return outcome === 'committed' ? right.commit(id, { ...changes, expect: new Map() }, now) : outcome
        },
        async delete(id) {
          const last = rows.get(id) ?? null
          rows.delete(id)
          return last
        },
      })),
  },
  {
    bug: 'answers before it has written',
    breaks: ['S11'],
    store: () =>
      planted((right) => ({
        async commit(id, changes, now) {
          const { outcome } = apply(recordOf(await right.read(id, now)), changes)
          void setImmediate().then(() => right.commit(id, changes, now))
          return outcome
        },
      })),
  },
  {
    bug: 'does not move the deadline',
    breaks: ['S11', 'S19'],
    store: () => changing(without('expiresAt')),
  },
  {
    bug: 'removes later what it handed back',
    breaks: ['S12'],
    store: () =>
      planted((right, rows) => ({
        async commit(id, changes, now) {
          await setImmediate()
          return right.commit(id, changes, now)
        },
        async delete(id, now) {
          const last = await right.read(id, now)
          await setImmediate()
          await setImmediate()
          rows.delete(id)
          return last
        },
      })),
  },
  {
    bug: 'hands out the map that it goes on changing',
    breaks: ['S13'],
    store: () =>
      changing((record, changes) => {
        const { outcome, record: next } = apply(record, changes)
        if (outcome !== 'committed') return { outcome, record }
        const live = record!.entries as Map<string, string>
        const pairs = [...next!.entries]
        live.clear()
        for (const [key, text] of pairs) live.set(key, text)
        return { outcome, record: { ...next!, entries: live } }
      }),
  },
  {
    bug: 'sweeps what is alive',
    breaks: ['S14'],
    store: () => planted((right) => ({ sweep: (now) => right.sweep(now + 1) })),
  },
  {
    bug: 'sweeps one batch, and tells that none is left',
    breaks: ['S14'],
    store: () => planted((right) => ({ sweep: (now) => right.sweep(now).then(() => 0) })),
  },
  {
    bug: 'tells of what it swept before',
    breaks: ['S14'],
    store: () => planted((right) => ({ sweep: async (now) => (await right.sweep(now)) + 1 })),
  },
  {
    bug: 'sweeps what expired before now only',
    breaks: ['S14'],
    store: () => planted((right) => ({ sweep: (now) => right.sweep(now - 1) })),
  },
  {
    bug: 'has ids whose case does not count',
    breaks: ['S15'],
    store: () => {
      const right = mapStore()
      return {
        create: (id, record) => right.create(id.toLowerCase(), record),
        read: (id, now) => right.read(id.toLowerCase(), now),
        commit: (id, changes, now) => right.commit(id.toLowerCase(), changes, now),
        delete: (id, now) => right.delete(id.toLowerCase(), now),
      }
    },
  },
  {
    bug: 'has keys whose case does not count',
    breaks: ['S15'],
    store: () => storing((record) => mapped(record, ([key, text]) => [key.toLowerCase(), text])),
  },
  ...Object.entries<(text: string) => string>({
    'without case': (text) => text.toLowerCase(),
    'without accents': (text) => text.normalize('NFD').replaceAll(/\p{Mn}/gu, ''),
    'by their normal form': (text) => text.normalize(),
    'by the number that they stand for': (text) =>
      Number.isNaN(Number(text)) ? text : String(BigInt(Number(text))),
    'without blanks at the end': (text) => text.replace(/ "$/, '"'),
  }).map(([how, fold]): Planted => ({
    bug: `compares texts ${how}`,
    breaks: ['S15'],
    store: () =>
      changing((record, changes) => {
        const expect = [...changes.expect].map(([key, text]): [string, string | null] => {
          const held = record?.entries.get(key)
          return [key, text !== null && held !== undefined && fold(text) === fold(held) ? held : text]
        })
        return apply(record, { ...changes, expect: new Map(expect) })
      }),
  })),
  {
    bug: 'takes the text null for an absent key',
    breaks: ['S15'],
    store: () =>
      changing((record, changes) => {
        const expect = [...changes.expect].map(([key, text]): [string, string | null] => [
          key,
          text === null && record?.entries.get(key) === 'null' ? 'null' : text,
        ])
        return apply(record, { ...changes, expect: new Map(expect) })
      }),
  },
  {
    bug: 'keeps texts as values that it sorts',
    breaks: ['S16'],
    store: () =>
      storing((record) =>
        mapped(record, ([key, text]) => {
          const value: unknown = JSON.parse(text)
          const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
          return [
            key,
            isObject ? JSON.stringify(Object.fromEntries(Object.entries(value).toSorted(byKey))) : text,
          ]
        }),
      ),
  },
  {
    bug: 'fills in placeholders',
    breaks: ['S16'],
    store: () => storing((record) => mapped(record, ([key, text]) => [key, text.replace('$1', 'x')])),
  },
  {
    bug: 'keeps three bytes of a character at most',
    breaks: ['S01', 'S16'],
    store: () =>
      storing((record) =>
        mapped(record, ([key, text]) => [key, text.replaceAll(/[\u{10000}-\u{10ffff}]/gu, '?')]),
      ),
  },
  {
    bug: 'cuts keys at 63 characters',
    breaks: ['S17'],
    store: () => storing((record) => mapped(record, ([key, text]) => [key.slice(0, 63), text])),
  },
  {
    bug: 'cuts texts at 4096 characters',
    breaks: ['S17'],
    store: () =>
      changing((record, changes) => {
        const entries = [...changes.entries].map(([key, text]): [string, string | null] => [
          key,
          text?.slice(0, 4096) ?? null,
        ])
        return apply(record, { ...changes, entries: new Map(entries) })
      }),
  },
  {
    bug: 'judges limit before expect',
    breaks: ['S18'],
    store: () =>
      changing((record, changes) => {
        const blind = apply(record, { ...changes, expect: new Map() })
        return blind.outcome === 'full' ? blind : apply(record, changes)
      }),
  },
  {
    bug: 'counts characters for bytes',
    breaks: ['S18'],
    store: () =>
      changing((record, changes) => {
        const next = apply(record, { ...changes, limit: undefined })
        const { limit } = changes
        if (next.outcome !== 'committed' || !limit) return next
        const isFull = next.record!.entries.size > limit.keys || characters(next.record!) > limit.bytes
        return isFull ? { outcome: 'full', record } : next
      }),
  },
  {
    bug: 'is full one byte too early',
    breaks: ['S18'],
    store: () =>
      changing((record, changes) =>
        apply(record, {
          ...changes,
          limit: changes.limit && { ...changes.limit, bytes: changes.limit.bytes - 1 },
        }),
      ),
  },
  { bug: 'knows no limit', breaks: ['S17', 'S18'], store: () => changing(without('limit')) },
  {
    bug: 'counts what a clear drops',
    breaks: ['S18'],
    store: () =>
      changing((record, changes) => {
        const added = apply(record, { ...changes, clear: false })
        return added.outcome === 'full' ? added : apply(record, changes)
      }),
  },
  {
    bug: 'answers gone for conflict',
    breaks: ['S18'],
    store: () =>
      changing((record, changes) => {
        const next = apply(record, changes)
        return next.outcome === 'conflict' ? { ...next, outcome: 'gone' } : next
      }),
  },
  {
    bug: 'writes what it refuses',
    breaks: ['S18'],
    store: () =>
      planted((right) => ({
        async commit(id, changes, now) {
          const outcome = await right.commit(id, changes, now)
          if (outcome === 'full') await right.commit(id, changeSet({ entries: changes.entries }), now)
          return outcome
        },
      })),
  },
  {
    bug: 'judges expect after a clear',
    breaks: ['S18'],
    store: () =>
      changing((record, changes) => {
        if (!record || !changes.clear) return apply(record, changes)
        return apply({ ...record, policy: '', entries: new Map() }, changes)
      }),
  },
  { bug: 'ignores under', breaks: ['S05', 'S19'], store: () => changing(without('under')) },
  {
    bug: 'keeps the policy on clear',
    breaks: ['S19'],
    store: () =>
      changing((record, changes) => apply(record, { ...changes, policy: changes.policy ?? record?.policy })),
  },
  {
    bug: 'holds under against the policy from before',
    breaks: ['S19'],
    store: () =>
      changing((record, changes) => {
        const { under, ...rest } = changes
        const moves = under === undefined || under === record?.policy
        return apply(record, moves ? rest : { ...rest, expiresAt: undefined })
      }),
  },
  {
    bug: 'takes under the default for no condition',
    breaks: ['S19'],
    store: () =>
      changing((record, changes) => apply(record, { ...changes, under: changes.under || undefined })),
  },
  {
    bug: 'moves a key that is set again to the end',
    breaks: ['S20'],
    store: () =>
      changing((record, changes) => {
        const rest = [...(record?.entries ?? [])].filter(([key]) => !changes.entries.has(key))
        const next = apply(record, changes)
        if (next.outcome !== 'committed') return next
        const kept = rest.filter(([key]) => next.record!.entries.has(key))
        const set = [...changes.entries].filter((pair): pair is [string, string] => pair[1] !== null)
        return { ...next, record: withEntries(next.record, [...kept, ...set]) }
      }),
  },
  {
    bug: 'drops on clear what is set along with it',
    breaks: ['S20'],
    store: () =>
      changing((record, changes) =>
        apply(record, changes.clear ? { ...changes, entries: new Map() } : changes),
      ),
  },
  {
    bug: 'clears only what it is told the keys of',
    breaks: ['S20'],
    store: () => changing((record, changes) => apply(record, { ...changes, clear: false })),
  },
  {
    bug: 'sweeps what it found expired, without looking again',
    breaks: ['S21'],
    store: () =>
      planted((_, rows) => ({
        async commit(id, changes, now) {
          await setImmediate()
          return mapStore(rows).commit(id, changes, now)
        },
        async sweep(now) {
          const due = [...rows].filter(([, row]) => !isAlive(row, now))
          await setImmediate()
          for (const [id] of due) rows.delete(id)
          return due.length
        },
      })),
  },
  {
    bug: 'takes no note of activity',
    breaks: ['S23'],
    store: () => changing(without('activity')),
  },
  {
    bug: 'moves the deadline beyond the lifetime',
    breaks: ['S23'],
    store: () =>
      changing((record, { activity, ...changes }) =>
        apply(record, {
          ...changes,
          activity: activity && { ...activity, lifetime: Number.POSITIVE_INFINITY },
        }),
      ),
  },
  {
    bug: 'keeps the place of a key that was deleted before it is set',
    breaks: ['S24'],
    store: () => changing(without('last')),
  },
  {
    bug: 'leaves no mark',
    breaks: ['M01', 'M02'],
    store: () => planted((right) => ({ delete: (id, now) => right.delete(id, now) })),
  },
  {
    bug: 'takes the mark away with a second delete',
    breaks: ['M01'],
    store: () =>
      planted((right, rows) => ({
        async delete(id, now, mark) {
          const last = await right.delete(id, now, mark)
          if (typeof last === 'string') rows.delete(id)
          return last
        },
      })),
  },
  {
    bug: 'creates over a mark',
    breaks: ['M01'],
    store: () =>
      planted((right, rows) => ({
        async create(id, record) {
          if (typeof seen(rows.get(id) ?? null) === 'string') rows.delete(id)
          return right.create(id, record)
        },
      })),
  },
  {
    bug: 'keeps a mark for longer than it is to last',
    breaks: ['M01'],
    store: () =>
      planted((right) => ({
        delete: (id, now, mark) => right.delete(id, now, mark && { ...mark, until: mark.until + 1 }),
      })),
  },
  {
    bug: 'deletes first, and leaves the mark later',
    breaks: ['M02'],
    store: () =>
      planted((right, rows) => ({
        async delete(id, now, mark) {
          const last = await right.delete(id, now)
          if (last === null || typeof last === 'string' || !mark) return last
          await setImmediate()
          rows.set(id, markRecord(mark))
          return last
        },
        async read(id, now) {
          await setImmediate()
          return right.read(id, now)
        },
      })),
  },
  {
    bug: 'leaves a mark where there was no session',
    breaks: ['M03'],
    store: () =>
      planted((right, rows) => ({
        async delete(id, now, mark) {
          const last = await right.delete(id, now, mark)
          if (last === null && mark) rows.set(id, markRecord(mark))
          return last
        },
      })),
  },
  {
    bug: 'never sweeps a mark',
    breaks: ['M03'],
    store: () =>
      planted((_, rows) => ({
        async sweep(now) {
          const due = [...rows].filter(([, row]) => row.createdAt > 0 && !isAlive(row, now)).slice(0, 10)
          for (const [id] of due) rows.delete(id)
          return due.length
        },
        async read(id) {
          return seen(rows.get(id) ?? null)
        },
      })),
  },
  {
    bug: 'tells nobody of ends',
    breaks: ['N01'],
    store: () => tellingStore((tell) => ({ told: (id, what) => what === 'changed' && tell(id, what) })),
  },
  {
    bug: 'tells of a delete before it is made',
    breaks: ['N01'],
    store: () =>
      tellingStore((tell) => ({
        told: (id, what) => what === 'changed' && tell(id, what),
        verbs: (right) => ({
          async delete(id, now, mark) {
            if (recordOf(await right.read(id, now))) tell(id, 'ended')
            await setImmediate()
            return right.delete(id, now, mark)
          },
        }),
      })),
  },
  {
    bug: 'tells of each delete, whether anything was there',
    breaks: ['N02'],
    store: () =>
      tellingStore((tell) => ({
        verbs: (right) => ({
          async delete(id, now, mark) {
            const last = await right.delete(id, now, mark)
            tell(id, 'ended')
            return last
          },
        }),
      })),
  },
  {
    bug: 'tells of no change',
    breaks: ['N03'],
    store: () => tellingStore((tell) => ({ told: (id, what) => what === 'ended' && tell(id, what) })),
  },
  {
    bug: 'tells of a change where only a deadline moved',
    breaks: ['N03'],
    store: () =>
      tellingStore((tell) => ({
        verbs: (right) => ({
          async commit(id, changes, now) {
            const outcome = await right.commit(id, changes, now)
            if (outcome === 'committed') tell(id, 'changed')
            return outcome
          },
        }),
      })),
  },
  {
    bug: 'fails for somebody who listens',
    breaks: ['N04'],
    store: () => {
      const listeners = new Set<Told>()
      return {
        ...tellingStore(() => ({ told: (id, what) => listeners.forEach((listener) => listener(id, what)) })),
        notices: {
          tellsChanges: true,
          async listen(onNotice) {
            listeners.add(onNotice)
            return async () => void listeners.delete(onNotice)
          },
        },
      }
    },
  },
  {
    bug: 'tells who does not listen any more',
    breaks: ['N04'],
    store: () => tellingStore(undefined, () => {}),
  },
  {
    bug: 'finds keys in the prototype of objects',
    breaks: ['S22'],
    store: () =>
      changing((record, changes) => {
        const object: Record<string, unknown> = Object.fromEntries(record?.entries ?? [])
        const isWrong = [...changes.expect].some(([key, text]) => (object[key] ?? null) !== text)
        return record && isWrong
          ? { outcome: 'conflict', record }
          : apply(record, { ...changes, expect: new Map() })
      }),
  },
  ...['S09', 'S10', 'S12'].map((broken): Planted => {
    const rows: Rows = new Map()
    return {
      bug: 'locks within one process, and there are two',
      breaks: [broken],
      store: () => lockingStore(rows),
      peer: () => lockingStore(rows),
    }
  }),
]

const cases = bugs.flatMap(({ breaks, ...planted }) => breaks.map((id) => ({ id, ...planted })))

describe('finds out a store that', () => {
  it.each(cases)('$bug, by $id', async ({ id, store, peer }) => {
    const { check } = guarantees.find((guarantee) => guarantee.id === id)!
    const options = { histories: 1000, ...(peer && { peer: peer() }) }
    const failure: unknown = await check(store(), options).then(
      () => new Error('It was let through.'),
      (error: unknown) => error,
    )
    // Thrown by a comparison, which shows what differs; fast-check has it as the cause.
    const { name, cause } = failure as Error
    expect(cause === undefined ? name : (cause as Error).name).toBe('AssertionError')
  })

  it('breaks any one of the guarantees', () => {
    expect([...new Set(cases.map(({ id }) => id))].toSorted()).toEqual(
      guarantees.map(({ id }) => id).toSorted(),
    )
  })
})

describe('lets through', () => {
  it.each(guarantees)('what keeps $id', async ({ check }) => {
    await check(mapStore())
    await check(tellingStore())
    await check(lockingStore(new Map()))
    const rows = new Map()
    await check(optimisticStore(rows), { peer: optimisticStore(rows) })
  })
})

it('has stable ids and titles that say MUST', () => {
  const counts = new Map<string, number>()
  for (const { id, title } of guarantees) {
    const count = (counts.get(id[0]!) ?? 0) + 1
    counts.set(id[0]!, count)
    expect(id).toBe(`${id[0]}${String(count).padStart(2, '0')}`)
    expect(title).toMatch(/^MUST /)
  }
})
