// This makes the secret token that the cookie carries, and the id under which a store keeps its session.

import { hash, randomBytes } from 'node:crypto'

const tokenPattern = /^[A-Za-z0-9_-]{43}$/

/** Makes a token: 256 random bits in base64url. OWASP asks for 64 bits of entropy or more. */
export const mint = (): string => randomBytes(32).toString('base64url')

/** Whether the text has the form of a token. A text of another form is not sent to a store. */
export const isToken = (text: string): boolean => tokenPattern.test(text)

/** The SHA-256 of a text, in base64url. */
export const digest = (text: string): string => hash('sha256', text, 'base64url')

/**
 * Gives the id under which the session of a token is stored. The digest works one way, so that a leaked store
 * holds no usable session, and the time of a look-up does not help to guess a token (Rack CVE-2019-16782). The
 * name of the cookie is part of it: a token that one application has issued opens nothing in another that
 * shares its store under another name.
 */
export const idOf = (cookieName: string, token: string): string => digest(`${cookieName}=${token}`)
