import { useDeferStream } from '@graphql-yoga/plugin-defer-stream'
import { describe, expect, it } from 'vitest'
import type { SessionContext } from '../../src/graphql/use-session.ts'
import { changeSet } from '../../src/session/changes.ts'
import { SessionError } from '../../src/session/errors.ts'
import type { KeyedStore } from '../../src/session/store.ts'
import { freshStore } from '../support/fresh-store.ts'
import { type Answer, Client, listen, seen } from '../support/harness.ts'
import { shop, type ShopData } from '../support/shop.ts'

const set = (key: string, value: string) =>
  `mutation { setSessionKey(key: ${JSON.stringify(key)}, value: ${value}) { created } }`

const refusal = (code: string, message: string | RegExp, field = 'setSessionKey') => ({
  errors: [
    {
      message: typeof message === 'string' ? message : expect.stringMatching(message),
      locations: [expect.anything()],
      path: [field],
      extensions: { code },
    },
  ],
  data: null,
})

/** What the client gets, over real HTTP, with the session's entries before and after. */
async function refused(query: string, variables?: Record<string, unknown>, status = 200): Promise<Answer> {
  const { yoga } = shop()
  await using server = { ...(await listen(yoga)), [Symbol.asyncDispose]: () => server.close() }
  const client = new Client(server.url)
  await client.run('mutation { setSessionKey(key: "dark_mode", value: true) { created } }')
  const before = await client.run('{ session { handle entries { key value } } }')
  const answer = await client.run(query, variables)
  expect(answer.status).toBe(status)
  expect((await client.run('{ session { handle entries { key value } } }')).body).toEqual(before.body)
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  return answer
}

describe('SESSION_KEY_INVALID', () => {
  const keys = [
    '',
    'k'.repeat(65),
    'k'.repeat(100_000),
    '__proto__',
    'constructor',
    'prototype',
    '-a',
    '.1',
    '１a',
    'a b',
    'a\u0000b',
    'a\r\nb',
    'a\tb',
    '\u001B[31m',
    '$ne',
    'pref:\u202Ex',
    'uѕer_id',
    'e\u0301',
    'é',
    'a/b',
    'a*',
  ]
  it.each(keys)('%j', async (key) => {
    const answer = await refused(
      'mutation ($key: String!) { setSessionKey(key: $key, value: 1) { created } }',
      { key },
    )
    expect(answer.body).toEqual(refusal('SESSION_KEY_INVALID', /^A session key is 1 to 64 characters/))
  })

  it.each([
    ['deleteSessionKey', 'mutation { deleteSessionKey(key: "") { deleted } }'],
    ['popSessionKey', 'mutation { popSessionKey(key: "") { found } }'],
    ['setDefaultSessionKey', 'mutation { setDefaultSessionKey(key: "", value: 1) { created } }'],
    [
      'updateSession',
      'mutation { updateSession(data: { dark_mode: false, __proto__: { polluted: 1 } }) { __typename } }',
    ],
  ])('%s', async (field, query) => {
    expect((await refused(query)).body).toEqual(refusal('SESSION_KEY_INVALID', /^A session key is/, field))
  })

  it('takes 64 characters, and names that only look like methods or paths, as plain keys', async () => {
    const client = new Client(shop({ keys: { '*': { client: ['read', 'write', 'delete'] } } }).yoga)
    const keys = [
      'k'.repeat(64),
      'a.b',
      'save',
      'get',
      'id',
      'then',
      'toJSON',
      'hasOwnProperty',
      '_',
      'session:1',
    ]
    for (const key of keys) expect((await client.run(set(key, '1'))).codes).toEqual([])
    expect((await client.run('{ session { keys } }')).data.session.keys).toEqual(keys)
    expect((await client.run('{ session { has(key: "a") } }')).data.session.has).toBe(false)
  })
})

