// This opens the SQLite file of a store, and tells whether it is still the one that was opened.

import { closeSync, openSync, statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'

/** The table of the sessions. */
export const schema = `
  CREATE TABLE IF NOT EXISTS graphql_session
    (id TEXT PRIMARY KEY, expires_at INTEGER NOT NULL, record TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS graphql_session_expires_at ON graphql_session (expires_at);`

/** Gives what finds a record by its id, and nothing that has expired at an instant. */
export function finder(db: DatabaseSync): (id: string, now: number) => string | undefined {
  const select = db.prepare('SELECT record FROM graphql_session WHERE id = ? AND expires_at > ?')
  // To make an object takes a quarter of the time.
  select.setReturnArrays(true)
  return (id, now) => (select.get(id, now) as unknown as [record: string] | undefined)?.[0]
}

/** Milliseconds that SQLite itself waits for a lock, while it blocks its thread. */
const nativeTimeout = 5

/** Opens a file, which is made with the table where it is missing. */
export function open(path: string): DatabaseSync {
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
  db.exec(`PRAGMA journal_mode = WAL; ${schema}`)
  makeDurable(db)
  return db
}

/** Opens another connection to a file that `open` has opened. */
export function openAgain(path: string): DatabaseSync {
  const db = new DatabaseSync(path, { timeout: 5000 })
  makeDurable(db)
  return db
}

const makeDurable = (db: DatabaseSync): void =>
  db.exec(`PRAGMA synchronous = FULL; PRAGMA busy_timeout = ${nativeTimeout}`)

/** A file of the database, and which one it was when the database was opened. */
export interface KnownFile {
  readonly path: string
  readonly ino: bigint
  readonly dev: bigint
}

export function filesOf(db: DatabaseSync, suffixes: readonly string[]): KnownFile[] {
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
export function checkFiles(files: readonly KnownFile[]): void {
  for (const { path, ino, dev } of files) {
    const stat = statSync(path, { bigint: true, throwIfNoEntry: false })
    if (stat?.ino === ino && stat.dev === dev) continue
    throw Object.assign(new Error('A file of the database was deleted or replaced. Restart the process.'), {
      code: 'FILE_GONE',
    })
  }
}
