import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { createSchema, createYoga } from 'graphql-yoga'
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { useSessionGate } from '../../src/graphql/use-gate.ts'
import type { SessionContext } from '../../src/graphql/use-session.ts'
import { listen, type Listener, type ListenOptions } from '../../src/http/listen.ts'
import { createSessionServer } from '../../src/server/create-session-server.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { gate, seen } from '../support/harness.ts'
import { RawConnection } from '../support/raw.ts'
import { shop, type ShopData } from '../support/shop.ts'

const mutation = 'mutation { setSessionKey(key: "dark_mode", value: true) { created } }'
const json = (query: string): string => JSON.stringify({ query })
const head = (rest: string): string =>
  `POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${rest}\r\n\r\n`
const post = (body: string): string => head(`Content-Length: ${Buffer.byteLength(body)}`) + body

const tooLong = 26_000_000
const bigLength = 64_000_000

/** A server whose mutation `held` waits for the test, and whose query `big` no buffer holds. */
async function serve(options: ListenOptions = {}) {
  const [entered, release] = [gate(), gate()]
  const { yoga, store } = shop({
    typeDefs: 'extend type Query { big: String } extend type Mutation { held: Boolean }',
    resolvers: {
      Query: { big: () => 'x'.repeat(bigLength) },
      Mutation: {
        async held(_: unknown, __: unknown, { session }: SessionContext<ShopData>) {
          entered.resolve()
          await release.promise
          session.set('dark_mode', true)
          return true
        },
      },
    },
  })
  const listening = await started(yoga, options)
  return { ...listening, store, entered: entered.promise, release: release.resolve }
}

async function started(listener: Listener, options: ListenOptions) {
  const listening = await listen(listener, { port: 0, ...options })
  onTestFinished(() => {
    listening.server.closeAllConnections()
    return listening.close()
  })
  return { ...listening, talk: () => talk(listening.url) }
}

/** A connection of one client, and all that it was told. */
async function talk(url: string) {
  const socket = connect({ port: Number(new URL(url).port), host: '127.0.0.1', allowHalfOpen: true })
  onTestFinished(() => void socket.destroy())
  await once(socket, 'connect')
  let told = ''
  const closed = new Promise<void>((done) => {
    socket.once('end', done).once('close', () => done())
  })
  socket.on('error', () => {}).setEncoding('latin1')
  socket.on('data', (text: string) => {
    told += text
    if (told.length < 10_000) seen.push(text)
  })
  return {
    socket,
    closed,
    get told() {
      return told
    },
    send: (text: string) => void socket.write(text),
    /** Until this many answers are there, or the connection is closed. */
    async statuses(count: number): Promise<number[]> {
      const all = (): number[] =>
        [...told.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status))
      const isOver = closed.then(() => true)
      while (all().length < count && !(await Promise.race([isOver, setTimeout(5, false)])));
      return all()
    },
  }
}

const elapsed = async (work: () => Promise<unknown>): Promise<number> => {
  const start = performance.now()
  await work()
  return performance.now() - start
}

/** What node:http takes until it looks at its connections, and what a busy machine takes. */
const slack = 3000

