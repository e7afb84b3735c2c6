// This keeps what a logger throws from failing the answer that it tells of.

import type { YogaLogger } from 'graphql-yoga'

/** What the sessions of a server log with. */
export type Logger = Pick<YogaLogger, 'error' | 'warn'>

/** A logger that neither throws nor rejects. The session is saved when most is logged, and its cookie has to be sent. */
export const safeLogger = (logger: Logger): Logger => ({
  error: (...parts) => attempt(() => logger.error(...parts)),
  warn: (...parts) => attempt(() => logger.warn(...parts)),
})

function attempt(log: () => unknown): void {
  try {
    // The methods of some loggers are asynchronous. A rejection that nobody handles ends the process.
    void Promise.resolve(log()).catch(() => {})
  } catch {
    // There is no other place where this could be told.
  }
}
