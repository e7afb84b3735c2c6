// This serves the subgraph.

import { createServer } from 'node:http'
import { buildSubgraphSchema } from '@apollo/subgraph'
import { createYoga } from 'graphql-yoga'
import { modules, plugins } from './shop.ts'

const schema = buildSubgraphSchema(modules)
const yoga = createYoga({ schema, plugins, cors: false, maxRequestBodySize: false })
createServer(yoga).listen(4001)
