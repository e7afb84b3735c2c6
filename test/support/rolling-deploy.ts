// This lets browsers meet an older and the present version of this package on one store, and judges what they see.

import { inspect } from 'node:util'
import { openSession, type OpenSession, type OpenSettings } from '../../src/server/open-session.ts'
import { changeSet, type ChangeSet } from '../../src/session/changes.ts'
import { sessionCookie } from '../../src/session/cookie.ts'
import { SessionError } from '../../src/session/errors.ts'
import type { SessionRecord } from '../../src/session/record.ts'
import type { KeyedStore } from '../../src/session/store.ts'
import { idOf, mint } from '../../src/session/token.ts'
import type { Json } from '../../src/session/value.ts'

/** What a browser asks a server for. `add` counts up, `pop` takes out, `others` and `all` end devices. */
export type Verb = 'set' | 'add' | 'pop' | 'signIn' | 'rotate' | 'clear' | 'flush' | 'others' | 'all'

/** What a server answers. */
export interface Answered {
  /** The cookie that the browser has afterwards; null where it has none, or one that is worthless. */
  readonly token: string | null
  /** The code of the error, of a request that did nothing. */
  readonly refused?: string | undefined
  /** What `pop` took out, or how many devices were ended; null for nothing. */
  readonly value?: Json
}

/** What a session holds, as a server shows it. */
export interface Look {
  readonly owner: string | null
  readonly entries: Readonly<Record<string, Json>>
}

/** The servers of one version. A request comes with the cookie of the browser, or without. */
export interface Version {
  run(token: string | null, verb: Verb, key: string, value: Json): Promise<Answered>
  look(token: string): Promise<Look>
}

const lifetime = 14 * 24 * 60 * 60_000
const handOver = 60_000

/** Who is named in a session that was ended, or not, before an older version signed in to it. */
const perhaps = Symbol('perhaps')

class Refused extends Error {}

/**
 * A version that knows no owners: it does to the store what the releases before `identify` did. A session that it
 * rotates keeps all entries, of whatever key, and its application signs in by an entry of its own.
 */
export function olderVersion(store: KeyedStore): Version {
  const name = sessionCookie().fullName
  const read = async (token: string): Promise<SessionRecord> => {
    const found = await store.read(idOf(name, token), Date.now())
    if (found === null || typeof found === 'string') throw new Refused(found ?? 'gone')
    return found
  }
  const commit = async (token: string, part: Partial<ChangeSet>): Promise<boolean> => {
    const now = Date.now()
    const changes = changeSet({ expiresAt: now + lifetime, ...part })
    const outcome = await store.commit(idOf(name, token), changes, now)
    if (outcome !== 'committed' && outcome !== 'conflict') throw new Refused(outcome)
    return outcome === 'committed'
  }
  const create = async (entries: ReadonlyMap<string, string>): Promise<string> => {
    const [token, now] = [mint(), Date.now()]
    await store.create(idOf(name, token), { entries, createdAt: now, expiresAt: now + lifetime, policy: '' })
    return token
  }
  const remove = async (token: string, as: 'moved' | 'ended'): Promise<SessionRecord> => {
    const now = Date.now()
    const found = await store.delete(idOf(name, token), now, { as, until: now + handOver })
    if (found === null || typeof found === 'string') throw new Refused(found ?? 'gone')
    return found
  }
  const rotate = async (token: string): Promise<string> => {
    const successor = mint()
    await store.create(idOf(name, successor), { ...(await remove(token, 'moved')), kept: true })
    return successor
  }
  /** Changes one entry by what it holds. @returns what it held */
  const change = async (token: string, key: string, next: (text: string | undefined) => string | null) => {
    for (;;) {
      const text = (await read(token)).entries.get(key)
      const part = { expect: new Map([[key, text ?? null]]), entries: new Map([[key, next(text)]]) }
      if (await commit(token, part)) return text
    }
  }
  const verbs = async (token: string, verb: Verb, key: string, value: Json): Promise<Answered> => {
    const text = JSON.stringify(value)
    switch (verb) {
      case 'set':
        await commit(token, { entries: new Map([[key, text]]) })
        return { token }
      case 'add':
        await change(token, key, (held) => String(Number(held ?? 0) + 1))
        return { token }
      case 'pop': {
        const taken = await change(token, key, () => null)
        return { token, value: taken === undefined ? null : (JSON.parse(taken) as Json) }
      }
      case 'signIn': {
        const moved = await rotate(token)
        await commit(moved, { entries: new Map([['user_id', text]]) })
        return { token: moved }
      }
      case 'rotate':
        return { token: await rotate(token) }
      case 'clear':
        await commit(token, { clear: true })
        return { token }
      case 'flush':
        await remove(token, 'ended')
        return { token: null }
      default:
        throw new Error(`An older version has no ${verb}.`)
    }
  }
  return {
    async run(token, verb, key, value) {
      try {
        if (token === null) {
          return {
            token: await create(new Map([[verb === 'signIn' ? 'user_id' : key, JSON.stringify(value)]])),
          }
        }
        return await verbs(token, verb, key, value)
      } catch (error) {
        if (!(error instanceof Refused)) throw error
        return { token, refused: error.message }
      }
    },
    async look(token) {
      const found = await store.read(idOf(name, token), Date.now())
      if (found === null || typeof found === 'string') return { owner: null, entries: {} }
      // It lists every entry, also one that no key of an application names.
      const entries = [...found.entries].filter(([key]) => !key.startsWith('$'))
      return {
        owner: null,
        entries: Object.fromEntries(entries.map(([key, text]) => [key, JSON.parse(text)])),
      }
    },
  }
}

