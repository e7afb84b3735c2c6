import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { useServer } from 'graphql-ws/use/ws'
import { describe, expect, it, onTestFinished } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { sessionSockets } from '../../src/graphql/sockets.ts'
import type { SessionContext } from '../../src/graphql/use-session.ts'
import { createSessionServer } from '../../src/server/create-session-server.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { Client, listen } from '../support/harness.ts'

const big = 'x'.repeat(64 * 1024)
/** What may be made ahead of a client, in events of 64 kB: what the buffers of a connection take. */
const most = 200

async function serve() {
  let made = 0
  let isLeft = false
  const yoga = createSessionServer({
    store: memoryStore({ max: 100 }),
    logging: false,
    keys: { theme: { client: ['read', 'write'] } },
    typeDefs: 'extend type Subscription { flood(used: Boolean!): String }',
    resolvers: {
      Subscription: {
        flood: {
          async *subscribe(_: unknown, { used }: { used: boolean }, { session }: SessionContext) {
            if (used) await session.get('theme')
            try {
              // A stream of which nothing is read ends here all the same if its test fails.
              while (made < 5000) {
                made++
                yield big
              }
            } finally {
              isLeft = true
            }
          },
          resolve: (text: string) => text,
        },
      },
    },
  })
  const { url, server, close } = await listen(yoga)
  const sockets = sessionSockets(yoga)
  const socketServer = new WebSocketServer({ server, path: '/graphql', ...sockets.handshakes })
  const closing = useServer(sockets, socketServer)
  onTestFinished(async () => {
    await closing.dispose()
    await close()
  })
  const visitor = new Client(url)
  await visitor.run('mutation { setSessionKey(key: "theme", value: 1) { created } }')
  return { url, visitor, made: () => made, isLeft: () => isLeft }
}

type Served = Awaited<ReturnType<typeof serve>>

/** Each begins a subscription, and reads nothing of it. @returns goes away */
const clients: Record<string, (served: Served, query: string) => Promise<() => void>> = {
  async 'event stream'({ url, visitor }, query) {
    const { port, pathname } = new URL(url)
    const socket: Socket = connect(Number(port), '127.0.0.1')
    await once(socket, 'connect')
    const body = JSON.stringify({ query })
    socket
      .pause()
      .write(
        [
          `POST ${pathname} HTTP/1.1`,
          `host: 127.0.0.1:${port}`,
          'content-type: application/json',
          'accept: text/event-stream',
          `cookie: ${visitor.cookie}`,
          `content-length: ${body.length}`,
          '',
          body,
        ].join('\r\n'),
      )
    return () => socket.destroy()
  },
  async WebSocket({ url, visitor }, query) {
    const headers = { cookie: visitor.cookie }
    const socket = new WebSocket(url.replace('http', 'ws'), 'graphql-transport-ws', { headers })
    await once(socket, 'open')
    socket.send('{"type":"connection_init"}')
    await once(socket, 'message')
    socket.send(JSON.stringify({ type: 'subscribe', id: '1', payload: { query } }))
    socket.pause()
    return () => socket.terminate()
  },
}

describe.each(Object.keys(clients))('whoever reads nothing of a subscription by %s', (by) => {
  it.each([true, false])('holds it up, and no memory (of a session: %s)', async (used) => {
    const served = await serve()
    const leave = await clients[by]!(served, `subscription { flood(used: ${used}) }`)
    onTestFinished(leave)
    let before = -1
    while (served.made() !== before || before === 0) {
      before = served.made()
      await setTimeout(200)
    }
    expect(before).toBeLessThan(most)
    leave()
    while (!served.isLeft()) await setTimeout(10)
  })
})
