import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { text } from 'node:stream/consumers'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Worker } from 'node:worker_threads'
import { rolldown } from 'rolldown'
import { afterAll, describe, expect, it } from 'vitest'
import { changeSet } from '../../src/session/changes.ts'
import type { SessionRecord } from '../../src/session/record.ts'
import { Changes, tasks } from '../../src/stores/sqlite-changes.ts'
import { sqliteStore } from '../../src/stores/sqlite.ts'
import { recordOf } from '../support/record-of.ts'

const folder = mkdtempSync(join(tmpdir(), 'graphql-session-sqlite-writer-'))
afterAll(() => rmSync(folder, { recursive: true }))

let files = 0
const newPath = (): string => join(folder, `${files++}.db`)

const record: SessionRecord = { entries: new Map(), createdAt: 0, expiresAt: 1, policy: '' }
const setting = (key: string, value: string) => changeSet({ entries: new Map([[key, value]]) })
const idsOf = (count: number): string[] => Array.from({ length: count }, (_, number) => `id-${number}`)

/** How many transactions a file has in its WAL: in the head of the last page of each there is a size. */
function transactionsIn(path: string): number {
  const wal = readFileSync(`${path}-wal`)
  const [header, head, page] = [32, 24, wal.readUInt32BE(8)]
  const salt = wal.readUInt32BE(16)
  let count = 0
  for (let at = header; at + head <= wal.length; at += head + page) {
    if (wal.readUInt32BE(at + 8) === salt && wal.readUInt32BE(at + 4) > 0) count++
  }
  return count
}

/** Whether each was made, by its number. */
const made = async (all: readonly Promise<unknown>[]): Promise<boolean[]> =>
  (await Promise.allSettled(all)).map(({ status }) => status === 'fulfilled')

/** The longest time, in ms, for which the event loop was held up meanwhile. */
async function longestStall(work: () => Promise<unknown>): Promise<number> {
  let [last, longest] = [performance.now(), 0]
  const note = (): void => {
    longest = Math.max(longest, performance.now() - last)
    last = performance.now()
  }
  const ticks = setInterval(note, 2)
  await work()
  clearInterval(ticks)
  note()
  return longest
}

