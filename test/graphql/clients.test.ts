import { ApolloClient, type CombinedGraphQLErrors, HttpLink, InMemoryCache } from '@apollo/client/core'
import type { TypedDocumentNode } from '@graphql-typed-document-node/core'
import { cacheExchange, Client as UrqlClient, type CombinedError, fetchExchange } from '@urql/core'
import { type DocumentNode, type GraphQLFormattedError, print } from 'graphql'
import { type ClientError, GraphQLClient } from 'graphql-request'
import { CookieJar } from 'tough-cookie'
import { afterAll, beforeAll, describe, expect, expectTypeOf, it } from 'vitest'
import {
  ClearSessionDocument,
  DeleteSessionKeyDocument,
  GetSessionDocument,
  GetSessionEntriesDocument,
  GetSessionKeyDocument,
  LogoutDocument,
  PopSessionKeyDocument,
  RotateSessionDocument,
  SetDefaultSessionKeyDocument,
  SetSessionExpiryDocument,
  SetSessionKeyDocument,
  UpdateSessionDocument,
} from '../../src/graphql/generated/client.ts'
import { createSessionServer } from '../../src/server/create-session-server.ts'
import type { Json } from '../../src/session/value.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { listen } from '../support/harness.ts'

let server: Awaited<ReturnType<typeof listen>>

beforeAll(async () => {
  const yoga = createSessionServer({
    store: memoryStore({ max: 100 }),
    keys: { '*': { client: ['read', 'write', 'delete'] }, is_admin: { client: ['read'] } },
    logging: false,
  })
  server = await listen(yoga)
})

afterAll(() => server.close())

type Run = <Data, Variables>(
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
) => Promise<Data>

interface Caller {
  query: Run
  mutate: Run
  /** The errors of the answer, out of what the client rejects with. */
  errorsOf(failure: unknown): readonly { readonly extensions?: unknown }[]
}

type Fetch = typeof globalThis.fetch

/** fetch as in a browser: it keeps cookies and sends them, and says that the page is of the same origin. */
function browserFetch(jar: CookieJar): Fetch {
  return async (input, init) => {
    const request = new Request(input, init)
    const cookie = await jar.getCookieString(request.url)
    if (cookie) request.headers.set('cookie', cookie)
    request.headers.set('sec-fetch-site', 'same-origin')
    const response = await fetch(request)
    for (const line of response.headers.getSetCookie()) await jar.setCookie(line, request.url)
    return response
  }
}

const urqlClient = (fetch: Fetch): UrqlClient =>
  new UrqlClient({ url: server.url, fetch, exchanges: [cacheExchange, fetchExchange] })

// A session changes where a client's cache cannot see it: in another tab, by expiry, in a resolver.
function urql(fetch: Fetch): Caller {
  const client = urqlClient(fetch)
  return {
    async query(document, variables) {
      const { data, error } = await client.query(document, variables as {}, { requestPolicy: 'network-only' })
      if (error) throw error
      return data!
    },
    async mutate(document, variables) {
      const { data, error } = await client.mutation(document, variables as {})
      if (error) throw error
      return data!
    },
    errorsOf: (failure) => (failure as CombinedError).graphQLErrors,
  }
}

const apolloClient = (fetch: Fetch): ApolloClient =>
  new ApolloClient({ link: new HttpLink({ uri: server.url, fetch }), cache: new InMemoryCache() })

// A cache keeps value(key:) and entries(keys:) for each of their arguments, and no mutation answers with these.
function apollo(fetch: Fetch): Caller {
  const client = apolloClient(fetch)
  const fetchPolicy = 'network-only'
  return {
    async query(document, variables) {
      const { data } = await client.query({ query: document, variables: variables as {}, fetchPolicy })
      return data as never
    },
    async mutate(document, variables) {
      const { data } = await client.mutate({ mutation: document, variables: variables as {} })
      return data as never
    },
    errorsOf: (failure) => (failure as CombinedGraphQLErrors).errors,
  }
}

const requestClient = (fetch: Fetch): GraphQLClient => new GraphQLClient(server.url, { fetch })

function graphqlRequest(fetch: Fetch): Caller {
  const client = requestClient(fetch)
  const run: Run = (document, variables) => client.request(document as DocumentNode, variables as {})
  return { query: run, mutate: run, errorsOf: (failure) => (failure as ClientError).response.errors! }
}

function plainFetch(fetch: Fetch): Caller {
  const run: Run = async (document, variables) => {
    const response = await fetch(server.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json' },
      body: JSON.stringify({ query: print(document), variables }),
    })
    const { data, errors } = (await response.json()) as { data: never; errors?: GraphQLFormattedError[] }
    if (errors) throw new AggregateError(errors, errors[0]!.message)
    return data
  }
  return { query: run, mutate: run, errorsOf: (failure) => (failure as AggregateError).errors }
}

