// This finds generated files that no longer fit their sources; `npm run check` runs it.

import { execFile } from 'node:child_process'
import { cp, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import config from '../../codegen.ts'

const root = join(import.meta.dirname, '..', '..')
const types = 'src/graphql/generated'
/** The types of the storefront's session. */
const storefront = 'examples/storefront/session.gen.ts'
/** What another configuration writes of the session as the storefront publishes it. */
const published = [
  'examples/storefront/schema.graphql',
  'examples/storefront/app/generated',
  'examples/nextjs/documents.gen.ts',
]
/** What these are made of. The example of Next.js has packages of its own beside its documents. */
const sources = [
  'codegen.ts',
  'package.json',
  'schema',
  'src',
  'examples/storefront',
  'examples/nextjs/session.graphql',
  'examples/nextjs/operations.graphql',
]
const reference = 'docs/reference'

const run = (command: string, args: string[], cwd: string) =>
  promisify(execFile)(join(root, 'node_modules', '.bin', command), args, { cwd })

/** The generated files that `npm run codegen` would change. */
export async function staleFiles(): Promise<string[]> {
  const copy = await mkdtemp(join(tmpdir(), 'graphql-session-codegen-'))
  try {
    await Promise.all([
      writeTypes(copy),
      run('typedoc', ['--options', 'docs/typedoc', '--out', join(copy, reference)], root),
    ])
    return (
      await Promise.all([types, storefront, ...published, reference].map((path) => differences(path, copy)))
    ).flat()
  } finally {
    await rm(copy, { recursive: true })
  }
}

/** Generates the types in a copy, since graphql-codegen writes only beside its configuration, which reads some of them. */
async function writeTypes(copy: string): Promise<void> {
  for (const part of sources) {
    await cp(join(root, part), join(copy, part), { recursive: true })
  }
  await symlink(join(root, 'node_modules'), join(copy, 'node_modules'))
  for (const name of await readdir(join(copy, types))) {
    if (!(`${types}/${name}` in config.generates)) await rm(join(copy, types, name))
  }
  for (const path of [storefront, ...published]) await rm(join(copy, path), { force: true, recursive: true })
  for (const file of ['codegen.ts', 'examples/storefront/codegen.ts']) {
    await run('graphql-codegen', ['--config', file, '--silent'], copy)
  }
}

async function differences(path: string, copy: string): Promise<string[]> {
  const [present, fresh] = await Promise.all([root, copy].map((base) => textsOf(join(base, path))))
  const names = new Set([...present!.keys(), ...fresh!.keys()])
  return [...names].filter((name) => present!.get(name) !== fresh!.get(name)).map((name) => join(path, name))
}

/** The texts of all files in a folder and the folders in it, by their paths in the folder; or of a single file. */
async function textsOf(folder: string): Promise<Map<string, string>> {
  if (/\.\w+$/.test(folder)) return new Map([['', await readFile(folder, 'utf8')]])
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  return new Map(
    await Promise.all(
      paths.map(async (path) => [path.slice(folder.length + 1), await readFile(path, 'utf8')] as const),
    ),
  )
}

if (import.meta.main) {
  const stale = await staleFiles()
  if (stale.length > 0) {
    process.stderr.write(`Stale: ${stale.join(', ')}. Run npm run codegen.\n`)
    process.exitCode = 1
  }
}
