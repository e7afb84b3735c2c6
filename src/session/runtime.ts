// This tells what the runtime of the process forbids, and has not got.

/**
 * Whether requests may wait for the same promise, and may have their timers started by one another. workerd, the
 * runtime of Cloudflare, forbids it ("Cannot perform I/O on behalf of a different request"), and stops the timers of a
 * request with it.
 */
export const mayShare = (): boolean => globalThis.navigator?.userAgent !== 'Cloudflare-Workers'

/** Lets a process end in which nothing but the timer is left. In workerd a timer may be a number, and there is no process. */
export function unref(timer: NodeJS.Timeout): NodeJS.Timeout {
  return typeof timer === 'object' ? timer.unref() : timer
}
