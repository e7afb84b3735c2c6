// This writes the supergraph, which the gateway reads. Other subgraphs come into the list.

import { writeFileSync } from 'node:fs'
import { composeServices } from '@theguild/federation-composition'
import { concatAST } from 'graphql'
import { modules } from './shop.ts'

const { supergraphSdl, errors } = composeServices([
  {
    name: 'shop',
    url: 'http://localhost:4001/graphql',
    typeDefs: concatAST(modules.map(({ typeDefs }) => typeDefs)),
  },
])
if (!supergraphSdl) throw new Error(JSON.stringify(errors))
writeFileSync('supergraph.graphql', supergraphSdl)
