// This lists where the package has to run: packages with their versions, how that is built and started, and what is out of reach.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../support/documents/page.ts'
import type { OwnStepName, StepName } from './probe.ts'

/** One place where people run it. */
export interface Row {
  readonly name: string
  /** The page and the heading over the files that a reader saves there. */
  readonly recipe?: `${string}.md#${string}`
  /** Files of `app`, which have the schema of the probe, `elsewhere` with packages that are not installed here. They stand in for those that recipes share. @default `yoga.ts` */
  readonly app?: readonly string[]
  /** Versions by name, beside graphql, graphql-yoga and the package itself. */
  readonly packages: Readonly<Record<string, string>>
  /** Files beside those of the recipe, which a reader of it has from the framework: text by path. */
  readonly files?: Readonly<Record<string, string>>
  /** The file of `app` that is the store. */
  readonly store?: 'store.ts' | 'sqlite.ts' | 'cookie.ts'
  /** What package.json has besides. */
  readonly manifest?: object
  /**
   * The `types` with which TypeScript, by the options of the pages, is to find no mistake in the files. None, where the
   * framework compiles them. @default node
   */
  readonly types?: string
  /** Commands, whose programs are those of the packages. */
  readonly build?: readonly (readonly string[])[]
  /** A command that starts the server on port 3000, or that of PORT. A free port is put in its place. None, where `build` tells all. */
  readonly start?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Whether it speaks HTTP/2 alone, over TLS. @default false */
  readonly isHttp2?: boolean
  /** Steps of the probe that are out of reach there, by the reason. */
  readonly without?: Readonly<Partial<Record<StepName, string>>>
  /** Steps of the probe that only this place is asked for. */
  readonly also?: readonly OwnStepName[]
}

const platform = `${process.platform}-${process.arch}`

const onNode = (version: string) => ({
  packages: { [`node-${platform}`]: version },
  start: [`node_modules/node-${platform}/bin/node`, 'server.ts'],
})
const nodes = ['22.23.3', '24.21.0', '26.12.1'].map((version) => ({ version, ...onNode(version) }))

/** Its binary alone. The packages bun and deno fetch theirs by a script, which is not run here. */
const bun = `@oven/bun-${platform}`
const deno = `@deno/${platform}${process.platform === 'linux' ? '-glibc' : ''}`
const onBun = {
  packages: { [bun]: '1.4.5', '@types/bun': '1.4.5' },
  types: 'bun',
  start: [`node_modules/${bun}/bin/bun`, 'server.ts'],
}
const onDeno = {
  packages: { [deno]: '2.9.6', '@types/deno': '2.7.0' },
  types: 'deno',
  start: [`node_modules/${deno}/deno`, 'run', '--allow-net', '--allow-env', 'server.ts'],
}

/** The server that the package has itself. */
const ownServer = ({ start }: { readonly start: readonly string[] }) => ({
  app: ['session-server.ts'],
  types: 'node',
  start: [...start.slice(0, -1), 'session-server.ts'],
})

const onWorkerd = {
  packages: { wrangler: '4.164.0' },
  start: ['wrangler', 'dev', '--ip', '127.0.0.1', '--port', '3000'],
  env: { WRANGLER_SEND_METRICS: 'false', CI: '1' },
}

/** What a session that is kept in its cookie cannot have, as docs/stores.md says. */
const cookieOnly = {
  'pop again': 'a session in its cookie may be popped by each request that has the cookie',
  count: 'requests at the same time overwrite the cookie of each other',
  'stream ends': 'SESSION_NOT_REVOCABLE without a denyList',
  logout: 'SESSION_NOT_REVOCABLE without a denyList',
  'old cookie': 'it holds without a denyList',
} as const

const noGate = 'the server has no gate of ours, as docs/frameworks.md says'
const noStreams = 'the server has no such streams over HTTP'
const withoutYoga = {
  page: 'the server has no page',
  defer: noStreams,
  sse: noStreams,
  'stream ends': noStreams,
  'text/plain': noGate,
  'too large': noGate,
  'too large, chunked': noGate,
  'bad JSON': noGate,
} as const

