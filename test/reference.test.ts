import { readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { describe, expect, it } from 'vitest'
import packageJson from '../package.json' with { type: 'json' }

const root = join(import.meta.dirname, '..')
const folder = join(root, 'docs', 'reference')
const pages = new Map(
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => [name, readFileSync(join(folder, name), 'utf8')]),
)

/** By anchor, as GitHub makes it of a heading, the text of the heading. */
function headingsOf(page: string): Map<string, string> {
  const headings = new Map<string, string>()
  for (const [, text] of page.matchAll(/^#+ (.*)$/gm)) {
    const slug = text!
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, '')
      .replaceAll(' ', '-')
    const earlier = [...headings.keys()].filter((other) => other.replace(/-\d+$/, '') === slug).length
    headings.set(earlier === 0 ? slug : `${slug}-${earlier}`, text!)
  }
  return headings
}

/** A function is told from a type of nearly the same name: `openSession()`, `OpenSession`. */
const nameIn = (heading: string) => heading.replace(/\(\)\??$/, '')

describe('the reference', () => {
  it('has links that lead to the heading of what they name', () => {
    const links = [...pages].flatMap(([page, text]) =>
      [...text.matchAll(/\[`?([^\]`]*)`?\]\(([^)\s]+)\)/g)].map(([, name, target]) => ({
        page,
        name: name!,
        target: target!,
      })),
    )
    expect(links.length).toBeGreaterThan(100)
    const wrong = links.filter(({ page, name, target }) => {
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
    const source = target.default.replace('./dist/', '../src/').replace(/js$/, 'ts')
    const headings = [...headingsOf(pages.get(`${specifier}.md`)!).values()].map(nameIn)
    expect(headings).toEqual(expect.arrayContaining(Object.keys(await import(source))))
  })

  it('names nothing of the machine that wrote it', () => {
    for (const text of pages.values()) expect(text).not.toContain(root)
  })
})