describe('a client that is slow', () => {
  it.each([
    ['to begin', ''],
    ['with its head', 'POST /graphql HTTP/1.1\r\nHost: loc'],
  ])('%s is told 408 after headersTimeout', async (_, sent) => {
    const { talk } = await serve({ headersTimeout: 300 })
    const client = await talk()
    client.send(sent)
    expect(await elapsed(() => client.closed)).toBeLessThan(300 + slack)
    expect(client.told).toMatch(sent ? /^HTTP\/1\.1 408 / : /^(HTTP\/1\.1 408 |$)/)
  })

  it('with its body is told 408 after requestTimeout, however it drips, and nothing is run', async () => {
    const { talk, store } = await serve({ headersTimeout: 300, requestTimeout: 600 })
    const client = await talk()
    const body = json(mutation)
    client.send(head(`Content-Length: ${body.length}`))
    const drip = setInterval(() => client.send(body[Math.floor(client.socket.bytesWritten % 5)]!), 50)
    expect(await elapsed(() => client.closed)).toBeLessThan(600 + slack)
    clearInterval(drip)
    expect(client.told).toMatch(/^HTTP\/1\.1 408 /)
    expect(store.calls).toEqual([])
  })

  it('to read its answer is dropped after responseTimeout', async () => {
    const { talk, server } = await serve({ responseTimeout: 400 })
    const connected = once(server, 'connection') as Promise<[Socket]>
    const client = await talk()
    const [socket] = await connected
    client.socket.pause()
    client.send(post(json('{ big }')))
    // The text of the answer takes a slow machine seconds. Without the option the socket would stay for 30 s.
    expect(await elapsed(() => once(socket, 'close'))).toBeLessThan(400 + 4 * slack)
  })

  it('to read, but reads, gets the whole of its answer', async () => {
    const { talk } = await serve({ responseTimeout: 500 })
    const client = await talk()
    client.send(post(json('{ big }')).replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'))
    let read = 0
    client.socket.on('data', (text: string) => {
      read += text.length
      if (read > 4_000_000) client.socket.pause()
    })
    const timer = setInterval(() => {
      read = 0
      client.socket.resume()
    }, 100)
    expect(await elapsed(() => client.closed)).toBeGreaterThan(2 * 500)
    clearInterval(timer)
    expect(client.told).toHaveLength(
      client.told.indexOf('\r\n\r\n') + 4 + '{"data":{"big":""}}'.length + bigLength,
    )
  })

  it('to get the second of its answers waits for it', async () => {
    const { talk, release, entered } = await serve({ responseTimeout: 200 })
    const client = await talk()
    client.send(post(json('{ __typename }')) + post(json('mutation { held }')))
    await entered
    await setTimeout(400)
    release()
    expect(await client.statuses(2)).toEqual([200, 200])
  })

  it('is not cut while the server is the slow one', async () => {
    const { talk, release, entered } = await serve({
      responseTimeout: 200,
      headersTimeout: 200,
      requestTimeout: 200,
    })
    const client = await talk()
    client.send(post(json('{ __typename }')))
    expect(await client.statuses(1)).toEqual([200])
    client.send(post(json('mutation { held }')))
    await entered
    await setTimeout(200 + 1000)
    release()
    expect(await client.statuses(2)).toEqual([200, 200])
  })
})

it('takes what it is given for time, and says what makes no sense', async () => {
  const { close } = await listen(() => {}, { port: 0, requestTimeout: 5000 })
  await close()
  await expect(listen(() => {}, { port: 0, headersTimeout: 2000, requestTimeout: 1000 })).rejects.toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining('headersTimeout') }),
  )
})

