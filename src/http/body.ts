// This reads the body or the query string of a request, up to a limit, into the parameters of GraphQL.

import { isUtf8 } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import type { Refusal } from './gate.ts'

/** What a body held, or why it is refused. */
export type Reading = { readonly params: unknown } | { readonly refusal: Refusal }

/**
 * Reads a request of node:http. What is over the limit is thrown away as it comes, so that the connection goes on
 * to work; how long that may take in all is `requestTimeout` of the server.
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
  const finish = (): void => resolve(parse(collected.bytes))
  const abort = (): void => resolve(aborted)
  message.on('data', take).on('end', finish).on('error', abort).on('close', abort)
  if (Number(message.headers['content-length']) > limit) refuse()
  return promise
}

const kept = Symbol('reading')

/** Keeps what a message held for whoever handles it next: a body comes once. */
export function keepReading(message: IncomingMessage & { [kept]?: Reading }, reading: Reading): void {
  message[kept] = reading
}

export const readingOf = (message: IncomingMessage & { [kept]?: Reading }): Reading | undefined =>
  message[kept]

/** The chunks of a body in one piece: a client can send each byte as one, and a Buffer of its own takes two hundred. */
class Collected {
  size = 0
  #bytes: Buffer = Buffer.alloc(0)

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.size)
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

/** Milliseconds in which a refused client may finish what it is sending. */
const patience = 500

/**
 * Throws away what is still to come. A connection that ends with something unread in it is reset, and its client, a proxy for
 * example, gets to see that instead of the answer.
 */
export function discard(message: IncomingMessage): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  if (message.complete || message.destroyed) resolve()
  else {
    const timer = setTimeout(resolve, patience)
    const done = (): void => {
      clearTimeout(timer)
      resolve()
    }
    message.once('end', done).once('error', done).once('close', done)
  }
  message.resume()
  return promise
}

/** Reads a request of the Fetch API, as other servers and runtimes hand it over. */
export async function readRequest(request: Request, limit: number): Promise<Reading> {
  const collected = new Collected()
  try {
    // A body that was parsed already, by Express for example, is no stream any more.
    const body: AsyncIterable<Uint8Array | string> | string[] = request.body ?? [await request.text()]
    const declared = Number(request.headers.get('content-length'))
    for await (const chunk of declared > limit ? [] : body) {
      collected.add(Buffer.from(chunk))
      if (collected.size > limit) break
    }
    if (declared <= limit && collected.size <= limit) return parse(collected.bytes)
    void request.body?.cancel().catch(() => {})
    return tooLarge(limit)
  } catch {
    return aborted
  }
}

/** The parameters of a GET. */
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
  // JSON.parse takes bytes that are no UTF-8 for replacement characters, and so would store something else.
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
    // What a plugin merges into an object of its own must not reach that object's prototype.
    if (typeof extensions === 'object' && extensions !== null && Object.hasOwn(extensions, '__proto__')) {
      return badRequest('extensions must not have a member "__proto__".')
    }
  }
  return { params }
}

const badRequest = (message: string): { readonly refusal: Refusal } => ({
  refusal: { status: 400, code: 'BAD_REQUEST', message },
})

/** Nobody waits for this answer. */
export const aborted = badRequest('The body did not arrive whole.')

const tooLarge = (limit: number): Reading => ({
  refusal: { status: 413, code: 'PAYLOAD_TOO_LARGE', message: `A body may have ${limit} bytes.` },
})
