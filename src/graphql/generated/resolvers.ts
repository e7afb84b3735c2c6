import type { GraphQLResolveInfo, GraphQLScalarType, GraphQLScalarTypeConfig } from 'graphql';
import type { AnySession } from '../../session/session.ts';
import type { EntryResult, SetSessionKeyResult, ResolverContext } from '../resolvers.ts';
export type Maybe<T> = T | null;
export type InputMaybe<T> = Maybe<T>;
export type Omit<T, K extends keyof T> = Pick<T, Exclude<keyof T, K>>;
export type RequireFields<T, K extends keyof T> = Omit<T, K> & { [P in K]-?: NonNullable<T[P]> };
/** All built-in and custom scalars, mapped to their actual values */
export type Scalars = {
  ID: { input: string; output: string; }
  String: { input: string; output: string; }
  Boolean: { input: boolean; output: boolean; }
  Int: { input: number; output: number; }
  Float: { input: number; output: number; }
  /** An instant, RFC 3339 in UTC, e.g. 2026-11-23T01:00:00.000Z. */
  DateTime: { input: Date; output: Date; }
  /** Any JSON value. */
  JSON: { input: unknown; output: unknown; }
  /** An object of JSON values, key by key. */
  JSONObject: { input: Record<string, unknown>; output: Record<string, unknown>; }
};

export type ClearSessionPayload = SessionPayload & {
  session: Session;
};

export type DeleteSessionKeyPayload = SessionPayload & {
  /** True if the key was there. Null for a client that may not read the key. */
  deleted?: Maybe<Scalars['Boolean']['output']>;
  key: Scalars['String']['output'];
  session: Session;
};

export type LogoutPayload = SessionPayload & {
  /** True if a stored session was deleted from the store. */
  flushed: Scalars['Boolean']['output'];
  session: Session;
};

export type Mutation = {
  /** Deletes every entry, and signs out. The session, its handle and its secret stay. */
  clearSession: ClearSessionPayload;
  /** Deletes one entry. A key that is absent is no error: deleted is false. */
  deleteSessionKey: DeleteSessionKeyPayload;
  /** flush: true deletes the session from the store and goes on in a fresh, empty one with a new handle and secret. flush: false deletes every entry, signs out and keeps the handle. */
  logout: LogoutPayload;
  /** Takes the notices that the server has left for this client, the oldest first. Each is given once. */
  popFlash: PopFlashPayload;
  /** Deletes one entry and returns what it held, or the default. Of two at the same time, one finds it. */
  popSessionKey: PopSessionKeyPayload;
  /** Signs every device of the owner out, with this one, which goes on in a fresh session. */
  revokeAllSessions: RevokeSessionsPayload;
  /** Signs every other device of the owner out, also those that are signing in with what they knew before. */
  revokeOtherSessions: RevokeSessionsPayload;
  /** Signs one device of the owner out. An id that names none of them is no error: revoked is false. For the current one this is logout(flush: true). */
  revokeSession: RevokeSessionPayload;
  /** New secret and handle, same entries, same absolute deadline. The old secret is worthless at once, in a cookie as in a header. */
  rotateSession: RotateSessionPayload;
  /** Sets the entry only where the key is absent, and tells which value stands. */
  setDefaultSessionKey: SetDefaultSessionKeyPayload;
  /** Says when the session ends, at the latest when the server's own idle and absolute timeouts would end it. */
  setSessionExpiry: SetSessionExpiryPayload;
  /** Sets one entry. null is a value; an omitted value is an error. */
  setSessionKey: SetSessionKeyPayload;
  /** Sets every given entry, or none of them. */
  updateSession: UpdateSessionPayload;
};


export type MutationDeleteSessionKeyArgs = {
  key: Scalars['String']['input'];
};


export type MutationLogoutArgs = {
  flush?: Scalars['Boolean']['input'];
};


export type MutationPopSessionKeyArgs = {
  default?: InputMaybe<Scalars['JSON']['input']>;
  key: Scalars['String']['input'];
};


export type MutationRevokeSessionArgs = {
  id: Scalars['ID']['input'];
};