describe('changes to a SQLite file that are there at the same time', () => {
  it('are one transaction, also those of one turn after the other', async () => {
    const path = newPath()
    const store = sqliteStore(path)
    const before = transactionsIn(path)
    await Promise.all(idsOf(64).map((id) => store.create(id, record)))
    expect(transactionsIn(path) - before).toBe(1)
    const rest = idsOf(64).map(async (id, number) => {
      for (let turn = 0; turn < number % 4; turn++) await setImmediate()
      return store.commit(id, setting('a', '1'), 0)
    })
    expect(new Set(await Promise.all(rest))).toEqual(new Set(['committed']))
    expect(transactionsIn(path) - before).toBeLessThan(8)
    store.close()
  })

  it('fail alone, whether SQLite, the store or JSON refuses one of them', async () => {
    const store = sqliteStore(newPath())
    await store.create('id-5', record)
    const ids = idsOf(64)
    const bad: Record<string, Partial<SessionRecord>> = {
      // The table is strict.
      'id-20': { expiresAt: 1.5 },
      'id-30': { expiresAt: Number.NaN },
      'id-40': { expiresAt: 1n as never },
    }
    const done = await made(ids.map((id) => store.create(id, { ...record, ...bad[id] })))
    const failed = ids.filter((_, number) => !done[number])
    expect(failed).toEqual(['id-5', 'id-20', 'id-30', 'id-40'])
    const found = await Promise.all(ids.map((id) => store.read(id, 0)))
    expect(ids.filter((_, number) => found[number] === null)).toEqual(['id-20', 'id-30', 'id-40'])

    const committed = ids.map((id) =>
      store.commit(id, changeSet({ ...setting('a', '1'), ...(id === 'id-9' && { expiresAt: 1.5 }) }), 0),
    )
    const outcomes = await Promise.allSettled(committed)
    const others = outcomes.filter(({ status }, at) => (status === 'rejected') !== (ids[at] === 'id-9'))
    expect(others).toEqual([])
    expect(recordOf(await store.read('id-9', 0))?.entries.size).toBe(0)
    expect(recordOf(await store.read('id-10', 0))?.entries.get('a')).toBe('1')
    store.close()
  })

  it('fail alone where SQLite rolls back all of them, as for want of room', async () => {
    const db = new DatabaseSync(newPath())
    db.exec('PRAGMA journal_mode = WAL')
    const store = sqliteStore(db)
    const { page_count: pages } = db.prepare('PRAGMA page_count').get()!
    db.exec(`PRAGMA max_page_count = ${Number(pages) + 4}`)
    const large = { ...record, entries: new Map([['text', 'x'.repeat(100_000)]]) }
    const ids = idsOf(8)
    expect(await made(ids.map((id) => store.create(id, id === 'id-3' ? large : record)))).toEqual(
      ids.map((id) => id !== 'id-3'),
    )
    expect(await store.read('id-3', 0)).toBeNull()
    expect(await store.read('id-7', 0)).toEqual(record)
    db.close()
  })

  it('fail alone also where another process takes the lock in between', () => {
    const path = newPath()
    sqliteStore(path).close()
    const [db, other] = [new DatabaseSync(path), new DatabaseSync(path)]
    const { page_count: pages } = db.prepare('PRAGMA page_count').get()!
    db.exec(`PRAGMA max_page_count = ${Number(pages) + 4}`)
    const execute = db.exec.bind(db)
    let begun = 0
    db.exec = (sql) => {
      if (sql === 'BEGIN IMMEDIATE' && ++begun === 2) other.exec(sql)
      execute(sql)
    }
    let pauses = 0
    const pause = (): void => {
      if (++pauses === 3) other.exec('COMMIT')
    }
    const changes = new Changes(db, [], true, { timeout: 10_000, pause })
    const large = { ...record, entries: new Map([['text', 'x'.repeat(100_000)]]) }
    const asked = idsOf(3).map((id) => JSON.parse(tasks.create(id, id === 'id-1' ? large : record).json))
    expect(changes.attempt(asked, false)).toEqual([null, { failed: expect.anything() }, null])
    expect(pauses).toBeGreaterThanOrEqual(3)
    for (const each of [db, other]) each.close()
  })

  it('of one session are made in their order, as they were when they were asked for', async () => {
    const store = sqliteStore(newPath())
    const all: Promise<unknown>[] = [store.create('a', record)]
    for (let value = 1; value <= 300; value++) all.push(store.commit('a', setting('n', String(value)), 0))
    const entries = new Map([['late', '1']])
    all.push(store.commit('a', changeSet({ entries }), 0))
    entries.set('late', '2')
    const last = store.delete('a', 0)
    const after = store.commit('a', setting('n', '0'), 0)
    await Promise.all(all)
    expect(Object.fromEntries(recordOf(await last)!.entries)).toEqual({ n: '300', late: '1' })
    expect(await after).toBe('gone')
    store.close()
  })

  it('are seen by every read that begins after they were acknowledged, of any store on the file', async () => {
    const path = newPath()
    const stores = [sqliteStore(path), sqliteStore(path)]
    await stores[0]!.create('a', record)
    for (let value = 1; value <= 50; value++) {
      await stores[value % 2]!.commit('a', setting('n', String(value)), 0)
      const found = await Promise.all(stores.map((store) => store.read('a', 0)))
      expect(found.map((each) => recordOf(each)?.entries.get('n'))).toEqual([String(value), String(value)])
    }
    for (const store of stores) store.close()
  })

  it('hold up neither the event loop nor reads while another process has the lock', async () => {
    const path = newPath()
    const store = sqliteStore(path)
    await store.create('a', record)
    const other = new DatabaseSync(path)
    other.exec('BEGIN IMMEDIATE')
    const writing = store.commit('a', setting('n', '1'), 0)
    const stall = await longestStall(async () => {
      for (let time = 0; time < 60; time++) {
        expect(await store.read('a', 0)).toEqual(record)
        await setTimeout(5)
      }
    })
    other.exec('COMMIT')
    expect(await writing).toBe('committed')
    expect(stall).toBeLessThan(600)
    other.close()
    store.close()
  })
})

