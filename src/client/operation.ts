// This tells of an operation what matters for its session: whether it is a mutation, of what, and in which order.

import type { DocumentNode } from 'graphql'

/** A field at the root of an operation. */
interface RootField {
  readonly name: string
  /** The name of the field in the answer: its alias, or its name. */
  readonly key: string
}

/** What is known of an operation before it is sent. */
export interface Sent {
  readonly isMutation: boolean
  readonly isSubscription: boolean
  /** Its root fields, in order; null where they stand in fragments, or where the text is not known. */
  readonly fields: readonly RootField[] | null
}

/** An operation that was sent by its id or hash. A server runs mutations by POST only. */
export const unknownOperation: Sent = { isMutation: true, isSubscription: false, fields: null }

const kindOf = (operation: string | undefined) => ({
  isMutation: operation === 'mutation',
  isSubscription: operation === 'subscription',
})

/** Looks at a parsed document. */
export function sentDocument(document: DocumentNode, operationName?: string): Sent {
  for (const definition of document.definitions) {
    if (definition.kind !== 'OperationDefinition') continue
    if (operationName && definition.name?.value !== operationName) continue
    const fields: RootField[] = []
    for (const selection of definition.selectionSet.selections) {
      if (selection.kind !== 'Field') return { ...kindOf(definition.operation), fields: null }
      fields.push({ name: selection.name.value, key: (selection.alias ?? selection.name).value })
    }
    return { ...kindOf(definition.operation), fields }
  }
  return unknownOperation
}

const token = /"""(?:\\"""|[^])*?"""|"(?:\\.|[^"\\\n])*"|#[^\n\r]*|\.\.\.|[_A-Za-z]\w*|[{}()[\]:@$]/g

/**
 * Looks at the text of a document. It is no parser, which would be the larger part of this package in a browser: what a
 * server would refuse may be read as anything.
 */
export function sentText(text: string, operationName?: string | null): Sent {
  let depth = 0
  let words: string[] = []
  let isWanted = false
  let fields: RootField[] | null = []
  let previous = ''
  for (const [word] of text.matchAll(token)) {
    if (word.startsWith('"') || word.startsWith('#')) continue
    if (word === '}' || word === ')' || word === ']') {
      depth--
      if (depth === 0 && word === '}') {
        if (isWanted) return { ...kindOf(words[0]), fields }
        words = []
      }
    } else if (word === '{' || word === '(' || word === '[') {
      if (depth === 0 && word === '{') {
        isWanted = words[0] !== 'fragment' && (!operationName || words[1] === operationName)
        fields = []
      }
      depth++
    } else if (depth === 0) words.push(word)
    else if (depth === 1 && isWanted) {
      if (word === '...') fields = null
      else if (previous === ':') fields?.splice(-1, 1, { name: word, key: fields.at(-1)?.key ?? word })
      else if (/\w/.test(word) && previous !== '@' && previous !== '...' && previous !== 'on') {
        fields?.push({ name: word, key: word })
      }
    }
    previous = word
  }
  return unknownOperation
}
