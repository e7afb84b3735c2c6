// This has the operations of the page. Each one asks for the whole session, so that no cache has to be told what changed.

import { graphql } from '../generated/gql.ts'

export type { SessionFragment as Session, StorefrontQuery } from '../generated/graphql.ts'

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
      failedAttempts
      session {
        ...Session
      }
    }
  }
`)

// What is personal goes. The theme and the currency stay, under another secret.
export const SignOut = graphql(`
  mutation SignOut {
    popSessionData(keys: [USER_ID, CART]) {
      session {
        id
      }
    }
    rotateSession {
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
