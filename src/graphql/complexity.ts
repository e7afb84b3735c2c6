// This finds out whether an operation exceeds a limit on what it consists of.

import {
  type DirectiveNode,
  type DocumentNode,
  type FragmentDefinitionNode,
  Kind,
  Lexer,
  type SelectionSetNode,
  Source,
  TokenKind,
  type ValueNode,
} from 'graphql'
import { SessionError } from '../session/errors.ts'
import { checkOptions } from '../session/options.ts'

/**
 * What an operation may consist of, at most. A fragment counts wherever it is spread. Operations are judged
 * before they are validated, as the cost of validation grows faster than their size (CVE-2023-26144).
 */
export interface OperationLimits {
  /** Characters of the document, comments included. @default 65536 */
  readonly characters: number
  /** Tokens of the document, i.e. its words and signs. @default 2000 */
  readonly tokens: number
  /** How deep fields are nested. @default 15, the depth of GraphiQL's introspection query */
  readonly depth: number
  /** Fields of the operation itself. @default 20 */
  readonly rootFields: number
  /** Fields with an alias. @default 30 */
  readonly aliases: number
  /** Directives at the operation, its variables, fields and fragments. @default 20 */
  readonly directives: number
  /** How deep lists and objects are nested in a value that is written into the document. @default 64 */
  readonly literalDepth: number
  /** Fragments that the document defines. @default 100 */
  readonly fragments: number
  /** Fields, spreads, directives, arguments and values of all operations of the document. @default 5000 */
  readonly parts: number
  /**
   * Comparisons of fields that have the same name in the answer and stand at the same place: validation compares
   * each with each. A field that is asked for n times takes n × (n − 1) of them, and more with arguments or
   * with fragments. @default 20000, i.e. one field 141 times
   */
  readonly comparisons: number
}

const defaults: OperationLimits = {
  characters: 65_536,
  tokens: 2000,
  depth: 15,
  rootFields: 20,
  aliases: 30,
  directives: 20,
  literalDepth: 64,
  fragments: 100,
  parts: 5000,
  comparisons: 20_000,
}

/** Judges operations by limits. Each document is judged once, however often it is run. */
export class OperationJudge {
  readonly #limits: OperationLimits
  readonly #excesses = new WeakMap<DocumentNode, { readonly excess: string | null }>()

  /** @throws {SessionError} CONFIG_INVALID, naming the option */
  constructor(options?: Partial<OperationLimits>) {
    this.#limits = resolveOperationLimits(options)
  }

  /** @returns a message that names the limit which the text exceeds before it is parsed, or null */
  excessOfText(text: string): string | null {
    return excessOfText(text, this.#limits)
  }

  /** @returns a message that names the limit which the document, valid or not, exceeds, or null */
  excessOfDocument(document: DocumentNode): string | null {
    let known = this.#excesses.get(document)
    if (!known) this.#excesses.set(document, (known = { excess: excessOfDocument(document, this.#limits) }))
    return known.excess
  }
}

/**
 * Checks the limits, and fills in their defaults.
 * @throws {SessionError} CONFIG_INVALID, naming the option
 */
function resolveOperationLimits(options: Partial<OperationLimits> = {}): OperationLimits {
  checkOptions('operationLimits', options, Object.keys(defaults))
  const limits = { ...defaults, ...options }
  for (const [name, value] of Object.entries(limits)) {
    if (Number.isSafeInteger(value) && value > 0 && value < 2 ** 31) continue
    throw new SessionError(
      'CONFIG_INVALID',
      `operationLimits.${name} must be a whole number from 1 to 2147483647.`,
    )
  }
  return limits
}

/**
 * Counts the tokens of a text, and bounds how deep its brackets are nested: the parser calls itself for each
 * bracket, and would run out of stack.
 */
function excessOfText(text: string, limits: OperationLimits): string | null {
  if (text.length > limits.characters) return messageFor('characters', limits)
  const lexer = new Lexer(new Source(text))
  const deepest = limits.depth + limits.literalDepth + 8
  let nesting = 0
  try {
    for (let tokens = 1; lexer.advance().kind !== TokenKind.EOF; tokens++) {
      if (tokens > limits.tokens) return messageFor('tokens', limits)
      const { kind } = lexer.token
      if (opening.has(kind)) nesting++
      else if (closing.has(kind)) nesting--
      if (nesting > deepest) return tooNested
    }
  } catch {
    // The parser meets the same syntax error later, and explains it.
  }
  return null
}

const opening = new Set<string>([TokenKind.BRACE_L, TokenKind.BRACKET_L, TokenKind.PAREN_L])
const closing = new Set<string>([TokenKind.BRACE_R, TokenKind.BRACKET_R, TokenKind.PAREN_R])

interface Weight {
  depth: number
  /** Fields of the selection itself, those of its fragments included. */
  rootFields: number
  aliases: number
  directives: number
  literalDepth: number
  parts: number
}

/** Weighs each operation of a document, which need not be valid. */
function excessOfDocument({ definitions }: DocumentNode, limits: OperationLimits): string | null {
  const fragments = new Map<string, FragmentDefinitionNode>()
  for (const definition of definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition)
  }
  if (definitions.filter(({ kind }) => kind === Kind.FRAGMENT_DEFINITION).length > limits.fragments) {
    return messageFor('fragments', limits)
  }
  const weigh = weigher(fragments)
  const comparer = new Comparer(fragments, limits)
  let parts = 0
  for (const definition of definitions) {
    if (definition.kind !== Kind.OPERATION_DEFINITION) continue
    const weight = weigh(definition.selectionSet)
    addDirectives(weight, definition)
    for (const variable of definition.variableDefinitions ?? []) {
      addDirectives(weight, variable)
      if (variable.defaultValue) addLiteral(weight, variable.defaultValue)
    }
    for (const name of ['depth', 'rootFields', 'aliases', 'directives', 'literalDepth'] as const) {
      if (weight[name] > limits[name]) return messageFor(name, limits)
    }
    parts += weight.parts
    if (parts > limits.parts) return messageFor('parts', limits)
    const exceeded = comparer.compare(definition.selectionSet)
    if (exceeded) return messageFor(exceeded, limits)
  }
  // Validation also looks into fragments that no operation uses, before it refuses them.
  for (const [name, { selectionSet }] of fragments) {
    const exceeded = comparer.hasMet(name) ? null : comparer.compare(selectionSet)
    if (exceeded) return messageFor(exceeded, limits)
  }
  return null
}

