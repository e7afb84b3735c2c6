import { SessionError } from './errors.ts'

/** Refuses what is not an object and names that nobody reads: a typing error must not mean a default. */
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
