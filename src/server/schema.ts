// This merges the session's schema with an application's, and names the line of SDL for which that fails.

import { type IExecutableSchemaDefinition, makeExecutableSchema, mergeSchemas } from '@graphql-tools/schema'
import {
  assertValidSchema,
  type DocumentNode,
  type GraphQLSchema,
  isObjectType,
  isScalarType,
  Kind,
  parse,
  visit,
} from 'graphql'
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
}

/**
 * Makes the schema that the server executes.
 * @throws {SessionError} CONFIG_INVALID, with the line of `typeDefs` if one can be found
 */
export function makeSchema({
  schema: made,
  typeDefs = [],
  resolvers = [],
}: ApplicationSchema): GraphQLSchema {
  const sources = sourcesOf(typeDefs, 'typeDefs')
  if (made) checkMade(made)
  try {
    const parts = {
      typeDefs: [sessionTypeDefs, ...sources.map(({ source }) => source as string)],
      resolvers: [ownResolvers(made), resolvers].flat() as {}[],
    }
    const schema = made ? mergeSchemas({ schemas: [made], ...parts }) : makeExecutableSchema(parts)
    // Without this, graphql-js reports an invalid schema with each request, and not when the server starts.
    assertValidSchema(schema)
    return schema
  } catch (error) {
    throw new SessionError('CONFIG_INVALID', explain((error as Error).message, sources), { cause: error })
  }
}

const ours = parse(sessionTypeDefs).definitions

/**
 * Refuses a schema that cannot be merged: with other names of its root types the session's fields would be lost, and
 * a type of its own under a name of ours would get our fields without their values.
 * @throws {SessionError} CONFIG_INVALID
 */
function checkMade(made: GraphQLSchema): void {
  const roots = {
    Query: made.getQueryType(),
    Mutation: made.getMutationType(),
    Subscription: made.getSubscriptionType(),
  }
  for (const [name, root] of Object.entries(roots)) {
    if (!root || root.name === name) continue
    throw new SessionError('CONFIG_INVALID', `schema: its root type ${root.name} must be named ${name}.`)
  }
  for (const definition of ours) {
    if (definition.kind !== Kind.OBJECT_TYPE_DEFINITION || definition.name.value in roots) continue
    const name = definition.name.value
    const type = made.getType(name)
    const fields: object = isObjectType(type) ? type.getFields() : {}
    // A schema that the session's was merged into before has all of its fields.
    if (!type || definition.fields!.every((field) => field.name.value in fields)) continue
    throw new SessionError(
      'CONFIG_INVALID',
      `schema: it has a type "${name}" of its own, which is the name of a type of the session. Rename it.`,
    )
  }
}

/** The session's resolvers. A scalar that the application has as well, such as `DateTime`, stays the application's. */
function ownResolvers(made: GraphQLSchema | undefined): object {
  const isTaken = (name: string): boolean => isScalarType(made?.getType(name))
  return Object.fromEntries(Object.entries(sessionResolvers).filter(([name]) => !isTaken(name)))
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
