import { Agent, request } from 'node:http'
import { text } from 'node:stream/consumers'

/** What came back of one GraphQL request. */
export interface Answer {
  /** Null when there was none. */
  readonly status: number | null
  /** Whether it certainly did not reach a server. */
  readonly isUnsent: boolean
  /** The token in Set-Cookie; '' for a cookie that was cleared, null for no Set-Cookie. */
  readonly token: string | null
  readonly retryAfter: string | null
  readonly data: any
  readonly codes: readonly string[]
}

export interface Call {
  readonly query: string
  readonly variables?: Readonly<Record<string, unknown>>
  readonly token: string | null
}

/** One HTTP request, which is never sent again. */
export type Send = (call: Call) => Promise<Answer>

const agent = new Agent({ keepAlive: true })
const patience = 15_000

export const noAnswer = (isUnsent: boolean): Answer => ({
  status: null,
  isUnsent,
  token: null,
  retryAfter: null,
  data: null,
  codes: [],
})

export function post(url: string, { query, variables, token }: Call): Promise<Answer> {
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(patience)
    const fail = (error: unknown): void =>
      resolve(noAnswer((error as NodeJS.ErrnoException).code === 'ECONNREFUSED'))
    const headers = {
      'content-type': 'application/json',
      ...(token !== null && { cookie: `session=${token}` }),
    }
    request(url, { method: 'POST', agent, headers, signal }, (response) => {
      text(response).then(
        (body) =>
          resolve(
            toAnswer(
              response.statusCode!,
              response.headers['set-cookie'] ?? [],
              body,
              response.headers['retry-after'],
            ),
          ),
        fail,
      )
    })
      .on('error', fail)
      .end(JSON.stringify({ query, variables }))
  })
}

export function toAnswer(
  status: number,
  setCookies: readonly string[],
  body: string,
  retryAfter: string | null = null,
): Answer {
  const { data = null, errors = [] } = JSON.parse(body)
  const [pair] = setCookies.map((cookie) => /^[^=]*=([^;]*)/.exec(cookie)![1]!)
  return {
    status,
    isUnsent: false,
    token: pair ?? null,
    retryAfter,
    data,
    codes: errors.map(({ extensions, message }: any) => extensions?.code ?? message),
  }
}
