// This writes what `graphql-session serve` prints at start: its address, store, timeouts, cookie and keys.

import { type AddressInfo, isIPv6 } from 'node:net'
import { isLoopback } from '../http/host.ts'
import { sessionCookie } from '../session/cookie.ts'
import { keyRules } from '../session/key-declarations.ts'
import { resolveSettings } from '../session/settings.ts'
import { dataIn, defaultEndpoint, servesGraphiQL, type SessionServerConfig } from './create-session-server.ts'

/**
 * The lines that tell the user what is served.
 * @param host - the host that the user asked for, and that was resolved to the address in the first parameter
 * @param store - how to name the store
 * @param site - the folder of the pages
 */
export function summary(
  { address, port }: Pick<AddressInfo, 'address' | 'port'>,
  host: string,
  store: string,
  config: SessionServerConfig,
  site?: string,
): string {
  const isAny = address === '0.0.0.0' || address === '::'
  const name = hostInUrl(host)
  const shown = isAny || name === '127.0.0.1' || name === '[::1]' ? 'localhost' : name
  const { graphqlEndpoint = defaultEndpoint } = config
  const { idleTimeout, absoluteTimeout } = resolveSettings(config).timeouts
  return [
    `serves http://${shown}:${port}${graphqlEndpoint}${servesGraphiQL(config.graphiql) ? ' (open it for GraphiQL)' : ''}`,
    `  store     ${store}`,
    `  timeouts  ${span(idleTimeout)} without activity, ${span(absoluteTimeout)} in all`,
    ...list(
      'cookie',
      cookieLines(config, host, port, isAny ? 'any' : isLoopback(shown) ? 'loopback' : 'other'),
    ),
    ...(site === undefined ? [] : list('pages', [`${site}, at http://${shown}:${port}/`])),
    ...list('keys', rightsByKey(config)),
  ].join('\n')
}

/**
 * The host as a browser writes it in a URL, e.g. 127.0.0.1 for 127.1. An address of IPv6 with a zone is
 * returned as it is, since it cannot stand in a URL.
 */
function hostInUrl(host: string): string {
  const url = `http://${isIPv6(host) ? `[${host}]` : host}`
  return URL.canParse(url) ? new URL(url).hostname : host
}

/**
 * The name of the cookie, and where it will not survive: browsers drop a Secure cookie that comes over plain
 * http, though some keep it on localhost. One that is not Secure survives, and can be read.
 */
function cookieLines(
  { cookie }: SessionServerConfig,
  host: string,
  port: number,
  place: 'any' | 'loopback' | 'other',
): string[] {
  const isProduction = process.env['NODE_ENV'] === 'production'
  const plain = sessionCookie(cookie, { secure: false, host: `localhost:${port}` })
  if (cookie?.secure === false) {
    return [plain.name, 'not Secure: whoever is on the way can take it, so put TLS in front in production']
  }
  const lines = [plain.fullName]
  if (!isProduction && place !== 'other' && cookie?.secure === undefined) {
    lines[0] += `; over plain http on this machine: ${plain.name}`
  }
  if (place !== 'loopback') {
    const others = place === 'any' ? ', or any host but localhost' : ''
    lines.push(`no cookie will survive plain http on ${host}${others}: put TLS in front`)
  } else if (isProduction || cookie?.secure) {
    lines.push('put TLS in front: without it some browsers keep the cookie on localhost, and none elsewhere')
  }
  return lines
}

function rightsByKey({ keys = {}, data }: SessionServerConfig): string[] {
  const declared = data === undefined ? undefined : dataIn(data).keys
  const { mayClient } = keyRules(keys, declared)
  const lines = [...(declared?.keys() ?? []), ...Object.keys(keys)].map((key) => {
    const granted = (['read', 'write', 'delete'] as const).filter((right) => mayClient(right, key))
    return `${key}: ${granted.length > 0 ? `client may ${granted.join(', ')}` : 'server only'}`
  })
  return lines.length > 0 ? lines : ['none is open to clients']
}

const list = (title: string, lines: readonly string[]): string[] =>
  lines.map((line, index) => `  ${(index === 0 ? title : '').padEnd(8)}  ${line}`)

function span(seconds: number): string {
  const units = [['day', 86_400], ['hour', 3600], ['minute', 60]] as const // prettier-ignore
  const [unit, length] = units.find(([, size]) => seconds % size === 0) ?? (['second', 1] as const)
  const count = seconds / length
  return `${count} ${unit}${count === 1 ? '' : 's'}`
}
