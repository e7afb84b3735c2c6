// This turns errors of sessions into errors of GraphQL, with their code.

import type { ExecutionResult, GraphQLError } from 'graphql'
import { createGraphQLError } from 'graphql-yoga'
import { isOfClient } from '../session/client.ts'
import { SessionError, type SessionErrorCode } from '../session/errors.ts'

/**
 * A result whose session errors say so, with `extensions.code`. Has to come before Yoga masks what it does
 * not know as "Unexpected error.".
 */
export function translate<Result extends Part>(result: Result): Result {
  const { errors, incremental } = result
  return {
    ...result,
    ...(errors && { errors: errors.map((error) => translateError(error)) }),
    ...(incremental && { incremental: incremental.map(translatePart) }),
  }
}

/** A result, or a part of a stream: those of `@defer` and `@stream` come in `incremental`. */
export interface Part {
  readonly errors?: readonly GraphQLError[] | undefined
  readonly incremental?: readonly Part[] | undefined
}

/**
 * What to log of a result for whoever wrote its resolvers: each session error that one of them caused, with the path of
 * the field and without the value. What a client caused, what happens among healthy requests, and what a store did
 * (which is logged where it happens) is no mistake of theirs.
 */
export function mistakesIn({ errors = [], incremental = [] }: Part): string[] {
  return [
    ...errors.flatMap(({ originalError, path = [] }) => {
      if (!(originalError instanceof SessionError) || isOfClient(originalError)) return []
      const { code, message } = originalError
      return mistakes.has(code) ? [`${path.join('.')}: ${code}: ${message}`] : []
    }),
    ...incremental.flatMap(mistakesIn),
  ]
}

const mistakes = new Set<SessionErrorCode>([
  'SESSION_KEY_INVALID',
  'SESSION_VALUE_INVALID',
  'SESSION_VALUE_TOO_LARGE',
  'SESSION_TOO_LARGE',
  'SESSION_EXPIRY_INVALID',
  'SESSION_HEADERS_SENT',
  'SESSION_NOT_REVOCABLE',
  'CONFIG_INVALID',
])

export const unavailable = { status: 503, headers: { 'retry-after': '1' } }

/** The whole answer when the session could not be saved: nothing of it may look like success. */
export function failed(error: unknown): ExecutionResult {
  return {
    data: null,
    errors: [
      error instanceof SessionError
        ? toGraphQL(error)
        : createGraphQLError('Unexpected error.', { extensions: { code: 'INTERNAL_SERVER_ERROR' } }),
    ],
  }
}

/** The status and headers left with the first part, and Yoga would print them in a later one. */
function translatePart(part: Part): Part {
  return part.errors ? { ...part, errors: part.errors.map((error) => translateError(error, false)) } : part
}

function translateError(error: GraphQLError, hasHeaders = true): GraphQLError {
  const { originalError } = error
  return originalError instanceof SessionError ? toGraphQL(originalError, error, hasHeaders) : error
}

export function toGraphQL(
  { code, message, outcome }: SessionError,
  located?: GraphQLError,
  hasHeaders = true,
): GraphQLError {
  return reworded(located, message, {
    code,
    ...(outcome && { outcome }),
    ...(hasHeaders && code.startsWith('SESSION_STORE_') && { http: unavailable }),
  })
}

/** Another error at the same place. Yoga knows it for one that may be shown. */
export function reworded(
  error: GraphQLError | undefined,
  message: string,
  extensions: GraphQLError['extensions'],
): GraphQLError {
  const { nodes = null, source = null, positions = null, path = null } = error ?? {}
  return createGraphQLError(message, { nodes, source, positions, path, extensions })
}
