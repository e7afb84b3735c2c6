import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { afterAll, describe, expect, it } from 'vitest'
import { changeSet } from '../../src/session/changes.ts'
import { sqliteStore } from '../../src/stores/sqlite.ts'
import { guarantees } from '../../src/stores/suite/suite.ts'
import { recordOf } from '../support/record-of.ts'
import { runs } from '../support/runs.ts'

const folder = mkdtempSync(join(tmpdir(), 'graphql-session-sqlite-'))
afterAll(() => rmSync(folder, { recursive: true }))

describe('sqliteStore', () => {
  const store = sqliteStore(join(folder, 'sessions.db'))
  const peer = sqliteStore(join(folder, 'sessions.db'))
  afterAll(() => {
    store.close()
    peer.close()
  })
  it.each(guarantees)('$id $title', ({ check }) => check(store, { histories: runs(1_000, 100_000), peer }))
})

/** Another process's place: its own connection, in a thread that really runs at the same time. */
const writer = `
  import { parentPort, workerData } from 'node:worker_threads'
  import { changeSet } from '${new URL('../../src/session/changes.ts', import.meta.url).href}'
  import { sqliteStore } from '${new URL('../../src/stores/sqlite.ts', import.meta.url).href}'
  const { path, writes } = workerData
  const store = sqliteStore(path)
  let conflicts = 0
  for (let done = 0; done < writes; ) {
    const text = (await store.read('shared', 0)).entries.get('count')
    const entries = new Map([['count', String(Number(text) + 1)]])
    const outcome = await store.commit('shared', changeSet({ expect: new Map([['count', text]]), entries }), 0)
    if (outcome === 'committed') done++
    else conflicts++
  }
  store.close()
  parentPort.postMessage(conflicts)`

