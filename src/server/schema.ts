// This merges the session's schema with an application's, and names the line of SDL for which that fails.

import { type IExecutableSchemaDefinition, makeExecutableSchema, mergeSchemas } from '@graphql-tools/schema'
import {
  type ASTNode,
  assertValidSchema,
  type DefinitionNode,
  type DocumentNode,
  type FieldDefinitionNode,
  getNamedType,
  type GraphQLSchema,
  isObjectType,
  isScalarType,
  isSchema,
  isTypeDefinitionNode,
  isTypeExtensionNode,
  Kind,
  type NameNode,
  type ObjectTypeDefinitionNode,
  type OperationTypeNode,
  parse,
  print,
  printType,
  type TypeDefinitionNode,
  visit,
} from 'graphql'
import { unguarded } from '../graphql/data/guarded-scalar.ts'
import type { SessionDataSchema } from '../graphql/data/session-data.ts'
import { sessionResolvers, sessionTypeDefs } from '../graphql/resolvers.ts'
import { SessionError } from '../session/errors.ts'

export type SchemaParts<Context = unknown> = Pick<
  IExecutableSchemaDefinition<Context>,
  'typeDefs' | 'resolvers'
>

/** What an application adds to the session's schema: SDL with resolvers, a schema that it made, or both. */
interface ApplicationSchema {
  readonly typeDefs?: SchemaParts['typeDefs']
  readonly resolvers?: unknown
  readonly schema?: GraphQLSchema
  /** The session's own part, where the application has declared its data. @default that of a session without */
  readonly data?: Pick<SessionDataSchema<object>, 'typeDefs' | 'resolvers' | 'types'>
}

/**
 * Makes the schema that the server executes.
 * @throws {SessionError} CONFIG_INVALID, with the line of `typeDefs` if one can be found
 */
export function makeSchema({
  schema: made,
  typeDefs = [],
  resolvers = [],
  data = { typeDefs: sessionTypeDefs, resolvers: sessionResolvers as never, types: {} },
}: ApplicationSchema): GraphQLSchema {
  const sources = sourcesOf(typeDefs, 'typeDefs')
  const check = new Collisions(data.typeDefs)
  if (made) check.made(made, 'schema')
  for (const source of sources) check.source(source)
  checkScalars(data, [resolvers].flat())
  try {
    const parts = {
      typeDefs: [data.typeDefs, ...sources.map(({ source }) => source as string)],
      resolvers: [ownResolvers(data.resolvers, made), withoutScalarsOf(data, resolvers)].flat() as {}[],
    }
    const schema = made ? mergeSchemas({ schemas: [made], ...parts }) : makeExecutableSchema(parts)
    // Without this, graphql-js reports an invalid schema with each request, and not when the server starts.
    assertValidSchema(schema)
    return schema
  } catch (error) {
    throw new SessionError('CONFIG_INVALID', explain((error as Error).message, sources), { cause: error })
  }
}

const rootNames = { query: 'Query', mutation: 'Mutation', subscription: 'Subscription' } as const
const isRoot = (name: string): boolean => Object.values<string>(rootNames).includes(name)

const isTaken = (where: string, kind: 'type' | 'field', name: string): SessionError =>
  new SessionError(
    'CONFIG_INVALID',
    `${where}: "${name}" is the name of a ${kind} of the session. Rename it.`,
  )

const hasOtherRoot = (where: string, found: string, name: string): SessionError =>
  new SessionError('CONFIG_INVALID', `${where}: its root type ${found} must be named ${name}.`)

/** Finds what an application has under the names of the session's own types and fields. */
class Collisions {
  readonly #ours: ReadonlyMap<string, TypeDefinitionNode>

