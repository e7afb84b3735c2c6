import { useDeferStream } from '@graphql-yoga/plugin-defer-stream'
import { createSchema, createYoga, type Plugin } from 'graphql-yoga'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { sessionResolvers, sessionTypeDefs } from '../../src/graphql/resolvers.ts'
import { useSessionGate } from '../../src/graphql/use-gate.ts'
import { useSession } from '../../src/graphql/use-session.ts'
import { createSessionServer } from '../../src/server/create-session-server.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { listen } from '../support/harness.ts'

const typeDefs = /* GraphQL */ `
  type T {
    a: Int
    ts: [T]
  }
  extend type Query {
    pay: Int
    t: T
    ts: [T]
  }
  type Subscription {
    t: T
  }
`

let ran = 0
let logged: unknown[] = []
const resolvers: any = {
  Query: {
    pay: (_: unknown, __: unknown, { session }: any) => {
      ran++
      session.set('paid', true)
      return 1
    },
    t: () => ({ a: 1 }),
    ts: () => [{ a: 1 }, { a: 2 }],
  },
  T: { ts: () => [{ a: 1 }, { a: 2 }] },
  Subscription: {
    t: {
      async *subscribe() {
        yield { t: {} }
      },
    },
  },
}
const log = (...parts: unknown[]): void => void logged.push(...parts)
const logging = { debug() {}, info() {}, warn: log, error: log }
const store = () => memoryStore({ max: 100 })

const servers: Record<string, () => unknown> = {
  createSessionServer: () => createSessionServer({ store: store(), typeDefs, resolvers, plugins: [useDeferStream()], logging, batching: true }), // prettier-ignore
  'a Yoga with the gate': () =>
    createYoga({
      schema: createSchema({ typeDefs: [sessionTypeDefs, typeDefs], resolvers: [sessionResolvers as never, resolvers] }), // prettier-ignore
      plugins: [useSession({ store: store() }), useSessionGate(), useDeferStream()] as Plugin[],
      logging,
      batching: true,
      cors: false,
      maxRequestBodySize: false,
    }),
}

const json = 'application/json'
const graphql = 'application/graphql-response+json'
const events = 'text/event-stream'

let close = async (): Promise<void> => {}
beforeEach(() => {
  ran = 0
  logged = []
})
afterEach(async () => close())

async function begin(server: () => unknown) {
  const { url, ...listening } = await listen(server() as never)
  close = () => listening.close()
  return async (accept: string | null, body: unknown) => {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': json, ...(accept && { accept }) },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(5000),
    })
    const { status, headers } = response
    return { status, text: await response.text(), type: headers.get('content-type'), cookies: headers.getSetCookie() } // prettier-ignore
  }
}

describe.each(Object.keys(servers))('an operation that may be answered in parts: %s', (name) => {
  const inParts: [string, object?][] = [
    ['{ pay ... @defer { t { a } } }'],
    ['{ pay ... @defer(if: true) { t { a } } }'],
    ['query ($v: Boolean!) { pay ... @defer(if: $v) { t { a } } }', { v: true }],
    ['query ($v: Boolean = true) { pay ... @defer(if: $v) { t { a } } }'],
    ['query ($v: Boolean) { pay ... @defer(if: $v) { t { a } } }'],
    ['{ pay ...F @defer } fragment F on Query { t { a } }'],
    ['{ pay ...F } fragment F on Query { t { ...G } } fragment G on T { ... @defer { a } }'],
    ['{ pay ts @stream { a } }'],
    ['query ($v: Int = 1) { pay ts @stream(initialCount: $v) { a } }'],
    ['{ pay t { ts @stream(if: true, label: "x") { a } } }'],
  ]

  it.each(inParts)(
    'is refused before it runs where the client takes no stream: %s',
    async (query, variables) => {
      const ask = await begin(servers[name]!)
      for (const accept of [json, graphql, `${events};q=0, ${json}`]) {
        const { text, ...answer } = await ask(accept, { query, variables })
        expect(JSON.parse(text)).toEqual({ errors: [{ message: expect.any(String), extensions: { code: 'NOT_ACCEPTABLE' } }] }) // prettier-ignore
        expect(answer).toEqual({
          status: 406,
          type: `${accept === graphql ? graphql : json}; charset=utf-8`,
          cookies: [],
        })
      }
      expect(ran).toBe(0)
      for (const accept of [events, 'multipart/mixed', `multipart/mixed, ${json}`, null]) {
        const { status, cookies, text } = await ask(accept, { query, variables })
        expect([status, cookies.length]).toEqual([200, 1])
        expect(text).toContain('"hasNext":true')
      }
      expect(ran).toBe(4)
    },
  )

  it.each(inParts)('is refused before it runs in a batch: %s', async (query, variables) => {
    const ask = await begin(servers[name]!)
    const { text, cookies } = await ask(json, [{ query, variables }, { query: '{ t { a } }' }])
    expect(JSON.parse(text)).toEqual([
      { errors: [{ message: expect.stringContaining('batch'), extensions: { code: 'BAD_REQUEST' } }] },
      { data: { t: { a: 1 } } },
    ])
    expect([ran, cookies]).toEqual([0, []])
  })

  it.each<[string, object?]>([
    ['{ pay ... @defer(if: false) { t { a } } }'],
    ['query ($v: Boolean!) { pay ... @defer(if: $v) { t { a } } }', { v: false }],
    ['query ($v: Boolean = false) { pay ... @defer(if: $v) { t { a } } }'],
    ['query ($v: Boolean = true) { pay ... @defer(if: $v) { t { a } } }', { v: false }],
    ['{ pay ts @stream(if: false) { a } }'],
    ['query A { pay } query B { ...F } fragment F on Query { ... @defer { t { a } } }'],
  ])('has one answer: %s', async (query, variables) => {
    const ask = await begin(servers[name]!)
    const { status, text, cookies } = await ask(json, { query, variables, operationName: query.startsWith('query A') ? 'A' : undefined }) // prettier-ignore
    expect([status, cookies.length]).toEqual([200, 1])
    expect(JSON.parse(text).data.pay).toBe(1)
  })
})

