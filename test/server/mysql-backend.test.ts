import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createConnection } from 'mysql2/promise'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openBackend } from '../../src/server/backends.ts'
import { mysqlSchema } from '../../src/stores/mysql.ts'
import { certificate } from '../support/certificate.ts'
import { expectRefusal, run, start } from '../support/command.ts'
import { needs } from '../support/needs.ts'
import { type RunningServer, startMariadb } from '../support/servers.ts'
import { expectToKeep } from '../support/stores-of-command.ts'

describe('SESSION_STORE=mysql:', needs('ownMariadb', 'openssl'), () => {
  let server: RunningServer
  let url: URL
  const folder = mkdtempSync(join(tmpdir(), 'graphql-session-mysql-tls-'))
  const on = async (sql: string): Promise<void> => {
    const connection = await createConnection(server.url)
    for (const statement of sql.split(';')) await connection.query(statement)
    await connection.end()
  }
  /** The URL of another user or database, with parameters. */
  const of = (changes: Partial<Pick<URL, 'hostname' | 'username' | 'password' | 'pathname' | 'search'>>) => ({
    SESSION_STORE: Object.assign(new URL(url), changes).href,
  })

  beforeAll(async () => {
    const { key, cert } = certificate()
    const files = { key: join(folder, 'key.pem'), cert: join(folder, 'cert.pem') }
    writeFileSync(files.key, key)
    writeFileSync(files.cert, cert)
    // MariaDB runs as a user of its own.
    chmodSync(folder, 0o755)
    server = await startMariadb([`ssl-key=${files.key}`, `ssl-cert=${files.cert}`])
    url = new URL(server.url)
    await on(`CREATE DATABASE shop; CREATE USER app IDENTIFIED BY 'hunter2%'; GRANT ALL ON shop.* TO app`)
  }, 60_000)
  afterAll(async () => {
    await server.stop()
    rmSync(folder, { recursive: true })
  })
  const app = { username: 'app', password: 'hunter2%25', pathname: '/shop' }

  it('keeps sessions, once the table is made', async () => {
    const env = of(app)
    await expectRefusal(['serve'], env, /MySQL has no table graphql_session\. Run "graphql-session migrate"/)
    const maria = { SESSION_STORE: env.SESSION_STORE.replace('mysql:', 'mariadb:') }
    expect(await Promise.all([run(['migrate'], env), run(['migrate'], maria)])).toEqual(
      ['MySQL', 'MariaDB'].map((name) => ({
        code: 0,
        stderr: '',
        stdout: `graphql-session: ${name} at ${url.host}/shop has the table graphql_session\n`,
      })),
    )
    expect(await expectToKeep(env)).toContain(`MySQL at ${url.host}/shop`)
    await on('UPDATE shop.graphql_session SET expires_at = 1')
    expect((await run(['sweep'], env)).stdout).toBe(
      `graphql-session: 1 expired sessions removed from MySQL at ${url.host}/shop\n`,
    )
  })

  it('talks through a socket, and with TLS', async () => {
    await on(`CREATE USER safe REQUIRE SSL; GRANT ALL ON test.* TO safe`)
    // Older versions of mysql2 let Node warn of an address in the place of a name.
    const named = { hostname: 'localhost', username: 'safe' }
    const ssl = (value: string) => ({ ...named, search: `?ssl=${encodeURIComponent(value)}` })
    const done = { code: 0, stderr: '' }
    const socket = join(server.folder, 'socket')
    const throughSocket = of({ search: `?connectionLimit=1&socketPath=${socket}` })
    expect(await run(['migrate'], throughSocket)).toMatchObject({
      ...done,
      stdout: `graphql-session: MySQL at ${socket}/test has the table graphql_session\n`,
    })
    expect(await run(['migrate'], of(ssl('{"rejectUnauthorized":false}')))).toMatchObject(done)
    await Promise.all([
      expectRefusal(['migrate'], of({ username: 'safe' }), /wrong user or password/),
      expectRefusal(['migrate'], of(ssl('true')), /certificate is not trusted \(HANDSHAKE_SSL_ERROR\)/),
      expectRefusal(
        ['migrate'],
        { ...of(ssl('true')), NODE_EXTRA_CA_CERTS: join(folder, 'cert.pem') },
        /certificate is not trusted|HANDSHAKE_SSL_ERROR|ERR_TLS_CERT_ALTNAME_INVALID/,
      ),
    ])
  })

  it('says at once what no waiting cures, without the password', async () => {
    const refused = async (env: Record<string, string>, reason: RegExp): Promise<void> => {
      const { code, stderr } = await run(['migrate'], env)
      expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(reason) })
      expect(stderr).not.toContain('waiting for')
      expect(stderr).not.toContain('hunter')
    }
    await on(`CREATE DATABASE IF NOT EXISTS shop; CREATE USER reader; GRANT SELECT ON shop.* TO reader`)
    await Promise.all([
      refused(of({ ...app, password: 'hunter3' }), /wrong user or password \(ER_ACCESS_DENIED_ERROR\)\.\n$/),
      refused(of({ pathname: '/nowhere' }), /there is no such database \(ER_BAD_DB_ERROR\)/),
      refused(of({ ...app, pathname: '/test' }), /may not use the database.*\(ER_DBACCESS_DENIED_ERROR\)/),
      refused(
        of({ username: 'reader', pathname: '/shop' }),
        /has not the rights \(ER_TABLEACCESS_DENIED_ERROR\)/,
      ),
    ])
  })

  it('warns of what the server does not keep', async () => {
    await run(['migrate'], of(app))
    await on('SET GLOBAL innodb_flush_log_at_trx_commit = 0')
    const child = start(['serve'], of(app))
    const [said] = (await once(child.stderr.setEncoding('utf8'), 'data')) as [string]
    expect(said).toMatch(
      /^graphql-session: warning: MySQL may lose .* innodb_flush_log_at_trx_commit is 0\. Set it to 1\.\n$/,
    )
    child.kill('SIGKILL')
    await once(child, 'close')
  })
})

