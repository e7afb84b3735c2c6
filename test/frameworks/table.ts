// This runs the packed package wherever people run it, each in a folder of its own: `npm run test:frameworks -- NAME…` for some.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { lstat, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, delimiter, dirname, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import packageJson from '../../package.json' with { type: 'json' }
import { certificate } from '../support/certificate.ts'
import { allPages, compilerOptions, root } from '../support/documents/page.ts'
import { filesUnder } from '../support/documents/recipe.ts'
import { pack } from '../support/packed.ts'
import { accepts, freePort } from '../support/servers.ts'
import { probe, stepNames, type StepName } from './probe.ts'
import { notTried, outOfReach, type Row, rows } from './rows.ts'

/** Milliseconds that a command of a row may take: installing its packages, or a production build. */
const patience = 300_000

interface Outcome {
  readonly row: Row
  readonly failures: readonly string[]
  readonly seconds: number
}

/** Puts free ports in the place of those of recipes: 4001 is that of a server behind the one that is asked. */
const moved = (text: string, [port, behind]: Ports): string =>
  text.replaceAll(/\b[34]000\b/g, String(port)).replaceAll(/\b4001\b/g, String(behind))

type Ports = readonly [port: number, behind: number]

/** A folder as a reader of the recipe has it, with what the row installs. */
async function makeFolder(row: Row, folder: string, tarball: string, ports: Ports): Promise<string[]> {
  const read = (name: string): Promise<string> => readFile(join(import.meta.dirname, 'app', name), 'utf8')
  const files = new Map([
    ['application.ts', await read('application.ts')],
    ['store.ts', await read(row.store ?? 'store.ts')],
    ...(row.recipe ? filesUnder(row.recipe) : []),
    ...Object.entries(row.files ?? {}),
    ...(await Promise.all(
      (row.app ?? ['yoga.ts']).map(async (name) => [basename(name), await read(name)] as const),
    )),
  ])
  for (const [name, text] of files) {
    await mkdir(dirname(join(folder, name)), { recursive: true })
    await writeFile(join(folder, name), moved(text, ports))
  }
  if (row.isHttp2) {
    const { key, cert } = certificate()
    await Promise.all([writeFile(join(folder, 'shop.key'), key), writeFile(join(folder, 'shop.pem'), cert)])
  }
  const manifest = { private: true, type: 'module', ...row.manifest }
  await writeFile(join(folder, 'package.json'), JSON.stringify(manifest))
  const shared = ['graphql', 'graphql-yoga', '@graphql-yoga/plugin-defer-stream', 'typescript', '@types/node']
  const versions = new Map(
    await Promise.all(shared.map(async (name) => [name, await versionOf(name)] as const)),
  )
  for (const [name, version] of Object.entries(row.packages)) versions.set(name, version)
  const flags = ['--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  const packages = Array.from(versions, ([name, version]) => `${name}@${version}`)
  await command(['npm', 'install', '--save-exact', ...flags, tarball, ...packages], folder)
  return [...files.keys()].filter((name) => /\.tsx?$/.test(name))
}

/** The version that is installed here. */
async function versionOf(name: string): Promise<string> {
  return JSON.parse(await readFile(join(root, 'node_modules', name, 'package.json'), 'utf8')).version
}

interface Child {
  readonly ended: Promise<number>
  output(): string
  /** Ends the process, and those that it has started. */
  end(): Promise<void>
}

/** Starts a program of the packages in a folder, or of this machine, as the leader of a group of processes. */
function startIn(folder: string, [program, ...args]: readonly string[], env: NodeJS.ProcessEnv = {}): Child {
  const path = [join(folder, 'node_modules/.bin'), dirname(process.execPath), process.env['PATH']].join(
    delimiter,
  )
  const child = spawn(program!.includes('/') ? join(folder, program!) : program!, args, {
    cwd: folder,
    env: { ...process.env, ...env, PATH: path },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  }
  const ended = once(child, 'close').then(
    ([code, signal]) => Number(code ?? (signal ? 1 : 0)),
    (error: Error) => {
      output += error.message
      return 1
    },
  )
  return {
    ended,
    output: () => output,
    async end() {
      try {
        process.kill(-child.pid!, 'SIGKILL')
      } catch {}
      await ended
    },
  }
}

async function command(words: readonly string[], folder: string, env: NodeJS.ProcessEnv = {}): Promise<void> {
  const child = startIn(folder, words, env)
  const timer = new AbortController()
  const late = setTimeout(patience, 'late' as const, { signal: timer.signal }).catch(() => 1)
  const code = await Promise.race([child.ended, late])
  timer.abort()
  await child.end()
  if (code !== 0) throw new Error(`${words.join(' ')}: ${code}\n${child.output().slice(-3000)}`)
}

async function run(row: Row, tarball: string): Promise<Outcome> {
  const since = performance.now()
  const folder = await mkdtemp(join(tmpdir(), 'graphql-session-framework-'))
  const failures: string[] = []
  let server: Child | undefined
  try {
    const ports = [await freePort(), await freePort()] as const
    const [port] = ports
    const sources = await makeFolder(row, folder, tarball, ports)
    const { types = 'node' } = row
    if (types) {
      const options = [...compilerOptions(allPages()), '--types', types]
      await command(['node_modules/typescript/bin/tsc', ...options, ...sources], folder)
    }
    const own = Object.entries(row.env ?? {}).map(([name, value]) => [name, moved(value, ports)])
    const env = { ...Object.fromEntries(own), PORT: String(port), NODE_ENV: 'production' }
    for (const words of row.build ?? []) await command(words, folder, env)
    if (row.start) {
      server = startIn(
        folder,
        row.start.map((word) => moved(word, ports)),
        env,
      )
      await untilListening(server, port)
      using _ = row.isHttp2 ? overHttp2() : null
      const without = new Set(Object.keys(row.without ?? {}) as StepName[])
      for (const [step, why] of await probe(
        `${row.isHttp2 ? 'https' : 'http'}://localhost:${port}/graphql`,
        without,
        row.also ?? [],
      )) {
        failures.push(`${step}: ${why}`)
      }
    }
    if (failures.length > 0) failures.push(`The server printed:\n${server?.output().slice(-3000)}`)
  } catch (error) {
    failures.push((error as Error).message)
  } finally {
    await server?.end()
    if (!process.env['KEEP']) await rm(folder, { recursive: true })
  }
  return { row, failures, seconds: (performance.now() - since) / 1000 }
}

async function untilListening(server: Child, port: number): Promise<void> {
  const deadline = performance.now() + 60_000
  while (!(await accepts(port))) {
    const code = await Promise.race([server.ended, setTimeout(50, null)])
    if (code !== null) throw new Error(`The server ended with ${code}:\n${server.output().slice(-3000)}`)
    if (performance.now() > deadline) throw new Error(`Nobody listens:\n${server.output().slice(-3000)}`)
  }
}

/** Lets `fetch` speak HTTP/2, and take any certificate. Its dispatcher is known by this symbol only. */
function overHttp2(): Disposable {
  const global = globalThis as unknown as Record<symbol, object>
  const place = Symbol.for('undici.globalDispatcher.1')
  const before = global[place]!
  const Agent = before.constructor as new (options: object) => object
  global[place] = new Agent({ allowH2: true, connect: { rejectUnauthorized: false } })
  return { [Symbol.dispose]: () => void (global[place] = before) }
}

/** The most that a production install may weigh, in MB, by the version of graphql. graphql 17 alone has 6.7. */
const bounds: Readonly<Record<string, number>> = { '16': 16, '17': 20.5 }

/** Installs what the README says, and prints how many packages that are, and how large their files are. */
async function weigh(tarball: string): Promise<void> {
  for (const [version, bound] of Object.entries(bounds)) {
    const folder = await mkdtemp(join(tmpdir(), 'graphql-session-weight-'))
    try {
      await writeFile(join(folder, 'package.json'), '{ "private": true }')
      const flags = [
        '--omit=dev',
        '--prefer-offline',
        '--ignore-scripts',
        '--no-audit',
        '--no-fund',
        '--loglevel=error',
      ]
      await command(['npm', 'install', ...flags, tarball, 'graphql-yoga', `graphql@${version}`], folder)
      const lock = JSON.parse(await readFile(join(folder, 'package-lock.json'), 'utf8')) as {
        packages: object
      }
      const files = await readdir(join(folder, 'node_modules'), { recursive: true, withFileTypes: true })
      const sizes = files
        .filter((file) => file.isFile())
        .map((file) => lstat(join(file.parentPath, file.name)))
      const bytes = (await Promise.all(sizes)).reduce((sum, { size }) => sum + size, 0)
      const megabytes = bytes / 1e6
      const isLight = megabytes <= bound
      if (!isLight) process.exitCode = 1
      // The first of them is the folder itself.
      const packages = Object.keys(lock.packages).length - 1
      print(
        `installed with graphql ${version}: ${megabytes.toFixed(1)} MB in ${packages} packages${isLight ? '' : `, FAILED: more than ${bound} MB`}`,
      )
    } finally {
      await rm(folder, { recursive: true })
    }
  }
}

const print = (text: string): void => void process.stdout.write(`${text}\n`)

function report({ row, failures, seconds }: Outcome): void {
  const without = Object.entries(row.without ?? {})
  const reasons = Map.groupBy(without, ([, reason]) => reason)
  const versions = Object.entries(row.packages).map(([name, version]) => `${name} ${version}`)
  const all = stepNames.length + (row.also?.length ?? 0)
  const count = all - without.length
  const result = failures.length > 0 ? 'FAILED' : row.start ? `${count} of ${all} passed` : 'passed'
  print(`| ${row.name} | ${versions.join(', ')} | ${result} | ${seconds.toFixed(0)} s |`)
  for (const [reason, some] of reasons)
    print(`    without ${some.map(([step]) => step).join(', ')}: ${reason}`)
  for (const failure of failures) print(`    ${failure.replaceAll('\n', '\n    ')}`)
}

async function main(names: readonly string[]): Promise<void> {
  const chosen =
    names.length === 0 ? rows : rows.filter(({ name }) => names.some((each) => name.includes(each)))
  if (chosen.length === 0 && !names.includes('weight'))
    throw new Error(`Known rows: ${rows.map(({ name }) => name).join('; ')}; weight.`)
  const folder = await mkdtemp(join(tmpdir(), 'graphql-session-frameworks-'))
  try {
    const tarball = process.env['TARBALL'] ?? (await pack(folder))
    print(`| ${packageJson.name} ${packageJson.version} in | with | result | time |`)
    for (const row of chosen) {
      const outcome = await run(row, tarball)
      report(outcome)
      if (outcome.failures.length > 0) process.exitCode = 1
    }
    if (names.length === 0 || names.includes('weight')) await weigh(tarball)
    if (names.length === 0) {
      for (const reason of notTried) print(`not tried: ${reason}`)
      for (const reason of outOfReach) print(`out of reach: ${reason}`)
    }
  } finally {
    await rm(folder, { recursive: true })
  }
}

await main(process.argv.slice(2))
