// This writes a whole answer to node:http.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { corsHeaders, type GateRules, protection as protections, type Reply } from './gate.ts'
import { endOfTurn } from './turn.ts'

/** @returns when it was handed to the socket */
export function send(
  { headers: { origin } }: IncomingMessage,
  response: ServerResponse,
  { status, headers, body }: Reply,
  rules: GateRules,
): Promise<void> {
  if (response.destroyed || response.headersSent) return Promise.resolve()
  const all = ['content-length', String(Buffer.byteLength(body)), ...protection]
  for (const [name, value] of headers) all.push(name, value)
  for (const [name, value] of corsHeaders(origin, rules)) all.push(name, value)
  response.writeHead(status, all)
  return endOfTurn(() => {
    try {
      response.end(body)
    } catch {
      // Whoever wrapped it fails one answer, and not those that leave with it.
      response.destroy()
    }
  })
}

const protection = protections.flat()
