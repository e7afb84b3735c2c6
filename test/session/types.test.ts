import { describe, expectTypeOf, it } from 'vitest'
import type { SessionServerConfig } from '../../src/server/create-session-server.ts'
import type { OpenSettings } from '../../src/server/open-session.ts'
import type { KeyDeclarations } from '../../src/session/key-declarations.ts'
import type { AnySession, Session } from '../../src/session/session.ts'
import type { Json } from '../../src/session/value.ts'

// The compiler is what tests here: `tsc` reports an @ts-expect-error above a line that compiles.

interface Item {
  readonly sku: string
  quantity: number
  note?: string
  tags: [string, ...string[]]
}
interface Tree {
  name: string
  children: Tree[]
}
type Sku = string & { readonly __brand: 'Sku' }
interface Counts {
  a: number
  b: string
}
const when = new Date()

describe('a value that JSON keeps compiles', () => {
  interface Data {
    flag: boolean
    other: boolean
    text?: string
    maybe: string | null
    item: Item
    items: readonly Item[]
    tree: Tree
    sku: Sku
    kind: { type: 'a'; a: number } | { type: 'b'; b: string }
    pair: [number, string]
    table: Record<string, Item>
    partial: Partial<Item>
    json: Json
    whatever: unknown
    any: ReturnType<typeof JSON.parse>
    [preference: `pref:${string}`]: number
  }
  type Verbs = (session: Session<Data>, item: Item, tree: Tree, json: Json, key: 'flag' | 'other') => unknown

  it('under its key', () => {
    expectTypeOf<Verbs>(async (session, item, tree, json, key) => {
      session.set('flag', true)
      session.set(key, false)
      session.set('text', 'a')
      session.set('maybe', null)
      session.set('item', item)
      session.set('item', { sku: 'a', quantity: 1, tags: ['a'] })
      session.set('items', [item, item])
      session.set('tree', tree)
      session.set('tree', { name: 'a', children: [{ name: 'b', children: [] }] })
      session.set('sku', 'a' as Sku)
      session.set('kind', { type: 'b', b: '' })
      session.set('pair', [1, 'a'])
      session.set('table', { a: item })
      session.set('partial', {})
      session.set('json', json)
      session.set('json', { deep: [1, { a: null }] })
      session.set('whatever', { anything: 1 })
      session.set('any', { anything: 1 })
      session.set('pref:size', 1)
      session.merge({ flag: true, items: [item], 'pref:size': 2 })
      session.merge({
        kind: { type: 'b', b: '' },
        item: { sku: 'a', quantity: 1, tags: ['a'] },
        pair: [1, ''],
      })
      const read = await session.get('item')
      if (read) session.set('item', read)
      await session.setDefault('items', [])
      await session.setDefault('tree', tree)
      await session.update('items', (items = []) => [...items, item])
      await session.update('tree', (before) => before ?? tree)
      await session.update('pref:size', (size = 0) => size + 1)
      await session.update(key, (flag) => !flag)
      await session.pop(key)
    }).toBeFunction()
    expectTypeOf((session: Session, any: AnySession, key: string, value: Json) => {
      session.set('a', { b: [1] })
      session.set(key, value)
      session.merge({ [key]: value })
      any.set(key, when)
      return session.update('a', (a) => [a ?? null])
    }).toBeFunction()
    expectTypeOf<Session<Data>>().toExtend<AnySession>()
  })

  it('where a function computes it of literals', () => {
    interface Literals {
      sizes: { sku: string; size: 'S' | 'M' }[]
      kind: { type: 'a'; a: number } | { type: 'b'; b: string }
      mode: { mode: 'x' | 'y'; since?: number }
      n: number
    }
    expectTypeOf(async (session: Session<Literals>) => {
      await session.update('sizes', (sizes = []) => [...sizes, { sku: '1', size: 'S' }])
      await session.update('kind', (kind) => kind ?? { type: 'a', a: 1 })
      await session.update('kind', () => ({ type: 'b', b: '' }))
      await session.update('mode', (before) => ({ ...before, mode: 'x' }))
      await session.update('n', (n = 0) => n + 1)
      // @ts-expect-error -- no such size
      await session.update('sizes', (sizes = []) => [...sizes, { sku: '1', size: 'L' }])
    }).toBeFunction()
  })

  it('under a key that is a type parameter', () => {
    expectTypeOf(<K extends keyof Counts>(session: Session<Counts>, key: K, value: Counts[K]) => {
      session.set(key, value)
      return session.setDefault(key, value)
    }).toBeFunction()
  })
})

