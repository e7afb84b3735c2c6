import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, readdir, readlink, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { gzipSync, brotliCompressSync } from 'node:zlib'
import { chromium } from 'playwright-core'
import { build } from 'vite'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { listen } from '../../src/http/listen.ts'
import { assembleServer, type SessionServerOptions } from '../../src/server/create-session-server.ts'
import { StaticSite } from '../../src/server/static-site.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { chromiumArgs } from '../support/chromium.ts'
import { expectRefusal, serve } from '../support/command.ts'
import { Client } from '../support/harness.ts'
import { chromiumPath, needs } from '../support/needs.ts'
import { RawConnection } from '../support/raw.ts'

const script = 'globalThis.started = true\r\n'
const html = `<!doctype html>
<title>The shop</title>
<script type="module" crossorigin src="/assets/index-BQ2x1abc.js"></script>
<script data-a="a > b">${script}</script>
<div id="root"></div>
`
const code = 'console.log("the shop")\n'.repeat(50)
const secret = 'the secret of this test'

const files: Readonly<Record<string, string | Buffer>> = {
  'index.html': html,
  'assets/index-BQ2x1abc.js': code,
  'assets/index-BQ2x1abc.js.br': brotliCompressSync(code),
  'assets/index-BQ2x1abc.js.gz': gzipSync(code),
  'assets/style-1a2b3c4d.css': 'body { color: black }',
  'assets/fonts/inter-D_9kx-Qz.woff2': 'font',
  'assets/annual-20240101.txt': 'a report of 2024 – ä',
  'assets/photo-1024x768.png': 'photo',
  'assets/our-portrait.png': 'portrait',
  'assets/our-IMG_2041.png': 'photo',
  'favicon.svg': '<svg xmlns="http://www.w3.org/2000/svg"/>',
  'data.tar.gz': gzipSync('data'),
  'letters/äöü – 100%.txt': 'umlauts',
  'letters/plain': 'plain',
  'empty.txt': '',
  'docs/index.html': '<title>Docs</title>',
  'graphql/index.html': 'hidden by GraphQL',
  'health/live': 'hidden by health',
  '.env': secret,
  '.git/config': secret,
  'letters/.hidden': secret,
  '.well-known/security.txt': 'Contact: mailto:security@shop.example',
  '.well-known/.env': secret,
}

let home: string
let dist: string
/** A server for `dist` without options, which tests share that change nothing. */
let usual: Awaited<ReturnType<typeof started>>

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'graphql-session-static-'))
  dist = join(home, 'dist')
  await save(dist, files)
  await save(home, { 'secret.txt': secret, 'dist-of-others/secret.txt': secret })
  await symlink(join(home, 'secret.txt'), join(dist, 'linked.txt'))
  await symlink(join(home, 'dist-of-others'), join(dist, 'linked'))
  await symlink('favicon.svg', join(dist, 'icon.svg'))
  usual = await started(dist, {}, () => {})
})
afterAll(async () => {
  await usual.close()
  await rm(home, { recursive: true })
})

async function save(folder: string, some: typeof files): Promise<void> {
  for (const [name, content] of Object.entries(some)) {
    await mkdir(dirname(join(folder, name)), { recursive: true })
    await writeFile(join(folder, name), content)
  }
}

/** Another folder, which a test may change. */
async function folderOf(some: typeof files): Promise<string> {
  const folder = await mkdtemp(join(home, 'folder-'))
  await save(folder, some)
  return folder
}

/** The files of a folder that this process has open, where the system tells. */
async function openIn(folder: string): Promise<string[]> {
  const names = await readdir('/proc/self/fd').catch(() => [])
  const paths = await Promise.all(names.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => '')))
  return paths.filter((path) => path.startsWith(folder))
}

type Options = Partial<SessionServerOptions>

