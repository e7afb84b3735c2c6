// This judges whether a request calls the server by a name that it has, against DNS rebinding.

import { isIPv4 } from 'node:net'
import { SessionError } from '../session/errors.ts'
import { type GateRules, publicAddress, type Refusal, type RequestHead } from './gate.ts'
import { isLoopback, noHost } from './host.ts'

/** By which names clients may call the server. */
export interface AllowedHostsOption {
  /**
   * The names by which clients may call the server, without a port. `.shop.example` stands for `shop.example` and
   * all names below it; loopback names (`localhost`, names below it, 127.0.0.0/8, `[::1]`) need not be listed; `true`
   * allows any name. Any other request is answered 403 `HOST_NOT_ALLOWED`. With DNS rebinding a page of another site
   * would else read from this server as from its own: it lets its own name lead here. With `trustProxy` the name is
   * that of `X-Forwarded-Host`.
   * @default loopback names and IP addresses, for connections from this machine; any name for those from others,
   * with `trustProxy`, and where NODE_ENV is production
   */
  readonly allowedHosts?: readonly string[] | true
}

/**
 * Judges the host that a request names.
 * @param peer - the address at the other end of the connection, where it is known
 */
export type HostJudge = (head: RequestHead, peer: string | undefined) => boolean

/**
 * Makes the judge of hosts.
 * @returns null where any host is allowed
 * @throws {SessionError} CONFIG_INVALID
 */
export function hostJudge(allowed: AllowedHostsOption['allowedHosts'], rules: GateRules): HostJudge | null {
  if (allowed === true) return null
  if (allowed === undefined) {
    return process.env['NODE_ENV'] === 'production' || rules.trustProxy ? null : fromThisMachine(rules)
  }
  if (!Array.isArray(allowed) || !allowed.every(isName)) {
    throw new SessionError(
      'CONFIG_INVALID',
      'allowedHosts must be true or a list of names without a port, e.g. ["shop.example", ".shop.example"].',
    )
  }
  const names = new Set(allowed.filter((name) => !name.startsWith('.')).map((name) => nameOf(name)))
  const domains = allowed.filter((name) => name.startsWith('.')).map((name) => `.${nameOf(name.slice(1))}`)
  return remembering(
    (name) =>
      isLoopback(name) ||
      names.has(name) ||
      domains.some((domain) => name === domain.slice(1) || name.endsWith(domain)),
    rules,
  )
}

/**
 * The judge where nobody has listed names. A page that a browser got from a name cannot be at an IP address, under
 * which emulators of phones, for example, reach this machine.
 */
function fromThisMachine(rules: GateRules): HostJudge {
  const judge = remembering((name) => name === noHost || isLoopback(name) || isAddress(name), rules)
  return (head, peer) => !peer || !loopbackAddress.test(peer) || judge(head, peer)
}

/** Judges hosts by their names, and remembers those that it let in. */
function remembering(isAllowed: (name: string) => boolean, rules: GateRules): HostJudge {
  const known = new Set<string>()
  return (head) => {
    const { host } = publicAddress(head, rules)
    if (known.has(host)) return true
    const name = nameOf(host)
    if (name === null || !isAllowed(name)) return false
    // A server is reached under a few hosts. The bound keeps invented ports from filling the memory.
    if (known.size < 100) known.add(host)
    return true
  }
}

/** The name in a host, as `URL` writes it, without a dot at its end; null where it is no host. */
function nameOf(host: string): string | null {
  const url = `http://${host}`
  if (!/^[^\s/\\?#@]+$/.test(host) || !URL.canParse(url)) return null
  return new URL(url).hostname.replace(/\.$/, '')
}

const isAddress = (name: string): boolean => name.startsWith('[') || isIPv4(name)

/** Whether an entry of the option is a name or an address, and nothing beside it. */
export function isName(entry: unknown): boolean {
  if (typeof entry !== 'string') return false
  const name = entry.replace(/^\./, '')
  return !name.includes('*') && !/:\d*$/.test(name.replace(/^\[.*\]$/, '')) && Boolean(nameOf(name))
}

const loopbackAddress = /^(?:::ffff:)?127\.|^::1$/

export const hostNotAllowed: Refusal = {
  status: 403,
  code: 'HOST_NOT_ALLOWED',
  message: 'The server is called by a name that it does not have. Add the name to allowedHosts.',
}

/** The host of a request, for the log; null where it is none. */
export const hostForLog = (head: RequestHead, rules: Pick<GateRules, 'trustProxy'>): string | null =>
  nameOf(publicAddress(head, rules).host)
