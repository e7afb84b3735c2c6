// This runs a recipe: it starts the servers of a page, and does to them what the page tells its reader to do.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { delimiter, dirname } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { Client } from '../harness.ts'
import { accepts, freePort } from '../servers.ts'
import type { Fence } from './page.ts'
import type { Recipe, Step } from './recipe.ts'
import { run, save, type Workshop } from './workshop.ts'

/** A recipe whose servers are running. */
export interface Running {
  /** Where the first server has GraphQL. */
  readonly url: string
  /** What all servers printed so far. */
  output(): string
  /** Does the steps of the page. @returns a line for each whose result is not the one on the page */
  play(): Promise<string[]>
  stop(): Promise<void>
}

/** The ports in the code of pages. Each is replaced by a free one, since tests run at the same time. */
const ports = ['3000', '4000']

/** Finds the port in `.listen(3000)`, `listen(server, { port: 3000 })` and `serve({ fetch, port: 3000 })`. */
const listening = /\b(?:listen|serve)\([^)]*?\b([34]000)\b/

/** Saves the files of a recipe, and starts its servers: a configuration by the command, others by Node. */
export async function start(workshop: Workshop, name: string, recipe: Recipe): Promise<Running> {
  const own = new Map(await Promise.all(ports.map(async (port) => [port, String(await freePort())] as const)))
  const moved = (text: string): string => text.replaceAll(/\b[34]000\b/g, (port) => own.get(port)!)
  const files = new Map([...recipe.files].map(([file, text]) => [file, moved(text)]))
  const folder = await save(workshop, name, files)
  const { node, cli } = workshop
  const children: ChildProcess[] = []
  let output = ''

  const launch = async (server: string): Promise<string> => {
    const isConfig = server.endsWith('session.config.ts')
    const [, written = '4000'] = (!isConfig && listening.exec(recipe.files.get(server)!)) || []
    const port = own.get(written)!
    const args = isConfig ? [cli, 'serve', '--config', server] : [server]
    const PATH = [dirname(node), process.env['PATH']].join(delimiter)
    // vitest sets NODE_ENV to `test`, which it is in no reader's shell.
    const env = { ...process.env, PATH, PORT: port, NODE_ENV: 'development' }
    const child = spawn(node, args, { cwd: folder, env, timeout: 120_000, killSignal: 'SIGKILL' })
    children.push(child)
    const keep = (chunk: Buffer): void => void (output += chunk)
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    const ended = once(child, 'close')
    while (!(await accepts(Number(port)))) {
      if (child.exitCode !== null) {
        await ended
        throw new Error(`${recipe.at}: ${server} ended:\n${output}`)
      }
      await Promise.race([ended, setTimeout(20)])
    }
    return `http://localhost:${port}/graphql`
  }

  const urls: string[] = []
  const stop = async (): Promise<void> => {
    await Promise.all(
      children.map(async (child) => {
        if (child.exitCode !== null || child.signalCode !== null) return
        child.kill('SIGKILL')
        await once(child, 'exit')
      }),
    )
  }
  try {
    // Servers start one after the other, since a later one may ask an earlier one for something at start.
    for (const server of recipe.servers) urls.push(await launch(server))
  } catch (error) {
    await stop()
    throw error
  }
  const clients = new Map<string, Client>()
  const clientOf = (client: string): Client => {
    const known = clients.get(client) ?? new Client(urls[0]!)
    clients.set(client, known)
    return known
  }

  const difference = async (step: Step): Promise<string | null> => {
    if (step.kind === 'operation') {
      const { body } = await clientOf(step.client).run(step.query)
      if (step.answer) return differs(body, step.answer)
      return body?.errors ? JSON.stringify(body) : null
    }
    const { output: printed, code } = await run(['bash', '-c', moved(step.command)], folder, {
      ...process.env,
      PATH: [dirname(node), process.env['PATH']].join(delimiter),
    })
    if (code !== 0) return `ended with ${code}: ${printed}`
    if (!step.answer) return null
    return step.answer.language === 'json'
      ? differs(JSON.parse(printed), step.answer)
      : printed.trim() === step.answer.text.trim()
        ? null
        : printed
  }

  return {
    url: urls[0] ?? '',
    output: () => output,
    stop,
    async play() {
      const mistakes: string[] = []
      for (const step of recipe.steps) {
        // A subscription is not tried: its answer may never end.
        if (step.kind === 'operation' && /^\s*subscription\b/.test(step.query)) continue
        const found = await difference(step)
        if (found !== null) mistakes.push(`${step.answer?.at ?? step.at}: ${found}`)
      }
      return mistakes
    },
  }
}

function differs(actual: unknown, { text }: Fence): string | null {
  return matches(actual, JSON.parse(text)) ? null : JSON.stringify(actual)
}

/**
 * Whether a result is as expected, where "…" stands for any value.
 * @param isPart - whether objects may have more fields than expected, as errors may
 */
function matches(actual: unknown, expected: unknown, isPart = false): boolean {
  if (expected === '…') return actual !== undefined
  if (typeof expected !== 'object' || expected === null) return isDeepStrictEqual(actual, expected)
  if (typeof actual !== 'object' || actual === null) return false
  if (Array.isArray(expected) !== Array.isArray(actual)) return false
  const [given, wanted] = [actual, expected] as [Record<string, unknown>, Record<string, unknown>]
  const isWhole =
    (isPart && !Array.isArray(actual)) || Object.keys(given).length === Object.keys(wanted).length
  return (
    isWhole &&
    Object.entries(wanted).every(([name, value]) => matches(given[name], value, isPart || name === 'errors'))
  )
}
