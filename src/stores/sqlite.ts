// This keeps sessions in a SQLite file.

import { closeSync, openSync, statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout } from 'node:timers/promises'
import { apply } from '../session/changes.ts'
import { SessionError } from '../session/errors.ts'
import { checkOptions } from '../session/options.ts'
import { markRecord, seen, type SessionRecord } from '../session/record.ts'
import type { KeyedStore } from '../session/store.ts'
import { pack, unpack } from './packed.ts'
import { changesData, type Line, Teller } from './telling.ts'

/** The options of `sqliteStore`. */
export interface SqliteStoreOptions {
  /**
   * Milliseconds, up to 60000, that a verb waits for another process that writes. The event loop goes on.
   * @default 1000
   */
  readonly busyTimeout?: number
}

/** Rows that a sweep removes at once, within one turn of the event loop. */
const sweptAtOnce = 20

const schema = `
  CREATE TABLE IF NOT EXISTS graphql_session
    (id TEXT PRIMARY KEY, expires_at INTEGER NOT NULL, record TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS graphql_session_expires_at ON graphql_session (expires_at);`

/** Milliseconds between two looks for what other processes wrote, while anybody listens. */
const lookInterval = 100

/** Milliseconds that SQLite itself waits for a lock, while it blocks the event loop. */
const nativeTimeout = 5

/**
 * Makes a store in a SQLite file, durable on one machine. Several processes may share the file, on a local
 * disk. Every verb runs within one turn of the event loop, and one that writes waits for the disk.
 * @param path - the file, which is opened with WAL and `synchronous=FULL`; `close` closes it
 * @throws {SessionError} CONFIG_INVALID, naming the option
 * @throws what `node:sqlite` throws for a file that cannot be opened
 */
export function sqliteStore(path: string, options?: SqliteStoreOptions): KeyedStore & { close(): void }
/**
 * Makes a store in a SQLite database that is open already.
 * @param database - closed by whoever opened it. Its pragmas stay as they are, and `check` judges them
 * @throws {SessionError} CONFIG_INVALID, naming the option
 */
export function sqliteStore(database: DatabaseSync, options?: SqliteStoreOptions): KeyedStore
export function sqliteStore(
  database: string | DatabaseSync,
  options: SqliteStoreOptions = {},
): KeyedStore & { close?(): void } {
  checkOptions('sqliteStore', options, ['busyTimeout'])
  const { busyTimeout = 1000 } = options
  if (!Number.isSafeInteger(busyTimeout) || busyTimeout < 0 || busyTimeout > 60_000) {
    throw new SessionError(
      'CONFIG_INVALID',
      'sqliteStore: busyTimeout must be a whole number of milliseconds from 0 to 60000.',
    )
  }
  const isOwn = typeof database === 'string'
  const db = isOwn ? open(database) : database
  if (!isOwn) {
    if (db.isTransaction) {
      throw new SessionError(
        'CONFIG_INVALID',
        'sqliteStore: the database has a transaction open. End it first.',
      )
    }
    db.exec(schema)
  }
  // Only of a file of its own does the store know that it stays in WAL, and so keeps that file.
  const files = filesOf(db, isOwn ? ['', '-wal'] : [''])
  const insert = db.prepare(`
    INSERT INTO graphql_session (id, expires_at, record) VALUES (?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET expires_at = excluded.expires_at, record = excluded.record
    WHERE graphql_session.expires_at <= ?`)
  const select = db.prepare('SELECT record FROM graphql_session WHERE id = ? AND expires_at > ?')
  const update = db.prepare('UPDATE graphql_session SET expires_at = ?, record = ? WHERE id = ?')
  const remove = db.prepare('DELETE FROM graphql_session WHERE id = ?')
  const sweep = db.prepare(`
    DELETE FROM graphql_session WHERE id IN
      (SELECT id FROM graphql_session WHERE expires_at <= ? ORDER BY expires_at LIMIT ${sweptAtOnce})`)

  const find = (id: string, now: number): SessionRecord | null => {
    const row = select.get(id, now)
    return row ? unpack(row['record'] as string) : null
  }
  const put = (id: string, record: SessionRecord): void => void update.run(record.expiresAt, pack(record), id)

  /**
   * Runs `work` in a transaction, within one turn of the event loop. The transaction takes the lock before it
   * reads, so that nobody writes in between. SQLite blocks the event loop while it waits for the lock, so
   * that it waits only for a moment; if it does not get the lock, `work` has not run, and this tries again
   * until `busyTimeout` is over.
   */
  const alone = async <T>(work: () => T, { before, after }: Bracket = strict): Promise<T> => {
    const deadline = performance.now() + busyTimeout
    for (let attempt = 1; ; attempt++) {
      const isLast = performance.now() > deadline
      // A transaction that is open now is one of the application, which may roll it back.
      if (db.isTransaction) {
        if (isLast) throw new Error('The application has a transaction open in the database of the sessions.')
      } else {
        db.exec(before)
        try {
          if (begins(db, isLast)) {
            checkFiles(files)
            const result = work()
            db.exec('COMMIT')
            return result
          }
        } catch (error) {
          if (db.isTransaction) db.exec('ROLLBACK')
          throw error
        } finally {
          db.exec(after)
        }
      }
      await setTimeout(Math.min(attempt, 20))
    }
  }

  const notices = new Teller(true, lineOf(db))

  return {
    create: (id, record) =>
      alone(() => {
        const { changes } = insert.run(id, record.expiresAt, pack(record), record.createdAt)
        if (Number(changes) === 0) throw new Error('The id is in use.')
      }),
    async read(id, now) {
      checkFiles(files)
      return seen(find(id, now))
    },
    async commit(id, changes, now) {
      let isOver = false
      const outcome = await alone(() => {
        const applied = apply(find(id, now), changes)
        if (applied.outcome === 'committed') put(id, applied.record!)
        isOver = applied.outcome === 'committed' && applied.record!.expiresAt <= now
        return applied.outcome
      })
      if (isOver) notices.announce(id, 'ended')
      else if (outcome === 'committed' && changesData(changes)) notices.announce(id, 'changed')
      return outcome
    },
    async delete(id, now, mark) {
      const last = await alone(() => {
        const found = seen(find(id, now))
        if (typeof found === 'string') return found
        if (found && mark) put(id, markRecord(mark))
        else remove.run(id)
        return found
      })
      if (last !== null && typeof last !== 'string') notices.announce(id, 'ended')
      return last
    },
    sweep: (now) => alone(() => Number(sweep.run(now).changes), isOwn ? relaxed : strict),
    async check() {
      checkFiles(files)
      return [...judge(db), ...(isOwn ? readableByOthers(files) : [])]
    },
    notices,
    ...(isOwn && { close: () => db.close() }),
  }
}

