// These are the things that a visitor can do. They are sent one after the other, so that the last answer is the latest.

import { CombinedGraphQLErrors } from '@apollo/client'
import { announceSessionChange } from 'graphql-session/client'
import type { SessionDataInput } from '../generated/graphql.ts'
import { client, refresh } from './client.ts'
import { show } from './notices.ts'
import { codesOf, freshnessAskedBy } from './refusals.ts'
import {
  AddToCart,
  ConfirmPassword,
  EndDevice,
  EndOtherDevices,
  ForgetDevice,
  MyDevices,
  RemoveFromCart,
  ReplayOldCookie,
  Save,
  SignIn,
  SignOut,
  Storefront,
  TakeNotices,
  WriteUserId,
  type MyDevicesQuery,
} from './session.ts'

let turn: Promise<unknown> = Promise.resolve()

/** Runs when everything before it is done. A failure is told, and leaves the answer out. */
export function inTurn<Answer>(run: () => Promise<Answer>, tell = show): Promise<Answer | undefined> {
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
  showNotices(answer?.data?.popFlash)
  return flaw
}

export const takeNotices = () =>
  inTurn(async () => showNotices((await client.mutate({ mutation: TakeNotices })).data?.popFlash))

function showNotices(taken: { readonly values: readonly unknown[] } | undefined): void {
  const notices = taken?.values.filter((value) => typeof value === 'string') ?? []
  if (notices.length > 0) show(notices.join(' '))
}

export const signOut = ({ darkMode, currency }: SessionDataInput) =>
  inTurn(async () => {
    await client.mutate({ mutation: SignOut, variables: { kept: { darkMode, currency } } })
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

/** What came of ending devices: how many, or the seconds for which a password is fresh, where it is to be given again. */
export type Ended = { readonly count: number } | { readonly maxAge: number }

export const endDevice = (id: string) =>
  ended(async () => {
    const { data } = await client.mutate({ mutation: EndDevice, variables: { id } })
    listOnly((device) => device.id !== id)
    return data?.revokeSession.revoked ? 1 : 0
  })

export const endOtherDevices = () =>
  ended(async () => {
    const { data } = await client.mutate({ mutation: EndOtherDevices })
    listOnly(({ current }) => current)
    return data?.revokeOtherSessions.count ?? 0
  })

/** @returns nothing where it failed, which is told */
const ended = (end: () => Promise<number>): Promise<Ended | undefined> =>
  inTurn(async () => {
    try {
      return { count: await end() }
    } catch (error) {
      const maxAge = freshnessAskedBy(error)
      if (maxAge === undefined) throw error
      return { maxAge }
    }
  })

function listOnly(isLeft: (device: MyDevicesQuery['mySessions'][number]) => boolean): void {
  client.cache.updateQuery(
    { query: MyDevices },
    (data) => data && { mySessions: data.mySessions.filter(isLeft) },
  )
}

/** @returns why it did not work, or nothing */
export async function confirmPassword(password: string): Promise<string> {
  let flaw = ''
  await inTurn(
    () => client.mutate({ mutation: ConfirmPassword, variables: { password } }),
    (message) => (flaw = message),
  )
  return flaw
}

/**
 * Makes the page a visitor's, whose session has ended without this tab, and waits until the server does so, too: for
 * requests that were under way it says SESSION_GONE for a while. What a visitor does meanwhile waits as well.
 * @param handle - of the session that ended
 */
export const fallBack = (handle: string) =>
  inTurn(async () => {
    const { session } = client.readQuery({ query: Storefront }) ?? {}
    // A verb of this tab has ended it.
    if (session?.handle !== handle) return
    // It was another tab's, whose answer has the next cookie, or another device's.
    announceSessionChange()
    client.cache.updateQuery(
      { query: Storefront },
      (data) => data && { ...data, session: { ...data.session, ...nothing } },
    )
    client.cache.gc()
    if (session.user) show('You were signed out, in another tab or by another device.')
    while (!(await isKnown())) await new Promise((done) => setTimeout(done, 500))
  })

/** What a visitor's session holds, of whom nothing is stored. */
const nothing = {
  handle: null,
  expiresIn: null,
  user: null,
  cart: [],
  entries: [],
  hidden: 0,
  hasFlash: false,
}

async function isKnown(): Promise<boolean> {
  try {
    await client.query({ query: Storefront, fetchPolicy: 'network-only' })
    return true
  } catch (error) {
    return !codesOf(error).includes('SESSION_GONE')
  }
}

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
