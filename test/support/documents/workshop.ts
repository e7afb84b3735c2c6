// This makes the folder in which the code of pages is saved, compiled and run as a reader would.

import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { root } from './page.ts'
import { importsGenerated, type Snippet } from './recipe.ts'

/** A folder in which packages can be imported, and the programs that try its files. */
export interface Workshop {
  readonly folder: string
  readonly node: string
  /** The script of graphql-codegen, for `node`. */
  readonly codegen: string
  /** The script of the command `graphql-session`, for `node`. */
  readonly cli: string
}

/** Makes a workshop with the packages that are installed here, and with `src` here as `graphql-session`. */
export async function ownWorkshop(): Promise<Workshop> {
  const outer = await mkdtemp(join(tmpdir(), 'graphql-session-documents-'))
  const [folder, self] = [join(outer, 'project'), join(outer, 'self')]
  await Promise.all([mkdir(self), mkdir(join(folder, 'node_modules'), { recursive: true })])
  const manifest = await readFile(join(root, 'package.json'), 'utf8')
  const { name, type, exports } = JSON.parse(
    manifest.replaceAll(/\.\/dist\/([\w/-]+)(?:\.d)?\.[jt]s/g, './src/$1.ts'),
  )
  await Promise.all([
    writeFile(join(self, 'package.json'), JSON.stringify({ name, type, exports })),
    ...['src', 'schema'].map((part) => symlink(join(root, part), join(self, part))),
    symlink(join(root, 'node_modules'), join(outer, 'node_modules')),
    symlink(self, join(folder, 'node_modules', 'graphql-session')),
    writeFile(join(folder, 'package.json'), '{ "private": true, "type": "module" }'),
  ])
  return {
    folder,
    node: process.execPath,
    codegen: join(root, 'node_modules/@graphql-codegen/cli/esm/bin.js'),
    cli: join(root, 'src/server/main.ts'),
  }
}

/**
 * Saves files as a reader would, and generates the types if a file imports them.
 * @returns the folder, which is called `name`
 */
export async function save(
  { folder, node, codegen }: Workshop,
  name: string,
  files: ReadonlyMap<string, string>,
): Promise<string> {
  const own = join(folder, name)
  for (const [file, text] of files) {
    await mkdir(dirname(join(own, file)), { recursive: true })
    await writeFile(join(own, file), text)
  }
  if (![...files.values()].some(importsGenerated)) return own
  await symlink(join(folder, 'node_modules'), join(own, 'node_modules'))
  const { output, code } = await run([node, codegen, '--silent'], own)
  if (code !== 0) throw new Error(`graphql-codegen ended with ${code}: ${output}`)
  return own
}

/**
 * Compiles snippets, each of which is saved in a folder named by its index.
 * @returns the messages of the compiler, which begin with the place of the snippet on its page
 */
export async function typeErrors(
  workshop: Workshop,
  snippets: readonly Snippet[],
  compiler: readonly string[],
  options: readonly string[],
): Promise<string[]> {
  const files = snippets.map(({ entry }, index) => `${index}/${entry}`)
  const { output, code } = await run([...compiler, ...options, ...files], workshop.folder)
  if (code === 0) return []
  // A message can have several lines. All but its first one are indented.
  return output
    .trim()
    .split(/\n(?! )/)
    .map((message) => {
      const [, index, rest] = /^(\d+)\/(.*)$/s.exec(message) ?? []
      return index ? `${snippets[Number(index)]!.at}: ${rest}` : message
    })
}

export function run(
  [command, ...args]: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<{ output: string; code: number }> {
  return new Promise((resolve) => {
    execFile(command!, args, { cwd, env, timeout: 120_000 }, (error, stdout, stderr) => {
      resolve({ output: stdout + stderr, code: error ? Number(error.code ?? 1) : 0 })
    })
  })
}
