import { GraphQLScalarType } from 'graphql'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { sessionData, type SessionDataOptions } from '../../../src/graphql/data/session-data.ts'
import { SessionError } from '../../../src/session/errors.ts'
import { storefront } from './storefront.ts'

const messageOf = (declaration: unknown, options: unknown = {}): string => {
  try {
    sessionData(declaration as string, options as SessionDataOptions)
  } catch (error) {
    expect(error).toBeInstanceOf(SessionError)
    expect((error as SessionError).code).toBe('CONFIG_INVALID')
    return (error as SessionError).message
  }
  return ''
}

const fields = (body: string, more = ''): string => `type SessionData {\n${body}\n}\n${more}`

describe('a declaration in SDL is CONFIG_INVALID with', () => {
  it.each<[rule: string, sdl: string, says: RegExp]>([
    [
      'a type that must have a value, and no default',
      fields('a: Int!'),
      /line 2: "a" can be absent.*Int! needs/,
    ],
    ['a list that must be there, and no default', fields('a: [Int!]!'), /"a" can be absent/],
    [
      'a default of null where a value must be',
      fields('a: Int! @session(default: null)'),
      /default of "a".*Int!/,
    ],
    ['the field id', fields('id: ID'), /"id" is a field of the session/],
    ['the field handle', fields('handle: ID'), /"handle" is a field of the session/],
    ['the field isEmpty', fields('isEmpty: Boolean'), /"isEmpty" is a field of the session/],
    ['the field keys', fields('keys: [String!]'), /"keys" is a field of the session/],
    ['the field expiresIn', fields('expiresIn: Int'), /"expiresIn" is a field of the session/],
    ['arguments', fields('a(b: Int): Int'), /line 2: "a" has arguments/],
    ['arguments of a nested field', fields('a: A', 'type A { b(c: Int): Int }'), /"A\.b" has arguments/],
    ['an interface', fields('a: Int', 'interface I { a: Int }'), /line 4: .*interface/],
    [
      'a type with an interface',
      fields('a: A', 'type A implements I { a: Int }'),
      /"A" implements an interface/,
    ],
    ['a data type with an interface', 'type SessionData implements I { a: Int }', /"SessionData" implements/],
    [
      'a union that clients write',
      fields('a: U @session(client: [WRITE])', 'union U = A type A { a: Int }'),
      /"a".*union "U"/,
    ],
    [
      'a union in what clients write',
      fields('b: B @session(client: WRITE)', 'type B { u: [U!] } union U = A type A { a: Int }'),
      /"B\.u".*union "U"/,
    ],
    [
      'two fields of one key',
      fields('a: Int @session(key: "b")\nb: Int'),
      /line 3: "a" and "b" have the same key/,
    ],
    ['a key of other characters', fields('a: Int @session(key: "no key")'), /"a" has a key/],
    ['a key of no characters', fields('a: Int @session(key: "")'), /"a" has a key/],
    ['a key that is no text', fields('a: Int @session(key: some)'), /"a" has a key/],
    ['a name that is no key', fields('constructor: Int'), /"constructor" has a key/],
    [
      'two names that are one in the enum',
      fields('fooBar: Int @session(client: [READ, DELETE])\nfoo_bar: Int @session(client: [READ, DELETE])'),
      /"fooBar" and "foo_bar" would both be FOO_BAR/,
    ],
    [
      'a sign-in that is unknown',
      fields('a: Int @session(onSignIn: MAYBE)'),
      /"a": "onSignIn" must be KEEP or DROP/,
    ],
    ['a ttl of 0', fields('a: Int @session(ttl: 0)'), /ttl of "a"/],
    ['a ttl below 0', fields('a: Int @session(ttl: -5)'), /ttl of "a"/],
    ['a ttl that is not whole', fields('a: Int @session(ttl: 1.5)'), /ttl of "a"/],
    ['a ttl that is text', fields('a: Int @session(ttl: "300")'), /ttl of "a"/],
    [
      'an unknown right',
      fields('a: Int @session(client: [READ, LIST])'),
      /"a": "client".*READ, WRITE and DELETE/,
    ],
    ['a right in small letters', fields('a: Int @session(client: [read])'), /"a": "client"/],
    ['a right as text', fields('a: Int @session(client: ["READ"])'), /"a": "client"/],
    ['an unknown argument', fields('a: Int @session(flash: true)'), /"a": @session takes.*"flash"/],
    ['an argument twice', fields('a: Int @session(ttl: 1, ttl: 2)'), /"a": @session takes.*once.*"ttl"/],
    ['@session twice', fields('a: Int @session @session'), /"a" has @session twice/],
    [
      'a default of another type',
      fields('a: Int @session(default: "1")'),
      /line 2: the default of "a" does not fit Int/,
    ],
    ['a default beyond its type', fields('a: Int @session(default: 3000000000)'), /default of "a"/],
    [
      'a text for a name of an enum',
      fields('a: E! @session(default: "X")', 'enum E { X }'),
      /default of "a" does not fit E!/,
    ],
    ['an unknown name of an enum', fields('a: E @session(default: Y)', 'enum E { X }'), /default of "a"/],
    [
      'a nested default of another type',
      fields('a: A @session(default: { b: [1, "2"] })', 'type A { b: [Int!] }'),
      /default of "a" does not fit A at b\.1/,
    ],
    [
      'a default with an unknown field',
      fields('a: A @session(default: { c: 1 })', 'type A { b: Int }'),
      /default of "a" does not fit A at c/,
    ],
    [
      'a default of a field that does not fit',
      fields('a: A', 'type A { b: Int! @session(default: X) }'),
      /line 4: the default of "A\.b" does not fit its type/,
    ],
    [
      'a default of null for a field that must have a value',
      fields('a: A', 'type A { b: Int! @session(default: null) }'),
      /the default of "A\.b" does not fit its type/,
    ],
    [
      'a default that contains itself',
      fields('a: A', 'type A { a: A @session(default: {}) }'),
      /the default of "A\.a" contains itself/,
    ],
    [
      'rights of a nested field',
      fields('a: A', 'type A { b: Int @session(client: [READ]) }'),
      /"b": @session takes each of default once, and not "client"/,
    ],
    [
      'an input of that name',
      fields('a: A @session(client: [WRITE])', 'type A { b: Int } enum AInput { X }'),
      /input "AInput"/,
    ],
    [
      'an input of the name of one of the session',
      fields('a: SessionExpiry @session(client: [WRITE])', 'type SessionExpiry { b: Int }'),
      /input "SessionExpiryInput"/,
    ],
    [
      'an input that contains itself without end',
      fields('a: A @session(client: [WRITE])', 'type A { a: A! }'),
      /AInput/,
    ],
    ['an input type', fields('a: Int', 'input I { a: Int }'), /an input/],
    [
      'a type named Session',
      fields('a: Session', 'type Session { a: Int }'),
      /line 4: "Session" is the name/,
    ],
    [
      'a type named SessionEntry',
      fields('a: Int', 'type SessionEntry { a: Int }'),
      /"SessionEntry" is the name/,
    ],
    [
      'a type named LogoutPayload',
      fields('a: Int', 'enum LogoutPayload { A }'),
      /"LogoutPayload" is the name/,
    ],
    ['a type named SessionDataInput', fields('a: Int', 'type SessionDataInput { a: Int }'), /is the name/],
    ['a type named SessionDataKey', fields('a: Int', 'enum SessionDataKey { A }'), /is the name/],
    ['a type named PoppedSessionData', fields('a: Int', 'type PoppedSessionData { a: Int }'), /is the name/],
    ['a type named Query', fields('a: Int', 'type Query { a: Int }'), /"Query" is the name/],
    [
      'a type named Subscription',
      fields('a: Int', 'type Subscription { a: Int }'),
      /"Subscription" is the name/,
    ],
    ['a type named String', fields('a: String', 'type String { a: Int }'), /"String" is the name/],
    ['a type named JSON', fields('a: JSON', 'type JSON { a: Int }'), /"JSON" is the name/],
    ['an unknown directive', fields('a: Int @constraint(min: 1)'), /"a": @constraint is not known/],
    ['an unknown directive of a type', fields('a: A', 'type A @key { a: Int }'), /"A": @key is not known/],
    [
      'an unknown directive of a value',
      fields('a: E', 'enum E { X @private }'),
      /"E\.X": @private is not known/,
    ],
    ['@session on a type', 'type SessionData @session { a: Int }', /"SessionData": @session is for fields/],
    [
      'a directive of its own',
      fields('a: Int', 'directive @mine on FIELD_DEFINITION'),
      /a directive of its own/,
    ],
    [
      'a type of the name of what every object has',
      fields('a: constructor', 'type constructor { b: Int }'),
      /line 4: "constructor" is the name of what every object has/,
    ],
    [
      'a field that clients write, of the name of what every object has',
      fields('toString: Int @session(client: [WRITE])'),
      /line 2: clients write "toString", which is the name of what every object has/,
    ],
    [
      'such a member of what clients write',
      fields('a: [A] @session(client: [READ, WRITE])', 'type A { b: Int  hasOwnProperty: Int }'),
      /clients write "A\.hasOwnProperty"/,
    ],
    ['extend', fields('a: Int', 'extend type SessionData { b: Int }'), /line 4: .*extend/],
    [
      'extend of an enum',
      fields('a: E', 'enum E { X } extend enum E { Y }'),
      /cannot have "EnumTypeExtension"/,
    ],
    ['a type of one member', fields('a: A', 'type A @oneOf { b: Int }'), /"A": @oneOf is not known here/],
    ['a directive of operations', fields('a: Int @include(if: true)'), /"a": @include is not known here/],
    ['a directive of a union', fields('a: U', 'union U @x = A type A { b: Int }'), /"U": @x is not known/],
    ['a union of scalars', fields('a: U', 'union U = String'), /U can only include Object types/],
    ['a union of nothing', fields('a: U', 'union U'), /U must define one or more member types/],
    ['an enum without names', fields('a: E', 'enum E'), /E must define one or more values/],
    [
      'an enum with a name of introspection',
      fields('a: E', 'enum E { __X }'),
      /"__X" must not begin with "__"/,
    ],
    ['a type of introspection', fields('a: __A', 'type __A { b: Int }'), /"__A" must not begin with "__"/],
    ['a prototype as a type', fields('a: __proto__', 'type __proto__ { b: Int }'), /"__proto__"/],
    ['a prototype as a field', fields('a: A', 'type A { __proto__: Int }'), /must not begin with "__"/],
    ['an argument of @deprecated', fields('a: Int @deprecated(since: 1)'), /Unknown argument "since"/],
    ['null for the rights', fields('a: Int @session(client: null)'), /"a": "client" must be a list/],
    ['null for the key', fields('a: Int @session(key: null)'), /"a" has a key/],
    ['null for the ttl', fields('a: Int @session(ttl: null)'), /ttl of "a"/],
    ['a variable for a default', fields('a: Int @session(default: $a)'), /Unexpected variable "\$a"/],
    ['a schema', fields('a: Int', 'schema { query: A }'), /SchemaDefinition/],
    ['an operation', fields('a: Int', '{ a }'), /OperationDefinition/],
    ['an unknown type', fields('a: Int\nb: [Itme!]'), /line 3: "b" has the unknown type "Itme"/],
    ['an unknown type in a type', fields('a: A', 'type A { b: Itme }'), /"b" has the unknown type "Itme"/],
    ['an unknown type in a union', fields('a: U', 'union U = A'), /the unknown type "A"/],
    ['itself as a type', fields('a: SessionData'), /"a" has the type SessionData/],
    [
      'a scalar that nothing implements',
      fields('a: Money', 'scalar Money'),
      /scalar "Money" needs an implementation/,
    ],
    [
      'a default with text that no session can hold',
      fields('a: String! @session(default: "a\\u0000b")'),
      /line 2: the default of "a" can never be stored: text must not contain U\+0000/,
    ],
    [
      'a default with a number that loses digits',
      fields('a: JSON @session(default: { b: [9007199254740993] })'),
      /the default of "a" does not fit JSON/,
    ],
    [
      'a default that is nested too deeply',
      fields(`a: JSON @session(default: ${'['.repeat(33)}${']'.repeat(33)})`),
      /the default of "a" can never be stored: it is nested more than 32 levels deep/,
    ],
    [
      'a default of a field that no session can hold',
      fields('a: A', 'type A { b: String @session(default: "a\\u0000b") }'),
      /line 4: the default of "A\.b" can never be stored: text must not contain U\+0000/,
    ],
    ['no type SessionData', 'type Data { a: Int }', /no type SessionData/],
    ['nothing in it', ' ', /no type SessionData/],
    ['no fields', 'type SessionData', /SessionData has no fields/],
    [
      'two types SessionData',
      `${fields('a: Int')}${fields('b: Int')}`,
      /line 4: there is a second type SessionData/,
    ],
    ['a type twice', fields('a: A', 'type A { a: Int } type A { b: Int }'), /"A"/],
    ['a field twice', fields('a: Int\na: Int'), /"?a"?/],
    ['a type without fields', fields('a: A', 'type A'), /A must define one or more fields/],
    ['a name of introspection', fields('__a: Int'), /__a/],
    ['what cannot be parsed', 'type SessionData {\n  a: Int\n  b Int\n}', /line 3: Syntax Error/],
  ])('%s', (_, sdl, says) => {
    expect(messageOf(sdl)).toMatch(says)
  })
})

