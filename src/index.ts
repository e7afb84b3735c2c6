// This lists what `import … from 'graphql-session'` gives. Stores and the suite have paths of their own.

export {
  type Carrier,
  type CookieOptions,
  type CookiePlace,
  type Presented,
  type SentCookie,
  type SessionCookie,
  sessionCookie,
} from './session/cookie.ts'
export { type SessionHeader, sessionHeader, type TransportOptions } from './session/header.ts'
export { type Activity, type ChangeSet, apply, type Outcome, type SizeLimit } from './session/changes.ts'
export type { Declared, DeclaredData, DeclaredKey, DeclaredKeys, KeyRight } from './session/declared.ts'
export { type RefusalCode, SessionError, type SessionErrorCode } from './session/errors.ts'
export type { Expiry } from './session/expiry.ts'
export type { OnEvent, SessionEvent } from './session/events.ts'
export type { KeyDeclaration, KeyDeclarations, ValueSchema } from './session/key-declarations.ts'
export type { RequestLike } from './http/held-back.ts'
export { listen, type Listener, type Listening, type ListenOptions } from './http/listen.ts'
export {
  sessionData,
  type SessionDataField,
  type SessionDataOptions,
  type SessionDataSchema,
} from './graphql/data/session-data.ts'
export type { DataDeclaration, DataDeclarations } from './graphql/data/declaration.ts'
export type { SessionOptions } from './graphql/exchange.ts'
export { type SessionContext, useSession } from './graphql/use-session.ts'
export { type Departure, type Mark, markRecord, seen, type SessionRecord } from './session/record.ts'
export { sessionResolvers, sessionTypeDefs } from './graphql/resolvers.ts'
export {
  createSessionServer,
  type SessionServer,
  type SessionServerConfig,
  type SessionServerOptions,
} from './server/create-session-server.ts'
export {
  createSessions,
  type CreateSessionsOptions,
  type Finished,
  type SessionLogger,
  type Sessions,
} from './server/create-sessions.ts'
export { devicesOf, type DevicesOfSettings, endDevices, type EndDevicesSettings } from './server/devices.ts'
export { type OpenSession, openSession, type OpenSettings } from './server/open-session.ts'
export type { SessionDevice } from './session/device.ts'
export type { AnySession, Frozen, IdentifyOptions, Session } from './session/session.ts'
export { type GraphiQLOptions, useGraphiQLPage } from './server/graphiql.ts'
export type { DeviceOptions, SessionSettings } from './session/settings.ts'
export type { KeyedStore, SealedStore, SessionStore } from './session/store.ts'
export type { Notices } from './session/watch.ts'
export {
  type HandshakeOptions,
  type SessionSockets,
  sessionSockets,
  type SocketContext,
  type SocketYoga,
} from './graphql/sockets.ts'
export { type GateOptions, useSessionGate } from './graphql/use-gate.ts'
export type { OperationLimits } from './graphql/complexity.ts'
export type { Json, Limits } from './session/value.ts'
export { sweepExpired, type SweepOptions } from './stores/sweeping.ts'
