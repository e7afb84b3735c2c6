// This lets clients sign in, rotate, end, list and read at random beside each other, and judges by real time.

import { setTimeout } from 'node:timers/promises'
import { expect } from 'vitest'
import { devicesOf, endDevices } from '../../src/server/devices.ts'
import { openSession, type OpenSession } from '../../src/server/open-session.ts'
import { SessionError } from '../../src/session/errors.ts'
import { ownerOf } from '../../src/session/owner.ts'
import type { SessionSettings } from '../../src/session/settings.ts'
import type { KeyedStore } from '../../src/session/store.ts'

/** How the clients behave. */
export interface Races {
  /** How many things the clients do, each of one to a dozen calls to the store. */
  readonly operations: number
  /** Seconds after which no client begins anything more. @default no bound */
  readonly seconds?: number
  readonly clients?: number
  readonly owners?: number
  /** How likely a client dies at each of its calls to the store, before or after it. */
  readonly crash?: number
  readonly settings?: SessionSettings
  readonly random?: () => number
}

/** What went wrong, and what ran. All of the first four have to be 0. */
export interface Verdict {
  /** Sessions that were read as their owner's after an end had answered, for which they signed in before it began. */
  survivors: number
  /** The same of sign-ins that took their ticket before the end began, and answered after it. */
  survivorsOfTickets: number
  /** Sessions that are alive at rest, and that their owner does not list. */
  unlisted: number
  /** Sessions that are alive at rest after everything was ended. */
  irrevocable: number
  /** Reads that found nobody signed in, nor a mark, though nobody had begun to end the device. */
  signedOut: number
  /** What was begun of all of these, until the time was over. */
  operations: number
  signIns: number
  rotations: number
  ends: number
  reads: number
  lists: number
  crashes: number
  refused: number
}

interface SignIn {
  readonly owner: string
  /** When the ticket was there, and when the sign-in answered, in steps of the world. */
  readonly ticketAt: number
  readonly answeredAt: number
  token: string
  readonly device: string
  /** Whether somebody rotates it just now, so that the token may be an old one. */
  isBusy: boolean
  /** When an end was begun that hit it, and when that had answered. */
  hitAt: number | null
  deadAt: number | null
}

/** Of how many sign-ins the sessions are read, the last ones; and how many ends of all are remembered for them. */
const [remembered, rememberedEnds] = [30, 500]
/** How many ids are looked at after an end, the last ones. No client creates as many while it lasts. */
const rememberedIds = 24

/** Which devices are ended, and `admin`: all, by nobody who is signed in. */
type Kind = 'all' | 'others' | 'one' | 'admin'

class Crash extends Error {}

