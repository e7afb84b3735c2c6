// This is the script of the page: parts that ask on their own by the client in its URL, and show what they got.

import { type DocumentNode, parse, separateOperations } from 'graphql'
import {
  ClearSessionDocument,
  DeleteSessionKeyDocument,
  GetSessionDocument,
  LogoutDocument,
  PopSessionKeyDocument,
  RotateSessionDocument,
  SessionStateFragmentDoc,
  SetSessionKeyDocument,
  UpdateSessionDocument,
} from '../../src/client/index.ts'
import { turn, kits, type Shown } from './clients.ts'
import { documents, type Part, parts } from './documents.ts'

interface Element {
  id: string
  textContent: string | null
}
declare const document: {
  createElement(name: 'output'): Element
  body: { append(element: Element): void; querySelectorAll(selector: 'output'): Iterable<Element> }
}
declare const location: URL

/** The text of each `output` of the page by its id. */
export type View = Record<string, string | null>

/** What the tests call in the page. */
export interface Page {
  /** Sends a mutation by its name, and reads the page in the turn that follows its answer. */
  act(name: string, variables: Shown, guess?: Shown): Promise<{ view: View; codes: unknown[] }>
  view(): View
  /** Drops what the client has, and asks for all the parts again. */
  begin(): Promise<View>
}

const { searchParams } = new URL(location.href)
const isShipped = searchParams.get('by') === 'byKey'

/** The app's own mutations, where it works by key: each answers with the fragment that the package has. */
const ownByKey = /* GraphQL */ `
  mutation SignIn($password: String!) {
    login(password: $password) {
      session {
        ...SessionState
      }
    }
  }
  mutation SignOut($flush: Boolean!) {
    logout(flush: $flush) {
      session {
        ...SessionState
      }
    }
  }
`
const withFragment = (text: string): DocumentNode => ({
  ...SessionStateFragmentDoc,
  definitions: [...parse(text).definitions, ...SessionStateFragmentDoc.definitions],
})
const shipped: Record<string, DocumentNode> = {
  set: SetSessionKeyDocument,
  merge: UpdateSessionDocument,
  delete: DeleteSessionKeyDocument,
  popKey: PopSessionKeyDocument,
  clear: ClearSessionDocument,
  rotate: RotateSessionDocument,
  flush: LogoutDocument,
  ...separateOperations(withFragment(ownByKey)),
}
const own = separateOperations(parse(documents.join('')))

const textOf = (value: unknown): string =>
  Array.isArray(value)
    ? value.map(({ sku, quantity }: Shown) => `${quantity} ${sku}`).join(', ')
    : String(value)

const texts: Record<Part, (session: Shown) => View> = {
  header: ({ user }) => ({ user: user?.name ?? 'nobody' }),
  cart: ({ cart }) => ({ cart: textOf(cart) }),
  settings: ({ darkMode, currency }) => ({ settings: `${darkMode ? 'dark' : 'light'}, ${currency}` }),
  inspector: ({ handle, isNew, keys, entries }) => ({
    handle,
    isNew: String(isNew),
    keys: keys.join(', '),
    entries: entries.map(({ key, value }: Shown) => `${key}: ${textOf(value)}`).join('; '),
  }),
}

const outputs = new Map<string, Element>()

function show(view: View): void {
  for (const [id, text] of Object.entries(view)) {
    const output = outputs.get(id) ?? document.createElement('output')
    if (!outputs.has(id)) document.body.append(Object.assign(output, { id }))
    outputs.set(id, output)
    output.textContent = text
  }
}

const view = (): View =>
  Object.fromEntries(
    [...document.body.querySelectorAll('output')].map(({ id, textContent }) => [id, textContent]),
  )

const { watch, send: mutate, forget } = kits[searchParams.get('kit') as keyof typeof kits]()

const act: Page['act'] = async (name, variables, guess) => {
  const document = isShipped ? shipped[name] : own[`shop_${name}_Mutation`]
  const codes = await mutate(document!, variables, guess)
  await turn()
  return { view: view(), codes }
}

async function watchAll(): Promise<void> {
  await Promise.all(
    isShipped
      ? [watch(GetSessionDocument, 'SessionState', (session) => show(texts.inspector(session)))]
      : parts.map((part) =>
          watch(own[`shop_${part}_Query`]!, `shop_${part}`, (session) => show(texts[part](session))),
        ),
  )
}

async function begin(): Promise<View> {
  if (!(await forget())) await watchAll()
  await turn()
  return view()
}

await watchAll()
Object.assign(globalThis, { page: { act, view, begin } satisfies Page })
