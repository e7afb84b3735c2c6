import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { showIfFailed } from '../support/process-log.ts'
import { type Answer, type Call, post } from './caller.ts'

const main = fileURLToPath(new URL('../../src/server/main.ts', import.meta.url))
const config = fileURLToPath(new URL('server.config.ts', import.meta.url))

/** One process of `graphql-session serve`. */
export class ServerProcess {
  readonly #env: NodeJS.ProcessEnv
  #child!: ChildProcess
  #url = ''
  #said = ''
  #isWanted = false
  #asked = Promise.withResolvers<void>()
  /** How it ended, if nobody asked it to. */
  crash: string | null = null

  constructor(env: NodeJS.ProcessEnv) {
    this.#env = { ...process.env, HOST: '127.0.0.1', PORT: '0', NODE_ENV: 'test', ...env }
  }

  /** Resolves when a request is on its way to it, or nobody seems to have one. */
  async nextRequest(): Promise<void> {
    await Promise.race([this.#asked.promise, setTimeout(500)])
  }

  async start(): Promise<void> {
    const child = spawn(process.execPath, [main, 'serve', '--config', config], { env: this.#env })
    this.#child = child
    this.#said = ''
    this.#isWanted = true
    child.stderr.on('data', (chunk: Buffer) => (this.#said = (this.#said + chunk).slice(-4000)))
    child.once('exit', (code, signal) => {
      if (this.#isWanted) this.crash = `exit ${code} ${signal}:\n${this.#said}`
    })
    let announcement = ''
    child.stdout.on('data', (chunk: Buffer) => (announcement += chunk))
    const late = setTimeout(20_000, 'late', { ref: false })
    while (!announcement.includes('  keys ')) {
      const what = await Promise.race([once(child.stdout, 'data'), once(child, 'exit'), late])
      if (child.exitCode === null && child.signalCode === null && what !== 'late') continue
      await this.end('SIGKILL')
      throw new Error(`A server did not start:\n${this.#said}`)
    }
    this.#url = /http:\S+/.exec(announcement)![0].replace('localhost', '127.0.0.1')
  }

  /** Where it listens, e.g. `http://127.0.0.1:4000/graphql`. */
  get url(): string {
    return this.#url
  }

  /** The end of it. */
  get printed(): string {
    return this.#said
  }

  async send(call: Call): Promise<Answer> {
    const answer = post(this.#url, call)
    this.#asked.resolve()
    this.#asked = Promise.withResolvers<void>()
    return answer
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    this.#isWanted = false
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const ended = once(this.#child, 'exit')
    this.#child.kill(signal)
    await ended
  }

  freeze(): void {
    this.#child.kill('SIGSTOP')
  }

  thaw(): void {
    this.#child.kill('SIGCONT')
  }
}

/** Several of them, with one store. */
export class Fleet implements AsyncDisposable {
  readonly servers: readonly ServerProcess[]

  private constructor(servers: readonly ServerProcess[]) {
    this.servers = servers
  }

  static async start(size: number, env: NodeJS.ProcessEnv): Promise<Fleet> {
    const fleet = new Fleet(Array.from({ length: size }, () => new ServerProcess(env)))
    fleet.servers.forEach((server, index) => {
      showIfFailed(`Server ${index + 1} of ${size}, since it was last started,`, () => server.printed)
    })
    try {
      await Promise.all(fleet.servers.map((server) => server.start()))
    } catch (error) {
      await fleet[Symbol.asyncDispose]()
      throw error
    }
    return fleet
  }

  readonly send = (call: Call): Promise<Answer> => this.any().send(call)

  any(): ServerProcess {
    return this.servers[Math.floor(Math.random() * this.servers.length)]!
  }

  get crashes(): string[] {
    return this.servers.flatMap(({ crash }) => crash ?? [])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.servers.map((server) => server.end('SIGKILL')))
  }
}
