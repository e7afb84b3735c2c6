import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import pg from 'pg'
import { describe, expect, inject, it } from 'vitest'
import { sqliteStore } from '../../src/stores/sqlite.ts'
import { expectRefusal, folder, run, start, write } from '../support/command.ts'
import { needs } from '../support/needs.ts'
import { startPostgres, startRedis } from '../support/servers.ts'
import { expectToKeep, openToAll, own } from '../support/stores-of-command.ts'

const redisUrl = inject('redisUrl')

describe('SESSION_STORE', () => {
  it('sqlite: keeps sessions in a file', async () => {
    expect(await expectToKeep({ SESSION_STORE: 'sqlite:kept.db' })).toContain('store     SQLite, kept.db')
  })

  it('redis: keeps them in Redis, under a prefix', needs('sharedRedis'), async () => {
    const url = `${redisUrl}/3?prefix=shop:`
    expect(await expectToKeep({ SESSION_STORE: url })).toContain(`Redis at ${new URL(url).host}`)
  })

  it('postgres: keeps them in PostgreSQL, once it is migrated', needs('ownPostgres'), async () => {
    const { url } = await own(startPostgres())
    const env = { SESSION_STORE: url }
    await expectRefusal(['serve'], env, /no table graphql_session.*graphql-session migrate/)
    const migrations = await Promise.all([
      run(['migrate'], env),
      run(['migrate'], env),
      run(['migrate'], env),
    ])
    expect(migrations.map(({ code, stderr }) => ({ code, stderr }))).toEqual(
      migrations.map(() => ({ code: 0, stderr: '' })),
    )
    expect(migrations[0].stdout).toMatch(/PostgreSQL at .* has the table graphql_session/)
    expect(await expectToKeep(env)).toContain(`PostgreSQL at ${new URL(url).host}/postgres`)
  })

  it('cookie: keeps them in the cookie, sealed with SESSION_KEYS', async () => {
    const [first, second] = [randomBytes(32).toString('base64'), randomBytes(32).toString('base64url')]
    const env = { SESSION_STORE: 'cookie:', SESSION_KEYS: `${first}, ${second}` }
    expect(await expectToKeep(env)).toMatch(/store {5}the cookie;.*SESSION_DENY_LIST/)
    expect(await expectToKeep({ ...env, SESSION_DENY_LIST: 'sqlite:denied.db' })).toContain(
      'the cookie; ended sessions in SQLite, denied.db',
    )
  })

  it.each<[Record<string, string>, RegExp]>([
    [{ SESSION_STORE: 'sqlite:' }, /sqlite:sessions\.db/],
    [{ SESSION_STORE: 'sqlite:/nowhere/at/all.db' }, /unable to open/],
    [{ SESSION_STORE: 'redis://h/notanumber' }, /number of a database/],
    [{ SESSION_STORE: 'redis://h?prefx=a' }, /"prefx"/],
    [{ SESSION_STORE: 'memory:1000' }, /memory: takes only \?max=N/],
    [{ SESSION_STORE: 'redis://u:s3cret%zz@h' }, /%25/],
    [{ SESSION_STORE: 'redis+cluster://u:p@s3cret@127.0.0.1:1' }, /redis\+cluster:\/\/host:port,host:port/],
    [{ SESSION_STORE: 'redis+cluster://' }, /redis\+cluster:\/\/host:port,host:port/],
    [{ SESSION_STORE: 'redis+cluster://a:1,b:x' }, /redis\+cluster:\/\/host:port,host:port/],
    [{ SESSION_STORE: 'redis+cluster://a:1?tls=yes' }, /tls must be true or false/],
    [{ SESSION_STORE: 'postgres://[' }, /not a URL/],
    [{ SESSION_STORE: 'postgres://u:s3cret@h/db?connect_timeout=5' }, /postgres: has no option "connect_timeout", only schema, application_name/],
    [{ SESSION_STORE: 'postgresql://u:s3cret@h/db?sslmode=disable&Schema=app' }, /postgres: has no option "Schema"/],
    [{ SESSION_STORE: 'postgres://u:s3cret@h/db?schema=' }, /schema must be a name/],
    [{ SESSION_STORE: 'postgres://u:s3cret@h/db?schema=a"b' }, /schema must be a name/],
    [{ SESSION_STORE: 'cookie:' }, /SESSION_KEYS/],
    [{ SESSION_STORE: 'cookie:', SESSION_KEYS: 's3cret' }, /keys\[0\] must be 32 random bytes/],
    [{ SESSION_STORE: 'cookie:', SESSION_KEYS: randomBytes(32).toString('hex') }, /keys\[0\]/],
    [{ SESSION_STORE: 'cookie:', SESSION_KEYS: randomBytes(32).toString('base64'), SESSION_DENY_LIST: 'cookie:' }, /SESSION_DENY_LIST must be another/],
    [{ SESSION_STORE: 'cookie:', SESSION_KEYS: randomBytes(32).toString('base64'), SESSION_DENY_LIST: 'nope' }, /SESSION_DENY_LIST must start with/],
    [{ SESSION_SWEEP_INTERVAL: '0' }, /SESSION_SWEEP_INTERVAL/],
    [{ SESSION_SWEEP_INTERVAL: '1h' }, /SESSION_SWEEP_INTERVAL/],
    [{ DRAIN_DELAY: '15s' }, /DRAIN_DELAY must be a whole number of milliseconds/],
    [{ DRAIN_TIMEOUT: '0' }, /DRAIN_TIMEOUT must be/],
    [{ ALLOWED_HOSTS: 'shop.test:4000' }, /ALLOWED_HOSTS must be names/],
  ])('refuses %j', async (env, reason) => {
    await expectRefusal(['serve'], env, reason)
    expect((await run(['serve'], env)).stderr).not.toContain('s3cret')
  }) // prettier-ignore
})

