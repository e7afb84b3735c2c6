// This makes GraphQL types of a declaration of session data.

import {
  buildASTSchema,
  type GraphQLError,
  type GraphQLFieldMap,
  type GraphQLObjectType,
  type GraphQLScalarType,
  type GraphQLSchema,
  isObjectType,
  isScalarType,
  isSpecifiedScalarType,
  Kind,
  parse,
  printType,
  validateSchema,
} from 'graphql'
import { sessionResolvers } from '../resolvers.ts'
import { checkDefinitions, isForEditors, sessionScalars } from './check.ts'
import { dataType, type Declaration } from './declaration.ts'
import { flaw } from './flaw.ts'
import { guardedScalar } from './guarded-scalar.ts'

/** The types of a declaration. */
interface DeclaredTypes {
  /** The fields of `SessionData`. */
  readonly entries: GraphQLFieldMap<unknown, unknown>
  /** The object types that the fields may hold. */
  readonly objects: readonly GraphQLObjectType[]
}

/** What implements the scalars that are not of GraphQL itself, by name. @throws {SessionError} CONFIG_INVALID */
export function scalarsByName(given: unknown = []): ReadonlyMap<string, GraphQLScalarType> {
  if (!Array.isArray(given) || !given.every(isOwnScalar)) {
    throw flaw('the option "scalars" must be a list of GraphQLScalarType, and not of those of GraphQL itself')
  }
  const ours = Object.entries(sessionResolvers).filter(([name]) => sessionScalars.has(name))
  return new Map([
    ...(ours as [string, GraphQLScalarType][]),
    ...given.map((scalar) => [scalar.name, guardedScalar(scalar)] as const),
  ])
}

const isOwnScalar = (scalar: unknown): scalar is GraphQLScalarType =>
  isScalarType(scalar) && !isSpecifiedScalarType(scalar)

/** @throws {SessionError} CONFIG_INVALID */
export function declaredTypes(
  declaration: Declaration,
  scalars: ReadonlyMap<string, GraphQLScalarType>,
): DeclaredTypes {
  checkDefinitions(declaration, new Set(scalars.keys()))
  const types = typesOf(declaration, scalars)
  const [error] = validateSchema(types) as GraphQLError[]
  if (error) throw flaw(error.message, error.nodes?.[0])
  const objects = Object.values(types.getTypeMap()).filter(
    (type): type is GraphQLObjectType =>
      isObjectType(type) && ![dataType, 'Query'].includes(type.name) && !type.name.startsWith('__'),
  )
  return { entries: (types.getType(dataType) as GraphQLObjectType).getFields(), objects }
}

function typesOf(
  { definitions }: Declaration,
  scalars: ReadonlyMap<string, GraphQLScalarType>,
): GraphQLSchema {
  const own = definitions.filter((definition) => !isForEditors(definition))
  const others = [...scalars.values()].filter(
    ({ name }) => !own.some((each) => each.kind === Kind.SCALAR_TYPE_DEFINITION && each.name.value === name),
  )
  const around = parse(
    `type Query { session: ${dataType} }
    directive @session(client: [String!], default: String, key: String, ttl: Int, onSignIn: String) on FIELD_DEFINITION
    ${others.map((scalar) => printType(scalar)).join('\n')}`,
    { noLocation: true },
  )
  try {
    return buildASTSchema({ kind: Kind.DOCUMENT, definitions: [...around.definitions, ...own] })
  } catch (error) {
    // graphql-js joins all mistakes into one message.
    throw flaw((error as Error).message.replaceAll('\n\n', ' '))
  }
}
