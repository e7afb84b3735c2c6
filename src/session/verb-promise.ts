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
    return super.then(onFulfilled, onRejected)
  }
}

/**
 * Marks a promise as handled, so that Node does not end the process where it is awaited late or never.
 * Whoever awaits it gets the failure all the same.
 */
export function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.then(undefined, ignore)
  return promise
}

const ignore = (): void => {}

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
