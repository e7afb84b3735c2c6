// This is the node:http server: its timeouts, and its end.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { SessionError } from '../session/errors.ts'
import { checkNumber, checkOptions } from '../session/options.ts'

export interface ListenOptions {
  /** @default '127.0.0.1' */
  readonly host?: string
  /** 0 takes a free one. @default 4000 */
  readonly port?: number
  /** Milliseconds for the head of a request to arrive, else 408. @default 10000, or `requestTimeout` */
  readonly headersTimeout?: number
  /** Milliseconds for a whole request to arrive, else 408. @default 30000 */
  readonly requestTimeout?: number
  /**
   * Milliseconds without progress for an answer, but not a stream, to be taken by its client. Node notices after twice
   * as long at most. @default 30000
   */
  readonly responseTimeout?: number
  /** Milliseconds in all for running requests to finish after `close`. Then they are cut. @default 10000 */
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
   * answer has left. A connection that was upgraded, to a WebSocket for example, counts as one that is idle: end what
   * goes on there in `drain`.
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
  const { host = '127.0.0.1', port = 4000, requestTimeout = 30_000 } = options
  const { headersTimeout = Math.min(10_000, requestTimeout) } = options
  const { responseTimeout = 30_000, drainTimeout = 10_000 } = options
  for (const [name, value] of Object.entries({
    requestTimeout,
    headersTimeout,
    responseTimeout,
    drainTimeout,
  })) {
    checkNumber(name, value, 'milliseconds')
  }
  if (headersTimeout > requestTimeout) {
    throw new SessionError('CONFIG_INVALID', 'headersTimeout must not be longer than requestTimeout.')
  }
  /** Each connection, and how many of its requests have no complete answer yet. */
  const connections = new Map<Socket, number>()
  if (typeof host !== 'string' || host === '') {
    throw new SessionError('CONFIG_INVALID', 'host must be a name or an address to listen on.')
  }
  if (!Number.isSafeInteger(port) || port < 0 || port > 65_535) {
    throw new SessionError('CONFIG_INVALID', 'port must be a whole number from 0 to 65535.')
  }
  /** Since `close` was called. */
  let isEnding = false
  /** Since nothing is taken any more. */
  let isOver = false
  const count = (socket: Socket, change: 1 | -1): void => {
    const running = connections.get(socket)
    if (running === undefined) return
    connections.set(socket, running + change)
    if (isOver && running + change === 0) socket.destroySoon()
  }
  const server = createServer(
    // Longer than the minute after which load balancers drop a connection: else one sends into a closed one.
    { headersTimeout, requestTimeout, keepAliveTimeout: 65_000, connectionsCheckingInterval: 500 },
    (request, response) => {
      const { socket } = request
      if (isEnding) response.shouldKeepAlive = false
      count(socket, 1)
      // The answer is complete, and waits for its client; the next one, of a pipeline, does not yet.
      response.once('prefinish', () => response.socket?.setTimeout(responseTimeout))
      response.once('close', () => {
        if (connections.get(socket)! > 1) socket.setTimeout(0)
        count(socket, -1)
      })
      // One that is async and fails is a bug of its own request, and not the end of the process.
      const result = listener(request, response)
      if (result instanceof Promise) {
        result.catch((error: unknown) => {
          warn('A request', error)
          response.destroy()
        })
      }
    },
  )
  server.on('connection', (socket) => {
    connections.set(socket, 0)
    socket.once('close', () => connections.delete(socket))
  })
  // Node takes an answer that is still on its way for the end of it, and a connection that sent nothing for a busy one.
  server.closeIdleConnections = () => {
    for (const [socket, running] of connections) if (running === 0) socket.destroySoon()
  }
  await new Promise<void>((listening, failed) => {
    server.once('error', failed).listen(port, host, () => {
      server.off('error', failed)
      listening()
    })
  })
  server.on('error', (error) => warn('The server', error))
  const { port: own } = server.address() as AddressInfo

  const close = async (): Promise<void> => {
    isEnding = true
    try {
      listener.drain?.()
    } catch (error) {
      warn('drain', error)
    }
    await setTimeout(grace)
    isOver = true
    const closed = Promise.withResolvers<void>()
    server.close(() => closed.resolve())
    const cut = setTimeout(Math.max(0, drainTimeout - grace), null, { ref: false }).then(() =>
      server.closeAllConnections(),
    )
    await Promise.race([closed.promise, cut])
  }
  let closing: Promise<void> | undefined
  return {
    server,
    url: `http://${host.includes(':') ? `[${host}]` : host}:${own}`,
    close: () => (closing ??= close()),
  }
}

/** By the code alone: what an error says may be about the data of a request. */
function warn(what: string, error: unknown): void {
  const { name = 'Error', code = '' } = error as Partial<NodeJS.ErrnoException>
  process.emitWarning(`${what} failed: ${name} ${code}`.trimEnd(), 'SessionWarning')
}
