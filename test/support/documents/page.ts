// This reads the Markdown pages of the repository: their blocks of code, links and headings.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { lexer, type Token, type Tokens, walkTokens } from 'marked'

export const root = join(import.meta.dirname, '..', '..', '..')

/** A Markdown file of the repository. */
export interface Page {
  /** The path from the root of the repository, e.g. `docs/errors.md`. */
  readonly path: string
  readonly text: string
}

/** A block of code, e.g. one that begins with "```ts server.ts". */
export interface Fence {
  /** Where it begins, e.g. `docs/errors.md:12`. */
  readonly at: string
  readonly language: string
  /** The word behind the language: the name of the file, or of the client that sends the operation. */
  readonly name: string | undefined
  readonly text: string
}

export interface Link {
  readonly at: string
  readonly href: string
}

const generated = 'docs/reference/'

/** Whether a person wrote the page. The code on generated pages is not meant to be pasted. */
export const isWritten = ({ path }: Page): boolean => !path.startsWith(generated)

/** Whether `npm run test:frameworks` tries its code, each recipe with the runtime or framework that it is for. */
export const isTriedByTable = ({ path }: Page): boolean => path === 'docs/runtimes.md'

/** Whether test/package.test.ts tries its code, in a folder like a reader's. */
export const isTriedAsPackage = (page: Page): boolean =>
  !isTriedByTable(page) && (page.path === 'README.md' || /^docs\/[^/]+$/.test(page.path))

/** Every page for readers: those in the root, docs, decisions, examples and bench. */
export function allPages(): Page[] {
  const below = (folder: string): string[] =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name))
  const paths = [...readdirSync(root), ...['docs', 'decisions', 'examples', 'bench'].flatMap(below)]
  return paths
    .filter((path) => path.endsWith('.md') && !path.includes('node_modules'))
    .toSorted()
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))
}

export function fencesOf(page: Page): Fence[] {
  return tokensOf(page).flatMap(({ at, token }) => {
    if (token.type !== 'code' || !token.raw.trimStart().startsWith('```')) return []
    const [language = '', name] = (token['lang'] as string).split(/\s+/)
    return [{ at, language, name, text: token['text'] as string }]
  })
}

export function linksOf(page: Page): Link[] {
  return tokensOf(page)
    .filter(({ token }) => token.type === 'link' || token.type === 'image')
    .map(({ at, token }) => ({ at, href: token['href'] as string }))
}

/** The code between backticks within the text of a page. */
export const codeOf = (page: Page): { at: string; text: string }[] =>
  tokensOf(page)
    .filter(({ token }) => token.type === 'codespan')
    .map(({ at, token }) => ({ at, text: token['text'] as string }))

/** The names between backticks in the first column of the tables that stand right under a heading. */
export function namesUnder(page: Page, heading: string): string[] {
  const blocks = lexer(page.text)
  const isHeading = (block: Token): block is Tokens.Heading => block.type === 'heading'
  const start = blocks.findIndex((block) => isHeading(block) && block.text === heading)
  if (start < 0) throw new Error(`${page.path} has no heading "${heading}".`)
  const below = blocks.slice(start + 1)
  const end = below.findIndex(isHeading)
  const cells = (end < 0 ? below : below.slice(0, end))
    .filter(({ type }) => type === 'table')
    .flatMap((table) => (table as Tokens.Table).rows.flatMap(([first]) => first!.tokens))
  return cells.flatMap((token) => (token.type === 'codespan' ? [(token as Tokens.Codespan).text] : []))
}

/** A page's headings, by the anchors that code hosts make of them. */
export function headingsOf(page: Page): Map<string, string> {
  const used = new Map<string, number>()
  const headings = tokensOf(page).flatMap(({ token }) =>
    token.type === 'heading' ? [token['text'] as string] : [],
  )
  return new Map(
    headings.map((heading) => {
      const slug = heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .replaceAll(' ', '-')
      const before = used.get(slug) ?? 0
      used.set(slug, before + 1)
      return [before === 0 ? slug : `${slug}-${before}`, heading]
    }),
  )
}

interface Placed {
  readonly at: string
  readonly token: Token & Record<string, unknown>
}

const known = new WeakMap<Page, readonly Placed[]>()

function tokensOf(page: Page): readonly Placed[] {
  const before = known.get(page)
  if (before) return before
  const placed: Placed[] = []
  let line = 1
  for (const block of lexer(page.text)) {
    const at = `${page.path}:${line}`
    void walkTokens([block], (token) => void placed.push({ at, token: token as Placed['token'] }))
    line += block.raw.split('\n').length - 1
  }
  known.set(page, placed)
  return placed
}

/** The `compilerOptions` of the `tsconfig.json` on one of the pages, as arguments of `tsc`. */
export function compilerOptions(pages: readonly Page[]): string[] {
  const { text } = pages.flatMap(fencesOf).find(({ name }) => name === 'tsconfig.json')!
  const config = JSON.parse(text) as { compilerOptions: Record<string, unknown> }
  return Object.entries(config.compilerOptions).flatMap(([name, value]) =>
    value === true ? [`--${name}`] : [`--${name}`, String(value)],
  )
}
