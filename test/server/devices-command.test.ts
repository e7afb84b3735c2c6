import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { openSession } from '../../src/server/open-session.ts'
import { sqliteStore } from '../../src/stores/sqlite.ts'
import { expectRefusal, folder, run } from '../support/command.ts'

let file: string
let env: Record<string, string>
let tokens: string[] = []

beforeAll(async () => {
  file = join(folder, 'devices.db')
  env = { SESSION_STORE: `sqlite:${file}` }
  const store = sqliteStore(file)
  for (const label of ['laptop', 'phone\u001b[31m', 'tablet']) {
    const session = openSession(store)
    await session.identify('ada', { label })
    await session.save()
    tokens.push(session.token!)
  }
  store.close()
})

async function owners(): Promise<(string | null)[]> {
  const store = sqliteStore(file)
  const found = await Promise.all(tokens.map((token) => openSession(store, token).owner()))
  store.close()
  return found
}

describe('graphql-session devices', () => {
  it('lists what a user is signed in on, for people and for programs', async () => {
    const { stdout, code } = await run(['devices', '--owner', 'ada'], env)
    const lines = stdout.trimEnd().split('\n')
    expect(code).toBe(0)
    expect(lines).toHaveLength(4)
    expect(lines[1]).toMatch(/^[\w-]{12} {2}signed in \d{4}-\d\d-\d\d \d\d:\d\d, last seen .* {2}phone\[31m$/)
    expect(lines[3]).toBe(`graphql-session: 3 devices signed in, in SQLite, ${file}`)
    const listed = JSON.parse((await run(['devices', '--owner', 'ada', '--json'], env)).stdout) as object[]
    expect(listed[2]).toMatchObject({ label: 'laptop', userAgent: null, signedInAt: expect.any(String) })
    expect((await run(['devices', '--owner', 'ada', '--count'], env)).stdout).toBe('3\n')
    expect((await run(['devices', '--owner', 'bob', '--count', '--json'], env)).stdout).toBe(
      '{"devices":0}\n',
    )
  })

  it.each([
    ['without an owner', ['devices'], /devices needs --owner/],
    ['with a device', ['devices', '--owner', 'ada', '--all'], /--device and --all are for end/],
    ['that says not what', ['end', '--owner', 'ada'], /end needs either --device ID or --all/],
    ['that says two', ['end', '--owner', 'ada', '--all', '--device', 'x'], /end needs either/],
    ['for another command', ['sweep', '--owner', 'ada'], /--owner is for devices and end/],
  ])('refuses a command %s', (_, args, message) => expectRefusal(args, env, message))

  it('does not reach the memory of a server', () =>
    expectRefusal(['devices', '--owner', 'ada'], { SESSION_STORE: 'memory:' }, /no other one reaches/))
})

describe('graphql-session end', () => {
  it('signs one device out, then the others', async () => {
    const listed = JSON.parse((await run(['devices', '--owner', 'ada', '--json'], env)).stdout) as {
      id: string
    }[]
    const { stdout } = await run(['end', '--owner', 'ada', '--device', listed[2]!.id], env)
    expect(stdout).toBe(`graphql-session: 1 device signed out in SQLite, ${file}\n`)
    expect(await owners()).toEqual([null, 'ada', 'ada'])
    expect((await run(['end', '--owner', 'ada', '--all', '--json'], env)).stdout).toBe('{"ended":2}\n')
    expect(await owners()).toEqual([null, null, null])
    expect((await run(['end', '--owner', 'ada', '--all'], env)).stdout).toMatch(/: 0 devices signed out/)
  })
})
