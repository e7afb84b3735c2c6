// This reads a page as recipes: files to save, servers to start, and operations to send with their answers.

import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { type Fence, fencesOf, type Page, root } from './page.ts'
import { isSdl } from './text.ts'

/** What a reader does with a server: an operation or a shell command, and the answer that the page shows. */
export type Step =
  | {
      readonly kind: 'operation'
      readonly at: string
      /** The name of the client whose cookies are sent. */
      readonly client: string
      readonly query: string
      readonly answer?: Fence
    }
  | { readonly kind: 'shell'; readonly at: string; readonly command: string; readonly answer?: Fence }

/** Files of a page that belong together, which of them are servers, and what a reader does with those. */
export interface Recipe {
  readonly at: string
  readonly files: ReadonlyMap<string, string>
  readonly servers: readonly string[]
  readonly steps: readonly Step[]
}

/** A block of code with the files that it needs: those that it imports, SDL and configuration. */
export interface Snippet {
  readonly at: string
  readonly entry: string
  readonly files: ReadonlyMap<string, string>
}

/**
 * The packages that pages import and that are not installed in this repository. test/package.test.ts installs
 * them, and tries the code that imports them.
 */
export const installedElsewhere: Readonly<Record<string, string>> = {
  '@hono/node-server': '2.1.9',
  express: '5.3.0',
  'express-session': '1.19.0',
  fastify: '5.12.8',
  hono: '4.13.19',
  koa: '3.3.0',
  zod: '4.6.7',
}

/** Those that take no newer graphql than 16, which are installed in a folder of their own. */
export const installedWithGraphql16: Readonly<Record<string, string>> = {
  '@apollo/server': '5.5.1',
  mercurius: '16.10.1',
}

interface Files {
  readonly files: ReadonlyMap<string, string>
}

export const isTriedHere = ({ files }: Files): boolean =>
  !packagesOf(files).some((name) => name in installedElsewhere || name in installedWithGraphql16)

export const needsGraphql16 = ({ files }: Files): boolean =>
  packagesOf(files).some((name) => name in installedWithGraphql16)

const isScript = (language: string): boolean => ['ts', 'tsx', 'js'].includes(language)
const isFile = ({ name }: Fence): boolean => name?.includes('.') ?? false
const isServer = (name: string): boolean => /(?:^|\/)(?:server\.ts|session\.config\.ts)$/.test(name)
const isRun = (command: string): boolean => /^(?:curl|node --test) /m.test(command)

/** Each block of TypeScript or JavaScript, with the files that a reader has saved up to there. */
export function snippetsOf(page: Page): Snippet[] {
  const saved = besideOf(page)
  return fencesOf(page).flatMap((fence) => {
    const entry = isFile(fence) ? fence.name! : `snippet.${fence.language}`
    if (isFile(fence)) saved.set(entry, fence.text)
    if (!isScript(fence.language)) return []
    return [{ at: fence.at, entry, files: together(entry, fence.text, saved) }]
  })
}

/**
 * Reads the recipes of a page. A file called `server.ts`, `session.config.ts` or `….test.ts` begins one, and
 * later servers and steps belong to it. A recipe without steps gets those of the next one that has any, since
 * a page can show several servers before the steps for all of them.
 */
export function recipesOf(page: Page): Recipe[] {
  const saved = new Map<string, string>()
  const recipes: { at: string; files: Map<string, string>; servers: string[]; steps: Step[] }[] = []
  for (const fence of fencesOf(page)) {
    const { at, language, name = '', text } = fence
    const recipe = recipes.at(-1)
    const step = recipe?.steps.at(-1)
    if (isFile(fence)) {
      saved.set(name, text)
      if (!isScript(language)) continue
      const files = together(name, text, saved)
      if (isServer(name)) recipes.push({ at, files, servers: [name], steps: [] })
      else if (name.endsWith('.test.ts')) recipes.push({ at, files, servers: [], steps: [] })
      else if (recipe && text.includes('.listen(')) {
        for (const [path, content] of files) recipe.files.set(path, content)
        recipe.servers.push(name)
      }
    } else if (language === 'graphql' && recipe?.servers.length && !isSdl(text)) {
      recipe.steps.push({ kind: 'operation', at, client: name || 'browser', query: text })
    } else if (language === 'sh' && recipe && isRun(text)) {
      recipe.steps.push({ kind: 'shell', at, command: text })
    } else if ((language === 'json' || language === 'text') && step && !step.answer) {
      recipe!.steps[recipe!.steps.length - 1] = { ...step, answer: fence }
    }
  }
  return recipes.map((recipe, index) => ({
    ...recipe,
    steps: recipe.steps.length > 0 ? recipe.steps : (recipes.slice(index).find(hasSteps)?.steps ?? []),
  }))
}

/** The files under a heading of a page in docs, for example of `runtimes.md#Bun`. */
export function filesUnder(place: string): Map<string, string> {
  const [name, heading] = place.split('#')
  const path = `docs/${name}`
  const lines = readFileSync(join(root, path), 'utf8').split('\n')
  const isHeading = (line: string): boolean => /^##+ /.test(line)
  const start = lines.findIndex((line) => isHeading(line) && line.replace(/^#+ /, '') === heading)
  if (start < 0) throw new Error(`There is no ${place}.`)
  const after = lines.findIndex((line, index) => index > start && isHeading(line))
  const text = lines.slice(start, after < 0 ? undefined : after).join('\n')
  return new Map(
    fencesOf({ path, text }).flatMap((fence) => (isFile(fence) ? [[fence.name!, fence.text]] : [])),
  )
}

const hasSteps = ({ steps }: Recipe): boolean => steps.length > 0

/** The files beside the page of an example, which the page imports without showing them. */
function besideOf({ path }: Page): Map<string, string> {
  if (!path.startsWith('examples/')) return new Map()
  const folder = join(root, dirname(path))
  const names = readdirSync(folder).filter((name) => name.endsWith('.ts'))
  return new Map(names.map((name) => [name, readFileSync(join(folder, name), 'utf8')]))
}

/** Whether a file imports what GraphQL Code Generator writes, so that the reader has run that before. */
export const importsGenerated = (text: string): boolean =>
  /\bfrom '\.\/(?:resolvers-types\.ts|generated\/)/.test(text)

/** A file with the saved files that it imports, and with all that are no code: SDL and configuration. */
function together(entry: string, text: string, saved: ReadonlyMap<string, string>): Map<string, string> {
  const files = new Map([...saved].filter(([name]) => !/\.[jt]sx?$/.test(name)))
  const add = (name: string, content: string): void => {
    files.set(name, content)
    if (importsGenerated(content) && saved.has('codegen.ts'))
      files.set('codegen.ts', saved.get('codegen.ts')!)
    for (const [, specifier] of content.matchAll(/\bfrom '(\.[^']+)'/g)) {
      const target = posix.join(posix.dirname(name), specifier!)
      const imported = saved.get(target)
      if (imported !== undefined && !files.has(target)) add(target, imported)
    }
  }
  add(entry, text)
  return files
}

/** The names of the packages that code imports, without Node's modules. */
export function packagesOf(files: ReadonlyMap<string, string>): string[] {
  const specifiers = [...files.values()].flatMap((text) =>
    [...text.matchAll(/\bfrom '([^'.][^']*)'/g)].map(([, specifier]) => specifier!),
  )
  const names = specifiers
    .filter((specifier) => !specifier.startsWith('node:'))
    .map((specifier) => /^(?:@[^/]+\/)?[^/]+/.exec(specifier)![0])
  return [...new Set(names)]
}
