// This measures how the server scales with sessions and with processes (`npm run bench:scale`).

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { cleanup, conditions, format } from './machine.ts'
import { connections, measureProcesses, type Processes } from './scale-processes.ts'
import { measureSessions, perSecond, type Sessions } from './scale-sessions.ts'
import { median, ratios, spread } from './statistics.ts'
import { table } from './table.ts'
import { workloads } from './workload.ts'

const fullRounds = 7

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: String(fullRounds) },
    /** The length of each window. */
    seconds: { type: 'string', default: '3' },
    /** `sessions` or `processes`. Both are measured by default. */
    only: { type: 'string' },
    /** The folder for scale.md and .json. By default a complete measurement writes them into bench/. */
    out: { type: 'string' },
  },
})
const rounds = Number(flags.rounds)
const seconds = Number(flags.seconds)
const out = flags.out ?? (rounds >= fullRounds && !flags.only ? import.meta.dirname : null)

if (!(Number.isInteger(rounds) && rounds > 0 && Number.isInteger(seconds) && seconds > 0)) {
  throw new Error('--rounds and --seconds are whole numbers from 1 up.')
}
if (![undefined, 'sessions', 'processes'].includes(flags.only)) {
  throw new Error('--only takes sessions or processes.')
}

const where = conditions(connections)
const { add, run: cleanUp } = cleanup()
try {
  const sessions = flags.only === 'processes' ? null : await measureSessions({ rounds, seconds, add })
  await cleanUp()
  const processes = flags.only === 'sessions' ? null : await measureProcesses({ rounds, seconds, add })
  const { node, cpu, cores, date, commit } = where
  const markdown = [
    '# How it scales',
    `Node ${node}, ${cores} cores (${cpu}), loopback; ${rounds} rounds of ${seconds} s for each, by turns; ${date}, commit ${commit}.
Numbers are the median [least..most] of the rounds, and ratios are taken within a round.`,
    ...(sessions ? [sessionsPart(sessions)] : []),
    ...(processes ? [processesPart(processes, cores)] : []),
  ].join('\n\n')
  console.log(`\n${markdown}`)
  if (out) {
    const [text, json] = [join(out, 'scale.md'), join(out, 'scale.json')]
    writeFileSync(text, markdown)
    writeFileSync(json, JSON.stringify({ conditions: where, rounds, seconds, sessions, processes }, null, 2))
    format(text, json)
  } else
    console.log(`Nothing is written, as this is not all of it in ${fullRounds} rounds; --out FOLDER does.`)
} finally {
  await cleanUp()
}

function sessionsPart(sessions: Sessions): string {
  const [fewest, ...more] = sessions
  const rows = sessions.map(({ count, p50, p99, cpu, rss }) => [
    String(count),
    spread(p50, 2),
    spread(p99, 2),
    spread(ratios(p99, fewest!.p99), 2, '×'),
    spread(cpu, 0),
    String(rss),
  ])
  const ratio = median(ratios(more.at(-1)!.p99, fewest!.p99))
  const verdict = ratio <= 1.1 ? 'aim' : ratio <= 1.5 ? 'reach' : 'missed'
  return `## Sessions in the memory store

Over HTTP, since what a large heap costs is garbage collection, which stops the whole server, and which nothing but requests sets
off. ${perSecond} reads a second of sessions all over the store, whatever comes back, timed from the instant at which each was due.

${table(['sessions', 'p50 in ms', 'p99 in ms', 'p99 of the fewest', 'µs of CPU a request', 'RSS in MiB'], rows)}

p99 of the most against the fewest: reach 1.5×, aim 1.1×; ${verdict}.`
}

function processesPart(processes: Processes, cores: number): string {
  const [one] = processes
  const rows = processes.map(({ count, R, W }) => [
    String(count),
    ...[R, W].flatMap(({ perSecond: speeds, cpu }) => [spread(speeds, 0), spread(cpu, 0)]),
    ...workloads.map((workload) => spread(ratios({ R, W }[workload].cpu, one![workload].cpu), 2, '×')),
  ])
  const head = ['R: requests a second', 'µs of CPU a request', 'W: requests a second', 'µs of CPU a request']
  return `## Server processes on one Redis

${connections} connections in all, spread evenly; what one process wrote the others read. The servers, Redis and the load share the
${cores} cores: beyond as many processes, requests a second cannot grow, and CPU a request is what tells.

${table(['processes', ...head, 'R: CPU of one', 'W'], rows)}`
}
