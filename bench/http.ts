// This measures what a request costs on our servers and on comparable ones (`npm run bench`).

import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startMariadb, startPostgres, startRedis } from '../test/support/servers.ts'
import { ask, load, usualConnections, type Exchange } from './load.ts'
import {
  cleanup,
  conditions,
  format,
  moveToLoadCore,
  type ServerProcess,
  startServer,
  versions,
} from './machine.ts'
import { missingPart } from './parts.ts'
import { findPython } from './python.ts'
import { report, type Results, type Series } from './report.ts'
import { rounded } from './statistics.ts'
import { packages, type System, systems } from './systems.ts'
import { usageOf } from './usage.ts'
import { prepare, type Workload, workloads } from './workload.ts'

const fullRounds = 9

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: String(fullRounds) },
    /** The length of each window. One second of warming up comes before it. */
    seconds: { type: 'string', default: '2' },
    /** Connections of the load, each with one request in flight. */
    connections: { type: 'string', default: String(usualConnections) },
    /** Names of systems in systems.ts, separated by commas. All of them are measured by default. */
    only: { type: 'string' },
    /**
     * The folder for results.md, .json and .svg. By default a complete measurement writes them into bench/.
     */
    out: { type: 'string' },
  },
})
const rounds = Number(flags.rounds)
const seconds = Number(flags.seconds)
const connections = Number(flags.connections)
const names = flags.only?.split(',') ?? systems.map(({ name }) => name)
const named = systems.filter(({ name }) => names.includes(name))
if (![rounds, seconds, connections].every((number) => Number.isInteger(number) && number > 0)) {
  throw new Error('--rounds, --seconds and --connections are whole numbers from 1 up.')
}
if (named.length < names.length) {
  throw new Error(`--only takes some of ${systems.map(({ name }) => name).join(', ')}.`)
}

const chosen = named.filter((system) => {
  const missing = missingPart(system)
  if (missing) console.log(`${system.name} is left out: ${missing}.`)
  return !missing
})
if (chosen.length === 0) throw new Error('Nothing is left to measure.')
const isFull = rounds >= fullRounds && chosen.length === systems.length && connections === usualConnections
const out = flags.out ?? (isFull ? import.meta.dirname : null)

/** A system whose server has been started and answers rightly. */
interface Running {
  readonly system: System
  readonly server: ServerProcess
  /** The processes of its stores, whose CPU counts, with their children. */
  readonly stores: readonly number[]
  readonly exchanges: Record<Workload, Exchange>
}

/** What all systems of a group share. None waits for a disk but SQLite, since the speed of disks varies. */
interface Backend {
  /** What their servers are started with. */
  readonly argument: string
  /** Its process; null where there is none. */
  readonly pid: number | null
  stop(): Promise<void>
}

const openers: Partial<Record<System['group'], () => Promise<Backend>>> = {
  'in Redis': async () => serverOf(await startRedis(['--appendonly', 'no'])),
  'in PostgreSQL': async () => serverOf(await startPostgres(['synchronous_commit=off'])),
  'in MariaDB': async () =>
    serverOf(await startMariadb(['innodb-flush-log-at-trx-commit=0', 'sync-binlog=0'])),
  async 'in SQLite'() {
    const folder = mkdtempSync(join(tmpdir(), 'graphql-session-bench-'))
    return {
      argument: join(folder, 'sessions.db'),
      pid: null,
      stop: async () => rmSync(folder, { recursive: true }),
    }
  },
}

const serverOf = (server: Awaited<ReturnType<typeof startRedis>>): Backend => ({
  argument: server.url,
  pid: server.process.pid!,
  stop: () => server.stop(),
})

installPeers()
moveToLoadCore()
const { add, run: cleanUp } = cleanup()
try {
  const running = await startAll()
  const results = await measure(running)
  const { markdown, svg } = report(results)
  console.log(`\n${markdown}`)
  if (out) {
    const files = {
      'results.md': markdown,
      'results.json': JSON.stringify(results, null, 2),
      'results.svg': svg,
    }
    for (const [name, text] of Object.entries(files)) writeFileSync(join(out, name), text)
    format(join(out, 'results.md'), join(out, 'results.json'))
  } else
    console.log(
      `Nothing is written, as this is not all of it in ${fullRounds} rounds of the usual load; --out FOLDER does.`,
    )
} finally {
  await cleanUp()
}

