import { beforeEach, describe, expect, it } from 'vitest'
import type { SessionContext } from '../../src/graphql/use-session.ts'
import { endDevices } from '../../src/server/devices.ts'
import { ownerKey } from '../../src/session/owner.ts'
import type { KeyedStore } from '../../src/session/store.ts'
import { mint } from '../../src/session/token.ts'
import { cookieStore } from '../../src/stores/cookie.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { freshStore } from '../support/fresh-store.ts'
import { Client } from '../support/harness.ts'
import { makeServer } from '../support/make-server.ts'

const make = (store = freshStore() as Parameters<typeof makeServer>[0]['store'], more: object = {}) =>
  makeServer({
    store,
    keys: { cart: { client: ['read', 'write'], onSignIn: 'keep' }, planted: { client: ['read', 'write'] } },
    logging: false,
    typeDefs: `
      extend type Mutation {
        login(user: ID!, ticket: String, label: String): Boolean!
        ticket(user: ID!): String!
        flash(text: String!): Boolean!
      }
      extend type Query { me: ID }
    `,
    resolvers: {
      Query: { me: (_: unknown, __: unknown, { session }: SessionContext) => session.owner() },
      Mutation: {
        async login(
          _: unknown,
          { user, ...options }: { user: string; ticket?: string; label?: string },
          { session }: SessionContext,
        ) {
          await session.identify(user, options)
          return true
        },
        ticket: (_: unknown, { user }: { user: string }, { session }: SessionContext) => session.ticket(user),
        async flash(_: unknown, { text }: { text: string }, { session }: SessionContext) {
          await session.flash(text)
          return true
        },
      },
    },
    ...more,
  })

let server: ReturnType<typeof make>
let user: string

beforeEach(() => {
  server = make()
  user = `user ${Math.random()}`
})

async function signIn(label = 'a device', of = user, at = server): Promise<Client> {
  const client = new Client(at)
  const { body } = await client.run(
    'mutation ($of: ID!, $label: String) { login(user: $of, label: $label) }',
    { of, label },
    { 'user-agent': `Browser of ${label}` },
  )
  expect(body).toEqual({ data: { login: true } })
  return client
}

interface Listed {
  readonly id: string
  readonly label: string
  readonly current: boolean
}
const list = '{ mySessions { id current label } }'
const listed = async (client: Client): Promise<Listed[]> => (await client.run(list)).data.mySessions
const me = async (client: Client): Promise<string | null> => (await client.run('{ me }')).data.me
const revoke = (client: Client, id: string) =>
  client.run('mutation ($id: ID!) { revokeSession(id: $id) { id revoked session { id handle } } }', { id })

describe('mySessions', () => {
  it('lists the devices of the owner, and none to a visitor', async () => {
    const laptop = await signIn('laptop')
    const phone = await signIn('phone')
    expect((await listed(laptop)).map(({ label, current }) => [label, current])).toEqual([
      ['phone', false],
      ['laptop', true],
    ])
    expect((await listed(phone)).map(({ current }) => current)).toEqual([true, false])
    const visitor = new Client(server)
    expect(await listed(visitor)).toEqual([])
    expect(visitor.cookies.size).toBe(0)
    const { body } = await laptop.run('{ mySessions { signedInAt lastSeenAt expiresAt userAgent } }')
    expect(body.data.mySessions[0]).toEqual({
      signedInAt: expect.stringMatching(/Z$/),
      lastSeenAt: expect.stringMatching(/Z$/),
      expiresAt: expect.stringMatching(/Z$/),
      userAgent: 'Browser of phone',
    })
  })
})

describe('revokeSession', () => {
  it('signs another device out, and tells whether it did', async () => {
    const [laptop, phone] = [await signIn('laptop'), await signIn('phone')]
    const { id } = (await listed(laptop)).find(({ label }) => label === 'phone')!
    expect((await revoke(laptop, id)).data.revokeSession).toMatchObject({ id, revoked: true })
    expect(await me(phone)).toBeNull()
    expect(await me(laptop)).toBe(user)
    expect((await revoke(laptop, id)).data.revokeSession.revoked).toBe(false)
  })

  it('answers alike for what is nobody’s, and what is of somebody else', async () => {
    const [victim, attacker] = [await signIn('x', 'victim'), await signIn()]
    const { id } = (await listed(victim))[0]!
    const answers = await Promise.all(
      [id, 'x', '', 'A'.repeat(12), '$generation', '__proto__'].map((each) => revoke(attacker, each)),
    )
    for (const { body, status } of answers) {
      expect(status).toBe(200)
      expect(body.errors).toBeUndefined()
      expect(body.data.revokeSession.revoked).toBe(false)
    }
    expect(await me(victim)).toBe('victim')
    expect(await me(attacker)).toBe(user)
  })

  it('of the current device is a logout', async () => {
    const client = await signIn()
    const before = client.cookie
    const [{ id }] = (await listed(client)) as [Listed]
    expect((await revoke(client, id)).data.revokeSession.revoked).toBe(true)
    expect(client.cookie).not.toBe(before)
    expect(await me(client)).toBeNull()
  })
})

