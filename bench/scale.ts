// This measures how the server scales with sessions and with processes (`npm run bench:scale`).

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { wrk } from './load.ts'
import { cleanup, conditions, format } from './machine.ts'
import { missingProgram } from './parts.ts'
import { measureSessions, perSecond, type Sessions } from './scale-sessions.ts'
import { connections, type Grid, measureThroughput, storeKinds, type StoreKind } from './scale-throughput.ts'
import { median, ratios, spread } from './statistics.ts'
import { table } from './table.ts'
import { type Workload, workloads } from './workload.ts'

const fullRounds = 5
const latencySeconds = 3
const usual = { sessions: '1000,10000,100000,1000000', processes: '1,2,3,4' }
const kinds = Object.keys(storeKinds) as StoreKind[]
const parts = ['latency', ...kinds] as const

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: String(fullRounds) },
    /** The length of each window of throughput. */
    seconds: { type: 'string', default: '1' },
    /** Numbers of sessions, separated by commas. */
    sessions: { type: 'string', default: usual.sessions },
    /** Numbers of server processes, separated by commas. */
    processes: { type: 'string', default: usual.processes },
    /** Some of `latency` and the stores, separated by commas. All of them are measured by default. */
    only: { type: 'string' },
    /** The folder for scale.md and .json. By default a complete measurement writes them into bench/. */
    out: { type: 'string' },
  },
})
const [rounds, seconds] = [Number(flags.rounds), Number(flags.seconds)]
const counts = flags.sessions.split(',').map(Number)
const processes = flags.processes.split(',').map(Number)
const named = flags.only?.split(',') ?? parts

if (![rounds, seconds, ...counts, ...processes].every((each) => Number.isInteger(each) && each > 0)) {
  throw new Error('--rounds, --seconds, --sessions and --processes take whole numbers from 1 up.')
}
if (!named.every((name) => (parts as readonly string[]).includes(name))) {
  throw new Error(`--only takes some of ${parts.join(', ')}.`)
}

const chosen = kinds.filter((kind) => {
  const missing = missingProgram(storeKinds[kind])
  if (named.includes(kind) && missing) console.log(`${kind} is left out: ${missing} is not installed.`)
  return named.includes(kind) && !missing
})
const isFull =
  rounds >= fullRounds &&
  named.length === parts.length &&
  chosen.length === kinds.length &&
  flags.sessions === usual.sessions &&
  flags.processes === usual.processes
const out = flags.out ?? (isFull ? import.meta.dirname : null)

const where = conditions(connections)
const { add, run: cleanUp } = cleanup()
try {
  const latency = named.includes('latency')
    ? await measureSessions({ counts, rounds, seconds: latencySeconds * seconds, add })
    : null
  await cleanUp()
  const throughput: Partial<Record<StoreKind, Grid>> = {}
  for (const kind of chosen) {
    throughput[kind] = await measureThroughput({ kind, counts, processes, rounds, seconds, add })
    await cleanUp()
  }
  const { node, cpu, cores, date, commit } = where
  const markdown = [
    '# How it scales',
    `Node ${node}, ${cores} cores (${cpu}), loopback; ${rounds} rounds by turns; ${date}, commit ${commit}.
Sessions have 206 bytes of JSON. R is a query that reads one entry, W a mutation that writes one. Numbers are the median
[least..most] of the rounds, and ratios are taken within a round.`,
    ...(latency ? [latencyPart(latency)] : []),
    ...(chosen.length > 0 ? [throughputIntroduction(cores)] : []),
    ...Object.entries(throughput).map(([kind, grid]) => gridPart(storeKinds[kind as StoreKind], grid)),
  ].join('\n\n')
  console.log(`\n${markdown}`)
  if (out) {
    const [text, json] = [join(out, 'scale.md'), join(out, 'scale.json')]
    writeFileSync(text, markdown)
    writeFileSync(json, JSON.stringify({ conditions: where, rounds, seconds, latency, throughput }, null, 2))
    format(text, json)
  } else
    console.log(`Nothing is written, as this is not all of it in ${fullRounds} rounds; --out FOLDER does.`)
} finally {
  await cleanUp()
}

function latencyPart(sessions: Sessions): string {
  const [fewest, ...more] = sessions
  const rows = sessions.map(({ count, p50, p99, cpu, rss }) => [
    String(count),
    spread(p50, 2),
    spread(p99, 2),
    spread(ratios(p99, fewest!.p99), 2, '×'),
    spread(cpu, 0),
    String(rss),
  ])
  const most = more.at(-1)
  const ratio = most ? median(ratios(most.p99, fewest!.p99)) : 1
  const verdict = ratio <= 1.1 ? 'aim' : ratio <= 1.5 ? 'reach' : 'missed'
  return `## Latency by sessions in the memory store

Over HTTP, since what a large heap costs is garbage collection, which stops the whole server, and which nothing but requests sets
off. ${perSecond} reads a second of sessions all over the store, whatever comes back, timed from the instant at which each was due.

${table(['sessions', 'p50 in ms', 'p99 in ms', 'p99 of the fewest', 'µs of CPU a request', 'RSS in MiB'], rows)}

p99 of the most against the fewest: reach 1.5×, aim 1.1×; ${verdict}.`
}

function throughputIntroduction(cores: number): string {
  return `## Throughput by sessions and processes

Requests a second in windows of ${seconds} s. ${wrk ? 'wrk -t1' : 'bench/load.ts'} for each process, ${connections} connections in all, spread evenly. Each
process has sessions of its own, from all over the store, which it shares with the others. The servers, the store and the load share
the ${cores} cores: beyond as many processes, requests a second cannot grow, and CPU a request is what tells. Redis writes nothing to disk,
PostgreSQL does not wait for it, and SQLite does.`
}

function gridPart(group: string, grid: Grid): string {
  const numbers = [...new Set(grid.map((cell) => cell.processes))]
  const [fewest, most] = [numbers[0]!, numbers.at(-1)!]
  const compared = fewest === most ? [fewest] : [fewest, most]
  const hasStore = grid.some(({ R, W }) => [...R.store, ...W.store].some((each) => each > 0))
  const cpu = hasStore ? 'µs of CPU a request, servers + store' : 'µs of CPU a request'
  const head = (workload: Workload): string[] => [
    `${workload}: sessions`,
    ...numbers.map((number) => `${number} ${number === 1 ? 'process' : 'processes'}`),
    ...compared.map((number, index) => `${index === 0 ? `${cpu}: ` : ''}${number}`),
  ]
  const row = (workload: Workload, count: number): string[] => {
    const of = (number: number) =>
      grid.find((cell) => cell.count === count && cell.processes === number)![workload]
    const store = (number: number): string => (hasStore ? ` + ${median(of(number).store).toFixed(0)}` : '')
    return [
      String(count),
      ...numbers.map((number) => spread(of(number).perSecond, 0)),
      ...compared.map((number) => `${median(of(number).cpu).toFixed(0)}${store(number)}`),
    ]
  }
  const rows = (workload: Workload): string[][] =>
    [...new Set(grid.map(({ count }) => count))].map((count) => row(workload, count))
  return [
    `### ${group.replace('in ', 'In ')}`,
    ...workloads.map((workload) => table(head(workload), rows(workload))),
  ].join('\n\n')
}
