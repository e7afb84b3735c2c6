// This runs a node:http server: timeouts against slow clients, and a close that waits for running answers.

import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { setTimeout } from 'node:timers/promises'
import { SessionError } from '../session/errors.ts'
import { checkNumber, checkOptions } from '../session/options.ts'
import { discard } from './body.ts'
import { gateRules, isHandshake, refusalReply } from './gate.ts'
import { boundHandler } from './handler-timeout.ts'
import { badHost, hasOneHost, judgesHosts } from './host.ts'
import { headOf } from './message.ts'
import { http } from './node-http.ts'
import { send } from './reply.ts'

/** Where `listen` takes requests, and how long it waits for clients. */
export interface ListenOptions {
  /** The name or address to listen on. @default '127.0.0.1' */
  readonly host?: string
  /** The port to listen on; 0 takes a free one. @default 4000 */
  readonly port?: number
  /**
   * Milliseconds in which the head of a request has to arrive. A client that takes longer is answered 408.
   * Must not be longer than `requestTimeout`.
   * @default 10000, or `requestTimeout` where that is shorter
   */
  readonly headersTimeout?: number
  /**
   * Milliseconds in which a whole request has to arrive. A client that takes longer is answered 408.
   * @default 30000
   */
  readonly requestTimeout?: number
  /**
   * Milliseconds for which a client may take nothing of a complete answer. Then its connection is closed;
   * Node notices after twice as long at most. A stream that goes on has no such limit.
   * @default 30000
   */
  readonly responseTimeout?: number
  /**
   * Milliseconds for the handler, from the request to the head of its answer; 0 for no limit. Then the client is told
   * 503 with the code HANDLER_TIMEOUT, and its connection is closed. Nothing stops the handler, but `request.signal` of
   * Yoga and the event `close` of the response tell it, and what it does to the response has no effect any more. An
   * answer that has begun has no such limit.
   * @default 60000
   */
  readonly handlerTimeout?: number
  /**
   * Milliseconds after `close` in which new connections and requests are still taken, while `/health/ready` of
   * `createSessionServer` is 503. Load balancers go on sending requests until they notice: for Kubernetes 5000 to
   * 15000 are usual. 0 is for a process that no load balancer sends requests to.
   * @default 100
   */
  readonly drainDelay?: number
  /** Milliseconds for running requests to finish after `drainDelay`. Then they are cut off. @default 10000 */
  readonly drainTimeout?: number
}

/** A handler of node:http, such as `createSessionServer` makes. */
export interface Listener {
  (request: IncomingMessage, response: ServerResponse): unknown
  /**
   * Called by `close`, once. It has to end what has no end of its own, e.g. event streams and WebSockets.
   * @param over - resolves after `drainDelay`. A client whose stream ends before may come back to this process
   */
  drain?(over: Promise<void>): void
  /**
   * Called with each handshake of a WebSocket, whose connection is none of HTTP from then on. `close` waits for it. It is
   * not called where `server` has a further listener for its event `upgrade`, which takes them all. Without it, and before Node 24.9, where a server that takes handshakes could serve no request for another upgrade, they
   * are requests like any other.
   */
  upgrade?(request: IncomingMessage, socket: Duplex, head: Buffer): void
}

/** A server that listens, made by `listen`. */
export interface Listening {
  /** The server of node:http. */
  readonly server: Server
  /** The address of the server, e.g. `http://127.0.0.1:4000`. */
  readonly url: string
  /**
   * Calls `drain`, takes no further connections from `drainDelay` later on, and lets running requests finish, and what
   * `upgrade` was called for. Any other connection that was upgraded counts as idle and is closed: end what goes on there
   * in `drain`.
   * @returns a promise that resolves when the last answer has left, or when `drainTimeout` is over, too
   */
  close(): Promise<void>
}

/**
 * Starts a node:http server that closes the connections of clients that are too slow, answers 400 to requests that
 * do not name one valid host (RFC 9112, 3.2), and whose `close` waits for running requests.
 * @param listener - handles each request
 * @returns the server, once it takes connections
 * @throws {SessionError} CONFIG_INVALID, naming the option
 * @throws {Error} what `listen` of node:net fails with, e.g. EADDRINUSE
 */
