// This writes documents for a published schema: all that a client may read of its session, and the mutations of it.

import {
  type FieldDefinitionNode,
  getNamedType,
  type GraphQLFieldMap,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLSchema,
  isAbstractType,
  isLeafType,
  isRequiredArgument,
  type ObjectTypeDefinitionNode,
  parse,
  print,
  printType,
} from 'graphql'

/** The mutations that answer with the session, in the order in which they are written. */
const mutations = [
  'updateSessionData',
  'popSessionData',
  'clearSession',
  'logout',
  'rotateSession',
  'setSessionExpiry',
]

/** The fields that are selected, at most: with them a document is within the limits that the gate has by default. */
const mostFields = 400
const mostLevels = 12

/**
 * Writes a fragment that selects every field of `Session` down to the leaves, and the query and the mutations that
 * spread it. Fields that need an argument are left out, and so are those in which a type contains itself. Where the types
 * of the application are so large that a server would refuse the selection, the deepest levels are left out.
 */
export function sessionDocuments(schema: GraphQLSchema): string {
  for (let levels = mostLevels; levels > 0; levels--) {
    const selections = new Selections(schema, levels)
    const text = write(schema, selections)
    if (!selections.areTooMany) return text
  }
  return write(schema, new Selections(schema, 0))
}

function write(schema: GraphQLSchema, selections: Selections): string {
  const session = schema.getType('Session') as GraphQLObjectType
  const verbs = schema.getMutationType()?.getFields() ?? {}
  const documents = [
    `fragment SessionAll on Session ${selections.of(session, [])}`,
    'query GetSession { session { ...SessionAll } }',
    ...mutations
      .filter((name) => name in verbs)
      .map((name) => mutation(name, schema.getMutationType()!, selections)),
  ]
  return documents.map((text) => `${print(parse(text))}\n`).join('\n')
}

function mutation(name: string, root: GraphQLObjectType, selections: Selections): string {
  const payload = getNamedType(root.getFields()[name]!.type) as GraphQLObjectType
  const { session: _, ...others } = payload.getFields()
  const selected = selections.ofFields(others, ['Session'])
  // The nodes of what is printed are the same in each version of graphql-js, and those of its schema are not.
  const given = argumentsIn(printType(root), name)
  const variables = given.map(
    ({ name: { value }, type, defaultValue }) =>
      `$${value}: ${print(type)}${defaultValue ? ` = ${print(defaultValue)}` : ''}`,
  )
  const passed = given.map(({ name: { value } }) => `${value}: $${value}`)
  return `mutation ${name[0]!.toUpperCase()}${name.slice(1)}${inBrackets(variables)} {
    ${name}${inBrackets(passed)} { ${[...selected, 'session { ...SessionAll }'].join(' ')} }
  }`
}

const inBrackets = (parts: readonly string[]): string => (parts.length > 0 ? `(${parts.join(', ')})` : '')

function argumentsIn(sdl: string, name: string): NonNullable<FieldDefinitionNode['arguments']> {
  const [type] = parse(sdl).definitions as ObjectTypeDefinitionNode[]
  return type!.fields!.find((field) => field.name.value === name)!.arguments ?? []
}

/** Selects everything of types, to a number of levels, and counts what it selects. */
class Selections {
  readonly #schema: GraphQLSchema
  readonly #levels: number
  #fields = 0

  constructor(schema: GraphQLSchema, levels: number) {
    this.#schema = schema
    this.#levels = levels
  }

  get areTooMany(): boolean {
    return this.#fields > mostFields
  }

  /**
   * @param path - the names of the types around it
   * @returns the set of selections; nothing for a leaf, and null where there is nothing to select
   */
  of(type: GraphQLOutputType, path: readonly string[]): string | null {
    const named = getNamedType(type)
    if (isLeafType(named)) return ''
    if (path.includes(named.name) || path.length > this.#levels || this.areTooMany) return null
    const within = [...path, named.name]
    const selected = isAbstractType(named)
      ? this.#ofEach(this.#schema.getPossibleTypes(named), within)
      : this.ofFields((named as GraphQLObjectType).getFields(), within)
    return selected.length > 0 ? `{ ${selected.join(' ')} }` : null
  }

  /** @param isAmbiguous - whether a field needs another name in the answer, which ends in `suffix` */
  ofFields(
    fields: GraphQLFieldMap<unknown, unknown>,
    path: readonly string[],
    suffix = '',
    isAmbiguous: (name: string) => boolean = () => false,
  ): string[] {
    return Object.values(fields).flatMap(({ name, type, args }) => {
      if (args.some(isRequiredArgument)) return []
      const selected = this.of(type, path)
      if (selected === null) return []
      this.#fields++
      return [`${isAmbiguous(name) ? `${name}${suffix}: ` : ''}${name} ${selected}`.trim()]
    })
  }

  /** Selects of each type what it has. GraphQL takes no two fields of one name that have different types. */
  #ofEach(types: readonly GraphQLObjectType[], path: readonly string[]): string[] {
    const typesOf = (name: string): (string | undefined)[] =>
      types.map((type) => type.getFields()[name]).flatMap((field) => (field ? [String(field.type)] : []))
    const isAmbiguous = (name: string): boolean => new Set(typesOf(name)).size > 1
    const parts = types.flatMap((type) => {
      if (path.includes(type.name)) return []
      const selected = this.ofFields(type.getFields(), [...path, type.name], `Of${type.name}`, isAmbiguous)
      return selected.length > 0 ? [`... on ${type.name} { ${selected.join(' ')} }`] : []
    })
    return ['__typename', ...parts]
  }
}
