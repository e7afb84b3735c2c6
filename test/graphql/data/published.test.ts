import fc from 'fast-check'
import {
  buildSchema,
  GraphQLObjectType,
  GraphQLSchema,
  GraphQLString,
  Kind,
  parse,
  print,
  validateSchema,
} from 'graphql'
import { describe, expect, it, vi } from 'vitest'
import { sessionData } from '../../../src/graphql/data/session-data.ts'
import { sessionTypeDefs } from '../../../src/graphql/resolvers.ts'
import { declarations, planted } from './declarations.ts'
import { clientOf, schemaOf, storefront } from './storefront.ts'

vi.spyOn(process, 'emitWarning').mockImplementation(() => {})

/** What a published schema has more than the session has without data. */
function added(typeDefs: string): string {
  const ours = parse(sessionTypeDefs).definitions
  const more = parse(typeDefs).definitions.flatMap((definition) => {
    const own = ours.find(
      (each) => 'name' in each && 'name' in definition && each.name?.value === definition.name?.value,
    )
    if (own && print(own) === print(definition)) return []
    if (own?.kind !== Kind.OBJECT_TYPE_DEFINITION || definition.kind !== Kind.OBJECT_TYPE_DEFINITION)
      return [definition]
    const had = new Set(own.fields!.map((field) => print(field)))
    return [
      {
        ...definition,
        description: undefined,
        fields: definition.fields!.filter((field) => !had.has(print(field))),
      },
    ]
  })
  return more.map((each) => print(each as never)).join('\n')
}

/** What the session has without data, and a published schema has not. */
function left(typeDefs: string): string[] {
  const names = (sdl: string) =>
    parse(sdl).definitions.flatMap((each) => {
      const { value } = (each as { name: { value: string } }).name
      const fields = each.kind === Kind.OBJECT_TYPE_DEFINITION ? each.fields! : []
      return [value, ...fields.map(({ name }) => `${value}.${name.value}`)]
    })
  const there = new Set(names(typeDefs))
  return names(sessionTypeDefs).filter((name) => !there.has(name))
}

