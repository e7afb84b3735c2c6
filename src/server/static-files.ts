// This serves the files of a folder by sirv, and keeps to the list that was made when the folder was opened.

import { once } from 'node:events'
import { fstat, type ReadStream, type Stats } from 'node:fs'
import { realpath } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { sep } from 'node:path'
import { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import sirv, { type RequestHandler } from 'sirv'
import { codingsIn } from '../http/encoding.ts'
import { protectiveHeaders } from '../http/gate.ts'

/** Milliseconds for which a client may take nothing of a file: those of `listen` for a complete answer. */
const patience = 30_000

const limitIdling = (socket: Socket): unknown => socket.setTimeout(patience)

/** A build's name for a file that never changes: `assets/NAME-HASH.js` of Vite, with eight characters of base64url. */
const hashed = /^\/assets\/(?:[^/]+\/)*[^/]*-(?<hash>[\w-]{8})(?:\.\w+)+$/

/** Whether eight characters are no word, no date, and neither size nor number of a picture, which people write, too. */
const isHash = (text: string): boolean =>
  /[a-z]/i.test(text) &&
  /\d|[a-z].*[A-Z]|[A-Z]{2}.*[a-z]/.test(text) &&
  !/^(?:\d+x\d+|[A-Z]+[_-]?\d+)$/.test(text)

/** The files of a folder, by their paths in URLs. */
export class StaticFiles {
  readonly #root: string
  readonly #policy: string
  readonly #log: (line: string) => void
  readonly #sirv: RequestHandler
  /** The files that could not be sent, each of which is told once. */
  readonly #told = new Set<string>()

  /**
   * @param root - a real path
   * @param policy - the Content-Security-Policy of each file: also pictures and workers may run scripts
   * @param log - gets a line for each file that could not be sent
   * @throws {Error} of node:fs, where something in the folder cannot be read
   */
  constructor(root: string, policy: string, log: (line: string) => void) {
    this.#log = log
    this.#root = root
    this.#policy = policy
    this.#sirv = sirv(root, {
      dev: false,
      etag: true,
      brotli: true,
      gzip: true,
      extensions: [],
      setHeaders: (response, _, stats) => void ((response as unknown as Choice).stats = stats),
    })
  }

  /**
   * Answers a GET or HEAD with a file.
   * @param path - decoded
   * @returns false where there is no such file, and nothing was answered
   */
  async serve(path: string, message: IncomingMessage, response: ServerResponse): Promise<boolean> {
    const choice = new Choice()
    this.#sirv(asked(path, message) as IncomingMessage, choice as unknown as ServerResponse)
    if (choice.statusCode === 404) return false
    const { source } = choice
    source?.unpipe(choice)
    try {
      if (source && !(await this.#isAsListed(source, choice.stats!))) return false
      await this.#send(choice, path, message, response)
    } catch (error) {
      return this.#fail(error as NodeJS.ErrnoException, path, response)
    } finally {
      source?.destroy()
    }
    return true
  }

  /**
   * Whether an open file is in the folder, and the one whose size and time sirv has listed.
   * @throws {Error} of node:fs
   */
  async #isAsListed(source: ReadStream, listed: Stats): Promise<boolean> {
    const [fd] = (await once(source, 'open')) as [number]
    const [stats, path] = await Promise.all([promisify(fstat)(fd), realpath(source.path)])
    if (!path.startsWith(this.#root.endsWith(sep) ? this.#root : this.#root + sep)) return false
    if (stats.size === listed.size && stats.mtimeMs === listed.mtimeMs) return true
    throw new Error('It has changed since the start: start the server again.')
  }

  async #send(
    choice: Choice,
    path: string,
    { method, headers: { 'if-none-match': known } }: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const { source, statusCode } = choice
    const headers = this.#headersOf(choice, path)
    const etag = headers['etag']
    if (etag && (known?.includes(etag) || known?.trim() === '*')) {
      for (const name of ['content-length', 'content-range']) delete headers[name]
      return void response.writeHead(304, headers).end()
    }
    response.writeHead(statusCode, headers)
    if (!source || method === 'HEAD') return void response.end()
    // An answer that waits for the one before it, in a pipeline of requests, has no socket yet.
    if (response.socket) limitIdling(response.socket)
    else response.once('socket', limitIdling)
    await pipeline(source, ofLength(Number(headers['content-length'])), response)
  }

  #headersOf({ fields, source }: Choice, path: string): Record<string, string> {
    const headers: Record<string, string> = {
      ...Object.fromEntries(protectiveHeaders),
      ...pageHeaders(this.#policy),
      ...fields,
      'cache-control': isHash(hashed.exec(path)?.groups?.['hash'] ?? '')
        ? 'public, max-age=31536000, immutable'
        : 'no-cache',
    }
    // Who asks for the compressed file itself does not ask for its content.
    if (
      source &&
      headers['content-encoding'] &&
      String(source.path).normalize().replaceAll(sep, '/').endsWith(path)
    ) {
      delete headers['content-encoding']
      headers['content-type'] = path.endsWith('.gz') ? 'application/gzip' : ''
    }
    const type = headers['content-type']
    if (type === '') headers['content-type'] = 'application/octet-stream'
    else if (type?.startsWith('text/') && !type.includes('charset'))
      headers['content-type'] += ';charset=utf-8'
    return headers
  }

  /** Tells the log why, and the client nothing. @returns whether the client has got an answer */
  #fail({ code, message }: NodeJS.ErrnoException, path: string, response: ServerResponse): boolean {
    if (response.destroyed) return true
    if (!this.#told.has(path)) this.#log(`${path} was not sent: ${code ?? message}`)
    this.#told.add(path)
    // The client sees that what it got is not the whole.
    if (response.headersSent) response.destroy()
    else if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR') return false
    else
      response
        .writeHead(500, {
          ...Object.fromEntries(protectiveHeaders),
          'cache-control': 'no-store',
          'content-length': '0',
        })
        .end()
    return true
  }
}

/** The headers of whatever a browser could show as a page. */
export const pageHeaders = (policy: string): Record<string, string> => ({
  'content-security-policy': policy,
  'referrer-policy': 'same-origin',
})

/** What sirv reads of a request: a path, codings, and a range that it can give. */
function asked(path: string, { method, headers }: IncomingMessage): object {
  const range = method === 'GET' && headers['if-range'] === undefined && rangeIn(headers.range)
  return {
    // sirv decodes this once.
    url: encodeURI(path).replaceAll(/[?#]/g, encodeURIComponent),
    headers: {
      'accept-encoding': [...codingsIn(headers['accept-encoding'])].join(),
      ...(range && { range }),
    },
  }
}

/**
 * A range from one byte to another or to the end. The whole is the answer to any other (RFC 9110, 14.2), and to one that
 * is for an older file, as an ETag that is weak does not tell whether it is.
 */
function rangeIn(range: string | undefined): string | null {
  const [, first, last] = /^bytes=(\d{1,15})-(\d{0,15})$/.exec(range ?? '') ?? []
  return first !== undefined && (last === '' || (Number(last) > 0 && Number(last) >= Number(first)))
    ? range!
    : null
}

/** Takes what sirv would do to a response, as sirv itself lets an error of reading end the process. */
class Choice extends Writable {
  statusCode = 200
  /** By names in lower case. */
  readonly fields: Record<string, string> = {}
  source: ReadStream | undefined
  /** Of the file, as sirv has listed it. */
  stats: Stats | undefined

  constructor() {
    super()
    this.once('pipe', (source: ReadStream) => {
      // Whoever awaits the file gets the error, too.
      this.source = source.on('error', () => {})
    })
  }

  getHeader(): undefined {}

  setHeader(name: string, value: unknown): void {
    this.fields[name.toLowerCase()] = String(value)
  }

  writeHead(statusCode: number, headers: Readonly<Record<string, unknown>>): void {
    this.statusCode = statusCode
    for (const [name, value] of Object.entries(headers)) this.setHeader(name, value)
  }
}

/** Fails where a file has another length than the head of its answer says, as the client would wait, or take the rest for the next answer. */
function ofLength(length: number) {
  return async function* (chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    let left = length
    for await (const chunk of chunks) {
      left -= chunk.length
      if (left < 0) break
      yield chunk
    }
    if (left !== 0) throw new Error('It has changed while it was sent.')
  }
}
