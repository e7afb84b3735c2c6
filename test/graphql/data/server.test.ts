import { GraphQLScalarType } from 'graphql'
import { createYoga } from 'graphql-yoga'
import { describe, expect, it, vi } from 'vitest'
import { sessionData, type SessionDataSchema } from '../../../src/graphql/data/session-data.ts'
import { useSession } from '../../../src/graphql/use-session.ts'
import { createSessionServer } from '../../../src/server/create-session-server.ts'
import { createSessions } from '../../../src/server/create-sessions.ts'
import { openSession } from '../../../src/server/open-session.ts'
import { memoryStore } from '../../../src/stores/memory.ts'
import { Client } from '../../support/harness.ts'
import { clientOf, schemaOf, storefront } from './storefront.ts'

vi.spyOn(process, 'emitWarning').mockImplementation(() => {})

/** A mutation by which a test sets what clients may not write. */
const setting = (values: Record<string, unknown>) => ({
  typeDefs: 'extend type Mutation { prepare: Boolean! }',
  resolvers: {
    Mutation: {
      prepare: (_: unknown, __: unknown, { session }: any) => {
        session.merge(values)
        return true
      },
    },
  },
})

describe('Session', () => {
  it('has the default of each entry that is absent, and null where there is none', async () => {
    const client = clientOf(sessionData(storefront))
    const { body } = await client.run('{ session { darkMode cart { id } currency userId isEmpty } }')
    expect(body).toEqual({
      data: { session: { darkMode: false, cart: [], currency: 'EUR', userId: null, isEmpty: true } },
    })
  })

  it('has the default of an entry that does not fit, as a younger declaration finds it', async () => {
    const store = memoryStore({ max: 10 })
    const before = openSession<any>(store)
    before.merge({ dark_mode: 'yes', shopping_cart: [{ id: '1', sku: '1' }], currency: 'GBP', user_id: '5' })
    await before.save()
    const client = clientOf(sessionData(storefront), undefined, store)
    client.cookies.set('__Host-session', before.token!)
    const { body } = await client.run('{ session { darkMode cart { quantity } currency userId } }')
    expect(body).toEqual({ data: { session: { darkMode: false, cart: [], currency: 'EUR', userId: '5' } } })
  })

  it('has what the verbs by key set, which judge by the same declaration', async () => {
    const client = clientOf(sessionData(storefront))
    const set = `mutation ($key: String!, $value: JSON) {
      setSessionKey(key: $key, value: $value) { session { darkMode currency } }
    }`
    const good = await client.run(set, { key: 'currency', value: 'USD' })
    expect(good.data.setSessionKey.session).toEqual({ darkMode: false, currency: 'USD' })
    const bad = await client.run(set, { key: 'currency', value: 'GBP' })
    expect(bad.body.errors).toMatchObject([
      {
        message: 'The value for "currency" does not fit its type.',
        extensions: { code: 'SESSION_VALUE_INVALID' },
      },
    ])
    expect((await client.run(set, { key: 'shopping_cart', value: [] })).codes).toEqual([
      'SESSION_KEY_FORBIDDEN',
    ])
  })

  it('has no field that only the server uses', async () => {
    const client = clientOf(sessionData(storefront))
    const { body } = await client.run('{ session { loginAttempts } }')
    expect(body.errors[0].message).toContain('Cannot query field "loginAttempts"')
  })

  it('gives what is stored in the form of an answer, whatever the schema makes of scalars and enums', async () => {
    const data = sessionData(`
      type SessionData {
        at: DateTime @session(client: [READ, WRITE, DELETE])
        dates: [[DateTime]] @session(client: [READ, WRITE])
        trips: [Trip!] @session(client: [READ, WRITE, DELETE])
        mode: Mode! @session(client: [READ, WRITE, DELETE], default: CAR)
      }
      type Trip { id: ID!  at: DateTime!  mode: Mode!  stops: [DateTime!]  more: JSON }
      enum Mode { CAR TRAIN }
    `)
    const trip = '{ id at mode stops more }'
    const write = `mutation {
      updateSessionData(data: {
        at: "2026-01-01T02:00:00+01:00", dates: [["2026-01-01T00:00:00Z", null]], mode: TRAIN
        trips: [{ id: 5, at: "2026-01-01T00:00:00Z", mode: CAR, stops: "2026-01-02T00:00:00Z", more: { a: [1] } }]
      }) { session { at dates mode trips ${trip} } }
    }`
    const written = {
      at: '2026-01-01T01:00:00.000Z',
      dates: [['2026-01-01T00:00:00.000Z', null]],
      mode: 'TRAIN',
      trips: [
        {
          id: '5',
          at: '2026-01-01T00:00:00.000Z',
          mode: 'CAR',
          stops: ['2026-01-02T00:00:00.000Z'],
          more: { a: [1] },
        },
      ],
    }
    // An application may give the values of an enum other values inside, and bring a DateTime of its own.
    const DateTime = new GraphQLScalarType<number, string>({
      name: 'DateTime',
      serialize: (value) => new Date(value as number).toISOString(),
      parseValue: (value) => Date.parse(value as string),
      parseLiteral: (node) => Date.parse((node as { value: string }).value),
    })
    const own = { resolvers: { Mode: { CAR: 1, TRAIN: 2 }, DateTime } }
    for (const schema of [schemaOf(data), schemaOf(data, own)]) {
      const client = clientOf(data, schema)
      const { body } = await client.run(write)
      expect(body).toEqual({ data: { updateSessionData: { session: written } } })
      expect((await client.run('{ session { value(key: "trips") } }')).data.session.value).toEqual([
        { id: '5', at: written.trips[0]!.at, mode: 'CAR', stops: written.trips[0]!.stops, more: { a: [1] } },
      ])
      const pop = `mutation { popSessionData(keys: [AT, TRIPS, MODE]) { popped { at mode trips ${trip} } } }`
      const { at, mode, trips } = written
      expect((await client.run(pop)).data.popSessionData.popped).toEqual({ at, mode, trips })
    }
  })

  it('lets resolvers answer with a stored object, and with one that they have made', async () => {
    const data = sessionData(`
      type SessionData { trips: [Trip!]! @session(client: [READ], default: []) }
      type Trip { id: ID!  at: DateTime!  mode: Mode!  stops: [DateTime] }
      enum Mode { CAR TRAIN }
    `)
    const stored = [{ id: '1', at: '2026-01-01T00:00:00.000Z', mode: 'CAR', stops: null }]
    class Made {
      readonly id = '2'
      readonly stops = Promise.resolve([new Date('2026-01-02')])
      get at() {
        return new Date('2026-01-01')
      }
      mode() {
        return 'TRAIN'
      }
    }
    const schema = schemaOf(data, {
      typeDefs: 'extend type Query { made: Trip! last: Trip! }',
      resolvers: {
        Query: {
          made: () => new Made(),
          last: async (_: unknown, __: unknown, { session }: any) => {
            session.set('trips', stored)
            return (await session.get('trips'))[0]
          },
        },
      },
    })
    const { body } = await clientOf(data, schema).run(
      '{ made { id at mode stops } last { id at mode stops } }',
    )
    expect(body).toEqual({
      data: {
        made: {
          id: '2',
          at: '2026-01-01T00:00:00.000Z',
          mode: 'TRAIN',
          stops: ['2026-01-02T00:00:00.000Z'],
        },
        last: stored[0],
      },
    })
  })

  it('gives the members of a union', async () => {
    const data = sessionData(`
      type SessionData { notice: Notice @session(client: [READ, DELETE]) }
      union Notice = Text | Link
      type Text { text: String! }
      type Link { href: String! }
    `)
    const notice = data.keys.get('notice')!.conform({ __typename: 'Link', href: '/' })
    const client = clientOf(data, schemaOf(data, setting({ notice })))
    await client.run('mutation { prepare }')
    const fields = '{ notice { __typename ... on Link { href } ... on Text { text } } }'
    const { data: answer } = await client.run(`{ session ${fields} }`)
    expect(answer.session.notice).toEqual({ __typename: 'Link', href: '/' })
    const { data: taken } = await client.run(
      `mutation { popSessionData(keys: NOTICE) { session { isEmpty } popped ${fields} } }`,
    )
    expect(taken.popSessionData).toEqual({
      session: { isEmpty: true },
      popped: { notice: { __typename: 'Link', href: '/' } },
    })
  })
})

