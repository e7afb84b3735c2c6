// This judges the host that a request names: whether it is exactly one, and whether it is this machine.

import type { IncomingMessage } from 'node:http'
import type { Refusal } from './gate.ts'

/**
 * Whether a request names one valid host, or needs none. RFC 9112, 3.2 wants any other answered 400, and
 * making a URL of its host would throw.
 */
export function hasOneHost({ httpVersionMajor, headers: { host }, rawHeaders }: IncomingMessage): boolean {
  // HTTP/1.0 needs no `Host`, and HTTP/2 has the host in `:authority`.
  if (httpVersionMajor !== 1 || host === undefined) return true
  let hosts = 0
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!
    if (name.length === 4 && name.toLowerCase() === 'host') hosts++
  }
  return hosts === 1 && isHost(host)
}

const knownHosts = new Set<string>()

function isHost(host: string): boolean {
  if (knownHosts.has(host)) return true
  if (!/^(?:[\w.-]+|\[[\da-f:.]+\])(?::\d+)?$/i.test(host) || !URL.canParse(`http://${host}`)) return false
  // A server is reached under a few hosts. The bound keeps invented ones from filling the memory.
  if (knownHosts.size < 100) knownHosts.add(host)
  return true
}

/** Marks a handler that asks `hasOneHost` itself, and reports what it refuses. */
export const judgesHosts = Symbol('judgesHosts')

export const badHost: Refusal = {
  status: 400,
  code: 'BAD_REQUEST',
  message: 'Host must be one host, and a port from 0 to 65535 if it has one.',
}

/** Stands for the host that a request of HTTP/1.0 lacks: Yoga would take localhost, whose cookie need not be Secure. */
export const noHost = 'unknown.invalid'

const loopback = /^(?:(?:[\w-]+\.)*localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/i

/**
 * Whether a host is this machine by its name: also names below localhost are (RFC 6761, 6.3).
 * @param host - as it stands in a URL, with or without a port
 */
export const isLoopback = (host: string): boolean => loopback.test(host)
