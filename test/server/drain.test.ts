import { once } from 'node:events'
import { type IncomingMessage, request as httpRequest } from 'node:http'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { idOf } from '../../src/session/token.ts'
import { sqliteStore } from '../../src/stores/sqlite.ts'
import { folder, serve, type Serving } from '../support/command.ts'
import { recordOf } from '../support/record-of.ts'
import { runs } from '../support/runs.ts'

const crowd = 200
const bigLength = 32_000_000
/** Milliseconds from the signal to the end, however it goes. */
const patience = 10_000
/** For what a busy machine takes until it does what is due. */
const slack = 1500

/** Requests that wait for SIGUSR2, streams that have no end, and answers that no buffer holds. */
const config = `
  import { setTimeout } from 'node:timers/promises'
  const released = new Promise((release) => process.once('SIGUSR2', release))
  let waiting = 0
  export default {
    keys: { '*': { client: ['read', 'write'] } },
    typeDefs: \`
      extend type Query { big: String! }
      extend type Mutation { write(key: String!, value: JSON): Boolean! }
      type Subscription { silence: Boolean!, ticks: Boolean!, flood: String! }
    \`,
    resolvers: {
      Query: { big: () => 'x'.repeat(${bigLength}) },
      Mutation: {
        async write(_, { key, value }, { session }) {
          if (++waiting === ${crowd + 1}) console.log('all are waiting')
          await released
          await setTimeout(Math.random() * 300)
          session.set(key, value)
          return true
        },
      },
      Subscription: {
        silence: {
          async *subscribe() {
            yield { silence: true }
            await new Promise(() => {})
          },
        },
        ticks: {
          async *subscribe() {
            for (;;) {
              yield { ticks: true }
              await setTimeout(20)
            }
          },
        },
        flood: {
          async *subscribe() {
            for (;;) yield { flood: 'x'.repeat(1_000_000) }
          },
        },
      },
    },
  }`

interface Ending extends Serving {
  readonly port: number
  /** How it ended, and after how many milliseconds. */
  end(signal: NodeJS.Signals): Promise<{ code: unknown; after: number }>
}

async function start(store: string): Promise<Ending> {
  const serving = await serve(config, { SESSION_STORE: store })
  const { child } = serving
  const url = serving.url.replace('localhost', '127.0.0.1')
  return {
    ...serving,
    url,
    port: Number(new URL(url).port),
    async end(signal) {
      const closed = once(child, 'close')
      const sent = performance.now()
      child.kill(signal)
      const [code] = await closed
      return { code, after: performance.now() - sent }
    },
  }
}

/** Like Client of the harness, which remembers every answer: there are too many here. */
class Visitor {
  readonly #url: string
  #cookie = ''

  constructor(url: string) {
    this.#url = url
  }

  get token(): string {
    return this.#cookie.slice(this.#cookie.indexOf('=') + 1)
  }

  async #run(query: string, value: number): Promise<{ status: number; data: unknown }> {
    const response = await fetch(this.#url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', cookie: this.#cookie },
      body: JSON.stringify({ query, variables: { value } }),
    })
    const [cookie] = response.headers.getSetCookie()
    const { data } = (await response.json()) as { data: unknown }
    if (cookie) this.#cookie = cookie.split(';')[0]!
    return { status: response.status, data }
  }

  /** Waits until it is told to go on. */
  write = (value: number) => this.#run('mutation ($value: JSON) { write(key: "slow", value: $value) }', value)

  set = (value: number) =>
    this.#run('mutation ($value: JSON) { setSessionKey(key: "fast", value: $value) { created } }', value)
}

/** An event stream whose first event is there, and what has come when it breaks off. */
async function watch(url: string, field: string): Promise<{ whole: Promise<string> }> {
  const search = new URLSearchParams({ query: `subscription { ${field} }` })
  const response = await fetch(`${url}?${search}`, { headers: { accept: 'text/event-stream' } })
  let whole = ''
  const begun = Promise.withResolvers<void>()
  const read = async (): Promise<string> => {
    try {
      for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
        whole += chunk
        if (whole.includes('event: next')) begun.resolve()
      }
      return `${whole} and its end`
    } catch {
      return whole
    }
  }
  const reading = read()
  await Promise.race([begun.promise, reading])
  return { whole: reading }
}

