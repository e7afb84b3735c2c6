import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { expect, it } from 'vitest'
import { createSessionServer, type SessionServerOptions } from '../../src/server/create-session-server.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { Client, listen } from '../support/harness.ts'

const write = 'mutation Write { setSessionKey(key: "dark_mode", value: "canary") { created } }'
const forbidden = 'mutation Forbidden { setSessionKey(key: "visits", value: 1) { created } }'

async function visit(config: SessionServerOptions): Promise<string> {
  const server = await listen(createSessionServer(config))
  const client = new Client(server.url)
  await client.run(write)
  await client.run(write)
  await client.run(forbidden)
  await client.run('mutation Bye { logout { flushed } }')
  await client.run('{ __typename }', {}, { 'content-type': 'text/plain' })
  const metrics = await fetch(server.url.replace('/graphql', '/metrics'))
  const text = await metrics.text()
  await server.close()
  return text
}

it('Prometheus counts events beside the operations of Yoga', async () => {
  const { default: config } = await import('../../examples/telemetry/prometheus.config.ts')
  const metrics = await visit({ ...config, store: memoryStore({ max: 10 }), logging: false })
  for (const line of [
    'graphql_session_events_total{type="created",reason=""} 2',
    'graphql_session_events_total{type="committed",reason=""} 1',
    'graphql_session_events_total{type="flushed",reason=""} 1',
    'graphql_session_events_total{type="forbidden",reason=""} 1',
    'graphql_session_events_total{type="refused",reason="UNSUPPORTED_MEDIA_TYPE"} 1',
  ]) {
    expect(metrics).toContain(line)
  }
  expect(metrics).toMatch(/graphql_yoga_http_duration_count\{[^}]*operationName="Write"[^}]*\} 2/)
  expect(metrics).not.toContain('canary')
})

it('OpenTelemetry has events in the spans of operations', async () => {
  const exporter = new InMemorySpanExporter()
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
  provider.register({ contextManager: new AsyncLocalStorageContextManager() })
  const { default: config } = await import('../../examples/telemetry/opentelemetry.config.ts')
  await visit({ ...config, store: memoryStore({ max: 10 }), logging: false })
  const spans = exporter.getFinishedSpans()
  const names = spans.map(({ name }) => name)
  expect(names).toEqual(expect.arrayContaining(['mutation.Write', 'session.created', 'session.committed', 'session.refused'])) // prettier-ignore
  const within = spans.find(({ name }) => name === 'mutation.Forbidden')!.events
  expect(within[0]).toMatchObject({ name: 'session.forbidden', attributes: { 'session.key': 'visits' } })
  expect(JSON.stringify(spans.map(({ attributes, events }) => [attributes, events]))).not.toContain('canary')
})