describe('the published schema', () => {
  it('of a storefront has what clients may read, write and take out', () => {
    expect(added(sessionData(storefront).typeDefs)).toMatchInlineSnapshot(`
      "type Session {
        "Whether the shop is shown dark."
        darkMode: Boolean!
        "What is in the cart."
        cart: [CartItem!]!
        currency: Currency!
        userId: ID
      }
      type Mutation {
        "Sets and deletes the given entries, or does none of it."
        updateSessionData(data: SessionDataInput!): UpdateSessionDataPayload!
        "Deletes the entries and returns what they held. Of two at the same time, one finds it."
        popSessionData(keys: [SessionDataKey!]!): PopSessionDataPayload!
      }
      type CartItem {
        id: ID!
        sku: ID!
        quantity: Int!
      }
      enum Currency {
        EUR
        USD
      }
      "Only the fields that are given are changed. null deletes the entry, so that its default applies."
      input SessionDataInput {
        "Whether the shop is shown dark."
        darkMode: Boolean
        currency: Currency
      }
      type UpdateSessionDataPayload implements SessionPayload {
        session: Session!
      }
      "The entries that can be taken out."
      enum SessionDataKey {
        DARK_MODE
        CART
        CURRENCY
        USER_ID
      }
      "What was taken out, and is yours alone. null for what was absent, and for what was not asked for."
      type PoppedSessionData {
        "Whether the shop is shown dark."
        darkMode: Boolean
        "What is in the cart."
        cart: [CartItem!]
        currency: Currency
        userId: ID
      }
      type PopSessionDataPayload implements SessionPayload {
        session: Session!
        popped: PoppedSessionData!
      }"
    `)
  })

  it('is the same for the declaration as an object', () => {
    const all = ['read', 'write', 'delete'] as const
    const data = sessionData(
      {
        darkMode: {
          type: 'Boolean!',
          description: 'Whether the shop is shown dark.',
          client: all,
          default: false,
          key: 'dark_mode',
        },
        cart: {
          type: '[CartItem!]!',
          description: 'What is in the cart.',
          client: ['read', 'delete'],
          default: [],
          key: 'shopping_cart',
        },
        currency: { type: 'Currency!', client: all, default: 'EUR' },
        userId: { type: 'ID', client: ['read', 'delete'], key: 'user_id' },
        loginAttempts: {
          type: 'Int!',
          description: 'How often somebody tried to sign in.',
          default: 0,
        },
      },
      { types: 'type CartItem { id: ID!  sku: ID!  quantity: Int! }  enum Currency { EUR USD }' },
    )
    const same = sessionData(storefront)
    expect(data.typeDefs).toBe(same.typeDefs)
    expect(data.fields).toEqual(same.fields)
    expect(JSON.stringify([...data.keys])).toBe(JSON.stringify([...same.keys]))
  })

  it('has what nested types hold, and no @session', () => {
    const data = sessionData(`
      directive @session(client: [SessionRight!], default: JSON, key: String, ttl: Int) on FIELD_DEFINITION
      enum SessionRight { READ WRITE DELETE }
      scalar JSON
      type SessionData {
        "Where to."
        shipTo: Address @session(client: [READ, WRITE])
        trialEnds: DateTime @session(client: [READ, WRITE])
        old: Int @deprecated(reason: "Not kept.") @session(client: [WRITE])
        mfa: Challenge @session(ttl: 300)
      }
      "A place."
      type Address {
        "Of whom."
        name: String!
        lines: [Line!]! @session(default: [])
        country: Country! @session(default: DE)
        more: JSON @deprecated
      }
      type Line { id: ID! @session(default: 1)  next: Line }
      enum Country { DE "France." FR @deprecated }
      type Challenge { nonce: String! }
    `)
    expect(added(data.typeDefs)).toMatchInlineSnapshot(`
      "type Session {
        "Where to."
        shipTo: Address
        trialEnds: DateTime
      }
      type Mutation {
        "Sets and deletes the given entries, or does none of it."
        updateSessionData(data: SessionDataInput!): UpdateSessionDataPayload!
      }
      "A place."
      type Address {
        "Of whom."
        name: String!
        lines: [Line!]!
        country: Country!
        more: JSON @deprecated
      }
      type Line {
        id: ID!
        next: Line
      }
      enum Country {
        DE
        "France."
        FR @deprecated
      }
      "A place."
      input AddressInput {
        "Of whom."
        name: String!
        lines: [LineInput!]! = []
        country: Country! = DE
        more: JSON @deprecated
      }
      input LineInput {
        id: ID! = 1
        next: LineInput
      }
      "Only the fields that are given are changed. null deletes the entry, so that its default applies."
      input SessionDataInput {
        "Where to."
        shipTo: AddressInput
        trialEnds: DateTime
        old: Int @deprecated(reason: "Not kept.")
      }
      type UpdateSessionDataPayload implements SessionPayload {
        session: Session!
      }"
    `)
  })

  it('leaves out what would be empty', () => {
    const { typeDefs } = sessionData(
      'type SessionData { a: Int  b: B @session(client: READ) } type B { c: Int }',
    )
    expect(added(typeDefs)).toBe('type Session {\n  b: B\n}\ntype B {\n  c: Int\n}')
    const none = sessionData('type SessionData { a: Int  b: Int @session(client: [DELETE]) }')
    expect(added(none.typeDefs)).toBe('')
    expect(left(none.typeDefs)).toEqual([])
  })

  it('leaves out the verbs by key, and what only they reach, for typed verbs', () => {
    const data = sessionData(storefront, { verbs: 'typed' })
    expect(left(data.typeDefs)).toEqual([
      'JSONObject',
      'Session.keys',
      'Session.has',
      'Session.value',
      'Session.entries',
      'SessionEntry',
      'SessionEntry.id',
      'SessionEntry.key',
      'SessionEntry.value',
      ...['setSessionKey', 'updateSession', 'setDefaultSessionKey', 'deleteSessionKey', 'popSessionKey'].map(
        (verb) => `Mutation.${verb}`,
      ),
      ...[
        'SetSessionKey',
        'UpdateSession',
        'SetDefaultSessionKey',
        'DeleteSessionKey',
        'PopSessionKey',
      ].flatMap((verb) =>
        parse(sessionTypeDefs).definitions.flatMap((each) =>
          each.kind === Kind.OBJECT_TYPE_DEFINITION && each.name.value === `${verb}Payload`
            ? [each.name.value, ...each.fields!.map(({ name }) => `${each.name.value}.${name.value}`)]
            : [],
        ),
      ),
    ])
    expect(added(data.typeDefs)).toContain('updateSessionData')
    expect(() => schemaOf(data)).not.toThrow()
  })

  it('of any declaration is valid, has resolvers, and tells nothing of what is for the server only', () => {
    fc.assert(
      fc.property(declarations, fc.constantFrom('all', 'typed'), ({ sdl, fields }, verbs) => {
        const data = sessionData(sdl, { verbs })
        expect(validateSchema(buildSchema(data.typeDefs))).toEqual([])
        expect(data.typeDefs).not.toMatch(planted)
        expect(Object.keys(data.types).join(' ')).not.toMatch(planted)
        expect(data.typeDefs).not.toContain('@session')
        const schema = schemaOf(data)
        const session = (schema.getType('Session') as GraphQLObjectType).getFields()
        for (const { name, type, rights } of fields) {
          expect(session[name] && String(session[name].type)).toBe(rights.includes('READ') ? type : undefined)
        }
        expect(data.fields.map(({ name, type }) => ({ name, type }))).toEqual(
          fields.map(({ name, type }) => ({ name, type })),
        )
      }),
      { numRuns: 100 },
    )
  })
})

