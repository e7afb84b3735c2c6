import { once } from 'node:events'
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { gateRules } from '../../src/http/gate.ts'
import { send } from '../../src/http/reply.ts'

const rules = gateRules({})
const count = 3
const server = createServer()
let exchanges: [IncomingMessage, ServerResponse][] = []
let answers: Promise<string>[] = []

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

const answer = (at: number): Promise<void> => {
  const [message, response] = exchanges[at]!
  return send(message, response, { status: 200, headers: [], body: `answer ${at}` }, rules, console)
}
const haveLeft = (): boolean[] => exchanges.map(([, response]) => response.writableEnded)

const work = (milliseconds: number): void => {
  const until = performance.now() + milliseconds
  while (performance.now() < until);
}

describe('what is answered in one turn of the event loop', () => {
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
    work(10)
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
