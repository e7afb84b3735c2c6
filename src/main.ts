#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { isIPv6 } from 'node:net'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { SessionError } from './errors.ts'
import { keyRights } from './keys.ts'
import { createSessionServer, servesGraphiQL, type SessionServerConfig } from './server.ts'
import { resolveSettings } from './settings.ts'
import type { KeyedStore } from './store.ts'
import { memoryStore } from './stores/memory.ts'

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string
}

const help = `graphql-session ${version}: a GraphQL server with sessions

Usage
  graphql-session serve [--config FILE]

Options
  --config FILE   an ES module (.ts, .js) whose default export holds keys, limits, timeouts,
                  cookie, typeDefs, resolvers, plugins, batching and graphiql
  --help          this text
  --version       the version

Environment
  HOST            address to listen on (127.0.0.1)
  PORT            port to listen on (4000)
  SESSION_STORE   where sessions are kept (memory:). memory:?max=N bounds their number (100000)
  NODE_ENV        production turns GraphiQL off and always sends the cookie as Secure
`

const stores: Record<string, (url: URL) => { store: KeyedStore; says: string }> = {
  'memory:': (url) => {
    for (const name of url.searchParams.keys()) {
      if (name !== 'max') throw usage(`SESSION_STORE: memory: has no option "${name}", only max`)
    }
    const max = Number(url.searchParams.get('max') ?? 100_000)
    const store = memoryStore({ max })
    return { store, says: `memory, at most ${max} sessions, lost when this process ends` }
  },
}

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
    options: { config: { type: 'string' }, help: { type: 'boolean' }, version: { type: 'boolean' } },
  })
  if (values.help) return console.log(help)
  if (values.version) return console.log(version)
  if (positionals.length !== 1 || positionals[0] !== 'serve')
    throw usage('say "graphql-session serve", or --help')
  await serve(values.config !== undefined ? await loadConfig(values.config) : {})
}

async function serve(config: SessionServerConfig): Promise<void> {
  const { HOST: host = '127.0.0.1', PORT = '4000', SESSION_STORE = 'memory:' } = process.env
  const port = Number(PORT)
  if (host === '') throw usage('HOST must not be empty')
  if (!/^\d+$/.test(PORT) || port > 65535) throw usage('PORT must be a whole number from 0 to 65535')
  const { store, says } = openStore(SESSION_STORE)
  const yoga = createSessionServer({ ...config, store })
  const server = createServer((request, response) => void yoga(request, response))
  await new Promise<void>((listening, failed) => {
    server.once('error', failed).listen(port, host, listening)
  })
  endOnSignal(server)
  console.log(`graphql-session ${version} ${summary(server, host, says, config)}`)
}

function openStore(text: string): { store: KeyedStore; says: string } {
  const scheme = /^[a-z][a-z0-9+.-]*:/.exec(text)?.[0]
  const open = scheme && stores[scheme]
  if (!open) throw usage(`SESSION_STORE must start with one of: ${Object.keys(stores).join(', ')}`)
  if (!URL.canParse(text)) throw usage('SESSION_STORE is not a URL')
  return open(new URL(text))
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

function summary(server: Server, host: string, store: string, config: SessionServerConfig): string {
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
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
  const mayClient = keyRights(keys)
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

/** Requests under way may finish within 10 s; streams have no end of their own and are cut then. */
function endOnSignal(server: Server): void {
  let ending = false
  // A client keeps its connection open for the next request, which there is not going to be.
  server.on('request', (_, response) => {
    response.once('close', () => {
      if (ending) server.closeIdleConnections()
    })
  })
  const end = (signal: NodeJS.Signals): void => {
    ending = true
    console.log(`graphql-session: ${signal}, finishing the requests under way`)
    setTimeout(() => server.closeAllConnections(), 10_000).unref()
    server.close(() => process.exit(0))
    server.closeIdleConnections()
  }
  process.once('SIGTERM', end).once('SIGINT', end)
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
