// This runs the command `graphql-session` as a process, in a folder that the tests of one file share.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import { showIfFailed } from './process-log.ts'

export type Environment = Record<string, string>

export const main = fileURLToPath(new URL('../../src/server/main.ts', import.meta.url))
const running = new Set<ChildProcess>()
export let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'graphql-session-cli-'))
})
afterEach(() => {
  for (const child of running) child.kill('SIGKILL')
})
afterAll(() => rm(folder, { recursive: true }))

export function start(args: string[], env: Environment = {}, timeout?: number) {
  const child = spawn(process.execPath, [main, ...args], { cwd: folder, env: { PORT: '0', ...env }, timeout })
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (printed += chunk))
  showIfFailed(`graphql-session ${args.join(' ')}`, () => printed)
  running.add(child)
  child.once('close', () => running.delete(child))
  return child
}

export async function run(args: string[], env?: Environment) {
  // On a busy disk a command takes ten seconds now and then.
  const child = start(args, env, 25_000)
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ])
  return { code: code as number | null, stdout, stderr }
}

export interface Serving {
  readonly child: ChildProcess
  readonly announcement: string
  readonly url: string
  /** Resolves when the process has printed `what` on stdout. */
  says(what: string): Promise<void>
}

export async function serve(
  config?: string,
  env?: Environment,
  args: readonly string[] = [],
): Promise<Serving> {
  const child = start(['serve', ...(config ? ['--config', await write(config)] : []), ...args], env)
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (said += chunk))
  const says = async (what: string): Promise<void> => {
    while (!said.includes(what)) await once(child.stdout, 'data')
  }
  await says('  keys ')
  return { child, announcement: said, url: /http:\S+/.exec(said)![0], says }
}

let written = 0
export async function write(config: string, extension = 'mjs'): Promise<string> {
  const file = `${++written}.config.${extension}`
  await writeFile(join(folder, file), config)
  return file
}

/** Expects that the command prints one line on stderr, which has `reason` and no stack, and exits with 1. */
export async function expectRefusal(args: string[], env: Environment, reason: RegExp): Promise<void> {
  const { code, stdout, stderr } = await run(args, env)
  expect(stderr).toMatch(/^graphql-session: [^\n]+\n$/)
  expect(stderr).toMatch(reason)
  expect(stdout).toBe('')
  expect(code).toBe(1)
}
