// This has the kinds of visitors that a server has to bear for days: the servers that they fall upon, and what they do.

import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { setTimeout } from 'node:timers/promises'
import type { SessionContext } from '../../src/graphql/use-session.ts'
import { createSessionServer } from '../../src/server/create-session-server.ts'
import { openSession } from '../../src/server/open-session.ts'
import type { SessionError } from '../../src/session/errors.ts'
import type { KeyedStore } from '../../src/session/store.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { accepted, application, type Flood, refused } from './flood-documents.ts'

/** Calls of the store at a time, where visitors crowd. */
const places = 4

/** Fails in each change of the key `hiccup`, and takes its time over the key `slow`. */
function ailing(store: KeyedStore): KeyedStore {
  const check = async (entries: ReadonlyMap<string, unknown>): Promise<void> => {
    if (entries.has('hiccup')) throw Object.assign(new Error('hiccup'), { code: 'ECONNRESET' })
    if (entries.has('slow')) await setTimeout(100)
  }
  return {
    async create(id, record) {
      await check(record.entries)
      return store.create(id, record)
    },
    read: (id, now) => store.read(id, now),
    async commit(id, changes, now) {
      await check(changes.entries)
      return store.commit(id, changes, now)
    },
    delete: (id, now, mark) => store.delete(id, now, mark),
  }
}

/** How long sessions and what is left of them stay, in seconds. */
interface Timeouts {
  readonly idleTimeout: number
  readonly handOverTimeout: number
}

/** A server in memory that is flooded with documents and with visitors while people are signed in. */
const flooded = () =>
  createSessionServer<Record<string, string>>({
    store: memoryStore({ max: 400, maxSize: 2 ** 21 }),
    logging: 'error',
    operationLimits: application.operationLimits,
    typeDefs: /* GraphQL */ `
      ${application.typeDefs}
      extend type Query {
        user: String
      }
      extend type Mutation {
        signIn(as: String!): Boolean
        signOut: Boolean
        fill(characters: Int!): Boolean
      }
    `,
    resolvers: {
      ...application.resolvers,
      Query: {
        ...application.resolvers.Query,
        user: (_: unknown, __: unknown, { session }: SessionContext) => session.get('user_id'),
      },
      Mutation: {
        async signIn(_: unknown, { as }: { as: string }, { session }: SessionContext) {
          await session.rotate()
          session.set('user_id', as)
        },
        async signOut(_: unknown, __: unknown, { session }: SessionContext) {
          await session.flush()
        },
        fill(_: unknown, { characters }: { characters: number }, { session }: SessionContext) {
          for (let at = 0; at * 8000 < characters; at++) {
            session.set(`page${at}`, 'x'.repeat(Math.min(8000, characters - at * 8000)))
          }
        },
      },
    },
  })

let opened = 0
const collected = new FinalizationRegistry(() => opened--)

/** How many sessions that were opened outside of a request somebody still holds. */
export const openedAndHeld = (): number => opened

/** A server whose store fails in the midst of streams and of sessions that were opened outside of a request. */
const failing = (store: KeyedStore, timeouts: Timeouts, alive: Alive) =>
  createSessionServer({
    store,
    ...timeouts,
    keys: { n: { client: ['read', 'write'] } },
    // Each failure of the store is a line.
    logging: false,
    typeDefs: /* GraphQL */ `
      extend type Query {
        opened(isLeft: Boolean!): Int!
      }
      type Subscription {
        ticks(to: Int!, breaks: Boolean!): Int!
      }
    `,
    resolvers: {
      Query: {
        async opened(_: unknown, { isLeft }: { isLeft: boolean }) {
          let hiccups = false
          const own: KeyedStore = {
            ...store,
            commit: async (...args) =>
              hiccups ? Promise.reject(new Error('hiccup')) : store.commit(...args),
          }
          const session = openSession<Record<string, number>>(own, null, timeouts)
          opened++
          collected.register(session, undefined)
          for (let round = 1; round <= 30; round++) {
            hiccups = round % 3 === 2
            session.set('n', round)
            const code = await session.save().then(
              () => null,
              (error: SessionError) => error.code,
            )
            if (code !== (hiccups ? 'SESSION_STORE_UNAVAILABLE' : null)) throw new Error(`${round}: ${code}`)
          }
          const n = await openSession<Record<string, number>>(store, session.token, timeouts).get('n')
          // Whoever leaves it here has recorded what is never saved.
          if (isLeft) session.set('n', -1)
          else await session.flush()
          return n
        },
      },
      Subscription: {
        ticks: {
          subscribe: (_: unknown, { to, breaks }: { to: number; breaks: boolean }) =>
            alive(
              (async function* () {
                for (let ticks = 1; ticks <= to; ticks++) {
                  yield { ticks }
                  await setTimeout(5)
                }
                if (breaks) throw new Error('It breaks.')
              })(),
            ),
          resolve({ ticks }: { ticks: number }, _: unknown, { session }: SessionContext) {
            session.set(ticks % 3 === 2 ? 'hiccup' : 'n', ticks)
            return ticks
          },
        },
      },
    },
  })

