import { describe, expect, it } from 'vitest'
import { openSession, type OpenSession } from '../../src/server/open-session.ts'
import { asClient } from '../../src/session/client.ts'
import { freshStore } from '../support/fresh-store.ts'
import { Client } from '../support/harness.ts'
import { shop } from '../support/shop.ts'

type Verb = (session: OpenSession) => unknown

const remove: Verb = (session) => session.delete('x')
const removeAsClient: Verb = (session) => asClient(session).delete('x')
const pop: Verb = (session) => session.pop('x')
const popAsClient: Verb = (session) => asClient(session).pop('x', undefined)
const set: Verb = (session) => session.set('x', 'set')
const merge: Verb = (session) => session.merge({ x: 'merged' })
const clear: Verb = (session) => session.clear()
const flush: Verb = (session) => session.flush()
const rotate: Verb = (session) => session.rotate()
const update: Verb = (session) => session.update('x', (x) => `${JSON.stringify(x)}, updated`)
const setDefault: Verb = async (session) => (await session.setDefault('x', 'default')).created
const create: Verb = (session) =>
  asClient(session)
    .set('x', () => 'set')
    .created()
const createByDefault: Verb = async (session) =>
  (await asClient(session).setDefault('x', () => 'default')).created

/** What verbs begun in one turn answer, and what is stored under the key after them. */
const pairs: [name: string, verbs: Verb[], answers: unknown[], stored: unknown][] = [
  ['delete, delete, delete', [remove, remove, remove], [true, false, false], undefined],
  ['delete, delete by a client', [removeAsClient, removeAsClient, remove], [true, false, false], undefined],
  ['delete, pop', [remove, pop], [true, undefined], undefined],
  ['pop, delete', [pop, remove], ['old', false], undefined],
  ['pop, delete by a client', [popAsClient, removeAsClient], ['old', false], undefined],
  ['pop, pop', [pop, popAsClient], ['old', undefined], undefined],
  ['set, delete', [set, remove, remove], [undefined, true, false], undefined],
  ['delete, set', [remove, set], [true, undefined], 'set'],
  ['delete, set, delete', [remove, set, remove], [true, undefined, true], undefined],
  ['delete, merge', [remove, merge], [true, undefined], 'merged'],
  ['merge, delete', [merge, remove], [undefined, true], undefined],
  ['clear, delete', [clear, remove], [undefined, false], undefined],
  ['delete, clear', [remove, clear, remove], [true, undefined, false], undefined],
  ['clear, pop', [clear, pop], [undefined, undefined], undefined],
  ['pop, clear, set', [pop, clear, set], ['old', undefined, undefined], 'set'],
  ['pop, set', [pop, set], ['old', undefined], 'set'],
  ['pop, set, pop', [pop, set, pop], ['old', undefined, 'set'], undefined],
  ['set, pop', [set, pop, pop], [undefined, 'set', undefined], undefined],
  ['delete, setDefault', [remove, setDefault, setDefault], [true, true, false], 'default'],
  ['setDefault, delete', [setDefault, remove, remove], [false, true, false], undefined],
  ['delete, update', [remove, update], [true, 'undefined, updated'], 'undefined, updated'],
  ['update, delete', [update, remove, remove], ['"old", updated', true, false], undefined],
  ['update, set', [update, set], ['"old", updated', undefined], 'set'],
  ['set, update', [set, update], [undefined, '"set", updated'], '"set", updated'],
  ['flush, delete', [flush, remove], [true, false], undefined],
  ['flush, set', [flush, set], [true, undefined], 'set'],
  ['set, flush', [set, flush], [undefined, true], undefined],
  ['delete, flush', [remove, flush], [true, true], undefined],
  ['rotate, delete', [rotate, remove, remove], [undefined, true, false], undefined],
  ['delete, a client sets, a client sets', [remove, create, create], [true, true, false], 'set'],
  ['a client sets where it is there', [create, create], [false, false], 'set'],
]

