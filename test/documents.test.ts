import { execFileSync, spawn } from 'node:child_process'
import { on, once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Client as SocketClient } from 'graphql-ws'
import { type Browser, chromium } from 'playwright-core'
import { build as buildByVite, createServer as createVite, type Rolldown, type UserConfig } from 'vite'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, type TestContext } from 'vitest'
import { WebSocket as WebSocketOfNode } from 'ws'
import packageJson from '../package.json' with { type: 'json' }
import { useSessionGate } from '../src/graphql/use-gate.ts'
import { useSession } from '../src/graphql/use-session.ts'
import { listen } from '../src/http/listen.ts'
import { createSessionServer } from '../src/server/create-session-server.ts'
import { createSessions } from '../src/server/create-sessions.ts'
import { memoryStore } from '../src/stores/memory.ts'
import { notTried, outOfReach, rows } from './frameworks/rows.ts'
import { chromiumArgs } from './support/chromium.ts'
import { startNginxOfPage } from './support/documents/nginx.ts'
import {
  allPages,
  compilerOptions,
  fencesOf,
  isTriedAsPackage,
  isTriedByTable,
  isWritten,
  namesUnder,
  type Page,
  root,
} from './support/documents/page.ts'
import { type Running, start } from './support/documents/play.ts'
import {
  filesUnder,
  installedElsewhere,
  installedWithGraphql16,
  isTriedHere,
  type Recipe,
  recipesOf,
  snippetsOf,
} from './support/documents/recipe.ts'
import {
  type Commands,
  deadLinks,
  unknownCommands,
  unreachable,
  unreadable,
  wrongGraphQL,
} from './support/documents/text.ts'
import { ownWorkshop, run, save, typeErrors, type Workshop } from './support/documents/workshop.ts'
import { Client } from './support/harness.ts'
import { chromiumPath, needs, skippedIf } from './support/needs.ts'
import { freePort } from './support/servers.ts'

const pages = allPages()
const written = pages.filter(isWritten)
const tried = written.filter((page) => !isTriedByTable(page))
const recipes = tried.flatMap(recipesOf)
const main = join(root, 'src/server/main.ts')
const help = execFileSync(process.execPath, [main, '--help'], { encoding: 'utf8' })

let workshop: Workshop

beforeAll(async () => {
  workshop = await ownWorkshop()
})

afterAll(() => rm(dirname(workshop.folder), { recursive: true }))

/** A page that only a test has. */
const planted = (...lines: string[]): Page => ({ path: 'docs/planted.md', text: `${lines.join('\n')}\n` })
const fence = (info: string, ...lines: string[]): string => ['```' + info, ...lines, '```', ''].join('\n')

it.each([
  ['frameworks.md', 'examples/servers', 3],
  ['runtimes.md', 'examples/federation', 4],
])('%s shows the files of %s as they are, which are tested over each server', (name, path, count) => {
  const page = pages.find((each) => each.path === `docs/${name}`)!
  const shown = new Set(fencesOf(page).map((fence) => `${fence.name}\n${fence.text}\n`))
  const files = readdirSync(join(root, path))
  expect(files).toHaveLength(count)
  for (const file of files) {
    expect(shown).toContain(`${file}\n${readFileSync(join(root, path, file), 'utf8')}`)
  }
})