describe('a SQLite file', () => {
  const path = join(folder, 'shared.db')

  it('is opened so that an acknowledged change survives a power loss', async () => {
    const store = sqliteStore(path)
    expect(await store.check!()).toEqual([])
    await store.sweep!(1)
    expect(await store.check!()).toEqual([])
    store.close()
  })

  it('can be written by several at once, who wait for each other', async () => {
    const store = sqliteStore(path)
    await store.create('shared', {
      entries: new Map([['count', '0']]),
      createdAt: 0,
      expiresAt: 1,
      policy: '',
    })
    const source = new URL(`data:text/javascript,${encodeURIComponent(writer)}`)
    const threads = Array.from({ length: 3 }, () => new Worker(source, { workerData: { path, writes: 200 } }))
    const conflicts = await Promise.all(threads.map((thread) => once(thread, 'message')))
    expect(recordOf(await store.read('shared', 0))?.entries.get('count')).toBe('600')
    // Otherwise they did not meet.
    expect(conflicts.flat().reduce((sum, each: number) => sum + each, 0)).toBeGreaterThan(0)
    store.close()
  })

  it('is waited for while another process writes, and nothing else is held up', async () => {
    const store = sqliteStore(path, { busyTimeout: 600 })
    const other = new DatabaseSync(path)
    other.exec('BEGIN IMMEDIATE')
    const began = performance.now()
    let [last, longest] = [began, 0]
    const ticks = setInterval(() => {
      longest = Math.max(longest, performance.now() - last)
      last = performance.now()
    }, 5)
    const record = { entries: new Map<string, string>(), createdAt: 0, expiresAt: 1, policy: '' }
    const writes = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map((id) => store.create(`busy-${id}`, record))
    const outcomes = await Promise.allSettled(writes)
    clearInterval(ticks)
    expect(outcomes.map(({ status }) => status)).toEqual(writes.map(() => 'rejected'))
    expect(performance.now() - began).toBeLessThan(3000)
    expect(longest).toBeLessThan(450)
    expect(await store.read('busy-a', 0)).toBeNull()

    const waiting = store.create('busy-a', record)
    await setTimeout(50)
    other.exec('COMMIT')
    await waiting
    expect(await store.read('busy-a', 0)).toEqual(record)
    other.close()
    store.close()
  })

  it('that was open already stays open, and is not closed by the store', async () => {
    const db = new DatabaseSync(join(folder, 'borrowed.db'))
    const store = sqliteStore(db)
    expect('close' in store).toBe(false)
    expect(await store.read('a', 0)).toBeNull()
    const record = { entries: new Map<string, string>(), createdAt: 0, expiresAt: 1, policy: '' }
    const change = changeSet({ entries: new Map([['a', '1']]) })
    await store.create('a', record)
    expect(await store.commit('a', change, 0)).toBe('committed')
    // Nobody but its owner can have done that unseen.
    db.exec('DELETE FROM graphql_session')
    expect(await store.commit('a', change, 0)).toBe('gone')
    db.close()
  })

  it('that was open already keeps a transaction of the application, which verbs wait for', async () => {
    const db = new DatabaseSync(join(folder, 'lent.db'))
    db.exec('PRAGMA journal_mode = WAL; CREATE TABLE orders (id INTEGER)')
    const store = sqliteStore(db, { busyTimeout: 200 })
    const record = { entries: new Map<string, string>(), createdAt: 0, expiresAt: 1, policy: '' }
    db.exec('BEGIN; INSERT INTO orders VALUES (1)')
    await expect(store.create('a', record)).rejects.toThrow('transaction')
    await expect(store.sweep!(1)).rejects.toThrow('transaction')
    expect(db.isTransaction).toBe(true)
    const waiting = store.create('a', record)
    await setTimeout(10)
    db.exec('COMMIT')
    await waiting
    expect(db.prepare('SELECT count(*) AS n FROM orders').get()).toEqual({ n: 1 })
    expect(await store.read('a', 0)).toEqual(record)
    await expect(store.create('a', record)).rejects.toThrow('in use')
    expect(db.isTransaction).toBe(false)
    db.exec('BEGIN')
    expect(() => sqliteStore(db)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
    db.close()
  })

  it('is made for its owner only, with the files beside it, and others are told of', async () => {
    const own = join(folder, 'secret.db')
    const store = sqliteStore(own)
    const modes = ['', '-wal', '-shm'].map((suffix) => statSync(own + suffix).mode & 0o777)
    expect(modes).toEqual([0o600, 0o600, 0o600])
    expect(await store.check!()).toEqual([])
    chmodSync(own, 0o644)
    expect(await store.check!()).toEqual([expect.stringMatching(/^Other users .*chmod 600/)])
    store.close()
  })

  it.each(['', '-wal'])('is missed once file%s is deleted or replaced', async (suffix) => {
    const own = join(folder, `missed${suffix}.db`)
    const store = sqliteStore(own)
    const record = { entries: new Map<string, string>(), createdAt: 0, expiresAt: 1, policy: '' }
    await store.create('a', record)
    expect(await store.read('a', 0)).toEqual(record)
    rmSync(own + suffix)
    await expect(store.create('b', record)).rejects.toThrow('deleted or replaced')
    await expect(store.read('a', 0)).rejects.toThrow('deleted or replaced')
    writeFileSync(own + suffix, '')
    await expect(store.delete('a', 0)).rejects.toThrow('deleted or replaced')
    await expect(store.check!()).rejects.toThrow('deleted or replaced')
    store.close()
  })

  it('is missed where it was deleted before the first change, and no other one is made', async () => {
    const own = join(folder, 'unborn.db')
    const store = sqliteStore(own)
    rmSync(own)
    const record = { entries: new Map<string, string>(), createdAt: 0, expiresAt: 1, policy: '' }
    await expect(store.create('a', record)).rejects.toThrow('deleted or replaced')
    expect(existsSync(own)).toBe(false)
    store.close()
  })

  it('tells of what others write, and not of what the store writes itself', async () => {
    const [store, other] = [sqliteStore(path), sqliteStore(path)]
    let gaps = 0
    const stop = await store.notices!.listen(
      () => {},
      () => gaps++,
    )
    const record = { entries: new Map<string, string>(), createdAt: 0, expiresAt: 1, policy: '' }
    await store.create('told', record)
    await setTimeout(250)
    expect(gaps).toBe(0)
    await other.delete('told', 0)
    await expect.poll(() => gaps).toBeGreaterThan(0)
    await stop()
    store.close()
    other.close()
  })

  it.each([{ busyTimeout: -1 }, { busyTimeout: '1s' }, { busyTimout: 1 }])('refuses %o', (options) => {
    expect(() => sqliteStore(path, options as never)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID' }),
    )
  })
})
