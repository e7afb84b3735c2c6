import { makeExecutableSchema } from '@graphql-tools/schema'
import {
  extendSchema,
  getNamedType,
  graphql,
  type GraphQLInputObjectType,
  GraphQLSchema,
  introspectionFromSchema,
  buildClientSchema,
  parse,
  specifiedDirectives,
} from 'graphql'
import { createSchema } from 'graphql-yoga'
import { describe, expect, it } from 'vitest'
import { sessionResolvers, sessionTypeDefs } from '../../src/graphql/resolvers.ts'
import { openSession } from '../../src/server/open-session.ts'
import { memoryStore } from '../../src/stores/memory.ts'

const isOneOf = (schema: GraphQLSchema): boolean =>
  (getNamedType(schema.getType('SessionExpiryInput')) as GraphQLInputObjectType).isOneOf

describe('sessionTypeDefs', () => {
  // Apollo's composition, and its subgraphs of some versions, know only the directives of the GraphQL of 2021.
  it('can be read where @oneOf is not built in', () => {
    const directives = specifiedDirectives.filter(({ name }) =>
      ['include', 'skip', 'deprecated', 'specifiedBy'].includes(name),
    )
    const schema = extendSchema(new GraphQLSchema({ directives }), parse(sessionTypeDefs))
    expect(isOneOf(schema)).toBe(true)
  })

  it.each<[string, GraphQLSchema]>([
    ['makeExecutableSchema', makeExecutableSchema({ typeDefs: sessionTypeDefs })],
    ['createSchema of Yoga', createSchema({ typeDefs: sessionTypeDefs })],
    [
      'one whose application defines the directive, too',
      createSchema({ typeDefs: [sessionTypeDefs, 'directive @oneOf on INPUT_OBJECT'] }),
    ],
  ])('keep “exactly one” for clients of %s', (_, schema) => {
    expect(isOneOf(schema)).toBe(true)
    expect(isOneOf(buildClientSchema(introspectionFromSchema(schema, { oneOf: true })))).toBe(true)
  })
})

describe('setSessionExpiry where the executor does not know @oneOf', () => {
  const typeDefs = sessionTypeDefs
    .replace(/^"Indicates .*\ndirective @oneOf .*$/m, '')
    .replace('SessionExpiryInput @oneOf', 'SessionExpiryInput')
  const schema = makeExecutableSchema({ typeDefs, resolvers: sessionResolvers })
  const run = async (expiry: string) => {
    const session = openSession(memoryStore({ max: 1 }))
    const source = `mutation { setSessionExpiry(expiry: ${expiry}) { session { expiresAtBrowserClose } } }`
    return graphql({ schema, source, contextValue: { session } })
  }

  it.each([
    '{}',
    '{ seconds: 60, policy: BROWSER_CLOSE }',
    '{ policy: SERVER_DEFAULT, at: "2100-01-01T00:00:00Z" }',
    '{ seconds: null }',
  ])('refuses %s', async (expiry) => {
    const { errors } = await run(expiry)
    expect(errors?.map(({ extensions }) => extensions['code'])).toEqual(['BAD_USER_INPUT'])
  })

  it('takes one', async () => {
    expect((await run('{ policy: BROWSER_CLOSE }')).data).toEqual({
      setSessionExpiry: { session: { expiresAtBrowserClose: true } },
    })
  })
})
