import type { IncomingMessage, ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { sessionFetch } from '../../src/client/fetch.ts'
import { listen } from '../support/harness.ts'
import { answering, refused } from './answering.ts'

const timer = (run: () => void): (() => void) => {
  setImmediate(run)
  return () => {}
}
const post = (body: unknown): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
})
const moved = refused('SESSION_MOVED')
const [a, b, c] = ['a', 'b', 'c'].map((name) => ({ query: `mutation { ${name} }` }))

describe('of a batch', () => {
  it('only what was refused is sent again, and the answers come in order', async () => {
    const { url, received } = await answering(
      [moved, { data: { b: 1 } }, moved],
      [moved, { data: { c: 1 } }],
      [{ data: { a: 1 } }],
    )
    const response = await sessionFetch({ timer, repeatable: ['a', 'b', 'c'] })(url, post([a, b, c]))
    expect(await response.json()).toEqual([{ data: { a: 1 } }, { data: { b: 1 } }, { data: { c: 1 } }])
    expect(received.map(({ body }) => body)).toEqual([[a, b, c], [a, c], [a]])
  })
})

it('takes a Request', async () => {
  const { url, received } = await answering(moved, { data: { a: 1 } })
  const response = await sessionFetch({ timer, repeatable: ['a'] })(new Request(url, post(a)))
  expect(await response.json()).toEqual({ data: { a: 1 } })
  expect(received.map(({ body }) => body)).toEqual([a, a])
})

it('asks nothing after a signal has ended the wait', async () => {
  const { url, received } = await answering(moved)
  const controller = new AbortController()
  let stopped = 0
  const never = (): (() => void) => {
    setImmediate(() => controller.abort(new Error('enough')))
    return () => stopped++
  }
  const asked = sessionFetch({ timer: never, repeatable: ['a'] })(url, {
    ...post(a),
    signal: controller.signal,
  })
  await expect(asked).rejects.toThrow('enough')
  expect({ stopped, asked: received.length }).toEqual({ stopped: 1, asked: 1 })
})

it('hands on what is no answer of GraphQL', async () => {
  const { url } = await answering('text')
  const response = await sessionFetch({ repeatable: ['a'] })(url, post(a))
  expect(await response.json()).toBe('text')
})

describe('an event stream', () => {
  const event = (answer: unknown): string => `event: next\ndata: ${JSON.stringify(answer)}\n\n`
  const complete = 'event: complete\ndata:\n\n'
  const [first, second] = [1, 2].map((number) => event({ data: { a: number } }))
  const refused = `:\n\n${event(moved)}${complete}`

  /** Asks a server that answers with one stream after the other, and leaves comments out of what it told. */
  async function ask(query: string, streams: readonly string[]) {
    let asked = 0
    const { url, close } = await listen(async (request: IncomingMessage, response: ServerResponse) => {
      await text(request)
      response.setHeader('content-type', 'text/event-stream')
      // In pieces, as a network may cut them.
      for (const part of streams[asked++]?.match(/[^]{1,7}/g) ?? []) {
        response.write(part)
        await new Promise(setImmediate)
      }
      response.end()
    })
    onTestFinished(close)
    const response = await sessionFetch({ timer })(url, post({ query }))
    const told = (await response.text()).replaceAll(/^:\n\n/gm, '')
    return { told, asked }
  }

  it.each(['subscription { a }', '{ a }'])('goes on by another one after a refusal: %s', async (query) => {
    const last = `${first}${second}${complete}`
    expect(await ask(query, [refused, `:\n\n${last}`])).toEqual({ told: last, asked: 2 })
  })

  it.each([`:\n\n${first}`, `${first}:\n\n:\n\n`])(
    'of a subscription goes on by another one after a later refusal, too: %j',
    async (begun) => {
      const streams = [`${begun}${event(moved)}${complete}`, refused, `${second}${complete}`]
      expect(await ask('subscription { a }', streams)).toEqual({
        told: `${first}${second}${complete}`,
        asked: 3,
      })
    },
  )

  it('of a query has its later refusals handed on', async () => {
    const stream = `${first}${event(moved)}${complete}`
    expect(await ask('{ a }', [stream])).toEqual({ told: stream, asked: 1 })
  })

  it('begins again three times in a row, and anew once it has gone on', async () => {
    const again = [refused, refused, refused]
    const [begun, moves] = [`${first}${event(moved)}`, `${second}${event(moved)}`]
    const end = `${event(moved)}${complete}`
    expect(await ask('subscription { a }', [begun, ...again])).toEqual({ told: `${first}${end}`, asked: 4 })
    // One that is refused after each event would otherwise go on for as long as its cookie stays the old one.
    const streams = [begun, ...again.slice(1), moves, ...again]
    expect(await ask('subscription { a }', streams)).toEqual({
      told: `${first}${second}${event(moved)}`,
      asked: 4,
    })
    const now = vi.spyOn(performance, 'now')
    onTestFinished(() => now.mockRestore())
    let time = 0
    now.mockImplementation(() => (time += 6000))
    expect(await ask('subscription { a }', [begun, moves, moves, moves, moves, complete])).toEqual({
      told: `${first}${second!.repeat(4)}${complete}`,
      asked: 6,
    })
  })

  it('hands an event on that has data beside the refusal', async () => {
    const partial = event({ ...moved, data: { a: 1, b: null } })
    expect(await ask('subscription { a b }', [`${partial}${complete}`])).toEqual({
      told: `${partial}${complete}`,
      asked: 1,
    })
  })
})

describe('of a mutation that is sent by its id', () => {
  const errors = [
    { message: 'Refused.', path: ['pay'], extensions: { code: 'SESSION_MOVED', retryable: true } },
  ]

  it.each([
    [
      'what may have run before is not known without data, so that it is handed on',
      { data: null, errors },
      1,
    ],
    ['all that ran was refused, so that it is sent again', { data: { pay: null }, errors }, 2],
    ['another field ran, so that it is handed on', { data: { charge: true, pay: null }, errors }, 1],
    ['nothing began, so that it is sent again', { errors: [{ ...errors[0], path: undefined }] }, 2],
  ])('%s', async (_, answer, sent) => {
    const { url, received } = await answering(answer, { data: {} })
    await sessionFetch({ timer })(url, post({ id: 'x' }))
    expect(received).toHaveLength(sent)
  })
})

describe('where the session could not be saved after the fields had run', () => {
  const mutation = (field: string) => post({ query: `mutation { ${field} }` })

  it.each([
    ['a mutation of the application is handed on', 'pay', {}, 1],
    ['one that may run twice is sent again', 'note', { repeatable: ['note'] }, 2],
    ['one of the session is sent again', 'clearSession', {}, 2],
    ['one of the session that acts at once is handed on', 'popSessionKey', {}, 1],
    ['one beside it that acts at once is handed on', 'popSessionKey setSessionKey', {}, 1],
    ['one beside it that must not run twice is handed on', 'clearSession pay', {}, 1],
  ])('%s', async (_, fields, options, sent) => {
    const { url, received } = await answering(moved, { data: {} })
    await sessionFetch({ timer, ...options })(url, mutation(fields))
    expect(received).toHaveLength(sent)
  })
})