/** The version of this checkout. */
export function presentVersion(store: KeyedStore): Version {
  const settings: OpenSettings = { keys: { '*': { onSignIn: 'keep' }, user_id: {} } }
  const verbs = async (session: OpenSession, verb: Verb, key: string, value: Json): Promise<Json> => {
    if (verb === 'set') session.set(key, value)
    if (verb === 'add') await session.update(key, (held) => Number(held ?? 0) + 1)
    if (verb === 'pop') return session.pop(key, null)
    if (verb === 'signIn') {
      const user = value as string
      await session.identify(user, { ticket: await session.ticket(user) })
    }
    if (verb === 'rotate') await session.rotate()
    if (verb === 'clear') session.clear()
    if (verb === 'flush') await session.flush()
    if (verb === 'others') return session.endOtherDevices()
    if (verb === 'all') return session.endAllDevices()
    return null
  }
  return {
    async run(token, verb, key, value) {
      const session = openSession(store, token, settings)
      try {
        const taken = await verbs(session, verb, key, value)
        await session.save()
        return { token: session.token, value: taken }
      } catch (error) {
        if (!(error instanceof SessionError) || error.code.startsWith('SESSION_STORE')) throw error
        const isGivenUp = error.code === 'SESSION_GONE' && session.token === null
        return { token: isGivenUp ? null : token, refused: error.code }
      }
    },
    async look(token) {
      const session = openSession(store, token, settings)
      return { owner: await session.owner(), entries: Object.fromEntries(await session.entries()) }
    },
  }
}

/** What the races found wrong (all have to be 0), and what they did. */
export interface Deploy {
  /** Writes that were acknowledged and are not there. */
  lost: number
  /** Values that were taken out twice. */
  poppedTwice: number
  /** Sessions that hold something after they were ended, left by a rotation, or signed out. */
  revived: number
  /** Sessions that are somebody's who has not signed in to them, or hold what another browser has written. */
  impostors: number
  /** Sessions that are nobody's, though nobody has ended, cleared or rotated them on an older version. */
  signedOut: number
  /** What was done. */
  operations: number
  ofOlder: number
  refused: number
  signIns: number
  rotations: number
  /** Sessions of an owner that the older version has made nobody's. */
  disowned: number
  /** Sessions that were ended as those of devices, which the older version had cleared before. */
  endedAfterClear: number
  ends: number
  pops: number
  /** What went wrong first, to look for it. */
  readonly details: string[]
}

interface End {
  readonly owner: string
  readonly begins: number
  answers: number
  readonly spares: string | null
}

/** What a browser knows of its session. */
interface Browser {
  readonly name: string
  token: string | null
  /** Who has signed in by the present version, and when that began and answered, in steps. */
  owner: string | null
  beganAt: number
  signedInAt: number
  /** Whose it was until a clear, which the older version does not tell the list of the owner's devices. */
  cleared: { readonly owner: string; readonly beganAt: number; readonly endsBefore: number } | null
  /** Who is named in the session, since an older version has copied that. */
  named: string | typeof perhaps | null
  /** Who has signed in by the older version. */
  userId: string | null
  /** What it has written and was told is stored. */
  kept: Map<string, Json>
  count: number
}