export type MutationSetDefaultSessionKeyArgs = {
  key: Scalars['String']['input'];
  value?: InputMaybe<Scalars['JSON']['input']>;
};


export type MutationSetSessionExpiryArgs = {
  expiry: SessionExpiryInput;
};


export type MutationSetSessionKeyArgs = {
  key: Scalars['String']['input'];
  value?: InputMaybe<Scalars['JSON']['input']>;
};


export type MutationUpdateSessionArgs = {
  data: Scalars['JSONObject']['input'];
};

export type PopFlashPayload = SessionPayload & {
  session: Session;
  /** The notices, the oldest first. Empty where there are none. */
  values: Array<Scalars['JSON']['output']>;
};

export type PopSessionKeyPayload = SessionPayload & {
  /** True if the value was there, and is now yours alone. */
  found: Scalars['Boolean']['output'];
  key: Scalars['String']['output'];
  session: Session;
  value?: Maybe<Scalars['JSON']['output']>;
};

export type Query = {
  /** The devices on which the owner of this session is signed in, the last that signed in first. Empty for a visitor. */
  mySessions: Array<SessionDevice>;
  /** The session of this request. Asking for it stores nothing. */
  session: Session;
};

export type RevokeSessionPayload = SessionPayload & {
  id: Scalars['ID']['output'];
  /** True if the device was signed in. */
  revoked: Scalars['Boolean']['output'];
  session: Session;
};

export type RevokeSessionsPayload = SessionPayload & {
  /** How many devices were signed in, and are not any more. */
  count: Scalars['Int']['output'];
  session: Session;
};

export type RotateSessionPayload = SessionPayload & {
  session: Session;
};

/** What the server remembers of this client between requests, as this client may see it. There is one for each client. */
export type Session = {
  /** When the session was created. Rotation does not change it. Null while there is nothing to store. */
  createdAt?: Maybe<Scalars['DateTime']['output']>;
  /** All readable entries, or those named; an absent key is left out. */
  entries: Array<SessionEntry>;
  /** When the session ends if nothing renews it. */
  expiresAt?: Maybe<Scalars['DateTime']['output']>;
  /** True when the cookie ends with the browser. */
  expiresAtBrowserClose: Scalars['Boolean']['output'];
  /** Whole seconds until then, rounded down. */
  expiresIn?: Maybe<Scalars['Int']['output']>;
  /** Changes when the secret of the session changes, which only its client has, and cannot be used in its place. Null while there is nothing to store; from the first change of a request on it is the one under which the session is going to be stored. */
  handle?: Maybe<Scalars['ID']['output']>;
  /** True when the key is present. A stored null is present. */
  has: Scalars['Boolean']['output'];
  /** True when there is a notice for popFlash to take. */
  hasFlash: Scalars['Boolean']['output'];
  /** Always the same, so that the caches of clients find the session again after it changed: a client has one. */
  id: Scalars['ID']['output'];
  /** True when there is no entry, whoever may read it. */
  isEmpty: Scalars['Boolean']['output'];
  /** True until the session is stored for the first time. */
  isNew: Scalars['Boolean']['output'];
  /** Names of the entries that this client may read, in the order in which they were first set. */
  keys: Array<Scalars['String']['output']>;
  /** The value, or the default when the key is absent. A stored null is a value. */
  value?: Maybe<Scalars['JSON']['output']>;
};


/** What the server remembers of this client between requests, as this client may see it. There is one for each client. */
export type SessionEntriesArgs = {
  keys?: InputMaybe<Array<Scalars['String']['input']>>;
};


/** What the server remembers of this client between requests, as this client may see it. There is one for each client. */
export type SessionHasArgs = {
  key: Scalars['String']['input'];
};


/** What the server remembers of this client between requests, as this client may see it. There is one for each client. */
export type SessionValueArgs = {
  default?: InputMaybe<Scalars['JSON']['input']>;
  key: Scalars['String']['input'];
};

