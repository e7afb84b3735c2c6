// This writes the schema that the storefront publishes, and the types of its pages. Its paths are those of the repository.

import type { CodegenConfig } from '@graphql-codegen/cli'
import { sessionData } from '../../src/graphql/data/session-data.ts'
import config from './session.config.ts'

const codegen: CodegenConfig = {
  schema: [sessionData(config.data as string).typeDefs, config.typeDefs as string],
  generates: {
    'examples/storefront/schema.graphql': {
      plugins: ['schema-ast'],
      config: { includeDirectives: true, sort: false },
    },
    'examples/storefront/app/generated/': {
      documents: 'examples/storefront/app/src/**/*.{ts,tsx}',
      preset: 'client',
      presetConfig: { fragmentMasking: false },
      config: {
        useTypeImports: true,
        enumsAsTypes: true,
        strictScalars: true,
        skipTypename: true,
        scalars: { JSON: 'unknown', JSONObject: 'Record<string, unknown>', DateTime: 'string' },
      },
    },
    'examples/nextjs/documents.gen.ts': {
      documents: 'examples/nextjs/*.graphql',
      plugins: ['typescript-operations', 'typed-document-node'],
      config: {
        // Documents are texts, so that neither the server of pages nor the browser prints one for each request.
        documentMode: 'string',
        useTypeImports: true,
        enumsAsTypes: true,
        strictScalars: true,
        skipTypename: true,
        scalars: { JSON: 'unknown', JSONObject: 'Record<string, unknown>', DateTime: 'string' },
      },
    },
  },
}

export default codegen
