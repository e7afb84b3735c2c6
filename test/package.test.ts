import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { access, cp, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { publint } from 'publint'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import packageJson from '../package.json' with { type: 'json' }
import { allPages, compilerOptions, isTriedAsPackage } from './support/documents/page.ts'
import { start } from './support/documents/play.ts'
import {
  installedElsewhere,
  installedWithGraphql16,
  isTriedHere,
  needsGraphql16,
  packagesOf,
  type Recipe,
  recipesOf,
  snippetsOf,
} from './support/documents/recipe.ts'
import { save, typeErrors, type Workshop } from './support/documents/workshop.ts'
import { build, type FrontendName, frontends, type Tools, tryOut } from './support/frontends.ts'
import { skippedIf } from './support/needs.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const floor = packageJson.engines.node.replace('>=', '')
const install = ['install', '--prefer-offline', '--no-audit', '--no-fund']
let folder: string
let tarball: string
let project: string

/** What a person would type, with the Node of these tests or another one. */
async function run(
  command: string,
  args: string[],
  cwd: string,
  node = process.execPath,
  env: NodeJS.ProcessEnv = {},
): Promise<string> {
  const PATH = [dirname(node), process.env['PATH']].join(delimiter)
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env, PATH } })
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ])
  if (code === 0) return stdout
  throw new Error(`${command} ${args.join(' ')} ended with ${code}\n${stdout}${stderr}`)
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'graphql-session-package-'))
  // Builds dist first: prepack.
  await run('npm', ['pack', '--pack-destination', folder], root)
  tarball = join(folder, `${packageJson.name}-${packageJson.version}.tgz`)
  project = join(folder, 'project')
  await mkdir(project)
  await writeFile(join(project, 'package.json'), '{ "private": true, "type": "module" }')
  const drivers = ['ioredis', 'mysql2', 'pg', '@types/pg', 'postgres', 'redis', 'jose', 'fast-check']
  const frontends = ['@apollo/client', 'rxjs', '@urql/core', 'wonka']
  const others = ['graphql', 'graphql-yoga', 'typescript', '@types/node', ...frontends, ...drivers].map(
    versioned,
  )
  await run('npm', [...install, tarball, ...(await Promise.all(others))], project)
}, 300_000)

afterAll(() => rm(folder, { recursive: true }), 60_000)

async function versioned(name: string): Promise<string> {
  const { version } = JSON.parse(await readFile(join(root, 'node_modules', name, 'package.json'), 'utf8'))
  return `${name}@${version}`
}

const elsewhere = skippedIf(
  !process.env['CI'] && !process.env['PACKAGE_NODES'],
  'other Nodes and compilers are downloads of 50 MB each, tried in CI and with PACKAGE_NODES=1',
)

describe('what is published', () => {
  it('satisfies publint', async () => {
    const { buffer } = await readFile(tarball)
    const { messages } = await publint({ pack: { tarball: buffer }, strict: true })
    expect(messages).toEqual([])
  })

  it('resolves for importers that know `exports` (attw)', async () => {
    await run(
      'npx',
      [
        'attw',
        tarball,
        '--profile',
        'esm-only',
        '--no-definitely-typed',
        '--exclude-entrypoints',
        'session.graphql',
      ],
      root,
    )
  }, 120_000)
})

