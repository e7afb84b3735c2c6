// This makes the error that tells whoever started the server what to change.

import { SessionError } from '../session/errors.ts'

export const invalid = (message: string): SessionError => new SessionError('CONFIG_INVALID', `${message}.`)
