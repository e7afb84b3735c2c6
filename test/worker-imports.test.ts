import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const src = join(import.meta.dirname, '../src')

/** The modules of Node that a file and those that it imports load with it, each by a file that does. */
function loadedWith(entry: string): ReadonlyMap<string, string> {
  const loaded = new Map<string, string>()
  const files = new Set([entry])
  for (const file of files) {
    const text = readFileSync(join(src, file), 'utf8')
    for (const [, names, specifier] of text.matchAll(
      /^(?:im|ex)port (?!type )(?:([^'"`]*?) from )?'([^']+)'/gm,
    )) {
      const isType = /^\{(?:\s*type \w+,?)+\s*\}$/.test(names ?? '')
      if (specifier!.startsWith('node:') && !isType) loaded.set(specifier!, file)
      if (specifier!.startsWith('.')) files.add(join(file, '..', specifier!))
    }
  }
  return loaded
}

describe('what an application of workers imports', () => {
  // Those that workerd has since the compatibility date 2024-09-23, by the flag nodejs_compat.
  const ofWorkers = ['buffer', 'crypto', 'net', 'timers', 'timers/promises', 'util', 'zlib']
  const known = new Set(ofWorkers.map((name) => `node:${name}`))

  it.each(['index.ts', 'stores/memory.ts', 'stores/cookie.ts'])(
    'loads no module of Node that they lack: %s',
    (entry) => {
      const loaded = [...loadedWith(entry)]
      expect(loaded.length).toBeGreaterThan(0)
      expect(loaded.filter(([name]) => !known.has(name))).toEqual([])
    },
  )

  it('is told from what loads one', () => {
    expect([...loadedWith('server/command.ts').keys()]).toContain('node:child_process')
  })

  // esbuild, and so wrangler, ends with an error where another import finds no package.
  it('awaits each import of a package that need not be installed, within `try`', () => {
    const text = readFileSync(join(src, 'server/socket-endpoint.ts'), 'utf8')
    const inner = /^ {4}try \{\n[^]*?^ {4}\}/m.exec(text)![0]
    expect(inner.match(/\bawait import\('/g)).toHaveLength(2)
    expect(text.match(/\bimport\(/g)).toHaveLength(2)
  })
})
