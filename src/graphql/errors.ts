// This turns session errors into errors of GraphQL with their code, and picks those that are to be logged.

import type { ExecutionResult, GraphQLError } from 'graphql'
import { createGraphQLError } from 'graphql-yoga'
import { isOfClient } from '../session/client.ts'
import { SessionError, type SessionErrorCode } from '../session/errors.ts'

/**
 * Gives each session error in a result its code (`extensions.code`) and its message. This has to happen
 * before Yoga masks errors that it does not know as "Unexpected error.".
 */
export function translate<Result extends Part>(result: Result): Result {
  const { errors, incremental, completed } = result
  return {
    ...result,
    ...(errors && { errors: errors.map((error) => translateError(error)) }),
    ...(incremental && { incremental: incremental.map(translatePart) }),
    ...(completed && { completed: completed.map(translatePart) }),
  }
}

/**
 * A result, or a part of a stream. The parts of `@defer` and `@stream` are in `incremental`. graphql-js 17 puts
 * the errors of those that failed as a whole into `completed`.
 */
export interface Part {
  readonly errors?: readonly GraphQLError[] | undefined
  readonly incremental?: readonly Part[] | undefined
  readonly completed?: readonly Part[] | undefined
}

/**
 * The lines to log about a result for the developer of its resolvers: one for each session error that a
 * resolver caused, with the path of its field and without the value. Errors that a client caused or that
 * occur among healthy requests are no mistakes of a resolver. The store's are logged where they happen.
 */
export function mistakesIn({ errors = [], incremental = [], completed = [] }: Part): string[] {
  return [
    ...errors.flatMap(({ originalError, path = [] }) => {
      if (!(originalError instanceof SessionError) || isOfClient(originalError)) return []
      const { code, message } = originalError
      return mistakes.has(code) ? [`${path.join('.').slice(0, longestPath)}: ${code}: ${message}`] : []
    }),
    ...[...incremental, ...completed].flatMap(mistakesIn),
  ]
}

/** Characters. A path holds aliases, which a client chose. */
const longestPath = 200

/** The codes of errors that a mistake in a resolver causes, unless a client did. */
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

/** What an answer says of a store that failed: the client may try again after a second. */
export const unavailable = { status: 503, headers: { 'retry-after': '1' } }

/**
 * The whole result of a request whose session could not be saved, or which met a bug. It has no data, so that
 * nothing of it looks like success.
 */
export function failed(error: unknown): ExecutionResult {
  return {
    data: null,
    errors: [error instanceof SessionError ? toGraphQL(error) : unexpected()],
  }
}

/** The error that a client gets for a bug: it says nothing of it. */
export const unexpected = (located?: GraphQLError): GraphQLError =>
  reworded(located, 'Unexpected error.', { code: 'INTERNAL_SERVER_ERROR' })

/** Leaves out status and headers, which left with the first part: Yoga would print them into a later one. */
function translatePart(part: Part): Part {
  return part.errors ? { ...part, errors: part.errors.map((error) => translateError(error, false)) } : part
}

function translateError(error: GraphQLError, hasHeaders = true): GraphQLError {
  const { originalError } = error
  return originalError instanceof SessionError ? toGraphQL(originalError, error, hasHeaders) : error
}

/**
 * The error of GraphQL for a session error.
 * @param located - the error in which GraphQL wrapped it, whose place in the document is kept
 * @param hasHeaders - whether the answer can still get a status and headers
 */
export function toGraphQL(
  { code, message, outcome, retryable, maxAge, reason }: SessionError,
  located?: GraphQLError,
  hasHeaders = true,
): GraphQLError {
  return reworded(located, message, {
    code,
    ...(outcome && { outcome }),
    ...(maxAge !== undefined && { maxAge }),
    ...(reason && { reason }),
    // Without a place, it may be of a verb that nobody awaited: its resolver has gone on.
    ...(retryable && located && { retryable }),
    ...(hasHeaders && code.startsWith('SESSION_STORE_') && { http: unavailable }),
  })
}

/** An error with another message at the same place. Yoga shows it to clients, and does not mask it. */
export function reworded(
  error: GraphQLError | undefined,
  message: string,
  extensions: GraphQLError['extensions'],
): GraphQLError {
  const { nodes = null, source = null, positions = null, path } = error ?? {}
  return createGraphQLError(message, {
    nodes,
    source,
    positions,
    path: isPath(path) ? path : null,
    extensions,
  })
}

/** Whether this is the path of a field. An application may give its errors anything. */
const isPath = (path: unknown): path is readonly (string | number)[] =>
  Array.isArray(path) && path.every((key) => typeof key === 'string' || Number.isFinite(key))