describe('a declaration as an object is CONFIG_INVALID with', () => {
  it.each<[rule: string, declaration: unknown, options: unknown, says: RegExp]>([
    ['nothing', {}, {}, /no fields/],
    ['null', null, {}, /must be an object/],
    ['a number', 5, {}, /must be an object/],
    ['no type', { a: {} }, {}, /"a" needs a "type"/],
    ['a type that cannot be parsed', { a: { type: '[Int' } }, {}, /"a" needs a "type"/],
    ['an unknown option', { a: { type: 'Int', flash: true } }, {}, /sessionData\.a has no option "flash"/],
    ['a name that GraphQL refuses', { 'dark-mode': { type: 'Int' } }, {}, /dark-mode/],
    ['an unknown right', { a: { type: 'Int', client: ['READ'] } }, {}, /"a": "client"/],
    ['rights that are no list', { a: { type: 'Int', client: 'read' } }, {}, /"a": "client"/],
    ['a ttl that is text', { a: { type: 'Int', ttl: '300' } }, {}, /ttl of "a"/],
    ['a default of another type', { a: { type: 'Int', default: '1' } }, {}, /default of "a"/],
    ['a description that is no text', { a: { type: 'Int', description: 5 } }, {}, /"a": "description" must/],
    ['no default', { a: { type: 'Int!' } }, {}, /"a" can be absent/],
    [
      'a type of "types" named SessionData',
      { a: { type: 'Int' } },
      { types: fields('a: Int') },
      /"types" cannot/,
    ],
    ['types that cannot be parsed', { a: { type: 'Int' } }, { types: 'type' }, /"types" in line 1: Syntax/],
    ['types that are no SDL', { a: { type: 'Int' } }, { types: 5 }, /"types" must be SDL/],
    ['a field of the session', { keys: { type: 'Int' } }, {}, /"keys" is a field of the session/],
  ])('%s', (_, declaration, options, says) => {
    expect(messageOf(declaration, options)).toMatch(says)
  })

  it.each<[option: string, options: unknown, says: RegExp]>([
    ['unknown', { verb: 'all' }, /has no option "verb"/],
    ['verbs', { verbs: 'none' }, /"verbs"/],
    ['types beside SDL', { types: 'type A { a: Int }' }, /"types"/],
    ['scalars that are no list', { scalars: {} }, /"scalars"/],
    ['scalars that are none', { scalars: ['Money'] }, /"scalars"/],
  ])('the option %s', (_, options, says) => {
    expect(messageOf(storefront, options)).toMatch(says)
  })

  it.each<[where: string, declaration: unknown, options: object, says: RegExp]>([
    ['a field', fields('a: Money'), {}, /line 2: "a" has the type "Money".*"scalars".* Add: scalar Money\./],
    [
      'a field that clients read',
      fields('a: [Money!] @session(client: [READ])'),
      {},
      /"a" has the type "Money".* Add: scalar Money\./,
    ],
    ['a field of a type', fields('a: A', 'type A { b: Money }'), {}, /"b" has.* Add: scalar Money\./],
    ['an object', { a: { type: 'Money' } }, {}, /"a" has the type "Money".* Add: scalar Money\./],
  ])('a scalar that only its implementation defines, in %s', (_, declaration, options, says) => {
    const scalars = [new GraphQLScalarType({ name: 'Money' })]
    expect(messageOf(declaration, { ...options, scalars })).toMatch(says)
  })
})

