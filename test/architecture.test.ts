import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { staleFiles } from './generated.ts'

const source = join(import.meta.dirname, '..', 'src')

/** From the ground up: a room imports only what stands in a line above its own. */
const rooms = [
  ['errors.ts', 'record.ts', 'media-types.ts', 'turn.ts', 'generated/sdl.ts'],
  ['value.ts', 'expiry.ts', 'changes.ts', 'token.ts', 'options.ts', 'events.ts', 'gate.ts'],
  [
    'keys.ts',
    'cookie.ts',
    'journal.ts',
    'settings.ts',
    'body.ts',
    'complexity.ts',
    'host.ts',
    'message.ts',
    'generated/client.ts',
  ],
  ['store.ts', 'stores/packed.ts', 'stores/call-timeout.ts', 'histories.ts'],
  ['stores/keyed.ts', 'stores/guarded.ts', 'store-suite.ts', 'sweeping.ts'],
  ['stores/memory.ts', 'stores/redis.ts', 'stores/postgres.ts', 'stores/sqlite.ts', 'stores/cookie.ts'],
  ['stores/open.ts'],
  ['holding.ts'],
  ['unit.ts'],
  ['session.ts', 'operation.ts'],
  ['answer.ts', 'generated/resolvers.ts'],
  ['tidy.ts', 'exchange.ts', 'resolvers.ts', 'streams.ts', 'health.ts', 'listen.ts'],
  ['use-gate.ts'],
  ['plugin.ts', 'reply.ts'],
  ['front.ts'],
  ['server.ts'],
  ['backends.ts'],
  ['index.ts', 'main.ts'],
]

/** What may be imported from outside, and by whom. Node's own modules go anywhere. */
const packages: Record<string, readonly string[]> = {
  'lru-cache': ['server.ts', 'stores/memory.ts'],
  cookie: ['cookie.ts'],
  ioredis: ['backends.ts'],
  pg: ['backends.ts'],
  jose: ['stores/cookie.ts'],
  'fast-check': ['histories.ts', 'store-suite.ts'],
  graphql: [
    'answer.ts',
    'complexity.ts',
    'exchange.ts',
    'front.ts',
    'operation.ts',
    'resolvers.ts',
    'server.ts',
    'tidy.ts',
    'use-gate.ts',
    'generated/resolvers.ts',
  ],
  'graphql-yoga': [
    'answer.ts',
    'exchange.ts',
    'front.ts',
    'health.ts',
    'message.ts',
    'operation.ts',
    'plugin.ts',
    'resolvers.ts',
    'server.ts',
    'streams.ts',
    'use-gate.ts',
  ],
  '@graphql-tools/schema': ['server.ts'],
  '@graphql-yoga/render-graphiql': ['server.ts'],
  '@graphql-typed-document-node/core': ['generated/client.ts'],
}

// The generated types name the context of the resolvers that they type.
const typesOnly = new Set(['generated/resolvers.ts -> resolvers.ts'])

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
    expect(of('session.ts').join()).not.toMatch(/graphql|yoga|http/)
    for (const store of ['memory', 'redis', 'postgres', 'sqlite']) {
      expect(of(`stores/${store}.ts`).join()).not.toMatch(/session|value|cookie|token|graphql/)
    }
  })
})

it('the generated files are what npm run codegen writes', { timeout: 120_000 }, () => {
  expect(staleFiles()).toEqual([])
})
