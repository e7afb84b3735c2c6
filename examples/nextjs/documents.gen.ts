/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
import type { DocumentTypeDecoration } from '@graphql-typed-document-node/core';
export type Currency =
  | 'EUR'
  | 'USD';

/** What clients may do with an entry. */
export type EntryRight =
  | 'DELETE'
  | 'READ'
  | 'WRITE';

/** Only the fields that are given are changed. null deletes the entry, so that its default applies. */
export type SessionDataInput = {
  /** What prices are shown in. */
  currency?: Currency | null | undefined;
  /** Whether the shop is shown dark. */
  darkMode?: boolean | null | undefined;
};

/** The entries that can be taken out. */
export type SessionDataKey =
  | 'CART'
  | 'CURRENCY'
  | 'DARK_MODE'
  | 'USER_ID';

/** Exactly one. */
export type SessionExpiryInput =
  {   /** A fixed instant. One that is past ends the session now. */
  at: string; policy?: never; seconds?: never; }
  |  { at?: never;   policy: SessionExpiryPolicy; seconds?: never; }
  |  { at?: never; policy?: never;   /** Seconds without activity. */
  seconds: number; };

export type SessionExpiryPolicy =
  /** The cookie ends with the browser; in the store the server's idle timeout applies. */
  | 'BROWSER_CLOSE'
  /** Takes back what this client has set; what the application has set stays. */
  | 'SERVER_DEFAULT';

export type AddToCartMutationVariables = Exact<{
  sku: string | number;
}>;


export type AddToCartMutation = { addToCart: { session: { id: string, handle: string | null, isNew: boolean, isEmpty: boolean, keys: Array<string>, createdAt: string | null, expiresAt: string | null, expiresIn: number | null, expiresAtBrowserClose: boolean, hasFlash: boolean, darkMode: boolean, currency: Currency, userId: string | null, hidden: number, entries: Array<{ id: string, key: string, value: unknown }>, cart: Array<{ id: string, sku: string, quantity: number, product: { sku: string, title: string } }>, user: { id: string, name: string } | null, rights: Array<{ key: string, may: Array<EntryRight> }> } } };

export type LoginMutationVariables = Exact<{
  username: string;
  password: string;
}>;


export type LoginMutation = { login: { session: { id: string, handle: string | null, isNew: boolean, isEmpty: boolean, keys: Array<string>, createdAt: string | null, expiresAt: string | null, expiresIn: number | null, expiresAtBrowserClose: boolean, hasFlash: boolean, darkMode: boolean, currency: Currency, userId: string | null, hidden: number, entries: Array<{ id: string, key: string, value: unknown }>, cart: Array<{ id: string, sku: string, quantity: number, product: { sku: string, title: string } }>, user: { id: string, name: string } | null, rights: Array<{ key: string, may: Array<EntryRight> }> } } };

export type SessionAllFragment = { id: string, handle: string | null, isNew: boolean, isEmpty: boolean, keys: Array<string>, createdAt: string | null, expiresAt: string | null, expiresIn: number | null, expiresAtBrowserClose: boolean, hasFlash: boolean, darkMode: boolean, currency: Currency, userId: string | null, hidden: number, entries: Array<{ id: string, key: string, value: unknown }>, cart: Array<{ id: string, sku: string, quantity: number, product: { sku: string, title: string } }>, user: { id: string, name: string } | null, rights: Array<{ key: string, may: Array<EntryRight> }> };

export type GetSessionQueryVariables = Exact<{ [key: string]: never; }>;


export type GetSessionQuery = { session: { id: string, handle: string | null, isNew: boolean, isEmpty: boolean, keys: Array<string>, createdAt: string | null, expiresAt: string | null, expiresIn: number | null, expiresAtBrowserClose: boolean, hasFlash: boolean, darkMode: boolean, currency: Currency, userId: string | null, hidden: number, entries: Array<{ id: string, key: string, value: unknown }>, cart: Array<{ id: string, sku: string, quantity: number, product: { sku: string, title: string } }>, user: { id: string, name: string } | null, rights: Array<{ key: string, may: Array<EntryRight> }> } };

export type UpdateSessionDataMutationVariables = Exact<{
  data: SessionDataInput;
}>;


