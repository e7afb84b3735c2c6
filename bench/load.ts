// This keeps a server busy with requests, by wrk or else from this process, and times the answers.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { findBinary } from '../test/support/servers.ts'
import { quantile } from './statistics.ts'

/** A request to `/graphql`. */
export interface Ask {
  /** The header `Cookie`, or an empty text for none. */
  readonly cookie: string
  readonly body: string
}

/** The requests that are sent by turns, and each text that is a right answer to one of them. */
export interface Exchange {
  readonly asks: readonly Ask[]
  readonly answers: readonly string[]
}

export interface Answer {
  readonly status: number
  readonly text: string
  readonly setCookie: readonly string[]
}

/** What the load has measured. */
export interface Loaded {
  readonly requests: number
  readonly seconds: number
  /** Milliseconds. */
  readonly p50: number
  /** Milliseconds. */
  readonly p99: number
}

/** The number of connections unless told otherwise. Each has one request in flight. */
export const usualConnections = 64

/** The path of wrk; null where it is not installed. */
export const wrk = findBinary('wrk')

/**
 * Keeps one request in flight on each connection, and sends the next one as soon as an answer is there.
 * @throws {Error} where an answer was wrong, or none came
 */
export async function load(
  port: number,
  exchange: Exchange,
  { seconds, connections = usualConnections, checks = false }: LoadOptions,
): Promise<Loaded> {
  const { failures, example, ...loaded } = await (wrk ? byWrk : byOurselves)(port, exchange, {
    seconds,
    connections,
    checks,
  })
  if (failures > 0) throw new Error(`${failures} of ${loaded.requests} requests went wrong: ${example}`)
  if (loaded.requests === 0) throw new Error('Nothing was answered.')
  return loaded
}

interface LoadOptions {
  readonly seconds: number
  readonly connections?: number
  /** Whether the text of each answer is compared, which slows the load down. If not, only its status is. */
  readonly checks?: boolean
}

interface Driven extends Loaded {
  readonly failures: number
  readonly example: string
}

async function byWrk(
  port: number,
  { asks, answers }: Exchange,
  { seconds, connections, checks }: Required<LoadOptions>,
): Promise<Driven> {
  const folder = mkdtempSync(join(tmpdir(), 'graphql-session-bench-'))
  const [requestsFile, answersFile] = [join(folder, 'requests'), join(folder, 'answers')]
  writeFileSync(requestsFile, asks.map(({ cookie, body }) => `${cookie}\t${body}\n`).join(''))
  writeFileSync(answersFile, answers.map((answer) => `${answer.trimEnd()}\n`).join(''))
  const script = join(import.meta.dirname, 'load.lua')
  // Of a server that waits for a disk some answers take more than the 2 s that wrk allows by default. p99 tells of them.
  const patience = ['--timeout', '10s']
  const measure = ['-t1', `-c${connections}`, `-d${seconds}s`, ...patience, '-s', script]
  const url = `http://127.0.0.1:${port}`
  const child = spawn(wrk!, [...measure, url, '--', requestsFile, ...(checks ? [answersFile] : [])], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const end = (): void => {
    child.kill()
    rmSync(folder, { recursive: true })
  }
  process.once('exit', end)
  try {
    const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'exit') as Promise<[number]>])
    const line = output.split('\n').find((each) => each.startsWith('{'))
    if (code !== 0 || !line) throw new Error(`wrk ended with ${code}:\n${output}`)
    const driven = JSON.parse(line) as Driven
    return { ...driven, p50: driven.p50 / 1000, p99: driven.p99 / 1000 }
  } finally {
    process.off('exit', end)
    end()
  }
}

async function byOurselves(
  port: number,
  { asks, answers }: Exchange,
  { seconds, connections, checks }: Required<LoadOptions>,
): Promise<Driven> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const right = new Set(answers)
  const took: number[] = []
  let [sent, failures, example] = [0, 0, '']
  const began = performance.now()
  const connection = async (): Promise<void> => {
    while (performance.now() - began < seconds * 1000) {
      const at = performance.now()
      const answer = await ask(port, asks[sent++ % asks.length]!, agent)
      took.push(performance.now() - at)
      if (answer.status === 200 && (!checks || right.has(answer.text))) continue
      failures++
      example = `${answer.status} ${answer.text}`
    }
  }
  await Promise.all(Array.from({ length: connections }, connection))
  agent.destroy()
  const [p50, p99] = [quantile(took, 0.5), quantile(took, 0.99)]
  return {
    requests: took.length,
    seconds: (performance.now() - began) / 1000,
    p50,
    p99,
    failures,
    example,
  }
}

/** Sends one request, with the headers of wrk, so that a server treats it as one of the load. */
export function ask(port: number, { cookie, body }: Ask, agent?: Agent): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      ...(cookie && { cookie }),
    }
    request({ host: '127.0.0.1', port, path: '/graphql', method: 'POST', headers, agent }, (response) => {
      const { statusCode: status = 0, headers: answered } = response
      text(response).then(
        (answer) => resolve({ status, text: answer, setCookie: answered['set-cookie'] ?? [] }),
        reject,
      )
    })
      .once('error', reject)
      .end(body)
  })
}