const consumer = `
import { createServer } from 'node:http'
import { sessionResolvers, sessionTypeDefs, type SessionContext, useSession } from 'graphql-session'
import { SetSessionKeyDocument, type SetSessionKeyMutation } from 'graphql-session/client'
import { cookieStore } from 'graphql-session/stores/cookie'
import { memoryStore } from 'graphql-session/stores/memory'
import { mysqlStore } from 'graphql-session/stores/mysql'
import { postgresStore } from 'graphql-session/stores/postgres'
import { redisStore } from 'graphql-session/stores/redis'
import { sqliteStore } from 'graphql-session/stores/sqlite'
import { createSchema, createYoga, type YogaInitialContext } from 'graphql-yoga'
import { Cluster, Redis } from 'ioredis'
import { createPool as createCallbackPool } from 'mysql2'
import { createPool } from 'mysql2/promise'
import pg from 'pg'
import postgres from 'postgres'
import { createClient, createCluster } from 'redis'

interface MyData {
  dark_mode: boolean
  cart: { sku: string }[]
}

const schema = createSchema<YogaInitialContext & SessionContext<MyData>>({
  typeDefs: [sessionTypeDefs, 'extend type Query { dark: Boolean }'],
  resolvers: [
    sessionResolvers,
    {
      Query: {
        async dark(_, __, { session }) {
          const v: boolean | undefined = await session.get('dark_mode')
          // @ts-expect-error a boolean is not text
          const text: string | undefined = await session.get('dark_mode')
          const cart: readonly { readonly sku: string }[] = await session.get('cart', [])
          // @ts-expect-error what was read is frozen
          cart[0]!.sku = 'other'
          // @ts-expect-error text is not a boolean
          session.set('dark_mode', 'yes')
          // @ts-expect-error MyData has no such key
          await session.get('drak_mode')
          return v ?? text
        },
      },
    },
  ],
})
const store = memoryStore({ max: 1000 })
const session = useSession<MyData>({ store, keys: { dark_mode: { client: ['read'] }, 'dark_*': {} } })
// @ts-expect-error MyData has no such key
useSession<MyData>({ store, keys: { drak_mode: {} } })
// @ts-expect-error MyData has no key that begins so
useSession<MyData>({ store, keys: { 'pref:*': {} } })
createServer(createYoga({ schema, plugins: [session] }))

export const stores = [
  redisStore(new Redis()),
  redisStore(new Cluster([])),
  redisStore(createClient()),
  redisStore(createCluster({ rootNodes: [] })),
  mysqlStore(createPool('mysql://localhost/shop')),
  mysqlStore(createCallbackPool('mysql://localhost/shop')),
  postgresStore(new pg.Pool()),
  postgresStore(postgres()),
  sqliteStore('x.db', { busyTimeout: 5 }),
  cookieStore({ keys: [] }),
]

export const created = (data: SetSessionKeyMutation): boolean | null => data.setSessionKey.created
export const document: { readonly __apiType?: (variables: never) => SetSessionKeyMutation } = SetSessionKeyDocument
`

describe('a fresh project that installs it', () => {
  it('type-checks', async () => {
    await writeFile(join(project, 'consumer.ts'), consumer)
    const options = ['--strict', '--module', 'nodenext', '--target', 'es2024', '--types', 'node', '--noEmit']
    await run('npx', ['tsc', ...options, '--skipLibCheck', 'consumer.ts'], project)
    // The declarations of others do not check (those of Yoga's lru-cache); ours have to.
    const everything = await run('npx', ['tsc', ...options, 'consumer.ts'], project).catch(String)
    expect(everything).not.toContain('node_modules/graphql-session/')
  }, 120_000)

  it('has GraphiQL in it, and installs no package for that', async () => {
    await writeFile(
      join(project, 'graphiql.js'),
      `import { createSessionServer } from 'graphql-session'
      import { memoryStore } from 'graphql-session/stores/memory'
      const server = createSessionServer({ store: memoryStore({ max: 1 }), logging: false })
      const get = async (url) => (await server.fetch(url, { headers: { accept: 'text/html' } })).text()
      const page = await get('http://localhost/graphql')
      const parts = page.matchAll(/(?:src|href)="([^"]+)"/g)
      const texts = await Promise.all(Array.from(parts, ([, url]) => get('http://localhost/graphql' + url)))
      console.log(JSON.stringify(texts.map((text) => [text.length > 1000, /GraphQL|graphiql/.test(text)])))`,
    )
    const [icon, style, script] = JSON.parse(await run('node', ['graphiql.js'], project)) as boolean[][]
    expect([icon![0], style, script]).toEqual([true, [true, true], [true, true]])
    const inside = await readdir(join(project, 'node_modules/@graphql-yoga'))
    expect(inside).not.toContain('render-graphiql')
  })

  it('takes 4.5 MB at most', async () => {
    const files = await readdir(join(project, 'node_modules/graphql-session'), {
      recursive: true,
      withFileTypes: true,
    })
    const sizes = files
      .filter((file) => file.isFile())
      .map(async (file) => (await stat(join(file.parentPath, file.name))).size)
    const size = (await Promise.all(sizes)).reduce((sum, each) => sum + each, 0)
    expect(size).toBeGreaterThan(1e6)
    expect(size).toBeLessThan(4.5e6)
  })

  it('says which driver is missing', async () => {
    const jose = join(project, 'node_modules/jose')
    await rename(jose, `${jose}-away`)
    const env = { SESSION_STORE: 'cookie:', SESSION_KEYS: 'x' }
    await expect(run('npx', ['graphql-session', 'serve'], project, process.execPath, env)).rejects.toThrow(
      'graphql-session: SESSION_STORE=cookie: needs the package jose: npm install jose.',
    )
    await rename(`${jose}-away`, jose)
  }, 60_000)

  it(`runs under this Node, ${process.version}`, () => expectToRun(process.execPath), 60_000)

  it.each(['22', '24', '26'])('runs under Node %s', { timeout: 300_000, ...elsewhere }, async (version) =>
    expectToRun(await installNode(version)),
  )

  const old = oldNodeOnPath()
  it(
    `tells a Node that is older than ${floor} so`,
    { timeout: 300_000, ...(old ? {} : elsewhere) },
    async () => {
      const node = old ?? (await installNode('20'))
      const command = join(project, 'node_modules/graphql-session/dist/server/main.js')
      for (const args of [['serve'], ['--version']]) {
        const { status, stdout, stderr } = spawnSync(node, [command, ...args], { encoding: 'utf8' })
        expect(stderr).toMatch(/^graphql-session needs Node [\d.]+ or newer, and this is Node \d[^\n]*\.\n$/)
        expect(stderr).toContain(`needs Node ${floor} or newer`)
        expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
      }
    },
  )
})

