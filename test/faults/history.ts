/** One cookie of one session: a session has a second one after it was rotated. */
export interface Cookie {
  readonly session: number
  readonly index: number
}

export type Kind = 'set' | 'pop' | 'delete' | 'increment' | 'raise' | 'write' | 'read' | 'logout' | 'rotate'

/**
 * - `acked`: it was answered with success
 * - `refused`: it was certainly not applied to this session
 * - `unknown`: it may have been applied, or be applied at any time from its beginning on, or never
 */
export type Status = 'acked' | 'refused' | 'unknown'

/** One request of one client, and what came back. Instants are numbers of one count, so that no two are equal. */
export interface Operation {
  readonly cookie: Cookie
  readonly kind: Kind
  /** What kind of entry it is follows from its first part: see checks.ts. */
  readonly key: string
  /** What was to be written. */
  readonly value: number
  readonly began: number
  readonly ended: number
  readonly status: Status
  /** Whether the answer took the cookie for one of no session. */
  readonly isDead: boolean
  /** Of `pop`, `increment` and `raise`: the value; null for none. */
  readonly result: number | null
  /** Of `delete`: whether the key was there. */
  readonly deleted: boolean
  /** Of `read`. */
  readonly entries: ReadonlyMap<string, number>
  /** Whether it was made when nothing went on any more. */
  readonly isFinal: boolean
}

export const operation = (part: Partial<Operation> & Pick<Operation, 'kind'>): Operation => ({
  cookie: { session: 0, index: 0 },
  key: '',
  value: 0,
  began: 0,
  ended: 0,
  status: 'acked',
  isDead: false,
  result: null,
  deleted: false,
  entries: new Map(),
  isFinal: false,
  ...part,
})
