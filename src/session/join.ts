// This seals a token so that only who has the nonce of a page can open it.

import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'

const noncePattern = /^[A-Za-z0-9_-]{22,128}$/

/** The bytes of the initialization vector and of the tag of AES-256-GCM (NIST SP 800-38D). */
const [ivBytes, tagBytes] = [12, 16]

/** The header in which a page sends its nonce: at least 128 random bits in base64url, the same for all its requests. */
export const joinHeader = 'session-join'

/** Reads the nonce of a page. @returns null where there is none, or a text that cannot be one */
export const nonceOf = (text: string | null | undefined): string | null =>
  text && noncePattern.test(text) ? text : null

const keyOf = (nonce: string): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', nonce, '', 'graphql-session join', 32))

/** Encrypts a token for whoever has the nonce, so that a store that keeps the result sees neither of them. */
export function sealToken(nonce: string, token: string): string {
  const iv = randomBytes(ivBytes)
  const cipher = createCipheriv('aes-256-gcm', keyOf(nonce), iv)
  const sealed = Buffer.concat([iv, cipher.update(token, 'utf8'), cipher.final(), cipher.getAuthTag()])
  return sealed.toString('base64url')
}

/** Decrypts a token. @returns null where the nonce is another one, or the text was changed */
export function openToken(nonce: string, sealed: string): string | null {
  try {
    const bytes = Buffer.from(sealed, 'base64url')
    const decipher = createDecipheriv('aes-256-gcm', keyOf(nonce), bytes.subarray(0, ivBytes))
    decipher.setAuthTag(bytes.subarray(-tagBytes))
    return decipher.update(bytes.subarray(ivBytes, -tagBytes), undefined, 'utf8') + decipher.final('utf8')
  } catch {
    return null
  }
}
