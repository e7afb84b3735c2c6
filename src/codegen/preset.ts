// This is the preset for GraphQL Code Generator: it types the session data of an application, and its resolvers.

import {
  type ASTNode,
  type DocumentNode,
  type GraphQLSchema,
  isTypeDefinitionNode,
  Kind,
  parse,
  print,
  printSchema,
} from 'graphql'
import { sessionData, type SessionDataSchema } from '../graphql/data/session-data.ts'
import { loadConfig, naming } from '../server/config-file.ts'
import { SessionError } from '../session/errors.ts'
import { checkOptions } from '../session/options.ts'
import { isKey } from '../session/value.ts'
import { dataTypes, type DataTypesOptions } from './data-types.ts'

/** What is typed, as a configuration of `graphql-session serve --config FILE` has it, and the options of `createSessionServer`. */
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
  readonly schema: string
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
  readonly presetConfig?: object
  readonly schemaAst?: unknown
}

/** What a preset gives back for one file. */
export interface GeneratedFile {
  readonly filename: string
  readonly schema: DocumentNode
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
 * `generates: { 'src/session.gen.ts': sessionPreset('./session.config.ts') }` writes a module with the interface
 * `SessionData`, for `SessionServerConfig<SessionData>`, `SessionContext<SessionData>` and so on, and the types in it. A
 * path that ends in / gets the same as `session-data.ts`, and beside it `resolvers.ts` with the types of the application's
 * resolvers, which needs `@graphql-codegen/typescript` and `@graphql-codegen/typescript-resolvers`. The option `config` of
 * the output is theirs, and may name another `contextType`.
 * @param config - the file whose default export holds the configuration, from the folder in which the generator runs.
 * Or what it would export: GraphQL Code Generator may load another copy of graphql for what it imports itself, so that
 * a schema or scalars made by graphql are to be in a file
 * @throws {SessionError} CONFIG_INVALID for wrong options. What is wrong with the configuration fails the generator
 */
export function sessionPreset(config: string | TypedConfig, options: DataTypesOptions = {}): SessionOutput {
  checkOptions('sessionPreset: the second argument', options, optionNames)
  checkKeys(options.keys)
  return {
    // GraphQL Code Generator needs one before the file is loaded. This one can be merged with any other.
    schema: 'scalar JSON',
    preset: { buildGeneratesSection: (given) => generate(given, config, options) },
  }
}

const optionNames = ['scalars', 'keys']

/**
 * The same by its name, for a configuration in YAML: `preset: graphql-session/codegen`. Its `presetConfig` has the file as
 * `config`, and the options of `sessionPreset`. Such an output needs a schema, for which `graphql-session/session.graphql`
 * will do.
 */
export const preset: SessionOutput['preset'] = {
  async buildGeneratesSection(given) {
    const { presetConfig = {} } = given
    checkOptions('presetConfig', presetConfig, ['config', ...optionNames])
    const { config, ...options } = presetConfig as DataTypesOptions & { readonly config?: unknown }
    if (typeof config !== 'string')
      throw new SessionError('CONFIG_INVALID', 'presetConfig.config must be a file.')
    return generate(given, config, options)
  },
}

async function generate<Given extends GivenToPreset>(
  from: Given,
  config: string | TypedConfig,
  options: DataTypesOptions,
): Promise<(Given & GeneratedFile)[]> {
  const added = checkKeys(options.keys)
  const {
    keys = {},
    data,
    schema,
  } = typeof config === 'string' ? readConfig(await loadConfig(config), config) : readConfig(config)
  const types = dataTypes(data, { ...options, keys: { ...untyped(keys), ...added } })
  const { schemaAst: _, ...given } = from
  const write = (name: string, plugins: Plugins, its = from.config): Given & GeneratedFile =>
    ({
      ...given,
      schema,
      filename: from.baseOutputDir + name,
      plugins: Object.keys(plugins).map((plugin) => ({ [plugin]: {} })),
      pluginMap: plugins,
      documents: [],
      config: { ...its },
    }) as never
  const dataPlugin = { plugin: () => `${header}${types}` }
  if (!from.baseOutputDir.endsWith('/')) return [write('', { dataPlugin })]
  return [
    write('session-data.ts', { dataPlugin }),
    write('resolvers.ts', await resolverPlugins(), resolverConfig(from.config, data)),
  ]
}

interface Read {
  readonly keys?: object | undefined
  readonly data: SessionDataSchema<object>
  /** The published schema. Its parts are merged by the generator. */
  readonly schema: DocumentNode
}

function readConfig({ keys, data, typeDefs, schema }: TypedConfig, file?: string): Read {
  return naming(file, () => {
    if (data === undefined) throw new SessionError('CONFIG_INVALID', 'sessionPreset needs data.')
    const read = typeof data === 'string' ? sessionData(data) : data
    const parts = [read.typeDefs, ...(schema ? [printSchema(schema)] : []), ...textsOf(typeDefs)]
    return { keys, data: read, schema: parse(parts.join('\n')) }
  })
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