/** What other connections write is seen by a number that SQLite counts up, and not to whom they did it. */
const lineOf = (db: DatabaseSync): Line => ({
  async open(ear) {
    const statement = db.prepare('PRAGMA data_version')
    const look = () => statement.get()!['data_version']
    let version = look()
    const timer = setInterval(() => {
      try {
        const latest = look()
        if (latest !== version) ear.gap()
        version = latest
      } catch {
        // The database was closed, or the disk fails. Whoever reads a session is told so.
      }
    }, lookInterval).unref()
    return () => clearInterval(timer)
  },
})

/** The SQL to run before and after a transaction, within the same turn of the event loop. */
interface Bracket {
  readonly before: string
  readonly after: string
}

const strict: Bracket = { before: '', after: '' }

/** For a sweep, which does not wait for the disk, as the rows that a power loss brings back have expired. */
const relaxed: Bracket = { before: 'PRAGMA synchronous = NORMAL', after: 'PRAGMA synchronous = FULL' }

/** The code of SQLITE_BUSY: another connection holds the lock. */
const busy = 5

/**
 * Begins a transaction.
 * @param isLast - whether to throw when another process holds the lock
 * @returns false when another process holds the lock
 */
function begins(db: DatabaseSync, isLast: boolean): boolean {
  try {
    db.exec('BEGIN IMMEDIATE')
    return true
  } catch (error) {
    if (isLast || (error as { errcode?: number }).errcode !== busy) throw error
    return false
  }
}

/** A file of the database, and which one it was when the database was opened. */
interface KnownFile {
  readonly path: string
  readonly ino: bigint
  readonly dev: bigint
}

function filesOf(db: DatabaseSync, suffixes: readonly string[]): KnownFile[] {
  const location = db.location()
  if (location === null) return []
  return suffixes.flatMap((suffix) => {
    const path = location + suffix
    const stat = statSync(path, { bigint: true, throwIfNoEntry: false })
    return stat ? [{ path, ino: stat.ino, dev: stat.dev }] : []
  })
}

/**
 * Checks that the files are still those that were opened. SQLite goes on in a file that has no name any more,
 * and what it stores there is lost at the end of the process.
 */
function checkFiles(files: readonly KnownFile[]): void {
  for (const { path, ino, dev } of files) {
    const stat = statSync(path, { bigint: true, throwIfNoEntry: false })
    if (stat?.ino === ino && stat.dev === dev) continue
    throw Object.assign(new Error('A file of the database was deleted or replaced. Restart the process.'), {
      code: 'FILE_GONE',
    })
  }
}

/** Tells that a file which was there before the store has rights for others. */
const readableByOthers = (files: readonly KnownFile[]): string[] =>
  process.platform !== 'win32' && files.some(({ path }) => (statSync(path).mode & 0o077) !== 0)
    ? ['Other users of this machine may use the SQLite file. Use chmod 600 for it, its -wal and its -shm.']
    : []

function open(path: string): DatabaseSync {
  // SQLite gives the files beside it the mode of this one.
  if (path !== '' && !/^:memory:$|^file:/.test(path)) {
    try {
      closeSync(openSync(path, 'ax', 0o600))
    } catch {
      // The file is there, or SQLite says why it cannot be.
    }
  }
  // Setting WAL and making the table need the lock. SQLite may block to wait for it before any request.
  const db = new DatabaseSync(path, { timeout: 5000 })
  db.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    ${schema}
    PRAGMA busy_timeout = ${nativeTimeout}`)
  return db
}

/** Tells which promises the pragmas of a database do not keep. */
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
