// This defines the record, what a store keeps of one session, and the mark that it leaves when it goes.

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
  /**
   * Whether the application has rotated the session, as at a sign-in, and not only a client. A store that evicts
   * sessions evicts those last, and hands this out again; any other store drops it.
   */
  readonly kept?: boolean
}

/**
 * Where a session that was deleted a moment ago has gone. `moved`: it goes on under another token, as after
 * `rotate`. `ended`: it is over, as after `flush`.
 */
export type Departure = 'moved' | 'ended'

/** Why a session is no more. `expired`: its deadline is over. `unavailable`: the store does not answer. */
export type Ending = Departure | 'expired' | 'unavailable'

/**
 * What a deletion leaves under the id, so that requests that are still under way with the old cookie are told
 * that it was replaced. It holds nothing of the session, and no way leads from it to a new token.
 */
export interface Mark {
  readonly as: Departure
  /** When the mark ends, and the id becomes unknown. Milliseconds since the epoch. */
  readonly until: number
}

/** The policy of a record that is a mark. No session has such a policy, as none begins with `>`. */
const policies: Readonly<Record<Departure, string>> = { moved: '>moved', ended: '>ended' }

/** Gives the record in which a store keeps a mark: an ordinary one, with a policy that no session has. */
export function markRecord({ as, until }: Mark): SessionRecord {
  return { entries: new Map(), createdAt: 0, expiresAt: until, policy: policies[as] }
}

/** Gives what a record says that was found under an id: where its session has gone if it is a mark. */
export function seen(record: SessionRecord | null): SessionRecord | Departure | null {
  if (record?.policy === policies.moved) return 'moved'
  return record?.policy === policies.ended ? 'ended' : record
}
