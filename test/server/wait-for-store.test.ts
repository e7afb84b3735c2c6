import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout } from 'node:timers/promises'
import { describe, expect, inject, it } from 'vitest'
import { expectRefusal, serve, start } from '../support/command.ts'
import { Client } from '../support/harness.ts'
import { needs } from '../support/needs.ts'
import { freePort, startRedis } from '../support/servers.ts'
import { expectToKeep, openToAll, own, set } from '../support/stores-of-command.ts'

const [redisUrl, postgresUrl] = [inject('redisUrl'), inject('postgresUrl')]
describe('a store that cannot be reached', { timeout: 60_000 }, () => {
  it('is told each second and in the end, without the password', async () => {
    const cases = [
      ['serve', 'redis', 'ECONNREFUSED'],
      ['serve', 'postgres', 'ECONNREFUSED'],
      ['serve', 'redis+cluster', 'no connection'],
      ['sweep', 'postgres', 'ECONNREFUSED'],
      ['migrate', 'postgres', 'ECONNREFUSED'],
      ['serve', 'mysql', 'ECONNREFUSED'],
    ] as const
    const address = `127.0.0.1:${await freePort()}`
    const began = performance.now()
    const told = cases.map(async ([command, scheme]) => {
      const database = scheme === 'mysql' ? '/shop' : ''
      const child = start([command], { SESSION_STORE: `${scheme}://user:hunter2@${address}${database}` })
      const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'close')])
      expect(code).toBe(1)
      return said.trimEnd().split('\n')
    })
    for (const [index, lines] of (await Promise.all(told)).entries()) {
      const [command, scheme, reason] = cases[index]!
      const what = `(?:Redis|Redis Cluster|PostgreSQL|MySQL) at ${address}(?:/shop)?`
      expect(lines.pop(), `${command} ${scheme}`).toMatch(
        new RegExp(`^graphql-session: SESSION_STORE: cannot use ${what}: ${reason}\\.$`),
      )
      const waiting = new RegExp(`^graphql-session: waiting for ${what} for (\\d+) s: ${reason}$`)
      const seconds = lines.map((line) => Number(waiting.exec(line)?.[1]))
      // The clock of a busy machine may jump over one.
      expect(seconds.length).toBeGreaterThan(4)
      expect(seconds).toEqual([...new Set(seconds)].toSorted((a, b) => a - b))
      expect(seconds.at(-1)).toBeLessThan(seconds.length + 3)
    }
    expect(performance.now() - began).toBeLessThan(25_000)
  })

  it('is told while it does not answer, too', async () => {
    const silent = createServer().listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const { port } = silent.address() as AddressInfo
    const child = start(['serve'], { SESSION_STORE: `postgres://user:hunter2@127.0.0.1:${port}` })
    const [line] = (await once(child.stderr.setEncoding('utf8'), 'data')) as [string]
    expect(line).toBe(`graphql-session: waiting for PostgreSQL at 127.0.0.1:${port} for 1 s: no answer yet\n`)
    child.kill('SIGKILL')
    await once(child, 'close')
    silent.close()
  })

  it('for a wrong password is told at once', needs('ownRedis'), async () => {
    const { port } = await own(startRedis(['--requirepass', 'right']))
    const refused = (url: string, reason: RegExp): Promise<void> =>
      expectRefusal(['serve'], { SESSION_STORE: `${url}127.0.0.1:${port}` }, reason)
    await Promise.all([
      refused('redis://:hunter2@', /WRONGPASS/),
      refused('redis://', /NOAUTH/),
      refused('redis+cluster://', /NOAUTH/),
    ])
    expect(await expectToKeep({ SESSION_STORE: `redis://:right@127.0.0.1:${port}` })).not.toContain('right')
  })

  it('for a Redis database that does not exist is told at once', needs('sharedRedis'), async () => {
    await expectRefusal(['serve'], { SESSION_STORE: `${redisUrl}/99` }, /refused a command \(ERR\)/)
  })

  it('is none for a user of Redis who may do no more than sessions need', needs('ownRedis'), async () => {
    const { url, port } = await own(
      startRedis(['--user', 'lean', 'on', '>pw', '~session:*', '+@all', '-@dangerous']),
    )
    const env = { SESSION_STORE: `redis://lean:pw@127.0.0.1:${port}` }
    expect(url).toContain(String(port))
    expect(await expectToKeep(env)).toContain('Redis at')
  })

  it('for a database that does not exist is told at once', needs('sharedPostgres'), async () => {
    const url = new URL(postgresUrl!)
    url.pathname = '/nowhere'
    await expectRefusal(['serve'], { SESSION_STORE: url.href }, /3D000/)
  })

  it('is waited for while it starts', needs('ownRedis'), async () => {
    const port = await freePort()
    const serving = serve(openToAll, { SESSION_STORE: `redis://127.0.0.1:${port}` })
    await setTimeout(500)
    await own(startRedis([], port))
    const { url, child } = await serving
    let said = ''
    child.stderr!.on('data', (chunk: Buffer) => (said += chunk))
    expect((await new Client(url).run(set)).codes).toEqual([])
    await setTimeout(1100)
    expect(said, 'once it is there').toBe('')
  })
})
