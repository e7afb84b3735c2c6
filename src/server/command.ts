// This is the command `graphql-session`: it reads the arguments, and runs what they name.

import { parseArgs } from 'node:util'
import { SessionError } from '../session/errors.ts'
import { mysqlSchema } from '../stores/mysql.ts'
import { postgresSchema } from '../stores/postgres.ts'
import { sweepExpired } from '../stores/sweeping.ts'
import { type Backend, openBackend } from './backends.ts'
import { checkDeviceArguments, type DeviceArguments, runDevices } from './devices-command.ts'
import { invalid } from './invalid.ts'
import { isMysql } from './mysql-backend.ts'
import { isPostgres, postgresTable } from './postgres-backend.ts'
import { printers, publishedBy } from './published.ts'
import { serve } from './serve.ts'
import { reach } from './wait-for-store.ts'

const help = `
Usage
  graphql-session serve [--config FILE] [--host HOST] [--port N] [--static DIR] [--workers N]
                                          serves GraphQL at /graphql, beside /health/live and /health/ready
  graphql-session migrate [--print]       makes the table of PostgreSQL or MySQL, or prints its SQL
  graphql-session sweep                   removes expired sessions, as the server does, too
  graphql-session devices --owner USER [--count] [--json]
                                          lists the devices on which a user is signed in
  graphql-session end --owner USER (--device ID | --all) [--json]
                                          signs a device of a user out, or all of them, for good
  graphql-session print-schema --config FILE
                                          prints the schema that the server publishes, for the tools of a frontend
  graphql-session print-documents --config FILE
                                          prints operations for that schema: a fragment of all that a client may
                                          read of its session, and the query and the mutations with it
  graphql-session help                    this text

Options
  --config FILE   an ES module (.ts, .js) whose default export holds keys, limits, timeouts,
                  cookie, transport, typeDefs, resolvers, plugins, batching, graphqlEndpoint, graphiql,
                  origins, trustProxy, allowedHosts, operationLimits and the others of createSessionServer
  --host HOST     address to listen on, whatever the environment says
  --port N        port to listen on, whatever the environment says; 0 takes a free one
  --static DIR    a folder with an index.html, e.g. a build of Vite: its files are served beside GraphQL, and
                  the page wherever a browser navigates to no file. They are listed at the start
  --workers N     how many processes share the port (1): one a core, for a store that processes share. One that
                  fails is replaced
  --owner USER    the user, as the application calls it in session.identify
  --device ID     the device, as devices lists it
  --all           all devices of the user, and all sign-ins that are under way
  --count         only how many devices there are
  --json          for programs
  -h, --help      this text
  -v, --version   the version

Environment
  HOST                    address to listen on (127.0.0.1)
  PORT                    port to listen on (4000)
  ALLOWED_HOSTS           names by which clients may call the server, with commas, or *, whatever the
                          configuration says (loopback names, for connections from this machine)
  SESSION_STORE           where sessions are kept (memory:)
    memory:                                this process; memory:?max=N bounds their number (100000)
    sqlite:PATH                            a file, for one machine
    redis://HOST:PORT/DB                   rediss: with TLS; ?prefix=TEXT (session:)
    redis+cluster://HOST:PORT,HOST:PORT    ?tls=true, ?prefix=TEXT
    postgres://USER@HOST:PORT/DATABASE     after graphql-session migrate; ?schema=NAME, ?sslmode=MODE
                                           and the other parameters of the package pg
    mysql://USER@HOST:PORT/DATABASE        or mariadb:, after graphql-session migrate; ?ssl=true or JSON,
                                           ?connectionLimit=N (10), ?socketPath=PATH
    cookie:                                the cookie itself, sealed with SESSION_KEYS
  SESSION_KEYS            for cookie: 32 random bytes in base64 (openssl rand -base64 32); several,
                          with commas, to change them: the first seals, all open
  SESSION_DENY_LIST       for cookie: another store, which remembers ended sessions
  SESSION_SWEEP_INTERVAL  seconds between two sweeps by the server (60)
  DRAIN_DELAY             milliseconds after a signal in which requests are still taken, until load
                          balancers have noticed that /health/ready is 503 (100)
  DRAIN_TIMEOUT           milliseconds after these for requests under way (7900)
  NODE_ENV                production turns GraphiQL and introspection off, and always sends the cookie as Secure
`

/** Runs the command that the arguments name. An error is printed on stderr, and the process ends with 1. */
export async function run(args: string[], version: string): Promise<void> {
  try {
    await runCommand(args, version)
  } catch (error) {
    console.error(`graphql-session: ${error instanceof SessionError ? error.message : describe(error)}`)
    process.exitCode = 1
  }
}