describe('a checkout', () => {
  /** The scripts of this one, which has not got what they run. */
  async function checkout(): Promise<string> {
    const copy = await mkdtemp(join(folder, 'checkout-'))
    await cp(join(root, 'package.json'), join(copy, 'package.json'))
    return copy
  }

  it('is installed for production without a page, and says what to run for it', async () => {
    const copy = await checkout()
    expect(await run('npm', ['run', '--silent', 'prepare'], copy)).toBe('')
    await expect(run('npm', ['start', '--silent'], copy)).rejects.toThrow(
      'ended with 1\nThe page of the storefront was not built. Run: npm ci --include=dev\n',
    )
  })

  it('is not installed where building the page fails', async () => {
    const copy = await checkout()
    await mkdir(join(copy, 'node_modules/vite'), { recursive: true })
    await mkdir(join(copy, 'node_modules/.bin'))
    await writeFile(join(copy, 'node_modules/.bin/vite'), '#!/bin/sh\necho "vite $*"; exit 3', {
      mode: 0o755,
    })
    await expect(run('npm', ['run', '--silent', 'prepare'], copy)).rejects.toThrow(
      'ended with 3\nvite build examples/storefront/app',
    )
  })
})

describe('npm publish', () => {
  const repository = { type: 'git', url: 'git+https://github.com/someone/graphql-session.git' }
  const parts = ['README.md', 'CHANGELOG.md', 'package.json', 'test/support/publish.ts']
  let copy: string

  /** A repository of what it reads, in which somebody has filled in or changed something. */
  async function commit(manifest: object, changelog = `## ${packageJson.version}\n`): Promise<void> {
    copy = await mkdtemp(join(folder, 'publish-'))
    for (const part of parts) await cp(join(root, part), join(copy, part))
    await writeFile(join(copy, 'package.json'), JSON.stringify({ ...packageJson, ...manifest }))
    await writeFile(join(copy, 'CHANGELOG.md'), changelog)
    await run('git', ['init', '--quiet'], copy)
    await run('git', ['add', '.'], copy)
    const author = ['-c', 'user.name=someone', '-c', 'user.email=someone@example.com']
    await run('git', [...author, 'commit', '--quiet', '--message', 'As it is published'], copy)
  }
  const prepare = (): Promise<string> => run('npm', ['run', 'prepublishOnly'], copy)
  const readme = (): Promise<string> => readFile(join(copy, 'README.md'), 'utf8')

  it('is refused until somebody says where the package comes from', async () => {
    await commit({ repository: undefined })
    await expect(prepare()).rejects.toThrow('package.json must have "repository"')
    await commit({ repository: { type: 'git', url: 'git+https://code.example/graphql-session.git' } })
    await expect(prepare()).rejects.toThrow('package.json must have "repository"')
  })

  it.each([`## ${packageJson.version} (unreleased)`, '## 0.0.9', ''])(
    'is refused with a changelog that begins with "%s"',
    async (heading) => {
      await commit({ repository }, `# Changelog\n\n${heading}\n`)
      await expect(prepare()).rejects.toThrow('CHANGELOG.md must begin with')
    },
  )

  it('is refused with changes that are not committed', async () => {
    await commit({ repository })
    await writeFile(join(copy, 'README.md'), 'something else')
    await expect(prepare()).rejects.toThrow('Everything must be committed')
    expect(await readme()).toBe('something else')
  })

  it('shows a README in which each link leads to a file of the repository, and takes it back', async () => {
    await commit({ repository })
    const before = await readme()
    await prepare()
    const after = await readme()
    const targets = [
      ...after.replaceAll(/^```.*?^```/gms, '').matchAll(/\]\(([^)\s]+)|(?:src|srcset|href)="([^"]+)/g),
    ]
      .map(([, link, attribute]) => link ?? attribute!)
      .filter((target) => !target.startsWith('#'))
    expect(targets.filter((target) => !target.startsWith('https://'))).toEqual([])
    const site = 'https://github.com/someone/graphql-session'
    const files = targets
      .filter((target) => target.startsWith(site))
      .map((target) => new URL(target).pathname)
    expect(files.length).toBeGreaterThan(0)
    for (const file of files) {
      const [, view, path] = /^\/someone\/graphql-session\/(blob|raw)\/HEAD\/(.*)$/.exec(file)!
      await expect(access(join(root, path!)), path).resolves.toBeUndefined()
      expect(view, path).toBe(/\.(?:svg|png|gif)$/.test(path!) ? 'raw' : 'blob')
    }
    await run('npm', ['run', 'postpublish'], copy)
    expect(await readme()).toBe(before)
  })
})

