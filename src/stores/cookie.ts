// This keeps each session in its cookie, encrypted and authenticated.

import { EncryptJWT, errors, jwtDecrypt, type JWTDecryptResult } from 'jose'
import { apply } from '../session/changes.ts'
import { notRevocable, SessionError } from '../session/errors.ts'
import { cookieDeadline } from '../session/expiry.ts'
import { checkOptions } from '../session/options.ts'
import type { Departure, Mark, SessionRecord } from '../session/record.ts'
import type { Settings } from '../session/settings.ts'
import type { KeyedStore, OwnerStore, SealedStore, Store } from '../session/store.ts'
import { digest, mint } from '../session/token.ts'
import { type WatchedStore, Watcher } from '../session/watch.ts'
import { guarded } from './guarded.ts'
import { checkKeyedStore } from './keyed.ts'
import { pack, unpack } from './packed.ts'

/** The options of `cookieStore`. */
export interface CookieStoreOptions {
  /**
   * Secrets of 32 random bytes each, in base64 or base64url (`openssl rand -base64 32`). The first one seals
   * cookies, and all of them open cookies. To change the key append a new one on every server, then put it in
   * front, and drop the old one an `absoluteTimeout` later. A server that does not know a key yet would take
   * a cookie that was sealed with it for worthless, and sign its user out.
   */
  readonly keys: readonly string[]
  /**
   * Any other store, to remember ended sessions for as long as a copy of their cookie could be sent.
   * @default none: no session can be ended before its time
   */
  readonly denyList?: KeyedStore
  /**
   * Bytes that a cookie may have, with its name and attributes, from 512 to 4096. A proxy bounds all headers of
   * an answer together: nginx to 4 KiB (`proxy_buffer_size`), and answers 502 beyond. Raise both, or neither.
   * @default 3072, which leaves 1 KiB for the other headers
   */
  readonly maxCookieBytes?: number
}

/** The bytes of a cookie, with its name and attributes, that every browser takes (RFC 6265, 6.1). */
const browserLimit = 4096

/** Milliseconds by which the clocks of servers may differ. */
const clockTolerance = 60_000

/** The form of a compact JWE (RFC 7516, 7.1). Its encrypted key is empty, as with `dir`. */
const sealPattern = /^[\w-]+\.\.[\w-]{16}\.[\w-]+\.[\w-]{22}$/

/**
 * Makes a store that keeps sessions in the cookie, sealed with AES-256-GCM (a JWE, RFC 7516), and needs no
 * backend but the deny-list, by which a session can be ended before its time. A session has room for what
 * fits into a cookie of `maxCookieBytes` with its attributes; more is SESSION_TOO_LARGE. `SealedStore` says which
 * promises it cannot keep.
 * @throws {SessionError} CONFIG_INVALID, naming the option
 */
export function cookieStore(options: CookieStoreOptions & { denyList: KeyedStore }): SealedStore<true>
/**
 * Makes a store that keeps sessions in the cookie, without any backend. No session can be ended before its
 * time: `flush` and `rotate` throw SESSION_NOT_REVOCABLE.
 * @throws {SessionError} CONFIG_INVALID, naming the option
 */
