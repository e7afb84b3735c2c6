import { describe, expect, it, vi } from 'vitest'
import type { SessionServerOptions } from '../../src/server/create-session-server.ts'
import type { SessionEvent } from '../../src/session/events.ts'
import { idOf } from '../../src/session/token.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { freshStore } from '../support/fresh-store.ts'
import { Client, gate } from '../support/harness.ts'
import { shop, type ShopData } from '../support/shop.ts'

function listening(options: Partial<SessionServerOptions<ShopData>> = {}, store = freshStore()) {
  const events: SessionEvent[] = []
  const { yoga, clock } = shop({ onEvent: (event) => events.push(event), ...options }, store)
  const client = new Client(yoga)
  return {
    client,
    clock,
    id: () => idOf('__Host-session', client.token!),
    /** What was told since the last call. */
    told: () => events.splice(0),
  }
}

const set = 'mutation { setSessionKey(key: "dark_mode", value: "canary") { created } }'

describe('onEvent', () => {
  it('tells the life of a session, by its handle', async () => {
    const { client, id, told } = listening()
    await client.run(set)
    const first = id()
    expect(told()).toEqual([{ type: 'created', handle: first }])
    await client.run(set)
    await client.run('mutation { popSessionKey(key: "dark_mode") { found } }')
    expect(told()).toEqual([
      { type: 'committed', handle: first },
      { type: 'committed', handle: first },
    ])
    await client.run('mutation { rotateSession { session { handle } } }')
    const second = id()
    expect(told()).toEqual([{ type: 'rotated', handle: second, previousHandle: first }])
    await client.run('mutation { logout { flushed } }')
    expect(told()).toEqual([
      { type: 'flushed', handle: second },
      { type: 'created', handle: id() },
    ])
  })

  it('tells nothing of a request that only reads or does not ask', async () => {
    const { client, told } = listening()
    await client.run(set)
    told()
    await client.run('{ session { keys } }')
    await client.run('{ __typename }')
    expect(told()).toEqual([])
  })

  it('tells which key a client lacks a right on', async () => {
    const { client, id, told } = listening()
    await client.run('mutation { setSessionKey(key: "user_id", value: "canary") { created } }')
    expect(told()).toEqual([{ type: 'forbidden', handle: null, key: 'user_id' }])
    await client.run(set)
    told()
    await client.run('{ session { value(key: "nobody_knows") } }')
    expect(told()).toEqual([{ type: 'forbidden', handle: id(), key: 'nobody_knows' }])
    // What can be no key is not told: it can hold anything.
    await client.run('{ session { value(key: "\\u001b[31m") } }')
    expect(told()).toEqual([])
  })

  it('tells a cookie without a session', async () => {
    const { client, told } = listening()
    client.cookies.set('__Host-session', 'A'.repeat(43))
    await client.run('{ session { keys } }')
    expect(told()).toEqual([{ type: 'rejected', reason: 'unknown' }])
    client.cookies.set('__Host-session', '../../etc/passwd')
    await client.run('{ session { keys } }')
    expect(told()).toEqual([{ type: 'rejected', reason: 'malformed' }])
    await client.run(
      '{ session { keys } }',
      {},
      { cookie: `__Host-session=${'A'.repeat(43)}; __Host-session=b` },
    )
    expect(told()).toEqual([{ type: 'rejected', reason: 'unknown' }])
    const many = Array.from({ length: 5 }, (_, each) => `__Host-session=${String(each).repeat(43)}`)
    await client.run('{ session { keys } }', {}, { cookie: many.join('; ') })
    expect(told()).toEqual([{ type: 'rejected', reason: 'ambiguous' }])
  })

  it('tells a session that ended while it was used', async () => {
    const [entered, go] = [gate(), gate()]
    const { client, id, told } = listening({
      typeDefs: 'extend type Mutation { slow: Boolean }',
      resolvers: {
        Mutation: {
          async slow(
            _: unknown,
            __: unknown,
            { session }: { session: { keys(): Promise<string[]>; set(key: string, value: unknown): void } },
          ) {
            await session.keys()
            entered.resolve()
            await go.promise
            session.set('counter', 1)
            return true
          },
        },
      },
    })
    await client.run(set)
    const [first, slow] = [id(), client.fork()]
    told()
    const losing = slow.run('mutation { slow }')
    await entered.promise
    await client.run('mutation { logout { flushed } }')
    go.resolve()
    expect((await losing).codes).toEqual(['SESSION_GONE'])
    expect(told()).toContainEqual({ type: 'gone', handle: first })
  })

  it('tells a conflict that could not be settled', async () => {
    const store = memoryStore({ max: 10 })
    const { client, id, told } = listening({}, { ...store, commit: async (key, changes, now) => (changes.expect.size > 0 ? 'conflict' : store.commit(key, changes, now)) }) // prettier-ignore
    await client.run(set)
    told()
    const answer = await client.run('mutation { popSessionKey(key: "dark_mode") { found } }')
    expect(answer.codes).toEqual(['SESSION_CONFLICT'])
    expect(told()).toEqual([{ type: 'conflict', handle: id(), key: 'dark_mode' }])
  })

  it('tells trouble of the store, without what the driver says', async () => {
    const store = memoryStore({ max: 10 })
    const { client, told } = listening({ logging: false }, { ...store, read: () => Promise.reject(new Error('canary')) }) // prettier-ignore
    client.cookies.set('__Host-session', 'A'.repeat(43))
    expect((await client.run('{ session { keys } }')).status).toBe(503)
    expect(told()).toEqual([
      { type: 'trouble', handle: idOf('__Host-session', 'A'.repeat(43)), code: 'SESSION_STORE_UNAVAILABLE' },
    ])
  })

  it.each([
    ['a type', { 'content-type': 'text/plain' }, '{ __typename }', 415, 'UNSUPPORTED_MEDIA_TYPE'],
    ['an origin', { origin: 'https://evil.example' }, '{ __typename }', 403, 'CSRF_CHECK_FAILED'],
    ['an operation', {}, `{ ${'a: __typename '.repeat(31)} }`, 400, 'OPERATION_TOO_COMPLEX'],
  ])('tells that %s was refused', async (_, headers, query, status, code) => {
    const { client, told } = listening()
    expect((await client.run(query, {}, headers as never)).status).toBe(status)
    expect(told()).toEqual([{ type: 'refused', status, code }])
  })

  it('holds no token and no value', async () => {
    const { client, told } = listening()
    const tokens: string[] = []
    for (const query of [
      set,
      set,
      'mutation { rotateSession { session { handle } } }',
      'mutation { logout { flushed } }',
    ]) {
      await client.run(query)
      tokens.push(client.token!)
    }
    const text = JSON.stringify(told())
    expect(text).toContain('rotated')
    expect(text).not.toContain('canary')
    for (const token of tokens) expect(text).not.toContain(token)
  })

  it.each<[string, () => unknown]>([
    ['throws', () => { throw new Error('canary') }], // prettier-ignore
    ['rejects', async () => { throw new Error('canary') }], // prettier-ignore
  ])('fails no request where it %s, and that is warned of', async (_, onEvent) => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    const { client } = listening({ onEvent })
    expect((await client.run(set)).data).toEqual({ setSessionKey: { created: true } })
    await new Promise(setImmediate)
    expect(warn.mock.calls).toEqual([['onEvent failed.', 'SessionWarning']])
    warn.mockRestore()
  })
})