describe('a handler that takes too long', () => {
  const body = (told: string): unknown => JSON.parse(told.slice(told.indexOf('\r\n\r\n')))
  const told503 = {
    errors: [
      {
        message: 'The server took too long. What was asked for may have been done.',
        extensions: { code: 'HANDLER_TIMEOUT' },
      },
    ],
  }
  const warned = () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    onTestFinished(() => warn.mockRestore())
    return warn
  }

  it('is given up: the client is told 503, and nothing of what is done afterwards', async () => {
    const warn = warned()
    const { talk, release, store } = await serve({ handlerTimeout: 100 })
    const client = await talk()
    client.send(post(json('mutation { held }')))
    expect(await elapsed(() => client.closed)).toBeLessThan(1000)
    expect(await client.statuses(1)).toEqual([503])
    expect(body(client.told)).toEqual(told503)
    expect(client.told).toMatch(/^cache-control: no-store\r\n/im)
    expect(client.told).toMatch(/^x-content-type-options: nosniff\r\n/im)
    expect(warn.mock.calls).toEqual([['A request failed: TimeoutError HANDLER_TIMEOUT', 'SessionWarning']])
    const { told } = client
    release()
    await expect.poll(() => store.calls).toEqual(['create'])
    expect(client.told).toBe(told)
  })

  it('can see it by the signal of the request', async () => {
    warned()
    const aborted = gate()
    const { yoga } = shop({
      typeDefs: 'extend type Query { wait: Int }',
      resolvers: {
        Query: {
          wait: (_: unknown, __: unknown, { request }: { request: Request }) =>
            once(request.signal, 'abort').then(() => aborted.resolve()),
        },
      },
    })
    const { talk } = await started(yoga, { handlerTimeout: 50 })
    for (const query of ['{ wait }', '{ wait } # defer']) {
      const client = await talk()
      client.send(post(json(query)))
      expect(await client.statuses(1)).toEqual([503])
      await aborted.promise
    }
  })

  const late: Record<string, Listener> = {
    'writes head and text': (_, response) =>
      setTimeout(100).then(() => response.writeHead(200, { 'x-late': '1' }).end('late')),
    'sets headers, and writes in parts': async (_, response) => {
      await setTimeout(100)
      response.setHeader('x-late', '1')
      response.flushHeaders()
      response.write('late')
      response.end('late')
    },
    fails: () => setTimeout(100).then(() => Promise.reject(new Error('late'))),
    'has left': () => {},
    'ends the response by force': (_, response) => setTimeout(100).then(() => response.destroy()),
  }
  it.each(Object.keys(late))('and then %s harms nobody', async (does) => {
    warned()
    const { talk } = await started(late[does]!, { handlerTimeout: 50 })
    const client = await talk()
    client.send('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
    expect(await client.statuses(1)).toEqual([503])
    await client.closed
    await setTimeout(100)
    expect(body(client.told)).toEqual(told503)
  })

  it('is not one whose answer goes on, nor one that waits for a body', async () => {
    const { talk } = await started(
      async (request, response) => {
        if (request.url === '/stream') {
          response.write('first')
          await setTimeout(150)
          response.end('last')
        } else {
          for await (const _ of request);
          response.end('read')
        }
      },
      { handlerTimeout: 50 },
    )
    const [stream, upload] = [await talk(), await talk()]
    stream.send('GET /stream HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
    upload.send('POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 2\r\n\r\na')
    await stream.closed
    expect(stream.told).toContain('last')
    upload.send('b')
    await upload.closed
    expect(upload.told).toContain('read')
  })

  it('in a pipeline does not answer in the place of another', async () => {
    warned()
    const { talk } = await started((_, response) => void setTimeout(100).then(() => response.end('late')), {
      handlerTimeout: 80,
    })
    const client = await talk()
    client.send('GET /1 HTTP/1.1\r\nHost: localhost\r\n\r\nGET /2 HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await client.closed
    expect(await client.statuses(2)).toEqual([503])
  })

  it('has all the time it likes with 0', async () => {
    const { talk } = await started((_, response) => void setTimeout(50).then(() => response.end('late')), {
      handlerTimeout: 0,
    })
    const client = await talk()
    client.send('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
    expect(await client.statuses(1)).toEqual([200])
    await expect(listen(() => {}, { port: 0, handlerTimeout: -1 })).rejects.toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining('handlerTimeout') }),
    )
  })
})

describe('a client that leaves', () => {
  // Node's own way, and the only one by which an event stream is noticed to be left before something is written to it.
  it('for writing only, is taken for gone; what it asked for is done', async () => {
    const { talk, entered, release, store } = await serve()
    const client = await talk()
    client.socket.end(post(json('mutation { held }')))
    await entered
    await client.closed
    expect(client.told).toBe('')
    release()
    await expect.poll(() => store.calls, { timeout: slack }).toEqual(['create'])
  })

  it.each([
    ['in its head', 'POST /graphql HTTP/1.1\r\nHo'],
    ['in its body', head('Content-Length: 1000') + '{"query":'],
    ['in a chunk', head('Transfer-Encoding: chunked') + '20\r\n{"query":'],
    ['before its answer', post(json('mutation { held }'))],
  ])('%s harms nobody', async (_, sent) => {
    const { talk, store, server, release } = await serve()
    for (const leave of ['destroy', 'resetAndDestroy'] as const) {
      const client = await talk()
      client.send(sent)
      await setTimeout(50)
      client.socket[leave]()
    }
    const other = await talk()
    other.send(post(json('{ __typename }')))
    expect(await other.statuses(1)).toEqual([200])
    expect(store.calls).toEqual([])
    release()
    other.socket.destroy()
    await expect.poll(() => connections(server)).toBe(0)
  })

  it('in the middle of its answer harms nobody', async () => {
    const { talk, server } = await serve()
    const client = await talk()
    client.send(post(json('{ big }')))
    await once(client.socket, 'data')
    client.socket.resetAndDestroy()
    await expect.poll(() => connections(server)).toBe(0)
  })
})

