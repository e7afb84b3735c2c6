// This writes the part of the published schema by which clients write session data.

import {
  type DefinitionNode,
  type FieldDefinitionNode,
  type InputValueDefinitionNode,
  Kind,
  type NamedTypeNode,
  type ObjectTypeDefinitionNode,
  parse,
  type TypeDefinitionNode,
  type TypeNode,
  visit,
} from 'graphql'
import { checkMade } from './check.ts'
import { nullable, readNestedDefault } from './declaration.ts'
import { flaw } from './flaw.ts'

const inputName = (name: string): string => `${name}Input`

/** What clients write: an input of the writable fields, and one for each object type in them. */
export function inputDefinitions(
  fields: readonly FieldDefinitionNode[],
  types: readonly TypeDefinitionNode[],
): DefinitionNode[] {
  if (fields.length === 0) return []
  const named = new Map(types.map((type) => [type.name.value, type]))
  const written = new Set<ObjectTypeDefinitionNode>()
  const toInput = (type: TypeNode, place: string): TypeNode =>
    visit(type, {
      NamedType(node): NamedTypeNode | undefined {
        const name = node.name.value
        const definition = named.get(name)
        if (definition?.kind === Kind.UNION_TYPE_DEFINITION) {
          throw flaw(`clients write "${place}", so that it cannot hold the union "${name}"`, node)
        }
        if (definition?.kind !== Kind.OBJECT_TYPE_DEFINITION) return undefined
        checkMade(inputName(name), name, (other) => named.has(other))
        written.add(definition)
        return { ...node, name: { kind: Kind.NAME, value: inputName(name) } }
      },
    })
  const data = fields.map((node) =>
    inputField(node, node.name.value, toInput(nullable(node.type), node.name.value)),
  )
  const inputs: DefinitionNode[] = []
  for (const { fields: members = [], name, description } of written) {
    inputs.push({
      kind: Kind.INPUT_OBJECT_TYPE_DEFINITION,
      name: { ...name, value: inputName(name.value) },
      ...(description && { description }),
      fields: members.map((member) => {
        const place = `${name.value}.${member.name.value}`
        return inputField(member, place, toInput(member.type, place), readNestedDefault(member))
      }),
    })
  }
  const document = parse(
    `
      "Only the fields that are given are changed. null deletes the entry, so that its default applies."
      input SessionDataInput

      type UpdateSessionDataPayload implements SessionPayload { session: Session! }

      extend type Mutation {
        "Sets and deletes the given entries, or does none of it."
        updateSessionData(data: SessionDataInput!): UpdateSessionDataPayload!
      }`,
    { noLocation: true },
  )
  const withFields = visit(document, { InputObjectTypeDefinition: (type) => ({ ...type, fields: data }) })
  return [...inputs, ...withFields.definitions]
}

function inputField(
  { name, description, directives = [] }: FieldDefinitionNode,
  place: string,
  type: TypeNode,
  defaultValue?: InputValueDefinitionNode['defaultValue'],
): InputValueDefinitionNode {
  // graphql-js takes such a member of a variable for given where the client has left it out.
  if (name.value in Object.prototype) {
    throw flaw(
      `clients write "${place}", which is the name of what every object has. Rename it; a field keeps its key with "key"`,
      name,
    )
  }
  // GraphQL has no deprecated input that has to be given.
  const isRequired = type.kind === Kind.NON_NULL_TYPE && !defaultValue
  return {
    kind: Kind.INPUT_VALUE_DEFINITION,
    name,
    type,
    directives: isRequired ? [] : directives,
    ...(description && { description }),
    ...(defaultValue && { defaultValue }),
  }
}