/** A server whose store has so many calls at a time that others are refused. */
const crowded = (store: KeyedStore, timeouts: Timeouts) =>
  createSessionServer({
    store,
    ...timeouts,
    storeCalls: places,
    keys: { slow: { client: ['write'] } },
    logging: false,
  })

/** Counts a source of events for as long as it is not ended. */
type Alive = <Event>(events: AsyncIterable<Event>) => AsyncGenerator<Event>

/** The servers of the kinds, over a store in which nothing of them is left in the end. */
export const targets = (store: KeyedStore, timeouts: Timeouts, alive: Alive) => ({
  flooded: flooded(),
  failing: failing(ailing(store), timeouts, alive),
  crowded: crowded(ailing(store), timeouts),
})

/** Where the servers listen. */
export type Addresses = Readonly<Record<keyof ReturnType<typeof targets>, string>>

/** A request; `path` may be a whole address. */
export interface Call {
  readonly method?: string
  readonly path?: string
  readonly headers?: Record<string, string>
  readonly body?: string
}

export interface Answer {
  readonly status: number
  readonly setCookie: string | undefined
  readonly text: string
}

/** What visitors do: how often, its name, what has to come of it, and how. */
type Kind = readonly [weight: number, name: string, due: number | string, () => Promise<number | string>]

const pick = <Item>(from: readonly Item[]): Item => from[Math.floor(Math.random() * from.length)]!
/** A GET with a cookie needs a content type, by which it says that no page of another site sent it. */
const streamHeaders = (cookie: string) => ({
  accept: 'text/event-stream',
  'content-type': 'application/json',
  cookie,
})
const isTrue = (share: number): boolean => Math.random() < share
const cookieOf = ({ setCookie = '' }: Answer): string => setCookie.split(';')[0]!
const codesOf = ({ text }: Answer): string =>
  [...new Set([...text.matchAll(/"code":"(\w+)"/g)].map(([, code]) => code))].join()

/** The visitors of each kind, and what has to come of it. */
export class Kinds {
  /** How many of the crowds found no place, as a crowd is to be. */
  refused = 0
  readonly #call: (call: Call) => Promise<Answer>
  readonly #at: Addresses
  /** People who are signed in: their names by their cookies. */
  readonly #people = new Map<string, string>()
  readonly #mostPeople: number
  #made = 0

  constructor(call: (call: Call) => Promise<Answer>, addresses: Addresses, users: number) {
    this.#call = call
    this.#at = addresses
    this.#mostPeople = users
  }

