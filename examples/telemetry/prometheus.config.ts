import { usePrometheus } from '@graphql-yoga/plugin-prometheus'
import type { SessionServerConfig } from 'graphql-session'
import { Counter, Registry } from 'prom-client'

const registry = new Registry()

const events = new Counter({
  name: 'graphql_session_events_total',
  help: 'What happened to sessions and requests, by type and reason',
  labelNames: ['type', 'reason'],
  registers: [registry],
})

const config: SessionServerConfig = {
  keys: { dark_mode: { client: ['read', 'write', 'delete'] }, visits: { client: ['read'] } },
  onEvent(event) {
    // Ids and keys are no labels: there would be a time series of each.
    const reason = 'code' in event ? event.code : 'reason' in event ? event.reason : ''
    events.inc({ type: event.type, reason })
  },
  // `/metrics` is for the network of Prometheus only. The URL of a GET holds its variables.
  plugins: [usePrometheus({ registry, labels: { url: false } })],
}

export default config
