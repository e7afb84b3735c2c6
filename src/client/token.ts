// This keeps the token of a client without cookies, and lets no answer to an old request replace a newer one.

import { newNonce } from './join.ts'

/** Where a client without cookies keeps its token: the Keychain of iOS, the Keystore of Android, or what a server has. */
export interface TokenStorage {
  /** Gives the token. @returns null, or '', where there is none */
  get(): string | null | Promise<string | null>
  /** Keeps another token. @param token - null: the session has ended */
  set(token: string | null): void | Promise<void>
}

/** A request, and what was known when it was sent. */
export interface SentToken {
  readonly token: string | null
  readonly nonce: string | null
  /** Whether it changes who is signed in. */
  readonly isChange: boolean
  readonly number: number
  readonly changesBefore: number
}

/**
 * The token of one client. Its requests run side by side, and their answers come in any order. An answer counts where the
 * token is still the one that its request was sent with. If not, another answer has brought a newer one. Then only a
 * sign-in or sign-out counts, unless there was another in the meantime; and of two others the one that was sent last, as
 * each may have begun a session. A token that the application has put there itself stays.
 */
export class Tokens {
  readonly #storage: TokenStorage
  readonly #header: string
  #turn: Promise<unknown> = Promise.resolve()
  #requests = 0
  #changes = 0
  #last: { readonly token: string | null; readonly number: number } | null = null
  #nonce: string | null = null

  /** @param header - the name that the server's option `transport` has */
  constructor(storage: TokenStorage, header: string) {
    this.#storage = storage
    this.#header = header
  }

  /** Takes the token for a request, after what earlier answers have brought. */
  async forRequest(isChange: boolean): Promise<SentToken> {
    const token = await this.#inTurn(() => this.#read())
    const nonce = token === null ? (this.#nonce ??= newNonce()) : null
    return { token, nonce, isChange, number: ++this.#requests, changesBefore: this.#changes }
  }

  /** The header of a request. An empty one asks for a token. */
  headerOf({ token }: SentToken): [name: string, value: string] {
    return [this.#header, token ?? '']
  }

  /** Keeps what an answer has brought. @returns rejects where the storage does */
  take(sent: SentToken, { headers }: Response): Promise<void> {
    const value = headers.get(this.#header)
    if (value === null) return Promise.resolve()
    const token = value || null
    return this.#inTurn(async () => {
      if (!this.#counts(sent, token, await this.#read())) return
      await this.#storage.set(token)
      this.#last = { token, number: sent.number }
      if (sent.isChange) this.#changes++
      this.#nonce = null
    })
  }

  #counts(sent: SentToken, token: string | null, held: string | null): boolean {
    if (sent.changesBefore !== this.#changes) return false
    if (held === sent.token) return true
    if (held !== this.#last?.token) return false
    if (sent.isChange) return true
    if (token === null) return false
    return held === null || this.#last.number < sent.number
  }

  async #read(): Promise<string | null> {
    return (await this.#storage.get()) || null
  }

  /** Storage may be slow: without turns two answers could both find the token that they were sent with. */
  #inTurn<T>(step: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(step)
    this.#turn = turn.catch(() => {})
    return turn
  }
}
