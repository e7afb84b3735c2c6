// This tells what the runtime of the process forbids.

/**
 * Whether requests may wait for the same promise, and may have their timers started by one another. workerd, the
 * runtime of Cloudflare, forbids it ("Cannot perform I/O on behalf of a different request"), and stops the timers of a
 * request with it.
 */
export const mayShare = (): boolean => globalThis.navigator?.userAgent !== 'Cloudflare-Workers'
