// This makes GraphQL types with their resolvers of a published schema, for schemas that are written in code.

import {
  buildASTSchema,
  type DocumentNode,
  type GraphQLError,
  type GraphQLNamedType,
  GraphQLScalarType,
  type GraphQLSchema,
  isIntrospectionType,
  isObjectType,
  isSpecifiedScalarType,
  validateSchema,
} from 'graphql'
import type { DataResolvers } from './data-resolvers.ts'
import { flaw } from './flaw.ts'

/** @throws {SessionError} CONFIG_INVALID where GraphQL has no such schema */
export function namedTypes(
  published: DocumentNode,
  resolvers: DataResolvers,
): Readonly<Record<string, GraphQLNamedType>> {
  const schema = built(published)
  const [error] = validateSchema(schema) as GraphQLError[]
  if (error) throw flaw(error.message)
  const types = Object.entries(schema.getTypeMap()).filter(
    ([, type]) => !isIntrospectionType(type) && !isSpecifiedScalarType(type),
  )
  for (const [name, type] of types) {
    const own = resolvers[name]
    if (own instanceof GraphQLScalarType) Object.assign(type, behaviour(own))
    else if (own && isObjectType(type)) {
      for (const [field, resolve] of Object.entries(own)) type.getFields()[field]!.resolve = resolve
    }
  }
  return Object.fromEntries(types)
}

function built(published: DocumentNode): GraphQLSchema {
  try {
    return buildASTSchema(published)
  } catch (error) {
    // graphql-js 16 never ends reading a default of a type in which the default is.
    throw flaw(`GraphQL cannot make the schema: ${(error as Error).message}`)
  }
}

/** What a scalar does, without what its definition says. Its functions may need it as `this`. */
function behaviour(scalar: GraphQLScalarType): object {
  const names = [
    'serialize',
    'parseValue',
    'parseLiteral',
    'coerceOutputValue',
    'coerceInputValue',
    'coerceInputLiteral',
    'valueToLiteral',
  ] as const
  const functions = names.map((name) => [name, scalar[name]?.bind(scalar)] as const)
  return Object.fromEntries(functions.filter(([, each]) => each !== undefined))
}
