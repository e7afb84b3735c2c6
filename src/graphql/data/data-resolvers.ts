// This resolves the fields of session data, and the mutations that write them and take them out.

import {
  defaultFieldResolver,
  type DefinitionNode,
  type DocumentNode,
  type EnumTypeDefinitionNode,
  type GraphQLFieldResolver,
  type GraphQLInputObjectType,
  type GraphQLInputType,
  type GraphQLOutputType,
  GraphQLScalarType,
  isInputObjectType,
  isLeafType,
  isListType,
  isNonNullType,
  Kind,
  type ScalarTypeDefinitionNode,
  specifiedScalarTypes,
  type TypeNode,
} from 'graphql'
import { isPromise } from 'graphql-yoga'
import { asClient } from '../../session/client.ts'
import type { AnySession } from '../../session/session.ts'
import type { Json } from '../../session/value.ts'
import { type ResolverContext, sessionResolvers, withSession } from '../resolvers.ts'
import { sessionTypes } from './check.ts'
import { keyNames } from './popped.ts'
import { isPoppable, type PublishedField } from './publish.ts'
import { doesNotFit, fitting, Misfit, wireForm } from './values.ts'

/** The resolvers of fields and scalars, by the names of their types. */
export type DataResolvers = Readonly<Record<string, GraphQLScalarType | FieldResolvers>>
type FieldResolvers = Readonly<Record<string, FieldResolver>>
// oxlint-disable-next-line typescript/no-explicit-any -- each field has its own parent and arguments
type FieldResolver = GraphQLFieldResolver<any, ResolverContext>

interface ResolvedField extends PublishedField {
  readonly key: string
}

/**
 * @param published - the schema to resolve, which leaves out some of the session's fields
 * @param scalars - what implements the scalars that are not of GraphQL itself, by name
 */
export function dataResolvers(
  published: DocumentNode,
  fields: readonly ResolvedField[],
  scalars: ReadonlyMap<string, GraphQLScalarType>,
): DataResolvers {
  const known = knownResolvers(fields)
  const leaves = new Set(
    published.definitions.filter(isLeafDefinition).map((definition) => definition.name.value),
  )
  const resolvers: Record<string, GraphQLScalarType | FieldResolvers> = {}
  for (const definition of published.definitions) {
    if (definition.kind === Kind.SCALAR_TYPE_DEFINITION) {
      resolvers[definition.name.value] = scalars.get(definition.name.value)!
    }
    if (definition.kind !== Kind.OBJECT_TYPE_DEFINITION) continue
    const ofType = known.get(definition.name.value)
    const resolving = (definition.fields ?? []).flatMap(
      ({ name: { value: name }, type }): [string, FieldResolver][] => {
        const resolve = ofType?.get(name)
        if (resolve) return [[name, resolve]]
        const needsReading =
          !sessionTypes.has(definition.name.value) && (leaves.has(nameOf(type)) || name in Object.prototype)
        return needsReading ? [[name, readMember]] : []
      },
    )
    if (resolving.length > 0) resolvers[definition.name.value] = Object.fromEntries(resolving)
  }
  return resolvers
}

type Known = ReadonlyMap<string, ReadonlyMap<string, FieldResolver>>

function knownResolvers(fields: readonly ResolvedField[]): Known {
  const data: Record<string, FieldResolvers> = {
    Session: Object.fromEntries(fields.map((field) => [field.name, readField(field)])),
    Mutation: withSession({
      updateSessionData: updateSessionData(fields),
      popSessionData: popSessionData(fields),
    }),
  }
  const ofSession = Object.entries(sessionResolvers).filter(
    ([, each]) => !(each instanceof GraphQLScalarType),
  )
  return new Map(
    ofSession.map(([type, resolvers]) => [
      type,
      new Map([...Object.entries(resolvers as FieldResolvers), ...Object.entries(data[type] ?? {})]),
    ]),
  )
}

/** The session gives the default of an entry that is absent, and takes one that does not fit for absent. */
function readField({ key }: ResolvedField): FieldResolver {
  return async (session: AnySession, _args, _context, { returnType }) => {
    const client = asClient(session)
    client.needDeclared([key])
    return readAs(await client.get(key, undefined), returnType)
  }
}

/** Reads a member of a stored object, or of one that a resolver of the application has made for an answer. */
const readMember: FieldResolver = (parent: object, args, context, info) => {
  const { fieldName, returnType } = info
  // What every object has is not taken for a member that is left out.
  if (fieldName in Object.prototype && !Object.hasOwn(parent, fieldName)) return null
  const value: unknown = defaultFieldResolver(parent, args, context, info)
  return isPromise(value) ? value.then((member) => answered(member, returnType)) : answered(value, returnType)
}

