// This speaks HTTP/1.1 byte by byte, for requests that no client of HTTP would send.

import { connect, type Socket } from 'node:net'

export interface RawAnswer {
  readonly status: number
  readonly headers: Headers
  /** The status line and the headers as the server sent them, without `Set-Cookie`. */
  readonly head: string
  readonly text: string
}

/** One connection on which a test sends any bytes. A client of HTTP would correct or refuse most of them. */
export class RawConnection {
  readonly #socket: Socket
  #received = Buffer.alloc(0)
  #isOver = false
  #wake = (): void => {}

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk])
      this.#wake()
    })
    const end = (): void => {
      this.#isOver = true
      this.#wake()
    }
    // An error counts as an end: a server that closes while the client still sends can cause a reset.
    socket.on('end', end).on('close', end).on('error', end)
  }

  static async open(port: number): Promise<RawConnection> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
    const connection = new RawConnection(socket)
    await new Promise<void>((opened, failed) => socket.once('connect', opened).once('error', failed))
    return connection
  }

  /** Resolves when the kernel has taken the bytes, or the server has closed the connection. */
  async send(bytes: string | Buffer): Promise<void> {
    if (this.#isOver) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#socket.once('close', resolve)
    this.#socket.write(bytes, () => resolve())
    await promise
    this.#socket.off('close', resolve)
  }

  /** Closes the sending side only: answers can still be read. */
  end(): void {
    this.#socket.end()
  }

  /** Closes both sides at once, as the kernel does for a client that crashes. */
  destroy(): void {
    this.#socket.destroy()
  }

  /**
   * Reads the next final answer, and skips those with a status below 200.
   * @param method - of the request, since an answer to HEAD has no body
   * @returns `null` if the server closed the connection without an answer
   */
  async answer(method = 'POST'): Promise<RawAnswer | null> {
    const raw = await this.#until(() => this.#received.indexOf('\r\n\r\n') + 1)
    if (raw === null) {
      if (this.#received.length > 0) throw new Error('The connection was closed in the midst of a head.')
      return null
    }
    const [statusLine = '', ...lines] = this.#take(raw + 3)
      .toString('latin1')
      .slice(0, -4)
      .split('\r\n')
    const status = Number(/^HTTP\/1\.[01] (\d{3}) [^\r\n]*$/.exec(statusLine)?.[1])
    if (Number.isNaN(status)) throw new Error(`No status line: ${statusLine}`)
    if (status < 200) return this.answer(method)
    const headers = new Headers(
      lines.map((line) => {
        const at = line.indexOf(':')
        if (at < 1) throw new Error(`No header: ${line}`)
        return [line.slice(0, at), line.slice(at + 1).trim()] as [string, string]
      }),
    )
    const shown = lines.filter((line) => !/^set-cookie:/i.test(line))
    const hasBody = method !== 'HEAD' && status !== 204 && status !== 304
    return {
      status,
      headers,
      head: [statusLine, ...shown].join('\n'),
      text: hasBody ? (await this.#body(headers)).toString() : '',
    }
  }

  /** What was received and belongs to no answer that was read, as latin1. */
  get rest(): string {
    return this.#received.toString('latin1')
  }

  /** Whether the server closes the connection within a second. */
  async isClosed(): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, 1000)
    this.#wake = () => this.#isOver && resolve()
    this.#wake()
    await promise
    clearTimeout(timer)
    return this.#isOver
  }

  async #body(headers: Headers): Promise<Buffer> {
    if (headers.get('transfer-encoding') !== 'chunked') {
      const length = headers.get('content-length')
      if (length !== null) return this.#exactly(Number(length))
      await this.#until(() => 0)
      return this.#take(this.#received.length)
    }
    const chunks: Buffer[] = []
    for (;;) {
      const at = await this.#until(() => this.#received.indexOf('\r\n') + 1)
      const size = Number.parseInt((at === null ? '' : this.#take(at + 1)).toString(), 16)
      const chunk = await this.#exactly(size + 2)
      if (size === 0) return Buffer.concat(chunks)
      chunks.push(chunk.subarray(0, size))
    }
  }

  async #exactly(length: number): Promise<Buffer> {
    if (length === 0) return Buffer.alloc(0)
    if ((await this.#until(() => (this.#received.length >= length ? length : 0))) === null) {
      throw new Error('The connection was closed in the midst of a body.')
    }
    return this.#take(length)
  }

  #take(length: number): Buffer {
    const taken = this.#received.subarray(0, length)
    this.#received = this.#received.subarray(length)
    return taken
  }

  /**
   * Waits, at most ten seconds, until `find` returns a number above 0 for the bytes received so far, and
   * returns that.
   * @returns `null` if the connection was closed before
   */
  async #until(find: () => number): Promise<number | null> {
    for (const until = Date.now() + 10_000; ;) {
      const found = find()
      if (found > 0) return found
      if (this.#isOver) return null
      const { promise, resolve } = Promise.withResolvers<void>()
      const timer = setTimeout(resolve, until - Date.now())
      this.#wake = resolve
      await promise
      clearTimeout(timer)
      if (Date.now() >= until) throw new Error(`No answer. Until now: ${this.rest.slice(0, 500)}`)
    }
  }
}
