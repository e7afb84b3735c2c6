import { buildSchema, parse, Source } from 'graphql'
import { describe, expect, it } from 'vitest'
import { sessionTypeDefs } from '../../src/graphql/resolvers.ts'
import { createSessionServer, type SessionServerOptions } from '../../src/server/create-session-server.ts'
import { SessionError } from '../../src/session/errors.ts'
import { memoryStore } from '../../src/stores/memory.ts'

function complaint(options: Pick<SessionServerOptions, 'typeDefs' | 'resolvers'>): SessionError {
  try {
    createSessionServer({ ...options, store: memoryStore({ max: 10 }) })
  } catch (error) {
    if (error instanceof SessionError) return error
    throw error
  }
  return expect.unreachable()
}

const user = (type: string) => `
  type User {
    id: ID!
    name: ${type}
  }
  extend type Query { me: User }
`
const valid = user('String')

describe('a schema that is wrong', () => {
  it.each<[told: string, options: Pick<SessionServerOptions, 'typeDefs' | 'resolvers'>]>([
    ['typeDefs, line 4 (name: String!!): Syntax Error: Expected Name, found "!".', { typeDefs: user('String!!') }],
    ['typeDefs, line 4 (name: Strin): Unknown type "Strin". Did you mean "String"?', { typeDefs: user('Strin') }],
    ['typeDefs, line 4 (name: String @lower): Unknown directive "@lower".', { typeDefs: user('String @lower') }],
    ['typeDefs, line 7 (extend type Usr { a: Int }): Cannot extend type "Usr" because it is not defined. Did you mean "User"?', { typeDefs: `${valid}extend type Usr { a: Int }` }],
    ['typeDefs, line 2 (type User {): User.nam defined in resolvers, but not in schema.', { typeDefs: valid, resolvers: { User: { nam: () => 1 } } }],
    ['typeDefs, line 3 (type Dog { a: Usrs }): Unknown type "Usrs". Did you mean "Users" or "User"?', { typeDefs: 'type User { a: Users }\ntype Users { a: User }\ntype Dog { a: Usrs }' }],
    ['"Usr" defined in resolvers, but not in schema.', { typeDefs: valid, resolvers: { Usr: {} } }],
    ['typeDefs, line 6 (extend type Query { me: User }): "Query" defined in resolvers, but has invalid value "5". The resolver\'s value must be of type object.', { typeDefs: valid, resolvers: { Query: 5 as never } }],
    ['typeDefs, line 3 (id: ID!): Unable to merge GraphQL type "User": Field "id" already defined with a different type. Declared as "ID", but you tried to override with "Int".', { typeDefs: `${valid}extend type User { id: Int }` }],
    ['typeDefs, line 7 (input In { user: User }): The type of In.user must be Input Type but got: User.', { typeDefs: `${valid}input In { user: User }` }],
    ['typeDefs, line 7 (interface Named { alias: Int }): Interface field Named.alias expected but Dog does not provide it.', { typeDefs: `${valid}interface Named { alias: Int }\ntype Dog implements Named { id: Int }` }],
    ['typeDefs, line 2 (type B { a: Nowhere }): Unknown type "Nowhere". typeDefs, line 3 (type C { a: Elsewhere }): Unknown type "Elsewhere".', { typeDefs: 'type A { a: B, c: A }\ntype B { a: Nowhere }\ntype C { a: Elsewhere }' }],
    ['typeDefs[1][0], line 2 (type B { b: Nowhere }): Unknown type "Nowhere".', { typeDefs: ['type A { a: Int }', [() => '\n  type B { b: Nowhere }']] }],
    ['typeDefs[2], line 1 (type B { b: }): Syntax Error: Expected Name, found "}".', { typeDefs: ['type A { a: Int }', '', 'type B { b: }'] }],
    ['typeDefs, line 2 (b: Nowhere): Unknown type "Nowhere".', { typeDefs: parse('type A {\n  b: Nowhere\n}') }],
    ['Unknown type "Nowhere".', { typeDefs: parse('type A { b: Nowhere }', { noLocation: true }) }],
    ['typeDefs must contain only strings, documents, schemas, or functions, got number.', { typeDefs: 5 as never }],
  ])('is told: %s', (told, options) => {
    expect(complaint(options)).toMatchObject({ code: 'CONFIG_INVALID', message: told })
  }) // prettier-ignore

  it('is not what a function throws that makes typeDefs', () => {
    const own = new Error('mine')
    const typeDefs = () => {
      throw own
    }
    expect(() => createSessionServer({ typeDefs, store: memoryStore({ max: 10 }) })).toThrow(own)
  })
})

