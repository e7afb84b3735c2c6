import { setImmediate as nextTurn } from 'node:timers/promises'
import {
  buildSchema,
  execute,
  type ExecutionArgs,
  GraphQLError,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  parse,
} from 'graphql'
import { createYoga, type Plugin } from 'graphql-yoga'
import { describe, expect, it } from 'vitest'
import { type SessionContext, useSession } from '../../src/graphql/use-session.ts'
import { createSessionServer } from '../../src/server/create-session-server.ts'
import { createSessions } from '../../src/server/create-sessions.ts'
import { freshStore } from '../support/fresh-store.ts'
import { Client, gate, listen } from '../support/harness.ts'

type Context = SessionContext
interface At {
  readonly key: string
}

const typeDefs = `
  extend type Query { shop: Shop!, wake: Boolean, cart: Cart, visit(key: String!): Boolean }
  extend type Mutation { shop: Shop!, shops: [Shop!]!, pay(key: String!): Boolean, note(key: String!): Boolean, none: Shop, made: Made!, keys: [String!]!, cart: Cart!, go: Go! }
  type Shop {
    "Fails at once, after it has recorded."
    pay(key: String!): Boolean
    "Fails after a wait, and records before and after it."
    late(key: String!): Boolean
    "As late, and asks the context for the session only after the wait."
    later(key: String!): Boolean
    "Gives an Error."
    given(key: String!): Boolean
    "Records, and does not fail."
    note(key: String!): Boolean
    "Waits for a wake, records, and does not fail."
    slow(key: String!): Boolean
    "Acts at once, and fails."
    count(key: String!): Boolean
    "Records, and is never null."
    sure(key: String!): Shop
    "Fails, and is never null."
    never: Boolean!
    shop: Shop
    name: String
  }
  "What its object has are methods, and queries reach it, too."
  interface Pays { pay(key: String!): Boolean }
  type Cart implements Pays { pay(key: String!): Boolean, late(key: String!): Boolean, note(key: String!): Boolean, carts: [Cart], pays: Pays }
  type Go { query: Query! }
  type Made { pay(key: String!): Boolean, note(key: String!): Boolean, plain: String }
`

class Cart {
  readonly carts = [this]
  readonly pays = this
  readonly __typename = 'Cart'
  pay({ key }: At, { session }: Context): boolean {
    session.set(key, 1)
    throw new GraphQLError('no money')
  }
  async late({ key }: At, { session }: Context): Promise<boolean> {
    await nextTurn()
    session.set(key, 1)
    throw new GraphQLError('no money')
  }
  note({ key }: At, { session }: Context): boolean {
    session.set(key, 1)
    return true
  }
}

function makeServer() {
  let awake = gate()
  const pay = (_: unknown, { key }: At, { session }: Context): boolean => {
    session.set(key, 1)
    throw new GraphQLError('no money')
  }
  const note = (_: unknown, { key }: At, { session }: Context): boolean => {
    session.set(key, 1)
    return true
  }
  const server = createSessionServer({
    store: freshStore(),
    logging: false,
    keys: { '*': { client: ['read', 'write'] } },
    typeDefs,
    resolvers: {
      Query: {
        shop: () => ({}),
        wake() {
          awake.resolve()
          awake = gate()
        },
        cart: () => new Cart(),
        visit: pay,
      },
      Mutation: {
        cart: () => new Cart(),
        go: () => ({ query: {} }),
        shop: () => ({ name: 'shop' }),
        shops: () => [{}, {}],
        none: (_: unknown, __: unknown, { session }: Context) => {
          session.set('none', 1)
          return {}
        },
        pay,
        note,
        keys: (_: unknown, __: unknown, { session }: Context) => session.keys(),
        made: () => ({
          plain: 'plain',
          pay: (at: At, context: Context) => pay(null, at, context),
          note: (at: At, context: Context) => note(null, at, context),
        }),
      },
      Shop: {
        pay,
        note,
        async late(_: unknown, { key }: At, { session }: Context) {
          session.set(key, 1)
          await nextTurn()
          session.set(`${key}2`, 1)
          throw new GraphQLError('no money')
        },
        async later(_: unknown, { key }: At, context: Context) {
          await nextTurn()
          context.session.set(key, 1)
          throw new GraphQLError('no money')
        },
        given(_: unknown, { key }: At, { session }: Context) {
          session.set(key, 1)
          return new GraphQLError('no money')
        },
        async slow(_: unknown, { key }: At, { session }: Context) {
          await awake.promise
          session.set(key, 1)
          return true
        },
        async count(_: unknown, { key }: At, { session }: Context) {
          session.set(`${key}2`, 1)
          await session.update(key, (count) => Number(count ?? 0) + 1)
          throw new GraphQLError('no money')
        },
        sure(_: unknown, { key }: At, { session }: Context) {
          session.set(key, 1)
          return {}
        },
        never: () => null,
        shop: () => ({}),
      },
    },
  })
  return server
}