describe('SESSION_KEY_FORBIDDEN', () => {
  const operations: [string, (key: string) => string, string][] = [
    ['setSessionKey', (key) => set(key, '1'), 'write'],
    ['updateSession', (key) => `mutation { updateSession(data: { dark_mode: 1, ${key}: 1 }) { __typename } }`, 'write'],
    ['setDefaultSessionKey', (key) => `mutation { setDefaultSessionKey(key: "${key}", value: 1) { created } }`, 'read and write'],
    ['deleteSessionKey', (key) => `mutation { deleteSessionKey(key: "${key}") { deleted } }`, 'delete'],
    ['popSessionKey', (key) => `mutation { popSessionKey(key: "${key}") { found } }`, 'read and delete'],
  ] // prettier-ignore

  it.each(operations)(
    '%s answers alike for undeclared and server-only keys',
    async (field, query, rights) => {
      for (const key of ['undeclared', 'server_only']) {
        expect((await refused(query(key))).body).toEqual(
          refusal('SESSION_KEY_FORBIDDEN', `"${key}" is not for clients to ${rights}.`, field),
        )
      }
    },
  )

  it('session { value has entries } as well', async () => {
    const answer = await new Client(shop().yoga).run(
      '{ session { value(key: "server_only") entries: __typename } other: session { keys } }',
    )
    expect(answer.codes).toEqual(['SESSION_KEY_FORBIDDEN'])
    expect(answer.data.session.value).toBeNull()
    const query = (field: string) => new Client(shop().yoga).run(`{ session { ${field} } }`)
    expect((await query('has(key: "server_only")')).codes).toEqual(['SESSION_KEY_FORBIDDEN'])
    expect((await query('entries(keys: ["dark_mode", "nope"]) { key }')).codes).toEqual([
      'SESSION_KEY_FORBIDDEN',
    ])
  })

  it('lets a client sign itself out, never in', async () => {
    expect((await refused(set('user_id', '"1"'))).codes).toEqual(['SESSION_KEY_FORBIDDEN'])
    const answer = await new Client(shop().yoga).run(
      'mutation { deleteSessionKey(key: "user_id") { deleted } }',
    )
    expect(answer.data.deleteSessionKey.deleted).toBe(false)
  })

  it('judges by the exact name before the longest prefix', async () => {
    expect((await refused(set('pref:hidden', '1'))).codes).toEqual(['SESSION_KEY_FORBIDDEN'])
  })
})

