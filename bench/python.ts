// This finds a Python that has the modules of a peer.

import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

export interface Python {
  readonly path: string
  /** The versions of Python and of the modules, by name. */
  readonly versions: Readonly<Record<string, string>>
}

const telling = `
import importlib, json, platform, sys
versions = {name: importlib.import_module(name).__version__.split()[0] for name in sys.argv[1:]}
print(json.dumps({'Python': platform.python_version(), **versions}))`

/**
 * Looks at each `python3` on the PATH, and at the one of the operating system: modules that a package manager has
 * installed are seen by that one alone.
 */
export function findPython(modules: readonly string[]): Python | null {
  for (const folder of [...(process.env['PATH'] ?? '').split(delimiter), '/usr/bin']) {
    const path = join(folder, 'python3')
    if (!existsSync(path)) continue
    try {
      const output = execFileSync(path, ['-c', telling, ...modules], { encoding: 'utf8', stdio: 'pipe' })
      return { path, versions: JSON.parse(output) as Record<string, string> }
    } catch {
      // This Python lacks a module. The next one may have it.
    }
  }
  return null
}
