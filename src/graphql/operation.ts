// This is one GraphQL operation on a session, and drops what a failed field of a mutation recorded.

import {
  defaultFieldResolver,
  type ExecutionResult,
  type GraphQLFieldResolver,
  type GraphQLSchema,
} from 'graphql'
import { isPromise } from 'graphql-yoga'
import type { UnitOfWork } from '../session/unit-of-work.ts'

/**
 * One GraphQL operation on a session. The root fields of a mutation run one after the other, and what a
 * field recorded is dropped when it ends in an error.
 */
export class Operation {
  readonly #unit: UnitOfWork
  readonly #fields: { readonly name: string | number; readonly scope: object }[] = []

  constructor(unit: UnitOfWork) {
    this.#unit = unit
  }

  /** In whose name changes are recorded now. */
  get scope(): object {
    return this.#fields.at(-1)?.scope ?? this
  }

  /** Runs a root mutation field in a scope of its own. What is not asynchronous stays so. */
  run<T>(name: string | number, resolve: () => Promise<T> | T): Promise<T> | T {
    const scope = {}
    this.#fields.push({ name, scope })
    const fail = (error: unknown): never => {
      this.#unit.drop(scope)
      throw error
    }
    // GraphQL takes a returned Error for a thrown one.
    const judge = (value: T): T => (value instanceof Error ? fail(value) : value)
    let value
    try {
      value = resolve()
    } catch (error) {
      return fail(error)
    }
    return isPromise(value) ? value.then(judge, fail) : judge(value)
  }

  /**
   * Drops the fields that an error further down erased from the answer. When all data went, execution
   * stopped at the field begun last.
   */
  dropErased({ data, errors = [] }: ExecutionResult): void {
    for (const { name, scope } of data ? this.#fields : this.#fields.slice(-1)) {
      const erased = data?.[name] == null && errors.some(({ path }) => path?.[0] === name)
      if (erased) this.#unit.drop(scope)
    }
  }
}

/** Where the context of an operation has it, out of the way of the application. */
export const operationKey = Symbol('operation')

export interface OperationContext {
  readonly [operationKey]?: Operation
}

export const operationOf = (context: unknown): Operation | undefined =>
  (context as OperationContext | null | undefined)?.[operationKey]

const scoped = new WeakSet<object>()

/** Idempotent: several servers may share one schema. */
export function scopeMutationFields(schema: GraphQLSchema): void {
  for (const field of Object.values(schema.getMutationType()?.getFields() ?? {})) {
    if (scoped.has(field)) continue
    scoped.add(field)
    const resolve = field.resolve ?? defaultFieldResolver
    field.resolve = ((source, args, context, info) => {
      const call = () => resolve(source, args, context, info)
      const operation = info.path.prev ? undefined : operationOf(context)
      return operation ? operation.run(info.path.key, call) : call()
    }) satisfies GraphQLFieldResolver<unknown, unknown>
  }
}
