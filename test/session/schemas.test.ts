import { describe, expect, it } from 'vitest'
import type { KeyDeclaration, ValueSchema } from '../../src/session/key-declarations.ts'
import { Client } from '../support/harness.ts'
import { shop } from '../support/shop.ts'

const rights = ['read', 'write', 'delete'] as const

/** By hand what Zod and others make: https://standardschema.dev. */
const schema = (validate: ValueSchema['~standard']['validate']): KeyDeclaration => ({
  client: rights,
  schema: { '~standard': { version: 1, vendor: 'test', validate } },
})

const boolean = schema((value) =>
  typeof value === 'boolean' ? { value } : { issues: [{ path: [], message: 'canary' } as never] },
)
const lines = schema((value) => {
  const at = (value as { quantity?: unknown }[]).findIndex(({ quantity }) => typeof quantity !== 'number')
  return at < 0 ? { value } : { issues: [{ path: [at, { key: 'quantity' }] }] }
})

const visit = () =>
  new Client(
    shop({
      keys: {
        dark_mode: boolean,
        shopping_cart: lines,
        'pref:*': schema((value) => ({ value: String(value).trim() })),
        'pref:late': schema(async (value) => ({ value })),
      },
    }).yoga,
  )

const set =
  'mutation ($key: String!, $value: JSON) { setSessionKey(key: $key, value: $value) { entry { value } } }'

describe('a key with a schema', () => {
  it.each([
    ['setSessionKey', set],
    [
      'setDefaultSessionKey',
      'mutation ($key: String!, $value: JSON) { setDefaultSessionKey(key: $key, value: $value) { created } }',
    ],
    ['updateSession', 'mutation ($data: JSONObject!) { updateSession(data: $data) { entries { key } } }'],
  ])('refuses by %s what does not fit, by its place and without the value', async (_, query) => {
    const client = visit()
    const attempt = (key: string, value: unknown) => client.run(query, { key, value, data: { [key]: value } })
    const flag = await attempt('dark_mode', 'canary')
    expect(flag.body.errors[0]).toMatchObject({
      message: 'The value for "dark_mode" does not fit its schema.',
      extensions: { code: 'SESSION_VALUE_INVALID' },
    })
    const cart = await attempt('shopping_cart', [{ quantity: 1 }, { quantity: 'canary' }])
    expect(cart.body.errors[0].message).toBe(
      'The value for "shopping_cart" does not fit its schema at 1.quantity.',
    )
    expect(flag.text + cart.text).not.toContain('canary')
    expect((await client.run('{ session { isEmpty } }')).data.session.isEmpty).toBe(true)
  })

  it('stores what the schema makes of a value', async () => {
    const client = visit()
    expect(
      (await client.run(set, { key: 'pref:name', value: '  Ada ' })).data.setSessionKey.entry.value,
    ).toBe('Ada')
    expect((await client.run('{ session { value(key: "pref:name") } }')).data.session.value).toBe('Ada')
  })

  it('is shown nothing that could not be stored, and says no name of a value’s own', async () => {
    const depth = (value: unknown): number => (Array.isArray(value) ? 1 + depth(value[0]) : 0)
    const client = new Client(
      shop({
        keys: {
          dark_mode: schema((value) => ({ value: depth(value) })),
          shopping_cart: schema((value) => ({ issues: [{ path: Object.keys(value as object) }] })),
        },
      }).yoga,
    )
    const deep = JSON.parse('['.repeat(1000) + ']'.repeat(1000)) as unknown
    expect((await client.run(set, { key: 'dark_mode', value: deep })).codes).toEqual([
      'SESSION_VALUE_INVALID',
    ])
    const { body } = await client.run(set, { key: 'shopping_cart', value: { '<script>': 1, name: 2 } })
    expect(body.errors[0].message).toBe('The value for "shopping_cart" does not fit its schema at ….name.')
  })

  it('has to validate at once', async () => {
    expect((await visit().run(set, { key: 'pref:late', value: 1 })).codes).toEqual(['CONFIG_INVALID'])
  })

  it('is for what clients write: resolvers are trusted', async () => {
    const { yoga } = shop({
      keys: { dark_mode: boolean },
      typeDefs: 'extend type Mutation { trusted: Boolean }',
      resolvers: {
        Mutation: {
          trusted(
            _: unknown,
            __: unknown,
            { session }: { session: { set(key: string, value: unknown): void } },
          ) {
            session.set('dark_mode', 'system')
            return true
          },
        },
      },
    })
    const client = new Client(yoga)
    await client.run('mutation { trusted }')
    expect((await client.run('{ session { value(key: "dark_mode") } }')).data.session.value).toBe('system')
  })
})