describe('the resolvers of a declaration, where the sessions know nothing of it', () => {
  const data = sessionData(storefront)
  it.each([
    ['a field', '{ session { darkMode } }'],
    ['a field of what a mutation answers', 'mutation { rotateSession { session { userId } } }'],
    ['updateSessionData', 'mutation { updateSessionData(data: { darkMode: true }) { session { id } } }'],
    ['nothing to update', 'mutation { updateSessionData(data: {}) { session { id } } }'],
    ['popSessionData', 'mutation { popSessionData(keys: [CART]) { session { id } } }'],
  ])('tell the operator which option is missing: %s', async (_, operation) => {
    const messages: string[] = []
    const log = (message: unknown): void => void messages.push(String(message))
    const logging = { debug: log, info: log, warn: log, error: log }
    const plugins = [useSession({ store: memoryStore({ max: 10 }) })]
    const client = new Client(createYoga({ schema: schemaOf(data), logging, plugins }))
    const { codes } = await client.run(operation)
    expect(codes).toEqual(['CONFIG_INVALID'])
    expect(messages.join()).toContain('useSession({ data })')
  })
})

describe('updateSessionData', () => {
  const update = `mutation ($data: SessionDataInput!) {
    updateSessionData(data: $data) { session { darkMode currency isEmpty } }
  }`

  it('changes what is given, and deletes what is null', async () => {
    const client = clientOf(sessionData(storefront))
    const run = async (data: object) => (await client.run(update, { data })).data.updateSessionData.session
    expect(await run({ darkMode: true })).toEqual({ darkMode: true, currency: 'EUR', isEmpty: false })
    expect(await run({ currency: 'USD' })).toEqual({ darkMode: true, currency: 'USD', isEmpty: false })
    expect(await run({})).toEqual({ darkMode: true, currency: 'USD', isEmpty: false })
    expect(await run({ darkMode: null })).toEqual({ darkMode: false, currency: 'USD', isEmpty: false })
    expect(await run({ currency: null, darkMode: null })).toEqual({
      darkMode: false,
      currency: 'EUR',
      isEmpty: true,
    })
  })

  it('stores under the key of the field, where the verbs by key find it', async () => {
    const client = clientOf(sessionData(storefront))
    await client.run(update, { data: { darkMode: true, currency: 'USD' } })
    const { data } = await client.run('{ session { entries { key value } } }')
    expect(data.session.entries).toEqual([
      { key: 'dark_mode', value: true },
      { key: 'currency', value: 'USD' },
    ])
  })

  it('does nothing where one of its parts is not allowed', async () => {
    const data = sessionData(`type SessionData {
      a: Int @session(client: [READ, WRITE, DELETE])
      b: Int @session(client: [READ, WRITE])
    }`)
    const client = clientOf(data)
    const run = (values: string) =>
      client.run(`mutation { updateSessionData(data: { ${values} }) { session { a b } } }`)
    await run('a: 1, b: 1')
    const refused = await run('a: 2, b: null')
    expect(refused.codes).toEqual(['SESSION_KEY_FORBIDDEN'])
    expect(refused.body.data).toBeNull()
    expect((await run('b: null, a: null')).codes).toEqual(['SESSION_KEY_FORBIDDEN'])
    expect((await client.run('{ session { a b } }')).data.session).toEqual({ a: 1, b: 1 })
    expect((await run('a: null, b: 2')).data.updateSessionData.session).toEqual({ a: null, b: 2 })
  })

  it.each([
    ['that was read', 'first: readFirst'],
    ['that was not', ''],
  ])('makes room in a full session %s by what it deletes', async (_, first) => {
    const data = sessionData(`type SessionData {
      a: Int @session(client: [READ, WRITE, DELETE])
      b: Int @session(client: [READ, WRITE, DELETE])
    }`)
    const client = new Client(
      createSessionServer({
        data,
        store: memoryStore({ max: 10 }),
        limits: { keys: 1 },
        logging: false,
        typeDefs: 'extend type Mutation { readFirst: Boolean }',
        resolvers: {
          Mutation: { readFirst: (_: unknown, __: unknown, { session }: any) => session.isNew() },
        },
      }),
    )
    await client.run('mutation { updateSessionData(data: { a: 1 }) { session { a } } }')
    const { codes } = await client.run(
      `mutation { ${first} updateSessionData(data: { b: 2, a: null }) { session { id } } }`,
    )
    expect(codes).toEqual([])
    expect((await client.run('{ session { a b } }')).data.session).toEqual({ a: null, b: 2 })
  })

  it('judges all of its parts before it does anything', async () => {
    const data = sessionData(`type SessionData {
      a: Int @session(client: [READ, WRITE])
      b: Int @session(client: [WRITE])
    }`)
    const schema = schemaOf(data)
    const { session } = createSessions({
      schema,
      store: memoryStore({ max: 10 }),
      data,
    }).begin(new Request('https://shop.example/graphql', { headers: { 'content-type': 'application/json' } }))
    const { updateSessionData } = data.resolvers['Mutation'] as Record<string, any>
    // No error of a field takes anything back here.
    await expect(async () =>
      updateSessionData(null, { data: { a: 1, b: null } }, { session }, { schema }),
    ).rejects.toThrow(expect.objectContaining({ code: 'SESSION_KEY_FORBIDDEN' }))
    expect(await session.keys()).toEqual([])
  })

  it('does nothing where one of its parts cannot be stored', async () => {
    const data = sessionData(`type SessionData {
      a: Int @session(client: [READ, WRITE, DELETE])
      b: String @session(client: [READ, WRITE])
    }`)
    const client = clientOf(data)
    await client.run('mutation { updateSessionData(data: { a: 1 }) { session { a } } }')
    const { codes } = await client.run(
      'mutation ($b: String) { updateSessionData(data: { a: null, b: $b }) { session { a } } }',
      { b: 'x'.repeat(10_000) },
    )
    expect(codes).toEqual(['SESSION_VALUE_TOO_LARGE'])
    expect((await client.run('{ session { a b } }')).data.session).toEqual({ a: 1, b: null })
  })

  it('writes what clients may write and not read', async () => {
    const data = sessionData(
      'type SessionData { pin: Pin @session(client: [WRITE]) } type Pin { digits: [Int!]! @session(default: [0]) }',
    )
    const schema = schemaOf(data, {
      typeDefs: 'extend type Query { pin: [Int!] }',
      resolvers: {
        Query: {
          pin: async (_: unknown, __: unknown, { session }: any) => (await session.get('pin')).digits,
        },
      },
    })
    const client = clientOf(data, schema)
    const { body } = await client.run(
      'mutation { updateSessionData(data: { pin: {} }) { session { isEmpty } } }',
    )
    expect(body).toEqual({ data: { updateSessionData: { session: { isEmpty: false } } } })
    expect((await client.run('{ pin }')).data).toEqual({ pin: [0] })
  })
})