export type UpdateSessionDataMutation = { updateSessionData: { session: { id: string, handle: string | null, isNew: boolean, isEmpty: boolean, keys: Array<string>, createdAt: string | null, expiresAt: string | null, expiresIn: number | null, expiresAtBrowserClose: boolean, hasFlash: boolean, darkMode: boolean, currency: Currency, userId: string | null, hidden: number, entries: Array<{ id: string, key: string, value: unknown }>, cart: Array<{ id: string, sku: string, quantity: number, product: { sku: string, title: string } }>, user: { id: string, name: string } | null, rights: Array<{ key: string, may: Array<EntryRight> }> } } };

export type PopSessionDataMutationVariables = Exact<{
  keys: Array<SessionDataKey> | SessionDataKey;
}>;


export type PopSessionDataMutation = { popSessionData: { popped: { darkMode: boolean | null, currency: Currency | null, userId: string | null, cart: Array<{ id: string, sku: string, quantity: number, product: { sku: string, title: string } }> | null }, session: { id: string, handle: string | null, isNew: boolean, isEmpty: boolean, keys: Array<string>, createdAt: string | null, expiresAt: string | null, expiresIn: number | null, expiresAtBrowserClose: boolean, hasFlash: boolean, darkMode: boolean, currency: Currency, userId: string | null, hidden: number, entries: Array<{ id: string, key: string, value: unknown }>, cart: Array<{ id: string, sku: string, quantity: number, product: { sku: string, title: string } }>, user: { id: string, name: string } | null, rights: Array<{ key: string, may: Array<EntryRight> }> } } };

export type ClearSessionMutationVariables = Exact<{ [key: string]: never; }>;


export type ClearSessionMutation = { clearSession: { session: { id: string, handle: string | null, isNew: boolean, isEmpty: boolean, keys: Array<string>, createdAt: string | null, expiresAt: string | null, expiresIn: number | null, expiresAtBrowserClose: boolean, hasFlash: boolean, darkMode: boolean, currency: Currency, userId: string | null, hidden: number, entries: Array<{ id: string, key: string, value: unknown }>, cart: Array<{ id: string, sku: string, quantity: number, product: { sku: string, title: string } }>, user: { id: string, name: string } | null, rights: Array<{ key: string, may: Array<EntryRight> }> } } };

export type LogoutMutationVariables = Exact<{
  flush?: boolean;
}>;


export type LogoutMutation = { logout: { flushed: boolean, session: { id: string, handle: string | null, isNew: boolean, isEmpty: boolean, keys: Array<string>, createdAt: string | null, expiresAt: string | null, expiresIn: number | null, expiresAtBrowserClose: boolean, hasFlash: boolean, darkMode: boolean, currency: Currency, userId: string | null, hidden: number, entries: Array<{ id: string, key: string, value: unknown }>, cart: Array<{ id: string, sku: string, quantity: number, product: { sku: string, title: string } }>, user: { id: string, name: string } | null, rights: Array<{ key: string, may: Array<EntryRight> }> } } };

export type RotateSessionMutationVariables = Exact<{ [key: string]: never; }>;


export type RotateSessionMutation = { rotateSession: { session: { id: string, handle: string | null, isNew: boolean, isEmpty: boolean, keys: Array<string>, createdAt: string | null, expiresAt: string | null, expiresIn: number | null, expiresAtBrowserClose: boolean, hasFlash: boolean, darkMode: boolean, currency: Currency, userId: string | null, hidden: number, entries: Array<{ id: string, key: string, value: unknown }>, cart: Array<{ id: string, sku: string, quantity: number, product: { sku: string, title: string } }>, user: { id: string, name: string } | null, rights: Array<{ key: string, may: Array<EntryRight> }> } } };

export type SetSessionExpiryMutationVariables = Exact<{
  expiry: SessionExpiryInput;
}>;


