import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { root } from './page.ts'
import type { Snippet } from './recipe.ts'

/** An empty folder in which packages can be imported, and the programs with which its files are tried. */
export interface Workshop {
  readonly folder: string
  readonly node: string
  /** Scripts for `node`. */
  readonly codegen: string
  readonly cli: string
}

/** One in which `graphql-session` is the source of this repository, and every package is there that is installed here. */
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

/** Saves the files as a reader would, in a folder of their own, and generates the types that they import. */
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
  if (![...files.values()].some((text) => text.includes("from './resolvers-types.ts'"))) return own
  await symlink(join(folder, 'node_modules'), join(own, 'node_modules'))
  const { output, code } = await run([node, codegen, '--silent'], own)
  if (code !== 0) throw new Error(`graphql-codegen ended with ${code}: ${output}`)
  return own
}

/** What a compiler finds in the snippets, each in a folder called by its number; by the place of the snippet. */
export async function typeErrors(
  workshop: Workshop,
  snippets: readonly Snippet[],
  compiler: readonly string[],
  options: readonly string[],
): Promise<string[]> {
  const files = snippets.map(({ entry }, index) => `${index}/${entry}`)
  const { output, code } = await run([...compiler, ...options, ...files], workshop.folder)
  if (code === 0) return []
  // Further lines of a message are indented.
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
