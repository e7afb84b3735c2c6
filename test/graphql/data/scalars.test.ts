import { GraphQLError, GraphQLScalarType } from 'graphql'
import { describe, expect, it, vi } from 'vitest'
import { sessionData } from '../../../src/graphql/data/session-data.ts'
import { createSessionServer } from '../../../src/server/create-session-server.ts'
import type { SessionEvent } from '../../../src/session/events.ts'
import { memoryStore } from '../../../src/stores/memory.ts'
import { Client } from '../../support/harness.ts'

const secret = 'hunter2'
const sdl = `
  scalar Money
  type SessionData {
    price: Money @session(client: [READ, WRITE, DELETE])
    bill: Bill @session(client: [READ, WRITE])
  }
  type Bill { items: [Money!] }`

type Part = (value: any) => unknown
const throwing = (error: unknown) => (): never => {
  throw error
}

const scalarOf = (parseValue: Part, serialize: Part): GraphQLScalarType =>
  new GraphQLScalarType({ name: 'Money', parseValue, serialize })

function serve(scalar: GraphQLScalarType, isInResolvers = false) {
  const lines: unknown[][] = []
  const log = (...line: unknown[]) => void lines.push(line)
  const events: SessionEvent[] = []
  const store = memoryStore({ max: 10 })
  const client = new Client(
    createSessionServer({
      data: sessionData<any>(sdl, { scalars: [scalar] }),
      store,
      onEvent: (event) => events.push(event),
      logging: { debug() {}, info() {}, warn: log, error: log },
      ...(isInResolvers && { resolvers: { Money: scalar } }),
    }),
  )
  return { client, lines, events }
}

// Known operations go another way than those that are new, so that each is sent twice.
async function twice(client: Client, query: string, variables?: object) {
  const accept = 'application/graphql-response+json'
  const answers = [
    await client.post({ query, variables }, { accept }),
    await client.post({ query, variables }, { accept }),
  ]
  for (const { text } of answers) expect(text).not.toContain(secret)
  expect(answers[1]!.body).toEqual(answers[0]!.body)
  expect(answers[0]!.status).toBeLessThan(500)
  return answers[0]!
}

const typed =
  'mutation ($data: SessionDataInput!) { updateSessionData(data: $data) { session { price bill { items } } } }'
const byKey = `mutation ($key: String!, $value: JSON) {
  setSessionKey(key: $key, value: $value) { created session { price bill { items } } }
}`

/** What each way of writing a value gives: typed in a variable and in the operation, and by key. */
async function written(client: Client, text = '5') {
  const literal = `mutation { updateSessionData(data: { price: "${text}" }) { session { price } } }`
  return {
    typed: await twice(client, typed, { data: { price: text } }),
    literal: await twice(client, literal),
    byKey: await twice(client, byKey, { key: 'price', value: text }),
    typedIn: await twice(client, typed, { data: { bill: { items: [text] } } }),
    byKeyIn: await twice(client, byKey, { key: 'bill', value: { items: [text] } }),
  }
}

describe.each<[what: string, parse: Part, serialize: Part]>([
  [
    'answers with what it does not read',
    (value) => {
      if (typeof value !== 'string') throw new TypeError(secret)
      return BigInt(value)
    },
    Number,
  ],
  ['answers with what it reads as another value', (value) => Number(value) * 100, Number],
  ['throws an Error where it answers', String, throwing(new Error(secret))],
  ['throws text where it answers', String, throwing(secret)],
  ['throws null where it answers', String, throwing(null)],
  ['throws an error of GraphQL where it answers', String, throwing(new GraphQLError(secret))],
  ['answers with undefined', String, () => undefined],
  ['answers with null', String, () => null],
  ['answers with what JSON writes as null', String, () => Number.NaN],
  ['answers with what JSON does not have', () => 5n, (value) => value],
])('a scalar that %s', (_, parse, serialize) => {
  it('is SESSION_VALUE_INVALID by each verb', async () => {
    const { client, lines, events } = serve(scalarOf(parse, serialize))
    const answers = await written(client)
    for (const { codes, body } of Object.values(answers)) {
      expect(codes).toEqual(['SESSION_VALUE_INVALID'])
      expect(body.data).toBeNull()
    }
    const messageOf = ({ body }: { body: any }) => body.errors[0].message
    for (const name of ['typed', 'literal', 'byKey'] as const) {
      expect(messageOf(answers[name])).toBe('The value for "price" does not fit its type.')
    }
    for (const name of ['typedIn', 'byKeyIn'] as const) {
      expect(messageOf(answers[name])).toBe('The value for "bill" does not fit its type at items.0.')
    }
    // It is for the client, and no mistake of a resolver.
    expect(lines).toEqual([])
    expect(events).toEqual([])
  })
})