export function cookieStore(options: CookieStoreOptions): SealedStore<false>
export function cookieStore(options: CookieStoreOptions): SealedStore {
  checkOptions('cookieStore', options, ['keys', 'denyList', 'maxCookieBytes'])
  const secrets = readKeys(options.keys)
  if (options.denyList !== undefined) checkKeyedStore('cookieStore: denyList', options.denyList)
  const { maxCookieBytes = 3072 } = options
  if (!Number.isSafeInteger(maxCookieBytes) || maxCookieBytes < 512 || maxCookieBytes > browserLimit) {
    throw new SessionError(
      'CONFIG_INVALID',
      `cookieStore: maxCookieBytes must be a whole number of bytes from 512 to ${browserLimit}.`,
    )
  }
  const [[kid, secret]] = secrets as unknown as [[string, Uint8Array]]
  const keys = new Map(secrets)

  return {
    isRevocable: options.denyList !== undefined,
    keepsParallelWrites: false,
    popsOnce: false,
    denyList: options.denyList,
    open(cookie, settings) {
      const denyList = options.denyList && denyListOf(options.denyList, settings)
      let watcher: Watcher | undefined

      /** @param before - what the cookie holds so far. It may shrink where it is over the limit. */
      const seal = async (
        name: string,
        record: SessionRecord,
        now: number,
        before = '',
      ): Promise<string | null> => {
        const token = await new EncryptJWT({ rec: pack(record) })
          .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', kid, jti: name, iat: now })
          .setAudience(cookie.fullName)
          .setExpirationTime(Math.ceil(record.expiresAt / 1000))
          .encrypt(secret)
        const expiresAt = cookieDeadline(record, now, settings.timeouts)
        const bytes = Buffer.byteLength(cookie.set({ token, expiresAt, now }))
        const limit = token.length < before.length ? browserLimit : maxCookieBytes
        return bytes <= limit ? token : null
      }

      const find = async (token: string, now: number): Promise<Sealed | Departure | null> => {
        const sealed = await unseal(token, keys, cookie.fullName, now)
        const ended = sealed && (await denyList?.look(sealed, now))
        return ended ? ended.departure : sealed
      }

      const revoke = async (
        token: string,
        now: number,
        mark?: Mark,
      ): Promise<SessionRecord | Departure | null> => {
        const sealed = await find(token, now)
        if (sealed === null || typeof sealed === 'string') return sealed
        if (!denyList) throw notRevocable()
        const before = await denyList.add(sealed, now, mark)
        return before ? before.departure : sealed.record
      }

      const store: Store = {
        isInToken: true,
        isToken: (text) => text.length <= browserLimit && sealPattern.test(text) && nameOf(text) !== null,
        mint,
        idOf: (token) => digest(token.includes('.') ? nameOf(token)! : token),
        newest: (tokens) => tokens.reduce((best, each) => (sealedAt(each) > sealedAt(best) ? each : best)),
        async create(name, record, now) {
          const token = await seal(name, record, now)
          if (token === null) throw tooLarge(maxCookieBytes)
          return token
        },
        async read(token, now) {
          const sealed = await find(token, now)
          return sealed === null || typeof sealed === 'string' ? sealed : sealed.record
        },
        async commit(token, changes, now) {
          const sealed = await find(token, now)
          if (sealed === null || typeof sealed === 'string') return { outcome: sealed ?? 'gone', token }
          const { outcome, record } = apply(sealed.record, changes)
          if (outcome !== 'committed') return { outcome, token }
          const next = await seal(sealed.name, record!, now, token)
          return next === null ? { outcome: 'full', token } : { outcome, token: next }
        },
        delete: revoke,
        async rotate(token, now, mark, carry) {
          const sealed = await find(token, now)
          if (sealed === null || typeof sealed === 'string') return sealed
          // It is sealed first, since a session that does not fit must not be ended for it.
          const record = carry(sealed.record)
          const successor = await seal(mint(), record, now, `${token} `)
          if (successor === null) throw tooLarge(maxCookieBytes)
          const before = await revoke(token, now, mark)
          if (before === null || typeof before === 'string') return before
          return { token: successor, record, before }
        },
        async watch(token, listener) {
          // Without a list of those that ended it ends at its deadline, however it is watched.
          watcher ??= new Watcher(denyList ?? endless, settings.clock)
          return watcher.watch(store.idOf(token), listener)
        },
        ...(denyList && { owners: denyList.ownersFor(cookie.ownersName) }),
      }
      return store
    },
  }
}

const endless: WatchedStore = { find: async () => 'unread' }

/**
 * A session that was opened from a cookie. Its name stays when its entries change, so that an ended name
 * voids every copy.
 */
interface Sealed {
  readonly name: string
  readonly record: SessionRecord
}

/**
 * Opens a sealed session.
 * @returns null where no known key has sealed the text for this cookie, or the session is not alive at `now`
 */
async function unseal(
  token: string,
  keys: ReadonlyMap<string, Uint8Array>,
  audience: string,
  now: number,
): Promise<Sealed | null> {
  let opened: JWTDecryptResult
  try {
    if (!isCanonical(token)) return null
    opened = await jwtDecrypt(
      token,
      ({ kid = '' }) => {
        const key = keys.get(kid)
        if (!key) throw new errors.JWEDecryptionFailed()
        return key
      },
      {
        audience,
        currentDate: new Date(now),
        keyManagementAlgorithms: ['dir'],
        contentEncryptionAlgorithms: ['A256GCM'],
        requiredClaims: ['exp', 'rec'],
      },
    )
  } catch (error) {
    if (error instanceof errors.JOSEError) return null
    throw error
  }
  const record = unpack(opened.payload['rec'] as string)
  if (record.expiresAt <= now || record.createdAt > now + clockTolerance) return null
  return { name: opened.protectedHeader['jti'] as string, record }
}

/**
 * Whether each part is the only base64url text of its bytes. Decoders ignore some bits of the last character,
 * so that a cookie with other bits there would open as well.
 */
