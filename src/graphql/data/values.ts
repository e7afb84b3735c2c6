// This judges values by their declared types, as GraphQL coerces input, and gives the form that is stored.

import { isDeepStrictEqual } from 'node:util'
import {
  type GraphQLNamedType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLScalarType,
  isEnumType,
  isListType,
  isNonNullType,
  isObjectType,
  isSpecifiedScalarType,
  isUnionType,
} from 'graphql'
import { SessionError } from '../../session/errors.ts'
import { encode, isKey, type Json } from '../../session/value.ts'
import { readNestedDefault } from './declaration.ts'
import { flaw } from './flaw.ts'
import { isPlain, literal, type Notation } from './notations.ts'

/** That a value does not fit, and where in it. */
export class Misfit {
  readonly path: string[] = []

  at(step: string | number): this {
    this.path.unshift(String(step))
    return this
  }
}

/** Gives the value in the form in which it is stored, or tells where it does not fit. */
export type Judge = (value: unknown, notation: Notation, depth: number) => Json | Misfit

interface Member {
  readonly isRequired: boolean
  readonly judge: Judge
  /** What the member is stored as where it is left out. */
  readonly default: () => Json | undefined
}

/** What nests deeper cannot be stored in any case, and may refer to itself. */
const maxDepth = 32

/**
 * Makes the judges of types. They are made once for each type, since judging is done for each value. graphql-js has no
 * function for it: its versions 16 and 17 coerce by different ones, which give values as resolvers take them and not as
 * they are stored, and complete also what was stored already.
 */
export class Judges {
  readonly #scalars: ReadonlyMap<string, GraphQLScalarType>
  readonly #named = new Map<string, Judge>()

  /** @param scalars - what implements the scalars that are not of GraphQL itself, by name */
  constructor(scalars: ReadonlyMap<string, GraphQLScalarType>) {
    this.#scalars = scalars
  }

  of(type: GraphQLOutputType): Judge {
    if (isNonNullType(type)) {
      const judge = this.#present(type.ofType)
      return (value, notation, depth) =>
        notation.isNull(value) ? new Misfit() : judge(value, notation, depth)
    }
    const judge = this.#present(type)
    return (value, notation, depth) => (notation.isNull(value) ? null : judge(value, notation, depth))
  }

  /**
   * Reads the defaults of the fields of a type, which are read late otherwise.
   * @throws {SessionError} CONFIG_INVALID
   */
  checkDefaults(type: GraphQLObjectType): void {
    for (const member of this.#members(type).values()) member.default()
  }

  #present(type: GraphQLOutputType): Judge {
    if (!isListType(type)) return this.#judge(type as GraphQLNamedType)
    const judge = this.of(type.ofType)
    return (value, notation, depth) => {
      const items = notation.items(value)
      if (items) return listOf(items, judge, notation, depth)
      if (!notation.completes) return new Misfit()
      const item = judge(value, notation, depth)
      return item instanceof Misfit ? item : [item]
    }
  }

  #judge(type: GraphQLNamedType): Judge {
    const known = this.#named.get(type.name)
    if (known) return known
    const judge = this.#make(type)
    this.#named.set(type.name, judge)
    return judge
  }

  #make(type: GraphQLNamedType): Judge {
    if (isObjectType(type)) return this.#object(type, false)
    if (isUnionType(type)) return this.#union(type.getTypes())
    if (isEnumType(type)) {
      const names = new Set(type.getValues().map(({ name }) => name))
      return (value, notation) => {
        const name = notation.enumName(value)
        return name !== undefined && names.has(name) ? name : new Misfit()
      }
    }
    const scalar = this.#scalars.get(type.name) ?? (type as GraphQLScalarType)
    const isBuiltIn = isSpecifiedScalarType(scalar)
    return (value, notation) => {
      try {
        const parsed = notation.parse(scalar, value)
        if (parsed === undefined || parsed === null) return new Misfit()
        if (isBuiltIn) {
          // A number as an ID may have lost digits, too.
          const isRounded = typeof parsed === 'string' && typeof value === 'number' && !isExact(value)
          return isRounded ? new Misfit() : ((notation.completes ? parsed : value) as Json)
        }
        const wire = wireForm(scalar, parsed)
        // What a scalar cannot answer with does not fit either, or an answer with it would fail.
        if (!notation.completes) return value as Json
        return isExact(wire) && (wire === value || comesBack(scalar, wire)) ? wire : new Misfit()
      } catch {
        return new Misfit()
      }
    }
  }

  /** @param isNamed - whether the object is stored with its `__typename`, by which a union tells its members apart */
  #object(type: GraphQLObjectType, isNamed: boolean): Judge {
    let members: ReadonlyMap<string, Member> | undefined
    return (value, notation, depth) => {
      // Types may refer to one another, so that the judges of the fields are made at the first use.
      members ??= this.#members(type)
      const names = notation.names(value)
      if (!names || depth >= maxDepth) return new Misfit()
      // A member that a newer, or an older, version of the application has stored is not selected, and stays.
      const unknown = names.filter(
        (name) =>
          !members!.has(name) &&
          !(isNamed && name === '__typename') &&
          notation.member(value, name) !== undefined,
      )
      if (unknown.length > 0 && !notation.keepsUnknown) return new Misfit().at(unknown[0]!)
      const object: Record<string, Json> = isNamed ? { __typename: type.name } : {}
      for (const [name, member] of members) {
        const part = notation.member(value, name)
        const result =
          part === undefined ? leftOut(member, notation) : member.judge(part, notation, depth + 1)
        if (result instanceof Misfit) return result.at(name)
        if (result !== undefined) object[name] = result
      }
      // A name such as __proto__ would not become a member by an assignment.
      const kept = unknown.map((name) => [name, notation.member(value, name) as Json] as const)
      return kept.length > 0 ? Object.fromEntries([...Object.entries(object), ...kept]) : object
    }
  }

  #union(types: readonly GraphQLObjectType[]): Judge {
    const judges = new Map(types.map((type) => [type.name, this.#object(type, true)]))
    return (value, notation, depth) => {
      const name = notation.names(value) && notation.text(notation.member(value, '__typename') ?? {})
      const judge = judges.get(name ?? '')
      return judge ? judge(value, notation, depth) : new Misfit().at('__typename')
    }
  }

  #standing(result: Json | Misfit, fault: (rule: string) => SessionError): Json {
    const value = fitting(result, () => fault('does not fit its type'))
    checkStorable(value, (reason) => fault(`can never be stored: ${reason}`))
    return value
  }

  #members(type: GraphQLObjectType): ReadonlyMap<string, Member> {
    return new Map(
      Object.values(type.getFields()).map((field) => {
        const judge = this.of(field.type)
        const written = readNestedDefault(field.astNode!)
        const fault = (rule: string) => flaw(`the default of "${type.name}.${field.name}" ${rule}`, written)
        return [
          field.name,
          {
            isRequired: isNonNullType(field.type),
            judge,
            default: once(
              () => (written ? this.#standing(judge(written, literal, 1), fault) : undefined),
              () => fault('contains itself'),
            ),
          },
        ]
      }),
    )
  }
}

