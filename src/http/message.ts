// This turns a message of node:http into the head that the gate judges and the Request that Yoga takes.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { RequestHead } from './gate.ts'

/** The head of a message of node:http or node:http2, for the gate. */
export const headOf = (message: IncomingMessage): RequestHead => ({
  method: message.method!,
  scheme: schemeOf(message),
  header: (name) =>
    (message.headers[name] ?? (name === 'host' ? message.headers[':authority'] : undefined)) as
      | string
      | undefined,
})

/** The sockets of Bun have `encrypted` without TLS, too, so that its value is asked for. */
const schemeOf = ({ socket }: IncomingMessage): 'http' | 'https' =>
  'encrypted' in socket && socket.encrypted === true ? 'https' : 'http'

const requestKey = Symbol('request')

/**
 * Makes a function that gives each message its one Request. This is the Request that Yoga would make, except
 * that its signal is made only when a resolver asks for it, which few do.
 * @param fetchAPI - Yoga's
 */
export function requestsOf(
  fetchAPI: Pick<typeof globalThis, 'Request'>,
): (message: IncomingMessage & { [requestKey]?: Request }, response: ServerResponse) => Request {
  class MessageRequest extends fetchAPI.Request {
    readonly #response: ServerResponse
    #left: AbortController | undefined

    constructor(message: IncomingMessage, response: ServerResponse) {
      const url = `${schemeOf(message)}://${message.headers.host ?? 'localhost'}${message.url}`
      super(url, {
        method: 'POST',
        headers: message.headers as never,
        body: message as never,
        duplex: 'half',
      } as never)
      this.#response = response
    }

    override get signal(): AbortSignal {
      if (!this.#left) {
        const left = new AbortController()
        const abort = (): void => {
          if (!this.#response.writableFinished) left.abort()
        }
        if (this.#response.closed) abort()
        else this.#response.once('close', abort)
        this.#left = left
      }
      return this.#left.signal
    }
  }
  return (message, response) => (message[requestKey] ??= new MessageRequest(message, response))
}
