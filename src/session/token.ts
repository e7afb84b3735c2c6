// This makes the secret that the cookie carries, and the id that a store knows it by.

import { hash, randomBytes } from 'node:crypto'

const tokenPattern = /^[A-Za-z0-9_-]{43}$/

/** 256 random bits, base64url. OWASP asks for 64 or more of entropy. */
export const mint = (): string => randomBytes(32).toString('base64url')

/** Whether the text can be a token at all. What cannot never reaches a store. */
export const isToken = (text: string): boolean => tokenPattern.test(text)

/**
 * The id under which a token's session is stored. One way, so that a leaked store holds no usable
 * session and its index cannot be timed for one (Rack CVE-2019-16782).
 */
export const digest = (token: string): string => hash('sha256', token, 'base64url')
