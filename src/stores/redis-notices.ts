// This carries the notices of a store through a channel of Redis.

import type { Channel } from './notice-channel.ts'

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
 * @param publish - sends a text to the channel, by another connection
 */
export function redisChannel(
  subscriber: RedisSubscriber,
  channel: string,
  publish: (text: string) => Promise<unknown>,
): Channel {
  // Without a listener an `error` event would end the process.
  subscriber.on('error', () => {})
  return 'pSubscribe' in subscriber
    ? nodeRedisChannel(subscriber, channel, publish)
    : ioredisChannel(subscriber, channel, publish)
}

const nodeRedisChannel = (
  client: NodeRedisSubscriber,
  channel: string,
  publish: Channel['publish'] & {},
): Channel => ({
  publish,
  async subscribe({ onMessage, onBreak, onGap }) {
    const listener = (message: unknown): void => onMessage(String(message))
    await client.subscribe(channel, listener)
    // It is ready once it has subscribed again.
    client.on('reconnecting', onBreak)
    client.on('ready', onGap)
    return () => {
      client.off('reconnecting', onBreak)
      client.off('ready', onGap)
      return client.unsubscribe(channel, listener)
    }
  },
})

const ioredisChannel = (
  client: IORedisSubscriber,
  channel: string,
  publish: Channel['publish'] & {},
): Channel => ({
  publish,
  async subscribe({ onMessage, onBreak, onGap }) {
    const listener = (of: string, message: string): void => {
      if (of === channel) onMessage(message)
    }
    // It is ready before it has subscribed again, which the answer to another subscription tells.
    const onReady = (): void => void client.subscribe(channel).then(onGap, onBreak)
    client.on('message', listener)
    try {
      await client.subscribe(channel)
    } catch (error) {
      client.off('message', listener)
      throw error
    }
    client.on('close', onBreak)
    client.on('ready', onReady)
    return () => {
      client.off('message', listener)
      client.off('close', onBreak)
      client.off('ready', onReady)
      return client.unsubscribe(channel)
    }
  },
})
