// This tells which of several cookies counts, as browsers send all that match a name without saying whence.

import type { Departure, SessionRecord } from './record.ts'
import type { Store } from './store.ts'

/**
 * Different tokens of one request that are tried, at most. With more of them somebody could hide the visitor's
 * own behind those that are tried.
 */
const maxRivals = 4

/** What one of several cookies stands for. */
export type Choice =
  | { readonly token: string; readonly record: SessionRecord }
  | { readonly token: string; readonly departure: Departure }
  | 'none'
  | 'ambiguous'

/** The different tokens among the values of several cookies. */
export function tokensOf(presented: readonly string[], store: Store): readonly string[] {
  return [...new Set(presented)].filter((text) => store.isToken(text))
}

/**
 * Reads the sessions of all tokens, and chooses the one that is alive. If several are, one of the cookies may
 * have been set by somebody who controls another host of the domain (RFC 6265, 8.6), so that none is used:
 * the visitor would act in the session of somebody else.
 * @param read - what the store has for a token
 */
export async function choose(
  tokens: readonly string[],
  store: Store,
  read: (token: string) => Promise<SessionRecord | Departure | null>,
): Promise<Choice> {
  if (tokens.length > maxRivals) return 'ambiguous'
  const found = await Promise.all(tokens.map(async (token) => ({ token, is: await read(token) })))
  const living = found.filter(({ is }) => is !== null && typeof is !== 'string')
  if (new Set(living.map(({ token }) => store.idOf(token))).size > 1) return 'ambiguous'
  if (living.length > 0) {
    // These are seals of one session.
    const token = living.length > 1 ? store.newest!(living.map((each) => each.token)) : living[0]!.token
    return { token, record: living.find((each) => each.token === token)!.is as SessionRecord }
  }
  const left = found.find(({ is }) => is === 'ended') ?? found.find(({ is }) => is === 'moved')
  return left ? { token: left.token, departure: left.is as Departure } : 'none'
}