describe('a SQLite store that is closed', () => {
  const expectKept = async (path: string, writes: readonly Promise<unknown>[]): Promise<void> => {
    expect(await made(writes)).toEqual(writes.map(() => true))
    const again = sqliteStore(path)
    expect(recordOf(await again.read('a', 0))?.entries.get('n')).toBe('300')
    again.close()
  }
  const write = (store: ReturnType<typeof sqliteStore>): Promise<unknown>[] => [
    store.create('a', record),
    ...Array.from({ length: 300 }, (_, at) => store.commit('a', setting('n', String(at + 1)), 0)),
  ]

  it('has made what was asked for in the same turn', async () => {
    const path = newPath()
    const store = sqliteStore(path)
    const writes = write(store)
    store.close()
    await expectKept(path, writes)
  })

  it.each([0, 20, 60])('has made what was asked for %i ms before, and what came since', async (wait) => {
    const path = newPath()
    const store = sqliteStore(path)
    const writes = write(store)
    await setImmediate()
    await setTimeout(wait)
    writes.push(store.create('b', record), store.commit('a', setting('o', '1'), 0))
    store.close()
    await expectKept(path, writes)
  })

  it('leaves the file to itself, and refuses what comes after', async () => {
    const path = newPath()
    const store = sqliteStore(path)
    await store.create('a', record)
    store.close()
    // The last connection to close removes it.
    expect(() => readFileSync(`${path}-wal`)).toThrow('ENOENT')
    await expect(store.create('b', record)).rejects.toThrow('closed')
  })
})

