import { describe, expect, it } from 'vitest'
import { createSessionServer } from '../../../src/server/create-session-server.ts'
import { memoryStore } from '../../../src/stores/memory.ts'
import { Client } from '../../support/harness.ts'

const secret = 'hunter2'
const data = `
  type SessionData {
    n: Int @session(client: [READ, WRITE])
    e: E! @session(client: [READ, WRITE], default: A)
    a: Address @session(client: [READ, WRITE])
    d: DateTime @session(client: [READ, WRITE])
    l: [Int!]! @session(client: [READ, WRITE], default: [])
  }
  enum E { A B }
  type Address { name: String!  lines: [String!]!  at: DateTime }`

/** Wrong values: as JSON, as GraphQL writes them, and where they are wrong. A name that the client made up is not told. */
const wrong: readonly [what: string, field: string, value: unknown, literal: string, place: string][] = [
  ['another type', 'n', secret, `"${secret}"`, ''],
  ['a number that is no Int', 'n', 2 ** 31, '2147483648', ''],
  ['a name that the enum does not have', 'e', secret, secret, ''],
  ['another scalar', 'd', secret, `"${secret}"`, ''],
  ['an item of another type', 'l', [1, secret], `[1, "${secret}"]`, '1'],
  ['an item that is null', 'l', [1, null], '[1, null]', '1'],
  ['an object with a member that is missing', 'a', { name: secret }, `{ name: "${secret}" }`, 'lines'],
  [
    'an object with a member too many',
    'a',
    { name: '', lines: [], x: secret },
    `{ name: "", lines: [], x: "${secret}" }`,
    '',
  ],
  [
    'an object with a list that is wrong',
    'a',
    { name: '', lines: ['', 1] },
    '{ name: "", lines: ["", 1] }',
    'lines.1',
  ],
  [
    'an object with a scalar that is wrong',
    'a',
    { name: '', lines: [], at: secret },
    `{ name: "", lines: [], at: "${secret}" }`,
    'at',
  ],
  ['a list in the place of an object', 'a', [secret], `["${secret}"]`, ''],
]

// Known operations go another way than those that are new, so that each is sent twice.
describe.each(['application/json', 'application/graphql-response+json'])(
  'a wrong value, for %s',
  (accept) => {
    async function twice(body: object) {
      const client = new Client(
        createSessionServer({ data, store: memoryStore({ max: 10 }), logging: false }),
      )
      const answers = [await client.post(body, { accept }), await client.post(body, { accept })]
      for (const { text } of answers) expect(text).not.toContain(secret)
      expect(answers[1]!.body).toEqual(answers[0]!.body)
      return answers[0]!
    }

    it.each(wrong)('%s, in a variable', async (_, field, value, _literal, place) => {
      const query =
        'mutation ($data: SessionDataInput!) { updateSessionData(data: $data) { session { id } } }'
      const { codes, body } = await twice({ query, variables: { data: { [field]: value } } })
      expect(codes).toEqual(['BAD_USER_INPUT'])
      const at = [field, place].filter(Boolean).join('.')
      expect(body.errors[0].message).toContain(
        `Variable "$data" needs a value of type "SessionDataInput!". It has another at ${at}.`,
      )
    })

    it.each(wrong)('%s, in the operation', async (_, field, _value, literal) => {
      const query = `mutation { updateSessionData(data: { ${field}: ${literal} }) { session { id } } }`
      const { codes, body } = await twice({ query })
      expect(['GRAPHQL_VALIDATION_FAILED', 'BAD_USER_INPUT']).toContain(codes[0])
      expect(body.data).toBeUndefined()
    })

    it.each(wrong)('%s, by key', async (_, field, value, _literal, place) => {
      const query = `mutation ($value: JSON) { setSessionKey(key: "${field}", value: $value) { created } }`
      const { codes, body } = await twice({ query, variables: { value } })
      expect(codes).toEqual(['SESSION_VALUE_INVALID'])
      // By key an unknown member is named, where it can be a key.
      const at = place || (field === 'a' && !Array.isArray(value) ? 'x' : '')
      expect(body.errors[0].message).toBe(
        `The value for "${field}" does not fit its type${at ? ` at ${at}` : ''}.`,
      )
    })
  },
)
