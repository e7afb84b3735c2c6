// This follows one GraphQL operation on a session, and drops what a failed field of a mutation recorded.

import {
  defaultFieldResolver,
  type ExecutionResult,
  type GraphQLFieldResolver,
  type GraphQLSchema,
} from 'graphql'
import { isPromise } from 'graphql-yoga'
import type { UnitOfWork } from '../session/unit-of-work.ts'

/**
 * One GraphQL operation on a session. The root fields of a mutation run one after the other, each in a scope
 * of its own, and the changes that a field recorded are dropped when it ends in an error.
 */
export class Operation {
  readonly #unit: UnitOfWork
  readonly #fields: { readonly name: string | number; readonly scope: object }[] = []

  constructor(unit: UnitOfWork) {
    this.#unit = unit
  }

  /**
   * The scope in which changes are recorded now: that of the root field begun last, or else the operation.
   */
  get scope(): object {
    return this.#fields.at(-1)?.scope ?? this
  }

  /** Runs a root mutation field in a scope of its own. The result of a synchronous resolver is no promise. */
  run<T>(name: string | number, resolve: () => Promise<T> | T): Promise<T> | T {
    const scope = {}
    this.#fields.push({ name, scope })
    const fail = (error: unknown): never => {
      this.#unit.drop(scope)
      throw error
    }
    // GraphQL treats an Error that a resolver returns as one that it throws.
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
   * Drops the changes of fields that an error further down erased from the answer. Where an error erased all
   * data, execution stopped at the field begun last, and only this one is dropped.
   */
  dropErased({ data, errors = [] }: ExecutionResult): void {
    for (const { name, scope } of data ? this.#fields : this.#fields.slice(-1)) {
      const erased = data?.[name] == null && errors.some(({ path }) => path?.[0] === name)
      if (erased) this.#unit.drop(scope)
    }
  }
}

/** The key of the operation in its GraphQL context, a symbol that no name of the application can equal. */
export const operationKey = Symbol('operation')

/** A GraphQL context that may hold an operation. */
export interface OperationContext {
  readonly [operationKey]?: Operation
}

/** The operation in a GraphQL context; undefined for a context without a session. */
export const operationOf = (context: unknown): Operation | undefined =>
  (context as OperationContext | null | undefined)?.[operationKey]

const scoped = new WeakSet<object>()

/**
 * Makes the root mutation fields of a schema run in scopes of their operation. Several servers may share a
 * schema, so that a field which has been changed already is left alone.
 */
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
