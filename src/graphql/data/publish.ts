// This writes the schema that clients see: the session's own, with the data that they may read, write and delete.

import {
  type ASTNode,
  type DefinitionNode,
  type DocumentNode,
  type FieldDefinitionNode,
  isTypeDefinitionNode,
  Kind,
  parse,
  type TypeDefinitionNode,
  visit,
} from 'graphql'
import type { KeyRight } from '../../session/declared.ts'
import { sessionTypeDefs } from '../resolvers.ts'
import { isForEditors } from './check.ts'
import { dataType, isOurs } from './declaration.ts'
import { inputDefinitions } from './inputs.ts'
import { popDefinitions } from './popped.ts'

/** A field of the declaration, as far as clients are concerned. */
export interface PublishedField {
  readonly name: string
  readonly granted: ReadonlySet<KeyRight>
  readonly node: FieldDefinitionNode
}

/** The verbs that name an entry by its key, and give and take its value as JSON. */
const byKey: Readonly<Record<string, readonly string[]>> = {
  Session: ['keys', 'has', 'value', 'entries'],
  Mutation: ['setSessionKey', 'updateSession', 'setDefaultSessionKey', 'deleteSessionKey', 'popSessionKey'],
}

const isWritable = ({ granted }: PublishedField): boolean => granted.has('write')
export const isPoppable = ({ granted }: PublishedField): boolean =>
  granted.has('read') && granted.has('delete')

/**
 * @param definitions - those of the declaration
 * @param hasVerbsByKey - whether clients keep the verbs that name an entry by its key
 * @throws {SessionError} CONFIG_INVALID
 */
export function publish(
  definitions: readonly DefinitionNode[],
  fields: readonly PublishedField[],
  hasVerbsByKey: boolean,
): DocumentNode {
  const own = definitions.filter(
    (each): each is TypeDefinitionNode =>
      isTypeDefinitionNode(each) && !isForEditors(each) && each.name.value !== dataType,
  )
  const added = [
    ...inputDefinitions(nodesOf(fields.filter(isWritable)), own),
    ...popDefinitions(nodesOf(fields.filter(isPoppable))),
  ]
  const more: Record<string, readonly FieldDefinitionNode[]> = {
    Session: nodesOf(fields.filter(({ granted }) => granted.has('read'))),
    Mutation: added.flatMap((each) => (each.kind === Kind.OBJECT_TYPE_EXTENSION ? (each.fields ?? []) : [])),
  }
  const ours = visit(parse(sessionTypeDefs, { noLocation: true }), {
    ObjectTypeDefinition(type) {
      const { name, fields: all = [] } = type
      const without = hasVerbsByKey ? [] : (byKey[name.value] ?? [])
      const kept = all.filter((field) => !without.includes(field.name.value))
      return { ...type, fields: [...kept, ...(more[name.value] ?? [])] }
    },
  })
  const types = added.filter((each) => each.kind !== Kind.OBJECT_TYPE_EXTENSION)
  return reached(withoutOurs({ kind: Kind.DOCUMENT, definitions: [...ours.definitions, ...own, ...types] }))
}

const nodesOf = (fields: readonly PublishedField[]): FieldDefinitionNode[] => fields.map(({ node }) => node)

/** The declaration as GraphQL knows it: without `@session`, and without what only editors need. */
export const asDeclared = (definitions: readonly DefinitionNode[]): DocumentNode =>
  withoutOurs({ kind: Kind.DOCUMENT, definitions: definitions.filter((each) => !isForEditors(each)) })

/** Leaves out `@session`. */
const withoutOurs = (document: DocumentNode): DocumentNode =>
  visit(document, { Directive: (directive) => (isOurs(directive) ? null : undefined) })

/** Leaves out the types that no operation reaches, so that nothing of what is for the server only is told. */
function reached(document: DocumentNode): DocumentNode {
  const types = new Map(
    document.definitions.filter(isTypeDefinitionNode).map((each) => [each.name.value, each]),
  )
  const found = new Set(['Query', 'Mutation', 'Subscription'])
  // A set gives also what is added to it while it is read.
  for (const name of found) forEachName(types.get(name), (used) => found.add(used))
  return {
    ...document,
    definitions: document.definitions.filter(
      (each) => !isTypeDefinitionNode(each) || found.has(each.name.value),
    ),
  }
}

function forEachName(node: ASTNode | undefined, use: (name: string) => void): void {
  if (node) visit(node, { NamedType: ({ name }) => use(name.value) })
}