async function runCommand(args: string[], version: string): Promise<void> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      config: { type: 'string' },
      host: { type: 'string' },
      port: { type: 'string' },
      static: { type: 'string' },
      workers: { type: 'string' },
      print: { type: 'boolean' },
      owner: { type: 'string' },
      device: { type: 'string' },
      all: { type: 'boolean' },
      count: { type: 'boolean' },
      json: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
      version: { type: 'boolean', short: 'v' },
    },
  })
  const [command, ...others] = positionals
  if (values.help || command === 'help') {
    return console.log(`graphql-session ${version}: a GraphQL server with sessions\n${help}`)
  }
  if (values.version) return console.log(version)
  const isPrinter = command !== undefined && Object.hasOwn(printers, command)
  const isOfDevices = command === 'devices' || command === 'end'
  const isKnown =
    isPrinter || isOfDevices || command === 'serve' || command === 'migrate' || command === 'sweep'
  if (!isKnown || others.length > 0) {
    throw invalid(
      'say "graphql-session serve", migrate, sweep, devices, end, print-schema or print-documents, or --help',
    )
  }
  if (values.config !== undefined && command !== 'serve' && !isPrinter && !isOfDevices) {
    throw invalid('--config is for serve, devices, end, print-schema and print-documents')
  }
  for (const name of ['owner', 'device', 'all', 'count', 'json'] as const) {
    if (values[name] !== undefined && !isOfDevices) throw invalid(`--${name} is for devices and end`)
  }
  for (const name of ['host', 'port', 'static', 'workers'] as const) {
    if (values[name] !== undefined && command !== 'serve') throw invalid(`--${name} is for serve`)
  }
  if (values.print && command !== 'migrate') throw invalid('--print is for migrate')
  if (command === 'serve') await serve(values, version)
  else if (values.print) console.log(schemaFor(process.env).trimEnd())
  else if (command === 'migrate') await withBackend(command, migrate)
  else if (command === 'sweep') await withBackend(command, sweep)
  else if (isOfDevices) await onDevices(command, values)
  else await print(command, values.config)
}

async function print(command: string, file: string | undefined): Promise<void> {
  if (file === undefined) throw invalid(`${command} needs --config FILE`)
  const text = await publishedBy(command, file)
  // The configuration may have opened connections that would keep the process. They are not needed once all is written.
  process.stdout.write(text, () => process.exit())
}

/** The values of SESSION_STORE for which a command has something to do. */
const stores = {
  migrate: 'postgres://USER@HOST:PORT/DATABASE or mysql://USER@HOST:PORT/DATABASE',
  sweep: 'postgres://USER@HOST:PORT/DATABASE, mysql://USER@HOST:PORT/DATABASE or sqlite:PATH',
  devices: 'what the server has',
  end: 'what the server has',
}

async function onDevices(command: 'devices' | 'end', given: DeviceArguments): Promise<void> {
  checkDeviceArguments(command, given)
  await withBackend(command, (backend) => runDevices(command, backend, given))
}

async function withBackend(
  command: keyof typeof stores,
  work: (backend: Backend) => Promise<void>,
): Promise<void> {
  const { SESSION_STORE } = process.env
  if (SESSION_STORE === undefined) {
    throw invalid(`SESSION_STORE is not set. For ${command} set it to ${stores[command]}`)
  }
  const backend = await openBackend(SESSION_STORE, process.env)
  try {
    await work(backend)
  } finally {
    await backend.close?.()
  }
}

/** The SQL that makes the table. Without SESSION_STORE it names no schema; no connection is made. */
function schemaFor({ SESSION_STORE = '', SESSION_DENY_LIST = '' }: NodeJS.ProcessEnv): string {
  const text = SESSION_STORE.startsWith('cookie:') ? SESSION_DENY_LIST : SESSION_STORE
  if (isMysql(text)) return mysqlSchema()
  return postgresSchema(isPostgres(text) ? postgresTable(text) : undefined)
}

async function migrate(backend: Backend): Promise<void> {
  if (!backend.migrate) throw nothingTo('migrate', backend)
  const table = await reach(backend, backend.migrate)
  console.log(`graphql-session: ${backend.says} has the table ${table}`)
}

async function sweep(backend: Backend): Promise<void> {
  const { backing } = backend
  if (!backing?.sweep) throw nothingTo('sweep', backend)
  await reach(backend, async () => backing.check?.())
  const { isTTY } = process.stderr
  let told = performance.now()
  const swept = await sweepExpired(backing, {
    onProgress(count) {
      if (performance.now() - told < (isTTY ? 100 : 5000)) return
      told = performance.now()
      process.stderr.write(`${isTTY ? '\r' : ''}${count} sessions swept${isTTY ? '' : '\n'}`)
    },
  })
  if (isTTY) process.stderr.write('\r')
  console.log(`graphql-session: ${swept} expired sessions removed from ${backend.says}`)
}

function nothingTo(name: keyof typeof stores, { says }: Backend): SessionError {
  return invalid(
    `nothing to ${name} in ${says}. Set SESSION_STORE, or with cookie: SESSION_DENY_LIST, to ${stores[name]}`,
  )
}

function describe(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  // The next sentence of Node's message tells how to write positional arguments, which no command here takes.
  if (code?.startsWith('ERR_PARSE_ARGS')) return `${message.split(/\.\s/)[0]}; see --help.`
  return error instanceof Error ? (error.stack ?? message) : String(error)
}
