// This checks the options that all sessions of an application share, and puts in their defaults.

import { SessionError } from './errors.ts'
import { emitterOf, type OnEvent } from './events.ts'
import type { Timeouts } from './expiry.ts'
import { checkNumber, checkOptions } from './options.ts'
import type { Limits } from './value.ts'

/** The options that hold for every session, inside and outside of a request. */
export interface SessionSettings {
  /** Seconds without activity after which a session ends. @default 1209600 (14 days, Django's own) */
  readonly idleTimeout?: number
  /** Seconds after its creation at which a session ends in any case. @default 7776000 (90 days) */
  readonly absoluteTimeout?: number
  /**
   * Seconds for which the cookie of a session that `rotate` or `flush` has replaced is known as such, so that
   * requests that were under way with it are SESSION_MOVED or SESSION_GONE instead of anonymous. It should be
   * as long as a request can take; 0 switches it off.
   * @default 60
   */
  readonly handOverTimeout?: number
  /** The devices on which one owner may be signed in by `identify`, each option in place of its default. */
  readonly devices?: DeviceOptions
  /**
   * How many streams one session may have open on one server. Further ones are RATE_LIMITED.
   * @default 8
   */
  readonly maxStreams?: number
  /** Upper bounds of what can be stored, each in place of the default that `Limits` names. */
  readonly limits?: Partial<Limits>
  /**
   * Milliseconds that a call to the store may take before it is given up: SESSION_STORE_TIMEOUT.
   * @default 2000
   */
  readonly storeTimeout?: number
  /**
   * Calls to the store at the same time, at most. Further ones are SESSION_STORE_UNAVAILABLE at once.
   * @default 1000
   */
  readonly storeCalls?: number
  /** Called with each event of a session, at once, and not waited for. @default nobody */
  readonly onEvent?: OnEvent
  /** The clock, for tests. Gives milliseconds since the epoch. @default Date.now */
  readonly clock?: () => number
}

/** What holds for the devices of an owner. */
export interface DeviceOptions {
  /** How many devices an owner may have at the same time, at most 1000. @default 100 */
  readonly max?: number
  /**
   * What a sign-in beyond that does: it ends the device that was not seen for longest, or it is
   * SESSION_TOO_MANY_DEVICES.
   * @default 'end-oldest'
   */
  readonly whenFull?: 'end-oldest' | 'refuse'
  /**
   * Seconds since a user proved to be the owner, by `identify` or `confirm`, within which other devices can be ended
   * (ASVS 5.0, 7.5.2); else that is SESSION_NOT_FRESH. Devices are listed in any case.
   * @default null, no limit
   */
  readonly fresh?: number | null
}

/** The names of all settings, to refuse unknown ones. The compiler finds a name that is missing here. */
export const settingNames: Record<keyof SessionSettings, true> = {
  idleTimeout: true,
  absoluteTimeout: true,
  handOverTimeout: true,
  devices: true,
  maxStreams: true,
  limits: true,
  storeTimeout: true,
  storeCalls: true,
  onEvent: true,
  clock: true,
}

/** How many calls to a store there may be, and for how long. */
export interface CallLimits {
  /** Milliseconds that a call may take. */
  readonly timeout: number
  /** Calls at the same time, at most. */
  readonly inFlight: number
}

/** The settings, checked and complete. */
export interface Settings {
  readonly timeouts: Timeouts
  /** Milliseconds for which a replaced session leaves a mark; 0: none. */
  readonly handOver: number
  readonly devices: Required<DeviceOptions>
  readonly maxStreams: number
  readonly limits: Limits
  readonly calls: CallLimits
  /** Tells the listener of an event; undefined when there is none. */
  readonly emit: OnEvent | undefined
  readonly clock: () => number
}

const day = 24 * 60 * 60

/**
 * Checks the settings and puts in the defaults. A limit that is no number is refused: it would limit nothing.
 * @throws {SessionError} CONFIG_INVALID, naming the option
 */
export function resolveSettings(options: SessionSettings): Settings {
  const { idleTimeout = 14 * day, absoluteTimeout = 90 * day, limits = {}, clock = Date.now } = options
  checkOptions('limits', limits, ['valueBytes', 'keys', 'sessionBytes'])
  const { handOverTimeout = 60, maxStreams = 8 } = options
  const { storeTimeout = 2000, storeCalls = 1000 } = options
  const { valueBytes = 8 * 1024, keys = 128, sessionBytes = 64 * 1024 } = limits
  checkNumber('idleTimeout', idleTimeout, 'seconds')
  checkNumber('absoluteTimeout', absoluteTimeout, 'seconds')
  if (handOverTimeout !== 0) checkNumber('handOverTimeout', handOverTimeout, 'seconds')
  checkNumber('limits.valueBytes', valueBytes, 'bytes')
  checkNumber('limits.keys', keys, 'keys')
  checkNumber('limits.sessionBytes', sessionBytes, 'bytes')
  checkNumber('maxStreams', maxStreams, 'streams')
  checkNumber('storeTimeout', storeTimeout, 'milliseconds')
  checkNumber('storeCalls', storeCalls, 'calls')
  const devices = resolveDevices(options.devices ?? {})
  if (idleTimeout > absoluteTimeout) {
    throw new SessionError('CONFIG_INVALID', 'idleTimeout must not be longer than absoluteTimeout.')
  }
  if (typeof clock !== 'function') {
    throw new SessionError(
      'CONFIG_INVALID',
      'clock must be a function that returns milliseconds since the epoch.',
    )
  }
  return {
    timeouts: { idleTimeout, absoluteTimeout },
    handOver: handOverTimeout * 1000,
    devices,
    maxStreams,
    limits: { valueBytes, keys, sessionBytes },
    calls: { timeout: storeTimeout, inFlight: storeCalls },
    emit: emitterOf(options.onEvent),
    clock,
  }
}

function resolveDevices(options: DeviceOptions): Required<DeviceOptions> {
  checkOptions('devices', options, ['max', 'whenFull', 'fresh'])
  const { max = 100, whenFull = 'end-oldest', fresh = null } = options
  checkNumber('devices.max', max, 'devices')
  if (max > 1000) throw new SessionError('CONFIG_INVALID', 'devices.max must not be more than 1000.')
  if (whenFull !== 'end-oldest' && whenFull !== 'refuse') {
    throw new SessionError('CONFIG_INVALID', "devices.whenFull must be 'end-oldest' or 'refuse'.")
  }
  if (fresh !== null) checkNumber('devices.fresh', fresh, 'seconds')
  return { max, whenFull, fresh }
}
