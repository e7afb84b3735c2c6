import fc from 'fast-check'
import { GraphQLScalarType } from 'graphql'
import { describe, expect, it, vi } from 'vitest'
import { sessionData, type SessionDataSchema } from '../../../src/graphql/data/session-data.ts'
import { openSession } from '../../../src/server/open-session.ts'
import { sessionCookie } from '../../../src/session/cookie.ts'
import { freshSessionStore, storeName } from '../../support/fresh-store.ts'
import { Client } from '../../support/harness.ts'
import { makeServer } from '../../support/make-server.ts'
import { openDeclarations, type RandomField } from './declarations.ts'

vi.spyOn(process, 'emitWarning').mockImplementation(() => {})

const cookie = sessionCookie()

/** A server for what is declared, and what the server itself finds in the session of a client. */
function serve(data: SessionDataSchema) {
  const store = freshSessionStore()
  const server = makeServer<any>({ store, data, logging: false })
  return {
    client: () => new Client(server),
    open: ({ token }: Client) => openSession<any>(store, token ?? null, { cookie, data }),
  }
}

type Written = Pick<RandomField, 'name' | 'key' | 'value' | 'printed'>

/** The ways in which a client writes several fields in one request. */
const ways: Record<
  string,
  (fields: readonly Written[]) => [query: string, variables?: Record<string, unknown>]
> = {
  'by variables': (fields) => [
    'mutation ($data: SessionDataInput!) { updateSessionData(data: $data) { session { id } } }',
    { data: Object.fromEntries(fields.map(({ name, value }) => [name, value])) },
  ],
  'in the document': (fields) => [
    `mutation { updateSessionData(data: { ${fields.map(({ name, printed }) => `${name}: ${printed}`).join(' ')} }) { session { id } } }`,
  ],
  'by key': (fields) => [
    'mutation ($data: JSONObject!) { updateSession(data: $data) { session { id } } }',
    { data: Object.fromEntries(fields.map(({ key, value }) => [key, value])) },
  ],
  'each by its key': (fields) => [
    `mutation (${fields.map((_, index) => `$value${index}: JSON`).join(' ')}) {
      ${fields.map(({ key }, index) => `set${index}: setSessionKey(key: "${key}", value: $value${index}) { entry { key } }`).join('\n')}
    }`,
    Object.fromEntries(fields.map(({ value }, index) => [`value${index}`, value])),
  ],
}

/** All that a client reads of the fields, in one request. */
const reading = (fields: readonly RandomField[]): string => `{
  session {
    ${fields.map(({ name, selection }) => `${name} ${selection}`).join('\n')}
    ${fields.map(({ key }, index) => `value${index}: value(key: "${key}")`).join('\n')}
    entries { key value }
  }
}`

const expected = (fields: readonly RandomField[]): object => ({
  ...Object.fromEntries(fields.map(({ name, answer }) => [name, answer])),
  ...Object.fromEntries(fields.map(({ value }, index) => [`value${index}`, value])),
  entries: fields.map(({ key, value }) => ({ key, value })),
})

const popping = (fields: readonly RandomField[]): string => `mutation {
  ${fields.map(({ key }, index) => `pop${index}: popSessionKey(key: "${key}") { value }`).join('\n')}
}`

/** A cookie has room for so many bytes of values. */
const room = storeName === 'cookie' ? 1500 : Number.POSITIVE_INFINITY

it('values that fit are read in the next request as they were written', async () => {
  const property = fc.asyncProperty(openDeclarations, async ({ sdl, fields }) => {
    fc.pre(Buffer.byteLength(JSON.stringify(fields.map(({ value }) => value))) < room)
    const server = serve(sessionData(sdl))
    const open = fields.filter(({ rights }) => rights.length > 0)

    for (const [way, write] of Object.entries(ways)) {
      const client = server.client()
      const [query, variables] = write(open)
      const { body } = await client.run(query, variables)
      expect(body, way).toEqual({ data: expect.anything() })
      expect((await client.run(reading(open))).body, way).toEqual({ data: { session: expected(open) } })
      const session = server.open(client)
      for (const { key, value } of open) expect(await session.get(key), way).toEqual(value)
    }

    // What the server writes, also what is its own.
    const client = server.client()
    const session = server.open(client)
    session.merge(Object.fromEntries(fields.map(({ key, value }) => [key, value])))
    await session.save()
    client.cookies.set('__Host-session', session.token!)
    expect((await client.run(reading(open))).body).toEqual({ data: { session: expected(open) } })
    const popped = await client.run(popping(open))
    expect(popped.body).toEqual({
      data: Object.fromEntries(open.map(({ value }, index) => [`pop${index}`, { value }])),
    })
    const left = fields.filter(({ rights }) => rights.length === 0)
    expect(await server.open(client).entries()).toEqual(left.map(({ key, value }) => [key, value]))
  })
  await fc.assert(property, { numRuns: process.env['CI'] ? 100 : 20 })
}, 120_000)

const Money = new GraphQLScalarType<bigint, string>({
  name: 'Money',
  serialize: (value) => String(value),
  parseValue: (value) => BigInt(value as string),
})

