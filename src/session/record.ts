// This is what a store keeps of one session.

/** What a store holds under an id. Maps throughout, so that no key can reach a prototype. */
export interface SessionRecord {
  /** Key → JSON text, in the order in which the keys were first set. */
  readonly entries: ReadonlyMap<string, string>
  /** Milliseconds since the epoch. Rotation keeps it. */
  readonly createdAt: number
  /** Milliseconds since the epoch. From this instant on the record is as good as deleted. */
  readonly expiresAt: number
  /** Expiry policy, opaque to a store: printable ASCII, empty for the server's default. */
  readonly policy: string
}
