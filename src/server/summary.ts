/** The text with which `graphql-session serve` says what it serves, and how. */
import { isIPv6 } from 'node:net'
import type { Listening } from '../http/listen.ts'
import { keyRules } from '../session/keys.ts'
import { resolveSettings } from '../session/settings.ts'
import { servesGraphiQL, type SessionServerConfig } from './create-session-server.ts'

export function summary(
  { url }: Listening,
  host: string,
  store: string,
  config: SessionServerConfig,
): string {
  const { port } = new URL(url)
  const isHere = ['127.0.0.1', '0.0.0.0', '::', '::1'].includes(host)
  const shown = isHere ? 'localhost' : isIPv6(host) ? `[${host}]` : host
  const production = process.env['NODE_ENV'] === 'production'
  const { idleTimeout, absoluteTimeout } = resolveSettings(config).timeouts
  const name = config.cookie?.name ?? '__Host-session'
  const plainName = name.replace(/^__(Host|Secure)-/, '')
  return [
    `serves http://${shown}:${port}/graphql${servesGraphiQL(config.graphiql) ? ' (open it for GraphiQL)' : ''}`,
    `  store     ${store}`,
    `  timeouts  ${span(idleTimeout)} without activity, ${span(absoluteTimeout)} in all`,
    `  cookie    ${production ? name : `${name}; over plain http on this machine: ${plainName}`}`,
    ...rightsByKey(config),
  ].join('\n')
}

function rightsByKey({ keys = {} }: SessionServerConfig): string[] {
  const { mayClient } = keyRules(keys)
  const lines = Object.keys(keys).map((key) => {
    const granted = (['read', 'write', 'delete'] as const).filter((right) => mayClient(right, key))
    return `${key}: ${granted.length > 0 ? `client may ${granted.join(', ')}` : 'server only'}`
  })
  return (lines.length > 0 ? lines : ['none is open to clients']).map(
    (line, index) => `  ${index === 0 ? 'keys' : '    '}      ${line}`,
  )
}

function span(seconds: number): string {
  const units = [['day', 86_400], ['hour', 3600], ['minute', 60]] as const // prettier-ignore
  const [unit, length] = units.find(([, size]) => seconds % size === 0) ?? (['second', 1] as const)
  const count = seconds / length
  return `${count} ${unit}${count === 1 ? '' : 's'}`
}
