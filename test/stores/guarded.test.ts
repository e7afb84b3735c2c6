import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { createSessionServer } from '../../src/server/create-session-server.ts'
import { changeSet } from '../../src/session/changes.ts'
import { SessionError } from '../../src/session/errors.ts'
import type { SessionRecord } from '../../src/session/record.ts'
import type { KeyedStore } from '../../src/session/store.ts'
import { idOf, mint } from '../../src/session/token.ts'
import { guarded } from '../../src/stores/guarded.ts'
import { keyed } from '../../src/stores/keyed.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { Client } from '../support/harness.ts'

const same = (given: SessionRecord): SessionRecord => given

const record: SessionRecord = { entries: new Map(), createdAt: 0, expiresAt: 100, policy: '' }
const limits = { timeout: 2000, inFlight: 3 }
const never = <T>(): Promise<T> => new Promise(() => {})

/** A store whose reads wait to be settled, one by one. */
function waiting() {
  const reads: PromiseWithResolvers<SessionRecord | null>[] = []
  const backend: KeyedStore = {
    ...memoryStore({ max: 10 }),
    read() {
      reads.push(Promise.withResolvers())
      return reads.at(-1)!.promise
    },
  }
  return { reads, backend, store: guarded(backend, limits) }
}

const outcomeOf = async (call: Promise<unknown>): Promise<unknown> => {
  try {
    return await call
  } catch (error) {
    return error instanceof SessionError ? [error.code, error.outcome] : error
  }
}
const timeout = ['SESSION_STORE_TIMEOUT', 'unknown']
const unavailable = ['SESSION_STORE_UNAVAILABLE', undefined]

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

