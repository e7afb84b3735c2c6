// This keeps a session sealed in its cookie.

import { EncryptJWT, errors, jwtDecrypt, type JWTDecryptResult } from 'jose'
import { apply } from '../session/changes.ts'
import type { SessionCookie } from '../session/cookie.ts'
import { SessionError } from '../session/errors.ts'
import { endsWithBrowser } from '../session/expiry.ts'
import { checkOptions } from '../session/options.ts'
import type { SessionRecord } from '../session/record.ts'
import type { Settings } from '../session/settings.ts'
import type { KeyedStore, SealedStore, Store } from '../session/store.ts'
import { digest, mint } from '../session/token.ts'
import { guarded } from './guarded.ts'
import { checkKeyedStore } from './keyed.ts'
import { pack, unpack } from './packed.ts'

export interface CookieStoreOptions {
  /**
   * Secrets of 32 random bytes, in base64 or base64url (`openssl rand -base64 32`). The first one seals, all of them
   * open. To change it: append a new one, on every server; then put it in front; and drop the old one an
   * `absoluteTimeout` later. A server that does not know a key yet would sign people out.
   */
  readonly keys: readonly string[]
  /** Any other store: remembers ended sessions for as long as a copied cookie of theirs could be sent. */
  readonly denyList?: KeyedStore
}

/** Bytes of a cookie with its name and attributes that every browser takes (RFC 6265, 6.1). */
const maxCookieBytes = 4096

/** Milliseconds by which the clocks of servers may differ. */
const clockTolerance = 60_000

/** A compact JWE (RFC 7516, 7.1) without an encrypted key, as `dir` has none. */
const sealPattern = /^[\w-]+\.\.[\w-]{16}\.[\w-]+\.[\w-]{22}$/

/**
 * Sessions in the cookie, sealed with AES-256-GCM: nothing to run, nothing to reach, at most 4,096 bytes with the
 * cookie's attributes. What that costs is said at `SealedStore`.
 * @throws {SessionError} CONFIG_INVALID
 */
export function cookieStore(options: CookieStoreOptions & { denyList: KeyedStore }): SealedStore<true>
export function cookieStore(options: CookieStoreOptions): SealedStore<false>
export function cookieStore(options: CookieStoreOptions): SealedStore {
  checkOptions('cookieStore', options, ['keys', 'denyList'])
  const secrets = readKeys(options.keys)
  if (options.denyList !== undefined) checkKeyedStore('cookieStore: denyList', options.denyList)
  const [[kid, secret]] = secrets as unknown as [[string, Uint8Array]]
  const keys = new Map(secrets)

  return {
    isRevocable: options.denyList !== undefined,
    keepsParallelWrites: false,
    popsOnce: false,
    denyList: options.denyList,
    open(cookie, settings) {
      const denyList = options.denyList && denyListOf(options.denyList, settings)

      const seal = async (name: string, record: SessionRecord, now: number): Promise<string | null> => {
        const token = await new EncryptJWT({ rec: pack(record) })
          .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', kid, jti: name })
          .setAudience(cookie.name)
          .setExpirationTime(Math.ceil(record.expiresAt / 1000))
          .encrypt(secret)
        return fits(cookie, token, record, now) ? token : null
      }

      const find = async (token: string, now: number): Promise<Sealed | null> => {
        const sealed = await unseal(token, keys, cookie.name, now)
        return sealed && !(await denyList?.has(sealed, now)) ? sealed : null
      }

      const revoke = async (token: string, now: number): Promise<SessionRecord | null> => {
        const sealed = await find(token, now)
        if (sealed === null) return null
        if (!denyList) throw notRevocable()
        return (await denyList.add(sealed, now)) ? sealed.record : null
      }

      const store: Store = {
        isInToken: true,
        isToken: (text) => text.length <= maxCookieBytes && sealPattern.test(text) && nameOf(text) !== null,
        mint,
        idOf: (token) => digest(token.includes('.') ? nameOf(token)! : token),
        async create(name, record, now) {
          const token = await seal(name, record, now)
          if (token === null) throw tooLarge()
          return token
        },
        async read(token, now) {
          return (await find(token, now))?.record ?? null
        },
        async commit(token, changes, now) {
          const sealed = await find(token, now)
          const { outcome, record } = apply(sealed?.record ?? null, changes)
          if (outcome !== 'committed') return { outcome, token }
          const next = await seal(sealed!.name, record!, now)
          return next === null ? { outcome: 'full', token } : { outcome, token: next }
        },
        delete: revoke,
        async rotate(token, now) {
          const record = await revoke(token, now)
          return record && { token: await store.create(mint(), record, now), record }
        },
      }
      return store
    },
  }
}

/** A session out of a cookie. Its name stays the same when its entries change, so that every copy is revoked with it. */
interface Sealed {
  readonly name: string
  readonly record: SessionRecord
}

/** @returns null for whatever was not sealed here, for this cookie, and for now */
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

/** Whether no bit is left over that could be changed unnoticed: base64url ignores some of the last character. */
const isCanonical = (token: string): boolean =>
  token.split('.').every((part) => Buffer.from(part, 'base64url').toString('base64url') === part)

/** Of a seal that may be forged. `null`: it is none. */
function nameOf(token: string): string | null {
  try {
    const header: unknown = JSON.parse(Buffer.from(token.split('.')[0]!, 'base64url').toString())
    const { jti } = header as { jti?: unknown }
    return typeof jti === 'string' ? jti : null
  } catch {
    return null
  }
}

function fits(cookie: SessionCookie, token: string, record: SessionRecord, now: number): boolean {
  const expiresAt = endsWithBrowser(record.policy) ? null : record.expiresAt
  return Buffer.byteLength(cookie.set({ token, expiresAt, now })) <= maxCookieBytes
}

function denyListOf(backend: KeyedStore, { calls, timeouts }: Settings) {
  const list = guarded(backend, calls)
  const has = async ({ name }: Sealed, now: number): Promise<boolean> =>
    (await list.read(digest(name), now)) !== null
  return {
    has,
    /** @returns false when somebody else was faster */
    async add(sealed: Sealed, now: number): Promise<boolean> {
      // An older copy may have a later deadline, though none beyond the absolute one.
      const expiresAt = Math.max(
        sealed.record.expiresAt,
        sealed.record.createdAt + timeouts.absoluteTimeout * 1000,
      )
      const ended = { entries: new Map<string, string>(), createdAt: now, expiresAt, policy: '' }
      try {
        await list.create(digest(sealed.name), ended)
        return true
      } catch (error) {
        const isUnknown = error instanceof SessionError && error.outcome === 'unknown'
        if (!isUnknown && (await has(sealed, now))) return false
        throw error
      }
    },
  }
}

/** By their public ids: the beginning of a digest, which tells nothing about 256 random bits. */
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

const notRevocable = (): SessionError =>
  new SessionError(
    'SESSION_NOT_REVOCABLE',
    'This session is kept in its cookie, and the server has no list of ended ones: it cannot be ended before its time. Clear it instead.',
  )

const tooLarge = (): SessionError =>
  new SessionError(
    'SESSION_TOO_LARGE',
    `The session does not fit into a cookie of ${maxCookieBytes} bytes. Nothing was stored; delete what is no longer needed.`,
  )
