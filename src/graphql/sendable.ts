// This replaces an answer of Yoga that cannot be sent by one that can, with the cookies of what was stored.

import type { ServerResponse } from 'node:http'
import type { FetchAPI, YogaLogger } from 'graphql-yoga'
import { foldHeaders, framing, isSendable, setByApplication, whyUnsendable } from '../http/headers.ts'
import { failed } from './errors.ts'

/** The headers that an answer keeps when it is replaced: none of them is about its body. */
const kept =
  /^(?:set-cookie|vary|cache-control|x-content-type-options|cross-origin-resource-policy|access-control-.*)$/

/**
 * Judges an answer by its status and its headers, and logs why it cannot be sent.
 * @returns an answer to send in its place, with the status 500; null where it can be sent
 */
export function sendable(
  response: Response,
  fetchAPI: FetchAPI,
  logger: YogaLogger | undefined,
): Response | null {
  const why = whyUnsendable(response.status, response.headers)
  if (!why) return null
  logger?.error(why)
  return unexpectedAnswer(response, fetchAPI)
}

/** The answer for a bug that was met when another one was complete. */
export function unexpectedAnswer(response: Response, { Response: Answer, Headers: Own }: FetchAPI): Response {
  const headers = new Own({ 'content-type': 'application/json; charset=utf-8' })
  for (const header of response.headers) {
    if (kept.test(header[0]) && isSendable(header)) headers.append(...header)
  }
  // A stream has to end, as nobody is going to read it.
  void Promise.resolve(response.body?.cancel()).catch(() => {})
  return new Answer(JSON.stringify(failed(null)), { status: 500, headers })
}

/** Takes over what the application has set on the response of node:http, which the answer is going to replace. */
export function takeOver(response: ServerResponse | undefined, headers: Headers): void {
  if (!response?.getHeader || response.headersSent) return
  // The answer has its own. Where one is removed that was not set, Node would leave out its own, too.
  for (const name of framing) if (response.hasHeader(name)) response.removeHeader(name)
  const set = setByApplication(response)
  if (set.length === 0) return
  const vary = headers.get('vary')
  const joined = foldHeaders(vary === null ? set : [['vary', vary], ...set])
  for (const [name, value] of joined) {
    if (name === 'vary') headers.set(name, value)
    else headers.append(name, value)
  }
}
