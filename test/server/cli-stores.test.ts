import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, describe, expect, inject, it } from 'vitest'
import { postgresSchema } from '../../src/stores/postgres.ts'
import { sqliteStore } from '../../src/stores/sqlite.ts'
import { digest, mint } from '../../src/session/token.ts'
import { expectRefusal, folder, run, serve, start, write } from '../support/command.ts'
import { Client } from '../support/harness.ts'
import { needs } from '../support/needs.ts'
import { freePort, type RunningServer, startPostgres, startRedis } from '../support/servers.ts'

const [redisUrl, postgresUrl] = [inject('redisUrl'), inject('postgresUrl')]
const open = `export default { keys: { '*': { client: ['read', 'write'] } } }`
const set = 'mutation { setSessionKey(key: "k", value: "kept") { created } }'
const get = '{ session { value(key: "k") } }'
const servers: RunningServer[] = []
afterAll(() => Promise.all(servers.map((server) => server.stop())))

async function own(starting: Promise<RunningServer>): Promise<RunningServer> {
  const server = await starting
  servers.push(server)
  return server
}

/** Writes with one process and reads with the next one. */
async function expectToKeep(env: Record<string, string>): Promise<string> {
  const first = await serve(open, env)
  const client = new Client(first.url)
  expect((await client.run(set)).codes).toEqual([])
  first.child.kill('SIGTERM')
  expect(await once(first.child, 'close')).toEqual([0, null])
  const second = await serve(open, env)
  const later = new Client(second.url)
  for (const [name, value] of client.cookies) later.cookies.set(name, value)
  expect((await later.run(get)).data).toEqual({ session: { value: 'kept' } })
  return second.announcement
}

describe('SESSION_STORE', () => {
  it('sqlite: keeps sessions in a file', async () => {
    expect(await expectToKeep({ SESSION_STORE: 'sqlite:kept.db' })).toContain('store     SQLite, kept.db')
  })

  it('redis: keeps them in Redis, under a prefix', needs('redis'), async () => {
    const url = `${redisUrl}/3?prefix=shop:`
    expect(await expectToKeep({ SESSION_STORE: url })).toContain(`Redis at ${new URL(url).host}`)
  })

  it('postgres: keeps them in PostgreSQL, once it is migrated', needs('postgresql'), async () => {
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
    [{ SESSION_STORE: 'cookie:' }, /SESSION_KEYS/],
    [{ SESSION_STORE: 'cookie:', SESSION_KEYS: 's3cret' }, /keys\[0\] must be 32 random bytes/],
    [{ SESSION_STORE: 'cookie:', SESSION_KEYS: randomBytes(32).toString('hex') }, /keys\[0\]/],
    [{ SESSION_STORE: 'cookie:', SESSION_KEYS: randomBytes(32).toString('base64'), SESSION_DENY_LIST: 'cookie:' }, /SESSION_DENY_LIST must be another/],
    [{ SESSION_STORE: 'cookie:', SESSION_KEYS: randomBytes(32).toString('base64'), SESSION_DENY_LIST: 'nope' }, /SESSION_DENY_LIST must start with/],
    [{ SESSION_SWEEP_INTERVAL: '0' }, /SESSION_SWEEP_INTERVAL/],
    [{ SESSION_SWEEP_INTERVAL: '1h' }, /SESSION_SWEEP_INTERVAL/],
  ])('refuses %j', async (env, reason) => {
    await expectRefusal(['serve'], env, reason)
    expect((await run(['serve'], env)).stderr).not.toContain('s3cret')
  }) // prettier-ignore
})