describe('a client that leaves an event stream', () => {
  afterEach(() => void vi.unstubAllEnvs())

  it.each(['end', 'destroy', 'resetAndDestroy'] as const)('by %s is noticed at once', async (leave) => {
    // Under test Yoga would write something three times a second, and notice by that.
    vi.stubEnv('NODE_ENV', 'production')
    let live = 0
    const events: AsyncIterableIterator<unknown> = {
      [Symbol.asyncIterator]: () => events,
      next: () => new Promise(() => {}),
      async return() {
        live--
        return { done: true, value: undefined }
      },
    }
    const { yoga } = shop({
      typeDefs: 'type Subscription { silence: Boolean }',
      resolvers: { Subscription: { silence: { subscribe: () => (live++, events) } } },
    })
    const { talk, server } = await started(yoga, {})
    const client = await talk()
    const search = new URLSearchParams({ query: 'subscription { silence }' })
    client.send(`GET /graphql?${search} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n`)
    expect(await client.statuses(1)).toEqual([200])
    expect(live).toBe(1)
    client.socket[leave]()
    await expect.poll(() => live, { timeout: slack }).toBe(0)
    await expect.poll(() => connections(server), { timeout: slack }).toBe(0)
  })
})

describe('a body that is too long', () => {
  const chunk = Buffer.alloc(1_000_000, 'x')
  const sendAll = async ({ socket }: { socket: Socket }, isChunked: boolean): Promise<void> => {
    const [before, after] = isChunked ? [`${chunk.length.toString(16)}\r\n`, '\r\n'] : ['', '']
    const closed = once(socket, 'close')
    for (let sent = 0; sent < tooLong && !socket.destroyed; sent += chunk.length) {
      socket.write(before)
      socket.write(chunk)
      if (!socket.write(after)) await Promise.race([once(socket, 'drain'), closed])
    }
    if (isChunked) socket.write('0\r\n\r\n')
  }

  it.each([
    ['in chunks', 'Transfer-Encoding: chunked', true],
    ['with its length', `Content-Length: ${tooLong}`, false],
  ])('%s is 413, on a connection that works or is closed', async (_, header, isChunked) => {
    const { talk, store } = await serve()
    const client = await talk()
    client.send(head(header))
    await sendAll(client, isChunked)
    const took = await elapsed(async () => {
      expect(await client.statuses(1)).toEqual([413])
      client.send(post(json('{ __typename }')))
      expect([[413], [413, 200]]).toContainEqual(await client.statuses(2))
    })
    expect(took).toBeLessThan(1000)
    expect(client.told).toContain('"code":"PAYLOAD_TOO_LARGE"')
    expect(store.calls).toEqual([])
  })

  it('is told so before it is all there, and dropped when the rest never comes', async () => {
    const { talk } = await serve({ headersTimeout: 300, requestTimeout: 600 })
    const client = await talk()
    client.send(head(`Content-Length: ${tooLong}`))
    client.socket.write(chunk)
    expect(await client.statuses(1)).toEqual([413])
    expect(await elapsed(() => client.closed)).toBeLessThan(600 + slack)
  })

  it('is nothing to a client that says less than it sends', async () => {
    const { talk, store } = await serve()
    const client = await talk()
    const body = json('{ __typename }')
    client.send(head(`Content-Length: ${body.length}`) + body + body.repeat(10))
    await client.closed
    expect((await client.statuses(2)).at(-1)).toBe(400)
    expect(store.calls).toEqual([])
  })
})

