// This defines the requests that measure a system, and checks that the system answers them rightly.

import { isDeepStrictEqual } from 'node:util'
import { ask, type Ask, type Exchange } from './load.ts'

/** R reads one entry of the session, W writes one. */
export type Workload = 'R' | 'W'
export const workloads: readonly Workload[] = ['R', 'W']

/** As many as the usual connections, so that a session is rarely in two requests at the same time. */
export const sessionCount = 64

/** W writes these values by turns, so that a store which compares before it writes finds a difference. */
const values = [100, 101] as const

/** The part of our own schema that the workloads use, as the schema of the peers. */
export const typeDefs = `
  scalar JSON
  type Query { session: Session! }
  type Session { value(key: String!): JSON }
  type Mutation { setSessionKey(key: String!, value: JSON): SetSessionKeyPayload! }
  type SetSessionKeyPayload { entry: SessionEntry! }
  type SessionEntry { key: String!, value: JSON }
`

interface Entry {
  readonly key: string
  readonly value: unknown
}

/** The resolvers of `typeDefs`, over the session that a peer has in its context. */
export function resolversOver<Context>(
  get: (context: Context, key: string) => unknown,
  set: (context: Context, key: string, value: unknown) => void,
) {
  return {
    Query: { session: () => ({}) },
    Session: { value: (_: unknown, { key }: { key: string }, context: Context) => get(context, key) },
    Mutation: {
      setSessionKey: (_: unknown, { key, value }: Entry, context: Context) => {
        set(context, key, value)
        return { entry: { key, value } }
      },
    },
  }
}

/** The resolvers for peers without sessions, which give equal answers without any data. */
export const sessionless = resolversOver(
  () => values[0],
  () => {},
)

/** How clients name an entry: by its key, as JSON, or by a field that is declared, with its type. */
export type Naming = 'by key' | 'typed'

const operations: Readonly<Record<Naming, { readonly query: string; readonly mutation: string }>> = {
  'by key': {
    query: '{ session { value(key: "visits") } }',
    mutation:
      'mutation ($value: JSON) { setSessionKey(key: "visits", value: $value) { entry { key value } } }',
  },
  typed: {
    query: '{ session { visits } }',
    mutation: 'mutation ($value: Int) { updateSessionData(data: { visits: $value }) { session { id } } }',
  },
}
const seed =
  'mutation ($key: String!, $value: JSON) { setSessionKey(key: $key, value: $value) { entry { key value } } }'

const readingBy = (naming: Naming): string => JSON.stringify({ query: operations[naming].query })
const writingBy = (naming: Naming, value: number): string =>
  JSON.stringify({ query: operations[naming].mutation, variables: { value } })
export const reading = readingBy('by key')

const read = (value: number) => ({ data: { session: { value } } })
const readTyped = (visits: number) => ({ data: { session: { visits } } })
const wroteTyped = { data: { updateSessionData: { session: { id: 'session' } } } }
const wrote = (value: unknown, key = 'visits') => ({ data: { setSessionKey: { entry: { key, value } } } })

/** The answers of the peer that parses nothing. */
export const constantAnswers = { R: JSON.stringify(read(values[0])), W: JSON.stringify(wrote(values[0])) }

/** The entries of a session: 206 bytes of JSON, as in bench/memory.ts. */
export function entriesOf(serial: number): Record<string, unknown> {
  const number = String(serial).padStart(9, '0')
  return {
    user_id: number,
    dark_mode: false,
    shopping_cart: [{ sku: `sku-${number}`, quantity: 1 }],
    'pref:locale': 'en-GB',
    visits: values[0],
    csrf: number.repeat(8).slice(0, 65),
  }
}

/** What clients may do with these entries, for our own server. */
export const keys = Object.fromEntries(
  Object.keys(entriesOf(0)).map((key) => [key, { client: ['read', 'write'] as const }]),
)

