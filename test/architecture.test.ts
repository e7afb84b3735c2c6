import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { staleFiles } from './support/generated.ts'
import { onOtherServers } from './support/lacks.ts'

interface Room {
  /** What it may import of ours: whole rooms, or single files of one. */
  readonly rooms: readonly string[]
  /** What it may import from outside, beside Node's own modules: by any file of the room, or by the named one only. */
  readonly packages: Readonly<Record<string, string>>
}

const any = ''

/** Who may import whom. */
const rooms: Readonly<Record<string, Room>> = {
  session: { rooms: [], packages: { cookie: 'cookie.ts' } },
  stores: {
    rooms: ['session/'],
    packages: { 'lru-cache': 'memory.ts', jose: 'cookie.ts', 'fast-check': 'suite/' },
  },
  http: { rooms: ['session/errors.ts', 'session/options.ts', 'session/runtime.ts'], packages: {} },
  graphql: {
    rooms: ['session/', 'stores/open.ts', 'http/'],
    packages: {
      'lru-cache': 'documents.ts',
      graphql: any,
      'graphql-yoga': any,
      '@graphql-typed-document-node/core': 'generated/client.ts',
    },
  },
  client: {
    // Types only, beside the documents: what runs in a browser takes nothing of the server along.
    rooms: ['graphql/generated/client.ts'],
    packages: {
      graphql: 'operation.ts',
      '@apollo/client/core': 'apollo.ts',
      '@urql/core': 'urql.ts',
      wonka: 'urql.ts',
    },
  },
  codegen: {
    rooms: ['session/', 'graphql/data/', 'server/config-file.ts'],
    packages: {
      graphql: any,
      '@graphql-codegen/typescript': 'preset.ts',
      '@graphql-codegen/typescript-resolvers': 'preset.ts',
    },
  },
  server: {
    rooms: ['session/', 'stores/', 'http/', 'graphql/'],
    packages: {
      graphql: any,
      'graphql-yoga': any,
      '@graphql-tools/schema': any,
      '@graphql-yoga/render-graphiql/graphiql': 'graphiql-bundle.ts',
      ioredis: 'redis-backend.ts',
      'mysql2/promise': 'mysql-backend.ts',
      pg: 'postgres-backend.ts',
      sirv: 'static-files.ts',
      ws: 'socket-endpoint.ts',
      'graphql-ws/use/ws': 'socket-endpoint.ts',
    },
  },
}

/** The one file outside of the rooms: what the package exports. */
const barrel = 'index.ts'

/** What a browser imports: it passes on the documents, too. */
const clientBarrel = 'client/index.ts'

/** The generated types name the context of the resolvers that they type. */
const typesOnly = new Set([
  'graphql/generated/resolvers.ts -> graphql/resolvers.ts',
  'client/index.ts -> session/value.ts',
])

interface Import {
  readonly file: string
  readonly target: string
  readonly isOurs: boolean
  readonly isType: boolean
}

