import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { type Fence, fencesOf, type Page, root } from './page.ts'
import { isSdl } from './text.ts'

/** What a reader does with a server that is made of the code before it, and what the page says that comes of it. */
export type Step =
  | {
      readonly kind: 'operation'
      readonly at: string
      /** Whose cookie goes along. */
      readonly client: string
      readonly query: string
      readonly answer?: Fence
    }
  | { readonly kind: 'shell'; readonly at: string; readonly command: string; readonly answer?: Fence }

/** The files of a page that belong together, the servers among them, and what is done with these. */
export interface Recipe {
  readonly at: string
  readonly files: ReadonlyMap<string, string>
  readonly servers: readonly string[]
  readonly steps: readonly Step[]
}

/** Code with the files of its page that it imports. */
export interface Snippet {
  readonly at: string
  readonly entry: string
  readonly files: ReadonlyMap<string, string>
}

/** What code of the pages imports and is not installed here: test/package.test.ts installs it, and tries that code. */
export const installedElsewhere: Readonly<Record<string, string>> = {
  '@hono/node-server': '2.1.9',
  express: '5.3.0',
  'express-session': '1.19.0',
  fastify: '5.12.8',
  hono: '4.13.19',
  koa: '3.3.0',
  zod: '4.6.7',
}

export const isTriedHere = ({ files }: { readonly files: ReadonlyMap<string, string> }): boolean =>
  !packagesOf(files).some((name) => name in installedElsewhere)

const isScript = (language: string): boolean => ['ts', 'tsx', 'js'].includes(language)
const isFile = ({ name }: Fence): boolean => name?.includes('.') ?? false
const isServer = (name: string): boolean => /(?:^|\/)(?:server\.ts|session\.config\.ts)$/.test(name)
const isRun = (command: string): boolean => /^(?:curl|node --test) /m.test(command)

/** Each block of code, as somebody would save it who followed the page so far. */
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
 * A file called `server.ts` or `session.config.ts` begins a recipe, and one called `….test.ts`, too. What is saved or sent after
 * it belongs to it. A server to which nothing is sent is sent what the next one is.
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

const hasSteps = ({ steps }: Recipe): boolean => steps.length > 0

/** An example and its page stand in one folder. */
function besideOf({ path }: Page): Map<string, string> {
  if (!path.startsWith('examples/')) return new Map()
  const folder = join(root, dirname(path))
  const names = readdirSync(folder).filter((name) => name.endsWith('.ts'))
  return new Map(names.map((name) => [name, readFileSync(join(folder, name), 'utf8')]))
}

/** A file with those that it imports, and with what is no code: SDL, configuration. */
function together(entry: string, text: string, saved: ReadonlyMap<string, string>): Map<string, string> {
  const files = new Map([...saved].filter(([name]) => !/\.[jt]sx?$/.test(name)))
  const add = (name: string, content: string): void => {
    files.set(name, content)
    for (const [, specifier] of content.matchAll(/\bfrom '(\.[^']+)'/g)) {
      const target = posix.join(posix.dirname(name), specifier!)
      const imported = saved.get(target)
      if (imported !== undefined && !files.has(target)) add(target, imported)
    }
  }
  add(entry, text)
  return files
}

/** The packages that code imports, without those of Node. */
export function packagesOf(files: ReadonlyMap<string, string>): string[] {
  const specifiers = [...files.values()].flatMap((text) =>
    [...text.matchAll(/\bfrom '([^'.][^']*)'/g)].map(([, specifier]) => specifier!),
  )
  const names = specifiers
    .filter((specifier) => !specifier.startsWith('node:'))
    .map((specifier) => /^(?:@[^/]+\/)?[^/]+/.exec(specifier)![0])
  return [...new Set(names)]
}
