import { buildSchema, isInputObjectType, isObjectType } from 'graphql'
import { describe, expect, it } from 'vitest'
import { expectRefusal, run, write } from '../support/command.ts'

const shop = `
  export default {
    data: \`
      type SessionData {
        "Whether the shop is shown dark."
        darkMode: Boolean! @session(client: [READ, WRITE], default: false, key: "dark_mode")
        mfa: Challenge @session(ttl: 300)
      }
      type Challenge { nonce: String! }
    \`,
    typeDefs: 'type User { name: String! } extend type Session { user: User }',
    resolvers: { Session: { user: () => ({ name: 'Ada' }) } },
  }`

describe('print-schema', () => {
  it('prints the schema of the session and the application, and nothing of what is for the server only', async () => {
    const { code, stdout, stderr } = await run(['print-schema', '--config', await write(shop)])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const schema = buildSchema(stdout)
    const session = schema.getType('Session')
    expect(isObjectType(session) && Object.keys(session.getFields())).toEqual(
      expect.arrayContaining(['id', 'handle', 'darkMode', 'user']),
    )
    expect(stdout).toContain('"""Whether the shop is shown dark."""')
    expect(stdout).not.toMatch(/mfa|Challenge|@session|dark_mode/)
    const expiry = schema.getType('SessionExpiryInput')
    expect(isInputObjectType(expiry) && expiry.isOneOf).toBe(true)
    expect(stdout).toMatch(/[^\n]\n$/)
  })

  it('prints all, and ends, although the configuration logs and keeps the process alive', async () => {
    // More than the buffer of a pipe.
    const fields = `Array.from({ length: 20_000 }, (_, i) => 'field' + i + ': Int').join(' ')`
    const config = `export default { typeDefs: 'extend type Query { ' + ${fields} + '}' }`
    const file = await write(`setInterval(() => {}, 1000); console.log('connected');${config}`)
    const { code, stdout, stderr } = await run(['print-schema', '--config', file])
    expect({ code, stderr }).toEqual({ code: 0, stderr: 'connected\n' })
    expect(Object.keys(buildSchema(stdout).getQueryType()!.getFields())).toHaveLength(20_001)
  })
})

describe('a command that prints', () => {
  it.each<[what: string, command: string, config: string, reason: RegExp]>([
    [
      'a wrong line of SDL',
      'print-schema',
      `export default { typeDefs: 'type {' }`,
      /mjs: typeDefs, line 1 \(type \{\): /,
    ],
    ['an option that there is not', 'print-schema', `export default { typeDef: '' }`, /mjs: .*typeDef/],
    [
      'wrong data',
      'print-schema',
      `export default { data: 'type SessionData { a: Int! }' }`,
      /mjs: .*"a".*"default"/,
    ],
  ])('refuses %s as serve does', async (_, command, config, reason) =>
    expectRefusal([command, '--config', await write(config)], {}, reason),
  )

  it.each<[args: string, reason: RegExp]>([
    ['print-schema', /print-schema needs --config FILE\.$/m],
    ['print-schema --config a.mjs --port 80', /--port is for serve/],
    ['print-schema --config a.mjs --print', /--print is for migrate/],
    ['sweep --config a.mjs', /--config is for serve, print-schema/],
  ])('refuses %s', (args, reason) => expectRefusal(args.split(' '), {}, reason))
})
