import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { setImmediate, setTimeout } from 'node:timers/promises'

/** What lasts until the next switch, also for connections that are made meanwhile. */
type State = 'none' | 'pause' | 'delay' | 'drip' | 'deaf'
/** What befalls the connections that are open now, each once. */
type Blow = 'cut' | 'reset' | 'garbage'
export type Fault = Exclude<State, 'none'> | Blow

const delay = 60

/** Between a server and its store, on loopback. */
export class FaultyProxy implements AsyncDisposable {
  readonly #server: Server
  #target: number
  readonly #connections = new Set<Connection>()
  #state: State = 'none'
  #switched = Promise.withResolvers<void>()
  /** Chunks that were held up, connections that were broken or not answered. */
  readonly hits: Record<Fault, number> = {
    pause: 0,
    delay: 0,
    drip: 0,
    deaf: 0,
    cut: 0,
    reset: 0,
    garbage: 0,
  }

  private constructor(target: number) {
    this.#target = target
    this.#server = createServer((client) => this.#accept(client))
  }

  static async to(target: number): Promise<FaultyProxy> {
    const proxy = new FaultyProxy(target)
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    return proxy
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Leads connections that are made from here on to another port. Those that are open stay where they are. */
  lead(target: number): void {
    this.#target = target
  }

  /** Who is not answered stays so until it gives up: a healed network does not revive a connection. */
  switchTo(state: State): void {
    this.#state = state
    this.#switched.resolve()
    this.#switched = Promise.withResolvers<void>()
    if (state === 'deaf') this.strike('cut')
  }

  /**
   * `reset` and `garbage` fall on the next reply, so that the store has applied what it replies to: the first
   * swallows it, the second puts 64 random bytes in its place, and both end the connection.
   */
  strike(blow: Blow): void {
    for (const connection of this.#connections) {
      if (blow !== 'cut') {
        connection.blow = blow
        continue
      }
      this.hits.cut++
      connection.end()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.switchTo('none')
    for (const connection of this.#connections) connection.end()
    await closed
  }

  #accept(client: Socket): void {
    client.on('error', () => {})
    if (this.#state === 'deaf') {
      this.hits.deaf++
      const unanswered: Connection = { blow: null, end: () => client.resetAndDestroy() }
      this.#hold(unanswered, client)
      client.resume()
      return
    }
    const store = connect(this.#target, '127.0.0.1')
    store.on('error', () => {})
    client.setNoDelay(true)
    store.setNoDelay(true)
    const connection: Connection = {
      blow: null,
      end() {
        client.resetAndDestroy()
        store.resetAndDestroy()
      },
    }
    this.#hold(connection, client)
    const requests = this.#relay(client, store)
    const replies = this.#relay(store, client, connection)
    void Promise.allSettled([requests, replies])
  }

  #hold(connection: Connection, client: Socket): void {
    this.#connections.add(connection)
    client.once('close', () => {
      this.#connections.delete(connection)
      connection.end()
    })
  }

  async #relay(from: Socket, to: Socket, replies?: Connection): Promise<void> {
    try {
      for await (const chunk of from) {
        if (replies?.blow) {
          this.hits[replies.blow]++
          if (replies.blow === 'garbage') await written(to, randomBytes(64))
          replies.end()
          return
        }
        await this.#pass(chunk as Buffer, to)
      }
    } finally {
      to.destroy()
    }
  }

  async #pass(chunk: Buffer, to: Socket): Promise<void> {
    while (this.#state === 'pause') {
      this.hits.pause++
      await this.#switched.promise
    }
    if (this.#state === 'delay') {
      this.hits.delay++
      await setTimeout(delay)
    }
    if (this.#state !== 'drip') return written(to, chunk)
    this.hits.drip++
    for (const byte of chunk) {
      await written(to, Buffer.of(byte))
      await setImmediate()
    }
  }
}

interface Connection {
  blow: Exclude<Blow, 'cut'> | null
  end(): void
}

const written = (to: Socket, bytes: Buffer): Promise<void> =>
  new Promise((done, failed) => {
    to.write(bytes, (error) => (error ? failed(error) : done()))
  })
