// This reads a declaration of session data, which is SDL with `@session` or an object, into one form of both.

import {
  type ConstValueNode,
  type DefinitionNode,
  type DirectiveNode,
  type FieldDefinitionNode,
  type GraphQLError,
  Kind,
  type ObjectTypeDefinitionNode,
  parse,
  parseType,
  print,
  type TypeNode,
} from 'graphql'
import type { KeyRight } from '../../session/declared.ts'
import { checkNumber, checkOptions } from '../../session/options.ts'
import { isKey } from '../../session/value.ts'
import { flaw } from './flaw.ts'

/** The entries that an application keeps in a session, by the names of their fields: see `DataDeclaration`. */
export type DataDeclarations = Readonly<Record<string, DataDeclaration>>

/** What one entry of a session is, and what clients may do with it. */
export interface DataDeclaration {
  /** The type in the notation of GraphQL, e.g. `[CartItem!]!`. */
  readonly type: string
  /** What the field is for, as tools show it to the developers of clients. */
  readonly description?: string
  /** The rights that every client has. @default nothing */
  readonly client?: readonly KeyRight[]
  /** The value that an absent entry is read as. A type that ends in `!` needs one. */
  readonly default?: unknown
  /** The key in the store. @default the name of the field */
  readonly key?: string
  /** Seconds from the last write after which the entry is absent. @default as long as the session */
  readonly ttl?: number
  /** Whether what a visitor has stored stays when `identify` signs an owner in. @default 'drop' */
  readonly onSignIn?: 'keep' | 'drop'
}

/** A default as it is written: in the notation of GraphQL, or as a value. */
export type Default = { readonly literal: ConstValueNode } | { readonly value: unknown }

/** What is declared of a field beside its type. */
export interface Terms {
  readonly granted: ReadonlySet<KeyRight>
  readonly default: Default | undefined
  readonly key: string
  readonly ttl: number | undefined
  readonly keepsOnSignIn: boolean
}

/** A declaration in the form that both notations are read into. */
export interface Declaration {
  /** The types of the document, `SessionData` among them. */
  readonly definitions: readonly DefinitionNode[]
  readonly fields: readonly FieldDefinitionNode[]
  /** By the name of the field. */
  readonly terms: ReadonlyMap<string, Terms>
}

/** The type whose fields are the entries. */
export const dataType = 'SessionData'

/** @throws {SessionError} CONFIG_INVALID */
export function readDeclaration(
  declaration: string | DataDeclarations,
  types: string | undefined,
): Declaration {
  if (typeof declaration !== 'string') return readObject(declaration, types)
  if (types !== undefined) throw flaw('the option "types" is for a declaration that is an object')
  const definitions = definitionsIn(declaration, '')
  const [data, second] = definitions.filter(isData)
  if (!data) throw flaw(`the document has no type ${dataType}`)
  if (second) throw flaw(`there is a second type ${dataType}`, second.name)
  const { fields = [] } = data
  const terms = fields.map((field) => [field.name.value, readDirective(field)] as const)
  return { definitions, fields: notEmpty(fields), terms: new Map(terms) }
}

const parts = ['type', 'description', 'client', 'default', 'key', 'ttl', 'onSignIn']

function readObject(declarations: DataDeclarations, types = ''): Declaration {
  checkOptions('sessionData', declarations, Object.keys(declarations ?? {}))
  const definitions = definitionsIn(types, 'types')
  const data = definitions.find(isData)
  if (data) throw flaw(`the object is the type ${dataType}, so that "types" cannot define it`, data.name)
  const declared = Object.entries(declarations).map(([name, each]) => {
    checkOptions(`sessionData.${name}`, each, parts)
    const { type, description, default: value, ...terms } = each
    if (description !== undefined && typeof description !== 'string') {
      throw flaw(`"${name}": "description" must be text`)
    }
    const field: FieldDefinitionNode = {
      kind: Kind.FIELD_DEFINITION,
      name: { kind: Kind.NAME, value: name },
      type: readType(name, type),
      ...(description !== undefined && { description: { kind: Kind.STRING, value: description } }),
    }
    return { field, terms: checkTerms(name, { ...terms, default: value === undefined ? value : { value } }) }
  })
  const fields = notEmpty(declared.map(({ field }) => field))
  const definition: ObjectTypeDefinitionNode = {
    kind: Kind.OBJECT_TYPE_DEFINITION,
    name: { kind: Kind.NAME, value: dataType },
    fields,
  }
  return {
    definitions: [definition, ...definitions],
    fields,
    terms: new Map(declared.map(({ field, terms }) => [field.name.value, terms])),
  }
}