  /** @param typeDefs - the session's own */
  constructor(typeDefs: string) {
    this.#ours = new Map(
      parse(typeDefs)
        .definitions.filter(isTypeDefinitionNode)
        .map((definition) => [definition.name.value, definition]),
    )
  }

  /**
   * Refuses a schema that cannot be merged: with other names of its root types the session's fields would be lost, and
   * a type or field of its own under a name of ours would get our fields without their values, or our values.
   * @throws {SessionError} CONFIG_INVALID
   */
  made(made: GraphQLSchema, where: string): void {
    for (const [operation, name] of Object.entries(rootNames)) {
      const root = made.getRootType(operation as OperationTypeNode)
      if (root && root.name !== name) throw hasOtherRoot(where, root.name, name)
    }
    for (const [name, definition] of this.#ours) {
      const type = made.getType(name)
      if (!type) continue
      if (isRoot(name)) {
        this.#checkFields(parse(printType(type)).definitions[0] as ObjectTypeDefinitionNode, () => where)
        continue
      }
      // A schema that the session's was merged into before has all of our fields and values.
      const has: readonly string[] =
        'getFields' in type
          ? Object.keys(type.getFields())
          : 'getValues' in type
            ? type.getValues().map((value) => value.name)
            : []
      const isWhole = membersOf(definition).every((member) => has.includes(member.name.value))
      if (!isWhole || isScalarType(type) !== isScalar(definition)) throw isTaken(where, 'type', name)
    }
  }

  /**
   * Refuses definitions that graphql-tools would silently merge with ours, which would change what the session's
   * fields are, or what they may be asked for. Definitions that are the same as ours change nothing.
   * @throws {SessionError} CONFIG_INVALID
   */
  source({ name: where, source }: Source): void {
    if (isSchema(source)) return this.made(source, where)
    for (const definition of definitionsOf(source)) {
      const lineOf = (node: ASTNode): string => lineIn(where, node)
      if (definition.kind === Kind.SCHEMA_DEFINITION || definition.kind === Kind.SCHEMA_EXTENSION) {
        for (const { operation, type } of definition.operationTypes ?? []) {
          if (type.name.value !== rootNames[operation]) {
            throw hasOtherRoot(lineOf(type), type.name.value, rootNames[operation])
          }
        }
        continue
      }
      if (!isTypeDefinitionNode(definition) && !isTypeExtensionNode(definition)) continue
      const name = definition.name.value
      const own = this.#ours.get(name)
      if (!own) continue
      if (definition.kind === Kind.OBJECT_TYPE_EXTENSION || isRoot(name)) {
        this.#checkFields(definition as ObjectTypeDefinitionNode, lineOf, !isRoot(name))
      } else if (isTypeDefinitionNode(definition)) {
        const isSame = isScalar(definition) ? isScalar(own) : print(definition) === print(own)
        if (!isSame) throw isTaken(lineOf(definition.name), 'type', name)
      } else if (
        definition.kind === Kind.ENUM_TYPE_EXTENSION ||
        definition.kind === Kind.INPUT_OBJECT_TYPE_EXTENSION
      ) {
        // The session's resolvers would get a value that they do not know.
        throw new SessionError(
          'CONFIG_INVALID',
          `${lineOf(definition.name)}: "${name}" of the session cannot be extended.`,
        )
      }
    }
  }

  /**
   * Refuses the fields that have the name of one of ours in the same type, but not its type and arguments.
   * @param isAdded - whether the fields are meant to be other ones, so that not even the same may be there
   */
  #checkFields(
    { name: { value: name }, fields = [] }: ObjectTypeDefinitionNode,
    lineOf: (node: ASTNode) => string,
    isAdded = false,
  ): void {
    const own = (this.#ours.get(name) as ObjectTypeDefinitionNode).fields!
    for (const field of fields) {
      const other = own.find((each) => each.name.value === field.name.value)
      if (other && (isAdded || signature(other) !== signature(field))) {
        throw isTaken(lineOf(field.name), 'field', `${name}.${field.name.value}`)
      }
    }
  }
}

const signature = ({ name, arguments: args = [], type }: FieldDefinitionNode): string =>
  [name, ...args.flatMap((each) => [each.name, each.type]), type].map(print).join(' ')

const isScalar = ({ kind }: ASTNode): boolean => kind === Kind.SCALAR_TYPE_DEFINITION

function membersOf(definition: TypeDefinitionNode): readonly { readonly name: NameNode }[] {
  if ('fields' in definition) return definition.fields ?? []
  return 'values' in definition ? (definition.values ?? []) : []
}

/** The definitions in any form that graphql-tools takes. Those of SDL that cannot be parsed are left to it. */
function definitionsOf(source: unknown): readonly DefinitionNode[] {
  const { kind, body, definitions } = (source ?? {}) as {
    kind?: string
    body?: string
    definitions?: readonly DefinitionNode[]
  }
  if (kind === Kind.DOCUMENT) return definitions!
  if (kind) return [source as DefinitionNode]
  try {
    return parse((body ?? source) as string).definitions
  } catch {
    return []
  }
}

/** The place of a node in a source. A document of gql, or one made by a program, does not know its lines. */
const lineIn = (name: string, { loc }: ASTNode): string =>
  loc?.startToken ? place(name, loc.source.body, loc.startToken.line) : name

/**
 * Refuses another implementation of a scalar that declared data has: its values are judged and stored by the one that
 * the declaration knows, and would be read by the other.
 * @throws {SessionError} CONFIG_INVALID
 */