it('closes without a word where a connection could not be made, which its call has told', async () => {
  const server = createServer((socket) => void setTimeout(() => socket.destroy(), 20))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const { backing, close } = await openBackend(`mysql://user:hunter2@127.0.0.1:${port}/shop`, {})
  const read = backing!.read('a', 0)
  const closed = close!()
  await expect(read).rejects.toThrow(/closed/)
  await closed
  server.close()
})

it('migrate --print prints the SQL for it', async () => {
  const print = async (env: Record<string, string>) => (await run(['migrate', '--print'], env)).stdout
  expect(await print({ SESSION_STORE: 'mysql://127.0.0.1:1/shop' })).toBe(mysqlSchema())
  expect(await print({ SESSION_STORE: 'cookie:', SESSION_DENY_LIST: 'mariadb://h/shop' })).toBe(mysqlSchema())
})

it.each([
  ['mysql://u:hunter2@h', /the path of a mysql: URL is the name of a database/],
  ['mariadb://u:hunter2@h/', /the path of a mariadb: URL is the name of a database/],
  ['mysql://u:hunter2@h/a/b', /the path of a mysql: URL/],
  ['mysql://u:hunter2%zz@h/shop', /%25/],
  ['mysql://u:hunter2@h/shop?ssl-mode=REQUIRED', /mysql: has no option "ssl-mode", only connectionLimit, socketPath, ssl/],
  ['mysql://u:hunter2@h/shop?ssl=yes', /ssl must be true, false or JSON of an object/],
  ['mysql://u:hunter2@h/shop?ssl=1', /ssl must be true, false or JSON of an object/],
  ['mysql://u:hunter2@h/shop?ssl=null', /ssl must be true, false or JSON of an object/],
  ['mysql://u:hunter2@h/shop?connectionLimit=0', /connectionLimit must be a whole number/],
  ['mysql://[', /not a URL/],
])('refuses %s', async (text, reason) => {
  const refused = await openBackend(text, {}).catch((error: unknown) => error)
  expect(refused).toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringMatching(reason) })
  expect(String(refused)).not.toContain('hunter2')
}) // prettier-ignore
