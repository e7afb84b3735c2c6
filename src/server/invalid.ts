/** An error for whoever started the server, who has to change what it names. */
import { SessionError } from '../session/errors.ts'

export const invalid = (message: string): SessionError => new SessionError('CONFIG_INVALID', `${message}.`)
