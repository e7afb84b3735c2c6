import { DatabaseSync } from 'node:sqlite'
import { apply } from '../changes.ts'
import { SessionError } from '../errors.ts'
import { checkOptions } from '../options.ts'
import type { SessionRecord } from '../record.ts'
import type { KeyedStore } from '../store.ts'
import { pack, unpack } from './packed.ts'

export interface SqliteStoreOptions {
  /** Milliseconds to wait for another process that writes. The event loop waits along. @default 1000 */
  readonly busyTimeout?: number
}

const sweptAtOnce = 100

/**
 * Sessions in a SQLite file: the durable store for one machine. Several processes may share the file, on a local
 * disk. Every verb runs within one turn of the event loop; one that writes waits for the disk.
 * @param database - a path, opened with WAL and `synchronous=FULL`; or a database that is open already, whose
 * pragmas stay as they are (`check` judges them) and which is closed by whoever opened it
 */
export function sqliteStore(
  database: string | DatabaseSync,
  options: SqliteStoreOptions = {},
): KeyedStore & { close(): void } {
  checkOptions('sqliteStore', options, ['busyTimeout'])
  const { busyTimeout = 1000 } = options
  if (!Number.isSafeInteger(busyTimeout) || busyTimeout < 0 || busyTimeout > 60_000) {
    throw new SessionError(
      'CONFIG_INVALID',
      'sqliteStore: busyTimeout must be a whole number of milliseconds from 0 to 60000.',
    )
  }
  const db = typeof database === 'string' ? open(database, busyTimeout) : database
  db.exec(`
    CREATE TABLE IF NOT EXISTS graphql_session
      (id TEXT PRIMARY KEY, expires_at INTEGER NOT NULL, record TEXT NOT NULL) STRICT, WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS graphql_session_expires_at ON graphql_session (expires_at)`)
  const insert = db.prepare('INSERT INTO graphql_session (id, expires_at, record) VALUES (?, ?, ?)')
  const select = db.prepare('SELECT record FROM graphql_session WHERE id = ? AND expires_at > ?')
  const update = db.prepare('UPDATE graphql_session SET expires_at = ?, record = ? WHERE id = ?')
  const remove = db.prepare('DELETE FROM graphql_session WHERE id = ? RETURNING expires_at, record')
  const sweep = db.prepare(`
    DELETE FROM graphql_session WHERE id IN
      (SELECT id FROM graphql_session WHERE expires_at <= ? ORDER BY expires_at LIMIT ${sweptAtOnce})`)

  const find = (id: string, now: number): SessionRecord | null => {
    const row = select.get(id, now)
    return row ? unpack(row['record'] as string) : null
  }

  return {
    async create(id, record) {
      insert.run(id, record.expiresAt, pack(record))
    },
    async read(id, now) {
      return find(id, now)
    },
    async commit(id, changes, now) {
      // Takes the lock before reading, so that nobody writes in between.
      db.exec('BEGIN IMMEDIATE')
      try {
        const { outcome, record } = apply(find(id, now), changes)
        if (outcome === 'committed') update.run(record!.expiresAt, pack(record!), id)
        db.exec('COMMIT')
        return outcome
      } catch (error) {
        if (db.isTransaction) db.exec('ROLLBACK')
        throw error
      }
    },
    async delete(id, now) {
      const row = remove.get(id)
      return row && (row['expires_at'] as number) > now ? unpack(row['record'] as string) : null
    },
    async sweep(now) {
      return Number(sweep.run(now).changes)
    },
    async check() {
      return judge(db)
    },
    close() {
      db.close()
    },
  }
}

function open(path: string, busyTimeout: number): DatabaseSync {
  const db = new DatabaseSync(path, { timeout: busyTimeout })
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
  return db
}

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
  if (pragma('busy_timeout') === 0) {
    warnings.push(
      'SQLite fails at once while another process writes: PRAGMA busy_timeout is 0. Set PRAGMA busy_timeout = 1000.',
    )
  }
  return warnings
}
