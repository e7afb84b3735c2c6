import type { IncomingMessage, ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { describe, expect, it, onTestFinished } from 'vitest'
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

it('goes on with another stream where the first event of one is a refusal', async () => {
  const streams = [
    `:\n\nevent: next\ndata: ${JSON.stringify(moved)}\n\nevent: complete\ndata:\n\n`,
    `:\n\nevent: next\ndata: {"data":{"a":1}}\n\nevent: next\ndata: ${JSON.stringify(moved)}\n\nevent: complete\ndata:\n\n`,
  ]
  let asked = 0
  const { url, close } = await listen(async (request: IncomingMessage, response: ServerResponse) => {
    await text(request)
    response.setHeader('content-type', 'text/event-stream')
    const stream = streams[asked++]!
    // In pieces, as a network may cut them.
    for (const part of stream.match(/[^]{1,7}/g)!) {
      response.write(part)
      await new Promise(setImmediate)
    }
    response.end()
  })
  onTestFinished(close)
  const response = await sessionFetch({ timer })(url, post({ query: 'subscription { a }' }))
  expect(await response.text()).toBe(streams[1])
  expect(asked).toBe(2)
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
