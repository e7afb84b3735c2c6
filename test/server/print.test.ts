import { buildSchema, isInputObjectType, isObjectType, parse, validate } from 'graphql'
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
    const described = `'extend type Query { "' + 'x'.repeat(300_000) + '" last: Int }'`
    const config = `export default { typeDefs: ${described} }`
    const file = await write(`setInterval(() => {}, 1000); console.log('connected');${config}`)
    const { code, stdout, stderr } = await run(['print-schema', '--config', file])
    expect({ code, stderr }).toEqual({ code: 0, stderr: 'connected\n' })
    expect(buildSchema(stdout).getQueryType()!.getFields()).toHaveProperty('last')
  })
})

it('print-documents prints operations that fit the printed schema', async () => {
  const file = await write(shop)
  const [schema, documents] = await Promise.all(
    ['print-schema', 'print-documents'].map((command) => run([command, '--config', file])),
  )
  expect(documents).toMatchObject({ code: 0, stderr: '' })
  expect(validate(buildSchema(schema!.stdout), parse(documents!.stdout))).toEqual([])
  expect(documents!.stdout).toContain('  darkMode\n  user {\n    name\n  }\n}\n')
  expect(documents!.stdout).toMatch(/[^\n]\n$/)
})

describe('a command that prints', () => {
  it('refuses a configuration as serve does', async () => {
    const refused: [command: string, config: string, reason: RegExp][] = [
      ['print-schema', `export default { typeDefs: 'type {' }`, /mjs: typeDefs, line 1 \(type \{\): /],
      ['print-schema', `export default { typeDef: '' }`, /mjs: .*typeDef/],
      ['print-documents', `export default { data: 'type SessionData { a: Int! }' }`, /mjs: .*"a".*"default"/],
    ]
    await Promise.all(
      refused.map(async ([command, config, reason]) =>
        expectRefusal([command, '--config', await write(config)], {}, reason),
      ),
    )
  })

  it('refuses other arguments', async () => {
    const refused: [args: string, reason: RegExp][] = [
      ['print-schema', /print-schema needs --config FILE\.$/m],
      ['print-documents --config a.mjs --port 80', /--port is for serve/],
      ['print-schema --config a.mjs --print', /--print is for migrate/],
      ['sweep --config a.mjs', /--config is for serve, devices, end, print-schema and print-documents/],
    ]
    await Promise.all(refused.map(([args, reason]) => expectRefusal(args.split(' '), {}, reason)))
  })
})
