// This runs asynchronous tasks one after the other, e.g. the verbs of one session.

const done = Promise.resolve()

/** Runs tasks one after the other: each begins when those before it have ended, also if they failed. */
export class OneAtATime {
  #last: Promise<void> = done
  #running = 0

  /** Whether a task has not ended yet. */
  get isBusy(): boolean {
    return this.#running > 0
  }

  /** Runs a task: at once where no other is running, else after those given before. */
  run<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#running++ > 0 ? this.#last.then(task) : task()
    const leave = (): void => {
      this.#running--
    }
    this.#last = result.then(leave, leave)
    return result
  }
}