describe('links', () => {
  it('lead to files and headings that are there', () => {
    expect(deadLinks(pages)).toEqual([])
  })

  it('lead from the README to every page of docs/', () => {
    expect(unreachable(pages, 'README.md').filter((path) => path.startsWith('docs/'))).toEqual([])
  })

  it.each([
    ['a file', '[x](nowhere.md)', 'docs/planted.md:3: nowhere.md'],
    ['a heading', '[x](errors.md#no-such-heading)', 'docs/planted.md:3: errors.md#no-such-heading'],
    ['a heading of its own', '[x](#none)', 'docs/planted.md:3: #none'],
    ['a picture', '![x](../examples/none.png)', 'docs/planted.md:3: ../examples/none.png'],
    ['what is outside', '[x](../../README.md)', 'docs/planted.md:3: ../../README.md'],
  ])('that lead nowhere are found: %s', (_, link, found) => {
    const page = planted('# One `two` three, four', '', link, '[y](#one-two-three-four)')
    expect(deadLinks([...pages, page]).filter((at) => at.startsWith(page.path))).toEqual([found])
  })

  it('that are missing are found', () => {
    expect(unreachable([...pages, planted('# Lost')], 'README.md')).toContain('docs/planted.md')
  })
})

it('the README has at most 200 lines', () => {
  const { text } = pages.find(({ path }) => path === 'README.md')!
  expect(text.split('\n').length - 1).toBeLessThanOrEqual(200)
})

describe('code', () => {
  // The configuration that the pages give, and what is strict in those of others.
  const options = [
    '--noUncheckedIndexedAccess',
    '--exactOptionalPropertyTypes',
    '--erasableSyntaxOnly',
    ...compilerOptions(written),
  ]
  const compiler = [process.execPath, join(root, 'node_modules/typescript/bin/tsc')]

  it('compiles, and a mistake in it is found', async () => {
    const mistake = planted(
      fence('ts shop.ts', 'export interface Shop {', '  open: boolean', '}'),
      fence(
        'ts',
        `import type { Session } from 'graphql-session'`,
        `import type { Shop } from './shop.ts'`,
        `export const close = (session: Session<Shop>): void => session.set('open', 'no')`,
      ),
    )
    const snippets = [...tried.flatMap(snippetsOf).filter(isTriedHere), ...snippetsOf(mistake)]
    for (const [index, { files }] of snippets.entries()) await save(workshop, String(index), files)
    expect(await typeErrors(workshop, snippets, compiler, options)).toEqual([
      expect.stringMatching(/^docs\/planted\.md:7: snippet\.ts\(3,\d+\): error TS2345: /),
    ])
  }, 60_000)

  it('is tried here, or with packages that test/package.test.ts installs', () => {
    const isElsewhere = (part: { readonly files: ReadonlyMap<string, string> }): boolean => !isTriedHere(part)
    const elsewhere = (page: Page) => [...snippetsOf(page), ...recipesOf(page)].filter(isElsewhere)
    expect(written.flatMap(elsewhere).length).toBeGreaterThan(0)
    const untried = tried.filter((page) => !isTriedAsPackage(page)).flatMap(elsewhere)
    expect(untried.map(({ at }) => at)).toEqual([])
    for (const name of Object.keys({ ...installedElsewhere, ...installedWithGraphql16 })) {
      expect(existsSync(join(root, 'node_modules', name)), `${name} is installed here`).toBe(false)
    }
  })

  it('is tried by npm run test:frameworks, where it needs another runtime or framework', () => {
    const byTable = new Set(rows.flatMap(({ recipe }) => (recipe ? [...filesUnder(recipe).values()] : [])))
    const fences = written.filter(isTriedByTable).flatMap(fencesOf)
    expect(fences.length).toBeGreaterThan(0)
    expect(fences.filter(({ name, text }) => name && !byTable.has(text)).map(({ at }) => at)).toEqual([])
    const { text } = pages.find(isTriedByTable)!
    const [untried, unreachable] = text
      .split('\n## Not tried\n')[1]!
      .split('\n## Out of reach\n')
      .map((part) => part.trim().split('\n'))
    expect(untried).toEqual(notTried.map((reason) => `- ${reason}`))
    expect(unreachable).toEqual(outOfReach.map((reason) => `- ${reason}`))
  })
})

