// This measures what a request costs on our servers and on comparable ones (`npm run bench`).

import { execFileSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startRedis } from '../test/support/servers.ts'
import { load, usualConnections, type Exchange } from './load.ts'
import {
  cleanup,
  conditions,
  format,
  moveToLoadCore,
  type ServerProcess,
  startServer,
  versions,
} from './machine.ts'
import { report, type Results, type Series } from './report.ts'
import { rounded } from './statistics.ts'
import { packages, type System, systems } from './systems.ts'
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
const chosen = systems.filter(({ name }) => names.includes(name))
const isFull = rounds >= fullRounds && chosen.length === systems.length && connections === usualConnections
const out = flags.out ?? (isFull ? import.meta.dirname : null)

if (![rounds, seconds, connections].every((number) => Number.isInteger(number) && number > 0)) {
  throw new Error('--rounds, --seconds and --connections are whole numbers from 1 up.')
}
if (chosen.length < names.length) {
  throw new Error(`--only takes some of ${systems.map(({ name }) => name).join(', ')}.`)
}

/** A system whose server has been started and answers rightly. */
interface Running {
  readonly system: System
  readonly server: ServerProcess
  readonly exchanges: Record<Workload, Exchange>
}

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
  if (existsSync(join(import.meta.dirname, 'node_modules'))) return
  console.log('Installing what to compare with into bench/node_modules (npm ci --prefix bench).')
  execFileSync('npm', ['ci', '--prefix', import.meta.dirname, '--no-audit', '--no-fund'], {
    stdio: 'inherit',
  })
}

async function startAll(): Promise<Running[]> {
  let url = ''
  if (chosen.some(({ group }) => group === 'in Redis')) {
    // All systems share one Redis. It writes nothing to disk, since the speed of a disk varies.
    const redis = await startRedis(['--appendonly', 'no'])
    add(() => redis.stop())
    url = redis.url
  }
  const running: Running[] = []
  for (const system of chosen) {
    const server = await startServer({ ...system.start, argument: system.group === 'in Redis' ? url : '' })
    add(() => server.stop())
    const exchanges = await naming(system, prepare(server.port, system.keeps, system.naming))
    for (const workload of workloads) await naming(system, warmUp(server, exchanges[workload], 3))
    running.push({ system, server, exchanges })
  }
  console.log(`${chosen.length} systems answer rightly.`)
  return running
}

async function measure(running: readonly Running[]): Promise<Results> {
  const results: Results = {
    conditions: conditions(connections),
    versions: versions(packages),
    rounds,
    seconds,
    systems: Object.fromEntries(chosen.map(({ name }) => [name, { R: emptySeries(), W: emptySeries() }])),
  }
  for (let round = 0; round < rounds; round++) {
    for (const workload of workloads) {
      // Each round begins with another system, so that none is always the first.
      const first = round % running.length
      for (const each of [...running.slice(first), ...running.slice(0, first)]) {
        const window = await naming(each.system, measureWindow(each, workload))
        const series = results.systems[each.system.name]![workload]
        for (const [key, value] of Object.entries(window)) series[key as keyof Series].push(value)
      }
    }
    console.log(`Round ${round + 1} of ${rounds} is done.`)
  }
  return results
}

function emptySeries(): Series {
  return { cpu: [], perSecond: [], p50: [], p99: [], rss: [] }
}

async function measureWindow(
  { server, exchanges }: Running,
  workload: Workload,
): Promise<Record<keyof Series, number>> {
  await warmUp(server, exchanges[workload], 1)
  const before = await server.usage()
  const loaded = await load(server.port, exchanges[workload], { seconds, connections })
  const after = await server.usage()
  const { requests, p50, p99 } = loaded
  return {
    cpu: rounded((after.cpu - before.cpu) / requests, 2),
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