/**
 * The default of a field of a type that an entry holds, which a value gets that is written without the field.
 * @throws {SessionError} CONFIG_INVALID
 */
export const readNestedDefault = (field: FieldDefinitionNode): ConstValueNode | undefined =>
  argumentsOf(field, ['default']).get('default')

function definitionsIn(sdl: string, option: string): readonly DefinitionNode[] {
  if (typeof sdl !== 'string') throw flaw(`the option "${option}" must be SDL`)
  if (sdl.trim() === '') return []
  try {
    return parse(sdl).definitions
  } catch (error) {
    const { message, locations } = error as GraphQLError
    throw flaw(`${option && `the option "${option}" in `}line ${locations?.[0]?.line}: ${message}`)
  }
}

function readType(name: string, type: string): TypeNode {
  try {
    return parseType(type, { noLocation: true })
  } catch {
    throw flaw(`"${name}" needs a "type" in the notation of GraphQL, e.g. [String!]!`)
  }
}

const isData = (node: DefinitionNode): node is ObjectTypeDefinitionNode =>
  node.kind === Kind.OBJECT_TYPE_DEFINITION && node.name.value === dataType

function notEmpty<Item>(fields: readonly Item[]): readonly Item[] {
  if (fields.length === 0) throw flaw(`${dataType} has no fields`)
  return fields
}

/** The arguments of `@session` on a field. */
function argumentsOf(
  field: FieldDefinitionNode,
  known: readonly string[],
): ReadonlyMap<string, ConstValueNode> {
  const [directive, second] = (field.directives ?? []).filter(isOurs)
  if (second) throw flaw(`"${field.name.value}" has @session twice`, second)
  const given = new Map<string, ConstValueNode>()
  for (const { name, value } of directive?.arguments ?? []) {
    if (!known.includes(name.value) || given.has(name.value)) {
      throw flaw(
        `"${field.name.value}": @session takes each of ${known.join(', ')} once, and not "${name.value}"`,
        name,
      )
    }
    given.set(name.value, value)
  }
  return given
}

export const isOurs = (directive: DirectiveNode): boolean => directive.name.value === 'session'

const rights = new Map<string, KeyRight>([
  ['READ', 'read'],
  ['WRITE', 'write'],
  ['DELETE', 'delete'],
])

const signIns = new Map([
  ['KEEP', 'keep'],
  ['DROP', 'drop'],
])

function readDirective(field: FieldDefinitionNode): Terms {
  const names = ['client', 'default', 'key', 'ttl', 'onSignIn'] as const
  const given = argumentsOf(field, names)
  const [client, literal, key, ttl, onSignIn] = names.map((name) => given.get(name))
  return checkTerms(
    field.name.value,
    {
      client:
        client && (client.kind === Kind.LIST ? client.values : [client]).map((r) => rights.get(print(r))),
      default: literal && { literal },
      key: key && (key.kind === Kind.STRING ? key.value : Number.NaN),
      ttl: ttl && (ttl.kind === Kind.INT ? Number(ttl.value) : Number.NaN),
      onSignIn: onSignIn && (signIns.get(print(onSignIn)) ?? 'unknown'),
    },
    field,
  )
}

interface GivenTerms {
  readonly client?: unknown
  readonly default?: Default | undefined
  readonly key?: unknown
  readonly ttl?: unknown
  readonly onSignIn?: unknown
}

function checkTerms(name: string, given: GivenTerms, node?: FieldDefinitionNode): Terms {
  const { client = [], key = name, ttl, onSignIn = 'drop' } = given
  const known = new Set<unknown>(rights.values())
  if (!Array.isArray(client) || !client.every((right) => known.has(right))) {
    throw flaw(`"${name}": "client" must be a list of the rights READ, WRITE and DELETE`, node)
  }
  if (typeof key !== 'string' || !isKey(key)) {
    throw flaw(`"${name}" has a key that a session cannot have. Give it another one with "key"`, node)
  }
  if (ttl !== undefined) checkNumber(`sessionData: the ttl of "${name}"`, ttl as number, 'seconds')
  if (onSignIn !== 'keep' && onSignIn !== 'drop') {
    throw flaw(`"${name}": "onSignIn" must be KEEP or DROP`, node)
  }
  return {
    granted: new Set(client as KeyRight[]),
    default: given.default,
    key,
    ttl: ttl as number | undefined,
    keepsOnSignIn: onSignIn === 'keep',
  }
}

/** The type without the last `!`. */
export const nullable = (type: TypeNode): TypeNode => (type.kind === Kind.NON_NULL_TYPE ? type.type : type)
