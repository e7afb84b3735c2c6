// This keeps what a scalar of the application throws at a value from what clients are told.

import { type ASTNode, GraphQLError, GraphQLScalarType } from 'graphql'
import { createGraphQLError } from 'graphql-yoga'

const originals = new WeakMap<GraphQLScalarType, GraphQLScalarType>()

/** The scalar that the application has given. */
export const unguarded = (scalar: GraphQLScalarType): GraphQLScalarType => originals.get(scalar) ?? scalar

/**
 * A scalar as it was given, but for what it throws at the input of a client: whatever that is, it becomes an error with
 * the code BAD_USER_INPUT that does not repeat it, as it may quote the value. An error that has this code already is
 * meant for clients. graphql-js would take others for a bug of the server, depending on where the client wrote the value.
 */
export function guardedScalar(scalar: GraphQLScalarType): GraphQLScalarType {
  const names = ['parseValue', 'parseLiteral', 'coerceInputValue', 'coerceInputLiteral'] as const
  const guards = names.flatMap((name) => {
    const read = scalar[name] as Reading | undefined
    return read ? [[name, guarded(scalar, read, name.endsWith('Literal'))] as const] : []
  })
  const made = new GraphQLScalarType({ ...scalar.toConfig(), ...Object.fromEntries(guards) })
  originals.set(made, scalar)
  return made
}

type Reading = (...args: unknown[]) => unknown

const guarded =
  (scalar: GraphQLScalarType, read: Reading, isOfLiteral: boolean): Reading =>
  (...args) => {
    try {
      return read.apply(scalar, args)
    } catch (error) {
      if (error instanceof GraphQLError && error.extensions['code'] === 'BAD_USER_INPUT') throw error
      throw createGraphQLError(`The value is no ${scalar.name}.`, {
        nodes: isOfLiteral ? (args[0] as ASTNode) : null,
        extensions: { code: 'BAD_USER_INPUT' },
      })
    }
  }
