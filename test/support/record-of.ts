// This narrows what a store has found under an id to the record of a session.

import type { Departure, SessionRecord } from '../../src/session/record.ts'

export const recordOf = (found: SessionRecord | Departure | null): SessionRecord | null =>
  typeof found === 'string' ? null : found
