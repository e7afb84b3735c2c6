// This wraps fetch, so that any GraphQL client that takes a fetch stays signed in.

import { type Answer, Attempts, type SessionClientOptions, Settings, type Timer } from './attempts.ts'
import { continued, isEventStream } from './event-stream.ts'
import { joinHeader } from './join.ts'
import { type Sent, sentText, unknownOperation } from './operation.ts'
import { type SentToken, type TokenStorage, Tokens } from './token.ts'

type Fetch = typeof globalThis.fetch
type Init = NonNullable<Parameters<Fetch>[1]>

/** What {@link sessionFetch} takes. */
export interface SessionFetchOptions extends SessionClientOptions {
  /** What sends the requests. @default the global `fetch`, as it is at the time of a request */
  readonly fetch?: Fetch
  /**
   * Where the token of a client without cookies is kept, such as a native app or a server, for a server with the option
   * `transport`. Each request has the token in a header, and no cookies; the token that an answer brings is put here
   * before the answer is handed on. Name the mutations that sign in as `changes`, so that no other answer can replace
   * their token. Redirections are errors: `fetch` would send the header on to any other server.
   * @default none: the browser has the cookie
   */
  readonly token?: TokenStorage
  /** The name of that header, as the server's `transport.header`. @default 'session-token' */
  readonly header?: string
}

/**
 * A `fetch` for a GraphQL server with sessions. It sends an operation again that was answered by `SESSION_MOVED`, adds
 * the header `session-join`, and tells the other tabs of changes. Of a batch it sends only those operations again that
 * were refused. Use it for nothing else than that server: who reads the header can join the session that begins with it.
 * @returns rejects as `fetch` does, with the reason of a signal that is aborted while it waits, and as `token` does
 */
export function sessionFetch(options: SessionFetchOptions = {}): Fetch {
  const { fetch: given, token, header = 'session-token', ...rest } = options
  const settings = new Settings(rest)
  const tokens = token ? new Tokens(token, header) : null
  const send: Fetch = (input, init) => (given ?? globalThis.fetch)(input, init)
  return async (input, init) => {
    const request = isRequest(input) ? new Request(input, init) : null
    const isGet = ((request ?? init)?.method ?? 'GET').toUpperCase() === 'GET'
    const body = request ? await textOf(request) : (init?.body ?? null)
    const signal = init?.signal ?? request?.signal
    const operations = isGet ? [null] : [parsed(body)].flat()
    const attempts = operations.map((operation) => new Attempts(settings, isGet ? aQuery : sentOf(operation)))
    const [only] = attempts
    /** Sends all of the operations, or those with these indices. */
    const ask = async (some?: readonly number[]): Promise<Response> => {
      const sent = await tokens?.forRequest(attempts.some(({ isChange }) => isChange))
      const added = sent ? tokenHeaders(tokens!, sent, settings, isGet) : Object.entries(settings.headers)
      const changed: Init = { ...(request ? {} : init), ...headersOf(added, init, request) }
      if (sent) Object.assign(changed, withoutCookies, init?.redirect === 'manual' && { redirect: 'manual' })
      if (some) changed.body = JSON.stringify(some.map((index) => operations[index]))
      const response = await (request ? send(new Request(request.clone(), changed)) : send(input, changed))
      if (sent) await tokens!.take(sent, response)
      return response
    }

    let response = await ask()
    // The body of a stream cannot be sent twice.
    if (isStream(body)) return response
    if (attempts.length === 1 && isEventStream(response)) {
      return continued(response, only!, async (delay, end) => {
        await pause(delay, settings.timer, signal, end)
        return ask()
      })
    }
    const answers: Answer[] = []
    let open = [...operations.keys()]
    for (;;) {
      const isWhole = open.length === operations.length
      const received = await answersIn(response)
      if (received?.length !== open.length) return isWhole ? response : batchOf(answers, response)
      const delays = open.map((index, at) => attempts[index]!.judge((answers[index] = received[at]!)))
      const refused = open.filter((_, at) => delays[at] !== null)
      if (refused.length === 0) return isWhole ? response : batchOf(answers, response)
      await pause(Math.max(...delays.map(Number)), settings.timer, signal)
      open = refused
      response = await ask(open.length < operations.length ? open : undefined)
    }
  }
}

/** What is sent by GET. */
const aQuery: Sent = { isMutation: false, isSubscription: false, fields: null }

const isRequest = (input: unknown): input is Request =>
  typeof Request === 'function' && input instanceof Request

const isStream = (body: unknown): boolean => typeof body === 'object' && body !== null && 'getReader' in body

/** The body of a request, without using it up; null if it is no JSON. */
const textOf = (request: Request): Promise<string> | null =>
  request.headers.get('content-type')?.includes('json') ? request.clone().text() : null

const withoutCookies: Init = { credentials: 'omit', redirect: 'error' }

/** The headers of a request with a token. A GET shows by its type that no page of another site can have sent it. */
function tokenHeaders(
  tokens: Tokens,
  sent: SentToken,
  { joins }: Settings,
  isGet: boolean,
): [name: string, value: string][] {
  const added = [tokens.headerOf(sent)]
  if (joins && sent.nonce) added.push([joinHeader, sent.nonce])
  if (isGet) added.push(['content-type', 'application/json'])
  return added
}

const headersOf = (
  added: readonly [name: string, value: string][],
  init: Init | undefined,
  request: Request | null,
): Init => {
  if (added.length === 0) return {}
  const all = new Headers(init?.headers ?? request?.headers)
  for (const [name, value] of added) all.set(name, value)
  return { headers: all }
}

/** What a text is as JSON; null if it is none. */
function parsed(text: unknown): unknown {
  if (typeof text !== 'string') return null
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

function sentOf(operation: unknown): Sent {
  const { query, operationName } = (operation ?? {}) as { query?: unknown; operationName?: unknown }
  if (typeof query !== 'string') return unknownOperation
  return sentText(query, typeof operationName === 'string' ? operationName : null)
}

/** The answers in a response, one for each operation, without using it up; null if it is no JSON. */
async function answersIn(response: Response): Promise<Answer[] | null> {
  if (!response.headers.get('content-type')?.includes('json')) return null
  const answers = [parsed(await response.clone().text())].flat()
  return answers.every((answer) => typeof answer === 'object' && answer !== null) ? answers : null
}

/** The response to a batch whose answers came in several responses. */
const batchOf = (answers: readonly Answer[], { status, statusText, headers }: Response): Response =>
  new Response(JSON.stringify(answers), {
    status,
    statusText,
    headers: { 'content-type': headers.get('content-type')! },
  })

/** Waits. An aborted signal ends it, with its reason. */
function pause(
  milliseconds: number,
  timer: Timer,
  ...ends: (AbortSignal | null | undefined)[]
): Promise<void> {
  const signals = ends.filter((end) => !!end)
  return new Promise((resolve, reject) => {
    const end = (): void => {
      stop()
      forget()
      const { reason } = signals.find(({ aborted }) => aborted)!
      reject(reason ?? Object.assign(new Error('The operation was aborted.'), { name: 'AbortError' }))
    }
    const forget = (): void => {
      for (const signal of signals) signal.removeEventListener('abort', end)
    }
    const stop = timer(() => {
      forget()
      resolve()
    }, milliseconds)
    for (const signal of signals) signal.addEventListener('abort', end)
    if (signals.some(({ aborted }) => aborted)) end()
  })
}
