// This reads a value part by part, in each of the notations in which a value can be written.

import { type ConstValueNode, type GraphQLScalarType, Kind } from 'graphql'

/** How values are written. What a value is judged by is the same in each notation. */
export interface Notation {
  /** Whether a single value stands for a list of one, and what is left out of an object gets its default. */
  readonly completes: boolean
  /** Whether parts of an object that are not declared are left as they are. */
  readonly keepsUnknown: boolean
  isNull(value: unknown): boolean
  items(value: unknown): readonly unknown[] | null
  names(value: unknown): readonly string[] | null
  /** @returns undefined where the object has no such member of its own */
  member(object: unknown, name: string): unknown
  text(value: unknown): string | undefined
  enumName(value: unknown): string | undefined
  /** @throws whatever the scalar throws at a value that is none of its own */
  parse(scalar: GraphQLScalarType, value: unknown): unknown
}

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

/** Values that a client writes, or that a declaration has. */
export const given: Notation = {
  completes: true,
  keepsUnknown: false,
  isNull: (value) => value === null || value === undefined,
  items: (value) => (Array.isArray(value) ? value : null),
  names: (value) => (isPlain(value) ? Object.keys(value) : null),
  member: (object, name) =>
    Object.hasOwn(object as object, name) ? (object as Record<string, unknown>)[name] : undefined,
  text,
  enumName: text,
  parse: (scalar, value) => scalar.parseValue(value),
}

/** Values that a resolver writes, which may have read them, with what another version of the application has stored. */
export const ofResolver: Notation = { ...given, keepsUnknown: true }

/** Values as they are stored. The declaration may be younger, and nothing is filled in when they are read. */
export const stored: Notation = { ...ofResolver, completes: false }

/** Values in the notation of GraphQL, in which a name of an enum is no text. */
export const literal: Notation = {
  completes: true,
  keepsUnknown: false,
  isNull: (value) => node(value).kind === Kind.NULL,
  items: (value) => (node(value).kind === Kind.LIST ? (value as { values: [] }).values : null),
  names: (value) => fieldsOf(value)?.map((field) => field.name.value) ?? null,
  member: (object, name) => fieldsOf(object)?.find((field) => field.name.value === name)?.value,
  text: (value) => (node(value).kind === Kind.STRING ? (value as { value: string }).value : undefined),
  enumName: (value) => (node(value).kind === Kind.ENUM ? (value as { value: string }).value : undefined),
  // A scalar that is written for graphql-js 17 may only have the first of the two.
  parse: (scalar, value) =>
    scalar.coerceInputLiteral
      ? scalar.coerceInputLiteral(node(value))
      : scalar.parseLiteral(node(value), undefined),
}

const node = (value: unknown): ConstValueNode => value as ConstValueNode

function fieldsOf(value: unknown) {
  const object = node(value)
  return object.kind === Kind.OBJECT ? object.fields : undefined
}

/** Whether it is an object that JSON gives back as it is. */
export function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