it('has one version: of the package, of its lock, and at the top of the changelog', async () => {
  const [changelog, lock] = await Promise.all(
    ['CHANGELOG.md', 'package-lock.json'].map((name) => readFile(join(root, name), 'utf8')),
  )
  expect(/^## (\S+)(?: \(unreleased\))?$/m.exec(changelog!)?.[1]).toBe(packageJson.version)
  expect(JSON.parse(lock!)).toMatchObject({
    version: packageJson.version,
    packages: { '': { version: packageJson.version } },
  })
})

const installed = new Map<string, Promise<string>>()

/** @returns where the executable is */
function installNode(version: string): Promise<string> {
  const task = async (): Promise<string> => {
    const home = join(folder, `node${version}`)
    await mkdir(home)
    await writeFile(join(home, 'package.json'), '{ "private": true, "allowScripts": { "node": true } }')
    await run('npm', [...install, `node@${version}`], home)
    const node = join(home, 'node_modules/node/bin/node')
    expect(await run(node, ['--version'], home)).toMatch(new RegExp(`^v${version.replaceAll('.', '\\.')}\\b`))
    return node
  }
  const known = installed.get(version) ?? task()
  installed.set(version, known)
  return known
}

describe('what a reader pastes into an empty folder', elsewhere, () => {
  const pages = allPages().filter(isTriedAsPackage)
  const snippets = pages.flatMap(snippetsOf).filter((each) => !needsGraphql16(each))
  const recipes = pages.flatMap(recipesOf).filter((each) => !needsGraphql16(each))
  const compilers = ['5.6', '6', '7']
  let pasted: Workshop

  beforeAll(async () => {
    const own = join(folder, 'pasted')
    await mkdir(own)
    // What the pages begin with; and a client of GraphQL that wants another graphql than this one.
    await run('npm', ['init', '--yes'], own)
    await run('npm', ['pkg', 'set', 'type=module'], own)
    await run('npm', ['pkg', 'set', `overrides=${JSON.stringify(packageJson.overrides)}`, '--json'], own)
    const here = new Set(snippets.flatMap(({ files }) => packagesOf(files)))
    for (const name of [packageJson.name, ...Object.keys(installedElsewhere)]) here.delete(name)
    const generator = ['cli', 'typescript', 'typescript-resolvers'].map((name) => `@graphql-codegen/${name}`)
    const types = ['@types/node', '@types/pg', '@types/ws']
    const packages = await Promise.all([...here, ...generator, ...types, 'fast-check', 'jose'].map(versioned))
    const others = Object.entries({ ...installedElsewhere, ...typesElsewhere })
    const aliases = compilers.map((version) => `typescript-${version}@npm:typescript@${version}`)
    const added = others.map(([name, version]) => `${name}@${version}`)
    await run('npm', [...install, tarball, ...packages, ...added, ...aliases], own)
    pasted = {
      folder: own,
      node: process.execPath,
      codegen: join(own, 'node_modules/@graphql-codegen/cli/esm/bin.js'),
      cli: join(own, 'node_modules', packageJson.name, packageJson.bin['graphql-session']),
    }
    for (const [index, { files }] of snippets.entries()) await save(pasted, String(index), files)
  }, 300_000)

  const compilerOf = (version: string): string[] => [
    process.execPath,
    join(pasted.folder, `node_modules/typescript-${version}/bin/tsc`),
  ]

  it.each(compilers)(
    'compiles with the tsconfig.json of the pages under TypeScript %s',
    async (version) => {
      const found = await typeErrors(pasted, snippets, compilerOf(version), compilerOptions(pages))
      expect(found).toEqual([])
    },
    120_000,
  )

  // TypeScript 6 deprecates this resolution, and 7 does not have it. It reads `typesVersions` and no `exports`.
  it('has types for --moduleResolution node10', async () => {
    const own = join(pasted.folder, 'node10')
    await mkdir(own)
    const specifiers = Object.keys(await exportedBySource())
    const lines = specifiers.map((specifier, index) => `export * as _${index} from '${specifier}'\n`)
    await writeFile(join(own, 'all.ts'), lines.join(''))
    const options = ['--module', 'esnext', '--moduleResolution', 'node10', '--target', 'es2022']
    const strict = ['--strict', '--skipLibCheck', '--noEmit', '--types', 'node']
    await run(process.execPath, [...compilerOf('5.6').slice(1), ...options, ...strict, 'all.ts'], own)
  }, 60_000)

  // With `types`, as the page says: the one that TypeScript writes from 6 on is empty.
  it.each(compilers)(
    'compiles with what tsc --init writes under TypeScript %s: the first sample and that of code generation',
    async (version) => {
      const init = join(pasted.folder, `init-${version}`)
      await mkdir(init)
      await run(process.execPath, [...compilerOf(version).slice(1), '--init'], init)
      const config = join(init, 'tsconfig.json')
      const text = (await readFile(config, 'utf8')).replace('"types": []', '"types": ["node"]')
      const files = snippets.flatMap(({ at, entry }, index) =>
        at.startsWith('README.md') || entry === 'src/server.ts' ? [`../${index}/${entry}`] : [],
      )
      await writeFile(config, text.replace(/\}\s*$/, `, "files": ${JSON.stringify(files)} }`))
      await run(process.execPath, [...compilerOf(version).slice(1), '--noEmit'], init)
    },
    120_000,
  )

  const play = async (
    node: string,
    some: readonly Recipe[],
    workshop: Workshop = pasted,
  ): Promise<string[]> => {
    const mistakes: string[] = []
    for (const recipe of some) {
      const running = await start({ ...workshop, node }, `recipe-${++played}`, recipe)
      try {
        mistakes.push(...(await running.play()))
      } finally {
        await running.stop()
      }
    }
    return mistakes
  }
  let played = 0

  it('runs, where it needs packages that are not installed here', async () => {
    const some = recipes.filter((recipe) => !isTriedHere(recipe))
    expect(some.length).toBeGreaterThan(0)
    expect(await play(process.execPath, some)).toEqual([])
  }, 120_000)

  it('compiles and runs with graphql 16, where another server takes no newer one', async () => {
    const own = join(folder, 'graphql-16')
    await mkdir(own)
    await writeFile(join(own, 'package.json'), '{ "private": true, "type": "module" }')
    const others = { ...installedWithGraphql16, graphql: '16', fastify: installedElsewhere['fastify']! }
    const added = Object.entries(others).map(([name, version]) => `${name}@${version}`)
    const known = ['graphql-yoga', 'typescript', '@types/node', '@types/ws'].map(versioned)
    await run('npm', [...install, tarball, ...added, ...(await Promise.all(known))], own)
    const workshop = { ...pasted, folder: own }
    const some = pages.flatMap(snippetsOf).filter(needsGraphql16)
    // What belongs to the server, and the server that uses it.
    expect(some).toHaveLength(2 * Object.keys(installedWithGraphql16).length)
    for (const [index, { files }] of some.entries()) await save(workshop, String(index), files)
    const compiler = [process.execPath, join(own, 'node_modules/typescript/bin/tsc')]
    expect(await typeErrors(workshop, some, compiler, compilerOptions(pages))).toEqual([])
    const servers = pages.flatMap(recipesOf).filter(needsGraphql16)
    expect(await play(process.execPath, servers, workshop)).toEqual([])
  }, 300_000)

  it.each(['22.18.0', '24', '26'])(
    'runs under Node %s',
    { timeout: 300_000, ...elsewhere },
    async (version) => expect(await play(await installNode(version), recipes)).toEqual([]),
  )
})

