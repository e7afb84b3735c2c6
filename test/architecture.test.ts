import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { staleFiles } from './support/generated.ts'

const source = join(import.meta.dirname, '..', 'src')

/** From the ground up: a room imports only what stands in a line above its own. */
const rooms = [
  [
    'session/errors.ts',
    'session/record.ts',
    'http/media-types.ts',
    'http/turn.ts',
    'graphql/generated/sdl.ts',
  ],
  [
    'session/value.ts',
    'session/expiry.ts',
    'session/changes.ts',
    'session/token.ts',
    'session/options.ts',
    'session/events.ts',
    'http/gate.ts',
  ],
  [
    'session/keys.ts',
    'session/cookie.ts',
    'session/journal.ts',
    'session/settings.ts',
    'http/body.ts',
    'graphql/complexity.ts',
    'http/host.ts',
    'http/message.ts',
    'graphql/generated/client.ts',
  ],
  ['session/store.ts', 'stores/packed.ts', 'stores/call-timeout.ts', 'stores/suite/histories.ts'],
  ['stores/keyed.ts', 'stores/guarded.ts', 'stores/suite/suite.ts', 'stores/sweeping.ts'],
  ['stores/memory.ts', 'stores/redis.ts', 'stores/postgres.ts', 'stores/sqlite.ts', 'stores/cookie.ts'],
  ['stores/open.ts'],
  ['session/holding.ts'],
  ['session/unit.ts'],
  ['session/session.ts', 'graphql/operation.ts'],
  ['graphql/answer.ts', 'graphql/generated/resolvers.ts'],
  [
    'graphql/tidy.ts',
    'graphql/exchange.ts',
    'graphql/resolvers.ts',
    'graphql/streams.ts',
    'server/health.ts',
    'http/listen.ts',
  ],
  ['graphql/use-gate.ts'],
  ['graphql/use-session.ts', 'http/reply.ts'],
  ['server/short-way.ts'],
  ['server/create-session-server.ts'],
  ['server/backends.ts'],
  ['index.ts', 'server/main.ts'],
]

/** What may be imported from outside, and by whom. Node's own modules go anywhere. */
const packages: Record<string, readonly string[]> = {
  'lru-cache': ['server/create-session-server.ts', 'stores/memory.ts'],
  cookie: ['session/cookie.ts'],
  ioredis: ['server/backends.ts'],
  pg: ['server/backends.ts'],
  jose: ['stores/cookie.ts'],
  'fast-check': ['stores/suite/histories.ts', 'stores/suite/suite.ts'],
  graphql: [
    'graphql/answer.ts',
    'graphql/complexity.ts',
    'graphql/exchange.ts',
    'server/short-way.ts',
    'graphql/operation.ts',
    'graphql/resolvers.ts',
    'server/create-session-server.ts',
    'graphql/tidy.ts',
    'graphql/use-gate.ts',
    'graphql/generated/resolvers.ts',
  ],
  'graphql-yoga': [
    'graphql/answer.ts',
    'graphql/exchange.ts',
    'server/short-way.ts',
    'server/health.ts',
    'http/message.ts',
    'graphql/operation.ts',
    'graphql/use-session.ts',
    'graphql/resolvers.ts',
    'server/create-session-server.ts',
    'graphql/streams.ts',
    'graphql/use-gate.ts',
  ],
  '@graphql-tools/schema': ['server/create-session-server.ts'],
  '@graphql-yoga/render-graphiql': ['server/create-session-server.ts'],
  '@graphql-typed-document-node/core': ['graphql/generated/client.ts'],
}

// The generated types name the context of the resolvers that they type.
const typesOnly = new Set(['graphql/generated/resolvers.ts -> graphql/resolvers.ts'])

const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((name) =>
  name.endsWith('.ts'),
)
const imports = files.flatMap((file) => {
  const text = readFileSync(join(source, file), 'utf8')
  const specifiers = text.matchAll(/^(?:import|export)\b[^'"`]*?\bfrom '([^']+)'|\bimport\('([^']+)'\)/gm)
  return [...specifiers].map(([, from, loaded]) => ({ file, specifier: (from ?? loaded)! }))
})

const floorOf = (file: string): number => rooms.findIndex((floor) => floor.includes(file))

describe('the rooms of src', () => {
  it('are all in the table', () => {
    expect(files.toSorted()).toEqual(rooms.flat().toSorted())
  })

  it('import downwards only, so that there is no cycle', () => {
    const inner = imports
      .filter(({ specifier }) => specifier.startsWith('.'))
      .map(({ file, specifier }) => ({ file, target: join(file, '..', specifier) }))
    expect(inner.length).toBeGreaterThan(30)
    const wrong = inner.filter(({ file, target }) => floorOf(target) < 0 || floorOf(target) >= floorOf(file))
    expect(
      wrong.map(({ file, target }) => `${file} -> ${target}`).filter((edge) => !typesOnly.has(edge)),
    ).toEqual([])
  })

  it('import a package only where it belongs', () => {
    const outer = imports.filter(({ specifier }) => !/^(?:\.|node:)/.test(specifier))
    expect(outer.filter(({ file, specifier }) => !packages[specifier]?.includes(file))).toEqual([])
  })

  it('keep GraphQL and HTTP out of the session, and the session out of the stores', () => {
    const of = (file: string) =>
      imports.filter((each) => each.file === file).map(({ specifier }) => specifier)
    expect(of('session/session.ts').join()).not.toMatch(/graphql|yoga|http/)
    for (const store of ['memory', 'redis', 'postgres', 'sqlite']) {
      expect(of(`stores/${store}.ts`).join()).not.toMatch(/\/(?:session|value|cookie|token)\.ts|graphql/)
    }
  })
})

it('the generated files are what npm run codegen writes', { timeout: 120_000 }, () => {
  expect(staleFiles()).toEqual([])
})
