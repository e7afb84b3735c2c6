import { GraphQLError } from 'graphql'
import type { Plugin } from 'graphql-yoga'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createSessionServer } from '../../src/server/create-session-server.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { Client, listen } from '../support/harness.ts'

const throwing = (error: Error): Plugin => ({
  onValidate({ addValidationRule }) {
    addValidationRule(() => {
      throw error
    })
  },
})

const serve = (plugins: Plugin[] = []) =>
  createSessionServer({
    store: memoryStore({ max: 10 }),
    logging: false,
    plugins,
    typeDefs: 'type Subscription { ticks: Int! }',
  })

const ways = {
  async 'on the short way'(server: ReturnType<typeof serve>) {
    const listening = await listen(server)
    onTestFinished(() => listening.close())
    return new Client(listening.url)
  },
  'on Yoga’s way': (server: ReturnType<typeof serve>) => new Client({ fetch: server.fetch.bind(server) }),
}

describe.each(Object.entries(ways))('a rule of validation that throws, %s', (_, clientOf) => {
  it.each([
    [new GraphQLError('No.'), 'GRAPHQL_VALIDATION_FAILED'],
    [new GraphQLError('No.', { extensions: { code: 'TOO_DEAR' } }), 'TOO_DEAR'],
  ])('an error of GraphQL refuses the document: %j', async (error, code) => {
    const client = await clientOf(serve([throwing(error)]))
    const { body } = await client.run('{ session { handle } }')
    expect(body).toMatchObject({ errors: [{ message: 'No.', extensions: { code } }] })
    expect(body).not.toHaveProperty('data')
  })

  it('any other error is a bug, of which a client hears nothing', async () => {
    const client = await clientOf(serve([throwing(new TypeError('secret'))]))
    const { codes, text } = await client.run('{ session { handle } }')
    expect(codes).toEqual(['INTERNAL_SERVER_ERROR'])
    expect(text).not.toContain('secret')
  })

  it.each(['skip', 'include'])('@%s of a variable that is not declared, in a subscription', async (name) => {
    const client = await clientOf(serve())
    const query = `subscription { ticks @${name}(if: $flag) }`
    const accept = 'application/graphql-response+json, text/event-stream'
    for (const variables of [undefined, { flag: true }]) {
      const { status, codes } = await client.run(query, variables, { accept })
      expect([status, codes[0]]).toEqual([400, 'GRAPHQL_VALIDATION_FAILED'])
    }
  })

  it.each([
    'subscription { ticks @skip(if: true) }',
    'subscription { ticks @include(if: false) }',
    'subscription { ... @include(if: false) { ticks } }',
    'subscription { ... { ... @skip(if: true) { ticks } } }',
    'subscription { ...F @skip(if: true) } fragment F on Subscription { ticks }',
    'subscription { ...F } fragment F on Subscription { ticks @skip(if: true) }',
    'subscription ($flag: Boolean!) { ticks @skip(if: $flag) }',
    'subscription ($flag: Boolean = true) { ... @skip(if: $flag) { ticks } }',
  ])('a field that a subscription may lack: %s', async (query) => {
    const client = await clientOf(serve())
    const accept = 'application/graphql-response+json, text/event-stream'
    for (let round = 0; round < 2; round++) {
      const { status, codes } = await client.run(query, { flag: true }, { accept })
      expect([status, codes]).toEqual([400, ['GRAPHQL_VALIDATION_FAILED']])
    }
  })
})
