// This is the preset for GraphQL Code Generator: it types the session data of an application, and its resolvers.

import {
  type ASTNode,
  type GraphQLSchema,
  isTypeDefinitionNode,
  Kind,
  parse,
  print,
  printSchema,
} from 'graphql'
import { sessionData, type SessionDataSchema } from '../graphql/data/session-data.ts'
import { SessionError } from '../session/errors.ts'
import { checkOptions } from '../session/options.ts'
import { isKey } from '../session/value.ts'
import { dataTypes, type DataTypesOptions } from './data-types.ts'

/** What is typed: the default export of `graphql-session serve --config FILE`, or the options of `createSessionServer`. */
export interface TypedConfig {
  /** The declaration of the data, in SDL or as `sessionData` made it. */
  readonly data?: string | SessionDataSchema<object>
  /** The keys beside the declared ones. Each is a member of `SessionData` that holds any JSON. */
  readonly keys?: object
  /** SDL beside the session's own. */
  readonly typeDefs?: unknown
  /** An executable schema of the application. */
  readonly schema?: GraphQLSchema
}

/** An output of GraphQL Code Generator: the value of a path in its option `generates`. */
export interface SessionOutput {
  /** The published schema, as SDL in several parts. */
  readonly schema: string[]
  readonly preset: {
    buildGeneratesSection<Given extends GivenToPreset>(given: Given): Promise<(Given & GeneratedFile)[]>
  }
}

/** What GraphQL Code Generator gives to a preset, as far as this one reads it. */
export interface GivenToPreset {
  /** The path in `generates`. */
  readonly baseOutputDir: string
  /** The option `config`. */
  readonly config: Readonly<Record<string, unknown>>
}

/** What a preset gives back for one file. */
export interface GeneratedFile {
  readonly filename: string
  readonly plugins: Record<string, object>[]
  readonly pluginMap: Record<string, CodegenPlugin>
  readonly documents: never[]
  readonly config: Record<string, unknown>
}

/** A plugin of GraphQL Code Generator. */
export interface CodegenPlugin {
  plugin(...given: never): Written | Promise<Written>
}
type Written = string | { content: string; prepend?: string[]; append?: string[] }

/**
 * Types the data of a session by its declaration, in GraphQL Code Generator:
 * `generates: { 'src/session.gen.ts': sessionPreset(config) }` writes a module with the interface `SessionData`, for
 * `SessionServerConfig<SessionData>`, `SessionContext<SessionData>` and so on, and the types in it. A path that ends in /
 * gets the same as `session-data.ts`, and beside it `resolvers.ts` with the types of the application's resolvers, which
 * needs `@graphql-codegen/typescript` and `@graphql-codegen/typescript-resolvers`. The option `config` of the output is
 * theirs, and may name another `contextType`.
 * @throws {SessionError} CONFIG_INVALID
 */
export function sessionPreset(
  { data: given, keys = {}, typeDefs, schema: made }: TypedConfig,
  options: DataTypesOptions = {},
): SessionOutput {
  checkOptions('sessionPreset: the second argument', options, ['scalars', 'keys'])
  if (given === undefined) throw new SessionError('CONFIG_INVALID', 'sessionPreset needs data.')
  const data = typeof given === 'string' ? sessionData(given) : given
  const types = dataTypes(data, { ...options, keys: { ...untyped(keys), ...checkKeys(options.keys) } })
  return {
    // As text: GraphQL Code Generator may load another copy of graphql than it loads its configuration with.
    schema: [data.typeDefs, ...(made ? [printSchema(made)] : []), ...textsOf(typeDefs)],
    preset: {
      async buildGeneratesSection(from) {
        const write = (name: string, plugins: Plugins, config = from.config) => ({
          ...from,
          filename: from.baseOutputDir + name,
          plugins: Object.keys(plugins).map((plugin) => ({ [plugin]: {} })),
          pluginMap: plugins,
          documents: [],
          config: { ...config },
        })
        const dataPlugin = { plugin: () => `${header}${types}` }
        if (!from.baseOutputDir.endsWith('/')) return [write('', { dataPlugin })]
        return [
          write('session-data.ts', { dataPlugin }),
          write('resolvers.ts', await resolverPlugins(), resolverConfig(from.config, data)),
        ]
      },
    },
  }
}