describe('SESSION_VALUE_INVALID', () => {
  const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)

  it.each([
    ['1e999', /NaN and Infinity are not JSON/],
    ['9007199254740993', /integers beyond 2\^53-1 lose digits/],
    ['-9007199254740993', /integers beyond 2\^53-1 lose digits/],
    ['"a\\u0000b"', /U\+0000/],
    [nested(33), /more than 32 levels deep/],
    ['{ a: [{ b: 1e999 }] }', /NaN and Infinity/],
  ])('%s', async (value, reason) => {
    const answer = await refused(set('dark_mode', value))
    expect(answer.body).toEqual(refusal('SESSION_VALUE_INVALID', reason))
    expect(answer.text).toContain('The value for \\"dark_mode\\" cannot be stored')
  })

  it('a lone surrogate in a variable', async () => {
    const query = 'mutation ($value: JSON) { setSessionKey(key: "dark_mode", value: $value) { created } }'
    for (const value of ['\uD800', { '\uDFFF': 1 }]) {
      expect((await refused(query, { value })).body).toEqual(
        refusal('SESSION_VALUE_INVALID', /well-formed Unicode/),
      )
    }
  })

  it('an omitted value of a key that is none, or not for clients, is told by the key', async () => {
    const client = new Client(shop().yoga)
    for (const mutation of ['setSessionKey', 'setDefaultSessionKey']) {
      const forbidden = await client.run(`mutation { ${mutation}(key: "server_only") { created } }`)
      expect(forbidden.codes).toEqual(['SESSION_KEY_FORBIDDEN'])
      const invalid = await client.run(`mutation { ${mutation}(key: "<b>canary</b>") { created } }`)
      expect(invalid.codes).toEqual(['SESSION_KEY_INVALID'])
      expect(invalid.text).not.toContain('canary')
    }
  })

  it('an omitted value is an error, and null is a value', async () => {
    const missing = 'The value for "dark_mode" is missing. To store null, say null.'
    const query = 'mutation ($value: JSON) { setSessionKey(key: "dark_mode", value: $value) { created } }'
    for (const answer of [
      await refused(query, {}, 400),
      await refused('mutation { setSessionKey(key: "dark_mode") { created } }', {}, 400),
    ]) {
      expect(answer.body).toEqual(refusal('BAD_USER_INPUT', missing))
    }
    const client = new Client(shop().yoga)
    await client.run(query, { value: null })
    const { data } = await client.run(
      '{ session { has(key: "dark_mode") value(key: "dark_mode", default: 1) absent: value(key: "pref:x", default: 1) } }',
    )
    expect(data.session).toEqual({ has: true, value: null, absent: 1 })
  })

  it('takes 32 levels, 2^53-1 and an object with a __proto__ of its own, as they are', async () => {
    const client = new Client(shop().yoga)
    const value = JSON.parse(
      `{"deep": ${nested(31)}, "n": 9007199254740991, "__proto__": {"polluted": true}}`,
    )
    const query = 'mutation ($value: JSON) { setSessionKey(key: "dark_mode", value: $value) { created } }'
    expect((await client.run(query, { value })).codes).toEqual([])
    const { text } = await client.run('{ session { value(key: "dark_mode") } }')
    expect(text).toContain(JSON.stringify(value))
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })
})

describe('SESSION_VALUE_TOO_LARGE', () => {
  it('counts UTF-8 bytes of JSON: 8192 are taken, 8193 are not', async () => {
    const client = new Client(shop().yoga)
    const query = 'mutation ($value: JSON) { setSessionKey(key: "dark_mode", value: $value) { created } }'
    for (const [value, codes] of [
      ['x'.repeat(8190), []],
      ['x'.repeat(8191), ['SESSION_VALUE_TOO_LARGE']],
      ['é'.repeat(4095), []],
      [`${'é'.repeat(4095)}x`, ['SESSION_VALUE_TOO_LARGE']],
    ] as const) {
      expect((await client.run(query, { value })).codes).toEqual(codes)
    }
    const answer = await refused(query, { value: 'x'.repeat(9000) })
    expect(answer.body).toEqual(
      refusal(
        'SESSION_VALUE_TOO_LARGE',
        'The value for "dark_mode" is larger than 8192 bytes of JSON. Store a reference to it instead.',
      ),
    )
  })
})