describe.each([
  ['urql', urql],
  ['Apollo Client', apollo],
  ['graphql-request', graphqlRequest],
  ['plain fetch', plainFetch],
])('%s', (_, connect) => {
  it('goes through the life of a session', async () => {
    const jar = new CookieJar()
    const { query, mutate } = connect(browserFetch(jar))
    const cookie = async () => (await jar.getCookies(server.url))[0]

    const nobody = await query(GetSessionDocument, {})
    expect(nobody.session).toMatchObject({
      id: 'session',
      handle: null,
      isNew: true,
      isEmpty: true,
      entries: [],
    })
    expect(await cookie()).toBeUndefined()

    const { setSessionKey } = await mutate(SetSessionKeyDocument, { key: 'dark_mode', value: true })
    expect(setSessionKey).toMatchObject({ created: true, entry: { key: 'dark_mode', value: true } })
    const { handle } = setSessionKey.session
    expectTypeOf(handle).toEqualTypeOf<string | null>()
    expectTypeOf(setSessionKey.created).toEqualTypeOf<boolean | null>()
    expectTypeOf(setSessionKey.entry.value).toEqualTypeOf<Json | null>()
    expect(handle).toMatch(/^[\w-]{43}$/)
    expect(await cookie()).toMatchObject({
      key: `graphql-session-${new URL(server.url).port}`,
      httpOnly: true,
      sameSite: 'lax',
    })

    const read = await query(GetSessionKeyDocument, { key: 'dark_mode', default: false })
    expect(read.session).toMatchObject({ has: true, value: true })
    const again = await mutate(SetSessionKeyDocument, { key: 'dark_mode', value: null })
    expect(again.setSessionKey).toMatchObject({ created: false, entry: { value: null } })
    const stored = await query(GetSessionKeyDocument, { key: 'dark_mode', default: false })
    expect(stored.session).toMatchObject({ has: true, value: null })

    const cart = [{ sku: 'engine', quantity: 1 }]
    const { updateSession } = await mutate(UpdateSessionDocument, { data: { cart, theme: 'sepia' } })
    expect(updateSession.entries).toMatchObject([
      { key: 'cart', value: cart },
      { key: 'theme', value: 'sepia' },
    ])
    expect(updateSession.session).toMatchObject({ handle, keys: ['dark_mode', 'cart', 'theme'] })
    const some = await query(GetSessionEntriesDocument, { keys: ['theme', 'unknown'] })
    expect(some.session.entries).toMatchObject([{ key: 'theme', value: 'sepia' }])

    const deleted = await mutate(DeleteSessionKeyDocument, { key: 'theme' })
    expect(deleted.deleteSessionKey).toMatchObject({ key: 'theme', deleted: true })
    const absent = await query(GetSessionKeyDocument, { key: 'theme', default: 'light' })
    expect(absent.session).toMatchObject({ has: false, value: 'light' })

    const popped = await mutate(PopSessionKeyDocument, { key: 'cart' })
    expect(popped.popSessionKey).toMatchObject({ key: 'cart', found: true, value: cart })
    const nothing = await mutate(PopSessionKeyDocument, { key: 'cart', default: [] })
    expect(nothing.popSessionKey).toMatchObject({ found: false, value: [] })

    const first = await mutate(SetDefaultSessionKeyDocument, { key: 'visits', value: 1 })
    expect(first.setDefaultSessionKey).toMatchObject({ created: true, entry: { value: 1 } })
    const second = await mutate(SetDefaultSessionKeyDocument, { key: 'visits', value: 2 })
    expect(second.setDefaultSessionKey).toMatchObject({ created: false, entry: { value: 1 } })

    const hour = await mutate(SetSessionExpiryDocument, { expiry: { seconds: 3600 } })
    expect(hour.setSessionExpiry.session.expiresIn).toBeGreaterThan(3590)
    expect(hour.setSessionExpiry.session.expiresIn).toBeLessThanOrEqual(3600)
    const at = new Date(Date.now() + 60_000).toISOString()
    const minute = await mutate(SetSessionExpiryDocument, { expiry: { at } })
    expect(minute.setSessionExpiry.session).toMatchObject({ expiresAt: at, expiresAtBrowserClose: false })
    const closing = await mutate(SetSessionExpiryDocument, { expiry: { policy: 'BROWSER_CLOSE' } })
    expect(closing.setSessionExpiry.session.expiresAtBrowserClose).toBe(true)
    expect((await cookie())!.isPersistent()).toBe(false)

    const token = (await cookie())!.value
    const rotated = await mutate(RotateSessionDocument, {})
    expect(rotated.rotateSession.session.handle).toMatch(/^[\w-]{43}$/)
    expect(rotated.rotateSession.session.handle).not.toBe(handle)
    expect(rotated.rotateSession.session.keys).toEqual(['dark_mode', 'visits'])
    expect((await cookie())!.value).not.toBe(token)

    const { clearSession } = await mutate(ClearSessionDocument, {})
    expect(clearSession.session).toMatchObject({
      handle: rotated.rotateSession.session.handle,
      isEmpty: true,
    })

    await mutate(SetSessionKeyDocument, { key: 'visits', value: 3 })
    const { logout } = await mutate(LogoutDocument, {})
    expect(logout).toMatchObject({ flushed: true, session: { isNew: true, isEmpty: true } })
    expect(logout.session.handle).not.toBe(rotated.rotateSession.session.handle)
    const fresh = await query(GetSessionDocument, {})
    expect(fresh.session).toMatchObject({ handle: logout.session.handle, isNew: false, entries: [] })
  })

  it('hears the code of an error', async () => {
    const { mutate, errorsOf } = connect(browserFetch(new CookieJar()))
    const failure: unknown = await mutate(SetSessionKeyDocument, { key: 'is_admin', value: true }).catch(
      (error: unknown) => error,
    )
    expect(errorsOf(failure)).toMatchObject([{ extensions: { code: 'SESSION_KEY_FORBIDDEN' } }])
  })

  it('cannot say two expiries at once', async () => {
    const { mutate } = connect(browserFetch(new CookieJar()))
    // @ts-expect-error SessionExpiryInput is a @oneOf input
    const both = mutate(SetSessionExpiryDocument, { expiry: { seconds: 60, policy: 'BROWSER_CLOSE' } })
    await expect(both).rejects.toThrow(/expiry/)
  })
})

