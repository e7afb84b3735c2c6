// This collects the changes to a SQLite database, and has those that are there at the same time made together.

import type { DatabaseSync } from 'node:sqlite'
import { clearImmediate, setImmediate } from 'node:timers'
import { setTimeout } from 'node:timers/promises'
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads'
import {
  type Answer,
  Changes,
  errorOf,
  failure,
  type Failure,
  hasFailed,
  type Task,
  type Text,
  type Told,
} from './sqlite-changes.ts'
import type { KnownFile } from './sqlite-file.ts'

/** What the thread is given. */
export interface ThreadData {
  readonly port: MessagePort
  /** Holds its `Phase`. */
  readonly shared: SharedArrayBuffer
  readonly path: string
  readonly files: readonly KnownFile[]
  readonly busyTimeout: number
}

/** How far the thread is. It has begun once it has taken a message, and it takes none after it was abandoned. */
export const Phase = { new: 0, begun: 1, abandoned: 2, closed: 3 } as const

/** Changes in one transaction, at most, so that other processes get the lock in between. */
const madeAtOnce = 256

/** Milliseconds for which `close` waits for the thread, beside those for which that waits for the lock. */
const closeTimeout = 10_000

/** Node 22 calls `node:sqlite` experimental, once is enough. Deno takes no flags for a thread. */
const quiet = '--disable-warning=ExperimentalWarning'

interface Asked {
  readonly json: string
  readonly resolve: (answer: Told<Answer>) => void
  readonly reject: (error: Error) => void
}

interface Thread {
  readonly worker: Worker
  readonly port: MessagePort
  readonly phase: Int32Array
}

/** The database, and who may write to it. */
export interface WriterOptions {
  readonly db: DatabaseSync
  readonly files: readonly KnownFile[]
  /** The file that a thread opens; null: the changes are made here, over `db`. */
  readonly path: string | null
  /** Whether the pragmas of `db` are the store's. */
  readonly isOwn: boolean
  readonly busyTimeout: number
}

/**
 * Writes to a SQLite database. While one transaction waits for the disk, what comes is collected for the next. A
 * thread makes them, so that the event loop does not wait. Where there can be none, as for a database in memory, they are
 * made in the turn of the event loop in which they are asked for, and so is what is pending when the store is closed.
 */
export class Writer {
  readonly #options: WriterOptions
  #thread: Thread | null = null
  #here: Changes | null = null
  #queue: Asked[] = []
  #flying: readonly Asked[] | null = null
  #turn: NodeJS.Immediate | undefined
  #isClosed = false
  #trouble: unknown = null

  constructor(options: WriterOptions) {
    this.#options = options
  }

  /** Why there is no thread though there should be one; null otherwise. */
  get trouble(): unknown {
    return this.#trouble
  }

