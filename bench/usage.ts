// This reads what CPU and memory a process takes, together with its children, from /proc of Linux.

import { existsSync, readdirSync, readFileSync } from 'node:fs'

/** What a process has used. */
export interface Usage {
  /** Microseconds of user and system time since the process began. */
  readonly cpu: number
  /** Bytes. */
  readonly rss: number
}

/** Whether this machine has what `usageOf` reads. */
export const canRead = existsSync('/proc/self/stat')

/**
 * Adds up a process and its children, also those that have ended, in steps of 10 ms of CPU. It is nothing where that
 * cannot be seen.
 */
export function usageOf(pid: number): Usage {
  const own = new Map<number, number>()
  const children = new Map<number, number[]>()
  for (const name of canRead ? readdirSync('/proc') : []) {
    if (!/^\d+$/.test(name)) continue
    const stat = readOf(name, 'stat')
    if (!stat) continue
    // The name of the program stands in brackets, and may have any character. See proc(5).
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const [parent, ...times] = [fields[1], ...fields.slice(11, 15)].map(Number) as [number, ...number[]]
    // The last two of the times are those of children that have ended, e.g. of connections that a pool has closed.
    own.set(Number(name), times.reduce((total, time) => total + time) * 10_000)
    children.set(parent, [...(children.get(parent) ?? []), Number(name)])
  }
  const sum = (id: number): Usage => {
    const kibibytes = Number(/^VmRSS:\s+(\d+)/m.exec(readOf(String(id), 'status'))?.[1] ?? 0)
    const all = [
      { cpu: own.get(id) ?? 0, rss: kibibytes * 1024 },
      ...(children.get(id) ?? []).map((child) => sum(child)),
    ]
    return all.reduce((total, { cpu, rss }) => ({ cpu: total.cpu + cpu, rss: total.rss + rss }))
  }
  return sum(pid)
}

/** A file about a process; empty where the process has ended meanwhile. */
function readOf(id: string, file: string): string {
  try {
    return readFileSync(`/proc/${id}/${file}`, 'utf8')
  } catch {
    return ''
  }
}
