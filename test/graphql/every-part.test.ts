import { useDeferStream } from '@graphql-yoga/plugin-defer-stream'
import { experimentalExecuteIncrementally, GraphQLError, GraphQLScalarType, version } from 'graphql'
import { createSchema, createYoga, type Plugin, type YogaServerOptions } from 'graphql-yoga'
import { afterEach, describe, expect, it } from 'vitest'
import { sessionResolvers, sessionTypeDefs } from '../../src/graphql/resolvers.ts'
import { useSessionGate } from '../../src/graphql/use-gate.ts'
import { useSession } from '../../src/graphql/use-session.ts'
import { createSessionServer } from '../../src/server/create-session-server.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { listen } from '../support/harness.ts'
import { skippedIf } from '../support/needs.ts'

const secret = 'postgres://app:hunter2@db'

const ways: Record<string, () => unknown> = {
  error: () => {
    throw new Error(secret)
  },
  text: () => {
    throw secret
  },
  null: () => {
    throw null
  },
  object: () => {
    throw { message: secret, extensions: { code: secret } }
  },
  aggregate: () => {
    throw new AggregateError(
      Array.from({ length: 20 }, () => new Error(secret)),
      secret,
    )
  },
  message_that_throws: () => {
    throw Object.defineProperty(new Error(secret), 'message', {
      get() {
        throw new Error(secret)
      },
    })
  },
  extension_that_throws: () => {
    throw new GraphQLError('Fine.', {
      extensions: {
        get code(): string {
          throw new Error(secret)
        },
      },
    })
  },
  extension_that_is_no_json: () => {
    throw new GraphQLError('Fine.', { extensions: { code: secret, big: 1n } })
  },
  extensions: () => {
    throw Object.assign(new Error(secret), { extensions: { code: secret, stack: secret } })
  },
  internals: () => {
    const internals = { originalError: { message: secret }, stack: secret, stacktrace: [secret] }
    throw new GraphQLError('Fine.', {
      extensions: { code: 'FINE', ...internals, cause: secret, exception: { stacktrace: [secret] } },
    })
  },
  json_of_nothing: () => {
    throw new (class extends GraphQLError {
      override toJSON(): any {
        return undefined
      }
    })('Fine.', { extensions: { code: 'FINE' } })
  },
  json_that_throws: () => {
    throw Object.assign(new GraphQLError('Fine.', { extensions: { code: 'FINE' } }), {
      toJSON() {
        throw new Error(secret)
      },
    })
  },
  json_of_internals: () => {
    throw new (class extends GraphQLError {
      override toJSON(): any {
        return { message: secret, extensions: { stack: secret } }
      }
    })('Fine.', { extensions: { code: 'FINE' } })
  },
  extensions_with_json_of_internals: () => {
    throw new GraphQLError('Fine.', {
      extensions: { code: 'FINE', toJSON: () => ({ code: secret }) },
    })
  },
  extension_that_is_circular: () => {
    const circle: Record<string, unknown> = { code: secret }
    circle['circle'] = circle
    throw new GraphQLError('Fine.', { extensions: { circle } })
  },
  extension_that_is_json_once: () => {
    let isRead = false
    const toJSON = () => {
      if (isRead) throw new Error(secret)
      isRead = true
      return 'FINE'
    }
    throw new GraphQLError('Fine.', { extensions: { code: { toJSON } } })
  },
  path_that_is_no_json: () => {
    throw new GraphQLError('Fine.', { path: [1n as never], extensions: { code: 'FINE' } })
  },
  message_that_is_no_text: () => {
    throw Object.assign(new GraphQLError('Fine.', { extensions: { code: 'FINE' } }), {
      message: { toString: () => 'Fine.', toJSON: () => secret },
    })
  },
  internals_of_the_unexpected: () => {
    const internals = { originalError: { message: secret }, stack: secret }
    throw new GraphQLError('Fine.', { extensions: { code: 'FINE', unexpected: true, ...internals } })
  },
  extensions_that_throw: () => {
    throw Object.assign(new Error(secret), {
      extensions: {
        get http() {
          throw new Error(secret)
        },
      },
    })
  },
  wrapped: () => {
    throw new GraphQLError(secret, { originalError: new Error(secret) })
  },
  returned: () => new Error(secret),
  wrong_type: () => ({ toString: () => secret }),
}

