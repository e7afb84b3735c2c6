// This sends the server a request with a cookie that it has just replaced, as whoever had copied the cookie would.

import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { json } from 'node:stream/consumers'

const body = JSON.stringify({ query: '{ session { handle user { name } } }' })

/** What the server answered, and whether the answer sets or deletes a cookie. */
interface Replayed {
  readonly answer: unknown
  readonly setsCookie: boolean
}

/** Sends a request with the host and the cookie of another one, to the socket on which that one came. */
export async function replay({ socket, headers, url }: IncomingMessage): Promise<Replayed> {
  const { localAddress: host, localPort: port } = socket
  const { host: name = '', cookie = '' } = headers
  const sending = request({
    host,
    port,
    path: url,
    method: 'POST',
    headers: { host: name, cookie, 'content-type': 'application/json' },
  }).end(body)
  const [response] = (await once(sending, 'response')) as [IncomingMessage]
  return { answer: await json(response), setsCookie: 'set-cookie' in response.headers }
}
