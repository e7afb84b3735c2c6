// This turns what bench/http.ts measured into Markdown and a chart, and judges it by the targets.

import type { Conditions } from './machine.ts'
import { plot } from './plot.ts'
import { median, ratios, spread } from './statistics.ts'
import { type System, systems, type Target, targets } from './systems.ts'
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
  /** MiB that the server's process takes after the window. */
  readonly rss: number[]
}

/** What results.json holds: all series, by system and workload. */
export interface Results {
  readonly conditions: Conditions
  readonly versions: Record<string, string>
  readonly rounds: number
  readonly seconds: number
  readonly systems: Record<string, Record<Workload, Series>>
}

const groups: readonly System['group'][] = ['in memory', 'in Redis', 'without a session']

export function report(results: Results): { markdown: string; svg: string } {
  const measured = systems.filter(({ name }) => name in results.systems)
  return {
    markdown: [
      '# What a request costs',
      '![Microseconds of server CPU a request](results.svg)',
      method(results),
      '## CPU',
      table(
        ['', 'R: µs of server CPU a request', 'W', 'R: of ours', 'W'],
        measured.map((system) => cpuRow(results, system)),
      ),
      `"Of ours" is how many times what createSessionServer takes, in memory, or in Redis where the session is there.`,
      '## Targets',
      table(
        ['', 'R', 'W', 'reach', 'aim', 'R, W'],
        targets
          .filter(({ ours, against }) => ours in results.systems && against in results.systems)
          .map((target) => targetRow(results, target)),
      ),
      '## Throughput, latency and memory',
      'They move with whatever else the machine does: nothing is decided by them.',
      table(
        ['', 'R: requests a second', 'W', 'R: p50, p99 in ms', 'W', 'RSS in MiB'],
        measured.map((system) => otherRow(results, system)),
      ),
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
    ? 'one core for the server, another one for the load and for Redis'
    : 'nothing is pinned to a core'
  const installed = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  return `Node ${node}, ${cores} cores (${cpu}), ${where}; ${driver}, loopback; ${rounds} rounds of ${seconds} s for each after
1 s in which every answer is checked, the systems by turns, all warmed up before the first; ${date}, commit ${commit}. NODE_ENV is production. ${sessionCount} sessions of
206 bytes of JSON and a valid cookie. R is a query that reads one entry, W a mutation that writes one, with a value that
changes; both are POSTs of JSON. Numbers are the median [least..most] of the rounds, and ratios are taken within a round. Redis
writes nothing to disk. ${installed.join(', ')}.`
}

const nameOf = ({ label, group }: System): string => `${label}${group === 'in Redis' ? ' (Redis)' : ''}`

function cpuRow({ systems: measured }: Results, system: System): string[] {
  const own = measured[system.name]!
  const ours = measured[system.group === 'in Redis' ? 'ours-redis' : 'ours']
  return [
    nameOf(system),
    ...workloads.map((workload) => spread(own[workload].cpu, 0)),
    ...workloads.map((workload) => (ours ? spread(ratios(own[workload].cpu, ours[workload].cpu), 2) : '')),
  ]
}

function targetRow({ systems: measured }: Results, target: Target): string[] {
  const isTimes = target.as === 'times'
  const values = workloads.map((workload) => {
    const [own, theirs] = [measured[target.ours]![workload].cpu, measured[target.against]![workload].cpu]
    return isTimes ? ratios(theirs, own) : ratios(own, theirs).map((ratio) => ratio - 1)
  })
  const show = (value: number): string =>
    isTimes ? `${value.toFixed(1)}×` : `+${toPercent(value).toFixed(0)} %`
  const judge = (value: number): string => {
    const meets = (bound: number): boolean => (isTimes ? value >= bound : value <= bound)
    return meets(target.aim) ? 'aim' : meets(target.reach) ? 'reach' : 'missed'
  }
  return [
    target.what,
    ...values.map((each) => (isTimes ? spread(each, 2, '×') : spread(each.map(toPercent), 0, ' %'))),
    show(target.reach),
    show(target.aim),
    values.map((each) => judge(median(each))).join(', '),
  ]
}

const latency = ({ p50, p99 }: Series): string => `${median(p50).toFixed(1)}, ${median(p99).toFixed(1)}`

const toPercent = (share: number): number => share * 100

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
