// This reads why the server refused something.

import { CombinedGraphQLErrors } from '@apollo/client'

const errorsIn = (error: unknown) => (CombinedGraphQLErrors.is(error) ? error.errors : [])

export const codesOf = (error: unknown): unknown[] =>
  errorsIn(error).map(({ extensions }) => extensions?.['code'])

/** @returns the seconds for which a password is fresh; undefined where it was not refused for that */
export function freshnessAskedBy(error: unknown): number | undefined {
  const refusal = errorsIn(error).find(({ extensions }) => extensions?.['code'] === 'SESSION_NOT_FRESH')
  const maxAge: unknown = refusal?.extensions?.['maxAge']
  return typeof maxAge === 'number' ? maxAge : undefined
}
