import { describe, expect, it } from 'vitest'
import { openSession } from '../../src/server/open-session.ts'
import { partsOf } from '../../src/session/session.ts'
import type { KeyedStore } from '../../src/session/store.ts'
import { memoryStore } from '../../src/stores/memory.ts'

const code = (name: string) => expect.objectContaining({ name: 'SessionError', code: name })
const unavailable = code('SESSION_STORE_UNAVAILABLE')

/** A store of which one call fails, after or before it was applied, whenever a test says so. */
function hiccuping() {
  const backend = memoryStore({ max: 100 })
  let next: { verb: string; applied: boolean } | null = null
  const verb = <Verb extends 'create' | 'read' | 'commit' | 'delete'>(name: Verb) =>
    (async (...args: never[]) => {
      const call = backend[name] as (...args: never[]) => Promise<unknown>
      if (next?.verb !== name) return call(...args)
      const { applied } = next
      next = null
      if (applied) await call(...args)
      throw new Error('hiccup')
    }) as unknown as KeyedStore[Verb]
  return {
    store: { create: verb('create'), read: verb('read'), commit: verb('commit'), delete: verb('delete') },
    fail: (name: string, applied = false) => void (next = { verb: name, applied }),
  }
}

async function stored() {
  const { store, fail } = hiccuping()
  const begun = openSession(store)
  begun.set('a', 1)
  await begun.save()
  const session = openSession(store, begun.token)
  return { store, fail, session, unit: partsOf(session).unit }
}

describe('a new piece of work after a failure of the store', () => {
  it('asks the store again, and keeps what was recorded', async () => {
    const { store, fail, session, unit } = await stored()
    await session.get('a')
    session.set('b', 2)
    fail('commit')
    await expect(session.save()).rejects.toEqual(unavailable)
    unit.recover()
    await session.save()
    expect(await openSession(store, session.token).entries()).toEqual([['a', 1], ['b', 2]]) // prettier-ignore
  })

  it('sees what a call that failed has done all the same', async () => {
    const { fail, session, unit } = await stored()
    expect(await session.get('a')).toBe(1)
    fail('commit', true)
    await expect(session.update('a', () => 2)).rejects.toEqual(unavailable)
    unit.recover()
    expect(await session.get('a')).toBe(2)
  })

  it('is told that a deletion which failed has ended the session', async () => {
    const { fail, session, unit } = await stored()
    await session.get('a')
    fail('delete', true)
    await expect(session.flush()).rejects.toEqual(unavailable)
    unit.recover()
    await expect(session.get('a')).rejects.toEqual(code('SESSION_GONE'))
  })

  it('creates the session under another token, as the first one may be in use', async () => {
    const { store, fail } = hiccuping()
    const session = openSession(store)
    session.set('a', 1)
    fail('create', true)
    await expect(session.save()).rejects.toEqual(unavailable)
    partsOf(session).unit.recover()
    await session.save()
    expect(await openSession(store, session.token).get('a')).toBe(1)
  })

  it('reads a session that could not be read before', async () => {
    const { fail, session, unit } = await stored()
    fail('read')
    await expect(session.get('a')).rejects.toEqual(unavailable)
    unit.recover()
    expect(await session.get('a')).toBe(1)
  })
})