const typeDefs = /* GraphQL */ `
  scalar Odd
  interface Face {
    x: Int
  }
  type Impl implements Face {
    x: Int
  }
  type T {
    fast: Int
    bad(how: String = "error"): Int
    odd: Odd
    json(how: String = "big"): JSON
    face: Face
    items(how: String): [Int]
    strict: Int!
  }
  extend type Query {
    t: T
  }
  type Subscription {
    events(how: String): T
    first(how: String): Int
    source(how: String): Int
  }
`

/** Ways whose errors a logger can read. */
const readable = new Set(['error', 'text', 'aggregate', 'wrapped'])

/** Ways whose errors are meant for clients. */
const fine = new Set([
  'internals',
  'internals_of_the_unexpected',
  'json_of_nothing',
  'json_that_throws',
  'json_of_internals',
  'extensions_with_json_of_internals',
  'extension_that_is_json_once',
  'path_that_is_no_json',
  'message_that_is_no_text',
])

interface How {
  readonly how: string
}

/** Values that JSON cannot express. */
const unsayable: Record<string, () => unknown> = {
  big: () => ({ big: 1n }),
  circle: () => {
    const circle: Record<string, unknown> = {}
    return Object.assign(circle, { circle })
  },
  throws: () => ({
    toJSON() {
      throw new Error(secret)
    },
  }),
}

const later = () => new Promise((next) => setImmediate(next))
const fail = async (_: unknown, { how }: How) => {
  await later()
  return ways[how]!()
}

const resolvers: any = {
  Odd: new GraphQLScalarType({
    name: 'Odd',
    serialize() {
      throw new Error(secret)
    },
  }),
  T: {
    fast: () => 1,
    bad: fail,
    odd: () => 1,
    json: (_: unknown, { how }: How) => unsayable[how]!(),
    face: () => ({ __typename: secret }),
    strict: (source: unknown) => fail(source, { how: 'error' }),
    async *items(_: unknown, { how }: How) {
      yield 1
      await later()
      yield 2
      const thrown = ways[how]!()
      if (thrown instanceof Error) throw thrown
    },
  },
  Query: { t: () => ({}) },
  Subscription: {
    events: {
      async *subscribe() {
        yield { events: {} }
      },
    },
    first: { subscribe: fail },
    source: {
      async *subscribe(_: unknown, { how }: How) {
        yield { source: 1 }
        const thrown = ways[how]!()
        if (thrown instanceof Error) throw thrown
      },
    },
  },
}

let lines: string[] = []
/** Reads what it logs, as loggers do. */
const log = (...parts: unknown[]): void => {
  for (const part of parts) lines.push(part instanceof Error ? `${part.name}: ${part.message}` : String(part))
}
const logging = { debug() {}, info() {}, warn: log, error: log }

/** A Yoga of one's own, with the plugins in either order. */
function own(isGateFirst: boolean, options: Partial<YogaServerOptions<{}, {}>> = {}) {
  const session = useSession({ store: memoryStore({ max: 100 }) })
  const gate = useSessionGate()
  return createYoga({
    schema: createSchema({ typeDefs: [sessionTypeDefs, typeDefs], resolvers: [sessionResolvers as never, resolvers] }), // prettier-ignore
    plugins: [...(isGateFirst ? [gate, session] : [session, gate]), useDeferStream()] as Plugin[],
    logging,
    batching: true,
    cors: false,
    maxRequestBodySize: false,
    ...options,
  })
}

const server = (plugins: Plugin[]) =>
  createSessionServer({ store: memoryStore({ max: 100 }), typeDefs, resolvers, plugins, logging, batching: true }) // prettier-ignore

const servers: Record<string, () => { fetch: unknown }> = {
  'createSessionServer, the short way': () => server([]),
  "createSessionServer, Yoga's way": () => server([useDeferStream()]),
  'useSession, useSessionGate': () => own(false),
  'useSessionGate, useSession': () => own(true),
}

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()))
})

async function urlOf(yoga: unknown): Promise<string> {
  const { url, close } = await listen(yoga as never)
  closers.push(close)
  return url
}

const json = 'application/json'
const parts = 'multipart/mixed'
const events = 'text/event-stream'

