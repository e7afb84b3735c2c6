import { once } from 'node:events'
import { createServer, type IncomingMessage, request as send } from 'node:http'
import { text } from 'node:stream/consumers'
import { buildSchema, GraphQLError, type GraphQLSchema } from 'graphql'
import { createGraphQLError, type Plugin } from 'graphql-yoga'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createSessionServer, type SessionServerOptions } from '../../src/server/create-session-server.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { Client, gate, listen } from '../support/harness.ts'

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  vi.unstubAllEnvs()
  await Promise.all(closers.splice(0).map((close) => close()))
})

const seen: { way?: string; signal?: AbortSignal; req?: unknown; res?: unknown } = {}
let left = gate()
let began = gate()

const application: Partial<SessionServerOptions> = {
  logging: false,
  keys: { dark_mode: { client: ['read', 'write', 'delete'] } },
  typeDefs: /* GraphQL */ `
    extend type Query {
      way: String
      same: Boolean
      status(code: Int!): String
      broken: String
      slow: String
      many: [String]
      header: String
    }
    extend type Mutation {
      unwritable: JSON
    }
  `,
  resolvers: {
    Mutation: { unwritable: () => 1n },
    Query: {
      same: (_: unknown, __: unknown, context: { request: Request }) =>
        [{ ...context }, Object.create(context) as typeof context].every(
          ({ request }) => request === context.request,
        ),
      way: (
        _: unknown,
        __: unknown,
        { request, req, res }: { request: Request; req: unknown; res: unknown },
      ) => {
        Object.assign(seen, { way: request.constructor.name, signal: request.signal, req, res })
        return request.constructor.name
      },
      status: (_: unknown, { code }: { code: number }) => {
        throw new GraphQLError('No.', {
          extensions: { code: 'TEAPOT', http: { status: code, headers: { 'x-tea': 'green' } } },
        })
      },
      broken: () => {
        throw new Error('postgres://user:password@host')
      },
      many: () => Array.from({ length: 30 }, () => new GraphQLError('No.')),
      slow: async (_: unknown, __: unknown, { request }: { request: Request }) => {
        began.resolve()
        await once(request.signal, 'abort')
        left.resolve()
      },
      header: (
        _: unknown,
        __: unknown,
        { res }: { res: { setHeader(name: string, value: string): void } },
      ) => {
        res.setHeader('x-own', 'kept')
        return 'set'
      },
    },
  },
}

async function serve(
  plugins: SessionServerOptions['plugins'] = [],
  more: Partial<SessionServerOptions> = {},
) {
  const server = await listen(
    createSessionServer({ store: memoryStore({ max: 100 }), ...application, plugins, ...more }),
  )
  closers.push(server.close)
  return server
}

const wayOf = async (plugins?: SessionServerOptions['plugins']): Promise<string> => {
  const { data } = await new Client((await serve(plugins)).url).run('{ way }')
  return data.way
}
const short = 'MessageRequest'

class ClassPlugin {
  onRequest(): void {}
}

