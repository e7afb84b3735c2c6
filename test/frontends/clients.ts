// These are the clients under test, in the page: each with the configuration that it has by default.

import { ApolloClient, HttpLink, InMemoryCache, type InMemoryCacheConfig } from '@apollo/client/core'
import { loadDevMessages, loadErrorMessages } from '@apollo/client/dev'
import { MutationObserver, QueryClient, QueryObserver } from '@tanstack/query-core'
import { cacheExchange as documentCache, Client, fetchExchange } from '@urql/core'
import { cacheExchange as graphcache, type CacheExchangeOpts } from '@urql/exchange-graphcache'
import { type DocumentNode, Kind, print } from 'graphql'
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
   * @param guess - what `updateSessionData` makes of the session, to be shown until the server has answered. Of urql only
   * `graphcacheGuesses` shows one, which it makes by itself.
   * @returns the codes of the errors, none where all is well
   */
  send(document: DocumentNode, variables: Variables, guess?: Shown): Promise<unknown[]>
  /**
   * Drops what was asked, as docs/frontend.md says it for the time after a logout.
   * @returns whether it has been asked again, so that `render` of `watch` was called
   */
  forget(): Promise<boolean>
}

type Errors = readonly { readonly extensions?: Record<string, unknown> | undefined }[]

const codesOf = (errors: Errors = []): unknown[] => errors.map(({ extensions }) => extensions?.['code'])

export const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve))

async function until(isReached: () => boolean): Promise<void> {
  while (!isReached()) await turn()
}

const url = '/graphql'

async function post(query: string, variables: Variables): Promise<unknown> {
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ query, variables }) })
  return response.json()
}

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
    async send(mutation, variables, guess) {
      const session = { __typename: 'Session', id: 'session', ...guess }
      const optimisticResponse = { updateSessionData: { __typename: 'UpdateSessionDataPayload', session } }
      const { error } = await client.mutate({
        mutation,
        variables,
        errorPolicy: 'all',
        ...(guess && { optimisticResponse }),
      })
      return codesOf((error as { errors?: Errors } | undefined)?.errors)
    },
    async forget() {
      await client.clearStore()
      return false
    },
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
    async forget() {
      client = begin()
      return false
    },
  }
}

/** What relay-compiler made of the documents, by name. The test puts it in. */
declare const ARTIFACTS: Record<string, ConcreteRequest & ReaderFragment>

function nameOf(document: DocumentNode): string {
  const operation = document.definitions.find(({ kind }) => kind === Kind.OPERATION_DEFINITION)
  return (operation as { name: { value: string } }).name.value
}

interface RelayMutation {
  readonly variables: Variables
  readonly response: Shown
  readonly rawResponse: Shown
}

function relay(): Kit {
  const network = Network.create(
    async ({ text }, variables) => (await post(text!, variables)) as GraphQLResponse,
  )
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
    send: (document, variables, guess) =>
      new Promise((resolve) => {
        const optimisticResponse = { updateSessionData: { session: { id: 'session', ...guess } } }
        commitMutation<RelayMutation>(environment, {
          mutation: ARTIFACTS[nameOf(document)]!,
          variables,
          ...(guess && { optimisticResponse }),
          onCompleted: (_, errors) => resolve(codesOf((errors ?? []) as Errors)),
          onError: (error) => resolve(codesOf((error as { source?: { errors: Errors } }).source?.errors)),
        })
      }),
    async forget() {
      environment = begin()
      return false
    },
  }
}

function tanstack(): Kit {
  const client = new QueryClient()
  client.mount()
  const queryKey = ['session']
  const ask = async (document: DocumentNode, variables: Variables): Promise<Shown> => {
    const { data, errors } = (await post(print(document), variables)) as { data: Shown; errors?: Errors }
    if (errors) throw Object.assign(new Error('GraphQL answered with errors.'), { errors })
    return data
  }
  /** Puts what an answer has of the session into all that was asked of it. */
  const put = (answer: Shown): void => {
    const { session } = Object.values(answer)[0]
    client.setQueriesData<Shown>({ queryKey }, (known) => known && { ...known, ...session })
  }
  return {
    watch: (document, fragment, render) =>
      new Promise((resolve, reject) => {
        const observer = new QueryObserver<Shown>(client, {
          queryKey: [...queryKey, fragment],
          queryFn: async () => (await ask(document, {}))['session'],
        })
        observer.subscribe(({ data, error }) => {
          if (error) reject(error)
          if (!data) return
          render(data)
          resolve()
        })
      }),
    async send(document, variables, guess) {
      const mutation = new MutationObserver(client, {
        mutationFn: () => ask(document, variables),
        async onMutate() {
          if (!guess) return []
          await client.cancelQueries({ queryKey })
          const before = client.getQueriesData({ queryKey })
          put({ updateSessionData: { session: guess } })
          return before
        },
        onError(_error, _variables, before = []) {
          for (const [key, data] of before) client.setQueryData(key, data)
        },
        onSuccess: put,
      })
      try {
        await mutation.mutate()
        return []
      } catch (error) {
        return codesOf((error as { errors?: Errors }).errors)
      }
    },
    async forget() {
      await client.resetQueries({ queryKey })
      return true
    },
  }
}

/** What graphcache shows until the server has answered: that it does what is asked of it. */
const optimistic: CacheExchangeOpts['optimistic'] = {
  updateSessionData: ({ data }) => ({
    __typename: 'UpdateSessionDataPayload',
    session: { __typename: 'Session', id: 'session', ...(data as Shown) },
  }),
}

/** The one that is told has the setting of docs/frontend.md, so that it is silent in development, too. */
export const kits = {
  apollo: () => apollo(),
  apolloTold: () => apollo({ typePolicies: { Session: { fields: { entries: { merge: false } } } } }),
  graphcache: () => urql(() => graphcache({})),
  graphcacheGuesses: () => urql(() => graphcache({ optimistic })),
  documents: () => urql(() => documentCache, true),
  relay,
  tanstack,
}
