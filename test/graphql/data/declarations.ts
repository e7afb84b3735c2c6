// This makes random declarations of session data, with values that fit them.

import fc from 'fast-check'

/** The word that stands in everything that is for the server only, in both ways in which names are written. */
export const planted = /plantedword|planted_word/i

interface FieldOf {
  readonly type: string
  /** Values as they are stored, null left out. */
  readonly value: fc.Arbitrary<unknown>
  /** The same value in the notation of GraphQL. */
  readonly print: (value: unknown) => string
}

const text = fc.string({ unit: 'grapheme', maxLength: 8 }).filter((each) => !each.includes('\0'))
const int = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
const float = fc
  .double({ noNaN: true, noDefaultInfinity: true })
  .map((each) => (Object.is(each, -0) ? 0 : each))
const date = fc
  .date({ min: new Date('1970-01-01'), max: new Date('2999-12-31'), noInvalidDate: true })
  .map((each) => each.toISOString())

const leaf = (type: string, value: fc.Arbitrary<unknown>): FieldOf => ({
  type,
  value,
  print: (each) => JSON.stringify(each),
})
const leaves: readonly FieldOf[] = [
  leaf('Boolean', fc.boolean()),
  leaf('Int', int),
  leaf('Float', float),
  leaf('String', text),
  leaf('ID', text),
  leaf('DateTime', date),
]

interface TypesOf {
  readonly sdl: string
  readonly fields: readonly FieldOf[]
}

const name = fc.stringMatching(/^[a-z][A-Za-z0-9]{0,6}$/)

/** An enum and an object type of the given prefix, and what a field can be with them. */
const types = (prefix: string): fc.Arbitrary<TypesOf> =>
  fc
    .record({
      values: fc.uniqueArray(fc.stringMatching(/^[A-Z][A-Z_]{0,5}$/), { minLength: 1, maxLength: 4 }),
      members: fc.uniqueArray(
        fc.record({ name, of: fc.constantFrom(...leaves), isList: fc.boolean(), isRequired: fc.boolean() }),
        { selector: (each) => each.name, minLength: 1, maxLength: 4 },
      ),
    })
    .map(({ values, members }) => {
      const choice: FieldOf = {
        type: `${prefix}Choice`,
        value: fc.constantFrom(...values.map((each) => `${each}_`)),
        print: String,
      }
      const parts = members.map((each) => ({ ...each, of: each.isList ? listOf(each.of, true) : each.of }))
      const thing: FieldOf = {
        type: `${prefix}Thing`,
        value: fc.record(
          Object.fromEntries([
            ...parts.map((each) => [
              each.name,
              each.isRequired ? each.of.value : fc.option(each.of.value, { nil: null }),
            ]),
            ['choice', choice.value],
          ]) as Record<string, fc.Arbitrary<unknown>>,
        ),
        print: (each) => {
          const of = new Map([...parts.map((part) => [part.name, part.of] as const), ['choice', choice]])
          const printed = Object.entries(each as object).map(
            ([key, value]) => `${key}: ${value === null ? 'null' : of.get(key)!.print(value)}`,
          )
          return `{ ${printed.join(' ')} }`
        },
      }
      const sdl = `
        enum ${choice.type} { ${values.map((each) => `${each}_`).join(' ')} }
        "What ${prefix} is."
        type ${thing.type} {
          ${parts.map((each) => `${each.name}: ${each.of.type}${each.isRequired ? '!' : ''}`).join('\n')}
          choice: ${choice.type}!
        }`
      return { sdl, fields: [...leaves, choice, thing, listOf(thing, true), listOf(choice, false)] }
    })

const listOf = (of: FieldOf, isRequired: boolean): FieldOf => ({
  type: isRequired ? `[${of.type}!]` : `[${of.type}]`,
  value: fc.array(isRequired ? of.value : fc.option(of.value, { nil: null }), { maxLength: 4 }),
  print: (each) =>
    `[${(each as unknown[]).map((item) => (item === null ? 'null' : of.print(item))).join(' ')}]`,
})

export interface RandomField {
  readonly name: string
  readonly type: string
  readonly rights: readonly string[]
  /** A value that fits. */
  readonly value: unknown
}

export interface RandomDeclaration {
  readonly sdl: string
  readonly fields: readonly RandomField[]
}

/** A field by its types, whose names end in their index, so that they are not one in the enum of keys. */
const field = (of: readonly FieldOf[], index: number, prefix: string) =>
  fc
    .record({
      of: fc.constantFrom(...of),
      isRequired: fc.boolean(),
      hasDefault: fc.boolean(),
      rights: fc.subarray(['READ', 'WRITE', 'DELETE']),
      name,
    })
    .chain((each) =>
      fc.tuple(each.of.value, each.of.value).map(([value, standing]) => {
        const { type, print } = each.of
        const isPlanted = prefix !== ''
        const granted = isPlanted ? [] : each.rights
        const key = `${isPlanted ? 'planted_word' : 'key'}_${index}`
        const terms = [
          granted.length > 0 && `client: [${granted.join(' ')}]`,
          (each.hasDefault || each.isRequired) && `default: ${print(standing)}`,
          `key: "${key}"`,
        ]
        const full = `${prefix}${each.name}${index}x`
        return {
          name: full,
          type: `${type}${each.isRequired ? '!' : ''}`,
          rights: granted,
          value,
          sdl: `"${isPlanted ? 'plantedword' : 'What it is.'}"\n${full}: ${type}${each.isRequired ? '!' : ''} @session(${terms.filter(Boolean).join(', ')})`,
        }
      }),
    )

/** Declarations in SDL of which clients may use some fields, and of which others are for the server only. */
export const declarations: fc.Arbitrary<RandomDeclaration> = fc
  .tuple(types('Public'), types('PlantedWord'))
  .chain(([open, hidden]) =>
    fc
      .tuple(
        ...[0, 1, 2, 3].map((index) => field(open.fields, index, '')),
        ...[4, 5].map((index) => field(hidden.fields, index, 'plantedword')),
      )
      .map((fields) => ({
        sdl: `${open.sdl}\n${hidden.sdl}\ntype SessionData {\n${fields.map(({ sdl }) => sdl).join('\n')}\n}`,
        fields,
      })),
  )
