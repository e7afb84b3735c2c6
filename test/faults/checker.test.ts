import { describe, expect, it } from 'vitest'
import { createSessionServer } from '../../src/server/create-session-server.ts'
import type { KeyedStore } from '../../src/session/store.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { noAnswer, type Send, toAnswer } from './caller.ts'
import { check, count } from './checker.ts'
import type { Violation } from './checks.ts'
import { type Kind, type Operation, operation } from './history.ts'
import { naiveStore } from './naive.ts'
import config from './server.config.ts'
import { report } from './size.ts'
import { hear } from './verbs.ts'
import { Workload } from './workload.ts'

const inProcess = (store: KeyedStore): Send => {
  const yoga = createSessionServer({ ...config, store, logging: false })
  return async ({ query, variables, token }) => {
    const response = await yoga.fetch('http://127.0.0.1/graphql', {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(token && { cookie: `session=${token}` }) },
      body: JSON.stringify({ query, variables }),
    })
    const { status, headers } = response
    return toAnswer(status, headers.getSetCookie(), await response.text(), headers.get('retry-after'))
  }
}

const none = { 'lost update': 0, 'double pop': 0, resurrection: 0, 'stale read': 0, phantom: 0 }

async function history(store: KeyedStore): Promise<Operation[]> {
  const workload = new Workload(inProcess(store), { clients: 16, operations: 3000 })
  await workload.run()
  await workload.review()
  return workload.history
}

describe('the checker', () => {
  it('finds every kind of violation in a store that loads, modifies and saves', async () => {
    const found = count(check(await history(naiveStore())))
    const kinds = Object.keys(found).filter((kind) => found[kind as Violation] > 0)
    expect(kinds).toEqual(expect.arrayContaining(['lost update', 'double pop', 'resurrection', 'stale read']))
    report('A naive store', found)
  })

  it('finds none in a store that does one thing at a time', async () => {
    expect(check(await history(memoryStore({ max: 10_000 })))).toEqual([])
  })
})

type Part = Partial<Operation> & { kind: Kind }

/** One operation after the other, unless they say when they began and ended. */
const told = (...parts: Part[]): Operation[] =>
  parts.map((part, index) => operation({ began: 10 * index, ended: 10 * index + 1, ...part }))
const found = (...parts: Part[]) => count(check(told(...parts)))

const once = { key: 'once:1' }
const set: Part = { kind: 'set', ...once, value: 7 }
const pop: Part = { kind: 'pop', ...once, result: 7 }
const popNothing: Part = { kind: 'pop', ...once, result: null }
const increment = (result: number, part: Partial<Operation> = {}): Part => ({
  kind: 'increment',
  key: 'count:a',
  result,
  ...part,
})
const write = (value: number, part: Partial<Operation> = {}): Part => ({
  kind: 'write',
  key: 'own:1',
  value,
  ...part,
})
const raise = (value: number, result: number): Part => ({ kind: 'raise', key: 'high:a', value, result })
const read = (entries: Record<string, number>, isFinal = false): Part => ({
  kind: 'read',
  entries: new Map(Object.entries(entries)),
  isFinal,
})
const unknown = { status: 'unknown', result: null } as const
const dead = { isDead: true, status: 'acked' } as const
const logout: Part = { kind: 'logout' }
const rotate: Part = { kind: 'rotate' }
const second = { cookie: { session: 0, index: 1 } }

