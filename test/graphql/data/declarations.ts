// This makes random declarations of session data, with values that fit them.

import fc from 'fast-check'

/** The word that stands in everything that is for the server only, in both ways in which names are written. */
export const planted = /plantedword|planted_word/i

interface FieldOf {
  readonly type: string
  /** What is selected of it, e.g. `{ id }`. Empty where there is nothing to select. */
  readonly selection: string
  /** Values as they are stored, null left out. */
  readonly value: fc.Arbitrary<unknown>
  /** The same value in the notation of GraphQL. */
  readonly print: (value: unknown) => string
  /** What is answered for the same value where all of it is selected. */
  readonly answer: (value: unknown) => unknown
}

const text = fc
  .oneof(fc.string({ unit: 'grapheme', maxLength: 8 }), fc.string({ unit: 'binary', maxLength: 8 }))
  .filter((each) => !each.includes('\0'))
const int = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
const float = fc
  .double({ noNaN: true, noDefaultInfinity: true })
  .map((each) => (Object.is(each, -0) ? 0 : each))
const date = fc
  .date({ min: new Date('0000-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
  .map((each) => each.toISOString())
/** Of a number in JSON nobody knows whether it was an integer, which would lose digits. */
const jsonNumber = float.filter((each) => !Number.isInteger(each) || Number.isSafeInteger(each))
// Names that can stand in the notation of GraphQL, also those that objects have by themselves.
const member = fc.constantFrom('a', 'b', '_', '__proto__', 'constructor', 'toString', 'length')
const { json, object } = fc.letrec<{ json: unknown; object: unknown }>((tie) => ({
  json: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.oneof(fc.boolean(), int, jsonNumber, text),
    fc.array(fc.option(tie('json'), { nil: null }), { maxLength: 3 }),
    tie('object'),
  ),
  object: fc.dictionary(member, fc.option(tie('json'), { nil: null }), { maxKeys: 3 }),
}))

/** JSON in the notation of GraphQL. */
function printJson(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(printJson).join(' ')}]`
  return `{ ${Object.entries(value)
    .map(([key, part]) => `${key}: ${printJson(part)}`)
    .join(' ')} }`
}

const leaf = (type: string, value: fc.Arbitrary<unknown>): FieldOf => ({
  type,
  selection: '',
  value,
  print: printJson,
  answer: (each) => each,
})
const leaves: readonly FieldOf[] = [
  leaf('Boolean', fc.boolean()),
  leaf('Int', int),
  leaf('Float', float),
  leaf('String', text),
  leaf('ID', text),
  leaf('DateTime', date),
  leaf('JSON', json),
  leaf('JSONObject', object),
]

interface TypesOf {
  readonly sdl: string
  readonly fields: readonly FieldOf[]
}

const name = fc.stringMatching(/^[a-z][A-Za-z0-9]{0,6}$/)

interface Part {
  readonly name: string
  readonly of: FieldOf
  readonly isRequired: boolean
}

/** An object type. What does not have to be there is a value, null, or left out. */
function objectOf(type: string, parts: readonly Part[]): FieldOf {
  const named = new Map(parts.map((part) => [part.name, part.of]))
  return {
    type,
    selection: `{ ${parts.map((part) => `${part.name} ${part.of.selection}`).join(' ')} }`,
    value: fc.record(
      Object.fromEntries(
        parts.map(({ name: part, of, isRequired }) => [
          part,
          isRequired ? of.value : fc.option(of.value, { nil: null }),
        ]),
      ),
      {
        requiredKeys: parts.filter((part) => part.isRequired).map((part) => part.name),
      },
    ),
    print: (each) => {
      const printed = Object.entries(each as object).map(
        ([key, value]) => `${key}: ${value === null ? 'null' : named.get(key)!.print(value)}`,
      )
      return `{ ${printed.join(' ')} }`
    },
    answer: (each) =>
      Object.fromEntries(
        parts.map((part) => {
          const value = new Map(Object.entries(each as object)).get(part.name) ?? null
          return [part.name, value === null ? null : part.of.answer(value)]
        }),
      ),
  }
}

/** An enum and object types of the given prefix, and what a field can be with them. */
const types = (prefix: string): fc.Arbitrary<TypesOf> =>
  fc
    .record({
      values: fc.uniqueArray(fc.stringMatching(/^[A-Z][A-Z_]{0,5}$/), { minLength: 1, maxLength: 4 }),
      members: fc.uniqueArray(
        fc.record({
          name,
          of: fc.constantFrom(...leaves),
          isList: fc.boolean(),
          isRequired: fc.boolean(),
        }),
        { selector: (each) => each.name, minLength: 1, maxLength: 4 },
      ),
    })
    .map(({ values, members }) => {
      const choice: FieldOf = {
        type: `${prefix}Choice`,
        selection: '',
        value: fc.constantFrom(...values.map((each) => `${each}_`)),
        print: String,
        answer: (each) => each,
      }
      const parts: Part[] = [
        ...members.map((each) => ({ ...each, of: each.isList ? listOf(each.of, true) : each.of })),
        { name: 'choice_', of: choice, isRequired: true },
      ]
      const thing = objectOf(`${prefix}Thing`, parts)
      const around: Part[] = [
        { name: 'thing', of: thing, isRequired: false },
        { name: 'things', of: listOf(thing, false), isRequired: true },
      ]
      const box = objectOf(`${prefix}Box`, around)
      const sdl = `
        enum ${choice.type} { ${values.map((each) => `${each}_`).join(' ')} }
        "What ${prefix} is."
        ${printType(thing.type, parts)}
        ${printType(box.type, around)}`
      return { sdl, fields: [...leaves, choice, thing, box, listOf(thing, true), listOf(choice, false)] }
    })

const printType = (type: string, parts: readonly Part[]): string =>
  `type ${type} {
    ${parts.map((each) => `${each.name}: ${each.of.type}${each.isRequired ? '!' : ''}`).join('\n')}
  }`

const listOf = (of: FieldOf, isRequired: boolean): FieldOf => ({
  type: isRequired ? `[${of.type}!]` : `[${of.type}]`,
  selection: of.selection,
  value: fc.array(isRequired ? of.value : fc.option(of.value, { nil: null }), { maxLength: 4 }),
  print: (each) =>
    `[${(each as unknown[]).map((item) => (item === null ? 'null' : of.print(item))).join(' ')}]`,
  answer: (each) => (each as unknown[]).map((item) => (item === null ? null : of.answer(item))),
})

export interface RandomField {
  readonly name: string
  readonly key: string
  readonly type: string
  readonly rights: readonly string[]
  /** A value that fits. */
  readonly value: unknown
  /** The same value in the notation of GraphQL. */
  readonly printed: string
  /** What is selected of the field, e.g. `{ id }`, and what is answered then. */
  readonly selection: string
  readonly answer: unknown
}

export interface RandomDeclaration {
  readonly sdl: string
  readonly fields: readonly RandomField[]
}

/** A field by its types, whose names end in their index, so that they are not one in the enum of keys. */
const field = (
  of: readonly FieldOf[],
  index: number,
  prefix: string,
  rightsOf: fc.Arbitrary<readonly string[]>,
) =>
  fc
    .record({
      of: fc.constantFrom(...of),
      isRequired: fc.boolean(),
      hasDefault: fc.boolean(),
      rights: rightsOf,
      name,
    })
    .chain((each) =>
      fc.tuple(each.of.value, each.of.value).map(([value, standing]) => {
        const { type, print, selection, answer } = each.of
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
          key,
          type: `${type}${each.isRequired ? '!' : ''}`,
          rights: granted,
          value,
          printed: print(value),
          selection,
          answer: answer(value),
          sdl: `"${isPlanted ? 'plantedword' : 'What it is.'}"\n${full}: ${type}${each.isRequired ? '!' : ''} @session(${terms.filter(Boolean).join(', ')})`,
        }
      }),
    )

const allRights = ['READ', 'WRITE', 'DELETE']

/** Declarations in SDL of which clients may use some fields, and of which others are for the server only. */
const declarationsWith = (rights: fc.Arbitrary<readonly string[]>): fc.Arbitrary<RandomDeclaration> =>
  fc.tuple(types('Public'), types('PlantedWord')).chain(([open, hidden]) =>
    fc
      .tuple(
        ...[0, 1, 2, 3].map((index) => field(open.fields, index, '', rights)),
        ...[4, 5].map((index) => field(hidden.fields, index, 'plantedword', rights)),
      )
      .map((fields) => ({
        sdl: `${open.sdl}\n${hidden.sdl}\ntype SessionData {\n${fields.map(({ sdl }) => sdl).join('\n')}\n}`,
        fields,
      })),
  )

/** Clients may use some fields in some ways. */
export const declarations = declarationsWith(fc.subarray(allRights))

/** Clients may do all with the fields that are not for the server only. */
export const openDeclarations = declarationsWith(fc.constant(allRights))
