// This defines which keys and values a session can hold, and turns values into JSON text and back.

import { SessionError } from './errors.ts'

/** Any JSON value, as a session gives it: deeply frozen. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/**
 * A value that a client sends as JSON. Objects of an interface fit, which has no index signature. What JSON cannot
 * hold inside of an object (a function, a BigInt) is for the serializer of the client, and for the server to refuse.
 */
export type JsonInput = null | boolean | number | string | object

/** A {@link JsonInput} that is an object, and no array. */
export type JsonObjectInput =
  | { readonly [key: string]: unknown }
  | (object & { readonly [Symbol.iterator]?: never })

declare const why: unique symbol

/**
 * What a parameter takes where nothing that is given can be stored. No value has this type, so that the compiler
 * refuses the call, and its message tells why.
 */
export interface Refused<Why extends string> {
  readonly [why]: Why
}

/**
 * What of a type JSON keeps: the type itself, or one with {@link Refused} in the place of what a session refuses. A
 * class without methods cannot be told from an interface, and is refused only where it is set.
 */
export type Storable<T> = unknown extends T
  ? T
  : [T] extends [Json]
    ? T
    : T extends null | boolean | number | string
      ? T
      : T extends undefined
        ? Refused<'undefined is not JSON. Delete the key, or store null.'>
        : T extends bigint
          ? Refused<'A BigInt is not JSON. Declare the key as string, and store its toString().'>
          : T extends symbol | ((...args: never) => unknown)
            ? Refused<'A function or a symbol is not JSON.'>
            : T extends Date
              ? Refused<'A Date is not JSON. Declare the key as string, and store its toISOString().'>
              : T extends { toJSON(...args: never): unknown }
                ? Refused<'An object with toJSON is not JSON. Declare and store what it returns.'>
                : T extends ReadonlyMap<unknown, unknown> | ReadonlySet<unknown>
                  ? Refused<'A Map or a Set is not JSON. Declare and store an array or a plain object.'>
                  : T extends ArrayBufferView | ArrayBufferLike
                    ? Refused<'Bytes are not JSON. Declare the key as string, and store them as base64.'>
                    : T extends readonly unknown[]
                      ? { [Index in keyof T]: Storable<T[Index]> }
                      : { [Name in keyof T]: Name extends symbol ? T[Name] : StorableMember<T, Name> }

/** What of a member of an object JSON keeps. One that may be left out may not be there, also where it is undefined. */
type StorableMember<T, Name extends keyof T> =
  {} extends Pick<T, Name>
    ? Storable<Exclude<T[Name], undefined>> | Extract<T[Name], undefined>
    : Storable<T[Name]>

/** The upper bounds of what clients and resolvers can store. They are checked before anything is stored. */
export interface Limits {
  /** UTF-8 bytes of one value as JSON text. @default 8192 */
  readonly valueBytes: number
  /** The number of keys in one session. @default 128 */
  readonly keys: number
  /** UTF-8 bytes of all keys and values of one session. @default 65536 */
  readonly sessionBytes: number
}

const maxDepth = 32
const keyPattern = /^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,63}$/
const prototypeNames = new Set(['__proto__', 'constructor', 'prototype'])

/** Whether the text is a valid key. */
export const isKey = (key: string): boolean => keyPattern.test(key) && !prototypeNames.has(key)

/** @throws {SessionError} SESSION_KEY_INVALID, without the key in its message, as it may hold anything */
export function checkKey(key: unknown): asserts key is string {
  if (typeof key !== 'string' || !isKey(key)) {
    throw new SessionError(
      'SESSION_KEY_INVALID',
      'A session key is 1 to 64 characters: a letter, a digit or _ first, then letters, digits, _ . : or -. __proto__, constructor and prototype are refused.',
    )
  }
}

/**
 * Writes a value as JSON text. It refuses a value that would not come back equal.
 * @param isTyped - whether the numbers are judged by their declared types: a float may be larger than an integer
 * @throws {SessionError} SESSION_VALUE_INVALID, SESSION_VALUE_TOO_LARGE
 */
