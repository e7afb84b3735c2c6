// This signs an owner in to the session of one request, and keeps the session and the list of devices in step.

import { randomBytes } from 'node:crypto'
import { type ChangeSet, changeSet } from './changes.ts'
import { gone, notFresh, notRevocable, notSignedIn, SessionError } from './errors.ts'
import { deadline } from './expiry.ts'
import { type Device, type DeviceEntry, OwnerIndex } from './owner-index.ts'
import { isReserved, type Owned, ownerIn, ownerKey, ownerOf, withoutOwner } from './owner.ts'
import type { SessionRecord } from './record.ts'
import type { Settings } from './settings.ts'
import type { StoredSession } from './stored-session.ts'
import { digest } from './token.ts'
import type { View } from './view.ts'

/** What a sign-in is made with. */
export interface SignIn {
  /** Taken before the password was looked at; null: taken now. */
  readonly ticket: string | null
  /** Whether an entry of a visitor stays. */
  readonly keeps: (key: string) => boolean
  readonly label: string | undefined
  readonly stamp: string | undefined
}

/** Milliseconds between two times at which it is stored that a device was seen, at most. */
const seenEvery = 60 * 60_000

/**
 * Whose session a request has, and which devices its owner has. Each step of a sign-in or a rotation comes in the order
 * that `OwnerIndex` needs: the session is stored without an owner, its device is entered, and then the owner is bound.
 */
export class SignedIn {
  readonly #stored: StoredSession
  readonly #view: View
  readonly #settings: Settings
  readonly #userAgent: () => string | null | undefined

  /** @param userAgent - gives it as the request has it, of any length */
  constructor(
    stored: StoredSession,
    view: View,
    settings: Settings,
    userAgent: () => string | null | undefined = () => null,
  ) {
    this.#stored = stored
    this.#view = view
    this.#settings = settings
    this.#userAgent = userAgent
  }

