// This makes a handler of graphql-http that finishes the session of each operation before its answer leaves.

import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { GraphQLSchema } from 'graphql'
import { createHandler } from 'graphql-http/lib/use/http'
import type { SessionContext, Sessions } from 'graphql-session'

export function sessionHandler<Data extends object>(
  schema: GraphQLSchema,
  sessions: Sessions<Data>,
): RequestListener {
  const handle = createHandler({
    schema,
    context: (request) => ({ ...sessions.begin(request.raw) }),
    async onOperation({ context: { res } }, { contextValue }, execution) {
      const { result, status, headers } = await sessions.finish(contextValue, execution)
      for (const [name, value] of headers) {
        if (name === 'vary' || name === 'set-cookie') res.appendHeader(name, value)
        else res.setHeader(name, value)
      }
      if (status === 200) return result
      const type = { 'content-type': 'application/json; charset=utf-8' }
      return [JSON.stringify(result), { status, statusText: '', headers: type }]
    },
  })
  return (request: IncomingMessage, response: ServerResponse) => {
    if (request.method !== 'POST') response.writeHead(405, { allow: 'POST' }).end()
    else if (sessions.checkOrigin(request)) void handle(request, response)
    else response.writeHead(403).end()
  }
}