function answered(value: unknown, type: GraphQLOutputType): unknown {
  try {
    return readAs(value, type)
  } catch {
    // It has the form for an answer already, such as a Date.
    return value
  }
}

/** Gives a stored value in the form that GraphQL takes for an answer, by the schema that is executed. */
function readAs(value: unknown, type: GraphQLOutputType): unknown {
  if (value === null || value === undefined) return null
  if (value instanceof Error) return value
  if (isNonNullType(type)) return readAs(value, type.ofType)
  if (isListType(type)) return (value as readonly unknown[]).map((item) => readAs(item, type.ofType))
  return isLeafType(type) ? type.parseValue(value) : value
}

function updateSessionData(fields: readonly ResolvedField[]): FieldResolver {
  const named = new Map(fields.map((field) => [field.name, field]))
  const keys = fields.map(({ key }) => key)
  return (_, { data }: { data: Readonly<Record<string, unknown>> }, { session }, { schema }) => {
    const client = asClient(session)
    client.needDeclared(keys)
    const inputs = (schema.getType('SessionDataInput') as GraphQLInputObjectType).getFields()
    const set: Record<string, Json> = {}
    const deleted: string[] = []
    for (const [name, value] of Object.entries(data)) {
      const { key } = named.get(name)!
      if (value === null) deleted.push(key)
      else if (value !== undefined) set[key] = fit(session, key, writeAs(value, inputs[name]!.type))
    }
    client.change(set, deleted)
    return { session }
  }
}

/** @throws {SessionError} SESSION_VALUE_INVALID for a misfit, by a verb of the client, so that it is known as the client's */
function fit(session: AnySession, key: string, written: Json | Misfit): Json {
  if (written instanceof Misfit)
    asClient(session).set(key, () => fitting(written, () => doesNotFit(key, written)))
  return written as Json
}

const builtIn: ReadonlySet<string> = new Set(specifiedScalarTypes.map(({ name }) => name))

/**
 * Gives a value that GraphQL has coerced in the form that is stored, or tells where a scalar has none for it. The session
 * judges it again, as the scalars of the schema that is executed may be others than those of the declaration.
 */
function writeAs(value: unknown, type: GraphQLInputType): Json | Misfit {
  if (value === null || value === undefined) return null
  if (isNonNullType(type)) return writeAs(value, type.ofType)
  if (isListType(type)) {
    const list: Json[] = []
    for (const [index, item] of (value as readonly unknown[]).entries()) {
      const written = writeAs(item, type.ofType)
      if (written instanceof Misfit) return written.at(index)
      list.push(written)
    }
    return list
  }
  if (isInputObjectType(type)) {
    const fields = type.getFields()
    const object: Record<string, Json> = {}
    for (const [name, member] of Object.entries(value)) {
      const written = writeAs(member, fields[name]!.type)
      if (written instanceof Misfit) return written.at(name)
      object[name] = written
    }
    return object
  }
  if (builtIn.has(type.name)) return value as Json
  try {
    return wireForm(type, value)
  } catch {
    return new Misfit()
  }
}

function popSessionData(fields: readonly ResolvedField[]): FieldResolver {
  const poppable = fields.filter(isPoppable)
  const names = keyNames(poppable.map(({ node }) => node))
  const keyOf = new Map(poppable.map(({ name, key }) => [name, key]))
  return async (_, { keys }: { keys: readonly string[] }, { session }) => {
    const client = asClient(session)
    client.needDeclared(keyOf.values())
    const popped: Record<string, unknown> = {}
    for (const keyName of new Set(keys)) {
      const name = names.get(keyName)!
      try {
        popped[name] = await client.pop(keyOf.get(name)!, undefined)
      } catch (error) {
        // What was taken out before is nowhere else any more, so that it is answered beside the error.
        if (Object.values(popped).every((value) => value === undefined)) throw error
        popped[name] = error
      }
    }
    return { session, popped }
  }
}

const isLeafDefinition = (
  definition: DefinitionNode,
): definition is ScalarTypeDefinitionNode | EnumTypeDefinitionNode =>
  definition.kind === Kind.SCALAR_TYPE_DEFINITION || definition.kind === Kind.ENUM_TYPE_DEFINITION

const nameOf = (type: TypeNode): string =>
  type.kind === Kind.NAMED_TYPE ? type.name.value : nameOf(type.type)
