// This checks options: it refuses unknown names and numbers out of range.

import { SessionError } from './errors.ts'

/**
 * Checks that options are an object with known names only: a misspelt one would silently mean its default.
 * @param name - what the options are called in the error
 * @throws {SessionError} CONFIG_INVALID
 */
export function checkOptions(
  name: string,
  options: unknown,
  known: readonly string[],
): asserts options is object {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new SessionError('CONFIG_INVALID', `${name} must be an object.`)
  }
  for (const option of Object.keys(options)) {
    if (!known.includes(option)) {
      throw new SessionError(
        'CONFIG_INVALID',
        `${name} has no option "${option}". Known: ${known.join(', ')}.`,
      )
    }
  }
}

/** @throws {SessionError} CONFIG_INVALID, naming the option */
export function checkNumber(name: string, value: number, unit: string): void {
  if (Number.isSafeInteger(value) && value > 0 && value < 2 ** 31) return
  throw new SessionError('CONFIG_INVALID', `${name} must be a whole number of ${unit} from 1 to 2147483647.`)
}