describe('the tools of a frontend, in an empty folder', elsewhere, () => {
  let tools: Tools
  let own: string

  beforeAll(async () => {
    own = join(folder, 'frontends')
    await mkdir(own)
    await writeFile(join(own, 'package.json'), '{ "private": true, "type": "module" }')
    const ofGenerator =
      'cli client-preset typed-document-node typescript typescript-operations typescript-resolvers'
    const generator = ofGenerator.split(' ').map((name) => `@graphql-codegen/${name}`)
    const others = ['gql.tada', 'relay-compiler', 'relay-runtime', '@graphql-typed-document-node/core']
    const packages = ['graphql', 'graphql-yoga', '@types/node', ...generator, ...others].map(versioned)
    // The command of gql.tada needs the API of TypeScript, which 7 does not have.
    await run('npm', [...install, tarball, ...(await Promise.all(packages)), 'typescript@6'], own)
    const modules = join(own, 'node_modules')
    tools = {
      node: process.execPath,
      cli: join(modules, packageJson.name, packageJson.bin['graphql-session']),
      codegen: join(modules, '@graphql-codegen/cli/esm/bin.js'),
      tada: [join(modules, 'gql.tada/bin/cli.js')],
      relay: join(modules, 'relay-compiler/cli.js'),
      tsc: join(modules, 'typescript/bin/tsc'),
      rolldown: join(root, 'node_modules/rolldown/bin/cli.mjs'),
    }
  }, 300_000)

  it.each(Object.keys(frontends) as FrontendName[])('%s', { timeout: 60_000 }, async (name) => {
    await build(name, join(own, name), tools)
    const seen = await tryOut(join(own, name), tools)
    expect(seen).toEqual({ id: 'session', dark: false, cart: [], currency: 'USD' })
  })

  // GraphQL Code Generator loads another copy of graphql for its configuration than Node does.
  it('graphql-session/codegen, with what graphql has made', { timeout: 60_000 }, async () => {
    const server = join(own, 'server')
    await mkdir(server)
    for (const [name, content] of Object.entries(madeByGraphql)) await writeFile(join(server, name), content)
    await run(process.execPath, [tools.codegen, '--config', 'codegen.ts'], server)
    const options = '--noEmit --strict --skipLibCheck --module nodenext --target es2024 --types node'
    const imports = '--allowImportingTsExtensions --verbatimModuleSyntax --exactOptionalPropertyTypes'
    const compile = [tools.tsc, ...`${options} ${imports}`.split(' '), 'session.config.ts', 'codegen.ts']
    await run(process.execPath, compile, server)
  })
})

