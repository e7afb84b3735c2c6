import { makeExecutableSchema } from '@graphql-tools/schema'
import {
  buildSchema,
  GraphQLEnumType,
  GraphQLInterfaceType,
  GraphQLNonNull,
  GraphQLObjectType,
  GraphQLScalarType,
  GraphQLSchema,
  GraphQLString,
  printType,
} from 'graphql'
import { createGraphQLError } from 'graphql-yoga'
import { afterEach, describe, expect, it } from 'vitest'
import type { Resolvers } from '../../src/graphql/generated/resolvers.ts'
import { sessionResolvers, sessionTypeDefs } from '../../src/graphql/resolvers.ts'
import type { SessionContext } from '../../src/graphql/use-session.ts'
import {
  createSessionServer,
  type SessionServerConfig,
  type SessionServerOptions,
} from '../../src/server/create-session-server.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { Client, listen } from '../support/harness.ts'

interface MySession {
  user_id: string
  dark_mode: boolean
}

const closers: (() => Promise<void>)[] = []
afterEach(() => Promise.all(closers.splice(0).map((close) => close())))

/** Through a socket, so that an operation that is known goes the short way. */
async function clientOf<Data extends object, Context extends object>(
  options: Partial<SessionServerOptions<Data, Context>>,
): Promise<Client> {
  const server = createSessionServer({ store: memoryStore({ max: 10 }), logging: false, ...options })
  const { url, close } = await listen(server)
  closers.push(close)
  return new Client(url)
}

const typeDefs =
  'extend type Query { hello(name: String!): String, dark: Boolean, loaded: String, fails: String }'

describe('resolvers are typed without annotations', () => {
  it('of createSessionServer', async () => {
    const client = await clientOf<MySession, {}>({
      typeDefs,
      resolvers: {
        Query: {
          hello: (_, { name }, { session }) => session.get('user_id', name),
          async dark(_, __, { session, request }) {
            const isDark: boolean | undefined = await session.get('dark_mode')
            // @ts-expect-error MySession has no such key
            await session.get('drak_mode')
            return isDark ?? request.method === 'POST'
          },
        },
      },
    })
    expect((await client.run('{ hello(name: "Ada") dark }')).data).toEqual({ hello: 'Ada', dark: true })
  })

  it('of a config, with what its context adds', async () => {
    const config: SessionServerConfig<MySession, { readonly loaders: { readonly name: string } }> = {
      typeDefs,
      context: ({ params }) => ({ loaders: { name: params.operationName ?? 'nobody' } }),
      resolvers: {
        Query: {
          loaded: (_, __, { loaders, session }) => session.get('user_id', loaders.name),
          // @ts-expect-error the context has no such member
          hello: (_, __, { lodaers }) => lodaers,
        },
      },
    }
    expect((await (await clientOf(config)).run('query Q { loaded }')).data).toEqual({ loaded: 'nobody' })
  })

  it('and can be those of GraphQL Code Generator', () => {
    const generated: Pick<Resolvers<SessionContext<MySession>>, 'Query'> = {
      Query: { session: (_, __, { session }) => session },
    }
    const options: Partial<SessionServerOptions<MySession>> = { resolvers: [generated] }
    expect(options.resolvers).toEqual([generated])
  })
})

