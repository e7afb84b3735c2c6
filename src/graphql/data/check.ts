// This checks a declaration of session data against the rules that GraphQL does not have itself.

import {
  type ConstDirectiveNode,
  type DefinitionNode,
  type FieldDefinitionNode,
  getNamedType,
  getNullableType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  isListType,
  isObjectType,
  isTypeDefinitionNode,
  Kind,
  type ObjectTypeDefinitionNode,
  parse,
  specifiedScalarTypes,
  type TypeDefinitionNode,
  visit,
} from 'graphql'
import { sessionTypeDefs } from '../resolvers.ts'
import { dataType, type Declaration, isOurs } from './declaration.ts'
import { flaw } from './flaw.ts'

/** The types that the session has itself, by name, also the ones that are made of its data. */
export const sessionTypes: ReadonlyMap<string, TypeDefinitionNode> = new Map(
  parse(sessionTypeDefs)
    .definitions.filter(isTypeDefinitionNode)
    .map((definition) => [definition.name.value, definition]),
)

const takenTypes: ReadonlySet<string> = new Set([
  ...sessionTypes.keys(),
  'SessionDataInput',
  'UpdateSessionDataPayload',
  'SessionDataKey',
  'PoppedSessionData',
  'PopSessionDataPayload',
  'Query',
  'Mutation',
  'Subscription',
  ...specifiedScalarTypes.map(({ name }) => name),
])

const takenFields: ReadonlySet<string> = new Set(
  (sessionTypes.get('Session') as ObjectTypeDefinitionNode).fields!.map(({ name }) => name.value),
)

/** The scalars of the session that a declaration may use, and may define for an editor that does not know them. */
export const sessionScalars: ReadonlySet<string> = new Set(
  [...sessionTypes.values()]
    .filter(({ kind }) => kind === Kind.SCALAR_TYPE_DEFINITION)
    .map(({ name }) => name.value),
)

/** @param definition - a definition for editors, which others make: of `@session`, its rights, and known scalars */
export const isForEditors = (definition: DefinitionNode): boolean =>
  (definition.kind === Kind.DIRECTIVE_DEFINITION && definition.name.value === 'session') ||
  (definition.kind === Kind.ENUM_TYPE_DEFINITION && definition.name.value === 'SessionRight') ||
  (definition.kind === Kind.SCALAR_TYPE_DEFINITION && sessionScalars.has(definition.name.value))

const kinds = new Set<string>([
  Kind.OBJECT_TYPE_DEFINITION,
  Kind.ENUM_TYPE_DEFINITION,
  Kind.SCALAR_TYPE_DEFINITION,
  Kind.UNION_TYPE_DEFINITION,
])

const notHere: Readonly<Record<string, string>> = {
  [Kind.INTERFACE_TYPE_DEFINITION]: 'an interface: a value in a store does not tell its type',
  [Kind.INPUT_OBJECT_TYPE_DEFINITION]: 'an input: the inputs are made of the types',
  [Kind.DIRECTIVE_DEFINITION]: 'a directive of its own',
}

/**
 * Checks what can be told of each definition by itself.
 * @param scalars - the names of the scalars that are implemented
 * @throws {SessionError} CONFIG_INVALID
 */
export function checkDefinitions({ definitions }: Declaration, scalars: ReadonlySet<string>): void {
  const own = definitions.filter((definition) => !isForEditors(definition))
  for (const definition of own) {
    if (!kinds.has(definition.kind)) {
      const found = notHere[definition.kind] ?? `"${definition.kind}", such as extend or a query`
      throw flaw(`a declaration cannot have ${found}`, definition)
    }
    checkDefinition(definition as TypeDefinitionNode, scalars)
  }
  const known = new Set([
    ...own.map((definition) => (definition as TypeDefinitionNode).name.value),
    ...sessionScalars,
    ...specifiedScalarTypes.map(({ name }) => name),
  ])
  for (const definition of own) {
    let place = 'there is'
    visit(definition, {
      FieldDefinition(field) {
        place = `"${field.name.value}" has`
      },
      NamedType(type) {
        const { value } = type.name
        if (value === dataType) throw flaw(`${place} the type ${dataType}, which is the session itself`, type)
        if (known.has(value)) return
        if (!scalars.has(value)) throw flaw(`${place} the unknown type "${value}"`, type)
        // Tools that read the declaration know of no option.
        const remedy = `Add: scalar ${value}`
        throw flaw(
          `${place} the type "${value}", which the option "scalars" has and the SDL does not. ${remedy}`,
          type,
        )
      },
    })
  }
}

