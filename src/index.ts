export { type CookieOptions, type SentCookie, type SessionCookie, sessionCookie } from './cookie.ts'
export { type ChangeSet, apply, type Outcome, type SizeLimit } from './changes.ts'
export { type RefusalCode, SessionError, type SessionErrorCode } from './errors.ts'
export type { Expiry } from './expiry.ts'
export type { OnEvent, SessionEvent } from './events.ts'
export type { KeyDeclaration, KeyDeclarations, KeyRight, ValueSchema } from './keys.ts'
export { listen, type Listener, type Listening, type ListenOptions } from './listen.ts'
export type { SessionOptions } from './exchange.ts'
export { type SessionContext, useSession } from './plugin.ts'
export type { SessionRecord } from './record.ts'
export { sessionResolvers, sessionTypeDefs } from './resolvers.ts'
export {
  createSessionServer,
  type GraphiQLOptions,
  type SessionServer,
  type SessionServerConfig,
  type SessionServerOptions,
} from './server.ts'
export {
  type AnySession,
  type Frozen,
  type OpenSession,
  openSession,
  type OpenSettings,
  type Session,
} from './session.ts'
export type { SessionSettings } from './settings.ts'
export type { KeyedStore, SealedStore, SessionStore } from './store.ts'
export { type GateOptions, useSessionGate } from './use-gate.ts'
export type { OperationLimits } from './complexity.ts'
export type { Json, Limits } from './value.ts'
export { sweepExpired, type SweepOptions } from './sweeping.ts'
