// This runs the tests in a copy of this tree, with the lowest version of each peer that package.json declares, also
// over the servers that take no newer graphql.

import { execFileSync, spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { installedElsewhere, installedWithGraphql16 } from '../support/documents/recipe.ts'

/** The suites that meet a peer. Others are about the package as it is built, and the machine around it. */
const meetPeers = ['session', 'graphql', 'http', 'server', 'stores', 'client', 'codegen', 'frontends', 'long']
/** Folders under test, with those in them; otherwise all of those. */
const suites = process.argv.length > 2 ? process.argv.slice(2) : meetPeers

const projects = ['memory', 'short', 'graphql-http', 'apollo', 'mercurius']

/** Files of them that are left out, and why. */
const without = new Map([
  ['test/stores/own-store.test.ts', 'It compiles src, which is written in the types of the newest peers.'],
  ['test/server/browser.test.ts', 'No peer has a part in that page.'],
  [
    'test/codegen/frontends.test.ts',
    'Its tools are none of the peers. What they read is held in test/server/print.test.ts.',
  ],
  [
    'test/frontends/storefront.test.ts',
    'Its page is no part of the package. caches.test.ts has the clients of it.',
  ],
  ['test/frontends/nextjs.test.ts', 'It compiles src, too, and what it builds has packages of its own.'],
])

/** What a skipped test may say. In CI a program that is missing is an error, see needs.ts. */
const acceptable = [
  /^not installed /,
  /^macOS /,
  /^(?:graphql 16|redis 5) has no /,
  // What these servers cannot do is listed in test/support/lacks.ts.
  /^(?:apollo|graphql-http|mercurius) /,
]

interface Results {
  readonly testResults: readonly {
    readonly name: string
    readonly assertionResults: readonly {
      readonly status: string
      readonly fullName: string
      readonly meta: { readonly whySkipped?: string }
    }[]
  }[]
}

const root = join(import.meta.dirname, '..', '..')
const copy = realpathSync(mkdtempSync(join(tmpdir(), 'graphql-session-lowest-peers-')))
try {
  copyTree()
  const peers = lowestPeers()
  const servers = { ...installedWithGraphql16, fastify: installedElsewhere['fastify']! }
  const added = Object.entries({ ...peers, ...servers })
  const packages = added.map(([name, version]) => `${name}@${version}`)
  print(`with ${packages.join(' ')}`)
  const flags = ['--no-save', '--no-audit', '--no-fund', '--ignore-scripts', '--prefer-offline']
  execFileSync('npm', ['install', '--prefix', copy, ...flags, ...packages], { cwd: copy, stdio: 'inherit' })
  for (const [name, version] of added) {
    if (versionOf(name) !== version) throw new Error(`${name} is ${versionOf(name)}, not ${version}.`)
  }
  process.exitCode = passes() ? 0 : 1
} finally {
  rmSync(copy, { recursive: true })
}

function copyTree(): void {
  const list = ['ls-files', '-z', '--cached', '--others', '--exclude-standard']
  const files = execFileSync('git', list, { cwd: root, encoding: 'utf8' }).split('\0')
  for (const file of new Set(files)) {
    // A file that was deleted is listed until that is committed. A folder's name stands for a link here.
    if (!file || !existsSync(join(root, file)) || file === 'node_modules') continue
    mkdirSync(join(copy, dirname(file)), { recursive: true })
    cpSync(join(root, file), join(copy, file))
  }
  cpSync(realpathSync(join(root, 'node_modules')), join(copy, 'node_modules'), {
    recursive: true,
    verbatimSymlinks: true,
  })
}

/** The first version that each range of `peerDependencies` names, which is its lowest. */
function lowestPeers(): Record<string, string> {
  const { peerDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    peerDependencies: Record<string, string>
  }
  return Object.fromEntries(
    Object.entries(peerDependencies).map(([name, range]) => [name, /\d+\.\d+\.\d+/.exec(range)![0]]),
  )
}

function versionOf(name: string): string {
  const file = join(copy, 'node_modules', name, 'package.json')
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}

/** Whether all is green, and nothing is left out without a reason that is good here. */
function passes(): boolean {
  const files = suites
    .flatMap((suite) =>
      readdirSync(join(copy, 'test', suite), { encoding: 'utf8', recursive: true }).map(
        (name) => `test/${suite}/${name}`,
      ),
    )
    .filter((file) => file.endsWith('.test.ts') && !without.has(file))
  const output = join(copy, 'results.json')
  const vitest = join(copy, 'node_modules', 'vitest', 'vitest.mjs')
  const { status } = spawnSync(
    process.execPath,
    [
      [vitest, 'run', ...projects.flatMap((project) => ['--project', project])],
      ['--reporter', './test/support/reporter.ts'],
      ['--reporter', 'json', '--outputFile.json', output],
      files,
    ].flat(),
    { cwd: copy, stdio: 'inherit' },
  )
  if (status !== 0) return false
  const { testResults } = JSON.parse(readFileSync(output, 'utf8')) as Results
  const ran = new Set(testResults.map(({ name }) => name))
  const missing = files.filter((file) => !ran.has(join(copy, file)))
  const skipped = testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .filter(({ status: state }) => state !== 'passed')
    .filter(({ meta: { whySkipped = '' } }) => !acceptable.some((reason) => reason.test(whySkipped)))
  for (const file of missing) print(`did not run: ${file}`)
  for (const { fullName, meta } of skipped)
    print(`skipped: ${fullName}: ${meta.whySkipped ?? 'no reason is given'}`)
  return missing.length === 0 && skipped.length === 0
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
