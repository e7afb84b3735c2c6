import { once } from 'node:events'
import { Agent, createServer, get, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { gateRules } from '../../src/http/gate.ts'
import { send } from '../../src/http/reply.ts'

const rules = gateRules({})
const count = 3
const server = createServer()
let exchanges: [IncomingMessage, ServerResponse][] = []
let answers: Promise<string>[] = []

const answer = (at: number): Promise<void> => {
  const [message, response] = exchanges[at]!
  return send(message, response, { status: 200, headers: [], body: `answer ${at}` }, rules, console)
}
const haveLeft = (): boolean[] => exchanges.map(([, response]) => response.writableEnded)

/** Milliseconds. Only a test makes it later, so that no turn is long because the machine is busy. */
let time = 0

describe('what is answered in one turn of the event loop', () => {
  beforeEach(async () => {
    exchanges = []
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const all = new Promise<void>((resolve) =>
      server.on('request', (message: IncomingMessage, response: ServerResponse) => {
        exchanges[Number(message.url!.slice(1))] = [message, response]
        if (Object.keys(exchanges).length === count) resolve()
      }),
    )
    answers = Array.from({ length: count }, async (_, at) => {
      const [incoming] = (await once(get({ port, path: `/${at}`, agent: false }), 'response')) as [
        IncomingMessage,
      ]
      return text(incoming)
    })
    await all
  })

  afterEach(async () => {
    server.removeAllListeners('request')
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })

  beforeEach(() => {
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => time)
    return () => clock.mockRestore()
  })

  it('leaves together at its end', async () => {
    const sent = [answer(0), answer(1), answer(2)]
    expect(haveLeft()).toEqual([false, false, false])
    await sent[0]
    expect(haveLeft()).toEqual([true, true, true])
    await Promise.all(sent)
    expect(await Promise.all(answers)).toEqual(['answer 0', 'answer 1', 'answer 2'])
  })

  it('does not wait for the rest of the turn when that takes long', async () => {
    const first = answer(0)
    time += 10
    const second = answer(1)
    expect(haveLeft()).toEqual([true, true, false])
    const third = answer(2)
    expect(haveLeft()).toEqual([true, true, false])
    await Promise.all([first, second, third])
    expect(haveLeft()).toEqual([true, true, true])
    expect(await Promise.all(answers)).toEqual(['answer 0', 'answer 1', 'answer 2'])
  })

  it('leaves without the one whose client went away meanwhile', async () => {
    const sent = [answer(0), answer(1), answer(2)]
    exchanges[1]![1].destroy()
    await Promise.all(sent)
    await expect(answers[1]).rejects.toThrow('socket hang up')
    expect(await Promise.all([answers[0], answers[2]])).toEqual(['answer 0', 'answer 2'])
  })

  it('leaves without the one that cannot', async () => {
    exchanges[0]![1].end = () => {
      throw new Error('wrapped')
    }
    await Promise.all([answer(0), answer(1), answer(2)])
    await expect(answers[0]).rejects.toThrow('socket hang up')
    expect(await Promise.all([answers[1], answers[2]])).toEqual(['answer 1', 'answer 2'])
  })
})

describe('what is answered on one connection after another', () => {
  /** Answers to as many requests as there are names of connections, each when the one before has left. */
  async function haveLeftAtOnce(connections: readonly string[]): Promise<boolean[]> {
    const alone = createServer()
    onTestFinished(() => void alone.close())
    const agents = new Map(connections.map((name) => [name, new Agent({ keepAlive: true, maxSockets: 1 })]))
    alone.listen(0, '127.0.0.1')
    await once(alone, 'listening')
    const { port } = alone.address() as AddressInfo
    const left: boolean[] = []
    for (const name of connections) {
      const incoming = once(get({ port, agent: agents.get(name)! }), 'response')
      const [message, response] = (await once(alone, 'request')) as [IncomingMessage, ServerResponse]
      const sent = send(message, response, { status: 200, headers: [], body: 'answer' }, rules, console)
      left.push(response.writableEnded)
      await sent
      await text(((await incoming) as [IncomingMessage])[0])
    }
    for (const agent of agents.values()) agent.destroy()
    return left
  }
  const times = (count: number, what: boolean): boolean[] => Array.from({ length: count }, () => what)

  it('leaves at once when there has been no other for eight answers', async () => {
    expect(await haveLeftAtOnce(Array.from({ length: 10 }, () => 'one'))).toEqual([
      ...times(8, false),
      ...times(2, true),
    ])
  })

  it('waits for the end of its turn again after the answer of another', async () => {
    const row = Array.from({ length: 9 }, () => 'one')
    expect(await haveLeftAtOnce([...row, 'other', ...row])).toEqual([
      ...times(8, false),
      true,
      false,
      ...times(8, false),
      true,
    ])
  })

  it('waits for the end of its turn where they take turns', async () => {
    const both = Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? 'one' : 'other'))
    expect(await haveLeftAtOnce(both)).toEqual(times(20, false))
  })
})
