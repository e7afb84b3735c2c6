import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { unpack } from '../../src/stores/packed.ts'
import { needs } from '../support/needs.ts'
import { isFull, report } from './size.ts'

const writer = fileURLToPath(import.meta.resolve('../support/sqlite-writes.ts'))
const plan = isFull ? { sessions: 64, rounds: 300, losses: 200 } : { sessions: 16, rounds: 12, losses: 60 }

/** What happened to the files, in its order: a change, what a file was asked to put on the disk, or an answer. */
type Event =
  | { readonly is: 'write'; readonly file: string; readonly at: number; readonly bytes: Buffer }
  | { readonly is: 'truncate'; readonly file: string; readonly to: number }
  | { readonly is: 'sync'; readonly file: string }
  | { readonly is: 'acknowledged'; readonly id: string; readonly round: number }

/** Reads what strace has written. A call that others come in between of has happened when it returned. */
function eventsOf(trace: string, path: string): Event[] {
  const begun = new Map<string, string>()
  const events: Event[] = []
  for (const line of trace.split('\n')) {
    const [, thread = '', said = ''] = /^(\d+) +(.*)$/.exec(line) ?? []
    const unfinished = said.indexOf(' <unfinished ...>')
    const resumed = /^<\.\.\. \w+ resumed>/.exec(said)?.[0]
    if (unfinished !== -1) begun.set(thread, said.slice(0, unfinished))
    else events.push(...eventOf(resumed ? begun.get(thread)! + said.slice(resumed.length) : said, path))
  }
  return events
}

const bytesOf = (text: string): Buffer => Buffer.from(text.replaceAll('\\x', ''), 'hex')

function eventOf(call: string, path: string): Event[] {
  const [, name, fd, place = '', rest = ''] = /^(\w+)\((\d+)<([^>]*)>(.*)$/.exec(call) ?? []
  const file = bytesOf(place).toString()
  const bytes = bytesOf(/^, "([^"]*)"/.exec(rest)?.[1] ?? '')
  if (name === 'write' && fd === '1') {
    return [...bytes.toString().matchAll(/(\S+) (\d+)\n/g)].map(([, id, round]) => ({
      is: 'acknowledged',
      id: id!,
      round: Number(round),
    }))
  }
  const suffix = ['', '-wal'].find((each) => file === path + each)
  if (suffix === undefined || / = -1 /.test(rest)) return []
  if (name === 'pwrite64') {
    const [, at] = /, \d+, (\d+)\) += \d+$/.exec(rest)!
    return [{ is: 'write', file: suffix, at: Number(at), bytes }]
  }
  if (name === 'ftruncate') return [{ is: 'truncate', file: suffix, to: Number(/^, (\d+)/.exec(rest)![1]) }]
  return name === 'fdatasync' || name === 'fsync' ? [{ is: 'sync', file: suffix }] : []
}

/** A file of a disk that keeps what it was told to, and of anything else what it likes. */
class LossyFile {
  #kept: Buffer = Buffer.alloc(0)
  #loose: ((before: Buffer) => Buffer)[] = []

  write(at: number, bytes: Buffer): void {
    this.#loose.push((before) => {
      const after = Buffer.alloc(Math.max(before.length, at + bytes.length))
      before.copy(after)
      bytes.copy(after, at)
      return after
    })
  }

  truncate(to: number): void {
    this.#loose.push((before) => before.subarray(0, to))
  }

  sync(): void {
    this.#kept = this.after(() => true)
    this.#loose = []
  }

  after(survives: () => boolean): Buffer {
    return this.#loose.filter(survives).reduce<Buffer>((before, change) => change(before), this.#kept)
  }
}

/** Tells what was acknowledged before the power failed and is missing after it, and whether the file is sound. */
function missing(
  folder: string,
  files: Record<string, LossyFile>,
  acked: ReadonlyMap<string, number>,
  survives: () => boolean,
): string[] {
  const path = join(mkdtempSync(join(folder, 'lost-')), 'sessions.db')
  for (const [suffix, file] of Object.entries(files)) writeFileSync(path + suffix, file.after(survives))
  const db = new DatabaseSync(path)
  const flaws = db
    .prepare('PRAGMA integrity_check')
    .all()
    .map(({ integrity_check: says }) => String(says))
    .filter((says) => says !== 'ok')
  const select = db.prepare('SELECT record FROM graphql_session WHERE id = ?')
  for (const [id, round] of acked) {
    const text = select.get(id)?.['record'] as string | undefined
    const found = text === undefined ? -1 : Number(unpack(text).entries.get('round') ?? 0)
    if (found < round) flaws.push(`${id}: ${round} was acknowledged, and ${found} is there`)
  }
  db.close()
  return flaws
}

describe('after a power loss', { timeout: 300_000 }, () => {
  it('every change that SQLite has acknowledged is there', needs('strace'), () => {
    const folder = realpathSync(mkdtempSync(join(tmpdir(), 'graphql-session-power-')))
    const path = join(folder, 'sessions.db')
    const log = join(folder, 'trace')
    try {
      const calls = 'trace=pwrite64,write,ftruncate,fsync,fdatasync'
      const command = [process.execPath, writer, path, String(plan.sessions), String(plan.rounds)]
      const options = ['-f', '-y', '-xx', '-s', '100000', '-e', calls, '-o', log]
      const { signal, stderr } = spawnSync('strace', [...options, ...command], { maxBuffer: 2 ** 28 })
      expect([signal, String(stderr)]).toEqual(['SIGKILL', ''])
      const events = eventsOf(readFileSync(log, 'utf8'), path)

      const files = { '': new LossyFile(), '-wal': new LossyFile() } as Record<string, LossyFile>
      const acked = new Map<string, number>()
      const every = Math.ceil(events.length / plan.losses)
      const flaws: string[] = []
      const done = { events: events.length, losses: 0, syncs: 0, acknowledged: 0 }
      // The same on each run.
      let seed = 1
      const survives = (): boolean => (seed = (seed * 48_271) % 2_147_483_647) % 2 === 0
      for (const [at, event] of events.entries()) {
        if (event.is === 'write') files[event.file]!.write(event.at, event.bytes)
        else if (event.is === 'truncate') files[event.file]!.truncate(event.to)
        else if (event.is === 'sync') files[event.file]!.sync()
        else acked.set(event.id, event.round)
        if (event.is === 'sync') done.syncs++
        if (event.is === 'acknowledged') done.acknowledged++
        if (acked.size === 0 || at % every > 0) continue
        done.losses++
        flaws.push(...missing(folder, files, acked, () => false), ...missing(folder, files, acked, survives))
      }
      report('SQLite, power lost', { ...done, flaws: flaws.length })
      expect(flaws.slice(0, 3)).toEqual([])
      expect(done.acknowledged).toBe(plan.sessions * (plan.rounds + 1))
      expect(done.losses).toBeGreaterThan(plan.losses / 2)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
