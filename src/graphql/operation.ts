// This follows one GraphQL operation on a session, and drops what a failed field of a mutation recorded.

import {
  defaultFieldResolver,
  type ExecutionArgs,
  type ExecutionResult,
  getNamedType,
  type GraphQLFieldResolver,
  type GraphQLNamedType,
  type GraphQLObjectType,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  isAbstractType,
  isObjectType,
  type OperationDefinitionNode,
} from 'graphql'
import { isPromise } from 'graphql-yoga'
import type { AnySession } from '../session/session.ts'
import type { UnitOfWork } from '../session/unit-of-work.ts'
import { quiet } from '../session/verb-promise.ts'

/** The place of a field in the answer. There is one such object for each field that runs. */
type Path = Info['path']

type Info = GraphQLResolveInfo
type Resolve = GraphQLFieldResolver<unknown, unknown>

/** A field further down that has given a promise, and whether it is the only one that can be under way. */
interface Waiting {
  readonly path: Path
  readonly promise: Promise<unknown>
  readonly isSole: boolean
}

/**
 * One GraphQL operation on a session. Each field of a mutation records in its own name, with its path as the
 * scope, and what it recorded is dropped when it ends in an error.
 *
 * Fields of the root run one after the other, so that it is known which of them uses the session of the context.
 * Those further down run side by side: while its resolver is called, the context gives each of them a session in
 * its own name. Whoever asks the context later, or has its session from elsewhere, records in the name of the
 * field that waits, if no other one has waited beside it, or else in that of the root field that they belong to.
 */
export class Operation {
  /** The session of the operation, which its context has. */
  readonly session: AnySession
  readonly #unit: UnitOfWork
  readonly #sessionOf: (scope: () => object) => AnySession
  /** The fields in whose name something may be recorded. */
  readonly #used = new Set<Path>()
  /** The field whose resolver is being called. */
  #called: Path | undefined
  /** The root field begun last. */
  #root: Path | undefined
  #waiting: Waiting | undefined
  #lent: { readonly path: Path; readonly session: AnySession } | undefined
  #lends = false

  /** @param sessionOf - makes a session that records in the name of a scope */
  constructor(unit: UnitOfWork, sessionOf: (scope: () => object) => AnySession) {
    this.#unit = unit
    this.#sessionOf = sessionOf
    this.session = sessionOf(() => this.#scope())
  }

  #scope(): object {
    const waiting = this.#called === undefined && this.#waiting?.isSole ? this.#waiting : undefined
    const path = this.#called ?? waiting?.path ?? this.#root
    if (path === undefined) return this
    // To ask another kind of promise a second time may run it again, as it would a query of a database.
    if (waiting?.promise instanceof Promise && !this.#used.has(path)) {
      void quiet(this.#follow(path, waiting.promise))
    }
    this.#used.add(path)
    return path
  }

  /** Runs the resolver of a field of a mutation. Where nothing is recorded in its name, its result is given as it is. */
  run(
    resolve: Resolve,
    source: unknown,
    args: Record<string, unknown>,
    context: object,
    info: Info,
  ): unknown {
    const { path } = info
    const isRoot = path.prev === undefined
    if (isRoot) {
      this.#root = path
      this.#waiting = undefined
    } else if (!this.#lends) this.#lend(context)
    const before = this.#called
    this.#called = path
    let value: unknown
    try {
      value = resolve(source, args, context, info)
    } catch (error) {
      this.#unit.drop(path)
      throw error
    } finally {
      this.#called = before
    }
    if (!isPromise(value)) return this.#judge(path, value)
    if (!isRoot) this.#wait(path, value)
    return isRoot || this.#used.has(path) ? this.#follow(path, value) : value
  }

  /** Drops what a field recorded when its promise ends in an error, before the executor sees it. */
  #follow(path: Path, promise: Promise<unknown>): Promise<unknown> {
    return promise.then(
      (value) => this.#judge(path, value),
      (error: unknown) => {
        this.#unit.drop(path)
        throw error
      },
    )
  }

  /** Drops what a field recorded if it gave an Error, which GraphQL treats as one that it throws. */
  #judge(path: Path, value: unknown): unknown {
    if (value instanceof Error) this.#unit.drop(path)
    return value
  }

