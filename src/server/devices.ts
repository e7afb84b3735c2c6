// This lists and ends the devices of any owner, for administrators: in scripts, jobs and the command line.

import { type SessionCookie, sessionCookie } from '../session/cookie.ts'
import { ownerName, type SessionDevice, toDevice } from '../session/device.ts'
import { notRevocable, notSignedIn, SessionError } from '../session/errors.ts'
import { checkOptions } from '../session/options.ts'
import { OwnerIndex } from '../session/owner-index.ts'
import { resolveSettings, type SessionSettings, settingNames } from '../session/settings.ts'
import type { SessionStore } from '../session/store.ts'
import { checkStore, openStore } from '../stores/open.ts'

/** The settings of `devicesOf`. */
export interface DevicesOfSettings extends SessionSettings {
  /** The cookie that carries the sessions, where the server names it otherwise. @default that of `sessionCookie()` */
  readonly cookie?: SessionCookie
}

/** The settings of `endDevices`, and which devices it ends. */
export interface EndDevicesSettings extends DevicesOfSettings {
  /** The only device to end. @default all */
  readonly only?: string
  /** A device that stays signed in. @default none */
  readonly except?: string
}

const names = [...Object.keys(settingNames), 'cookie']

/**
 * Lists the devices on which an owner is signed in, the last that signed in first.
 * @param store - the same as the server's
 * @param settings - the same as the server's
 * @throws {SessionError} CONFIG_INVALID; SESSION_NOT_REVOCABLE with a `cookieStore` that has no deny-list
 */
export async function devicesOf(
  store: SessionStore,
  owner: string,
  settings: DevicesOfSettings = {},
): Promise<SessionDevice[]> {
  checkOptions('devicesOf', settings, names)
  const { index, now } = open(store, owner, settings)
  return (await index.list(now)).map((device) => toDevice(device))
}

/**
 * Ends devices of an owner: their sessions are deleted before the promise resolves, and never come back. Without `only`
 * every sign-in is refused, too, that took its ticket before. If it fails, some may have been ended; do it again.
 * @param store - the same as the server's
 * @param settings - the same as the server's, and which devices
 * @returns how many were signed in
 * @throws {SessionError} SESSION_NOT_SIGNED_IN where the device of `except` is not signed in: nothing was ended
 * @throws {SessionError} CONFIG_INVALID; SESSION_NOT_REVOCABLE with a `cookieStore` that has no deny-list
 */
export async function endDevices(
  store: SessionStore,
  owner: string,
  settings: EndDevicesSettings = {},
): Promise<number> {
  checkOptions('endDevices', settings, [...names, 'only', 'except'])
  const { only, except, ...rest } = settings
  const { index, now } = open(store, owner, rest)
  if (only !== undefined && except !== undefined) {
    throw new SessionError('CONFIG_INVALID', 'endDevices takes only or except, and not both.')
  }
  if (only !== undefined) return (await index.end(only, now)) ? 1 : 0
  const count = await index.endAll(now, except ?? null)
  if (count === null) throw notSignedIn()
  return count
}

function open(store: SessionStore, owner: string, settings: DevicesOfSettings) {
  checkStore(store)
  const { cookie = sessionCookie(), ...rest } = settings
  const resolved = resolveSettings(rest)
  const { devices, handOver, emit, clock } = resolved
  const { owners } = openStore(store, cookie, resolved)
  if (!owners) throw notRevocable()
  const onEnd = emit && ((handle: string): void => emit({ type: 'revoked', handle }))
  return { index: new OwnerIndex(owners, ownerName(owner), { ...devices, handOver, onEnd }), now: clock() }
}