const ways = ['on the short way', "on Yoga's way"] as const
const operation = (fields: string): string => `mutation { note(key: "always") ${fields} }`

describe.each(ways)('what a failed field below the root recorded is dropped, %s', (way) => {
  const run = async (fields: string, wakes = false): Promise<string> => {
    const server = makeServer()
    const listening = await listen(server)
    try {
      const client = new Client(listening.url)
      // The server takes the short way for what it has run before.
      if (way === 'on the short way') {
        const first = new Client(listening.url)
        const warming = first.run(operation(fields))
        if (wakes) await wake(first)
        await warming
      }
      const running = client.run(operation(fields))
      if (wakes) await wake(client)
      await running
      const { data } = await client.run('{ session { keys } }')
      return data.session.keys.filter((key: string) => key !== 'always').join(' ')
    } finally {
      await listening.close()
    }
  }
  const wake = async (client: Client): Promise<void> => {
    for (let turn = 0; turn < 3; turn++) await client.run('{ wake }')
  }

  it.each([
    ['as at the root', 'pay(key: "a")', ''],
    ['one level down', 'shop { pay(key: "a") }', ''],
    ['three levels down', 'shop { shop { shop { pay(key: "a") } } }', ''],
    ['by an alias', 's: shop { p: pay(key: "a") }', ''],
    ['in a list', 'shops { pay(key: "a") }', ''],
    ['after a wait', 'shop { late(key: "a") }', ''],
    ['of a context that is asked after a wait', 'shop { later(key: "a") }', ''],
    ['where an Error is given', 'shop { given(key: "a") }', ''],
    ['of a method', 'made { pay(key: "a") plain }', ''],
    ['of a method of a type that queries reach', 'cart { pay(key: "a") n: note(key: "b") }', 'b'],
    ['of such a method after a wait', 'cart { late(key: "a") n: note(key: "b") }', 'b'],
    ['of such a method further down', 'cart { carts { carts { pay(key: "a") note(key: "b") } } }', 'b'],
    ['of such a method, asked by an interface', 'cart { pays { pay(key: "a") } }', ''],
    ['of a field of Query', 'go { query { visit(key: "a") } }', ''],
    ['below a field of Query', 'go { query { shop { pay(key: "a") note(key: "b") } } }', 'b'],
    ['of a method below a field of Query', 'go { query { cart { pay(key: "a") } } }', ''],
    [
      'but not what its neighbours recorded',
      'shop { x: note(key: "b") pay(key: "a") y: note(key: "c") }',
      'b c',
    ],
    ['but not what a method beside it recorded', 'made { note(key: "b") pay(key: "a") }', 'b'],
    ['but not what the field above recorded', 'shop { sure(key: "b") { pay(key: "a") } }', 'b'],
    ['but not what another field of the root recorded', 'shop { pay(key: "a") } n: note(key: "b")', 'b'],
    ['beside others that wait', 'shop { late(key: "a") x: late(key: "c") note(key: "b") }', 'b'],
    [
      'with what is below it, where an error further down erases it',
      'shop { sure(key: "a") { note(key: "b") never } }',
      '',
    ],
    ['with what is below it, in one item of a list', 'shops { sure(key: "a") { pay(key: "b") never } }', ''],
    ['with all of a root field that is erased', 'none { note(key: "a") never }', ''],
    [
      'but not what fields that wait side by side record with the session of their root field',
      'shop { later(key: "a") late(key: "c") }',
      'a',
    ],
    ['but not what acted at once', 'shop { count(key: "a") }', 'a'],
  ])('%s', async (_, fields, keys) => {
    expect(await run(fields)).toBe(keys)
  })

  it('while another one waits that is kept', async () => {
    expect(await run('shop { slow(key: "b") late(key: "a") }', true)).toBe('b')
  })
})

