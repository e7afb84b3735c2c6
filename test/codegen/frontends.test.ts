import { mkdir, readdir, rm, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { root } from '../support/documents/page.ts'
import { ownWorkshop, type Workshop } from '../support/documents/workshop.ts'
import { build, declaration, type FrontendName, frontends, type Tools, tryOut } from '../support/frontends.ts'
import { skippedIf } from '../support/needs.ts'

let workshop: Workshop
let tools: Tools

beforeAll(async () => {
  workshop = await ownWorkshop()
  const modules = join(root, 'node_modules')
  tools = {
    ...workshop,
    tada: await tadaTools(workshop.folder),
    relay: join(modules, 'relay-compiler/cli.js'),
    tsc: join(modules, 'typescript/bin/tsc'),
    rolldown: join(modules, 'rolldown/bin/cli.mjs'),
  }
})
afterAll(() => rm(dirname(workshop.folder), { recursive: true }))

/** The command of gql.tada needs the API of TypeScript 6, which is installed for TypeDoc. */
async function tadaTools(folder: string): Promise<string[]> {
  const own = join(folder, 'tada/node_modules')
  await mkdir(own, { recursive: true })
  for (const name of await readdir(join(root, 'node_modules'))) {
    const target = name === 'typescript' ? 'docs/typedoc/node_modules/typescript' : `node_modules/${name}`
    await symlink(join(root, target), join(own, name))
  }
  return ['--preserve-symlinks', '--preserve-symlinks-main', join(own, 'gql.tada/bin/cli.js')]
}

const names = Object.keys(frontends) as FrontendName[]
const inCI = (isShort = false) =>
  isShort
    ? {}
    : skippedIf(!process.env['CI'] && !process.env['LONG'], 'each tool takes seconds, and is tried in CI')

describe.each(names)('a frontend that is typed with %s', (name) => {
  const folderOf = (): string => join(workshop.folder, name)

  it(
    'compiles and runs, and what is wrong in it does not compile',
    inCI(name === 'client-preset'),
    async () => {
      await build(name, folderOf(), tools)
      expect(await tryOut(folderOf(), tools)).toEqual({
        id: 'session',
        dark: false,
        cart: [],
        currency: 'USD',
      })
    },
  )

  it('breaks when a field is renamed in the declaration', inCI(), async () => {
    const renamed = declaration.replace('currency:', 'money:')
    // gql.tada leaves such a field to its check, and gives it the type unknown.
    await expect(build(name, folderOf(), tools, renamed)).rejects.toThrow(/currency|'unknown'.*EUR/)
  })
})