describe('names of the session in typeDefs', () => {
  const type = 'is the name of a type of the session. Rename it.'
  const field = 'is the name of a field of the session. Rename it.'
  it.each<[told: string, typeDefs: NonNullable<SessionServerOptions['typeDefs']>]>([
    [`typeDefs, line 2 (type Session { cart: Int }): "Session" ${type}`, '\ntype Session { cart: Int }'],
    [
      `typeDefs[1], line 1 (type SessionEntry { key: String! }): "SessionEntry" ${type}`,
      [valid, 'type SessionEntry { key: String! }'],
    ],
    [
      `typeDefs[0], line 1 (type LogoutPayload { ok: Boolean }): "LogoutPayload" ${type}`,
      [() => parse('type LogoutPayload { ok: Boolean }')],
    ],
    [
      `typeDefs[0]: "LogoutPayload" ${type}`,
      [parse('type LogoutPayload { ok: Boolean }', { noLocation: true })],
    ],
    [
      `typeDefs, line 1 (input SessionExpiryInput { days: Int }): "SessionExpiryInput" ${type}`,
      'input SessionExpiryInput { days: Int }',
    ],
    [
      `typeDefs, line 1 (enum SessionExpiryPolicy { NEVER }): "SessionExpiryPolicy" ${type}`,
      'enum SessionExpiryPolicy { NEVER }',
    ],
    [
      `typeDefs, line 1 (interface SessionPayload { ok: Boolean }): "SessionPayload" ${type}`,
      'interface SessionPayload { ok: Boolean }',
    ],
    [`typeDefs[0], line 1 (scalar Session): "Session" ${type}`, [new Source('scalar Session')]],
    [
      `typeDefs[0], line 1 (union Session = User): "Session" ${type}`,
      parse(`union Session = User ${valid}`).definitions.slice(0, 1),
    ],
    [`typeDefs, line 1 (type DateTime { at: Int }): "DateTime" ${type}`, 'type DateTime { at: Int }'],
    [
      `typeDefs, line 1 (type Mutation { logout: LogoutPayload }): "Mutation.logout" ${field}`,
      'type Mutation { logout: LogoutPayload }',
    ],
    [
      `typeDefs, line 1 (extend type Mutation { logout(flush: Boolean, all: Boolean): LogoutPayload! }): "Mutation.logout" ${field}`,
      'extend type Mutation { logout(flush: Boolean, all: Boolean): LogoutPayload! }',
    ],
    [
      `typeDefs, line 1 (extend type Query { session(id: ID!): Session }): "Query.session" ${field}`,
      'extend type Query { session(id: ID!): Session }',
    ],
    [
      `typeDefs, line 1 (extend type Session { keys(of: Int): [String!]! }): "Session.keys" ${field}`,
      'extend type Session { keys(of: Int): [String!]! }',
    ],
    [
      'typeDefs, line 1 (extend enum SessionExpiryPolicy { NEVER }): "SessionExpiryPolicy" of the session cannot be extended.',
      'extend enum SessionExpiryPolicy { NEVER }',
    ],
    [
      'typeDefs, line 1 (extend input SessionExpiryInput { days: Int }): "SessionExpiryInput" of the session cannot be extended.',
      'extend input SessionExpiryInput { days: Int }',
    ],
    [
      'typeDefs, line 1 (schema { query: Root } type Root { a: Int }): its root type Root must be named Query.',
      'schema { query: Root } type Root { a: Int }',
    ],
    [`typeDefs[0]: "Session" ${type}`, [buildSchema('type Query { a: Session } type Session { cart: Int }')]],
  ])('%s', (told, typeDefs) => {
    const error = complaint({ typeDefs: typeDefs })
    expect([error.code, error.message]).toEqual(['CONFIG_INVALID', told])
  })

  it.each<[what: string, typeDefs: string]>([
    ['Session.theme', 'extend type Session { theme: String! }'],
    ['Session.theme', 'type User { id: ID! } extend type Session { user: User theme: String! }'],
    ['Trip.id', 'extend type Trip { id: ID! }'],
    ['Session.id', 'extend type Session { id: ID! }'],
    ['PoppedSessionData.theme', 'extend type PoppedSessionData { theme: String }'],
  ])('%s, also where it is the same', (name, typeDefs) => {
    const data = `
      type SessionData {
        theme: String! @session(client: [READ, DELETE], default: "light")
        trip: Trip @session(client: [READ])
      }
      type Trip { id: ID! }`
    expect(complaint({ data, typeDefs } as never).message).toBe(
      `typeDefs, line 1 (${typeDefs}): "${name}" ${field}`,
    )
  })

  it.each<[name: string, typeDefs: NonNullable<SessionServerOptions['typeDefs']>]>([
    ['more fields of Session', 'extend type Session { cart: Int }'],
    ['scalars that both have', 'scalar JSON scalar JSONObject scalar DateTime'],
    ['the schema of the session itself', [sessionTypeDefs, valid]],
    ['the schema of the session, parsed', [parse(sessionTypeDefs), valid]],
    ['other root fields', 'type Query { sessions: [Session!]! } type Mutation { logOut: LogoutPayload }'],
    ['the root types by their names', 'schema { query: Query mutation: Mutation }'],
  ])('may be used for %s', (_, typeDefs) => {
    createSessionServer({ typeDefs, store: memoryStore({ max: 10 }) })
  })
})
