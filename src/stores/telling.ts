// This tells those who listen in this process of sessions that ended, whatever brings the news here.

import { setTimeout } from 'node:timers/promises'
import type { ChangeSet } from '../session/changes.ts'
import type { Notices } from '../session/watch.ts'

/** What has happened to a session. */
export type News = 'ended' | 'changed'

/** Where a line puts what it hears. */
export interface Ear {
  /** Takes a text that was sent, by this process or another. */
  hear(text: string): void
  /** The line is broken, so that news may be missing until it is there again. */
  broken(): void
  /** The line is there again, or news was missed in another way. */
  gap(): void
}

/** What brings the news of other processes. */
export interface Line {
  /** Opens the line. Resolves once nothing is missed that is sent from then on. @returns closes it */
  open(ear: Ear): Promise<() => unknown>
  /** Sends a text to everybody who has a line, this process too. Absent where only gaps come by it. */
  send?(text: string): Promise<unknown>
  /** Called while nothing comes back of what is sent, to open what the driver does not open again by itself. */
  renew?(): void
}

interface Hearer {
  readonly onNotice: (id: string, what: News) => void
  readonly onGap: () => void
}

/** What a text begins with that is no id: a change of the session, or what is sent to hear it. */
const changed = '~'
const echo = '?'

/** The text that tells of a change. That of an end is the id alone. */
export const changeOf = (id: string): string => changed + id

/** Milliseconds between two texts that are sent only to be heard. */
const echoInterval = 3000
/** Milliseconds in which what was sent comes back. */
const echoTimeout = 1000
/** Milliseconds between two gaps while news may be missing. */
const gapInterval = 900

/**
 * Whether a change set changes what a session holds, and not only its deadline. A deadline alone is moved by almost
 * every request.
 */
export const changesData = ({ clear, entries, policy }: ChangeSet): boolean =>
  clear || entries.size > 0 || policy !== undefined

/**
 * Tells of sessions. A driver opens a broken connection again without a word, a pooler takes LISTEN from the connection
 * that asked, and a user may lack the right to publish; so what is sent in intervals has to come back. As long as it
 * does not, there is a gap every second: whoever listens reads what it watches.
 */
export class Teller implements Notices {
  readonly tellsChanges: boolean
  readonly #line: Line | undefined
  readonly #hearers = new Set<Hearer>()
  #opening: Promise<() => unknown> | null = null
  #closed: Promise<unknown> = Promise.resolve()
  #isBroken = false
  #gaps: NodeJS.Timeout | undefined
  /** What was sent to be heard, and who waits for it. */
  readonly #echoes = new Map<string, () => void>()

  /** @param line - absent where all sessions are in this process */
  constructor(tellsChanges: boolean, line?: Line) {
    this.tellsChanges = tellsChanges
    this.#line = line
  }

  /** Finds out whether what this process sends comes back to it. */
  async hearsItself(): Promise<boolean> {
    try {
      const stop = await this.listen(
        () => {},
        () => {},
      )
      const isHeard = !this.#isBroken
      await stop()
      return isHeard
    } catch {
      return false
    }
  }

  async listen(onNotice: Hearer['onNotice'], onGap: Hearer['onGap']): Promise<() => Promise<void>> {
    const hearer = { onNotice, onGap }
    this.#hearers.add(hearer)
    this.#opening ??= this.#closed.then(() => this.#open())
    const opening = this.#opening
    try {
      await opening
    } catch (error) {
      this.#hearers.delete(hearer)
      if (this.#opening === opening) this.#opening = null
      throw error
    }
    return async () => {
      if (!this.#hearers.delete(hearer) || this.#hearers.size > 0) return
      this.#opening = null
      // Of a client that was closed before, a driver may never answer.
      const late = setTimeout(echoTimeout, undefined, { ref: false })
      this.#closed = Promise.race([opening.then((close) => close()).catch(() => {}), late])
      await this.#closed
    }
  }

  /** Tells everybody who has a line that a session ended. */
  async tell(id: string): Promise<void> {
    if (this.#line?.send) await this.#line.send(id)
    else this.announce(id, 'ended')
  }

  /** Tells those who listen in this process, after the verb that is under way. */
  announce(id: string, what: News): void {
    if (this.#hearers.size > 0) queueMicrotask(() => this.#each(({ onNotice }) => onNotice(id, what)))
  }

  #gap(): void {
    this.#each(({ onGap }) => onGap())
  }

  /** A verb must not fail for somebody who listens, and nobody must miss what another one fails at. */
  #each(tell: (hearer: Hearer) => void): void {
    for (const hearer of this.#hearers) {
      try {
        tell(hearer)
      } catch (error) {
        process.emitWarning(error as Error)
      }
    }
  }

  async #open(): Promise<() => unknown> {
    const line = this.#line
    if (!line) return () => {}
    const closed = new AbortController()
    const check = (): void => void this.#check(line, closed.signal)
    const close = await line.open({
      hear: (text) => this.#hear(text),
      broken: () => this.#setBroken(true, closed.signal),
      gap: () => {
        this.#gap()
        check()
      },
    })
    await this.#check(line, closed.signal)
    const checks = setInterval(check, echoInterval).unref()
    return () => {
      clearInterval(checks)
      this.#setBroken(false, closed.signal)
      closed.abort()
      return close()
    }
  }

  #hear(text: string): void {
    if (text.startsWith(echo)) this.#echoes.get(text)?.()
    else if (text.startsWith(changed)) this.announce(text.slice(changed.length), 'changed')
    else this.announce(text, 'ended')
  }

  /** Sends a text, and finds out whether it comes back in time. */
  async #check(line: Line, closed: AbortSignal): Promise<void> {
    if (!line.send) return
    const text = echo + Math.random().toString(36).slice(2)
    const { promise, resolve } = Promise.withResolvers<boolean>()
    this.#echoes.set(text, () => resolve(true))
    line.send(text).catch(() => resolve(false))
    const isHeard = await Promise.race([promise, setTimeout(echoTimeout, false, { ref: false })])
    this.#echoes.delete(text)
    this.#setBroken(!isHeard, closed)
    if (!isHeard && !closed.aborted) line.renew?.()
  }

  #setBroken(isBroken: boolean, closed: AbortSignal): void {
    if (this.#isBroken === isBroken || closed.aborted) return
    this.#isBroken = isBroken
    this.#gap()
    clearInterval(this.#gaps)
    if (isBroken) this.#gaps = setInterval(() => this.#gap(), gapInterval).unref()
  }
}
