import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { type IncomingMessage, request } from 'node:http'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }
import { type Environment, expectRefusal, folder, main, run, serve } from '../support/command.ts'
import { Client, listen } from '../support/harness.ts'
import { skippedIf } from '../support/needs.ts'

const openToAll = `export default { keys: { '*': { client: ['read', 'write'] } } }`

const slow = `
  const answer = 'x'.repeat(1_000_000)
  export default {
    typeDefs: 'extend type Query { slow: String! }',
    resolvers: {
      Query: {
        slow() {
          console.log('slow began')
          return new Promise((done) => setTimeout(done, 300, answer))
        },
      },
    },
  }`

describe('the command line', () => {
  it.each(['--help', '-h', 'help', 'help serve', 'serve -h'])('explains itself: %s', async (line) => {
    const { code, stdout, stderr } = await run(line.split(' '))
    expect(stdout).toContain('graphql-session serve [--config FILE]')
    for (const name of [
      '--config',
      '--host',
      '--port',
      '--static',
      '-h, --help',
      '-v, --version',
      'SESSION_STORE',
    ]) {
      expect(stdout).toContain(name)
    }
    for (const name of ['HOST', 'PORT', 'NODE_ENV', '?schema=NAME']) expect(stdout).toContain(name)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  })

  it.each(['--version', '-v'])('says its version: %s', async (option) => {
    expect(await run([option])).toEqual({ code: 0, stdout: `${packageJson.version}\n`, stderr: '' })
  })

  it.each<[what: string, args: string[], reason: RegExp]>([
    ['no command', [], /graphql-session serve.*--help/],
    ['an unknown command', ['sevre'], /graphql-session serve.*--help/],
    ['a superfluous argument', ['serve', 'config.mjs'], /graphql-session serve.*--help/],
    ['an unknown option', ['serve', '--prot', '80'], /--prot/],
    ['--port without a number', ['serve', '--port'], /--port/],
    [
      '--port with a name',
      ['serve', '--port', 'http'],
      /^[^,]*: --port must be a whole number from 0 to 65535/,
    ],
    ['--port with nothing', ['serve', '--port', ''], /: --port must be a whole number from 0 to 65535/],
    ['--port with too much', ['serve', '--port=65536'], /: --port must be a whole number from 0 to 65535/],
    ['--port with too little', ['serve', '--port', '-1'], /--port/],
    ['--host with nothing', ['serve', '--host', ''], /: --host must not be empty/],
    ['--port elsewhere', ['sweep', '--port', '80'], /--port is for serve/],
    ['--host elsewhere', ['migrate', '--host', 'localhost'], /--host is for serve/],
    ['--config without a file', ['serve', '--config'], /--config/],
    ['--config with an option for a file', ['serve', '--config', '--help'], /--config/],
    ['--config with an empty name', ['serve', '--config', ''], /--config/],
  ])('refuses %s', (_, args, reason) => expectRefusal(args, {}, reason))
})

