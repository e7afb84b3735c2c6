// This finds out whether an operation asks for an answer in parts.

import {
  type DirectiveNode,
  type DocumentNode,
  type FragmentDefinitionNode,
  getOperationAST,
  type GraphQLError,
  Kind,
  type OperationDefinitionNode,
  type ValueNode,
  visit,
} from 'graphql'
import { createGraphQLError } from 'graphql-yoga'

/** An operation of a valid document, with the variables as the client sent them. */
interface Operation {
  readonly document: DocumentNode
  readonly operationName?: string | null | undefined
  readonly variableValues?: Readonly<Record<string, unknown>> | null | undefined
}

const found = new WeakMap<OperationDefinitionNode, readonly DirectiveNode[]>()

/**
 * Whether an operation may be answered in parts: it has a `@defer` or a `@stream` that is not turned off.
 * @throws {GraphQLError} BAD_USER_INPUT, where an argument of such a directive has a value that it does not take. The
 * executor would find that out when other fields have run, and say so in words of its own
 */
export function asksForParts({ document, operationName, variableValues }: Operation): boolean {
  const operation = getOperationAST(document, operationName)
  if (!operation) return false
  let directives = found.get(operation)
  if (!directives) found.set(operation, (directives = directivesOf(operation, document)))
  const valueOf = (node: ValueNode): unknown => {
    if (node.kind === Kind.NULL) return null
    if (node.kind === Kind.INT) return Number(node.value)
    if (node.kind === Kind.BOOLEAN) return node.value
    if (node.kind !== Kind.VARIABLE) return undefined
    const name = node.name.value
    if (variableValues && Object.hasOwn(variableValues, name)) return variableValues[name]
    const defined = operation.variableDefinitions?.find(({ variable }) => variable.name.value === name)
    return defined?.defaultValue && valueOf(defined.defaultValue)
  }
  return directives
    .map((directive) => {
      const argument = (name: string): unknown => {
        const node = directive.arguments?.find((each) => each.name.value === name)
        return node && valueOf(node.value)
      }
      const isOn = argument('if')
      if (isOn === null) throw invalid('if', directive)
      if (isOn === false) return false
      const count = argument('initialCount')
      if (count === null || Number(count) < 0) throw invalid('initialCount', directive)
      return true
    })
    .includes(true)
}

/** Each `@defer` and `@stream` of an operation and of the fragments that it spreads. */
function directivesOf(operation: OperationDefinitionNode, document: DocumentNode): DirectiveNode[] {
  const directives: DirectiveNode[] = []
  const fragments = new Map<string, FragmentDefinitionNode>()
  for (const each of document.definitions) {
    if (each.kind === Kind.FRAGMENT_DEFINITION) fragments.set(each.name.value, each)
  }
  const collect = (from: OperationDefinitionNode | FragmentDefinitionNode): void => {
    visit(from, {
      Directive(directive) {
        if (['defer', 'stream'].includes(directive.name.value)) directives.push(directive)
      },
      FragmentSpread({ name }) {
        const fragment = fragments.get(name.value)
        fragments.delete(name.value)
        if (fragment) collect(fragment)
      },
    })
  }
  collect(operation)
  return directives
}

const invalid = (argument: string, directive: DirectiveNode): GraphQLError =>
  createGraphQLError(`Argument "@${directive.name.value}(${argument}:)" has an invalid value.`, {
    nodes: directive,
    extensions: { code: 'BAD_USER_INPUT', http: { spec: true, status: 400 } },
  })
