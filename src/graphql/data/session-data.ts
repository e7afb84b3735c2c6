// This makes of an application's declaration of its session data all that its server and its clients need of it.

import {
  type GraphQLNamedType,
  type GraphQLOutputType,
  type GraphQLScalarType,
  isNonNullType,
  print,
} from 'graphql'
import type { DeclaredData, DeclaredKey, KeyRight } from '../../session/declared.ts'
import { SessionError } from '../../session/errors.ts'
import { checkOptions } from '../../session/options.ts'
import { decode, type Json } from '../../session/value.ts'
import { checkKeys, warnOfLists } from './check.ts'
import { type DataResolvers, dataResolvers } from './data-resolvers.ts'
import { type DataDeclarations, readDeclaration, type Terms } from './declaration.ts'
import { declaredTypes, scalarsByName } from './declared-types.ts'
import { flaw } from './flaw.ts'
import { namedTypes } from './named-types.ts'
import { given, literal, ofResolver, stored } from './notations.ts'
import { asDeclared, publish } from './publish.ts'
import { checkStorable, doesNotFit, fitting, type Judge, Judges, Misfit } from './values.ts'

/** The options of `sessionData`. */
export interface SessionDataOptions {
  /** For a declaration that is an object: the types that it names, as SDL. @default none */
  readonly types?: string
  /**
   * Which verbs clients have: `'typed'` leaves out those that name an entry by its key and give its value as JSON,
   * such as `setSessionKey` and `Session.value`.
   * @default 'all'
   */
  readonly verbs?: 'all' | 'typed'
  /**
   * What implements the scalars of the declaration beside those of GraphQL and `JSON`, `JSONObject` and `DateTime`.
   * One of these names takes the place of the session's own.
   * @default none
   */
  readonly scalars?: readonly GraphQLScalarType[]
}

/** One declared entry, for tools. */
export interface SessionDataField {
  /** The name of the field. */
  readonly name: string
  /** The key in the store. */
  readonly key: string
  /** The type in the notation of GraphQL. */
  readonly type: string
  readonly description: string | undefined
  /** The rights that every client has. */
  readonly rights: readonly KeyRight[]
  /** The value that an absent entry is read as, in the form in which it would be stored; undefined where there is none. */
  readonly default: Json | undefined
  /** Seconds from the last write after which the entry is absent; undefined where it lasts as long as the session. */
  readonly ttl: number | undefined
}

/**
 * What a declaration of session data gives.
 * @typeParam Data - the application's keys and the types of their values
 */
export interface SessionDataSchema<Data extends object = Record<string, Json>> extends DeclaredData<Data> {
  /** The declaration for tools, in its order. It names also what is for the server only. */
  readonly fields: readonly SessionDataField[]
  /** The types of the declaration as SDL without `@session`, for tools. They are not for clients, as some are the server's. */
  readonly declaration: string
  /** The whole SDL of the session with its data, to be merged with an application's own, in place of `sessionTypeDefs`. */
  readonly typeDefs: string
  /** The resolvers of `typeDefs`, in place of `sessionResolvers`. */
  readonly resolvers: DataResolvers
  /** The types of `typeDefs` with their resolvers, by name, for a schema that is written in code. */
  readonly types: Readonly<Record<string, GraphQLNamedType>>
}

/**
 * Reads the declaration of an application's session data: SDL with a type `SessionData`, whose fields are the entries,
 * and the types that it reaches, or the same as an object. In SDL, `@session(client: [READ, WRITE, DELETE], default: …,
 * key: "…", ttl: 300, onSignIn: KEEP)` says what clients may do with a field, what it is read as where it is absent, which
 * key it has in the store, after how many seconds it is absent, and that a visitor's value stays at a sign-in. In a type that a field holds, `@session(default: …)` says what is
 * stored where a client leaves a field out. What clients may not read appears in nothing that is published.
 * @throws {SessionError} CONFIG_INVALID, naming the field and the rule
 */
export function sessionData<Data extends object = Record<string, Json>>(
  declaration: string | DataDeclarations,
  options: SessionDataOptions = {},
): SessionDataSchema<Data> {
  checkOptions('sessionData: the second argument', options, ['types', 'verbs', 'scalars'])
  const { types, verbs = 'all' } = options
  if (!['all', 'typed'].includes(verbs)) throw flaw("the option \"verbs\" must be 'all' or 'typed'")
  const scalars = scalarsByName(options.scalars)
  const read = readDeclaration(declaration, types)
  const { entries, objects } = declaredTypes(read, scalars)
  const judges = new Judges(scalars)
  for (const object of objects) judges.checkDefaults(object)

  const fields = read.fields.map((node) => {
    const name = node.name.value
    const { default: written, ...terms } = read.terms.get(name)!
    const type = entries[name]!.type
    const judge = judges.of(type)
    const standing = readDefault(name, type, judge, written)
    if (standing === undefined && isNonNullType(type)) {
      throw flaw(`"${name}" can be absent, so that ${String(type)} needs a "default"`, node)
    }
    return { node, name, ...terms, type, judge, default: standing }
  })
  checkKeys(fields)
  const published = publish(read.definitions, fields, verbs === 'all')
  const resolvers = dataResolvers(published, fields, scalars)
  const made = namedTypes(published, resolvers)
  warnOfLists(fields.filter(({ granted }) => granted.has('read')).map(({ type }) => type))
  return {
    keys: new Map(fields.map((field) => [field.key, declaredKey(field)])),
    fields: fields.map(({ node, name, granted, key, ttl, type, default: standing }) => ({
      name,
      key,
      type: String(type),
      description: node.description?.value,
      rights: [...granted],
      default: standing,
      ttl,
    })),
    declaration: print(asDeclared(read.definitions)),
    typeDefs: print(published),
    resolvers,
    types: made,
  }
}

function readDefault(
  name: string,
  type: GraphQLOutputType,
  judge: Judge,
  written: Terms['default'],
): Json | undefined {
  if (!written) return undefined
  const isLiteral = 'literal' in written
  const result = isLiteral ? judge(written.literal, literal, 0) : judge(written.value, given, 0)
  const value = fitting(result, ({ path }) =>
    flaw(
      `the default of "${name}" does not fit ${String(type)}${path.length > 0 ? ` at ${path.join('.')}` : ''}`,
      isLiteral ? written.literal : undefined,
    ),
  )
  checkStorable(value, (reason) =>
    flaw(`the default of "${name}" can never be stored: ${reason}`, isLiteral ? written.literal : undefined),
  )
  // Null and absence are one thing. What is decoded is frozen.
  return value === null ? undefined : decode(JSON.stringify(value))
}

interface KeyParts {
  readonly key: string
  readonly granted: ReadonlySet<KeyRight>
  readonly default: Json | undefined
  readonly ttl: number | undefined
  readonly keepsOnSignIn: boolean
  readonly judge: Judge
}

function declaredKey({ key, granted, default: standing, ttl, keepsOnSignIn, judge }: KeyParts): DeclaredKey {
  return {
    granted,
    default: standing,
    ttl,
    keepsOnSignIn,
    conform(value, isOfResolver = false) {
      if (value === null || value === undefined) {
        throw new SessionError(
          'SESSION_VALUE_INVALID',
          `The value for "${key}" cannot be null. Delete the key instead.`,
        )
      }
      return fitting(judge(value, isOfResolver ? ofResolver : given, 0), (misfit) => doesNotFit(key, misfit))
    },
    fits: (value) => value !== null && !(judge(value, stored, 0) instanceof Misfit),
  }
}
