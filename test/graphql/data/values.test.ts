import fc from 'fast-check'
import {
  execute,
  GraphQLBoolean,
  type GraphQLInputObjectType,
  GraphQLList,
  GraphQLObjectType,
  GraphQLScalarType,
  GraphQLSchema,
  parse,
} from 'graphql'
import { describe, expect, it, vi } from 'vitest'
import { sessionData, type SessionDataOptions } from '../../../src/graphql/data/session-data.ts'
import type { DeclaredKey } from '../../../src/session/declared.ts'
import { SessionError } from '../../../src/session/errors.ts'
import { declarations } from './declarations.ts'

vi.spyOn(process, 'emitWarning').mockImplementation(() => {})

/** The declared key `a` of the type. */
const keyOf = (type: string, more = '', options?: SessionDataOptions): DeclaredKey =>
  sessionData(`type SessionData { a: ${type} } ${more}`, options).keys.get('a')!

const types = `
  type A { n: Int! s: [String!] e: E at: DateTime json: JSON b: B }
  type B { id: ID! @session(default: 7) many: [[Int]] a: A on: E! @session(default: X) }
  type C { n: Int  constructor: JSON  toString: JSON }
  enum E { X Y }
  union U = A | B
`

const messageOf = (declared: DeclaredKey, value: unknown): string => {
  try {
    declared.conform(value)
  } catch (error) {
    expect(error).toBeInstanceOf(SessionError)
    expect((error as SessionError).code).toBe('SESSION_VALUE_INVALID')
    return (error as SessionError).message
  }
  return ''
}

describe('a value is stored', () => {
  it.each<[what: string, type: string, given: unknown, stored: unknown]>([
    ['a number as an id', 'ID', 5, '5'],
    ['a single value as a list', '[Int!]', 5, [5]],
    ['a single value as a list of lists', '[[Int]]', 5, [[5]]],
    ['an instant in UTC', 'DateTime', '2026-01-01T02:00:00+01:00', '2026-01-01T01:00:00.000Z'],
    ['instants in a list', '[DateTime]', ['2026-01-01T02:00:00Z', null], ['2026-01-01T02:00:00.000Z', null]],
    ['a name of an enum', 'E', 'Y', 'Y'],
    ['any JSON', 'JSON', { a: [1, null, { b: 'c' }] }, { a: [1, null, { b: 'c' }] }],
    ['an object of JSON', 'JSONObject', { a: null }, { a: null }],
    ['what is left out with its default', 'B', { many: null }, { id: '7', many: null, on: 'X' }],
    ['what is left out in an object in another', 'A', { n: 1, b: {} }, { n: 1, b: { id: '7', on: 'X' } }],
    ['undefined as what is left out', 'A', { n: 1, s: undefined }, { n: 1 }],
    ['nothing for what every object has', 'C', { n: 1 }, { n: 1 }],
    ['null as null', 'A', { n: 1, s: null }, { n: 1, s: null }],
    [
      'a member of a union with its name',
      'U',
      { __typename: 'B', id: 1 },
      { __typename: 'B', id: '1', on: 'X' },
    ],
  ])('%s', (_, type, given, stored) => {
    const declared = keyOf(type, types)
    expect(declared.conform(given)).toEqual(stored)
    expect(declared.fits(stored as never)).toBe(true)
  })
})

