import { realpathSync } from 'node:fs'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { describe, expect, it } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }
import { expectRefusal, folder, run, serve, write } from '../support/command.ts'

describe('--config', () => {
  it.each<[what: string, config: string, reason: RegExp]>([
    ['no default export', 'export const keys = {}', /default export/],
    ['null as default export', 'export default null', /default export/],
    ['an unknown option', 'export default { kesy: {} }', /"kesy"/],
    ['a store of its own', 'export default { store: {} }', /store/],
    ['a bad key', `export default { keys: { 'a b': {} } }`, /keys.*"a b"/],
    ['an unknown right', `export default { keys: { a: { client: ['raed'] } } }`, /keys\.a\.client .*'read'/],
    ['a bad timeout', `export default { idleTimeout: '1h' }`, /idleTimeout/],
  ])('refuses a file with %s', async (_, config, reason) => {
    await expectRefusal(['serve', '--config', await write(config)], {}, reason)
  })

  it('refuses a file that is not there', () =>
    expectRefusal(['serve', '--config', 'missing.ts'], {}, /missing\.ts/))

  it('tells where a file throws', async () => {
    const file = await write(`throw new Error('boom')`)
    const { code, stderr } = await run(['serve', '--config', file])
    expect(stderr).toMatch(/^graphql-session: Error: boom\n/)
    expect(stderr).toContain(`${file}:1`)
    expect(stderr, 'frames of Node and of ours').toMatch(/^.*\n.*\n$/)
    expect(code).toBe(1)
  })

  const broken = 'export default {\n  keys: {},\n  idleTimeout: = 5,\n}\n'
  it.each<[what: string, files: Record<string, string>, told: string]>([
    ['in a module', { 'a.mjs': broken }, `a.mjs:3:16: SyntaxError: Unexpected token '=': idleTimeout: = 5,`],
    ['in TypeScript', { 'a.ts': `type A = 1\n${broken}` }, 'a.ts:4:16: SyntaxError: Expression expected: idleTimeout: = 5,'],
    ['in CommonJS', { 'a.cjs': 'module.exports = {\n  a: = 5 }' }, `a.cjs:2:6: SyntaxError: Unexpected token '=': a: = 5 }`],
    ['at its end', { 'a.mjs': 'export default {\n  keys: {},\n' }, 'a.mjs:3: SyntaxError: Unexpected end of input'],
    ['that TypeScript alone knows', { 'a.ts': '\nenum A { B }' }, 'a.ts:2:1: SyntaxError: TypeScript enum is not supported in strip-only mode: enum A { B }'],
    ['in what it imports', { 'a.mjs': `import './b c.mjs'\nexport default {}`, 'b c.mjs': broken }, `b c.mjs:3:16: SyntaxError: Unexpected token '=': idleTimeout: = 5,`],
    ['in what it imports later', { 'a.mjs': `await import('./d.mjs')`, 'd.mjs': broken }, `d.mjs:3:16: SyntaxError: Unexpected token '=': idleTimeout: = 5,`],
    ['of a name that is not exported', { 'a.mjs': `\nimport { reed } from 'node:fs'\nexport default {}` }, `a.mjs:2:10: SyntaxError: The requested module 'node:fs' does not provide an export named 'reed': import { reed } from 'node:fs'`],
  ])('tells file, line and column of an error of syntax %s', async (_, files, told) => {
    const home = await mkdtemp(join(folder, 'broken-'))
    for (const [name, text] of Object.entries(files)) await writeFile(join(home, name), text)
    const { code, stdout, stderr } = await run(['serve', '--config', join(home, Object.keys(files)[0]!)])
    expect(stderr).toBe(`graphql-session: ${relative(folder, home)}/${told}\n`)
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  }) // prettier-ignore

  it('names the file beside one of JSON that it imports', async () => {
    const json = join(folder, await write('{ "a": , }', 'json'))
    const file = await write(`import a from '${json}' with { type: 'json' }\nexport default a`)
    await expectRefusal(
      ['serve', '--config', file],
      {},
      new RegExp(`: ${file}: SyntaxError: ${realpathSync(json)}: .* is not valid JSON`),
    )
  })

  it('tells the line of the SDL that is wrong', async () => {
    const file = await write('export default {\n  typeDefs: `\n    type A { a: Nowhere }\n  `,\n}')
    expect(await run(['serve', '--config', file])).toEqual({
      code: 1,
      stdout: '',
      stderr: `graphql-session: ${file}: typeDefs, line 2 (type A { a: Nowhere }): Unknown type "Nowhere".\n`,
    })
  })

  it('names the file beside an option that is wrong', async () => {
    const file = await write('export default { idleTimeout: 0 }')
    await expectRefusal(['serve', '--config', file], {}, new RegExp(`: ${file}: idleTimeout must be`))
  })

  it.each<[what: string, config: string, told: (file: string) => string]>([
    ['throws what is no error', `throw 'text'`, (file) => `${file} throws 'text'`],
    ['waits for ever', 'await new Promise(() => {})', (file) => `${file} awaits something that never comes.`],
    [
      'throws an error of syntax of something else',
      `\n  JSON.parse('{')`,
      (file) =>
        `SyntaxError: Expected property name or '}' in JSON at position 1 (line 1 column 2)\n    at file://${realpathSync(folder)}/${file}:2:8`,
    ],
  ])('tells of a file that %s', async (_, config, told) => {
    const file = await write(config)
    const { code, stdout, stderr } = await run(['serve', '--config', file])
    expect(stderr).toBe(`graphql-session: ${told(file)}\n`)
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  })

  it('takes TypeScript', async () => {
    const file = await write(
      `const idleTimeout: number = 60; export default { idleTimeout: '' + idleTimeout }`,
      'ts',
    )
    await expectRefusal(['serve', '--config', file], {}, /idleTimeout/)
  })

  it('decides what the start-up text says', async () => {
    const { announcement } = await serve(
      `export default {
        keys: { 'pref:*': { client: ['write', 'read'] }, user_id: { client: ['read', 'delete'] }, secret: {} },
        idleTimeout: 5400,
        absoluteTimeout: 86400,
        cookie: { name: '__Host-shop' },
      }`,
      { SESSION_STORE: 'memory:?max=50' },
    )
    expect(announcement.replace(/:\d+/, ':PORT').replace(packageJson.version, 'VERSION')).toBe(
      `graphql-session VERSION serves http://localhost:PORT/graphql (open it for GraphiQL)
  store     memory, at most 50 sessions, lost when this process ends
  timeouts  90 minutes without activity, 1 day in all
  cookie    __Host-shop; over plain http on this machine: shop
  keys      pref:*: client may read, write
            user_id: client may read, delete
            secret: server only
`,
    )
  })
})