describe('SESSION_TOO_LARGE', () => {
  const message =
    'A session holds at most 128 keys and 65536 bytes, and no more than its store has room for. Nothing was stored; delete what is no longer needed.'
  const data = (count: number, text = '1') =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`pref:${index}`, text]))
  const update = 'mutation ($data: JSONObject!) { updateSession(data: $data) { __typename } }'

  it('the 129th key, when the session was read: the field is refused', async () => {
    const client = new Client(shop().yoga)
    await client.run(update, { data: data(128) })
    const answer = await client.run(`query { session { handle } }`)
    expect(answer.codes).toEqual([])
    const both = await client.run(
      `mutation { popSessionKey(key: "dark_mode") { found } setSessionKey(key: "dark_mode", value: 1) { created } }`,
    )
    expect(both.body).toEqual(refusal('SESSION_TOO_LARGE', message))
  })

  it('the 129th key, when nothing was read: the whole answer is refused, by the store', async () => {
    const { yoga, store } = shop()
    const client = new Client(yoga)
    await client.run(update, { data: data(128) })
    store.calls.length = 0
    const answer = await client.run('mutation { setSessionKey(key: "dark_mode", value: 1) { __typename } }')
    // It looks for entries whose time is over, and finds none.
    expect(store.calls).toEqual(['commit', 'read'])
    expect(answer.status).toBe(200)
    expect(answer.body).toEqual({
      data: null,
      errors: [{ message, extensions: { code: 'SESSION_TOO_LARGE' } }],
    })
    expect((await client.run('{ session { keys } }')).data.session.keys).toHaveLength(128)
  })

  it('stops at 128 keys however many requests try, also at once', async () => {
    const client = new Client(shop().yoga)
    await client.run(set('dark_mode', '1'))
    const writes = Array.from({ length: 500 }, (_, index) => client.run(set(`pref:${index}`, '1')))
    const refusals = (await Promise.all(writes)).flatMap(({ codes }) => codes)
    expect(new Set(refusals)).toEqual(new Set(['SESSION_TOO_LARGE']))
    expect((await client.run('{ session { keys } }')).data.session.keys).toHaveLength(128)
  })

  it('more than 64 KiB in all', async () => {
    const client = new Client(shop().yoga)
    expect((await client.run(update, { data: data(7, 'x'.repeat(8000)) })).codes).toEqual([])
    expect((await client.run(update, { data: data(9, 'x'.repeat(8000)) })).codes).toEqual([
      'SESSION_TOO_LARGE',
    ])
    expect((await client.run('{ session { keys } }')).data.session.keys).toHaveLength(7)
  })
})

describe('SESSION_EXPIRY_INVALID', () => {
  it.each(['0', '-1'])('seconds: %s', async (seconds) => {
    const answer = await refused(
      `mutation { setSessionExpiry(expiry: { seconds: ${seconds} }) { __typename } }`,
    )
    expect(answer.body).toEqual(
      refusal(
        'SESSION_EXPIRY_INVALID',
        "An expiry is a whole number of seconds from 1 up, a valid Date, 'browser-close' or null.",
        'setSessionExpiry',
      ),
    )
  })

  it.each(['"tomorrow"', '"2026-02-30T00:00:00Z"', '"2026-11-23"', '5'])(
    'at: %s is no DateTime',
    async (at) => {
      const answer = await new Client(shop().yoga).run(
        `mutation { setSessionExpiry(expiry: { at: ${at} }) { __typename } }`,
      )
      expect(answer.body.data).toBeUndefined()
      expect(answer.text).not.toContain('tomorrow')
    },
  )
})

describe('SESSION_CONFLICT', () => {
  it('when somebody else is faster every time', async () => {
    const backend = freshStore()
    let attempts = 0
    const contested: KeyedStore = {
      ...backend,
      async commit(id, changes, now) {
        if (changes.expect.size > 0) {
          const faster = new Map([['counter', String(++attempts + 1000)]])
          await backend.commit(id, changeSet({ entries: faster }), now)
        }
        return backend.commit(id, changes, now)
      },
    }
    const { yoga } = shop(
      {
        typeDefs: 'extend type Mutation { count: Int }',
        resolvers: {
          Mutation: {
            count: (_: unknown, __: unknown, { session }: SessionContext<ShopData>) =>
              session.update('counter', (counter = 0) => counter + 1),
          },
        },
      },
      contested,
    )
    const client = new Client(yoga)
    await client.run(set('dark_mode', '1'))
    const answer = await client.run('mutation { count }')
    expect(attempts).toBe(256)
    expect(answer.body.errors).toEqual([
      {
        message: '"counter" was changed by others at each of 256 attempts. Nothing was written; try again.',
        locations: [{ line: 1, column: 12 }],
        path: ['count'],
        extensions: { code: 'SESSION_CONFLICT' },
      },
    ])
  })
})

