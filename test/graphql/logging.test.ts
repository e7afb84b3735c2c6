import type { YogaLogger } from 'graphql-yoga'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { SessionServerOptions } from '../../src/server/create-session-server.ts'
import { Client, listen } from '../support/harness.ts'
import { shop, type ShopData } from '../support/shop.ts'

let lines: string[] = []
const log =
  (level: string) =>
  (...parts: unknown[]): void => {
    lines.push(`${level} ${parts.map(String).join(' ')}`)
  }
const logging: YogaLogger = { debug: () => {}, info: () => {}, warn: log('warn'), error: log('error') }

beforeEach(() => {
  lines = []
})

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  vi.unstubAllEnvs()
  vi.useRealTimers()
  await Promise.all(closers.splice(0).map((close) => close()))
})

const secret = 'canary'

const application: Partial<SessionServerOptions<ShopData>> = {
  logging,
  typeDefs: /* GraphQL */ `
    type Account {
      renew(what: String!): Boolean
    }
    extend type Query {
      account: Account
      renew(what: String!): Boolean
    }
    extend type Mutation {
      renew(what: String!): Boolean
      account: Account
    }
    type Subscription {
      renewals(what: String!): Boolean
    }
  `,
  resolvers: (() => {
    const renew = async (_: unknown, { what }: Record<string, string>, { session }: { session: any }) => {
      if (what === 'date') session.set('dark_mode', new Date(secret))
      if (what === 'key') session.set(`${secret}!`, 1)
      if (what === 'large') session.set('dark_mode', secret.repeat(10_000))
      if (what === 'expiry') session.setExpiry(secret)
      if (what === 'right') session.checkClientMay('server_only', 'write')
      if (what === 'fine') session.set('dark_mode', true)
      return true
    }
    return {
      Account: { renew },
      Query: { renew, account: () => ({}) },
      Mutation: { renew, account: () => ({}) },
      Subscription: {
        renewals: {
          async *subscribe() {
            yield {}
          },
          resolve: renew,
        },
      },
    }
  })(),
}

/** Both ways through the server: an operation that is known goes the short way. */
async function clientOf(options: Partial<SessionServerOptions<ShopData>> = application): Promise<Client> {
  const { url, close } = await listen(shop(options).yoga)
  closers.push(close)
  return new Client(url)
}

describe('a session error that a resolver caused', () => {
  it.each([
    ['date', 'SESSION_VALUE_INVALID: The value for "dark_mode" cannot be stored: a Date is not JSON'],
    ['key', 'SESSION_KEY_INVALID: A session key is 1 to 64 characters'],
    ['large', 'SESSION_VALUE_TOO_LARGE: The value for "dark_mode" is larger than 8192 bytes'],
    ['expiry', 'SESSION_EXPIRY_INVALID: An expiry is a whole number'],
  ])('is logged with the path of its field, and without the value: %s', async (what, says) => {
    const client = await clientOf()
    for (const [operation, path] of [
      ['mutation ($what: String!) { renew(what: $what) }', 'renew'],
      ['mutation ($what: String!) { again: renew(what: $what) }', 'again'],
      ['mutation ($what: String!) { account { renew(what: $what) } }', 'account.renew'],
      ['query ($what: String!) { account { renew(what: $what) } }', 'account.renew'],
    ] as const) {
      for (let time = 1; time <= 2; time++) {
        lines = []
        await client.run(operation, { what })
        expect(lines).toEqual([expect.stringContaining(`error ${path}: ${says}`)])
        expect(lines.join()).not.toContain(secret)
      }
    }
  })

  it('is logged in a stream, too', async () => {
    const { yoga } = shop(application)
    const query = 'subscription ($what: String!) { renewals(what: $what) }'
    const response = await yoga.fetch('http://localhost/graphql', {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
      body: JSON.stringify({ query, variables: { what: 'date' } }),
    })
    expect(await response.text()).toContain('SESSION_VALUE_INVALID')
    expect(lines).toEqual([expect.stringContaining('error renewals: SESSION_VALUE_INVALID')])
  })

  it('is logged in the source of a stream, and told by its code', async () => {
    const { yoga } = shop({
      ...application,
      typeDefs: 'type Subscription { ticks: Boolean }',
      resolvers: {
        Subscription: {
          ticks: {
            async *subscribe(_: unknown, __: unknown, { session }: { session: any }) {
              yield {}
              session.set(`${secret}!`, 1)
            },
          },
        },
      },
    })
    const response = await yoga.fetch('http://localhost/graphql', {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
      body: JSON.stringify({ query: 'subscription { ticks }' }),
    })
    expect(await response.text()).toContain('SESSION_KEY_INVALID')
    expect(lines).toEqual([expect.stringContaining('SESSION_KEY_INVALID: A session key is')])
  })

  it('is logged with a path of bounded length, which a client can choose', async () => {
    const client = await clientOf()
    await client.run(`mutation { ${'a'.repeat(5000)}: renew(what: "date") }`)
    expect(lines).toEqual([expect.stringContaining('SESSION_VALUE_INVALID')])
    expect(lines[0]!.length).toBeLessThan(500)
  })

  it.each([
    ['a resolver asks what a client may', '{ renew(what: "right") }'],
    ['nothing is wrong', 'mutation { renew(what: "fine") }'],
    ['a key is not for clients', '{ session { value(key: "server_only") } }'],
    ['a key is none', 'mutation { setSessionKey(key: "canary!", value: 1) { created } }'],
    [
      'a value is too large',
      `mutation { setSessionKey(key: "dark_mode", value: "${'x'.repeat(9000)}") { created } }`,
    ],
    [
      'a value cannot be stored',
      'mutation { updateSession(data: { dark_mode: "\\u0000" }) { entries { key } } }',
    ],
    [
      'a default cannot be stored',
      'mutation { popSessionKey(key: "dark_mode", default: "\\u0000") { found } }',
    ],
    ['an expiry is none', 'mutation { setSessionExpiry(expiry: { seconds: -1 }) { session { handle } } }'],
    [
      'many keys are set',
      `mutation { updateSession(data: {${Array.from({ length: 129 }, (_, at) => `_${at}: 1`).join()}}) { entries { key } } }`,
    ],
  ])('is none where %s', async (_, query) => {
    const all = { client: ['read', 'write', 'delete'] } as const
    const client = await clientOf({ ...application, keys: { '*': all, server_only: {} } })
    for (let time = 1; time <= 2; time++) await client.run(query)
    expect(lines).toEqual([])
  })
})

