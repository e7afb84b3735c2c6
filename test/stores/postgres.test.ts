import pg from 'pg'
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { postgresSchema, postgresStore } from '../../src/stores/postgres.ts'
import { guarantees } from '../../src/stores/suite/suite.ts'
import { needs } from '../support/needs.ts'
import { runs } from '../support/runs.ts'

const url = inject('postgresUrl')
const histories = runs(1_000, 100_000)

describe('postgresStore with pg', needs('sharedPostgres'), () => {
  const pool = new pg.Pool({ connectionString: url!, max: 8 })
  beforeAll(() => pool.query(postgresSchema('suite_pg')))
  afterAll(() => pool.end())
  const store = postgresStore(pool, { table: 'suite_pg' })
  it.each(guarantees)('$id $title', ({ check }) => check(store, { histories }))
})

describe('postgresStore with postgres', needs('sharedPostgres'), () => {
  const sql = postgres(url!, { max: 8, onnotice() {} })
  beforeAll(() => sql.unsafe(postgresSchema('suite_postgres')))
  afterAll(() => sql.end())
  const store = postgresStore(sql, { table: 'suite_postgres', prepare: false })
  it.each(guarantees)('$id $title', ({ check }) => check(store, { histories }))
})

it.each([
  { table: 'a b' },
  { table: 'a;drop' },
  { table: '' },
  { table: 1 },
  { prepare: 'no' },
  { tabel: 'x' },
])('refuses %o at start', (options) => {
  const client = { unsafe: async () => [] }
  expect(() => postgresStore(client, options as never)).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID' }),
  )
})