  /** Whose session it is, as far as the request has read it; null for nobody's, also where it is to be cleared. */
  get owned(): Owned | null {
    const { record, id } = this.#stored
    return record?.entries.has(ownerKey) ? ownerOf(this.#view.record, id!) : null
  }

  /** Whose session it is in the store, whatever the request has recorded. */
  get stored(): Owned | null {
    const { record, id } = this.#stored
    return record && id !== null ? ownerOf(record, id) : null
  }

  /** @throws {SessionError} SESSION_NOT_REVOCABLE where no session can be ended before its time */
  ticket(owner: string): Promise<string> {
    return this.#indexOf(owner).ticket(this.#settings.clock())
  }

  /**
   * Signs an owner in: to a session with a new token, or to a fresh one where somebody else is signed in. Its lifetime
   * begins anew, as a visitor may have been there for long. Where it is refused nothing has changed.
   * @param onOther - called where somebody else was signed in, and is no more
   * @throws {SessionError} SESSION_SIGN_IN_ENDED, SESSION_TOO_MANY_DEVICES
   */
  async enter(owner: string, { ticket, keeps, label, stamp }: SignIn, onOther: () => void): Promise<void> {
    const index = this.#indexOf(owner)
    const [given] = await Promise.all([ticket ?? this.ticket(owner), this.#stored.read()])
    const now = this.#settings.clock()
    const device = newDevice()
    const { owned: before } = this
    const isOther = before !== null && before.owner !== owner
    const isCopied = before === null && ownerIn(this.#stored.record ?? nothing) !== null
    const carry = (record: SessionRecord): SessionRecord => {
      const from = ownerIn(record)
      // Of somebody else nothing is carried, also where a version without owners has rotated the session.
      if (from !== null && from !== owner) return { ...record, ...nothing }
      // With the rotation that version may have signed in anybody by an entry of the application.
      return from === null || isCopied ? filtered(record, keeps) : withoutOwner(record)
    }
    const replaced = before && !isOther ? before.device : null
    const admit = (id: string): Promise<void> =>
      index.enter(device, this.#entry(id, now, now, label), given, now, replaced)
    const ownedAs = (id: string): Owned => ({
      owner,
      device,
      id,
      seenAt: now,
      confirmedAt: now,
      stamp: stamp === undefined ? undefined : shortened(stamp),
    })
    if (this.#stored.standing === 'stored') {
      const carried = (record: SessionRecord): Partial<ChangeSet> => {
        const { entries, policy } = carry(record)
        return {
          entries: new Map([...entries, [ownerKey, JSON.stringify(ownedAs(this.#stored.id!))]]),
          policy,
          expiresAt: deadline(policy, now, now, this.#settings.timeouts),
        }
      }
      await this.#stored.supersede(now, isOther ? 'ended' : 'moved', admit, carried)
      if (isOther) onOther()
      if (before) await this.leave(before, now)
    } else await this.#enterFirst(now, admit, ownedAs, carry)
    this.#settings.emit?.({ type: 'signed-in', handle: this.#stored.id! })
  }

  /** Signs an owner in to a session that begins with it, or that another request of the page has just begun. */
  async #enterFirst(
    now: number,
    admit: (id: string) => Promise<void>,
    ownedAs: (id: string) => Owned,
    carry: (record: SessionRecord) => SessionRecord,
  ): Promise<void> {
    // What begins after it is signed in to.
    await this.#stored.rotate(now, true)
    const isFresh = await this.#stored.begin(now, carry)
    let isAdmitted = false
    try {
      await admit(this.#stored.id!)
      isAdmitted = true
      if (!(await this.#bind(ownedAs(this.#stored.id!)))) throw gone()
    } catch (error) {
      // Where it was admitted nobody else has its token, also where another request of the page has begun it.
      if (isAdmitted) await this.#stored.abandon(now)
      else if (isFresh) await this.#stored.retract(now)
      throw error
    }
  }

  /**
   * Signs an owner in to a stored session of nobody, without a new token: whoever was signed in by other means.
   * @returns whether somebody is signed in to it from then on
   */
  async claim(owner: string, label: string | undefined): Promise<boolean> {
    const index = this.#indexOf(owner)
    await this.#stored.read()
    if (this.#stored.standing !== 'stored') return false
    const before = this.owned
    if (before) return before.owner === owner
    const now = this.#settings.clock()
    const device = newDevice()
    const { createdAt } = this.#stored.record!
    const entry = this.#entry(this.#stored.id!, createdAt, now, label)
    await index.enter(device, entry, await index.ticket(now), now)
    const owned = { owner, device, id: this.#stored.id!, seenAt: now, confirmedAt: 0 }
    if (await this.#bind(owned)) return true
    // Another request has claimed it at the same time.
    await index.leave(device, now)
    await this.#stored.reread()
    return (this.owned as Owned | null)?.owner === owner
  }

  /**
   * Moves the session to a new token, and takes its owner along.
   * @param change - what becomes of whose it is
   * @throws {SessionError} SESSION_GONE where the device was ended at the same time
   */
  async rotate(now: number, isKept: boolean, change = (owned: Owned): Owned => owned): Promise<void> {
    // An owner whom a version without owners has copied counts nowhere, and still tells whose the entries were.
    const carry = (record: SessionRecord): SessionRecord =>
      ownerOf(record, this.#stored.id!) ? withoutOwner(record) : record
    const before = await this.#stored.rotate(now, isKept, carry)
    if (!before) return
    const owned = ownerOf(before.record, before.id)
    if (!owned) return
    const id = this.#stored.id!
    try {
      const isThere = await this.#indexOf(owned.owner).move(owned.device, id, now)
      if (!isThere || !(await this.#bind(change({ ...owned, id })))) throw gone()
    } catch (error) {
      // The session has all that is the owner's, and no end of a device would reach it.
      await this.#stored.abandon(now)
      throw error
    }
  }

  /** Deletes the session, and takes its device out. @returns whether it was stored */
  async flush(now: number): Promise<boolean> {
    const last = await this.#stored.flush(now)
    if (last === null) return false
    const owned = ownerOf(last.record, last.id)
    if (owned) await this.leave(owned, now)
    return true
  }

  /** Takes a device out whose session was deleted or cleared, so that an entry that stays names nothing. */
  async leave({ owner, device }: Owned, now: number): Promise<void> {
    await this.#indexOf(owner)
      .leave(device, now)
      .catch(() => {})
  }

  /** @throws {SessionError} SESSION_NOT_SIGNED_IN */
  async confirm(): Promise<void> {
    const now = this.#settings.clock()
    await this.#stored.read()
    if (!this.owned) throw notSignedIn()
    await this.rotate(now, true, (owned) => ({ ...owned, confirmedAt: now }))
  }

  /** @throws {SessionError} SESSION_NOT_SIGNED_IN, SESSION_NOT_FRESH */
  requireFresh(seconds: number): void {
    const { owned } = this
    if (!owned) throw notSignedIn()
    if (this.#settings.clock() - owned.confirmedAt > seconds * 1000) throw notFresh(seconds)
  }

  /** Whether the owner was signed in with this stamp. */
  fits(stamp: string): boolean {
    return this.owned?.stamp === shortened(stamp)
  }

  /** The devices of the owner; none for nobody's session. */
  async list(): Promise<readonly Device[]> {
    await this.#stored.read()
    const { owned } = this
    return owned ? this.#indexOf(owned.owner).list(this.#settings.clock()) : []
  }

  /** Ends a device of the owner. @returns whether it was signed in */
  async end(device: string): Promise<boolean> {
    await this.#stored.read()
    const { owned } = this
    if (!owned) return false
    const now = this.#settings.clock()
    if (device === owned.device) return this.flush(now)
    this.#checkFresh()
    return this.#indexOf(owned.owner).end(device, now)
  }

  /** Ends all devices of the owner but this one. @returns how many were signed in */
  async endOthers(): Promise<number> {
    await this.#stored.read()
    const { owned } = this
    if (!owned) return 0
    this.#checkFresh()
    const now = this.#settings.clock()
    const count = await this.#indexOf(owned.owner).endAll(now, owned.device)
    if (count !== null) return count
    await this.#stored.end(now)
    throw gone()
  }

  /** Ends all devices of the owner, and goes on in a fresh session. @returns how many were signed in */
  async endAll(): Promise<number> {
    await this.#stored.read()
    const { owned } = this
    if (!owned) return 0
    this.#checkFresh()
    const now = this.#settings.clock()
    const index = this.#indexOf(owned.owner)
    // This one comes last, so that whoever is told of a failure can do it again.
    const others = (await index.endAll(now, owned.device)) ?? (await index.endAll(now))!
    return others + ((await this.flush(now)) ? 1 : 0)
  }

  /** Whether it is to be stored that the device was seen, as far as the request has read its session. */
  isDue(now: number): boolean {
    const { owned } = this
    return owned !== null && now - owned.seenAt >= this.#seenEvery
  }

  /**
   * Stores that the device was seen, and ends the session if its owner does not list it, as where the store has lost
   * the end of a device, or the list. It fails silently, since the request has done its work.
   */
  async see(now: number): Promise<void> {
    const { owned } = this
    if (!owned || !this.isDue(now)) return
    try {
      if (await this.#indexOf(owned.owner).has(owned.device, owned.id, now)) {
        await this.#bind({ ...owned, seenAt: now })
      } else await this.#stored.end(now)
    } catch (error) {
      if (!(error instanceof SessionError)) throw error
      this.#stored.recover()
    }
  }

  #entry(
    session: string,
    createdAt: number,
    at: number,
    label: string | undefined,
  ): Omit<DeviceEntry, 'generation' | 'since'> {
    const until = createdAt + this.#settings.timeouts.absoluteTimeout * 1000
    return { session, at, until, userAgent: printable(this.#userAgent()), label }
  }

  get #seenEvery(): number {
    return Math.min(seenEvery, (this.#settings.timeouts.idleTimeout * 1000) / 20)
  }

  #checkFresh(): void {
    const { fresh } = this.#settings.devices
    if (fresh !== null) this.requireFresh(fresh)
  }

  /** Stores whose session it is. @returns false where another request has changed that since it was read */
  async #bind(owned: Owned): Promise<boolean> {
    const changes = changeSet({
      expect: new Map([[ownerKey, this.#stored.record?.entries.get(ownerKey) ?? null]]),
      entries: new Map([[ownerKey, JSON.stringify(owned)]]),
    })
    return (await this.#stored.commit(changes, this.#settings.clock())) === 'committed'
  }

  #indexOf(owner: string): OwnerIndex {
    const { owners } = this.#stored
    if (!owners) throw notRevocable()
    const { devices, handOver, emit } = this.#settings
    const onEnd = emit && ((handle: string): void => emit({ type: 'revoked', handle }))
    return new OwnerIndex(owners, owner, { ...devices, handOver, onEnd })
  }
}

const newDevice = (): string => randomBytes(9).toString('base64url')

/** What is carried over from the session of somebody else. */
const nothing = { entries: new Map<string, string>(), policy: '' }

/** What is stored of a `User-Agent`: 256 characters of it, none of which controls a terminal. */
const printable = (userAgent: string | null | undefined): string | undefined =>
  userAgent?.replaceAll(/[^\x20-\x7e]/g, '').slice(0, 256) || undefined

/** What is stored of a stamp, which may be made from a password. */
const shortened = (stamp: string): string => digest(`stamp ${stamp}`).slice(0, 22)

function filtered(record: SessionRecord, keeps: (key: string) => boolean): SessionRecord {
  return {
    ...record,
    entries: new Map([...record.entries].filter(([key]) => !isReserved(key) && keeps(key))),
  }
}