describe('a call to a guarded store', () => {
  it('passes through', async () => {
    const store = guarded(memoryStore({ max: 10 }), limits)
    await store.create('a', record)
    expect(await store.read('a', 1)).toEqual(record)
    expect(await store.commit('a', changeSet({ clear: true }), 1)).toBe('committed')
    expect(await store.delete('a', 1)).toEqual(record)
    await vi.advanceTimersByTimeAsync(0)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('has a timer of its own where the runtime lets requests share none', async () => {
    vi.stubGlobal('navigator', { userAgent: 'Cloudflare-Workers' })
    onTestFinished(() => void vi.unstubAllGlobals())
    const { reads, store } = waiting()
    const calls = [store.read('a', 1), store.read('a', 1)].map(outcomeOf)
    await vi.advanceTimersByTimeAsync(1000)
    expect(vi.getTimerCount()).toBe(2)
    reads[0]!.resolve(record)
    expect(await calls[0]).toEqual(record)
    expect(vi.getTimerCount()).toBe(1)
    await vi.advanceTimersByTimeAsync(1000)
    expect(await calls[1]).toEqual(timeout)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('leaves no timer behind when it is answered in time, with others or alone', async () => {
    const { reads, store } = waiting()
    const calls = [store.read('a', 1), store.read('a', 1)]
    await vi.advanceTimersByTimeAsync(1000)
    reads[0]!.resolve(record)
    await calls[0]
    expect(vi.getTimerCount()).toBe(1)
    calls.push(store.read('a', 1))
    reads[1]!.resolve(record)
    reads[2]!.resolve(record)
    await Promise.all(calls)
    await vi.advanceTimersByTimeAsync(0)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('is given up alone of several that began together', async () => {
    const { reads, store } = waiting()
    const calls = [1, 2].map(() => outcomeOf(store.read('a', 1)))
    await vi.advanceTimersByTimeAsync(1999)
    reads[0]!.resolve(record)
    await vi.advanceTimersByTimeAsync(1)
    expect(await Promise.all(calls)).toEqual([record, timeout])
  })

  it.each(['create', 'read', 'commit', 'delete'] as const)(
    'to %s is given up at its deadline',
    async (verb) => {
      const store = guarded({ ...memoryStore({ max: 10 }), [verb]: never }, limits)
      const call = outcomeOf((store[verb] as (...args: unknown[]) => Promise<unknown>)('a', record, 1))
      let isSettled = false
      void call.then(() => (isSettled = true))
      await vi.advanceTimersByTimeAsync(1999)
      expect(isSettled).toBe(false)
      await vi.advanceTimersByTimeAsync(1)
      expect(await call).toEqual(timeout)
    },
  )

  it('may fail late, and nobody is hurt', async () => {
    const unhandled = vi.fn<(reason: unknown) => void>()
    process.on('unhandledRejection', unhandled)
    const { reads, store } = waiting()
    const call = outcomeOf(store.read('a', 1))
    await vi.advanceTimersByTimeAsync(2000)
    reads[0]!.reject(new Error('redis://u:hunter2@h closed'))
    expect(await call).toEqual(timeout)
    vi.useRealTimers()
    await new Promise((resolve) => setImmediate(resolve))
    process.off('unhandledRejection', unhandled)
    expect(unhandled).not.toHaveBeenCalled()
  })

  it.each([
    ['rejects', () => Promise.reject(new Error('redis://u:hunter2@h'))],
    ['throws', () => { throw new Error('redis://u:hunter2@h') }],
    ['rejects with nothing', () => Promise.reject(undefined as unknown as Error)],
  ])('is SESSION_STORE_UNAVAILABLE when the driver %s', async (_, read) => {
    const store = guarded({ ...memoryStore({ max: 10 }), read }, limits)
    const error = await store.read('a', 1).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'SESSION_STORE_UNAVAILABLE' })
    expect((error as Error).message).not.toContain('hunter2')
  }) // prettier-ignore

  it('keeps the code that a store gave itself', async () => {
    const own = new SessionError('SESSION_TOO_LARGE', 'Too large.')
    const store = guarded({ ...memoryStore({ max: 10 }), create: () => Promise.reject(own) }, limits)
    await expect(store.create('a', record)).rejects.toBe(own)
  })
})

describe('the calls to a guarded store', () => {
  it('are bounded: one more fails at once, and the next one after an answer does not', async () => {
    const { reads, store } = waiting()
    const three = [1, 2, 3].map(() => store.read('a', 1))
    expect(await outcomeOf(store.read('a', 1))).toEqual(unavailable)
    expect(reads).toHaveLength(3)
    reads[0]!.resolve(record)
    await three[0]
    void store.read('a', 1)
    expect(reads).toHaveLength(4)
  })

  it('are counted together, by whomever they are made', async () => {
    const { reads, backend, store } = waiting()
    const other = guarded(backend, limits)
    void [store.read('a', 1), other.read('a', 1), store.read('a', 1)]
    expect(await outcomeOf(other.read('a', 1))).toEqual(unavailable)
    expect(reads).toHaveLength(3)
  })

  it('to rotate are admitted as one, so that none deletes a session and is then refused', async () => {
    const backend = memoryStore({ max: 10 })
    const deleted = Promise.withResolvers<void>()
    const slow: KeyedStore = {
      ...backend,
      async delete(id, now) {
        await deleted.promise
        return backend.delete(id, now)
      },
      read: never,
    }
    const store = keyed(guarded(slow, { timeout: 2000, inFlight: 2 }), 'sid')
    const token = mint()
    await store.create(token, record, 1)
    const rotating = store.rotate(token, 1, undefined, same)
    void outcomeOf(store.read(token, 1))
    deleted.resolve()
    // Others take every place as soon as there is one.
    for (let turn = 0; turn < 5; turn++) {
      void outcomeOf(store.read(token, 1))
      await Promise.resolve()
    }
    const rotated = (await rotating) as { token: string }
    expect(await backend.read(idOf('sid', rotated.token), 1)).toEqual(record)
    void outcomeOf(store.read(token, 1))
    expect(await outcomeOf(store.rotate(rotated.token, 1, undefined, same))).toEqual(unavailable)
    expect(await backend.read(idOf('sid', rotated.token), 1)).toEqual(record)
  })

  it('do not pile up in a driver that went silent', async () => {
    const { reads, store } = waiting()
    const calls: Promise<unknown>[] = []
    for (let ms = 0; ms < 10_000; ms += 10) {
      calls.push(outcomeOf(store.read('a', 1)))
      await vi.advanceTimersByTimeAsync(10)
    }
    await vi.advanceTimersByTimeAsync(2000)
    expect(new Set((await Promise.all(calls)).map(String))).toEqual(new Set([timeout.join(), unavailable.join()])) // prettier-ignore
    // Three, and then a probe each 250 ms.
    expect(reads.length).toBeGreaterThan(20)
    expect(reads.length).toBeLessThan(45)
  })

  it('go on within 250 ms when it answers again, though it never settles the lost ones', async () => {
    const { reads, store } = waiting()
    for (let call = 0; call < 3; call++) void outcomeOf(store.read('a', 1))
    await vi.advanceTimersByTimeAsync(2000)
    expect(reads).toHaveLength(3)
    const probe = store.read('a', 1)
    expect(await outcomeOf(store.read('a', 1))).toEqual(unavailable)
    reads[3]!.resolve(record)
    expect(await probe).toEqual(record)
    const three = [1, 2, 3].map(() => store.read('a', 1))
    for (const read of reads.slice(4)) read.resolve(null)
    expect(await Promise.all(three)).toEqual([null, null, null])
  })

  it('of one kind do not pile up because those of another are answered', async () => {
    let commits = 0
    const held = (): Promise<never> => {
      commits++
      return never()
    }
    const store = guarded({ ...memoryStore({ max: 10 }), commit: held }, { timeout: 2000, inFlight: 30 })
    for (let ms = 0; ms < 60_000; ms += 100) {
      void outcomeOf(store.commit('a', changeSet({}), 1))
      expect(await store.read('a', 1)).toBeNull()
      await vi.advanceTimersByTimeAsync(100)
    }
    // Of 600 thirty, and then a probe each 250 ms, which nothing is kept of.
    expect(commits).toBeGreaterThan(200)
    expect(commits).toBeLessThan(280)
  })

  it('of which a lost one comes back late are not counted twice', async () => {
    const { reads, store } = waiting()
    const lost = outcomeOf(store.read('a', 1))
    await vi.advanceTimersByTimeAsync(2000)
    await lost
    reads[0]!.resolve(null)
    await vi.advanceTimersByTimeAsync(0)
    const three = [1, 2, 3].map(() => outcomeOf(store.read('a', 1)))
    expect(await outcomeOf(store.read('a', 1))).toEqual(unavailable)
    for (const read of reads.slice(1)) read.resolve(null)
    expect(await Promise.all(three)).toEqual([null, null, null])
  })
})

describe('a store that answers what is no answer of the verb', () => {
  const { entries, ...rest } = record
  const noRecords: unknown[] = [
    undefined,
    5,
    'gone',
    {},
    [],
    rest,
    { ...record, entries: {} },
    { entries, createdAt: 0, policy: '' },
    { ...record, expiresAt: '100' },
    { ...record, createdAt: Number.NaN },
    { ...record, policy: null },
  ]
  it.each([
    ...noRecords.flatMap((answer) => [['read', answer] as const, ['delete', answer] as const]),
    ...[undefined, null, 5, 'ok', {}, { outcome: 'committed' }].map((answer) => ['commit', answer] as const),
  ])('is broken: %s gives %j', async (verb, answer) => {
    const create = vi.fn<() => Promise<void>>(async () => {})
    const store = guarded({ ...memoryStore({ max: 10 }), create, [verb]: async () => answer }, limits)
    const calls = {
      read: () => store.read('a', 1),
      commit: () => store.commit('a', changeSet({ clear: true }), 1),
      delete: () => store.delete('a', 1),
      move: () => store.move('a', 'b', 1, undefined, same),
    }
    expect(await outcomeOf(calls[verb]())).toEqual(unavailable)
    const { move } = verb === 'delete' ? calls : { move: calls[verb] }
    expect(await outcomeOf(move())).toEqual(unavailable)
    expect(create).not.toHaveBeenCalled()
  })

  it.each([
    ['read', '{ session { keys } }'],
    ['read', 'mutation { setSessionKey(key: "k", value: 2) { created } }'],
    ['commit', 'mutation { setSessionKey(key: "k", value: 2) { entry { key } } }'],
    ['delete', 'mutation { logout { flushed } }'],
  ])('costs nobody a session: %s, %s', async (verb, query) => {
    vi.useRealTimers()
    const backend = memoryStore({ max: 10 })
    const store = { ...backend }
    const keys = { k: { client: ['read', 'write', 'delete'] } } as const
    const client = new Client(createSessionServer({ store, keys, logging: false }))
    await client.run('mutation { setSessionKey(key: "k", value: 1) { created } }')
    Object.assign(store, { [verb]: async () => undefined })
    const answer = await client.run(query)
    expect([answer.status, answer.codes, answer.setCookies]).toEqual([503, ['SESSION_STORE_UNAVAILABLE'], []])
    Object.assign(store, backend)
    expect((await client.run('{ session { value(key: "k") } }')).data.session.value).toBe(1)
  })
})
