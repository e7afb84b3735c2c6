import { createYoga } from 'graphql-yoga'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { sessionResolvers, sessionTypeDefs } from '../../src/graphql/resolvers.ts'
import { useSession } from '../../src/graphql/use-session.ts'
import { createSessionServer, type SessionServerOptions } from '../../src/server/create-session-server.ts'
import { makeSchema } from '../../src/server/schema.ts'
import { type CookieOptions, sessionCookie } from '../../src/session/cookie.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { type Answer, Client, overSocket } from '../support/harness.ts'

const set = 'mutation { setSessionKey(key: "theme", value: "dark") { created } }'
const end = 'mutation { setSessionExpiry(expiry: { at: "1970-01-01T00:00:00Z" }) { __typename } }'

/** A logger, and the warnings that it was given. */
function loggerOf() {
  const warnings: string[] = []
  const ignore = (): void => {}
  const warn = (text: string): void => void warnings.push(text)
  return { warnings, logging: { debug: ignore, info: ignore, warn, error: ignore } }
}

type Options = Partial<Omit<SessionServerOptions<{ theme: string }>, 'data'>>

const shared = () => ({
  store: memoryStore({ max: 100 }),
  keys: { theme: { client: ['read', 'write'] } } as const,
})

/** Each way to a session over HTTP: what listens there. */
const ways: Record<string, (options: Options) => Function> = {
  'the short way': (options) => createSessionServer({ ...shared(), ...options }),
  "Yoga's way": (options) => createSessionServer({ ...shared(), plugins: [{ onRequest() {} }], ...options }),
  'a Yoga of somebody’s own': ({ logging = false, ...options }) =>
    createYoga({
      schema: makeSchema({ typeDefs: sessionTypeDefs, resolvers: sessionResolvers }),
      plugins: [useSession({ ...shared(), ...options })],
      logging,
    }),
}

afterEach(() => {
  vi.unstubAllEnvs()
})

describe.each(Object.entries(ways))('plain http, on %s', (_, make) => {
  function open(options: Options = {}) {
    const { warnings, logging } = loggerOf()
    const client = new Client({ fetch: overSocket(make({ logging, ...options })) })
    const ask = (headers: Record<string, string>, query = set): Promise<Answer> =>
      client.run(query, undefined, headers)
    return { warnings, ask, client }
  }

  it.each(['shop', 'shop.example:4000', '192.168.1.5', '[2001:db8::1]:4000', '0.0.0.0:4000'])(
    'to %s is told of a cookie that browsers drop, once',
    async (host) => {
      const { warnings, ask, client } = open()
      for (let round = 0; round < 3; round++) {
        client.cookies.clear()
        expect((await ask({ host })).setCookies[0]).toMatch(/^__Host-session=.*Secure/)
      }
      expect(warnings).toHaveLength(1)
      expect(warnings[0]).toContain(host.replace(/:4000$/, ''))
      expect(warnings[0]).toMatch(/TLS.*trustProxy.*cookie: \{ secure: false \}/)
      expect(warnings[0]).not.toContain(client.token)
    },
  )

  it.each(['localhost:4000', '127.0.0.1', '127.1.2.3:80', '[::1]:4000', 'shop.localhost:4000'])(
    'to %s has a cookie that browsers keep, and nothing to tell',
    async (host) => {
      const { warnings, ask } = open()
      expect((await ask({ host })).setCookies[0]).not.toContain('Secure')
      expect(warnings).toEqual([])
    },
  )

  it('is not taken for what it is not', async () => {
    const { warnings, ask } = open({ trustProxy: true })
    const host = 'shop.example'
    await ask({ host, 'x-forwarded-proto': 'https' })
    await ask({ host, 'x-forwarded-proto': 'https,http' })
    await ask({ host: '127.0.0.1', 'x-forwarded-proto': 'https', 'x-forwarded-host': host })
    expect(warnings).toEqual([])
    const { warnings: others, ask: askOther, client } = open()
    // Browsers send this header to what is trustworthy only: TLS ends in front of the server.
    await askOther({ host, 'sec-fetch-site': 'same-origin' })
    expect(others).toEqual([])
    client.cookies.clear()
    await askOther({ host, origin: `http://${host}` })
    expect(others).toHaveLength(1)
  })

  it('is told of behind a proxy, and by no answer without a cookie or with one that deletes', async () => {
    const { warnings, ask, client } = open({ trustProxy: true })
    const forwarded = { 'x-forwarded-proto': 'http', 'x-forwarded-host': 'shop.example' }
    client.cookies.set('__Host-session', 'A'.repeat(43))
    await ask(forwarded, end)
    client.cookies.clear()
    await ask(forwarded, '{ session { isNew } }')
    expect(warnings).toEqual([])
    await ask(forwarded)
    expect(warnings).toEqual([expect.stringContaining('shop.example')])
  })

  it('is told of in production, without the option that is refused there', async () => {
    vi.stubEnv('NODE_ENV', 'production')
    const { warnings, ask, client } = open()
    await ask({ host: 'shop.example' })
    client.cookies.clear()
    await ask({ host: 'shop.example' })
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).not.toContain('secure: false')
  })

  it.each<[CookieOptions, string]>([
    [{ secure: false }, 'graphql-session-4000'],
    [{ secure: false, name: 'sid' }, 'sid'],
    [{ secure: false, name: '__Host-shop' }, 'shop'],
    [{ secure: false, name: '__Secure-shop', path: '/' }, 'shop'],
  ])('with %o has a cookie that browsers keep', async (cookie, name) => {
    const { warnings, ask, client } = open({ cookie })
    for (const host of ['192.168.1.5:4000', 'localhost:4000', 'shop:4000']) {
      client.cookies.clear()
      const { setCookies } = await ask({ host })
      expect(setCookies[0]).toMatch(new RegExp(`^${name}=[\\w-]{43}; .*Path=/; .*HttpOnly; SameSite=Lax$`))
      expect((await ask({ host }, '{ session { isNew } }')).data).toEqual({ session: { isNew: false } })
      const [deleted] = (await ask({ host }, end)).setCookies
      expect(deleted).toMatch(new RegExp(`^${name}=; .*HttpOnly; SameSite=Lax$`))
    }
    expect(warnings).toEqual([])
  })

  it('with secure: true has the same cookie everywhere', async () => {
    const { warnings, ask } = open({ cookie: { secure: true } })
    expect((await ask({ host: 'localhost:4000' })).setCookies[0]).toMatch(/^__Host-session=.*Secure/)
    expect(warnings).toEqual([])
  })
})

describe('cookie.secure', () => {
  it('is refused in production where it is false, with the remedy', () => {
    vi.stubEnv('NODE_ENV', 'production')
    const cookie = { secure: false }
    const makers = [
      () => createSessionServer({ ...shared(), cookie }),
      () => useSession({ ...shared(), cookie }),
      () => sessionCookie(cookie),
    ]
    for (const make of makers) {
      expect(make).toThrow(
        expect.objectContaining({
          code: 'CONFIG_INVALID',
          message: expect.stringMatching(/cookie\.secure.*production.*TLS.*trustProxy/),
        }),
      )
    }
    expect(() => useSession({ ...shared(), cookie: { secure: true } })).not.toThrow()
  })

  it('is true or false, and not false for a cookie of other sites', () => {
    const make = (cookie: object) => () => useSession({ ...shared(), cookie })
    for (const secure of ['false', 0, null]) {
      expect(make({ secure })).toThrow(/cookie\.secure must be true or false/)
    }
    expect(make({ secure: false, sameSite: 'none' })).toThrow(/cookie\.sameSite 'none' needs Secure/)
  })
})