async function started(folder: string, options: Options = {}, finished = onTestFinished) {
  const log: string[] = []
  const site = new StaticSite(folder, {
    graphqlEndpoint: '/graphql',
    ...options,
    log: (line) => log.push(line),
  })
  const server = assembleServer(
    { store: memoryStore({ max: 100 }), keys: { theme: { client: ['read', 'write'] } }, ...options },
    site.plugin,
  )
  const handler = site.before(server)
  const listening = await listen(handler, { port: 0, drainDelay: 1 })
  finished(() => listening.close())
  const port = Number(new URL(listening.url).port)
  const ask = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
    fetch(listening.url + path, { headers: { 'accept-encoding': 'identity', ...headers }, method })
  const navigate = (path: string) => ask(path, { accept: navigation })
  return {
    ask,
    navigate,
    port,
    url: listening.url,
    server: listening.server,
    handler,
    log,
    close: () => listening.close(),
  }
}

/** What Chromium sends where it navigates. */
const navigation = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8'

/** The answer to a target that no client of HTTP would send. */
async function raw(port: number, target: string, headers = 'host: localhost') {
  const connection = await RawConnection.open(port)
  await connection.send(`GET ${target} HTTP/1.1\r\n${headers}\r\nconnection: close\r\n\r\n`)
  const answer = await connection.answer('GET')
  connection.destroy()
  return answer!
}

