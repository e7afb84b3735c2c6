// This is a plugin for Apollo Server that finishes the session of each operation before its answer leaves.

import type { ServerResponse } from 'node:http'
import type { ApolloServerPlugin } from '@apollo/server'
import type { SessionContext, Sessions } from 'graphql-session'

/** What the option `context` returns: what `sessions.begin` gave, and the response that the answer goes to. */
export type Context<Data extends object> = SessionContext<Data> & { readonly res: ServerResponse }

export const sessionPlugin = <Data extends object>(
  sessions: Sessions<Data>,
): ApolloServerPlugin<Context<Data>> => ({
  async requestDidStart() {
    return {
      async willSendResponse({ contextValue, response: { body, http } }) {
        if (body.kind !== 'single') return
        const { result, status, headers } = await sessions.finish(contextValue, body.singleResult)
        body.singleResult = result
        if (status !== 200) http.status = status
        for (const [name, value] of headers) {
          // What is set through `http` replaces `Vary: Origin` of CORS, which is on `res`.
          if (name === 'vary' || name === 'set-cookie') contextValue.res.appendHeader(name, value)
          else http.headers.set(name, value)
        }
      },
    }
  },
})
