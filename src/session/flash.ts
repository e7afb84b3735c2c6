// This keeps notices for a visitor that are shown once, in an entry of the session that no key can name.

import { decode, type Json } from './value.ts'

/** The key of that entry: a list of pairs of a value and when it is over (ms since the epoch). */
export const flashKey = '$flash'

/** How many notices are kept. Beyond it the oldest goes, as pages that never take them would fill the session. */
const most = 32
/** How many characters of JSON all notices together have, at most, before the oldest goes. */
const mostCharacters = 16_384

type Notices = readonly (readonly [value: Json, until: number])[]

/** The notices of a stored text that are not over. */
export function noticesIn(text: string | null | undefined, now: number): Notices {
  if (text === null || text === undefined) return []
  return (decode(text) as unknown as Notices).filter(([, until]) => until > now)
}

/** The text with one more notice. @param added - the JSON text of its value */
export function withNotice(text: string | null, added: string, until: number, now: number): string {
  const texts = noticesIn(text, now)
    .slice(1 - most)
    .map((each) => JSON.stringify(each))
  const last = `[${added},${until}]`
  let length = last.length + texts.reduce((sum, each) => sum + each.length, 0)
  while (texts.length > 0 && length > mostCharacters) length -= texts.shift()!.length
  return `[${[...texts, last].join(',')}]`
}