it.each(['pay', 'late', 'later', 'given'])(
  'the fields after one that failed by %s see what those before it recorded, and not what it did',
  async (fails) => {
    const listening = await listen(makeServer())
    const client = new Client(listening.url)
    const { data } = await client.run(`mutation {
      a: setSessionKey(key: "z", value: 1) { created }
      shop { note(key: "a") ${fails}(key: "b") }
      keys
    }`)
    expect(data.shop).toEqual({ note: true, [fails]: null })
    expect(data.keys).toEqual(['z', 'a'])
    await listening.close()
  },
)

it('the context of all fields is one, and its session is of the field that asks', async () => {
  const contexts = new Set<unknown>()
  const seen: unknown[] = []
  const schema = buildSchema(
    'type Query { a: Int } type Mutation { shop: Shop } type Shop { a: Int, b: Int }',
  )
  for (const name of ['a', 'b']) {
    const field = (
      schema.getType('Shop') as unknown as { getFields(): Record<string, { resolve: unknown }> }
    ).getFields()
    field[name]!.resolve = async (_: unknown, __: unknown, context: Context) => {
      contexts.add(context)
      const { session } = context
      session.set(name, 1)
      await nextTurn()
      seen.push(await session.keys(), await context.session.keys())
      if (name === 'b') throw new Error('no')
      return 1
    }
  }
  schema.getMutationType()!.getFields()['shop']!.resolve = () => ({})
  const store = freshStore()
  const yoga = createYoga({ schema, plugins: [useSession({ store })], logging: false })
  const response = await yoga.fetch('http://localhost/graphql', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: 'mutation { shop { a b } }' }),
  })
  expect(await response.json()).toMatchObject({ data: { shop: { a: 1, b: null } } })
  expect(contexts.size).toBe(1)
  expect(seen).toContainEqual(['a', 'b'])
  // A context without a session is none of ours.
  const alone = { session: { set() {}, keys: async () => [] } }
  await execute({ schema, document: parse('mutation { shop { a } }'), contextValue: alone })
  expect(contexts.size).toBe(2)
})

it('a promise that runs when it is asked is asked once', async () => {
  let runs = 0
  // oxlint-disable-next-line unicorn/no-thenable -- as a query builder of a database gives
  const lazy = { then: (resolve: (value: number) => void) => resolve(++runs) }
  const schema = buildSchema(
    'type Query { a: Int } type Mutation { shop: Shop, a: Int } type Shop { a: Int }',
  )
  const own = (_: unknown, __: unknown, { session }: Context) => {
    session.set('a', 1)
    return lazy
  }
  schema.getMutationType()!.getFields()['a']!.resolve = own
  schema.getMutationType()!.getFields()['shop']!.resolve = () => ({
    a: (_: At, context: Context) => own(null, null, context),
  })
  const yoga = createYoga({ schema, plugins: [useSession({ store: freshStore() })], logging: false })
  const response = await yoga.fetch('http://localhost/graphql', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: 'mutation { a shop { a } }' }),
  })
  expect(await response.json()).toEqual({ data: { a: 1, shop: { a: 2 } } })
})