describe('an application', () => {
  it('extends the types of its data, and the session', async () => {
    const data = sessionData(storefront)
    const schema = schemaOf(data, {
      typeDefs: 'extend type CartItem { product: String } extend type Session { user: String }',
      resolvers: {
        CartItem: { product: ({ sku }: { sku: string }) => `product ${sku}` },
        Session: { user: async (session: any) => `user ${await session.get('user_id', '-')}` },
        Query: {
          session: (_: unknown, __: unknown, { session }: any) => {
            session.set('shopping_cart', [{ id: 'CartItem:1', sku: '1', quantity: 2 }])
            return session
          },
        },
      },
    })
    const { data: answer } = await clientOf(data, schema).run('{ session { user cart { sku product } } }')
    expect(answer).toEqual({ session: { user: 'user -', cart: [{ sku: '1', product: 'product 1' }] } })
  })

  it('takes the types for a schema that is written in code', async () => {
    const data = sessionData(storefront)
    const { Query, Mutation, ...types } = data.types as Record<string, GraphQLObjectType>
    const query = '{ session { darkMode cart { id } currency userId createdAt } }'
    const change =
      'mutation { updateSessionData(data: { currency: USD }) { session { currency createdAt } } }'
    const asTheyAre = new GraphQLSchema({ types: Object.values(types), query: Query!, mutation: Mutation! })
    expect(validateSchema(asTheyAre)).toEqual([])
    const client = clientOf(data, asTheyAre)
    expect((await client.run(query)).data.session).toMatchObject({
      darkMode: false,
      currency: 'EUR',
      userId: null,
    })
    expect((await client.run(change)).data.updateSessionData.session).toEqual({
      currency: 'USD',
      createdAt: expect.stringMatching(/^20.*Z$/),
    })

    const own = new GraphQLObjectType({
      name: 'Query',
      fields: { ...Query!.toConfig().fields, hello: { type: GraphQLString, resolve: () => 'hello' } },
    })
    const extended = new GraphQLSchema({ types: Object.values(types), query: own, mutation: Mutation! })
    expect((await clientOf(data, extended).run('{ hello session { currency } }')).data).toEqual({
      hello: 'hello',
      session: { currency: 'EUR' },
    })
  })
})