  /** Does a task after all that were asked for before it. It is on the disk when the promise resolves. */
  ask<T extends Answer>({ json }: Text<T>): Promise<Told<T>> {
    if (this.#isClosed) return Promise.reject(closed())
    const { promise, resolve, reject } = Promise.withResolvers<Told<T>>()
    this.#queue.push({ json, resolve: resolve as Asked['resolve'], reject })
    this.#turn ??= setImmediate(() => this.#send())
    return promise
  }

  /** Does what was asked for, and frees the file. It blocks until then. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    clearImmediate(this.#turn)
    const thread = this.#thread
    if (thread && !this.#abandon(thread)) this.#endThread(thread)
    else this.#finishHere()
    for (const { reject } of [...(this.#flying ?? []), ...this.#queue]) reject(closed())
    this.#flying = null
    this.#queue = []
  }

  #send(): void {
    this.#turn = undefined
    if (this.#flying || this.#queue.length === 0) return
    this.#flying = this.#queue.splice(0, madeAtOnce)
    const given = textOf(this.#flying)
    const thread = this.#startedThread()
    if (!thread) return void this.#makeHere(this.#flying)
    // The process does not end before it is told.
    thread.worker.ref()
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port has no origin
    thread.port.postMessage(given)
  }

  #settle(answers: readonly Answer[] | Failure): void {
    const asked = this.#flying!
    this.#flying = null
    for (const [at, { resolve, reject }] of asked.entries()) {
      const answer = 'failed' in answers ? answers : answers[at]!
      if (hasFailed(answer)) reject(errorOf(answer))
      else resolve(answer)
    }
  }

  #startedThread(): Thread | null {
    const { path, files, busyTimeout } = this.#options
    if (path === null || this.#trouble !== null) return null
    if (this.#thread) return this.#thread
    const { port1, port2 } = new MessageChannel()
    const shared = new SharedArrayBuffer(4)
    const workerData: ThreadData = { port: port2, shared, path, files, busyTimeout }
    let worker
    try {
      // A file of the build has another extension than its source. A bundle of CommonJS may have no URL.
      const file = new URL(
        import.meta.url.endsWith('.ts') ? './sqlite-thread.ts' : './sqlite-thread.js',
        import.meta.url,
      )
      worker = new Worker(file, {
        workerData,
        transferList: [port2],
        name: 'graphql-session SQLite',
        // What the application has loaded before itself, as for tracing, is not to run in this thread, too.
        execArgv: process.allowedNodeEnvironmentFlags.has(quiet) ? [quiet] : [],
        env: {},
      })
    } catch (error) {
      this.#goWithout(error)
      return null
    }
    const thread = { worker, port: port1, phase: new Int32Array(shared) }
    port1.on('message', (text: string) => {
      worker.unref()
      this.#settle(JSON.parse(text) as readonly Answer[] | Failure)
      this.#send()
    })
    port1.unref()
    worker.on('error', (error) => this.#lose(thread, error))
    worker.on('exit', () => this.#lose(thread, new Error('The thread of the SQLite store has ended.')))
    worker.unref()
    return (this.#thread = thread)
  }

  /** Goes on after a thread has ended by itself. */
  #lose(thread: Thread, error: unknown): void {
    if (this.#thread !== thread || this.#isClosed) return
    this.#thread = null
    thread.port.close()
    const flying = this.#flying
    if (this.#abandon(thread)) {
      this.#goWithout(error)
      if (flying) void this.#makeHere(flying)
      return
    }
    // Nobody knows whether these were made. Those that come get another thread.
    if (flying) this.#settle(failure(error))
    this.#send()
  }

  /** Keeps a thread from beginning. @returns false where it has begun */
  #abandon({ phase }: Thread): boolean {
    return Atomics.compareExchange(phase, 0, Phase.new, Phase.abandoned) === Phase.new
  }

  #goWithout(error: unknown): void {
    this.#trouble = error
    process.emitWarning(
      'sqliteStore: its thread cannot be started, so that the event loop waits for the disk at each change.',
      { type: 'SessionWarning', detail: (error as Error).message },
    )
  }

  async #makeHere(asked: readonly Asked[]): Promise<void> {
    const deadline = performance.now() + this.#options.busyTimeout
    for (let attempt = 1; ; attempt++) {
      const answers = this.#attempt(asked, performance.now() > deadline)
      if (answers !== null) this.#settle(answers)
      if (answers !== null) return this.#send()
      await setTimeout(Math.min(attempt, 20))
      // `close` has made them.
      if (this.#flying !== asked) return
    }
  }

  /** SQLite blocks the event loop while it waits for the lock, so that it waits only for a moment. */
  #attempt(asked: readonly Asked[], isLast: boolean): readonly Answer[] | Failure | null {
    const { db, files, isOwn } = this.#options
    try {
      this.#here ??= new Changes(db, files, isOwn, null)
      return this.#here.attempt(JSON.parse(textOf(asked)) as readonly Task[], isLast)
    } catch (error) {
      return failure(error)
    }
  }

  #finishHere(): void {
    void this.#thread?.worker.terminate()
    if (!this.#flying && this.#queue.length === 0) return
    this.#options.db.exec(`PRAGMA busy_timeout = ${this.#options.busyTimeout}`)
    for (;;) {
      if (this.#flying) this.#settle(this.#attempt(this.#flying, true) ?? failure(closed()))
      if (this.#queue.length === 0) return
      this.#flying = this.#queue.splice(0, madeAtOnce)
    }
  }

  #endThread({ worker, port, phase }: Thread): void {
    const queue = this.#queue
    if (queue.length > 0) port.postMessage(textOf(queue))
    port.postMessage(null)
    Atomics.wait(phase, 0, Phase.begun, 2 * this.#options.busyTimeout + closeTimeout)
    for (let next = receiveMessageOnPort(port); next; next = receiveMessageOnPort(port)) {
      if (!this.#flying) {
        this.#flying = queue
        this.#queue = []
      }
      this.#settle(JSON.parse(next.message as string) as readonly Answer[] | Failure)
    }
    port.close()
    void worker.terminate()
  }
}

const textOf = (asked: readonly Asked[]): string => `[${asked.map(({ json }) => json).join(',')}]`

const closed = (): Error => new Error('The store was closed.')
