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
    if (!isInputType(type) || hasShapeOf(type, variableValues[variable.name.value])) continue
    const message = `Variable "$${variable.name.value}" needs a value of type "${String(type)}".`
    const extensions = { code: 'BAD_USER_INPUT', http: { spec: true, status: 400 } }
    return { errors: [createGraphQLError(message, { nodes: definition, extensions })] }
  }
  return null
}

/** Whether each object in a value has the members that its input type wants. */
function hasShapeOf(type: GraphQLInputType, value: unknown): boolean {
  if (isNonNullType(type)) return hasShapeOf(type.ofType, value)
  if (typeof value !== 'object' || value === null) return true
  if (isListType(type)) {
    return Array.isArray(value)
      ? value.every((each) => hasShapeOf(type.ofType, each))
      : hasShapeOf(type.ofType, value)
  }
  return !isInputObjectType(type) || hasMembersOf(type, value as Record<string, unknown>)
}

function hasMembersOf(type: GraphQLInputObjectType, value: Readonly<Record<string, unknown>>): boolean {
  if (Array.isArray(value)) return false
  const fields = type.getFields()
  let given = 0
  for (const name of Object.keys(value)) {
    if (value[name] === undefined) continue
    if (!Object.hasOwn(fields, name)) return false
    given++
  }
  if (type.isOneOf && given !== 1) return false
  return Object.values(fields).every((field) => {
    const member = value[field.name]
    return member === undefined ? !isRequiredInputField(field) : hasShapeOf(field.type, member)
  })
}
