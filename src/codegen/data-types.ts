// This writes the TypeScript types of an application's session data, as its server reads and writes them.

import {
  type DefinitionNode,
  type DirectiveNode,
  type EnumTypeDefinitionNode,
  type FieldDefinitionNode,
  Kind,
  type NameNode,
  type ObjectTypeDefinitionNode,
  parse,
  type StringValueNode,
  type TypeNode,
  type UnionTypeDefinitionNode,
} from 'graphql'
import type { SessionDataField } from '../graphql/data/session-data.ts'

/** What is written beside the declaration. */
export interface DataTypesOptions {
  /** The TypeScript types of scalars as they are stored, by name. @default string, for one that is not known */
  readonly scalars?: Readonly<Record<string, string>>
  /**
   * The TypeScript types of keys and of patterns like `pref:*`. They win over those of the declaration, and add to
   * them. @default none
   */
  readonly keys?: Readonly<Record<string, string>>
}

/** What is written of the declaration. */
interface Declared {
  readonly fields: readonly SessionDataField[]
  readonly declaration: string
}

/** No type of GraphQL has a name with a $, so that none hides what is imported. */
const session = '$session'

const knownScalars: Readonly<Record<string, string>> = {
  ID: 'string',
  String: 'string',
  Int: 'number',
  Float: 'number',
  Boolean: 'boolean',
  JSON: `${session}.Json`,
  JSONObject: `{ readonly [name: string]: ${session}.Json }`,
}

/**
 * Writes a module with an interface `SessionData`, whose members are the keys of the store, and a type for each one of
 * the declaration. A key that has a default is not optional. Values have the form in which they are stored.
 */
export function dataTypes({ fields, declaration }: Declared, options: DataTypesOptions = {}): string {
  const { definitions } = parse(declaration, { noLocation: true })
  const data = definitions.find(isData)!
  const own = definitions.filter((each) => !isData(each))
  const typeOf = typesBy({ ...knownScalars, ...options.scalars }, own)
  const given = new Map(Object.entries(options.keys ?? {}))
  const declared = (data.fields ?? []).map((node, index) => {
    const { key, default: standing } = fields[index]!
    const type = given.get(key) ?? typeOf(node.type, false)
    given.delete(key)
    return `${commentOf(node, '  ')}  ${property(key)}${standing === undefined ? '?' : ''}: ${type}\n`
  })
  const others = [...given].map(([name, type]) =>
    name.endsWith('*')
      ? `  [key: ${prefix(name.slice(0, -1))}]: ${type} | undefined\n`
      : `  ${property(name)}?: ${type}\n`,
  )
  const parts = [
    `import type * as ${session} from 'graphql-session'\n`,
    `${commentOf(data, '', 'What a session holds, by key.')}export interface SessionData extends ${session}.Declared {\n${[...declared, ...others].join('')}}\n`,
    ...own.map((definition) => writeType(definition, typeOf)).filter((text) => text !== ''),
  ]
  return parts.join('\n')
}

const isData = (node: DefinitionNode): node is ObjectTypeDefinitionNode =>
  node.kind === Kind.OBJECT_TYPE_DEFINITION && node.name.value === 'SessionData'

/** Gives the TypeScript type of a value, with null for one that may be null and stands in another. */
type TypeOf = (type: TypeNode, mayBeNull?: boolean) => string

function typesBy(scalars: Readonly<Record<string, string>>, own: readonly DefinitionNode[]): TypeOf {
  const named = new Set(
    own
      .filter(({ kind }) => kind !== Kind.SCALAR_TYPE_DEFINITION)
      .map((each) => (each as { name: NameNode }).name.value),
  )
  const typeOf: TypeOf = (type, mayBeNull = true) => {
    if (type.kind === Kind.NON_NULL_TYPE) return typeOf(type.type, false)
    if (mayBeNull) return `${typeOf(type, false)} | null`
    if (type.kind === Kind.LIST_TYPE) {
      const item = typeOf(type.type)
      return `readonly ${/^[$.\w]+$/.test(item) ? item : `(${item})`}[]`
    }
    const { value } = type.name
    return named.has(value) ? value : Object.hasOwn(scalars, value) ? scalars[value]! : 'string'
  }
  return typeOf
}

function writeType(definition: DefinitionNode, typeOf: TypeOf): string {
  if (definition.kind === Kind.OBJECT_TYPE_DEFINITION) return objectType(definition, typeOf)
  if (definition.kind === Kind.ENUM_TYPE_DEFINITION) return enumType(definition)
  return definition.kind === Kind.UNION_TYPE_DEFINITION ? unionType(definition) : ''
}

function objectType(node: ObjectTypeDefinitionNode, typeOf: TypeOf): string {
  const members = (node.fields ?? []).map((field) => {
    const isOptional = field.type.kind !== Kind.NON_NULL_TYPE
    return `${commentOf(field, '  ')}  readonly ${field.name.value}${isOptional ? '?' : ''}: ${typeOf(field.type)}\n`
  })
  return `${commentOf(node)}export interface ${node.name.value} {\n${members.join('')}}\n`
}

function enumType(node: EnumTypeDefinitionNode): string {
  const names = (node.values ?? []).map(({ name }) => `'${name.value}'`)
  return `${commentOf(node)}export type ${node.name.value} = ${names.join(' | ')}\n`
}

/** A member of a union is stored with its name. */
function unionType(node: UnionTypeDefinitionNode): string {
  const members = (node.types ?? []).map(
    ({ name: { value } }) => `\n  | (${value} & { readonly __typename: '${value}' })`,
  )
  return `${commentOf(node)}export type ${node.name.value} =${members.join('')}\n`
}

type Described = Pick<FieldDefinitionNode, 'directives'> & {
  readonly description?: StringValueNode | undefined
}

function commentOf(node: Described, indent = '', otherwise = ''): string {
  const text = node.description?.value ?? otherwise
  const deprecated = node.directives?.find(({ name }) => name.value === 'deprecated')
  const lines = [text.trim(), deprecated && `@deprecated ${reasonOf(deprecated)}`.trim()]
    .filter((part) => part)
    .flatMap((part) => part!.replaceAll('*/', '*\\/').split('\n'))
  if (lines.length === 0) return ''
  if (lines.length === 1) return `${indent}/** ${lines[0]} */\n`
  return [`/**`, ...lines.map((line) => ` * ${line}`.trimEnd()), ' */']
    .map((line) => `${indent}${line}\n`)
    .join('')
}

function reasonOf({ arguments: given = [] }: DirectiveNode): string {
  const value = given.find(({ name }) => name.value === 'reason')?.value
  return value?.kind === Kind.STRING ? value.value : ''
}

const property = (key: string): string => (/^[A-Za-z_]\w*$/.test(key) ? key : `'${key}'`)

const prefix = (text: string): string => (text === '' ? 'string' : `\`${text}\${string}\``)
