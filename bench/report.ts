// This turns what bench/http.ts measured into Markdown and a chart, and judges it by the targets.

import type { Conditions } from './machine.ts'
import { plot } from './plot.ts'
import { median, ratios, spread } from './statistics.ts'
import { type Bound, type System, systems, type Target, targets } from './systems.ts'
import { table } from './table.ts'
import { sessionCount, type Workload, workloads } from './workload.ts'

/** What was measured of one system and workload: a number for each round. */
export interface Series {
  /** Microseconds of the server's CPU a request. */
  readonly cpu: number[]
  /** Requests a second. */
  readonly perSecond: number[]
  /** Milliseconds. */
  readonly p50: number[]
  /** Milliseconds. */
  readonly p99: number[]
  /** Microseconds of CPU of the store's processes, a request; 0 where it has none. */
  readonly store: number[]
  /** MiB that the server's process takes after the window. */
  readonly rss: number[]
}

/** What results.json holds: all series, by system and workload. */
export interface Results {
  readonly conditions: Conditions
  readonly versions: Record<string, string>
  readonly rounds: number
  readonly seconds: number
  readonly systems: Measured
  /** Those that were also measured with one connection. */
  readonly alone: Measured
}

type Measured = Record<string, Record<Workload, Series>>

const groups: readonly System['group'][] = [
  'in memory',
  'in SQLite',
  'in Redis',
  'in PostgreSQL',
  'in MariaDB',
  'without a session',
]

/** Our server in the same group, by the group. The others are compared with ours in memory. */
const oursIn: Partial<Record<System['group'], string>> = {
  'in SQLite': 'ours-sqlite',
  'in Redis': 'ours-redis',
  'in PostgreSQL': 'ours-postgres',
  'in MariaDB': 'ours-mysql',
}

export function report(results: Results): { markdown: string; svg: string } {
  const measured = systems.filter(({ name }) => name in results.systems)
  const inOne = systems.filter(({ name }) => name in results.alone)
  return {
    markdown: [
      '# What a request costs',
      '![Microseconds of server CPU a request](results.svg)',
      method(results),
      '## CPU',
      table(
        ['', 'R: µs of server CPU a request', 'W', 'R: µs of the store', 'W', 'R: of ours', 'W'],
        measured.map((system) => cpuRow(results, system)),
      ),
      `"Of ours" is how many times the server CPU of createSessionServer, over the same store where there is a row of it, or else in memory.`,
      '## Targets',
      table(
        ['', 'R', 'W', 'reach', 'aim', 'R, W'],
        targets
          .filter((target) =>
            [target.ours, target.against].every((name) => name in measuredFor(target, results)),
          )
          .map((target) => targetRow(results, target)),
      ),
      '## Throughput, latency and memory',
      'They move with whatever else the machine does: nothing is decided by them.',
      table(
        ['', 'R: requests a second', 'W', 'R: p50, p99 in ms', 'W', 'RSS in MiB'],
        measured.map((system) => otherRow(results, system)),
      ),
      ...(inOne.length > 0 ? aloneSection(results, inOne) : []),
      '## What each of them does',
      measured.map((system) => `- **${nameOf(system)}**: ${system.does.join('; ')}.`).join('\n'),
    ].join('\n\n'),
    svg: plot(
      'Microseconds of server CPU a request',
      `Node ${results.conditions.node}, ${results.rounds} rounds, ${results.conditions.date}, ${results.conditions.commit}`,
      groups
        .map((group) => ({
          heading: group,
          rows: measured
            .filter((system) => system.group === group)
            .map(({ name, label }) => ({
              label,
              isOurs: name.startsWith('ours') || name === 'yoga-plugin',
              bars: workloads.map((series) => ({
                series,
                value: median(results.systems[name]![series].cpu),
              })),
            }))
            .toSorted((a, b) => a.bars[0]!.value - b.bars[0]!.value),
        }))
        .filter(({ rows }) => rows.length > 0),
    ),
  }
}