describe('popSessionData', () => {
  it('gives each value once, and null for what is absent or not asked for', async () => {
    const cart = [{ id: 'CartItem:1', sku: '1', quantity: 2 }]
    const data = sessionData(storefront)
    const client = clientOf(data, schemaOf(data, setting({ shopping_cart: cart, user_id: '5' })))
    await client.run('mutation { prepare }')
    const pop = `mutation ($keys: [SessionDataKey!]!) { popSessionData(keys: $keys) {
      session { userId } popped { darkMode cart { id sku quantity } currency userId }
    } }`
    const run = async (...keys: string[]) => (await client.run(pop, { keys })).data.popSessionData
    const nothing = { darkMode: null, cart: null, currency: null, userId: null }
    expect(await run()).toEqual({ session: { userId: '5' }, popped: nothing })
    expect(await run('CART', 'CART', 'DARK_MODE')).toEqual({
      session: { userId: '5' },
      popped: { ...nothing, cart },
    })
    expect(await run('CART', 'USER_ID')).toEqual({
      session: { userId: null },
      popped: { ...nothing, userId: '5' },
    })
  })
})

it('a context without a session is told where it comes from', async () => {
  const { resolvers } = sessionData(storefront)
  const { Mutation } = resolvers as Record<string, Record<string, (...args: any[]) => unknown>>
  for (const name of ['updateSessionData', 'popSessionData', 'rotateSession']) {
    expect(() => Mutation![name]!(null, { data: {}, keys: [] }, {}, {})).toThrow(
      /There is no context\.session/,
    )
  }
})

