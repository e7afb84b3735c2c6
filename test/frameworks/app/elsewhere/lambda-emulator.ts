// This calls the handler of AWS Lambda with an event for each request, as API Gateway does with payload 2.0.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { handler } from './lambda.ts'

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { cookie, ...headers } = request.headers as Record<string, string>
  const { pathname, searchParams } = new URL(request.url!, 'http://localhost')
  const body = await buffer(request)
  const {
    statusCode,
    headers: given,
    cookies,
    body: text,
  } = await handler({
    rawPath: pathname,
    rawQueryString: searchParams.toString(),
    headers: { ...headers, 'x-forwarded-proto': 'http' },
    ...(cookie !== undefined && { cookies: cookie.split('; ') }),
    ...(body.length > 0 && { body: body.toString('base64') }),
    isBase64Encoded: true,
    requestContext: { http: { method: request.method! } },
  })
  response.writeHead(statusCode, { ...given, 'set-cookie': cookies }).end(text)
}

createServer((request, response) => void answer(request, response)).listen(Number(process.env['PORT']))