const isCanonical = (token: string): boolean =>
  token.split('.').every((part) => Buffer.from(part, 'base64url').toString('base64url') === part)

/**
 * Reads the name in a sealed session, without a check of the seal, which may be forged.
 * @returns null for a text without a name
 */
function nameOf(token: string): string | null {
  const { jti } = headerOf(token)
  return typeof jti === 'string' ? jti : null
}

/** When a session was sealed. Milliseconds since the epoch, as far as the header of its seal can be believed. */
const sealedAt = (token: string): number => Number(headerOf(token).iat ?? 0)

function headerOf(token: string): { readonly jti?: unknown; readonly iat?: unknown } {
  try {
    const header: unknown = JSON.parse(Buffer.from(token.split('.')[0]!, 'base64url').toString())
    return header === null ? {} : (header as object)
  } catch {
    return {}
  }
}

/** An ended session, with where it has gone while the mark of that lasts. */
interface Ended {
  readonly departure: Departure | null
}

/** The entry of a record of the deny-list that holds a mark: when it ends, as JSON. Its key is the departure. */
const marksOf = (mark: Mark | undefined): Map<string, string> =>
  new Map(mark ? [[mark.as, String(mark.until)]] : [])

const told = (ended: Ended | null): Departure | 'unread' => (ended ? (ended.departure ?? 'ended') : 'unread')

function denyListOf(backend: KeyedStore, { calls, timeouts }: Settings) {
  const list = guarded(backend, calls)

  /** @returns null where the session has not ended */
  const look = async (id: string, now: number): Promise<Ended | null> => {
    const record = await list.read(id, now)
    if (record === null || typeof record === 'string') return record && { departure: record }
    const departure = (['moved', 'ended'] as const).find((as) => Number(record.entries.get(as)) > now)
    return { departure: departure ?? null }
  }

  const end = async (
    id: string,
    now: number,
    expiresAt: number,
    mark: Mark | undefined,
  ): Promise<Ended | null> => {
    try {
      await list.create(id, { entries: marksOf(mark), createdAt: now, expiresAt, policy: '' })
      // To the deny-list this is a new record, and of those it tells nobody. The session has ended either way.
      list.notices?.tell?.(id).catch(() => {})
      return null
    } catch (error) {
      const isUnknown = error instanceof SessionError && error.outcome === 'unknown'
      const before = isUnknown ? null : await look(id, now)
      if (before) return before
      throw error
    }
  }

  const find = async (id: string, now: number): Promise<Departure | 'unread'> => told(await look(id, now))

  return {
    notices: list.notices,
    find,
    look: ({ name }: Sealed, now: number) => look(digest(name), now),
    /** Ends a session for good. @returns null, or what another request has ended it as before */
    add({ name, record }: Sealed, now: number, mark: Mark | undefined): Promise<Ended | null> {
      // An older copy of the cookie may have a later deadline, but none after the absolute timeout.
      const expiresAt = Math.max(record.expiresAt, record.createdAt + timeouts.absoluteTimeout * 1000)
      return end(digest(name), now, expiresAt, mark)
    },
    /** The owners of sessions that are kept in cookies, which only their own requests bring. */
    ownersFor: (name: string): OwnerStore => ({
      records: list,
      name,
      find,
      end: async (id, now, until) => told(await end(id, now, until, undefined)),
    }),
  }
}

/**
 * Reads the keys.
 * @returns each key with the id by which cookies name it: the beginning of its digest, which does not help to
 * find 256 random bits
 */
function readKeys(keys: readonly string[]): [string, Uint8Array][] {
  if (!Array.isArray(keys) || keys.length === 0) {
    throw new SessionError('CONFIG_INVALID', 'cookieStore: keys must be a list with at least one key.')
  }
  return keys.map((key, index) => {
    const bytes = typeof key === 'string' ? Buffer.from(key, 'base64') : Buffer.alloc(0)
    const isWhole = typeof key === 'string' && /^[\w+/-]{43}=?$/.test(key) && bytes.length === 32
    if (!isWhole) {
      throw new SessionError(
        'CONFIG_INVALID',
        `cookieStore: keys[${index}] must be 32 random bytes in base64: openssl rand -base64 32.`,
      )
    }
    return [digest(bytes.toString('base64url')).slice(0, 8), bytes]
  })
}

const tooLarge = (maxCookieBytes: number): SessionError =>
  new SessionError(
    'SESSION_TOO_LARGE',
    `The session does not fit into a cookie of ${maxCookieBytes} bytes. Nothing was stored; delete what is no longer needed.`,
  )
