import { existsSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { buildSchema, type GraphQLSchema, parse, validate } from 'graphql'
import { parseDocument } from 'yaml'
import { sessionTypeDefs } from '../../../src/graphql/resolvers.ts'
import { anchorsOf, codeOf, type Fence, fencesOf, linksOf, type Page, root } from './page.ts'

const isElsewhere = (href: string): boolean => /^[a-z][a-z+.-]*:/.test(href)

/** What a page refers to: a path from the root of the repository, and a heading in it. */
function targetOf(page: Page, href: string): { path: string; anchor: string | undefined } {
  const [path = '', anchor] = href.split('#')
  const target = path === '' ? page.path : normalize(join(dirname(page.path), path))
  return { path: target.replace(/\/$/, ''), anchor }
}

/** Links within the repository that lead to no file, or to no heading. */
export function deadLinks(pages: readonly Page[]): string[] {
  return pages.flatMap((page) =>
    linksOf(page)
      .filter(({ href }) => !isElsewhere(href))
      .flatMap(({ at, href }) => {
        const { path, anchor } = targetOf(page, href)
        const target = pages.find((each) => each.path === path)
        if (!target && (path.startsWith('..') || !existsSync(join(root, path)))) return [`${at}: ${href}`]
        if (anchor === undefined || (target && anchorsOf(target).includes(anchor))) return []
        return [`${at}: ${href}`]
      }),
  )
}

/** Pages that nobody finds who begins at `from` and follows links. A folder leads to its README. */
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

/** SDL that builds no schema together with the session's, and operations that the schema of their page does not have. */
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

/** Whether a document makes a schema, and asks nothing of one. */
export function isSdl(text: string): boolean {
  try {
    return parse(text).definitions.every(
      ({ kind }) => kind !== 'OperationDefinition' && kind !== 'FragmentDefinition',
    )
  } catch {
    return false
  }
}

/** YAML and JSON that cannot be read. */
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

/** What can be typed: the names that package.json and `graphql-session --help` have. */
export interface Commands {
  readonly scripts: readonly string[]
  readonly packages: readonly string[]
  readonly help: string
}

/** Commands that are not there. Those of other programs are theirs to know. */
export function unknownCommands(page: Page, { scripts, packages, help }: Commands): string[] {
  const lines = [
    ...codeOf(page),
    ...fencesOf(page)
      .filter(({ language }) => language === 'sh')
      .flatMap(({ at, text }) =>
        text
          .replaceAll('\\\n', ' ')
          .split(/\n|&&/)
          .map((line) => ({ at, text: line })),
      ),
  ]
  return lines.flatMap(({ at, text }) => {
    const words = text.trim().split(/\s+/)
    const isKnown = (): boolean => {
      const [first, second, third] = words
      if (first === 'npm' && second === 'run') return scripts.some(isNamed(third ?? ''))
      if (first === 'npm' && (second === 'start' || second === 'test')) return scripts.includes(second)
      if (first === 'npm' && second === 'install') {
        return words.slice(2).every((word) => word.startsWith('-') || packages.includes(word))
      }
      const index = words.indexOf('graphql-session')
      const command = words[index + 1]
      if (index < 0 || command === undefined || !isCall(words.slice(0, index))) return true
      const flags = words.slice(index + 1).filter((word) => word.startsWith('-'))
      const hasCommand = command.startsWith('-') || help.includes(`  graphql-session ${command} `)
      return hasCommand && flags.every((flag) => help.includes(flag))
    }
    return isKnown() ? [] : [`${at}: ${text.trim()}`]
  })
}

/** "…" stands for the rest of a name. */
const isNamed =
  (name: string) =>
  (script: string): boolean =>
    name.endsWith('…') ? script.startsWith(name.slice(0, -1)) : script === name

/** `npx`, and variables of the environment. */
const isCall = (words: readonly string[]): boolean =>
  words.every((word) => word === 'npx' || /^[A-Z_]+=/.test(word))
