import { setImmediate as nextTurn } from 'node:timers/promises'
import { beforeEach, describe, expect, it } from 'vitest'
import type { SessionContext } from '../../src/graphql/use-session.ts'
import { openSession } from '../../src/server/open-session.ts'
import { sessionCookie } from '../../src/session/cookie.ts'
import type { Session } from '../../src/session/session.ts'
import { freshStore } from '../support/fresh-store.ts'
import { type Answer, Client, gate, manualClock, watched } from '../support/harness.ts'
import { shop, type ShopData } from '../support/shop.ts'

interface Context extends SessionContext<ShopData> {}
type Act = (session: Session<ShopData>) => unknown

/** What code of the application may do with a session. */
const acts: Readonly<Record<string, Act>> = {
  get: (session) => session.get('counter'),
  has: (session) => session.has('user_id'),
  keys: (session) => session.keys(),
  set: (session) => session.set('user_id', 'mallory'),
  merge: (session) => session.merge({ user_id: 'mallory' }),
  update: (session) => session.update('counter', () => 13),
  setDefault: (session) => session.setDefault('counter', 13),
  delete: (session) => session.delete('dark_mode'),
  pop: (session) => session.pop('dark_mode'),
  clear: (session) => session.clear(),
  setExpiry: (session) => session.setExpiry(1),
  end: (session) => session.setExpiry(new Date(0)),
  rotate: (session) => session.rotate(),
  flush: (session) => session.flush(),
}
/** What those that only read see of the session as it was before the sign-in. */
const known: Readonly<Record<string, unknown[]>> = { get: [], has: [false], keys: [['dark_mode']] }

const typeDefs = `
  extend type Query { me: String }
  extend type Mutation { login(as: String!): String act(act: String!): Boolean waitAndAct(act: String!): Boolean }
`

/** A victim who is about to sign in, and an attacker who has the same cookie. */
async function open() {
  const [isWaiting, released, isRotated, answered] = [gate(), gate(), gate(), gate()]
  const seen: unknown[] = []
  const resolvers = {
    Query: { me: (_: unknown, __: unknown, { session }: Context) => session.get('user_id') },
    Mutation: {
      async login(_: unknown, { as }: { as: string }, { session }: Context) {
        await session.rotate()
        session.merge({ user_id: as, counter: 42_000_042 })
        isRotated.resolve()
        await answered.promise
        return as
      },
      async act(_: unknown, { act }: { act: string }, { session }: Context) {
        seen.push(await acts[act]!(session))
        return true
      },
      /** Has seen the session before it acts. */
      async waitAndAct(_: unknown, { act }: { act: string }, { session }: Context) {
        await session.get('dark_mode')
        isWaiting.resolve()
        await released.promise
        seen.push(await acts[act]!(session))
        return true
      },
    },
  }
  const { yoga, store, clock } = shop({ typeDefs, resolvers })
  const victim = new Client(yoga)
  await victim.run('mutation { setSessionKey(key: "dark_mode", value: true) { created } }')
  const attacker = victim.fork()
  const signIn = (as: string): Promise<Answer> =>
    victim.run('mutation ($as: String!) { login(as: $as) }', { as })
  return { yoga, victim, attacker, store, clock, seen, isWaiting, released, isRotated, answered, signIn }
}

const look = '{ me session { handle keys expiresAt createdAt } }'

