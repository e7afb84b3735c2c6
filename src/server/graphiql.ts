// This is the Yoga plugin that serves GraphiQL: the page, and the parts of it that browsers keep.

import { createHash } from 'node:crypto'
import type { FetchAPI, GraphiQLOptions as YogaGraphiQLOptions, Plugin } from 'graphql-yoga'
import { compress, encoded, encodingFor } from '../http/encoding.ts'
import { SessionError } from '../session/errors.ts'
import { pageParameter, schemaName } from './graphiql-in-browser.ts'
import { type Assets, type Content, loadAssets, pageOf } from './graphiql-page.ts'

export type GraphiQLOptions = YogaGraphiQLOptions & {
  /** @default on, unless NODE_ENV is production */
  readonly enabled?: boolean
}

/**
 * GraphiQL at the endpoint of a Yoga of your own. The page loads nothing from other hosts. It costs 2.2 MB the first
 * time, some kB for each reload, and nothing before the first request for it. It fits on a phone, numbers the tabs of
 * `defaultTabs`, and has a button that ends the session and puts these tabs back. Yoga's own `graphiql` would answer
 * first, so set it to false:
 *
 * ```ts
 * createYoga({ schema, graphiql: false, plugins: [useSession({ store }), useGraphiQLPage({ title: 'Shop' })] })
 * ```
 *
 * @param options - those of Yoga's `graphiql`, and `enabled`
 * @throws {SessionError} CONFIG_INVALID
 */
export function useGraphiQLPage(options: GraphiQLOptions = {}): Plugin {
  if (typeof options !== 'object' || options === null) {
    throw new SessionError('CONFIG_INVALID', 'useGraphiQLPage takes an object of options.')
  }
  const { enabled = process.env['NODE_ENV'] !== 'production', ...shown } = options
  if (typeof enabled !== 'boolean') {
    throw new SessionError('CONFIG_INVALID', 'useGraphiQLPage: enabled must be true or false.')
  }
  if (!enabled) return {}
  let endpoint: string
  let pattern: URLPattern | undefined
  let page: Content | undefined

  return {
    onYogaInit({ yoga }) {
      endpoint = yoga.graphqlEndpoint
    },

    async onRequest({ request, url, fetchAPI, endResponse }) {
      if (request.method !== 'GET' && request.method !== 'HEAD') return
      const name = url.searchParams.get(pageParameter)
      if (name === null && !request.headers.get('accept')?.includes('text/html')) return
      pattern ??= new fetchAPI.URLPattern({ pathname: endpoint })
      if (!pattern.test(url) && url.pathname !== `${endpoint}/`) return
      const assets = await (loaded ??= loadAssets().catch(forget))
      const content = name === null ? (page ??= pageContent(pageOf(shown, assets))) : assets.byName.get(name)
      endResponse(await answer(request, content, fetchAPI))
    },

    async onResponse({ request, response, setResponse, fetchAPI }) {
      if (request.method !== 'POST' || new URL(request.url).searchParams.get(pageParameter) !== schemaName)
        return
      const { status, headers } = response
      const encoding = encodingFor(request.headers.get('accept-encoding'))
      const isJson = headers.get('content-type')?.includes('json')
      if (!encoding || !isJson || headers.has('content-encoding')) return
      let body: string | Uint8Array<ArrayBuffer> = await response.text()
      // The length of compressed data can give away what is in it, so that only a schema is compressed, which is no
      // secret, and nothing beside it.
      if (isSchemaAlone(body)) {
        body = await compress(body, encoding)
        headers.set('content-encoding', encoding)
        headers.delete('content-length')
      }
      setResponse(new fetchAPI.Response(body, { status, headers }))
    },
  }
}

function isSchemaAlone(body: string): boolean {
  const { data, ...others } = JSON.parse(body) as {
    data?: Readonly<Record<string, { types?: unknown }>> | null
  }
  const names = Object.keys(data ?? {})
  return (
    names.join() === '__schema' && Array.isArray(data!['__schema']!.types) && Object.keys(others).length === 0
  )
}

/** Of all servers in this process, once a browser has asked one of them. */
let loaded: Promise<Assets> | undefined

function forget(error: unknown): never {
  loaded = undefined
  throw error
}

/** The page, which is asked for again each time, as its assets have new names when anything changes. */
function pageContent(html: string): Content {
  const hash = createHash('sha256').update(html).digest('hex').slice(0, 16)
  return {
    body: encoded(html),
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': "frame-ancestors 'none'",
      'cache-control': 'no-cache',
      // Weak, as it is the same in each coding.
      etag: `W/"${hash}"`,
      vary: 'Accept, Accept-Encoding',
    },
  }
}

/** Answers a GET or HEAD with a content, in the best coding that its client takes; without one by 404. */
export async function answer(
  { method, headers: asked }: Request,
  content: Content | undefined,
  { Response }: FetchAPI,
): Promise<Response> {
  if (!content) return new Response(null, { status: 404, headers: { 'cache-control': 'no-store' } })
  const { headers } = content
  if (headers['etag'] && asked.get('if-none-match')?.includes(headers['etag'])) {
    return new Response(null, { status: 304, headers })
  }
  const encoding = encodingFor(asked.get('accept-encoding'))
  const bytes = await content.body(encoding)
  return new Response(method === 'HEAD' ? null : bytes, {
    headers: {
      ...headers,
      ...(encoding && { 'content-encoding': encoding }),
      'content-length': String(bytes.byteLength),
    },
  })
}
