// This tells whether a browser held back the cookies of this server, as it does in requests of other sites.

import type { RequestHead } from './gate.ts'

/** What is needed of a request to judge it: that of node:http, of the Fetch API or of a framework. */
export interface RequestLike {
  readonly method?: string | undefined
  readonly headers: Headers | Readonly<Record<string, string | readonly string[] | undefined>>
}

/** The part of the head of a request that is judged. */
export type SiteOfRequest = Pick<RequestHead, 'method' | 'header'>

/** The head of a request, whoever made it. */
export const siteOf = ({ method = 'POST', headers }: RequestLike): SiteOfRequest => ({
  method,
  header: (name) => (headers instanceof Headers ? headers.get(name) : headers[name]?.toString()),
})

/**
 * Whether the browser that sent a request without a cookie may have one, which it held back because a page of
 * another site sent the request (RFC 6265bis, 5.6.7.1). `Lax` cookies come with a top-level navigation by GET.
 * Without `Sec-Fetch-Site`, which old browsers and plain http lack, `Origin` is compared with the host.
 * @param areOriginsJudged - whether a gate has let in this `Origin`, so that it is none to be compared
 */
export function holdsCookiesBack(
  { method, header }: SiteOfRequest,
  sameSite: 'lax' | 'strict' | 'none',
  areOriginsJudged = false,
): boolean {
  if (sameSite === 'none') return false
  const site = header('sec-fetch-site')
  if (site) {
    const isVisit = header('sec-fetch-mode') === 'navigate' && header('sec-fetch-dest') === 'document'
    const isSafe = method === 'GET' || method === 'HEAD'
    return site === 'cross-site' && !(sameSite === 'lax' && isVisit && isSafe)
  }
  const origin = header('origin')
  if (!origin || areOriginsJudged) return false
  // A proxy may have replaced the host. No page can set either header, so that one that fits is the browser's.
  const hosts = [header('host'), ...(header('x-forwarded-host')?.split(',') ?? [])]
  return !hosts.some((host) => host && origin.replace(/^\w+:\/\//, '') === host.trim())
}