describe.each([
  ['an Error', new Error(secret)],
  ['an error of its own class', new (class Mine extends RangeError {})(secret)],
  ['an error of GraphQL', new GraphQLError(secret)],
  ['text', secret],
  ['null', null],
  ['undefined', undefined],
])('a scalar that throws %s where it reads', (_, error) => {
  it.each([false, true])(
    'tells clients the place alone (given as a resolver, too: %s)',
    async (isInResolvers) => {
      const { client, lines } = serve(scalarOf(throwing(error), String), isInResolvers)
      const answers = await written(client)
      const told = Object.values(answers).map(({ body, codes }) => [codes[0], body.errors[0].message])
      const needs = 'Variable "$data" needs a value of type "SessionDataInput!". It has another at'
      expect(told).toEqual([
        ['BAD_USER_INPUT', `${needs} price. The value is no Money.`],
        ['BAD_USER_INPUT', 'The value is no Money.'],
        ['SESSION_VALUE_INVALID', 'The value for "price" does not fit its type.'],
        ['BAD_USER_INPUT', `${needs} bill.items.0. The value is no Money.`],
        ['SESSION_VALUE_INVALID', 'The value for "bill" does not fit its type at items.0.'],
      ])
      expect(answers.literal.body.errors[0].locations).toHaveLength(1)
      expect(lines).toEqual([])
    },
  )
})

it('a scalar says what it wants where it has the code for it', async () => {
  const says = new GraphQLError('A Money is text.', { extensions: { code: 'BAD_USER_INPUT' } })
  const { client } = serve(scalarOf(throwing(says), String))
  const { body } = await twice(client, typed, { data: { price: '5' } })
  expect(body.errors[0].message).toMatch(/at price\. A Money is text\.$/)
})

it('a stored value at which a scalar throws by now counts as absent', async () => {
  let parse: Part = Number
  let serialize: Part = String
  const { client, events } = serve(
    scalarOf(
      (value) => parse(value),
      (value) => serialize(value),
    ),
  )
  await twice(client, typed, { data: { price: '5', bill: { items: ['6'] } } })
  const read = '{ session { price bill { items } value(key: "price") } }'
  expect((await client.run(read)).data.session).toEqual({ price: '5', bill: { items: ['6'] }, value: '5' })
  const absent = { price: null, bill: null, value: null }
  for (const error of [new Error(secret), secret, null]) {
    parse = throwing(error)
    expect((await twice(client, read)).body).toEqual({ data: { session: absent } })
    parse = Number
    serialize = throwing(error)
    expect((await twice(client, read)).body).toEqual({ data: { session: absent } })
    const popped = 'mutation { popSessionData(keys: [PRICE]) { popped { price } } }'
    expect((await twice(client, popped)).body.data.popSessionData.popped).toEqual({ price: null })
    serialize = String
  }
  expect(events.map(({ type }) => type)).toContain('misfit')
})

it('a scalar is asked once for a value by key that is written as it is answered', () => {
  const parse = vi.fn<(value: unknown) => number>(Number)
  const data = sessionData(sdl, { scalars: [scalarOf(parse, String)] })
  expect(data.keys.get('price')!.conform('5')).toBe('5')
  expect(parse).toHaveBeenCalledTimes(1)
  expect(data.keys.get('price')!.conform('5.0')).toBe('5')
})
