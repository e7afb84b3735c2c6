import { makeExecutableSchema } from '@graphql-tools/schema'
import { createYoga, type YogaServerInstance } from 'graphql-yoga'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { useSessionGate } from '../../src/graphql/use-gate.ts'
import { createSessionServer } from '../../src/server/create-session-server.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { listen } from '../support/harness.ts'

let acts = 0
const acting = {
  typeDefs:
    'extend type Query { act: Int } extend type Mutation { act: Int } type Subscription { acts: Int }',
  resolvers: {
    Query: { act: () => ++acts },
    Mutation: { act: () => ++acts },
    Subscription: {
      acts: {
        async *subscribe() {
          yield { acts: ++acts }
        },
      },
    },
  },
}

/** Headers as fetch makes them from a request that came in elsewhere than in node:http. */
const immutable = (headers: HeadersInit): Headers =>
  Object.assign(new Headers(headers), {
    set: () => {
      throw new TypeError('immutable')
    },
  })

type Ask = (query: string, accept: string) => Promise<{ status: number; type: string; body: string }>

const answered = async (response: Response) => ({
  status: response.status,
  type: response.headers.get('content-type') ?? '',
  body: await response.text(),
})

const post = (query: string, accept: string) => ({
  method: 'POST',
  headers: { 'content-type': 'application/json', accept },
  body: JSON.stringify({ query }),
})

const ownYoga = () =>
  createYoga({
    schema: makeExecutableSchema({
      typeDefs: acting.typeDefs.replaceAll(/extend (?=type)/g, ''),
      resolvers: acting.resolvers,
    }),
    plugins: [useSessionGate()],
    cors: false,
    maxRequestBodySize: false,
    logging: false,
  })

const store = memoryStore({ max: 10 })
const servers: [string, () => unknown][] = [
  ['the short way', () => createSessionServer({ ...acting, store, logging: false })],
  [
    "Yoga's way",
    () => createSessionServer({ ...acting, store, logging: false, plugins: [{ onRequest() {} }] }),
  ],
  ['a Yoga of somebody’s own', ownYoga],
]

const ways: [string, () => Promise<{ ask: Ask; close: () => Promise<unknown> | void }>][] = [
  ...servers.map(([name, make]): (typeof ways)[number] => [
    name,
    async () => {
      const running = await listen(make() as YogaServerInstance<{}, {}>)
      const ask: Ask = async (query, accept) => answered(await fetch(running.url, post(query, accept)))
      return { ask, close: running.close }
    },
  ]),
  [
    'a Yoga whose requests are read only',
    async () => {
      const yoga = ownYoga()
      const ask: Ask = async (query, accept) => {
        const { headers, ...rest } = post(query, accept)
        const request = new Request('http://localhost/graphql', { ...rest, headers })
        Object.defineProperty(request, 'headers', { value: immutable(headers), configurable: true })
        return answered(await yoga.fetch(request))
      }
      return { ask, close() {} }
    },
  ],
]

const json = 'application/json'
const graphqlJson = 'application/graphql-response+json'
const stream = 'text/event-stream'

describe.each(ways)('what a client accepts, on %s', (_, open) => {
  let ask: Ask
  let close: () => unknown
  beforeAll(async () => void ({ ask, close } = await open()))
  afterAll(() => close())

  it.each([
    ['a charset in quotes', `${json};charset="utf-8"`, json],
    ['in upper case', `${json.toUpperCase()};CHARSET="UTF-8"`, json],
    ['between spaces', `${json} ; charset="utf-8" ; q=0.5`, json],
    ['around the sign', `${json}; charset = "utf-8"`, json],
    ['of the other type', `${graphqlJson};charset="utf-8"`, graphqlJson],
    ['of the second', `text/html;charset="utf-8", ${graphqlJson};charset="utf-8"`, graphqlJson],
    ['of a wildcard', 'application/*;charset="utf-8"', json],
    ['of every type', '*/*;charset="utf-8"', json],
    ['of a stream', `${stream};charset="utf-8"`, stream],
    ['a weight of 0 for one type', `${json};q=0, ${graphqlJson}`, graphqlJson],
    ['a weight of 0 for all but a stream', `${json};q=0.0,${graphqlJson};q=0,${stream}`, stream],
    ['another charset for one type', `${json};charset="utf-16",${graphqlJson}`, graphqlJson],
    ['a parameter with quotes', `multipart/mixed;boundary="-";q=0, ${json};profile="x"`, json],
  ])('%s', async (_, accept, type) => {
    for (const query of ['{ act }', 'mutation { act }']) {
      acts = 0
      const answer = await ask(query, accept)
      expect([answer.status, answer.type.split(';')[0]]).toEqual([200, type])
      expect(answer.body).toContain('{"data":{"act":1}}')
      expect(acts).toBe(1)
    }
  })

  it('a stream with a charset in quotes', async () => {
    acts = 0
    const answer = await ask('subscription { acts }', `${stream}; charset="utf-8"`)
    expect([answer.status, answer.type]).toEqual([200, stream])
    expect(answer.body).toContain('{"data":{"acts":1}}')
  })

  it.each([
    ['another charset in quotes', `${json};charset="utf-16"`],
    ['a weight of 0', `${json};charset="utf-8";q=0`],
    ['quotes around nothing', `${json};charset=""`],
  ])('nothing runs for %s', async (_, accept) => {
    acts = 0
    const answer = await ask('mutation { act }', accept)
    expect([answer.status, acts]).toEqual([406, 0])
    expect(answer.body).toContain('NOT_ACCEPTABLE')
  })
})
