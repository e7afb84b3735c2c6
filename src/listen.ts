import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { checkOptions } from './options.ts'
import { checkNumber } from './settings.ts'

export interface ListenOptions {
  /** @default '127.0.0.1' */
  readonly host?: string
  /** 0 takes a free one. @default 4000 */
  readonly port?: number
  /** Milliseconds for the head of a request to arrive, else 408. @default 10000 */
  readonly headersTimeout?: number
  /** Milliseconds for a whole request to arrive, else 408. @default 30000 */
  readonly requestTimeout?: number
  /** Milliseconds without progress for an answer to be taken by its client. @default 30000 */
  readonly responseTimeout?: number
  /** Milliseconds for running requests to finish after `close`. Then they are cut. @default 10000 */
  readonly drainTimeout?: number
}

/** What `createSessionServer` makes; any other handler of node:http does, too. */
export interface Listener {
  (request: IncomingMessage, response: ServerResponse): unknown
  /** Called when no further requests are wanted. */
  drain?(): void
}

export interface Listening {
  readonly server: Server
  /** E.g. `http://127.0.0.1:4000`. */
  readonly url: string
  /**
   * Takes no further connections, completes event streams, lets running requests finish, and resolves when the last
   * answer has left.
   */
  close(): Promise<void>
}

/** Milliseconds in which requests that are on their way already still arrive, before nothing is taken any more. */
const grace = 100

/**
 * A node:http server whose clients cannot hold it up, and that ends without losing anything.
 * @throws {SessionError} CONFIG_INVALID. Rejects as `listen` of node:net fails, e.g. with EADDRINUSE
 */
export async function listen(listener: Listener, options: ListenOptions = {}): Promise<Listening> {
  checkOptions('listen', options, [
    'host',
    'port',
    'headersTimeout',
    'requestTimeout',
    'responseTimeout',
    'drainTimeout',
  ])
  const { host = '127.0.0.1', port = 4000, headersTimeout = 10_000, requestTimeout = 30_000 } = options
  const { responseTimeout = 30_000, drainTimeout = 10_000 } = options
  for (const [name, value] of Object.entries({
    headersTimeout,
    requestTimeout,
    responseTimeout,
    drainTimeout,
  })) {
    checkNumber(name, value, 'milliseconds')
  }
  let isClosing = false
  const server = createServer(
    // Longer than the minute after which load balancers drop a connection: else one sends into a closed one.
    { headersTimeout, requestTimeout, keepAliveTimeout: 65_000, connectionsCheckingInterval: 500 },
    (request, response) => {
      if (isClosing) response.shouldKeepAlive = false
      // The answer is complete, and waits for its client.
      response.once('prefinish', () => response.socket?.setTimeout(responseTimeout))
      response.once('close', () => {
        if (isClosing) server.closeIdleConnections()
      })
      void listener(request, response)
    },
  )
  await new Promise<void>((listening, failed) => {
    server.once('error', failed).listen(port, host, listening)
  })
  const { port: own } = server.address() as AddressInfo

  const close = async (): Promise<void> => {
    isClosing = true
    listener.drain?.()
    await setTimeout(grace)
    const closed = Promise.withResolvers<void>()
    server.close(() => closed.resolve())
    const cut = setTimeout(drainTimeout, null, { ref: false }).then(() => server.closeAllConnections())
    // What another protocol took over, WebSockets for example, is not the server's to close.
    await Promise.race([closed.promise, cut])
  }
  let closing: Promise<void> | undefined
  return {
    server,
    url: `http://${host.includes(':') ? `[${host}]` : host}:${own}`,
    close: () => (closing ??= close()),
  }
}
