import { createSchema, createYoga } from 'graphql-yoga'
import { describe, expect, it } from 'vitest'
import { useSessionGate } from '../../src/graphql/use-gate.ts'
import { useSession } from '../../src/graphql/use-session.ts'
import { listen } from '../../src/http/listen.ts'
import { createSessionServer } from '../../src/server/create-session-server.ts'
import { openSession } from '../../src/server/open-session.ts'
import { sessionCookie } from '../../src/session/cookie.ts'
import { keyRules } from '../../src/session/key-declarations.ts'
import { memoryStore } from '../../src/stores/memory.ts'

const store = memoryStore({ max: 10 })
const schema = createSchema({ typeDefs: 'type Query { hello: String }' })
const invalid = (message: RegExp | string) =>
  expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringMatching(message) })

describe('options that cannot be read are CONFIG_INVALID at start, naming the option', () => {
  const unreadable = ['1 month', '15m', '600', Number.NaN, Infinity, -1, 0, 1.5, '', null, 2 ** 31, true]

  it.each(['idleTimeout', 'absoluteTimeout'])('%s', (name) => {
    for (const value of unreadable) {
      expect(() => useSession({ store, [name]: value as never })).toThrow(invalid(name))
      expect(() => openSession(store, null, { [name]: value as never })).toThrow(invalid(name))
    }
  })

  it.each(['valueBytes', 'keys', 'sessionBytes'])('limits.%s', (name) => {
    for (const value of [...unreadable, '10kb']) {
      expect(() => useSession({ store, limits: { [name]: value } })).toThrow(invalid(`limits.${name}`))
    }
  })

  it.each<[string, unknown, RegExp]>([
    ['no options', undefined, /useSession must be an object/],
    ['no store', {}, /store must be a session store/],
    ['something else for a store', { store: {} }, /store must be a session store/],
    ['an option nobody knows', { store, ttl: 1 }, /useSession has no option "ttl". Known: store, keys/],
    ['a limit nobody knows', { store, limits: { bytes: 1 } }, /limits has no option "bytes"/],
    [
      'a longer idle than absolute timeout',
      { store, idleTimeout: 10, absoluteTimeout: 5 },
      /idleTimeout must not be longer/,
    ],
    ['a clock that is none', { store, clock: 5 }, /clock must be a function/],
    ['keys that are no object', { store, keys: 'all' }, /keys must be an object/],
    ['a key that is none', { store, keys: { 'a b': {} } }, /keys: "a b" is neither a key nor a prefix/],
    ['a * in the middle', { store, keys: { 'a*b': {} } }, /keys: "a\*b"/],
    ['a name of the prototype', { store, keys: { constructor: {} } }, /keys: "constructor"/],
    ['a right nobody knows', { store, keys: { a: { client: ['admin'] } } }, /keys.a.client must be/],
    ['rights that are no list', { store, keys: { a: { client: 'read' } } }, /keys.a.client must be/],
    [
      'a schema that is none',
      { store, keys: { a: { schema: {} } } },
      /keys.a.schema must be a Standard Schema/,
    ],
    ['trustProxy', { store, trustProxy: 'yes' }, /trustProxy must be true or false/],
    ['onEvent', { store, onEvent: 'log' }, /onEvent must be a function/],
    [
      'a declaration nobody knows',
      { store, keys: { a: { server: ['read'] } } },
      /keys.a has no option "server"/,
    ],
    ['no declaration', { store, keys: { a: null } }, /keys.a must be an object/],
    ['a cookie that is no object', { store, cookie: 'sid' }, /cookie must be an object/],
    ['a cookie option nobody knows', { store, cookie: { maxAge: 5 } }, /cookie has no option "maxAge"/],
    [
      'a domain with __Host-',
      { store, cookie: { domain: 'example.com' } },
      /cookie.domain and cookie.path need/,
    ],
    ['a path with __Host-', { store, cookie: { path: '/api' } }, /cookie.domain and cookie.path need/],
    [
      'a path with __HOST-',
      { store, cookie: { name: '__HOST-x', path: '/api' } },
      /cookie.domain and cookie.path need/,
    ],
    ['a path that is none', { store, cookie: { name: 'sid', path: 'api' } }, /cookie.path must begin/],
    ['an empty domain', { store, cookie: { name: 'sid', domain: '' } }, /cookie.domain must not be empty/],
    ['a SameSite nobody knows', { store, cookie: { sameSite: 'None' } }, /cookie.sameSite must be/],
    [
      'a header in the name',
      { store, cookie: { name: 'a=b; x' } },
      /cookie.name, cookie.domain or cookie.path/,
    ],
    [
      'a header in the path',
      { store, cookie: { name: 'sid', path: '/\r\nSet-Cookie: x' } },
      /cookie.name, cookie.domain/,
    ],
    [
      'a header in the domain',
      { store, cookie: { name: 'sid', domain: 'x; y' } },
      /cookie.name, cookie.domain/,
    ],
    ['an empty name', { store, cookie: { name: '' } }, /cookie.name/],
    ['a name that is no text', { store, cookie: { name: 5 } }, /cookie.name/],
  ])('%s', (_, options, message) => {
    expect(() => useSession(options as never)).toThrow(invalid(message))
  })

  it.each<[string, unknown, RegExp]>([
    ...[true, '*', [], ['*'], 'https://app.example', ['null'], [null], ['https://*.example.com'], ['https://app.example/'], ['app.example'], ['file:///'], ['HTTPS://app.example'], ['https://app.example:443']].map((origins): [string, unknown, RegExp] => [`origins ${JSON.stringify(origins)}`, { origins }, /^origins/]), // prettier-ignore
    ['trustProxy', { trustProxy: 1 }, /^trustProxy must be true or false/],
    ['introspection', { introspection: 'off' }, /^introspection must be true or false/],
    ['operationLimits', { operationLimits: 5 }, /^operationLimits must be an object/],
    [
      'an operation limit nobody knows',
      { operationLimits: { width: 1 } },
      /operationLimits has no option "width"/,
    ],
    ['onEvent', { onEvent: 'log' }, /^onEvent must be a function/],
    ['an option nobody knows', { cors: true }, /useSessionGate has no option "cors"/],
  ])('of useSessionGate: %s', (_, options, message) => {
    expect(() => useSessionGate(options as never)).toThrow(invalid(message))
  })

  it.each(['tokens', 'depth', 'rootFields', 'aliases', 'directives', 'literalDepth'])(
    'operationLimits.%s',
    (name) => {
      for (const value of [...unreadable, '10']) {
        expect(() => useSessionGate({ operationLimits: { [name]: value } })).toThrow(invalid(name))
      }
    },
  )

  it('maxRequestBodySize', () => {
    for (const value of [...unreadable, '10kb']) {
      expect(() => useSessionGate({ maxRequestBodySize: value as never })).toThrow(
        invalid('maxRequestBodySize'),
      )
    }
  })

  it('of listen', async () => {
    const handler = () => {}
    for (const name of [
      'headersTimeout',
      'requestTimeout',
      'responseTimeout',
      'drainDelay',
      'drainTimeout',
    ]) {
      for (const value of unreadable) {
        if (name === 'drainDelay' && value === 0) continue
        await expect(listen(handler, { [name]: value })).rejects.toThrow(invalid(name))
      }
    }
    for (const host of ['', null, 5]) {
      await expect(listen(handler, { host: host as never })).rejects.toThrow(invalid('host'))
    }
    for (const port of ['4000', 'x', -1, 65_536, 1.5, null]) {
      await expect(listen(handler, { port: port as never })).rejects.toThrow(invalid('port'))
    }
    const { close } = await listen(handler, { port: 0, drainDelay: 0 })
    await close()
    await expect(listen(handler, { timeout: 1 } as never)).rejects.toThrow(invalid('no option "timeout"'))
  })

  it('SameSite=None is for servers that let other sites in by name', () => {
    const cookie = { sameSite: 'none' } as const
    const sites = { origins: ['https://app.example'] }
    const plain = (...gates: object[]) => createYoga({ schema, plugins: [useSession({ store, cookie }), ...gates] }) // prettier-ignore
    const refused = invalid(/cookie.sameSite 'none' .* needs useSessionGate/)
    expect(() => plain()).toThrow(refused)
    expect(() => plain(useSessionGate())).toThrow(refused)
    expect(() => createSessionServer({ store, cookie })).toThrow(refused)
    plain(useSessionGate(sites))
    createSessionServer({ store, cookie, ...sites })
  })

  it('of createSessionServer too', () => {
    expect(() => createSessionServer({ store, origins: [] })).toThrow(invalid('origins'))
    expect(() => createSessionServer({ store, introspection: 1 as never })).toThrow(invalid('introspection'))

    expect(() => createSessionServer({ store, cors: true } as never)).toThrow(invalid(/no option "cors"/))
    expect(() => createSessionServer({ store, idleTimeout: -1 })).toThrow(invalid('idleTimeout'))
    for (const [name, values] of Object.entries({
      graphiql: ['no', 1, null],
      batching: ['yes', 10, { limit: -1 }, { limit: 'all' }, { max: 5 }],
      logging: ['loud', 1],
    })) {
      for (const value of values) {
        expect(() => createSessionServer({ store, [name]: value })).toThrow(invalid(name))
      }
    }
  })
})