function listOf(items: readonly unknown[], judge: Judge, notation: Notation, depth: number): Json | Misfit {
  if (depth >= maxDepth) return new Misfit()
  const list: Json[] = []
  for (const [index, item] of items.entries()) {
    const result = judge(item, notation, depth + 1)
    if (result instanceof Misfit) return result.at(index)
    list.push(result)
  }
  return list
}

function leftOut(
  { isRequired, default: standing }: Member,
  { completes }: Notation,
): Json | Misfit | undefined {
  const filled = completes ? standing() : undefined
  return filled === undefined && isRequired ? new Misfit() : filled
}

/** @throws what `fault` gives, where the value is a misfit */
export function fitting(result: Json | Misfit, fault: (misfit: Misfit) => Error): Json {
  if (result instanceof Misfit) throw fault(result)
  return result
}

/** Computes a value at the first call. @throws what `fault` gives, where that needs the value itself */
function once<T>(compute: () => T, fault: () => Error): () => T {
  let computed: { readonly value: T } | 'not yet' | 'under way' = 'not yet'
  return () => {
    if (computed === 'under way') throw fault()
    if (computed === 'not yet') {
      computed = 'under way'
      computed = { value: compute() }
    }
    return computed.value
  }
}

/** Whether no number is an integer that may have lost digits on its way. Those of `Float` are no integers. */
const isExact = (value: Json): boolean =>
  typeof value === 'number'
    ? !Number.isInteger(value) || Number.isSafeInteger(value)
    : typeof value !== 'object' || value === null || Object.values(value).every(isExact)

/**
 * Whether a session can hold the value, whatever the limits of a server are.
 * @throws what `fault` gives, with the reason
 */
export function checkStorable(value: Json, fault: (reason: string) => Error): void {
  try {
    encode('', value, { valueBytes: Infinity, keys: Infinity, sessionBytes: Infinity }, true)
  } catch (error) {
    throw fault((error as SessionError).message.replace(/^.*? cannot be stored: /, ''))
  }
}

/** Whether a scalar reads the form that it answers with, and answers with it again. Others would be lost when they are read. */
const comesBack = (scalar: GraphQLScalarType, wire: Json): boolean =>
  isDeepStrictEqual(wireForm(scalar, scalar.parseValue(wire)), wire)

/**
 * What a scalar says for a value in an answer, as JSON writes it: some give a Date.
 * @throws {TypeError} where JSON has no such value, or null, and whatever the scalar throws
 */
export function wireForm(scalar: { serialize(value: unknown): unknown }, parsed: unknown): Json {
  const wire = scalar.serialize(parsed)
  // The session itself refuses what of these is not JSON.
  if (isPlain(wire) || Array.isArray(wire)) return wire as Json
  const written: Json = JSON.parse(JSON.stringify(wire))
  if (written === null) throw new TypeError('The scalar has no form for an answer.')
  return written
}

/** What is told of a value that does not fit, which is the place in it, and not the value. */
export function doesNotFit(key: string, { path }: Misfit): SessionError {
  // The names in a path are part of what the client sent: only possible keys and indexes are repeated.
  const steps = path.slice(0, 8).map((step) => (/^\d+$/.test(step) || isKey(step) ? step : '…'))
  return new SessionError(
    'SESSION_VALUE_INVALID',
    `The value for "${key}" does not fit its type${steps.length > 0 ? ` at ${steps.join('.')}` : ''}.`,
  )
}
