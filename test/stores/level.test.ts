import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { afterAll, describe, it } from 'vitest'
import { levelStore } from '../../examples/own-store/level-store.ts'
import { guarantees } from '../../src/stores/suite/suite.ts'
import { runs } from '../support/runs.ts'

const folder = mkdtempSync(join(tmpdir(), 'graphql-session-level-'))

describe('levelStore, the example of examples/own-store', () => {
  const db = new ClassicLevel(folder)
  const store = levelStore(db)
  afterAll(async () => {
    await db.close()
    rmSync(folder, { recursive: true })
  })
  it.each(guarantees)('$id $title', ({ check }) => check(store, { histories: runs(200, 10_000) }))
})