/** The same entries as declared data, but for one that stays by key. */
export const declaration = `
  type SessionData {
    user_id: String @session(client: [READ, WRITE])
    dark_mode: Boolean! @session(client: [READ, WRITE], default: false)
    shopping_cart: [CartItem!]! @session(client: [READ, WRITE], default: [])
    visits: Int! @session(client: [READ, WRITE], default: 0)
    csrf: String @session(client: [READ, WRITE])
  }
  type CartItem { sku: String!  quantity: Int! }`

/**
 * What a system keeps of a write: an entry of a session (`sessions`); no more than the value in its answer
 * (`nothing`); or not even that, as all its answers are the same (`one answer`).
 */
export type Keeps = 'sessions' | 'nothing' | 'one answer'

/**
 * Begins the sessions, and finds out whether the server answers rightly before its speed is measured.
 * @throws {Error} where an answer is wrong
 */
export async function prepare(
  port: number,
  keeps: Keeps,
  naming: Naming = 'by key',
): Promise<Record<Workload, Exchange>> {
  const isTyped = naming === 'typed'
  const writing = (value: number): string => writingBy(naming, value)
  const body = readingBy(naming)
  const keepsSessions = keeps === 'sessions'
  const cookies: string[] = []
  const texts = { R: new Set<string>(), W: new Set<string>() }
  for (let serial = 0; serial < sessionCount; serial++) {
    const cookie = keepsSessions ? await begin(port, serial) : `session=${'x'.repeat(43)}`
    cookies.push(cookie)
    for (const value of [...values, ...values]) {
      const writtenValue = keeps === 'one answer' ? values[0] : value
      const written = isTyped ? wroteTyped : wrote(writtenValue)
      const found = keepsSessions ? value : values[0]
      texts.W.add(await expect(port, { cookie, body: writing(value) }, written))
      texts.R.add(await expect(port, { cookie, body }, isTyped ? readTyped(found) : read(found)))
    }
  }
  if (new Set(cookies).size < sessionCount && keepsSessions) throw new Error('Two sessions are one.')
  const asking = (text: string): Ask[] => cookies.map((cookie) => ({ cookie, body: text }))
  return {
    R: { asks: asking(body), answers: [...texts.R] },
    W: { asks: values.flatMap((value) => asking(writing(value))), answers: [...texts.W] },
  }
}

/**
 * The exchanges with our own server for sessions that were stored with `entriesOf`.
 * @param written - what W writes by turns
 */
export function exchangesOf(
  cookies: readonly string[],
  written: readonly number[] = values,
): Record<Workload, Exchange> {
  const asking = (body: string): Ask[] => cookies.map((cookie) => ({ cookie, body }))
  return {
    R: { asks: asking(reading), answers: values.map((value) => JSON.stringify(read(value))) },
    W: {
      asks: written.flatMap((value) => asking(writingBy('by key', value))),
      answers: written.map((value) => JSON.stringify(wrote(value))),
    },
  }
}

/** @returns what a browser would put into its Cookie header */
async function begin(port: number, serial: number): Promise<string> {
  let cookie = ''
  for (const [key, value] of Object.entries(entriesOf(serial))) {
    const body = JSON.stringify({ query: seed, variables: { key, value } })
    const answer = await ask(port, { cookie, body })
    if (!isDeepStrictEqual(parse(answer.text), wrote(value, key))) {
      throw new Error(`${answer.status} ${answer.text}`)
    }
    cookie ||= answer.setCookie[0]?.split(';', 1)[0] ?? ''
    if (!cookie) throw new Error('No cookie was set.')
  }
  return cookie
}

async function expect(port: number, asked: Ask, answer: object): Promise<string> {
  const { status, text } = await ask(port, asked)
  if (status !== 200 || !isDeepStrictEqual(parse(text), answer)) {
    throw new Error(`${asked.body} was answered ${status} ${text}`)
  }
  return text
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
