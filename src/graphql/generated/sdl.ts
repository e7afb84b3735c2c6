export const sdl = `"Any JSON value."
scalar JSON @specifiedBy(url: "https://datatracker.ietf.org/doc/html/rfc8259")

"An object of JSON values, key by key."
scalar JSONObject @specifiedBy(url: "https://datatracker.ietf.org/doc/html/rfc8259")

"An instant, RFC 3339 in UTC, e.g. 2026-11-23T01:00:00.000Z."
scalar DateTime @specifiedBy(url: "https://scalars.graphql.org/andimarek/date-time.html")

type Query {
  "The session of this request. Asking for it stores nothing."
  session: Session!
  "The devices on which the owner of this session is signed in, the last that signed in first. Empty for a visitor."
  mySessions: [SessionDevice!]!
}

"What the server remembers of this client between requests, as this client may see it. There is one for each client."
type Session {
  "Always the same, so that the caches of clients find the session again after it changed: a client has one."
  id: ID!
  "Changes when the secret of the session changes, which only its client has, and cannot be used in its place. Null while there is nothing to store; from the first change of a request on it is the one under which the session is going to be stored."
  handle: ID
  "True until the session is stored for the first time."
  isNew: Boolean!
  "True when there is no entry, whoever may read it."
  isEmpty: Boolean!
  "Names of the entries that this client may read, in the order in which they were first set."
  keys: [String!]!
  "True when the key is present. A stored null is present."
  has(key: String!): Boolean!
  "The value, or the default when the key is absent. A stored null is a value."
  value(key: String!, default: JSON): JSON
  "All readable entries, or those named; an absent key is left out."
  entries(keys: [String!]): [SessionEntry!]!
  "When the session was created. Rotation does not change it. Null while there is nothing to store."
  createdAt: DateTime
  "When the session ends if nothing renews it."
  expiresAt: DateTime
  "Whole seconds until then, rounded down."
  expiresIn: Int
  "True when the cookie ends with the browser."
  expiresAtBrowserClose: Boolean!
  "True when there is a notice for popFlash to take."
  hasFlash: Boolean!
}

"One key and its value."
type SessionEntry {
  "Always the same for the same key, so that the caches of clients know the entry."
  id: ID!
  key: String!
  value: JSON
}

"A device on which the owner of the session is signed in."
type SessionDevice {
  "Stays the same when the session gets a new secret, and opens nothing."
  id: ID!
  "True for the device that asks."
  current: Boolean!
  "When its owner signed in on it, or when a session that was signed in before was claimed."
  signedInAt: DateTime!
  "When it was last used, in steps of an hour at most."
  lastSeenAt: DateTime!
  "When it is signed out at the latest, however much it is used."
  expiresAt: DateTime!
  "What its browser called itself at the sign-in, shortened."
  userAgent: String
  "What the application calls it."
  label: String
}

type Mutation {
  "Sets one entry. null is a value; an omitted value is an error."
  setSessionKey(key: String!, value: JSON): SetSessionKeyPayload!
  "Sets every given entry, or none of them."
  updateSession(data: JSONObject!): UpdateSessionPayload!
  "Sets the entry only where the key is absent, and tells which value stands."
  setDefaultSessionKey(key: String!, value: JSON): SetDefaultSessionKeyPayload!
  "Deletes one entry. A key that is absent is no error: deleted is false."
  deleteSessionKey(key: String!): DeleteSessionKeyPayload!
  "Deletes one entry and returns what it held, or the default. Of two at the same time, one finds it."
  popSessionKey(key: String!, default: JSON): PopSessionKeyPayload!
  "Deletes every entry, and signs out. The session, its handle and its secret stay."
  clearSession: ClearSessionPayload!
  "flush: true deletes the session from the store and goes on in a fresh, empty one with a new handle and secret. flush: false deletes every entry, signs out and keeps the handle."
  logout(flush: Boolean! = true): LogoutPayload!
  "New secret and handle, same entries, same absolute deadline. The old secret is worthless at once, in a cookie as in a header."
  rotateSession: RotateSessionPayload!
  "Says when the session ends, at the latest when the server's own idle and absolute timeouts would end it."
  setSessionExpiry(expiry: SessionExpiryInput!): SetSessionExpiryPayload!
  "Takes the notices that the server has left for this client, the oldest first. Each is given once."
  popFlash: PopFlashPayload!
  "Signs one device of the owner out. An id that names none of them is no error: revoked is false. For the current one this is logout(flush: true)."
  revokeSession(id: ID!): RevokeSessionPayload!
  "Signs every other device of the owner out, also those that are signing in with what they knew before."
  revokeOtherSessions: RevokeSessionsPayload!
  "Signs every device of the owner out, with this one, which goes on in a fresh session."
  revokeAllSessions: RevokeSessionsPayload!
}

type Subscription {
  "The session of this client, at once and whenever somebody changes it; null when it has ended."
  sessionChanged: Session
}

# Built into graphql-js, but unknown to others, e.g. to the composition of Apollo's federation, unless it is defined.
"Indicates exactly one field must be supplied and this field must not be \`null\`."
directive @oneOf on INPUT_OBJECT

"Exactly one."
input SessionExpiryInput @oneOf {
  "Seconds without activity."
  seconds: Int
  "A fixed instant. One that is past ends the session now."
  at: DateTime
  policy: SessionExpiryPolicy
}

enum SessionExpiryPolicy {
  "The cookie ends with the browser; in the store the server's idle timeout applies."
  BROWSER_CLOSE
  "Takes back what this client has set; what the application has set stays."
  SERVER_DEFAULT
}

"What every mutation answers with: the session after it."
interface SessionPayload {
  session: Session!
}

type SetSessionKeyPayload implements SessionPayload {
  session: Session!
  entry: SessionEntry!
  "True if the key was absent before. Null for a client that may not read the key."
  created: Boolean
}

type UpdateSessionPayload implements SessionPayload {
  session: Session!
  "The entries that were set, in the order given."
  entries: [SessionEntry!]!
}

type SetDefaultSessionKeyPayload implements SessionPayload {
  session: Session!
  "The entry that stands now."
  entry: SessionEntry!
  "True if the key was absent, so that the given value stands."
  created: Boolean!
}

type DeleteSessionKeyPayload implements SessionPayload {
  session: Session!
  key: String!
  "True if the key was there. Null for a client that may not read the key."
  deleted: Boolean
}

type PopSessionKeyPayload implements SessionPayload {
  session: Session!
  key: String!
  "True if the value was there, and is now yours alone."
  found: Boolean!
  value: JSON
}

type ClearSessionPayload implements SessionPayload {
  session: Session!
}

type LogoutPayload implements SessionPayload {
  session: Session!
  "True if a stored session was deleted from the store."
  flushed: Boolean!
}

type RotateSessionPayload implements SessionPayload {
  session: Session!
}

type SetSessionExpiryPayload implements SessionPayload {
  session: Session!
}

type PopFlashPayload implements SessionPayload {
  session: Session!
  "The notices, the oldest first. Empty where there are none."
  values: [JSON!]!
}

type RevokeSessionPayload implements SessionPayload {
  session: Session!
  id: ID!
  "True if the device was signed in."
  revoked: Boolean!
}

type RevokeSessionsPayload implements SessionPayload {
  session: Session!
  "How many devices were signed in, and are not any more."
  count: Int!
}
`