describe('SESSION_GONE', () => {
  it('has its exact answer', async () => {
    const store = freshStore()
    const { yoga } = shop(
      {
        typeDefs: 'extend type Mutation { lose: Boolean }',
        resolvers: {
          Mutation: {
            async lose(_: unknown, __: unknown, { session }: SessionContext<ShopData>) {
              await store.delete((await session.handle())!, 0)
              session.set('counter', 1)
              return true
            },
          },
        },
      },
      store,
    )
    const client = new Client(yoga)
    await client.run(set('dark_mode', '1'))
    const answer = await client.run('mutation { lose }')
    expect(answer.status).toBe(200)
    expect(answer.setCookies).toEqual([])
    expect(answer.body).toEqual({
      data: null,
      errors: [
        {
          message:
            'The session ended while this request was under way, for example by a logout. Nothing was saved.',
          extensions: { code: 'SESSION_GONE' },
        },
      ],
    })
  })
})

describe('SESSION_HEADERS_SENT', () => {
  it.each(['rotate', 'flush', 'create', 'expire'])('%s in a deferred part', async (verb) => {
    const acts: Record<string, (session: SessionContext<ShopData>['session']) => unknown> = {
      rotate: (session) => session.rotate(),
      flush: (session) => session.flush(),
      create: (session) => session.set('counter', 1),
      expire: (session) => session.setExpiry('browser-close'),
    }
    const { yoga } = shop({
      plugins: [useDeferStream()],
      typeDefs: 'extend type Query { late: Late } type Late { act: Boolean }',
      resolvers: {
        Query: { late: () => ({}) },
        Late: {
          async act(_: unknown, __: unknown, { session }: SessionContext<ShopData>) {
            await new Promise((next) => setTimeout(next))
            await acts[verb]!(session)
            return true
          },
        },
      },
    })
    const client = new Client(yoga)
    if (verb !== 'create') await client.run(set('dark_mode', '1'))
    const { text, setCookies } = await client.run('{ late { ... @defer { act } } }', undefined, {
      accept: 'multipart/mixed',
    })
    expect(text).toContain('"code":"SESSION_HEADERS_SENT"')
    expect(text).toContain('The headers of this response have left')
    expect(setCookies).toEqual([])
  })
})

