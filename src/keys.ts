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
  readonly [Name in (keyof Data & string) | `${string}*`]?: { readonly client?: readonly KeyRight[] }
}

export type MayClient = (right: KeyRight, key: string) => boolean

const rights: readonly unknown[] = ['read', 'write', 'delete'] satisfies KeyRight[]

/** @throws {SessionError} CONFIG_INVALID */
export function keyRights(declarations: KeyDeclarations): MayClient {
  checkOptions('keys', declarations, Object.keys(declarations ?? {}))
  const exact = new Map<string, ReadonlySet<KeyRight>>()
  const prefixes: [prefix: string, granted: ReadonlySet<KeyRight>][] = []
  for (const [name, declaration] of Object.entries(declarations)) {
    const granted = grantedBy(name, declaration)
    if (name.endsWith('*')) prefixes.push([name.slice(0, -1), granted])
    else exact.set(name, granted)
  }
  prefixes.sort(([a], [b]) => b.length - a.length)
  return (right, key) => {
    const granted = exact.get(key) ?? prefixes.find(([prefix]) => key.startsWith(prefix))?.[1]
    return granted?.has(right) ?? false
  }
}

function grantedBy(name: string, declaration: KeyDeclarations[string]): ReadonlySet<KeyRight> {
  if (name !== '*' && !isKey(name.replace(/\*$/, ''))) {
    throw new SessionError(
      'CONFIG_INVALID',
      `keys: ${JSON.stringify(name)} is neither a key nor a prefix ending in *.`,
    )
  }
  checkOptions(`keys.${name}`, declaration, ['client'])
  const { client = [] } = declaration
  if (!Array.isArray(client) || !client.every((right) => rights.includes(right))) {
    throw new SessionError(
      'CONFIG_INVALID',
      `keys.${name}.client must be a list of the rights 'read', 'write' and 'delete'.`,
    )
  }
  return new Set(client)
}