async function ask(url: string, accept: string, body: unknown): Promise<{ text: string; payloads: any[] }> {
  lines = []
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': json, accept },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(5000),
  })
  const text = await response.text()
  const texts = accept === json ? [text] : text.match(/^(?:data: )?(?:\{.*\}|\[.*\])/gm)!
  return { text, payloads: texts.flatMap((each) => JSON.parse(each.replace('data: ', ''))) }
}

/** The errors of one part, wherever they are in it. */
const errorsOf = ({ errors = [], incremental = [], completed = [] }: any): any[] => [
  ...errors,
  ...[...incremental, ...completed].flatMap(errorsOf),
]

/** Expects that the answer keeps what is promised of errors, and that something of it failed. */
function expectPromised({ text, payloads }: { text: string; payloads: any[] }): void {
  expect(text).not.toContain('hunter2')
  expect(text).not.toContain('toString')
  for (const payload of payloads) expect(errorsOf(payload).length).toBeLessThanOrEqual(10)
  const errors = payloads.flatMap(errorsOf)
  expect(errors.length).toBeGreaterThan(0)
  for (const { message, extensions } of errors) {
    expect(['Unexpected error.', 'Fine.']).toContain(message)
    expect(extensions).toEqual({ code: message === 'Fine.' ? 'FINE' : 'INTERNAL_SERVER_ERROR' })
  }
}

describe.each(Object.keys(servers))('what an answer says of errors: %s', (name) => {
  const hasParts = !name.includes('short')
  const toT = (field: string): [string, unknown][] => [
    [json, { query: `{ t { ${field} } }` }],
    // An operation that ran once may run in another way.
    [json, { query: `{ t { ${field} } }` }],
    [json, [{ query: `{ t { ${field} } }` }, { query: '{ t { fast } }' }]],
    [events, { query: `subscription { events { ${field} } }` }],
    ...((hasParts
      ? [
          [parts, { query: `{ t { fast ... @defer { ${field} } } }` }],
          [events, { query: `{ t { fast ... @defer { ${field} } } }` }],
        ]
      : []) as [string, unknown][]),
  ]

  it.each(Object.keys(ways))('a resolver fails: %s', async (how) => {
    const url = await urlOf(servers[name]!())
    const isNever = ['returned', 'wrong_type'].includes(how)
    for (const [accept, body] of [
      ...toT(`bad(how: "${how}")`),
      [events, { query: `subscription { first(how: "${how}") }` }],
      [events, { query: `{ t { bad(how: "${how}") } }` }],
      ...(how === 'wrong_type' ? [] : [[events, { query: `subscription { source(how: "${how}") }` }]]),
      ...(hasParts && !isNever
        ? [[parts, { query: `{ t { items(how: "${how}") @stream(initialCount: 1) } }` }]]
        : []),
    ] as [string, unknown][]) {
      const answer = await ask(url, accept, body)
      expectPromised(answer)
      expect(answer.text.includes('Fine.') || !fine.has(how)).toBe(true)
      // What is fine is no news, and what cannot be read is logged as far as it can be.
      const isLogged = fine.has(how) || lines.length > 0
      const isLoggedWhole = lines.join().includes('hunter2') || !readable.has(how)
      expect([isLogged, isLoggedWhole]).toEqual([true, true])
    }
  })

  it.each(['odd', 'face { x }', 'strict'])('a value cannot be completed: %s', async (field) => {
    const url = await urlOf(servers[name]!())
    for (const [accept, body] of toT(field)) {
      expectPromised(await ask(url, accept, body))
      expect(lines.join()).toContain('hunter2')
    }
  })

  it.each(Object.keys(unsayable))('a value is none that JSON can express: %s', async (how) => {
    const url = await urlOf(servers[name]!())
    for (const [accept, body] of [
      ...toT(`json(how: "${how}")`),
      // A result that has no parts is written as the only one of a stream.
      [events, { query: `{ t { json(how: "${how}") } }` }],
      [parts, { query: `{ t { json(how: "${how}") } }` }],
      [events, [{ query: '{ t { fast } }' }, { query: `{ t { json(how: "${how}") } }` }]],
    ] as [string, unknown][]) {
      const answer = await ask(url, accept, body)
      expectPromised(answer)
      expect(lines.join()).toMatch(/BigInt|circular|hunter2/)
      expect(answer.payloads.at(-1).hasNext ?? false).toBe(false)
    }
  })

  if (!hasParts) return

  it('many parts fail at once', async () => {
    const url = await urlOf(servers[name]!())
    const bad = (at: number) => `bad${at}: bad`
    const fields = Array.from({ length: 18 }, (_, at) => bad(at))
    const apart = fields.map((field) => `... @defer { ${field} }`)
    expectPromised(await ask(url, parts, { query: `{ t { fast ${apart.join(' ')} } }` }))
    expectPromised(await ask(url, parts, { query: `{ t { fast ... @defer { ${fields.join(' ')} } } }` }))
  })
})

