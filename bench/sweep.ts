// This measures how much slower requests are while expired sessions are removed (`npm run bench:sweep`).

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { Agent, createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout } from 'node:timers/promises'
import { Client, Pool } from 'pg'
import { createSessionServer } from '../src/server/create-session-server.ts'
import type { KeyedStore } from '../src/session/store.ts'
import { idOf, mint } from '../src/session/token.ts'
import { postgresSchema, postgresStore } from '../src/stores/postgres.ts'
import { sqliteStore } from '../src/stores/sqlite.ts'
import { sweepExpired } from '../src/stores/sweeping.ts'
import { startPostgres } from '../test/support/servers.ts'

/** Expired sessions, to be removed. */
const expired = 1_000_000
/** Sessions that the requests use. */
const live = 2000
const perSecond = 200
const windowSeconds = 2
/**
 * Windows with the sweep and as many without it in a round, by turns: a disk or other work on the machine may
 * slow down several windows in a row.
 */
const turns = 5
const rounds = 7
/** How many times as long p99 may be during a sweep. */
const most = 1.5

const day = 24 * 60 * 60 * 1000

interface Swept {
  readonly swept: number
}

// A child process serves and sweeps, as `graphql-session serve` does, and this one sends the requests.
if (process.argv[2] === 'serve') await serve(process.argv[3]!)
else await measure()

async function serve(target: string): Promise<void> {
  const store = open(target)
  let isSweeping = false
  const controlled: KeyedStore = {
    ...store,
    sweep: async (now) => (isSweeping ? store.sweep!(now) : 0),
  }
  const yoga = createSessionServer({
    store,
    cookie: { name: '__Host-session' },
    keys: { k: { client: ['read', 'write'] } },
    graphiql: false,
    logging: false,
  })
  const server = createServer((incoming, response) => void yoga(incoming, response)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const sweep = async (): Promise<void> => {
    process.send!({ swept: await sweepExpired(controlled) } satisfies Swept)
  }
  process.on('message', (message) => {
    isSweeping = message === 'sweep'
    if (isSweeping) void sweep()
  })
  process.send!((server.address() as AddressInfo).port)
}

function open(target: string): KeyedStore {
  return target.startsWith('postgres:')
    ? postgresStore(new Pool({ connectionString: target }))
    : sqliteStore(target)
}

async function measure(): Promise<void> {
  console.log(
    `${expired} expired sessions, ${live} live ones, ${perSecond} requests a second, half of them writes;`,
  )
  console.log(
    `p50 and p99 in ms from the instant at which a request was due; ${turns} times ${windowSeconds} s without and with the sweep by turns.\n`,
  )
  console.log('| store | round | p50 before | during | p99 before | during | ratio | swept a second |')
  console.log('| --- | --- | --- | --- | --- | --- | --- | --- |')
  const postgres = await startPostgres()
  const folder = mkdtempSync(join(tmpdir(), 'graphql-session-sweep-'))
  const file = join(folder, 'sessions.db')
  const medians: Record<string, number> = {}
  try {
    await fillPostgres(postgres.url)
    medians['PostgreSQL'] = await compare('PostgreSQL', postgres.url)
    fillSqlite(file)
    medians['SQLite'] = await compare('SQLite', file)
  } finally {
    await postgres.stop()
    rmSync(folder, { recursive: true })
  }
  console.log()
  for (const [name, ratio] of Object.entries(medians)) {
    console.log(`${name}: p99 during a sweep is ${ratio.toFixed(2)} times that before, target ${most}`)
    if (ratio > most) process.exitCode = 1
  }
}

async function fillPostgres(url: string): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  await client.query(postgresSchema())
  await client.query(`INSERT INTO graphql_session
    SELECT encode(sha256(n::text::bytea), 'base64'), 0, ${Date.now() - day} + n % 1000, '', '[["user_id", "\\"7\\""]]'
    FROM generate_series(1, ${expired}) AS n`)
  await client.query('VACUUM ANALYZE graphql_session')
  await client.end()
}

function fillSqlite(file: string): void {
  sqliteStore(file).close()
  const db = new DatabaseSync(file)
  db.exec(`INSERT INTO graphql_session
    WITH RECURSIVE series (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < ${expired})
    SELECT hex(randomblob(21)), ${Date.now() - day} + n % 1000, '0' || char(10) || '1' || char(10) || char(10) || 'user_id' || char(10) || '"7"'
    FROM series`)
  db.close()
}

/** @returns the median of the ratios, round by round */
async function compare(name: string, storeTarget: string): Promise<number> {
  const tokens = Array.from({ length: live }, mint)
  const store = open(storeTarget)
  const blank = { entries: new Map([['k', '0']]), createdAt: Date.now(), policy: '' }
  for (const token of tokens)
    await store.create(idOf('__Host-session', token), { ...blank, expiresAt: Date.now() + day })
  const server = fork(import.meta.filename, ['serve', storeTarget])
  const [port] = (await once(server, 'message')) as [number]
  const agent = new Agent({ keepAlive: true, maxSockets: 64 })
  const load = () => latencies(port, agent, tokens)
  await load()
  const ratios: number[] = []
  for (let round = 1; round <= rounds; round++) {
    const before: number[] = []
    const during: number[] = []
    let swept = 0
    for (let turn = 0; turn < turns; turn++) {
      before.push(...(await load()))
      server.send('sweep')
      const reported = once(server, 'message') as Promise<[Swept]>
      during.push(...(await load()))
      server.send('rest')
      swept += (await reported)[0].swept
    }
    const ratio = quantile(during, 0.99) / quantile(before, 0.99)
    ratios.push(ratio)
    const shown = [
      ...[0.5, 0.99].flatMap((q) => [quantile(before, q).toFixed(2), quantile(during, q).toFixed(2)]),
      ratio.toFixed(2),
      Math.round(swept / windowSeconds / turns),
    ]
    console.log(`| ${name} | ${round} | ${shown.join(' | ')} |`)
    if (swept === 0) throw new Error('Nothing was left to sweep: this round measured nothing.')
  }
  agent.destroy()
  server.kill()
  await once(server, 'exit')
  return quantile(ratios, 0.5)
}

/**
 * Sends requests at a fixed rate, whether or not earlier ones were answered: a server that stalls has to take
 * those that fall due meanwhile.
 * @returns the milliseconds from the instant at which each request was due to its answer
 */
async function latencies(port: number, agent: Agent, tokens: readonly string[]): Promise<number[]> {
  const began = performance.now()
  const asked: Promise<number>[] = []
  for (let index = 0; index < perSecond * windowSeconds; index++) {
    const due = began + (index * 1000) / perSecond
    const wait = due - performance.now()
    if (wait > 0) await setTimeout(wait)
    const query =
      index % 2 === 0
        ? '{ session { value(key: "k") } }'
        : `mutation { setSessionKey(key: "k", value: ${index}) { entry { key } } }`
    asked.push(ask(port, agent, query, tokens[index % tokens.length]!).then(() => performance.now() - due))
  }
  return Promise.all(asked)
}

function ask(port: number, agent: Agent, query: string, token: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', cookie: `session=${token}` }
    request({ port, host: '127.0.0.1', path: '/graphql', method: 'POST', agent, headers }, (response) => {
      if (response.statusCode !== 200) reject(new Error(`The server answered ${response.statusCode}.`))
      response.resume().once('end', resolve)
    })
      .once('error', reject)
      .end(JSON.stringify({ query }))
  })
}

function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]!
}
