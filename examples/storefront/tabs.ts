// No line is longer than 50 characters: GraphiQL shows no more beside its buttons in a window 1280 pixels wide.
const story = [
  `# 1. Sign in. The session gets a new id and
#    secret; what an anonymous visitor had in
#    the cart stays. The cookie comes with the
#    answer.
mutation SignIn {
  login(username: "ada", password: "lovelace") {
    user { name }
    session {
      id
      isNew
      keys
      createdAt
      expiresAt
    }
  }
}`,
  `# 2. Fill the cart: every entry is stored, or
#    none of them.
mutation FillCart {
  updateSession(data: {
    shopping_cart: [
      { sku: "engine", quantity: 1 }
      { sku: "cards", quantity: 1000 }
    ]
  }) {
    entries { key value }
    session { id keys }
  }
}`,
  `# 3. Set one preference. Run it again: created
#    is false.
mutation SetDarkMode {
  setSessionKey(key: "dark_mode", value: true) {
    entry { key value }
    created
    session { keys }
  }
}`,
  `# 4. Delete the preference, so that the default
#    applies again. Run it again: nothing to
#    delete is no error.
mutation DeleteDarkMode {
  deleteSessionKey(key: "dark_mode") {
    deleted
    session {
      value(key: "dark_mode", default: false)
    }
  }
}`,
  `# 5. Take the cart out: the value is delivered
#    once. Run it again: found is false, and the
#    default is returned.
mutation PopCart {
  popSessionKey(
    key: "shopping_cart"
    default: []
  ) {
    found
    value
    session { keys }
  }
}`,
  `# 6. Delete every entry. The session, its id and
#    its cookie stay.
mutation Clear {
  clearSession {
    session { id isEmpty keys }
  }
}`,
  `# 7. Log out, keep the id: what clearSession
#    does.
mutation LogoutKeepId {
  logout(flush: false) {
    flushed
    session { id isEmpty }
  }
}`,
  `# 8. Log out for good: the stored session is
#    deleted, the old cookie is worthless at
#    once, and a fresh session begins under a
#    new id.
mutation LogoutAndFlush {
  logout(flush: true) {
    flushed
    session { id isNew isEmpty }
  }
}`,
  `# 9. Look at the session at any time. Asking
#    stores nothing.
query Look {
  me { name }
  session {
    id
    isNew
    isEmpty
    entries { key value }
    expiresIn
    expiresAtBrowserClose
  }
}`,
]

/** GraphiQL's tabs: the life of a session, in order. */
export const tabs = story.map((query) => ({ query }))