describe('GraphQL', () => {
  const sent = new Set(recipes.flatMap(({ steps }) => steps.map(({ at }) => at)))
  const unsent = (page: Page) => fencesOf(page).filter(({ at }) => !sent.has(at))

  it('that is sent to no server fits the schema', () => {
    expect(written.flatMap((page) => wrongGraphQL(unsent(page)))).toEqual([])
  })

  it.each([
    ['an unknown field', '{ session { colour } }', 'Cannot query field "colour" on type "Session".'],
    ['a syntax error', '{ session {', 'Syntax Error: Expected Name, found <EOF>.'],
    ['SDL without its types', 'extend type Query { me: Nobody }', 'Unknown type "Nobody".'],
  ])('with %s is found', (_, text, message) => {
    const [found = ''] = wrongGraphQL(fencesOf(planted(fence('graphql', text))))
    expect(found).toBe(`docs/planted.md:1: ${message}`)
  })

  it('fits the SDL of its page', () => {
    const page = planted(fence('graphql', 'extend type Query { me: ID }'), fence('graphql', '{ me }'))
    expect(wrongGraphQL(fencesOf(page))).toEqual([])
  })
})

describe('YAML and JSON', () => {
  it('can be read', () => {
    expect(written.flatMap((page) => unreadable(fencesOf(page)))).toEqual([])
  })

  it('that cannot be read is found', () => {
    const page = planted(fence('yaml', 'a: [1, 2'), fence('yaml', 'a: 1', 'a: 2'), fence('json', '{ a: 1 }'))
    expect(unreadable(fencesOf(page)).map((found) => found.split(': ')[0])).toEqual([
      'docs/planted.md:1',
      'docs/planted.md:5',
      'docs/planted.md:10',
    ])
  })
})

describe('commands', () => {
  const { scripts, dependencies, devDependencies, peerDependencies } = packageJson
  const commands: Commands = {
    scripts: Object.keys(scripts),
    packages: [
      packageJson.name,
      ...Object.keys({ ...dependencies, ...devDependencies, ...peerDependencies }),
      ...Object.keys({ ...installedElsewhere, ...installedWithGraphql16 }),
      // A peer of @apollo/client.
      'rxjs',
    ],
    help,
  }

  it('are there', () => {
    expect(written.flatMap((page) => unknownCommands(page, commands))).toEqual([])
  })

  it.each([
    'npm run launch',
    'npx graphql-session server',
    'SESSION_STORE=memory: npx graphql-session serve --colour',
    'npm install graphql-sessions',
    'npm add nothing-such',
    'npm launch',
    'PORT=1 npm run launch',
    'npx graphql-session serve --co session.config.ts',
    'npx --yes graphql-session server',
    'node_modules/.bin/graphql-session server',
  ])('that are not there are found: %s', (command) => {
    const found = [`docs/planted.md:1: ${command}`]
    expect(unknownCommands(planted(fence('sh', 'npm ci', command)), commands)).toEqual(found)
    expect(unknownCommands(planted(`Say \`npm ci && ${command}\`.`), commands)).toEqual(found)
  })
})