describe('the option context', () => {
  const resolvers: SessionServerOptions<MySession, { readonly name: string }>['resolvers'] = {
    Query: {
      loaded: (_, __, { name, session }) => session.get('user_id', name),
    },
  }

  // The first time an operation goes through Yoga's pipeline, and later ones by the executor alone.
  it.each([
    ['a function', () => ({ name: 'Ada' })],
    ['an async function', async () => ({ name: 'Ada' })],
    ['an object', { name: 'Ada' }],
  ])('is %s, whether the operation is new or known', async (_, context) => {
    const client = await clientOf<MySession, { name: string }>({ typeDefs, resolvers, context })
    for (let time = 1; time <= 3; time++) {
      expect((await client.run('{ loaded }')).data).toEqual({ loaded: 'Ada' })
    }
  })

  it('may return what it was given, with the request in it', async () => {
    const client = await clientOf<MySession, { name: string }>({
      typeDefs,
      resolvers,
      context: (initial) => ({ ...initial, name: initial.request.method }),
    })
    for (let time = 1; time <= 3; time++) {
      expect((await client.run('{ loaded }')).data).toEqual({ loaded: 'POST' })
    }
  })

  it('is made anew for each operation, of a context that has the session, the request and the parameters', async () => {
    let count = 0
    const client = await clientOf<MySession, { name: string }>({
      typeDefs,
      resolvers,
      async context({ session, request, params }) {
        const isDark = await session.get('dark_mode', false)
        count++
        return { name: `${count} ${isDark} ${request.method} ${String(params.variables?.['n'])}` }
      },
    })
    for (const n of [1, 2, 3]) {
      const { data } = await client.run('query ($n: String!) { loaded hello(name: $n) }', { n: String(n) })
      expect(data).toMatchObject({ loaded: `${n} false POST ${n}` })
    }
  })

  it('whose function fails answers alike, whether the operation is new or known', async () => {
    const client = await clientOf<MySession, { name: string }>({
      typeDefs,
      resolvers,
      context({ params }) {
        if (params.variables?.['fail'] === 'shown') {
          throw createGraphQLError('Who are you?', { extensions: { code: 'UNAUTHENTICATED' } })
        }
        if (params.variables?.['fail'] === 'masked') throw new Error('postgres://user:password@host')
        return { name: 'Ada' }
      },
    })
    const ask = (query: string, fail: string) => client.run(query, { fail })
    for (const fail of ['shown', 'masked']) {
      const unknown = await ask(`query ($fail: String!) { hello(name: $fail) # ${fail}\n loaded }`, fail)
      const query = 'query ($fail: String!) { hello(name: $fail) loaded }'
      expect((await ask(query, 'no')).data).toEqual({ hello: null, loaded: 'Ada' })
      const known = await ask(query, fail)
      expect([known.status, known.text]).toEqual([unknown.status, unknown.text])
      expect(known.codes).toEqual([fail === 'shown' ? 'UNAUTHENTICATED' : 'INTERNAL_SERVER_ERROR'])
      expect(known.text).not.toContain('password')
    }
  })
})

