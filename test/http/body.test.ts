import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { type Reading, readMessage, readRequest } from '../../src/http/body.ts'
import { gate } from '../support/harness.ts'

const limit = 128 * 1024

/** A server that reads, and a connection to it which sent a head. */
async function reading(head: string, read: (message: IncomingMessage) => Promise<Reading>) {
  const result = Promise.withResolvers<Reading>()
  const server = createServer((message, response) => {
    const answer = async (): Promise<void> => {
      result.resolve(await read(message))
      response.end()
    }
    void answer()
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  socket.on('error', () => {})
  onTestFinished(() => void socket.destroy())
  socket.write(`POST / HTTP/1.1\r\nHost: a\r\n${head}\r\n\r\n`)
  return { socket, result: result.promise }
}

it('keeps no more of a body in chunks of one byte than its bytes', async () => {
  const text = JSON.stringify({ query: 'x'.repeat(limit - 12) })
  let most = 0
  const { socket, result } = await reading('Transfer-Encoding: chunked', (message) => {
    message.on('data', () => (most = Math.max(most, process.memoryUsage().heapUsed)))
    return readMessage(message, limit)
  })
  const before = process.memoryUsage().heapUsed
  for (let at = 0; at < text.length; at += 1000) {
    const chunks = text.slice(at, at + 1000).replaceAll(/[^]/g, '1\r\n$&\r\n')
    if (!socket.write(chunks)) await once(socket, 'drain')
  }
  socket.write('0\r\n\r\n')
  expect(await result).toEqual({ params: JSON.parse(text) })
  expect(most - before).toBeLessThan(200 * limit)
})

it('is done with a client that left before anybody read', async () => {
  const [arrived, left] = [gate(), gate()]
  const { socket, result } = await reading('Content-Length: 100', async (message) => {
    message.once('close', left.resolve)
    arrived.resolve()
    await left.promise
    return readMessage(message, limit)
  })
  await arrived.promise
  socket.destroy()
  expect(await result).toMatchObject({ refusal: { status: 400 } })
})

it('takes a stream that breaks for a body that did not arrive', async () => {
  const broken = (): Request =>
    new Request('http://a', {
      method: 'POST',
      duplex: 'half',
      body: new ReadableStream({ pull: (controller) => controller.error(new Error('canary')) }),
    } as RequestInit)
  expect(await readRequest(broken(), limit)).toMatchObject({ refusal: { status: 400, code: 'BAD_REQUEST' } })
})

it('reads a stream without an end for half a second, and never cancels it', async () => {
  let isCancelled = false
  const body = new ReadableStream({
    pull: (controller) => controller.enqueue(Buffer.alloc(limit)),
    cancel: () => void (isCancelled = true),
  })
  const request = new Request('http://a', { method: 'POST', duplex: 'half', body } as RequestInit)
  const began = performance.now()
  expect(await readRequest(request, limit)).toMatchObject({ refusal: { status: 413 } })
  expect(performance.now() - began).toBeLessThan(3000)
  expect(isCancelled).toBe(false)
})