/** A device on which the owner of the session is signed in. */
export type SessionDevice = {
  /** True for the device that asks. */
  current: Scalars['Boolean']['output'];
  /** When it is signed out at the latest, however much it is used. */
  expiresAt: Scalars['DateTime']['output'];
  /** Stays the same when the session gets a new secret, and opens nothing. */
  id: Scalars['ID']['output'];
  /** What the application calls it. */
  label?: Maybe<Scalars['String']['output']>;
  /** When it was last used, in steps of an hour at most. */
  lastSeenAt: Scalars['DateTime']['output'];
  /** When its owner signed in on it, or when a session that was signed in before was claimed. */
  signedInAt: Scalars['DateTime']['output'];
  /** What its browser called itself at the sign-in, shortened. */
  userAgent?: Maybe<Scalars['String']['output']>;
};

/** One key and its value. */
export type SessionEntry = {
  /** Always the same for the same key, so that the caches of clients know the entry. */
  id: Scalars['ID']['output'];
  key: Scalars['String']['output'];
  value?: Maybe<Scalars['JSON']['output']>;
};

/** Exactly one. */
export type SessionExpiryInput =
  /** A fixed instant. One that is past ends the session now. */
  { at: Scalars['DateTime']['input']; policy?: never; seconds?: never; }
  |  { at?: never; policy: SessionExpiryPolicy; seconds?: never; }
  |  /** Seconds without activity. */
  { at?: never; policy?: never; seconds: Scalars['Int']['input']; };

export type SessionExpiryPolicy =
  /** The cookie ends with the browser; in the store the server's idle timeout applies. */
  | 'BROWSER_CLOSE'
  /** Takes back what this client has set; what the application has set stays. */
  | 'SERVER_DEFAULT';

/** What every mutation answers with: the session after it. */
export type SessionPayload = {
  session: Session;
};

export type SetDefaultSessionKeyPayload = SessionPayload & {
  /** True if the key was absent, so that the given value stands. */
  created: Scalars['Boolean']['output'];
  /** The entry that stands now. */
  entry: SessionEntry;
  session: Session;
};

export type SetSessionExpiryPayload = SessionPayload & {
  session: Session;
};

export type SetSessionKeyPayload = SessionPayload & {
  /** True if the key was absent before. Null for a client that may not read the key. */
  created?: Maybe<Scalars['Boolean']['output']>;
  entry: SessionEntry;
  session: Session;
};

export type Subscription = {
  /** The session of this client, at once and whenever somebody changes it; null when it has ended. */
  sessionChanged?: Maybe<Session>;
};

export type UpdateSessionPayload = SessionPayload & {
  /** The entries that were set, in the order given. */
  entries: Array<SessionEntry>;
  session: Session;
};



export type ResolverTypeWrapper<T> = Promise<T> | T;

export type Resolver<TResult, TParent = Record<PropertyKey, never>, TContext = Record<PropertyKey, never>, TArgs = Record<PropertyKey, never>> = ResolverFn<TResult, TParent, TContext, TArgs>;

export type ResolverFn<TResult, TParent, TContext, TArgs> = (
  parent: TParent,
  args: TArgs,
  context: TContext,
  info: GraphQLResolveInfo
) => Promise<TResult> | TResult;

export type SubscriptionSubscribeFn<TResult, TParent, TContext, TArgs> = (
  parent: TParent,
  args: TArgs,
  context: TContext,
  info: GraphQLResolveInfo
) => AsyncIterable<TResult> | Promise<AsyncIterable<TResult>>;

export type SubscriptionResolveFn<TResult, TParent, TContext, TArgs> = (
  parent: TParent,
  args: TArgs,
  context: TContext,
  info: GraphQLResolveInfo
) => TResult | Promise<TResult>;

export interface SubscriptionSubscriberObject<TResult, TKey extends string, TParent, TContext, TArgs> {
  subscribe: SubscriptionSubscribeFn<{ [key in TKey]: TResult }, TParent, TContext, TArgs>;
  resolve?: SubscriptionResolveFn<TResult, { [key in TKey]: TResult }, TContext, TArgs>;
}

export interface SubscriptionResolverObject<TResult, TParent, TContext, TArgs> {
  subscribe: SubscriptionSubscribeFn<any, TParent, TContext, TArgs>;
  resolve: SubscriptionResolveFn<TResult, any, TContext, TArgs>;
}