function method({ conditions, versions, rounds, seconds }: Results): string {
  const { node, cpu, cores, pinned, driver, date, commit } = conditions
  const where = pinned
    ? 'one core for the server, another one for the load and for the store'
    : 'nothing is pinned to a core'
  const installed = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  return `Node ${node}, ${cores} cores (${cpu}), ${where}; ${driver}, loopback; ${rounds} rounds of ${seconds} s for each after
1 s in which every answer is checked, the systems by turns, all warmed up before the first; ${date}, commit ${commit}. NODE_ENV is production. ${sessionCount} sessions of
206 bytes of JSON and a valid cookie. R is a query that reads one entry, W a mutation that writes one, with a value that
changes; both are POSTs of JSON. Numbers are the median [least..most] of the rounds, and ratios are taken within a round. Redis
writes nothing to disk, PostgreSQL and MariaDB do not wait for it. ${installed.join(', ')}.`
}

/** What was measured with one connection, where an answer shares its turn of the event loop with no other. */
const aloneSection = ({ alone }: Results, measured: readonly System[]): string[] => [
  '## With one connection',
  table(
    ['', 'R: µs of server CPU a request', 'W', 'R: p50, p99 in ms', 'W'],
    measured.map((system) => {
      const { R, W } = alone[system.name]!
      return [nameOf(system), spread(R.cpu, 0), spread(W.cpu, 0), latency(R), latency(W)]
    }),
  ),
]

/** The measurements by which a target is judged. */
const measuredFor = ({ alone }: Target, results: Results): Measured =>
  alone ? results.alone : results.systems

const nameOf = ({ label, group }: System): string =>
  `${label}${group === 'in memory' || group === 'without a session' ? '' : ` (${group.replace('in ', '')})`}`

function cpuRow({ systems: measured }: Results, system: System): string[] {
  const own = measured[system.name]!
  const ours = measured[oursIn[system.group] ?? 'ours']
  const hasStore = workloads.some((workload) => own[workload].store.some((each) => each > 0))
  return [
    nameOf(system),
    ...workloads.map((workload) => spread(own[workload].cpu, 0)),
    ...workloads.map((workload) => (hasStore ? spread(own[workload].store, 0) : '')),
    ...workloads.map((workload) => (ours ? spread(ratios(own[workload].cpu, ours[workload].cpu), 2) : '')),
  ]
}

function targetRow(results: Results, target: Target): string[] {
  const { as, countsStore } = target
  const measured = measuredFor(target, results)
  const values = workloads.map((workload) => {
    const of = (name: string): number[] => {
      const { perSecond, p99, cpu, store } = measured[name]![workload]
      if (as === 'share') return perSecond
      if (as === 'p99') return p99
      return countsStore ? cpu.map((each, round) => each + store[round]!) : cpu
    }
    const [own, theirs] = [of(target.ours), of(target.against)]
    if (as === 'p99') return own
    if (as === 'times') return ratios(theirs, own)
    return ratios(own, theirs).map((ratio) => (as === 'more' ? ratio - 1 : ratio) * 100)
  })
  const unit = { times: '×', more: ' %', share: ' %', p99: '' }[as]
  const scale = unit === ' %' ? 100 : 1
  const show = (bound: Bound): string =>
    [...new Set(workloads.map((workload) => boundOf(bound, workload)))]
      .map((each) => `${as === 'more' ? '+' : ''}${(each * scale).toFixed(as === 'times' ? 1 : 0)}${unit}`)
      .join(', ')
  const judge = (value: number, workload: Workload): string => {
    const meets = (bound: Bound): boolean => {
      const scaled = boundOf(bound, workload) * scale
      return as === 'times' || as === 'share' ? value >= scaled : value <= scaled
    }
    return meets(target.aim) ? 'aim' : meets(target.reach) ? 'reach' : 'missed'
  }
  return [
    target.what,
    ...values.map((each) => spread(each, as === 'times' ? 2 : 0, unit)),
    show(target.reach),
    show(target.aim),
    values.map((each, at) => judge(median(each), workloads[at]!)).join(', '),
  ]
}

const boundOf = (bound: Bound, workload: Workload): number =>
  typeof bound === 'number' ? bound : bound[workload]

const latency = ({ p50, p99 }: Series): string => `${median(p50).toFixed(1)}, ${median(p99).toFixed(1)}`

function otherRow({ systems: measured }: Results, system: System): string[] {
  const { R, W } = measured[system.name]!
  return [
    nameOf(system),
    spread(R.perSecond, 0),
    spread(W.perSecond, 0),
    latency(R),
    latency(W),
    String(Math.max(...R.rss, ...W.rss)),
  ]
}