describe('a declaration may have', () => {
  it.each<[what: string, sdl: string, options?: SessionDataOptions]>([
    [
      'the definition of the directive',
      `directive @session(any: Int) on FIELD_DEFINITION enum SessionRight { READ }${fields('a: Int')}`,
    ],
    [
      'the definitions of the scalars of the session',
      `scalar JSON scalar DateTime ${fields('a: JSON\nb: DateTime')}`,
    ],
    ['a default of a type that can be absent', fields('a: Int @session(default: 5)')],
    ['a single right', fields('a: Int @session(client: READ)')],
    [
      'types that contain themselves',
      fields('a: A @session(client: [READ, WRITE])', 'type A { id: ID!  a: A b: [A!] }'),
    ],
    [
      'two names that are one, of which clients take out one',
      fields('fooBar: Int @session(client: [READ, DELETE])\nfoo_bar: Int'),
    ],
    [
      'a union that clients read',
      fields('a: U @session(client: [READ, DELETE])', 'union U = A type A { a: Int }'),
    ],
    ['a key for a name that is none', fields('constructor: Int @session(key: "c")')],
    [
      'a scalar that is implemented',
      fields('a: Money', 'scalar Money'),
      { scalars: [new GraphQLScalarType({ name: 'Money' })] },
    ],
    [
      'what is deprecated',
      fields('a: Int @deprecated(reason: "old") @session(client: [READ, WRITE, DELETE])'),
    ],
  ])('%s', (_, sdl, options) => {
    expect(messageOf(sdl, options)).toBe('')
  })
})

it('a list of objects without an id is a warning, where clients read it', () => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  onTestFinished(() => warn.mockRestore())
  sessionData(
    fields(
      'a: [A!] @session(client: [READ])\nb: B @session(client: [READ])\nc: [C!]\nd: [D!] @session(client: [READ])\ne: [A]',
      'type A { b: B } type B { a: [A] c: C } type C { a: Int } type D { id: ID! }',
    ),
  )
  expect(warn.mock.calls).toEqual([
    [expect.stringContaining('"A" is in a list and has no id: ID!'), 'SessionWarning'],
  ])
})
