// This is `graphql-session serve`: it starts a server as told, sweeps its store, and ends it on a signal.

import type { AddressInfo } from 'node:net'
import { isName } from '../http/allowed-hosts.ts'
import { listen, type Listening } from '../http/listen.ts'
import type { KeyedStore } from '../session/store.ts'
import { sweepExpired } from '../stores/sweeping.ts'
import { type Backend, openBackend, storeOfProcess } from './backends.ts'
import { loadConfig, naming } from './config-file.ts'
import { assembleServer, dataIn, defaultEndpoint, type SessionServerConfig } from './create-session-server.ts'
import { invalid } from './invalid.ts'
import type { StaticSite } from './static-site.ts'
import { summary } from './summary.ts'
import { reach } from './wait-for-store.ts'
import { announce, isFirstWorker, startsWorkers, startWorkers, workersIn } from './workers.ts'

/** The options of the command line, as they were typed: `serve` checks them. */
export interface ServeOptions {
  readonly config?: string
  readonly host?: string
  readonly port?: string
  readonly static?: string
  readonly workers?: string
}

/**
 * Milliseconds in which requests are still taken after a signal, and those that requests under way get then. Together
 * with the two seconds for closing the store, these are the ten seconds after which `docker stop` kills a process.
 */
const drainDefaults = { DRAIN_DELAY: '100', DRAIN_TIMEOUT: '7900' } as const

/**
 * Starts the server and prints what it serves. Resolves when it listens.
 * @param version - of this package, to print
 * @throws {SessionError} CONFIG_INVALID
 */
export async function serve(options: ServeOptions, version: string): Promise<void> {
  const workers = workersIn(options.workers)
  if (workers === 1) return serveHere(options, version)
  const own = storeOfProcess(process.env)
  if (own) throw invalid(`--workers needs a store that processes share, which ${own} is not`)
  if (startsWorkers()) return startWorkers(workers)
  try {
    await serveHere(options, version, true)
  } catch (error) {
    // The channel to the process that started this one would keep it.
    process.disconnect()
    throw error
  }
}

async function serveHere(options: ServeOptions, version: string, isWorker = false): Promise<void> {
  const { SESSION_STORE = 'memory:', SESSION_SWEEP_INTERVAL = '60' } = process.env
  const host = setting('host', options.host, '127.0.0.1')
  const port = setting('port', options.port, '4000')
  if (host.value === '') throw invalid(`${host.name} must not be empty`)
  if (!/^\d+$/.test(port.value) || Number(port.value) > 65535) {
    throw invalid(`${port.name} must be a whole number from 0 to 65535`)
  }
  const sweepInterval = Number(SESSION_SWEEP_INTERVAL)
  if (!/^\d+$/.test(SESSION_SWEEP_INTERVAL) || sweepInterval < 1 || sweepInterval > 86_400) {
    throw invalid('SESSION_SWEEP_INTERVAL must be a whole number of seconds from 1 to 86400')
  }
  const [drainDelay, drainTimeout] = [milliseconds('DRAIN_DELAY'), milliseconds('DRAIN_TIMEOUT')]
  const { ALLOWED_HOSTS } = process.env
  const loaded = options.config === undefined ? {} : await loadConfig(options.config)
  const config: SessionServerConfig = {
    ...loaded,
    ...(ALLOWED_HOSTS !== undefined && { allowedHosts: hostsIn(ALLOWED_HOSTS) }),
    ...(loaded.data !== undefined && { data: naming(options.config, () => dataIn(loaded.data!)) }),
  }
  const site = options.static === undefined ? undefined : await openSite(options.static, config)
  const backend = await openBackend(SESSION_STORE, process.env)
  try {
    const { store } = backend
    const yoga = naming(options.config, () => assembleServer({ ...config, store }, site?.plugin))
    const warnings = await reach(backend, async () => (await backend.backing?.check?.()) ?? [])
    if (!isWorker || isFirstWorker()) {
      for (const warning of warnings) console.warn(`graphql-session: warning: ${warning}`)
    }
    const listening = await listen(site?.before(yoga) ?? yoga, {
      host: host.value,
      port: Number(port.value),
      drainDelay,
      drainTimeout,
    }).catch((error: NodeJS.ErrnoException) => {
      // For a worker the process that started it binds the port.
      if (!['listen', 'bind', 'getaddrinfo'].includes(error.syscall!)) throw error
      throw invalid(`${error.message}; choose another ${host.name} or ${port.name}`)
    })
    sweepRegularly(backend.backing, sweepInterval)
    endOnSignal(listening, backend, isWorker)
    const at = listening.server.address() as AddressInfo
    const serves = `graphql-session ${version} ${summary(at, host.value, backend.says, config, options.static)}`
    if (isWorker) announce(serves)
    else console.log(serves)
  } catch (error) {
    await backend.close?.()
    throw error
  }
}

const log = (line: string): void => console.error(`graphql-session: ${line}`)

/** A value of the command line, or else of the environment, with the name that errors call it by. */
function setting(option: 'host' | 'port', given: string | undefined, byDefault: string) {
  const name = option.toUpperCase()
  return given === undefined
    ? { name, value: process.env[name] ?? byDefault }
    : { name: `--${option}`, value: given }
}

function milliseconds(name: keyof typeof drainDefaults): number {
  const text = process.env[name] ?? drainDefaults[name]
  const least = name === 'DRAIN_DELAY' ? 0 : 1
  if (/^(?:0|[1-9]\d{0,6})$/.test(text) && Number(text) >= least) return Number(text)
  throw invalid(`${name} must be a whole number of milliseconds from ${least} to 9999999`)
}

/** The option `allowedHosts` in the environment: names with commas between them, or `*` for any. */
function hostsIn(text: string): readonly string[] | true {
  const hosts = text.trim() === '*' || text.split(',').map((name) => name.trim())
  if (hosts !== true && !hosts.every(isName)) {
    throw invalid('ALLOWED_HOSTS must be names without a port, with commas between them, or *')
  }
  return hosts
}

async function openSite(folder: string, config: SessionServerConfig): Promise<StaticSite> {
  if (folder === '') throw invalid('--static needs a folder')
  const { StaticSite } = await import('./static-site.ts')
  return new StaticSite(folder, { graphqlEndpoint: defaultEndpoint, ...config, log })
}

/**
 * Removes expired sessions from the store again and again. Several processes may do so with one store at the
 * same time. A round that fails is logged, and the next round removes what it left.
 */
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
      log(`expired sessions were not removed: ${name} ${code}`.trimEnd())
    }
    isSweeping = false
  }
  setInterval(() => void round(), seconds * 1000).unref()
}

function endOnSignal(listening: Listening, backend: Backend, isWorker: boolean): void {
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (!isWorker) console.log(`graphql-session: ${signal}, finishing the requests under way`)
    await listening.close()
    // The last answer has left, so the process ends after two seconds even if the store does not close.
    setTimeout(() => process.exit(0), 2000)
    await Promise.resolve(backend.close?.()).catch(() => {})
    process.exit(0)
  }
  let since: number | undefined
  // One Ctrl-C can send two signals: the terminal sends one to each process of its group, and npm, which gets
  // one, too, passes it on. Only a signal that comes more than a second after the first ends the process at
  // once.
  const take = (signal: NodeJS.Signals): void => {
    if (since === undefined) void end(signal)
    else if (performance.now() - since > 1000) process.exit(1)
    since ??= performance.now()
  }
  process.on('SIGTERM', take).on('SIGINT', take)
}