describe('close()', () => {
  it('resolves at once, and again, where nothing is under way', async () => {
    const { close, talk, url } = await serve()
    const client = await talk()
    client.send(post(json('{ __typename }')))
    await client.statuses(1)
    expect(await elapsed(() => Promise.all([close(), close()]))).toBeLessThan(slack)
    await close()
    await client.closed
    await expect(fetch(url)).rejects.toThrow('fetch failed')
  })

  it('waits for what is under way, and no longer', async () => {
    const { close, talk, entered, release } = await serve()
    const client = await talk()
    client.send(post(json('mutation { held }')))
    await entered
    let isClosed = false
    const closed = close().then(() => (isClosed = true))
    await setTimeout(300)
    expect(isClosed).toBe(false)
    release()
    expect(await elapsed(() => closed)).toBeLessThan(slack)
    await client.closed
    expect(client.told).toMatch(/^HTTP\/1\.1 200 [^]*\{"data":\{"held":true\}\}$/)
  })

  it('cuts what is under way after drainTimeout', async () => {
    const { close, talk, entered, release } = await serve({ drainTimeout: 300 })
    const client = await talk()
    client.send(post(json('mutation { held }')))
    await entered
    expect(await elapsed(close)).toBeLessThan(300 + slack)
    await client.closed
    expect(client.told).toBe('')
    release()
  })

  it('still answers for a moment on a connection that was open, whatever else ends', async () => {
    const { close, talk, entered, release } = await serve({ drainDelay: 500 })
    const [idle, busy] = [await talk(), await talk()]
    idle.send(post(json('{ __typename }')))
    expect(await idle.statuses(1)).toEqual([200])
    busy.send(post(json('mutation { held }')))
    await entered
    const closed = close()
    release()
    expect(await busy.statuses(1)).toEqual([200])
    for (const client of [idle, busy]) client.send(post(json('{ __typename }')))
    expect(await Promise.all([idle.statuses(2), busy.statuses(2)])).toEqual([
      [200, 200],
      [200, 200],
    ])
    expect(idle.told).toMatch(/^connection: close\r$/im)
    await closed
  })

  it('takes new connections for drainDelay, with which drainTimeout has nothing to do', async () => {
    const { close, talk, entered, release, url } = await serve({ drainDelay: 900, drainTimeout: 100 })
    const held = await talk()
    held.send(post(json('mutation { held }')))
    await entered
    const closed = elapsed(close)
    await setTimeout(200)
    expect((await fetch(`${url}/health/ready`)).status).toBe(503)
    const late = await talk()
    late.send(post(json('{ __typename }')))
    expect(await late.statuses(1)).toEqual([200])
    expect(held.told).toBe('')
    release()
    expect(await held.statuses(1)).toEqual([200])
    expect(await closed).toBeGreaterThanOrEqual(890)
    await expect(fetch(url)).rejects.toThrow('fetch failed')
  })

  it('ends event streams only after drainDelay, until which clients would come back here', async () => {
    const { yoga } = shop({
      typeDefs: 'type Subscription { once: Boolean }',
      resolvers: {
        Subscription: {
          once: {
            async *subscribe() {
              yield { once: true }
              await new Promise(() => {})
            },
          },
        },
      },
    })
    const { close, talk } = await started(yoga, { drainDelay: 700 })
    const closed = close()
    const client = await talk()
    let isClosed = false
    void client.closed.then(() => (isClosed = true))
    client.send(
      'GET /graphql?query=subscription%7Bonce%7D HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n',
    )
    while (!client.told.includes('"once":true')) await once(client.socket, 'data')
    expect(isClosed).toBe(false)
    await Promise.all([closed, client.closed])
    // A client that is told so does not come back, nor does one whose answer has an end.
    expect(client.told).not.toMatch(/event: complete|\r\n0\r\n\r\n$/)
  })

  it.each([0, 300])(
    'breaks off an event stream that began while it ended (%i ms to subscribe)',
    async (delay) => {
      const { yoga } = shop({
        typeDefs: 'type Subscription { silence: Boolean }',
        resolvers: {
          Subscription: {
            silence: {
              async *subscribe() {
                await setTimeout(delay)
                await new Promise(() => {})
                yield {}
              },
            },
          },
        },
      })
      const { close, talk } = await started(yoga, {})
      const client = await talk()
      const began = performance.now()
      const closed = close()
      const search = new URLSearchParams({ query: 'subscription { silence }' })
      client.send(`GET /graphql?${search} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n`)
      await Promise.all([closed, client.closed])
      expect(client.told).toMatch(/^HTTP\/1\.1 200 /)
      expect(client.told).not.toMatch(/event: complete|\r\n0\r\n\r\n$/)
      expect(performance.now() - began).toBeLessThan(slack)
    },
  )

  it('breaks off an event stream after what was sent', async () => {
    const length = 8_000_000
    const { yoga } = shop({
      typeDefs: 'type Subscription { big: String }',
      resolvers: {
        Subscription: {
          big: {
            async *subscribe() {
              yield { big: 'x'.repeat(length) }
              await new Promise(() => {})
            },
          },
        },
      },
    })
    const { close, talk } = await started(yoga, { drainDelay: 0 })
    const client = await talk()
    client.send(
      'GET /graphql?query=subscription%7Bbig%7D HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n',
    )
    while (!client.told.includes('xx')) await once(client.socket, 'data')
    await Promise.all([close(), client.closed])
    expect(client.told.replaceAll(/[^x]/g, '').length).toBeGreaterThanOrEqual(length)
    expect(client.told).not.toContain('event: complete')
  })

  it('tells the listener first', async () => {
    const order: string[] = []
    const listener: Listener = Object.assign(() => {}, { drain: () => void order.push('drain') })
    const { close } = await started(listener, {})
    await close().then(() => order.push('closed'))
    expect(order).toEqual(['drain', 'closed'])
  })
})

