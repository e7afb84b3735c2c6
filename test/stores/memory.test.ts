import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { changeSet } from '../../src/session/changes.ts'
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
