// This tries a call to a store whose server may still be starting, and says why the store cannot be used.

import { setTimeout } from 'node:timers/promises'
import { SessionError } from '../session/errors.ts'
import { invalid } from './invalid.ts'

export interface Reachable {
  /** How messages name the store, without passwords. */
  readonly says: string
  /** The last error of the connection, for a driver whose failed calls do not tell it. */
  trouble?(): unknown
}

/**
 * Runs a task on a store that may still be starting: up to six times, with growing pauses that add up to six
 * seconds, and prints each second on stderr that it waits.
 * @throws {SessionError} CONFIG_INVALID once no attempt is left, or at once if a further one cannot help; and
 * what `task` throws as a SessionError, unchanged
 */
export async function reach<T>({ says, trouble }: Reachable, task: () => Promise<T>): Promise<T> {
  const attempts = 6
  const timeout = 2000
  const began = performance.now()
  let reason = 'no answer yet'
  const telling = setInterval(() => {
    const seconds = Math.round((performance.now() - began) / 1000)
    process.stderr.write(`graphql-session: waiting for ${says} for ${seconds} s: ${reason}\n`)
  }, 1000)
  try {
    for (let attempt = 1; ; attempt++) {
      try {
        const late = setTimeout(timeout, null, { ref: false }).then(() => {
          throw Object.assign(new Error(), { code: `no answer within ${timeout} ms` })
        })
        return await Promise.race([task(), late])
      } catch (error) {
        if (error instanceof SessionError) throw error
        const own = reasonOf(error as DriverError)
        reason = own === noConnection && trouble ? reasonOf((trouble() ?? error) as DriverError) : own
        const words = final[reason]
        if (attempt === attempts || words) {
          throw invalid(`SESSION_STORE: cannot use ${says}: ${words ? `${words} (${reason})` : reason}`)
        }
        await setTimeout(100 * 2 ** attempt)
      }
    }
  } finally {
    clearInterval(telling)
  }
}

interface DriverError extends NodeJS.ErrnoException {
  /** An AggregateError has one for each address of a host. */
  readonly errors?: readonly DriverError[]
  /** The cluster client of ioredis sets this. Its own error says only that no node answered. */
  readonly lastNodeError?: DriverError
}

/** The code of a driver's error. Its message is not shown, since it may hold a password. */
function reasonOf({ code, message, errors, lastNodeError }: DriverError): string {
  const inner = errors?.[0] ?? lastNodeError
  // Redis puts its code first: "WRONGPASS invalid username-password pair".
  return code ?? (inner ? reasonOf(inner) : (/^[A-Z]{3,}\b/.exec(message)?.[0] ?? noConnection))
}

const noConnection = 'no connection'

/** What errors mean that no further attempt can cure, by their codes in PostgreSQL, MySQL and Redis. */
const final: Readonly<Record<string, string>> = {
  '28P01': 'wrong password',
  '28000': 'this user may not log in',
  '3D000': 'there is no such database',
  '3F000': 'there is no such schema',
  '42501': 'this user has not the rights',
  ER_ACCESS_DENIED_ERROR: 'wrong user or password',
  ER_ACCESS_DENIED_NO_PASSWORD_ERROR: 'it needs a password',
  ER_DBACCESS_DENIED_ERROR: 'this user may not use the database, or there is none',
  ER_BAD_DB_ERROR: 'there is no such database',
  ER_TABLEACCESS_DENIED_ERROR: 'this user has not the rights',
  ER_HOST_NOT_PRIVILEGED: 'it takes no connections from here',
  HANDSHAKE_NO_SSL_SUPPORT: 'it has no TLS',
  HANDSHAKE_SSL_ERROR: 'TLS fails, as where its certificate is not trusted',
  WRONGPASS: 'wrong password',
  NOAUTH: 'it needs a password',
  NOPERM: 'this user has not the rights',
  ERR: 'it refused a command',
}
