import { afterEach, describe, expect, it, vi } from 'vitest'
import { summary } from '../../src/server/summary.ts'
import type { CookieOptions } from '../../src/session/cookie.ts'

describe('what the start-up text says of the cookie', () => {
  afterEach(() => {
    vi.unstubAllEnvs()
  })

  const elsewhere = 'no cookie will survive plain http on'
  it.each<[env: string, host: string, address: string, shown: string, cookie: string[]]>([
    ['', '127.0.0.1', '127.0.0.1', 'localhost', ['a; over plain http on this machine: a']],
    ['', 'LOCALHOST', '127.0.0.1', 'localhost', ['a; over plain http on this machine: a']],
    ['', '127.1', '127.0.0.1', 'localhost', ['a; over plain http on this machine: a']],
    ['', '127.0.0.2', '127.0.0.2', '127.0.0.2', ['a; over plain http on this machine: a']],
    ['', '::1', '::1', 'localhost', ['a; over plain http on this machine: a']],
    ['', '0.0.0.0', '0.0.0.0', 'localhost', ['a; over plain http on this machine: a', `${elsewhere} 0.0.0.0, or any host but localhost: put TLS in front`]],
    ['', '::', '::', 'localhost', ['a; over plain http on this machine: a', `${elsewhere} ::, or any host but localhost: put TLS in front`]],
    ['', '192.0.2.7', '192.0.2.7', '192.0.2.7', ['a', `${elsewhere} 192.0.2.7: put TLS in front`]],
    ['', '2001:DB8::1', '2001:db8::1', '[2001:db8::1]', ['a', `${elsewhere} 2001:DB8::1: put TLS in front`]],
    ['', 'fe80::1%eth0', 'fe80::1', 'fe80::1%eth0', ['a', `${elsewhere} fe80::1%eth0: put TLS in front`]],
    ['', 'shop', '192.0.2.7', 'shop', ['a', `${elsewhere} shop: put TLS in front`]],
    ['', 'shop', '127.0.1.1', 'shop', ['a', `${elsewhere} shop: put TLS in front`]],
    ['production', '127.0.0.1', '127.0.0.1', 'localhost', ['a', 'put TLS in front: without it some browsers keep the cookie on localhost, and none elsewhere']],
    ['production', '0.0.0.0', '0.0.0.0', 'localhost', ['a', `${elsewhere} 0.0.0.0, or any host but localhost: put TLS in front`]],
    ['production', 'shop', '192.0.2.7', 'shop', ['a', `${elsewhere} shop: put TLS in front`]],
  ])('with NODE_ENV=%s on %s (%s)', (env, host, address, shown, cookie) => {
    vi.stubEnv('NODE_ENV', env)
    const text = summary({ address, port: 4000 }, host, 'memory', { cookie: { name: '__Host-a' } })
    expect(text).toMatch(`serves http://${shown}:4000/graphql`)
    const lines = text.split('\n')
    expect(lines.slice(3, -1)).toEqual([
      `  cookie    __Host-${cookie[0]}`,
      ...cookie.slice(1).map((line) => `            ${line}`),
    ])
  }) // prettier-ignore

  it.each<[cookie: CookieOptions, host: string, lines: string[]]>([
    [{}, '127.0.0.1', ['__Host-session; over plain http on this machine: graphql-session-4000']],
    [{}, '192.0.2.7', ['__Host-session', `${elsewhere} 192.0.2.7: put TLS in front`]],
    [{ secure: false }, '192.0.2.7', ['graphql-session-4000', 'not Secure: whoever is on the way can take it, so put TLS in front in production']],
    [{ secure: false, name: '__Host-a' }, '0.0.0.0', ['a', 'not Secure: whoever is on the way can take it, so put TLS in front in production']],
    [{ secure: true }, '127.0.0.1', ['__Host-session', 'put TLS in front: without it some browsers keep the cookie on localhost, and none elsewhere']],
  ])('with %o on %s', (cookie, address, lines) => {
    const text = summary({ address, port: 4000 }, address, 'memory', { cookie }).split('\n')
    expect(text.slice(3, -1).map((line) => line.slice(12))).toEqual(lines)
  }) // prettier-ignore
})
