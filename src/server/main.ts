#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { isIPv6 } from 'node:net'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { type Backend, openBackend } from './backends.ts'
import { reach } from './reach.ts'
import { SessionError } from '../session/errors.ts'
import { keyRules } from '../session/keys.ts'
import { listen, type Listening } from '../http/listen.ts'
import { createSessionServer, servesGraphiQL, type SessionServerConfig } from './create-session-server.ts'
import { resolveSettings } from '../session/settings.ts'
import type { KeyedStore } from '../session/store.ts'
import { postgresSchema } from '../stores/postgres.ts'
import { sweepExpired } from '../stores/sweeping.ts'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string
}

const help = `graphql-session ${version}: a GraphQL server with sessions

Usage
  graphql-session serve [--config FILE]   serves GraphQL at /graphql, /health/live and /health/ready
  graphql-session migrate [--print]       makes the table of PostgreSQL, or prints its SQL
  graphql-session sweep                   removes expired sessions, as the server does, too

Options
  --config FILE   an ES module (.ts, .js) whose default export holds keys, limits, timeouts,
                  cookie, typeDefs, resolvers, plugins, batching, graphiql, origins, trustProxy,
                  operationLimits and the others of createSessionServer
  --help          this text
  --version       the version

Environment
  HOST                    address to listen on (127.0.0.1)
  PORT                    port to listen on (4000)
  SESSION_STORE           where sessions are kept (memory:)
    memory:                                this process; memory:?max=N bounds their number (100000)
    sqlite:PATH                            a file, for one machine
    redis://HOST:PORT/DB                   rediss: with TLS; ?prefix=TEXT (session:)
    redis+cluster://HOST:PORT,HOST:PORT    ?tls=true, ?prefix=TEXT
    postgres://USER@HOST:PORT/DATABASE     after graphql-session migrate
    cookie:                                the cookie itself, sealed with SESSION_KEYS
  SESSION_KEYS            for cookie: 32 random bytes in base64 (openssl rand -base64 32); several,
                          with commas, to change them: the first seals, all open
  SESSION_DENY_LIST       for cookie: another store, which remembers ended sessions
  SESSION_SWEEP_INTERVAL  seconds between two sweeps by the server (60)
  NODE_ENV                production turns GraphiQL and introspection off, and always sends the cookie as Secure
`

/** Milliseconds for the requests under way; with the store's two seconds, what Docker waits before it kills. */
const drainTimeout = 8000

try {
  await run(process.argv.slice(2))
} catch (error) {
  console.error(`graphql-session: ${error instanceof SessionError ? error.message : describe(error)}`)
  process.exitCode = 1
}

async function run(args: string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      config: { type: 'string' },
      print: { type: 'boolean' },
      help: { type: 'boolean' },
      version: { type: 'boolean' },
    },
  })
  if (values.help) return console.log(help)
  if (values.version) return console.log(version)
  const [command, ...others] = positionals
  const isKnown = command === 'serve' || command === 'migrate' || command === 'sweep'
  if (!isKnown || others.length > 0) throw usage('say "graphql-session serve", migrate or sweep, or --help')
  if (values.config !== undefined && command !== 'serve') throw usage('--config is for serve')
  if (values.print && command !== 'migrate') throw usage('--print is for migrate')
  if (command === 'serve') await serve(values.config === undefined ? {} : await loadConfig(values.config))
  else if (values.print) console.log(postgresSchema().trimEnd())
  else await withBackend(command === 'migrate' ? migrate : sweep)
}

async function serve(config: SessionServerConfig): Promise<void> {
  const { HOST: host = '127.0.0.1', PORT = '4000', SESSION_STORE = 'memory:' } = process.env
  const { SESSION_SWEEP_INTERVAL = '60' } = process.env
  const port = Number(PORT)
  if (host === '') throw usage('HOST must not be empty')
  if (!/^\d+$/.test(PORT) || port > 65535) throw usage('PORT must be a whole number from 0 to 65535')
  const sweepInterval = Number(SESSION_SWEEP_INTERVAL)
  if (!/^\d+$/.test(SESSION_SWEEP_INTERVAL) || sweepInterval < 1 || sweepInterval > 86_400) {
    throw usage('SESSION_SWEEP_INTERVAL must be a whole number of seconds from 1 to 86400')
  }
  const backend = await openBackend(SESSION_STORE, process.env)
  try {
    const yoga = createSessionServer({ ...config, store: backend.store })
    const warnings = await reach(backend, async () => (await backend.backing?.check?.()) ?? [])
    for (const warning of warnings) console.warn(`graphql-session: warning: ${warning}`)
    const listening = await listen(yoga, { host, port, drainTimeout })
    sweepRegularly(backend.backing, sweepInterval)
    endOnSignal(listening, backend)
    console.log(`graphql-session ${version} ${summary(listening, host, backend.says, config)}`)
  } catch (error) {
    await backend.close?.()
    throw error
  }
}