function checkDefinition(definition: TypeDefinitionNode, scalars: ReadonlySet<string>): void {
  const name = definition.name.value
  const isTaken = takenTypes.has(name)
  if (isTaken)
    throw flaw(`"${name}" is the name of a type of GraphQL or of the session. Rename it`, definition.name)
  // Tools such as graphql-tools look types up in plain objects.
  if (name in Object.prototype)
    throw flaw(`"${name}" is the name of what every object has. Rename the type`, definition.name)
  checkDirectives(definition, name, definition.kind === Kind.SCALAR_TYPE_DEFINITION ? ['specifiedBy'] : [])
  if (definition.kind === Kind.SCALAR_TYPE_DEFINITION && !scalars.has(name)) {
    throw flaw(`the scalar "${name}" needs an implementation in the option "scalars"`, definition.name)
  }
  if (definition.kind === Kind.ENUM_TYPE_DEFINITION) {
    for (const value of definition.values ?? []) {
      checkDirectives(value, `${name}.${value.name.value}`, ['deprecated'])
    }
  }
  if (definition.kind !== Kind.OBJECT_TYPE_DEFINITION) return
  if (definition.interfaces?.length) {
    throw flaw(`"${name}" implements an interface, which a declaration cannot have`, definition.interfaces[0])
  }
  for (const field of definition.fields ?? []) checkField(name, field)
}

function checkField(type: string, field: FieldDefinitionNode): void {
  const { name, arguments: given = [] } = field
  const place = type === dataType ? name.value : `${type}.${name.value}`
  checkDirectives(field, place, ['session', 'deprecated'])
  if (given.length > 0)
    throw flaw(`"${place}" has arguments, which a stored value cannot answer to`, given[0])
  if (type === dataType && takenFields.has(name.value)) {
    throw flaw(
      `"${name.value}" is a field of the session itself. Rename it, and keep its key with "key"`,
      name,
    )
  }
}

function checkDirectives(
  { directives = [] }: { readonly directives?: readonly ConstDirectiveNode[] | undefined },
  place: string,
  known: readonly string[],
): void {
  for (const directive of directives) {
    if (!known.includes(directive.name.value)) {
      const rule = isOurs(directive) ? '@session is for fields' : `@${directive.name.value} is not known here`
      throw flaw(`"${place}": ${rule}`, directive)
    }
  }
}

/** What is checked of a field once its type is known. */
interface Checked {
  readonly name: string
  readonly key: string
  readonly node: FieldDefinitionNode
}

/** @throws {SessionError} CONFIG_INVALID for two fields of one key */
export function checkKeys(fields: readonly Checked[]): void {
  const byKey = new Map<string, string>()
  for (const { key, name, node } of fields) {
    const other = byKey.get(key)
    if (other !== undefined) throw flaw(`"${other}" and "${name}" have the same key`, node)
    byKey.set(key, name)
  }
}

/**
 * @param isTaken - further names, those of the declaration
 * @throws {SessionError} CONFIG_INVALID for a type that is made of another, and has the name of a third
 */
export function checkMade(made: string, of: string, isTaken: (name: string) => boolean): void {
  if (takenTypes.has(made) || isTaken(made)) {
    throw flaw(
      `clients write "${of}", so that there is an input "${made}", but there is another type of that name`,
    )
  }
}

/** Warns of lists of objects that a cache of a client cannot tell apart, once for each type. */
export function warnOfLists(types: readonly GraphQLOutputType[]): void {
  const seen = new Set<GraphQLObjectType>()
  const listed = new Set<GraphQLObjectType>()
  const look = (type: GraphQLOutputType): void => {
    const named = getNamedType(type)
    if (!isObjectType(named)) return
    if (isListType(getNullableType(type))) listed.add(named)
    if (seen.has(named)) return
    seen.add(named)
    for (const field of Object.values(named.getFields())) look(field.type)
  }
  for (const type of types) look(type)
  for (const type of listed) {
    if (String(type.getFields()['id']?.type) === 'ID!') continue
    process.emitWarning(
      `sessionData: "${type.name}" is in a list and has no id: ID!, without which the caches of clients cannot update one item by itself.`,
      'SessionWarning',
    )
  }
}
