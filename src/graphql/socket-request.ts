// This makes the Request of an operation that comes over a WebSocket, out of the handshake of its socket.

import type { IncomingMessage } from 'node:http'

const ofSocket = Symbol('ofSocket')

/** The members of a Yoga under which its plugins leave what serves its sockets. */
export const sessionsKey = Symbol('sessions')
export const gateKey = Symbol('gate')

/** Whether a request is none of HTTP, so that no headers answer it. */
export const isOfSocket = (request: Request): boolean => ofSocket in request

/** The headers of a handshake, and those that the client of a socket sends later, as a browser can add none. */
export const headersOf = (message: IncomingMessage, later: Readonly<Record<string, string>>): Headers =>
  new Headers(
    Object.entries({ ...message.headers, ...later }).flatMap(([name, value]): [string, string][] =>
      value === undefined ? [] : [[name, [value].flat().join(', ')]],
    ),
  )

/**
 * Makes a function that makes Requests of handshakes. They say POST, since all operations may come over a socket, and
 * Yoga takes mutations of no GET.
 * @param fetchAPI - Yoga's
 */
export function handshakeRequests(
  fetchAPI: Pick<typeof globalThis, 'Request'>,
): (url: string, headers: Headers, left: () => AbortSignal) => Request {
  class HandshakeRequest extends fetchAPI.Request {
    readonly [ofSocket] = true
    readonly #left: () => AbortSignal

    constructor(url: string, headers: Headers, left: () => AbortSignal) {
      super(url, { method: 'POST', headers })
      this.#left = left
    }

    override get signal(): AbortSignal {
      return this.#left()
    }
  }
  return (url, headers, left) => new HandshakeRequest(url, headers, left)
}
