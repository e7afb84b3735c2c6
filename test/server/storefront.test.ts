import { describe, expect, it } from 'vitest'
import config, { type ShopSession } from '../../examples/storefront/session.config.ts'
import { createSessionServer } from '../../src/server/create-session-server.ts'
import { openSession } from '../../src/server/open-session.ts'
import { freshStore } from '../support/fresh-store.ts'
import { Client } from '../support/harness.ts'

const look = '{ me { id name } session { handle isNew keys } }'
const fillCart = 'mutation { addToCart(sku: "engine") { item { quantity } } }'
const login = (username: string, password: string) =>
  `mutation { login(username: "${username}", password: "${password}") { user { id name } session { handle isNew keys } } }`
const signIn = login('ada', 'lovelace')
const ada = { id: '1', name: 'Ada Lovelace' }

function open() {
  const store = freshStore()
  const client = new Client(createSessionServer({ ...config, store }))
  const stored = () => openSession<ShopSession>(store, client.token ?? null)
  return { client, stored }
}

describe('login', () => {
  it('signs an anonymous visitor in: the earlier cookie is dead, the cart is kept', async () => {
    const { client } = open()
    await client.run(fillCart)
    const before = client.fork()
    const { handle: id } = (await client.run(look)).data.session
    const { data } = await client.run(signIn)
    expect(data.login).toEqual({
      user: ada,
      session: { handle: expect.any(String), isNew: false, keys: ['shopping_cart', 'user_id'] },
    })
    expect(data.login.session.handle).not.toBe(id)
    expect(await before.run(look)).toMatchObject({ data: null, setCookies: [] })
    expect((await client.run(look)).data.me).toEqual(ada)
  })

  it('gives the same user another id, and keeps what is there', async () => {
    const { client } = open()
    await client.run(signIn)
    await client.run(fillCart)
    const { handle: id } = (await client.run(look)).data.session
    const { session } = (await client.run(signIn)).data.login
    expect(session.keys).toEqual(['user_id', 'shopping_cart'])
    expect(session.handle).not.toBe(id)
  })

  it('carries nothing over from somebody else', async () => {
    const { client, stored } = open()
    const other = stored()
    await other.identify('2')
    other.merge({ user_id: '2', dark_mode: true })
    await other.save()
    client.cookies.set('__Host-session', other.token!)
    const { session } = (await client.run(signIn)).data.login
    expect(session.keys).toEqual(['user_id'])
    expect((await client.run(look)).data.me).toEqual(ada)
    expect(await stored().get('dark_mode')).toBeUndefined()
  })

  it.each([
    ['ada', 'wrong'],
    ['nobody', 'lovelace'],
    ['nobody', ''],
  ])('refuses %s with the password "%s", alike, and counts', async (username, password) => {
    const { client, stored } = open()
    for (const attempts of [1, 2, 3]) {
      const answer = await client.run(login(username, password))
      expect(answer.codes).toEqual(['UNAUTHENTICATED'])
      expect(answer.body.errors[0].message).toBe('Unknown username or wrong password.')
      expect(await stored().get('login_attempts')).toBe(attempts)
    }
    expect((await client.run(look)).data).toMatchObject({ me: null, session: { keys: [] } })
    const count = 'mutation { login(username: "ada", password: "lovelace") { failedAttempts } }'
    expect((await client.run(count)).data.login.failedAttempts).toBe(3)
    expect(await stored().has('login_attempts')).toBe(false)
    expect((await client.run(count)).data.login.failedAttempts).toBe(0)
  })

  it('keeps what a visitor chose, and nothing else that a page may have stored', async () => {
    const { client, stored } = open()
    await client.run(fillCart)
    await client.run(
      'mutation { updateSession(data: { dark_mode: true, currency: "USD" }) { session { id } } }',
    )
    await client.run('mutation { setSessionKey(key: "pref:size", value: 1) { created } }')
    const visitor = stored()
    visitor.set('user_id', '1')
    await visitor.save()
    expect((await client.run(look)).data.me).toBeNull()
    expect((await client.run(signIn)).data.login.session.keys).toEqual([
      'shopping_cart',
      'dark_mode',
      'currency',
      'pref:size',
      'user_id',
    ])
    expect((await client.run(look)).data.me).toEqual(ada)
  })

  it('leaves a notice', async () => {
    const { client } = open()
    await client.run(login('ada', 'wrong'))
    await client.run(signIn)
    const take = 'mutation { popFlash { values } }'
    const welcome = 'Welcome, Ada Lovelace. Wrong passwords before this one: 1.'
    expect((await client.run(take)).data.popFlash.values).toEqual([welcome])
  })

  it('is not to be had by writing user_id; signing out is', async () => {
    const { client } = open()
    const write = 'mutation { setSessionKey(key: "user_id", value: "1") { created } }'
    expect((await client.run(write)).codes).toEqual(['SESSION_KEY_FORBIDDEN'])
    await client.run(signIn)
    await client.run('mutation { deleteSessionKey(key: "user_id") { deleted } }')
    expect((await client.run(look)).data.me).toBeNull()
  })
})

describe('devices', () => {
  const revoke = 'mutation { revokeOtherSessions { count } }'
  const confirm = (password: string) =>
    `mutation { confirmPassword(password: "${password}") { session { id } } }`

  it('are ended by another one after a fresh password', async () => {
    let now = Date.now()
    const server = createSessionServer({ ...config, store: freshStore(), clock: () => now })
    const [laptop, phone] = [new Client(server), new Client(server)]
    await laptop.run(signIn)
    // The store of the tests may know other devices of the user.
    await laptop.run(revoke)
    await phone.run(signIn)
    now += 61_000
    const { codes, body } = await laptop.run(revoke)
    expect(codes).toEqual(['SESSION_NOT_FRESH'])
    expect(body.errors[0].extensions.maxAge).toBe(60)
    expect((await laptop.run(confirm('wrong'))).codes).toEqual(['UNAUTHENTICATED'])
    expect((await laptop.run(revoke)).codes).toEqual(['SESSION_NOT_FRESH'])
    expect((await laptop.run(confirm('lovelace'))).codes).toEqual([])
    expect((await laptop.run(revoke)).data.revokeOtherSessions.count).toBe(1)
    expect((await phone.run(look)).data.me).toBeNull()
    expect((await phone.run(signIn)).data.login.user).toEqual(ada)
    expect((await laptop.run(look)).data.me).toEqual(ada)
  })

  it('end with the sign-ins whose passwords are being looked at', async () => {
    const server = createSessionServer({ ...config, store: freshStore() })
    const laptop = new Client(server)
    await laptop.run(signIn)
    const others = Array.from({ length: 8 }, () => new Client(server).run(signIn))
    await laptop.run(look)
    await laptop.run(revoke)
    const codes = (await Promise.all(others)).flatMap((answer) => answer.codes)
    expect(codes).toContain('SESSION_SIGN_IN_ENDED')
  })

  it('are nobody to confirm for a visitor', async () => {
    const { client } = open()
    expect((await client.run(confirm('lovelace'))).codes).toEqual(['UNAUTHENTICATED'])
  })
})