export type SetSessionExpiryMutation = { setSessionExpiry: { session: { id: string, handle: string | null, isNew: boolean, isEmpty: boolean, keys: Array<string>, createdAt: string | null, expiresAt: string | null, expiresIn: number | null, expiresAtBrowserClose: boolean, hasFlash: boolean, darkMode: boolean, currency: Currency, userId: string | null, hidden: number, entries: Array<{ id: string, key: string, value: unknown }>, cart: Array<{ id: string, sku: string, quantity: number, product: { sku: string, title: string } }>, user: { id: string, name: string } | null, rights: Array<{ key: string, may: Array<EntryRight> }> } } };

export class TypedDocumentString<TResult, TVariables>
  extends String
  implements DocumentTypeDecoration<TResult, TVariables>
{
  __apiType?: NonNullable<DocumentTypeDecoration<TResult, TVariables>['__apiType']>;
  private value: string;
  public __meta__?: Record<string, any> | undefined;

  constructor(value: string, __meta__?: Record<string, any> | undefined) {
    super(value);
    this.value = value;
    this.__meta__ = __meta__;
  }

  override toString(): string & DocumentTypeDecoration<TResult, TVariables> {
    return this.value;
  }
}
export const SessionAllFragmentDoc = new TypedDocumentString(`
    fragment SessionAll on Session {
  id
  handle
  isNew
  isEmpty
  keys
  entries {
    id
    key
    value
  }
  createdAt
  expiresAt
  expiresIn
  expiresAtBrowserClose
  hasFlash
  darkMode
  cart {
    id
    sku
    quantity
    product {
      sku
      title
    }
  }
  currency
  userId
  user {
    id
    name
  }
  rights {
    key
    may
  }
  hidden
}
    `, {"fragmentName":"SessionAll"}) as unknown as TypedDocumentString<SessionAllFragment, unknown>;
