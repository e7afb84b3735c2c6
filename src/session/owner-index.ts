// This lists the devices on which an owner is signed in, in one record of the store, and ends them for good.

import { randomBytes } from 'node:crypto'
import { type ChangeSet, changeSet, type Outcome } from './changes.ts'
import { SessionError } from './errors.ts'
import { ownerOf } from './owner.ts'
import type { OwnerStore } from './store.ts'
import { digest } from './token.ts'

type Found = Awaited<ReturnType<OwnerStore['find']>>

/** What the index holds of a device. */
export interface DeviceEntry {
  /** The id of its session. A rotation changes it. */
  readonly session: string
  /** The generation in which it signed in, or was spared. It has ended where that is not the owner's. */
  readonly generation: string
  /** When it signed in. Milliseconds since the epoch. */
  readonly at: number
  /** Since when it has this session. Milliseconds since the epoch. */
  readonly since: number
  /** When its session ends in any case. Milliseconds since the epoch. */
  readonly until: number
  readonly userAgent?: string | undefined
  readonly label?: string | undefined
}

/** A device that is signed in. Instants are milliseconds since the epoch. */
export interface Device extends DeviceEntry {
  readonly id: string
  /** When it was last used, as far as its session has stored that. */
  readonly seenAt: number
}

/** The rules for the devices of an owner. */
export interface DeviceRules {
  /** How many devices an owner may have. */
  readonly max: number
  /** What happens at a sign-in beyond that. */
  readonly whenFull: 'end-oldest' | 'refuse'
  /** Milliseconds for which a session that was moved leaves a mark; 0: none. */
  readonly handOver: number
  /** Called with the id of each session that is ended. */
  readonly onEnd?: ((session: string) => void) | undefined
}

/** Milliseconds after which a ticket is too old to sign in with. */
const ticketLife = 15 * 60_000

/** Milliseconds for which a generation is kept at least, so that no ticket outlives it. */
const generationLife = 4 * ticketLife

/** The key of the generation. No handle of a device has such a character. */
const generationKey = '$generation'

/** The generation of an owner of whom no device was ended. It is fixed, so that two first sign-ins do not refuse each other. */
const firstGeneration = '0'

/** The generation of a device that was ended by itself. */
const endedByItself = '-'

/** Milliseconds that a record may live. It is a bound for the contract only. */
const unbounded = 100 * 365 * 24 * 60 * 60_000

const maxAttempts = 256

interface Read {
  readonly generation: string
  readonly devices: ReadonlyMap<string, { readonly text: string; readonly entry: DeviceEntry }>
}

/**
 * The devices of one owner. They are entries of one ordinary record, so that each step is one change set of one
 * record, which every store applies at one instant, and no store needs a table or a verb for it.
 *
 * The order of the steps makes that no session survives its end. A sign-in stores its session without an owner, enters
 * it here, and only then binds the owner to it, by a change that never creates. An end begins a new generation, or
 * marks the device, and then deletes the sessions of all that were entered before. Whoever enters before the end is
 * among those; whoever comes after it is refused, if its ticket is from before. A session that is deleted before it is
 * bound stays deleted. A crash between two steps leaves an entry whose session is still to be deleted, which the next
 * `list` or `end` does, or a session without an owner, of which nobody has the cookie.
 */
export class OwnerIndex {
  readonly #store: OwnerStore
  readonly #owner: string
  readonly #rules: DeviceRules
  readonly #id: string

  constructor(store: OwnerStore, owner: string, rules: DeviceRules) {
    this.#store = store
    this.#owner = owner
    this.#rules = rules
    // No cookie has a space in its name, so that no token has this id, and a dump does not tell who the owner is.
    this.#id = digest(`owner ${store.name}=${owner}`)
  }

