import type { ExecutionArgs, ExecutionResult } from 'graphql'
import type { GraphQLParams, Plugin } from 'graphql-yoga'
import type { Gate } from '../graphql/use-gate.ts'

/** An operation that Yoga has parsed, judged and validated before, and what runs it. */
export interface KnownOperation {
  readonly execute: (args: ExecutionArgs) => Promise<ExecutionResult> | ExecutionResult
  readonly args: Pick<ExecutionArgs, 'schema' | 'document'>
  /** Which one of its document, by the name that the client gave. */
  readonly operationName: string | undefined
}

/** The part of an LRU cache that is used. */
export interface Cache<Value> {
  get(text: string): Value | undefined
  set(text: string, value: Value): unknown
}

/** A plugin with one of these sees each operation, also one that was run before, and may change what becomes of it. */
const hooksOfOperations = ['onParse', 'onValidate', 'onContextBuilding'] as const

/** Remembers the operations that were run by Yoga's whole pipeline, so that the next time its executor alone runs them. */
export class KnownOperations {
  /** To stand before any plugin that puts another executor in the place of Yoga's. */
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

  /** @param plugins - of the application */
  constructor(gate: Gate, plugins: readonly object[], cache: Cache<KnownOperation>) {
    this.#gate = gate
    this.#learns = !plugins.some((plugin) => hooksOfOperations.some((hook) => plugin && hook in plugin))
    this.#cache = cache
  }

  find(params: GraphQLParams): KnownOperation | undefined {
    const known = isWellFormed(params) ? this.#cache.get(keyOf(params)) : undefined
    return known?.operationName === params.operationName ? known : undefined
  }
}

const keyOf = ({ query, operationName }: GraphQLParams): string =>
  operationName ? `${operationName}\n${query}` : query!

/** Whether Yoga would accept the parameters, which it judges before it parses. */
function isWellFormed(params: GraphQLParams): boolean {
  for (const name in params) {
    const value: unknown = params[name as keyof GraphQLParams]
    if (name === 'variables' || name === 'extensions') {
      if (typeof value !== 'object' || Array.isArray(value)) return false
    } else if (name !== 'query' && (name !== 'operationName' || typeof value !== 'string')) return false
  }
  return true
}
