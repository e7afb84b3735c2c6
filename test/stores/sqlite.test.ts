import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, it } from 'vitest'
import { guarantees } from '../../src/store-suite.ts'
import { sqliteStore } from '../../src/stores/sqlite.ts'
import { runs } from '../runs.ts'

const folder = mkdtempSync(join(tmpdir(), 'graphql-session-sqlite-'))
afterAll(() => rmSync(folder, { recursive: true }))

describe('sqliteStore', () => {
  const store = sqliteStore(join(folder, 'sessions.db'))
  afterAll(() => store.close())
  it.each(guarantees)('$id $title', ({ check }) => check(store, { histories: runs(1_000, 100_000) }))
})