describe('a file', () => {
  it.each([
    ['/assets/index-BQ2x1abc.js', 'text/javascript;charset=utf-8', code],
    ['/assets/index-BQ2x1abc.js?v=1', 'text/javascript;charset=utf-8', code],
    ['/assets/style-1a2b3c4d.css', 'text/css;charset=utf-8', 'body { color: black }'],
    ['/favicon.svg', 'image/svg+xml', files['favicon.svg']],
    ['/icon.svg', 'image/svg+xml', files['favicon.svg']],
    ['/letters/%C3%A4%C3%B6%C3%BC%20%E2%80%93%20100%25.txt', 'text/plain;charset=utf-8', 'umlauts'],
    // As a file system of macOS writes it.
    ['/letters/a%CC%88o%CC%88u%CC%88%20%E2%80%93%20100%25.txt', 'text/plain;charset=utf-8', 'umlauts'],
    ['/letters/plain', 'application/octet-stream', 'plain'],
    ['/empty.txt', 'text/plain;charset=utf-8', ''],
    ['/docs/', 'text/html;charset=utf-8', '<title>Docs</title>'],
    ['/.well-known/security.txt', 'text/plain;charset=utf-8', files['.well-known/security.txt']],
  ])('is served: %s', async (path, type, content) => {
    const { ask } = usual
    const answer = await ask(path)
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, type])
    expect(await answer.text()).toBe(content)
    const head = await ask(path, {}, 'HEAD')
    expect([head.status, await head.text()]).toEqual([200, ''])
    const lasting = (headers: Headers) =>
      [...headers].filter(([name]) => !['date', 'connection', 'keep-alive'].includes(name))
    expect(lasting(head.headers)).toEqual(lasting(answer.headers))
  })

  it.each([
    ['/assets/index-BQ2x1abc.js', true],
    ['/assets/style-1a2b3c4d.css', true],
    ['/assets/fonts/inter-D_9kx-Qz.woff2', true],
    ['/assets/annual-20240101.txt', false],
    ['/assets/photo-1024x768.png', false],
    ['/assets/our-portrait.png', false],
    ['/assets/our-IMG_2041.png', false],
    ['/favicon.svg', false],
    ['/docs/', false],
    ['/', false],
  ])('is kept for ever, if its name has a hash: %s', async (path, isKept) => {
    const { ask } = usual
    const { headers } = await ask(path)
    expect(headers.get('cache-control')).toBe(isKept ? 'public, max-age=31536000, immutable' : 'no-cache')
  })

  it.each(['/', '/route', '/favicon.svg', '/assets/index-BQ2x1abc.js'])(
    'is not sent again to who has it: %s',
    async (path) => {
      const { ask } = usual
      const etag = (await ask(path, { accept: navigation })).headers.get('etag')!
      for (const known of [etag, `"other", ${etag}`, '*'].slice(0, path === '/route' ? 2 : 3)) {
        const answer = await ask(path, { accept: navigation, 'if-none-match': known })
        if (known === '*' && path === '/') continue
        expect([answer.status, await answer.text()]).toEqual([304, ''])
        expect(answer.headers.get('etag')).toBe(etag)
        expect(answer.headers.get('content-security-policy')).toContain("default-src 'self'")
      }
      expect((await ask(path, { accept: navigation, 'if-none-match': '"other"' })).status).toBe(200)
    },
  )

  it.each([
    ['br, gzip', 'br'],
    ['gzip, deflate, br, zstd', 'br'],
    ['gzip', 'gzip'],
    ['br;q=0, gzip', 'gzip'],
    ['br;q=0', null],
    ['identity', null],
  ])('is sent as it was compressed, to who takes it: %s', async (accepted, coding) => {
    const { ask } = usual
    const answer = await ask('/assets/index-BQ2x1abc.js', { 'accept-encoding': accepted })
    expect(answer.headers.get('content-encoding')).toBe(coding)
    expect(answer.headers.get('content-type')).toBe('text/javascript;charset=utf-8')
    expect(answer.headers.get('vary')).toBe('Accept-Encoding')
    expect(await answer.text()).toBe(code)
    const page = await ask('/', { 'accept-encoding': accepted })
    expect([page.headers.get('content-encoding'), await page.text()]).toEqual([coding, html])
  })

  it('that is an archive is none of what is in it', async () => {
    const { ask } = usual
    const answer = await ask('/data.tar.gz', { 'accept-encoding': 'gzip' })
    expect(answer.headers.get('content-encoding')).toBeNull()
    expect(answer.headers.get('content-type')).toBe('application/gzip')
    expect(Buffer.from(await answer.arrayBuffer())).toEqual(files['data.tar.gz'])
  })

  it.each<[range: string, status: number, range: string | null, text: string | null]>([
    ['bytes=0-6', 206, `bytes 0-6/${code.length}`, 'console'],
    ['bytes=8-10', 206, `bytes 8-10/${code.length}`, 'log'],
    [`bytes=${code.length - 2}-`, 206, `bytes ${code.length - 2}-${code.length - 1}/${code.length}`, ')\n'],
    [
      `bytes=${code.length - 2}-99999`,
      206,
      `bytes ${code.length - 2}-${code.length - 1}/${code.length}`,
      ')\n',
    ],
    ['bytes=99999-', 416, `bytes */${code.length}`, ''],
    // What sirv takes for another range, or ends the process for.
    ...[
      'bytes=-5',
      'bytes=10-8',
      'bytes=0-0',
      'bytes=0-1,5-6',
      'items=0-1',
      'bytes=x-y',
      'bytes=1',
      'bytes=-',
      '',
    ].map((each): [string, number, null, null] => [each, 200, null, null]),
  ])('has parts: %s', async (range, status, given, text) => {
    const { ask } = usual
    const answer = await ask('/assets/index-BQ2x1abc.js', { range })
    expect([answer.status, answer.headers.get('content-range')]).toEqual([status, given])
    expect(await answer.text()).toBe(text ?? code)
    const whole = await ask('/assets/index-BQ2x1abc.js', { range, 'if-range': '"other"' })
    expect([whole.status, await whole.text()]).toEqual([200, code])
  })

  it('may be sent to many at once, and on one connection', async () => {
    const { ask, port } = usual
    const answers = await Promise.all(Array.from({ length: 50 }, () => ask('/assets/index-BQ2x1abc.js')))
    expect(new Set(await Promise.all(answers.map((each) => each.text())))).toEqual(new Set([code]))
    const connection = await RawConnection.open(port)
    const one = (path: string) => `GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`
    await connection.send(one('/favicon.svg') + one('/assets/index-BQ2x1abc.js') + one('/none.js') + one('/'))
    expect((await connection.answer('GET'))!.text).toBe(files['favicon.svg'])
    expect((await connection.answer('GET'))!.text).toBe(code)
    expect((await connection.answer('GET'))!.status).toBe(404)
    expect((await connection.answer('GET'))!.text).toBe(html)
    connection.destroy()
  })
})

