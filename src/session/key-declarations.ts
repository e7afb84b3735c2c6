// This reads the option `keys`: what clients may do with which key, and which values they may write.

import type { DeclaredKeys, KeyRight } from './declared.ts'
import { SessionError } from './errors.ts'
import { checkOptions } from './options.ts'
import { isKey } from './value.ts'

/**
 * What clients may do with which key: `{ dark_mode: { client: ['read', 'write'] }, 'pref:*': … }`. A name
 * that ends in `*` declares all keys that begin so, and does not compile where no key of `Data` does. The exact
 * name wins, then the longest prefix. A key that is not declared, or has no `client`, is for the server only.
 * Resolvers are not restricted.
 * @typeParam Data - the application's keys and the types of their values
 */
export type KeyDeclarations<Data extends object = Record<string, unknown>> = {
  readonly [Name in (keyof Data & string) | PatternOf<keyof Data & string>]?: KeyDeclaration
}

/** The names ending in `*` that a key begins like, `a*` for example, or those that a pattern of keys may begin like. */
type PatternOf<
  Key extends string,
  Before extends string = '',
  Found extends string = never,
> = Key extends `${infer First}${infer Rest}`
  ? PatternOf<Rest, `${Before}${First}`, Found | `${Before}*`>
  : Found | (Key extends '' ? `${Before}*` : `${Before}${string}*`)

/** What clients may do with one key, or with the keys of one prefix. */
export interface KeyDeclaration {
  /** The rights that every client has. @default nothing */
  readonly client?: readonly KeyRight[]
  /**
   * What a value has to fit that a client writes. What the schema makes of the value is stored.
   * @default any JSON
   */
  readonly schema?: ValueSchema
  /**
   * Whether what a visitor has stored stays when `identify` signs an owner in, a shopping cart for example. A page of
   * another person may have stored it.
   * @default 'drop'
   */
  readonly onSignIn?: 'keep' | 'drop'
}

/**
 * A schema of Zod, Valibot, ArkType or any other library of Standard Schema (https://standardschema.dev). It
 * must validate synchronously: one that answers with a promise is CONFIG_INVALID at its first use.
 */
export interface ValueSchema {
  /** The property that Standard Schema defines. */
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => SchemaResult | Promise<SchemaResult>
  }
}

type SchemaResult =
  | { readonly value: unknown; readonly issues?: undefined }
  | { readonly issues: readonly Issue[] }

interface Issue {
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/** The declarations of `keys`, to be asked by key. */
export interface KeyRules {
  /** What the application has declared of its entries; undefined where it has declared none. */
  readonly declared: DeclaredKeys | undefined
  mayClient(right: KeyRight, key: string): boolean
  /** Whether what a visitor has stored stays at a sign-in. */
  keepsOnSignIn(key: string): boolean
  /**
   * Gives the value to store for a value that a client gave: what the key's schema makes of it.
   * @param check - called before a schema sees the value; throws for one that could not be stored
   * @throws {SessionError} SESSION_VALUE_INVALID, naming the place in the value
   * @throws {SessionError} CONFIG_INVALID for a schema that validates asynchronously
   */
  conform(key: string, value: unknown, check: (value: unknown) => void): unknown
}

interface Rule {
  readonly granted: ReadonlySet<KeyRight>
  readonly schema: ValueSchema | undefined
  readonly keepsOnSignIn: boolean
}

const rights: readonly unknown[] = ['read', 'write', 'delete'] satisfies KeyRight[]

/**
 * @param declared - what the option `data` declares; what `keys` says of the same key would be of no effect
 * @throws {SessionError} CONFIG_INVALID, naming the declaration
 */
export function keyRules(declarations: KeyDeclarations, declared?: DeclaredKeys): KeyRules {
  checkOptions('keys', declarations, Object.keys(declarations ?? {}))
  const exact = new Map<string, Rule>()
  const prefixes: [prefix: string, rule: Rule][] = []
  for (const [name, declaration] of Object.entries(declarations)) {
    if (declared?.has(name)) {
      throw new SessionError('CONFIG_INVALID', `keys: "${name}" is declared in data. Leave it out here.`)
    }
    const rule = readDeclaration(name, declaration)
    if (name.endsWith('*')) prefixes.push([name.slice(0, -1), rule])
    else exact.set(name, rule)
  }
  prefixes.sort(([a], [b]) => b.length - a.length)
  const find = (key: string): Rule | undefined =>
    exact.get(key) ?? prefixes.find(([prefix]) => key.startsWith(prefix))?.[1]
  return {
    declared,
    keepsOnSignIn: (key) => (declared?.get(key) ?? find(key))?.keepsOnSignIn ?? false,
    mayClient: (right, key) => (declared?.get(key) ?? find(key))?.granted.has(right) ?? false,
    conform(key, value, check) {
      const ofData = declared?.get(key)
      if (ofData) {
        check(value)
        return ofData.conform(value)
      }
      const schema = find(key)?.schema
      if (!schema) return value
      check(value)
      return validated(key, value, schema)
    },
  }
}

function readDeclaration(name: string, declaration: KeyDeclarations[string]): Rule {
  if (name !== '*' && !isKey(name.replace(/\*$/, ''))) {
    throw new SessionError(
      'CONFIG_INVALID',
      `keys: ${JSON.stringify(name)} is neither a key nor a prefix ending in *.`,
    )
  }
  checkOptions(`keys.${name}`, declaration, ['client', 'schema', 'onSignIn'])
  const { client = [], schema, onSignIn = 'drop' } = declaration
  if (!Array.isArray(client) || !client.every((right) => rights.includes(right))) {
    throw new SessionError(
      'CONFIG_INVALID',
      `keys.${name}.client must be a list of the rights 'read', 'write' and 'delete'.`,
    )
  }
  if (schema !== undefined && typeof schema?.['~standard']?.validate !== 'function') {
    throw new SessionError(
      'CONFIG_INVALID',
      `keys.${name}.schema must be a Standard Schema (https://standardschema.dev), e.g. of Zod.`,
    )
  }
  if (onSignIn !== 'keep' && onSignIn !== 'drop') {
    throw new SessionError('CONFIG_INVALID', `keys.${name}.onSignIn must be 'keep' or 'drop'.`)
  }
  return { granted: new Set(client), schema, keepsOnSignIn: onSignIn === 'keep' }
}

/** Validates a value. As the messages of a schema may quote it, the error tells only the place in it. */
function validated(key: string, value: unknown, schema: ValueSchema): unknown {
  const result = schema['~standard'].validate(value)
  if (result instanceof Promise) {
    result.catch(() => {})
    throw new SessionError(
      'CONFIG_INVALID',
      `keys: the schema of "${key}" validates asynchronously, which is not supported.`,
    )
  }
  if (!result.issues) return result.value
  const steps = (result.issues[0]?.path ?? []).slice(0, 8)
  // The names in a path are part of what the client sent: only possible keys and indexes are repeated.
  const path = steps.map((step) => {
    const name = String(typeof step === 'object' ? step.key : step)
    return /^\d+$/.test(name) || isKey(name) ? name : '…'
  })
  throw new SessionError(
    'SESSION_VALUE_INVALID',
    `The value for "${key}" does not fit its schema${path.length > 0 ? ` at ${path.join('.')}` : ''}.`,
  )
}
