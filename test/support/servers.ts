// This starts real Redis, PostgreSQL and MariaDB servers for tests, and finds the programs for them.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import pg from 'pg'

/** A server process that tests started, with its own port on 127.0.0.1 and its own folder. */
export interface RunningServer {
  readonly url: string
  readonly port: number
  readonly folder: string
  readonly process: ChildProcess
  /** Everything that the process printed, on stdout and stderr. */
  output(): string
  /** Ends the process by SIGKILL. Its folder stays, for `restart`. */
  kill(): Promise<void>
  /** Starts the server again, on the same port and folder. */
  restart(): Promise<void>
  /** Ends the process, and removes its folder. */
  stop(): Promise<void>
}

/**
 * The path of a program, or `null`. Besides PATH this looks where Debian has nginx, PostgreSQL and MariaDB, since few
 * users have those folders in their PATH.
 */
export function findBinary(name: string): string | null {
  const versions = '/usr/lib/postgresql'
  const debian = ['/usr/sbin']
  try {
    debian.push(...readdirSync(versions).map((version) => join(versions, version, 'bin')))
  } catch {}
  for (const folder of [...(process.env['PATH'] ?? '').split(delimiter), ...debian]) {
    try {
      if (readdirSync(folder).includes(name)) return join(folder, name)
    } catch {}
  }
  return null
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** Whether something listens on a port of this machine. */
export async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, 'localhost')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

export async function startRedis(args: readonly string[] = [], port?: number): Promise<RunningServer> {
  const binary = findBinary('redis-server')
  if (!binary) throw new Error('redis-server is not installed.')
  const own = port ?? (await freePort())
  const folder = mkdtempSync(join(tmpdir(), 'graphql-session-redis-'))
  return run({
    url: `redis://127.0.0.1:${own}`,
    port: own,
    folder,
    start: () =>
      spawn(binary, [
        '--port',
        String(own),
        '--bind',
        '127.0.0.1',
        '--dir',
        folder,
        '--save',
        '',
        '--appendonly',
        'yes',
        '--appendfsync',
        'always',
        ...args,
      ]),
    isReady: () => answersRedis(own),
  })
}

export async function startPostgres(settings: readonly string[] = []): Promise<RunningServer> {
  const [initdb, postgres] = [findBinary('initdb'), findBinary('postgres')]
  if (!initdb || !postgres) throw new Error('PostgreSQL is not installed.')
  const port = await freePort()
  const folder = mkdtempSync(join(tmpdir(), 'graphql-session-postgres-'))
  const owner = ownerOf('postgres')
  if (owner) chownSync(folder, owner.uid, owner.gid)
  const data = join(folder, 'data')
  const options = { ...owner, cwd: folder }
  execFileSync(
    initdb,
    ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-locale', '--no-sync'],
    { ...options, stdio: 'pipe' },
  )
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`
  const given = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'max_connections=200', ...settings]
  return run({
    url,
    port,
    folder,
    start: () =>
      spawn(postgres, ['-D', data, '-p', String(port), ...given.flatMap((each) => ['-c', each])], options),
    isReady: () => answersPostgres(url),
    // On SIGINT PostgreSQL closes its connections; on SIGTERM it would wait for the clients to do so. After
    // SIGKILL its child processes end by themselves, and hold the port until then.
    gentle: 'SIGINT',
  })
}

/** @param settings - options of `mariadbd`, without the dashes */
export async function startMariadb(settings: readonly string[] = []): Promise<RunningServer> {
  const [install, mariadbd] = [findBinary('mariadb-install-db'), findBinary('mariadbd')]
  if (!install || !mariadbd) throw new Error('MariaDB is not installed.')
  const port = await freePort()
  const folder = mkdtempSync(join(tmpdir(), 'graphql-session-mariadb-'))
  const owner = ownerOf('mysql')
  if (owner) chownSync(folder, owner.uid, owner.gid)
  // A server that starts removes what looks like its own from the folder for temporary files, also of another one.
  const options = { ...owner, cwd: folder, env: { ...process.env, TMPDIR: folder } }
  // Whatever else is configured on this machine, no-defaults ignores it. Small logs are quicker to make.
  const given = ['no-defaults', `datadir=${join(folder, 'data')}`, 'innodb-log-file-size=16M']
  const dashed = (names: readonly string[]): string[] => names.map((name) => `--${name}`)
  execFileSync(
    install,
    dashed([...given, 'auth-root-authentication-method=normal', 'skip-test-db', 'skip-name-resolve']),
    { ...options, stdio: 'pipe' },
  )
  const url = `mysql://root@127.0.0.1:${port}/test`
  const network = [`port=${port}`, 'bind-address=127.0.0.1', `socket=${join(folder, 'socket')}`]
  return run({
    url,
    port,
    folder,
    start: () => spawn(mariadbd, dashed([...given, ...network, 'max-connections=200', ...settings]), options),
    isReady: () => answersMysql(port),
  })
}

interface Recipe {
  readonly url: string
  readonly port: number
  readonly folder: string
  readonly start: () => ChildProcess
  readonly isReady: () => Promise<boolean>
  readonly gentle?: NodeJS.Signals
}

async function run({
  url,
  port,
  folder,
  start,
  isReady,
  gentle = 'SIGTERM',
}: Recipe): Promise<RunningServer> {
  let child: ChildProcess
  let output = ''
  const launch = async (): Promise<void> => {
    child = start()
    const keep = (chunk: Buffer): void => void (output += chunk)
    child.stdout?.on('data', keep)
    child.stderr?.on('data', keep)
    const ended = once(child, 'exit')
    const deadline = Date.now() + 20_000
    while (!(await isReady())) {
      if (child.exitCode !== null || child.signalCode !== null || Date.now() > deadline) {
        child.kill('SIGKILL')
        throw new Error(`A server for the tests did not start:\n${output}`)
      }
      await Promise.race([setTimeout(20), ended])
    }
  }
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill(signal)
    await ended
  }
  await launch()
  return {
    url,
    port,
    folder,
    get process() {
      return child
    },
    output: () => output,
    kill: () => end('SIGKILL'),
    restart: launch,
    async stop() {
      child.kill('SIGCONT')
      await end(gentle)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** The user that Debian's package makes, for tests run as root: neither server runs as root. */
function ownerOf(name: 'postgres' | 'mysql'): { uid: number; gid: number } | null {
  if (process.getuid?.() !== 0) return null
  const id = (flag: string): number => Number(execFileSync('id', [flag, name], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}

async function answersRedis(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    socket.write('PING\r\n')
    const [reply] = (await once(socket, 'data')) as [Buffer]
    // A server with a password answers NOAUTH, and is up as well.
    return /^(?:\+PONG|-NOAUTH)/.test(reply.toString())
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

async function answersPostgres(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  try {
    await client.connect()
    await client.query('SELECT 1')
    return true
  } catch {
    return false
  } finally {
    await client.end().catch(() => {})
  }
}

/** Makes the database that the URL names where it is not there yet. */
async function answersMysql(port: number): Promise<boolean> {
  // Few tests need it, and it takes a moment to load.
  const { createConnection } = await import('mysql2/promise')
  try {
    const connection = await createConnection({ host: '127.0.0.1', port, user: 'root' })
    await connection.query('CREATE DATABASE IF NOT EXISTS test')
    await connection.end()
    return true
  } catch {
    return false
  }
}
