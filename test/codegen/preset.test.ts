import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { preset, sessionPreset } from '../../src/codegen/preset.ts'
import { ownWorkshop, run, type Workshop } from '../support/documents/workshop.ts'

const declaration = `
  type SessionData {
    darkMode: Boolean! @session(client: [READ, WRITE, DELETE], default: false, key: "dark_mode")
    cart: [CartItem!]! @session(client: [READ, DELETE], default: [])
    currency: Currency! @session(client: [READ, WRITE], default: EUR)
    userId: ID @session(client: [READ, DELETE])
    trialEnds: DateTime @session(client: [READ])
    mfa: Challenge @session(ttl: 300)
  }
  type CartItem { id: ID!  sku: ID!  quantity: Int! }
  type Challenge { nonce: String! }
  enum Currency { EUR USD }
`

const config = (data: string): string => `
import type { SessionServerConfig } from 'graphql-session'
import type { Resolvers } from './generated/resolvers.ts'
import type { SessionData } from './generated/session-data.ts'

const resolvers: Resolvers = {
  Session: { user: async (session) => ((await session.get('userId')) ? { name: 'Ada' } : null) },
  CartItem: { title: ({ sku }) => sku.toUpperCase() },
  Mutation: {
    async addToCart(_, { sku, at }, { session }) {
      const item = { id: 'CartItem:' + sku, sku, quantity: 1 }
      const cart = await session.update('cart', (items) => [...items, item])
      session.set('trialEnds', at.toISOString())
      return { session, item: cart.at(-1) ?? item }
    },
  },
}

export default {
  data: \`${data}\`,
  keys: { 'pref:*': { client: ['read', 'write'] }, '*': {} },
  typeDefs: [
    'type User { name: String! } extend type Session { user: User }',
    () => \`
      type AddToCartPayload implements SessionPayload { session: Session!  item: CartItem! }
      extend type CartItem { title: String! }
      extend type Mutation { addToCart(sku: ID!, at: DateTime!): AddToCartPayload! }
    \`,
  ],
  resolvers,
} satisfies SessionServerConfig<SessionData>
`

const codegen = `
import type { CodegenConfig } from '@graphql-codegen/cli'
import { sessionPreset } from 'graphql-session/codegen'

export default { generates: { 'generated/': sessionPreset('./session.config.ts') } } satisfies CodegenConfig
`

const right = `
import type { Session } from 'graphql-session'
import type { CartItem, Currency, SessionData } from './generated/session-data.ts'

type Is<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const is = <A, B>(_: Is<A, B>): void => {}

export async function use(session: Session<SessionData>, item: CartItem, either: 'dark_mode' | 'currency') {
  const cart = await session.get('cart')
  is<typeof cart, readonly { readonly id: string; readonly sku: string; readonly quantity: number }[]>(true)
  const items: readonly CartItem[] = cart
  const dark = await session.get('dark_mode')
  is<typeof dark, boolean>(true)
  const currency = await session.get('currency')
  is<typeof currency, Currency>(true)
  const user = await session.get('userId')
  is<typeof user, string | undefined>(true)
  const mfa = await session.get('mfa')
  is<typeof mfa, { readonly nonce: string } | undefined>(true)
  const fallback = await session.get('userId', null)
  is<typeof fallback, string | null>(true)
  session.set('cart', [...items, item])
  session.set('currency', 'USD')
  session.set('mfa', { nonce: 'a' })
  session.set('pref:size', { width: 1 })
  session.merge({ dark_mode: true, currency: 'EUR' })
  await session.update('cart', (all) => all.filter(({ sku }) => sku !== 'a'))
  return [either, await session.pop('cart')]
}
`

const wrong = `
import type { Session } from 'graphql-session'
import type { CartItem, SessionData } from './generated/session-data.ts'
import type { Resolvers } from './generated/resolvers.ts'

export async function misuse(session: Session<SessionData>, item: CartItem, either: 'dark_mode' | 'currency') {
  // @ts-expect-error no such currency
  session.set('currency', 'GBP')
  // @ts-expect-error no such currency
  session.merge({ currency: 'GBP' })
  // @ts-expect-error the name of the field is not the key
  session.set('darkMode', true)
  // @ts-expect-error a misspelt key
  await session.get('crat')
  // @ts-expect-error a misspelt key
  session.merge({ crat: [] })
  // @ts-expect-error a Date
  session.set('trialEnds', new Date())
  // @ts-expect-error a Date
  session.set('pref:since', new Date())
  // @ts-expect-error one of several keys, with the value of another one
  session.set(either, 'EUR')
  // @ts-expect-error it may be absent
  const user: string = await session.get('userId')
  // @ts-expect-error nobody has set it, maybe
  const size: string = await session.get('pref:size')
  // @ts-expect-error what was read is frozen
  item.quantity = 2
  // @ts-expect-error an item without its quantity
  session.set('cart', [{ id: '1', sku: 'a' }])
  // @ts-expect-error undefined is not a value
  session.set('userId', undefined)
  return [user, size]
}

export const resolvers: Resolvers = {
  Mutation: {
    // @ts-expect-error an item without its quantity
    addToCart: (_, { sku }, { session }) => ({ session, item: { id: '1', sku } }),
  },
  Session: {
    // @ts-expect-error no such field
    colour: () => 'red',
  },
}
`