describe('a request that is refused for its origin', () => {
  const origin = 'http://localhost:5173'
  const crossSite = { origin, 'sec-fetch-site': 'cross-site' }
  const query = '{ __typename }'

  it('is logged with the option that would let it in, once a minute', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const client = await clientOf()
    const refusedAt = async (): Promise<string[]> => {
      lines = []
      for (let time = 1; time <= 3; time++) {
        expect((await client.run(query, {}, crossSite)).codes).toEqual(['CSRF_CHECK_FAILED'])
      }
      return lines
    }
    const hint = `warn CSRF_CHECK_FAILED: refused a page of another origin. To allow it, add it to the option origins: ['${origin}']. If it is the server's own origin behind a proxy, set trustProxy.`
    expect(await refusedAt()).toEqual([hint])
    vi.advanceTimersByTime(59_999)
    expect(await refusedAt()).toEqual([])
    vi.advanceTimersByTime(1)
    expect(await refusedAt()).toEqual([hint])
  })

  it('is logged beside other hints of the same minute', async () => {
    const client = await clientOf()
    await client.run(query, {}, { origin: 'null', 'sec-fetch-site': 'cross-site' })
    await client.run(query, {}, crossSite)
    expect(lines).toEqual([
      expect.stringContaining('whose origin cannot be allowed'),
      expect.stringContaining(`origins: ['${origin}']`),
    ])
  })

  it('is logged at its preflight', async () => {
    const { yoga } = shop(application)
    const headers = { origin, 'access-control-request-method': 'POST' }
    await yoga.fetch('http://localhost/graphql', { method: 'OPTIONS', headers })
    expect(lines).toEqual([expect.stringContaining(`origins: ['${origin}']`)])
  })

  it('is not logged where its origin is allowed, or its site is the same', async () => {
    const { yoga } = shop({ ...application, origins: [origin] })
    const headers = { origin, 'access-control-request-method': 'POST' }
    await yoga.fetch('http://localhost/graphql', { method: 'OPTIONS', headers })
    const client = await clientOf({ ...application, origins: [origin] })
    await client.run(query, {}, crossSite)
    await client.run(query, {}, { 'sec-fetch-site': 'same-origin' })
    expect(lines).toEqual([])
  })

  it.each(['null', "http://x']; evil(", `http://${'x'.repeat(300)}.example`, 'file://'])(
    'is not repeated where it cannot be allowed: %s',
    async (strange) => {
      const client = await clientOf()
      await client.run(query, {}, { origin: strange, 'sec-fetch-site': 'cross-site' })
      expect(lines).toEqual([expect.stringContaining('whose origin cannot be allowed')])
      expect(lines.join()).not.toContain(strange)
    },
  )

  it('is not logged in production', async () => {
    vi.stubEnv('NODE_ENV', 'production')
    const client = await clientOf()
    await client.run(query, {}, crossSite)
    expect(lines).toEqual([])
  })
})