describe('a store in trouble', () => {
  const failing = (verb: keyof KeyedStore, error: Error): KeyedStore => ({
    ...freshStore(),
    [verb]: () => Promise.reject(error),
  })
  const down = () => failing('read', new Error('connect postgres://admin:hunter2@db.internal failed'))
  const unavailable = { code: 'SESSION_STORE_UNAVAILABLE' }

  it('is SESSION_STORE_UNAVAILABLE and 503, never an anonymous visitor, and not the message of the driver', async () => {
    const { yoga } = shop({}, down())
    const client = new Client(yoga)
    client.cookies.set('__Host-session', 'A'.repeat(43))
    const answer = await client.run('{ session { keys } }')
    expect(answer.status).toBe(503)
    expect(answer.headers.get('retry-after')).toBe('1')
    expect(answer.headers.get('vary')).toBe('Cookie')
    expect(answer.setCookies).toEqual([])
    expect(answer.body).toEqual({
      errors: [
        {
          message: 'The session store is not available. Try again later.',
          locations: [{ line: 1, column: 13 }],
          path: ['session', 'keys'],
          extensions: unavailable,
        },
      ],
      data: null,
    })
    expect(seen.join()).not.toContain('hunter2')
  })

  it.each(['create', 'commit', 'delete'] as const)('that fails in %s', async (verb) => {
    const store = freshStore()
    const client = new Client(shop({}, store).yoga)
    if (verb !== 'create') await client.run(set('dark_mode', '1'))
    Object.assign(store, { [verb]: () => Promise.reject(new TypeError('socket closed by hunter2')) })
    const query = verb === 'delete' ? 'mutation { logout { flushed } }' : set('pref:a', '1')
    const answer = await client.run(query)
    expect(answer.status).toBe(503)
    expect(answer.codes).toEqual(['SESSION_STORE_UNAVAILABLE'])
    expect(answer.setCookies).toEqual([])
    expect(answer.text).not.toContain('hunter2')
  })

  it('still answers requests that need no session', async () => {
    const client = new Client(shop({}, down()).yoga)
    client.cookies.set('__Host-session', 'A'.repeat(43))
    const answer = await client.run('{ __typename }')
    expect([answer.status, answer.data]).toEqual([200, { __typename: 'Query' }])
  })

  it('is 503 for a batch too, with the code in each result that needed the session', async () => {
    const client = new Client(shop({}, down()).yoga)
    client.cookies.set('__Host-session', 'A'.repeat(43))
    const answer = await client.post([{ query: '{ session { keys } }' }, { query: '{ __typename }' }])
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1'])
    expect(answer.codes).toEqual(['SESSION_STORE_UNAVAILABLE'])
    expect(answer.setCookies).toEqual([])
  })

  describe('that a resolver hides', () => {
    const hiding = {
      typeDefs: 'extend type Query { dark: Boolean, broken: Int }',
      resolvers: {
        Query: {
          dark: (_: unknown, __: unknown, { session }: SessionContext<ShopData>) =>
            session.get('dark_mode').then(
              (dark) => dark === true,
              () => false,
            ),
          broken() {
            throw new Error('hunter2')
          },
        },
      },
    }
    const told = 'SESSION_STORE_UNAVAILABLE'
    const run = (body: unknown, headers?: Record<string, string>) => {
      const client = new Client(shop(hiding, down()).yoga)
      client.cookies.set('__Host-session', 'A'.repeat(43))
      return client.post(body, headers)
    }

    it.each(['application/json', 'application/graphql-response+json'])(
      'is told all the same, beside the data, as %s',
      async (accept) => {
        const answer = await run({ query: '{ dark }' }, { accept })
        expect([answer.status, answer.data, answer.codes]).toEqual([503, { dark: false }, [told]])
        expect(answer.headers.get('retry-after')).toBe('1')
      },
    )

    it('is told before ten other errors', async () => {
      const fields = Array.from({ length: 12 }, (_, at) => `f${at}: broken`).join(' ')
      const answer = await run({ query: `{ dark ${fields} }` })
      expect([answer.status, answer.codes[0], answer.codes.length]).toEqual([503, told, 10])
      expect(answer.data.dark).toBe(false)
    })

    it('is told once where another field tells it', async () => {
      expect((await run({ query: '{ dark session { keys } }' })).codes).toEqual([told])
    })

    it('is told in each result of a batch, if none tells', async () => {
      const silent = await run([{ query: '{ dark }' }, { query: '{ dark __typename }' }])
      expect([silent.status, silent.codes]).toEqual([503, [told, told]])
      const saying = await run([{ query: '{ dark }' }, { query: '{ session { keys } }' }])
      expect([saying.status, saying.codes]).toEqual([503, [told]])
    })
  })

  it('leaves the cookie of the client alone, and is asked once by a request', async () => {
    const { yoga, store } = shop({}, down())
    const client = new Client(yoga)
    client.cookies.set('__Host-session', 'A'.repeat(43))
    const answer = await client.run('mutation { logout(flush: false) { session { isNew isEmpty keys } } }')
    expect(answer.codes.length).toBeGreaterThan(0)
    expect(new Set(answer.codes)).toEqual(new Set(['SESSION_STORE_UNAVAILABLE']))
    expect(store.calls).toEqual(['read'])
    const again = await client.run('{ a: session { keys } b: session { isEmpty } }')
    expect(store.calls).toEqual(['read', 'read'])
    expect([again.status, again.setCookies]).toEqual([503, []])
  })

  it('does not even delete a malformed cookie while it fails', async () => {
    const client = new Client(shop({}, failing('create', new Error('down'))).yoga)
    client.cookies.set('__Host-session', 'malformed')
    const answer = await client.run(set('dark_mode', '1'))
    expect([answer.status, answer.setCookies]).toEqual([503, []])
  })

  it('does not flush halfway: what comes after a failure is refused without asking', async () => {
    const { yoga, store } = shop(
      {
        typeDefs: 'extend type Mutation { both: [Boolean] }',
        resolvers: {
          Mutation: {
            async both(_: unknown, __: unknown, { session }: SessionContext<ShopData>) {
              const settled = await Promise.allSettled([session.get('dark_mode')])
              const flushed = await Promise.allSettled([session.flush()])
              return [...settled, ...flushed].map(({ status }) => status === 'fulfilled')
            },
          },
        },
      },
      down(),
    )
    const client = new Client(yoga)
    client.cookies.set('__Host-session', 'A'.repeat(43))
    const answer = await client.run('mutation { both }')
    expect(answer.data.both).toEqual([false, false])
    expect(store.calls).toEqual(['read'])
    expect(answer.setCookies).toEqual([])
  })

  it('is told to whoever runs the server, without what the driver said', async () => {
    const before = seen.length
    const client = new Client(shop({ logging: true }, failing('read', Object.assign(new Error('hunter2'), { code: 'ECONNREFUSED' }))).yoga) // prettier-ignore
    client.cookies.set('__Host-session', 'A'.repeat(43))
    await client.run('{ session { keys } }')
    const logged = seen.slice(before).join()
    expect(logged).toContain('SESSION_STORE_UNAVAILABLE: Error ECONNREFUSED')
    expect(logged).not.toContain('hunter2')
  })

  it('is a store that holds what it was not given, without quoting it', async () => {
    const store = freshStore()
    const client = new Client(shop({}, store).yoga)
    await client.run(set('dark_mode', '1'))
    const { handle: id } = (await client.run('{ session { handle } }')).data.session
    await store.commit(id, changeSet({ entries: new Map([['dark_mode', '{hunter2']]) }), 0)
    const answer = await client.run('{ session { value(key: "dark_mode") } }')
    expect(answer.codes).toEqual(['SESSION_STORE_UNAVAILABLE'])
    expect(answer.text).not.toContain('hunter2')
  })

  it('passes a timeout on as SESSION_STORE_TIMEOUT with its unknown outcome', async () => {
    const timeout = new SessionError('SESSION_STORE_TIMEOUT', 'The store did not answer in time.', { outcome: 'unknown' }) // prettier-ignore
    const client = new Client(shop({}, failing('read', timeout)).yoga)
    client.cookies.set('__Host-session', 'A'.repeat(43))
    const answer = await client.run('mutation { popSessionKey(key: "dark_mode") { found } }')
    expect(answer.status).toBe(503)
    expect(answer.body.errors[0].extensions).toEqual({ code: 'SESSION_STORE_TIMEOUT', outcome: 'unknown' })
  })

  it('passes on that a store cannot revoke, as SESSION_NOT_REVOCABLE', async () => {
    const error = new SessionError('SESSION_NOT_REVOCABLE', 'This store keeps sessions in the cookie.')
    const client = new Client(shop({}, failing('delete', error)).yoga)
    await client.run(set('dark_mode', '1'))
    const answer = await client.run('mutation { logout { flushed } }')
    expect(answer.status).toBe(200)
    expect(answer.body).toEqual(
      refusal('SESSION_NOT_REVOCABLE', 'This store keeps sessions in the cookie.', 'logout'),
    )
  })
})

describe('errors of the application', () => {
  it('stay masked when they are unexpected', async () => {
    const client = new Client(
      shop({
        logging: false,
        typeDefs: 'extend type Mutation { fail: Boolean }',
        resolvers: {
          Mutation: {
            fail(_: unknown, __: unknown, { session }: SessionContext<ShopData>) {
              session.set('counter', 1)
              throw new Error('hunter2 is the password')
            },
          },
        },
      }).yoga,
    )
    const answer = await client.run('mutation { fail }')
    expect(answer.body.errors[0].message).toBe('Unexpected error.')
    expect(answer.text).not.toContain('hunter2')
    expect(answer.setCookies).toEqual([])
  })
})
