// This tells how far the clock of a backend is from the clock of this process, and when that is too far.

/** Milliseconds by which two clocks may differ without a word. The cookie store tolerates as much. */
const tolerance = 60_000

/**
 * Compares the clock of a backend with that of this process.
 * @param name - of the backend, to begin the sentence with
 * @param ask - asks the backend for its time in milliseconds since the epoch
 * @returns a warning, or none where the clocks agree within a minute
 */
export async function skewOf(name: string, ask: () => Promise<number>): Promise<string[]> {
  const before = Date.now()
  const theirs = await ask()
  const after = Date.now()
  const ahead = theirs - after > tolerance
  const behind = before - theirs > tolerance
  if (!ahead && !behind) return []
  const seconds = Math.round(Math.abs(theirs - (ahead ? after : before)) / 1000)
  return [
    `The clock of ${name} is ${seconds} s ${ahead ? 'ahead of' : 'behind'} the clock of this process, so that sessions end too early or too late. Let NTP set both.`,
  ]
}

/**
 * Makes the error of a change after which the session would have expired by the clock of the backend, and with
 * it for every process whose clock is right.
 * @param name - of the backend
 */
export const skewed = (name: string): Error =>
  Object.assign(new Error(`The clock of ${name} is past the deadline of the session.`), {
    code: 'CLOCK_SKEW',
  })
