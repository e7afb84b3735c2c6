// This answers health checks: whether the process lives, and whether it is ready for requests.

import type { IncomingMessage } from 'node:http'
import type { Plugin } from 'graphql-yoga'
import { discardUnread } from '../http/body.ts'
import { mayShare } from '../session/runtime.ts'
import type { Settings } from '../session/settings.ts'
import type { SessionStore } from '../session/store.ts'
import { digest } from '../session/token.ts'
import { probed } from '../stores/guarded.ts'

/** Milliseconds in which the store has to answer to count as ready. */
const readinessTimeout = 250

export const healthPaths: ReadonlySet<string> = new Set(['/health/live', '/health/ready'])

/** An id that no token has. The store has no session to give for it, and only has to answer. */
const probeId = digest('')

/**
 * Makes the Yoga plugin that answers `GET /health/live` without asking the store, and `GET /health/ready`
 * with asking it: a read and a delete of a session that is not there, as a replica of a database answers reads
 * and refuses writes. Each answer is one of a few fixed words, as the message of a driver may hold a password.
 * @param isDraining - whether the process is about to end, and so no longer ready
 */
export function useHealth(store: SessionStore, { clock }: Settings, isDraining: () => boolean): Plugin {
  const backing = 'open' in store ? store.denyList : store
  const asked = backing && probed(backing, readinessTimeout)
  let asking: Promise<string> | undefined

  const probe = (): Promise<string> =>
    Promise.all([asked?.read(probeId, clock()), asked?.delete(probeId, clock())]).then(
      () => 'ready',
      () => 'store unavailable',
    )

  // However many requests come, the store is asked once at a time, unless requests may not share the answer.
  const ask = (): Promise<string> =>
    mayShare() ? (asking ??= probe().finally(() => (asking = undefined))) : probe()

  const answers: Readonly<Record<string, () => Promise<string> | string>> = {
    '/health/live': () => 'live',
    '/health/ready': () => (isDraining() ? 'draining' : ask()),
  }

  return {
    async onRequest({ request, serverContext, url, fetchAPI: { Response }, endResponse }) {
      if (!request.url.includes('/health/')) return
      const answer = Object.hasOwn(answers, url.pathname) && answers[url.pathname]
      if (!answer) return
      const isRead = request.method === 'GET' || request.method === 'HEAD'
      if (!isRead) await discardUnread(request, (serverContext as { req?: IncomingMessage }).req)
      const word = isRead ? await answer() : 'method not allowed'
      const status = isRead ? (word === 'live' || word === 'ready' ? 200 : 503) : 405
      const headers = {
        'content-type': 'text/plain; charset=utf-8',
        'cache-control': 'no-store',
        ...(status === 405 && { allow: 'GET, HEAD' }),
        ...(status === 503 && { 'retry-after': '1' }),
      }
      endResponse(new Response(request.method === 'HEAD' ? null : word, { status, headers }))
    },
  }
}