/** What anybody may send. */
const attempts: readonly string[] = [
  '{ me }',
  '{ session { handle } }',
  '{ session { keys entries { key value } } }',
  '{ session { isNew isEmpty } }',
  '{ session { has(key: "user_id") value(key: "user_id") } }',
  '{ session { createdAt expiresAt expiresIn } }',
  'mutation { setSessionKey(key: "dark_mode", value: false) { __typename } }',
  'mutation { setSessionKey(key: "dark_mode", value: false) { created session { handle keys } } }',
  'mutation { updateSession(data: { dark_mode: false }) { session { handle } } }',
  'mutation { setDefaultSessionKey(key: "pref:a", value: 1) { created entry { value } } }',
  'mutation { deleteSessionKey(key: "user_id") { deleted } }',
  'mutation { popSessionKey(key: "user_id") { found value } }',
  'mutation { clearSession { __typename } }',
  'mutation { clearSession { session { handle } } }',
  'mutation { logout { flushed } }',
  'mutation { logout(flush: false) { session { handle } } }',
  'mutation { rotateSession { session { handle } } }',
  'mutation { setSessionExpiry(expiry: { seconds: 1 }) { __typename } }',
  'mutation { setSessionExpiry(expiry: { at: "1990-01-01T00:00:00Z" }) { session { handle } } }',
  'mutation { login(as: "mallory") }',
  ...Object.keys(acts).map((act) => `mutation { act(act: "${act}") }`),
]

/** All of an answer that a client gets, and that does not depend on the time of the day. */
const all = ({ status, text, headers }: Answer): unknown => ({
  status,
  text,
  headers: [...headers].filter(([name]) => name !== 'date'),
})

type Opened = Awaited<ReturnType<typeof open>>

/** Sends every attempt with the old cookie, and expects that it is refused and tells nothing. */
async function refuses({ attacker, victim, seen }: Opened, name: string): Promise<unknown[]> {
  const secrets = [name, victim.token!, '42000042']
  const told: unknown[] = []
  for (const query of attempts) {
    const answer = await attacker.fork().run(query)
    expect({ query, codes: [...new Set(answer.codes)], setCookies: answer.setCookies }).toEqual({
      query,
      codes: ['SESSION_MOVED'],
      setCookies: [],
    })
    told.push(all(answer))
  }
  const text = JSON.stringify(told)
  for (const secret of secrets) expect(text).not.toContain(secret)
  // The code of the application could read nothing either.
  expect(seen.filter((value) => value !== undefined)).toEqual([])
  return told
}

describe('whoever has the cookie from before a sign-in', () => {
  it('reads, changes and ends nothing while it goes on and after it, and cannot tell who signed in', async () => {
    const told = []
    for (const name of ['ada', 'grace']) {
      const opened = await open()
      const { victim, signIn, isRotated, answered, store, clock } = opened
      const signingIn = signIn(name)
      await isRotated.promise
      const during = await refuses(opened, name)
      answered.resolve()
      expect((await signingIn).setCookies).toHaveLength(1)
      const before = (await victim.run(look)).data
      expect(before).toMatchObject({ me: name, session: { keys: ['dark_mode', 'user_id'] } })
      store.calls.length = 0
      clock.forward(59)
      const after = await refuses(opened, name)
      expect(store.calls).not.toContain('create')
      expect(JSON.stringify(after)).not.toContain(before.session.handle)
      expect((await victim.run(look)).data).toEqual(before)
      told.push({ during, after })
    }
    expect(told[0]).toEqual(told[1])
  })

  it('is anonymous after a minute, and still changes nothing', async () => {
    const { attacker, victim, signIn, answered, clock } = await open()
    answered.resolve()
    await signIn('ada')
    const before = (await victim.run(look)).data
    clock.forward(60)
    const { data } = await attacker.fork().run('{ me session { handle isNew keys } }')
    expect(data).toEqual({ me: null, session: { handle: null, isNew: true, keys: [] } })
    for (const query of attempts) {
      const answer = await attacker.fork().run(query)
      expect(answer.codes).toEqual([])
      for (const secret of ['ada', victim.token!, before.session.handle, '42000042']) {
        expect(answer.text).not.toContain(secret)
      }
    }
    expect((await victim.run(look)).data).toEqual(before)
  })

  it.each(Object.keys(acts))('gets nothing by a request that has begun before it: %s', async (act) => {
    const { attacker, victim, signIn, isWaiting, released, answered, store, seen } = await open()
    answered.resolve()
    const acting = attacker.run(`mutation { waitAndAct(act: "${act}") }`)
    await isWaiting.promise
    await signIn('ada')
    const before = (await victim.run(look)).data
    store.calls.length = 0
    released.resolve()
    const { codes, setCookies } = await acting
    expect(setCookies).toEqual([])
    // A request that only reads goes on with what it has read before.
    const isRead = act in known
    expect(codes).toEqual(isRead ? [] : ['SESSION_MOVED'])
    const read = isRead ? seen.filter((value) => value !== undefined) : []
    expect(read).toEqual(known[act] ?? [])
    expect(store.calls).not.toContain('create')
    expect((await victim.run(look)).data).toEqual(before)
  })
})

