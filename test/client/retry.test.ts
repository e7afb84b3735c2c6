import type { IncomingMessage, ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { gql } from '@apollo/client/core'
import { Client, createRequest, fetchExchange, makeOperation } from '@urql/core'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Timer } from '../../src/client/attempts.ts'
import { sessionExchange } from '../../src/client/urql.ts'
import { LogoutDocument, GetSessionKeyDocument } from '../../src/graphql/generated/client.ts'
import { gate, listen } from '../support/harness.ts'
import { answering, clients, refused } from './answering.ts'

/** A timer that is due at once, and what was waited for. */
function patience(): { waits: number[]; timer: Timer } {
  const waits: number[] = []
  const timer: Timer = (run, milliseconds) => {
    waits.push(milliseconds)
    setImmediate(run)
    return () => {}
  }
  return { waits, timer }
}

const dark = { session: { handle: 'x', has: true, value: true } }
const key = { key: 'dark_mode' }

describe.each(clients)('%s', (_, connect) => {
  it.each([
    ['as a whole', refused('SESSION_MOVED')],
    ['at a field', refused('SESSION_MOVED', 'session')],
  ])('sends a query again that was refused %s', async (_, moved) => {
    const { url, received } = await answering(moved, moved, { data: dark })
    const { waits, timer } = patience()
    expect(await connect(url, { timer })(GetSessionKeyDocument, key)).toEqual(dark)
    expect(waits).toEqual([50, 150])
    expect(received.map(({ body }) => body.variables)).toEqual([key, key, key])
  })

  it('sends a mutation again', async () => {
    const { url, received } = await answering(refused('SESSION_MOVED', 'logout'), { data: { logout: null } })
    const { waits, timer } = patience()
    expect(await connect(url, { timer })(LogoutDocument)).toEqual({ logout: null })
    expect(waits).toEqual([50])
    expect(received[1]!.body).toEqual(received[0]!.body)
  })

  it('hands the error on after the third time', async () => {
    const { url, received } = await answering(refused('SESSION_MOVED', 'logout'))
    const { waits, timer } = patience()
    await expect(connect(url, { timer })(LogoutDocument)).rejects.toEqual(['SESSION_MOVED'])
    expect(waits).toEqual([50, 150, 450])
    expect(received).toHaveLength(4)
  })

  it('waits as long as it is told', async () => {
    const { url } = await answering(refused('SESSION_MOVED', 'logout'))
    const { waits, timer } = patience()
    await expect(connect(url, { timer, retryDelays: [1] })(LogoutDocument)).rejects.toEqual(['SESSION_MOVED'])
    expect(waits).toEqual([1])
  })

  it('asks a query again whose session has ended, and sends no mutation again', async () => {
    const ended = refused('SESSION_GONE')
    const { url, received } = await answering(ended, ended, { data: dark })
    const { waits, timer } = patience()
    expect(await connect(url, { timer })(GetSessionKeyDocument, key)).toEqual(dark)
    expect([waits, received.length]).toEqual([[50, 150], 3])
    const logout = await answering(refused('SESSION_GONE', 'logout'), { data: { logout: null } })
    await expect(connect(logout.url, { timer })(LogoutDocument)).rejects.toEqual(['SESSION_GONE'])
    expect(logout.received).toHaveLength(1)
  })

  it('sends nothing again for SESSION_CONFLICT', async () => {
    const { url, received } = await answering(refused('SESSION_CONFLICT'), { data: dark })
    await expect(connect(url, patience())(GetSessionKeyDocument, key)).rejects.toEqual(['SESSION_CONFLICT'])
    expect(received).toHaveLength(1)
  })

  const moved = (...path: (string | number)[]): object => ({
    message: 'Refused.',
    path,
    extensions: { code: 'SESSION_MOVED', retryable: true },
  })
  const late = { ...moved('a'), extensions: { code: 'SESSION_MOVED' } }
  const failed = { message: 'Failed.', path: ['b'], extensions: { code: 'X' } }

  it.each([
    ['one before it ran', { data: { a: true, b: null }, errors: [moved('b')] }],
    ['one before it ran, and the answer has no data', { data: null, errors: [moved('b')] }],
    ['one after it ran', { data: { a: null, b: true }, errors: [moved('a')] }],
    ['one after it failed', { data: { a: null, b: null }, errors: [moved('a'), failed] }],
    ['a field of it ran', { data: { a: { c: null }, b: null }, errors: [moved('a', 'c'), moved('b')] }],
    ['a field of it ran, and the answer has no data', { data: null, errors: [moved('a', 'c')] }],
    ['one used the session before', { data: { a: null, b: null }, errors: [late, moved('b')] }],
    ['one used the session before, and the answer has no data', { data: null, errors: [late] }],
  ])('does not send a mutation twice of which a field ran: %s', async (_, answer) => {
    const { url, received } = await answering(answer, { data: {} })
    await expect(
      connect(
        url,
        patience(),
      )(gql`
        mutation {
          a
          b: c
        }
      `),
    ).rejects.toContain('SESSION_MOVED')
    expect(received).toHaveLength(1)
  })

  const created = gql`
    mutation {
      a
      b: setSessionKey(key: "dark_mode", value: true) {
        created
      }
    }
  `

  it('sends a mutation of the session again that was refused inside of its answer', async () => {
    const { url, received } = await answering({ data: null, errors: [moved('set', 'created')] }, { data: {} })
    const set = gql`
      mutation {
        set: setSessionKey(key: "dark_mode", value: true) {
          created
        }
      }
    `
    expect(await connect(url, patience())(set)).toEqual({})
    expect(received).toHaveLength(2)
  })

  it.each([
    ['another one ran before it', { data: null, errors: [moved('b', 'created')] }],
    ['another one was refused inside of its answer', { data: null, errors: [moved('a', 'created')] }],
  ])('does not send a mutation of the session twice where %s', async (_, answer) => {
    const { url, received } = await answering(answer, { data: {} })
    await expect(connect(url, patience())(created)).rejects.toEqual(['SESSION_MOVED'])
    expect(received).toHaveLength(1)
  })

  it.each([
    ['all were refused', { data: { a: null, b: null }, errors: [moved('a'), moved('b')] }],
    ['the first one was refused', { data: null, errors: [moved('a')] }],
    ['it did not begin', { errors: [{ ...moved(), path: undefined }] }],
  ])('sends a mutation again of which no field ran: %s', async (_, answer) => {
    const { url, received } = await answering(answer, { data: { a: 1, b: 2 } })
    expect(
      await connect(
        url,
        patience(),
      )(gql`
        mutation {
          a
          b: c
        }
      `),
    ).toEqual({ a: 1, b: 2 })
    expect(received).toHaveLength(2)
  })

  describe('of two equal mutations', () => {
    const expected = [{ logout: null }, { logout: null }]
    const answers = [refused('SESSION_MOVED', 'logout'), { data: { logout: null } }]

    it('sends both again that were refused', async () => {
      const { url, received } = await answering(answers[0], ...answers)
      const run = connect(url, patience())
      expect(await Promise.all([run(LogoutDocument), run(LogoutDocument)])).toEqual(expected)
      expect(received).toHaveLength(4)
    })

    it('sends the first one again also where the second one was answered meanwhile', async () => {
      const { url, received } = await answering(...answers)
      const waits = gate()
      const answered = gate()
      const timer: Timer = (run) => {
        let isOff = false
        waits.resolve()
        void answered.promise.then(() => isOff || run())
        return () => void (isOff = true)
      }
      const run = connect(url, { timer })
      const first = run(LogoutDocument)
      await waits.promise
      expect(await run(LogoutDocument)).toEqual(expected[1])
      answered.resolve()
      expect(await first).toEqual(expected[0])
      expect(received).toHaveLength(3)
    })
  })
})

