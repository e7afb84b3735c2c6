// This is the script of a page that browser.test.ts loads: it shows who is signed in, and asks by the client in its URL.

import { ApolloClient, HttpLink, InMemoryCache } from '@apollo/client/core'
import { cacheExchange, Client, fetchExchange } from '@urql/core'
import { parse } from 'graphql'
import { sessionLink } from '../../src/client/apollo.ts'
import { onSessionChange, sessionFetch } from '../../src/client/index.ts'
import { sessionExchange } from '../../src/client/urql.ts'

declare const document: { title: string }
declare const location: URL

/** What the tests call in the page. */
export interface Shop {
  /** @returns what is in the answer, or the codes of its errors */
  ask(query: string): Promise<unknown>
}

type Errors = readonly { readonly extensions?: Record<string, unknown> | undefined }[]

const { searchParams, origin } = new URL(location.href)
const uri = `${origin}/graphql`
const options = { changes: ['login'], join: !searchParams.has('separate') }
const codesOf = (errors: Errors): unknown[] => errors.map(({ extensions }) => extensions?.['code'])

const kits = {
  fetch() {
    const send = sessionFetch(options)
    const ask = async (query: string): Promise<unknown> => {
      const body = JSON.stringify({ query })
      const headers = { 'content-type': 'application/json' }
      const response = await send(uri, { method: 'POST', headers, body })
      const { data, errors } = (await response.json()) as { data?: unknown; errors?: Errors }
      return errors ? codesOf(errors) : data
    }
    return { ask, async reset() {} }
  },
  apollo() {
    const link = sessionLink(options).concat(new HttpLink({ uri }))
    const client = new ApolloClient({ link, cache: new InMemoryCache() })
    const ask = async (query: string): Promise<unknown> => {
      const { data, error } = query.startsWith('mutation')
        ? await client.mutate({ mutation: parse(query), errorPolicy: 'all' })
        : await client.query({ query: parse(query), errorPolicy: 'all' })
      return error ? codesOf((error as unknown as { errors: Errors }).errors) : data
    }
    return { ask, reset: async () => void (await client.resetStore()) }
  },
  urql() {
    const begin = (): Client =>
      new Client({
        url: uri,
        preferGetMethod: false,
        exchanges: [cacheExchange, sessionExchange(options), fetchExchange],
      })
    let client = begin()
    const ask = async (query: string): Promise<unknown> => {
      const { data, error } = query.startsWith('mutation')
        ? await client.mutation(query, {}).toPromise()
        : await client.query(query, {}).toPromise()
      return error ? codesOf(error.graphQLErrors) : data
    }
    return { ask, reset: async () => void (client = begin()) }
  },
}

const { ask, reset } = kits[(searchParams.get('kit') ?? 'fetch') as keyof typeof kits]()
const show = async (): Promise<void> => {
  const { me } = (await ask('query Me { me }')) as { me: string | null }
  document.title = me ?? 'nobody'
}
onSessionChange(() => void reset().then(show))
Object.assign(globalThis, { shop: { ask } satisfies Shop })
await show()