it('tells that a schema has no such directive', async () => {
  const ask = await begin(() => createSessionServer({ store: store(), typeDefs, resolvers, logging }))
  const { status, text } = await ask(graphql, { query: '{ ... @defer { t { a } } }' })
  expect([status, JSON.parse(text).errors[0].extensions.code]).toEqual([400, 'GRAPHQL_VALIDATION_FAILED'])
})

describe.each(Object.keys(servers))(
  'a directive whose argument a variable leaves without a value: %s',
  (name) => {
    const a = (rest: string): string => `query ($v: Boolean = true) { pay ${rest} }`
    const n = (rest: string): string => `query ($v: Int = 1) { pay ${rest} }`
    it.each<[string, object?]>([
      [a('t @skip(if: $v) { a }'), { v: null }],
      [a('t @include(if: $v) { a }'), { v: null }],
      [a('...F @include(if: $v) } fragment F on Query { t { a }'), { v: null }],
      [a('... @defer(if: $v) { t { a } }'), { v: null }],
      [a('...F @defer(if: $v) } fragment F on Query { t { a }'), { v: null }],
      [a('ts @stream(if: $v) { a }'), { v: null }],
      [n('ts @stream(initialCount: $v) { a }'), { v: null }],
      [n('ts @stream(initialCount: $v) { a }'), { v: -5 }],
      ['{ pay ts @stream(initialCount: -1) { a } }'],
      ['{ pay ts @stream(initialCount: null) { a } }'],
      ['{ pay ... @defer { ts @stream(initialCount: -1) { a } } }'],
    ])('is told with a code, and nothing runs: %s', async (query, variables) => {
      const ask = await begin(servers[name]!)
      for (const accept of [`multipart/mixed, ${graphql}`, graphql]) {
        const { status, text, cookies } = await ask(accept, { query, variables })
        const errors = JSON.parse(text).errors
        expect(errors).toHaveLength(1)
        expect(errors[0].extensions).toEqual({ code: 'BAD_USER_INPUT' })
        expect(errors[0].message).toMatch(
          /^Argument "[^"]+" (?:has an invalid value|of non-null type "Boolean!" must not be null)\.$/,
        )
        expect([status, cookies]).toEqual([400, []])
      }
      const { text } = await ask(events, { query, variables })
      expect(text).toContain('"code":"BAD_USER_INPUT"')
      expect(text).toContain('event: complete')
      expect([ran, logged]).toEqual([0, []])
    })

    it.each<[string, object?]>([
      ['query ($v: Boolean = true) { t { a @skip(if: $v) } }', { v: null }],
      ['subscription ($v: Boolean = true) { t { a @include(if: $v) } }', { v: null }],
      ['subscription ($v: Boolean = true) { t { ... @defer(if: $v) { a } } }', { v: null }],
      ['subscription ($v: Boolean!) { t { ts @stream(if: $v, initialCount: -1) { a } } }', { v: true }],
    ])('is told with a code where a field beneath has it: %s', async (query, variables) => {
      const ask = await begin(servers[name]!)
      const { text } = await ask(events, { query, variables })
      expect(text).toContain('"code":"BAD_USER_INPUT"')
      expect(text).toContain('event: complete')
      expect(text).not.toMatch(/provided to|Unexpected/)
      expect(logged).toEqual([])
    })
  },
)

it('a refusal is a result for other transports, which end with all of their operations when execution throws', async () => {
  const input = 'input In { in: In } extend type Query { deep(in: In): Int }'
  const yoga = createSessionServer({
    store: store(),
    typeDefs: [typeDefs, input],
    plugins: [useDeferStream()],
  })
  let value: unknown = {}
  for (let depth = 0; depth < 15_000; depth++) value = { in: value }
  for (const [query, x, code] of [
    ['query ($x: Boolean = true) { ... @defer(if: $x) { pay } }', null, 'BAD_USER_INPUT'],
    ['query ($x: In) { deep(in: $x) }', value, 'OPERATION_TOO_COMPLEX'],
    ['subscription ($x: Boolean = true) { t { ... @defer(if: $x) { a } } }', null, 'BAD_USER_INPUT'],
    ['subscription ($x: In) { t { a @include(if: true) } }', value, 'OPERATION_TOO_COMPLEX'],
  ] as const) {
    const { schema, parse, execute, subscribe, contextFactory } = yoga.getEnveloped({ request: undefined })
    const run = query.startsWith('subscription') ? subscribe : execute
    const contextValue = await contextFactory()
    const result = await run({ schema, document: parse(query), variableValues: { x }, contextValue })
    expect(result).toMatchObject({ errors: [{ extensions: { code } }] })
  }
})