/** Writes one number after the other until the server takes no more. */
async function writeOn(visitor: Visitor): Promise<{ acknowledged: number; failure: string }> {
  for (let number = 1; ; number++) {
    try {
      const { status, data } = await visitor.set(number)
      if (status !== 200 || !data) return { acknowledged: number - 1, failure: `status ${status}` }
    } catch (error) {
      return { acknowledged: number - 1, failure: (error as Error).message }
    }
  }
}

/** What it says of itself, until it says nothing any more. */
async function watchReadiness(url: string): Promise<string[]> {
  const words: string[] = []
  for (;;) {
    try {
      const response = await fetch(new URL('/health/ready', url))
      const word = `${response.status} ${await response.text()}`
      if (word !== words.at(-1)) words.push(word)
    } catch {
      return words
    }
  }
}

async function isRefused(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ECONNREFUSED'
  } finally {
    socket.destroy()
  }
}

describe('the end of a server', () => {
  const signals = [...Array<'SIGTERM'>(runs(3, 50)).fill('SIGTERM'), 'SIGINT'] as const

  it.each(signals.map((signal, index) => [index + 1, signal] as const))(
    `%i: %s loses nothing of ${crowd} requests and ${crowd} streams`,
    async (round, signal) => {
      const file = join(folder, `sessions-${round}.db`)
      const { url, port, child, says, end } = await start(`sqlite:${file}`)
      const clients = Array.from({ length: crowd }, () => new Visitor(url))
      await Promise.all(clients.filter((_, index) => index % 2).map((client) => client.set(0)))
      const fields = clients.map((_, index) => (index % 2 ? 'ticks' : 'silence'))
      const streams = await Promise.all(fields.map((field) => watch(url, field)))
      const piped = await talk(port, requestText(body('mutation { write(key: "a", value: 1) }')))
      const answers = clients.map((client, index) => client.write(index))
      for (const answer of answers) answer.catch(() => {})
      await says('all are waiting')
      const writers = Array.from({ length: 8 }, () => new Visitor(url))
      await Promise.all(writers.map((writer) => writer.set(0)))
      const written = writers.map(writeOn)
      const words = watchReadiness(url)

      const ended = end(signal)
      await says('finishing the requests under way')
      // Behind a request that has no answer yet.
      piped.write('GET /health/ready HTTP/1.1\r\nHost: localhost\r\n\r\n')
      expect((await words).join()).toMatch(/^(?:200 ready)?,?(?:503 draining)?$/)
      expect(await isRefused(port)).toBe(true)
      const texts = await Promise.all(streams.map(({ whole }) => whole))
      // So that their clients come back.
      expect(texts.filter((each) => !each.endsWith('\n\n') || each.includes('event: complete'))).toEqual([])

      child.kill('SIGUSR2')
      for (const { status, data } of await Promise.all(answers)) {
        expect([status, data]).toEqual([200, { write: true }])
      }
      expect(await text(piped)).toMatch(
        /^HTTP\/1\.1 200 OK\r\n[^]*\{"data":\{"write":true\}\}HTTP\/1\.1 503 [^]*\r\n\r\n.*draining/,
      )
      const progress = await Promise.all(written)
      expect(progress.map(({ failure }) => failure)).toEqual(progress.map(() => 'fetch failed'))
      const { code, after } = await ended
      expect(code).toBe(0)
      expect(after).toBeLessThan(patience)

      const store = sqliteStore(file)
      onTestFinished(() => store.close())
      const stored = async ({ token }: Visitor, key: string): Promise<number> =>
        Number(recordOf(await store.read(idOf('__Host-session', token), Date.now()))?.entries.get(key))
      expect(await Promise.all(clients.map((client) => stored(client, 'slow')))).toEqual([...clients.keys()])
      for (const [index, { acknowledged }] of progress.entries()) {
        // The last one may have been stored, and its answer cut off before it began.
        const last = await stored(writers[index]!, 'fast')
        expect([acknowledged, acknowledged + 1]).toContain(last)
      }
    },
  )

  // A machine that is busy with other things can miss the moment.
  it('is told for a moment to whoever asks', { retry: 5 }, async () => {
    const { url, end, says } = await start('memory:')
    const ended = end('SIGTERM')
    await says('finishing the requests under way')
    const ask = async (path: string): Promise<unknown[]> => {
      const { status, headers } = await fetch(new URL(path, url))
      return [status, headers.get('connection')]
    }
    expect(await Promise.all([ask('/health/ready'), ask('/health/live')])).toEqual([
      [503, 'close'],
      [200, 'close'],
    ])
    expect((await ended).code).toBe(0)
  })

  it('closes sockets, and says so', async () => {
    const { url, end } = await start('memory:')
    const socket = new WebSocket(url.replace('http', 'ws'), 'graphql-transport-ws')
    const closed = once(socket, 'close') as Promise<[CloseEvent]>
    const next = async (): Promise<unknown> => {
      const [{ data }] = (await once(socket, 'message')) as [MessageEvent<string>]
      return JSON.parse(data)
    }
    await once(socket, 'open')
    socket.send('{ "type": "connection_init" }')
    expect(await next()).toEqual({ type: 'connection_ack' })
    socket.send('{ "type": "subscribe", "id": "a", "payload": { "query": "subscription { silence }" } }')
    expect(await next()).toEqual({ type: 'next', id: 'a', payload: { data: { silence: true } } })
    const { code, after } = await end('SIGTERM')
    const [event] = await closed
    expect([code, event.code, event.reason]).toEqual([0, 1001, 'Going away'])
    expect(after).toBeLessThan(100 + slack)
  })

  it('gives a client that reads slowly the whole of its answer', async () => {
    const { url, end } = await start('memory:')
    const request = httpRequest(url, { method: 'POST', headers: { 'content-type': 'application/json' } })
    request.end(body('{ big }'))
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    let ended: ReturnType<typeof end> | undefined
    let length = 0
    for await (const chunk of response) {
      length += (chunk as Buffer).length
      ended ??= end('SIGTERM')
      // Slower than it is sent, and done in a second or two.
      if (Math.random() < 0.2) await setTimeout(5)
    }
    expect(length).toBe('{"data":{"big":""}}'.length + bigLength)
    expect((await ended)?.code).toBe(0)
  })

  it.each([
    ['sent nothing', ''],
    ['sent half a head', 'POST /graphql HTTP/1.1\r\nHost: loc'],
    ['has its answer', 'GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n'],
  ])('waits for no connection that %s', async (_, sent) => {
    const { port, end } = await start('memory:')
    await talk(port, sent)
    await setTimeout(200)
    const { code, after } = await end('SIGTERM')
    expect(code).toBe(0)
    expect(after).toBeLessThan(slack)
  })

  it('waits for no client that is slow without end, whatever the signal', async () => {
    const flood = `/graphql?${new URLSearchParams({ query: 'subscription { flood }' })}`
    const finish = async (signal: NodeJS.Signals): Promise<void> => {
      const { port, end } = await start('memory:')
      await talk(port, requestText('{"query":', 1000))
      await talk(port, requestText('x'.repeat(1000), 20_000_000))
      await talk(port, requestText(body('{ big }')))
      await talk(port, `GET ${flood} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n`)
      await setTimeout(500)
      const { code, after } = await end(signal)
      expect(code).toBe(0)
      expect(after).toBeLessThan(patience + slack)
    }
    await Promise.all([finish('SIGTERM'), finish('SIGINT')])
  })
})

/** A client that sends this, and reads nothing before it is told to. */
async function talk(port: number, sent: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1').on('error', () => {})
  onTestFinished(() => void socket.destroy())
  await once(socket, 'connect')
  socket.write(sent)
  return socket
}

const body = (query: string): string => JSON.stringify({ query })

const requestText = (sent: string, length = sent.length): string =>
  `POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n${sent}`
