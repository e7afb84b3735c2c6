// This finds out whether a request names one host.

import type { IncomingMessage } from 'node:http'
import type { Refusal } from './gate.ts'

/** RFC 9112, 3.2: whatever is no host, or more than one, is answered 400. What makes a URL of it would throw. */
export function hasOneHost({ httpVersionMajor, headers: { host }, rawHeaders }: IncomingMessage): boolean {
  // HTTP/1.0 can do without, and HTTP/2 has it elsewhere.
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
  // A server has a few; whoever makes up others is not remembered.
  if (knownHosts.size < 100) knownHosts.add(host)
  return true
}

export const badHost: Refusal = {
  status: 400,
  code: 'BAD_REQUEST',
  message: 'Host must be one host, and a port from 0 to 65535 if it has one.',
}