describe('in GraphQL Code Generator', () => {
  const options =
    '--strict --exactOptionalPropertyTypes --noUncheckedIndexedAccess --verbatimModuleSyntax --erasableSyntaxOnly' +
    ' --allowImportingTsExtensions --noEmit --skipLibCheck --module nodenext --target es2024 --types node'
  let workshop: Workshop
  let folder: string

  const generate = async (): Promise<void> => {
    const { output, code } = await run(
      [workshop.node, workshop.codegen, '--silent', '--config', 'codegen.ts'],
      folder,
    )
    expect({ output, code }).toEqual({ output: '', code: 0 })
  }
  const compile = async (...files: string[]): Promise<string[]> => {
    const tsc = join(workshop.folder, '../node_modules/typescript/bin/tsc')
    const { output } = await run([workshop.node, tsc, ...options.split(' '), ...files], folder)
    // The peers here can be older than the types in which `src` is written.
    return output.split(/\n(?! )/).filter((message) => message !== '' && !/^[./]+.*\/src\//.test(message))
  }

  beforeAll(async () => {
    workshop = await ownWorkshop()
    folder = join(workshop.folder, 'shop')
    await mkdir(folder)
    const files = {
      'codegen.ts': codegen,
      'session.config.ts': config(declaration),
      'right.ts': right,
      'wrong.ts': wrong,
    }
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
    await generate()
  }, 60_000)
  afterAll(() => rm(dirname(workshop.folder), { recursive: true }))

  it('types the data and the resolvers, and what is wrong does not compile', async () => {
    expect(await compile('codegen.ts', 'session.config.ts', 'right.ts', 'wrong.ts')).toEqual([])
  })

  it('a key that is renamed in the declaration breaks the build of the server', async () => {
    await writeFile(
      join(folder, 'session.config.ts'),
      config(declaration.replace('cart:', 'basket:').replace('"dark_mode"', '"dark"')),
    )
    await generate()
    expect(await readFile(join(folder, 'generated/session-data.ts'), 'utf8')).toContain(
      '  basket: readonly CartItem[]',
    )
    const found = await compile('session.config.ts', 'right.ts')
    expect(found.join('\n')).toMatch(/session\.config\.ts.*"?cart/)
    expect(found.join('\n')).toMatch(/right\.ts.*dark_mode/)
  })

  it('writes the same where it is named in YAML', async () => {
    const yaml = `
schema: node_modules/graphql-session/schema/session.graphql
generates:
  named/:
    preset: graphql-session/codegen
    presetConfig:
      config: ./session.config.ts
`
    await writeFile(join(folder, 'codegen.yml'), yaml.replace('node_modules', '../node_modules'))
    const command = [workshop.node, workshop.codegen, '--silent', '--config', 'codegen.yml']
    expect(await run(command, folder)).toEqual({ output: '', code: 0 })
    for (const file of ['session-data.ts', 'resolvers.ts']) {
      const [named, imported] = await Promise.all(
        ['named', 'generated'].map((name) => readFile(join(folder, name, file), 'utf8')),
      )
      expect(named).toBe(imported)
    }
  })
})

describe('sessionPreset', () => {
  const data = 'type SessionData { a: Int }'
  const given = { baseOutputDir: 'session.gen.ts', config: {} }

  it.each<[what: string, options: object, message: RegExp]>([
    ['an unknown option', { scalar: {} }, /no option "scalar"/],
    ['what is no key', { keys: { 'a b': 'string' } }, /"a b" is no key/],
  ])('refuses %s', (_, options, message) => {
    expect(() => sessionPreset({ data }, options)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringMatching(message) }),
    )
  })

  it.each<[what: string, config: object | string, message: RegExp]>([
    ['no data', {}, /^sessionPreset needs data/],
    ['wrong data', { data: 'type SessionData { a: Int! }' }, /"a" can be absent/],
    ['no file', 'none.config.ts', /none\.config\.ts/],
  ])('fails the generator for %s', async (_, config, message) => {
    await expect(sessionPreset(config).preset.buildGeneratesSection(given)).rejects.toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringMatching(message) }),
    )
  })

  it.each<[what: string, presetConfig: object, message: RegExp]>([
    ['no file', {}, /^presetConfig\.config must be a file/],
    ['an unknown option', { file: 'a.ts' }, /^presetConfig has no option "file"/],
    ['what is no key', { config: 'a.ts', keys: { 'a b': 'string' } }, /"a b" is no key/],
  ])('fails the generator for %s in presetConfig', async (_, presetConfig, message) => {
    await expect(preset.buildGeneratesSection({ ...given, presetConfig })).rejects.toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringMatching(message) }),
    )
  })
})