describe('what was stored by another version of the application', () => {
  const item = (more: string) => `type SessionData { cart: [Item!]! @session(client: [READ], default: []) }
    type Item { id: ID!  q: Int! ${more} }`

  it('keeps the members that this one does not know', async () => {
    const [newer, older] = ['note: String', ''].map((more) => sessionData<any>(item(more)))
    const store = memoryStore({ max: 10 })
    const first = openSession<any>(store, null, { data: newer! })
    first.set('cart', [{ id: '1', q: 1, note: 'gift' }])
    await first.save()
    const second = openSession<any>(store, first.token, { data: older! })
    await second.update('cart', (items: any) => [...items, { id: '2', q: 1 }])
    expect(await openSession<any>(store, first.token, { data: newer! }).get('cart')).toEqual([
      { id: '1', q: 1, note: 'gift' },
      { id: '2', q: 1 },
    ])
    const client = clientOf(older!, schemaOf(older!), store)
    client.cookies.set('__Host-session', first.token!)
    expect((await client.run('{ session { cart { id q } } }')).data.session.cart).toHaveLength(2)
  })
})

describe('popSessionData', () => {
  it('answers with what it took before it failed', async () => {
    const data = sessionData<any>(
      'type SessionData { a: Int @session(client: [READ, WRITE, DELETE]) b: Int @session(client: [READ, WRITE, DELETE]) }',
    )
    const store = memoryStore({ max: 10 })
    let left = Infinity
    const failing = {
      ...store,
      async commit(...args: Parameters<typeof store.commit>) {
        if (--left < 0) throw new Error('connection refused')
        return store.commit(...args)
      },
    }
    const client = clientOf(data, schemaOf(data), failing)
    await client.run('mutation { updateSessionData(data: { a: 1, b: 2 }) { session { id } } }')
    left = 1
    const answer = await client.run('mutation { popSessionData(keys: [A, B]) { popped { a b } } }')
    expect(answer.data.popSessionData.popped).toEqual({ a: 1, b: null })
    expect(answer.codes).toEqual(['SESSION_STORE_UNAVAILABLE'])
    expect(answer.status).toBe(503)
    left = 0
    const nothing = await client.run('mutation { popSessionData(keys: [B]) { popped { b } } }')
    expect([nothing.data, nothing.status]).toEqual([null, 503])
  })
})

