import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { changeSet } from '../../src/session/changes.ts'
import type { SessionRecord } from '../../src/session/record.ts'
import type { KeyedStore } from '../../src/session/store.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { guarantees } from '../../src/stores/suite/suite.ts'
import { recordOf } from '../support/record-of.ts'
import { runs } from '../support/runs.ts'

const blank = { entries: new Map<string, string>(), createdAt: 0, expiresAt: 100, policy: '' }
const ids = ['a', 'b', 'c'] as const

describe('memoryStore', () => {
  it.each(guarantees)('$id $title', ({ check }) =>
    check(memoryStore({ max: 1_000_000 }), { histories: runs(1_000, 100_000) }),
  )

  it('evicts the session used longest ago, which is then gone for good', async () => {
    const store = memoryStore({ max: 2 })
    await store.create('a', blank)
    await store.create('b', blank)
    await store.read('a', 1)
    await store.create('c', blank)
    expect(await Promise.all(ids.map(async (id) => (await store.read(id, 1)) !== null))).toEqual([
      true,
      false,
      true,
    ])
    expect(await store.commit('b', changeSet({ entries: new Map([['k', '1']]) }), 1)).toBe('gone')
    expect(await store.read('b', 1)).toBeNull()
  })

  it('tells of a session that was evicted, and not of the one that took its place', async () => {
    const store = memoryStore({ max: 2 })
    const told: string[] = []
    await store.notices!.listen(
      (id, what) => told.push(`${id} ${what}`),
      () => {},
    )
    for (const id of ids) await store.create(id, blank)
    expect(told).toEqual(['a ended'])
  })

  it('evicts by size as well as by number', async () => {
    const store = memoryStore({ max: 1_000, maxSize: 300 })
    const large = { ...blank, entries: new Map([['k', `"${'x'.repeat(100)}"`]]) }
    for (const id of ids) await store.create(id, large)
    expect(await Promise.all(ids.map(async (id) => (await store.read(id, 1)) !== null))).toEqual([
      false,
      true,
      true,
    ])
  })

  it('evicts where a session grows in place, also into another class of sizes', async () => {
    const of = (size: number) => changeSet({ entries: new Map([['k', `"${'x'.repeat(size)}"`]]) })
    const store = memoryStore({ max: 1_000, maxSize: 1_000 })
    for (const id of ids) await store.create(id, blank)
    for (const [size, left] of [
      [400, [true, true, true]],
      [900, [true, true, true]],
      [985, [false, false, true]],
      [10, [false, false, true]],
    ] as const) {
      await store.commit('c', of(size), 1)
      expect(await Promise.all(ids.map(async (id) => (await store.read(id, 1)) !== null))).toEqual(left)
      expect((await store.read('c', 1)) as SessionRecord).toMatchObject({ entries: of(size).entries })
    }
    await store.delete('c', 1)
    expect(await store.read('c', 1)).toBeNull()
  })

  describe('evicts', () => {
    const day = 86_400_000
    const of = (characters: number, kept?: true) => ({
      ...blank,
      expiresAt: day,
      entries: new Map([['k', `"${'x'.repeat(characters)}"`]]),
      ...(kept && { kept }),
    })
    const fill = async (store: KeyedStore, name: string, count: number, record: SessionRecord) => {
      for (let at = 0; at < count; at++) await store.create(`${name}${at}`, record)
    }
    const left = async (store: KeyedStore, name: string, count: number) => {
      const ids = Array.from({ length: count }, (_, at) => `${name}${at}`)
      const found = await Promise.all(ids.map((id) => store.read(id, 1)))
      return ids.filter((_, at) => found[at] !== null)
    }

    it('large sessions before the small ones', async () => {
      const store = memoryStore({ max: 10_000 })
      await fill(store, 'small', 9_000, of(206))
      await fill(store, 'large', 95, of(57_000))
      expect(await left(store, 'small', 9_000)).toHaveLength(9_000)
      expect((await left(store, 'large', 95)).at(-1)).toBe('large94')
    })

    it('the largest first, whatever a session may take on average', async () => {
      const store = memoryStore({ max: 100_000, maxSize: 1_000_000 })
      await fill(store, 'small', 900, of(300))
      await fill(store, 'middle', 100, of(3_000))
      await fill(store, 'large', 95, of(57_000))
      expect(await left(store, 'small', 900)).toHaveLength(900)
      expect(await left(store, 'middle', 100)).toHaveLength(100)
    })

    it('by number the size of which there are most, the one used longest ago first', async () => {
      const store = memoryStore({ max: 100 })
      await fill(store, 'cart', 30, of(1_000))
      await fill(store, 'visitor', 1_000, of(20))
      expect(await left(store, 'cart', 30)).toHaveLength(30)
      const newest = Array.from({ length: 70 }, (_, at) => `visitor${at + 930}`)
      expect(await left(store, 'visitor', 1_000)).toEqual(newest)
      await fill(store, 'more', 1_000, of(1_000))
      expect((await left(store, 'visitor', 1_000)).length).toBeGreaterThan(45)
    })

    it('visitors before anybody who signed in', async () => {
      const store = memoryStore({ max: 1_000 })
      await fill(store, 'user', 900, of(20, true))
      await fill(store, 'visitor', 20_000, of(20))
      await fill(store, 'large', 95, of(57_000))
      expect(await left(store, 'user', 900)).toHaveLength(900)
    })

    it('visitors before anybody who signed in, also by size', async () => {
      const store = memoryStore({ max: 1_000, maxSize: 1_000_000 })
      await fill(store, 'user', 300, of(3_000, true))
      await fill(store, 'visitor', 1_000, of(400))
      expect(await left(store, 'user', 300)).toHaveLength(300)
    })

    it.each([
      ['number', { max: 160 }, 160],
      ['size', { max: 10_000, maxSize: 6_700 }, 160],
    ])('by %s who signed in where visitors have less than a sixteenth', async (_, options, room) => {
      const store = memoryStore(options)
      await fill(store, 'user', room, of(20, true))
      await fill(store, 'visitor', 1_000, of(20))
      const visitors = await left(store, 'visitor', 1_000)
      expect(visitors.length).toBeGreaterThanOrEqual(8)
      expect(visitors.length).toBeLessThanOrEqual(11)
      const users = await left(store, 'user', room)
      expect(users.length).toBeGreaterThan(room * 0.75)
      expect(users.at(-1)).toBe(`user${room - 1}`)
    })

    it('who signed in and did not come back, before visitors', async () => {
      const store = memoryStore({ max: 160 })
      await fill(store, 'expired', 100, { ...of(20, true), expiresAt: 10 })
      await fill(store, 'user', 20, of(20, true))
      await store.read('user0', 10)
      await fill(store, 'visitor', 140, of(20))
      expect(await left(store, 'visitor', 140)).toHaveLength(140)
      expect(await left(store, 'user', 20)).toHaveLength(20)
    })

    it('the visitors for somebody who signs in', async () => {
      const store = memoryStore({ max: 160 })
      await fill(store, 'user', 80, of(20, true))
      await fill(store, 'visitor', 80, of(20))
      await fill(store, 'other', 60, of(20, true))
      expect(await left(store, 'user', 80)).toHaveLength(80)
      expect(await left(store, 'visitor', 80)).toHaveLength(20)
    })

    it('nobody who signed in for one large visitor, who is refused', async () => {
      const store = memoryStore({ max: 1_000, maxSize: 100_000 })
      await fill(store, 'user', 500, of(100, true))
      await store.create('visitor', of(20))
      await expect(store.create('large', of(57_000))).rejects.toMatchObject({ code: 'SESSION_TOO_LARGE' })
      expect(await store.commit('visitor', changeSet({ entries: of(57_000).entries }), 1)).toBe('full')
      expect(await left(store, 'user', 500)).toHaveLength(500)
      expect(recordOf(await store.read('visitor', 1))?.entries).toEqual(of(20).entries)
    })

    it('last what was written, moved and moved again after somebody signed in', async () => {
      const store = memoryStore({ max: 100 })
      await store.create('before', of(20, true))
      expect(await store.commit('before', changeSet({ entries: new Map([['k', '1']]) }), 1)).toBe('committed')
      const mark = { as: 'moved', until: day } as const
      await store.create('after', recordOf(await store.delete('before', 1, mark))!)
      expect(await store.read('before', 1)).toBe('moved')
      await fill(store, 'visitor', 200, of(20))
      expect(await store.read('before', 1)).toBeNull()
      expect(recordOf(await store.read('after', 1))?.entries.get('k')).toBe('1')
      expect(await left(store, 'visitor', 200)).toHaveLength(99)
    })
  })

  it('is full for what is larger than all of it, and keeps what was there', async () => {
    const store = memoryStore({ max: 10, maxSize: 300 })
    await store.create('a', { ...blank, entries: new Map([['k', '1']]) })
    const tooLarge = changeSet({ entries: new Map([['k', `"${'x'.repeat(300)}"`]]) })
    expect(await store.commit('a', tooLarge, 1)).toBe('full')
    expect(recordOf(await store.read('a', 1))?.entries.get('k')).toBe('1')
  })

  it.each([
    ['a worker of node:cluster', { NODE_UNIQUE_ID: '1' }, true],
    ['a further instance of a process manager', { NODE_APP_INSTANCE: '1' }, true],
    ['the only instance', { NODE_APP_INSTANCE: '0' }, false],
  ])('warns in %s, as others do not see its sessions', async (_, env, warns) => {
    const url = new URL('../../src/stores/memory.ts', import.meta.url).href
    const source = `const { memoryStore } = await import('${url}'); memoryStore({ max: 1 }); memoryStore({ max: 1 }); setImmediate(() => process.exit())`
    const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
      env: { ...process.env, ...env },
    })
    const said = await text(child.stderr)
    expect(said.match(/other processes do not see/g) ?? []).toHaveLength(warns ? 1 : 0)
  })

  it.each([
    { max: 0 },
    { max: -1 },
    { max: 1.5 },
    { max: Number.NaN },
    { max: Infinity },
    { max: '10' as unknown as number },
    { max: 2 ** 24 + 1 },
    { max: 1, maxSize: 0 },
    { max: 1, size: 1 } as never,
    undefined as never,
  ])('refuses %o at start', (options) => {
    expect(() => memoryStore(options)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
  })
})