const connections = (server: {
  getConnections(take: (error: Error | null, count: number) => void): unknown
}) => new Promise<number>((done) => void server.getConnections((_, count) => done(count)))

describe('a request that does not name one valid host', () => {
  const ownYoga = () =>
    createYoga({
      schema: createSchema({ typeDefs: 'type Query { a: Int }' }),
      plugins: [useSessionGate({ allowedHosts: true })],
      cors: false,
      logging: false,
    })

  const ask = async (handler: Listener, hosts: readonly string[]) => {
    const { url, close } = await listen(handler, { port: 0, drainDelay: 1 })
    onTestFinished(close)
    const connection = await RawConnection.open(Number(new URL(url).port))
    const lines = hosts.map((host) => `Host: ${host}\r\n`).join('')
    await connection.send(`GET /graphql?query=%7B__typename%7D HTTP/1.1\r\n${lines}\r\n`)
    return (await connection.answer('GET'))!
  }

  it.each([
    ['a space', ['a b']],
    ['no port', ['localhost:99999']],
    ['no address of IPv6', ['[::1']],
    ['no address of IPv4', ['999.1.1.1']],
    ['a user', ['a@b']],
    ['a path', ['a/b']],
    ['nothing', ['']],
    ['two', ['localhost', 'evil.example']],
  ])('is answered 400 before a Yoga of one’s own has it: %s', async (_, hosts) => {
    const { status, headers, text } = await ask(ownYoga(), hosts)
    expect([status, JSON.parse(text)]).toEqual([
      400,
      { errors: [{ message: expect.any(String), extensions: { code: 'BAD_REQUEST' } }] },
    ])
    expect(headers.get('x-content-type-options')).toBe('nosniff')
  })

  it.each(['localhost', 'a.example:80', '[::1]:4000', '127.0.0.1'])('unlike %s', async (host) => {
    expect((await ask(ownYoga(), [host])).status).toBe(200)
  })

  it('is told to onEvent, as all that a session server refuses', async () => {
    const onEvent = vi.fn<(event: object) => void>()
    const yoga = createSessionServer({ store: memoryStore({ max: 9 }), logging: false, onEvent })
    expect((await ask(yoga, ['a b'])).status).toBe(400)
    expect(onEvent).toHaveBeenCalledWith(expect.objectContaining({ type: 'refused', code: 'BAD_REQUEST' }))
  })
})
