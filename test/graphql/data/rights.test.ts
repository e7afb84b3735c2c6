import { describe, expect, it } from 'vitest'
import { sessionData } from '../../../src/graphql/data/session-data.ts'
import { openSession } from '../../../src/server/open-session.ts'
import { sessionCookie } from '../../../src/session/cookie.ts'
import { freshSessionStore } from '../../support/fresh-store.ts'
import { Client, manualClock } from '../../support/harness.ts'
import { makeServer } from '../../support/make-server.ts'

/** What a client may do with each field, which has the same name as its key. */
const granted = {
  none: '',
  r: 'READ',
  w: 'WRITE',
  d: 'DELETE',
  rw: 'READ, WRITE',
  rd: 'READ, DELETE',
  wd: 'WRITE, DELETE',
  rwd: 'READ, WRITE, DELETE',
} as const
type Name = keyof typeof granted
const names = Object.keys(granted) as Name[]

const data = sessionData(
  `type SessionData { ${names.map((name) => `${name}: Int! @session(client: [${granted[name]}], default: 7, ttl: 60)`).join(' ')} }`,
)

type State = 'present' | 'absent' | 'expired' | 'misfit'

/** A client whose session has each of the keys in a state. The value that is present is 1. */
async function inState(state: State) {
  const clock = manualClock()
  const store = freshSessionStore()
  const settings = { store, clock, data, logging: false } as const
  const client = new Client(makeServer(settings))
  const cookie = sessionCookie()
  const session = openSession(store, null, state === 'misfit' ? { cookie, clock } : { cookie, clock, data })
  session.set('other', 'x')
  if (state !== 'absent') for (const name of names) session.set(name, state === 'misfit' ? 'one' : 1)
  await session.save()
  if (state === 'expired') clock.forward(60)
  client.cookies.set('__Host-session', session.token!)
  return client
}

const forbidden = 'SESSION_KEY_FORBIDDEN'
/** The code of an operation that is not valid. It is the server's own affair, and graphql-js gives none. */
const unknown = ['graphql-http', 'mercurius'].includes(process.env['TEST_WAY']!)
  ? undefined
  : 'GRAPHQL_VALIDATION_FAILED'
/** Each verb, the operation, which rights it needs, and what it answers for a key that is there or not. */
interface Verb {
  readonly send: (name: Name) => string
  /** The fields for which it runs. */
  readonly runs: readonly Name[]
  /** What is said of the others, all of which are answered alike. */
  readonly refusal: string | undefined
  readonly answer: (isThere: boolean, name: Name) => unknown
}

