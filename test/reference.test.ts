import { readFile } from 'node:fs/promises'
import { join, posix } from 'node:path'
import { describe, expect, it } from 'vitest'
import packageJson from '../package.json' with { type: 'json' }
import { allPages, headingsOf, isWritten } from './support/documents/page.ts'

const root = join(import.meta.dirname, '..')
const folder = join('docs', 'reference')
const pages = new Map(
  allPages()
    .filter((page) => !isWritten(page))
    .map((page) => [posix.relative(folder, page.path), page]),
)

/** The names that a source exports: types are there before it is compiled only. */
async function exportedBy(source: string): Promise<string[]> {
  const text = await readFile(join(root, source), 'utf8')
  const declared = text.matchAll(
    /^export (?:async )?(?:abstract )?(?:type|interface|class|function|const) (\w+)/gm,
  )
  const listed = [...text.matchAll(/^export (?:type )?\{([^}]*)\}/gm)].flatMap(([, list]) => list!.split(','))
  return [
    ...Array.from(declared, ([, name]) => name!),
    ...listed.map((item) => /(\w+)\s*$/.exec(item)?.[1] ?? '').filter(Boolean),
  ]
}

/** A function is told from a type of nearly the same name: `openSession()`, `OpenSession`. */
const nameIn = (heading: string) => heading.replace(/\(\)\??$/, '')

/** GraphQL Code Generator exports it, and says that it is not for users. */
const internal = new Set(['Incremental'])

describe('the reference', () => {
  it('has links that lead to the heading of what they name', () => {
    const links = [...pages].flatMap(([page, { text }]) =>
      [...text.matchAll(/\[`?([^\]`]*)`?\]\(([^)\s]+)\)/g)].map(([, name, target]) => ({
        page,
        name: name!,
        target: target!,
      })),
    )
    expect(links.length).toBeGreaterThan(100)
    const wrong = links.filter(({ page, name, target }) => {
      // The type of `fetch` has its docstring from elsewhere.
      if (target.startsWith('https://developer.mozilla.org/')) return false
      const [path, anchor] = target.split('#')
      const file = path ? posix.join(posix.dirname(page), path) : page
      if (!pages.has(file)) return true
      return anchor !== undefined && nameIn(headingsOf(pages.get(file)!).get(anchor) ?? '') !== name
    })
    expect(wrong).toEqual([])
  })

  const modules = Object.entries(packageJson.exports).flatMap(([path, target]) =>
    typeof target === 'string' ? [] : [{ specifier: path.replace('.', packageJson.name), target }],
  )
  it.each(modules)('tells of each export of $specifier', async ({ specifier, target }) => {
    const source = target.default.replace('./dist/', 'src/').replace(/js$/, 'ts')
    const exported = new Set([
      ...(await exportedBy(source)),
      ...Object.keys(await import(join(root, source))),
    ])
    expect(exported.size).toBeGreaterThan(0)
    const headings = new Set([...headingsOf(pages.get(`${specifier}.md`)!).values()].map(nameIn))
    expect([...exported].filter((name) => !headings.has(name) && !internal.has(name))).toEqual([])
  })

  it('names nothing of the machine that wrote it', () => {
    const paths = /(?<![\w.:/])\/(?:home|Users|tmp|root|work|private|var)\/|\b[A-Za-z]:\\/g
    const found = [...pages].flatMap(([name, { text }]) =>
      (text.match(paths) ?? []).map((path) => [name, path]),
    )
    expect(found).toEqual([])
  })
})
