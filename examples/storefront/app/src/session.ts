// This has the operations of the page. Each one asks for the whole session, so that no cache has to be told what changed.

import { graphql } from '../generated/gql.ts'

export type { MyDevicesQuery, SessionFragment as Session, StorefrontQuery } from '../generated/graphql.ts'

graphql(`
  fragment Product on Product {
    sku
    title
    eur: price(currency: EUR)
    usd: price(currency: USD)
  }
`)

graphql(`
  fragment Session on Session {
    id
    handle
    expiresIn
    darkMode
    currency
    user {
      id
      name
    }
    cart {
      id
      sku
      quantity
      product {
        ...Product
      }
    }
    entries {
      id
      key
      value
    }
    rights {
      key
      may
    }
    hidden
    hasFlash
  }
`)

export const Storefront = graphql(`
  query Storefront {
    catalogue {
      ...Product
    }
    session {
      ...Session
    }
  }
`)

export const AddToCart = graphql(`
  mutation AddToCart($sku: ID!) {
    addToCart(sku: $sku) {
      session {
        ...Session
      }
    }
  }
`)

export const RemoveFromCart = graphql(`
  mutation RemoveFromCart($sku: ID!) {
    removeFromCart(sku: $sku) {
      session {
        ...Session
      }
    }
  }
`)

export const Save = graphql(`
  mutation Save($data: SessionDataInput!) {
    updateSessionData(data: $data) {
      session {
        ...Session
      }
    }
  }
`)

export const SignIn = graphql(`
  mutation SignIn($username: String!, $password: String!) {
    login(username: $username, password: $password) {
      user {
        id
      }
    }
    # In the same request, so that no other tab takes the notice.
    popFlash {
      values
      session {
        ...Session
      }
    }
  }
`)

export const TakeNotices = graphql(`
  mutation TakeNotices {
    popFlash {
      values
      session {
        ...Session
      }
    }
  }
`)

// The session ends, and with it the device. The theme and the currency are in the next one.
export const SignOut = graphql(`
  mutation SignOut($kept: SessionDataInput!) {
    logout {
      flushed
    }
    updateSessionData(data: $kept) {
      session {
        ...Session
      }
    }
  }
`)

export const ForgetDevice = graphql(`
  mutation ForgetDevice {
    logout {
      session {
        ...Session
      }
    }
  }
`)

export const WriteUserId = graphql(`
  mutation WriteUserId {
    setSessionKey(key: "user_id", value: "1") {
      session {
        ...Session
      }
    }
  }
`)

export const ReplayOldCookie = graphql(`
  mutation ReplayOldCookie {
    replayOldCookie {
      answer
      setsCookie
      session {
        ...Session
      }
    }
  }
`)

export const SessionChanged = graphql(`
  subscription SessionChanged {
    sessionChanged {
      ...Session
    }
  }
`)

export const MyDevices = graphql(`
  query MyDevices {
    mySessions {
      id
      current
      label
      userAgent
      signedInAt
      lastSeenAt
    }
  }
`)

export const EndDevice = graphql(`
  mutation EndDevice($id: ID!) {
    revokeSession(id: $id) {
      id
      revoked
      session {
        ...Session
      }
    }
  }
`)

export const EndOtherDevices = graphql(`
  mutation EndOtherDevices {
    revokeOtherSessions {
      count
      session {
        ...Session
      }
    }
  }
`)

export const ConfirmPassword = graphql(`
  mutation ConfirmPassword($password: String!) {
    confirmPassword(password: $password) {
      session {
        ...Session
      }
    }
  }
`)
