// This waits for a store that may be only starting, and tells why it cannot be used.

import { setTimeout } from 'node:timers/promises'
import { SessionError } from '../session/errors.ts'
import { invalid } from './invalid.ts'

export interface Reachable {
  /** For whoever started the process. Without passwords. */
  readonly says: string
  /** What last happened to a connection, where a failed call does not tell. */
  trouble?(): unknown
}

/**
 * Does something with a store that may be only starting: tries again for some seconds, and says so on stderr each second.
 * @throws {SessionError} CONFIG_INVALID
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
  /** Of an AggregateError: one for each address of a host. */
  readonly errors?: readonly DriverError[]
  /** Of the cluster client of ioredis, whose own error says no more than that no node answered. */
  readonly lastNodeError?: DriverError
}

/** What a driver's error is about, without its message, which may hold a password. */
function reasonOf({ code, message, errors, lastNodeError }: DriverError): string {
  const inner = errors?.[0] ?? lastNodeError
  // Redis puts its code first: "WRONGPASS invalid username-password pair".
  return code ?? (inner ? reasonOf(inner) : (/^[A-Z]{3,}\b/.exec(message)?.[0] ?? noConnection))
}

const noConnection = 'no connection'

/** What waiting does not help against: codes of PostgreSQL and of Redis. */
const final: Readonly<Record<string, string>> = {
  '28P01': 'wrong password',
  '28000': 'this user may not log in',
  '3D000': 'there is no such database',
  '3F000': 'there is no such schema',
  '42501': 'this user has not the rights',
  WRONGPASS: 'wrong password',
  NOAUTH: 'it needs a password',
  NOPERM: 'this user has not the rights',
  ERR: 'it refused a command',
}
