// This defines the record: what a store keeps of one session.

/** What a store holds under an id. Entries are a Map, since a key of an object could reach its prototype. */
export interface SessionRecord {
  /** The JSON text of each value by its key, in the order in which the keys were first set. */
  readonly entries: ReadonlyMap<string, string>
  /** When the session was created. Milliseconds since the epoch. Rotation keeps it. */
  readonly createdAt: number
  /** The deadline, from which on the record is as good as deleted. Milliseconds since the epoch. */
  readonly expiresAt: number
  /** The expiry policy, which a store only keeps: printable ASCII, empty for the server's default. */
  readonly policy: string
}