describe('a client that writes a value', () => {
  const types = {
    boolean: 'Boolean',
    text: 'String',
    code: 'ID',
    int: 'Int',
    float: 'Float',
    at: 'DateTime',
    money: 'Money',
    json: 'JSON',
    object: 'JSONObject',
    list: '[String]',
    lists: '[[Int!]]',
    address: 'Address',
    choice: 'Choice',
  }
  const data = sessionData(
    `type SessionData {
      ${Object.entries(types)
        .map(([name, type]) => `${name}: ${type} @session(client: [READ, WRITE, DELETE])`)
        .join('\n')}
    }
    type Address { name: String  lines: [String]!  inner: Address }
    enum Choice { X  constructor }
    scalar Money`,
    { scalars: [Money] },
  )
  const selections: Partial<Record<keyof typeof types, string>> = {
    address: '{ name lines inner { name lines inner { name lines } } }',
  }
  const server = serve(data)

  it.each<[name: keyof typeof types, json: string]>([
    ['boolean', 'false'],
    ['text', '""'],
    ['text', '"__proto__"'],
    ['text', '"null"'],
    ['text', String.raw`"\u0001\t\r\n\"\\\u007f\u0085\u2028\u2029\ufeff\uffff"`],
    ['text', String.raw`"\ud83d\ude00 \udbff\udfff"`],
    // The same letter, composed and not.
    ['text', String.raw`"\u00e9 e\u0301"`],
    ['code', '""'],
    ['code', '"007"'],
    ['int', '0'],
    ['int', '2147483647'],
    ['int', '-2147483648'],
    ['float', '9007199254740991'],
    ['float', '-9007199254740991'],
    ['float', '0.30000000000000004'],
    ['float', '5e-324'],
    ['float', '-2.2250738585072014e-308'],
    ['at', '"0000-01-01T00:00:00.000Z"'],
    ['at', '"9999-12-31T23:59:59.999Z"'],
    ['at', '"2024-02-29T00:00:00.001Z"'],
    ['money', '"123456789012345678901234567890"'],
    ['money', '"0"'],
    ['json', 'false'],
    ['json', '0'],
    ['json', '""'],
    ['json', '[]'],
    ['json', '{}'],
    ['json', '[[],[null],{}]'],
    ['json', '{"__proto__":{"__proto__":null},"constructor":{"prototype":1},"toString":null}'],
    ['json', String.raw`{"":0,"a b":1,"\u2028\"\\":2,"\ud83d\ude00":3,"2":4,"key":5}`],
    ['object', '{}'],
    ['object', '{"__proto__":[],"hasOwnProperty":null}'],
    ['list', '[]'],
    ['list', '[null,"",null]'],
    ['lists', '[[],null,[0]]'],
    ['address', '{"name":null,"lines":[null],"inner":{"name":"","lines":[],"inner":null}}'],
    ['choice', '"constructor"'],
  ])('%s %j reads it in the next request', async (name, json) => {
    const value: unknown = JSON.parse(json)
    const selection = selections[name] ?? ''
    const read = `{ session { ${name} ${selection} value(key: "${name}") entries { value } } }`
    // Texts tell what an equality may not, such as whether an object has __proto__ of its own.
    const said = JSON.stringify(value)
    for (const write of [ways['by variables']!, ways['by key']!, ways['each by its key']!]) {
      const client = server.client()
      const [query, variables] = write([{ name, key: name, value, printed: '' }])
      expect((await client.run(query, variables)).body).toEqual({ data: expect.anything() })
      const { data: answer } = await client.run(read)
      const { [name]: typed, value: byKey, entries } = answer.session
      expect([typed, byKey, entries[0].value].map((each) => JSON.stringify(each))).toEqual([said, said, said])
      expect(JSON.stringify(await server.open(client).get(name))).toBe(said)
    }
  })

  it.each<[name: keyof typeof types, what: string, json: string, code?: string]>([
    ['text', 'U+0000', String.raw`"a\u0000b"`],
    ['code', 'U+0000', String.raw`"\u0000"`],
    ['list', 'U+0000 in an item', String.raw`["a", "\u0000"]`],
    ['address', 'U+0000 in a member', String.raw`{ "lines": [], "name": "\u0000" }`],
    ['json', 'U+0000 in a name', String.raw`{ "a\u0000": 1 }`],
    ['text', 'half a surrogate pair', String.raw`"\ud83d"`],
    ['json', 'the other half in a name', String.raw`[{ "\ude00": 1 }]`],
    ['json', 'digits that would be lost', '[9007199254740993]'],
    ['json', 'more levels than a store takes', `${'['.repeat(33)}${']'.repeat(33)}`],
    ['text', 'more bytes than a value may have', `"${'é'.repeat(4096)}"`, 'SESSION_VALUE_TOO_LARGE'],
  ])('%s with %s is refused, and reads nothing', async (name, _, json, code = 'SESSION_VALUE_INVALID') => {
    for (const write of [ways['by variables']!, ways['by key']!, ways['each by its key']!]) {
      const client = server.client()
      const [query, variables] = write([{ name, key: name, value: JSON.parse(json), printed: '' }])
      const { codes, setCookies } = await client.run(query, variables)
      expect(codes).toEqual([code])
      expect(setCookies).toEqual([])
    }
  })
})