describe('the thread of a SQLite store', () => {
  it('is replaced when it dies, and what it was about to do has failed', async () => {
    const path = newPath()
    const store = sqliteStore(path)
    const workers: Worker[] = []
    const note = (worker: Worker): void => void workers.push(worker)
    process.on('worker', note)
    await store.create('a', record)
    const other = new DatabaseSync(path)
    other.exec('BEGIN IMMEDIATE')
    const dying = store.commit('a', setting('n', '1'), 0)
    await setTimeout(20)
    const next = store.commit('a', setting('n', '2'), 0)
    void workers[0]!.terminate()
    await expect(dying).rejects.toThrow('has ended')
    other.exec('COMMIT')
    expect(await next).toBe('committed')
    expect(recordOf(await store.read('a', 0))?.entries.get('n')).toBe('2')
    expect(workers.length).toBe(2)
    process.off('worker', note)
    other.close()
    store.close()
  })

  /** Runs a module over a store in a process of its own. */
  async function run(code: string, flags: readonly string[] = [], program = process.execPath) {
    const at = join(folder, `${files++}.mjs`)
    writeFileSync(at, code)
    const child = spawn(program, [...flags, at], { stdio: ['ignore', 'pipe', 'pipe'] })
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
    if (child.exitCode === null) await once(child, 'exit')
    return { code: child.exitCode, stdout, stderr }
  }
  const source = fileURLToPath(import.meta.resolve('../../src/stores/sqlite.ts'))
  const using = (module: string): string => `
    import { DatabaseSync } from 'node:sqlite'
    import { sqliteStore } from ${JSON.stringify(pathToFileURL(module).href)}
    const path = ${JSON.stringify(newPath())}
    const store = sqliteStore(path)
    const record = { entries: new Map(), createdAt: 0, expiresAt: 1, policy: '' }
    await Promise.all(Array.from({ length: 64 }, (_, n) => store.create('id-' + n, record)))
    console.log((await store.read('id-63', 0)).expiresAt)`

  it('does not keep its process, which ends after the last answer without a close', async () => {
    expect(await run(using(source))).toEqual({ code: 0, stdout: '1\n', stderr: '' })
  })

  const waiting = `
    const other = new DatabaseSync(path)
    other.exec('BEGIN IMMEDIATE')
    let [last, longest] = [performance.now(), 0]
    setInterval(() => {
      longest = Math.max(longest, performance.now() - last)
      last = performance.now()
    }, 2).unref()
    setTimeout(() => other.exec('COMMIT'), 500)
    const began = performance.now()
    await store.create('late', record)
    console.log(performance.now() - began > 450, longest < 250)
    console.log((await store.check()).join())`

  const filling = `
    const setting = (n, expect) => ({ expect: new Map(expect), entries: new Map([['n', String(n)]]), clear: false })
    const outcome = (change) => store.commit('id-1', change, 0).catch(({ code }) => code)
    let n = 0
    do { n++ } while ((await outcome(setting(n, []))) === 'committed')
    console.log(n > 10, await outcome(setting(n, [])), await outcome(setting(n, [['n', String(n)]])))
    console.log((await store.read('id-1', 0)).entries.get('n') === String(n - 1))`

  it.skipIf(process.platform === 'win32')(
    'tells that the disk is full, and what is stored by then',
    async () => {
      const limited = ['-c', 'ulimit -f 512 && exec "$0" "$@"', process.execPath]
      const { stdout } = await run(using(source) + filling, limited, 'bash')
      expect(stdout).toBe('1\ntrue ERR_SQLITE_ERROR conflict\ntrue\n')
    },
  )

  it('may be forbidden: the process warns once, and the store makes changes without it', async () => {
    const flags = ['--permission', '--allow-fs-read=*', '--allow-fs-write=*']
    const { code, stdout, stderr } = await run(using(source) + waiting, flags)
    expect(stdout).toMatch(/^1\ntrue true\nSQLite holds up this whole process while the disk writes/)
    expect(stderr.match(/SessionWarning/g)).toHaveLength(1)
    expect(code).toBe(0)
  })

  it('writes to the file of a relative URI, wherever the process is by then', async () => {
    const program = `
      import { mkdirSync, existsSync } from 'node:fs'
      import { sqliteStore } from ${JSON.stringify(source)}
      process.chdir(${JSON.stringify(folder)})
      const store = sqliteStore('file:relative.db?mode=rwc')
      mkdirSync('elsewhere')
      process.chdir('elsewhere')
      const record = { entries: new Map(), createdAt: 0, expiresAt: 1, policy: '' }
      await store.create('here', record)
      console.log((await store.read('here', 0)) !== null, existsSync('relative.db'))`
    expect(await run(program)).toMatchObject({ code: 0, stdout: 'true false\n' })
  })

  it('shares no cache with who reads', async () => {
    const store = sqliteStore(`file:${newPath()}?cache=shared`)
    const ids = idsOf(300)
    await Promise.all(ids.map((id) => store.create(id, record)))
    const reads = ids.map(async (id) => {
      for (let turn = 0; turn < 5; turn++) {
        await store.commit(id, setting('n', String(turn)), 0)
        expect(await store.read(id, 0)).not.toBeNull()
      }
    })
    expect(await made(reads)).toEqual(ids.map(() => true))
    store.close()
  })

  it('may be missing from a bundle: the same', async () => {
    const bundle = await rolldown({ input: source, platform: 'node', logLevel: 'silent' })
    const { output } = await bundle.generate({ format: 'esm' })
    const module = join(folder, 'bundle.mjs')
    writeFileSync(module, output[0].code)
    const { code, stdout, stderr } = await run(using(module) + waiting)
    expect(stdout).toMatch(/^1\ntrue true\nSQLite holds up this whole process while the disk writes/)
    expect(stderr.match(/SessionWarning/g)).toHaveLength(1)
    expect(code).toBe(0)
  })
})