describe('the environment', () => {
  it.each<[env: Environment, reason: RegExp]>([
    [{ SESSION_STORE: 'foo:' }, /SESSION_STORE must start with one of: memory:/],
    [{ SESSION_STORE: 'memory' }, /SESSION_STORE must start with one of: memory:/],
    [{ SESSION_STORE: '' }, /SESSION_STORE must start with one of: memory:/],
    [{ SESSION_STORE: 'memory:?max=0' }, /max must be a whole number from 1/],
    [{ SESSION_STORE: 'memory:?max=abc' }, /max must be a whole number from 1/],
    [{ SESSION_STORE: 'memory:?maximum=5' }, /maximum/],
    [{ SESSION_STORE: 'memory://[' }, /SESSION_STORE/],
    [{ PORT: 'abc' }, /PORT must be a whole number from 0 to 65535/],
    [{ PORT: '70000' }, /PORT must be a whole number from 0 to 65535/],
    [{ PORT: '' }, /PORT must be a whole number from 0 to 65535/],
    // TEST-NET-1 (RFC 5737): no machine has it.
    [{ HOST: '192.0.2.1' }, /192\.0\.2\.1/],
  ])('refuses %j', (env, reason) => expectRefusal(['serve'], env, reason))

  it('does not repeat a password', async () => {
    const { stderr } = await run(['serve'], { SESSION_STORE: 'unknown://user:s3cret@db.example' })
    expect(stderr).toContain('SESSION_STORE')
    expect(stderr).not.toContain('s3cret')
  })

  it('says that a port is in use', async () => {
    const other = await listen(() => {})
    const { port } = new URL(other.url)
    await expectRefusal(['serve'], { PORT: port }, /in use.*; choose another HOST or PORT/)
    await expectRefusal(['serve', '--port', port], {}, /in use.*; choose another HOST or --port/)
    await other.close()
  })

  it('is overruled by --port and --host', async () => {
    const { url } = await serve(undefined, { HOST: '192.0.2.1', PORT: 'abc' }, [
      '--port',
      '0',
      '--host',
      '127.0.0.1',
    ])
    expect(url).not.toMatch(/:0\b/)
    expect((await new Client(url).run('{ session { isNew } }')).data).toEqual({ session: { isNew: true } })
  })

  it('PORT=0 listens on a free port, and says on which', async () => {
    const { url } = await serve()
    expect((await new Client(url).run('{ session { isNew } }')).data).toEqual({ session: { isNew: true } })
  })

  const oneLoopback = skippedIf(process.platform === 'darwin', 'macOS has one address of loopback')
  it('HOST is the address to listen on', oneLoopback, async () => {
    const { url } = await serve(undefined, { HOST: '127.0.0.2' })
    expect(url).toMatch(/^http:\/\/127\.0\.0\.2:\d+\/graphql$/)
    expect((await new Client(url).run('{ session { isNew } }')).data).toEqual({ session: { isNew: true } })
    await expect(fetch(url.replace('127.0.0.2', '127.0.0.1'))).rejects.toThrow('fetch failed')
  })

  it('ALLOWED_HOSTS are the names by which clients may call it, whatever the configuration says', async () => {
    const { url } = await serve("export default { allowedHosts: ['app.test'] }", {
      ALLOWED_HOSTS: 'shop.test, .shop.test',
    })
    const statuses = await Promise.all(
      ['a.shop.test', 'shop.test', 'app.test'].map(async (host) => {
        const { hostname, port } = new URL(url)
        const asked = request({
          host: hostname,
          port,
          path: '/graphql?query={__typename}',
          headers: { host },
        })
        const [answer] = (await once(asked.end(), 'response')) as [IncomingMessage]
        answer.resume()
        return answer.statusCode
      }),
    )
    expect(statuses).toEqual([200, 200, 403])
  })

  it('NODE_ENV=production serves no GraphiQL and knows no insecure cookie', async () => {
    const { announcement, url } = await serve(openToAll, { NODE_ENV: 'production' })
    expect(announcement).not.toMatch(/graphiql|plain http/i)
    const page = await fetch(url, { headers: { accept: 'text/html' } })
    expect(await page.text()).not.toMatch(/<html|graphiql/i)
    const { setCookies } = await new Client(url).run(
      'mutation { setSessionKey(key: "a", value: 1) { created } }',
    )
    expect(setCookies).toEqual([expect.stringMatching(/^__Host-session=[\w-]{43}; .*\bSecure\b/)])
  })
})

describe('a Node that is too old', () => {
  const [major, minor] = process.versions.node.split('.')
  /** The file that the command starts with, and nothing that it could import. */
  const alone = async (floor: string) => {
    const home = await mkdtemp(join(folder, 'alone-'))
    await mkdir(join(home, 'src/server'), { recursive: true })
    await copyFile(main, join(home, 'src/server/main.ts'))
    await writeFile(join(home, 'package.json'), JSON.stringify({ type: 'module', engines: { node: floor } }))
    return home
  }
  const runAlone = async (floor: string) =>
    promisify(execFile)(process.execPath, [join(await alone(floor), 'src/server/main.ts'), 'serve']).then(
      () => expect.unreachable(),
      ({ code, stdout, stderr }) => ({ code, stdout, stderr }),
    )

  it.each([`${major}.${Number(minor) + 1}`, `${major}.100`, '100'])(
    'is told so in one line, before anything else is loaded: %s',
    async (floor) => {
      expect(await runAlone(`>=${floor}`)).toEqual({
        code: 1,
        stdout: '',
        stderr: `graphql-session needs Node ${floor} or newer, and this is Node ${process.versions.node} (${process.execPath}).\n`,
      })
    },
  )

  it.each([`${major}.${minor}`, `${major}.0`, '9.100'])('is none where the floor is %s', async (floor) => {
    expect((await runAlone(`>=${floor}`)).stderr).toContain('ERR_MODULE_NOT_FOUND')
  })
})

describe('the end', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('%s ends the process in order', async (signal) => {
    const { child } = await serve(undefined, { DRAIN_DELAY: '0' })
    child.kill(signal)
    expect(await once(child, 'close')).toEqual([0, null])
  })

  it('requests are taken for DRAIN_DELAY, while it is not ready', async () => {
    const { child, url, says } = await serve(undefined, { DRAIN_DELAY: '1000' })
    const ended = once(child, 'close')
    child.kill('SIGTERM')
    await says('finishing the requests')
    await setTimeout(200)
    expect((await fetch(new URL('/health/ready', url))).status).toBe(503)
    expect((await new Client(url).run('{ __typename }')).status).toBe(200)
    expect((await ended)[0]).toBe(0)
  })

  it('a request under way is answered in full first, and nothing is waited for after it', async () => {
    const { child, url, says } = await serve(slow)
    const closed = once(child, 'close')
    const answer = new Client(url).run('{ slow }')
    await says('slow began')
    child.kill('SIGTERM')
    // As a terminal and npm both send it at one Ctrl-C.
    await says('SIGTERM')
    child.kill('SIGTERM')
    expect((await answer).data.slow).toHaveLength(1_000_000)
    const answered = performance.now()
    expect(await closed).toEqual([0, null])
    // Clients keep their connections for seconds.
    expect(performance.now() - answered).toBeLessThan(2000)
  })
})
