// No line is longer than 50 characters: in a window 1280 pixels wide, GraphiQL would wrap it.
const story = [
  `# 1. Nobody knows you yet. Your first change
#    begins a session, and its cookie comes with
#    the answer.
mutation SetDarkMode {
  updateSessionData(data: { darkMode: true }) {
    session { handle isNew darkMode }
  }
}`,
  `# 2. Delete every entry. The session, its handle
#    and its cookie stay.
mutation Clear {
  clearSession {
    session { handle isEmpty keys }
  }
}`,
  `# 3. Fill the cart, and set the preference again.
#    The shop declares its data, so that what it
#    keeps are fields with types, and defaults.
mutation FillCart {
  updateSessionData(data: { darkMode: true }) {
    session { darkMode }
  }
  engine: addToCart(sku: "engine") {
    item { quantity }
  }
  cards: addToCart(sku: "cards", quantity: 3) {
    session { handle cart { sku quantity } }
  }
}`,
  `# 4. Sign in. The session gets a new handle
#    and secret, and the cart stays. Try a wrong
#    password first: failedAttempts counts it.
mutation SignIn {
  login(username: "ada", password: "lovelace") {
    user { name }
    failedAttempts
    session {
      handle
      keys
      createdAt
      expiresAt
    }
  }
}`,
  `# 5. See where you are signed in. Sign in with
#    another browser, too, and end it from here by
#    revokeSession. Its password has to be fresh.
query Devices {
  mySessions {
    id
    current
    signedInAt
    lastSeenAt
  }
}`,
  `# 6. Try to become somebody else. A client may
#    read and delete user_id, but not write it:
#    SESSION_KEY_FORBIDDEN.
mutation WriteUserId {
  setSessionKey(key: "user_id", value: "2") {
    entry { key value }
  }
}`,
  `# 7. Delete the preference, so that the default
#    applies again. Each entry has a key, too, for
#    verbs that take any. Run it again: nothing to
#    delete is no error.
mutation DeleteDarkMode {
  deleteSessionKey(key: "dark_mode") {
    deleted
    session { darkMode keys }
  }
}`,
  `# 8. Take the cart out: it is delivered once. Run
#    it again: there is nothing left.
mutation PopCart {
  popSessionData(keys: [CART]) {
    popped { cart { sku quantity } }
    session { cart { sku } }
  }
}`,
  `# 9. Say how long the session lives: until the
#    browser closes, or an hour without activity.
#    The cookie follows the last of them.
mutation SetExpiry {
  untilClose: setSessionExpiry(
    expiry: { policy: BROWSER_CLOSE }
  ) {
    session { ...Life }
  }
  anHour: setSessionExpiry(
    expiry: { seconds: 3600 }
  ) {
    session { ...Life }
  }
}

fragment Life on Session {
  expiresAt
  expiresIn
  expiresAtBrowserClose
}`,
  `# 10. Look at the session at any time. Asking
#     stores nothing.
query Look {
  session {
    user { name }
    cart { sku }
    handle
    isNew
    isEmpty
    entries { key value }
    expiresIn
  }
}`,
  `# 11. Follow the session. Change something in
#     another window, and it is told here. The
#     stream ends with the session.
subscription Follow {
  sessionChanged {
    handle
    keys
  }
}`,
  `# 12. Log out, and keep the handle. Every entry
#     is deleted, as by clearSession in tab 2:
#     here the sign-in is one of them.
mutation LogoutKeepId {
  logout(flush: false) {
    flushed
    session { handle isEmpty }
  }
}`,
  `# 13. Log out for good. The stored session is
#     deleted, the old cookie is worthless at
#     once, and a fresh session begins under a
#     new handle.
mutation LogoutAndFlush {
  logout(flush: true) {
    flushed
    session { handle isNew isEmpty }
  }
}`,
]

/** GraphiQL's tabs: the life of a session, in order. */
export const tabs = story.map((query) => ({ query }))
