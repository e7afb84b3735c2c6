// This is the script of a page that subscriptions.test.ts loads: it subscribes by each client as docs/frontend.md says.

import { ApolloClient, InMemoryCache } from '@apollo/client/core'
import { GraphQLWsLink } from '@apollo/client/link/subscriptions'
import { Client, fetchExchange, subscriptionExchange } from '@urql/core'
import { parse } from 'graphql'
import { createClient as createSSEClient } from 'graphql-sse'
import { createClient } from 'graphql-ws'
import { sessionLink } from '../../src/client/apollo.ts'
import { sessionFetch } from '../../src/client/index.ts'
import { sessionExchange } from '../../src/client/urql.ts'

declare const location: URL

/** What the tests call in the page. */
export interface Subscribing {
  /** Sends an operation. @returns what is in the answer */
  run(query: string): Promise<unknown>
  subscribe(): void
  /**
   * What whoever subscribed has seen: of each event the handle of the session, and of each end the codes of its errors, the
   * code of the socket, or `complete`.
   */
  readonly seen: readonly string[]
}

interface Sink {
  event(data: { readonly ticks: string }): void
  /** Takes what some clients say twice. */
  end(how: string): void
}

type Errors = readonly { readonly extensions?: Record<string, unknown> | undefined }[]

const { searchParams, origin } = new URL(location.href)
const url = `${origin}/graphql`
const query = 'subscription { ticks }'
/** Milliseconds after which a page subscribes again that does so by itself, as in docs/frontend.md. */
const again: Readonly<Record<string, number>> = { SESSION_MOVED: 500, SESSION_STORE_UNAVAILABLE: 5000 }

const codesOf = (errors: Errors): string =>
  errors
    .map(({ extensions: { code, reason } = {} }) => [code, reason].filter((each) => each).join(' '))
    .join()

const isSoon = searchParams.has('soon')
/** In place of the waits of both clients, which take seconds. */
const soon = () => new Promise<void>((resolve) => setTimeout(resolve, 50))

const sockets = () =>
  createClient({
    url: url.replace('http', 'ws'),
    shouldRetry: () => true,
    ...(isSoon && { retryWait: soon }),
  })

function urql(client: Client, sink: Sink): void {
  client.subscription<{ ticks: string }>(query, {}).subscribe(({ data, error, hasNext }) => {
    if (error?.networkError) {
      sink.end('broken off')
      setTimeout(() => urql(client, sink), 500)
    } else if (error) sink.end(codesOf(error.graphQLErrors))
    else if (hasNext && data) sink.event(data)
    else sink.end('complete')
  })
}

/** By the name of the client. */
const kits: Record<string, (sink: Sink) => void> = {
  'graphql-ws'(sink) {
    const client = sockets()
    const begin = (): void => {
      client.subscribe<{ ticks: string }>(
        { query },
        {
          next: ({ data }) => data && sink.event(data),
          error(reason) {
            const errors = Array.isArray(reason) ? (reason as Errors) : []
            sink.end(codesOf(errors) || String((reason as { code: unknown }).code))
            const delay = again[errors[0]?.extensions?.['code'] as string]
            if (delay !== undefined) setTimeout(begin, delay)
          },
          complete: () => sink.end('complete'),
        },
      )
    }
    begin()
  },

  'Apollo Client by graphql-ws'(sink) {
    const link = sessionLink().concat(new GraphQLWsLink(sockets()))
    const client = new ApolloClient({ link, cache: new InMemoryCache() })
    client.subscribe<{ ticks: string }>({ query: parse(query) }).subscribe({
      next({ data, error }) {
        if (error) sink.end(codesOf((error as { errors?: Errors }).errors ?? []) || error.message)
        else sink.event(data!)
      },
      complete: () => sink.end('complete'),
    })
  },

  'urql by graphql-ws'(sink) {
    const client = sockets()
    const forward = subscriptionExchange({
      forwardSubscription: (request) => ({
        subscribe: (sink) => ({
          unsubscribe: client.subscribe({ ...request, query: request.query ?? '' }, sink as never),
        }),
      }),
    })
    urql(new Client({ url, preferGetMethod: false, exchanges: [sessionExchange(), forward] }), sink)
  },

  'urql by fetch'(sink) {
    const exchanges = [sessionExchange(), fetchExchange]
    urql(new Client({ url, preferGetMethod: false, fetchSubscriptions: true, exchanges }), sink)
  },

  'graphql-sse'(sink) {
    const client = createSSEClient({ url, fetchFn: sessionFetch(), ...(isSoon && { retry: soon }) })
    client.subscribe<{ ticks: string }>(
      { query },
      {
        next({ data, errors }) {
          if (errors) sink.end(codesOf(errors))
          else sink.event(data!)
        },
        error: (error) => sink.end(String(error)),
        complete: () => sink.end('complete'),
      },
    )
  },

  EventSource(sink) {
    const begin = (): void => {
      let delay: number | undefined
      const events = new EventSource(`${url}?${new URLSearchParams({ query })}`)
      events.addEventListener('next', (event) => {
        const { data, errors } = JSON.parse((event as MessageEvent<string>).data)
        if (errors) sink.end(codesOf(errors))
        else sink.event(data)
        delay = again[errors?.[0]?.extensions.code ?? '']
      })
      events.addEventListener('complete', () => {
        events.close()
        sink.end('complete')
        if (delay !== undefined) setTimeout(begin, delay)
      })
      events.addEventListener('error', () => {
        if (events.readyState === EventSource.CLOSED) setTimeout(begin, 5000)
      })
    }
    begin()
  },
}

const seen: string[] = []
let isEnded = false
const sink: Sink = {
  event({ ticks }) {
    isEnded = false
    seen.push(ticks)
  },
  end(how) {
    if (!isEnded) seen.push(how)
    isEnded = true
  },
}
async function run(text: string): Promise<unknown> {
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ query: text }) })
  return ((await response.json()) as { data: unknown }).data
}
const subscribe = (): void => kits[searchParams.get('kit')!]!(sink)
Object.assign(globalThis, { page: { run, subscribe, seen } satisfies Subscribing })
