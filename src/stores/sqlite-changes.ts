// This makes changes to a SQLite database, many in one transaction, and tells what became of each of them.

import type { DatabaseSync, StatementSync } from 'node:sqlite'
import {
  type Activity,
  apply,
  type ChangeSet,
  none,
  type Outcome,
  type SizeLimit,
} from '../session/changes.ts'
import { type Departure, type Mark, markRecord, seen, type SessionRecord } from '../session/record.ts'
import { pack, unpack } from './packed.ts'
import { checkFiles, finder, type KnownFile } from './sqlite-file.ts'

/** Rows that a sweep removes at once: half a millisecond, for which other changes wait. */
const sweptAtOnce = 100

/** Records that are remembered, at most, and the characters of each. */
const [mostKnown, longestKnown] = [1000, 4096]

/** A change set as JSON can say it, keys and texts by turns in one array. What is undefined, JSON makes null. */
type PlainChanges = readonly [
  entries: readonly (string | null)[],
  clear: boolean,
  expect: readonly (string | null)[],
  last: readonly string[] | Absent,
  policy: string | Absent,
  expiresAt: number | Absent,
  under: string | Absent,
  activity: Activity | Absent,
  limit: SizeLimit | Absent,
]
type Absent = null | undefined

/** What is to be done: a verb of the store, and what it was called with. */
export type Task =
  | readonly ['create', id: string, expiresAt: number, record: string, createdAt: number]
  | readonly ['commit', id: string, now: number, PlainChanges]
  | readonly ['delete', id: string, now: number, mark: Mark | null]
  | readonly ['sweep', now: number]
  | readonly ['judge']
  | readonly ['version']

/** Why a task failed, or all that were given with it. */
export interface Failure {
  readonly failed: { readonly message: string; readonly code?: string; readonly errcode?: number }
}

/** What became of a task. */
export type Answer = Outcome | typeof isOver | number | null | readonly string[] | Deleted | Failure

/** What became of a task that did not fail. */
export type Told<T extends Answer> = Exclude<T, Failure>

/** The record that was deleted, as `pack` writes it. */
interface Deleted {
  readonly record: string
}

/** What `commit` answers where the record has expired by the change. */
export const isOver = 'over'

/** A task as JSON, and what it is answered with. */
export interface Text<T extends Answer> {
  readonly json: string
  readonly answer?: T
}

/**
 * The tasks as JSON, in which they go to another thread. They are written when the verb is called: what the caller
 * does to a Map afterwards changes nothing, and what cannot be written fails before it is one of many.
 */
export const tasks = {
  create: (id: string, record: SessionRecord): Text<null> =>
    written(['create', id, record.expiresAt, pack(record), record.createdAt]),
  commit(id: string, changes: ChangeSet, now: number): Text<Outcome | typeof isOver> {
    const { expect, clear, entries, last, policy, expiresAt, under, activity, limit } = changes
    const plain: PlainChanges = [
      flat(entries),
      clear,
      flat(expect),
      last && [...last],
      policy,
      expiresAt,
      under,
      activity && { ...activity, lifetime: finite(activity.lifetime) },
      limit && { keys: finite(limit.keys), bytes: finite(limit.bytes) },
    ]
    return written(['commit', id, now, plain])
  },
  delete: (id: string, now: number, mark?: Mark): Text<Departure | Deleted | null> =>
    written(['delete', id, now, mark ?? null]),
  sweep: (now: number): Text<number> => written(['sweep', now]),
  judge: (): Text<readonly string[]> => written(['judge']),
  version: (): Text<number> => written(['version']),
}

function flat(map: ReadonlyMap<string, string | null>): (string | null)[] {
  const parts: (string | null)[] = []
  for (const [key, text] of map) parts.push(key, text)
  return parts
}

function mapOf(parts: readonly (string | null)[]): ReadonlyMap<string, string | null> {
  if (parts.length === 0) return none
  const map = new Map<string, string | null>()
  for (let at = 0; at < parts.length; at += 2) map.set(parts[at]!, parts[at + 1]!)
  return map
}

const changesOf = ([
  entries,
  clear,
  expect,
  last,
  policy,
  expiresAt,
  under,
  activity,
  limit,
]: PlainChanges): ChangeSet => ({
  entries: mapOf(entries),
  clear,
  expect: mapOf(expect),
  last: last ? new Set(last) : undefined,
  policy: policy ?? undefined,
  expiresAt: expiresAt ?? undefined,
  under: under ?? undefined,
  activity: activity ?? undefined,
  limit: limit ?? undefined,
})

const written = (task: Task): { json: string } => ({ json: JSON.stringify(task) })