/** The fields at one place that have the same name in the answer, whichever fragments they come from. */
interface Namesakes {
  count: number
  cost: number
  readonly inner: Branch[]
}

/** A selection set, and the fragments within which it stands, from the inside out. */
interface Branch {
  readonly set: SelectionSetNode
  readonly within: Within | null
}

interface Within {
  readonly name: string
  readonly outer: Within | null
}

/**
 * Counts what the rule costs that fields with the same name can be merged (OverlappingFieldsCanBeMerged), which
 * is quadratic: it compares each field of a place with each namesake, in all selection sets that are merged
 * there, their arguments as text, and each fragment of one with each fragment of the other.
 */
class Comparer {
  readonly #fragments: ReadonlyMap<string, FragmentDefinitionNode>
  readonly #met = new Set<string>()
  #left: number
  #visitsLeft: number

  constructor(fragments: ReadonlyMap<string, FragmentDefinitionNode>, limits: OperationLimits) {
    this.#fragments = fragments
    this.#left = limits.comparisons
    this.#visitsLeft = limits.parts
  }

  /** Whether the fragment has been counted where something spreads it. */
  hasMet(name: string): boolean {
    return this.#met.has(name)
  }

  /** @returns the limit that is exceeded, or null */
  compare(set: SelectionSetNode): 'comparisons' | 'parts' | null {
    return this.#place([{ set, within: null }])
  }

