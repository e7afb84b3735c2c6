// This process writes to a SQLite file until it kills itself, and says of each change that it was acknowledged.

import { writeSync } from 'node:fs'
import { changeSet } from '../../src/session/changes.ts'
import { sqliteStore } from '../../src/stores/sqlite.ts'

const [path, sessions, rounds] = [process.argv[2]!, Number(process.argv[3]), Number(process.argv[4])]
const store = sqliteStore(path)
const now = Date.now()
const record = { entries: new Map<string, string>(), createdAt: now, expiresAt: now + 3_600_000, policy: '' }

const say = (line: string): void => void writeSync(1, `${line}\n`)

async function write(id: string): Promise<void> {
  await store.create(id, record)
  say(`${id} 0`)
  for (let round = 1; round <= rounds; round++) {
    await store.commit(id, changeSet({ entries: new Map([['round', String(round)]]) }), now)
    say(`${id} ${round}`)
  }
}

await Promise.all(Array.from({ length: sessions }, (_, number) => write(`session-${number}`)))
process.kill(process.pid, 'SIGKILL')