function installPeers(): void {
  const { dependencies } = JSON.parse(readFileSync(join(import.meta.dirname, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>
  }
  const folders = Object.keys(dependencies).map((name) => join(import.meta.dirname, 'node_modules', name))
  if (folders.every((folder) => existsSync(folder))) return
  console.log('Installing what to compare with into bench/node_modules (npm ci --prefix bench).')
  execFileSync('npm', ['ci', '--prefix', import.meta.dirname, '--no-audit', '--no-fund'], {
    stdio: 'inherit',
  })
}

async function startAll(): Promise<Running[]> {
  const backends: Partial<Record<System['group'], Backend>> = {}
  for (const [group, open] of Object.entries(openers) as [System['group'], () => Promise<Backend>][]) {
    if (!chosen.some((system) => storesOf(system).includes(group))) continue
    const backend = await open()
    add(() => backend.stop())
    backends[group] = backend
  }
  const running: Running[] = []
  for (const system of chosen) {
    const used = storesOf(system).flatMap((group) => backends[group] ?? [])
    const argument = used.map((backend) => backend.argument).join(' ')
    const server = await startServer({ ...system.start, argument })
    add(() => server.stop())
    const exchanges = await naming(system, prepare(server.port, system.keeps, system.naming))
    for (const workload of workloads) await naming(system, warmUp(server, exchanges[workload], 3))
    running.push({ system, server, stores: used.flatMap(({ pid }) => pid ?? []), exchanges })
  }
  console.log(`${chosen.length} systems answer rightly.`)
  return running
}

function storesOf({ group, cache }: System): System['group'][] {
  return cache ? [group, cache] : [group]
}

async function measure(running: readonly Running[]): Promise<Results> {
  const results: Results = {
    conditions: conditions(connections),
    versions: { ...versions(packages), ...pythonVersions() },
    rounds,
    seconds,
    systems: Object.fromEntries(chosen.map(({ name }) => [name, { R: emptySeries(), W: emptySeries() }])),
    alone: Object.fromEntries(
      chosen.filter(isAlsoAlone).map(({ name }) => [name, { R: emptySeries(), W: emptySeries() }]),
    ),
  }
  for (let round = 0; round < rounds; round++) {
    for (const workload of workloads) {
      // Each round begins with another system, so that none is always the first.
      const first = round % running.length
      for (const each of [...running.slice(first), ...running.slice(0, first)]) {
        await addTo(results.systems, each, workload, connections)
        if (isAlsoAlone(each.system)) await addTo(results.alone, each, workload, 1)
      }
    }
    console.log(`Round ${round + 1} of ${rounds} is done.`)
  }
  return results
}

/** Whether a system is measured with one connection, beside those of the load. */
function isAlsoAlone({ alone = false }: System): boolean {
  return alone && connections !== 1
}

async function addTo(
  measured: Results['systems'],
  running: Running,
  workload: Workload,
  count: number,
): Promise<void> {
  const { system } = running
  const window = await naming(system, measureWindow(running, workload, count))
  const series = measured[system.name]![workload]
  for (const [key, value] of Object.entries(window)) series[key as keyof Series].push(value)
}

/** Those of what runs in Python, with its modules. */
function pythonVersions(): Readonly<Record<string, string>> {
  const modules = new Set(chosen.flatMap(({ python = [] }) => python))
  return modules.size > 0 ? findPython([...modules])!.versions : {}
}

function emptySeries(): Series {
  return { cpu: [], store: [], perSecond: [], p50: [], p99: [], rss: [] }
}

async function measureWindow(
  { server, stores, exchanges }: Running,
  workload: Workload,
  count: number,
): Promise<Record<keyof Series, number>> {
  await warmUp(server, exchanges[workload], 1)
  // A server that serves one connection after the other goes on with those that the warm-up has left.
  await ask(server.port, exchanges[workload].asks[0]!)
  const ofStore = (): number => stores.reduce((total, pid) => total + usageOf(pid).cpu, 0)
  const [before, storeBefore] = [await server.usage(), ofStore()]
  const loaded = await load(server.port, exchanges[workload], { seconds, connections: count })
  const after = await server.usage()
  const { requests, p50, p99 } = loaded
  return {
    cpu: rounded((after.cpu - before.cpu) / requests, 2),
    store: rounded((ofStore() - storeBefore) / requests, 2),
    perSecond: Math.round(requests / loaded.seconds),
    p50: rounded(p50, 3),
    p99: rounded(p99, 3),
    rss: Math.round(after.rss / 2 ** 20),
  }
}

async function warmUp({ port }: ServerProcess, exchange: Exchange, long: number): Promise<void> {
  await load(port, exchange, { seconds: long, checks: true })
}

/** Puts the name of the system before the message of what fails. */
async function naming<T>(system: System, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw new Error(`${system.name}: ${(error as Error).message}`, { cause: error })
  }
}
