// This writes the part of the published schema by which clients take session data out.

import { type DefinitionNode, type FieldDefinitionNode, parse, visit } from 'graphql'
import { nullable } from './declaration.ts'
import { flaw } from './flaw.ts'

/** What clients take out: the names of the entries that they may read and delete, and what these held. */
export function popDefinitions(fields: readonly FieldDefinitionNode[]): readonly DefinitionNode[] {
  if (fields.length === 0) return []
  const names = keyNames(fields)
  const popped = fields.map((node) => Object.assign({}, node, { type: nullable(node.type) }))
  const document = parse(
    `
    "The entries that can be taken out."
    enum SessionDataKey { ${[...names.keys()].join(' ')} }

    "What was taken out, and is yours alone. null for what was absent, and for what was not asked for."
    type PoppedSessionData

    type PopSessionDataPayload implements SessionPayload {
      session: Session!
      popped: PoppedSessionData!
    }

    extend type Mutation {
      "Deletes the entries and returns what they held. Of two at the same time, one finds it."
      popSessionData(keys: [SessionDataKey!]!): PopSessionDataPayload!
    }`,
    { noLocation: true },
  )
  const withFields = visit(document, {
    ObjectTypeDefinition: (type) =>
      type.name.value === 'PoppedSessionData' ? { ...type, fields: popped } : undefined,
  })
  return withFields.definitions
}

/**
 * The names of the fields by those in `SessionDataKey`.
 * @throws {SessionError} CONFIG_INVALID for two fields of one name
 */
export function keyNames(fields: readonly FieldDefinitionNode[]): ReadonlyMap<string, string> {
  const named = new Map<string, string>()
  for (const field of fields) {
    const name = field.name.value
      .replaceAll(/([a-z\d])([A-Z])/g, '$1_$2')
      .replaceAll(/([A-Z])([A-Z][a-z])/g, '$1_$2')
      .toUpperCase()
    const other = named.get(name)
    if (other) {
      throw flaw(
        `"${other}" and "${field.name.value}" would both be ${name} in the enum SessionDataKey`,
        field.name,
      )
    }
    named.set(name, field.name.value)
  }
  return named
}
