// This makes the error for a wrong argument or environment variable, which tells the user what to change.

import { SessionError } from '../session/errors.ts'

export const invalid = (message: string): SessionError => new SessionError('CONFIG_INVALID', `${message}.`)