describe('openSession with the cookie from before a sign-in', () => {
  const clock = manualClock()
  let store = watched(freshStore())
  const openOld = (token: string) => openSession<ShopData>(store, token, { clock })
  let [old, successor] = ['', '']

  beforeEach(async () => {
    store = watched(freshStore())
    const session = openSession<ShopData>(store, null, { clock })
    session.set('dark_mode', true)
    await session.save()
    old = session.token!
    const next = openOld(old)
    await next.rotate()
    next.set('user_id', 'ada')
    await next.save()
    successor = next.token!
    store.calls.length = 0
  })

  it('reads as one without a session, and is told why', async () => {
    const session = openOld(old)
    expect(await session.get('user_id')).toBeUndefined()
    expect(await session.keys()).toEqual([])
    expect(await session.handle()).toBeNull()
    expect(session.moved).toBe('moved')
    expect(session.token).toBeNull()
    await session.save()
    expect(session.setCookie(sessionCookie())).toBeNull()
    expect(store.calls).toEqual(['read'])
  })

  it.each(['set', 'merge', 'update', 'setDefault'])('begins no session: %s', async (act) => {
    const session = openOld(old)
    await session.get('user_id')
    const acting = (async () => {
      await acts[act]!(session)
      await session.save()
    })()
    await expect(acting).rejects.toThrow(expect.objectContaining({ code: 'SESSION_MOVED' }))
    expect(session.setCookie(sessionCookie())).toBeNull()
    expect(store.calls).not.toContain('create')
  })

  it('does not send the old cookie, which it had to before it was replaced', async () => {
    const session = openOld(successor)
    session.setExpiry('browser-close')
    await session.save()
    expect(session.setCookie(sessionCookie())).toContain(successor)
    await openOld(successor).rotate()
    await expect(session.update('counter', () => 1)).rejects.toThrow(
      expect.objectContaining({ code: 'SESSION_MOVED' }),
    )
    expect(session.setCookie(sessionCookie())).toBeNull()
  })

  it.each(Object.keys(acts))('changes nothing of the session that goes on: %s', async (act) => {
    const state = async () => {
      const session = openOld(successor)
      return [Object.fromEntries(await session.entries()), await session.handle(), await session.expiresAt()]
    }
    const before = await state()
    store.calls.length = 0
    const session = openOld(old)
    const acting = async (): Promise<void> => {
      await acts[act]!(session)
      await session.save()
    }
    const outcome = await acting().then(
      () => null,
      (error: { code?: string }) => error.code,
    )
    expect([null, 'SESSION_MOVED']).toContain(outcome)
    expect(session.setCookie(sessionCookie())).toBeNull()
    expect(store.calls).not.toContain('create')
    expect(await state()).toEqual(before)
  })
})

it.each([
  ['at once', async ({ session }: any) => ({ user: await session.get('user_id') })],
  ['after a wait', async ({ session }: any) => (await nextTurn(), { user: await session.get('user_id') })],
] as const)('is told so where the context asks for the session, %s', async (_, context) => {
  const { yoga } = shop({ context })
  const client = new Client(yoga)
  await client.run('mutation { setSessionKey(key: "dark_mode", value: true) { created } }')
  const old = client.fork()
  await client.run('mutation { rotateSession { session { handle } } }')
  // What was run once is known the next time, and run in another way.
  for (let time = 0; time < 2; time++) {
    const { body, setCookies } = await old.fork().run('{ session { isNew } }')
    expect(body.errors).toMatchObject([{ extensions: { code: 'SESSION_MOVED', retryable: true } }])
    expect(setCookies).toEqual([])
  }
})
