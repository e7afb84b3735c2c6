import { createSchema, createYoga } from 'graphql-yoga'
import { describe, expect, it, onTestFinished } from 'vitest'
import { useSessionGate } from '../../src/graphql/use-gate.ts'
import { createSessionServer } from '../../src/server/create-session-server.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { Client, listen } from '../support/harness.ts'

const times = (n: number, each: (i: number) => string) => Array.from({ length: n }, (_, i) => each(i))

const fields = `
  wide(by: Big): Int
  needy(by: Needy!): Int
  either(by: Either): Int
  many(by: [[Big!]]): Int
  open(by: Open): Int
`
const types = `
  scalar Free
  input Big { ${times(60, (i) => `field${i}: Int`).join(' ')} inner: Big list: [Big] }
  input Needy { ${times(60, (i) => `field${i}: Int!`).join(' ')} free: Free }
  input Either @oneOf { a: Int b: Free }
  input Open { free: Free }
`
const answers = Object.fromEntries(['wide', 'needy', 'either', 'many', 'open'].map((name) => [name, () => 1]))

const servers = {
  'the short way'() {
    const typeDefs = `extend type Query { ${fields} } ${types}`
    const resolvers = { Query: answers }
    return createSessionServer({ store: memoryStore({ max: 10 }), logging: false, typeDefs, resolvers })
  },
  'Yoga’s way'() {
    const typeDefs = `type Query { ${fields} } type Subscription { ticks(by: Big): Int } ${types}`
    const ticks = { subscribe: () => expect.unreachable() }
    const schema = createSchema({ typeDefs, resolvers: { Query: answers, Subscription: { ticks } } })
    return createYoga({ schema, plugins: [useSessionGate()], cors: false, logging: false })
  },
}

const members = (n: number, name: (i: number) => string = (i) => `k${i}`) =>
  Object.fromEntries(times(n, name).map((key) => [key, 1]))

const accept = 'application/graphql-response+json, text/event-stream'

describe.each(Object.entries(servers))('on %s, variables with wide objects', (_way, make) => {
  const serve = async () => {
    const listening = await listen(make())
    onTestFinished(() => listening.close())
    return new Client(listening.url)
  }

  it.each<[string, string, string, unknown, string]>([
    ['of unknown members', 'wide', 'Big', members(9000), ''],
    ['of members that are nearly known', 'wide', 'Big', members(6000, (i) => `field${100 + i}`), ''],
    ['within another', 'wide', 'Big', { inner: { inner: members(9000) } }, 'inner.inner'],
    ['in a list within another', 'wide', 'Big', { list: [{}, null, members(9000)] }, 'list.2'],
    ['in nested lists', 'many', '[[Big!]]', [[{}], [members(9000)]], '1.0'],
    ['for a list', 'many', '[[Big!]]', members(9000), ''],
    ['many of them', 'many', '[[Big!]]', [times(60, () => '').map(() => members(150))], '0.0'],
    ['that lack what is required, with a wide scalar', 'needy', 'Needy!', { free: members(9000) }, 'field0'],
    ['with null for what is required', 'needy', 'Needy!', { free: members(9000), field0: null }, 'field1'],
    ['of which one member is wanted', 'either', 'Either', { ...members(9000), a: 1 }, ''],
  ])('%s are refused at once', async (_, field, type, by, place) => {
    const client = await serve()
    const query = `query ($by: ${type}) { ${field}(by: $by) }`
    let least = Infinity
    for (let round = 0; round < 3; round++) {
      const before = process.cpuUsage()
      const { status, body, text } = await client.run(query, { by }, { accept })
      const { user, system } = process.cpuUsage(before)
      least = Math.min(least, (user + system) / 1000)
      expect(status).toBe(400)
      expect(body).toEqual({
        errors: [
          {
            message: `Variable "$by" needs a value of type "${type}".${place && ` It has another at ${place}.`}`,
            locations: [expect.anything()],
            extensions: { code: 'BAD_USER_INPUT' },
          },
        ],
      })
      expect(text.length).toBeLessThan(200)
    }
    expect(least).toBeLessThan(50)
  })

  it('may be as wide as they like where a scalar takes them', async () => {
    const client = await serve()
    const query = 'query ($by: Open, $free: Free) { open(by: $by) again: open(by: { free: $free }) }'
    for (let round = 0; round < 2; round++) {
      const free = { ...members(4000), inner: [members(100)] }
      const { body } = await client.run(query, { by: { free }, free }, { accept })
      expect(body).toEqual({ data: { open: 1, again: 1 } })
    }
  })

  it('may lack what is not required, and hold one item for a list of them', async () => {
    const client = await serve()
    const query = 'query ($by: Big, $many: [[Big!]]) { wide(by: $by) many(by: $many) }'
    for (const variables of [{}, { by: null }, { by: {} }, { by: { list: {} }, many: { field1: 1 } }]) {
      const { body } = await client.run(query, variables, { accept })
      expect(body).toEqual({ data: { wide: 1, many: 1 } })
    }
  })
})

it('an expiry with many unknown members is refused at once', async () => {
  const listening = await listen(createSessionServer({ store: memoryStore({ max: 10 }), logging: false }))
  onTestFinished(() => listening.close())
  const client = new Client(listening.url)
  const query = 'mutation ($e: SessionExpiryInput!) { setSessionExpiry(expiry: $e) { __typename } }'
  const { status, body } = await client.run(query, { e: members(12_000) }, { accept })
  expect(status).toBe(400)
  expect(body).toMatchObject({ errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] })
  expect((body as { errors: unknown[] }).errors).toHaveLength(1)
})

it('those of a subscription are refused, too', async () => {
  const listening = await listen(servers['Yoga’s way']())
  onTestFinished(() => listening.close())
  const query = 'subscription ($by: Big) { ticks(by: $by) }'
  const { codes } = await new Client(listening.url).run(query, { by: members(9000) }, { accept })
  expect(codes).toEqual(['BAD_USER_INPUT'])
})