const madeByGraphql = {
  'codegen.ts': `
import type { CodegenConfig } from '@graphql-codegen/cli'
import { sessionPreset } from 'graphql-session/codegen'

const preset = sessionPreset('./session.config.ts', { scalars: { Big: 'number' } })
export default {
  generates: { 'generated/': preset, 'session.gen.ts': sessionPreset('session.config.ts') },
} satisfies CodegenConfig
`,
  'session.config.ts': `
import { GraphQLObjectType, GraphQLScalarType, GraphQLSchema, GraphQLString, parse } from 'graphql'
import { sessionData, type SessionServerConfig } from 'graphql-session'
import type { Resolvers } from './generated/resolvers.ts'
import type { SessionData } from './generated/session-data.ts'

const declaration = \`
  type SessionData {
    big: Big @session(client: [READ])
    target: Target @session(client: [READ])
  }
  scalar Big
  union Target = A | B
  type A { id: ID! }
  type B { text: String }
\`
const data = sessionData<SessionData>(declaration, { scalars: [new GraphQLScalarType({ name: 'Big' })] })
const query = new GraphQLObjectType({ name: 'Query', fields: { hello: { type: GraphQLString } } })

const resolvers: Resolvers = {
  Query: { hello: async (_, __, { session }) => ((await session.get('big')) ?? 0).toFixed() },
  A: { more: ({ id }) => id.trim() },
  Session: {
    async first(session) {
      const target = await session.get('target')
      return target?.__typename === 'A' ? target : null
    },
  },
}

export default {
  data,
  schema: new GraphQLSchema({ query }),
  typeDefs: [parse('extend type A { more: String }'), 'extend type Session { first: A }'],
  resolvers,
} satisfies SessionServerConfig<SessionData>
`,
}

