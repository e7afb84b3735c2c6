import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { Agent, type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { DatabaseSync } from 'node:sqlite'
import { text } from 'node:stream/consumers'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { SessionContext } from '../../src/graphql/use-session.ts'
import { listen } from '../../src/http/listen.ts'
import { createSessionServer } from '../../src/server/create-session-server.ts'
import { mint } from '../../src/session/token.ts'
import { sqliteStore } from '../../src/stores/sqlite.ts'
import { sweepExpired } from '../../src/stores/sweeping.ts'
import { type Addresses, type Answer, type Call, Kinds, openedAndHeld, targets } from './soak-kinds.ts'

/** What the server has at a moment when nobody asks it for anything, or among all that are. */
interface Report {
  readonly heap: number
  readonly rss: number
  readonly sockets: number
  /** Streams whose source was begun and not ended. */
  readonly live: number
  /** Sessions that were opened outside of a request and that nothing has collected. */
  readonly opened: number
  readonly rows: number
  /** The longest standstill of the event loop since the report before, in milliseconds. */
  readonly stall: number
  readonly resources: Readonly<Record<string, number>>
}

/** Seconds after which a session that is not used is gone from the store. */
const idleTimeout = 10
/** Seconds for which the store keeps what a session left that was replaced. */
const handOverTimeout = 5
const mebi = 2 ** 20
/** Bytes of an answer that no buffer holds. */
const big = 64 * mebi
/** Of the heap after garbage collection: what caches and compiled code may still come to. */
const heapTolerance = { share: 0.1, bytes: 3 * mebi }
/** Bytes of the heap with all caches full: 26 MiB without them, and what documents and sessions in memory may take. */
const mostHeap = 128 * mebi

const print = (line: string): void => void process.stdout.write(`${line}\n`)
const count = (counts: Map<string, number>, what: string): void =>
  void counts.set(what, (counts.get(what) ?? 0) + 1)
const unique = (): string => `_${mint().replaceAll('-', '_')}`
const ownDocument = (): string => `query Q${unique()} { session { keys } }`
/** So that a request that is refused says so by its status. */
const strict = { accept: 'application/graphql-response+json' }

/** @returns what tells the longest standstill since it was asked before; the 10 ms from look to look are in it */
function watchLoop(): () => number {
  const delays = monitorEventLoopDelay()
  delays.enable()
  return () => {
    const longest = Math.round(delays.max / 1e6)
    delays.reset()
    return longest
  }
}

async function serve(file: string): Promise<void> {
  const store = sqliteStore(file)
  const counter = new DatabaseSync(file)
  const rows = counter.prepare('SELECT count(*) AS rows FROM graphql_session')
  let live = 0
  const alive = async function* <Event>(events: AsyncIterable<Event>): AsyncGenerator<Event> {
    live++
    try {
      yield* events
    } finally {
      live--
    }
  }
  const yoga = createSessionServer({
    store,
    idleTimeout,
    cookie: { name: '__Host-session' },
    handOverTimeout,
    keys: { '*': { client: ['read', 'write', 'delete'] }, secret: {} },
    logging: 'error',
    typeDefs: /* GraphQL */ `
      extend type Query {
        big: String!
        slow: Boolean!
      }
      type Subscription {
        ticks(to: Int!): Int!
        silence: Boolean!
      }
    `,
    resolvers: {
      Query: {
        big: () => 'x'.repeat(big),
        slow: () => setTimeout(200, true),
      },
      Subscription: {
        ticks: {
          subscribe: (_: unknown, { to }: { to: number }, { session }: SessionContext) =>
            alive(
              (async function* () {
                for (let ticks = 1; ticks <= to; ticks++) {
                  yield { ticks }
                  await session.get('n')
                  await setTimeout(10)
                }
              })(),
            ),
        },
        silence: {
          subscribe: () => {
            live++
            const { promise, resolve } = Promise.withResolvers<IteratorResult<unknown>>()
            const events = {
              [Symbol.asyncIterator]: () => events,
              next: () => promise,
              async return() {
                live--
                resolve({ done: true, value: undefined })
                return promise
              },
            }
            return events
          },
        },
      },
    },
  })
  const options = { port: 0, headersTimeout: 2000, requestTimeout: 3000, responseTimeout: 2000 }
  const { server, url } = await listen(yoga, options)
  const servers = [server]
  const addresses: Record<string, string> = {}
  for (const [name, target] of Object.entries(targets(store, { idleTimeout, handOverTimeout }, alive))) {
    const listening = await listen(target, options)
    servers.push(listening.server)
    addresses[name] = listening.url
  }
  setInterval(() => void sweepExpired(store), 1000).unref()
  const longestStall = watchLoop()
  const report = async (): Promise<Report> => {
    for (let time = 0; time < 4; time++) {
      globalThis.gc?.()
      await setTimeout(50)
    }
    const { heapUsed: heap, rss } = process.memoryUsage()
    const connections = servers.map(
      (each) => new Promise<number>((done) => each.getConnections((_, count) => done(count))),
    )
    const sockets = (await Promise.all(connections)).reduce((sum, each) => sum + each, 0)
    const resources: Record<string, number> = {}
    for (const type of process.getActiveResourcesInfo()) resources[type] = (resources[type] ?? 0) + 1
    return {
      heap,
      rss,
      sockets,
      live,
      opened: openedAndHeld(),
      rows: Number(rows.get()!['rows']),
      stall: longestStall(),
      resources,
    }
  }
  process.on('message', () => void report().then((report) => process.send!(report)))
  process.send!([url, addresses])
}

async function soak(): Promise<number> {
  const { values } = parseArgs({
    options: { minutes: { type: 'string', default: '15' }, users: { type: 'string', default: '32' } },
  })
  const minutes = Number(values.minutes)
  const users = Number(values.users)
  assert(minutes > 0 && users >= 1, 'soak [--minutes 15] [--users 32]')
  assert(globalThis.gc, 'Run it with node --expose-gc.')
  const folder = mkdtempSync(join(tmpdir(), 'graphql-session-soak-'))
  const child = fork(fileURLToPath(import.meta.url), ['server', join(folder, 'sessions.db')], {
    execArgv: ['--expose-gc'],
  })
  try {
    const [[url, addresses]] = (await once(child, 'message')) as [[string, Addresses]]
    return await judge(new Load(`${url}/graphql`, addresses, users), users, child, minutes)
  } finally {
    child.kill('SIGKILL')
    rmSync(folder, { recursive: true })
  }
}

async function judge(load: Load, users: number, child: ChildProcess, minutes: number): Promise<number> {
  let ended: string | null = null
  child.once('exit', (code, signal) => (ended = `the server ended with ${code ?? signal}`))
  const ask = async (): Promise<Report> => {
    if (ended !== null) throw new Error(ended)
    child.send('report')
    const [report] = (await once(child, 'message', { signal: AbortSignal.timeout(30_000) })) as [Report]
    return report
  }
  /** Until nobody is connected, no session is left and nothing is waited for, or for as long as that may take. */
  const rest = async (): Promise<Report> => {
    await load.stop()
    const deadline = Date.now() + (2 * idleTimeout + 5) * 1000
    for (let stall = 0; ;) {
      const report = await ask()
      stall = Math.max(stall, report.stall)
      const { sockets, rows, live, resources } = report
      const isAtRest = sockets + rows + live + (resources['Timeout'] ?? 0) === 0
      if (isAtRest || Date.now() > deadline) return { ...report, stall }
      await setTimeout(500)
    }
  }
  const began = Date.now()
  const longestStall = watchLoop()
  const say = (what: string, report: Report): void => {
    const { heap, rss, sockets, live, rows, stall, resources } = report
    const seconds = String(Math.round((Date.now() - began) / 1000)).padStart(4)
    const mib = (bytes: number): string => (bytes / mebi).toFixed(1)
    print(
      `${seconds} s  ${what.padEnd(8)} heap ${mib(heap)} MiB, rss ${mib(rss)} MiB, ${sockets} sockets, ${live} generators, ${rows} rows, stalls of at most ${stall} ms (client ${longestStall()} ms), ${load.done} requests  ${JSON.stringify(resources)}`,
    )
  }

  // Until caches are full and code is compiled.
  await load.fill()
  load.start()
  await setTimeout(Math.min(60, minutes * 15) * 1000)
  const before = await rest()
  say('start', before)
  load.start()
  const end = Date.now() + minutes * 60_000
  let most = 0
  while (Date.now() < end) {
    await setTimeout(Math.min(30_000, end - Date.now()))
    const report = await ask()
    most = Math.max(most, report.live)
    say('load', report)
  }
  const after = await rest()
  say('end', after)

  const allowed = Math.min(mostHeap, before.heap * (1 + heapTolerance.share) + heapTolerance.bytes)
  const complaints = [
    after.heap > allowed &&
      `the heap is ${after.heap} bytes, and at most ${Math.round(allowed)} were allowed`,
    most > users && `${most} generators lived at a time, and ${users} users have one each`,
    after.sockets > 0 && `${after.sockets} sockets are left`,
    after.live > 0 && `${after.live} generators are left`,
    // What ran last may still stand in a register or on the stack.
    after.opened > 3 && `${after.opened} opened sessions are held`,
    after.rows > 0 && `${after.rows} sessions are left in the store`,
    ...Object.entries(after.resources).map(
      ([type, count]) =>
        count > (before.resources[type] ?? 0) &&
        `${count} ${type}, and ${before.resources[type] ?? 0} before`,
    ),
    ...[...load.complaints].map(([what, times]) => `${times} times: ${what}`),
    load.kinds.refused === 0 && 'no crowd was so large that somebody was refused',
    load.done < 10 * 60 * minutes && `only ${load.done} requests were made`,
  ].filter(Boolean)
  for (const [what, times] of [...load.outcomes].toSorted(([one], [other]) => (one < other ? -1 : 1)))
    print(`  ${what}: ${times}`)
  for (const complaint of complaints) print(`FAILED: ${complaint}`)
  print(
    complaints.length > 0 ? 'Not everything came back.' : 'Everything came back to the level of the start.',
  )
  return complaints.length > 0 ? 1 : 0
}

/** A browser with one session, or none yet. */
interface Visitor {
  cookie: string
  /** What its session has to hold under `n` for as long as it lasts. */
  n: number | null
}

/** One thing that a client does; what came of it, in a word. */
type Deed = (visitor: Visitor) => Promise<number | string>

const json = 'application/json'
const head = `POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${json}\r\n`
const begun = `${head}Content-Length: 1000\r\n\r\n{"query":`
const whole = (query: string): string => {
  const body = JSON.stringify({ query })
  return `${head}Content-Length: ${body.length}\r\n\r\n${body}`
}
const chunks = `${head}Transfer-Encoding: chunked\r\n\r\n${`8000\r\n${'x'.repeat(0x8000)}\r\n`.repeat(8)}0\r\n\r\n`

type Task = readonly [name: string, due: number | string, deed: Deed]

/** Users who do one thing after the other, at random. One in eight of them is slow. */
class Load {
  /** How often came what of what. */
  readonly outcomes = new Map<string, number>()
  /** What should not have come, and how often. */
  readonly complaints = new Map<string, number>()
  done = 0
  readonly kinds: Kinds
  readonly #url: URL
  readonly #users: number
  readonly #quick: readonly Task[]
  readonly #slow: readonly Task[]
  #agent = new Agent({ keepAlive: true })
  #isOn = false
  #running: Promise<unknown> = Promise.resolve()

  constructor(url: string, addresses: Addresses, users: number) {
    this.#url = new URL(url)
    this.#users = users
    this.kinds = new Kinds((call) => this.#call(call), addresses, users)
    const field =
      (text: string): Deed =>
      (visitor) =>
        this.#mutate(visitor, text)
    const sent =
      (make: () => string, headers: Record<string, string> = {}): Deed =>
      async () =>
        (await this.#graphql(make(), headers)).status
    const cut =
      (text: string, patience: number): Deed =>
      () =>
        this.#cut(text, patience)
    const isNew = (): string => '{ session { isNew } }'
    const quick: (readonly [weight: number, ...Task])[] = [
      [20, 'read', 200, (visitor) => this.#read(visitor)],
      [20, 'write', 200, (visitor) => this.#write(visitor)],
      [5, 'pop', 200, field('popSessionKey(key: "n") { found }')],
      [4, 'clear', 200, field('clearSession { __typename }')],
      [4, 'rotation', 200, field('rotateSession { session { handle } }')],
      [6, 'logout', 200, field('logout { flushed }')],
      [2, 'expiry', 200, field('setSessionExpiry(expiry: { seconds: 2 }) { __typename }')],
      [2, 'a new visitor', 200, (visitor) => this.#leave(visitor)],
      [6, 'a document of its own', 200, sent(ownDocument)],
      [3, 'a guessed cookie', 200, (visitor) => sent(isNew, { cookie: `session=${mint()}` })(visitor)],
      [2, 'a malformed cookie', 200, sent(isNew, { cookie: 'session=malformed' })],
      [
        2,
        'a forbidden key',
        200,
        sent(() => 'mutation { setSessionKey(key: "secret", value: 1) { created } }'),
      ],
      [2, 'a form', 415, sent(() => '', { 'content-type': 'application/x-www-form-urlencoded' })],
      [2, 'another site', 403, sent(() => '{ __typename }', { origin: 'https://evil.example' })],
      [2, 'nothing acceptable', 406, sent(() => '{ __typename }', { accept: 'application/xml' })],
      [2, 'no GraphQL', 400, sent(() => `{ ${unique()}`, strict)],
      [2, 'no such field', 400, sent(() => `{ ${unique()} }`, strict)],
      [2, 'too complex', 400, sent(() => `{ ${'session { handle } '.repeat(30)} }`, strict)],
      [2, 'too much', 413, sent(() => 'x'.repeat(200_000))],
      [2, 'too much in chunks', '413', cut(chunks, 10_000)],
      [2, 'PUT', 405, async () => (await this.#call({ method: 'PUT', body: '{}' })).status],
      [2, 'live', 200, async () => (await this.#call({ method: 'GET', path: '/health/live' })).status],
      [2, 'ready', 200, async () => (await this.#call({ method: 'GET', path: '/health/ready' })).status],
      [2, 'a head that breaks off', 'left', cut(head, 20)],
      [2, 'a body that breaks off', 'left', cut(begun, 20)],
      [2, 'a client that does not wait', 'left', cut(whole('{ slow }'), 50)],
      [2, 'a stream', 200, () => this.#watch('ticks(to: 3)')],
      [2, 'a stream that is left', 'left', () => this.#watch('ticks(to: 1000)', Math.random() * 100)],
      [2, 'a silent stream that is left', 'left', () => this.#watch('silence', Math.random() * 100)],
      ...this.kinds.tasks,
    ]
    this.#quick = quick.flatMap(([weight, ...task]) => Array<Task>(weight).fill(task))
    this.#slow = [
      ['a head without end', '408', cut(head, 20_000)],
      ['a body without end', '408', cut(begun, 20_000)],
      ['an answer that nobody reads', 'dropped', () => this.#neglect()],
    ]
  }

  /** Until the caches of documents are full, by the same documents that come later on. */
  async fill(): Promise<void> {
    const send = async (): Promise<void> => {
      for (let sent = 0; sent < 500; sent++) await this.#graphql(ownDocument(), {})
    }
    await Promise.all([this.kinds.fill(), ...Array.from({ length: 10 }, send)])
  }

  start(): void {
    this.#isOn = true
    const visits = Array.from({ length: this.#users }, (_, index) =>
      this.#visit(index % 8 === 0 ? this.#slow : this.#quick),
    )
    this.#running = Promise.all(visits)
  }

  async stop(): Promise<void> {
    this.#isOn = false
    await this.#running
    this.#agent.destroy()
    this.#agent = new Agent({ keepAlive: true })
  }

  async #visit(tasks: readonly Task[]): Promise<void> {
    const visitor: Visitor = { cookie: '', n: null }
    while (this.#isOn) {
      const [name, due, deed] = tasks[Math.floor(Math.random() * tasks.length)]!
      const outcome = await deed(visitor).catch((error: Error) => error.message)
      count(this.outcomes, `${name}: ${outcome}`)
      if (outcome !== due) this.#complain(`${name}: ${outcome} instead of ${due}`)
      this.done++
    }
  }

  #complain(what: string): void {
    // At once, too, so that the next report tells whether a loop stood still then.
    if (!this.complaints.has(what)) print(`        ${what}`)
    count(this.complaints, what)
  }

  async #read(visitor: Visitor): Promise<number | string> {
    const query = '{ session { isNew value(key: "n") } }'
    const { status, text } = await this.#graphql(query, { cookie: visitor.cookie })
    const { isNew, value } = JSON.parse(text).data.session
    // It may have ended, and then holds nothing.
    const isRight = isNew ? value === null : value === visitor.n
    if (isNew) await this.#leave(visitor)
    count(this.outcomes, `read in ${isNew ? 'no' : 'its'} session`)
    return isRight ? status : `read ${value}`
  }

  async #write(visitor: Visitor): Promise<number | string> {
    const n = Math.floor(Math.random() * 1e9)
    const answer = await this.#mutate(visitor, `setSessionKey(key: "n", value: ${n}) { created }`)
    visitor.n = n
    return answer
  }

  async #mutate(visitor: Visitor, field: string): Promise<number | string> {
    const { status, setCookie, text } = await this.#graphql(`mutation { ${field} }`, {
      cookie: visitor.cookie,
    })
    if (/pop|clear|logout/.test(field)) visitor.n = null
    if (setCookie !== undefined) {
      const cookie = setCookie.includes('Max-Age=0') ? '' : setCookie.split(';')[0]!
      // In the place of a session that has ended, an expiry begins an empty one.
      if (field.startsWith('setSessionExpiry') && cookie !== visitor.cookie) visitor.n = null
      visitor.cookie = cookie
    }
    const { errors } = JSON.parse(text)
    // What expires between two steps of one request is gone, and so is what it held.
    return errors && errors[0].extensions.code !== 'SESSION_GONE' ? errors[0].extensions.code : status
  }

  async #leave(visitor: Visitor): Promise<number> {
    Object.assign(visitor, { cookie: '', n: null })
    return 200
  }

  #graphql(query: string, headers: Record<string, string>): Promise<Answer> {
    return this.#call({ headers: { 'content-type': json, ...headers }, body: JSON.stringify({ query }) })
  }

  async #call({ method = 'POST', path = '/graphql', headers = {}, body }: Call): Promise<Answer> {
    const sent = request(new URL(path, this.#url), { method, headers, agent: this.#agent })
    // What breaks after the answer has begun breaks the answer, too, and is told there.
    sent.on('error', () => {}).end(body)
    const [response] = (await once(sent, 'response').catch((error: Error) => {
      // One that has been idle for long can be closed just when it is used.
      if (sent.reusedSocket) error.message += ' on a kept connection'
      throw error
    })) as [IncomingMessage]
    const setCookie = response.headers['set-cookie']?.[0]
    return { status: response.statusCode!, setCookie, text: await text(response) }
  }

  /** Sends this, and leaves after so many milliseconds unless it was told something, or the door was shut. */
  async #cut(sent: string, patience: number): Promise<string> {
    const socket = connect(Number(this.#url.port), '127.0.0.1').on('error', () => {})
    const left = setTimeout(patience, 'left')
    socket.write(sent)
    const told = once(socket, 'data').then(([data]) => String(data).slice(9, 12))
    const outcome = await Promise.race([told, left, once(socket, 'close').then(() => 'closed')])
    told.catch(() => {})
    socket.destroy()
    return outcome
  }

  async #neglect(): Promise<string> {
    const socket = connect(Number(this.#url.port), '127.0.0.1').on('error', () => {})
    socket.pause()
    socket.write(whole('{ big }'))
    // Long enough for the server to lose its patience.
    await setTimeout(15_000)
    let read = 0
    for await (const chunk of socket) read += (chunk as Buffer).length
    return read > 0 && read < big ? 'dropped' : `read ${read} bytes`
  }

  async #watch(field: string, patience?: number): Promise<number | string> {
    const search = new URLSearchParams({ query: `subscription { ${field} }` })
    const agent = new Agent({ keepAlive: false })
    const sent = request(new URL(`?${search}`, this.#url), {
      agent,
      headers: { accept: 'text/event-stream' },
    })
    sent.on('error', () => {}).end()
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    if (patience === undefined) {
      return (await text(response)).endsWith('event: complete\ndata:\n\n') ? response.statusCode! : 'no end'
    }
    response.on('error', () => {}).resume()
    await setTimeout(patience)
    response.destroy()
    return 'left'
  }
}

if (process.argv[2] === 'server') await serve(process.argv[3]!)
else process.exitCode = await soak()