it('a request with a body leaves its connection usable', async () => {
  const connection = await RawConnection.open(usual.port)
  const head = 'GET /favicon.svg HTTP/1.1\r\nhost: localhost\r\n'
  await connection.send(`${head}content-length: 5\r\n\r\nhello${head}\r\n`)
  for (const _ of [1, 2]) expect((await connection.answer('GET'))!.text).toBe(files['favicon.svg'])
  connection.destroy()
})

describe('the page', () => {
  it.each(['/', '/index.html', '/?a=1'])('is served to everybody: %s', async (path) => {
    const { ask } = usual
    const answer = await ask(path)
    expect([answer.status, await answer.text()]).toEqual([200, html])
  })

  it.each(['/products', '/products/7/', '/users/ada.lovelace', '/v1.2', '/a%20b', '/linked', '/docs'])(
    'is served where a browser navigates: %s',
    async (path) => {
      const { ask, navigate } = usual
      const page = await navigate(path)
      expect([page.status, await page.text()]).toEqual([200, html])
      expect(page.headers.get('vary')).toMatch(/^Accept,/)
      const head = await ask(path, { accept: 'text/html' }, 'HEAD')
      expect([head.status, head.headers.get('content-length')]).toEqual([200, String(html.length)])
      for (const accept of ['*/*', 'application/json', 'image/*', 'text/html;q=0', 'text/html;q=0.0 , */*']) {
        const other = await ask(path, { accept })
        expect([accept, other.status, await other.text()]).toEqual([accept, 404, ''])
        expect(other.headers.get('cache-control')).toBe('no-store')
      }
      expect((await ask(path, { accept: 'text/html' }, 'POST')).status).toBe(404)
    },
  )

  it.each([
    '/assets/x.js',
    '/assets/none',
    '/assets/',
    '/favicon.ico',
    '/none.png',
    '/app.js.map',
    '/.well-known/none',
    '/health/none',
    '/graphql/index.html',
    '/health',
  ])('is not served for what else is missing: %s', async (path) => {
    const { navigate } = await started(dist, { graphiql: false })
    const answer = await navigate(path)
    expect(answer.status).not.toBe(200)
    expect(await answer.text()).not.toContain('The shop')
  })

  it('is not served in the place of GraphQL, GraphiQL and health checks', async () => {
    const { ask, navigate, url } = usual
    expect(await (await navigate('/graphql')).text()).toContain('GraphiQL')
    expect((await navigate('/health/live')).status).toBe(200)
    expect(await (await ask('/health/live')).text()).toBe('live')
    const client = new Client(`${url}/graphql`)
    const { data } = await client.run('mutation { setSessionKey(key: "theme", value: 1) { created } }')
    expect(data).toEqual({ setSessionKey: { created: true } })
    expect((await client.run('{ session { value(key: "theme") } }')).data).toEqual({ session: { value: 1 } })
  })

  it('leaves a path to the plugin that answers it', async () => {
    const plugins: Options['plugins'] = [
      {
        onRequest({ url, fetchAPI, endResponse }) {
          if (url.pathname === '/callback') endResponse(new fetchAPI.Response('signed in'))
        },
      },
    ]
    const { navigate } = await started(dist, { plugins })
    expect(await (await navigate('/callback')).text()).toBe('signed in')
    expect(await (await navigate('/other')).text()).toBe(html)
  })

  it('stands beside GraphQL at another path', async () => {
    const { navigate, url } = await started(dist, { graphqlEndpoint: '/api/graph%20ql' })
    expect(await (await navigate('/graphql/')).text()).toBe('hidden by GraphQL')
    expect(await (await navigate('/graphql/none')).text()).toBe(html)
    expect(await (await navigate('/api/graph%20ql')).text()).toContain('GraphiQL')
    expect((await navigate('/api/graph%20ql/none')).status).toBe(404)
    expect((await new Client(`${url}/api/graph%20ql`).run('{ __typename }')).status).toBe(200)
  })
})