const verbs: Record<string, Verb> = {
  value: {
    send: (name) => `{ answer: session { value(key: "${name}") } }`,
    runs: ['r', 'rw', 'rd', 'rwd'],
    refusal: forbidden,
    answer: (isThere) => ({ value: isThere ? 1 : 7 }),
  },
  'value with a default': {
    send: (name) => `{ answer: session { value(key: "${name}", default: 9) } }`,
    runs: ['r', 'rw', 'rd', 'rwd'],
    refusal: forbidden,
    answer: (isThere) => ({ value: isThere ? 1 : 9 }),
  },
  has: {
    send: (name) => `{ answer: session { has(key: "${name}") } }`,
    runs: ['r', 'rw', 'rd', 'rwd'],
    refusal: forbidden,
    answer: (isThere) => ({ has: isThere }),
  },
  'entries(keys:)': {
    send: (name) => `{ answer: session { entries(keys: ["${name}"]) { key value } } }`,
    runs: ['r', 'rw', 'rd', 'rwd'],
    refusal: forbidden,
    answer: (isThere, name) => ({ entries: isThere ? [{ key: name, value: 1 }] : [] }),
  },
  'the field': {
    send: (name) => `{ answer: session { ${name} } }`,
    runs: ['r', 'rw', 'rd', 'rwd'],
    refusal: unknown,
    answer: (isThere, name) => ({ [name]: isThere ? 1 : 7 }),
  },
  setSessionKey: {
    send: (name) =>
      `mutation { answer: setSessionKey(key: "${name}", value: 2) { entry { value } created } }`,
    runs: ['w', 'rw', 'wd', 'rwd'],
    refusal: forbidden,
    // Whether a key is there is something to read.
    answer: (isThere, name) => ({
      entry: { value: 2 },
      created: name === 'w' || name === 'wd' ? null : !isThere,
    }),
  },
  updateSession: {
    send: (name) => `mutation { answer: updateSession(data: { ${name}: 2 }) { entries { value } } }`,
    runs: ['w', 'rw', 'wd', 'rwd'],
    refusal: forbidden,
    answer: () => ({ entries: [{ value: 2 }] }),
  },
  updateSessionData: {
    send: (name) => `mutation { answer: updateSessionData(data: { ${name}: 2 }) { session { id } } }`,
    runs: ['w', 'rw', 'wd', 'rwd'],
    refusal: unknown,
    answer: () => ({ session: { id: 'session' } }),
  },
  setDefaultSessionKey: {
    send: (name) =>
      `mutation { answer: setDefaultSessionKey(key: "${name}", value: 2) { entry { value } created } }`,
    runs: ['rw', 'rwd'],
    refusal: forbidden,
    answer: (isThere) => ({ entry: { value: isThere ? 1 : 2 }, created: !isThere }),
  },
  deleteSessionKey: {
    send: (name) => `mutation { answer: deleteSessionKey(key: "${name}") { deleted } }`,
    runs: ['d', 'rd', 'wd', 'rwd'],
    refusal: forbidden,
    answer: (isThere, name) => ({ deleted: name === 'd' || name === 'wd' ? null : isThere }),
  },
  popSessionKey: {
    send: (name) => `mutation { answer: popSessionKey(key: "${name}") { found value } }`,
    runs: ['rd', 'rwd'],
    refusal: forbidden,
    answer: (isThere) => ({ found: isThere, value: isThere ? 1 : null }),
  },
  popSessionData: {
    send: (name) =>
      `mutation { answer: popSessionData(keys: [${name.toUpperCase()}]) { popped { ${name} } } }`,
    runs: ['rd', 'rwd'],
    refusal: unknown,
    answer: (isThere, name) => ({ popped: { [name]: isThere ? 1 : null } }),
  },
}

describe.each<State>(['present', 'absent', 'expired', 'misfit'])('a declared key that is %s', (state) => {
  it.each(Object.entries(verbs))('%s', async (_, { send, runs, refusal, answer }) => {
    const outcome: Record<string, unknown> = {}
    const expected: Record<string, unknown> = {}
    const client = await inState(state)
    for (const name of names) {
      const { codes, data: given } = await client.run(send(name))
      outcome[name] = codes.length > 0 ? [...new Set(codes)] : given.answer
      expected[name] = runs.includes(name) ? answer(state === 'present', name) : [refusal]
    }
    expect(outcome).toEqual(expected)
  })

  it('is deleted by null where a client may write and delete it', async () => {
    const outcome: Record<string, unknown> = {}
    const client = await inState(state)
    for (const name of names) {
      outcome[name] = (
        await client.run(`mutation { updateSessionData(data: { ${name}: null }) { session { id } } }`)
      ).codes
    }
    expect(outcome).toEqual({
      none: [unknown],
      r: [unknown],
      d: [unknown],
      rd: [unknown],
      w: [forbidden],
      rw: [forbidden],
      wd: [],
      rwd: [],
    })
  })

  it('is listed where it is there and a client may read it', async () => {
    const client = await inState(state)
    const { data: given } = await client.run('{ session { keys entries { key value } } }')
    const listed = state === 'present' ? ['r', 'rw', 'rd', 'rwd'] : []
    expect(given.session).toEqual({ keys: listed, entries: listed.map((key) => ({ key, value: 1 })) })
  })
})

describe('what a client cannot do', () => {
  const byKey = Object.entries(verbs).filter(([, { refusal }]) => refusal === forbidden)

  it.each(byKey)(
    '%s tells a key for the server only from one that nobody declared by nothing',
    async (_, { send }) => {
      const client = await inState('present')
      const [own, other] = await Promise.all(
        [send('none'), send('nobody' as Name)].map(async (operation) => (await client.run(operation)).text),
      )
      expect(other!.replaceAll('nobody', 'none')).toBe(own)
      expect(own).toContain(forbidden)
    },
  )
})