describe('a history that cannot be', () => {
  it.each<[violation: keyof typeof none, what: string, parts: Part[]]>([
    ['lost update', 'a value that nobody popped is missing at the end', [set, read({}, true)]],
    ['lost update', 'a value is missing after a rotation', [set, rotate, { ...read({}, true), ...second }]],
    ['lost update', 'two increments led to one value', [increment(1, { ended: 12 }), increment(1)]],
    ['lost update', 'the counter is too low at the end', [increment(1), increment(2), read({ 'count:a': 1 }, true)]], // prettier-ignore
    ['lost update', 'an own value is missing at the end', [write(1), read({}, true)]],
    ['lost update', 'a session vanished that nobody ended', [set, { ...read({}), ...dead }]],
    ['lost update', 'a session is gone for a writer that nobody ended', [set, { kind: 'set', key: 'once:2', isDead: true, status: 'refused' }]], // prettier-ignore
    ['lost update', 'a session vanished before it was ended', [{ ...read({}), ...dead }, logout]],
    ['double pop', 'two found it', [set, pop, pop]],
    ['double pop', 'two found it at once', [set, { ...pop, ended: 25 }, pop]],
    ['double pop', 'two found what may have been set', [{ ...set, ...unknown }, pop, pop]],
    ['resurrection', 'a popped value is read', [set, pop, read({ 'once:1': 7 })]],
    ['resurrection', 'a popped value is there at the end', [set, pop, read({ 'once:1': 7 }, true)]],
    ['resurrection', 'a deleted value is read', [set, { kind: 'delete', ...once, deleted: true }, read({ 'once:1': 7 })]], // prettier-ignore
    ['resurrection', 'a deleted value is popped', [set, { kind: 'delete', ...once, deleted: true }, pop]],
    ['resurrection', 'a session is read after a logout', [logout, read({})]],
    ['resurrection', 'a session takes a write after a logout', [logout, set]],
    ['resurrection', 'the old cookie is good after a rotation', [rotate, read({})]],
    ['resurrection', 'a session is back that was seen dead', [{ ...logout, ...unknown }, { ...read({}), ...dead }, read({})]], // prettier-ignore
    ['resurrection', 'a session is rotated that was gone', [{ ...logout, ...unknown }, { kind: 'set', isDead: true, status: 'refused' }, rotate]], // prettier-ignore
    ['resurrection', 'a session is back whose rotation failed half way', [{ ...rotate, ...unknown, isDead: true }, read({})]], // prettier-ignore
    ['stale read', 'a value that was set is not read', [set, read({})]],
    ['stale read', 'a value that was set is not found', [set, popNothing]],
    ['stale read', 'an older value is read', [write(1), write(2), read({ 'own:1': 1 })]],
    ['stale read', 'a lower counter is read', [increment(1), increment(2), read({ 'count:a': 1 })]],
    ['stale read', 'an increment starts from a lower counter', [increment(1), increment(2), increment(3), { ...increment(1), began: 100 }]], // prettier-ignore
    ['stale read', 'a lower mark is read', [raise(5, 5), read({ 'high:a': 0 })]],
    ['stale read', 'a raise answers with a lower mark', [raise(5, 5), raise(3, 3)]],
    ['phantom', 'a value that nobody wrote', [set, read({ 'once:1': 8 })]],
    ['phantom', 'a value that was refused', [{ ...set, status: 'refused' }, read({ 'once:1': 7 })]],
    ['phantom', 'an own value that nobody wrote', [read({ 'own:1': 3 })]],
    ['phantom', 'an increment that was applied twice', [increment(1), read({ 'count:a': 2 })]],
  ])('%s: %s', (violation, _, parts) => {
    expect(found(...parts)[violation]).toBeGreaterThan(0)
  })
})

describe('a history that can be', () => {
  it.each<[what: string, parts: Part[]]>([
    ['a value was popped', [set, pop, popNothing, read({})]],
    ['a value may have been popped', [set, { ...pop, ...unknown }, popNothing, read({}, true)]],
    [
      'a value may have been popped late',
      [set, { ...pop, ...unknown }, read({ 'once:1': 7 }), read({}, true)],
    ],
    ['a value was being popped', [set, { ...pop, ended: 35 }, popNothing]],
    ['a value was set late', [{ ...set, ...unknown }, popNothing, read({}), read({ 'once:1': 7 }, true)]],
    ['a value was never set', [{ ...set, ...unknown }, read({}, true)]],
    ['a value was not found before it was set', [popNothing, { ...set, began: 0 }]],
    ['two deletes at once', [set, { kind: 'delete', ...once, deleted: true, ended: 25 }, { kind: 'delete', ...once, deleted: true }]], // prettier-ignore
    [
      'an unknown increment counted',
      [increment(1), increment(0, unknown), increment(3), read({ 'count:a': 3 })],
    ],
    [
      'an unknown increment did not',
      [increment(1), increment(0, unknown), increment(2), read({ 'count:a': 2 })],
    ],
    ['a late write came through', [write(1, unknown), write(2), read({ 'own:1': 2 }), read({ 'own:1': 1 }, true)]], // prettier-ignore
    ['a read during a write', [write(1), write(2, { ended: 35 }), read({ 'own:1': 1 })]],
    ['a session ended', [set, logout, { ...read({}), ...dead }]],
    ['a session may have ended', [set, { ...logout, ...unknown }, read({ 'once:1': 7 }), { ...read({}), ...dead }]], // prettier-ignore
    ['a session ended during a read', [{ ...logout, ended: 15 }, read({})]],
    ['a rotation failed half way', [set, { ...rotate, ...unknown, isDead: true }, { ...read({}), ...dead }]],
    ['a session was rotated', [set, rotate, { ...read({ 'once:1': 7 }, true), ...second }, { ...read({}, true), ...dead }]], // prettier-ignore
  ])('%s', (_, parts) => {
    expect(found(...parts)).toEqual(none)
  })
})

describe('an answer that the store failed', () => {
  const failed = (token: string | null) => ({
    ...noAnswer(false),
    status: 503,
    retryAfter: '1',
    token,
    codes: ['SESSION_STORE_UNAVAILABLE'],
  })

  it('tells of a rotation with a deleted cookie that the session has ended', () => {
    expect(hear('rotate', 'old', failed(''))).toMatchObject({ status: 'unknown', isDead: true })
    expect(hear('rotate', 'old', failed(null))).toMatchObject({ status: 'unknown', isDead: false })
  })

  it.each<[what: string, kind: Kind, sent: string | null, token: string]>([
    ['a new cookie of a rotation', 'rotate', 'old', 'new'],
    ['a deleted cookie of a logout', 'logout', 'old', ''],
    ['a deleted cookie of a write', 'set', 'old', ''],
    ['a deleted cookie where none was sent', 'rotate', null, ''],
  ])('must not have %s', (_, kind, sent, token) => {
    expect(() => hear(kind, sent, failed(token))).toThrow('no failure explains')
  })
})
