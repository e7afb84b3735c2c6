import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..', '..')

/** Names of the files under src/graphql/generated that `npm run codegen` would write otherwise. */
export function staleFiles(): string[] {
  const copy = mkdtempSync(join(tmpdir(), 'graphql-session-codegen-'))
  try {
    for (const part of ['codegen.ts', 'package.json', 'schema']) {
      cpSync(join(root, part), join(copy, part), { recursive: true })
    }
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
    const codegen = join(root, 'node_modules', '.bin', 'graphql-codegen')
    execFileSync(codegen, ['--config', 'codegen.ts', '--silent'], { cwd: copy, stdio: 'pipe' })
    const generated = (base: string) => join(base, 'src', 'graphql', 'generated')
    const names = new Set([root, copy].flatMap((base) => readdirSync(generated(base))))
    return [...names].filter(
      (name) => textOf(join(generated(root), name)) !== textOf(join(generated(copy), name)),
    )
  } finally {
    rmSync(copy, { recursive: true })
  }
}

function textOf(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return null
  }
}

if (import.meta.main) {
  const stale = staleFiles()
  if (stale.length > 0) {
    process.stderr.write(`Stale in src/graphql/generated: ${stale.join(', ')}. Run npm run codegen.\n`)
    process.exitCode = 1
  }
}