  #place(branches: readonly Branch[]): 'comparisons' | 'parts' | null {
    const fields = new Map<string, Namesakes>()
    const spread = new Set<string>()
    for (const branch of branches) this.#collect(branch, fields, spread)
    if (this.#visitsLeft < 0) return 'parts'
    for (const { count, cost, inner } of fields.values()) {
      this.#left -= (count - 1) * cost
      if (this.#left < 0) return 'comparisons'
      const exceeded = inner.length > 0 ? this.#place(inner) : null
      if (exceeded) return exceeded
    }
    return null
  }

  #collect({ set, within }: Branch, fields: Map<string, Namesakes>, spread: Set<string>): void {
    for (const selection of set.selections) {
      if (--this.#visitsLeft < 0) return
      if (selection.kind === Kind.INLINE_FRAGMENT) {
        this.#collect({ set: selection.selectionSet, within }, fields, spread)
      } else if (selection.kind === Kind.FRAGMENT_SPREAD) {
        const name = selection.name.value
        const fragment = this.#fragments.get(name)
        this.#met.add(name)
        // A fragment that spreads itself is invalid, which validation explains.
        if (!fragment || spread.has(name) || isWithin(within, name)) continue
        spread.add(name)
        this.#collect({ set: fragment.selectionSet, within: { name, outer: within } }, fields, spread)
      } else {
        const name = (selection.alias ?? selection.name).value
        let namesakes = fields.get(name)
        if (!namesakes) fields.set(name, (namesakes = { count: 0, cost: 0, inner: [] }))
        namesakes.count++
        namesakes.cost += 1 + partsOfArguments(selection) + spreadsIn(selection.selectionSet) ** 2
        if (selection.selectionSet) namesakes.inner.push({ set: selection.selectionSet, within })
      }
    }
  }
}

const isWithin = (within: Within | null, name: string): boolean =>
  within !== null && (within.name === name || isWithin(within.outer, name))

/** How many fragments a selection set spreads itself. */
function spreadsIn(set: SelectionSetNode | undefined): number {
  let spreads = 0
  for (const selection of set?.selections ?? []) {
    if (selection.kind === Kind.FRAGMENT_SPREAD) spreads++
    else if (selection.kind === Kind.INLINE_FRAGMENT) spreads += spreadsIn(selection.selectionSet)
  }
  return spreads
}

interface WithArguments {
  readonly arguments?: readonly { readonly value: ValueNode }[] | undefined
}

const partsOfArguments = ({ arguments: given = [] }: WithArguments): number =>
  given.reduce((sum, { value }) => sum + 1 + partsOf(value), 0)

const partsOf = (value: ValueNode): number =>
  1 + innerValues(value).reduce((sum, each) => sum + partsOf(each), 0)

const innerValues = (node: ValueNode): readonly ValueNode[] =>
  node.kind === Kind.LIST
    ? node.values
    : node.kind === Kind.OBJECT
      ? node.fields.map(({ value }) => value)
      : []

/**
 * Makes the function that weighs a selection. It weighs each fragment once: with fragments that spread others
 * twice, walking into every spread would double the work at each level. A fragment that spreads itself is
 * invalid, and adds nothing to its own weight.
 */
function weigher(fragments: ReadonlyMap<string, FragmentDefinitionNode>): (set: SelectionSetNode) => Weight {
  const none: Weight = { depth: 0, rootFields: 0, aliases: 0, directives: 0, literalDepth: 0, parts: 0 }
  const known = new Map<string, Weight>()
  const weighFragment = (name: string): Weight => {
    const weight = known.get(name)
    const fragment = fragments.get(name)
    if (weight || !fragment) return weight ?? none
    known.set(name, none)
    const whole = weigh(fragment.selectionSet)
    addDirectives(whole, fragment)
    known.set(name, whole)
    return whole
  }
  const weigh = ({ selections }: SelectionSetNode): Weight => {
    const sum = { ...none }
    for (const selection of selections) {
      let inner = none
      if (selection.kind === Kind.FRAGMENT_SPREAD) inner = weighFragment(selection.name.value)
      else if (selection.selectionSet) inner = weigh(selection.selectionSet)
      const isField = selection.kind === Kind.FIELD
      sum.depth = Math.max(sum.depth, inner.depth + (isField ? 1 : 0))
      sum.rootFields += isField ? 1 : inner.rootFields
      sum.aliases += inner.aliases + (isField && selection.alias ? 1 : 0)
      sum.directives += inner.directives
      sum.parts += 1 + inner.parts + (isField ? partsOfArguments(selection) : 0)
      sum.literalDepth = Math.max(sum.literalDepth, inner.literalDepth)
      addDirectives(sum, selection)
      if (isField) for (const { value } of selection.arguments ?? []) addLiteral(sum, value)
    }
    return sum
  }
  return weigh
}

function addDirectives(
  weight: Weight,
  { directives = [] }: { readonly directives?: readonly DirectiveNode[] | undefined },
): void {
  weight.directives += directives.length
  weight.parts += directives.length
  for (const directive of directives) {
    for (const { value } of directive.arguments ?? []) addLiteral(weight, value)
  }
}

const addLiteral = (weight: Weight, value: ValueNode): void => {
  weight.literalDepth = Math.max(weight.literalDepth, literalDepth(value))
}

function literalDepth(node: ValueNode): number {
  if (node.kind !== Kind.LIST && node.kind !== Kind.OBJECT) return 0
  return 1 + innerValues(node).reduce((deepest, each) => Math.max(deepest, literalDepth(each)), 0)
}

const tooNested =
  'The operation is too complex: it is nested deeper than operationLimits.depth and operationLimits.literalDepth together.'

const messageFor = (name: keyof OperationLimits, limits: OperationLimits): string =>
  `The operation is too complex: operationLimits.${name} is ${limits[name]}.`
