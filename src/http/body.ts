// This reads the parameters of GraphQL from the body of a request, up to a limit, or from its query string.

import { isUtf8 } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import type { Refusal } from './gate.ts'

/** The parameters that a body or a query string held, or why it is refused. */
export type Reading = { readonly params: unknown } | { readonly refusal: Refusal }

/**
 * Reads the body of a request of node:http. Bytes beyond the limit are read and thrown away, so that the
 * connection stays usable. The server's `requestTimeout` bounds how long a body may take to arrive.
 * @param limit - bytes
 */
export function readMessage(message: IncomingMessage, limit: number): Promise<Reading> {
  if (message.destroyed) return Promise.resolve(aborted)
  const { promise, resolve } = Promise.withResolvers<Reading>()
  const collected = new Collected()
  const refuse = (): void => {
    message.off('data', take).off('end', finish).off('error', abort).off('close', abort)
    void discard(message).then(() => resolve(tooLarge(limit)))
  }
  const take = (chunk: Buffer): void => {
    collected.add(chunk)
    if (collected.size > limit) refuse()
  }
  let isWhole = false
  const finish = (): void => {
    isWhole = true
    resolve(parse(collected.bytes))
  }
  // Each message is closed after its end. To resolve a promise a second time calls into the runtime.
  const abort = (): void => {
    if (!isWhole) resolve(aborted)
  }
  message.on('data', take).on('end', finish).on('error', abort).on('close', abort)
  if (Number(message.headers['content-length']) > limit) refuse()
  return promise
}

const readingKey = Symbol('reading')

/** Stores on a message what its body held, for the handler that takes over: a body can be read only once. */
export function keepReading(message: IncomingMessage & { [readingKey]?: Reading }, reading: Reading): void {
  message[readingKey] = reading
}

/** What `keepReading` has stored on the message; undefined while nobody has read its body. */
export const readingOf = (message: IncomingMessage & { [readingKey]?: Reading }): Reading | undefined =>
  message[readingKey]

const empty = Buffer.alloc(0)

/**
 * Joins the chunks of a body into one buffer. A client can send each byte as a chunk, and a list of chunks
 * would take two hundred bytes for each of them.
 */
class Collected {
  size = 0
  #bytes: Buffer = empty

  get bytes(): Buffer {
    return this.size === this.#bytes.length ? this.#bytes : this.#bytes.subarray(0, this.size)
  }

  add(chunk: Buffer): void {
    const size = this.size + chunk.length
    if (this.size === 0) this.#bytes = chunk
    else {
      if (size > this.#bytes.length) {
        const larger = Buffer.allocUnsafe(size * 2)
        this.#bytes.copy(larger, 0, 0, this.size)
        this.#bytes = larger
      }
      chunk.copy(this.#bytes, this.size)
    }
    this.size = size
  }
}

/** Milliseconds that a refused client has to finish sending its body. */
const discardTimeout = 500

/**
 * Throws away what is still to come of a body, and resolves at its end or when `discardTimeout` is over. A
 * connection that is closed with unread bytes in it is reset, and its client, a proxy for example, would see
 * the reset instead of the answer.
 */
export function discard(message: IncomingMessage): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  if (message.complete || message.destroyed) resolve()
  else {
    const timer = setTimeout(resolve, discardTimeout)
    const done = (): void => {
      clearTimeout(timer)
      resolve()
    }
    message.once('end', done).once('error', done).once('close', done)
  }
  message.resume()
  return promise
}

/**
 * Reads the body of a request of the Fetch API, as other servers and runtimes hand it over.
 * @param limit - bytes
 */
export async function readRequest(request: Request, limit: number): Promise<Reading> {
  try {
    // Where Express, for example, has parsed the body already, only `text` still gives it.
    const reader = request.body ? request.body.getReader() : readerOf(await request.text())
    let isTooLarge = Number(request.headers.get('content-length')) > limit
    const collected = new Collected()
    while (!isTooLarge) {
      const { done, value } = await reader.read()
      if (done) return parse(collected.bytes)
      collected.add(Buffer.from(value))
      isTooLarge = collected.size > limit
    }
    await readOn(reader)
    return tooLarge(limit)
  } catch {
    return aborted
  }
}

type BodyReader = Pick<ReadableStreamDefaultReader<Uint8Array>, 'read'>

const readerOf = (text: string): BodyReader => new Blob([text]).stream().getReader()

/**
 * Throws away what is still to come of a body, as `discard` does. The stream is not cancelled: where it is made of a
 * message of node:http, by `Readable.toWeb` for example, what arrives later would be put into a closed stream, and
 * that error would end the process. Other servers close the connection of a stream that is cancelled.
 */
async function readOn(reader: BodyReader): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<{ done: true }>()
  const timer = setTimeout(resolve, discardTimeout, { done: true } as const)
  const began = performance.now()
  try {
    // The clock is asked, too: while a stream has data at hand, no timer fires.
    while (performance.now() - began < discardTimeout) {
      const { done } = await Promise.race([reader.read(), late])
      if (done) break
    }
  } catch {
    // The client has left.
  } finally {
    clearTimeout(timer)
  }
}

/**
 * Whether a message is still to be read by whoever wants to. It is not where a server has made a stream of the Fetch
 * API of it, which then reads the message by a listener of its own.
 */
export const isUntouched = (message: IncomingMessage): boolean =>
  !message.readableDidRead && message.listenerCount('data') === 0

/**
 * Throws away the body of a request that is refused unread, unless somebody else has begun to read it.
 * @param message - of which node:http made the request, where it did
 */
export async function discardUnread(request: Request, message: IncomingMessage | undefined): Promise<void> {
  if (message && isUntouched(message)) return discard(message)
  if (message?.complete || request.bodyUsed || !request.body || request.body.locked) return
  await readOn(request.body.getReader())
}

/** Reads the parameters of a GET, whose `variables` and `extensions` are JSON text. */
export function readSearch(search: URLSearchParams): Reading {
  const params: Record<string, unknown> = {}
  for (const name of ['query', 'operationName', 'variables', 'extensions']) {
    const text = search.get(name)
    if (!text) continue
    if (name === 'query' || name === 'operationName') params[name] = text
    else {
      const reading = parse(Buffer.from(text))
      if ('refusal' in reading) return reading
      params[name] = reading.params
    }
  }
  return checked(params)
}

function parse(bytes: Buffer): Reading {
  // `toString` replaces bytes that are not UTF-8, so that another text would be stored than was sent.
  if (!isUtf8(bytes)) return badRequest('The body is not UTF-8.')
  try {
    return checked(JSON.parse(bytes.toString()))
  } catch {
    return badRequest('The body is not JSON.')
  }
}

function checked(params: unknown): Reading {
  for (const each of Array.isArray(params) ? params : [params]) {
    const { extensions } = (each ?? {}) as { extensions?: unknown }
    // A plugin may merge `extensions` into an object of its own, and this member could change its prototype.
    if (typeof extensions === 'object' && extensions !== null && Object.hasOwn(extensions, '__proto__')) {
      return badRequest('extensions must not have a member "__proto__".')
    }
  }
  return { params }
}

const badRequest = (message: string): { readonly refusal: Refusal } => ({
  refusal: { status: 400, code: 'BAD_REQUEST', message },
})

/** What is read of a body whose client left before its end. No event reports it: nobody gets the answer. */
export const aborted = badRequest('The body did not arrive whole.')

const tooLarge = (limit: number): Reading => ({
  refusal: { status: 413, code: 'PAYLOAD_TOO_LARGE', message: `A body may have ${limit} bytes.` },
})