/** How many operations are run, by how many browsers of how many people. */
export interface Size {
  readonly operations: number
  readonly browsers?: number
  readonly people?: number
}

/** Runs the browsers, each of which sends several requests at a time to servers of either version. */
export async function deploy(older: Version, present: Version, size: Size): Promise<Deploy> {
  const { operations, browsers = 8, people = 3 } = size
  const verdict: Deploy = {
    lost: 0,
    poppedTwice: 0,
    revived: 0,
    impostors: 0,
    signedOut: 0,
    operations: 0,
    ofOlder: 0,
    refused: 0,
    signIns: 0,
    rotations: 0,
    disowned: 0,
    endedAfterClear: 0,
    ends: 0,
    pops: 0,
    details: [],
  }
  const owners = Array.from({ length: people }, (_, index) => `person ${index} ${Math.random()}`)
  const ends: End[] = []
  const popped = new Set<Json>()
  let step = 0
  let written = 0
  const pick = <T>(list: readonly T[]): T => list[Math.floor(Math.random() * list.length)]!
  const fail = (
    what: 'lost' | 'poppedTwice' | 'revived' | 'impostors' | 'signedOut',
    detail: () => unknown,
  ): void => {
    verdict[what]++
    if (verdict.details.length < 5)
      verdict.details.push(`${what}: ${inspect(detail(), { depth: 6, breakLength: 200 })}`)
  }
  const send = async (version: Version, token: string | null, verb: Verb, key = '', value: Json = null) => {
    verdict.operations++
    if (version === older) verdict.ofOlder++
    const answered = await version.run(token, verb, key, value)
    if (answered.refused !== undefined) verdict.refused++
    return answered
  }
  const forget = (browser: Browser): void => {
    browser.owner = null
    browser.cleared = null
    browser.named = null
    browser.userId = null
    browser.kept = new Map()
    browser.count = 0
  }
  /** Whether an end has hit the session, or may have: one that began before the sign-in had answered, or lasts. */
  const mayBeEnded = (browser: Browser, owner: string, since: number): boolean =>
    ends.some((end) => end.owner === owner && end.spares !== browser.name && end.answers > since)
  const isEnded = (browser: Browser, at: number): boolean =>
    ends.some(
      (end) =>
        end.owner === browser.owner &&
        end.spares !== browser.name &&
        end.begins > browser.signedInAt &&
        end.answers < at,
    )

  /** A clear of the older version leaves the device in the list, so that an end of it still deletes the session. */
  const mayBeEndedSinceItsClear = (browser: Browser): boolean =>
    ends.some(
      ({ owner, begins, answers, spares }) =>
        owner === browser.cleared?.owner &&
        spares !== browser.name &&
        answers > browser.cleared.beganAt &&
        begins < browser.cleared.endsBefore,
    )
  const isEmpty = ({ owner, entries }: Look): boolean => owner === null && Object.keys(entries).length === 0

  /** Expects that a token opens nothing, on either version, and takes no write. */
  const expectDead = async (token: string, why: string): Promise<void> => {
    for (const version of [older, present]) {
      const { owner, entries } = await version.look(token)
      if (owner !== null || Object.keys(entries).length > 0) fail('revived', () => [why, owner, entries])
    }
    const late = await older.run(token, 'set', 'late', `${why} ${written++}`)
    if (late.refused === undefined && late.token === token) fail('revived', () => [why, 'takes a write'])
  }

  /** Compares what is there with what a browser knows. @param isOpen - whether a step may have dropped entries */
  const judge = async (browser: Browser, isOpen: boolean, hasMoved: boolean): Promise<void> => {
    const { token } = browser
    if (token === null) return
    const at = step++
    const look = await present.look(token)
    const entries = { ...look.entries }
    const detail = () => ({ browser, look, ends: ends.slice(-5) })
    const { owner, beganAt } = browser
    if (owner !== null && isEnded(browser, at) && !hasMoved) {
      if (look.owner !== null || Object.keys(entries).length > 0) fail('revived', detail)
    } else if (look.owner !== owner) {
      if (look.owner !== null) fail('impostors', detail)
      else if (!mayBeEnded(browser, owner!, beganAt)) fail('signedOut', detail)
    }
    if (owner !== null && look.owner === null) {
      // It was ended, and its browser begins again.
      forget(browser)
      browser.token = null
      if (Object.keys((await older.look(token)).entries).length > 0 && !hasMoved) fail('revived', detail)
      return
    }
    const onOlder = await older.look(token)
    if (isEmpty(look) && isEmpty(onOlder) && mayBeEndedSinceItsClear(browser)) {
      verdict.endedAfterClear++
      forget(browser)
      browser.token = null
      return
    }
    const isSame = JSON.stringify(onOlder.entries) === JSON.stringify(look.entries)
    const isAlive =
      !(owner !== null && mayBeEnded(browser, owner, beganAt)) && !mayBeEndedSinceItsClear(browser)
    if (!isSame && isAlive) fail('lost', () => ({ onOlder, ...detail() }))
    const { user_id: userId = null, count = 0, ...rest } = entries
    if (userId !== browser.userId && !(isOpen && userId === null)) fail('impostors', detail)
    const isCounted = isOpen ? Number(count) <= browser.count : count === browser.count
    if (!isCounted) fail('lost', detail)
    for (const [key, value] of browser.kept) {
      if (rest[key] === undefined ? !isOpen : rest[key] !== value) fail('lost', detail)
    }
    for (const [key, value] of Object.entries(rest)) {
      if (!(value as string).startsWith(browser.name)) fail('impostors', detail)
      else if (!browser.kept.has(key)) fail('revived', detail)
    }
    browser.userId = userId as string | null
    browser.count = Number(count)
    browser.kept = new Map(Object.entries(rest))
  }

  const begin = async (browser: Browser): Promise<void> => {
    const version = pick([older, present])
    if (Math.random() < 0.4) return void (await signIn(browser, version))
    const value = `${browser.name} ${written++}`
    const { token } = await send(version, null, 'set', 'k0', value)
    browser.token = token
    browser.kept.set('k0', value)
  }

  /** @returns whether entries may be lost by it */
  const signIn = async (browser: Browser, version: Version): Promise<boolean> => {
    const { token } = browser
    const owner = pick(owners)
    const beganAt = step++
    const formerly = { ...browser }
    const answered = await send(version, token, 'signIn', '', owner)
    // One that has found the session ended, or its ticket void.
    if (answered.refused !== undefined) {
      if (token !== null && answered.token === null) {
        // It had moved the session when an end of its owner's devices hit it.
        if (!mayBeEnded(browser, owner, beganAt))
          fail('lost', () => ({ browser, owner, ends: ends.slice(-5) }))
        await expectDead(token, 'before a sign-in that was ended')
        forget(browser)
        browser.token = null
      }
      return false
    }
    verdict.signIns++
    browser.token = answered.token
    browser.cleared = null
    // Where the session was ended before, it is a fresh one that has been signed in to.
    const mayBeFresh =
      (formerly.owner !== null && mayBeEnded(browser, formerly.owner, formerly.beganAt)) ||
      mayBeEndedSinceItsClear(formerly)
    if (version === older) {
      if (browser.owner !== null) verdict.disowned++
      browser.owner = null
      browser.userId = owner
      if (mayBeFresh && browser.named !== null) browser.named = perhaps
    } else {
      const { named, owner: before } = browser
      browser.owner = owner
      browser.named = owner
      browser.beganAt = beganAt
      browser.signedInAt = step++
      // Of the same owner all stays, but where an older version may have signed in somebody else since.
      if (before !== owner) browser.userId = null
      if (named === perhaps) {
        if (token !== null) await expectDead(token, 'before a sign-in to an unknown one')
        return true
      }
      if (named !== null && named !== owner) {
        browser.kept = new Map()
        browser.count = 0
        // Writes beside it are gone with the session, or refused.
        if (token !== null) await expectDead(token, 'of somebody else')
        return true
      }
    }
    if (token !== null) await expectDead(token, 'before a sign-in')
    return mayBeFresh
  }

  /** Does one thing to a whole session. @returns whether entries may be lost by it, and whether the session moved */
  const turn = async (browser: Browser): Promise<{ isOpen: boolean; hasMoved: boolean }> => {
    const { token, owner } = browser
    const kinds: readonly Verb[] = ['rotate', 'rotate', 'signIn', 'signIn', 'clear', 'flush', 'others', 'all']
    // What an older version has rotated is rare, and what follows on this one is what counts.
    const isCopied = browser.named !== null && owner === null && Math.random() < 0.7
    const version = isCopied ? present : pick([older, present])
    const verb = isCopied ? pick(['rotate', 'signIn'] as const) : pick(kinds)
    if (verb === 'signIn') {
      return { isOpen: await signIn(browser, version), hasMoved: browser.token !== token }
    }
    if (verb === 'others' || verb === 'all') {
      if (owner === null) return { isOpen: false, hasMoved: false }
      const end: End = {
        owner,
        begins: step++,
        answers: Number.POSITIVE_INFINITY,
        spares: verb === 'others' ? browser.name : null,
      }
      ends.push(end)
      const answered = await send(present, token, verb)
      // Whoever has been ended meanwhile ends nobody, without an error.
      const isDone = verb === 'all' ? Number(answered.value) > 0 : answered.token === token
      if (answered.refused !== undefined || !isDone) return { isOpen: false, hasMoved: false }
      end.answers = step++
      verdict.ends++
      if (verb === 'all') {
        await expectDead(token!, 'ended by itself')
        forget(browser)
        browser.token = null
      }
      return { isOpen: verb === 'all', hasMoved: false }
    }
    const answered = await send(version, token, verb)
    if (answered.refused !== undefined) return { isOpen: false, hasMoved: false }
    if (verb === 'clear') {
      const endsBefore = version === older ? Number.POSITIVE_INFINITY : step++
      if (owner !== null) browser.cleared = { owner, beganAt: browser.beganAt, endsBefore }
      browser.owner = null
      browser.named = null
      browser.userId = null
      return { isOpen: true, hasMoved: false }
    }
    // There was nothing to rotate.
    if (verb === 'rotate' && (answered.token === null || answered.token === token)) {
      return { isOpen: false, hasMoved: false }
    }
    browser.token = answered.token
    browser.cleared = null
    if (verb === 'flush') {
      forget(browser)
      browser.token = null
      await expectDead(token!, 'flushed')
      return { isOpen: true, hasMoved: false }
    }
    verdict.rotations++
    if (version === older && owner !== null) {
      verdict.disowned++
      browser.owner = null
    }
    await expectDead(token!, 'before a rotation')
    return { isOpen: false, hasMoved: true }
  }

  const round = async (browser: Browser): Promise<void> => {
    while (browser.token === null) await begin(browser)
    const { token } = browser
    const stored = new Map<string, Json>()
    let added = 0
    /** Whether a write was stored in this session. After its end one may begin another session. */
    const isStored = (answered: Answered): boolean =>
      answered.refused === undefined && answered.token === token
    const write = async (key: string): Promise<void> => {
      const value = `${browser.name} ${written++}`
      if (isStored(await send(pick([older, present]), token, 'set', key, value))) stored.set(key, value)
    }
    const add = async (): Promise<void> => {
      if (isStored(await send(pick([older, present]), token, 'add', 'count'))) added++
    }
    const taken: Json[] = []
    const take = async (version: Version): Promise<void> => {
      const { value, refused } = await send(version, token, 'pop', 'gift')
      if (refused !== undefined || value === undefined || value === null) return
      taken.push(value)
      verdict.pops++
      if (popped.has(value)) fail('poppedTwice', () => value)
      popped.add(value)
    }
    const hasGift = browser.kept.has('gift')
    const requests = [write('k1'), write('k2'), write(`k${3 + (written % 5)}`), add(), add()]
    if (hasGift) requests.push(take(older), take(present))
    let turned = { isOpen: false, hasMoved: false }
    const takeTurn = async (): Promise<void> => {
      turned = await turn(browser)
    }
    if (Math.random() < 0.7) requests.push(takeTurn())
    await Promise.all(requests)
    if (browser.token !== null) {
      // What a step has dropped may have been written before or after it.
      for (const [key, value] of stored) browser.kept.set(key, value)
      for (const value of taken) if (browser.kept.get('gift') === value) browser.kept.delete('gift')
      browser.count += added
    }
    await judge(browser, turned.isOpen, turned.hasMoved)
    if (browser.token !== null && !browser.kept.has('gift')) {
      const value = `${browser.name} ${written++}`
      const { token: after, refused } = await send(
        pick([older, present]),
        browser.token,
        'set',
        'gift',
        value,
      )
      if (refused === undefined && after === browser.token) browser.kept.set('gift', value)
    }
  }

  const surf = async (name: string): Promise<void> => {
    const browser: Browser = {
      name,
      token: null,
      owner: null,
      beganAt: 0,
      signedInAt: 0,
      cleared: null,
      named: null,
      userId: null,
      kept: new Map(),
      count: 0,
    }
    while (verdict.operations < operations) await round(browser)
  }
  await Promise.all(Array.from({ length: browsers }, (_, index) => surf(`browser-${index}:`)))
  return verdict
}
