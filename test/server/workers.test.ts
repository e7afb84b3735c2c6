import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { expectRefusal, serve, write } from '../support/command.ts'
import { Client } from '../support/harness.ts'
import { skippedIf } from '../support/needs.ts'

const config = `process.send?.('ready')
export default {
  keys: { theme: { client: ['read', 'write'] } },
  typeDefs: 'extend type Query { pid: Int! } extend type Subscription { ticks: Int }',
  resolvers: {
    Query: { pid: () => process.pid },
    Subscription: {
      ticks: {
        async *subscribe(_, __, { session }) {
          await session.get('theme')
          yield 1
          await new Promise(() => {})
        },
        resolve: Number,
      },
    },
  },
}`
const count = 3
let files = 0
const shop = () =>
  serve(config, { SESSION_STORE: `sqlite:workers-${++files}.db` }, ['--workers', String(count)])

/** A connection of its own for each request, so that the processes take turns. */
async function run(url: string, query: string, cookie = '') {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', connection: 'close', cookie },
    body: JSON.stringify({ query }),
    // A connection that is just handed to a process which is killed has no answer.
    signal: AbortSignal.timeout(2000),
  })
  return ((await response.json()) as { data: any }).data
}
const pidOf = async (url: string): Promise<number> => (await run(url, '{ pid }')).pid

async function pidsOf(url: string): Promise<Set<number>> {
  const pids = new Set<number>()
  for (let tries = 0; pids.size < count && tries < 100; tries++) pids.add(await pidOf(url))
  return pids
}

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

const inCI = skippedIf(!process.env['CI'], 'it starts three processes each time, and is tried in CI')

describe('graphql-session serve --workers', { timeout: 60_000 }, () => {
  it('has one port, one announcement, and sessions that each process has', async () => {
    const { url, announcement, child } = await shop()
    expect(announcement.match(/serves http/g)).toHaveLength(1)
    expect(announcement).toContain(`  workers   ${count}\n`)
    const pids = await pidsOf(url)
    expect(pids.size).toBe(count)
    expect(pids).not.toContain(child.pid)
    const client = new Client(url)
    await client.run('mutation { setSessionKey(key: "theme", value: "dark") { created } }')
    for (let turn = 0; turn < 2 * count; turn++) {
      const { session } = await run(url, '{ session { value(key: "theme") } }', client.cookie)
      expect(session).toEqual({ value: 'dark' })
    }
  })

  it('ends a stream of one process where another one ends its session', inCI, async () => {
    const { url } = await shop()
    const client = new Client(url)
    await client.run('mutation { setSessionKey(key: "theme", value: "dark") { created } }')
    const headers = { 'content-type': 'application/json', accept: 'text/event-stream', cookie: client.cookie }
    const streams = await Promise.all(
      Array.from({ length: count }, () =>
        fetch(url, { method: 'POST', headers, body: JSON.stringify({ query: 'subscription { ticks }' }) }),
      ),
    )
    const readers = streams.map(({ body }) => body!.getReader())
    await Promise.all(readers.map((reader) => reader.read()))
    await client.run('mutation { logout(flush: true) { flushed } }')
    const since = performance.now()
    const decoder = new TextDecoder()
    for (const reader of readers) {
      let said = ''
      for (let part = await reader.read(); !part.done; part = await reader.read())
        said += decoder.decode(part.value)
      expect(said).toContain('SESSION_ENDED')
    }
    expect(performance.now() - since).toBeLessThan(1500)
  })

  it('replaces a process that ends, and none when it is to end itself', inCI, async () => {
    const { url, child, says } = await shop()
    const errors = text(child.stderr!)
    const before = await pidsOf(url)
    const [victim] = before
    process.kill(victim!, 'SIGKILL')
    let after: Set<number>
    do after = await pidsOf(url).catch(() => new Set())
    while (after.size < count || after.has(victim!))
    expect([...after].filter((pid) => before.has(pid))).toHaveLength(count - 1)

    const answer = run(url, '{ pid }')
    child.kill('SIGTERM')
    await says('SIGTERM, finishing the requests under way')
    expect(after).toContain((await answer).pid)
    expect(await once(child, 'close')).toEqual([0, null])
    expect([...after].filter(isAlive)).toEqual([])
    expect(await errors).toMatch(
      new RegExp(
        `^graphql-session: worker ${victim} ended \\(SIGKILL\\), the next one starts in \\d+ ms\\n$`,
      ),
    )
  })

  it('leaves no process behind where it is killed', inCI, async () => {
    const { url, child } = await shop()
    const pids = await pidsOf(url)
    child.kill('SIGKILL')
    await once(child, 'close')
    while ([...pids].some(isAlive)) await setTimeout(20)
  })

  it('says once why it cannot start', async () => {
    const workers = ['serve', '--workers', '2']
    await expectRefusal(
      workers,
      {},
      /--workers needs a store that processes share, which SESSION_STORE=memory: is not/,
    )
    await expectRefusal(
      workers,
      { SESSION_STORE: 'cookie:', SESSION_KEYS: 'x', SESSION_DENY_LIST: 'sqlite::memory:' },
      /which SESSION_DENY_LIST=sqlite::memory: is not/,
    )
    for (const wrong of ['0', '-1', '1.5', 'many', '']) {
      await expectRefusal(
        ['serve', `--workers=${wrong}`],
        {},
        /--workers must be a whole number from 1 to 256/,
      )
    }
    const broken = await write('export default { keys: 5 }')
    const env = { SESSION_STORE: 'sqlite:never.db' }
    const began = performance.now()
    await expectRefusal([...workers, '--config', broken], env, /keys/)
    // After ten seconds it would be told to end.
    expect(performance.now() - began).toBeLessThan(9000)
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as AddressInfo
    await expectRefusal([...workers, `--port=${port}`], env, /EADDRINUSE.*choose another HOST or --port/)
    taken.close()
    await expectRefusal(['migrate', '--workers', '2'], env, /--workers is for serve/)
  })
})