export type SubscriptionObject<TResult, TKey extends string, TParent, TContext, TArgs> =
  | SubscriptionSubscriberObject<TResult, TKey, TParent, TContext, TArgs>
  | SubscriptionResolverObject<TResult, TParent, TContext, TArgs>;

export type SubscriptionResolver<TResult, TKey extends string, TParent = Record<PropertyKey, never>, TContext = Record<PropertyKey, never>, TArgs = Record<PropertyKey, never>> =
  | ((...args: any[]) => SubscriptionObject<TResult, TKey, TParent, TContext, TArgs>)
  | SubscriptionObject<TResult, TKey, TParent, TContext, TArgs>;

export type TypeResolveFn<TTypes, TParent = Record<PropertyKey, never>, TContext = Record<PropertyKey, never>> = (
  parent: TParent,
  context: TContext,
  info: GraphQLResolveInfo
) => Maybe<TTypes> | Promise<Maybe<TTypes>>;

export type IsTypeOfResolverFn<T = Record<PropertyKey, never>, TContext = Record<PropertyKey, never>> = (obj: T, context: TContext, info: GraphQLResolveInfo) => boolean | Promise<boolean>;

export type NextResolverFn<T> = () => Promise<T>;

export type DirectiveResolverFn<TResult = Record<PropertyKey, never>, TParent = Record<PropertyKey, never>, TContext = Record<PropertyKey, never>, TArgs = Record<PropertyKey, never>> = (
  next: NextResolverFn<TResult>,
  parent: TParent,
  args: TArgs,
  context: TContext,
  info: GraphQLResolveInfo
) => TResult | Promise<TResult>;




/** Mapping of interface types */
export type ResolversInterfaceTypes<_RefType extends Record<string, unknown>> = {
  SessionPayload:
    | ( Omit<ClearSessionPayload, 'session'> & { session: _RefType['Session'] } )
    | ( Omit<DeleteSessionKeyPayload, 'session'> & { session: _RefType['Session'] } )
    | ( Omit<LogoutPayload, 'session'> & { session: _RefType['Session'] } )
    | ( Omit<PopFlashPayload, 'session'> & { session: _RefType['Session'] } )
    | ( Omit<PopSessionKeyPayload, 'session'> & { session: _RefType['Session'] } )
    | ( Omit<RevokeSessionPayload, 'session'> & { session: _RefType['Session'] } )
    | ( Omit<RevokeSessionsPayload, 'session'> & { session: _RefType['Session'] } )
    | ( Omit<RotateSessionPayload, 'session'> & { session: _RefType['Session'] } )
    | ( Omit<SetDefaultSessionKeyPayload, 'entry' | 'session'> & { entry: _RefType['SessionEntry'], session: _RefType['Session'] } )
    | ( Omit<SetSessionExpiryPayload, 'session'> & { session: _RefType['Session'] } )
    | ( SetSessionKeyResult )
    | ( Omit<UpdateSessionPayload, 'entries' | 'session'> & { entries: Array<_RefType['SessionEntry']>, session: _RefType['Session'] } )
  ;
};

