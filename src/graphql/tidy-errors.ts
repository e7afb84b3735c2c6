// This makes the errors of an answer, and of each part of a stream, what clients may see of them.

import { type ExecutionResult, GraphQLError, Kind, print, type VariableDefinitionNode } from 'graphql'
import { createGraphQLError, maskError, type YogaLogger } from 'graphql-yoga'
import { type Part, reworded, unexpected } from './errors.ts'
import { over } from './iterator-end.ts'
import { needsValue } from './wide-variables.ts'

/** How many errors an answer, or a part of one, has at most. Further ones tell a client nothing new, and cost bytes. */
export const maxErrors = 10

/** What of a Yoga server decides how errors are masked. `maskedErrorsOpts` is null where it masks none. */
interface MaskingYoga {
  readonly logger: YogaLogger
  readonly maskedErrorsOpts?: {
    readonly maskError: (error: unknown, message: string) => Error
    readonly errorMessage: string
  } | null
}

/**
 * Tidies the errors of answers. They keep their code and name fields and types, but repeat no value that the
 * client sent, and suggest no field that it did not name. What a client is not meant to see is masked as the
 * Yoga server masks it, and logged: Yoga itself does not look into the parts of `@defer` and `@stream`.
 */
export class ErrorTidier {
  readonly #yoga: MaskingYoga

  constructor(yoga: object) {
    this.#yoga = yoga as MaskingYoga
  }

  /**
   * Tidies an answer that is complete.
   * @param isOnlyPart - whether it is written as the only part of a stream. Yoga would neither end the stream nor
   * log anything where JSON cannot express it, so that it becomes an error there, as any other part does
   */
  tidy<Result extends ExecutionResult>(result: Result, isOnlyPart = false): Result {
    const tidied = result.errors ? this.#tidy(result, false) : result
    return isOnlyPart ? this.#expressible(tidied) : tidied
  }

  /**
   * Tidies each part of a stream before it is delivered. A part that JSON cannot express becomes an error, and
   * a stream that fails ends in one: Yoga would neither end the answer nor handle the rejection.
   */
  tidyParts<Each extends object>(parts: AsyncIterable<Each>): AsyncIterableIterator<Each> {
    const source = parts[Symbol.asyncIterator]()
    const deliver = (part: Each): Each => this.#expressible(this.#tidy(part, true))
    const advance = async (go: () => Promise<IteratorResult<Each>>): Promise<IteratorResult<Each>> => {
      let step
      try {
        step = await go()
      } catch (error) {
        // The client has left.
        if ((error as Error | null)?.name === 'AbortError') return over
        isOver = true
        return { done: false, value: deliver({ errors: [error] } as never) }
      }
      return step.done ? step : { done: false, value: deliver(step.value) }
    }
    let isOver = false
    return {
      next: async () => (isOver ? over : advance(() => source.next())),
      return: async () => (await source.return?.()) ?? over,
      [Symbol.asyncIterator]() {
        return this
      },
    }
  }

  /**
   * Tidies a result, or a part of one, that is sent as a message, and not as the answer of a request. One that JSON
   * cannot express becomes an error.
   */
  tidyMessage<Each extends Part>(part: Each): Each {
    const tidied = this.#tidy(part, true)
    try {
      JSON.stringify(tidied)
      return tidied
    } catch (error) {
      return this.#inexpressible(error, part) as Each
    }
  }

