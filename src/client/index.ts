// This lists what `import … from 'graphql-session/client'` gives: what a browser needs, and the documents.

export * from '../graphql/generated/client.ts'
export type { SessionClientOptions, Timer } from './attempts.ts'
export { sessionFetch, type SessionFetchOptions } from './fetch.ts'
export type { TokenStorage } from './token.ts'
export { announceSessionChange, onSessionChange } from './tabs.ts'
export type { Json, JsonInput, JsonObjectInput } from '../session/value.ts'
