import type { IncomingMessage, ServerResponse } from 'node:http'
import { setImmediate } from 'node:timers/promises'
import { corsHeaders, type GateRules, type Refusal } from './gate.ts'
import { type Gate, protection as protections } from './use-gate.ts'

export interface Reply {
  readonly status: number
  readonly headers: readonly (readonly [string, string])[]
  readonly body: string
}

/** Answers a message of node:http with a refusal of the gate. */
export function refuse(
  refusal: Refusal,
  message: IncomingMessage,
  response: ServerResponse,
  gate: Gate,
): Promise<void> {
  return send(message, response, gate.answer(refusal, message.headers.accept), gate.rules)
}

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
  return leave(response, body)
}

const protection = protections.flat()

interface Leaving {
  readonly response: ServerResponse
  readonly body: string
}

/** Milliseconds that an answer waits for others, at most, beside what the request after it does without a pause. */
const patience = 5

let leaving: Leaving[] = []
let since = 0
let departure = Promise.resolve()

/**
 * What is answered in one turn of the event loop leaves together at its end: whoever waits for several answers, a proxy for
 * example, is woken once for all of them and not once for each, which is the dearest part of a write.
 */
function leave(response: ServerResponse, body: string): Promise<void> {
  if (leaving.push({ response, body }) === 1) {
    since = performance.now()
    departure = setImmediate().then(depart)
  } else if (performance.now() - since > patience) depart()
  return departure
}

function depart(): void {
  const all = leaving
  leaving = []
  for (const { response, body } of all) {
    try {
      response.end(body)
    } catch {
      // Whoever wrapped it fails one answer, and not those that leave with it.
      response.destroy()
    }
  }
}
