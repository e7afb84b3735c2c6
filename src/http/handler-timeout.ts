// This answers a request whose handler takes too long, so that its client does not wait for ever.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { protectiveHeaders, refusalReply } from './gate.ts'

const tookTooLong = {
  status: 503,
  code: 'HANDLER_TIMEOUT',
  message: 'The server took too long. What was asked for may have been done.',
}

/**
 * Answers a request by 503 and closes its connection, unless the head of an answer is sent in time. A body that is still
 * arriving, and an answer that has to wait for the one before it in a pipeline, are not the handler's delay.
 *
 * The answer is written to the socket. Then the response is one whose client has left: what the handler writes to it
 * goes nowhere, where a second answer on a response that has one would throw, in a handler that expects no such thing.
 * @param milliseconds - for the handler
 * @param given - called when the handler was given up
 */
export function boundHandler(
  request: IncomingMessage,
  response: ServerResponse,
  milliseconds: number,
  given: () => void,
): void {
  const judge = (): void => {
    const { socket, headersSent } = response
    if (headersSent || response.destroyed) return
    if (!request.complete || !socket) {
      timer = setTimeout(judge, milliseconds)
      return
    }
    given()
    socket.end(textOf(request))
    socket.destroySoon()
  }
  let timer = setTimeout(judge, milliseconds)
  response.once('close', () => clearTimeout(timer))
}

/** The answer as HTTP/1.1 writes it. */
function textOf({ headers: { accept } }: IncomingMessage): string {
  const { status, headers, body } = refusalReply(tookTooLong, accept)
  const all = [
    ...headers,
    ...protectiveHeaders,
    ['content-length', String(Buffer.byteLength(body))],
    ['connection', 'close'],
  ]
  const head = all.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  return `HTTP/1.1 ${status} Service Unavailable\r\n${head}\r\n${body}`
}