describe('an argument that a variable leaves without a value', () => {
  it('is told with a code', async () => {
    const url = await urlOf(server([]))
    const query = 'query ($key: String = "a") { session { has(key: $key) } }'
    const { payloads } = await ask(url, json, { query, variables: { key: null } })
    expect(errorsOf(payloads[0])).toEqual([
      expect.objectContaining({
        message: 'Argument "key" of non-null type "String!" must not be null.',
        extensions: { code: 'BAD_USER_INPUT' },
      }),
    ])
  })
})

/** Runs operations by graphql-js, whose parts have another form. */
const graphqljs: Plugin = {
  onExecute({ setExecuteFn }) {
    setExecuteFn(async (args) => {
      const result: any = await experimentalExecuteIncrementally(args)
      if (!('initialResult' in result)) return result
      return (async function* () {
        yield result.initialResult
        yield* result.subsequentResults
      })()
    })
  },
}

const isOlder = skippedIf(version.startsWith('16.'), 'graphql 16 has no experimentalExecuteIncrementally')
describe('the parts of graphql-js', isOlder, () => {
  it.each(['strict', 'bad', 'json', 'bad(how: "aggregate")'])('keep the promise, too: %s', async (field) => {
    const url = await urlOf(server([useDeferStream(), graphqljs]))
    const { text, payloads } = await ask(url, parts, { query: `{ t { fast ... @defer { ${field} } } }` })
    expectPromised({ text, payloads })
    expect(text).toContain(field === 'json' ? '"hasNext":false' : '"completed":[{"id":"0"')
    expect(lines.length).toBeGreaterThan(0)
  })
})

it('an error that JSON cannot express leaves the rest of the answer', async () => {
  const url = await urlOf(server([]))
  const { payloads } = await ask(url, json, { query: '{ t { fast bad(how: "extension_that_is_no_json") } }' })
  expect(payloads[0].data).toEqual({ t: { fast: 1, bad: null } })
})

it('the cookie of what was stored is sent with an error that cannot be masked', async () => {
  const url = await urlOf(
    createSessionServer({
      store: memoryStore({ max: 100 }),
      typeDefs: 'extend type Query { kept: Int, bad: Int }',
      resolvers: {
        Query: {
          kept: (_: unknown, __: unknown, { session }: any) => void session.set('kept', 1),
          bad: () => ways['extensions_that_throw']!() as never,
        },
      },
      logging,
    }),
  )
  for (let run = 0; run < 2; run++) {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': json },
      body: JSON.stringify({ query: '{ kept bad }' }),
    })
    expect(response.headers.getSetCookie()).toHaveLength(1)
    expect(await response.text()).not.toContain('hunter2')
  }
})

describe("the masking of an application's own", () => {
  const query = { query: '{ t { bad ... @defer { strict } } }' }

  it('is used in each part, and asked once for each error', async () => {
    const asked: unknown[] = []
    const maskError = (error: unknown) => {
      asked.push(error)
      return new GraphQLError('Sorry.', { extensions: { code: 'SORRY' } })
    }
    const url = await urlOf(own(false, { maskedErrors: { maskError } }))
    const { text, payloads } = await ask(url, parts, query)
    expect(text).not.toContain('hunter2')
    expect(payloads.flatMap(errorsOf).map(({ extensions }) => extensions.code)).toEqual(['SORRY', 'SORRY'])
    expect(asked).toHaveLength(2)
  })

  it('can be none', async () => {
    const url = await urlOf(own(false, { maskedErrors: false }))
    const { payloads } = await ask(url, parts, query)
    expect(payloads.flatMap(errorsOf).map(({ message }) => message)).toEqual([secret, secret])
  })
})