function importsOf(file: string, text: string): Import[] {
  const specifiers = text.matchAll(
    /^(import|export)\b(?: type\b)?[^'"`]*?\bfrom\s*'([^']+)'|^import '([^']+)'|\bimport\(\s*'([^']+)'/gm,
  )
  return [...specifiers]
    .map(([statement, , from, bare, loaded]) => ({ statement, specifier: (from ?? bare ?? loaded)! }))
    .filter(({ specifier }) => !specifier.startsWith('node:'))
    .map(({ statement, specifier }) => {
      const isOurs = specifier.startsWith('.')
      const isType = /^(?:import|export) type /.test(statement)
      return { file, target: isOurs ? join(file, '..', specifier) : specifier, isOurs, isType }
    })
}

/** Why an import may not be, or null. */
function flawOf({ file, target, isOurs, isType }: Import): string | null {
  const name = roomOf(file)
  const room = rooms[name]
  if (!room) return file === barrel && isOurs ? null : `${file} is in no room`
  const says = `${file} -> ${target}`
  if (isType && typesOnly.has(says)) return null
  if (isOurs) {
    const isAllowed = roomOf(target) === name || room.rooms.some((allowed) => target.startsWith(allowed))
    return isAllowed ? null : says
  }
  const by = room.packages[target]
  return by !== undefined && file.startsWith(`${name}/${by}`) ? null : says
}

const roomOf = (file: string): string => file.split('/')[0]!

/** The first way round found, e.g. `a -> b -> a`; null without one. */
function cycleIn(imports: readonly Import[]): string | null {
  const targets = Map.groupBy(
    imports.filter(
      ({ isOurs, isType, file, target }) => isOurs && !(isType && typesOnly.has(`${file} -> ${target}`)),
    ),
    ({ file }) => file,
  )
  const done = new Set<string>()
  const visit = (file: string, path: readonly string[]): string | null => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file].join(' -> ')
    if (done.has(file)) return null
    for (const { target } of targets.get(file) ?? []) {
      const cycle = visit(target, [...path, file])
      if (cycle) return cycle
    }
    done.add(file)
    return null
  }
  for (const file of targets.keys()) {
    const cycle = visit(file, [])
    if (cycle) return cycle
  }
  return null
}

const root = join(import.meta.dirname, '..')

const sources = (folder: string): (readonly [file: string, text: string])[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.includes('node_modules'))
    .map((name) => [name, readFileSync(join(root, folder, name), 'utf8')])

const importsIn = (folder: string): Import[] =>
  sources(folder).flatMap(([file, text]) => importsOf(file, text))

const flawsIn = (imports: readonly Import[]): string[] =>
  imports.map(flawOf).filter((flaw): flaw is string => flaw !== null)

describe('the rooms of src', () => {
  const imports = importsIn('src')

  it('are the seven of the table, and hold every file', () => {
    expect(readdirSync(join(root, 'src')).toSorted()).toEqual([...Object.keys(rooms), barrel].toSorted())
    expect(imports.length).toBeGreaterThan(150)
  })

  it('import only what the table allows', () => {
    expect(flawsIn(imports)).toEqual([])
  })

  it('have no cycle', () => {
    expect(cycleIn(imports)).toBeNull()
  })

  it('have no file that only passes on what another one has', () => {
    const passingOn = sources('src').filter(
      ([file, text]) => ![barrel, clientBarrel].includes(file) && /^export\b[^'"`;]*?\bfrom '/m.test(text),
    )
    expect(passingOn.map(([file]) => file)).toEqual([])
  })

  it('tell in their first line what only the file does', () => {
    const silent = sources('src').filter(
      ([file, text]) => !file.includes('/generated/') && !/^(?:#!.*\n)?\/\/ [A-Z][^\n]{20,}/.test(text),
    )
    expect(silent.map(([file]) => file)).toEqual([])
  })

  it.each([
    ['session/unit-of-work.ts', '../stores/open.ts'],
    ['session/session.ts', '../http/gate.ts'],
    ['session/value.ts', 'graphql'],
    ['stores/redis.ts', '../http/gate.ts'],
    ['stores/redis.ts', 'ioredis'],
    ['stores/mysql.ts', 'mysql2/promise'],
    ['stores/postgres.ts', 'lru-cache'],
    ['stores/open.ts', '../graphql/exchange.ts'],
    ['http/gate.ts', '../session/session.ts'],
    ['http/reply.ts', '../graphql/use-gate.ts'],
    ['http/message.ts', 'graphql-yoga'],
    ['graphql/exchange.ts', '../stores/memory.ts'],
    ['graphql/resolvers.ts', '../server/health.ts'],
    ['graphql/use-gate.ts', 'lru-cache'],
    ['client/fetch.ts', '../session/errors.ts'],
    ['client/fetch.ts', 'wonka'],
    ['codegen/preset.ts', '../server/schema.ts'],
    ['codegen/data-types.ts', '@graphql-codegen/typescript'],
    ['server/published.ts', '../codegen/preset.ts'],
    ['server/health.ts', '../index.ts'],
    ['server/health.ts', 'pg'],
    ['server/serve.ts', 'sirv'],
  ])('fail for %s with %s', (file, specifier) => {
    expect(flawsIn(importsOf(file, `import { x } from '${specifier}'\n`))).toHaveLength(1)
    expect(flawsIn(importsOf(file, `const x = await import('${specifier}')\n`))).toHaveLength(1)
    expect(flawsIn(importsOf(file, `export type { X } from '${specifier}'\n`))).toHaveLength(1)
    expect(flawsIn(importsOf(file, `import '${specifier}'\n`))).toHaveLength(1)
    expect(flawsIn(importsOf(file, `await import(\n  '${specifier}'\n)\n`))).toHaveLength(1)
    expect(flawsIn(importsOf(file, `import {\n  x,\n} from '${specifier}'\n`))).toHaveLength(1)
  })

  it('fail for a cycle', () => {
    const planted = importsOf('session/errors.ts', `import { Session } from './session.ts'\n`)
    expect(cycleIn([...imports, ...planted])).toContain('session/errors.ts -> session/session.ts')
    const resolvers = importsOf('graphql/generated/resolvers.ts', `import { x } from '../resolvers.ts'\n`)
    expect(cycleIn([...imports, ...resolvers])).toContain('graphql/generated/resolvers.ts')
  })
})

it('tests that run over other servers make their server by makeServer', () => {
  const others = onOtherServers.filter((file) =>
    /\bcreateSessionServer[<(]/.test(readFileSync(join(import.meta.dirname, '..', file), 'utf8')),
  )
  expect(others).toEqual([])
})

it('bench has no cycle', () => {
  expect(cycleIn(importsIn('bench'))).toBeNull()
})

it('the generated files are what npm run codegen writes', { timeout: 120_000 }, async () => {
  expect(await staleFiles()).toEqual([])
})
