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
  void plainThen.call(promise, undefined, ignore)
  return withFollowers(promise)
}

const ignore = (): void => {}

/** The promises that follow from a verb's, until it is known whether that fails. */
interface Verb {
  hasFailed: boolean
  followers: Promise<unknown>[]
}

/** Where a promise keeps the verb that it follows from. A WeakMap would cost more than the rest of a read. */
const verbKey = Symbol('verb')
type Following = Promise<unknown> & { [verbKey]?: Verb }

// `await` does not ask through `then` of a plain promise, so that these cost it nothing.
function withFollowers<T>(promise: Promise<T>): Promise<T> {
  // oxlint-disable-next-line unicorn/no-thenable -- it is a promise already
  promise.then = thenQuietly as never
  promise.finally = finallyQuietly as never
  return promise
}

function thenQuietly(
  this: Promise<unknown>,
  onFulfilled?: ((value: unknown) => unknown) | null,
  onRejected?: ((reason: unknown) => unknown) | null,
): Promise<unknown> {
  const next = plainThen.call(this, onFulfilled, onRejected)
  return typeof onRejected === 'function' ? next : follow(this, next)
}

function finallyQuietly(this: Promise<unknown>, onFinally?: (() => void) | null): Promise<unknown> {
  return follow(this, Promise.prototype.finally.call(this, onFinally))
}

function follow(promise: Following, next: Following): Promise<unknown> {
  const verb = promise[verbKey] ?? begin(promise)
  next[verbKey] = verb
  if (verb.hasFailed) void plainThen.call(next, undefined, ignore)
  else verb.followers.push(next)
  return withFollowers(next)
}

function begin(promise: Following): Verb {
  const verb: Verb = { hasFailed: false, followers: [] }
  promise[verbKey] = verb
  void plainThen.call(promise, undefined, () => {
    verb.hasFailed = true
    for (const each of verb.followers) void plainThen.call(each, undefined, ignore)
    verb.followers = []
  })
  return verb
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
