import { describe, expect, it, vi } from 'vitest'
import { sessionData } from '../../../src/graphql/data/session-data.ts'
import { createSessionServer } from '../../../src/server/create-session-server.ts'
import { openSession } from '../../../src/server/open-session.ts'
import { memoryStore } from '../../../src/stores/memory.ts'
import { clientOf, schemaOf } from './storefront.ts'

vi.spyOn(process, 'emitWarning').mockImplementation(() => {})

const declaration = `
  type SessionData {
    cart: [Item!]! @session(client: [READ, WRITE], default: [])
    owner: ID @session(client: [READ, WRITE])
    at: DateTime @session(client: [READ])
    ratio: Float @session(client: [READ, WRITE])
    note: Note @session(client: [READ])
    more: JSON @session(client: [READ, WRITE])
  }
  type Item { id: ID!  quantity: Int!  gift: Boolean! @session(default: false)  weight: Float }
  union Note = Text | Link
  type Text { text: String! }
  type Link { href: String! }`
const open = (data = sessionData<any>(declaration), store = memoryStore({ max: 10 })) =>
  openSession<any>(store, null, { data })

describe('what a resolver writes', () => {
  it.each<[key: string, value: unknown, place: string]>([
    ['cart', [{ id: '1', quantity: 'many' }], ' at 0.quantity'],
    ['cart', [{ id: '1', quantity: 1 }, { id: '2' }], ' at 1.quantity'],
    ['cart', { id: '1' }, ' at quantity'],
    ['owner', true, ''],
    ['note', { text: 'hi' }, ' at __typename'],
    ['more', { a: 2 ** 53 }, ''],
    ['owner', 2 ** 53, ''],
  ])('of %s is refused with the place: %j', (key, value, place) => {
    const told = {
      code: 'SESSION_VALUE_INVALID',
      message: `The value for "${key}" does not fit its type${place}.`,
    }
    expect(() => open().set(key, value)).toThrow(expect.objectContaining(told))
    expect(() => open().merge({ [key]: value })).toThrow(expect.objectContaining(told))
  })

  it.each([null, undefined])('is refused where it is %s', (value) => {
    expect(() => open().set('owner', value)).toThrow(/"owner" cannot be/)
  })

  it('is refused with the reason where it is no JSON', () => {
    expect(() => open().set('at', new Date())).toThrow(/a Date is not JSON; store its toISOString/)
  })

  it.each<[key: string, value: unknown, stored: unknown]>([
    ['owner', 7, '7'],
    ['at', '2026-01-01T02:00:00+01:00', '2026-01-01T01:00:00.000Z'],
    ['cart', [{ id: 7, quantity: 1 }], [{ id: '7', quantity: 1, gift: false }]],
    ['note', { __typename: 'Link', href: '/', title: 'x' }, { __typename: 'Link', href: '/', title: 'x' }],
  ])('of %s is stored as what GraphQL makes of it: %j', async (key, value, stored) => {
    const session = open()
    session.set(key, value)
    expect(await session.get(key)).toEqual(stored)
    expect(await session.setDefault(key, value)).toEqual(expect.objectContaining({ value: stored }))
    await session.update(key, () => value)
    expect(await session.get(key)).toEqual(stored)
  })

  it('keeps what another version of the application has stored', async () => {
    const members = '"a": 1e300, "__proto__": { "b": 1 }'
    const item = JSON.parse(`{ "id": "1", "quantity": 1, "gift": true, ${members} }`)
    const session = open()
    session.set('cart', [item])
    const written = await session.update('cart', (items: any) => [...items])
    expect(JSON.stringify(await session.get('cart'))).toBe(JSON.stringify([item]))
    expect(Object.getPrototypeOf(written[0])).toBe(Object.prototype)
  })
})

describe('a Float from 2^53 on', () => {
  const values = [2 ** 53, 1e300, -(2 ** 70), Number.MAX_VALUE, 5e-324]

  it('is written and read by each verb, as GraphQL knows it', async () => {
    const data = sessionData<any>(declaration)
    const client = clientOf(data, schemaOf(data))
    for (const ratio of values) {
      const typed =
        'mutation ($data: SessionDataInput!) { updateSessionData(data: $data) { session { ratio cart { weight } } } }'
      const variables = { data: { ratio, cart: [{ id: '1', quantity: 1, weight: ratio }] } }
      const { body } = await client.run(typed, variables)
      expect(body.data.updateSessionData.session).toEqual({ ratio, cart: [{ weight: ratio }] })
      const byKey =
        'mutation ($value: JSON) { setSessionKey(key: "ratio", value: $value) { session { ratio value(key: "ratio") } } }'
      const { body: answer } = await client.run(byKey, { value: ratio })
      expect(answer.data.setSessionKey.session).toEqual({ ratio, value: ratio })
      const session = open(data)
      session.set('ratio', ratio)
      expect(await session.get('ratio')).toBe(ratio)
    }
  })

  it('can be a default', () => {
    const { keys } = sessionData('type SessionData { a: Float @session(default: 1e300) }')
    expect(keys.get('a')!.default).toBe(1e300)
  })

  it.each(['more', 'owner', 'undeclared'])('is no number that %s can hold', async (key) => {
    const data = sessionData<any>(declaration)
    expect(() => open(data).set(key, 2 ** 53)).toThrow(
      expect.objectContaining({ code: 'SESSION_VALUE_INVALID' }),
    )
    const byKey =
      'mutation ($key: String!, $value: JSON) { setSessionKey(key: $key, value: $value) { created } }'
    if (key === 'undeclared') return
    const { codes } = await clientOf(data).run(byKey, { key, value: 2 ** 53 })
    expect(codes).toEqual(['SESSION_VALUE_INVALID'])
  })
})

describe('a default that is larger than a value can be', () => {
  const data = `type SessionData { a: String! @session(default: "${'x'.repeat(100)}", key: "b") }`
  const says = /data: the default of "b" is larger than limits\.valueBytes, which is 50/

  it('is CONFIG_INVALID where sessions are made', () => {
    const store = memoryStore({ max: 1 })
    const limits = { valueBytes: 50 }
    expect(() => createSessionServer({ data, store, limits })).toThrow(says)
    expect(() => openSession<any>(store, null, { data: sessionData(data), limits })).toThrow(says)
    expect(() => createSessionServer({ data, store })).not.toThrow()
  })
})
