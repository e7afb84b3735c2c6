// This notifies those who listen in this process of sessions that ended or changed, by whatever channel it is told.

import { setTimeout } from 'node:timers/promises'
import type { ChangeSet } from '../session/changes.ts'
import { unref } from '../session/runtime.ts'
import type { Notices } from '../session/watch.ts'

/** What has happened to a session. */
export type NoticeKind = 'ended' | 'changed'

/** Who is subscribed to a channel. */
export interface Subscriber {
  /** Takes a text that was published, by this process or another. */
  onMessage(text: string): void
  /** The connection is broken, so that messages may be missing until it is there again. */
  onBreak(): void
  /** The connection is there again, or messages were missed in another way. */
  onGap(): void
}

/** What carries messages between the processes that use one store. */
export interface Channel {
  /** Resolves once nothing is missed that is published from then on. @returns unsubscribes */
  subscribe(subscriber: Subscriber): Promise<() => unknown>
  /** Sends a text to every subscriber, of this process too. Absent where only gaps come by the channel. */
  publish?(text: string): Promise<unknown>
  /** Called while nothing comes back of what is published, where the driver may not subscribe again by itself. */
  resubscribe?(): void
}

interface Listener {
  readonly onNotice: (id: string, kind: NoticeKind) => void
  readonly onGap: () => void
}

/** What a text begins with that is no id: a change of the session, or what is published to see it come back. */
const changed = '~'
const echo = '?'

/** The message that tells of a change. That of an end is the id alone. */
export const changeMessage = (id: string): string => changed + id

/** Milliseconds between two texts that are published only to come back. */
const echoInterval = 3000
/** Milliseconds in which what was published comes back. */
const echoTimeout = 1000
/** Milliseconds between two gaps while messages may be missing. */
const gapInterval = 900

/**
 * Whether a change set changes what a session holds, and not only its deadline. A deadline alone is moved by almost
 * every request.
 */
export const changesData = ({ clear, entries, policy }: ChangeSet): boolean =>
  clear || entries.size > 0 || policy !== undefined

/**
 * The notices of a store. A driver opens a broken connection again without a word, a pooler takes LISTEN from the
 * connection that asked, and a user may lack the right to publish; so what is published in intervals has to come back.
 * As long as it does not, there is a gap every second: whoever listens reads what it watches.
 */
export class ChannelNotices implements Notices {
  readonly tellsChanges: boolean
  readonly #channel: Channel | undefined
  readonly #listeners = new Set<Listener>()
  #opening: Promise<() => unknown> | null = null
  #closed: Promise<unknown> = Promise.resolve()
  #isBroken = false
  #gaps: NodeJS.Timeout | undefined
  /** What was published to come back, and who waits for it. */
  readonly #echoes = new Map<string, () => void>()

  /** @param channel - absent where all sessions are in this process */
  constructor(tellsChanges: boolean, channel?: Channel) {
    this.tellsChanges = tellsChanges
    this.#channel = channel
  }

  /** Finds out whether what this process publishes comes back to it. */
  async receivesItsOwn(): Promise<boolean> {
    try {
      const stop = await this.listen(
        () => {},
        () => {},
      )
      const isBack = !this.#isBroken
      await stop()
      return isBack
    } catch {
      return false
    }
  }

  async listen(onNotice: Listener['onNotice'], onGap: Listener['onGap']): Promise<() => Promise<void>> {
    const listener = { onNotice, onGap }
    this.#listeners.add(listener)
    this.#opening ??= this.#closed.then(() => this.#open())
    const opening = this.#opening
    try {
      await opening
    } catch (error) {
      this.#listeners.delete(listener)
      if (this.#opening === opening) this.#opening = null
      throw error
    }
    return async () => {
      if (!this.#listeners.delete(listener) || this.#listeners.size > 0) return
      this.#opening = null
      // Of a client that was closed before, a driver may never answer.
      const late = setTimeout(echoTimeout, undefined, { ref: false })
      this.#closed = Promise.race([opening.then((close) => close()).catch(() => {}), late])
      await this.#closed
    }
  }

  /** Tells every process that listens that a session ended. */
  async tell(id: string): Promise<void> {
    if (this.#channel?.publish) await this.#channel.publish(id)
    else this.notify(id, 'ended')
  }

  /** Notifies those who listen in this process, after the verb that is under way. */
  notify(id: string, kind: NoticeKind): void {
    if (this.#listeners.size > 0) queueMicrotask(() => this.#each(({ onNotice }) => onNotice(id, kind)))
  }

  #gap(): void {
    this.#each(({ onGap }) => onGap())
  }

  /** A verb must not fail for somebody who listens, and nobody must miss what another one fails at. */
  #each(tell: (listener: Listener) => void): void {
    for (const listener of this.#listeners) {
      try {
        tell(listener)
      } catch (error) {
        process.emitWarning(error as Error)
      }
    }
  }

  async #open(): Promise<() => unknown> {
    const channel = this.#channel
    if (!channel) return () => {}
    const closed = new AbortController()
    const check = (): void => void this.#check(channel, closed.signal)
    const unsubscribe = await channel.subscribe({
      onMessage: (text) => this.#receive(text),
      onBreak: () => this.#setBroken(true, closed.signal),
      onGap: () => {
        this.#gap()
        check()
      },
    })
    await this.#check(channel, closed.signal)
    const checks = unref(setInterval(check, echoInterval))
    return () => {
      clearInterval(checks)
      this.#setBroken(false, closed.signal)
      closed.abort()
      return unsubscribe()
    }
  }

  #receive(text: string): void {
    if (text.startsWith(echo)) this.#echoes.get(text)?.()
    else if (text.startsWith(changed)) this.notify(text.slice(changed.length), 'changed')
    else this.notify(text, 'ended')
  }

  /** Publishes a text, and finds out whether it comes back in time. */
  async #check(channel: Channel, closed: AbortSignal): Promise<void> {
    if (!channel.publish) return
    const text = echo + Math.random().toString(36).slice(2)
    const { promise, resolve } = Promise.withResolvers<boolean>()
    this.#echoes.set(text, () => resolve(true))
    channel.publish(text).catch(() => resolve(false))
    const isBack = await Promise.race([promise, setTimeout(echoTimeout, false, { ref: false })])
    this.#echoes.delete(text)
    this.#setBroken(!isBack, closed)
    if (!isBack && !closed.aborted) channel.resubscribe?.()
  }

  #setBroken(isBroken: boolean, closed: AbortSignal): void {
    if (this.#isBroken === isBroken || closed.aborted) return
    this.#isBroken = isBroken
    this.#gap()
    clearInterval(this.#gaps)
    if (isBroken) this.#gaps = unref(setInterval(() => this.#gap(), gapInterval))
  }
}
