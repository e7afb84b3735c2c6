// This adds to the subgraph of examples/federation the schema that the probe asks, and a cookie and a header of the application's.

import { parse } from 'graphql'
import type { Plugin } from 'graphql-yoga'
import * as probed from './application.ts'
import * as shown from './shown.ts'

export const modules = [
  ...shown.modules,
  { typeDefs: parse(probed.typeDefs), resolvers: probed.resolvers as {} },
]

const ownHeaders: Plugin = {
  onResponse({ response: { headers } }) {
    headers.append('set-cookie', 'last_page=cart; Path=/')
    headers.set('retry-after', '1')
  },
}

export const plugins = [...shown.plugins, ownHeaders]