describe('a visitor is protected', () => {
  it.each(['/', '/route', '/docs/', '/favicon.svg', '/assets/index-BQ2x1abc.js'])('at %s', async (path) => {
    const { navigate } = usual
    const { headers } = await navigate(path)
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('cross-origin-resource-policy')).toBe('same-origin')
    expect(headers.get('referrer-policy')).toBe('same-origin')
    expect(headers.get('access-control-allow-origin')).toBeNull()
    const hash = createHash('sha256').update(script.replace('\r\n', '\n')).digest('base64')
    expect(headers.get('content-security-policy')?.split('; ')).toEqual([
      "default-src 'self'",
      `script-src 'self' 'sha256-${hash}'`,
      "style-src 'self' 'unsafe-inline'",
      "img-src 'self' data:",
      "font-src 'self' data:",
      "connect-src 'self'",
      "object-src 'none'",
      "base-uri 'self'",
      "form-action 'self'",
      "frame-ancestors 'none'",
    ])
  })

  it('from what is missing, too', async () => {
    const { ask } = usual
    const { headers, status } = await ask('/assets/x.js')
    expect([status, headers.get('x-content-type-options')]).toEqual([404, 'nosniff'])
  })

  const odd = [
    '/../secret.txt',
    '/..%2fsecret.txt',
    '/%2e%2e/secret.txt',
    '/%2e%2e%2fsecret.txt',
    '/%252e%252e%252fsecret.txt',
    '/..%5csecret.txt',
    '/..\\secret.txt',
    '/assets/../../secret.txt',
    '/assets/..%2f..%2fsecret.txt',
    '/letters/..%c0%afsecret.txt',
    '//secret.txt',
    '///etc/passwd',
    '/.env',
    '/%2eenv',
    '/.ENV',
    '/.git/config',
    '/.git%2fconfig',
    '/letters/.hidden',
    '/.well-known/.env',
    '/.well-known/../.env',
    '/letters/../.env',
    '/./.env',
    '/linked.txt',
    '/linked/secret.txt',
    '/favicon.svg%00',
    '/.env%00.svg',
    '/favicon.svg%00.html',
    '/favicon.svg/',
    '/favicon.svg%2f',
    '/assets%2findex-BQ2x1abc.js',
    '/assets\\index-BQ2x1abc.js',
    '/%',
    '/%zz',
    '/%E0%A4%A',
    '/a%0d%0aset-cookie:%20a=b',
    '/__proto__',
    '/constructor',
    '/graphql/index.html',
    'http://localhost/.env',
    'http://localhost/linked.txt',
  ]

  it.each(odd)('from odd paths: %s', async (target) => {
    const { port } = usual
    const answer = await raw(port, target)
    expect([400, 404]).toContain(answer.status)
    expect(answer.text).not.toContain(secret)
    expect(answer.text).not.toMatch(/<svg|console|root:|at .*\d+:\d+/)
    const page = await raw(port, target, `host: localhost\r\naccept: ${navigation}`)
    expect(page.text).not.toContain(secret)
    expect(page.head).not.toMatch(/set-cookie/i)
    expect([html, '']).toContain(page.status === 200 ? page.text : '')
  })

  it.each([
    '/..%2fsecret.txt', '/%2e%2e/secret.txt', '/.env', '/.git/config', '//a.example', '/a%00', '/a%5cb',
  ])('by no page at a path that is none: %s', async (target) => {
    const { port } = usual
    expect((await raw(port, target, `host: localhost\r\naccept: ${navigation}`)).status).toBe(404)
  }) // prettier-ignore

  it.each([
    ['/favicon.svg', undefined, 'evil.example', 403],
    ['/', undefined, 'evil.example', 403],
    ['/route', undefined, 'evil.example', 403],
    ['/favicon.svg', ['shop.example'], 'other.example', 403],
    ['/favicon.svg', ['shop.example'], 'shop.example', 200],
    ['/favicon.svg', ['shop.example'], 'shop.example\r\nhost: shop.example', 400],
    ['/favicon.svg', ['shop.example'], 'a b', 400],
    ['/favicon.svg', true as const, 'evil.example', 200],
  ])('from other hosts, at %s with %j: %s', async (path, allowedHosts, host, status) => {
    const events: string[] = []
    const onEvent: Options['onEvent'] = (event) => void events.push(event.type)
    const { port } = await started(dist, { ...(allowedHosts && { allowedHosts }), onEvent })
    const answer = await raw(port, path, `host: ${host}\r\naccept: ${navigation}`)
    expect(answer.status).toBe(status)
    expect(events).toEqual(status === 200 ? [] : ['refused'])
  })

  it('by the host that a trusted proxy names', async () => {
    const { port } = await started(dist, { trustProxy: true, allowedHosts: ['shop.example'] })
    const by = async (host: string) =>
      (await raw(port, '/favicon.svg', `host: a.internal\r\nx-forwarded-host: ${host}`)).status
    expect([await by('shop.example'), await by('evil.example')]).toEqual([200, 403])
  })

  it('without a host, as HTTP/1.0 allows', async () => {
    const { port } = usual
    const connection = await RawConnection.open(port)
    await connection.send('GET /favicon.svg HTTP/1.0\r\n\r\n')
    expect((await connection.answer('GET'))!.text).toBe(files['favicon.svg'])
    connection.destroy()
  })
})

