// This finds mistakes in pages that show without running them: dead links, wrong GraphQL, unknown commands.

import { existsSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { buildSchema, type GraphQLSchema, parse, validate } from 'graphql'
import { parseDocument } from 'yaml'
import { sessionTypeDefs } from '../../../src/graphql/resolvers.ts'
import { codeOf, type Fence, fencesOf, headingsOf, linksOf, type Page, root } from './page.ts'

const isElsewhere = (href: string): boolean => /^[a-z][a-z+.-]*:/.test(href)

/** What a link leads to: a path from the root of the repository, and the anchor of a heading there. */
function targetOf(page: Page, href: string): { path: string; anchor: string | undefined } {
  const [path = '', anchor] = href.split('#')
  const target = path === '' ? page.path : normalize(join(dirname(page.path), path))
  return { path: target.replace(/\/$/, ''), anchor }
}

/** The links within the repository that lead to no file, or to no heading. */
export function deadLinks(pages: readonly Page[]): string[] {
  return pages.flatMap((page) =>
    linksOf(page)
      .filter(({ href }) => !isElsewhere(href))
      .flatMap(({ at, href }) => {
        const { path, anchor } = targetOf(page, href)
        const target = pages.find((each) => each.path === path)
        if (!target && (path.startsWith('..') || !existsSync(join(root, path)))) return [`${at}: ${href}`]
        if (anchor === undefined || (target && headingsOf(target).has(anchor))) return []
        return [`${at}: ${href}`]
      }),
  )
}

/** The pages that no path of links from `from` leads to. A link to a folder leads to its README. */
export function unreachable(pages: readonly Page[], from: string): string[] {
  const byPath = new Map(pages.map((page) => [page.path, page]))
  const reached = new Set<string>()
  const visit = (path: string): void => {
    const page = byPath.get(path) ?? byPath.get(join(path, 'README.md'))
    if (!page || reached.has(page.path)) return
    reached.add(page.path)
    for (const { href } of linksOf(page)) if (!isElsewhere(href)) visit(targetOf(page, href).path)
  }
  visit(from)
  return pages.map(({ path }) => path).filter((path) => !reached.has(path))
}

/**
 * Tries the GraphQL of one page: its SDL must build a schema with the session's, and its operations must be
 * valid in it.
 * @returns a line for each mistake
 */
export function wrongGraphQL(fences: readonly Fence[]): string[] {
  const documents = fences.filter(({ language }) => language === 'graphql')
  const sdl = documents.filter(({ text }) => isSdl(text))
  let schema: GraphQLSchema
  try {
    schema = buildSchema([sessionTypeDefs, ...sdl.map(({ text }) => text)].join('\n'))
  } catch (error) {
    return [`${sdl[0]!.at}: ${(error as Error).message}`]
  }
  return documents
    .filter((fence) => !sdl.includes(fence))
    .flatMap(({ at, text }) => {
      try {
        return validate(schema, parse(text)).map(({ message }) => `${at}: ${message}`)
      } catch (error) {
        return [`${at}: ${(error as Error).message}`]
      }
    })
}

/** Whether a document defines or extends a schema, and has no operation or fragment. */
export function isSdl(text: string): boolean {
  try {
    return parse(text).definitions.every(
      ({ kind }) => kind !== 'OperationDefinition' && kind !== 'FragmentDefinition',
    )
  } catch {
    return false
  }
}

/** The blocks of YAML and JSON that cannot be parsed. */
export function unreadable(fences: readonly Fence[]): string[] {
  return fences.flatMap(({ at, language, text }) => {
    if (language === 'yaml') return parseDocument(text).errors.map(({ message }) => `${at}: ${message}`)
    if (language !== 'json') return []
    try {
      JSON.parse(text)
      return []
    } catch (error) {
      return [`${at}: ${(error as Error).message}`]
    }
  })
}

/** The scripts and packages of package.json, and the text of `graphql-session --help`. */
export interface Commands {
  readonly scripts: readonly string[]
  readonly packages: readonly string[]
  readonly help: string
}

/** Commands of npm and `graphql-session` that do not exist. Those of other programs are not looked at. */
export function unknownCommands(page: Page, commands: Commands): string[] {
  const scripts = fencesOf(page).filter(({ language }) => language === 'sh')
  return [...codeOf(page), ...scripts].flatMap(({ at, text }) =>
    text
      .replaceAll('\\\n', ' ')
      .split(/\n|&&|\|\|?|;/)
      .map((command) => command.trim())
      .filter((command) => !isKnown(command, commands))
      .map((command) => `${at}: ${command}`),
  )
}

function isKnown(command: string, { scripts, packages, help }: Commands): boolean {
  const words = command.split(/\s+/)
  while (/^[A-Za-z_]\w*=/.test(words[0] ?? '')) words.shift()
  if (words[0] === 'npx') {
    words.shift()
    while (words[0]?.startsWith('-')) words.shift()
  }
  const [program = '', ...rest] = words
  const [first, ...others] = rest.filter((word) => !word.startsWith('-'))
  if (first === undefined && program === 'npm') return true
  if (program === 'npm') {
    if (first === 'run') return scripts.some(isNamed(others[0] ?? ''))
    if (first === 'start' || first === 'test') return scripts.includes(first)
    if (['install', 'i', 'add'].includes(first!)) {
      // A word in capitals stands for a name.
      return others.every(
        (name) => /^[A-Z]+$/.test(name) || packages.includes(name.replace(/(?<=.)@.*$/, '')),
      )
    }
    return ['ci', 'init', 'pack', 'pkg', 'publish'].includes(first!)
  }
  if (program.replace(/^(?:\.\/)?node_modules\/\.bin\//, '') !== 'graphql-session') return true
  const subcommands = new Set(
    [...help.matchAll(/^ {2}graphql-session ([a-z-]+) /gm)].map(([, name]) => name!),
  )
  const flags = new Set(help.match(/(?<![^\s[])--?[a-z][a-z-]*/g))
  const isFlag = (word: string): boolean => flags.has(word.split('=')[0]!)
  return (
    (rest.length === 0 || rest[0]!.startsWith('-') || subcommands.has(rest[0]!)) &&
    rest.filter((word) => word.startsWith('-')).every(isFlag)
  )
}

/** Whether a name on a page means the script, where "…" stands for the rest of the name. */
const isNamed =
  (name: string) =>
  (script: string): boolean =>
    name.endsWith('…') ? script.startsWith(name.slice(0, -1)) : script === name
