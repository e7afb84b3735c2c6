// This puts GraphiQL into a build, compressed: `node test/support/pack-graphiql.ts dist`.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, constants } from 'node:zlib'
import * as bundle from '../../src/server/graphiql-bundle.ts'

const [dist = 'dist'] = process.argv.slice(2)
const file = join(dist, 'server/graphiql-bundle.js')
// At 11, the default, it takes 20 s, for 4 % less.
const params = { [constants.BROTLI_PARAM_QUALITY]: 9, [constants.BROTLI_PARAM_LGWIN]: 24 }
const packed = brotliCompressSync(JSON.stringify(bundle), { params }).toString('base64')
const license = readFileSync(
  fileURLToPath(new URL('../LICENSE', import.meta.resolve('@graphql-yoga/render-graphiql'))),
  'utf8',
)
writeFileSync(
  file,
  `/*! GraphiQL, as @graphql-yoga/render-graphiql bundles it.\n\n${license.trim()}\n*/
import { brotliDecompressSync } from 'node:zlib'
const packed = '${packed}'
export const { ${Object.keys(bundle).join(', ')} } = JSON.parse(brotliDecompressSync(Buffer.from(packed, 'base64')).toString())
`,
)