describe('a folder that changes', () => {
  const page = { 'index.html': html, 'a.js': 'one', 'b.js': 'two' }

  it('loses a file: 404', async () => {
    const folder = await folderOf(page)
    const { ask } = await started(folder)
    await rm(join(folder, 'a.js'))
    expect((await ask('/a.js')).status).toBe(404)
    expect(await (await ask('/b.js')).text()).toBe('two')
  })

  it('has a folder in the place of a file: 500', async () => {
    const folder = await folderOf(page)
    const { ask, log } = await started(folder)
    await rm(join(folder, 'a.js'))
    await mkdir(join(folder, 'a.js'))
    const answer = await ask('/a.js')
    expect([answer.status, await answer.text()]).toEqual([500, ''])
    expect(log).toHaveLength(1)
  })

  it.each([
    ['longer', 'one and more'],
    ['shorter', '1'],
    ['of the same length', 'eno'],
  ])('has another file, which is %s: 500 and a line in the log', async (_, content) => {
    const folder = await folderOf(page)
    const { ask, log } = await started(folder)
    await writeFile(join(folder, 'a.js'), content)
    await utimes(join(folder, 'a.js'), 1, 1)
    for (const _ of [1, 2]) {
      const answer = await ask('/a.js')
      expect([answer.status, await answer.text()]).toEqual([500, ''])
      expect(answer.headers.get('cache-control')).toBe('no-store')
    }
    expect(log).toEqual(['/a.js was not sent: It has changed since the start: start the server again.'])
  })

  it('gets a link that leads out: 404', async () => {
    const folder = await folderOf(page)
    const { ask } = await started(folder)
    await rm(join(folder, 'a.js'))
    await symlink(join(home, 'secret.txt'), join(folder, 'a.js'))
    expect((await ask('/a.js')).status).toBe(404)
  })

  it('has a link to itself: 500', async () => {
    const folder = await folderOf(page)
    const { ask, log } = await started(folder)
    await rm(join(folder, 'a.js'))
    await symlink('a.js', join(folder, 'a.js'))
    const answer = await ask('/a.js')
    expect([answer.status, await answer.text()]).toEqual([500, ''])
    expect(log).toEqual(['/a.js was not sent: ELOOP'])
  })

  it('shows the page of the start', async () => {
    const folder = await folderOf(page)
    const { ask } = await started(folder)
    await writeFile(join(folder, 'index.html'), 'other')
    expect(await (await ask('/')).text()).toBe(html)
  })

  it('is cut where a file grows shorter while it is sent', async () => {
    const folder = await folderOf({ ...page, 'large.bin': Buffer.alloc(30_000_000) })
    const { port } = await started(folder)
    const outgoing = request({ port, path: '/large.bin' }).end()
    const [incoming] = await once(outgoing, 'response')
    incoming.pause()
    await writeFile(join(folder, 'large.bin'), 'short')
    await expect(
      (async () => {
        for await (const _ of incoming);
      })(),
    ).rejects.toThrow('aborted')
  })
})

