// This gives an answer headers of its own, before any of them is set.

import type { FetchAPI } from 'graphql-yoga'

/**
 * Gives the headers of an answer, to write to. Yoga's Response keeps the very object or the Headers that it was made of,
 * and a plugin may make all of its answers of one: what is set there, as the cookie of a session, would go to everybody.
 * So the headers of such an answer are replaced by a copy.
 *
 * The copy is made of an object, which whatwg-node writes in one call. It writes one by one what was read from anything
 * else, which takes a tenth of what a request costs.
 */
export function ownHeaders(response: Response, { Headers: Own }: FetchAPI): Headers {
  // The Response of a runtime copies what it is made of, and has its headers from its prototype.
  if (!Object.hasOwn(response, 'headers')) return response.headers
  const others: [string, string][] = []
  const cookies: string[] = []
  for (const [name, value] of response.headers) {
    const key = name.toLowerCase()
    if (key === 'set-cookie') cookies.push(...[value].flat())
    else others.push([key, value])
  }
  const own = new Own(Object.fromEntries(others))
  for (const cookie of cookies) own.append('set-cookie', cookie)
  return ((response as { headers: Headers }).headers = own)
}