const header = '// GraphQL Code Generator writes this file, by graphql-session/codegen.\n\n'

type Plugins = Record<string, CodegenPlugin>

/** The keys of a configuration, which have no types. Any key fits `*`, so that this pattern would hide misspelt ones. */
const untyped = (keys: object): Record<string, string> =>
  Object.fromEntries(
    Object.keys(keys)
      .filter((name) => name !== '*')
      .map((name) => [name, '$session.Json']),
  )

function checkKeys(keys: unknown = {}): Record<string, string> {
  checkOptions('sessionPreset: keys', keys, Object.keys(keys ?? {}))
  for (const name of Object.keys(keys)) {
    if (name !== '*' && !isKey(name.replace(/\*$/, ''))) {
      throw new SessionError(
        'CONFIG_INVALID',
        `sessionPreset: keys: "${name}" is no key that a session can have.`,
      )
    }
  }
  return keys as Record<string, string>
}

/** SDL in any form that the server takes. */
function textsOf(typeDefs: unknown): string[] {
  if (typeof typeDefs === 'function') return textsOf(typeDefs())
  if (Array.isArray(typeDefs)) return typeDefs.flatMap(textsOf)
  if (typeof typeDefs === 'string') return typeDefs.trim() === '' ? [] : [typeDefs]
  if (typeof typeDefs !== 'object' || typeDefs === null) return []
  if ('kind' in typeDefs) return [print(typeDefs as ASTNode)]
  return ['body' in typeDefs ? String(typeDefs.body) : printSchema(typeDefs as GraphQLSchema)]
}

const imports = `import type { Session as $Session, SessionContext as $SessionContext } from 'graphql-session'
import type * as $data from './session-data.js'`

/** Those of the application's own project, which has them as it has GraphQL Code Generator. */
async function resolverPlugins(): Promise<Plugins> {
  const [typescript, resolvers] = await Promise.all([
    import('@graphql-codegen/typescript'),
    import('@graphql-codegen/typescript-resolvers'),
  ])
  const add: CodegenPlugin = { plugin: () => ({ content: '', prepend: [header.trim(), imports] }) }
  return { add, typescript, resolvers }
}

/** What the plugins have to know of the session, beneath what the application says. */
function resolverConfig(
  config: Readonly<Record<string, unknown>>,
  { declaration, typeDefs }: SessionDataSchema<object>,
): Record<string, unknown> {
  const published = new Set(
    parse(typeDefs)
      .definitions.filter(isTypeDefinitionNode)
      .map((definition) => definition.name.value),
  )
  // A resolver gets what is stored, which lacks the fields that the application adds to such a type.
  const stored = parse(declaration).definitions.flatMap((definition) =>
    definition.kind === Kind.OBJECT_TYPE_DEFINITION && published.has(definition.name.value)
      ? [[definition.name.value, `$data.${definition.name.value}`] as const]
      : [],
  )
  return {
    contextType: '$SessionContext<$data.SessionData>',
    useTypeImports: true,
    enumsAsTypes: true,
    immutableTypes: true,
    defaultScalarType: 'unknown',
    ...config,
    mappers: {
      Session: '$Session<$data.SessionData>',
      ...Object.fromEntries(stored),
      ...(config['mappers'] as object | undefined),
    },
    scalars:
      typeof config['scalars'] === 'string'
        ? config['scalars']
        : {
            JSONObject: { input: '{ readonly [name: string]: unknown }', output: 'object' },
            DateTime: 'Date',
            ...(config['scalars'] as object | undefined),
          },
  }
}