function checkScalars({ types, resolvers }: NonNullable<ApplicationSchema['data']>, given: unknown[]): void {
  const ofSession = new Set(
    parse(sessionTypeDefs)
      .definitions.filter((each) => each.kind === Kind.OBJECT_TYPE_DEFINITION)
      .flatMap(({ name, fields = [] }) => fields.map((field) => `${name.value}.${field.name.value}`)),
  )
  for (const type of Object.values(types)) {
    if (!isObjectType(type)) continue
    for (const field of Object.values(type.getFields())) {
      const { name } = getNamedType(field.type)
      const others = given.map((each) => (each as Record<string, unknown> | null | undefined)?.[name])
      const isDeclared = isScalarType(types[name]) && !ofSession.has(`${type.name}.${field.name}`)
      if (!isDeclared || others.every((other) => !other || isScalarOf(resolvers, name, other))) continue
      throw new SessionError(
        'CONFIG_INVALID',
        `resolvers: "${name}" is a scalar of the declared data ("${type.name}.${field.name}"). Give its implementation to sessionData in the option "scalars".`,
      )
    }
  }
}

const isScalarOf = (resolvers: object, name: string, given: unknown): boolean => {
  const own = (resolvers as Record<string, unknown>)[name]
  return own === given || (isScalarType(own) && unguarded(own) === given)
}

/** The application's resolvers without the scalars that it gave to `sessionData` as well, which has guarded them. */
function withoutScalarsOf({ resolvers }: NonNullable<ApplicationSchema['data']>, given: unknown): unknown[] {
  return [given]
    .flat()
    .map((each) =>
      typeof each === 'object' && each !== null
        ? Object.fromEntries(Object.entries(each).filter(([name, own]) => !isScalarOf(resolvers, name, own)))
        : each,
    )
}

/** The session's resolvers. A scalar that the application has as well, such as `DateTime`, stays the application's. */
function ownResolvers(resolvers: object, made: GraphQLSchema | undefined): object {
  const isOwn = (name: string): boolean => isScalarType(made?.getType(name))
  return Object.fromEntries(Object.entries(resolvers).filter(([name]) => !isOwn(name)))
}

interface Source {
  /** Where the application finds it, e.g. `typeDefs[1]`. */
  readonly name: string
  readonly source: unknown
}

function sourcesOf(typeDefs: unknown, name: string): Source[] {
  if (typeof typeDefs === 'function') return sourcesOf(typeDefs(), name)
  if (!Array.isArray(typeDefs)) return [{ name, source: typeDefs }]
  return typeDefs.flatMap((each, index) => sourcesOf(each, `${name}[${index}]`))
}

function explain(message: string, sources: readonly Source[]): string {
  const documents: Document[] = []
  for (const { name, source } of sources) {
    try {
      const document = typeof source === 'string' ? parse(source) : (source as DocumentNode)
      if (document?.kind === 'Document') documents.push({ name, document })
    } catch (error) {
      const { locations, message: own } = error as { locations?: { line: number }[]; message: string }
      if (own === message) return sentence(place(name, source as string, locations![0]!.line), message)
    }
  }
  // graphql-js and graphql-tools join all mistakes into one message by empty lines, without locations.
  return message
    .split('\n\n')
    .map((each) => sentence(placeOf(each, documents), each))
    .join(' ')
}

interface Document {
  readonly name: string
  readonly document: DocumentNode
}

/**
 * The line of the definition that has the most of the names in the message; among equals, the one whose name
 * comes first in the message. `null` if the SDL has none of the names.
 */
function placeOf(message: string, documents: readonly Document[]): string | null {
  const names = namesIn(message)
  let best = { known: 0, first: Infinity, found: null as string | null }
  for (const { name, document } of documents) {
    visit(document, {
      Name({ value, loc }, _key, parent, _path, ancestors) {
        if (!loc || !names.includes(value)) return
        const around = new Set([value, ...[...ancestors, parent].map(nameOf)])
        const known = names.filter((each) => around.has(each))
        const first = names.indexOf(known[0]!)
        if (known.length < best.known || (known.length === best.known && first >= best.first)) return
        best = { known: known.length, first, found: place(name, loc.source.body, loc.startToken.line) }
      },
    })
  }
  return best.found
}

const nameOf = (node: unknown): string | undefined =>
  (node as { name?: { value?: string } } | undefined)?.name?.value

/**
 * The names in a message: those in quotes (`"Cart"`), around dots (`Query.cart`) or with a capital letter.
 * The suggestions after "Did you mean" are left out, since the SDL is right where it has these.
 */
function namesIn(message: string): string[] {
  const [said = ''] = message.split(' Did you mean ')
  const mentions = said.match(/"[^"]*"|\w+(?:\.\w+)+|\b[A-Z]\w*/g) ?? []
  return [...new Set(mentions.flatMap((mention) => mention.match(/[_A-Za-z]\w*/g) ?? []))]
}

function place(name: string, sdl: string, line: number): string {
  const text = sdl.split(/\r\n|[\n\r]/)[line - 1]!.trim()
  return `${name}, line ${line}${text && ` (${text})`}`
}

const sentence = (found: string | null, message: string): string =>
  `${found ? `${found}: ` : ''}${message}${/[.?]$/.test(message) ? '' : '.'}`