describe('a scalar of the application', () => {
  const declaration = 'type SessionData { d: DateTime @session(client: [READ, WRITE]) }'
  const DateTime = new GraphQLScalarType({
    name: 'DateTime',
    parseValue: (value) => Number(value),
    serialize: (value) => Number(value),
  })
  const serve = (data: string | SessionDataSchema<any>, resolvers: object) =>
    createSessionServer({
      data,
      store: memoryStore({ max: 1 }),
      logging: false,
      typeDefs: 'scalar DateTime extend type Query { now: DateTime }',
      resolvers: { Query: { now: () => 5 }, ...resolvers },
    })

  it('does not take the place of the one by which declared data is judged', () => {
    expect(() => serve(declaration, { DateTime })).toThrow(
      /"DateTime" is a scalar of the declared data .*"scalars"/,
    )
    expect(() => serve('type SessionData { n: Int @session(client: [READ]) }', { DateTime })).not.toThrow()
  })

  it('is the one of declared data where sessionData gets it', async () => {
    const data = sessionData<any>(declaration, { scalars: [DateTime] })
    const client = new Client(serve(data, { DateTime }))
    const mutation = 'mutation { updateSessionData(data: { d: 7 }) { session { d } } }'
    expect((await client.run(mutation)).data.updateSessionData.session).toEqual({ d: 7 })
  })
})

