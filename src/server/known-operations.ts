// This finds the operations that Yoga has run, so that their next run needs nothing but Yoga's executor.

import { type ExecutionArgs, type ExecutionResult, getOperationAST } from 'graphql'
import type { GraphQLParams, Plugin } from 'graphql-yoga'
import { fieldResolverOf } from '../graphql/operation.ts'
import type { Gate } from '../graphql/use-gate.ts'

/** An operation that Yoga has parsed, judged and validated before, and the executor that runs it. */
export interface KnownOperation {
  readonly execute: (args: ExecutionArgs) => Promise<ExecutionResult> | ExecutionResult
  readonly args: Pick<ExecutionArgs, 'schema' | 'document' | 'fieldResolver'>
}

/**
 * Hooks by which a plugin sees and may change each operation, even one that was run before. Where a plugin
 * has one of them, no operation is known, since the executor alone would not call it.
 */
const hooksOfOperations = ['onParse', 'onValidate', 'onContextBuilding'] as const

/** The operations of the documents that Yoga's whole pipeline has run. */
export class KnownOperations {
  /** Finds out what Yoga's executor is. It must stand before any plugin that replaces it. */
  readonly plugin: Plugin = {
    onExecute: ({ executeFn }) => {
      this.#execute ??= this.#gate.bounded(executeFn as KnownOperation['execute'])
    },
  }

  readonly #gate: Gate
  readonly #finds: boolean
  #execute: KnownOperation['execute'] | undefined

  /** @param plugins - those of the application */
  constructor(gate: Gate, plugins: readonly object[]) {
    this.#gate = gate
    this.#finds = !plugins.some((plugin) => hooksOfOperations.some((hook) => plugin && hook in plugin))
  }

  /** The known operation that these parameters ask for, unless Yoga would refuse the parameters. */
  find(params: GraphQLParams): KnownOperation | undefined {
    if (!this.#finds || !this.#execute || !isWellFormed(params)) return undefined
    const { documents } = this.#gate
    const document = documents.find(params.query!)
    const operation = document && getOperationAST(document, params.operationName)
    if (!operation) return undefined
    const fieldResolver = fieldResolverOf(operation)
    return { execute: this.#execute, args: { schema: documents.schema!, document, fieldResolver } }
  }
}

/** Whether Yoga would accept the parameters, which it judges before it parses a text, known or not. */
function isWellFormed(params: GraphQLParams): boolean {
  for (const name in params) {
    const value: unknown = params[name as keyof GraphQLParams]
    if (name === 'variables' || name === 'extensions') {
      if (typeof value !== 'object' || Array.isArray(value)) return false
    } else if (name !== 'query' && (name !== 'operationName' || typeof value !== 'string')) return false
  }
  return true
}
