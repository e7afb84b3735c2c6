// This is the gateway, which hands over what the sessions and the gate go by, both ways.

import { defineConfig } from '@graphql-hive/gateway'

const asked = ['cookie', 'content-type', 'origin', 'sec-fetch-site', 'session-join', 'user-agent']
const answered = ['cache-control', 'retry-after', 'vary']
const some = (headers: Headers, names: readonly string[]): Record<string, string> =>
  Object.fromEntries([...headers].filter(([name]) => names.includes(name)))

export const gatewayConfig = defineConfig({
  supergraph: 'supergraph.graphql',
  host: 'localhost',
  port: 3000,
  fork: 1,
  propagateHeaders: {
    fromClientToSubgraphs: ({ request }) => some(request.headers, asked),
    fromSubgraphsToClient: ({ response: { headers } }) => ({
      ...some(headers, answered),
      'set-cookie': headers.getSetCookie(),
    }),
  },
})