describe('keyRules', () => {
  it('denies by default, and takes the exact name before the longest prefix', () => {
    const { mayClient: may } = keyRules({
      'pref:*': { client: ['read', 'write'] },
      'pref:secret:*': { client: ['read'] },
      'pref:secret:x': { client: ['delete'] },
      plain: { client: ['read'] },
      server: {},
    })
    const rightsOn = (key: string) =>
      (['read', 'write', 'delete'] as const).filter((right) => may(right, key))
    expect(rightsOn('pref:a')).toEqual(['read', 'write'])
    expect(rightsOn('pref:')).toEqual(['read', 'write'])
    expect(rightsOn('pref:secret:y')).toEqual(['read'])
    expect(rightsOn('pref:secret:x')).toEqual(['delete'])
    expect(rightsOn('plain')).toEqual(['read'])
    for (const key of ['server', 'undeclared', 'pref', 'plainer', 'Plain', 'toString'])
      expect(rightsOn(key)).toEqual([])
  })
})

describe('sessionCookie', () => {
  const sent = { token: 'A'.repeat(43), expiresAt: 61_000, now: 1_000 }

  it('sets and deletes with the same attributes', () => {
    const cookie = sessionCookie({
      name: '__Secure-sid',
      domain: 'example.com',
      path: '/api',
      sameSite: 'strict',
    })
    const attributes = (text: string) =>
      text.split('; ').filter((part) => !/^(?:__|Max-Age|Expires)/.test(part))
    expect(attributes(cookie.set(sent))).toEqual(attributes(cookie.clear()))
    expect(attributes(cookie.set(sent)).toSorted()).toEqual(
      ['Domain=example.com', 'HttpOnly', 'Path=/api', 'SameSite=Strict', 'Secure'].toSorted(),
    )
    expect(cookie.set(sent)).toContain('Max-Age=60;')
  })

  it('is set and deleted as a partitioned one, which needs SameSite=None and Secure', () => {
    const cookie = sessionCookie({ partitioned: true, sameSite: 'none' })
    for (const text of [cookie.set(sent), cookie.clear()]) {
      expect(text).toMatch(/^__Host-session=.*Path=\/.*HttpOnly; Secure; Partitioned; SameSite=None$/)
    }
    const plain = sessionCookie({ partitioned: true, sameSite: 'none' }, { secure: false })
    expect(plain.set(sent)).toMatch(/HttpOnly; SameSite=Lax$/)
    expect(sessionCookie({ partitioned: false }).set(sent)).not.toContain('Partitioned')
    for (const sameSite of ['lax', 'strict', undefined] as const) {
      expect(() => sessionCookie({ partitioned: true, ...(sameSite && { sameSite }) })).toThrow(
        /cookie\.partitioned needs cookie\.sameSite 'none'/,
      )
    }
    expect(() => sessionCookie({ partitioned: true, sameSite: 'none', secure: false })).toThrow(
      /needs Secure/,
    )
    expect(() => sessionCookie({ partitioned: 'yes' as never })).toThrow(/cookie\.partitioned must be true/)
  })

  it('carries a session outside of Yoga: read, then set', () => {
    const cookie = sessionCookie()
    expect(cookie.name).toBe('__Host-session')
    expect(cookie.read(cookie.set(sent).split(';')[0])).toBe(sent.token)
    expect(cookie.read(undefined)).toBeNull()
    expect(cookie.read('other=1')).toBeNull()
    expect(cookie.read('__Host-session=')).toBe('')
    expect(cookie.read('a=b; __Host-session="x"; __Host-session=')).toEqual(['x', ''])
  })
})
