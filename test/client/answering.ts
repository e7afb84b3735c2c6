// This has a server that answers as a test says, and the three ways in which a client asks it.

import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { ApolloClient, CombinedGraphQLErrors, HttpLink, InMemoryCache } from '@apollo/client/core'
import type { TypedDocumentNode } from '@graphql-typed-document-node/core'
import { Client, fetchExchange } from '@urql/core'
import { print } from 'graphql'
import { onTestFinished } from 'vitest'
import { sessionLink } from '../../src/client/apollo.ts'
import type { SessionClientOptions } from '../../src/client/attempts.ts'
import { sessionFetch } from '../../src/client/fetch.ts'
import { sessionExchange } from '../../src/client/urql.ts'
import { listen } from '../support/harness.ts'

export type Fetch = typeof globalThis.fetch

/** What a server was sent. */
export interface Received {
  readonly headers: IncomingHttpHeaders
  readonly body: any
}

/** A real server that gives these answers one after the other, and the last one from then on. */
export async function answering(...answers: unknown[]): Promise<{ url: string; received: Received[] }> {
  const received: Received[] = []
  const { url, close } = await listen(async (request: IncomingMessage, response: ServerResponse) => {
    const body = await text(request)
    received.push({ headers: request.headers, body: body && JSON.parse(body) })
    const answer = answers.length > 1 ? answers.shift() : answers[0]
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(answer))
  })
  onTestFinished(close)
  return { url, received }
}

/** The answer to an operation that was refused as a whole, or at one of its root fields. */
export const refused = (code: string, ...path: string[]): object => ({
  errors: [{ message: 'Refused.', ...(path.length > 0 && { path }), extensions: { code } }],
  data: null,
})

export interface Run {
  <Data>(document: TypedDocumentNode<Data, any>, variables?: object, signal?: AbortSignal): Promise<Data>
}

/** @returns data, or the codes of the errors as what it rejects with */
export type Connect = (url: string, options?: SessionClientOptions, fetch?: Fetch) => Run

const isMutation = (document: TypedDocumentNode<any, any>): boolean =>
  document.definitions.some((part) => part.kind === 'OperationDefinition' && part.operation === 'mutation')

const codesOf = (errors: readonly { extensions?: Record<string, unknown> | undefined }[]): unknown[] =>
  errors.map(({ extensions }) => extensions?.['code'])

/** The answer to one that is asked by fetch, with what it may be asked by. */
const byFetch: Connect = (url, options, fetch = globalThis.fetch) => {
  const ask = sessionFetch({ ...options, fetch })
  return async (document, variables, signal) => {
    const response = await ask(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: print(document), variables }),
      ...(signal && { signal }),
    })
    const { data, errors } = (await response.json()) as { data: never; errors?: [] }
    if (errors) throw codesOf(errors)
    return data
  }
}

const byApollo: Connect = (url, options, fetch = globalThis.fetch) => {
  const link = sessionLink(options).concat(new HttpLink({ uri: url, fetch }))
  const client = new ApolloClient({ link, cache: new InMemoryCache() })
  return async (document, variables = {}, signal) => {
    const rest = { fetchPolicy: 'no-cache', context: { fetchOptions: { signal } } } as const
    try {
      const answer = isMutation(document)
        ? await client.mutate({ mutation: document, variables, ...rest })
        : await client.query({ query: document, variables, ...rest })
      return answer.data as never
    } catch (error) {
      throw CombinedGraphQLErrors.is(error) ? codesOf(error.errors) : error
    }
  }
}

const byUrql: Connect = (url, options, fetch = globalThis.fetch) => {
  const client = new Client({
    url,
    fetch,
    preferGetMethod: false,
    exchanges: [sessionExchange(options), fetchExchange],
  })
  return async (document, variables = {}) => {
    const { data, error } = await (isMutation(document)
      ? client.mutation(document, variables)
      : client.query(document, variables))
    if (error) throw error.networkError ?? codesOf(error.graphQLErrors)
    return data!
  }
}

export const clients: readonly [name: string, connect: Connect][] = [
  ['fetch', byFetch],
  ['Apollo Client', byApollo],
  ['urql', byUrql],
]
