// This is what a visitor does, and what the page has to show after each step, written down by hand.

interface Action {
  readonly name: string
  readonly variables?: Record<string, unknown>
}

export interface Step {
  readonly what: string
  /** Loads the page, after the actions. */
  readonly loads?: true
  /** The mutations, by the names in documents.ts. */
  readonly typed: readonly Action[]
  /** The mutations that do the same by key, by the names in page.ts. */
  readonly byKey: readonly Action[]
  /** What is shown: here what has changed since the step before. */
  readonly shows: Partial<Shows>
  readonly codes?: readonly string[]
}

export interface Shows {
  user: string
  cart: string
  settings: string
  /** The handle next to that of the step before. */
  handle: 'none' | 'another' | 'same'
  /** Whether the answer says so to which the session belongs. */
  isNew: 'true' | 'false'
  /** Their keys are shown, too. */
  entries: string
}

const engine = (quantity: number) => ({ id: 'CartItem:engine', sku: 'engine', quantity })
const cards = (quantity: number) => ({ id: 'CartItem:cards', sku: 'cards', quantity })

const set = (key: string, value: unknown): Action => ({ name: 'set', variables: { key, value } })
const update = (data: Record<string, unknown>): Action => ({ name: 'update', variables: { data } })
const add = (sku: string, quantity: number): Action => ({ name: 'add', variables: { sku, quantity } })
const login = (password: string): Action => ({ name: 'login', variables: { password } })
const signIn = (password: string): Action => ({ name: 'SignIn', variables: { password } })

export const steps: readonly Step[] = [
  {
    what: 'comes without a cookie',
    loads: true,
    typed: [],
    byKey: [],
    shows: { user: 'nobody', cart: '', settings: 'light, EUR', handle: 'none', isNew: 'true', entries: '' },
  },
  {
    what: 'sets dark',
    typed: [update({ darkMode: true })],
    byKey: [set('darkMode', true)],
    shows: { settings: 'dark, EUR', handle: 'another', entries: 'darkMode: true' },
  },
  {
    what: 'sets the currency',
    typed: [update({ currency: 'USD' })],
    byKey: [{ name: 'merge', variables: { data: { currency: 'USD' } } }],
    shows: {
      settings: 'dark, USD',
      handle: 'same',
      isNew: 'false',
      entries: 'darkMode: true; currency: USD',
    },
  },
  {
    what: 'adds to the cart twice',
    typed: [add('engine', 1), add('cards', 2)],
    byKey: [set('cart', [engine(1)]), set('cart', [engine(1), cards(2)])],
    shows: { cart: '1 engine, 2 cards', entries: 'darkMode: true; currency: USD; cart: 1 engine, 2 cards' },
  },
  {
    what: 'changes a quantity',
    typed: [add('engine', 2)],
    byKey: [set('cart', [engine(3), cards(2)])],
    shows: { cart: '3 engine, 2 cards', entries: 'darkMode: true; currency: USD; cart: 3 engine, 2 cards' },
  },
  {
    what: 'removes an item',
    typed: [update({ cart: [cards(2)] })],
    byKey: [set('cart', [cards(2)])],
    shows: { cart: '2 cards', entries: 'darkMode: true; currency: USD; cart: 2 cards' },
  },
  {
    what: 'deletes dark',
    typed: [update({ darkMode: null })],
    byKey: [{ name: 'delete', variables: { key: 'darkMode' } }],
    shows: { settings: 'light, USD', entries: 'currency: USD; cart: 2 cards' },
  },
  {
    what: 'pops the cart',
    typed: [{ name: 'pop', variables: { keys: ['CART'] } }],
    byKey: [{ name: 'popKey', variables: { key: 'cart' } }],
    shows: { cart: '', entries: 'currency: USD' },
  },
  {
    what: 'fills the cart',
    typed: [add('engine', 1)],
    byKey: [set('cart', [engine(1)])],
    shows: { cart: '1 engine', entries: 'currency: USD; cart: 1 engine' },
  },
  {
    what: 'clears',
    typed: [{ name: 'clear' }],
    byKey: [{ name: 'clear' }],
    shows: { cart: '', settings: 'light, EUR', entries: '' },
  },
  {
    what: 'fills the cart again',
    typed: [add('engine', 4)],
    byKey: [set('cart', [engine(4)])],
    shows: { cart: '4 engine', entries: 'cart: 4 engine' },
  },
  {
    what: 'signs in',
    typed: [login('lovelace')],
    byKey: [signIn('lovelace')],
    shows: { user: 'Ada', handle: 'another', entries: 'cart: 4 engine; userId: ada' },
  },
  {
    what: 'rotates',
    typed: [{ name: 'rotate' }],
    byKey: [{ name: 'rotate' }],
    shows: { handle: 'another' },
  },
  {
    what: 'sets dark after that',
    typed: [update({ darkMode: true })],
    byKey: [set('darkMode', true)],
    shows: { settings: 'dark, EUR', handle: 'same', entries: 'cart: 4 engine; userId: ada; darkMode: true' },
  },
  {
    what: 'mistakes the password',
    typed: [login('byron')],
    byKey: [signIn('byron')],
    shows: {},
    codes: ['WRONG_PASSWORD'],
  },
  {
    what: 'signs out without a flush',
    typed: [{ name: 'logout', variables: { flush: false } }],
    byKey: [{ name: 'SignOut', variables: { flush: false } }],
    shows: { user: 'nobody', cart: '', settings: 'light, EUR', entries: '' },
  },
  {
    what: 'fills the cart once more',
    typed: [add('cards', 5)],
    byKey: [set('cart', [cards(5)])],
    shows: { cart: '5 cards', entries: 'cart: 5 cards' },
  },
  {
    what: 'signs out',
    typed: [{ name: 'logout', variables: { flush: true } }],
    byKey: [{ name: 'flush' }],
    shows: { cart: '', handle: 'another', isNew: 'true', entries: '' },
  },
  {
    what: 'sets dark, and comes back later',
    loads: true,
    typed: [update({ darkMode: true })],
    byKey: [set('darkMode', true)],
    shows: { settings: 'dark, EUR', handle: 'same', isNew: 'false', entries: 'darkMode: true' },
  },
]