it('names that every object has are names like others, for what clients only read', async () => {
  const data = sessionData<any>(`
    type SessionData {
      toString: String @session(client: [READ, DELETE])
      valueOf: Thing @session(client: [READ, DELETE], default: { hasOwnProperty: [1] })
    }
    type Thing { toString: String @session(default: "x")  hasOwnProperty: [Int] }`)
  const client = clientOf(data)
  const { body } = await client.run('{ session { toString valueOf { toString hasOwnProperty } } }')
  const valueOf = { toString: 'x', hasOwnProperty: [1] }
  expect(body).toEqual({ data: { session: { toString: null, valueOf } } })
  expect((await client.run('mutation { popSessionData(keys: []) { popped { toString } } }')).body).toEqual({
    data: { popSessionData: { popped: { toString: null } } },
  })
})

describe('a key that is the name of a field of another key', () => {
  const pick = 'session { darkMode has(key: "dark_mode") entries { id key value } }'
  const set = `mutation { setSessionKey(key: "darkMode", value: true) { entry { id } ${pick} } }`

  it('is undeclared, and forbidden by each verb', async () => {
    const client = clientOf(sessionData(storefront))
    for (const operation of [
      set,
      'mutation { updateSession(data: { darkMode: true }) { session { id } } }',
      'mutation { setDefaultSessionKey(key: "darkMode", value: true) { created } }',
      'mutation { deleteSessionKey(key: "darkMode") { key } }',
      'mutation { popSessionKey(key: "darkMode") { found } }',
      '{ session { has(key: "darkMode") } }',
      '{ session { value(key: "darkMode") } }',
      '{ session { entries(keys: ["darkMode"]) { key } } }',
    ]) {
      expect((await client.run(operation)).codes, operation).toEqual(['SESSION_KEY_FORBIDDEN'])
    }
  })

  it('is another entry where the application grants it, and no value of the field', async () => {
    const data = sessionData<any>(storefront)
    const client = new Client(
      createSessionServer({
        data,
        store: memoryStore({ max: 1 }),
        logging: false,
        keys: { '*': { client: ['read', 'write', 'delete'] } },
      }),
    )
    const entry = { id: 'SessionEntry:darkMode', key: 'darkMode', value: true }
    expect((await client.run(set)).data.setSessionKey).toEqual({
      entry: { id: entry.id },
      session: { darkMode: false, has: false, entries: [entry] },
    })
    const pop = `mutation { popSessionData(keys: [DARK_MODE]) { popped { darkMode } ${pick} } }`
    expect((await client.run(pop)).data.popSessionData).toEqual({
      popped: { darkMode: null },
      session: { darkMode: false, has: false, entries: [entry] },
    })
  })
})

it('what clients may delete alone has a verb by key, and no typed one', async () => {
  const declaration = 'type SessionData { hint: String @session(client: [DELETE]) }'
  const data = sessionData<any>(declaration)
  for (const name of ['SessionDataKey', 'SessionDataInput']) expect(data.types).not.toHaveProperty(name)
  const client = clientOf(data, schemaOf(data, setting({ hint: 'x' })))
  await client.run('mutation { prepare }')
  const { body } = await client.run(
    'mutation { deleteSessionKey(key: "hint") { key deleted session { isEmpty } } }',
  )
  expect(body.data.deleteSessionKey).toEqual({ key: 'hint', deleted: null, session: { isEmpty: true } })
})