  #wait(path: Path, promise: Promise<unknown>): void {
    const before = this.#waiting
    // A field above it has ended, as otherwise this one would not have begun.
    const isSole = !before || (before.isSole && isBelow(path, before.path))
    this.#waiting = { path, promise, isSole }
  }

  /** Lets the context give each field that asks for the session one in its own name. */
  #lend(context: object): void {
    this.#lends = true
    const own = Object.getOwnPropertyDescriptor(context, 'session')
    // The application may have put another one there.
    if (own?.value !== this.session || !own.configurable) return
    Object.defineProperty(context, 'session', Operation.#lentSession)
  }

  // All contexts share one getter: for each object with a getter of its own V8 makes a hidden class.
  static readonly #lentSession: PropertyDescriptor = {
    configurable: true,
    enumerable: true,
    get(this: OperationContext) {
      return operationOf(this)!.#sessionOfCalled()
    },
    set(this: OperationContext, value: unknown) {
      Object.defineProperty(this, 'session', { value, configurable: true, enumerable: true, writable: true })
    },
  }

  #sessionOfCalled(): AnySession {
    const path = this.#called
    if (path?.prev === undefined) return this.session
    this.#used.add(path)
    if (this.#lent?.path !== path) this.#lent = { path, session: this.#sessionOf(() => path) }
    return this.#lent.session
  }

  /**
   * Drops the changes of fields that an error further down erased from the answer, and of those below them. Where
   * an error erased all data, execution stopped at the root field begun last, and only this one is dropped.
   */
  dropErased({ data, errors = [] }: ExecutionResult): void {
    if (errors.length === 0 || this.#used.size === 0) return
    const erased = new Set<string>()
    for (const { path } of errors) {
      if (!path || (!data && path[0] !== this.#root?.key)) continue
      let value: unknown = data?.[path[0]!]
      let depth = 1
      while (value != null && depth < path.length) value = (value as Record<string, unknown>)[path[depth++]!]
      if (value == null) erased.add(path.slice(0, depth).join('.'))
    }
    for (const path of this.#used) {
      if (prefixesOf(path).some((prefix) => erased.has(prefix))) this.#unit.drop(path)
    }
  }
}

function isBelow(path: Path, above: Path): boolean {
  for (let at: Path | undefined = path; at; at = at.prev) if (at === above) return true
  return false
}

/** The paths of a field and of all above it, as text: no name begins with a digit, as an index does. */
function prefixesOf({ prev, key }: Path): string[] {
  if (!prev) return [String(key)]
  const above = prefixesOf(prev)
  return [...above, `${above.at(-1)}.${key}`]
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
 * Makes the fields of a schema that a mutation can reach run in scopes of their operation. Several servers may
 * share a schema, so that a field which has been changed already is left alone.
 *
 * Query is among these types where a payload has it, as payloads of Relay do. A query pays for it at fields with a
 * resolver: it is asked whether this is a mutation. A field without one, whose object can have a method, is left
 * alone where queries reach its type: `fieldResolverOf` is for these.
 */
export function scopeMutationFields(schema: GraphQLSchema): void {
  const root = schema.getMutationType()
  if (!root) return
  const queries = [schema.getQueryType(), schema.getSubscriptionType()].filter((type) => type != null)
  const ofQueries = reached(schema, queries)
  for (const type of reached(schema, [root])) {
    for (const field of Object.values(type.getFields())) {
      // A resolver here would keep queries from the one that their executor has for fields without any.
      if (scoped.has(field) || (ofQueries.has(type) && !field.resolve)) continue
      scoped.add(field)
      field.resolve = inScope(field.resolve)
    }
  }
}

/**
 * What an operation has to be executed with as its `fieldResolver`, so that the methods of all objects run in scopes
 * in a mutation. A query gets what was given, and pays nothing.
 * @param given - the `fieldResolver` so far
 */
export const fieldResolverOf = (
  operation: OperationDefinitionNode | null | undefined,
  given?: ExecutionArgs['fieldResolver'],
): ExecutionArgs['fieldResolver'] =>
  operation?.operation === 'mutation' ? inScope(given ?? undefined) : given

function inScope(resolve: Resolve | undefined): Resolve {
  const resolver = resolve ?? defaultFieldResolver
  return (source, args, context, info) => {
    const operation = info.operation.operation === 'mutation' ? operationOf(context) : undefined
    if (!operation) return resolver(source, args, context, info)
    if (resolve) return operation.run(resolve, source, args, context as object, info)
    // A getter may ask a database, so that the property is read once.
    const member = memberOf(source, info.fieldName)
    if (typeof member !== 'function') return member
    const call: Resolve = () => member.call(source, args, context, info)
    return operation.run(call, source, args, context as object, info)
  }
}

/** What an object has for a field, of those that GraphQL's default resolver reads. */
const memberOf = (source: unknown, name: string): unknown =>
  (typeof source === 'object' && source !== null) || typeof source === 'function'
    ? (source as Record<string, unknown>)[name]
    : undefined

/** The object types that can be reached from others, and these. */
function reached(schema: GraphQLSchema, from: readonly GraphQLObjectType[]): Set<GraphQLObjectType> {
  const found = new Set<GraphQLNamedType>()
  const waiting: GraphQLNamedType[] = [...from]
  for (let type = waiting.pop(); type; type = waiting.pop()) {
    if (found.has(type)) continue
    found.add(type)
    if (isAbstractType(type)) waiting.push(...schema.getPossibleTypes(type))
    else if (isObjectType(type)) {
      for (const field of Object.values(type.getFields())) waiting.push(getNamedType(field.type))
    }
  }
  return new Set([...found].filter((type) => isObjectType(type)))
}
