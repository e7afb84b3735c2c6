// This packs the package as `npm pack` would, without a build in the repository, which other tests read.

import { execFile } from 'node:child_process'
import { cp, mkdir } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import packageJson from '../../package.json' with { type: 'json' }

const root = fileURLToPath(new URL('../../', import.meta.url))

/** Packs into a folder. @returns the tarball */
export async function pack(folder: string): Promise<string> {
  const own = join(folder, 'package')
  await mkdir(own)
  const dist = ['--outDir', join(own, 'dist')]
  await Promise.all([
    run([process.execPath, 'node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json', ...dist], root),
    ...['package.json', 'schema', 'CHANGELOG.md'].map((part) =>
      cp(join(root, part), join(own, part), { recursive: true }),
    ),
  ])
  await run([process.execPath, 'test/support/pack-graphiql.ts', join(own, 'dist')], root)
  await run(['npm', 'pack', '--ignore-scripts', '--pack-destination', folder], own)
  return join(folder, `${packageJson.name}-${packageJson.version}.tgz`)
}

/** Runs a program for 150 s at most, with this Node in the PATH. @returns what it printed */
export async function run(
  [program, ...args]: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv = {},
): Promise<string> {
  const PATH = [dirname(process.execPath), process.env['PATH']].join(delimiter)
  const options = { cwd, env: { ...process.env, ...env, PATH }, timeout: 150_000 }
  const { stdout, stderr } = await promisify(execFile)(program!, args, options)
  return stdout + stderr
}
