import { execFile } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ClassicLevel } from 'classic-level'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { levelStore } from '../../examples/own-store/level-store.ts'
import { changeSet } from '../../src/session/changes.ts'
import { guarantees } from '../../src/stores/suite/suite.ts'

const root = join(import.meta.dirname, '..', '..')
const example = join(root, 'examples/own-store')
const run = promisify(execFile)
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'graphql-session-own-store-'))
})
afterAll(() => rm(folder, { recursive: true }))

describe('the guide to a store of your own', () => {
  it('has a test file that node --test runs, with the package as it is installed', async () => {
    const guide = await readFile(join(example, 'README.md'), 'utf8')
    const [snippet, ...others] = [...guide.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code!)
    expect(others).toEqual([])
    const project = join(folder, 'project')
    await install(join(project, 'node_modules'))
    await copyFile(join(example, 'level-store.ts'), join(project, 'level-store.ts'))
    await writeFile(join(project, 'package.json'), '{ "private": true, "type": "module" }')
    await writeFile(join(project, 'level-store.test.ts'), snippet!)
    const { stdout } = await run(process.execPath, ['--test', '--test-reporter=tap'], { cwd: project })
    expect(stdout).toContain(`\n# tests ${guarantees.length}\n`)
    expect(stdout).toContain(`\n# pass ${guarantees.length}\n`)
  }, 60_000)

  it('names guarantees that exist', async () => {
    const guide = await readFile(join(example, 'README.md'), 'utf8')
    const ids = new Set(guarantees.map(({ id }) => id))
    const cited = [...guide.matchAll(/\bS\d\d\b/g)].map(([id]) => id)
    expect(cited.filter((id) => !ids.has(id))).toEqual([])
  })
})

/** As npm would, from this checkout: the package built, beside the packages that it needs. */
async function install(target: string): Promise<void> {
  const own = join(target, 'graphql-session')
  await mkdir(own, { recursive: true })
  await copyFile(join(root, 'package.json'), join(own, 'package.json'))
  await run(process.execPath, [
    join(root, 'node_modules/typescript/bin/tsc'),
    '-p',
    join(root, 'tsconfig.build.json'),
    '--outDir',
    join(own, 'dist'),
  ])
  const others = await readdir(join(root, 'node_modules'))
  const links = others.filter((name) => !name.startsWith('.') && name !== 'graphql-session')
  await Promise.all(links.map((name) => symlink(join(root, 'node_modules', name), join(target, name))))
}

describe('levelStore', () => {
  const record = { entries: new Map([['a', '1']]), createdAt: 1, expiresAt: 100, policy: '' }

  it('has after a restart what it acknowledged', async () => {
    const path = join(folder, 'restart')
    const before = new ClassicLevel(path)
    await levelStore(before).create('id', record)
    await levelStore(before).commit('id', changeSet({ entries: new Map([['b', '2']]), expiresAt: 200 }), 1)
    await before.close()
    const after = new ClassicLevel(path)
    expect(await levelStore(after).read('id', 199)).toEqual({
      ...record,
      entries: new Map([
        ['a', '1'],
        ['b', '2'],
      ]),
      expiresAt: 200,
    })
    await after.close()
  })

  it('sweeps in batches, and leaves nothing behind', async () => {
    const db = new ClassicLevel(join(folder, 'sweep'))
    const store = levelStore(db)
    const ids = Array.from({ length: 250 }, (_, index) => `id${index}`)
    await Promise.all(ids.map((id) => store.create(id, record)))
    await Promise.all(ids.map((id) => store.commit(id, changeSet({ expiresAt: 150 }), 1)))
    await store.delete('id0', 1)
    expect(await store.sweep!(149)).toBe(0)
    const batches = [
      await store.sweep!(150),
      await store.sweep!(150),
      await store.sweep!(150),
      await store.sweep!(150),
    ]
    expect(batches).toEqual([100, 100, 49, 0])
    expect(await db.keys().all()).toEqual([])
    await db.close()
  })
})
