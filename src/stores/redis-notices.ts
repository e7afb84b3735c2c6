// This brings the news of ended sessions through a channel of Redis.

import type { Line } from './telling.ts'

/** What the store uses of a client, or a cluster client, of the package `redis` that only listens. */
export interface NodeRedisSubscriber {
  /** Begins to listen to a channel, also after the client has connected again. */
  subscribe(channel: string, listener: (message: unknown) => void): Promise<unknown>
  unsubscribe(channel: string, listener: (message: unknown) => void): Promise<unknown>
  /** Tells this client from one of `ioredis`. */
  readonly pSubscribe: unknown
  on(event: string, listener: () => void): unknown
  off(event: string, listener: () => void): unknown
}

/** What the store uses of a client, or a cluster client, of the package `ioredis` that only listens. */
export interface IORedisSubscriber {
  subscribe(channel: string): Promise<unknown>
  unsubscribe(channel: string): Promise<unknown>
  on(event: 'message', listener: (channel: string, message: string) => void): unknown
  on(event: 'close' | 'ready' | 'error', listener: () => void): unknown
  off(event: 'message', listener: (channel: string, message: string) => void): unknown
  off(event: 'close' | 'ready', listener: () => void): unknown
}

export type RedisSubscriber = NodeRedisSubscriber | IORedisSubscriber

/** Whether something is a client that can listen. */
export const isSubscriber = (client: unknown): client is RedisSubscriber =>
  typeof client === 'object' &&
  client !== null &&
  (['subscribe', 'unsubscribe', 'on', 'off'] as const).every(
    (name) => name in client && typeof (client as Record<string, unknown>)[name] === 'function',
  )

/**
 * Listens to a channel of Redis. The clients connect again and subscribe again by themselves.
 * @param send - sends a text to the channel, by another connection
 */
export function redisLine(
  subscriber: RedisSubscriber,
  channel: string,
  send: (text: string) => Promise<unknown>,
): Line {
  // Without a listener an `error` event would end the process.
  subscriber.on('error', () => {})
  return 'pSubscribe' in subscriber
    ? nodeRedisLine(subscriber, channel, send)
    : ioredisLine(subscriber, channel, send)
}

const nodeRedisLine = (client: NodeRedisSubscriber, channel: string, send: Line['send'] & {}): Line => ({
  send,
  async open({ hear, broken, gap }) {
    const listener = (message: unknown): void => hear(String(message))
    await client.subscribe(channel, listener)
    // It is ready once it has subscribed again.
    client.on('reconnecting', broken)
    client.on('ready', gap)
    return () => {
      client.off('reconnecting', broken)
      client.off('ready', gap)
      return client.unsubscribe(channel, listener)
    }
  },
})

const ioredisLine = (client: IORedisSubscriber, channel: string, send: Line['send'] & {}): Line => ({
  send,
  async open({ hear, broken, gap }) {
    const onMessage = (of: string, message: string): void => {
      if (of === channel) hear(message)
    }
    // It is ready before it has subscribed again, which the answer to another subscription tells.
    const onReady = (): void => void client.subscribe(channel).then(gap, broken)
    client.on('message', onMessage)
    try {
      await client.subscribe(channel)
    } catch (error) {
      client.off('message', onMessage)
      throw error
    }
    client.on('close', broken)
    client.on('ready', onReady)
    return () => {
      client.off('message', onMessage)
      client.off('close', broken)
      client.off('ready', onReady)
      return client.unsubscribe(channel)
    }
  },
})