describe('the option schema', () => {
  const Size = new GraphQLEnumType({ name: 'Size', values: { SMALL: { value: 1 }, LARGE: { value: 2 } } })
  const Shouted = new GraphQLScalarType({ name: 'Shouted', serialize: (text) => String(text).toUpperCase() })
  const Named = new GraphQLInterfaceType({
    name: 'Named',
    fields: { name: { type: Shouted } },
    resolveType: () => 'Hat',
  })
  const Hat = new GraphQLObjectType({
    name: 'Hat',
    interfaces: [Named],
    fields: { name: { type: Shouted }, size: { type: Size } },
  })
  const Query = new GraphQLObjectType<unknown, SessionContext<MySession>>({
    name: 'Query',
    fields: {
      hat: {
        type: Named,
        args: { size: { type: Size } },
        resolve: (_, { size }) => ({ name: 'bowler', size }),
      },
      user: { type: GraphQLString, resolve: (_, __, { session }) => session.get('user_id') },
    },
  })
  const Mutation = new GraphQLObjectType<unknown, SessionContext<MySession>>({
    name: 'Mutation',
    fields: {
      login: {
        type: new GraphQLNonNull(GraphQLString),
        description: 'Signs in.',
        args: { id: { type: new GraphQLNonNull(GraphQLString) } },
        async resolve(_, { id }: { id: string }, { session }) {
          await session.rotate()
          session.set('user_id', id)
          return id
        },
      },
    },
  })
  const codeFirst = new GraphQLSchema({ query: Query, mutation: Mutation, types: [Hat] })

  it('is merged with the session’s', async () => {
    const client = await clientOf<MySession, {}>({
      schema: codeFirst,
      keys: { user_id: { client: ['read', 'delete'] } },
    })
    for (let time = 1; time <= 2; time++) {
      expect((await client.run('mutation { login(id: "1") }')).data).toEqual({ login: '1' })
      expect((await client.run('{ user hat(size: LARGE) { name ... on Hat { size } } }')).data).toEqual({
        user: '1',
        hat: { name: 'BOWLER', size: 'LARGE' },
      })
      expect((await client.run('mutation { deleteSessionKey(key: "user_id") { deleted } }')).data).toEqual({
        deleteSessionKey: { deleted: true },
      })
      expect((await client.run('{ user session { keys } }')).data).toEqual({
        user: null,
        session: { keys: [] },
      })
    }
  })

  it('takes typeDefs and resolvers beside it, and leaves the schema that was given alone', async () => {
    const before = printType(codeFirst.getQueryType()!)
    const client = await clientOf<MySession, {}>({
      schema: codeFirst,
      typeDefs: 'extend type Query { extra: String } extend type Session { owner: String }',
      resolvers: {
        Query: { extra: () => 'more' },
        Session: { owner: (session: SessionContext<MySession>['session']) => session.get('user_id', 'none') },
      },
    })
    expect((await client.run('{ extra user session { owner } }')).data).toEqual({
      extra: 'more',
      user: null,
      session: { owner: 'none' },
    })
    expect(printType(codeFirst.getQueryType()!)).toBe(before)
  })

  it('keeps scalars of its own, under names of ours', async () => {
    const DateTime = new GraphQLScalarType({ name: 'DateTime', serialize: (text) => `at ${String(text)}` })
    const own = new GraphQLObjectType({
      name: 'Query',
      fields: { now: { type: DateTime, resolve: () => 'noon' } },
    })
    const client = await clientOf<MySession, {}>({ schema: new GraphQLSchema({ query: own }) })
    expect((await client.run('{ now session { isNew } }')).data).toEqual({
      now: 'at noon',
      session: { isNew: true },
    })
  })

  it('may have the session’s schema in it already', async () => {
    const schema = makeExecutableSchema({
      typeDefs: [sessionTypeDefs, 'extend type Query { hello: String }'],
      resolvers: [sessionResolvers, { Query: { hello: () => 'world' } }],
    })
    const client = await clientOf<MySession, {}>({ schema })
    expect((await client.run('{ hello session { keys } }')).data).toEqual({
      hello: 'world',
      session: { keys: [] },
    })
  })

  it.each([
    [
      '"Session" is the name of a type of the session',
      new GraphQLSchema({
        query: new GraphQLObjectType({
          name: 'Query',
          fields: {
            mine: {
              type: new GraphQLObjectType({ name: 'Session', fields: { device: { type: GraphQLString } } }),
            },
          },
        }),
      }),
    ],
    [
      'RootQuery must be named Query',
      new GraphQLSchema({
        query: new GraphQLObjectType({ name: 'RootQuery', fields: { a: { type: GraphQLString } } }),
      }),
    ],
    ['"LogoutPayload" is', buildSchema('type Query { a: LogoutPayload } scalar LogoutPayload')],
    [
      '"SessionExpiryInput" is',
      buildSchema('type Query { a(b: SessionExpiryInput): Int } input SessionExpiryInput { days: Int }'),
    ],
    [
      '"SessionExpiryPolicy" is',
      buildSchema('type Query { a: SessionExpiryPolicy } enum SessionExpiryPolicy { NEVER }'),
    ],
    [
      '"Mutation.logout" is the name of a field',
      buildSchema('type Query { a: Int } type Mutation { logout: Int }'),
    ],
  ])('that cannot be merged is refused: %s', (says, schema) => {
    expect(() => createSessionServer({ store: memoryStore({ max: 1 }), schema })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(says) }),
    )
  })

  it('drops what a failed mutation of it recorded', async () => {
    const failing = new GraphQLObjectType<unknown, SessionContext<MySession>>({
      name: 'Mutation',
      fields: {
        fail: {
          type: GraphQLString,
          resolve(_, __, { session }) {
            session.set('user_id', '1')
            throw createGraphQLError('No.')
          },
        },
      },
    })
    const client = await clientOf<MySession, {}>({
      schema: new GraphQLSchema({ query: Query, mutation: failing }),
    })
    expect((await client.run('mutation { fail }')).setCookies).toEqual([])
    expect((await client.run('{ user }')).data).toEqual({ user: null })
  })

  it.each([
    ['schema', 'type Query { a: Int }'],
    ['schema', null],
    ['schema', {}],
    ['context', null],
    ['context', 'name'],
  ])('%s: %o is refused', (name, value) => {
    const options = { store: memoryStore({ max: 1 }), [name]: value }
    expect(() => createSessionServer(options)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(name) }),
    )
  })
})
