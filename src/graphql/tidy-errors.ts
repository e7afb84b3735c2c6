// This removes from the errors of an answer what they repeat of the request.

import { type ExecutionResult, type GraphQLError, Kind, print, type VariableDefinitionNode } from 'graphql'
import { reworded } from './errors.ts'

/** How many errors an answer has at most. Further ones tell a client nothing new, and cost bytes. */
export const maxErrors = 10

/**
 * Tidies the errors of a result: they keep their code and name fields and types, but repeat no value that the
 * client sent, and suggest no field that it did not name.
 */
export function tidy<Result extends ExecutionResult>(result: Result): Result {
  const { errors } = result
  if (!errors) return result
  return { ...result, errors: errors.slice(0, maxErrors).map(tidyError) }
}

function tidyError(error: GraphQLError): GraphQLError {
  const { code } = error.extensions ?? {}
  const [node] = error.nodes ?? []
  if (code !== 'GRAPHQL_VALIDATION_FAILED' && !error.path && node?.kind === Kind.VARIABLE_DEFINITION) {
    return reworded(error, saysOfVariable(error, node), {
      code: 'BAD_USER_INPUT',
      http: { spec: true, status: 400 },
    })
  }
  const says = cuts[String(code)]?.reduce((text, [echo, rest]) => text.replace(echo, rest), error.message)
  return says === undefined || says === error.message ? error : reworded(error, says, error.extensions)
}

function saysOfVariable(
  { message, originalError }: GraphQLError,
  { variable, type }: VariableDefinitionNode,
): string {
  if (isWithoutValue.test(message)) return message
  const says = `Variable "$${variable.name.value}" needs a value of type "${print(type)}".`
  // A scalar whose error has this code says what it wants, and does not quote the value.
  const { code } = (originalError as Partial<GraphQLError> | undefined)?.extensions ?? {}
  return code === 'BAD_USER_INPUT' ? `${says} ${originalError!.message}` : says
}

const isWithoutValue =
  /^Variable "\$\w+" of (?:required|non-null) type "[^"]+" (?:was not provided|must not be null)\.$/

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
