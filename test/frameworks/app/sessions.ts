// This stands in for the `sessions.ts` of docs/frameworks.md, with the schema that the probe asks.

import { createSessions } from 'graphql-session'
import { type MySession, schema, sessionOptions } from './application.ts'

export { schema }
export const sessions = createSessions<MySession>({ schema, ...sessionOptions })
