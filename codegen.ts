import { readFileSync } from 'node:fs'
import type { CodegenConfig } from '@graphql-codegen/cli'
import { sessionPreset } from './src/codegen/preset.ts'

const sdl = readFileSync(new URL('./schema/session.graphql', import.meta.url), 'utf8')

const strict = { useTypeImports: true, enumsAsTypes: true, strictScalars: true, skipTypename: true }

const config: CodegenConfig = {
  schema: './schema/session.graphql',
  generates: {
    'src/graphql/generated/sdl.ts': {
      plugins: [{ add: { content: `export const sdl = \`${sdl.replaceAll(/[\\`$]/g, '\\$&')}\`` } }],
    },
    'src/graphql/generated/resolvers.ts': {
      plugins: ['typescript', 'typescript-resolvers'],
      config: {
        ...strict,
        contextType: '../resolvers.ts#ResolverContext',
        mappers: {
          Session: '../../session/session.ts#AnySession',
          SessionEntry: '../resolvers.ts#EntryResult',
          SetSessionKeyPayload: '../resolvers.ts#SetSessionKeyResult',
        },
        scalars: {
          JSON: { input: 'unknown', output: 'unknown' },
          JSONObject: { input: 'Record<string, unknown>', output: 'Record<string, unknown>' },
          DateTime: { input: 'Date', output: 'Date' },
          ID: 'string',
        },
        makeResolverTypeCallable: true,
      },
    },
    'examples/storefront/session.gen.ts': sessionPreset('examples/storefront/session.config.ts', {
      keys: { 'pref:*': 'string | number | boolean' },
    }),
    'src/graphql/generated/client.ts': {
      documents: './schema/operations.graphql',
      plugins: [
        {
          add: { content: `import type { Json, JsonInput, JsonObjectInput } from '../../session/value.ts'` },
        },
        'typescript-operations',
        'typed-document-node',
      ],
      config: {
        ...strict,
        documentMode: 'documentNode',
        scalars: {
          JSON: { input: 'JsonInput', output: 'Json' },
          JSONObject: { input: 'JsonObjectInput', output: '{ readonly [key: string]: Json }' },
          DateTime: 'string',
          ID: 'string',
        },
      },
    },
  },
}

export default config
