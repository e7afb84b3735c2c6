// These are the clients under test, in the page: each with the configuration that it has by default.

import { ApolloClient, HttpLink, InMemoryCache, type InMemoryCacheConfig } from '@apollo/client/core'
import { loadDevMessages, loadErrorMessages } from '@apollo/client/dev'
import { cacheExchange as documentCache, Client, fetchExchange } from '@urql/core'
import { cacheExchange as graphcache } from '@urql/exchange-graphcache'
import { type DocumentNode, Kind } from 'graphql'
import {
  commitMutation,
  type ConcreteRequest,
  createOperationDescriptor,
  Environment,
  getRequest,
  getSingularSelector,
  type GraphQLResponse,
  Network,
  type ReaderFragment,
  RecordSource,
  Store,
} from 'relay-runtime'

type Variables = Record<string, unknown>

/** The session in an answer, or the part of it that a fragment selects. */
export type Shown = Record<string, any>

export interface Kit {
  /** Asks, and calls `render` with the session at each change of it. Resolves after the first call. */
  watch(document: DocumentNode, fragment: string, render: (session: Shown) => void): Promise<void>
  /**
   * @param optimistic - the answer to be shown until the server has answered, which only `apollo` takes
   * @returns the codes of the errors, none where all is well
   */
  send(document: DocumentNode, variables: Variables, optimistic?: Shown): Promise<unknown[]>
  /** Drops what was asked, as docs/frontend.md says it for the time after a logout. */
  forget(): Promise<unknown>
}

type Errors = readonly { readonly extensions?: Record<string, unknown> | undefined }[]

const codesOf = (errors: Errors = []): unknown[] => errors.map(({ extensions }) => extensions?.['code'])

export const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve))

async function until(isReached: () => boolean): Promise<void> {
  while (!isReached()) await turn()
}

const url = '/graphql'

function apollo(options?: InMemoryCacheConfig): Kit {
  // So that a warning in the console is a sentence, not a number.
  loadDevMessages()
  loadErrorMessages()
  const client = new ApolloClient({ link: new HttpLink({ uri: url }), cache: new InMemoryCache(options) })
  return {
    watch: (query, _, render) =>
      new Promise((resolve, reject) => {
        client.watchQuery<Shown>({ query }).subscribe(({ data, dataState, error }) => {
          if (error) reject(error)
          if (dataState !== 'complete') return
          render(data['session'])
          resolve()
        })
      }),
    async send(mutation, variables, optimisticResponse) {
      const { error } = await client.mutate({
        mutation,
        variables,
        errorPolicy: 'all',
        ...(optimisticResponse && { optimisticResponse }),
      })
      return codesOf((error as { errors?: Errors } | undefined)?.errors)
    },
    forget: () => client.clearStore(),
  }
}

function urql(cache: () => typeof documentCache, asksAgain = false): Kit {
  const begin = () => new Client({ url, exchanges: [cache(), fetchExchange] })
  let client = begin()
  let watched = 0
  let answers = 0
  return {
    watch: (query, _, render) =>
      new Promise((resolve, reject) => {
        watched += 1
        client.query<Shown>(query, {}).subscribe(({ data, error, stale }) => {
          if (!stale) answers += 1
          if (error) reject(error)
          if (!data) return
          render(data['session'])
          resolve()
        })
      }),
    async send(mutation, variables) {
      const before = answers
      const { error } = await client.mutation(mutation, variables)
      // The cache of documents knows of no objects. It asks all the queries again, when the mutation is answered.
      if (asksAgain && !error) await until(() => answers >= before + watched)
      return codesOf(error?.graphQLErrors)
    },
    forget: async () => (client = begin()),
  }
}

/** What relay-compiler made of the documents, by name. The test puts it in. */
declare const ARTIFACTS: Record<string, ConcreteRequest & ReaderFragment>

function nameOf(document: DocumentNode): string {
  const operation = document.definitions.find(({ kind }) => kind === Kind.OPERATION_DEFINITION)
  return (operation as { name: { value: string } }).name.value
}

function relay(): Kit {
  const network = Network.create(async ({ text }, variables) => {
    const headers = { 'content-type': 'application/json' }
    const body = JSON.stringify({ query: text, variables })
    const response = await fetch(url, { method: 'POST', headers, body })
    return (await response.json()) as GraphQLResponse
  })
  const begin = () => new Environment({ network, store: new Store(new RecordSource()) })
  let environment = begin()
  return {
    async watch(document, fragment, render) {
      const operation = createOperationDescriptor(getRequest(ARTIFACTS[nameOf(document)]!), {})
      environment.retain(operation)
      await environment.execute({ operation }).toPromise()
      const { session } = environment.lookup(operation.fragment).data
      const selector = getSingularSelector(ARTIFACTS[fragment]!, session)
      const snapshot = environment.lookup(selector)
      render(snapshot.data)
      environment.subscribe(snapshot, ({ data }) => render(data))
    },
    send: (document, variables) =>
      new Promise((resolve) => {
        commitMutation(environment, {
          mutation: ARTIFACTS[nameOf(document)]!,
          variables,
          onCompleted: (_, errors) => resolve(codesOf((errors ?? []) as Errors)),
          onError: (error) => resolve(codesOf((error as { source?: { errors: Errors } }).source?.errors)),
        })
      }),
    forget: async () => (environment = begin()),
  }
}

/** The one that is told has the setting of docs/frontend.md, so that it is silent in development, too. */
export const kits = {
  apollo: () => apollo(),
  apolloTold: () => apollo({ typePolicies: { Session: { fields: { entries: { merge: false } } } } }),
  graphcache: () => urql(() => graphcache({})),
  documents: () => urql(() => documentCache, true),
  relay,
}