/** Mapping between all available schema types and the resolvers types */
export type ResolversTypes = {
  Boolean: ResolverTypeWrapper<Scalars['Boolean']['output']>;
  ClearSessionPayload: ResolverTypeWrapper<Omit<ClearSessionPayload, 'session'> & { session: ResolversTypes['Session'] }>;
  DateTime: ResolverTypeWrapper<Scalars['DateTime']['output']>;
  DeleteSessionKeyPayload: ResolverTypeWrapper<Omit<DeleteSessionKeyPayload, 'session'> & { session: ResolversTypes['Session'] }>;
  ID: ResolverTypeWrapper<Scalars['ID']['output']>;
  Int: ResolverTypeWrapper<Scalars['Int']['output']>;
  JSON: ResolverTypeWrapper<Scalars['JSON']['output']>;
  JSONObject: ResolverTypeWrapper<Scalars['JSONObject']['output']>;
  LogoutPayload: ResolverTypeWrapper<Omit<LogoutPayload, 'session'> & { session: ResolversTypes['Session'] }>;
  Mutation: ResolverTypeWrapper<Record<PropertyKey, never>>;
  PopFlashPayload: ResolverTypeWrapper<Omit<PopFlashPayload, 'session'> & { session: ResolversTypes['Session'] }>;
  PopSessionKeyPayload: ResolverTypeWrapper<Omit<PopSessionKeyPayload, 'session'> & { session: ResolversTypes['Session'] }>;
  Query: ResolverTypeWrapper<Record<PropertyKey, never>>;
  RevokeSessionPayload: ResolverTypeWrapper<Omit<RevokeSessionPayload, 'session'> & { session: ResolversTypes['Session'] }>;
  RevokeSessionsPayload: ResolverTypeWrapper<Omit<RevokeSessionsPayload, 'session'> & { session: ResolversTypes['Session'] }>;
  RotateSessionPayload: ResolverTypeWrapper<Omit<RotateSessionPayload, 'session'> & { session: ResolversTypes['Session'] }>;
  Session: ResolverTypeWrapper<AnySession>;
  SessionDevice: ResolverTypeWrapper<SessionDevice>;
  SessionEntry: ResolverTypeWrapper<EntryResult>;
  SessionExpiryInput: SessionExpiryInput;
  SessionExpiryPolicy: SessionExpiryPolicy;
  SessionPayload: ResolverTypeWrapper<ResolversInterfaceTypes<ResolversTypes>['SessionPayload']>;
  SetDefaultSessionKeyPayload: ResolverTypeWrapper<Omit<SetDefaultSessionKeyPayload, 'entry' | 'session'> & { entry: ResolversTypes['SessionEntry'], session: ResolversTypes['Session'] }>;
  SetSessionExpiryPayload: ResolverTypeWrapper<Omit<SetSessionExpiryPayload, 'session'> & { session: ResolversTypes['Session'] }>;
  SetSessionKeyPayload: ResolverTypeWrapper<SetSessionKeyResult>;
  String: ResolverTypeWrapper<Scalars['String']['output']>;
  Subscription: ResolverTypeWrapper<Record<PropertyKey, never>>;
  UpdateSessionPayload: ResolverTypeWrapper<Omit<UpdateSessionPayload, 'entries' | 'session'> & { entries: Array<ResolversTypes['SessionEntry']>, session: ResolversTypes['Session'] }>;
};

/** Mapping between all available schema types and the resolvers parents */
export type ResolversParentTypes = {
  Boolean: Scalars['Boolean']['output'];
  ClearSessionPayload: Omit<ClearSessionPayload, 'session'> & { session: ResolversParentTypes['Session'] };
  DateTime: Scalars['DateTime']['output'];
  DeleteSessionKeyPayload: Omit<DeleteSessionKeyPayload, 'session'> & { session: ResolversParentTypes['Session'] };
  ID: Scalars['ID']['output'];
  Int: Scalars['Int']['output'];
  JSON: Scalars['JSON']['output'];
  JSONObject: Scalars['JSONObject']['output'];
  LogoutPayload: Omit<LogoutPayload, 'session'> & { session: ResolversParentTypes['Session'] };
  Mutation: Record<PropertyKey, never>;
  PopFlashPayload: Omit<PopFlashPayload, 'session'> & { session: ResolversParentTypes['Session'] };
  PopSessionKeyPayload: Omit<PopSessionKeyPayload, 'session'> & { session: ResolversParentTypes['Session'] };
  Query: Record<PropertyKey, never>;
  RevokeSessionPayload: Omit<RevokeSessionPayload, 'session'> & { session: ResolversParentTypes['Session'] };
  RevokeSessionsPayload: Omit<RevokeSessionsPayload, 'session'> & { session: ResolversParentTypes['Session'] };
  RotateSessionPayload: Omit<RotateSessionPayload, 'session'> & { session: ResolversParentTypes['Session'] };
  Session: AnySession;
  SessionDevice: SessionDevice;
  SessionEntry: EntryResult;
  SessionExpiryInput: SessionExpiryInput;
  SessionPayload: ResolversInterfaceTypes<ResolversParentTypes>['SessionPayload'];
  SetDefaultSessionKeyPayload: Omit<SetDefaultSessionKeyPayload, 'entry' | 'session'> & { entry: ResolversParentTypes['SessionEntry'], session: ResolversParentTypes['Session'] };
  SetSessionExpiryPayload: Omit<SetSessionExpiryPayload, 'session'> & { session: ResolversParentTypes['Session'] };
  SetSessionKeyPayload: SetSessionKeyResult;
  String: Scalars['String']['output'];
  Subscription: Record<PropertyKey, never>;
  UpdateSessionPayload: Omit<UpdateSessionPayload, 'entries' | 'session'> & { entries: Array<ResolversParentTypes['SessionEntry']>, session: ResolversParentTypes['Session'] };
};