/** The same where the key is absent at first. */
const absent: typeof pairs = [
  ['a client sets, a client sets', [create, create], [true, false], 'set'],
  ['a client sets, setDefault', [create, createByDefault], [true, false], 'set'],
  ['setDefault, a client sets', [createByDefault, create], [true, false], 'set'],
  ['a client sets, update', [create, update], [true, '"set", updated'], '"set", updated'],
  ['setDefault, setDefault', [setDefault, createByDefault], [true, false], 'default'],
  ['delete, set', [remove, set], [false, undefined], 'set'],
  ['set, delete', [set, remove, remove], [undefined, true, false], undefined],
  ['set, pop, delete', [set, pop, remove], [undefined, 'set', false], undefined],
  ['set, delete, pop', [set, remove, pop], [undefined, true, undefined], undefined],
  ['setDefault, delete, delete', [setDefault, remove, remove], [true, true, false], undefined],
  ['pop, set', [pop, set], [undefined, undefined], 'set'],
]

const states: [string, (session: OpenSession) => Promise<unknown>][] = [
  ['before the session was read', async () => {}],
  ['after the session was read', (session) => session.keys()],
]

describe.each(states)('verbs side by side, %s', (_, prepare) => {
  const answered = async (entries: Record<string, string>, verbs: Verb[]) => {
    const store = freshStore()
    const begun = openSession(store)
    begun.merge({ ...entries, y: 1 })
    await begun.save()
    const session = openSession(store, begun.token, {
      keys: { '*': { client: ['read', 'write', 'delete'] } },
    })
    await prepare(session)
    const answers = await Promise.all(verbs.map((verb) => verb(session)))
    const seen = await session.get('x')
    await session.save()
    const stored = await openSession(store, session.token).get('x')
    expect(seen).toEqual(stored)
    return { answers, stored }
  }

  it.each(pairs)('%s', async (_name, verbs, answers, stored) => {
    expect(await answered({ x: 'old' }, verbs)).toEqual({ answers, stored })
  })

  it.each(absent)('%s, where the key is absent', async (_name, verbs, answers, stored) => {
    expect(await answered({}, verbs)).toEqual({ answers, stored })
  })
})

describe('the operations of a batch', () => {
  const take = (_: unknown, __: unknown, { session }: any) => session.delete('coupon')
  const steal = async (_: unknown, __: unknown, { session }: any) =>
    (await session.pop('coupon')) !== undefined
  const serve = async () => {
    const { yoga } = shop({
      typeDefs: 'extend type Mutation { give: Boolean take: Boolean steal: Boolean }',
      resolvers: {
        Mutation: {
          give: (_: unknown, __: unknown, { session }: any) => session.set('coupon', 'ten percent') ?? true,
          take,
          steal,
        },
      },
      keys: { coupon: { client: ['read', 'write', 'delete'] } } as object,
    })
    const client = new Client(yoga)
    await client.run('mutation { give }')
    return async (...queries: string[]) =>
      (await client.post(queries.map((query) => ({ query: `mutation { it: ${query} }` })))).body.map(
        ({ data: { it } }: any) => (typeof it === 'boolean' ? it : Object.values(it)[0]),
      )
  }

  it.each([
    [['take', 'take', 'take'], 1],
    [['steal', 'take', 'steal'], 1],
    [['take', 'steal', 'take'], 1],
    [['deleteSessionKey(key: "coupon") { deleted }', 'take', 'popSessionKey(key: "coupon") { found }'], 1],
    [['popSessionKey(key: "coupon") { found }', 'deleteSessionKey(key: "coupon") { deleted }'], 1],
    [['take', 'setDefaultSessionKey(key: "coupon", value: 1) { created }', 'take'], 3],
  ])('%j', async (queries, successes) => {
    const answers = await (await serve())(...queries)
    expect(answers.filter((answer: unknown) => answer === true)).toHaveLength(successes)
  })
})