  get tasks(): readonly Kind[] {
    return [
      [4, 'one of many documents that run', 200, () => this.#document(pick(accepted))],
      [4, 'one of many documents that are refused', 400, () => this.#document(pick(refused))],
      [4, 'a flood of visitors', 200, () => this.#flood()],
      [12, 'somebody who signed in', 200, () => this.#person()],
      [3, 'a stream in which the store fails', 200, () => this.#stream(false)],
      [2, 'a stream that breaks after the store failed', 200, () => this.#stream(true)],
      [2, 'a stream that is left while the store fails', 'left', () => this.#leftStream()],
      [2, 'an opened session in which the store fails', 30, () => this.#opened()],
      [1, 'ready beside a crowd', 200, () => this.#crowd()],
    ]
  }

  /** Until the cache of documents is full. */
  async fill(): Promise<void> {
    for (let sent = 0; sent < 500; sent++) await this.#document(pick(accepted))
  }

  async #document({ title, send, code }: Flood): Promise<number | string> {
    // No two of them are equal, also after those of a run before.
    const answer = await this.#graphql(this.#at.flooded, send(++this.#made))
    const codes = codesOf(answer)
    return (code ?? '') === codes ? answer.status : `${title}: ${answer.status} ${codes}`
  }

  async #flood(): Promise<number | string> {
    for (let visitor = 0; visitor < 20; visitor++) {
      const fill = `fill(characters: ${pick([20, 20, 3000, 57_000])})`
      const answer = await this.#mutate(this.#at.flooded, fill)
      if (codesOf(answer) !== '') return codesOf(answer)
      // A visitor who rotates is nobody who signed in.
      const more = pick([null, 'rotateSession { __typename }', fill])
      if (!more) continue
      const codes = codesOf(await this.#mutate(this.#at.flooded, more, cookieOf(answer)))
      // Others of the flood may have pushed it out.
      if (codes !== '' && codes !== 'SESSION_GONE') return codes
    }
    return 200
  }

  async #person(): Promise<number | string> {
    const [cookie, name] = pick([...this.#people]) ?? []
    if (cookie === undefined || (this.#people.size < this.#mostPeople && isTrue(0.5))) {
      const as = `person ${++this.#made}`
      const guest = isTrue(0.5) ? cookieOf(await this.#mutate(this.#at.flooded, 'fill(characters: 20)')) : ''
      const answer = await this.#mutate(this.#at.flooded, `signIn(as: "${as}")`, guest)
      // A guest whose session was pushed out in between is told so, and asks again.
      if (codesOf(answer) === 'SESSION_GONE') return 200
      this.#people.set(cookieOf(answer), as)
      return codesOf(answer) || answer.status
    }
    if (isTrue(0.1)) {
      this.#people.delete(cookie)
      const answer = await this.#mutate(this.#at.flooded, 'signOut', cookie)
      return codesOf(answer) || answer.status
    }
    const answer = await this.#graphql(this.#at.flooded, { query: '{ user }' }, cookie)
    // Another user of this process may have signed the person out meanwhile.
    if (!this.#people.has(cookie)) return 200
    const { user } = JSON.parse(answer.text).data
    if (user === name) return answer.status
    this.#people.delete(cookie)
    return 'signed out'
  }

  async #stream(breaks: boolean): Promise<number | string> {
    const cookie = cookieOf(await this.#begin())
    const { status, text } = await this.#watch(cookie, 7, breaks)
    const failures = text.match(/"code":"SESSION_STORE_UNAVAILABLE"/g)?.length
    const ticks = [1, 3, 4, 6, 7].filter((tick) => text.includes(`{"data":{"ticks":${tick}}}`)).length
    const hasBroken = text.includes('INTERNAL_SERVER_ERROR')
    if (failures !== 2 || ticks !== 5 || hasBroken !== breaks) return `${failures} failures, ${ticks} ticks`
    if (!text.endsWith('event: complete\ndata:\n\n')) return 'no end'
    const read = await this.#graphql(this.#at.failing, { query: '{ session { value(key: "n") } }' }, cookie)
    const { value } = JSON.parse(read.text).data.session
    return value === 7 ? status : `${value} was kept`
  }

  async #leftStream(): Promise<string> {
    const cookie = cookieOf(await this.#begin())
    const sent = request(this.#subscription(1000, true), {
      agent: false,
      headers: streamHeaders(cookie),
    })
    sent.on('error', () => {}).end()
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    response.on('error', () => {}).resume()
    const ended = once(response, 'end').then(() => 'ended')
    const outcome = await Promise.race([ended, setTimeout(Math.random() * 60, 'left')])
    ended.catch(() => {})
    response.destroy()
    return outcome
  }

  async #opened(): Promise<number | string> {
    const query = `{ opened(isLeft: ${isTrue(0.5)}) }`
    const { text } = await this.#graphql(this.#at.failing, { query })
    return JSON.parse(text).data?.opened ?? text
  }

  async #crowd(): Promise<number | string> {
    const slow = 'setSessionKey(key: "slow", value: 1) { created }'
    const crowd = Promise.all(Array.from({ length: 3 * places }, () => this.#mutate(this.#at.crowded, slow)))
    await setTimeout(30)
    const { status } = await this.#call({ method: 'GET', path: `${this.#at.crowded}/health/ready` })
    const all = (await crowd).map((answer) => `${answer.status} ${codesOf(answer)}`)
    const isRefused = all.filter((each) => each === '503 SESSION_STORE_UNAVAILABLE')
    const isOdd = all.find((each) => each !== '200 ' && each !== '503 SESSION_STORE_UNAVAILABLE')
    if (isOdd !== undefined) return isOdd
    this.refused += isRefused.length
    return status
  }

  #begin(): Promise<Answer> {
    return this.#mutate(this.#at.failing, 'setSessionKey(key: "n", value: 0) { created }')
  }

  #subscription(to: number, breaks: boolean): string {
    const query = `subscription { ticks(to: ${to}, breaks: ${breaks}) }`
    return `${this.#at.failing}/graphql?${new URLSearchParams({ query })}`
  }

  #watch(cookie: string, to: number, breaks: boolean): Promise<Answer> {
    const headers = streamHeaders(cookie)
    return this.#call({ method: 'GET', path: this.#subscription(to, breaks), headers })
  }

  #mutate(address: string, field: string, cookie = ''): Promise<Answer> {
    return this.#graphql(address, { query: `mutation { ${field} }` }, cookie)
  }

  #graphql(address: string, body: unknown, cookie = ''): Promise<Answer> {
    return this.#call({
      path: `${address}/graphql`,
      headers: {
        'content-type': 'application/json',
        accept: 'application/graphql-response+json, text/event-stream',
        ...(cookie && { cookie }),
      },
      body: JSON.stringify(body),
    })
  }
}
