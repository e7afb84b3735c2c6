// This keeps a store in a process of its own, and calls it from the tests.

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { KeyedStore } from '../../src/session/store.ts'

type Verb = 'create' | 'read' | 'commit' | 'delete'

interface Call {
  readonly number: number
  readonly verb: Verb
  readonly given: readonly unknown[]
}

type Answer = { readonly number: number } & ({ readonly answer: unknown } | { readonly error: Error })

/** Answers the calls of the process that started this one, until that ends. */
export function serve(store: KeyedStore): void {
  process.on('message', ({ number, verb, given }: Call) => {
    const call = store[verb] as (...given: readonly unknown[]) => Promise<unknown>
    call(...given).then(
      (answer) => process.send!({ number, answer } satisfies Answer),
      (error: Error) => process.send!({ number, error } satisfies Answer),
    )
  })
  process.send!('ready')
}

/** A store whose verbs run in another process. */
export class StoreProcess implements KeyedStore {
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>()
  #number = 0

  private constructor(child: ChildProcess) {
    this.#child = child
    child.on('message', (message: Answer) => {
      const call = this.#waiting.get(message.number)!
      this.#waiting.delete(message.number)
      if ('error' in message) call.reject(message.error)
      else call.resolve(message.answer)
    })
    child.on('exit', () => {
      for (const { reject } of this.#waiting.values())
        reject(new Error('The process of the store has ended.'))
    })
  }

  /** @param module - the path of a module that calls `serve` */
  static async start(module: string, ...given: readonly string[]): Promise<StoreProcess> {
    const child = fork(module, given, { serialization: 'advanced', execArgv: [] })
    await once(child, 'message')
    return new StoreProcess(child)
  }

  create: KeyedStore['create'] = (...given) => this.#call('create', given)
  read: KeyedStore['read'] = (...given) => this.#call('read', given)
  commit: KeyedStore['commit'] = (...given) => this.#call('commit', given)
  delete: KeyedStore['delete'] = (...given) => this.#call('delete', given)

  async stop(): Promise<void> {
    const ended = once(this.#child, 'exit')
    this.#child.kill()
    await ended
  }

  #call<T>(verb: Verb, given: readonly unknown[]): Promise<T> {
    const number = this.#number++
    const waiting = Promise.withResolvers<unknown>()
    this.#waiting.set(number, waiting)
    this.#child.send({ number, verb, given } satisfies Call)
    return waiting.promise as Promise<T>
  }
}
