// This keeps a verb that nobody awaits from ending the process by its failure, and tells who took its promise.

/** The promise of a verb that changes something. It knows whether anybody has asked how the verb ended. */
export class VerbPromise<T = unknown> extends Promise<T> {
  /** Promises that follow from it are plain ones. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise
  }

  isTaken = false

  // oxlint-disable-next-line unicorn/no-thenable -- `await` and every method of Promise ask through this one
  override then<Fulfilled = T, Rejected = never>(
    onFulfilled?: ((value: T) => Fulfilled | PromiseLike<Fulfilled>) | null,
    onRejected?: ((reason: unknown) => Rejected | PromiseLike<Rejected>) | null,
  ): Promise<Fulfilled | Rejected> {
    this.isTaken = true
    return thenQuietly.call(this, onFulfilled as (value: unknown) => unknown, onRejected) as Promise<
      Fulfilled | Rejected
    >
  }

  override finally(onFinally?: (() => void) | null): Promise<T> {
    this.isTaken = true
    return finallyQuietly.call(this, onFinally) as Promise<T>
  }
}

const { then: plainThen } = Promise.prototype

/**
 * Marks a promise as handled, so that Node does not end the process where it is awaited late or never.
 * Whoever awaits it gets the failure all the same. So are those that follow from it by `then` and `finally`, as
 * far as they fail by its failure: not where a callback throws, nor what `Promise.all` and async functions make of it.
 */
export function quiet<T>(promise: Promise<T>): Promise<T> {
  if (promise.then === (thenQuietly as unknown)) return promise
  void plainThen.call(promise, undefined, ignore)
  return withFollowers(promise)
}

const ignore = (): void => {}

/** Whether a promise that follows from a verb's has failed by the failure of the verb. */
const failedByVerb = Symbol('failed by the verb')
type Following = Promise<unknown> & { [failedByVerb]?: boolean }

// `await` does not ask through `then` of a plain promise, so that these cost it nothing.
function withFollowers<T>(promise: Promise<T>): Promise<T> {
  // oxlint-disable-next-line unicorn/no-thenable -- it is a promise already
  promise.then = thenQuietly as never
  promise.finally = finallyQuietly as never
  return promise
}

function thenQuietly(
  this: Following,
  onFulfilled?: ((value: unknown) => unknown) | null,
  onRejected?: ((reason: unknown) => unknown) | null,
): Promise<unknown> {
  if (typeof onRejected === 'function') return plainThen.call(this, onFulfilled, onRejected)
  const next: Following = plainThen.call(this, onFulfilled, (reason: unknown) => {
    passOn(this, next)
    throw reason
  })
  next[failedByVerb] = false
  return withFollowers(next)
}

/** Does what `Promise.prototype.finally` does (ECMA-262), and tells of a failure whether it is one of the callback. */
function finallyQuietly(this: Following, onFinally?: (() => unknown) | null): Promise<unknown> {
  if (typeof onFinally !== 'function') return thenQuietly.call(this)
  const next: Following = plainThen.call(
    this,
    async (value: unknown) => {
      await onFinally()
      return value
    },
    async (reason: unknown) => {
      await onFinally()
      passOn(this, next)
      throw reason
    },
  )
  next[failedByVerb] = false
  return withFollowers(next)
}

/** Marks what follows from a promise that has failed, unless that failed by a callback of its own. */
function passOn(promise: Following, next: Following): void {
  if (promise[failedByVerb] === false) return
  next[failedByVerb] = true
  void plainThen.call(next, undefined, ignore)
}

type Verbs = Record<string, (...args: unknown[]) => Promise<unknown>>

/**
 * Wraps the asynchronous verbs of a class, so that none of their promises ends the process.
 * @param reads - verbs of which nobody misses the failure, unless the store failed, which is kept
 * @param acts - verbs that change something
 * @param watch - gets each promise of a verb that acts
 */
export function mindVerbs<Self extends object>(
  prototype: Self,
  reads: readonly (keyof Self & string)[],
  acts: readonly (keyof Self & string)[],
  watch: (self: Self, promise: VerbPromise) => void,
): void {
  const verbs = prototype as Verbs
  for (const name of reads) {
    const verb = verbs[name]!
    verbs[name] = function (this: Self, ...args) {
      return quiet(verb.apply(this, args))
    }
  }
  for (const name of acts) {
    const verb = verbs[name]!
    verbs[name] = function (this: Self, ...args) {
      const promise = new VerbPromise((resolve) => resolve(verb.apply(this, args)))
      watch(this, promise)
      return promise
    }
  }
}