describe('urql', () => {
  const idle = () => {
    const asked = gate()
    let stops = 0
    const timer: Timer = () => {
      asked.resolve()
      return () => stops++
    }
    return { timer, asked: asked.promise, stops: () => stops }
  }
  const open = (url: string, timer: Timer): Client =>
    new Client({ url, preferGetMethod: false, exchanges: [sessionExchange({ timer }), fetchExchange] })

  it('does not send a query again that nobody waits for any more', async () => {
    const { url } = await answering(refused('SESSION_MOVED'))
    const { timer, asked, stops } = idle()
    const { unsubscribe } = open(url, timer)
      .query(GetSessionKeyDocument, key)
      .subscribe(() => {})
    await asked
    unsubscribe()
    expect(stops()).toBe(1)
  })

  it('sends a mutation again, once, that was refused in a stream', async () => {
    const answers = [refused('SESSION_MOVED', 'logout'), { data: { logout: null } }]
    const { url, close } = await listen(async (request: IncomingMessage, response: ServerResponse) => {
      await text(request)
      response.setHeader('content-type', 'text/event-stream')
      response.write(`event: next\ndata: ${JSON.stringify(answers.shift())}\n\n`)
      await new Promise(setImmediate)
      response.end('event: complete\ndata:\n\n')
    })
    onTestFinished(close)
    let waits = 0
    const timer: Timer = (run) => {
      waits++
      const timeout = setTimeout(run, 50)
      return () => clearTimeout(timeout)
    }
    const { data, error } = await open(url, timer).mutation(LogoutDocument, {})
    expect({ data, error, waits }).toEqual({ data: { logout: null }, error: undefined, waits: 1 })
  })

  it('does not send a mutation again that is torn down', async () => {
    const { url } = await answering(refused('SESSION_MOVED', 'logout'))
    const { timer, asked, stops } = idle()
    const client = open(url, timer)
    const operation = client.createRequestOperation('mutation', createRequest(LogoutDocument, {}))
    client.executeRequestOperation(operation).subscribe(() => {})
    await asked
    client.reexecuteOperation(makeOperation('teardown', operation))
    expect(stops()).toBe(1)
  })
})