/** Types of packages that have none of their own. */
const typesElsewhere = { '@types/express': '5', '@types/express-session': '1', '@types/koa': '3' }

/** One that this package does not take. */
function oldNodeOnPath(): string | undefined {
  const nodes = (process.env['PATH'] ?? '').split(delimiter).map((path) => join(path, 'node'))
  return nodes.find((node) => {
    const { status, stdout } = spawnSync(node, ['--version'], { encoding: 'utf8' })
    return status === 0 && Number(/^v(\d+)/.exec(stdout)?.[1]) < Number.parseInt(floor)
  })
}

/** Imports what this package exports, asks a server over HTTP, and reports. */
const program = `
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { print } from 'graphql'
import { sessionResolvers, sessionTypeDefs, useSession } from 'graphql-session'
import { SetSessionKeyDocument } from 'graphql-session/client'
import { memoryStore } from 'graphql-session/stores/memory'
import { createSchema, createYoga } from 'graphql-yoga'

const yoga = createYoga({
  schema: createSchema({ typeDefs: sessionTypeDefs, resolvers: sessionResolvers }),
  plugins: [useSession({ store: memoryStore({ max: 1000 }), keys: { dark_mode: { client: ['read', 'write'] } } })],
})

const server = createServer(yoga).listen(0, '127.0.0.1')
await once(server, 'listening')
const response = await fetch('http://127.0.0.1:' + server.address().port + '/graphql', {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ query: print(SetSessionKeyDocument), variables: { key: 'dark_mode', value: true } }),
})
const { data, errors } = await response.json()
server.close()
server.closeAllConnections()

const exports = {}
for (const specifier of process.argv.slice(2)) exports[specifier] = Object.keys(await import(specifier)).sort()
const sdl = readFileSync(new URL(import.meta.resolve('graphql-session/session.graphql')), 'utf8')
console.log(JSON.stringify({ data, errors, cookies: response.headers.getSetCookie().length, exports, sdl }))
`

async function expectToRun(node: string): Promise<void> {
  await writeFile(join(project, 'program.js'), program)
  const exported = await exportedBySource()
  const report = JSON.parse(await run(node, ['program.js', ...Object.keys(exported)], project, node))
  expect(report).toMatchObject({
    data: { setSessionKey: { created: true, entry: { key: 'dark_mode', value: true } } },
    cookies: 1,
    exports: exported,
    sdl: await readFile(join(root, 'schema/session.graphql'), 'utf8'),
  })
  expect(await run('npx', ['graphql-session', '--version'], project, node)).toBe(`${packageJson.version}\n`)
}

/** By specifier, the names that the source of each exported module has. */
async function exportedBySource(): Promise<Record<string, string[]>> {
  const exported: Record<string, string[]> = {}
  for (const [path, target] of Object.entries(packageJson.exports)) {
    if (typeof target === 'string') continue
    const source = target.default.replace('./dist/', '../src/').replace(/js$/, 'ts')
    exported[path.replace('.', packageJson.name)] = Object.keys(await import(source)).toSorted()
  }
  return exported
}