describe('a value is SESSION_VALUE_INVALID, and does not fit', () => {
  const circle: Record<string, unknown> = { n: 1 }
  circle['b'] = { a: circle }
  const chain = (levels: number): unknown => (levels === 0 ? { n: 1 } : { n: 1, b: { a: chain(levels - 1) } })
  const deep = (levels: number): unknown => (levels === 0 ? 1 : [deep(levels - 1)])
  it.each<[what: string, type: string, value: unknown, place: string]>([
    ['another type', 'Int', 'secret', ''],
    ['text for a Boolean', 'Boolean', 'true', ''],
    ['a number for text', 'String', 5, ''],
    ['a number that is not whole', 'Int', 1.5, ''],
    ['a number beyond 32 bits', 'Int', 2 ** 31, ''],
    ['a number that is none', 'Float', Number.NaN, ''],
    ['a number as an ID that may have lost digits', 'ID', 2 ** 53, ''],
    ['a name that the enum has not', 'E', 'Z', ''],
    ['a name of every object', 'E', 'constructor', ''],
    ['a number for a name', 'E', 1, ''],
    ['what the scalar refuses', 'DateTime', 'secret', ''],
    ['a list for an object', 'A', [], ''],
    ['a list for a JSONObject', 'JSONObject', [], ''],
    ['text for an object', 'A', 'secret', ''],
    ['a Date for an object', 'B', new Date(), ''],
    ['an item of another type', '[Int]', [1, 'secret'], ' at 1'],
    ['an item that is null', '[Int!]', [1, null], ' at 1'],
    ['a hole', '[Int!]', [1, undefined, 2], ' at 1'],
    ['a part that must be there', 'A', {}, ' at n'],
    ['a part that must not be null', 'A', { n: null }, ' at n'],
    ['a part of another type', 'A', { n: 1, b: { many: [[1], [2, 'secret']] } }, ' at b.many.1.1'],
    ['a part that only its prototype has', 'A', Object.create({ n: 1 }), ''],
    ['an unknown member of a union', 'U', { __typename: 'E' }, ' at __typename'],
    ['a member of a union without its name', 'U', { n: 1 }, ' at __typename'],
    ['a member of a union by a name of every object', 'U', { __typename: 'toString' }, ' at __typename'],
    ['a part of a member of a union', 'U', { __typename: 'A', n: 'secret' }, ' at n'],
    ['what refers to itself', 'A', circle, ' at b.a.b.a.b.a.b.a'],
    ['objects in objects, too deep for a store', 'A', chain(40), ' at b.a.b.a.b.a.b.a'],
    ['lists in lists without end', '[[[Int]]]', deep(5), ' at 0.0.0'],
  ])('%s', (_, type, value, place) => {
    const declared = keyOf(type, types)
    const message = messageOf(declared, value)
    expect(message).toBe(`The value for "a" does not fit its type${place}.`)
    expect(declared.fits(value as never)).toBe(false)
  })

  it.each(['Int', 'JSON', 'A', '[Int]'])('null for %s, which is the same as no entry', (type) => {
    const declared = keyOf(type, types)
    expect(messageOf(declared, null)).toBe('The value for "a" cannot be null. Delete the key instead.')
    expect(messageOf(declared, undefined)).toBe('The value for "a" cannot be null. Delete the key instead.')
    expect(declared.fits(null)).toBe(false)
  })
})

it('a stored value does not fit that lacks what a declaration has added, since it is read as it is', () => {
  const declared = keyOf('B', types)
  expect(declared.conform({ on: 'Y' })).toEqual({ id: '7', on: 'Y' })
  expect(declared.fits({ on: 'Y' })).toBe(false)
  expect(declared.fits({ on: 'Y', id: '1' })).toBe(true)
})

it.each<[what: string, value: object, place: string]>([
  ['an unknown part', { n: 1, x: 'secret' }, 'x'],
  ['an unknown part of a name that is no key', { n: 1, 'secret name': 1 }, '…'],
  ['the name of the type', { n: 1, __typename: 'A' }, '__typename'],
])('%s is refused where it is written, and left alone where it is stored', (_, value, place) => {
  const declared = keyOf('A', types)
  expect(messageOf(declared, value)).toBe(`The value for "a" does not fit its type at ${place}.`)
  expect(declared.fits(value as never)).toBe(true)
})

it('a stored value does not fit that was no list before', () => {
  expect(keyOf('[Int]').fits(5)).toBe(false)
  expect(keyOf('[[Int]]').fits([5])).toBe(false)
})

describe('a scalar of the application', () => {
  const Money = new GraphQLScalarType<bigint, unknown>({
    name: 'Money',
    serialize: (value) => (value as bigint).toString(),
    parseValue(value) {
      if (typeof value !== 'string') throw new TypeError(`Not ${String(value)}.`)
      return BigInt(value)
    },
  })

  it('is stored as it stands in an answer', () => {
    const declared = keyOf('[Money!]', 'scalar Money', { scalars: [Money] })
    expect(declared.conform(['007', '0x10'])).toEqual(['7', '16'])
    expect(messageOf(declared, ['1', 'secret'])).toBe('The value for "a" does not fit its type at 1.')
    expect(messageOf(declared, [5])).toBe('The value for "a" does not fit its type at 0.')
  })

  it('is stored as text where it answers with a Date', () => {
    const Day = new GraphQLScalarType<Date, Date>({
      name: 'DateTime',
      serialize: (value) => value as Date,
      parseValue: (value) => new Date(value as string),
    })
    expect(keyOf('DateTime', '', { scalars: [Day] }).conform('2026-01-01')).toBe('2026-01-01T00:00:00.000Z')
  })

  it('cannot be stored where JSON has no such value', () => {
    const Raw = new GraphQLScalarType({ name: 'Money', serialize: (value) => value, parseValue: () => 5n })
    expect(messageOf(keyOf('Money', 'scalar Money', { scalars: [Raw] }), 'x')).toMatch(/does not fit/)
  })

  it('gives the default in its own notation', () => {
    const Literal = new GraphQLScalarType({
      name: 'Money',
      parseValue: String,
      parseLiteral: ({ kind }) => kind,
    })
    const data = sessionData('scalar Money type SessionData { a: Money @session(default: { b: 1 }) }', {
      scalars: [Literal],
    })
    expect(data.keys.get('a')!.default).toBe('ObjectValue')
  })
})