  #tidy<Result extends Part>(result: Result, isPart: boolean): Result {
    let left = maxErrors
    const tidyAll = ({ errors }: Part): { errors?: GraphQLError[] } => {
      if (!errors) return {}
      const taken = errors.slice(0, left)
      left -= taken.length
      return { errors: taken.map((error) => this.#tidyError(error, isPart)) }
    }
    const { incremental, completed } = result
    return {
      ...result,
      ...tidyAll(result),
      // Of a part that failed as a whole at least one error is left, since nothing else says that it failed.
      ...(completed && {
        completed: completed.map((part) => {
          left = Math.max(left, 1)
          return withErrors(part, tidyAll(part))
        }),
      }),
      ...(incremental && { incremental: incremental.map((part) => withErrors(part, tidyAll(part))) }),
    }
  }

  #tidyError(error: GraphQLError, isPart: boolean): GraphQLError {
    try {
      // Yoga has masked what came of executing an operation, but for the parts of a stream.
      const shown: Error = isPart || !isForClients(error) ? this.#mask(error) : error
      const located =
        shown instanceof GraphQLError ? shown : createGraphQLError(shown.message, { originalError: shown })
      return rebuilt(tidyText(this.#withoutServerValues(located)), isPart)
    } catch (bug) {
      this.#log(bug)
      return unexpected()
    }
  }

  /** Masks an error unless it is meant for clients, and logs what it masks. */
  #mask(error: unknown): GraphQLError {
    const { maskedErrorsOpts, logger } = this.#yoga
    if (maskedErrorsOpts === null) return error as GraphQLError
    // This one logs what it masks.
    if (maskedErrorsOpts)
      return maskedErrorsOpts.maskError(error, maskedErrorsOpts.errorMessage) as GraphQLError
    const shown = maskError(error, 'Unexpected error.')
    if (shown !== error) logger.error(error)
    return shown as GraphQLError
  }

  /** Masks an error in which the executor tells what a resolver returned. */
  #withoutServerValues(error: GraphQLError): GraphQLError {
    if (!error.path || error.extensions['code'] || !tellsServerValue.test(error.message)) return error
    if (this.#yoga.maskedErrorsOpts === null) return error
    this.#log(error)
    return unexpected(error)
  }

  /** An error may have accessors that throw, and a logger reads them. */
  #log(error: unknown): void {
    try {
      this.#yoga.logger.error(error)
    } catch {
      this.#yoga.logger.error('An error that cannot be logged')
    }
  }

  #expressible<Result extends object>(result: Result): Result {
    const { stringify = JSON.stringify } = result as { stringify?: (part: unknown) => string }
    return { ...result, stringify: this.#safely(stringify) }
  }

  #safely =
    (stringify: (part: unknown) => string) =>
    (part: unknown): string => {
      try {
        return stringify(part)
      } catch (error) {
        return JSON.stringify(this.#inexpressible(error, part))
      }
    }

  #inexpressible(error: unknown, part: unknown): Part {
    this.#log(error)
    const { hasNext } = part as { hasNext?: boolean }
    return { errors: [unexpected()], ...(hasNext !== undefined && { hasNext }) }
  }
}

/** Leaves the list of errors out where all of them were cut: GraphQL does not allow an empty one. */
function withErrors(part: Part, { errors }: { errors?: GraphQLError[] }): Part {
  if (!errors) return part
  const { errors: _, ...rest } = part
  return errors.length > 0 ? { ...rest, errors } : rest
}

/** Whether an error was made for clients, as Yoga sees it: an error of GraphQL that wraps no other one. */
const isForClients = (error: unknown): boolean =>
  error instanceof GraphQLError && (error.originalError == null || isForClients(error.originalError))

/** What the executor says of values and types that resolvers returned, and scalars of what they cannot serialize. */
const tellsServerValue =
  /^(?:(?:Int|Float|String|Boolean|ID) cannot represent |Enum ".*" cannot represent |Expected value of type ".*" but got: |Abstract type "|Runtime Object type "|Expected Iterable, but did not find one |Subscription field must return Async Iterable)/s

/** Extensions by which servers tell developers of the error behind an error. */
const internals = new Set(['originalError', 'stack', 'stacktrace', 'cause', 'exception'])

/** What Yoga reads of an error for status and headers, which left with the first part, and does not take out of later ones. */
const ofHeaders = new Set(['http', 'unexpected'])

/**
 * Makes an error of what a client may see of another one. What an application threw is never handed on: its class may
 * have a `toJSON` of its own, by which Yoga writes it, and its extensions may read differently each time.
 * @throws where JSON cannot express it
 */