export const AddToCartDocument = new TypedDocumentString(`
    mutation AddToCart($sku: ID!) {
  addToCart(sku: $sku) {
    session {
      ...SessionAll
    }
  }
}
    fragment SessionAll on Session {
  id
  handle
  isNew
  isEmpty
  keys
  entries {
    id
    key
    value
  }
  createdAt
  expiresAt
  expiresIn
  expiresAtBrowserClose
  hasFlash
  darkMode
  cart {
    id
    sku
    quantity
    product {
      sku
      title
    }
  }
  currency
  userId
  user {
    id
    name
  }
  rights {
    key
    may
  }
  hidden
}`) as unknown as TypedDocumentString<AddToCartMutation, AddToCartMutationVariables>;
export const LoginDocument = new TypedDocumentString(`
    mutation Login($username: String!, $password: String!) {
  login(username: $username, password: $password) {
    session {
      ...SessionAll
    }
  }
}
    fragment SessionAll on Session {
  id
  handle
  isNew
  isEmpty
  keys
  entries {
    id
    key
    value
  }
  createdAt
  expiresAt
  expiresIn
  expiresAtBrowserClose
  hasFlash
  darkMode
  cart {
    id
    sku
    quantity
    product {
      sku
      title
    }
  }
  currency
  userId
  user {
    id
    name
  }
  rights {
    key
    may
  }
  hidden
}`) as unknown as TypedDocumentString<LoginMutation, LoginMutationVariables>;
export const GetSessionDocument = new TypedDocumentString(`
    query GetSession {
  session {
    ...SessionAll
  }
}
    fragment SessionAll on Session {
  id
  handle
  isNew
  isEmpty
  keys
  entries {
    id
    key
    value
  }
  createdAt
  expiresAt
  expiresIn
  expiresAtBrowserClose
  hasFlash
  darkMode
  cart {
    id
    sku
    quantity
    product {
      sku
      title
    }
  }
  currency
  userId
  user {
    id
    name
  }
  rights {
    key
    may
  }
  hidden
}`) as unknown as TypedDocumentString<GetSessionQuery, GetSessionQueryVariables>;
export const UpdateSessionDataDocument = new TypedDocumentString(`
    mutation UpdateSessionData($data: SessionDataInput!) {
  updateSessionData(data: $data) {
    session {
      ...SessionAll
    }
  }
}
    fragment SessionAll on Session {
  id
  handle
  isNew
  isEmpty
  keys
  entries {
    id
    key
    value
  }
  createdAt
  expiresAt
  expiresIn
  expiresAtBrowserClose
  hasFlash
  darkMode
  cart {
    id
    sku
    quantity
    product {
      sku
      title
    }
  }
  currency
  userId
  user {
    id
    name
  }
  rights {
    key
    may
  }
  hidden
}`) as unknown as TypedDocumentString<UpdateSessionDataMutation, UpdateSessionDataMutationVariables>;
export const PopSessionDataDocument = new TypedDocumentString(`
    mutation PopSessionData($keys: [SessionDataKey!]!) {
  popSessionData(keys: $keys) {
    popped {
      darkMode
      cart {
        id
        sku
        quantity
        product {
          sku
          title
        }
      }
      currency
      userId
    }
    session {
      ...SessionAll
    }
  }
}
    fragment SessionAll on Session {
  id
  handle
  isNew
  isEmpty
  keys
  entries {
    id
    key
    value
  }
  createdAt
  expiresAt
  expiresIn
  expiresAtBrowserClose
  hasFlash
  darkMode
  cart {
    id
    sku
    quantity
    product {
      sku
      title
    }
  }
  currency
  userId
  user {
    id
    name
  }
  rights {
    key
    may
  }
  hidden
}`) as unknown as TypedDocumentString<PopSessionDataMutation, PopSessionDataMutationVariables>;
export const ClearSessionDocument = new TypedDocumentString(`
    mutation ClearSession {
  clearSession {
    session {
      ...SessionAll
    }
  }
}
    fragment SessionAll on Session {
  id
  handle
  isNew
  isEmpty
  keys
  entries {
    id
    key
    value
  }
  createdAt
  expiresAt
  expiresIn
  expiresAtBrowserClose
  hasFlash
  darkMode
  cart {
    id
    sku
    quantity
    product {
      sku
      title
    }
  }
  currency
  userId
  user {
    id
    name
  }
  rights {
    key
    may
  }
  hidden
}`) as unknown as TypedDocumentString<ClearSessionMutation, ClearSessionMutationVariables>;
export const LogoutDocument = new TypedDocumentString(`
    mutation Logout($flush: Boolean! = true) {
  logout(flush: $flush) {
    flushed
    session {
      ...SessionAll
    }
  }
}
    fragment SessionAll on Session {
  id
  handle
  isNew
  isEmpty
  keys
  entries {
    id
    key
    value
  }
  createdAt
  expiresAt
  expiresIn
  expiresAtBrowserClose
  hasFlash
  darkMode
  cart {
    id
    sku
    quantity
    product {
      sku
      title
    }
  }
  currency
  userId
  user {
    id
    name
  }
  rights {
    key
    may
  }
  hidden
}`) as unknown as TypedDocumentString<LogoutMutation, LogoutMutationVariables>;
export const RotateSessionDocument = new TypedDocumentString(`
    mutation RotateSession {
  rotateSession {
    session {
      ...SessionAll
    }
  }
}
    fragment SessionAll on Session {
  id
  handle
  isNew
  isEmpty
  keys
  entries {
    id
    key
    value
  }
  createdAt
  expiresAt
  expiresIn
  expiresAtBrowserClose
  hasFlash
  darkMode
  cart {
    id
    sku
    quantity
    product {
      sku
      title
    }
  }
  currency
  userId
  user {
    id
    name
  }
  rights {
    key
    may
  }
  hidden
}`) as unknown as TypedDocumentString<RotateSessionMutation, RotateSessionMutationVariables>;
export const SetSessionExpiryDocument = new TypedDocumentString(`
    mutation SetSessionExpiry($expiry: SessionExpiryInput!) {
  setSessionExpiry(expiry: $expiry) {
    session {
      ...SessionAll
    }
  }
}
    fragment SessionAll on Session {
  id
  handle
  isNew
  isEmpty
  keys
  entries {
    id
    key
    value
  }
  createdAt
  expiresAt
  expiresIn
  expiresAtBrowserClose
  hasFlash
  darkMode
  cart {
    id
    sku
    quantity
    product {
      sku
      title
    }
  }
  currency
  userId
  user {
    id
    name
  }
  rights {
    key
    may
  }
  hidden
}`) as unknown as TypedDocumentString<SetSessionExpiryMutation, SetSessionExpiryMutationVariables>;