// This is what `graphql-session devices` and `graphql-session end` do for an administrator.

import { sessionCookie } from '../session/cookie.ts'
import type { SessionDevice } from '../session/device.ts'
import type { Backend } from './backends.ts'
import { loadConfig, naming } from './config-file.ts'
import { devicesOf, type DevicesOfSettings, endDevices } from './devices.ts'
import { invalid } from './invalid.ts'
import { reach } from './wait-for-store.ts'

/** The arguments of both commands. */
export interface DeviceArguments {
  readonly owner?: string | undefined
  readonly device?: string | undefined
  readonly all?: boolean | undefined
  readonly count?: boolean | undefined
  readonly json?: boolean | undefined
  readonly config?: string | undefined
}

/**
 * Refuses arguments that do not say what to do.
 * @throws {SessionError} CONFIG_INVALID
 */
export function checkDeviceArguments(command: string, { owner, device, all, count }: DeviceArguments): void {
  if (owner === undefined) throw invalid(`${command} needs --owner, as the application calls it in identify`)
  if (command === 'devices' && (device !== undefined || all)) {
    throw invalid('--device and --all are for end')
  }
  if (command === 'end' && (device !== undefined) === (all === true) && !count) {
    throw invalid('end needs either --device ID or --all')
  }
}

/** Runs one of the commands, and prints what it did. */
export async function runDevices(command: string, backend: Backend, given: DeviceArguments): Promise<void> {
  const { store, backing, says } = backend
  if (says.startsWith('memory')) {
    throw invalid('SESSION_STORE=memory: is in the process of the server, which no other one reaches')
  }
  const settings = await settingsOf(given.config)
  const owner = given.owner!
  await reach(backend, async () => backing?.check?.())
  if (command === 'devices' || given.count) return show(await devicesOf(store, owner, settings), given, says)
  const { isTTY } = process.stderr
  let ended = 0
  const onEvent: DevicesOfSettings['onEvent'] = ({ type }) => {
    if (type === 'revoked' && isTTY) process.stderr.write(`\r${++ended} sessions ended`)
  }
  const only = given.device === undefined ? {} : { only: given.device }
  const count = await endDevices(store, owner, { ...settings, onEvent, ...only })
  if (isTTY && ended > 0) process.stderr.write('\r')
  if (given.json) console.log(JSON.stringify({ ended: count }))
  else console.log(`graphql-session: ${count} ${devicesIn(count)} signed out in ${says}`)
}

const devicesIn = (count: number): string => (count === 1 ? 'device' : 'devices')

function show(devices: readonly SessionDevice[], { count, json }: DeviceArguments, says: string): void {
  if (count) return console.log(json ? JSON.stringify({ devices: devices.length }) : String(devices.length))
  const shown = devices.map(({ id, signedInAt, lastSeenAt, expiresAt, userAgent, label }) => ({
    id,
    signedInAt,
    lastSeenAt,
    expiresAt,
    userAgent,
    label,
  }))
  if (json) return console.log(JSON.stringify(shown, undefined, 2))
  for (const { id, signedInAt, lastSeenAt, label, userAgent } of shown) {
    const [signedIn, seen] = [signedInAt, lastSeenAt].map((at) =>
      at.toISOString().slice(0, 16).replace('T', ' '),
    )
    console.log(
      `${id}  signed in ${signedIn}, last seen ${seen}  ${printable(label ?? userAgent ?? '')}`.trimEnd(),
    )
  }
  console.log(`graphql-session: ${devices.length} ${devicesIn(devices.length)} signed in, in ${says}`)
}

/** A label is the application's, and may hold what controls a terminal. */
const printable = (text: string): string => text.replaceAll(/\p{C}/gu, '')

/** What the configuration of the server says of sessions, as far as it matters here. */
async function settingsOf(file: string | undefined): Promise<DevicesOfSettings> {
  if (file === undefined) return {}
  const { cookie, handOverTimeout, idleTimeout, absoluteTimeout } = await loadConfig(file)
  return naming(file, () => ({
    ...(cookie && { cookie: sessionCookie(cookie) }),
    ...(handOverTimeout !== undefined && { handOverTimeout }),
    ...(idleTimeout !== undefined && { idleTimeout }),
    ...(absoluteTimeout !== undefined && { absoluteTimeout }),
  }))
}