/** Runs the races over a store. */
export async function race(backend: KeyedStore, given: Races): Promise<Verdict> {
  const {
    operations,
    seconds = Number.POSITIVE_INFINITY,
    clients = 8,
    owners: ownerCount = 3,
    crash = 0,
    settings = {},
    random = Math.random,
  } = given
  const verdict: Verdict = {
    survivors: 0,
    survivorsOfTickets: 0,
    unlisted: 0,
    irrevocable: 0,
    signedOut: 0,
    operations: 0,
    signIns: 0,
    rotations: 0,
    ends: 0,
    reads: 0,
    lists: 0,
    crashes: 0,
    refused: 0,
  }
  const owners = Array.from({ length: ownerCount }, (_, index) => `owner ${index} ${random()}`)
  const ids = new Set<string>()
  /** The ids of what was created last. */
  const created: string[] = []
  const signIns: SignIn[] = []
  const clock = settings.clock ?? Date.now
  let step = 0
  const deadline = performance.now() + seconds * 1000

  const pause = async (): Promise<void> => {
    if (random() < 0.3) await setTimeout(random() * 2)
    else await new Promise((resolve) => setImmediate(resolve))
  }
  /** The store for one client, which waits between its calls, and may die at each. */
  const mortal = (): KeyedStore => {
    let isDead = false
    const call = async <T>(verb: () => Promise<T>): Promise<T> => {
      if (isDead) throw new Crash()
      await pause()
      if (random() < crash / 2) {
        isDead = true
        throw new Crash()
      }
      const answer = await verb()
      await pause()
      if (random() < crash / 2) {
        isDead = true
        throw new Crash()
      }
      return answer
    }
    return {
      create(id, record) {
        ids.add(id)
        created.push(id)
        if (created.length > rememberedIds) created.shift()
        return call(() => backend.create(id, record))
      },
      read: (id, now) => call(() => backend.read(id, now)),
      commit: (id, changes, now) => call(() => backend.commit(id, changes, now)),
      delete: (id, now, mark) => call(() => backend.delete(id, now, mark)),
    }
  }
  const attempt = async (operation: () => Promise<unknown>): Promise<void> => {
    try {
      await operation()
    } catch (error) {
      const cause = error instanceof SessionError ? error.cause : error
      if (cause instanceof Crash) verdict.crashes++
      else if (error instanceof SessionError && !error.code.startsWith('SESSION_STORE')) verdict.refused++
      else throw error
    }
  }
  const pick = <T>(list: readonly T[]): T | undefined => list[Math.floor(random() * list.length)]
  /** One that has signed in, and is used by nobody else just now. */
  const take = (): SignIn | undefined => pick(signIns.slice(-12).filter((each) => !each.isBusy))

  const signIn = async (owner = pick(owners)!): Promise<void> => {
    const before = random() < 0.3 ? take() : undefined
    if (before) before.isBusy = true
    const session = openSession(mortal(), before?.token ?? null, settings)
    if (!before) session.set('cart', 1)
    const ticket = await session.ticket(owner)
    const ticketAt = step++
    await pause()
    // Whoever looks at the password takes time.
    if (random() < 0.5) await setTimeout(random() * 3)
    await session.identify(owner, { ticket })
    await session.save()
    const answeredAt = step++
    const token = session.token!
    const id = (await session.handle())!
    const found = await backend.read(id, clock())
    const device = found && typeof found !== 'string' ? ownerOf(found, id)?.device : undefined
    signIns.push({
      owner,
      ticketAt,
      answeredAt,
      token,
      device: device ?? 'ended',
      isBusy: false,
      hitAt: null,
      deadAt: null,
    })
    if (signIns.length > remembered) signIns.shift()
    verdict.signIns++
  }

  const rotate = async (): Promise<void> => {
    const found = take()
    if (!found) return
    found.isBusy = true
    const session = openSession(mortal(), found.token, settings)
    await session.rotate()
    await session.save()
    if (session.token !== null) found.token = session.token
    found.isBusy = false
    verdict.rotations++
  }

  /** Looks for sessions that nobody has the token of yet, as those of a rotation that is under way. */
  const search = async (owner: string, devices: ReadonlySet<string>): Promise<void> => {
    const look = async (id: string): Promise<void> => {
      const found = await backend.read(id, clock())
      const owned = found !== null && typeof found !== 'string' ? ownerOf(found, id) : null
      if (owned?.owner === owner && devices.has(owned.device)) verdict.survivors++
    }
    await Promise.all(created.map((id) => look(id)))
  }

  /** The ends of several devices, with when each began and answered. One that has died never answers. */
  const ended: { owner: string; begins: number; answers: number; spares: SignIn | null }[] = []

  const end = async (found: SignIn, among: readonly Kind[]): Promise<void> => {
    const { owner } = found
    const kind = pick(among)!
    const target = kind === 'one' ? pick(signIns.filter((each) => each.owner === owner)) : undefined
    const session: OpenSession = openSession(mortal(), found.token, settings)
    if ((await session.owner()) !== owner) return
    const begins = step++
    // Others may begin a sign-in of the device that is spared or ended here, so that the device decides.
    const isHit = (each: SignIn): boolean =>
      each.owner === owner && (kind === 'one' ? each === target : kind === 'others' ? each !== found : true)
    const hit = signIns.filter((each) => isHit(each))
    for (const each of hit) each.hitAt ??= begins
    const spares = kind === 'others' ? found : null
    const mine = { owner, begins, answers: Number.POSITIVE_INFINITY, spares }
    if (kind !== 'one') ended.push(mine)
    if (ended.length > rememberedEnds) ended.shift()
    if (kind === 'all') {
      found.isBusy = true
      await session.endAllDevices()
    } else if (kind === 'others') await session.endOtherDevices()
    else if (kind === 'one') await session.endDevice(target!.device)
    else await endDevices(mortal(), owner, settings)
    const answers = step++
    for (const each of hit) each.deadAt ??= answers
    mine.answers = answers
    verdict.ends++
    const recent = signIns.filter((each) => each.owner === owner)
    const devices = new Set(hit.map(({ device }) => device))
    await Promise.all([search(owner, devices), ...recent.map((each) => read(each))])
  }

  const read = async (found = pick(signIns)): Promise<void> => {
    if (!found) return
    const { deadAt, token } = found
    const began = step++
    const session = openSession(backend, token, settings)
    const owner = await session.owner()
    verdict.reads++
    if (owner === null) {
      // A sign-in that was under way beside an end may be among what that has ended, and so may the oldest of too many.
      const mayBeEnded =
        settings.devices !== undefined ||
        found.hitAt !== null ||
        ended.some((each) => each.owner === found.owner && each.answers > found.ticketAt)
      if (!mayBeEnded && session.moved === null && !found.isBusy && token === found.token) verdict.signedOut++
      return
    }
    if (deadAt !== null && deadAt < began) verdict.survivors++
    const isOfTicket = ended.some(
      (each) =>
        each.owner === found.owner &&
        each.spares !== found &&
        found.ticketAt < each.begins &&
        each.answers < began &&
        found.answeredAt > each.begins,
    )
    if (isOfTicket) verdict.survivorsOfTickets++
  }

  /** Lets somebody end devices, or two of the same owner each other's. */
  const ends = async (): Promise<void> => {
    // Also one that is about to get a new token, which is the hardest to end, or to spare.
    const found = random() < 0.5 ? take() : pick(signIns.slice(-12))
    if (!found) return
    // A sign-in that has its ticket before the end begins, and enters while it lasts.
    if (random() < 0.4) {
      const entering = attempt(() => signIn(found.owner))
      await setTimeout(random() * 8)
      return void (await Promise.all([entering, attempt(() => end(found, ['admin', 'all', 'others']))]))
    }
    const others = signIns.filter((each) => each.owner === found.owner && each !== found)
    const other = random() < 0.7 ? pick(others.slice(-4)) : undefined
    await (other
      ? Promise.all([
          attempt(() => end(found, ['all', 'admin', 'others'])),
          attempt(() => end(other, ['others', 'others', 'one'])),
        ])
      : attempt(() => end(found, ['all', 'others', 'one', 'admin'])))
  }

  const list = async (): Promise<void> => {
    await devicesOf(mortal(), pick(owners)!, settings)
    verdict.lists++
  }

  const kinds = [() => signIn(), () => signIn(), rotate, ends, list, () => read(), () => read(), () => read()]
  const client = async (): Promise<void> => {
    while (verdict.operations < operations && performance.now() < deadline) {
      verdict.operations++
      await attempt(pick(kinds)!)
      step++
    }
  }
  await Promise.all(Array.from({ length: clients }, client))

  const now = clock()
  const isAlive = async (id: string): Promise<boolean> => {
    const found = await backend.read(id, now)
    return found !== null && typeof found !== 'string' && ownerOf(found, id) !== null
  }
  for (const owner of owners) await devicesOf(backend, owner, settings)
  const listed = new Map<string, Set<string>>()
  for (const owner of owners) {
    listed.set(owner, new Set((await devicesOf(backend, owner, settings)).map(({ id }) => id)))
  }
  for (const id of ids) {
    const found = await backend.read(id, now)
    const owned = found !== null && typeof found !== 'string' ? ownerOf(found, id) : null
    if (owned && !listed.get(owned.owner)!.has(owned.device)) verdict.unlisted++
  }
  for (const owner of owners) await endDevices(backend, owner, settings)
  for (const id of ids) if (await isAlive(id)) verdict.irrevocable++
  return verdict
}

/** Runs the races, and fails where anything went wrong. `npm run test:long` shows what ran. */
export async function judged(title: string, backend: KeyedStore, races: Races): Promise<void> {
  const began = performance.now()
  const verdict = await race(backend, races)
  const seconds = Math.round((performance.now() - began) / 1000)
  // oxlint-disable-next-line eslint/no-console -- what has to be 0 tells little without what ran
  if (process.env['LONG']) console.info(title, { ...verdict, seconds })
  expect(verdict, title).toMatchObject({
    survivors: 0,
    survivorsOfTickets: 0,
    unlisted: 0,
    irrevocable: 0,
    signedOut: 0,
  })
  expect(verdict.signIns, title).toBeGreaterThan(verdict.operations / 10)
}
