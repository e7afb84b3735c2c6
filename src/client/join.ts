// This holds the join nonce of the page, by which parallel first writes of a visitor get into one session.

/** The request header of the join nonce. */
export const joinHeader = 'session-join'

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

let nonce: string | null = null

/**
 * The nonce of this page: 43 characters of base64url, which are 258 random bits.
 * @returns null where there is no page, and so no single visitor (a server renders for many, and one nonce for all of
 * them would give them one session), and where nothing is random
 */
export function joinNonce(): string | null {
  if (!('window' in globalThis)) return null
  nonce ??= newNonce()
  return nonce
}

/** Makes a nonce. @returns null where nothing is random */
export function newNonce(): string | null {
  if (!globalThis.crypto?.getRandomValues) return null
  return Array.from(crypto.getRandomValues(new Uint8Array(43)), (byte) => alphabet[byte % 64]).join('')
}

/** Begins another nonce: the visitor who comes next at this page must not join the session of the one before. */
export function forgetJoinNonce(): void {
  nonce = null
}