describe('a store that cannot be reached', { timeout: 60_000 }, () => {
  it.each(['redis', 'postgres', 'redis+cluster'])('is told for %s, without the password', async (scheme) => {
    const address = `127.0.0.1:${await freePort()}`
    const began = performance.now()
    const child = start(['serve'], { SESSION_STORE: `${scheme}://user:hunter2@${address}` })
    let said = ''
    child.stderr.on('data', (chunk: Buffer) => (said += chunk))
    expect(await once(child, 'close')).toEqual([1, null])
    expect(said).toMatch(/^graphql-session: SESSION_STORE: cannot use [^\n]+\n$/)
    expect(said).toContain(address)
    expect(said).not.toContain('hunter2')
    expect(performance.now() - began).toBeLessThan(25_000)
  })

  it('for a wrong password is told at once', needs('redis-server'), async () => {
    const { port } = await own(startRedis(['--requirepass', 'right']))
    await expectRefusal(['serve'], { SESSION_STORE: `redis://:hunter2@127.0.0.1:${port}` }, /WRONGPASS/)
    await expectRefusal(['serve'], { SESSION_STORE: `redis://127.0.0.1:${port}` }, /NOAUTH/)
    expect(await expectToKeep({ SESSION_STORE: `redis://:right@127.0.0.1:${port}` })).not.toContain('right')
  })

  it('for a Redis database that does not exist is told at once', needs('redis'), async () => {
    await expectRefusal(['serve'], { SESSION_STORE: `${redisUrl}/99` }, /refused a command \(ERR\)/)
  })

  it('is none for a user of Redis who may do no more than sessions need', needs('redis-server'), async () => {
    const { url, port } = await own(
      startRedis(['--user', 'lean', 'on', '>pw', '~session:*', '+@all', '-@dangerous']),
    )
    const env = { SESSION_STORE: `redis://lean:pw@127.0.0.1:${port}` }
    expect(url).toContain(String(port))
    expect(await expectToKeep(env)).toContain('Redis at')
  })

  it('for a database that does not exist is told at once', needs('postgres'), async () => {
    const url = new URL(postgresUrl!)
    url.pathname = '/nowhere'
    await expectRefusal(['serve'], { SESSION_STORE: url.href }, /3D000/)
  })

  it('is waited for while it starts', needs('redis-server'), async () => {
    const port = await freePort()
    const serving = serve(open, { SESSION_STORE: `redis://127.0.0.1:${port}` })
    await setTimeout(500)
    await own(startRedis([], port))
    expect((await new Client((await serving).url).run(set)).codes).toEqual([])
  })
})

describe('graphql-session migrate', () => {
  it('--print prints the SQL, which can be run twice', needs('postgresql'), async () => {
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

  it('has nothing to do elsewhere', async () => {
    expect(await run(['migrate'], { SESSION_STORE: 'memory:' })).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('nothing to migrate'),
    })
  })
})

describe('sweeping', () => {
  const day = 24 * 60 * 60 * 1000
  /** A file with so many sessions that ended yesterday, and one that did not. */
  async function fileWith(name: string, ended: number): Promise<{ file: string; left(): number }> {
    const file = join(folder, name)
    const store = sqliteStore(file)
    const blank = { entries: new Map<string, string>(), createdAt: 0, policy: '' }
    for (let made = 0; made < ended; made++) {
      await store.create(digest(mint()), { ...blank, expiresAt: Date.now() - day })
    }
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

  it('is nothing where the store drops them itself', async () => {
    expect((await run(['sweep'], { SESSION_STORE: 'memory:' })).stdout).toContain('nothing to sweep')
  })

  it('is done by the server on a timer', async () => {
    const { file, left } = await fileWith('timer.db', 300)
    await serve(undefined, { SESSION_STORE: `sqlite:${file}`, SESSION_SWEEP_INTERVAL: '1' })
    expect(left()).toBe(301)
    await expect.poll(left, { timeout: 10_000, interval: 100 }).toBe(1)
  })
})

describe('what a store is set up not to keep', () => {
  const warnings = async (env: Record<string, string>): Promise<string[]> => {
    const child = start(['serve', '--config', await write(open)], env)
    let said = ''
    child.stderr.on('data', (chunk: Buffer) => (said += chunk))
    let out = ''
    child.stdout.on('data', (chunk: Buffer) => (out += chunk))
    while (!out.includes('  keys ')) await once(child.stdout, 'data')
    child.kill('SIGTERM')
    await once(child, 'close')
    return said.split('\n').filter((line) => line.includes('graphql-session: warning: '))
  }

  it('is warned of for Redis, a line each with the remedy', needs('redis-server'), async () => {
    const sound = await own(startRedis())
    expect(await warnings({ SESSION_STORE: sound.url })).toEqual([])
    const weak = await own(startRedis(['--appendonly', 'no', '--maxmemory', '10mb', '--maxmemory-policy', 'allkeys-lru'])) // prettier-ignore
    expect(await warnings({ SESSION_STORE: weak.url })).toEqual([
      expect.stringMatching(/maxmemory-policy is allkeys-lru\. Set it to noeviction/),
      expect.stringMatching(/append-only file is off\. Set appendonly yes/),
    ])
  })

  it('is warned of for PostgreSQL', needs('postgresql'), async () => {
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