describe('lists', () => {
  const source = (file: string): string => readFileSync(join(root, 'src', file), 'utf8')
  const quoted = (text: string, pattern: RegExp): string[] =>
    [...text.matchAll(pattern)].map(([, name]) => name!)
  const wrong = { none: true } as never
  /** What somebody is told who gives a wrong option. */
  const known = async (call: () => unknown): Promise<string[]> => {
    const message = await Promise.resolve()
      .then(call)
      .then(String, (error: Error) => error.message)
    return / Known: (.*)\.$/.exec(message)![1]!.split(', ')
  }
  const ofSession = () => known(() => useSession(wrong))
  const ofGate = () => known(() => useSessionGate(wrong))
  const [sessionCodes = '', requestCodes = ''] = source('session/errors.ts').split('export type RefusalCode')
  const code = /^ {2}\| '([A-Z_]+)'$/gm
  // The code of Yoga and GraphQL.js gives these, and its types do not list them.
  const codesOfYoga = [
    'GRAPHQL_PARSE_FAILED',
    'GRAPHQL_VALIDATION_FAILED',
    'OPERATION_RESOLUTION_FAILURE',
    'INTERNAL_SERVER_ERROR',
  ]

  it.each<[path: string, heading: string, names: () => string[] | Promise<string[]>]>([
    ['docs/errors.md', 'Of sessions', () => quoted(sessionCodes, code)],
    ['docs/errors.md', 'Of requests', () => [...quoted(requestCodes, code), ...codesOfYoga]],
    ['docs/deployment.md', 'Events', () => quoted(source('session/events.ts'), /readonly type: '([\w-]+)'/g)],
    [
      'docs/options.md',
      'useSession',
      async () => {
        const limits = await known(() => useSession({ store: memoryStore({ max: 1 }), limits: wrong }))
        const names = await ofSession()
        const devices = await known(() => useSession({ store: memoryStore({ max: 1 }), devices: wrong }))
        const parts: Readonly<Record<string, string[]>> = { limits, devices }
        return names.flatMap((name) => parts[name]?.map((part) => `${name}.${part}`) ?? name)
      },
    ],
    ['docs/options.md', 'useSessionGate', ofGate],
    [
      'docs/options.md',
      'createSessions',
      async () => {
        const others = new Set(await ofSession())
        return (await known(() => createSessions(wrong))).filter((name) => !others.has(name))
      },
    ],
    [
      'docs/options.md',
      'createSessionServer',
      async () => {
        const others = new Set([...(await ofSession()), ...(await ofGate())])
        return (await known(() => createSessionServer(wrong))).filter((name) => !others.has(name))
      },
    ],
    ['docs/options.md', 'listen', () => known(() => listen(() => {}, wrong))],
    ['docs/options.md', 'The command', () => quoted(help.split('\nEnvironment\n')[1]!, /^ {2}([A-Z_]+) /gm)],
  ])('have each name, and no other: %s, "%s"', async (path, heading, names) => {
    const expected = await names()
    expect(expected.length).toBeGreaterThan(2)
    expect(namesUnder(pageOf(path), heading).toSorted()).toEqual(expected.toSorted())
  })
})