describe('a client', () => {
  it('that leaves costs nothing, and the server goes on', async () => {
    const folder = await folderOf({ 'index.html': html, 'large.bin': Buffer.alloc(30_000_000) })
    const { ask, port, log } = await started(folder)
    for (const path of ['/large.bin', '/large.bin HTTP/1.1\r\nhost: localhost\r\n\r\nGET /large.bin']) {
      const connection = await RawConnection.open(port)
      await connection.send(`GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`)
      connection.destroy()
    }
    expect((await (await ask('/large.bin', { range: 'bytes=1-' })).arrayBuffer()).byteLength).toBe(29_999_999)
    expect((await ask('/large.bin', {}, 'HEAD')).status).toBe(200)
    expect(log).toEqual([])
    await expect.poll(() => openIn(folder)).toEqual([])
  })

  it('may take nothing of a file for as long as of another answer', async () => {
    const folder = await folderOf({ 'index.html': html, 'large.bin': Buffer.alloc(30_000_000) })
    const { port, server } = await started(folder)
    const connected = once(server, 'connection') as Promise<Socket[]>
    const outgoing = request({ port, path: '/large.bin' }).end()
    const [[incoming], [socket]] = await Promise.all([once(outgoing, 'response'), connected])
    incoming.pause()
    await expect.poll(() => socket!.timeout).toBe(30_000)
    socket!.emit('timeout')
    await expect.poll(() => openIn(folder)).toEqual([])
    outgoing.destroy()
  })

  it('gets the whole of a file that is under way at the end', async () => {
    const folder = await folderOf({ 'index.html': html, 'large.bin': Buffer.alloc(30_000_000) })
    const { port, close } = await started(folder)
    const [incoming] = await once(request({ port, path: '/large.bin' }).end(), 'response')
    incoming.pause()
    const closed = close()
    let size = 0
    for await (const chunk of incoming) size += chunk.length
    expect(size).toBe(30_000_000)
    await closed
  })
})

it('the end of the server is told to what is behind the files', async () => {
  const { ask, handler } = await started(dist)
  handler.drain!(Promise.resolve())
  expect((await ask('/health/ready')).status).toBe(503)
  expect((await ask('/favicon.svg')).status).toBe(200)
})

describe('graphql-session serve --static', () => {
  it('serves a folder and GraphQL', async () => {
    const { url, announcement } = await serve(undefined, {}, ['--static', dist])
    expect(announcement).toContain(`  pages     ${dist}, at ${new URL('/', url).href}\n`)
    expect(await (await fetch(new URL('/', url))).text()).toBe(html)
    expect(await (await fetch(new URL('/favicon.svg', url))).text()).toBe(files['favicon.svg'])
    expect((await new Client(url).run('{ session { isNew } }')).data).toEqual({ session: { isNew: true } })
  })

  it('refuses a folder without a name', () =>
    expectRefusal(['serve', '--static', ''], {}, /--static needs a folder/))

  it('refuses a folder that is not there', () =>
    expectRefusal(['serve', '--static', 'none'], {}, /: --static: there is no folder none\.$/m))

  it.each<[what: string, folder: () => string | Promise<string>, reason: RegExp]>([
    ['that is a file', () => join(dist, 'favicon.svg'), /--static: .*favicon\.svg is no folder/],
    ['without index.html', () => folderOf({ 'a.js': '' }), /--static: .*folder-\w+ has no index\.html/],
    ['whose index.html is a folder', () => folderOf({ 'index.html/a': '' }), /has no index\.html/],
  ])('refuses a folder %s', async (_, folder, reason) => {
    const path = await folder()
    const open = () => new StaticSite(path, { graphqlEndpoint: '/graphql', log() {} })
    expect(open).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringMatching(reason) }),
    )
  })

  it('refuses it for another command', () =>
    expectRefusal(['sweep', '--static', 'dist'], {}, /--static is for serve/))

  it('refuses what cannot be', async () => {
    const log = (): void => {}
    const folder = await folderOf({ 'index.html': html })
    expect(() => new StaticSite(folder, { graphqlEndpoint: '/', log })).toThrow(
      'another graphqlEndpoint than /',
    )
    await symlink('nowhere', join(folder, 'broken'))
    expect(() => new StaticSite(folder, { graphqlEndpoint: '/graphql', log })).toThrow(
      /cannot be read: ENOENT .*broken/,
    )
    const linked = await folderOf({})
    await symlink(join(home, 'secret.txt'), join(linked, 'index.html'))
    expect(() => new StaticSite(linked, { graphqlEndpoint: '/graphql', log })).toThrow('has no index.html')
  })

  it('answers 500 for a file that it may not read', async () => {
    const folder = await folderOf({ 'index.html': html, 'a.js': 'one' })
    const { ask, log } = await started(folder)
    for (const path of [home, folder]) await chmod(path, 0o755)
    await chmod(join(folder, 'a.js'), 0)
    // Root may read every file, so that it reads this one as nobody.
    if (process.getuid?.() === 0) process.seteuid!('nobody')
    const answer = await ask('/a.js').finally(() => process.getuid?.() === 0 && process.seteuid!(0))
    expect([answer.status, await answer.text()]).toEqual([500, ''])
    expect(log).toEqual(['/a.js was not sent: EACCES'])
  })
})

