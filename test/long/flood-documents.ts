// This has the kinds of documents that an attacker sends in great numbers, each one a document of its own.

/** What a client sends, and what it may get. */
export interface Flood {
  readonly title: string
  /** @param index - makes the document a new one */
  readonly send: (index: number) => {
    readonly query: string
    readonly variables?: unknown
    readonly operationName?: string
    readonly extensions?: unknown
  }
  /** The code of its error; null: it is run. */
  readonly code: string | null
}

export const times = (count: number, text: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => text(index)).join(' ')

export const nested = (count: number, open: string, inner: string, close = '}'): string =>
  open.repeat(count) + inner + close.repeat(count)

/** Fields of the type `Wide`, for which documents get as heavy as the limits allow. */
const width = 120
const wide = times(width, (index) => `f${index}`)

/** What the application that is flooded has beside the session. */
export const application = {
  operationLimits: { rootFields: 300, depth: 16 },
  typeDefs: /* GraphQL */ `
    type Wide { ${times(width, (index) => `f${index}: Int`)} next: Wide }
    extend type Query { wide: Wide echo(value: JSON): Int echoes(values: [Int]): Int node: Node }
    type Node { id: Int node: Node other: Node list: [Node] }
    type Subscription { ticks(value: JSON): Int }
  `,
  resolvers: {
    Query: { wide: () => null, echo: () => 1, echoes: () => 1, node: () => ({ id: 1 }) },
    Subscription: {
      ticks: {
        async *subscribe() {
          yield { ticks: 1 }
        },
      },
    },
  },
}

/** Documents that run. A server may keep them, within bounds. */
export const accepted: readonly Flood[] = [
  { title: 'small', send: (index) => ({ query: `query Q${index} { __typename }` }), code: null },
  {
    title: 'wide',
    send: (index) => ({ query: `{ wide { ${nested(10, `${wide} next { `, 'f0')} } } #${index}` }),
    code: null,
  },
  {
    title: 'values',
    send: (index) => ({ query: `{ echoes(values: [${times(1980, () => '1')}]) } #${index}` }),
    code: null,
  },
  {
    title: 'objects',
    send: (index) => ({ query: `{ echo(value: [${times(390, () => '{a:1}')}]) } #${index}` }),
    code: null,
  },
  {
    title: 'fragments',
    send: (index) => ({
      query: `{ ${times(28, (each) => `...F${each}`)} } ${times(28, (each) => `fragment F${each} on Query { f${each}: __typename }`)} #${index}`,
    }),
    code: null,
  },
  {
    title: 'variables',
    send: (index) => ({
      query: `query(${times(200, (each) => `$v${each}: Int = ${each}`)}) { echoes(values: [${times(200, (each) => `$v${each}`)}]) } #${index}`,
    }),
    code: null,
  },
  {
    title: 'comments',
    send: (index) => ({ query: `{ __typename } ${times(2000, () => '#\n')} #${index}` }),
    code: null,
  },
  {
    title: 'escapes',
    send: (index) => ({ query: `{ echo(value: "${'\\n'.repeat(2000)}") } #${index}` }),
    code: null,
  },
  {
    title: 'extensions',
    send: (index) => ({
      query: `{ __typename } #${index}`,
      extensions: { persistedQuery: { version: 1, sha256Hash: String(index).padStart(64, '0') } },
    }),
    code: null,
  },
]

const tooComplex = 'OPERATION_TOO_COMPLEX'
const invalid = 'GRAPHQL_VALIDATION_FAILED'

/** Documents that do not run. A server keeps nothing of them. */
export const refused: readonly Flood[] = [
  {
    title: 'unknown fields',
    send: (index) => ({ query: `{ n${index} { ${times(1990, () => 'a')} } }` }),
    code: tooComplex,
  },
  {
    title: 'unknown fields, each another one',
    send: (index) => ({ query: `{ n${index} { ${times(900, (each) => `a${each}`)} } }` }),
    code: invalid,
  },
  { title: 'one unknown field', send: (index) => ({ query: `{ unknown${index} }` }), code: invalid },
  {
    title: 'one field again and again',
    send: (index) => ({ query: `{ session { ${times(1980, () => 'keys')} } } #${index}` }),
    code: tooComplex,
  },
  {
    title: 'tokens',
    send: (index) => ({ query: `{ ${times(2100, () => 'a')} } #${index}` }),
    code: tooComplex,
  },
  {
    title: 'depth',
    send: (index) => ({ query: `${nested(60, '{ node ', '{ id }')} #${index}` }),
    code: tooComplex,
  },
  {
    title: 'depth of inline fragments',
    send: (index) => ({ query: `{ ${nested(80, '... { ', `unknown${index}`)} }` }),
    code: invalid,
  },
  {
    title: 'fragments in a circle',
    send: (index) => ({
      query: `{ ...F0 } ${times(100, (each) => `fragment F${each} on Query{...F${(each + 1) % 100} ...F${(each + 2) % 100}}`)} #${index}`,
    }),
    code: tooComplex,
  },
  {
    title: 'fragments that double at each level',
    send: (index) => ({
      query: `{ ...F0 } ${times(13, (each) => `fragment F${each} on Query { node { ...N${each} } }`)} ${times(13, (each) => `fragment N${each} on Node { node { ...N${each + 1} } other { ...N${each + 1} } }`)} fragment N13 on Node { id } #${index}`,
    }),
    code: tooComplex,
  },
  {
    title: 'unused fragments',
    send: (index) => ({
      query: `{ __typename } ${times(90, (each) => `fragment F${each} on Query { __typename }`)} #${index}`,
    }),
    code: invalid,
  },
  {
    title: 'unused variables',
    send: (index) => ({ query: `query(${times(400, (each) => `$v${each}: Int`)}) { __typename } #${index}` }),
    code: invalid,
  },
  {
    title: 'directives',
    send: (index) => ({ query: `{ __typename ${times(900, () => '@include(if: true)')} } #${index}` }),
    code: tooComplex,
  },
  {
    title: 'syntax',
    send: (index) => ({ query: `{ echo(value: "${'x'.repeat(4000)}${index}" }` }),
    code: 'GRAPHQL_PARSE_FAILED',
  },
  {
    title: 'wrong variables',
    send: (index) => ({
      query: `query($v: Int!) { wide { ${nested(10, `${wide} next { `, 'f0')} } echoes(values: [$v]) } #${index}`,
      variables: { v: 'x'.repeat(100) },
    }),
    code: 'BAD_USER_INPUT',
  },
  {
    title: 'missing variables of a subscription',
    send: (index) => ({
      query: `subscription($v: JSON!) { ticks(value: [$v ${times(1900, () => '1')}]) } #${index}`,
    }),
    code: 'BAD_USER_INPUT',
  },
  {
    title: 'a name that no operation has',
    send: (index) => ({
      query: `query A { wide { ${nested(10, `${wide} next { `, 'f0')} } } #${index}`,
      operationName: 'B',
    }),
    code: 'OPERATION_RESOLUTION_FAILURE',
  },
  {
    title: 'several operations and no name',
    send: (index) => ({ query: `${times(150, (each) => `query A${each} { echo(value: 1) }`)} #${index}` }),
    code: 'OPERATION_RESOLUTION_FAILURE',
  },
]
