// This finds a variable whose objects do not have the members that their input types want.

import {
  type ExecutionArgs,
  type ExecutionResult,
  getOperationAST,
  type GraphQLInputObjectType,
  type GraphQLInputType,
  isInputObjectType,
  isInputType,
  isListType,
  isNonNullType,
  isRequiredInputField,
  typeFromAST,
} from 'graphql'
import { createGraphQLError } from 'graphql-yoga'

/**
 * Judges the objects in the variables of an operation before graphql-js does. For each member that is unknown or
 * missing it would print the whole object, and an object with thousands of members would take it a third of a second.
 * What scalars hold is not judged here, and may have any number of members.
 * @returns the result with the error for the first variable that is misshapen, or null
 * @throws {RangeError} where the variables are nested so deeply that the stack is used up
 */
export function misshapenVariable({
  schema,
  document,
  operationName,
  variableValues,
}: ExecutionArgs): ExecutionResult | null {
  if (!variableValues) return null
  const { variableDefinitions = [] } = getOperationAST(document, operationName) ?? {}
  for (const definition of variableDefinitions) {
    const { variable } = definition
    if (!Object.hasOwn(variableValues, variable.name.value)) continue
    // A type that is unknown, or no input type, is refused elsewhere.
    const type: unknown = typeFromAST(schema, definition.type as never)
    const place = isInputType(type) ? misshapenAt(type, variableValues[variable.name.value]) : null
    if (place === null) continue
    const message = needsValue(variable.name.value, String(type), place)
    const extensions = { code: 'BAD_USER_INPUT', http: { spec: true, status: 400 } }
    return { errors: [createGraphQLError(message, { nodes: definition, extensions })] }
  }
  return null
}

/**
 * What is wrong with a variable.
 * @param place - where in its value, by names of the schema and indexes
 */
export function needsValue(variable: string, type: string, place: readonly (string | number)[]): string {
  const says = `Variable "$${variable}" needs a value of type "${type}".`
  return place.length === 0 ? says : `${says} It has another at ${place.join('.')}.`
}

type Place = (string | number)[]

/** Where an object in a value does not have the members that its input type wants; null where there is no such place. */
function misshapenAt(type: GraphQLInputType, value: unknown): Place | null {
  if (isNonNullType(type)) return misshapenAt(type.ofType, value)
  if (typeof value !== 'object' || value === null) return null
  if (isListType(type)) {
    if (!Array.isArray(value)) return misshapenAt(type.ofType, value)
    for (const [index, each] of value.entries()) {
      const place = misshapenAt(type.ofType, each)
      if (place) return [index, ...place]
    }
    return null
  }
  return isInputObjectType(type) ? misshapenIn(type, value as Record<string, unknown>) : null
}

function misshapenIn(type: GraphQLInputObjectType, value: Readonly<Record<string, unknown>>): Place | null {
  if (Array.isArray(value)) return []
  const fields = type.getFields()
  let given = 0
  for (const name of Object.keys(value)) {
    if (value[name] === undefined) continue
    // The name is the client's, so that only the object is told of.
    if (!Object.hasOwn(fields, name)) return []
    given++
  }
  if (type.isOneOf && given !== 1) return []
  for (const field of Object.values(fields)) {
    const member = value[field.name]
    if (member === undefined && isRequiredInputField(field)) return [field.name]
    const place = member === undefined ? null : misshapenAt(field.type, member)
    if (place) return [field.name, ...place]
  }
  return null
}
