// This asks the GraphQL server in the name of the visitor. It runs on the server of pages only.

import { parseSetCookie } from 'cookie'
import { cookies } from 'next/headers'
import type { TypedDocumentString } from './documents.gen'

const url = process.env['SESSION_URL'] ?? 'http://localhost:4000/graphql'

export interface Answer<Result> {
  readonly data?: Result | null
  readonly errors?: readonly { readonly message: string; readonly extensions?: { readonly code?: string } }[]
}

type Operation<Result, Variables> = [
  document: TypedDocumentString<Result, Variables>,
  ...variables: Variables extends Record<string, never> ? [] : [Variables],
]

/**
 * Of the visitor's request only the cookies go along. Its `Host`, `Origin` and `Sec-Fetch-Site` are about the server of
 * pages, and the GraphQL server would hold them against its own hosts and origins. `Authorization` and the like are
 * meant for the server that they were sent to. `cookies()` has what was set before in the same request, as the header has
 * not: what is rendered after `mutate` is of the new session. It also makes each page that asks a dynamic one.
 */
const ask = async <Result, Variables>([document, variables]: Operation<Result, Variables>) =>
  fetch(url, {
    method: 'POST',
    cache: 'no-store',
    headers: { 'content-type': 'application/json', cookie: (await cookies()).toString() },
    body: JSON.stringify({ query: document.toString(), variables }),
  })

/**
 * For what is rendered. Next.js can set no cookie there, and none has to be: a read begins no session. What it may do is
 * to delete a cookie that is worth nothing, or to renew one of `cookieStore`, and that comes again with the next answer
 * that reaches the browser.
 */
export const query = async <Result, Variables>(
  ...operation: Operation<Result, Variables>
): Promise<Answer<Result>> => (await ask(operation)).json()

/**
 * For server actions: the browser gets the cookies of the answer, with all their attributes. Next.js lets no page of
 * another site call an action. A route handler has no such guard, and would let one act in the visitor's name.
 */
export async function mutate<Result, Variables>(
  ...operation: Operation<Result, Variables>
): Promise<Answer<Result>> {
  const [response, jar] = await Promise.all([ask(operation), cookies()])
  for (const text of response.headers.getSetCookie()) {
    const { name, value = '', ...attributes } = parseSetCookie(text)
    jar.set(name, value, attributes)
  }
  return response.json()
}
