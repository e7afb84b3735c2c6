// This carries the notices of a store by NOTIFY and LISTEN of PostgreSQL.

import type { Channel, Subscriber } from './notice-channel.ts'

/** What the store uses of a connection that a `Pool` of the package `pg` has handed out. */
export interface PgConnection {
  query(text: string): Promise<unknown>
  on(event: 'notification' | 'error' | 'end', listener: (message?: unknown) => void): unknown
  /** @param isBroken - closes the connection instead of keeping it in the pool */
  release(isBroken: boolean): void
}

/** What the store uses of a `Pool` of the package `pg` to listen. */
export interface PgListeners {
  /** Hands out a connection, for `notices`. */
  connect?(): Promise<PgConnection>
  /** Whether `end` was called, which waits for the connection of `notices`. */
  readonly ending?: boolean
}

/** What the store uses of the function of the package `postgres` to listen. */
export interface PostgresListeners {
  /** Listens to a channel, for `notices`, and calls `onListen` each time it listens anew. */
  listen?(
    channel: string,
    onNotify: (payload: string) => void,
    onListen: () => void,
  ): PromiseLike<{ unlisten(): Promise<unknown> }>
}

/** Milliseconds before the first and the last of a row of attempts to connect. */
const [firstWait, longestWait] = [50, 2000]
/** Milliseconds between two looks for whether the pool is to end, which it does only without this connection. */
const endingInterval = 100

/**
 * Listens to a channel of PostgreSQL.
 * @param publish - sends a text to the channel, by another connection
 */
export const postgresChannel = (
  client: PgListeners | PostgresListeners,
  channel: string,
  publish: (text: string) => Promise<unknown>,
): Channel =>
  'listen' in client
    ? postgresJsChannel(client, channel, publish)
    : pgChannel(client as PgListeners, channel, publish)

/** Takes a connection of the pool, and another one whenever it breaks. */
const pgChannel = (pool: PgListeners, channel: string, publish: Channel['publish'] & {}): Channel => ({
  publish,
  async subscribe(subscriber) {
    const connection = new ListeningConnection(pool, channel, subscriber)
    await connection.connect()
    const timer = setInterval(() => pool.ending && connection.close(), endingInterval).unref()
    return () => {
      clearInterval(timer)
      connection.close()
    }
  },
})

class ListeningConnection {
  readonly #pool: PgListeners
  readonly #channel: string
  readonly #subscriber: Subscriber
  #release: (() => void) | null = null
  #wait = firstWait
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(pool: PgListeners, channel: string, subscriber: Subscriber) {
    this.#pool = pool
    this.#channel = channel
    this.#subscriber = subscriber
  }

  async connect(): Promise<void> {
    const connection = await this.#pool.connect!()
    let isReleased = false
    const release = (): void => {
      // The connection would tell whoever gets it next.
      if (!isReleased) connection.release(true)
      isReleased = true
    }
    connection.on('notification', (message) => {
      const { channel, payload } = message as { channel: string; payload?: string }
      if (channel === this.#channel) this.#subscriber.onMessage(payload ?? '')
    })
    // It ends after an error, which would end the process without a listener.
    connection.on('error', () => {})
    connection.on('end', () => {
      release()
      if (this.#release === release) this.#reconnect()
    })
    try {
      await connection.query(`LISTEN "${this.#channel}"`)
    } catch (error) {
      release()
      throw error
    }
    if (this.#isClosed) return release()
    this.#release = release
    this.#wait = firstWait
  }

  #reconnect(): void {
    this.#release = null
    if (this.#isClosed) return
    this.#subscriber.onBreak()
    this.#timer = setTimeout(() => {
      this.connect().then(
        () => this.#subscriber.onGap(),
        () => this.#reconnect(),
      )
    }, this.#wait).unref()
    this.#wait = Math.min(2 * this.#wait, longestWait)
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
    this.#release?.()
    this.#release = null
  }
}

/**
 * The package takes a connection of its own for LISTEN, and another one when it breaks. It gives up where that fails,
 * so that this begins again.
 */
const postgresJsChannel = (
  sql: PostgresListeners,
  channel: string,
  publish: Channel['publish'] & {},
): Channel => {
  let listening: { unlisten(): Promise<unknown> } | null = null
  let begin: (() => Promise<void>) | null = null
  return {
    publish,
    async subscribe({ onMessage, onGap }) {
      let isFirst = true
      const listen = async (): Promise<void> => {
        listening = await sql.listen!(channel, onMessage, () => {
          if (!isFirst) onGap()
          isFirst = false
        })
      }
      await listen()
      begin = listen
      return async () => {
        begin = null
        await listening?.unlisten()
        listening = null
      }
    },
    resubscribe() {
      const before = listening
      listening = null
      void (async () => {
        await before?.unlisten().catch(() => {})
        await begin?.()
      })().catch(() => {})
    },
  }
}