  /** Gives a ticket for a sign-in that begins now. An end of all devices, or of all others, voids it. */
  async ticket(now: number): Promise<string> {
    const generation = (await this.#read(now))?.generation ?? firstGeneration
    return [now.toString(36), generation, this.#id.slice(0, 8)].join('.')
  }

  /**
   * Enters a device, before its session gets its owner.
   * @param replaced - a device that is about to leave, and takes no room
   * @throws {SessionError} SESSION_SIGN_IN_ENDED where the ticket is too old, or devices were ended since
   * @throws {SessionError} SESSION_TOO_MANY_DEVICES
   */
  async enter(
    device: string,
    entry: Omit<DeviceEntry, 'generation' | 'since'>,
    ticket: string,
    now: number,
    replaced: string | null = null,
  ): Promise<void> {
    const max = this.#rules.max + (replaced === null ? 0 : 1)
    const generation = this.#generationOf(ticket, now)
    const text = JSON.stringify({ ...entry, generation, since: now } satisfies DeviceEntry)
    await untilDone(async () => {
      const outcome = await this.#commit(now, entry.until, {
        expect: new Map([
          [generationKey, JSON.stringify(generation)],
          [device, null],
        ]),
        entries: new Map([[device, text]]),
        limit: { keys: max + 1, bytes: 2 ** 24 },
      })
      if (outcome === 'committed') return true
      if (outcome === 'conflict') throw signInEnded()
      if (outcome === 'full') {
        await this.#makeRoom(now, max, replaced)
        return undefined
      }
      // Where the record is gone nothing was ended in the last hour, and no ticket is as old.
      if (generation !== firstGeneration) throw signInEnded()
      return (await this.#begin(generation, now, entry.until, [[device, text]])) || undefined
    })
  }

  /**
   * Moves a device to another session, before that gets its owner.
   * @returns whether the device is still signed in
   */
  async move(device: string, session: string, now: number): Promise<boolean> {
    return untilDone(async () => {
      const read = await this.#read(now)
      const found = read?.devices.get(device)
      if (!found || found.entry.generation !== read!.generation) return false
      const { text, entry } = found
      const outcome = await this.#commit(now, entry.until, {
        expect: new Map([
          [generationKey, JSON.stringify(read!.generation)],
          [device, text],
        ]),
        entries: new Map([[device, JSON.stringify({ ...entry, session, since: now })]]),
      })
      return outcome === 'committed' || undefined
    })
  }

  /** Whether the session is the one of a device that is signed in. */
  async has(device: string, session: string, now: number): Promise<boolean> {
    const read = await this.#read(now)
    const entry = read?.devices.get(device)?.entry
    return entry !== undefined && entry.session === session && entry.generation === read!.generation
  }

  /** Lists the devices that are signed in, the last that signed in first. It finishes ends that were interrupted. */
  async list(now: number): Promise<Device[]> {
    const read = await this.#read(now)
    if (!read) return []
    await this.#finish(read, now)
    const { alive, dead } = await this.#sort(read, now)
    // Between two steps of a rotation the session of a device is not there, and only a mark tells that it has moved.
    if (this.#rules.handOver > 0) await this.#forget(dead, now)
    return alive.toSorted((a, b) => b.at - a.at)
  }

  /**
   * Ends all devices, or all but one, and every sign-in that has its ticket from before.
   * @param spared - the device that stays signed in
   * @returns how many devices were ended; null where the spared one has been ended itself
   */
  async endAll(now: number, spared: string | null = null): Promise<number | null> {
    const generation = randomBytes(12).toString('base64url')
    if (spared === null) await this.#beginGeneration(generation, now)
    else if (!(await this.#beginGenerationFor(spared, generation, now))) return null
    // Whoever has entered before is in what is read here.
    const read = await this.#read(now)
    return read ? this.#finish(read, now) : 0
  }

  /**
   * Ends one device.
   * @returns whether it was signed in
   */
  async end(device: string, now: number): Promise<boolean> {
    return untilDone(async () => {
      const read = await this.#read(now)
      const found = read?.devices.get(device)
      if (!found) return false
      const { text, entry } = found
      if (entry.generation !== read!.generation) {
        await this.#finish(read!, now)
        return false
      }
      const marked: DeviceEntry = { ...entry, generation: endedByItself }
      const change = new Map([[device, JSON.stringify(marked)]])
      const outcome = await this.#commit(now, 0, { expect: new Map([[device, text]]), entries: change })
      if (outcome !== 'committed') return undefined
      const isBound = await this.#kill(device, marked, now)
      await this.#forget(change, now)
      return isBound
    })
  }

  /** Takes a device out whose session was deleted by whoever calls this. */
  async leave(device: string, now: number): Promise<void> {
    await this.#commit(now, 0, { entries: new Map([[device, null]]) })
  }

  /** Begins a generation. */
  async #beginGeneration(generation: string, now: number): Promise<void> {
    const entries = new Map([[generationKey, JSON.stringify(generation)]])
    await untilDone(async () => {
      const outcome = await this.#commit(now, now + generationLife, { entries })
      if (outcome === 'committed') return true
      return (await this.#begin(generation, now, now + generationLife)) || undefined
    })
  }

  /** Begins a generation in the name of a device that stays. @returns false where that was ended itself */
  async #beginGenerationFor(device: string, generation: string, now: number): Promise<boolean> {
    return untilDone(async () => {
      const read = await this.#read(now)
      // Where the store has lost the record, sign-ins that are under way are to be refused all the same.
      if (!read) await this.#beginGeneration(generation, now)
      const found = read?.devices.get(device)
      if (!found || found.entry.generation !== read!.generation) return false
      const outcome = await this.#commit(now, now + generationLife, {
        expect: new Map([
          [generationKey, JSON.stringify(read!.generation)],
          [device, found.text],
        ]),
        entries: new Map([
          [generationKey, JSON.stringify(generation)],
          [device, JSON.stringify({ ...found.entry, generation })],
        ]),
      })
      return outcome === 'committed' || undefined
    })
  }

  /** Ends the sessions of devices that have ended. @returns of how many devices that were signed in */
  async #finish({ generation, devices }: Read, now: number): Promise<number> {
    const ended = [...devices].filter(([, { entry }]) => entry.generation !== generation)
    if (ended.length === 0) return 0
    const killed = await Promise.all(ended.map(([device, { entry }]) => this.#kill(device, entry, now)))
    await this.#forget(new Map(ended.map(([device, { text }]) => [device, text])), now)
    return killed.filter(Boolean).length
  }

  /**
   * Ends the session of a device. It leaves no mark: no other cookie is on its way to that device, which is to be a
   * visitor's at once.
   * @returns whether the device was signed in
   */
  async #kill(device: string, entry: DeviceEntry, now: number): Promise<boolean> {
    const last = await this.#store.end(entry.session, now, entry.until)
    this.#rules.onEnd?.(entry.session)
    return this.#boundAt(last, device, entry) !== null
  }

  /** Takes entries out that are still the same. Those that are not are left for the next look. */
  async #forget(entries: ReadonlyMap<string, string>, now: number): Promise<void> {
    if (entries.size === 0) return
    const out = new Map([...entries.keys()].map((device) => [device, null]))
    const outcome = await this.#commit(now, 0, { expect: entries, entries: out })
    if (outcome !== 'conflict' || entries.size === 1) return
    for (const [device, text] of entries) await this.#forget(new Map([[device, text]]), now)
  }

  /** Tells which devices of the generation have a session. One that gets its owner just now is neither alive nor dead. */
  async #sort(
    { generation, devices }: Read,
    now: number,
  ): Promise<{ alive: Device[]; dead: Map<string, string> }> {
    const alive: Device[] = []
    const dead = new Map<string, string>()
    const look = async (id: string, entry: DeviceEntry, text: string): Promise<void> => {
      const found = await this.#store.find(entry.session, now)
      const seenAt = this.#boundAt(found, id, entry)
      if (seenAt !== null) alive.push({ ...entry, id, seenAt })
      // A session that was cleared is nobody's. One that is about to get its owner is young.
      else if (found === null || found === 'ended' || now - entry.since > ticketLife) dead.set(id, text)
    }
    const current = [...devices].filter(([, { entry }]) => entry.generation === generation)
    await Promise.all(current.map(([id, { entry, text }]) => look(id, entry, text)))
    return { alive, dead }
  }

  /** When a device was last seen in its session; null where that is not, or not this owner's. */
  #boundAt(found: Found, device: string, { session, at }: DeviceEntry): number | null {
    // A session that has moved is about to be entered under its new id.
    if (found === 'unread' || found === 'moved') return at
    if (found === null || found === 'ended') return null
    const bound = ownerOf(found, session)
    return bound?.owner === this.#owner && bound.device === device ? bound.seenAt : null
  }

  /**
   * Makes room for one more device.
   * @throws {SessionError} SESSION_TOO_MANY_DEVICES
   */
  async #makeRoom(now: number, max: number, spared: string | null): Promise<void> {
    const read = await this.#read(now)
    if (!read) return
    await this.#finish(read, now)
    const { alive, dead } = await this.#sort(read, now)
    await this.#forget(dead, now)
    const count = [...read.devices.values()].filter(
      ({ entry }) => entry.generation === read.generation,
    ).length
    if (count - dead.size < max) return
    if (this.#rules.whenFull === 'refuse') throw tooManyDevices(this.#rules.max)
    // Sign-ins that are under way come last. They are ended only where there is nothing else.
    const known = new Set(alive.map(({ id }) => id))
    const others = alive.filter(({ id }) => id !== spared)
    const [oldest] = others.toSorted((a, b) => a.seenAt - b.seenAt || a.at - b.at)
    const victim = oldest?.id ?? [...read.devices.keys()].find((id) => !known.has(id) && !dead.has(id))
    if (victim !== undefined) await this.end(victim, now)
  }

  #generationOf(ticket: string, now: number): string {
    const [time = '', generation = '', owner] = ticket.split('.')
    const age = now - Number.parseInt(time, 36)
    // A ticket of another server can be a little younger than the clock of this one.
    const isGood = owner === this.#id.slice(0, 8) && Math.abs(age) <= ticketLife
    if (!isGood) throw signInEnded()
    return generation
  }

  async #read(now: number): Promise<Read | null> {
    const found = await this.#store.records.read(this.#id, now)
    if (found === null || typeof found === 'string') return null
    const devices = new Map<string, { text: string; entry: DeviceEntry }>()
    let generation = firstGeneration
    for (const [key, text] of found.entries) {
      if (key === generationKey) generation = JSON.parse(text) as string
      else devices.set(key, { text, entry: JSON.parse(text) as DeviceEntry })
    }
    return { generation, devices }
  }

  /** @param until - the earliest instant at which the record may end */
  #commit(now: number, until: number, part: Partial<ChangeSet>): Promise<Outcome> {
    const activity = { until, lifetime: unbounded, step: 1 }
    return this.#store.records.commit(this.#id, changeSet({ ...part, activity }), now)
  }

  /** Begins the record of an owner who has none. @returns false where another request was faster */
  async #begin(
    generation: string,
    now: number,
    until: number,
    devices: readonly (readonly [string, string])[] = [],
  ): Promise<boolean> {
    const entries = new Map([[generationKey, JSON.stringify(generation)] as const, ...devices])
    const expiresAt = Math.max(until, now + generationLife)
    try {
      await this.#store.records.create(this.#id, {
        entries,
        createdAt: now,
        expiresAt,
        policy: '',
        kept: true,
      })
      return true
    } catch (error) {
      if ((await this.#read(now)) === null) throw error
      return false
    }
  }
}

/**
 * Repeats a step that other requests were faster at.
 * @param step - gives undefined where it is to be tried again
 * @throws {SessionError} SESSION_CONFLICT
 */
async function untilDone<T>(step: () => Promise<T | undefined>): Promise<T> {
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    const result = await step()
    if (result !== undefined) return result
  }
  throw new SessionError(
    'SESSION_CONFLICT',
    `The devices of the owner were changed by others at each of ${maxAttempts} attempts. Try again.`,
  )
}

const signInEnded = (): SessionError =>
  new SessionError(
    'SESSION_SIGN_IN_ENDED',
    'The sign-in took too long, or its owner has ended all sign-ins in the meantime, as after a change of the password. Nobody was signed in; begin again.',
  )

const tooManyDevices = (max: number): SessionError =>
  new SessionError(
    'SESSION_TOO_MANY_DEVICES',
    `The owner is signed in on ${max} devices, and no more are allowed. End one of them first.`,
  )
