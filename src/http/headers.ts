// This joins the headers of an answer with those that the application set, and finds those that cannot be sent.

import type { ServerResponse } from 'node:http'

type Named = readonly [name: string, value: unknown]

/** The headers by which a client finds the end of an answer. Whoever writes the body sets them. */
export const framing: ReadonlySet<string> = new Set(['content-length', 'transfer-encoding', 'trailer'])

/** Whether a header says where an answer ends, in whatever case its name is written. */
export const isFraming = (name: string): boolean => framing.has(name.toLowerCase())

/**
 * Makes one list of headers: names in lower case, once each, where the last value stands. `Set-Cookie` is appended and
 * `Vary` is joined. Headers of framing are left out.
 */
export function foldHeaders(headers: Iterable<Named>): [string, string][] {
  // An answer has few headers, so that a search costs less than a Map, on each request.
  const folded: [string, string][] = []
  const cookies: [string, string][] = []
  let vary: string | undefined
  for (const [name, value] of headers) {
    const key = name.toLowerCase()
    if (key === 'set-cookie') for (const each of [value].flat()) cookies.push([key, String(each)])
    else if (key === 'vary') vary = vary === undefined ? String(value) : joinVary(`${vary},${String(value)}`)
    else if (!framing.has(key)) {
      const earlier = folded.find((each) => each[0] === key)
      if (earlier) earlier[1] = String(value)
      else folded.push([key, String(value)])
    }
  }
  if (vary !== undefined) folded.push(['vary', vary])
  return cookies.length === 0 ? folded : [...folded, ...cookies]
}

/** Joins the names of `Vary`, each once. */
function joinVary(list: string): string {
  const names = new Map<string, string>()
  for (const name of list.split(',')) {
    const trimmed = name.trim()
    if (trimmed && !names.has(trimmed.toLowerCase())) names.set(trimmed.toLowerCase(), trimmed)
  }
  return [...names.values()].join(', ')
}

/**
 * The cookies and the `Vary` that an application has set on a response of node:http, e.g. in a resolver. Headers that
 * are written with the answer would replace them.
 */
export function setByApplication(response: Partial<ServerResponse> | undefined): [string, string][] {
  const headers: [string, string][] = []
  for (const name of ['set-cookie', 'vary']) {
    const value = response?.getHeader?.(name)
    if (value !== undefined) for (const each of [value].flat()) headers.push([name, String(each)])
  }
  return headers
}

/**
 * Why an answer cannot be sent; null if it can. Node throws at such a status or header when it writes the answer, which
 * is after the session was saved, and the client would get none.
 * @see RFC 9110, 5.1 and 5.5 for names and values of headers
 */
export function whyUnsendable(status: unknown, headers: Iterable<Named>): string | null {
  if (!Number.isInteger(status) || Number(status) < 200 || Number(status) > 599) {
    return `An answer has no status from 200 to 599, but ${typeof status === 'number' ? status : typeof status}.`
  }
  for (const header of headers) {
    if (!isSendable(header))
      return `An answer has a header that cannot be sent: ${JSON.stringify(header[0])}.`
  }
  return null
}

/** Whether a name and its value, or its values, are what a header may hold. */
export const isSendable = ([name, value]: Named): boolean =>
  isToken.test(name) && (Array.isArray(value) ? value.every(isSendableValue) : isSendableValue(value))

const isSendableValue = (value: unknown): boolean =>
  (typeof value === 'string' || typeof value === 'number') && !holdsUnsendable.test(String(value))

const isToken = /^[\w!#$%&'*+.^`|~-]+$/
const holdsUnsendable = /[^\t\u0020-\u007E\u0080-\u00FF]/
