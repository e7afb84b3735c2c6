// This keeps documents that have been run, so that their next run needs no parsing and no validation.

import {
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  type GraphQLSchema,
  type ValidationRule,
} from 'graphql'
import { createYoga, isAsyncIterable, isPromise, type Plugin } from 'graphql-yoga'
import { LRUCache } from 'lru-cache'

/** How many bytes of the heap all documents of a server may take together: some 600 of a hundred words each. */
const maxBytes = 32 * 2 ** 20

/** A document that takes more than this is not kept. It would take the place of many others. */
const maxBytesOfOne = maxBytes / 16

/** A document, the text that it was parsed from, and what is known of it. */
interface Known {
  readonly text: string
  readonly document: DocumentNode
  /** The schemas that it is valid under, each with the rules that it was judged by. */
  readonly validUnder: WeakMap<GraphQLSchema, readonly ValidationRule[]>
  isKept: boolean
}

/**
 * The documents of a server, in place of Yoga's own cache, which bounds how many there are and not how much
 * they take, and which also keeps documents that were refused. Here a document is kept once it runs: what the
 * parser, the gate, a rule of validation or the executor refuses is forgotten with its request.
 */
export class Documents {
  /** The hooks. They have to stand where Yoga's cache stands: behind the plugins of the application. */
  readonly plugin: Plugin = this.#hooks()
  readonly #kept = new LRUCache<string, Known>({
    maxSize: maxBytes,
    maxEntrySize: maxBytesOfOne,
    sizeCalculation: bytesOf,
  })
  readonly #known = new WeakMap<DocumentNode, Known>()
  #schema: GraphQLSchema | undefined
  /** The rules of the last validation. All documents that were judged by equal ones share this list. */
  #rules: readonly ValidationRule[] = []

  /** The schema that operations run on now. */
  get schema(): GraphQLSchema | undefined {
    return this.#schema
  }

  /** The document of a text, if it has been run before and is valid under the schema of now. */
  find(text: string): DocumentNode | undefined {
    const known = this.#kept.get(text)
    return known && this.#schema && known.validUnder.has(this.#schema) ? known.document : undefined
  }

  #hooks(validates = true): Plugin {
    return {
      onSchemaChange: ({ schema }) => {
        this.#schema = schema
      },

      onParse: ({ params, setParsedDocument }) => {
        const text = String(params.source)
        const known = this.#kept.get(text)
        if (known) return setParsedDocument(known.document)
        return ({ result }) => {
          if (!result || result instanceof Error) return
          this.#known.set(result, { text, document: result, validUnder: new WeakMap(), isKept: false })
        }
      },

      onValidate: ({ params: { schema, documentAST, rules = [] }, setResult }) => {
        const validUnder = validates && schema ? this.#known.get(documentAST)?.validUnder : undefined
        if (!validUnder) return undefined
        const judgedBy = validUnder.get(schema)
        if (judgedBy && areEqual(judgedBy, rules)) return setResult([])
        return ({ result }) => {
          if (result.length > 0) return
          if (!areEqual(this.#rules, rules)) this.#rules = [...rules]
          validUnder.set(schema, this.#rules)
        }
      },

      onExecute: ({ args, executeFn, setExecuteFn }) => {
        const known = this.#known.get(args.document)
        if (known && !known.isKept) setExecuteFn(this.#keeping(known, executeFn))
      },

      onSubscribe: ({ args, subscribeFn, setSubscribeFn }) => {
        const known = this.#known.get(args.document)
        if (known && !known.isKept) setSubscribeFn(this.#keeping(known, subscribeFn))
      },
    }
  }

  /** Wraps an executor so that it keeps the document, unless it refuses the operation or its variables. */
  #keeping<Result>(known: Known, execute: (args: ExecutionArgs) => Result): (args: ExecutionArgs) => Result {
    return (args) => {
      const result = execute(args)
      if (!isRefusal(result)) {
        known.isKept = true
        this.#kept.set(known.text, known)
      }
      return result
    }
  }

  /**
   * Puts these hooks in the place of Yoga's own cache. A Yoga without one, i.e. with
   * `parserAndValidationCache: false`, is left as it is.
   * @param plugins - the plugins of a Yoga, as `onPluginInit` gets them
   */
  replaceCacheIn(plugins: Plugin[]): void {
    const index = plugins.findLastIndex(isCacheOfYoga)
    if (index !== -1) plugins[index] = this.#hooks(keepsValidation(plugins[index]!))
  }
}

/** Whether an executor ended without running anything, which it does at once. */
function isRefusal(result: unknown): boolean {
  if (isPromise(result) || isAsyncIterable(result)) return false
  return (result as ExecutionResult | undefined)?.data === undefined
}

/** Rules are compared by name, as Yoga does: some plugins make their rules anew for each operation. */
const areEqual = (some: readonly ValidationRule[], others: readonly ValidationRule[]): boolean =>
  some.length === others.length &&
  some.every((rule, index) => rule === others[index] || rule.name === others[index]!.name)

/**
 * The bytes of the heap that a document takes, at most: measured with graphql-js 16 and 17, its nodes and
 * tokens take 240 to 520 for each token, comments included, and what is written in a string takes up to 16 for
 * each character, where the lexer put it together from escapes.
 */
function bytesOf({ text, document }: Known): number {
  let tokens = 0
  for (let token = document.loc?.startToken; token; token = token.next ?? undefined) tokens++
  // A parser that was told to leave out locations made some token of every two characters, at most.
  return 2048 + 520 * (tokens || text.length / 2) + 16 * text.length
}

type PluginOrNone = Plugin | false

/** The plugins of a Yoga, with its cache of documents or without it. */
function pluginsOfYoga(parserAndValidationCache: boolean): readonly PluginOrNone[] {
  let found: readonly PluginOrNone[] = []
  createYoga({
    parserAndValidationCache,
    logging: false,
    plugins: [
      {
        onPluginInit({ plugins }) {
          found = [...(plugins as readonly PluginOrNone[])]
        },
      } satisfies Plugin,
    ],
  })
  return found
}

/** The text of the hook `onParse` of Yoga's cache, once it has been looked up. */
let hookOfYoga: string | undefined

/**
 * Finds Yoga's own cache of documents. Its plugin has no name and is not exported. A Yoga without the cache
 * has `false` in its place, so that two of them show what its hook looks like.
 */
function isCacheOfYoga(plugin: PluginOrNone): boolean {
  if (!plugin || !plugin.onParse || !plugin.onValidate) return false
  if (hookOfYoga === undefined) {
    const without = pluginsOfYoga(false)
    const cache = pluginsOfYoga(true).find((each, index) => each && without[index] === false)
    hookOfYoga = String(cache && cache.onParse)
  }
  return String(plugin.onParse) === hookOfYoga
}

/** Whether Yoga's cache keeps what validation found, which is its option `validationCache`. */
const keepsValidation = ({ onValidate }: Plugin): boolean =>
  Boolean(onValidate?.({ params: { schema: {}, documentAST: {}, rules: [] }, setResult() {} } as never))
