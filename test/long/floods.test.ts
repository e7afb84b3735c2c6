import { once } from 'node:events'
import { Agent, type IncomingMessage, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createSchema, createYoga } from 'graphql-yoga'
import { afterEach, describe, expect, it } from 'vitest'
import { sessionResolvers, sessionTypeDefs } from '../../src/graphql/resolvers.ts'
import { useSessionGate } from '../../src/graphql/use-gate.ts'
import { useSession } from '../../src/graphql/use-session.ts'
import { createSessionServer } from '../../src/server/create-session-server.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { listen } from '../support/harness.ts'
import { runs } from '../support/runs.ts'
import { accepted, application, type Flood, refused } from './flood-documents.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
const isLong = Boolean(process.env['LONG'])

/** How many bytes of the heap are in use, once what nobody holds has been collected. */
async function heapInUse(): Promise<number> {
  for (let time = 0; time < 3; time++) {
    collect()
    // What is freed by finalizers needs a turn of the event loop.
    await new Promise((resolve) => setImmediate(resolve))
  }
  return process.memoryUsage().heapUsed
}

const store = () => memoryStore({ max: 100 })

const servers = {
  createSessionServer: () => createSessionServer({ store: store(), logging: false, ...application }),
  'createSessionServer, Yoga’s way': () =>
    createSessionServer({ store: store(), logging: false, ...application, plugins: [{ onRequest() {} }] }),
  'a Yoga with the gate': () =>
    createYoga({
      schema: createSchema({
        typeDefs: [sessionTypeDefs, application.typeDefs],
        resolvers: [sessionResolvers, application.resolvers],
      }),
      plugins: [
        useSession({ store: store() }),
        useSessionGate({ operationLimits: application.operationLimits }),
      ],
      logging: false,
      cors: false,
      maxRequestBodySize: false,
    }),
}

/** Sends JSON over one connection, and keeps nothing of the answer. */
const client = (url: string) => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  return async (body: unknown) => {
    const outgoing = request(url, {
      method: 'POST',
      agent,
      headers: {
        'content-type': 'application/json',
        accept: 'application/graphql-response+json, text/event-stream',
      },
    })
    outgoing.end(JSON.stringify(body))
    const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage]
    const answer = await text(incoming)
    const code = /"code":"(\w+)"/.exec(answer)?.[1] ?? null
    return { status: incoming.statusCode!, code }
  }
}

/** The median of what a small request takes (milliseconds), of one every 50 ms for as long as a task runs. */
async function medianBeside(task: Promise<unknown>, post: ReturnType<typeof client>): Promise<number> {
  const times: number[] = []
  const ended = new AbortController()
  const end = task.finally(() => ended.abort())
  while (!ended.signal.aborted) {
    const sentAt = performance.now()
    expect(await post({ query: '{ session { handle } }' })).toEqual({ status: 200, code: null })
    times.push(performance.now() - sentAt)
    await setTimeout(50)
  }
  await end
  return times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)]!
}

const MiB = 2 ** 20
const closers: (() => Promise<void>)[] = []
afterEach(async () => void (await Promise.all(closers.splice(0).map((close) => close()))))

describe.each(Object.entries(servers))('a flood of documents to %s', (_, make) => {
  const start = async () => {
    const server = await listen(make())
    closers.push(server.close)
    return { post: client(server.url), others: client(server.url) }
  }

  async function flood(post: ReturnType<typeof client>, { send, code }: Flood, count: number, pause = 0) {
    const answers = new Map<string, number>()
    for (let index = 0; index < count; index++) {
      const answer = await post(send(index))
      const name = `${answer.status} ${answer.code}`
      answers.set(name, (answers.get(name) ?? 0) + 1)
      if (pause > 0) await setTimeout(pause)
    }
    expect(Object.fromEntries(answers)).toEqual({ [code ? `400 ${code}` : '200 null']: count })
  }

  it('keeps nothing of what is refused', async () => {
    const { post } = await start()
    for (const kind of refused) await flood(post, kind, 1)
    const before = await heapInUse()
    for (const kind of refused) {
      await flood(post, kind, runs(10, 20_000))
      expect(isLong ? (await heapInUse()) - before : 0, kind.title).toBeLessThan(16 * MiB)
    }
    expect((await heapInUse()) - before).toBeLessThan((isLong ? 16 : 6) * MiB)
  })

  it('keeps of what runs as much as it may', async () => {
    const { post } = await start()
    for (const kind of accepted) await flood(post, kind, 1)
    const before = await heapInUse()
    for (const kind of accepted) {
      await flood(post, kind, runs(kind.title === 'wide' ? 60 : 20, 20_000))
      expect(isLong ? (await heapInUse()) - before : 0, kind.title).toBeLessThan(48 * MiB)
    }
    expect((await heapInUse()) - before).toBeLessThan(40 * MiB)
  })

  // It takes minutes.
  if (!isLong) return
  it('holds up nobody else', async () => {
    const { post, others } = await start()
    const ratios: Record<string, number> = {}
    for (const kind of [...refused, ...accepted]) {
      // A machine that is busy with other things is slow in one of two moments, and seldom three times in a row.
      let ratio = Infinity
      for (let tries = 0; tries < 3 && ratio > 2; tries++) {
        const usual = await medianBeside(setTimeout(1000), others)
        // Ten documents a second, and not as many as it can, since the client works in this thread, too.
        ratio = Math.min(ratio, (await medianBeside(flood(post, kind, 15, 100), others)) / usual)
      }
      ratios[kind.title] = ratio
    }
    report(ratios)
    expect(Object.entries(ratios).filter(([, ratio]) => ratio > 2)).toEqual([])
  })
})

/** @param ratios - the median latency beside a flood to that without, by the kind of the flood */
function report(ratios: Record<string, number>): void {
  const rounded = Object.entries(ratios).map(([title, ratio]) => [title, Number(ratio.toFixed(2))])
  // oxlint-disable-next-line eslint/no-console -- `npm run test:long` shows what others wait
  console.info(expect.getState().currentTestName, Object.fromEntries(rounded))
}
