// This fills stores with many sessions, and starts servers over them.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Redis } from 'ioredis'
import { Pool } from 'pg'
import type { KeyedStore } from '../src/session/store.ts'
import { postgresSchema, postgresStore } from '../src/stores/postgres.ts'
import { redisStore } from '../src/stores/redis.ts'
import { sqliteStore } from '../src/stores/sqlite.ts'
import { startPostgres, startRedis } from '../test/support/servers.ts'
import { type ServerProcess, startServer } from './machine.ts'
import { recordOf, storedIdOf } from './peers/graphql-session.ts'

/** A store of which there is one for each number of sessions. */
export interface FilledStore {
  /** Starts a server process, which has a port for each number of sessions, in their order. */
  start(): Promise<ServerProcess>
  /** The process of the store; null where it has none. */
  readonly pid: number | null
}

interface FillOptions {
  /** Numbers of sessions. */
  readonly counts: readonly number[]
  readonly add: (step: () => Promise<void>) => void
}

/** How many copies are sent at a time. */
const batch = 10_000

const file = 'graphql-session.ts'

export async function fillSqlite({ counts, add }: FillOptions): Promise<FilledStore> {
  const folder = mkdtempSync(join(tmpdir(), 'graphql-session-bench-'))
  add(async () => rmSync(folder, { recursive: true }))
  const files = counts.map((count) => join(folder, `${count}.db`))
  for (const [index, path] of files.entries()) {
    const store = sqliteStore(path)
    const [first, ...others] = await begin(store, counts[index]!)
    store.close()
    const db = new DatabaseSync(path)
    const copy = db.prepare(
      'INSERT INTO graphql_session SELECT ?, expires_at, record FROM graphql_session WHERE id = ?',
    )
    db.exec('PRAGMA synchronous = OFF; BEGIN')
    for (const id of others) copy.run(id, first)
    db.exec('COMMIT')
    db.close()
  }
  return { pid: null, start: () => startOver('sqliteFiles', files) }
}

export async function fillPostgres({ counts, add }: FillOptions): Promise<FilledStore> {
  const server = await startPostgres(['synchronous_commit=off'])
  add(() => server.stop())
  const pool = new Pool({ connectionString: server.url })
  const tables = counts.map((count) => `sessions_${count}`)
  for (const [index, table] of tables.entries()) {
    await pool.query(postgresSchema(table))
    const [first, ...others] = await begin(postgresStore(pool, { table }), counts[index]!)
    for (let at = 0; at < others.length; at += batch) {
      await pool.query(
        `INSERT INTO ${table} (id, created_at, expires_at, policy, entries)
         SELECT another, created_at, expires_at, policy, entries FROM ${table}, unnest($1::text[]) another WHERE id = $2`,
        [others.slice(at, at + batch), first],
      )
    }
    // As autovacuum would do while it is measured.
    await pool.query(`VACUUM ANALYZE ${table}`)
  }
  await pool.end()
  return { pid: server.process.pid!, start: () => startOver('postgresTables', [server.url, ...tables]) }
}

export async function fillRedis({ counts, add }: FillOptions): Promise<FilledStore> {
  const server = await startRedis(['--appendonly', 'no'])
  add(() => server.stop())
  const client = new Redis(server.url)
  const prefixes = counts.map((count) => `${count}:`)
  for (const [index, prefix] of prefixes.entries()) {
    const [first, ...others] = await begin(redisStore(client, { prefix }), counts[index]!)
    for (let at = 0; at < others.length; at += batch) {
      const copies = others.slice(at, at + batch).map((id) => ['copy', prefix + first, prefix + id])
      await client.pipeline(copies).exec()
    }
  }
  client.disconnect()
  return { pid: server.process.pid!, start: () => startOver('redisPrefixes', [server.url, ...prefixes]) }
}

/**
 * Stores the first of `count` sessions. The other ones are made as copies of it, which is many times as fast, and
 * does not depend on how a store writes down what a session has.
 * @returns the ids of all of them, that of the first one first; the others by their order, which is the fastest one to
 * fill a tree in
 */
async function begin(store: KeyedStore, count: number): Promise<[string, ...string[]]> {
  const [first, ...others] = Array.from({ length: count }, (_, serial) => storedIdOf(serial)) as [
    string,
    ...string[],
  ]
  await store.create(first, recordOf(0))
  return [first, ...others.toSorted()]
}

const startOver = (name: string, parts: readonly string[]): Promise<ServerProcess> =>
  startServer({ file, name, argument: parts.join(' '), pinned: false })

/** A process of its own for each number of sessions, since the garbage of one would stop the other ones. */
export async function fillMemory({ counts, add }: FillOptions): Promise<ServerProcess[]> {
  const servers: ServerProcess[] = []
  for (const count of counts) {
    const server = await startServer({ file, name: 'filled', argument: String(count), pinned: false })
    add(() => server.stop())
    servers.push(server)
  }
  return servers
}
