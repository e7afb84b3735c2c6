import { parse, print } from 'graphql'
import { describe, expect, it } from 'vitest'
import { sentDocument, sentText, unknownOperation } from '../../src/client/operation.ts'
import * as documents from '../../src/graphql/generated/client.ts'

const texts: (readonly [text: string, operationName?: string])[] = [
  ['{ a }'],
  ['query { a b }'],
  ['mutation{a}'],
  ['mutation M { a: b, c }'],
  [
    'mutation M ($x: [Int!]! = [1, 2], $y: T = { a: "}" }) @d(x: { b: 1 }) { one(x: $x, y: { z: [$y] }) { deep { two } } three }',
  ],
  ['mutation { a @skip(if: true) b: c @d(e: f) g }'],
  ['mutation { ...F @d a } fragment F on Mutation { logout }'],
  ['mutation { ... on Mutation { logout } }'],
  ['mutation { a(text: "} mutation { logout }") b }'],
  ['mutation { a(text: """ "quoted" } \\""" { """) b }'],
  ['# mutation { x }\nmutation { # } {\n a }'],
  ['fragment F on Mutation { a } mutation { b }'],
  ['query A { a } mutation B { b } subscription C { c }', 'A'],
  ['query A { a } mutation B { b } subscription C { c }', 'B'],
  ['query A { a } mutation B { b } subscription C { c }', 'C'],
  ['mutation query { query: mutation fragment on }', 'query'],
  ['mutation { on: logout type: __typename }'],
  ...Object.values(documents)
    .filter((document) => document !== documents.SessionStateFragmentDoc)
    .map((document): readonly [string] => [print(document)]),
]

describe('what is read out of the text of an operation is what a parser finds', () => {
  it.each(texts.map((text) => ({ text: text[0], operationName: text[1] })))(
    '$text',
    ({ text, operationName }) => {
      expect(sentText(text, operationName)).toEqual(sentDocument(parse(text), operationName))
    },
  )
})

it.each(['', '}', ')))', '{', 'mutation {', 'mutation { : a', 'mutation { a', '"'])(
  'what no server would take is unknown: %s',
  (text) => {
    expect(sentText(text)).toEqual(unknownOperation)
  },
)

it('a document without the operation is unknown', () => {
  expect(sentDocument(parse('{ a }'), 'B')).toEqual(unknownOperation)
  expect(sentText('query A { a }', 'B')).toEqual(unknownOperation)
})

it('is fast for what is long', () => {
  const text = `mutation { a(${'x: "'.repeat(100_000)}`
  const before = performance.now()
  sentText(text)
  sentText('{'.repeat(400_000))
  sentText('"""'.repeat(100_001))
  expect(performance.now() - before).toBeLessThan(1000)
})
