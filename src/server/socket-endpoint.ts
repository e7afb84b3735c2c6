// This takes the WebSockets of a server at its endpoint, by the packages graphql-ws and ws where they are installed.

import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { WebSocketServer } from 'ws'
import { sessionSockets, type SocketYoga } from '../graphql/sockets.ts'

/** Where a server takes handshakes, and how it ends its sockets. */
export interface SocketEndpoint {
  /** Takes a handshake that node:http hands over, once it is no connection of HTTP any more. */
  upgrade(message: IncomingMessage, socket: Duplex, head: Buffer): void
  /** Closes the sockets by 1001, as `drain` of `sessionSockets` does. */
  drain(over?: Promise<unknown>): void
}

/** Makes the endpoint of a server. The packages are loaded when the first handshake comes. */
export function socketEndpoint(yoga: SocketYoga & { readonly graphqlEndpoint: string }): SocketEndpoint {
  const sockets = sessionSockets(yoga)
  let loading: Promise<WebSocketServer> | undefined
  const load = async (): Promise<WebSocketServer> => {
    // Bundlers let packages be missing of which an `import` is awaited within `try`, one by one.
    try {
      const { WebSocketServer } = await import('ws')
      const { useServer } = await import('graphql-ws/use/ws')
      const server = new WebSocketServer({ noServer: true, ...sockets.handshakes })
      useServer(sockets, server)
      return server
    } catch (error) {
      yoga.logger.error(`WebSockets need the packages graphql-ws and ws: ${(error as Error).message}`)
      throw error
    }
  }
  const take = async (message: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> => {
    const [path] = message.url!.split('?')
    if (path !== yoga.graphqlEndpoint && path !== `${yoga.graphqlEndpoint}/`) return answer(socket, 404)
    const server = await (loading ??= load()).catch(() => null)
    if (!server) return answer(socket, 501)
    server.handleUpgrade(message, socket, head, (opened) => server.emit('connection', opened, message))
  }
  return {
    upgrade(message, socket, head) {
      // Until `ws` has taken it, nobody else listens for its errors, and one would end the process.
      socket.on('error', ignore)
      void take(message, socket, head).finally(() => socket.off('error', ignore))
    },
    drain: (over) => sockets.drain(over),
  }
}

const ignore = (): void => {}

function answer(socket: Duplex, status: 404 | 501): void {
  const says = status === 404 ? 'Not Found' : 'Not Implemented'
  socket.once('finish', () => socket.destroy())
  socket.end(`HTTP/1.1 ${status} ${says}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}