function rebuilt(error: GraphQLError, isPart: boolean): GraphQLError {
  // In development Yoga itself adds the original error of those that it masks.
  const isOfYoga = error.extensions['unexpected'] === true && process.env['NODE_ENV'] === 'development'
  const kept = Object.entries(error.extensions).filter(
    ([name, value]) =>
      typeof value !== 'function' &&
      (!internals.has(name) || (isOfYoga && name === 'originalError')) &&
      !(isPart && ofHeaders.has(name)),
  )
  // Yoga answers 500 for an error of a bug, which is not told by what it wraps any more.
  if (!isPart && !isForClients(error)) kept.push(['unexpected', true])
  const extensions = Object.fromEntries(JSON.parse(JSON.stringify(kept)) as [string, unknown][])
  const { http } = error.extensions as { http?: { headers?: object } }
  // What is no text is judged with the head of the answer, and JSON would leave it out.
  if (extensions['http']) extensions['http'] = { ...http, headers: { ...http?.headers } }
  return reworded(error, error.message, extensions)
}

function tidyText(error: GraphQLError): GraphQLError {
  const { code } = error.extensions
  const [node] = error.nodes ?? []
  if (code !== 'GRAPHQL_VALIDATION_FAILED' && !error.path && node?.kind === Kind.VARIABLE_DEFINITION) {
    return reworded(error, saysOfVariable(error, node), {
      code: 'BAD_USER_INPUT',
      http: { spec: true, status: 400 },
    })
  }
  const argument = code === undefined && node && saysOfArgument.exec(error.message)
  if (argument) {
    return reworded(
      error,
      isWithoutValue.test(error.message) ? error.message : `${argument[0]} has an invalid value.`,
      // Without a path it is the argument of a directive at a field of the operation itself, and nothing has run.
      { code: 'BAD_USER_INPUT', ...(!error.path && { http: { spec: true, status: 400 } }) },
    )
  }
  const says = cuts[String(code)]?.reduce((text, [echo, rest]) => text.replace(echo, rest), error.message)
  return says === undefined || says === error.message ? error : reworded(error, says, error.extensions)
}

const saysOfArgument = /^Argument "(?:@?[\w.]+\()?\w+:?\)?"(?= (?:of|has) )/

function saysOfVariable(
  { message, originalError }: GraphQLError,
  { variable, type }: VariableDefinitionNode,
): string {
  if (isWithoutValue.test(message)) return message
  const says = needsValue(variable.name.value, print(type), placeIn(message))
  // A scalar whose error has this code says what it wants, and does not quote the value.
  const { code } = (originalError as Partial<GraphQLError> | undefined)?.extensions ?? {}
  return code === 'BAD_USER_INPUT' ? `${says} ${originalError!.message}` : says
}

/**
 * The place that graphql-js names in what it says of a variable. Its names are those of input types. Version 17 writes
 * it before the value, and 16 after it, where a quote in the value would have a backslash.
 */
function placeIn(message: string): string[] {
  const [, place = ''] =
    /^Variable "\$\w+" has invalid value at ([\w.[\]]+): | at "\w+([\w.[\]]*)"; /
      .exec(message)
      ?.filter(Boolean) ?? []
  return place.match(/\w+/g) ?? []
}

const isWithoutValue =
  /^(?:(?:Variable "\$\w+"|Argument "\w+") of (?:required|non-null) type "[^"]+" (?:was not provided|must not be null)\.|Variable "\$\w+" needs a value of type "[^"]+"\. It has another at [\w.]+\.)$/

/** What graphql-js and Yoga quote of a request, and what to put in its place, by the code of the error. */
const cuts: Readonly<Record<string, readonly (readonly [RegExp, string])[]>> = {
  GRAPHQL_PARSE_FAILED: [
    [/\b(Unexpected|found) (String|BlockString|Name|Int|Float) ".*"/s, '$1 $2'],
    [/: ".*"\.$/s, '.'],
  ],
  GRAPHQL_VALIDATION_FAILED: [
    [/^Value ".*" does not exist/s, 'The value does not exist'],
    [/,? Found: .*$/s, ''],
    [/, found:? .*$/s, '.'],
    [/ cannot represent ([^:]*): .*$/s, ' cannot represent $1.'],
    [/ Did you mean .*$/s, ''],
  ],
  BAD_REQUEST: [[/^Unexpected parameter ".*" in/s, 'Unexpected parameter in']],
}