describe('what a store is set up not to keep', () => {
  const warnings = async (env: Record<string, string>): Promise<string[]> => {
    const child = start(['serve', '--config', await write(openToAll)], env)
    let said = ''
    child.stderr.on('data', (chunk: Buffer) => (said += chunk))
    let out = ''
    child.stdout.on('data', (chunk: Buffer) => (out += chunk))
    while (!out.includes('  keys ')) await once(child.stdout, 'data')
    child.kill('SIGTERM')
    await once(child, 'close')
    return said.split('\n').filter((line) => line.includes('graphql-session: warning: '))
  }

  it('is warned of for Redis, a line each with the remedy', needs('ownRedis'), async () => {
    const sound = await own(startRedis())
    expect(await warnings({ SESSION_STORE: sound.url })).toEqual([])
    const weak = await own(startRedis(['--appendonly', 'no', '--maxmemory', '10mb', '--maxmemory-policy', 'allkeys-lru'])) // prettier-ignore
    expect(await warnings({ SESSION_STORE: weak.url })).toEqual([
      expect.stringMatching(/maxmemory-policy is allkeys-lru\. Set it to noeviction/),
      expect.stringMatching(/append-only file is off\. Set appendonly yes/),
    ])
  })

  it('is warned of for PostgreSQL', needs('ownPostgres'), async () => {
    const settings = ['synchronous_commit=off', 'default_transaction_isolation=serializable']
    const { url } = await own(startPostgres(settings))
    await run(['migrate'], { SESSION_STORE: url })
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    await client.query('ALTER TABLE graphql_session SET UNLOGGED')
    await client.end()
    expect(await warnings({ SESSION_STORE: url })).toEqual([
      expect.stringMatching(/not logged\. ALTER TABLE graphql_session SET LOGGED/),
      expect.stringMatching(/synchronous_commit is off\. Set it to on/),
      expect.stringMatching(/default_transaction_isolation is serializable\. Set it to read committed/),
    ])
  })

  it('is nothing for SQLite as the server opens it, and told for a database opened otherwise', async () => {
    expect(await warnings({ SESSION_STORE: 'sqlite:sound.db' })).toEqual([])
    const { DatabaseSync } = process.getBuiltinModule('node:sqlite')
    const db = new DatabaseSync(join(folder, 'weak.db'), { timeout: 1000 })
    db.exec('PRAGMA synchronous = OFF')
    expect(await sqliteStore(db).check!()).toEqual([
      expect.stringMatching(/PRAGMA journal_mode = WAL/),
      expect.stringMatching(/PRAGMA synchronous = FULL/),
      expect.stringMatching(/PRAGMA busy_timeout = 5/),
    ])
    db.close()
  })
})
