import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { version } from 'graphql'
import { defineConfig } from 'vitest/config'
import { isOtherServer, onOtherServers, packagesOfServers } from './test/support/lacks.ts'

/**
 * What a person sees of a session is the same over each store, and on the short way through the server as on Yoga's.
 * Everything else runs once, in the project `memory`.
 */
const overEachStore = [
  'graphql/operations',
  'graphql/saving',
  'graphql/races',
  'graphql/join',
  'graphql/hand-over',
  'graphql/old-cookie',
  'graphql/header-transport',
  'graphql/errors',
  'graphql/streams',
  'graphql/data/kept-values',
  'graphql/data/rights',
  'session/session',
  'session/session-model',
  'session/side-by-side',
  'session/expired-entries',
  'graphql/live',
  'graphql/devices',
  'session/owners',
  'session/owner-races',
  'server/storefront',
]

/** Whether this run has a project that only CI has, or that was asked for. */
const isFor = (project: string): boolean =>
  Boolean(process.env['CI'] || process.env['LONG']) ||
  process.argv.some((argument) => [project, `--project=${project}`].includes(argument))

const over = (store: string, include: string[], way = 'yoga') => ({
  extends: true as const,
  test: {
    name: way === 'yoga' ? store : way,
    include,
    exclude: forCI,
    env: { TEST_STORE: store, TEST_WAY: way },
    ...(isOtherServer(way) && { setupFiles: ['test/support/as-far-as-it-can.ts'] }),
  },
})
/** Stores and servers that are killed and waited for: a minute and a half, for CI and `npm run test:faults`. */
const forCI =
  process.env['CI'] || process.env['FAULTS']
    ? []
    : ['durability', 'faults', 'floods-in-outage', 'outage'].map((name) => `test/faults/${name}.test.ts`)

/** Two of the other servers take no newer graphql than 16, and are there beside the lowest peers. */
const isInstalled = (name: string): boolean => existsSync(new URL(`node_modules/${name}`, import.meta.url))
const otherServers = Object.keys(packagesOfServers).filter(
  (server) => isFor(server) && isInstalled(packagesOfServers[server]!),
)

const shared = overEachStore.map((name) => `test/${name}.test.ts`)

/**
 * Up to its version 16, graphql-js has no `exports`: node loads its `main`, and Vite would load its `module`, of which
 * each refuses what the other one made.
 */
const oneGraphql = version.startsWith('16.')
  ? [{ find: /^graphql$/, replacement: fileURLToPath(import.meta.resolve('graphql')) }]
  : []

export default defineConfig({
  // Examples import this package by its name: here that is src, not what was built last.
  resolve: { tsconfigPaths: true, alias: oneGraphql },
  // With Vite's own conditions the tests would load another copy of graphql than Yoga does.
  ssr: { resolve: { conditions: ['node', 'module-sync'] } },
  test: {
    // The errors that a test provokes are news when it fails.
    silent: 'passed-only',
    reporters: ['./test/support/reporter.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    setupFiles: ['test/support/no-secrets.ts'],
    // Most tests wait for processes and stores more than they compute. By default two cores have one worker.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    // These end what hangs, and judge no speed: a bare machine reads each file of its packages for the first time.
    testTimeout: process.env['LONG'] ? 1_800_000 : process.env['CI'] ? 120_000 : 30_000,
    hookTimeout: 60_000,
    projects: [
      over('memory', ['test/**/*.test.ts']),
      // The hostile requests over Redis are for CI: half a minute, for what they do over the memory store, too.
      over('redis', process.env['CI'] ? [...shared, 'test/http/hostile.test.ts'] : shared),
      over('postgres', shared),
      over('sqlite', shared),
      // Over MySQL everything again is for CI. Its own tests, and those of the contract, are in the project memory.
      ...(isFor('mysql') ? [over('mysql', shared)] : []),
      over('cookie', [
        'test/session/session-model.test.ts',
        'test/graphql/data/kept-values.test.ts',
        'test/graphql/data/rights.test.ts',
      ]),
      over('memory', shared, 'short'),
      ...otherServers.map((server) => over('memory', onOtherServers, server)),
    ],
  },
})