describe('an operation that comes as plain JSON', () => {
  it('goes the short way, also beside plugins whose hooks it has', async () => {
    expect(await wayOf()).toBe(short)
    const hooked: string[] = []
    const plugin: Plugin = {
      onSchemaChange: () => void hooked.push('schema'),
      onParse: () => void hooked.push('parse'),
      onValidate: () => void hooked.push('validate'),
      onContextBuilding: () => void hooked.push('context'),
    }
    const client = new Client((await serve([plugin])).url)
    for (let time = 0; time < 2; time++) expect((await client.run('{ way }')).data.way).toBe(short)
    const each = ['parse', 'validate', 'context']
    expect(hooked).toEqual(['schema', ...each, ...each])
  })

  it.each<[string, object]>([
    ['onRequest', { onRequest() {} }],
    ['onRequestParse', { onRequestParse() {} }],
    ['onParams', { onParams() {} }],
    ['onExecute', { onExecute() {} }],
    ['onResultProcess', { onResultProcess() {} }],
    ['onResponse', { onResponse() {} }],
    ['onPluginInit', { onPluginInit() {} }],
    ['instrumentation', { instrumentation: {} }],
    ['a hook of tomorrow', { onTomorrow() {} }],
    ['a class', new ClassPlugin()],
  ])('goes Yoga’s way beside a plugin with %s', async (_, plugin) => {
    expect(await wayOf([plugin])).not.toBe(short)
  })

  it('runs on the schema that a plugin puts in the place of another, at any time', async () => {
    let replace!: (schema: GraphQLSchema) => void
    const plugin: Plugin = {
      onSchemaChange({ replaceSchema }) {
        replace = replaceSchema
      },
    }
    for (const more of [{}, { onRequest() {} }]) {
      const client = new Client((await serve([{ ...plugin, ...more }])).url)
      for (let time = 0; time < 2; time++) expect((await client.run('{ way }')).codes).toEqual([])
      replace(buildSchema('type Query { other: String }'))
      for (let time = 0; time < 2; time++) {
        expect((await client.run('{ way }')).codes).toEqual(['GRAPHQL_VALIDATION_FAILED'])
        expect((await client.run('{ other }')).data).toEqual({ other: null })
      }
    }
  })

  it('goes Yoga’s way inside of a framework that read its body', async () => {
    const app = createSessionServer({ store: memoryStore({ max: 100 }), ...application })
    const server = createServer((request, response) => {
      const pass = async (): Promise<void> => {
        Object.assign(request, { body: JSON.parse(Buffer.concat(await request.toArray()).toString()) })
        await app(request, response)
      }
      void pass()
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    closers.push(async () => void server.close())
    const { port } = server.address() as { port: number }
    const { data } = await new Client(`http://127.0.0.1:${port}/graphql`).run('{ way }')
    expect(data.way).not.toBe(short)
  })

  it('goes the same way where node:http has the server itself for its listener', async () => {
    vi.stubEnv('NODE_ENV', 'production')
    const app = createSessionServer({ store: memoryStore({ max: 100 }), ...application })
    // oxlint-disable-next-line typescript/no-misused-promises -- as users write it
    const server = createServer(app)
    await once(server.listen(0, '127.0.0.1'), 'listening')
    closers.push(async () => void server.close())
    const { port } = server.address() as { port: number }
    expect((await new Client(`http://127.0.0.1:${port}/graphql`).run('{ way }')).data.way).toBe(short)
    for (const host of ['[', 'a b', 'a:99999', 'user@a']) {
      const outgoing = send({ port, path: '/graphql', method: 'POST', headers: { host, 'content-type': 'application/json' } }) // prettier-ignore
      outgoing.end('{"query":"{ __typename }"}')
      const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage]
      const answer = await text(incoming)
      expect([incoming.statusCode, answer]).toEqual([400, expect.stringContaining('"BAD_REQUEST"')])
      expect(answer).not.toContain('at ')
    }
  })

  it('has the members of a Yoga server', () => {
    const server = createSessionServer({ store: memoryStore({ max: 1 }), ...application })
    for (const name of ['fetch', 'graphqlEndpoint', 'drain', 'dispose', 'apply'])
      expect(name in server).toBe(true)
    expect(server.graphqlEndpoint).toBe('/graphql')
    expect(server.drain).toBeTypeOf('function')
  })

  it('has what Yoga puts into the context', async () => {
    const client = new Client((await serve()).url)
    for (let time = 0; time < 2; time++) expect((await client.run('{ same }')).data).toEqual({ same: true })
    await wayOf()
    expect(seen.signal).toBeInstanceOf(AbortSignal)
    expect(seen.req).toMatchObject({ method: 'POST', url: '/graphql' })
    expect(seen.res).toMatchObject({ statusCode: 200 })
  })
})

describe.each<[string, SessionServerOptions['plugins']]>([
  ['the short way', []],
  ['Yoga’s way', [{ onRequest() {} }]],
])('on %s', (_, plugins) => {
  it('an error sets the status and headers that it asks for', async () => {
    const client = new Client((await serve(plugins)).url)
    await client.run('{ status(code: 418) }')
    const answer = await client.run('{ status(code: 418) }')
    expect([answer.status, answer.headers.get('x-tea')]).toEqual([418, 'green'])
    expect(answer.body).toEqual({
      data: { status: null },
      errors: [
        {
          message: 'No.',
          path: ['status'],
          locations: [{ line: 1, column: 3 }],
          extensions: { code: 'TEAPOT' },
        },
      ],
    })
  })

  it.each<[string, (settle: (value: object) => void, fail: (error: unknown) => void) => void, object]>([
    ['resolves', (settle) => settle({ own: 'value' }), { data: { own: 'value' } }],
    ['rejects', (_settle, fail) => fail(new GraphQLError('No.')), { errors: [{ message: 'No.' }] }],
    [
      'throws',
      () => {
        throw new GraphQLError('No.')
      },
      { errors: [{ message: 'No.' }] },
    ],
  ])('the context may be a promise of any library, which %s', async (_how, then, body) => {
    const yoga = createSessionServer({
      store: memoryStore({ max: 10 }),
      logging: false,
      ...(plugins && { plugins }),
      typeDefs: 'extend type Query { own: String }',
      resolvers: {
        Query: { own: (_: unknown, __: unknown, context: object) => Reflect.get(context, 'own') },
      },
      // oxlint-disable-next-line unicorn/no-thenable -- the promise of such a library has nothing but this.
      context: () => ({ then }) as never,
    })
    const { url, close } = await listen(yoga)
    closers.push(close)
    for (let time = 0; time < 2; time++) expect((await new Client(url).run('{ own }')).body).toEqual(body)
  })

  it('what was not meant for clients is masked', async () => {
    const client = new Client((await serve(plugins)).url)
    // What was run once is known the next time, and run in another way.
    for (let time = 0; time < 2; time++) {
      const answer = await client.run('{ broken }')
      expect(answer.codes).toEqual(['INTERNAL_SERVER_ERROR'])
      expect(answer.text).not.toContain('password')
    }
  })

  it('what is masked is logged, also where an answer has no room for it', async () => {
    const logged: unknown[] = []
    const note = (...args: unknown[]): void => void logged.push(args)
    const logging = { debug() {}, info() {}, warn() {}, error: note }
    const client = new Client((await serve(plugins, { logging })).url)
    const twelve = `{ ${Array.from({ length: 12 }, (_, at) => `b${at}: broken`).join(' ')} }`
    for (let time = 0; time < 2; time++) {
      expect((await client.run(twelve)).body.errors).toHaveLength(10)
      expect(logged.splice(0)).toHaveLength(12)
    }
  })

  it('an answer has ten errors at most, and says what browsers may not do with it', async () => {
    const answer = await new Client((await serve(plugins)).url).run('{ many }')
    expect(answer.body.errors).toHaveLength(10)
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
    expect(answer.headers.get('cross-origin-resource-policy')).toBe('same-origin')
  })

  it('an answer that cannot be written is an error, with the cookie of what was stored', async () => {
    const client = new Client((await serve(plugins)).url)
    const answer = await client.run(
      'mutation { setSessionKey(key: "dark_mode", value: true) { created } unwritable }',
    )
    expect([answer.status, answer.codes]).toEqual([500, ['INTERNAL_SERVER_ERROR']])
    expect([answer.setCookies.length, answer.headers.get('vary')]).toEqual([1, 'Cookie'])
    expect((await client.run('{ session { keys } }')).data.session.keys).toEqual(['dark_mode'])
  })

  it('a resolver can set headers of its own', async () => {
    const answer = await new Client((await serve(plugins)).url).run('{ header }')
    expect(answer.headers.get('x-own')).toBe('kept')
  })

  it('what fails before the execution is masked, and the session is not lost', async () => {
    const failing: Plugin = {
      onContextBuilding({ context }) {
        if ((context as { params?: { operationName?: string } }).params?.operationName === 'Fails') {
          throw new Error('password')
        }
      },
    }
    const client = new Client((await serve([...(plugins ?? []), failing])).url)
    await client.run('mutation { setSessionKey(key: "dark_mode", value: true) { created } }')
    const answer = await client.post({ query: 'query Fails { session { keys } }', operationName: 'Fails' })
    expect([answer.status, answer.codes]).toEqual([500, ['INTERNAL_SERVER_ERROR']])
    expect((await client.run('{ session { keys } }')).data.session.keys).toEqual(['dark_mode'])
  })

  it('a plugin can refuse by an error of GraphQL', async () => {
    const refusing: Plugin = {
      onContextBuilding() {
        throw createGraphQLError('Not you.', {
          extensions: { code: 'UNAUTHENTICATED', http: { status: 401 } },
        })
      },
    }
    const answer = await new Client((await serve([...(plugins ?? []), refusing])).url).run('{ way }')
    expect([answer.status, answer.codes]).toEqual([401, ['UNAUTHENTICATED']])
  })

  it('a batch is answered', async () => {
    const client = new Client((await serve(plugins, { batching: true })).url)
    const batch = await client.post([{ query: '{ a: __typename }' }, { query: '{ b: __typename }' }])
    expect(batch.body).toEqual([{ data: { a: 'Query' } }, { data: { b: 'Query' } }])
  })

  it('the signal of a request tells that its client left', async () => {
    left = gate()
    began = gate()
    const { url } = await serve(plugins)
    const outgoing = send(url, { method: 'POST', headers: { 'content-type': 'application/json' } })
    outgoing.on('error', () => {})
    outgoing.end(JSON.stringify({ query: '{ slow }' }))
    await began.promise
    outgoing.destroy()
    await left.promise
    expect((await new Client(url).run('{ __typename }')).data).toEqual({ __typename: 'Query' })
  })
})
