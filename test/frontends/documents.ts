// These are the documents of the shop's page. Each begins with its file's name in Relay, which demands it.

/** Each part of the page has its own query, and its fragment on Session. */
export const parts = ['header', 'cart', 'settings', 'inspector'] as const
export type Part = (typeof parts)[number]

const fragments = /* GraphQL */ `
  fragment shop_header on Session {
    id
    user {
      id
      name
    }
  }
  fragment shop_cart on Session {
    id
    cart {
      id
      sku
      quantity
    }
  }
  fragment shop_settings on Session {
    id
    darkMode
    currency
  }
  fragment shop_inspector on Session {
    id
    handle
    isNew
    keys
    entries {
      id
      key
      value
    }
  }
`

const queries = parts.map(
  (part) => /* GraphQL */ `
    query shop_${part}_Query {
      session {
        id
        ...shop_${part}
      }
    }
  `,
)

/** Every mutation answers with what all the parts show. */
const session = `session { id ${parts.map((part) => `...shop_${part}`).join(' ')} }`

const mutations = {
  update: `mutation shop_update_Mutation($data: SessionDataInput!) { updateSessionData(data: $data) { ${session} } }`,
  pop: `mutation shop_pop_Mutation($keys: [SessionDataKey!]!) {
    popSessionData(keys: $keys) { popped { cart { id sku quantity } } ${session} }
  }`,
  add: `mutation shop_add_Mutation($sku: String!, $quantity: Int!) {
    addToCart(sku: $sku, quantity: $quantity) { ${session} }
  }`,
  clear: `mutation shop_clear_Mutation { clearSession { ${session} } }`,
  login: `mutation shop_login_Mutation($password: String!) { login(password: $password) { ${session} } }`,
  rotate: `mutation shop_rotate_Mutation { rotateSession { ${session} } }`,
  logout: `mutation shop_logout_Mutation($flush: Boolean!) { logout(flush: $flush) { ${session} } }`,
}

/** What an optimistic answer has to hold is what its mutation selects: so this selects little. */
const setDark = /* GraphQL */ `
  mutation shop_dark_Mutation($data: SessionDataInput!) {
    updateSessionData(data: $data) {
      session {
        id
        darkMode
      }
    }
  }
`

/** A logout of an app that does not ask for what the parts show. */
const leave = `mutation shop_leave_Mutation { logout { session { id } } }`

export const documents: readonly string[] = [
  fragments,
  ...queries,
  ...Object.values(mutations),
  setDark,
  leave,
]
