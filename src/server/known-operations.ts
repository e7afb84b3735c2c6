// This remembers the operations that Yoga has run, so that their next run needs nothing but Yoga's executor.

import type { ExecutionArgs, ExecutionResult } from 'graphql'
import type { GraphQLParams, Plugin } from 'graphql-yoga'
import type { Gate } from '../graphql/use-gate.ts'

/** An operation that Yoga has parsed, judged and validated before, and the executor that runs it. */
export interface KnownOperation {
  readonly execute: (args: ExecutionArgs) => Promise<ExecutionResult> | ExecutionResult
  readonly args: Pick<ExecutionArgs, 'schema' | 'document'>
  /** Which operation of the document this is, by the name that the client gave. */
  readonly operationName: string | undefined
}

/** The part of an LRU cache that is used here. */
export interface Cache<Value> {
  get(text: string): Value | undefined
  set(text: string, value: Value): unknown
}

/**
 * Hooks by which a plugin sees and may change each operation, even one that was run before. Where a plugin
 * has one of them, no operation is remembered, since the executor alone would not call it.
 */
const hooksOfOperations = ['onParse', 'onValidate', 'onContextBuilding'] as const

/** The operations that Yoga's whole pipeline has run, by their text and name. */
export class KnownOperations {
  /** Remembers each operation that is run. It must stand before any plugin that replaces Yoga's executor. */
  readonly plugin: Plugin = {
    onExecute: ({ args, executeFn }) => {
      const { params } = args.contextValue as { params?: GraphQLParams }
      if (!params?.query || !this.#learns) return
      const { schema, document } = args as ExecutionArgs
      const execute = this.#gate.bounded(executeFn as KnownOperation['execute'])
      this.#cache.set(keyOf(params), {
        execute,
        args: { schema, document },
        operationName: params.operationName,
      })
    },
  }

  readonly #gate: Gate
  readonly #learns: boolean
  readonly #cache: Cache<KnownOperation>

  /** @param plugins - those of the application */
  constructor(gate: Gate, plugins: readonly object[], cache: Cache<KnownOperation>) {
    this.#gate = gate
    this.#learns = !plugins.some((plugin) => hooksOfOperations.some((hook) => plugin && hook in plugin))
    this.#cache = cache
  }

  /** The known operation that these parameters ask for, unless Yoga would refuse the parameters. */
  find(params: GraphQLParams): KnownOperation | undefined {
    const known = isWellFormed(params) ? this.#cache.get(keyOf(params)) : undefined
    return known?.operationName === params.operationName ? known : undefined
  }
}

/** The key of an operation. Two pairs of name and text can have the same one, so `find` compares names. */
const keyOf = ({ query, operationName }: GraphQLParams): string =>
  operationName ? `${operationName}\n${query}` : query!

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
