// This writes a complete answer to a response of node:http.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { endOfTurn } from './end-of-turn.ts'
import { corsHeaders, type GateRules, protectiveHeaders, type Reply } from './gate.ts'
import { foldHeaders, framing, setByApplication } from './headers.ts'

interface Logger {
  error(line: string): void
}

/**
 * Cuts an answer that a resolver began itself and has not ended. Nobody else would end it, and the client would wait
 * for ever. Its head has left without the session's cookie, so that it must not look complete.
 */
export function cutBegun(response: ServerResponse, logger?: Logger): void {
  if (!response.headersSent || response.writableEnded || response.destroyed) return
  logger?.error('A resolver began the response itself and did not end it, so that it was cut.')
  response.destroy()
}

/**
 * Writes an answer with the headers of the gate, unless the client has left or another answer was begun. One that was
 * not ended is cut.
 * @returns a promise that resolves when the answer was handed to the socket
 */
export function send(
  { headers: { origin } }: IncomingMessage,
  response: ServerResponse,
  { status, headers, body }: Reply,
  rules: GateRules,
  logger?: Logger,
): Promise<void> {
  cutBegun(response, logger)
  if (response.destroyed || response.headersSent) return Promise.resolve()
  const all = ['content-length', String(Buffer.byteLength(body)), ...flatHeaders]
  const set = response.getHeaderNames()
  const cors = corsHeaders(origin, rules)
  const own =
    set.length + cors.length === 0
      ? headers
      : foldHeaders([...setByApplication(response), ...headers, ...cors])
  for (const [name, value] of own) all.push(name, value)
  for (const name of set) if (framing.has(name)) response.removeHeader(name)
  response.writeHead(status, all)
  const left = endOfTurn(response.socket, () => {
    try {
      response.end(body)
    } catch {
      // Middleware that wraps the response may throw. That must not fail the answers that leave after it.
      response.destroy()
    }
  })
  return left ?? Promise.resolve()
}

const flatHeaders = protectiveHeaders.flat()
