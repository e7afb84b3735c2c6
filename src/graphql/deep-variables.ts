// This refuses an operation whose variables would use up the stack, or much time, when they are read.

import type { ExecutionArgs, ExecutionResult } from 'graphql'
import type { Refusal } from '../http/gate.ts'
import { misshapenVariable } from './wide-variables.ts'

/** An executor of GraphQL, for one operation. */
type Execute<Args, Result> = (args: Args) => Result

/**
 * Wraps an executor so that it refuses variables which are nested so deeply that copying and checking them
 * uses up the stack, or whose objects do not have the members of their types, which takes long to explain. Both
 * happen before any resolver runs. The refusal is the result, as graphql-ws closes a socket where an executor throws.
 * @param refuse - makes the error of the result
 */
export const refusingDeepVariables = <Args, Result>(
  execute: Execute<Args, Result>,
  refuse: (refusal: Refusal) => Error,
): Execute<Args, Result> => {
  const refused = (): Result => ({ errors: [refuse(tooDeep)] }) as Result
  return (args) => {
    let result
    try {
      const misshapen = misshapenVariable(args as ExecutionArgs)
      if (misshapen) return misshapen as Result
      result = execute(args)
    } catch (error) {
      if (isOutOfStack(error)) return refused()
      throw error
    }
    // Some of the code that reads variables answers with an error instead of throwing it. Such a result has
    // no data, which shows that no resolver has run.
    const { errors, data } = result as ExecutionResult
    if (data === undefined && errors?.some((error) => isOutOfStack(error.originalError ?? error))) {
      return refused()
    }
    return result
  }
}

/** Whether an error says that functions called each other too deeply. */
export const isOutOfStack = (error: unknown): boolean =>
  (error as Partial<Error> | undefined)?.name === 'RangeError'

const tooDeep: Refusal = {
  status: 400,
  code: 'OPERATION_TOO_COMPLEX',
  message: 'The variables are nested too deeply.',
}