/** JSON has no Infinity, which is a bound that an own caller of the store may give. */
const finite = (bound: number): number => Math.min(bound, Number.MAX_SAFE_INTEGER)

/** The tasks that only look, and need no lock. */
const looks: ReadonlySet<string> = new Set<Task[0]>(['judge', 'version'])

/** How a thread waits for the lock. */
export interface Patience {
  /** Milliseconds for the changes of one transaction. */
  readonly timeout: number
  /** Waits for a moment, without giving way to other code. */
  pause(): void
}

/** Makes changes over one connection, which is used by nobody else while a transaction is open. */
export class Changes {
  readonly #db: DatabaseSync
  readonly #files: readonly KnownFile[]
  readonly #isOwn: boolean
  readonly #stored: (id: string, now: number) => string | undefined
  readonly #insert: StatementSync
  readonly #update: StatementSync
  readonly #rewrite: StatementSync
  readonly #remove: StatementSync
  readonly #sweep: StatementSync
  readonly #version: StatementSync
  /** What was written last under some ids, which spares to read it. Only valid while nobody else has written. */
  readonly #known = new Map<string, Stored>()
  #knownSince: number | null = null
  readonly #patience: Patience | null

  /**
   * @param isOwn - whether nobody else uses the connection, and its pragmas are the store's
   * @param patience - how a thread waits for the lock where changes are made one by one after all; null in the event loop
   */
  constructor(db: DatabaseSync, files: readonly KnownFile[], isOwn: boolean, patience: Patience | null) {
    this.#db = db
    this.#patience = patience
    this.#files = files
    this.#isOwn = isOwn
    this.#stored = finder(db)
    this.#insert = db.prepare(`
      INSERT INTO graphql_session (id, expires_at, record) VALUES (?, ?, ?)
      ON CONFLICT (id) DO UPDATE SET expires_at = excluded.expires_at, record = excluded.record
      WHERE graphql_session.expires_at <= ?`)
    this.#update = db.prepare('UPDATE graphql_session SET expires_at = ?, record = ? WHERE id = ?')
    this.#rewrite = db.prepare('UPDATE graphql_session SET record = ? WHERE id = ?')
    this.#remove = db.prepare('DELETE FROM graphql_session WHERE id = ?')
    this.#sweep = db.prepare(`
      DELETE FROM graphql_session WHERE id IN
        (SELECT id FROM graphql_session WHERE expires_at <= ? ORDER BY expires_at LIMIT ${sweptAtOnce})`)
    this.#version = db.prepare('PRAGMA data_version')
  }

  /**
   * Makes the changes in one transaction, which has the disk when this returns. A change that fails takes no other
   * with it. The transaction takes the lock before it reads, so that nobody writes in between.
   * @param isLast - whether to throw when the lock is not free
   * @returns what became of each; null when the lock is not free, and nothing was done
   */
  attempt(asked: readonly Task[], isLast: boolean): readonly Answer[] | null {
    if (asked.every(([verb]) => looks.has(verb))) return asked.map((task) => this.#answer(task))
    // A transaction that is open here is one that could not be rolled back before, or one of the application.
    if (this.#db.isTransaction && this.#isOwn) this.#db.exec('ROLLBACK')
    else if (this.#db.isTransaction) {
      if (isLast) throw new Error('The application has a transaction open in the database of the sessions.')
      return null
    }
    return begins(this.#db, isLast) ? this.#together(asked) : null
  }

  /** Makes changes in the transaction that is open, or else each in one of its own. */
  #together(asked: readonly Task[]): readonly Answer[] {
    try {
      checkFiles(this.#files)
      this.#forgetUnlessAlone()
      const answers = asked.map((task) => this.#answer(task))
      this.#db.exec('COMMIT')
      return answers
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
      this.#known.clear()
      if (asked.length === 1) return [failure(error)]
      const deadline = performance.now() + (this.#patience?.timeout ?? 0)
      return asked.map((task) => this.#alone(task, deadline))
    }
  }

  #alone(task: Task, deadline: number): Answer {
    try {
      while (!begins(this.#db, performance.now() >= deadline)) this.#patience?.pause()
      return this.#together([task])[0]!
    } catch (error) {
      return failure(error)
    }
  }

  /**
   * Does one task. None has more than one statement that writes, and SQLite undoes a statement that fails; so that
   * a task which failed has done nothing.
   * @throws where SQLite has rolled back the whole transaction, as it may when the disk is full
   */
  #answer(task: Task): Answer {
    try {
      return this.#do(task)
    } catch (error) {
      if (!looks.has(task[0]) && !this.#db.isTransaction) throw error
      return failure(error)
    }
  }

  #do(task: Task): Answer {
    switch (task[0]) {
      case 'create': {
        const [, id, expiresAt, record, createdAt] = task
        const { changes } = this.#insert.run(id, expiresAt, record, createdAt)
        if (Number(changes) === 0) throw new Error('The id is in use.')
        this.#known.delete(id)
        return null
      }
      case 'commit':
        return this.#commit(task[1], task[2], task[3])
      case 'delete':
        return this.#delete(task[1], task[2], task[3])
      case 'sweep':
        this.#known.clear()
        return Number(this.#sweep.run(task[1]).changes)
      case 'judge':
        return judge(this.#db)
      default:
        return this.#dataVersion()
    }
  }

  /** Forgets what it knows where another connection has written since, or might without a trace. */
  #forgetUnlessAlone(): void {
    const version = this.#dataVersion()
    if (version !== this.#knownSince || !this.#isOwn) this.#known.clear()
    this.#knownSince = version
  }

  /** A number that changes whenever another connection has written. */
  #dataVersion(): number {
    return this.#version.get()!['data_version'] as number
  }

  #find(id: string, now: number): Stored | null {
    const known = this.#known.get(id)
    if (known && known.record.expiresAt > now) return known
    const text = this.#stored(id, now)
    return text === undefined ? null : { text, record: unpack(text) }
  }

  #commit(id: string, now: number, changes: PlainChanges): Answer {
    const found = this.#find(id, now)
    const { outcome, record } = apply(found?.record ?? null, changesOf(changes))
    if (outcome !== 'committed') return outcome
    const { expiresAt } = record!
    const text = pack(record!)
    // SQLite takes a row out of an index and puts it back for each column that is set, whatever it is set to. Where
    // nothing else is set either it writes nothing, and other processes would not be told of the change.
    if (expiresAt === found!.record.expiresAt && text !== found!.text) this.#rewrite.run(text, id)
    else this.#update.run(expiresAt, text, id)
    this.#remember(id, { text, record: record! })
    return expiresAt <= now ? isOver : outcome
  }

  #remember(id: string, stored: Stored): void {
    this.#known.delete(id)
    if (stored.text.length > longestKnown) return
    if (this.#known.size >= mostKnown) this.#known.clear()
    this.#known.set(id, stored)
  }

  #delete(id: string, now: number, mark: Mark | null): Answer {
    const stored = this.#find(id, now)
    const found = stored && seen(stored.record)
    if (typeof found === 'string') return found
    this.#known.delete(id)
    if (found && mark) this.#update.run(mark.until, pack(markRecord(mark)), id)
    else this.#remove.run(id)
    return stored && { record: stored.text }
  }
}

/** A record, and how it is stored. */
interface Stored {
  readonly text: string
  readonly record: SessionRecord
}

/** Writes an error so that another thread can throw it. */
export function failure(error: unknown): Failure {
  const { message, code, errcode } = error as Error & { code?: string; errcode?: number }
  return {
    failed: { message, ...(code !== undefined && { code }), ...(errcode !== undefined && { errcode }) },
  }
}

export const hasFailed = (answer: Answer): answer is Failure =>
  answer !== null && typeof answer === 'object' && 'failed' in answer

/** The error that `failure` has written. */
export function errorOf({ failed: { message, ...more } }: Failure): Error {
  return Object.assign(new Error(message), more)
}

/** The code of SQLITE_BUSY: another connection holds the lock. The bits above tell what for. */
const busy = 5

/**
 * Begins a transaction.
 * @param isLast - whether to throw when another connection holds the lock
 * @returns false when another connection holds the lock
 */
function begins(db: DatabaseSync, isLast: boolean): boolean {
  try {
    db.exec('BEGIN IMMEDIATE')
    return true
  } catch (error) {
    if (isLast || (Number((error as { errcode?: number }).errcode) & 0xff) !== busy) throw error
    return false
  }
}

/** Tells which promises the pragmas of a connection that writes do not keep. */
function judge(db: DatabaseSync): string[] {
  const pragma = (name: string): unknown => Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0]
  const warnings = []
  if (pragma('journal_mode') !== 'wal') {
    warnings.push(
      `SQLite blocks readers while it writes, or keeps nothing: journal_mode is not wal. Use a file, and PRAGMA journal_mode = WAL.`,
    )
  }
  if (Number(pragma('synchronous')) < 2) {
    warnings.push(
      'SQLite may lose the latest changes when the power fails: PRAGMA synchronous is less than FULL. Set PRAGMA synchronous = FULL.',
    )
  }
  if (Number(pragma('busy_timeout')) > 100) {
    warnings.push(
      'SQLite holds up this whole process while another one writes: PRAGMA busy_timeout is more than 100 ms. Set PRAGMA busy_timeout = 5; the store waits beyond that.',
    )
  }
  return warnings
}
