/* eslint-disable */
import * as types from './graphql';
import type { TypedDocumentNode as DocumentNode } from '@graphql-typed-document-node/core';

/**
 * Map of all GraphQL operations in the project.
 *
 * This map has several performance disadvantages:
 * 1. It is not tree-shakeable, so it will include all operations in the project.
 * 2. It is not minifiable, so the string of a GraphQL query will be multiple times inside the bundle.
 * 3. It does not support dead code elimination, so it will add unused operations.
 *
 * Therefore it is highly recommended to use the babel or swc plugin for production.
 * Learn more about it here: https://the-guild.dev/graphql/codegen/plugins/presets/preset-client#reducing-bundle-size
 */
type Documents = {
    "\n  fragment Product on Product {\n    sku\n    title\n    eur: price(currency: EUR)\n    usd: price(currency: USD)\n  }\n": typeof types.ProductFragmentDoc,
    "\n  fragment Session on Session {\n    id\n    handle\n    expiresIn\n    darkMode\n    currency\n    user {\n      id\n      name\n    }\n    cart {\n      id\n      sku\n      quantity\n      product {\n        ...Product\n      }\n    }\n    entries {\n      id\n      key\n      value\n    }\n    rights {\n      key\n      may\n    }\n    hidden\n    hasFlash\n  }\n": typeof types.SessionFragmentDoc,
    "\n  query Storefront {\n    catalogue {\n      ...Product\n    }\n    session {\n      ...Session\n    }\n  }\n": typeof types.StorefrontDocument,
    "\n  mutation AddToCart($sku: ID!) {\n    addToCart(sku: $sku) {\n      session {\n        ...Session\n      }\n    }\n  }\n": typeof types.AddToCartDocument,
    "\n  mutation RemoveFromCart($sku: ID!) {\n    removeFromCart(sku: $sku) {\n      session {\n        ...Session\n      }\n    }\n  }\n": typeof types.RemoveFromCartDocument,
    "\n  mutation Save($data: SessionDataInput!) {\n    updateSessionData(data: $data) {\n      session {\n        ...Session\n      }\n    }\n  }\n": typeof types.SaveDocument,
    "\n  mutation SignIn($username: String!, $password: String!) {\n    login(username: $username, password: $password) {\n      user {\n        id\n      }\n    }\n    # In the same request, so that no other tab takes the notice.\n    popFlash {\n      values\n      session {\n        ...Session\n      }\n    }\n  }\n": typeof types.SignInDocument,
    "\n  mutation TakeNotices {\n    popFlash {\n      values\n      session {\n        ...Session\n      }\n    }\n  }\n": typeof types.TakeNoticesDocument,
    "\n  mutation SignOut($kept: SessionDataInput!) {\n    logout {\n      flushed\n    }\n    updateSessionData(data: $kept) {\n      session {\n        ...Session\n      }\n    }\n  }\n": typeof types.SignOutDocument,
    "\n  mutation ForgetDevice {\n    logout {\n      session {\n        ...Session\n      }\n    }\n  }\n": typeof types.ForgetDeviceDocument,
    "\n  mutation WriteUserId {\n    setSessionKey(key: \"user_id\", value: \"1\") {\n      session {\n        ...Session\n      }\n    }\n  }\n": typeof types.WriteUserIdDocument,
    "\n  mutation ReplayOldCookie {\n    replayOldCookie {\n      answer\n      setsCookie\n      session {\n        ...Session\n      }\n    }\n  }\n": typeof types.ReplayOldCookieDocument,
    "\n  subscription SessionChanged {\n    sessionChanged {\n      ...Session\n    }\n  }\n": typeof types.SessionChangedDocument,
    "\n  query MyDevices {\n    mySessions {\n      id\n      current\n      label\n      userAgent\n      signedInAt\n      lastSeenAt\n    }\n  }\n": typeof types.MyDevicesDocument,
    "\n  mutation EndDevice($id: ID!) {\n    revokeSession(id: $id) {\n      id\n      revoked\n      session {\n        ...Session\n      }\n    }\n  }\n": typeof types.EndDeviceDocument,
    "\n  mutation EndOtherDevices {\n    revokeOtherSessions {\n      count\n      session {\n        ...Session\n      }\n    }\n  }\n": typeof types.EndOtherDevicesDocument,
    "\n  mutation ConfirmPassword($password: String!) {\n    confirmPassword(password: $password) {\n      session {\n        ...Session\n      }\n    }\n  }\n": typeof types.ConfirmPasswordDocument,
};
const documents: Documents = {
    "\n  fragment Product on Product {\n    sku\n    title\n    eur: price(currency: EUR)\n    usd: price(currency: USD)\n  }\n": types.ProductFragmentDoc,
    "\n  fragment Session on Session {\n    id\n    handle\n    expiresIn\n    darkMode\n    currency\n    user {\n      id\n      name\n    }\n    cart {\n      id\n      sku\n      quantity\n      product {\n        ...Product\n      }\n    }\n    entries {\n      id\n      key\n      value\n    }\n    rights {\n      key\n      may\n    }\n    hidden\n    hasFlash\n  }\n": types.SessionFragmentDoc,
    "\n  query Storefront {\n    catalogue {\n      ...Product\n    }\n    session {\n      ...Session\n    }\n  }\n": types.StorefrontDocument,
    "\n  mutation AddToCart($sku: ID!) {\n    addToCart(sku: $sku) {\n      session {\n        ...Session\n      }\n    }\n  }\n": types.AddToCartDocument,
    "\n  mutation RemoveFromCart($sku: ID!) {\n    removeFromCart(sku: $sku) {\n      session {\n        ...Session\n      }\n    }\n  }\n": types.RemoveFromCartDocument,
    "\n  mutation Save($data: SessionDataInput!) {\n    updateSessionData(data: $data) {\n      session {\n        ...Session\n      }\n    }\n  }\n": types.SaveDocument,
    "\n  mutation SignIn($username: String!, $password: String!) {\n    login(username: $username, password: $password) {\n      user {\n        id\n      }\n    }\n    # In the same request, so that no other tab takes the notice.\n    popFlash {\n      values\n      session {\n        ...Session\n      }\n    }\n  }\n": types.SignInDocument,
    "\n  mutation TakeNotices {\n    popFlash {\n      values\n      session {\n        ...Session\n      }\n    }\n  }\n": types.TakeNoticesDocument,
    "\n  mutation SignOut($kept: SessionDataInput!) {\n    logout {\n      flushed\n    }\n    updateSessionData(data: $kept) {\n      session {\n        ...Session\n      }\n    }\n  }\n": types.SignOutDocument,
    "\n  mutation ForgetDevice {\n    logout {\n      session {\n        ...Session\n      }\n    }\n  }\n": types.ForgetDeviceDocument,
    "\n  mutation WriteUserId {\n    setSessionKey(key: \"user_id\", value: \"1\") {\n      session {\n        ...Session\n      }\n    }\n  }\n": types.WriteUserIdDocument,
    "\n  mutation ReplayOldCookie {\n    replayOldCookie {\n      answer\n      setsCookie\n      session {\n        ...Session\n      }\n    }\n  }\n": types.ReplayOldCookieDocument,
    "\n  subscription SessionChanged {\n    sessionChanged {\n      ...Session\n    }\n  }\n": types.SessionChangedDocument,
    "\n  query MyDevices {\n    mySessions {\n      id\n      current\n      label\n      userAgent\n      signedInAt\n      lastSeenAt\n    }\n  }\n": types.MyDevicesDocument,
    "\n  mutation EndDevice($id: ID!) {\n    revokeSession(id: $id) {\n      id\n      revoked\n      session {\n        ...Session\n      }\n    }\n  }\n": types.EndDeviceDocument,
    "\n  mutation EndOtherDevices {\n    revokeOtherSessions {\n      count\n      session {\n        ...Session\n      }\n    }\n  }\n": types.EndOtherDevicesDocument,
    "\n  mutation ConfirmPassword($password: String!) {\n    confirmPassword(password: $password) {\n      session {\n        ...Session\n      }\n    }\n  }\n": types.ConfirmPasswordDocument,
};