async function withBackend(task: (backend: Backend) => Promise<void>): Promise<void> {
  const backend = await openBackend(process.env['SESSION_STORE'] ?? 'memory:', process.env)
  try {
    await task(backend)
  } finally {
    await backend.close?.()
  }
}

async function migrate(backend: Backend): Promise<void> {
  if (!backend.migrate) return console.log(`graphql-session: nothing to migrate in ${backend.says}`)
  await reach(backend, backend.migrate)
  console.log(`graphql-session: ${backend.says} has the table graphql_session`)
}

async function sweep(backend: Backend): Promise<void> {
  const { backing } = backend
  if (!backing?.sweep) return console.log(`graphql-session: nothing to sweep in ${backend.says}`)
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

/** Several processes that sweep one store are harmless. What fails is tried again by the next round. */
function sweepRegularly(store: KeyedStore | null, seconds: number): void {
  if (!store?.sweep) return
  let isSweeping = false
  const round = async (): Promise<void> => {
    if (isSweeping) return
    isSweeping = true
    try {
      await sweepExpired(store)
    } catch (error) {
      const { name, code = '' } = error as NodeJS.ErrnoException
      console.error(`graphql-session: expired sessions were not removed: ${name} ${code}`.trimEnd())
    }
    isSweeping = false
  }
  setInterval(() => void round(), seconds * 1000).unref()
}

async function loadConfig(file: string): Promise<SessionServerConfig> {
  if (file === '') throw usage('--config needs a file')
  const { default: config } = (await import(pathToFileURL(resolve(file)).href)) as {
    default?: SessionServerConfig
  }
  if (typeof config !== 'object' || config === null) throw usage(`${file} has no object as default export`)
  if ('store' in config)
    throw usage(`${file} has an option "store", but SESSION_STORE says where sessions are kept`)
  return config
}

function summary({ url }: Listening, host: string, store: string, config: SessionServerConfig): string {
  const { port } = new URL(url)
  const isHere = ['127.0.0.1', '0.0.0.0', '::', '::1'].includes(host)
  const shown = isHere ? 'localhost' : isIPv6(host) ? `[${host}]` : host
  const production = process.env['NODE_ENV'] === 'production'
  const { idleTimeout, absoluteTimeout } = resolveSettings(config).timeouts
  const name = config.cookie?.name ?? '__Host-session'
  const plainName = name.replace(/^__(Host|Secure)-/, '')
  return [
    `serves http://${shown}:${port}/graphql${servesGraphiQL(config.graphiql) ? ' (open it for GraphiQL)' : ''}`,
    `  store     ${store}`,
    `  timeouts  ${span(idleTimeout)} without activity, ${span(absoluteTimeout)} in all`,
    `  cookie    ${production ? name : `${name}; over plain http on this machine: ${plainName}`}`,
    ...rightsByKey(config),
  ].join('\n')
}

function rightsByKey({ keys = {} }: SessionServerConfig): string[] {
  const { mayClient } = keyRules(keys)
  const lines = Object.keys(keys).map((key) => {
    const granted = (['read', 'write', 'delete'] as const).filter((right) => mayClient(right, key))
    return `${key}: ${granted.length > 0 ? `client may ${granted.join(', ')}` : 'server only'}`
  })
  return (lines.length > 0 ? lines : ['none is open to clients']).map(
    (line, index) => `  ${index === 0 ? 'keys' : '    '}      ${line}`,
  )
}

function span(seconds: number): string {
  const units = [['day', 86_400], ['hour', 3600], ['minute', 60]] as const // prettier-ignore
  const [unit, length] = units.find(([, size]) => seconds % size === 0) ?? (['second', 1] as const)
  const count = seconds / length
  return `${count} ${unit}${count === 1 ? '' : 's'}`
}

function endOnSignal(listening: Listening, backend: Backend): void {
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    console.log(`graphql-session: ${signal}, finishing the requests under way`)
    await listening.close()
    // Every answer has left. A store in trouble is not waited for.
    setTimeout(() => process.exit(0), 2000)
    await Promise.resolve(backend.close?.()).catch(() => {})
    process.exit(0)
  }
  let since: number | undefined
  // A terminal sends its signal to a whole group, and npm passes on what it got: one Ctrl-C comes twice.
  const take = (signal: NodeJS.Signals): void => {
    if (since === undefined) void end(signal)
    else if (performance.now() - since > 1000) process.exit(1)
    since ??= performance.now()
  }
  process.on('SIGTERM', take).on('SIGINT', take)
}

function usage(message: string): SessionError {
  return new SessionError('CONFIG_INVALID', `${message}.`)
}

function describe(error: unknown): string {
  const { code, message, syscall } = error as NodeJS.ErrnoException
  if (syscall === 'listen' || syscall === 'getaddrinfo') return `${message}; choose another HOST or PORT.`
  if (code === 'ERR_MODULE_NOT_FOUND') return message
  // What follows is advice to write positional arguments that this command does not have.
  if (code?.startsWith('ERR_PARSE_ARGS')) return `${message.split(/\.\s/)[0]}; see --help.`
  return error instanceof Error ? (error.stack ?? message) : String(error)
}
