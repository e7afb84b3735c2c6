import { afterEach, describe, expect, it, vi } from 'vitest'
import { createSessionServer } from '../../src/server/create-session-server.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { shop } from '../support/shop.ts'

afterEach(() => vi.unstubAllEnvs())

describe('GraphiQL', () => {
  const isServed = async (graphiql?: Parameters<typeof createSessionServer>[0]['graphiql']) => {
    const yoga = createSessionServer({
      store: memoryStore({ max: 1 }),
      ...(graphiql !== undefined && { graphiql }),
    })
    const response = await yoga.fetch('http://localhost/graphql', { headers: { accept: 'text/html' } })
    const isPage = (await response.text()).includes('graphiql')
    expect(response.headers.get('content-security-policy')).toBe(isPage ? "frame-ancestors 'none'" : null)
    return isPage
  }

  it.each([
    ['development', undefined, true],
    ['development', false, false],
    ['development', { title: 'Shop' }, true],
    ['development', { enabled: false }, false],
    ['production', undefined, false],
    ['production', { title: 'Shop' }, false],
    ['production', true, true],
    ['production', { title: 'Shop', enabled: true }, true],
  ] as const)('in %s with %o: %s', async (env, graphiql, served) => {
    vi.stubEnv('NODE_ENV', env)
    expect(await isServed(graphiql)).toBe(served)
  })

  it('is where a browser gets to from the root', async () => {
    const response = await shop().yoga.fetch('http://localhost/', { redirect: 'manual' })
    expect([response.status, response.headers.get('location')]).toEqual([302, '/graphql'])
    const without = await shop({ graphiql: false }).yoga.fetch('http://localhost/')
    expect(without.status).toBe(404)
  })
})

it('CORS is closed', async () => {
  const origin = 'https://evil.example'
  for (const init of [
    { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'POST' } },
    {
      method: 'POST',
      headers: { origin, 'content-type': 'application/json' },
      body: '{"query":"{__typename}"}',
    },
  ]) {
    const { headers } = await shop().yoga.fetch('http://localhost/graphql', init)
    expect([...headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([])
  }
})