describe('the documents type what a client sends and gets', () => {
  interface Cart {
    readonly items: readonly { readonly sku: string }[]
  }

  it('takes values of an interface, and no variables where there are none', async () => {
    const cart: Cart = { items: [{ sku: 'engine' }] }
    const client = requestClient(browserFetch(new CookieJar()))
    await client.request(SetSessionKeyDocument, { key: 'cart', value: cart })
    await client.request(UpdateSessionDocument, { data: cart })
    // @ts-expect-error an array is no object of entries
    await expect(client.request(UpdateSessionDocument, { data: [cart] })).rejects.toThrow(/data/)
    const { session } = await client.request(GetSessionDocument)
    expect(session.entries).toContainEqual({ id: 'SessionEntry:cart', key: 'cart', value: cart })
    const { clearSession } = await client.request(ClearSessionDocument)
    expect(clearSession.session.entries).toEqual([])
    await client.request(LogoutDocument)
    await apolloClient(browserFetch(new CookieJar())).mutate({ mutation: LogoutDocument })
    await urqlClient(browserFetch(new CookieJar())).mutation(ClearSessionDocument, {})
  })

  const dark = { key: 'dark_mode', value: true }

  it('with urql', async () => {
    const client = urqlClient(fetch)
    const { data } = await client.mutation(SetSessionKeyDocument, dark)
    expectTypeOf(data!.setSessionKey.created).toEqualTypeOf<boolean | null>()
    expectTypeOf(data!.setSessionKey.session.handle).toEqualTypeOf<string | null>()
    expect(data!.setSessionKey.created).toBe(true)
    // @ts-expect-error a key is text
    const { error } = await client.mutation(SetSessionKeyDocument, { ...dark, key: 1 })
    expect(error?.message).toMatch(/key/)
  })

  it('with Apollo Client', async () => {
    const client = apolloClient(fetch)
    const { data } = await client.mutate({ mutation: SetSessionKeyDocument, variables: dark })
    expectTypeOf(data!.setSessionKey.created).toEqualTypeOf<boolean | null>()
    expectTypeOf(data!.setSessionKey.session.handle).toEqualTypeOf<string | null>()
    expect(data!.setSessionKey.created).toBe(true)
    // @ts-expect-error a key is text
    const wrong = client.mutate({ mutation: SetSessionKeyDocument, variables: { ...dark, key: 1 } })
    await expect(wrong).rejects.toThrow(/key/)
  })

  it('with graphql-request', async () => {
    const client = requestClient(fetch)
    const data = await client.request(SetSessionKeyDocument, dark)
    expectTypeOf(data.setSessionKey.created).toEqualTypeOf<boolean | null>()
    expectTypeOf(data.setSessionKey.session.handle).toEqualTypeOf<string | null>()
    expect(data.setSessionKey.created).toBe(true)
    // @ts-expect-error a key is text
    await expect(client.request(SetSessionKeyDocument, { ...dark, key: 1 })).rejects.toThrow(/key/)
  })
})
