// This reads the option `keys`: what clients may do with which key, and which values they may give.

import { SessionError } from './errors.ts'
import { checkOptions } from './options.ts'
import { isKey } from './value.ts'

export type KeyRight = 'read' | 'write' | 'delete'

/**
 * What clients may do with which key: `{ dark_mode: { client: ['read', 'write'] }, 'pref:*': … }`. A
 * declaration may end in `*`; the exact name wins, then the longest prefix. Whatever is not declared
 * is for the server only, as is a key without `client`. Resolvers are not restricted.
 */
export type KeyDeclarations<Data extends object = Record<string, unknown>> = {
  readonly [Name in (keyof Data & string) | `${string}*`]?: KeyDeclaration
}

export interface KeyDeclaration {
  /** @default nothing */
  readonly client?: readonly KeyRight[]
  /** What a value has to be that a client writes; what the schema makes of it is stored. @default any JSON */
  readonly schema?: ValueSchema
}

/** A schema of Zod, Valibot, ArkType or whoever else keeps to https://standardschema.dev, if it validates at once. */
export interface ValueSchema {
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

/** What clients may do. */
export interface KeyRules {
  mayClient(right: KeyRight, key: string): boolean
  /**
   * The value to store for one that a client gave.
   * @param check - throws for what could not be stored, and need not be shown to a schema
   * @throws {SessionError} SESSION_VALUE_INVALID, naming the place
   */
  conform(key: string, value: unknown, check: (value: unknown) => void): unknown
}

interface Declared {
  readonly granted: ReadonlySet<KeyRight>
  readonly schema: ValueSchema | undefined
}

const rights: readonly unknown[] = ['read', 'write', 'delete'] satisfies KeyRight[]

/** @throws {SessionError} CONFIG_INVALID */
export function keyRules(declarations: KeyDeclarations): KeyRules {
  checkOptions('keys', declarations, Object.keys(declarations ?? {}))
  const exact = new Map<string, Declared>()
  const prefixes: [prefix: string, declared: Declared][] = []
  for (const [name, declaration] of Object.entries(declarations)) {
    const declared = readDeclaration(name, declaration)
    if (name.endsWith('*')) prefixes.push([name.slice(0, -1), declared])
    else exact.set(name, declared)
  }
  prefixes.sort(([a], [b]) => b.length - a.length)
  const find = (key: string): Declared | undefined =>
    exact.get(key) ?? prefixes.find(([prefix]) => key.startsWith(prefix))?.[1]
  return {
    mayClient: (right, key) => find(key)?.granted.has(right) ?? false,
    conform(key, value, check) {
      const schema = find(key)?.schema
      if (!schema) return value
      check(value)
      return validated(key, value, schema)
    },
  }
}

function readDeclaration(name: string, declaration: KeyDeclarations[string]): Declared {
  if (name !== '*' && !isKey(name.replace(/\*$/, ''))) {
    throw new SessionError(
      'CONFIG_INVALID',
      `keys: ${JSON.stringify(name)} is neither a key nor a prefix ending in *.`,
    )
  }
  checkOptions(`keys.${name}`, declaration, ['client', 'schema'])
  const { client = [], schema } = declaration
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
  return { granted: new Set(client), schema }
}

/** What a schema says of an issue may quote the value, so that only the place is told. */
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
  // A name of the value's own is as good as a value.
  const path = steps.map((step) => {
    const name = String(typeof step === 'object' ? step.key : step)
    return /^\d+$/.test(name) || isKey(name) ? name : '…'
  })
  throw new SessionError(
    'SESSION_VALUE_INVALID',
    `The value for "${key}" does not fit its schema${path.length > 0 ? ` at ${path.join('.')}` : ''}.`,
  )
}
