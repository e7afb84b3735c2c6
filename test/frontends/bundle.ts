// This makes the script of the page, with what relay-compiler makes of its documents.

import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { printSchema } from 'graphql'
import { rolldown } from 'rolldown'
import { documents } from './documents.ts'
import { schema } from './server.ts'

const require = createRequire(import.meta.url)

/** @returns the artifacts of Relay by name */
async function compileForRelay(): Promise<Record<string, unknown>> {
  const folder = await mkdtemp(join(tmpdir(), 'relay-'))
  try {
    const made = join(folder, 'made')
    await Promise.all([mkdir(join(folder, 'src')), mkdir(made)])
    await writeFile(join(folder, 'schema.graphql'), printSchema(schema))
    await writeFile(join(folder, 'src/shop.js'), documents.map((text) => `graphql\`${text}\`\n`).join(''))
    const options = {
      src: 'src',
      schema: 'schema.graphql',
      artifactDirectory: 'made',
      language: 'javascript',
      eagerEsModules: false,
    }
    await writeFile(join(folder, 'relay.config.json'), JSON.stringify(options))
    const compiler = [require.resolve('relay-compiler/cli.js'), '--noWatchman', 'relay.config.json']
    await promisify(execFile)(process.execPath, compiler, { cwd: folder })
    const files = await readdir(made)
    return Object.fromEntries(
      files.map((file) => [file.replace('.graphql.js', ''), require(join(made, file))]),
    )
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** @returns the text of the script, in which the clients warn as they do in development */
export async function makeScript(): Promise<string> {
  const bundle = await rolldown({
    input: fileURLToPath(new URL('page.ts', import.meta.url)),
    platform: 'browser',
    resolve: { conditionNames: ['development', 'browser', 'module', 'import', 'default'] },
    transform: {
      define: {
        'process.env.NODE_ENV': '"development"',
        ARTIFACTS: JSON.stringify(await compileForRelay()),
      },
    },
  })
  const { output } = await bundle.generate({ format: 'esm', codeSplitting: false })
  return output[0].code
}
