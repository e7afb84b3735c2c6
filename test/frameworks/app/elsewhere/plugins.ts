// This is a Yoga with plugins that judge requests, limit operations or set cookies, beside those of sessions.

import { useRateLimiter } from '@envelop/rate-limiter'
import { EnvelopArmorPlugin } from '@escape.tech/graphql-armor'
import { useCSRFPrevention } from '@graphql-yoga/plugin-csrf-prevention'
import { useDisableIntrospection } from '@graphql-yoga/plugin-disable-introspection'
import { createInlineSigningKeyProvider, extractFromHeader, useJWT } from '@graphql-yoga/plugin-jwt'
import { useCookies } from '@whatwg-node/server-plugin-cookies'
import type { SessionContext } from 'graphql-session'
import type { Plugin, YogaServerOptions } from 'graphql-yoga'
import type { MySession } from './application.ts'
import { options as own } from './own.ts'

const setsCookie: Plugin = {
  async onRequestParse({ request }) {
    await (request as Request & { cookieStore?: CookieStore }).cookieStore?.set('last_page', 'cart')
  },
  onResponse: ({ response: { headers } }) => headers.set('retry-after', '1'),
}

const identifyFn = (context: unknown): string | Promise<string> =>
  (context as SessionContext<MySession>).session.handle().then(String)

export const options: YogaServerOptions<{}, {}> = {
  ...own,
  plugins: [
    useCookies(),
    setsCookie,
    useJWT({
      signingKeyProviders: [createInlineSigningKeyProvider('a secret of thirty-two characters')],
      tokenLookupLocations: [extractFromHeader({ name: 'authorization', prefix: 'Bearer' })],
      reject: { missingToken: false },
    }),
    useCSRFPrevention({ requestHeaders: ['x-csrf'] }),
    ...own.plugins!,
    useRateLimiter({
      identifyFn: identifyFn as never,
      configByField: [
        { type: 'Mutation', field: 'count', max: 10_000, window: '1m', identifyFn: identifyFn as never },
      ],
    }) as never,
    useDisableIntrospection(),
    EnvelopArmorPlugin() as never,
  ],
}