export type ClearSessionPayloadResolvers<ContextType = ResolverContext, ParentType extends ResolversParentTypes['ClearSessionPayload'] = ResolversParentTypes['ClearSessionPayload']> = {
  session?: Resolver<ResolversTypes['Session'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export interface DateTimeScalarConfig extends GraphQLScalarTypeConfig<ResolversTypes['DateTime'], any> {
  name: 'DateTime';
}

export type DeleteSessionKeyPayloadResolvers<ContextType = ResolverContext, ParentType extends ResolversParentTypes['DeleteSessionKeyPayload'] = ResolversParentTypes['DeleteSessionKeyPayload']> = {
  deleted?: Resolver<Maybe<ResolversTypes['Boolean']>, ParentType, ContextType>;
  key?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  session?: Resolver<ResolversTypes['Session'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export interface JsonScalarConfig extends GraphQLScalarTypeConfig<ResolversTypes['JSON'], any> {
  name: 'JSON';
}

export interface JsonObjectScalarConfig extends GraphQLScalarTypeConfig<ResolversTypes['JSONObject'], any> {
  name: 'JSONObject';
}

export type LogoutPayloadResolvers<ContextType = ResolverContext, ParentType extends ResolversParentTypes['LogoutPayload'] = ResolversParentTypes['LogoutPayload']> = {
  flushed?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType>;
  session?: Resolver<ResolversTypes['Session'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type MutationResolvers<ContextType = ResolverContext, ParentType extends ResolversParentTypes['Mutation'] = ResolversParentTypes['Mutation']> = {
  clearSession?: Resolver<ResolversTypes['ClearSessionPayload'], ParentType, ContextType>;
  deleteSessionKey?: Resolver<ResolversTypes['DeleteSessionKeyPayload'], ParentType, ContextType, RequireFields<MutationDeleteSessionKeyArgs, 'key'>>;
  logout?: Resolver<ResolversTypes['LogoutPayload'], ParentType, ContextType, RequireFields<MutationLogoutArgs, 'flush'>>;
  popFlash?: Resolver<ResolversTypes['PopFlashPayload'], ParentType, ContextType>;
  popSessionKey?: Resolver<ResolversTypes['PopSessionKeyPayload'], ParentType, ContextType, RequireFields<MutationPopSessionKeyArgs, 'key'>>;
  revokeAllSessions?: Resolver<ResolversTypes['RevokeSessionsPayload'], ParentType, ContextType>;
  revokeOtherSessions?: Resolver<ResolversTypes['RevokeSessionsPayload'], ParentType, ContextType>;
  revokeSession?: Resolver<ResolversTypes['RevokeSessionPayload'], ParentType, ContextType, RequireFields<MutationRevokeSessionArgs, 'id'>>;
  rotateSession?: Resolver<ResolversTypes['RotateSessionPayload'], ParentType, ContextType>;
  setDefaultSessionKey?: Resolver<ResolversTypes['SetDefaultSessionKeyPayload'], ParentType, ContextType, RequireFields<MutationSetDefaultSessionKeyArgs, 'key'>>;
  setSessionExpiry?: Resolver<ResolversTypes['SetSessionExpiryPayload'], ParentType, ContextType, RequireFields<MutationSetSessionExpiryArgs, 'expiry'>>;
  setSessionKey?: Resolver<ResolversTypes['SetSessionKeyPayload'], ParentType, ContextType, RequireFields<MutationSetSessionKeyArgs, 'key'>>;
  updateSession?: Resolver<ResolversTypes['UpdateSessionPayload'], ParentType, ContextType, RequireFields<MutationUpdateSessionArgs, 'data'>>;
};

export type PopFlashPayloadResolvers<ContextType = ResolverContext, ParentType extends ResolversParentTypes['PopFlashPayload'] = ResolversParentTypes['PopFlashPayload']> = {
  session?: Resolver<ResolversTypes['Session'], ParentType, ContextType>;
  values?: Resolver<Array<ResolversTypes['JSON']>, ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type PopSessionKeyPayloadResolvers<ContextType = ResolverContext, ParentType extends ResolversParentTypes['PopSessionKeyPayload'] = ResolversParentTypes['PopSessionKeyPayload']> = {
  found?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType>;
  key?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  session?: Resolver<ResolversTypes['Session'], ParentType, ContextType>;
  value?: Resolver<Maybe<ResolversTypes['JSON']>, ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type QueryResolvers<ContextType = ResolverContext, ParentType extends ResolversParentTypes['Query'] = ResolversParentTypes['Query']> = {
  mySessions?: Resolver<Array<ResolversTypes['SessionDevice']>, ParentType, ContextType>;
  session?: Resolver<ResolversTypes['Session'], ParentType, ContextType>;
};

export type RevokeSessionPayloadResolvers<ContextType = ResolverContext, ParentType extends ResolversParentTypes['RevokeSessionPayload'] = ResolversParentTypes['RevokeSessionPayload']> = {
  id?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  revoked?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType>;
  session?: Resolver<ResolversTypes['Session'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type RevokeSessionsPayloadResolvers<ContextType = ResolverContext, ParentType extends ResolversParentTypes['RevokeSessionsPayload'] = ResolversParentTypes['RevokeSessionsPayload']> = {
  count?: Resolver<ResolversTypes['Int'], ParentType, ContextType>;
  session?: Resolver<ResolversTypes['Session'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type RotateSessionPayloadResolvers<ContextType = ResolverContext, ParentType extends ResolversParentTypes['RotateSessionPayload'] = ResolversParentTypes['RotateSessionPayload']> = {
  session?: Resolver<ResolversTypes['Session'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type SessionResolvers<ContextType = ResolverContext, ParentType extends ResolversParentTypes['Session'] = ResolversParentTypes['Session']> = {
  createdAt?: Resolver<Maybe<ResolversTypes['DateTime']>, ParentType, ContextType>;
  entries?: Resolver<Array<ResolversTypes['SessionEntry']>, ParentType, ContextType, Partial<SessionEntriesArgs>>;
  expiresAt?: Resolver<Maybe<ResolversTypes['DateTime']>, ParentType, ContextType>;
  expiresAtBrowserClose?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType>;
  expiresIn?: Resolver<Maybe<ResolversTypes['Int']>, ParentType, ContextType>;
  handle?: Resolver<Maybe<ResolversTypes['ID']>, ParentType, ContextType>;
  has?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType, RequireFields<SessionHasArgs, 'key'>>;
  hasFlash?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType>;
  id?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  isEmpty?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType>;
  isNew?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType>;
  keys?: Resolver<Array<ResolversTypes['String']>, ParentType, ContextType>;
  value?: Resolver<Maybe<ResolversTypes['JSON']>, ParentType, ContextType, RequireFields<SessionValueArgs, 'key'>>;
};

export type SessionDeviceResolvers<ContextType = ResolverContext, ParentType extends ResolversParentTypes['SessionDevice'] = ResolversParentTypes['SessionDevice']> = {
  current?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType>;
  expiresAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  id?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  label?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  lastSeenAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  signedInAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  userAgent?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
};

export type SessionEntryResolvers<ContextType = ResolverContext, ParentType extends ResolversParentTypes['SessionEntry'] = ResolversParentTypes['SessionEntry']> = {
  id?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  key?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  value?: Resolver<Maybe<ResolversTypes['JSON']>, ParentType, ContextType>;
};

export type SessionPayloadResolvers<ContextType = ResolverContext, ParentType extends ResolversParentTypes['SessionPayload'] = ResolversParentTypes['SessionPayload']> = {
  __resolveType: TypeResolveFn<'ClearSessionPayload' | 'DeleteSessionKeyPayload' | 'LogoutPayload' | 'PopFlashPayload' | 'PopSessionKeyPayload' | 'RevokeSessionPayload' | 'RevokeSessionsPayload' | 'RotateSessionPayload' | 'SetDefaultSessionKeyPayload' | 'SetSessionExpiryPayload' | 'SetSessionKeyPayload' | 'UpdateSessionPayload', ParentType, ContextType>;
};

export type SetDefaultSessionKeyPayloadResolvers<ContextType = ResolverContext, ParentType extends ResolversParentTypes['SetDefaultSessionKeyPayload'] = ResolversParentTypes['SetDefaultSessionKeyPayload']> = {
  created?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType>;
  entry?: Resolver<ResolversTypes['SessionEntry'], ParentType, ContextType>;
  session?: Resolver<ResolversTypes['Session'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type SetSessionExpiryPayloadResolvers<ContextType = ResolverContext, ParentType extends ResolversParentTypes['SetSessionExpiryPayload'] = ResolversParentTypes['SetSessionExpiryPayload']> = {
  session?: Resolver<ResolversTypes['Session'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type SetSessionKeyPayloadResolvers<ContextType = ResolverContext, ParentType extends ResolversParentTypes['SetSessionKeyPayload'] = ResolversParentTypes['SetSessionKeyPayload']> = {
  created?: Resolver<Maybe<ResolversTypes['Boolean']>, ParentType, ContextType>;
  entry?: Resolver<ResolversTypes['SessionEntry'], ParentType, ContextType>;
  session?: Resolver<ResolversTypes['Session'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type SubscriptionResolvers<ContextType = ResolverContext, ParentType extends ResolversParentTypes['Subscription'] = ResolversParentTypes['Subscription']> = {
  sessionChanged?: SubscriptionResolver<Maybe<ResolversTypes['Session']>, "sessionChanged", ParentType, ContextType>;
};

export type UpdateSessionPayloadResolvers<ContextType = ResolverContext, ParentType extends ResolversParentTypes['UpdateSessionPayload'] = ResolversParentTypes['UpdateSessionPayload']> = {
  entries?: Resolver<Array<ResolversTypes['SessionEntry']>, ParentType, ContextType>;
  session?: Resolver<ResolversTypes['Session'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type Resolvers<ContextType = ResolverContext> = {
  ClearSessionPayload?: ClearSessionPayloadResolvers<ContextType>;
  DateTime?: GraphQLScalarType;
  DeleteSessionKeyPayload?: DeleteSessionKeyPayloadResolvers<ContextType>;
  JSON?: GraphQLScalarType;
  JSONObject?: GraphQLScalarType;
  LogoutPayload?: LogoutPayloadResolvers<ContextType>;
  Mutation?: MutationResolvers<ContextType>;
  PopFlashPayload?: PopFlashPayloadResolvers<ContextType>;
  PopSessionKeyPayload?: PopSessionKeyPayloadResolvers<ContextType>;
  Query?: QueryResolvers<ContextType>;
  RevokeSessionPayload?: RevokeSessionPayloadResolvers<ContextType>;
  RevokeSessionsPayload?: RevokeSessionsPayloadResolvers<ContextType>;
  RotateSessionPayload?: RotateSessionPayloadResolvers<ContextType>;
  Session?: SessionResolvers<ContextType>;
  SessionDevice?: SessionDeviceResolvers<ContextType>;
  SessionEntry?: SessionEntryResolvers<ContextType>;
  SessionPayload?: SessionPayloadResolvers<ContextType>;
  SetDefaultSessionKeyPayload?: SetDefaultSessionKeyPayloadResolvers<ContextType>;
  SetSessionExpiryPayload?: SetSessionExpiryPayloadResolvers<ContextType>;
  SetSessionKeyPayload?: SetSessionKeyPayloadResolvers<ContextType>;
  Subscription?: SubscriptionResolvers<ContextType>;
  UpdateSessionPayload?: UpdateSessionPayloadResolvers<ContextType>;
};