/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 *
 *
 * @example
 * ```ts
 * const query = graphql(`query GetUser($id: ID!) { user(id: $id) { name } }`);
 * ```
 *
 * The query argument is unknown!
 * Please regenerate the types.
 */
export function graphql(source: string): unknown;

/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  fragment Product on Product {\n    sku\n    title\n    eur: price(currency: EUR)\n    usd: price(currency: USD)\n  }\n"): (typeof documents)["\n  fragment Product on Product {\n    sku\n    title\n    eur: price(currency: EUR)\n    usd: price(currency: USD)\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  fragment Session on Session {\n    id\n    handle\n    expiresIn\n    darkMode\n    currency\n    user {\n      id\n      name\n    }\n    cart {\n      id\n      sku\n      quantity\n      product {\n        ...Product\n      }\n    }\n    entries {\n      id\n      key\n      value\n    }\n    rights {\n      key\n      may\n    }\n    hidden\n    hasFlash\n  }\n"): (typeof documents)["\n  fragment Session on Session {\n    id\n    handle\n    expiresIn\n    darkMode\n    currency\n    user {\n      id\n      name\n    }\n    cart {\n      id\n      sku\n      quantity\n      product {\n        ...Product\n      }\n    }\n    entries {\n      id\n      key\n      value\n    }\n    rights {\n      key\n      may\n    }\n    hidden\n    hasFlash\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query Storefront {\n    catalogue {\n      ...Product\n    }\n    session {\n      ...Session\n    }\n  }\n"): (typeof documents)["\n  query Storefront {\n    catalogue {\n      ...Product\n    }\n    session {\n      ...Session\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation AddToCart($sku: ID!) {\n    addToCart(sku: $sku) {\n      session {\n        ...Session\n      }\n    }\n  }\n"): (typeof documents)["\n  mutation AddToCart($sku: ID!) {\n    addToCart(sku: $sku) {\n      session {\n        ...Session\n      }\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation RemoveFromCart($sku: ID!) {\n    removeFromCart(sku: $sku) {\n      session {\n        ...Session\n      }\n    }\n  }\n"): (typeof documents)["\n  mutation RemoveFromCart($sku: ID!) {\n    removeFromCart(sku: $sku) {\n      session {\n        ...Session\n      }\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation Save($data: SessionDataInput!) {\n    updateSessionData(data: $data) {\n      session {\n        ...Session\n      }\n    }\n  }\n"): (typeof documents)["\n  mutation Save($data: SessionDataInput!) {\n    updateSessionData(data: $data) {\n      session {\n        ...Session\n      }\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation SignIn($username: String!, $password: String!) {\n    login(username: $username, password: $password) {\n      user {\n        id\n      }\n    }\n    # In the same request, so that no other tab takes the notice.\n    popFlash {\n      values\n      session {\n        ...Session\n      }\n    }\n  }\n"): (typeof documents)["\n  mutation SignIn($username: String!, $password: String!) {\n    login(username: $username, password: $password) {\n      user {\n        id\n      }\n    }\n    # In the same request, so that no other tab takes the notice.\n    popFlash {\n      values\n      session {\n        ...Session\n      }\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation TakeNotices {\n    popFlash {\n      values\n      session {\n        ...Session\n      }\n    }\n  }\n"): (typeof documents)["\n  mutation TakeNotices {\n    popFlash {\n      values\n      session {\n        ...Session\n      }\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation SignOut($kept: SessionDataInput!) {\n    logout {\n      flushed\n    }\n    updateSessionData(data: $kept) {\n      session {\n        ...Session\n      }\n    }\n  }\n"): (typeof documents)["\n  mutation SignOut($kept: SessionDataInput!) {\n    logout {\n      flushed\n    }\n    updateSessionData(data: $kept) {\n      session {\n        ...Session\n      }\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation ForgetDevice {\n    logout {\n      session {\n        ...Session\n      }\n    }\n  }\n"): (typeof documents)["\n  mutation ForgetDevice {\n    logout {\n      session {\n        ...Session\n      }\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation WriteUserId {\n    setSessionKey(key: \"user_id\", value: \"1\") {\n      session {\n        ...Session\n      }\n    }\n  }\n"): (typeof documents)["\n  mutation WriteUserId {\n    setSessionKey(key: \"user_id\", value: \"1\") {\n      session {\n        ...Session\n      }\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation ReplayOldCookie {\n    replayOldCookie {\n      answer\n      setsCookie\n      session {\n        ...Session\n      }\n    }\n  }\n"): (typeof documents)["\n  mutation ReplayOldCookie {\n    replayOldCookie {\n      answer\n      setsCookie\n      session {\n        ...Session\n      }\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  subscription SessionChanged {\n    sessionChanged {\n      ...Session\n    }\n  }\n"): (typeof documents)["\n  subscription SessionChanged {\n    sessionChanged {\n      ...Session\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query MyDevices {\n    mySessions {\n      id\n      current\n      label\n      userAgent\n      signedInAt\n      lastSeenAt\n    }\n  }\n"): (typeof documents)["\n  query MyDevices {\n    mySessions {\n      id\n      current\n      label\n      userAgent\n      signedInAt\n      lastSeenAt\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation EndDevice($id: ID!) {\n    revokeSession(id: $id) {\n      id\n      revoked\n      session {\n        ...Session\n      }\n    }\n  }\n"): (typeof documents)["\n  mutation EndDevice($id: ID!) {\n    revokeSession(id: $id) {\n      id\n      revoked\n      session {\n        ...Session\n      }\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation EndOtherDevices {\n    revokeOtherSessions {\n      count\n      session {\n        ...Session\n      }\n    }\n  }\n"): (typeof documents)["\n  mutation EndOtherDevices {\n    revokeOtherSessions {\n      count\n      session {\n        ...Session\n      }\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation ConfirmPassword($password: String!) {\n    confirmPassword(password: $password) {\n      session {\n        ...Session\n      }\n    }\n  }\n"): (typeof documents)["\n  mutation ConfirmPassword($password: String!) {\n    confirmPassword(password: $password) {\n      session {\n        ...Session\n      }\n    }\n  }\n"];

export function graphql(source: string) {
  return (documents as any)[source] ?? {};
}

export type DocumentType<TDocumentNode extends DocumentNode<any, any>> = TDocumentNode extends DocumentNode<  infer TType,  any>  ? TType  : never;