describe('a value that JSON does not keep', () => {
  interface Data {
    date: Date
    nested: { at: Date; list: { at?: Date }[] }
    map: Map<string, number>
    set: Set<string>
    big: bigint
    call: () => void
    bytes: Uint8Array
    dates: Date[]
    either: string | Date
    hole: { a: number | undefined }
    symbol: symbol
    url: { home: URL }
    n: number
  }
  const unused = async (session: Session<Data>): Promise<void> => {
    // @ts-expect-error -- a Date
    session.set('date', when)
    // @ts-expect-error -- the text of a Date is not what the application declared
    session.set('date', when.toISOString())
    // @ts-expect-error -- a Date in an object
    session.set('nested', { at: when, list: [] })
    // @ts-expect-error -- a Date in a list
    session.set('dates', [when])
    // @ts-expect-error -- a Date, though text would do
    session.set('either', when)
    // @ts-expect-error -- a Map
    session.set('map', new Map())
    // @ts-expect-error -- a Set
    session.set('set', new Set())
    // @ts-expect-error -- a BigInt
    session.set('big', 1n)
    // @ts-expect-error -- a function
    session.set('call', () => {})
    // @ts-expect-error -- bytes
    session.set('bytes', new Uint8Array())
    // @ts-expect-error -- undefined in an object
    session.set('hole', { a: undefined })
    // @ts-expect-error -- a symbol
    session.set('symbol', Symbol.iterator)
    // @ts-expect-error -- a URL
    session.set('url', { home: new URL('http://localhost') })
    // @ts-expect-error -- undefined
    session.set('n', undefined)
    // @ts-expect-error -- a Date beside what is JSON
    session.merge({ n: 1, date: when })
    // @ts-expect-error -- a Date in an object
    session.merge({ nested: { at: when, list: [] } })
    // @ts-expect-error -- a Date
    await session.setDefault('date', when)
    // @ts-expect-error -- a Date
    await session.update('date', () => when)
    // @ts-expect-error -- a Date in an object
    await session.update('nested', () => ({ at: when, list: [] }))
    // @ts-expect-error -- a Date, which the declared type does not show
    session.merge({ n: 1, other: when })
    session.set('either', 'text')
    session.set('hole', { a: 1 })
  }

  it('does not compile', () => {
    expectTypeOf(unused).toBeFunction()
  })
})

describe('a key that may be one of several', () => {
  interface Data {
    a: string
    b: number
    c: number
    d: string | number
    e: { x: number }
    f: { x: number; y?: string }
  }
  interface Keys {
    readonly key: 'a' | 'b'
    readonly alike: 'b' | 'c'
    readonly wide: 'a' | 'd'
    readonly objects: 'e' | 'f'
    readonly any: keyof Data
  }
  const unused = async (session: Session<Data>, { key, alike, wide, objects, any }: Keys): Promise<void> => {
    // @ts-expect-error -- a number for what may be text
    session.set(key, 1)
    // @ts-expect-error -- text for what may be a number
    session.set(key, 'a')
    // @ts-expect-error -- it is not known which of them
    session.set(key, 'a' as string | number)
    // @ts-expect-error -- text for what may be a number
    await session.setDefault(key, 'a')
    // @ts-expect-error -- a number for what may be text
    await session.update(key, () => 1)
    // @ts-expect-error -- the value of the other key
    session.set(key, (await session.get(key))!)
    // @ts-expect-error -- it is not known under which of them
    session.merge({ [key]: 1 })
    // @ts-expect-error -- a key that the application does not know
    session.merge({ a: 'a', z: 1 })
    // @ts-expect-error -- the value of another key
    session.merge({ a: 1 })
    // @ts-expect-error -- any key of all
    session.set(any, 1)
    // @ts-expect-error -- the value has to fit both
    session.set(wide, 1)
    session.set(wide, 'a')
    session.set(objects, { x: 1 })
    session.set(alike, 1)
    await session.update(alike, (count = 0) => count + 1)
    expectTypeOf(await session.get(key)).toEqualTypeOf<string | number | undefined>()
  }

  it('takes only what fits each of them', () => {
    expectTypeOf(unused).toBeFunction()
  })
})

describe('a declaration of keys', () => {
  interface Data {
    dark_mode: boolean
    cart: string[]
    [preference: `pref:${string}`]: number
    [numbered: `item-${number}-x`]: number
  }

  it('names keys that there are', () => {
    expectTypeOf<KeyDeclarations<Data>>().toExtend<KeyDeclarations>()
    const declarations: KeyDeclarations<Data>[] = [
      { '*': {}, 'd*': {}, 'dark_*': {}, 'dark_mode*': {}, dark_mode: {}, 'c*': {} },
      { 'p*': {}, 'pref:*': {}, 'pref:size': {}, 'pref:size*': {}, 'pref:size.*': {}, 'item-*': {} },
      // @ts-expect-error -- no key begins so
      { 'zz*': {} },
      // @ts-expect-error -- no key begins so
      { 'dark_modes*': {} },
      // @ts-expect-error -- no key begins so
      { 'Dark*': {} },
      // @ts-expect-error -- no key begins so
      { 'pref.*': {} },
      // @ts-expect-error -- there is no such key
      { carts: {} },
      // @ts-expect-error -- a star elsewhere
      { 'd*k': {} },
    ]
    const any: KeyDeclarations[] = [{ 'zz*': {}, '*': {}, zz: {} }]
    const opened: OpenSettings<Data> = {
      // @ts-expect-error -- no key begins so
      keys: { 'zz*': { client: ['read'] } },
    }
    const served: SessionServerConfig<Data> = {
      // @ts-expect-error -- no key begins so
      keys: { 'zz*': { client: ['read'] } },
    }
    expectTypeOf({ declarations, any, opened, served }).toBeObject()
  })
})
