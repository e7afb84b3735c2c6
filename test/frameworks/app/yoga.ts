// This stands in for the `yoga.ts` of docs/frameworks.md, with the schema that the probe asks.

import { useDeferStream } from '@graphql-yoga/plugin-defer-stream'
import { useSession, useSessionGate } from 'graphql-session'
import type { YogaServerOptions } from 'graphql-yoga'
import { type MySession, schema, sessionOptions } from './application.ts'

export const options: YogaServerOptions<{}, {}> = {
  schema,
  plugins: [useSession<MySession>(sessionOptions), useSessionGate(), useDeferStream()],
  cors: false,
  maxRequestBodySize: false,
}
