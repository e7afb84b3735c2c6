// This writes the types of the pages, by what the storefront publishes. Its paths are those of the repository.

import type { CodegenConfig } from '@graphql-codegen/cli'

const codegen: CodegenConfig = {
  schema: 'examples/storefront/schema.graphql',
  documents: 'examples/nextjs/*.graphql',
  generates: {
    'examples/nextjs/documents.gen.ts': {
      plugins: ['typescript-operations', 'typed-document-node'],
      config: {
        // Documents are texts, so that neither the server nor the browser prints one for each request.
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