describe('what a reader pastes', () => {
  const triedHere = recipes.filter(isTriedHere)
  let count = 0
  const started = async (recipe: Recipe, finished = onTestFinished): Promise<Running> => {
    const running = await start(workshop, `recipe-${++count}`, recipe)
    finished(() => running.stop())
    return running
  }
  const under = (path: string, heading: string): Recipe => {
    const { text } = pages.find((page) => page.path === path)!
    const line = text.slice(0, text.indexOf(`\n## ${heading}\n`)).split('\n').length
    return recipes.find(({ at }) => at.startsWith(`${path}:`) && Number(at.split(':')[1]) > line)!
  }

  // Most of the time goes by until a server listens.
  describe.concurrent('runs, and answers as the page says', () => {
    const isSentByCurl = ({ steps }: Recipe): boolean =>
      steps.some((step) => step.kind === 'shell' && step.command.includes('curl '))
    const named = (some: readonly Recipe[]) => some.map((recipe) => [recipe.at, recipe] as const)
    const play = async ([, recipe]: readonly [string, Recipe], context: TestContext): Promise<void> => {
      const running = await started(recipe, context.onTestFinished)
      context.expect(await running.play()).toEqual([])
    }
    it.for(named(triedHere.filter((recipe) => !isSentByCurl(recipe))))('%s', play)
    it.for(named(triedHere.filter(isSentByCurl)))('%s, with curl', needs('curl'), play)
  })

  it('is told from what answers otherwise', async () => {
    const page = planted(
      fence('ts session.config.ts', `export default { typeDefs: 'extend type Query { one: Int }' }`),
      fence('graphql', '{ one session { isNew handle } }'),
      fence('json', '{ "data": { "one": 1, "session": { "isNew": true, "handle": "…" } } }'),
      fence('graphql', '{ two }'),
      fence('sh', 'curl -s localhost:4000/health/live'),
      fence('text', 'dead'),
    )
    const running = await started(recipesOf(page)[0]!)
    expect(await running.play()).toEqual([
      'docs/planted.md:9: {"data":{"one":null,"session":{"isNew":true,"handle":null}}}',
      expect.stringMatching(/^docs\/planted\.md:13: \{"errors":.*GRAPHQL_VALIDATION_FAILED/),
      'docs/planted.md:21: live',
    ])
  })

  it('does not start with a mistake', async () => {
    const page = planted(fence('ts server.ts', 'const port: number = 3000', 'listen(port)'))
    await expect(started(recipesOf(page)[0]!)).rejects.toThrow(
      /docs\/planted\.md:1: server\.ts ended:[^]*listen is not/,
    )
  })

  it('answers, where an answer stands', () => {
    const answers = new Set(recipes.flatMap(({ steps }) => steps.map(({ answer }) => answer?.at)))
    const lost = written
      .flatMap(fencesOf)
      .filter(({ language, name, at }) => language === 'json' && name === undefined && !answers.has(at))
    expect(lost.map(({ at }) => at)).toEqual([])
  })

  /** The recipe under a heading of the page of frameworks, with some of its code replaced. */
  const framework = (heading: string, ...replaced: readonly [code: string, by: string][]): Recipe => {
    const recipe = under('docs/frameworks.md', heading)
    const files = new Map(recipe.files)
    for (const [code, by] of replaced) {
      const [file] = [...files].find(([, text]) => text.includes(code)) ?? expect.fail(`${code} is missing`)
      files.set(file, files.get(file)!.replace(code, by))
    }
    return { ...recipe, files }
  }

  it('answers an error for what is no JSON, and goes on', async () => {
    const big = `{ typeDefs: [sessionTypeDefs, 'scalar Big extend type Mutation { big: Big }'], resolvers: [sessionResolvers as never, { Mutation: { big: () => 1n } }] }`
    const running = await started(
      framework('Without Yoga', ['{ typeDefs: sessionTypeDefs, resolvers: sessionResolvers }', big]),
    )
    const ask = (body: string): Promise<Response> =>
      fetch(running.url, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    const writing = 'mutation { setSessionKey(key: "dark_mode", value: true) { created } big }'
    const failed = await ask(JSON.stringify({ query: writing }))
    expect([failed.status, failed.headers.getSetCookie()]).toEqual([
      500,
      [expect.stringContaining('HttpOnly')],
    ])
    expect(running.output()).toContain('BigInt')
    for (const body of ['{', 'null', '{ "query": 1 }']) expect((await ask(body)).status).toBe(400)
    expect(await (await ask('{ "query": "{ __typename }" }')).json()).toEqual({
      data: { __typename: 'Query' },
    })
  })

  it('keeps a socket open when it refuses one of its operations', async () => {
    const running = await started(
      framework(
        'WebSockets',
        [
          'import { sessionResolvers',
          "import { useDeferStream } from '@graphql-yoga/plugin-defer-stream'\nimport { sessionResolvers",
        ],
        ['useSessionGate(),', 'useSessionGate(), useDeferStream(),'],
        [
          'typeDefs: sessionTypeDefs',
          "typeDefs: [sessionTypeDefs, 'input In { in: In } extend type Query { deep(in: In): Int } extend type Subscription { deep(in: In): Int }']",
        ],
      ),
    )
    const socket = new WebSocket(running.url.replace('http', 'ws'), 'graphql-transport-ws')
    onTestFinished(() => socket.close())
    const answers = on(socket, 'message', { close: ['close'] })
    const next = async (): Promise<{ id?: string; type: string; payload?: any } | undefined> => {
      const { value, done } = await answers.next()
      return done ? undefined : JSON.parse((value as [MessageEvent])[0].data)
    }
    await once(socket, 'open')
    socket.send('{ "type": "connection_init" }')
    expect(await next()).toEqual({ type: 'connection_ack' })
    const deferred = 'query ($x: Boolean = true) { ... @defer(if: $x) { session { isNew } } }'
    const deep = 'query ($x: In) { deep(in: $x) }'
    const tooDeep = `{ "x": ${'{ "in": '.repeat(12_000)}{}${'}'.repeat(12_000)} }`
    const refused = [
      ['{', '{}', 'GRAPHQL_PARSE_FAILED'],
      ['{ none }', '{}', 'GRAPHQL_VALIDATION_FAILED'],
      [`{ ${'a: __typename '.repeat(1000)} }`, '{}', 'OPERATION_TOO_COMPLEX'],
      [deferred, '{ "x": null }', 'BAD_USER_INPUT'],
      [deep, tooDeep, 'OPERATION_TOO_COMPLEX'],
      [deep.replace('query', 'subscription'), tooDeep, 'OPERATION_TOO_COMPLEX'],
    ]
    for (const [index, [query, variables, code]] of refused.entries()) {
      const id = String(index)
      socket.send(
        `{ "id": "${id}", "type": "subscribe", "payload": { "query": ${JSON.stringify(query)}, "variables": ${variables} } }`,
      )
      let answer = await next()
      // A result is followed by the end of its operation, an error is that end.
      while (answer?.type === 'complete') answer = await next()
      const [error] = answer?.payload?.errors ?? answer?.payload ?? []
      expect([query, answer?.id, error?.extensions]).toEqual([query, id, code && { code }])
    }
    expect(running.output()).toBe('')
  })

  it('takes the right one-time code once', async () => {
    const running = await started(under('docs/recipes.md', 'A one-time code'))
    const client = new Client(running.url)
    await client.run('mutation { sendCode }')
    const [, digits] = /The code is (\d{6})\./.exec(running.output())!
    const confirm = () =>
      client.run('mutation ($digits: String!) { confirmCode(digits: $digits) }', { digits })
    const [first, second] = await Promise.all([confirm(), confirm()])
    // The session moves with the first one, so that the other one may be SESSION_MOVED.
    expect([first, second].map(({ data }) => data?.confirmCode).filter(Boolean)).toEqual([true])
  })

  it("hands GraphQL on from Vite's development server", async () => {
    const running = await started(under('docs/frontend.md', 'Server-side rendering'))
    const [{ files }] = [
      snippetsOf(pageOf('docs/frontend.md')).find(({ entry }) => entry === 'vite.config.ts')!,
    ]
    const config = files.get('vite.config.ts')!.replace('http://localhost:4000', new URL(running.url).origin)
    const folder = await save(workshop, 'vite', new Map([['vite.config.ts', config]]))
    const loaded = (await import(join(folder, 'vite.config.ts'))) as { default: UserConfig }
    const port = await freePort()
    const vite = await createVite({
      ...loaded.default,
      configFile: false,
      root: folder,
      logLevel: 'silent',
      server: { ...loaded.default.server, port, ws: false },
    })
    onTestFinished(() => vite.close())
    await vite.listen()
    const origin = `http://localhost:${port}`
    const client = new Client(`${origin}/graphql`)
    const headers = { origin, 'sec-fetch-site': 'same-origin' }
    expect((await client.run('mutation { view }', {}, headers)).data).toEqual({ view: 1 })
    expect((await client.run('mutation { view }', {}, headers)).data).toEqual({ view: 2 })
  })

  it('carries a token over a socket', async () => {
    const running = await started(under('docs/requests.md', 'Clients without cookies'))
    const { files } = snippetsOf(pageOf('docs/requests.md')).find(({ entry }) => entry === 'socket.ts')!
    const address = running.url.replace('http', 'ws')
    const placed = new Map([...files].map(([name, text]) => [name, text.replace(/wss:[^']+/, address)]))
    const folder = await save(workshop, 'socket', placed)
    const { token, fetch: send } = (await import(join(folder, 'app.ts'))) as {
      token: { get(): string | null }
      fetch: typeof fetch
    }
    const query = 'mutation { setSessionKey(key: "dark_mode", value: true) { created } }'
    const headers = { 'content-type': 'application/json' }
    await send(running.url, { method: 'POST', headers, body: JSON.stringify({ query }) })
    expect(token.get()).toMatch(/^[\w-]{43}$/)
    const { client } = (await import(join(folder, 'socket.ts'))) as { client: SocketClient }
    onTestFinished(() => void client.dispose())
    const read = client.iterate({ query: '{ session { value(key: "dark_mode") } }' })
    expect((await read.next()).value).toEqual({ data: { session: { value: true } } })
  })

  const inChromium =
    process.env['CI'] || process.env['LONG']
      ? needs('chromium')
      : skippedIf(true, 'a browser takes seconds, and is tried in CI and with LONG=1')

  describe('follows the session in a page', inChromium, () => {
    let browser: Browser
    let code: string

    beforeAll(async () => {
      browser = await chromium.launch({
        executablePath: chromiumPath,
        args: chromiumArgs('MAP localhost 127.0.0.1'),
      })
      const { files } = snippetsOf(pageOf('docs/frontend.md')).find(
        ({ entry }) => entry === 'follow-by-socket.ts',
      )!
      const all = `export { follow } from './follow.ts'\nexport { followBySocket } from './follow-by-socket.ts'`
      const folder = await save(workshop, 'follow', new Map([...files, ['all.ts', all]]))
      const lib = { entry: join(folder, 'all.ts'), formats: ['iife' as const], name: 'kit' }
      const built = await buildByVite({
        configFile: false,
        root: folder,
        logLevel: 'silent',
        build: { lib, write: false },
      })
      code = (built as Rolldown.RolldownOutput[])[0]!.output[0].code
    }, 60_000)

    afterAll(() => browser?.close())

    it.each(['follow', 'followBySocket'])(
      'by %s, also under another secret, and to its end',
      async (name) => {
        const running = await started(under('docs/devices.md', 'Sign in, list, end'))
        const page = await browser.newPage()
        onTestFinished(() => page.close())
        await page.goto(new URL('/health/live', running.url).href)
        const send = (query: string): Promise<unknown> =>
          page.evaluate(
            ([query]) =>
              fetch('/graphql', {
                method: 'POST',
                headers: { 'content-type': 'application/json' },
                body: JSON.stringify({ query }),
              }).then((response) => response.json()),
            [query],
          )
        const seen = (): Promise<({ handle: string } | null)[]> => page.evaluate('seen')
        await send('mutation { login(user: "ada", password: "let-me-in") }')
        await page.evaluate(`${code}\nvar seen = []; kit.${name}((session) => seen.push(session)); null`)
        await expect.poll(seen).toHaveLength(1)
        const [first] = await seen()
        await send('mutation { rotateSession { session { id } } }')
        await expect
          .poll(async () => (await seen()).at(-1)?.handle, { timeout: 4000 })
          .not.toBe(first!.handle)
        await send('mutation { logout { flushed } }')
        await expect.poll(async () => (await seen()).at(-1), { timeout: 4000 }).toBe(null)
      },
    )
  })

  it('serves a build of Vite beside GraphQL', async () => {
    const page = pageOf('docs/frontend.md')
    const { files } = snippetsOf(page).find(({ entry }) => entry === 'main.ts')!
    const folder = await save(workshop, 'one-origin', files)
    const html = fencesOf(page).find(({ name }) => name === 'index.html')!
    await writeFile(join(folder, 'index.html'), html.text)
    const { text } = fencesOf(page).find(({ text }) => text.startsWith('npx vite build\n'))!
    const [build = [], serve = []] = text
      .trim()
      .split('\n')
      .map((line) => line.split(' ').slice(2))
    const vite = join(root, 'node_modules/vite/bin/vite.js')
    expect(await run([process.execPath, vite, ...build], folder)).toMatchObject({ code: 0 })
    const env = { ...process.env, PORT: '0', NODE_ENV: 'development' }
    const child = spawn(process.execPath, [workshop.cli, ...serve], { cwd: folder, env, timeout: 60_000 })
    onTestFinished(() => void child.kill('SIGKILL'))
    const [said] = (await once(child.stdout, 'data')) as [Buffer]
    const [, url] = /  pages     dist, at (\S+)/.exec(String(said))!
    const built = await (await fetch(url!)).text()
    const script = await fetch(new URL(/src="([^"]+)"/.exec(built)![1]!, url))
    expect(script.headers.get('cache-control')).toContain('immutable')
    expect(await script.text()).toContain('Hello again.')
    expect((await new Client(`${url}graphql`).run('{ session { isNew } }')).data.session.isNew).toBe(true)
  })

  it('stands behind nginx with TLS', needs('nginx', 'openssl', 'curl'), async () => {
    const page = pageOf('docs/deployment.md')
    const running = await started(recipesOf(page)[0]!)
    const { text } = fencesOf(page).find(({ language }) => language === 'nginx')!
    const proxy = await startNginxOfPage(text, new URL(running.url).origin.replace('localhost', '127.0.0.1'))
    onTestFinished(() => proxy.stop())
    const ask = async (origin: string): Promise<string> => {
      const query = 'mutation { setSessionKey(key: \\"dark_mode\\", value: true) { created } }'
      const headers = [`origin: ${origin}`, 'content-type: application/json'].flatMap((each) => ['-H', each])
      const args = ['-sik', `${proxy.url}/graphql`, ...headers, '-d', `{ "query": "${query}" }`]
      return (await run(['curl', ...args], workshop.folder)).output
    }
    const answer = await ask(proxy.url)
    expect(answer).toMatch(/^HTTP\/1\.1 200 /)
    expect(answer).toMatch(/^set-cookie: __Host-session=[^]*Secure/im)
    expect(await ask(proxy.url.replace('https:', 'http:'))).toMatch(/^HTTP\/1\.1 403 [^]*CSRF_CHECK_FAILED/)

    const stream = `${proxy.url}/graphql?query=subscription{sessionChanged{isEmpty}}`
    const accept = ['accept: text/event-stream', 'content-type: application/json'].flatMap((each) => [
      '-H',
      each,
    ])
    const { output } = await run(['curl', '-skg', stream, ...accept], workshop.folder)
    expect(output).toContain('data: {"data":{"sessionChanged":{"isEmpty":true}}}')

    const [cookie] = /__Host-session=[^;]+/.exec(answer)!
    const address = `${proxy.url.replace('https:', 'wss:')}/graphql`
    const headers = { cookie, origin: proxy.url }
    const socket = new WebSocketOfNode(address, 'graphql-transport-ws', {
      headers,
      rejectUnauthorized: false,
    })
    onTestFinished(() => socket.terminate())
    await once(socket, 'open')
    const messages = on(socket, 'message')
    const told = async (): Promise<unknown> => {
      const { value } = (await messages.next()) as { value: [Buffer] }
      return JSON.parse(String(value[0]))
    }
    socket.send('{ "type": "connection_init" }')
    expect(await told()).toEqual({ type: 'connection_ack' })
    socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query: '{ session { keys } }' } }))
    expect(await told()).toMatchObject({ payload: { data: { session: { keys: ['dark_mode'] } } } })
  })
})

function pageOf(path: string): Page {
  return pages.find((page) => page.path === path)!
}