describe('a default', () => {
  it.each<[type: string, literal: string, value: unknown]>([
    ['Int', '5', 5],
    ['Float', '5', 5],
    ['ID', '5', '5'],
    ['[Int!]!', '5', [5]],
    ['E!', 'Y', 'Y'],
    ['[E]', '[X, null]', ['X', null]],
    ['DateTime', '"2026-01-01T00:00:00Z"', '2026-01-01T00:00:00.000Z'],
    ['JSON', '{ a: [1, "b", true, null] }', { a: [1, 'b', true, null] }],
    ['A', '{ n: 1, b: { id: 2 } }', { n: 1, b: { id: '2', on: 'X' } }],
    ['U', '{ __typename: "B" }', { __typename: 'B', id: '7', on: 'X' }],
    ['Int', 'null', undefined],
  ])('of %s can be %s', (type, literal, value) => {
    const data = sessionData(`type SessionData { a: ${type} @session(default: ${literal}) } ${types}`)
    expect(data.keys.get('a')!.default).toEqual(value)
    expect(data.fields[0]!.default).toEqual(value)
  })

  it('is frozen, and no part of what was given', () => {
    const given = { n: 1, s: ['a'] }
    const data = sessionData({ a: { type: 'A', default: given } }, { types })
    const standing = data.keys.get('a')!.default as typeof given
    given.s.push('b')
    expect(standing).toEqual({ n: 1, s: ['a'] })
    expect(Object.isFrozen(standing.s)).toBe(true)
  })
})

it('values that fit come back as they were, through JSON, the store and an answer', () => {
  fc.assert(
    fc.property(declarations, ({ sdl, fields }) => {
      const { keys, fields: named } = sessionData(sdl)
      for (const { name, value } of fields) {
        const declared = keys.get(named.find((each) => each.name === name)!.key)!
        const stored = JSON.parse(JSON.stringify(declared.conform(value)))
        expect(stored).toEqual(value)
        expect(declared.fits(stored)).toBe(true)
        expect(declared.conform(stored)).toEqual(stored)
      }
    }),
    { numRuns: 50 },
  )
})

it('values are judged as GraphQL judges the input of a client', () => {
  const some = fc.constantFrom(null, true, 0, 1, -1.5, 2 ** 31, '', 'X', 'Y', '5', '2026-01-01T00:00:00Z')
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      some,
      fc.array(tie('tree'), { maxLength: 3 }),
      fc.dictionary(
        fc.constantFrom('n', 's', 'e', 'at', 'json', 'b', 'id', 'many', 'a', 'on', 'x'),
        tie('tree'),
        {
          maxKeys: 4,
        },
      ),
      fc.record(
        { n: fc.constantFrom(1, 2), b: tie('tree'), e: fc.constantFrom('X', 'Y') },
        { requiredKeys: ['n'] },
      ),
    ),
  }))
  const data = sessionData(`type SessionData { a: [A] @session(client: [READ, WRITE]) } ${types}`)
  const declared = data.keys.get('a')!
  const document = parse('query ($value: [AInput]) { echo(value: $value) }')
  const seen: unknown[] = []
  const resolve = (_: unknown, { value }: { value?: unknown }) => seen.push(value) > 0
  const type = new GraphQLList(data.types['AInput'] as GraphQLInputObjectType)
  const query = new GraphQLObjectType({
    name: 'Query',
    fields: { echo: { type: GraphQLBoolean, args: { value: { type } }, resolve } },
  })
  const schema = new GraphQLSchema({ query })
  fc.assert(
    fc.property(tree, (value) => {
      if (value === null) return
      seen.length = 0
      const { errors } = execute({ schema, document, variableValues: { value } }) as { errors?: unknown }
      const ofGraphQL = errors ? 'refused' : JSON.parse(JSON.stringify(seen[0]))
      expect(messageOf(declared, value) ? 'refused' : declared.conform(value)).toEqual(ofGraphQL)
    }),
    { numRuns: 300 },
  )
})
