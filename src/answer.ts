import type { ExecutionResult, GraphQLError } from 'graphql'
import { createGraphQLError } from 'graphql-yoga'
import { SessionError } from './errors.ts'

/**
 * A result whose session errors say so, with `extensions.code`. Has to come before Yoga masks what it does
 * not know as "Unexpected error.".
 */
export function translate<Result extends Part>(result: Result): Result {
  const { errors, incremental } = result
  if (!errors && !incremental) return result
  return {
    ...result,
    ...(errors && { errors: errors.map(translateError) }),
    ...(incremental && { incremental: incremental.map(translate) }),
  }
}

/** A result, or a part of a stream: those of `@defer` and `@stream` come in `incremental`. */
interface Part {
  readonly errors?: readonly GraphQLError[] | undefined
  readonly incremental?: readonly Part[] | undefined
}

/** The whole answer when the session could not be saved: nothing of it may look like success. */
export function failed(error: unknown): ExecutionResult {
  return {
    data: null,
    errors: [
      error instanceof SessionError
        ? toGraphQL(error)
        : createGraphQLError('The session could not be saved.'),
    ],
  }
}

function translateError(error: GraphQLError): GraphQLError {
  return error.originalError instanceof SessionError ? toGraphQL(error.originalError, error) : error
}

function toGraphQL({ code, message, outcome }: SessionError, located?: GraphQLError): GraphQLError {
  const { nodes = null, source = null, positions = null, path = null } = located ?? {}
  return createGraphQLError(message, {
    nodes,
    source,
    positions,
    path,
    extensions: {
      code,
      ...(outcome && { outcome }),
      ...(code.startsWith('SESSION_STORE_') && { http: { status: 503, headers: { 'retry-after': '1' } } }),
    },
  })
}
