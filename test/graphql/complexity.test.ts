import { getIntrospectionQuery, parse } from 'graphql'
import { describe, expect, it } from 'vitest'
import { OperationJudge, type OperationLimits } from '../../src/graphql/complexity.ts'
import { createSessionServer } from '../../src/server/create-session-server.ts'
import { memoryStore } from '../../src/stores/memory.ts'

const excess = (query: string, limits: Partial<OperationLimits> = {}): string | null => {
  const judge = new OperationJudge(limits)
  return judge.excessOfText(query) ?? judge.excessOfDocument(parse(query))
}
const over = (name: keyof OperationLimits, limit: number): string =>
  `The operation is too complex: operationLimits.${name} is ${limit}.`

const times = (count: number, text: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => text(index)).join(' ')
const nested = (count: number, open: string, close: string): string =>
  open.repeat(count) + close.repeat(count)

describe('what an operation consists of', () => {
  it.each<[keyof OperationLimits, number, (count: number) => string]>([
    ['depth', 15, (count) => nested(count, '{ a ', '}')],
    ['rootFields', 20, (count) => `{ ${times(count, (index) => `f${index}`)} }`],
    ['aliases', 30, (count) => `{ f { ${times(count, (index) => `a${index}: b`)} } }`],
    ['directives', 20, (count) => `{ f ${times(count, () => '@include(if: true)')} }`],
    ['literalDepth', 64, (count) => `{ f(a: ${nested(count, '[', ']')}) }`],
    ['literalDepth', 64, (count) => `query ($v: JSON = ${nested(count, '[', ']')}) { f }`],
    ['literalDepth', 64, (count) => `query @d(a: ${nested(count, '[', ']')}) { f }`],
    ['literalDepth', 64, (count) => `query ($v: Int @d(a: ${nested(count, '[', ']')})) { f }`],
    ['literalDepth', 64, (count) => `{ ...F } fragment F on Q @d(a: ${nested(count, '[', ']')}) { f }`],
    ['literalDepth', 64, (count) => `{ f @d(a: ${'{ a: '.repeat(count)}1${'}'.repeat(count)}) }`],
  ])('%s may be %i, and no more', (name, limit, query) => {
    expect(excess(query(limit))).toBeNull()
    expect(excess(query(limit + 1))).toBe(over(name, limit))
    expect(excess(query(limit + 1), { [name]: limit + 1 })).toBeNull()
    expect(excess(query(2), { [name]: 1 })).toBe(over(name, 1))
  })

  it('tokens may be 2000, and no more', () => {
    const query = (count: number): string => `{ ${times(count - 2, () => 'f')} }`
    expect(new OperationJudge().excessOfText(query(2000))).toBeNull()
    expect(new OperationJudge().excessOfText(query(2001))).toBe(over('tokens', 2000))
    // Comments and commas are none.
    expect(excess(`{ f #${'x'.repeat(9000)}\n,,,, }`)).toBeNull()
  })

  it('characters may be 65536, and no more', () => {
    const query = (count: number): string => `{ f } #${'x'.repeat(count - 7)}`
    expect(excess(query(65_536))).toBeNull()
    expect(excess(query(65_537))).toBe(over('characters', 65_536))
  })

  it.each([
    ['one set', '{ session { @ } }', 141],
    ['sets that are merged', `{ ${times(4, () => 'session { @ }')} }`, 35],
    ['fragments that are merged', '{ s { ...A ...B } } fragment A on Q { @ } fragment B on Q { @ }', 70],
    ['an inline fragment', '{ s { ... { @ } @ } }', 70],
    ['a fragment that nobody spreads', '{ f } fragment F on Q { @ }', 141],
    ['a fragment that spreads itself', '{ s { ...F } } fragment F on Q { @ ...F }', 141],
  ])('one field again and again: %s', (_, query, limit) => {
    const filled = (count: number): string => query.replaceAll('@', () => times(count, () => 'id'))
    expect(excess(filled(limit))).toBeNull()
    expect(excess(filled(limit + 1))).toBe(over('comparisons', 20_000))
  })

  it('namesakes with arguments or with fragments count more', () => {
    expect(excess(`{ ${times(100, () => 'a')} }`, { rootFields: 100 })).toBeNull()
    const limits = { rootFields: 200 }
    expect(excess(`{ ${times(100, () => 'a(b: 1)')} }`, limits)).toBe(over('comparisons', 20_000))
    const fragments = times(30, (index) => `fragment F${index} on Q { id }`)
    const spreads = times(30, (index) => `...F${index}`)
    expect(excess(`{ a { ${spreads} } } ${fragments}`)).toBeNull()
    expect(excess(`{ ${times(6, () => `a { ${spreads} }`)} } ${fragments}`)).toBe(over('comparisons', 20_000))
  })

  it('fragments may be 100, and no more', () => {
    const query = (count: number): string =>
      `{ a } ${times(count, (index) => `fragment F${index} on Q { a }`)}`
    expect(excess(query(100))).toBeNull()
    expect(excess(query(101))).toBe(over('fragments', 100))
  })

  it('parts count wherever their fragment is spread', () => {
    const doubling = (levels: number): string =>
      `{ ...F0 } ${times(levels, (index) => `fragment F${index} on Q { a { ...F${index + 1} } b { ...F${index + 1} } }`)} fragment F${levels} on Q { c }`
    expect(excess(doubling(8))).toBeNull()
    expect(excess(doubling(12))).toBe(over('parts', 5000))
    expect(excess(doubling(12), { parts: 30_000 })).toBeNull()
    // No operation spreads these, so that only validation would walk into them.
    expect(excess(doubling(40).replace('...F0', 'a'))).toBe(over('parts', 5000))
    const values = `{ a(b: [${times(50, () => '1')}]) }`
    expect([excess(values, { parts: 53 }), excess(values, { parts: 52 })]).toEqual([null, over('parts', 52)])
  })

  it('directives count wherever they stand', () => {
    const query = `query @a ($v: Int @b) @c { ...F @d ... @e { f @f } } fragment F on Query @g { f @h }`
    expect(excess(query.replace('query @a', 'query'), { directives: 7 })).toBeNull()
    expect(excess(query.replace('query @a', 'query'), { directives: 6 })).toBe(over('directives', 6))
  })

  it('a fragment counts wherever it is spread', () => {
    const spread = (count: number): string =>
      `{ ${times(count, () => '...F')} } fragment F on Query { a: x b: y }`
    expect(excess(spread(10))).toBeNull()
    expect(excess(spread(11))).toBe(over('rootFields', 20))
    const deep = `{ a { ...F } } fragment F on A { b { c } }`
    expect(excess(deep, { depth: 3 })).toBeNull()
    expect(excess(deep, { depth: 2 })).toBe(over('depth', 2))
    // Where there are a hundred times as many as the limit, they cost no more to count.
    const doubling = `{ ...F0 } ${times(60, (index) => `fragment F${index} on Q { ...F${index + 1} ...F${index + 1} }`)} fragment F60 on Q { x: y }`
    expect(excess(doubling)).toBe(over('rootFields', 20))
  })

  it('fragments that spread themselves, or that there are not, are for validation to refuse', () => {
    expect(excess('{ ...F } fragment F on Query { a { ...F } }')).toBeNull()
    expect(excess('{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }')).toBeNull()
    expect(excess('{ ...Nowhere }')).toBeNull()
  })

  it('each operation of a document is judged', () => {
    expect(excess(`query A { f } query B { ${times(21, (index) => `f${index}`)} }`)).toBe(
      over('rootFields', 20),
    )
  })

  it.each([
    ['selections', '{a', '}'],
    ['lists', '[', ']'],
    ['types', '[', ']'],
    ['parentheses', '(', ')'],
  ])('what a parser would go down into is refused before it does: %s', (_, open) => {
    const judge = new OperationJudge({ tokens: 1_000_000, characters: 1_000_000 })
    expect(judge.excessOfText(open.repeat(100_000))).toMatch(/nested deeper than .*depth and .*literalDepth/)
  })

  it('takes the introspection query of graphql-js and GraphiQL', () => {
    for (const options of [
      {},
      {
        descriptions: true,
        specifiedByUrl: true,
        directiveIsRepeatable: true,
        schemaDescription: true,
        inputValueDeprecation: true,
        oneOf: true,
      },
    ]) {
      // prettier-ignore
      expect(excess(getIntrospectionQuery(options))).toBeNull()
    }
  })

  it('leaves a syntax error to the parser', () => {
    for (const text of ['{ "unterminated', '{ \u0000 }', '', '}}}}', '{ a']) {
      expect(new OperationJudge().excessOfText(text)).toBeNull()
    }
  })
})

describe('where the limits are higher than the stack', () => {
  const much = 1e7
  const server = createSessionServer({
    store: memoryStore({ max: 10 }),
    graphiql: false,
    logging: false,
    maxRequestBodySize: much,
    operationLimits: { characters: much, tokens: much, depth: much, literalDepth: much, parts: much, fragments: much, comparisons: much }, // prettier-ignore
  })

  it.each([
    ['fields', nested(20_000, '{ a ', '}')],
    ['lists', `{ a(b: ${nested(20_000, '[', ']')}) }`],
    [
      'fragments',
      `{ ...f0 } ${times(4000, (index) => `fragment f${index} on Query { ...f${index + 1} }`)} fragment f4000 on Query { __typename }`,
    ],
  ])('an operation of %s that are nested too deeply is refused', async (_, query) => {
    const answer = await server.fetch('http://shop.example/graphql', {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json' },
      body: JSON.stringify({ query }),
    })
    const { errors } = await answer.json()
    expect(errors).toMatchObject([{ extensions: { code: 'OPERATION_TOO_COMPLEX' } }])
    expect(answer.status).toBe(400)
  })
})
