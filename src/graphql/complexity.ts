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
}

const defaults: OperationLimits = {
  tokens: 2000,
  depth: 15,
  rootFields: 20,
  aliases: 30,
  directives: 20,
  literalDepth: 64,
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
}

/** Weighs each operation of a document, which need not be valid. */
function excessOfDocument({ definitions }: DocumentNode, limits: OperationLimits): string | null {
  const fragments = new Map<string, FragmentDefinitionNode>()
  for (const definition of definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition)
  }
  const weigh = weigher(fragments)
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
  }
  return null
}

/**
 * Makes the function that weighs a selection. It weighs each fragment once: with fragments that spread others
 * twice, walking into every spread would double the work at each level. A fragment that spreads itself is
 * invalid, and adds nothing to its own weight.
 */
function weigher(fragments: ReadonlyMap<string, FragmentDefinitionNode>): (set: SelectionSetNode) => Weight {
  const none: Weight = { depth: 0, rootFields: 0, aliases: 0, directives: 0, literalDepth: 0 }
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
  for (const directive of directives) {
    for (const { value } of directive.arguments ?? []) addLiteral(weight, value)
  }
}

const addLiteral = (weight: Weight, value: ValueNode): void => {
  weight.literalDepth = Math.max(weight.literalDepth, literalDepth(value))
}

function literalDepth(node: ValueNode): number {
  const inner =
    node.kind === Kind.LIST
      ? node.values
      : node.kind === Kind.OBJECT
        ? node.fields.map(({ value }) => value)
        : null
  return inner ? 1 + Math.max(0, ...inner.map(literalDepth)) : 0
}

const tooNested =
  'The operation is too complex: it is nested deeper than operationLimits.depth and operationLimits.literalDepth together.'

const messageFor = (name: keyof OperationLimits, limits: OperationLimits): string =>
  `The operation is too complex: operationLimits.${name} is ${limits[name]}.`