describe('a build of Vite in Chromium', needs('chromium'), () => {
  it(
    'runs under the policy, and a script that somebody put into it does not',
    { timeout: 60_000 },
    async () => {
      const pixel = Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64')
      const source = await folderOf({
        'index.html': `<!doctype html><title>Shop</title><link rel="icon" href="data:,">
        <script>document.title += ' inline'</script>
        <body style="margin: 3px"><img id="a"><script type="module" src="/main.js"></script>`,
        'main.js': `
        import './style.css'
        import pixel from './pixel.gif'
        const picture = document.querySelector('#a')
        picture.src = pixel
        await picture.decode()
        const { late } = await import('./late.js')
        const answer = await fetch('/graphql', {
          method: 'POST', headers: { 'content-type': 'application/json' }, body: '{ "query": "{ __typename }" }',
        })
        document.title += late + (await answer.json()).data.__typename`,
        'late.js': `import './late.css'\nexport const late = ' late '`,
        'late.css': 'p { color: red }',
        'style.css': 'body { color: rgb(1, 2, 3); background: url(./pixel.gif) }',
        'pixel.gif': pixel,
      })
      await build({ root: source, configFile: false, logLevel: 'silent' })
      const { url } = await started(join(source, 'dist'))
      const browser = await chromium.launch({
        executablePath: chromiumPath,
        args: chromiumArgs('MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'),
      })
      onTestFinished(() => browser.close())
      const page = await browser.newPage()
      const flaws: string[] = []
      page.on('console', (message) => message.type() === 'error' && flaws.push(message.text()))
      page.on('requestfailed', (failed) => flaws.push(failed.url()))
      await page.goto(`${url}/products/7`)
      await expect.poll(() => page.title(), { timeout: 10_000 }).toBe('Shop inline late Query')
      const style = await page.evaluate(
        '[getComputedStyle(document.body).color, getComputedStyle(document.body).margin, document.images[0].naturalWidth].join()',
      )
      expect(style).toBe('rgb(1, 2, 3),3px,1')
      expect(flaws).toEqual([])
      await page.evaluate(
        `document.body.insertAdjacentHTML('beforeend', '<img src="x" onerror="document.title = 1">')`,
      )
      await page.evaluate(
        `document.body.append(Object.assign(document.createElement('script'), { text: 'document.title = 2' }))`,
      )
      await expect.poll(() => flaws.filter((flaw) => flaw.includes('Content Security Policy')).length).toBe(2)
      expect(await page.title()).toBe('Shop inline late Query')
    },
  )
})
