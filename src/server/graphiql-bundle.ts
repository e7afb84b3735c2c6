// This has the parts of GraphiQL, as `@graphql-yoga/render-graphiql` bundles them. The package that is published has them
// compressed in this module's place (test/support/pack-graphiql.ts), so that nobody installs that one.

import * as bundle from '@graphql-yoga/render-graphiql/graphiql'

export const css: string = bundle.css
export const favicon: string = bundle.favicon
export const js: string = bundle.js
export const editorWorkerService: string = bundle.editorWorkerService
export const graphqlWorker: string = bundle.graphqlWorker
export const jsonWorker: string = bundle.jsonWorker