it('revokeOtherSessions spares this device, and voids sign-ins that have begun', async () => {
  const [laptop, ...others] = [await signIn('laptop'), await signIn(), await signIn()]
  const thief = new Client(server)
  const { ticket } = (await thief.run(`mutation { ticket(user: "${user}") }`)).data
  expect((await laptop.run('mutation { revokeOtherSessions { count session { id } } }')).data).toEqual({
    revokeOtherSessions: { count: 2, session: { id: 'session' } },
  })
  for (const each of others) expect(await me(each)).toBeNull()
  expect(await me(laptop)).toBe(user)
  const late = await thief.run(`mutation { login(user: "${user}", ticket: "${ticket}") }`)
  expect(late.codes).toEqual(['SESSION_SIGN_IN_ENDED'])
  expect(await me(thief)).toBeNull()
})

it('revokeAllSessions signs this device out, too', async () => {
  const [laptop, phone] = [await signIn(), await signIn()]
  expect((await laptop.run('mutation { revokeAllSessions { count } }')).data.revokeAllSessions.count).toBe(2)
  expect(await me(laptop)).toBeNull()
  expect(await me(phone)).toBeNull()
})

it('asks for a fresh password where the server wants one, with how fresh', async () => {
  let now = Date.now()
  server = make(freshStore(), { devices: { fresh: 60 }, clock: () => now })
  const client = await signIn()
  now += 61_000
  const { body } = await client.run('mutation { revokeOtherSessions { count } }')
  expect(body.errors[0].extensions).toEqual({ code: 'SESSION_NOT_FRESH', maxAge: 60 })
  expect(await listed(client)).toHaveLength(1)
})

it('rotateSession of a client leaves the device signed in', async () => {
  const client = await signIn()
  const [{ id }] = (await listed(client)) as [Listed]
  await client.run('mutation { rotateSession { session { id } } }')
  expect((await listed(client)).map((each) => each.id)).toEqual([id])
  expect(await me(client)).toBe(user)
})

describe('a session that is given up after it has moved', () => {
  const owned = freshStore()
  const makeWith = (more: Partial<KeyedStore>, options: object = {}): typeof server =>
    make({ ...owned, ...more }, options)
  /** A server whose store does something before it stores whose a session is. */
  const makeAtBind = (atBind: () => Promise<unknown>, options?: object): typeof server =>
    makeWith(
      {
        async commit(id, changes, now) {
          if (changes.entries.has(ownerKey)) await atBind()
          return owned.commit(id, changes, now)
        },
      },
      options,
    )
  const fail = (): Promise<never> => Promise.reject(new Error('The store is down.'))
  const failures: readonly (readonly [() => Promise<unknown>, string])[] = [
    [() => endDevices(owned, user), 'SESSION_GONE'],
    [fail, 'SESSION_STORE_UNAVAILABLE'],
  ]
  const signsIn = (): string => `mutation { login(user: "${user}") }`
  const rotates = (): string => 'mutation { rotateSession { session { id } } }'
  const fill = 'mutation { updateSession(data: { cart: [1] }) { session { id } } }'
  const visit = async (): Promise<Client> => {
    const client = new Client(make(owned))
    expect((await client.run(fill)).codes).toEqual([])
    return client
  }
  const signedIn = (): Promise<Client> => signIn('laptop', user, make(owned))
  /** The same browser before another server. */
  const before = (at: typeof server, { cookies }: Client): Client => {
    const client = new Client(at)
    for (const [name, value] of cookies) client.cookies.set(name, value)
    return client
  }

  it.each([
    ['a visitor signs in', visit, signsIn],
    ['somebody signs in again', signedIn, signsIn],
    ['somebody rotates it', signedIn, rotates],
  ])('leaves its browser a visitor at once: %s', async (_, begin, query) => {
    for (const [atBind, code] of failures) {
      const known = await begin()
      const client = before(makeAtBind(atBind), known)
      expect((await client.run(query())).codes).toEqual([code])
      expect(client.cookies.size).toBe(0)
      expect((await known.run('{ me }')).codes).toEqual(['SESSION_MOVED'])
    }
  })

  it('leaves its browser a visitor at once: it was deleted, and could not be stored again', async () => {
    const known = await visit()
    const client = before(makeWith({ create: fail }), known)
    expect((await client.run(rotates())).codes).toEqual(['SESSION_STORE_UNAVAILABLE'])
    expect(client.cookies.size).toBe(0)
    expect((await known.run('{ me }')).codes).toEqual(['SESSION_MOVED'])
  })

  it('keeps its cookie where it is still there', async () => {
    const known = await visit()
    const client = before(makeWith({ delete: fail }), known)
    expect((await client.run(rotates())).codes).toEqual(['SESSION_STORE_UNAVAILABLE'])
    expect((await before(make(owned), client).run('{ session { keys } }')).data.session.keys).toEqual([
      'cart',
    ])
  })

  it('deletes no cookie where no mark refuses the old one, as another tab may have got a new one', async () => {
    for (const [atBind, code] of failures) {
      const client = before(makeAtBind(atBind, { handOverTimeout: 0 }), await visit())
      const { codes, setCookies } = await client.run(signsIn())
      expect([codes, setCookies]).toEqual([[code], []])
    }
  })

  it.each([
    ['alone', false],
    ['beside another request of its page', true],
  ])('gives no cookie, and deletes none, where a first sign-in has failed %s', async (_, isJoined) => {
    for (const [atBind, code] of failures) {
      const headers = isJoined ? { 'session-join': mint() } : {}
      if (isJoined) await new Client(make(owned)).run(fill, {}, headers)
      const { codes, setCookies } = await new Client(makeAtBind(atBind)).run(signsIn(), {}, headers)
      expect([codes, setCookies]).toEqual([[code], []])
    }
  })

  it('gives no cookie to a first sign-in that was made and not acknowledged', async () => {
    const at = makeWith({
      async commit(id, changes, now) {
        const outcome = await owned.commit(id, changes, now)
        return changes.entries.has(ownerKey) ? fail() : outcome
      },
    })
    const headers = { 'session-join': mint() }
    await new Client(make(owned)).run(fill, {}, headers)
    for (const own of [{}, headers]) {
      const { codes, setCookies } = await new Client(at).run(signsIn(), {}, own)
      expect([codes, setCookies]).toEqual([['SESSION_STORE_UNAVAILABLE'], []])
    }
  })

  it('deletes no cookie where a first sign-in is refused', async () => {
    const { ticket } = (await new Client(make(owned)).run(`mutation { ticket(user: "${user}") }`)).data
    await endDevices(owned, user)
    const late = await new Client(make(owned)).run(`mutation { login(user: "${user}", ticket: "${ticket}") }`)
    expect([late.codes, late.setCookies]).toEqual([['SESSION_SIGN_IN_ENDED'], []])
  })
})

