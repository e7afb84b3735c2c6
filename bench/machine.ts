import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { findBinary } from '../test/support/servers.ts'
import { wrk } from './load.ts'
import type { Usage } from './serve.ts'

const root = join(import.meta.dirname, '..')

/** The cores that this process may use before it is moved: a container has some of many. */
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

/** Null: everything runs where the system puts it. */
export const cores: Cores | null = (() => {
  if (!findBinary('taskset')) return null
  const [server, load] = allowedCores
  return server !== undefined && load !== undefined ? { server, load } : null
})()

/** What is started from here on, wrk and Redis among it, is put there along with this process. */
export function moveToLoadCore(): void {
  if (cores) moveTo(String(cores.load))
}

export function moveToAnyCore(): void {
  if (cores) moveTo(allowedCores.join(','))
}

function moveTo(list: string): void {
  execFileSync('taskset', ['-a', '-c', '-p', list, String(process.pid)], { stdio: 'ignore' })
}

export interface ServerProcess {
  readonly port: number
  usage(): Promise<Usage>
  stop(): Promise<void>
}

export interface ServerOptions {
  /** Under peers/. */
  readonly file: string
  readonly name: string
  readonly argument?: string
  /** On the server's core; otherwise where this process is. @default true */
  readonly pinned?: boolean
}

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
  return {
    port: await heard<number>(),
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

/** Steps to be run in reverse, also when the process is told to end: no server outlives a benchmark. */
export function cleanup(): { add(step: () => Promise<void>): void; run(): Promise<void> } {
  const steps: (() => Promise<void>)[] = []
  let tail = Promise.resolve()
  const drain = async (): Promise<void> => {
    for (let step = steps.pop(); step; step = steps.pop()) await step()
  }
  // One at a time: work that fails because it is being ended must not end the process before the last step.
  const run = (): Promise<void> => (tail = tail.then(drain))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void run().finally(() => process.exit(1)))
  }
  return { add: (step) => void steps.push(step), run }
}

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

/** Empty where there is no repository. */
function git(...args: string[]): string {
  try {
    return execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  } catch {
    return ''
  }
}

/** The installed versions, by package: the peers' own come first. */
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

/** Lays them out as the rest of the repository: `npm run check` looks at them as well. */
export function format(...files: string[]): void {
  execFileSync(join(root, 'node_modules/.bin/oxfmt'), files, { cwd: root })
}