export function encode(key: string, value: unknown, limits: Limits, isTyped = false): string {
  const flaw = flawOf(value, 0, isTyped)
  if (flaw !== null) {
    throw new SessionError('SESSION_VALUE_INVALID', `The value for "${key}" cannot be stored: ${flaw}.`)
  }
  const text = toJson(value)
  if (Buffer.byteLength(text) > limits.valueBytes) {
    throw new SessionError(
      'SESSION_VALUE_TOO_LARGE',
      `The value for "${key}" is larger than ${limits.valueBytes} bytes of JSON. Store a reference to it instead.`,
    )
  }
  return text
}

/** Matches where a JSON text may hold the number 0. */
const zero = /(?:^|[[:,])0(?:$|[\]},])/

/** Writes JSON as JSON.stringify does, but -0 as `-0`, which JSON.parse reads as such, and not as `0`. */
function toJson(value: unknown): string {
  const text = JSON.stringify(value)
  return zero.test(text) ? JSON.stringify(value, keepSign) : text
}

const keepSign = (_name: string, value: unknown): unknown =>
  Object.is(value, -0) ? (JSON as unknown as { rawJSON(text: string): object }).rawJSON('-0') : value

/**
 * Reads a value, deeply frozen, from its JSON text.
 * @throws {SessionError} SESSION_STORE_UNAVAILABLE for a text that is not JSON: this package has not stored
 * it
 */
export function decode(text: string): Json {
  try {
    return deepFreeze(JSON.parse(text))
  } catch {
    // The error has no cause, since the message of JSON.parse quotes the text.
    throw new SessionError('SESSION_STORE_UNAVAILABLE', 'The session store holds an entry that is not JSON.')
  }
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) deepFreeze(inner)
    Object.freeze(value)
  }
  return value
}

/** Tells why JSON would refuse the value or change it silently; null when it would not. */
function flawOf(value: unknown, depth: number, isTyped: boolean): string | null {
  switch (typeof value) {
    case 'boolean':
      return null
    case 'string':
      return textFlaw(value)
    case 'number':
      return numberFlaw(value, isTyped)
    case 'object':
      return value === null ? null : objectFlaw(value, depth + 1, isTyped)
    case 'undefined':
      return 'undefined is not JSON; delete the key, or store null'
    default:
      return `a ${typeof value} is not JSON`
  }
}

function textFlaw(text: string): string | null {
  if (text.includes('\0')) return 'text must not contain U+0000'
  return text.isWellFormed() ? null : 'text must be well-formed Unicode, without lone surrogates'
}

function numberFlaw(number: number, isTyped: boolean): string | null {
  if (!Number.isFinite(number)) return 'NaN and Infinity are not JSON'
  return !isTyped && Number.isInteger(number) && !Number.isSafeInteger(number)
    ? 'integers beyond 2^53-1 lose digits; store them as text'
    : null
}

function objectFlaw(value: object, depth: number, isTyped: boolean): string | null {
  if (depth > maxDepth) return `it is nested more than ${maxDepth} levels deep, or refers to itself`
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function' && !(value instanceof Date)) {
    return 'JSON would store what its toJSON() returns; store that'
  }
  if (Array.isArray(value)) {
    if (Object.keys(value).length > value.length)
      return 'JSON would drop the names that the array has beside its items'
    // A loop reads a hole of the array as undefined, which Array.prototype.every would skip.
    for (const item of value as unknown[]) {
      const flaw = flawOf(item, depth, isTyped)
      if (flaw !== null) return flaw
    }
    return null
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) {
    const remedy = value instanceof Date ? '; store its toISOString()' : '; store a plain object'
    return `a ${value.constructor?.name ?? 'object with a prototype'} is not JSON${remedy}`
  }
  if (Object.getOwnPropertySymbols(value).length > 0) return 'JSON has no symbol keys'
  for (const [name, inner] of Object.entries(value)) {
    const flaw = textFlaw(name) ?? flawOf(inner, depth, isTyped)
    if (flaw !== null) return flaw
  }
  return null
}
