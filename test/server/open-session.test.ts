import { makeExecutableSchema } from '@graphql-tools/schema'
import { graphql } from 'graphql'
import { createYoga } from 'graphql-yoga'
import { describe, expect, it } from 'vitest'
import { sessionResolvers, sessionTypeDefs } from '../../src/graphql/resolvers.ts'
import { openSession } from '../../src/server/open-session.ts'
import { sessionCookie } from '../../src/session/cookie.ts'
import type { AnySession } from '../../src/session/session.ts'
import { mint } from '../../src/session/token.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { Client } from '../support/harness.ts'

const schema = makeExecutableSchema({ typeDefs: sessionTypeDefs, resolvers: sessionResolvers })
const run = (source: string, contextValue?: unknown) => graphql({ schema, source, contextValue })
const codes = ({ errors = [] }: Awaited<ReturnType<typeof graphql>>) =>
  errors.map(({ extensions }) => extensions['code'])

const store = memoryStore({ max: 100 })

describe('sessionResolvers over openSession', () => {
  it.each([
    'setSessionKey(key: "user_id", value: "admin") { created }',
    'updateSession(data: { user_id: "admin" }) { entries { key } }',
    'setDefaultSessionKey(key: "user_id", value: "admin") { created }',
    'deleteSessionKey(key: "user_id") { deleted }',
    'popSessionKey(key: "user_id") { value }',
  ])('give a client nothing without declarations: %s', async (field) => {
    const session = openSession(store)
    session.set('user_id', 'ada')
    const result = await run(`mutation { ${field} }`, { session })
    expect(result.data).toBeFalsy()
    expect(codes(result)).toEqual(['SESSION_KEY_FORBIDDEN'])
    expect(await session.get('user_id')).toBe('ada')
  })

  it('show a client nothing without declarations', async () => {
    const session = openSession(store)
    session.set('user_id', 'ada')
    const { data } = await run('{ session { keys entries { key value } isEmpty } }', { session })
    expect(data).toEqual({ session: { keys: [], entries: [], isEmpty: false } })
    for (const field of [
      'has(key: "user_id")',
      'value(key: "user_id")',
      'entries(keys: ["user_id"]) { key }',
    ]) {
      expect(codes(await run(`{ session { ${field} } }`, { session }))).toEqual(['SESSION_KEY_FORBIDDEN'])
    }
  })

  it('give a client what the option keys says, and the schema of a key holds', async () => {
    const even = {
      '~standard': {
        version: 1 as const,
        vendor: 'test',
        validate: (value: unknown) => (Number(value) % 2 === 0 ? { value } : { issues: [{}] }),
      },
    }
    const keys = { size: { client: ['read', 'write'], schema: even } } as const
    const session = openSession<{ size: number; user_id: string }>(store, null, { keys })
    const set = (value: number) => `mutation { setSessionKey(key: "size", value: ${value}) { created } }`
    expect((await run(set(2), { session })).data).toEqual({ setSessionKey: { created: true } })
    expect(codes(await run(set(3), { session }))).toEqual(['SESSION_VALUE_INVALID'])
    expect(codes(await run('mutation { deleteSessionKey(key: "size") { deleted } }', { session }))).toEqual([
      'SESSION_KEY_FORBIDDEN',
    ])
    expect([session.clientMay('read', 'size'), session.clientMay('read', 'user_id')]).toEqual([true, false])
    session.set('user_id', 'ada')
    await session.save()
    expect(await openSession(store, session.token).entries()).toEqual([
      ['size', 2],
      ['user_id', 'ada'],
    ])
  })

  it('refuse wrong declarations at once', () => {
    expect(() => openSession(store, null, { keys: { a: { client: ['raed' as never] } } })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID' }),
    )
  })
})

describe('sessionResolvers in a context without a session', () => {
  it.each([undefined, {}, { session: null }])('say what is missing: %o', async (context) => {
    for (const operation of ['{ session { isNew } }', 'mutation { logout { flushed } }']) {
      const result = await run(operation, context)
      expect(codes(result)).toEqual(['CONFIG_INVALID'])
      expect(result.errors![0]!.message).toMatch(/context\.session.*useSession/)
    }
  })

  it('log it in a Yoga without useSession', async () => {
    const logged: unknown[] = []
    const log = (...parts: unknown[]) => void logged.push(...parts.map(String))
    const yoga = createYoga({ schema, logging: { debug() {}, info: log, warn: log, error: log } })
    const { text } = await new Client(yoga).run('mutation { logout { flushed } }')
    expect(text).not.toContain('undefined')
    expect(logged.join()).toMatch(/context\.session.*useSession/)
  })
})

describe('a cookie that came where the browser holds others back', () => {
  const cookie = sessionCookie({ name: 'sid', domain: 'shop.example' })
  const request = { method: 'POST', headers: { 'sec-fetch-site': 'cross-site' } }

  it.each(['junk', mint()])('and is of no session deletes none and begins none: %s', async (token) => {
    const session = openSession(memoryStore({ max: 10 }), token, { cookie, request })
    expect(await session.get('a')).toBeUndefined()
    await session.save()
    expect(session.setCookie(cookie)).toBeNull()
    await expect(session.setDefault('a', 1)).rejects.toThrow(expect.objectContaining({ code: 'SESSION_CROSS_SITE' })) // prettier-ignore
    expect(session.setCookie(cookie)).toBeNull()
  })
})

it.each([
  ['at once', async () => {}],
  ['once it was read', (session: AnySession) => session.get('a')],
])(
  'a session whose cookie came from another site can be signed out of, %s, and followed by another',
  async (_, first) => {
    const store = memoryStore({ max: 10 })
    const cookie = sessionCookie({ name: 'sid' })
    const before = openSession<any>(store, null, { cookie })
    before.set('a', 1)
    await before.save()
    const request = { method: 'POST', headers: { 'sec-fetch-site': 'cross-site' } }
    const session = openSession<any>(store, before.token, { cookie, request })
    await first(session)
    expect(await session.flush()).toBe(true)
    session.set('b', 1)
    await session.save()
    expect(session.setCookie(cookie)).toMatch(/^sid=[\w-]{43};/)
  },
)

it('a session that is ended by its expiry takes its cookie along, also beside another one', async () => {
  const store = memoryStore({ max: 10 })
  const cookie = sessionCookie({ name: 'sid' })
  const first = openSession(store, null, { cookie })
  first.set('a', 1)
  await first.save()
  const token = /=([\w-]{43});/.exec(first.setCookie(cookie)!)![1]!
  const session = openSession(store, [mint(), token], { cookie })
  session.setExpiry(new Date(0))
  await session.save()
  expect(session.setCookie(cookie)).toContain('Max-Age=0')
})
