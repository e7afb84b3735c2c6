// This replaces an answer of Yoga that cannot be sent by one that can, with the cookies of what was stored.

import type { ServerResponse } from 'node:http'
import type { FetchAPI } from 'graphql-yoga'
import { foldHeaders, framing, isSendable, setByApplication, whyUnsendable } from '../http/headers.ts'
import { failed as failedResult } from './errors.ts'

/** The headers that an answer keeps when it is replaced: none of them is about its body. */
const kept =
  /^(?:set-cookie|vary|cache-control|x-content-type-options|cross-origin-resource-policy|access-control-.*)$/

/** Why an answer of Yoga, or of a plugin, cannot be sent; null if it can. */
export function whyNotSent(response: Response): string | null {
  if (!isAnswer(response)) return 'An answer is no Response.'
  if (!isSendable(['status', response.statusText]))
    return 'An answer has a text of its status that cannot be sent.'
  return whyUnsendable(response.status, response.headers)
}

const isAnswer = (response: Partial<Response> | null | undefined): response is Response =>
  typeof response?.headers?.getSetCookie === 'function'

/**
 * The answer for a bug that was met when another one was complete, or before there was one.
 * @param failed - the other one, or what a plugin has put into its place
 */
export function unexpectedAnswer(
  failed: Response | undefined,
  { Response: Answer, Headers: Own }: FetchAPI,
): Response {
  const headers = new Own({ 'content-type': 'application/json; charset=utf-8' })
  if (isAnswer(failed)) {
    for (const header of failed.headers) {
      if (kept.test(header[0]) && isSendable(header)) headers.append(...header)
    }
    void end(failed).catch(() => {})
  }
  return new Answer(JSON.stringify(failedResult(null)), { status: 500, headers })
}

/**
 * Ends the stream of an answer, as nobody is going to read it. Who holds it already may have read it. Yoga's streams only
 * have something to end once they are read from.
 */
async function end({ body }: Response): Promise<void> {
  const reader = body?.getReader()
  reader?.read().catch(() => {})
  await reader?.cancel()
}

/**
 * Takes over what the application has set on the response of node:http, which the answer is going to replace.
 * @param own - gives the headers of the answer, to write to
 */
export function takeOver(response: ServerResponse | undefined, own: () => Headers): void {
  if (!response?.getHeaderNames || response.headersSent) return
  const names = response.getHeaderNames()
  if (names.length === 0) return
  // The answer has its own. Where one is removed that was not set, Node would leave out its own, too.
  for (const name of names) if (framing.has(name)) response.removeHeader(name)
  const set = setByApplication(response)
  if (set.length === 0) return
  const headers = own()
  const vary = headers.get('vary')
  const joined = foldHeaders(vary === null ? set : [['vary', vary], ...set])
  for (const [name, value] of joined) {
    if (name === 'vary') headers.set(name, value)
    else headers.append(name, value)
  }
}
