import { useOpenTelemetry } from '@envelop/opentelemetry'
import { type Attributes, trace } from '@opentelemetry/api'
import type { SessionServerConfig } from 'graphql-session'

const tracer = trace.getTracer('graphql-session')

const config: SessionServerConfig = {
  keys: { dark_mode: { client: ['read', 'write', 'delete'] }, visits: { client: ['read'] } },
  onEvent({ type, ...details }) {
    const attributes: Attributes = {}
    for (const [name, detail] of Object.entries(details)) attributes[`session.${name}`] = detail ?? ''
    const span = trace.getActiveSpan()
    // What is saved at the end of a request comes after its operation's span, and belongs to the one of HTTP, if there is one.
    if (span) span.addEvent(`session.${type}`, attributes)
    else tracer.startSpan(`session.${type}`, { attributes }).end()
  },
  plugins: [
    // Neither variables nor results: they hold what sessions hold.
    useOpenTelemetry({ resolvers: false, variables: false, result: false }, trace.getTracerProvider()),
  ],
}

export default config