const inPieces = 'the answer of a function is one piece'

export const rows: readonly Row[] = [
  ...nodes.map(
    ({ version, ...on }) =>
      ({ name: `Node ${version}, node:http`, recipe: 'runtimes.md#Node', ...on }) as const,
  ),
  ...nodes.map(({ version, ...on }) => ({
    name: `Node ${version}, createSessionServer`,
    ...on,
    ...ownServer(on),
  })),
  {
    name: 'Yoga beside plugins that judge, limit and set cookies',
    recipe: 'runtimes.md#Node',
    app: ['elsewhere/plugins.ts'],
    files: {
      'own.ts': readFileSync(join(import.meta.dirname, 'app/yoga.ts'), 'utf8'),
      'yoga.ts': `export { options } from './plugins.ts'\n`,
    },
    packages: {
      '@envelop/rate-limiter': '10.2.1',
      '@escape.tech/graphql-armor': '3.2.0',
      '@graphql-yoga/plugin-csrf-prevention': '3.24.1',
      '@graphql-yoga/plugin-disable-introspection': '2.25.1',
      '@graphql-yoga/plugin-jwt': '3.18.1',
      '@whatwg-node/server-plugin-cookies': '2.0.1',
    },
    start: ['node', 'server.ts'],
    also: ['headers'],
    without: { 'text/plain': 'the plugin against CSRF refuses it before, by 403' },
  },
  {
    name: 'Bun, node:http',
    recipe: 'runtimes.md#Node',
    ...onBun,
    types: 'node',
  },
  {
    name: 'Express after express.json()',
    app: ['yoga.ts', 'elsewhere/express.ts'],
    packages: { express: '5.3.0', '@types/express': '5.0.6' },
    start: ['node', 'express.ts'],
    without: {
      'text/plain': 'Express has read no body of that type',
      'too large': 'Express answers before, by 413 and a page',
      'too large, chunked': 'Express answers before, by 413 and a page',
      'bad JSON': 'Express answers before, by 400 and a page',
    },
  },
  { name: 'Bun.serve', recipe: 'runtimes.md#Bun', ...onBun },
  { name: 'Bun.serve with SQLite', recipe: 'runtimes.md#Bun', store: 'sqlite.ts', ...onBun },
  { name: 'Bun, createSessionServer and listen', ...onBun, ...ownServer(onBun) },
  { name: 'Deno.serve', recipe: 'runtimes.md#Deno', ...onDeno },
  { name: 'Deno, createSessionServer and listen', ...onDeno, ...ownServer(onDeno) },
  {
    name: 'wrangler dev (workerd), memory',
    recipe: 'runtimes.md#Workers of Cloudflare',
    ...onWorkerd,
  },
  {
    name: 'wrangler dev (workerd), cookie',
    recipe: 'runtimes.md#Workers of Cloudflare',
    store: 'cookie.ts',
    ...onWorkerd,
    packages: { ...onWorkerd.packages, jose: '6.2.17' },
    without: cookieOnly,
  },
  {
    name: 'h3 2, yoga.fetch',
    recipe: 'runtimes.md#h3',
    packages: { h3: '2.0.8' },
    start: ['node', 'server.ts'],
  },
  {
    name: 'h3 2, fromNodeHandler',
    recipe: 'runtimes.md#h3',
    packages: { h3: '2.0.8' },
    start: ['node', 'node-handler.ts'],
  },
  {
    name: 'h3 1',
    recipe: 'runtimes.md#h3 1',
    packages: { h3: '1.15.11' },
    start: ['node', 'server.ts'],
  },
  {
    name: 'Nitro 2, production build',
    recipe: 'runtimes.md#Nitro 2',
    packages: { nitropack: '2.13.6', h3: '1.15.11' },
    files: { 'nitro.config.ts': `export default defineNitroConfig({ compatibilityDate: '2026-01-01' })\n` },
    types: '',
    build: [['nitropack', 'build']],
    start: ['node', '.output/server/index.mjs'],
  },
  {
    name: 'Next.js, production build',
    recipe: 'runtimes.md#Next.js',
    packages: { next: '16.4.6', react: '19.3.1', 'react-dom': '19.3.1', '@types/react': '19.3.0' },
    files: {
      'tsconfig.json': JSON.stringify({
        compilerOptions: {
          strict: true,
          noEmit: true,
          module: 'esnext',
          moduleResolution: 'bundler',
          allowImportingTsExtensions: true,
          jsx: 'preserve',
          skipLibCheck: true,
        },
      }),
      'app/layout.tsx': `export default ({ children }) => <html><body>{children}</body></html>\n`,
      'next.config.ts': `export default { typescript: { ignoreBuildErrors: true } }\n`,
    },
    types: '',
    build: [['next', 'build']],
    start: ['next', 'start', '--hostname', 'localhost', '--port', '3000'],
    env: { NEXT_TELEMETRY_DISABLED: '1' },
  },
  {
    name: 'SvelteKit, production build',
    recipe: 'runtimes.md#SvelteKit',
    packages: {
      '@sveltejs/kit': '3.2.0',
      '@sveltejs/adapter-node': '6.0.1',
      '@sveltejs/vite-plugin-svelte': '7.0.0',
      svelte: '5.57.3',
      typescript: '6.0.3',
      vite: '8.3.8',
    },
    files: {
      'src/app.html': `<html><head>%sveltekit.head%</head><body>%sveltekit.body%</body></html>\n`,
      'vite.config.js': `import adapter from '@sveltejs/adapter-node'
import { sveltekit } from '@sveltejs/kit/vite'
export default { plugins: [sveltekit({ adapter: adapter(), paths: { origin: 'http://localhost:3000' } })] }
`,
    },
    types: '',
    build: [['vite', 'build']],
    start: ['node', 'build'],
    env: { BODY_SIZE_LIMIT: '1M' },
    without: { 'text/plain': 'SvelteKit answers before: 403, as a form of another site could have sent it' },
  },
  {
    name: 'Express',
    recipe: 'frameworks.md#Express',
    packages: { express: '5.3.0', '@types/express': '5.0.6' },
    start: ['node', 'server.ts'],
  },
  {
    name: 'Fastify',
    recipe: 'frameworks.md#Fastify',
    packages: { fastify: '5.12.8' },
    start: ['node', 'server.ts'],
  },
  {
    name: 'Koa',
    recipe: 'frameworks.md#Koa',
    packages: { koa: '3.3.0', '@types/koa': '3.0.3' },
    start: ['node', 'server.ts'],
  },
  {
    name: 'Hono',
    recipe: 'frameworks.md#Hono',
    packages: { hono: '4.13.19', '@hono/node-server': '2.1.9' },
    start: ['node', 'server.ts'],
  },
  {
    name: 'graphql-http',
    recipe: 'frameworks.md#graphql-http',
    app: ['sessions.ts'],
    packages: { 'graphql-http': '1.23.1' },
    start: ['node', 'server.ts'],
    without: withoutYoga,
  },
  {
    name: 'Apollo Server',
    recipe: 'frameworks.md#Apollo Server',
    app: ['sessions.ts'],
    packages: { '@apollo/server': '5.5.1', graphql: '16.15.0' },
    start: ['node', 'server.ts'],
    without: withoutYoga,
  },
  {
    name: 'mercurius',
    recipe: 'frameworks.md#mercurius',
    app: ['sessions.ts'],
    packages: { mercurius: '16.10.1', fastify: '5.12.8', graphql: '16.15.0', '@types/ws': '8.18.2' },
    start: ['node', 'server.ts'],
    without: withoutYoga,
  },
  {
    name: 'AWS Lambda, emulated',
    recipe: 'runtimes.md#AWS Lambda',
    app: ['yoga.ts', 'elsewhere/lambda-emulator.ts'],
    packages: {},
    start: ['node', 'lambda-emulator.ts'],
    without: { 'stream ends': inPieces },
  },
  {
    name: 'Pothos',
    app: ['elsewhere/pothos.ts'],
    packages: { '@pothos/core': '4.15.1' },
    start: ['node', 'pothos.ts'],
  },
  {
    name: 'Nexus',
    app: ['elsewhere/nexus.ts'],
    packages: { nexus: '1.3.0', graphql: '16.15.0' },
    start: ['node', 'nexus.ts'],
  },
  {
    name: 'NestJS',
    recipe: 'runtimes.md#NestJS',
    packages: {
      '@nestjs/core': '12.5.1',
      '@nestjs/common': '12.5.1',
      '@nestjs/platform-express': '12.5.1',
      '@nestjs/graphql': '14.0.3',
      '@graphql-yoga/nestjs': '3.25.1',
      'reflect-metadata': '0.2.2',
      rxjs: '7.8.2',
      typescript: '6.0.3',
    },
    // The driver's peers name Nest 11.
    manifest: {
      overrides: {
        '@graphql-yoga/nestjs': {
          '@nestjs/core': '12.5.1',
          '@nestjs/common': '12.5.1',
          '@nestjs/graphql': '14.0.3',
        },
      },
    },
    files: {
      'src/schema.ts': `import { sessionResolvers, sessionTypeDefs } from 'graphql-session'
import { resolvers as own, typeDefs as ownTypeDefs } from '../application.ts'
export const typeDefs = [sessionTypeDefs, ownTypeDefs]
export const resolvers = [sessionResolvers, own]
`,
      'src/yoga.ts': `export { options } from '../yoga.ts'\n`,
    },
    types: '',
    build: [
      `tsc --target es2024 --module nodenext --types node --strict --skipLibCheck --outDir dist --rootDir .
        --experimentalDecorators --emitDecoratorMetadata --rewriteRelativeImportExtensions src/main.ts`.split(
        /\s+/,
      ),
    ],
    start: ['node', 'dist/src/main.js'],
    without: { page: 'the driver has no GraphiQL in production' },
  },
  {
    name: 'HTTP/2',
    recipe: 'runtimes.md#HTTP/2',
    packages: {},
    start: ['node', 'server.ts'],
    isHttp2: true,
  },
  {
    name: 'Jest, tests in CommonJS',
    recipe: 'runtimes.md#Jest',
    packages: { jest: '30.5.2' },
    manifest: { type: 'commonjs' },
    types: '',
    build: [['jest']],
    env: { NODE_OPTIONS: '--experimental-vm-modules' },
  },
  {
    name: 'Hive Gateway in front of a subgraph',
    recipe: 'runtimes.md#Behind Hive Gateway',
    app: ['elsewhere/shop.ts'],
    packages: {
      '@apollo/subgraph': '2.15.1',
      '@graphql-hive/gateway': '2.15.1',
      '@theguild/federation-composition': '0.27.0',
      graphql: '16.15.0',
    },
    files: { 'shown.ts': readFileSync(join(root, 'examples/federation/shop.ts'), 'utf8') },
    also: ['headers', 'device', 'two fetches'],
    build: [['node', 'compose.ts']],
    start: ['sh', '-c', 'node subgraph.ts & exec hive-gateway supergraph'],
    without: {
      page: 'the gateway has a page of its own',
      defer: 'the gateway knows no @defer',
      'cross-site': 'CSRF_CHECK_FAILED comes with status 200',
      'text/plain': 'the gateway answers before: 415 without a code',
      'too large': 'the gateway has its own limit',
      'too large, chunked': 'the gateway has its own limit',
    },
  },
]

/** What is not tried, and why. docs/runtimes.md says the same. */
export const outOfReach: readonly string[] = [
  'Node before 22.18: it runs no TypeScript, in which configurations are written.',
  'Workers without `nodejs_compat`: they have no `node:crypto`.',
  'uWebSockets.js: it is not on npm.',
  'type-graphql 1 and gqtx: they take no newer graphql than 15.',
]

/** What was seen to run by hand once, and is not tried here, and why. docs/runtimes.md says the same. */
export const notTried: readonly string[] = [
  'Usage reports of Hive and Apollo, and `@envelop/sentry`: they send to an account.',
  'Bundles by rollup and webpack: the tests bundle with esbuild and rolldown.',
  'Nest as CommonJS: the row has its ES modules.',
  'Redis, PostgreSQL and MySQL on Bun and Deno: the rows have memory, and SQLite on Bun.',
]
