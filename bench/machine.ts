// This runs the measured servers on a core of their own, and describes the machine and the versions.

import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { findBinary } from '../test/support/servers.ts'
import { wrk } from './load.ts'
import type { Usage } from './usage.ts'

const root = join(import.meta.dirname, '..')

/** The cores that this process may use before it is moved: in a container, some of the machine's cores. */
const allowedCores: readonly number[] = (() => {
  const status = existsSync('/proc/self/status') ? readFileSync('/proc/self/status', 'utf8') : ''
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(status)?.[1] ?? ''
  return list.split(',').flatMap((range) => {
    const [first, last = first] = range.split('-').map(Number)
    return Array.from({ length: last! - first! + 1 }, (_, index) => first! + index)
  })
})()

interface Cores {
  readonly server: number
  readonly load: number
}

/** The cores for the server and for the load; null where the operating system chooses them. */
export const cores: Cores | null = (() => {
  if (!findBinary('taskset')) return null
  const [server, load] = allowedCores
  return server !== undefined && load !== undefined ? { server, load } : null
})()

/**
 * Moves this process to the core of the load, and with it what it starts from here on, e.g. wrk and Redis.
 */
export function moveToLoadCore(): void {
  if (cores) moveTo(String(cores.load))
}

/** Lets this process, and what it starts from here on, run on all cores that it had at its start. */
export function moveToAnyCore(): void {
  if (cores) moveTo(allowedCores.join(','))
}

function moveTo(list: string): void {
  execFileSync('taskset', ['-a', '-c', '-p', list, String(process.pid)], { stdio: 'ignore' })
}

/** A server in a process of its own. */
export interface ServerProcess {
  readonly port: number
  /** Those of all servers in the process. */
  readonly ports: readonly number[]
  usage(): Promise<Usage>
  stop(): Promise<void>
}

export interface ServerOptions {
  /** A file under peers/. */
  readonly file: string
  /** The function in it that makes the server. */
  readonly name: string
  /** What the function is called with. */
  readonly argument?: string
  /** Whether the server gets its own core. If not, it runs where this process may. @default true */
  readonly pinned?: boolean
}

/** Starts a server, and waits until it listens. */
export async function startServer({
  file,
  name,
  argument = '',
  pinned = true,
}: ServerOptions): Promise<ServerProcess> {
  const command = [process.execPath, join(import.meta.dirname, 'serve.ts'), file, name, argument] as const
  const [program, ...args] =
    cores && pinned ? (['taskset', '-c', String(cores.server), ...command] as const) : command
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: { ...process.env, NODE_ENV: 'production' },
  })
  let output = ''
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.on('data', (chunk: Buffer) => (output = (output + chunk).slice(-4000)))
  }
  const ended = once(child, 'exit')
  const heard = async <T>(): Promise<T> => {
    const message = await Promise.race([once(child, 'message'), ended.then(() => null)])
    if (!message) throw new Error(`The server ${name} ended:\n${output}`)
    return message[0] as T
  }
  const ports = await heard<[number, ...number[]]>()
  return {
    port: ports[0],
    ports,
    usage() {
      child.send('usage')
      return heard()
    },
    async stop() {
      child.kill()
      await ended
    },
  }
}

/** Collects steps, to be run in reverse at the end or on a signal, so that no server outlives a benchmark. */
export function cleanup(): { add(step: () => Promise<void>): void; run(): Promise<void> } {
  const steps: (() => Promise<void>)[] = []
  let tail = Promise.resolve()
  const drain = async (): Promise<void> => {
    for (let step = steps.pop(); step; step = steps.pop()) await step()
  }
  // Runs wait for each other. A measurement that fails because its server is being ended also runs the steps,
  // and must not end the process before the last of them.
  const run = (): Promise<void> => (tail = tail.then(drain))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void run().finally(() => process.exit(1)))
  }
  return { add: (step) => void steps.push(step), run }
}

/** Under which conditions a benchmark was run. */
export interface Conditions {
  readonly date: string
  readonly commit: string
  readonly node: string
  readonly cpu: string
  readonly cores: number
  readonly pinned: boolean
  readonly driver: string
}

export function conditions(connections: number): Conditions {
  const changed = git('--no-optional-locks', 'status', '--porcelain', 'src').trim()
    ? ' with changes under src/'
    : ''
  return {
    date: new Date().toISOString().slice(0, 10),
    commit: `${git('rev-parse', '--short', 'HEAD').trim() || 'unknown'}${changed}`,
    node: process.version,
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: allowedCores.length || cpus().length,
    pinned: cores !== null,
    driver: wrk ? `wrk -t1 -c${connections}` : `${connections} connections of bench/load.ts`,
  }
}

/** The output of a git command; empty where there is no repository. */
function git(...args: string[]): string {
  try {
    return execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  } catch {
    return ''
  }
}

/** The installed versions, by package. A version in bench/node_modules goes before one of the repository. */
export function versions(packages: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    packages.map((name) => {
      const file = [import.meta.dirname, root]
        .map((folder) => join(folder, 'node_modules', name, 'package.json'))
        .find((each) => existsSync(each))
      const { version = 'not installed' } = file
        ? (JSON.parse(readFileSync(file, 'utf8')) as { version?: string })
        : {}
      return [name, version]
    }),
  )
}

/** Formats files like the rest of the repository, as `npm run check` looks at them, too. */
export function format(...files: string[]): void {
  execFileSync(join(root, 'node_modules/.bin/oxfmt'), files, { cwd: root })
}