it.each(['clearSession { session { id } }', 'logout(flush: false) { flushed }'])(
  '%s signs out',
  async (field) => {
    const client = await signIn()
    await client.run(`mutation { ${field} }`)
    expect(await me(client)).toBeNull()
    expect(await listed(client)).toEqual([])
  },
)

it('keeps at a sign-in what is declared so, and nothing else that a page may have stored', async () => {
  const client = new Client(server)
  await client.run('mutation { updateSession(data: { cart: [1], planted: 2 }) { session { id } } }')
  await client.run(`mutation { login(user: "${user}") }`)
  expect((await client.run('{ session { keys } }')).data.session.keys).toEqual(['cart'])
})

it('shows a notice once', async () => {
  const client = await signIn()
  await client.run('mutation { flash(text: "Welcome") }')
  expect((await client.run('{ session { hasFlash keys isEmpty } }')).data.session).toEqual({
    hasFlash: true,
    keys: [],
    isEmpty: true,
  })
  const pop = 'mutation { popFlash { values session { hasFlash } } }'
  expect((await client.run(pop)).data.popFlash).toEqual({ values: ['Welcome'], session: { hasFlash: false } })
  expect((await client.run(pop)).data.popFlash.values).toEqual([])
})

describe('sessions in cookies', () => {
  const keys = [Buffer.alloc(32, 7).toString('base64url')]

  it('are listed and ended by the deny-list', async () => {
    server = make(cookieStore({ keys, denyList: memoryStore({ max: 1000 }) }))
    const [laptop, phone] = [await signIn('laptop'), await signIn('phone')]
    expect(await listed(laptop)).toHaveLength(2)
    await laptop.run('mutation { rotateSession { session { id } } }')
    expect(await listed(laptop)).toHaveLength(2)
    const copy = phone.fork()
    expect(
      (await laptop.run('mutation { revokeOtherSessions { count } }')).data.revokeOtherSessions.count,
    ).toBe(1)
    for (const each of [phone, copy]) expect(await me(each)).toBeNull()
    expect(await me(laptop)).toBe(user)
    expect(await listed(laptop)).toHaveLength(1)
  })

  it('cannot be signed in to without one', async () => {
    server = make(cookieStore({ keys }))
    const { codes } = await new Client(server).run(`mutation { login(user: "${user}") }`)
    expect(codes).toEqual(['SESSION_NOT_REVOCABLE'])
  })
})