describe('fields without a resolver', () => {
  const typeDefinitions = `
    type Query { cart: Cart }
    type Mutation { cart: Cart, bill: Bill }
    type Cart { pay: Int, name: String }
    type Bill { pay: Int }
  `
  const made = (reads?: () => void) => {
    const pay = (_: unknown, { session }: Context) => {
      session.set('a', 1)
      throw new GraphQLError('no money')
    }
    const cart = {
      pay,
      get name() {
        reads?.()
        return 'cart'
      },
    }
    return { cart, bill: { pay } }
  }
  const makeSchema = (reads?: () => void) => {
    const schema = buildSchema(typeDefinitions)
    for (const type of [schema.getQueryType()!, schema.getMutationType()!]) {
      for (const [name, field] of Object.entries(type.getFields())) {
        field.resolve = () => made(reads)[name as 'cart' | 'bill']
      }
    }
    return schema
  }
  const post = (schema: GraphQLSchema, query: string, plugins: Plugin[] = []) =>
    createYoga({
      schema,
      plugins: [...plugins, useSession({ store: freshStore() })],
      logging: false,
    }).fetch('http://localhost/graphql', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query }),
    })

  it('send no cookie where all that was recorded is taken back', async () => {
    const response = await post(makeSchema(), 'mutation { cart { pay } }')
    expect(await response.json()).toMatchObject({ data: { cart: { pay: null } } })
    expect(response.headers.getSetCookie()).toEqual([])
  })

  it('keep what a query recorded, which is no mutation', async () => {
    const response = await post(makeSchema(), '{ cart { pay } }')
    expect(response.headers.getSetCookie()).toHaveLength(1)
  })

  it('are read once', async () => {
    let reads = 0
    const response = await post(
      makeSchema(() => reads++),
      'mutation { cart { name } }',
    )
    expect(await response.json()).toEqual({ data: { cart: { name: 'cart' } } })
    expect(reads).toBe(1)
  })

  it('run by the resolver that a plugin has for them, in scopes as well', async () => {
    const own: Plugin = {
      onExecute({ args }) {
        args.fieldResolver = (_: unknown, args: unknown, context: Context, info: GraphQLResolveInfo) =>
          info.fieldName === 'name' ? 'own' : made().cart.pay(args, context)
      },
    }
    const query = await post(makeSchema(), '{ cart { name } }', [own])
    expect(await query.json()).toEqual({ data: { cart: { name: 'own' } } })
    const mutation = await post(makeSchema(), 'mutation { cart { name pay } }', [own])
    expect(await mutation.json()).toMatchObject({ data: { cart: { name: 'own', pay: null } } })
    expect(mutation.headers.getSetCookie()).toEqual([])
  })

  describe('of a server that is no Yoga', () => {
    const run = async (source: string, more: Partial<ExecutionArgs> = {}) => {
      const schema = makeSchema()
      const sessions = createSessions({ schema, store: freshStore() })
      const headers = { 'content-type': 'application/json' }
      const context = sessions.begin(new Request('http://localhost/graphql', { method: 'POST', headers }))
      const args = { schema, document: parse(source), contextValue: context, ...more }
      return sessions.finish(context, await execute(args))
    }
    const cookies = ({ headers }: Awaited<ReturnType<typeof run>>) =>
      headers.filter(([name]) => name === 'set-cookie')

    it('take back what a method recorded, where no query reaches the type', async () => {
      expect(cookies(await run('mutation { bill { pay } }'))).toEqual([])
    })

    it('keep what a method recorded, where queries reach the type', async () => {
      expect(cookies(await run('mutation { cart { pay } }'))).toHaveLength(1)
    })

    it('run by the resolver that the executor of a query has for them', async () => {
      const { result } = await run('{ cart { name } }', { fieldResolver: () => 'own' })
      expect(result).toEqual({ data: { cart: { name: 'own' } } })
    })
  })
})
