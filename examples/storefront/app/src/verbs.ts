// These are the things that a visitor can do. They are sent one after the other, so that the last answer is the latest.

import { CombinedGraphQLErrors } from '@apollo/client'
import type { SessionDataInput } from '../generated/graphql.ts'
import { client, refresh } from './client.ts'
import { show } from './notices.ts'
import {
  AddToCart,
  ForgetDevice,
  RemoveFromCart,
  ReplayOldCookie,
  Save,
  SignIn,
  SignOut,
  Storefront,
  WriteUserId,
} from './session.ts'

let turn: Promise<unknown> = Promise.resolve()

/** Runs when everything before it is done. A failure is told, and leaves the answer out. */
function inTurn<Answer>(run: () => Promise<Answer>, tell = show): Promise<Answer | undefined> {
  const result = turn.then(run).catch(async (error: unknown) => {
    tell(error instanceof Error ? error.message : 'That did not work.')
    // What was refused may have changed the session all the same: a wrong password is counted.
    await refresh()
    return undefined
  })
  turn = result
  return result
}

export const addToCart = (sku: string) =>
  inTurn(() => client.mutate({ mutation: AddToCart, variables: { sku } }))

export const removeFromCart = (sku: string) =>
  inTurn(() => client.mutate({ mutation: RemoveFromCart, variables: { sku } }))

export const save = (data: SessionDataInput) =>
  inTurn(() => client.mutate({ mutation: Save, variables: { data } }))

/** @returns why it did not work, or nothing */
export async function signIn(username: string, password: string): Promise<string> {
  let flaw = ''
  const answer = await inTurn(
    () => client.mutate({ mutation: SignIn, variables: { username, password } }),
    (message) => (flaw = message),
  )
  const login = answer?.data?.login
  if (!login) return flaw
  const { failedAttempts, session } = login
  const before = failedAttempts > 0 ? ` Wrong passwords before this one: ${failedAttempts}.` : ''
  show(`Welcome, ${session.user?.name ?? 'visitor'}.${before}`)
  return ''
}

export const signOut = () =>
  inTurn(async () => {
    await client.mutate({ mutation: SignOut })
    // What the cache still holds of the visitor who left is of nobody's use.
    client.cache.gc()
    show('Signed out. Your theme and currency stayed.')
  })

export const forgetDevice = () =>
  inTurn(async () => {
    await client.mutate({ mutation: ForgetDevice })
    client.cache.gc()
    show('Signed out. This device is forgotten.')
  })

/** What came of an attack: in a few words, and as the server said it. */
export interface Outcome {
  readonly verdict: string
  readonly answer: string
}

/** Tries to sign in by writing the entry that says who is signed in. */
export const writeUserId = () =>
  attack(async () => answered((await client.mutate({ mutation: WriteUserId })).data))

/** Has the cookie replaced, and the old one tried. */
export const replayOldCookie = () =>
  attack(async () => {
    const { data } = await client.mutate({ mutation: ReplayOldCookie })
    return answered(data?.replayOldCookie.answer)
  })

const hundred = Array.from({ length: 100 })

/** Sends a hundred additions at once, and asks before and after what is there. */
export const addHundred = () =>
  attack(async () => {
    const before = await teaOnServer()
    const answers = await Promise.allSettled(
      hundred.map(() => client.mutate({ mutation: AddToCart, variables: { sku: 'tea' } })),
    )
    const accepted = answers.filter(({ status }) => status === 'fulfilled').length
    // Their answers came in any order.
    await refresh()
    const after = await teaOnServer()
    const added = after - before
    return {
      verdict: `${hundred.length} sent, ${added} added`,
      answer: text({ sent: hundred.length, accepted, before, after, added }),
    }
  })

async function teaOnServer(): Promise<number> {
  const { data } = await client.query({ query: Storefront, fetchPolicy: 'network-only' })
  return data?.session.cart.find(({ sku }) => sku === 'tea')?.quantity ?? 0
}

async function attack(run: () => Promise<Outcome>): Promise<Outcome> {
  try {
    return await run()
  } catch (error) {
    if (!CombinedGraphQLErrors.is(error))
      return { verdict: 'The server did not answer', answer: String(error) }
    return answered({ errors: error.errors })
  }
}

/** The first code in an answer is its verdict. */
function answered(answer: unknown): Outcome {
  const [, code] = /"code": "(\w+)"/.exec(text(answer)) ?? []
  return { verdict: code ?? 'Accepted', answer: text(answer) }
}

const text = (value: unknown): string => JSON.stringify(value, null, 2)
