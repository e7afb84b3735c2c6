// These are the rules by which an operation is valid here, beside those of graphql-js.

import {
  type ASTVisitor,
  type DirectiveNode,
  Kind,
  OperationTypeNode,
  type SelectionSetNode,
  type ValidationContext,
  visit,
} from 'graphql'
import { createGraphQLError } from 'graphql-yoga'

/**
 * Refuses `@defer` and `@stream` in a mutation. They would tell the client of fields before the changes of
 * these fields are saved, and could not take that back where saving fails.
 */
export const NoStreamedMutations = (context: ValidationContext): ASTVisitor => ({
  OperationDefinition(operation) {
    if (operation.operation !== OperationTypeNode.MUTATION) return
    for (const part of [operation, ...context.getRecursivelyReferencedFragments(operation)]) {
      visit(part, {
        Directive(directive: DirectiveNode) {
          if (directive.name.value !== 'defer' && directive.name.value !== 'stream') return
          context.reportError(
            createGraphQLError('@defer and @stream are for queries, not for mutations.', {
              nodes: directive,
            }),
          )
        },
      })
    }
  },
})

/**
 * Refuses `@skip` and `@include` at the field of a subscription, as graphql-js does from 17 on and the specification
 * demands (5.2.4.1). A subscription without a field would fail in the executor as if the server had a bug.
 */
export const NoConditionalSubscriptions = (context: ValidationContext): ASTVisitor => ({
  OperationDefinition(operation) {
    if (operation.operation !== OperationTypeNode.SUBSCRIPTION) return
    const nodes: DirectiveNode[] = []
    const met = new Set<string>()
    const collect = ({ selections }: SelectionSetNode): void => {
      for (const selection of selections) {
        const { directives = [] } = selection
        nodes.push(...directives.filter(({ name }) => name.value === 'skip' || name.value === 'include'))
        if (selection.kind === Kind.INLINE_FRAGMENT) collect(selection.selectionSet)
        if (selection.kind !== Kind.FRAGMENT_SPREAD || met.has(selection.name.value)) continue
        met.add(selection.name.value)
        const fragment = context.getFragment(selection.name.value)
        if (fragment) collect(fragment.selectionSet)
      }
    }
    collect(operation.selectionSet)
    if (nodes.length === 0) return
    const message = 'The field of a subscription must not depend on @skip or @include.'
    context.reportError(createGraphQLError(message, { nodes }))
  },
})
