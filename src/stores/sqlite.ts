// This keeps sessions in a SQLite file.

import { statSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { setImmediate } from 'node:timers'
import { pathToFileURL } from 'node:url'
import { SessionError } from '../session/errors.ts'
import { checkOptions } from '../session/options.ts'
import { seen } from '../session/record.ts'
import type { KeyedStore } from '../session/store.ts'
import { type Channel, ChannelNotices, changesData } from './notice-channel.ts'
import { unpack } from './packed.ts'
import { isOver, tasks } from './sqlite-changes.ts'
import { checkFiles, filesOf, finder, type KnownFile, open, schema } from './sqlite-file.ts'
import { Writer } from './sqlite-writer.ts'

/** The options of `sqliteStore`. */
export interface SqliteStoreOptions {
  /**
   * Milliseconds, up to 60000, that a verb waits for another process that writes. The event loop goes on.
   * @default 1000
   */
  readonly busyTimeout?: number
}

/** Milliseconds between two looks for what other processes wrote, while anybody listens. */
const lookInterval = 100

/**
 * Makes a store in a SQLite file, durable on one machine. Several processes may share the file, on a local
 * disk. Changes that are there at the same time are made together, in a thread that waits for the disk.
 * @param path - the file, which is opened with WAL and `synchronous=FULL`. `close` makes what is pending, closes the
 * file, and blocks until then
 * @throws {SessionError} CONFIG_INVALID, naming the option
 * @throws what `node:sqlite` throws for a file that cannot be opened
 */
export function sqliteStore(path: string, options?: SqliteStoreOptions): KeyedStore & { close(): void }
/**
 * Makes a store in a SQLite database that is open already. Changes are made within a turn of the event loop, which
 * waits for the disk once for those of the turn.
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
  // Another connection has no part in a database in memory, nor in a transaction that the application has open. One that
  // shares its cache with this one would lock out who reads.
  const isAlone = isOwn && db.location() !== null && !/[?&]cache=shared\b/.test(database)
  const path = isAlone ? locationOf(database, db.location()!) : null
  const writer = new Writer({ db, files, path, isOwn, busyTimeout })
  const find = finder(db)
  const notices = new ChannelNotices(true, channelOf(writer))

  let isChecked = false
  /** Checks the files once in a turn of the event loop, as that takes as long as to read a session. */
  const check = (): void => {
    if (isChecked) return
    checkFiles(files)
    isChecked = true
    setImmediate(() => (isChecked = false))
  }

  return {
    async create(id, record) {
      await writer.ask(tasks.create(id, record))
    },
    async read(id, now) {
      check()
      const text = find(id, now)
      return text === undefined ? null : seen(unpack(text))
    },
    async commit(id, changes, now) {
      const tellsChange = changesData(changes)
      const answer = await writer.ask(tasks.commit(id, changes, now))
      if (answer === isOver) notices.notify(id, 'ended')
      else if (answer === 'committed' && tellsChange) notices.notify(id, 'changed')
      return answer === isOver ? 'committed' : answer
    },
    async delete(id, now, mark) {
      const answer = await writer.ask(tasks.delete(id, now, mark))
      if (answer === null || typeof answer === 'string') return answer
      notices.notify(id, 'ended')
      return unpack(answer.record)
    },
    sweep: (now) => writer.ask(tasks.sweep(now)),
    async check() {
      checkFiles(files)
      const warnings = await writer.ask(tasks.judge())
      const without = writer.trouble === null ? [] : [withoutThread]
      return [...warnings, ...without, ...(isOwn ? readableByOthers(files) : [])]
    },
    notices,
    ...(isOwn && {
      close() {
        writer.close()
        db.close()
      },
    }),
  }
}

const withoutThread =
  'SQLite holds up this whole process while the disk writes, as no thread can be started. Keep the file sqlite-thread.js beside the one that starts it, and allow threads.'

/** The path that opens a database again, wherever the process is by then, with the parameters of a URI. */
const locationOf = (given: string, location: string): string =>
  given.startsWith('file:') ? pathToFileURL(location).href + (/\?.*/.exec(given)?.[0] ?? '') : location

/** What other connections write is seen by a number that SQLite counts up, and not to whom they did it. */
const channelOf = (writer: Writer): Channel => ({
  async subscribe(subscriber) {
    // The number of a connection does not count what that writes itself, so that the one which writes is asked.
    let version = await writer.ask(tasks.version())
    let isLooking = false
    const lookAgain = async (): Promise<void> => {
      if (isLooking) return
      isLooking = true
      try {
        const latest = await writer.ask(tasks.version())
        if (latest !== version) subscriber.onGap()
        version = latest
      } catch {
        // The database was closed, or the disk fails. Whoever reads a session is told so.
      }
      isLooking = false
    }
    const timer = setInterval(() => void lookAgain(), lookInterval).unref()
    return () => clearInterval(timer)
  },
})

/** Tells that a file which was there before the store has rights for others. */
const readableByOthers = (files: readonly KnownFile[]): string[] =>
  process.platform !== 'win32' && files.some(({ path }) => (statSync(path).mode & 0o077) !== 0)
    ? ['Other users of this machine may use the SQLite file. Use chmod 600 for it, its -wal and its -shm.']
    : []
