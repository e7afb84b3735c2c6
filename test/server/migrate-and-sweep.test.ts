import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import pg from 'pg'
import { describe, expect, it } from 'vitest'
import { digest, mint } from '../../src/session/token.ts'
import { postgresSchema } from '../../src/stores/postgres.ts'
import { sqliteStore } from '../../src/stores/sqlite.ts'
import { expectRefusal, folder, run, serve } from '../support/command.ts'
import { needs } from '../support/needs.ts'
import { startPostgres } from '../support/servers.ts'
import { expectToKeep, own } from '../support/stores-of-command.ts'

describe('graphql-session migrate', () => {
  it('--print prints the SQL, which can be run twice', needs('ownPostgres'), async () => {
    const { stdout, code } = await run(['migrate', '--print'])
    expect({ stdout, code }).toEqual({ stdout: postgresSchema(), code: 0 })
    const client = new pg.Client({ connectionString: (await own(startPostgres())).url })
    await client.connect()
    await client.query(stdout)
    await client.query(stdout)
    const { rows } = await client.query(`SELECT indexdef FROM pg_indexes WHERE tablename = 'graphql_session'`)
    expect(rows.map(({ indexdef }) => indexdef).join('\n')).toContain('(expires_at)')
    await client.end()
  })

  it('--print needs no store, and takes the schema of one', async () => {
    const print = async (env: Record<string, string>) => (await run(['migrate', '--print'], env)).stdout
    expect(await print({ SESSION_STORE: 'redis://127.0.0.1:1' })).toBe(postgresSchema())
    const inApp = postgresSchema('app.graphql_session')
    const url = 'postgres://127.0.0.1:1/db?schema=app'
    expect(await print({ SESSION_STORE: url })).toBe(inApp)
    expect(await print({ SESSION_STORE: 'cookie:', SESSION_DENY_LIST: url })).toBe(inApp)
  })

  it(
    'makes the table in the schema of ?schema=, where the server uses it',
    needs('ownPostgres'),
    async () => {
      const { url } = await own(startPostgres())
      const env = { SESSION_STORE: `${url}?schema=app&application_name=shop` }
      await expectRefusal(['migrate'], env, /there is no such schema \(3F000\)/)
      const client = new pg.Client({ connectionString: url })
      await client.connect()
      await client.query('CREATE SCHEMA app')
      await expectRefusal(['serve'], env, /no table app\.graphql_session/)
      expect(await run(['migrate'], env)).toMatchObject({
        code: 0,
        stdout: expect.stringMatching(/has the table app\.graphql_session\n$/),
        stderr: '',
      })
      await expectToKeep(env)
      const { rows } = await client.query(
        `SELECT schemaname FROM pg_tables WHERE tablename = 'graphql_session'`,
      )
      expect(rows).toEqual([{ schemaname: 'app' }])
      expect((await client.query('SELECT FROM app.graphql_session')).rowCount).toBe(1)
      await client.query(`UPDATE app.graphql_session SET expires_at = 1`)
      await client.end()
      expect((await run(['sweep'], env)).stdout).toMatch(/: 1 expired sessions removed/)
    },
  )
})

const key = randomBytes(32).toString('base64')

describe.each([
  ['migrate', 'postgres://USER@HOST:PORT/DATABASE or mysql://USER@HOST:PORT/DATABASE'],
  ['sweep', 'postgres://USER@HOST:PORT/DATABASE, mysql://USER@HOST:PORT/DATABASE or sqlite:PATH'],
])('graphql-session %s without a store that needs it', (command, remedy) => {
  const told = (what: string) => new RegExp(`${what}.* to ${remedy}\\.`)

  it('says what to set', () => expectRefusal([command], {}, told('SESSION_STORE is not set')))

  it.each<[where: string, env: Record<string, string>]>([
    ['memory', { SESSION_STORE: 'memory:' }],
    ['Redis at 127.0.0.1:1', { SESSION_STORE: 'redis://:hunter2@127.0.0.1:1' }],
    ['Redis Cluster at 127.0.0.1:1', { SESSION_STORE: 'redis+cluster://127.0.0.1:1' }],
    ['the cookie', { SESSION_STORE: 'cookie:', SESSION_KEYS: key }],
    [
      'the cookie; ended sessions in memory',
      { SESSION_STORE: 'cookie:', SESSION_KEYS: key, SESSION_DENY_LIST: 'memory:' },
    ],
  ])('says that there is nothing to do in %s, and where there would be', (where, env) =>
    expectRefusal([command], env, told(`nothing to ${command} in ${where}`)),
  )
})

it('graphql-session migrate has nothing to do for SQLite, which makes its table when it is opened', () =>
  expectRefusal(['migrate'], { SESSION_STORE: 'sqlite:new.db' }, /nothing to migrate in SQLite, new\.db/))

it('migrate and sweep do their work for a deny-list', needs('ownPostgres'), async () => {
  const { url } = await own(startPostgres())
  const env = { SESSION_STORE: 'cookie:', SESSION_KEYS: key, SESSION_DENY_LIST: url }
  expect(await run(['migrate'], env)).toMatchObject({ code: 0, stderr: '' })
  expect(await run(['sweep'], env)).toMatchObject({ code: 0, stderr: '' })
})

describe('sweeping', () => {
  const day = 24 * 60 * 60 * 1000
  /** A file with so many sessions that ended yesterday, and one that did not. */
  async function fileWith(name: string, ended: number): Promise<{ file: string; left(): number }> {
    const file = join(folder, name)
    const store = sqliteStore(file)
    const blank = { entries: new Map<string, string>(), createdAt: 0, policy: '' }
    const past = { ...blank, expiresAt: Date.now() - day }
    await Promise.all(Array.from({ length: ended }, () => store.create(digest(mint()), past)))
    await store.create(digest(mint()), { ...blank, expiresAt: Date.now() + day })
    store.close()
    return {
      file,
      left() {
        const { DatabaseSync } = process.getBuiltinModule('node:sqlite')
        const db = new DatabaseSync(file, { readOnly: true })
        const { count } = db.prepare('SELECT count(*) AS count FROM graphql_session').get() as {
          count: number
        }
        db.close()
        return count
      },
    }
  }

  it('is a command, which counts', async () => {
    const { file, left } = await fileWith('sweep.db', 1234)
    const { code, stdout } = await run(['sweep'], { SESSION_STORE: `sqlite:${file}` })
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: `graphql-session: 1234 expired sessions removed from SQLite, ${file}\n`,
    })
    expect(left()).toBe(1)
  })

  it('is done by the server on a timer', async () => {
    const { file, left } = await fileWith('timer.db', 300)
    await serve(undefined, { SESSION_STORE: `sqlite:${file}`, SESSION_SWEEP_INTERVAL: '1' })
    expect(left()).toBe(301)
    await expect.poll(left, { timeout: 10_000, interval: 100 }).toBe(1)
  })
})