export async function listen(listener: Listener, options: ListenOptions = {}): Promise<Listening> {
  checkOptions('listen', options, [
    'host',
    'port',
    'headersTimeout',
    'requestTimeout',
    'responseTimeout',
    'handlerTimeout',
    'drainDelay',
    'drainTimeout',
  ])
  const { host = '127.0.0.1', port = 4000, requestTimeout = 30_000 } = options
  const { headersTimeout = Math.min(10_000, requestTimeout) } = options
  const { handlerTimeout = 60_000 } = options
  const { responseTimeout = 30_000, drainDelay = 100, drainTimeout = 10_000 } = options
  for (const [name, value] of Object.entries({
    requestTimeout,
    headersTimeout,
    responseTimeout,
    drainTimeout,
  })) {
    checkNumber(name, value, 'milliseconds')
  }
  if (drainDelay !== 0) checkNumber('drainDelay', drainDelay, 'milliseconds')
  if (handlerTimeout !== 0) checkNumber('handlerTimeout', handlerTimeout, 'milliseconds')
  if (headersTimeout > requestTimeout) {
    throw new SessionError('CONFIG_INVALID', 'headersTimeout must not be longer than requestTimeout.')
  }
  /** Each open connection, and how many of its requests are still waiting for the end of their answer. */
  const connections = new Map<Socket, number>()
  if (typeof host !== 'string' || host === '') {
    throw new SessionError('CONFIG_INVALID', 'host must be a name or an address to listen on.')
  }
  if (!Number.isSafeInteger(port) || port < 0 || port > 65_535) {
    throw new SessionError('CONFIG_INVALID', 'port must be a whole number from 0 to 65535.')
  }
  /** Whether `close` was called. */
  let isEnding = false
  /** Whether `drainDelay` is over, so that a connection is closed as soon as none of its requests is running. */
  let isOver = false
  const count = (socket: Socket, change: 1 | -1): void => {
    const running = connections.get(socket)
    if (running === undefined) return
    connections.set(socket, running + change)
    if (isOver && running + change === 0) socket.destroySoon()
  }
  const takesHandshakes = listener.upgrade !== undefined && choosesUpgrades
  const server = http!.createServer(
    // Load balancers drop an idle connection after a minute. With a shorter time here they would send a
    // request into a connection that this server has just closed.
    {
      headersTimeout,
      requestTimeout,
      keepAliveTimeout: 65_000,
      connectionsCheckingInterval: 500,
      // A handshake is a GET (RFC 6455, 4.1). Any other request that asks for an upgrade is one of plain HTTP.
      ...(takesHandshakes && {
        shouldUpgradeCallback: (request) => request.method === 'GET' && isHandshake(headOf(request)),
      }),
    },
    (request, response) => {
      const { socket } = request
      if (isEnding) response.shouldKeepAlive = false
      count(socket, 1)
      // The answer is complete, and only waits for its client. An answer that waits for the one before it, in
      // a pipeline of requests, has no socket yet.
      response.once('prefinish', () => response.socket?.setTimeout(responseTimeout))
      response.once('close', () => {
        if (connections.get(socket)! > 1) socket.setTimeout(0)
        count(socket, -1)
      })
      if (handlerTimeout !== 0) {
        boundHandler(request, response, handlerTimeout, () => {
          warn('A request', { name: 'TimeoutError', code: 'HANDLER_TIMEOUT' })
          socket.setTimeout(responseTimeout)
        })
      }
      // A listener that rejects must fail its own request only: unhandled, it would end the process.
      const result =
        judgesHosts in listener || hasOneHost(request)
          ? listener(request, response)
          : refuseHost(request, response)
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
  if (takesHandshakes) {
    server.on('upgrade', (request, socket, head) => {
      // Whoever adds a listener to the server takes all handshakes.
      if (server.listenerCount('upgrade') > 1) return
      count(request.socket, 1)
      listener.upgrade!(request, socket, head)
    })
  }
  // Node's own method closes connections whose complete answer is still being sent, and leaves open those on
  // which no request has come.
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
    const over = setTimeout(drainDelay)
    try {
      listener.drain?.(over)
    } catch (error) {
      warn('drain', error)
    }
    await over
    isOver = true
    const closed = Promise.withResolvers<void>()
    server.close(() => closed.resolve())
    await Promise.race([closed.promise, setTimeout(drainTimeout, null, { ref: false })])
    for (const socket of connections.keys()) socket.destroy()
  }
  let closing: Promise<void> | undefined
  return {
    server,
    url: `http://${host.includes(':') ? `[${host}]` : host}:${own}`,
    close: () => (closing ??= close()),
  }
}

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
/** Whether Node asks for each upgrade whether it is taken: HTTP/2 without TLS, for example, is asked for, too. */
const choosesUpgrades = major > 24 || (major === 24 && minor >= 9)

/** Answers what Yoga would answer 500, with a stack trace: it makes a URL of the host before any plugin is asked. */
async function refuseHost(request: IncomingMessage, response: ServerResponse): Promise<void> {
  await discard(request)
  return send(request, response, refusalReply(badHost, request.headers.accept), gateRules({}))
}

/** Warns with the name and the code of an error alone, as its message may hold data of a request. */
function warn(what: string, error: unknown): void {
  const { name = 'Error', code = '' } = error as Partial<NodeJS.ErrnoException>
  process.emitWarning(`${what} failed: ${name} ${code}`.trimEnd(), 'SessionWarning')
}
