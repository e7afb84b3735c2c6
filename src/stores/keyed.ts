import { SessionError } from '../errors.ts'
import type { KeyedStore, Store } from '../store.ts'
import { digest, mint } from '../token.ts'

/**
 * All token security in one place: a backend is keyed by the digest and never sees a token, and what a
 * driver throws (messages may hold connection strings) becomes one error with a fixed message.
 */
export function keyed(backend: KeyedStore): Store {
  return {
    mint,
    idOf: digest,
    create: (token, record) => guarded(() => backend.create(digest(token), record)),
    read: (token, now) => guarded(() => backend.read(digest(token), now)),
    commit: (token, changes, now) => guarded(() => backend.commit(digest(token), changes, now)),
    delete: (token, now) => guarded(() => backend.delete(digest(token), now)),
    rotate: (token, now) =>
      guarded(async () => {
        const record = await backend.delete(digest(token), now)
        if (record === null) return null
        const successor = mint()
        await backend.create(digest(successor), record)
        return { token: successor, record }
      }),
  }
}

/** @throws {SessionError} CONFIG_INVALID */
export function checkStore(store: KeyedStore): void {
  for (const verb of ['create', 'read', 'commit', 'delete'] as const) {
    if (typeof store?.[verb] === 'function') continue
    throw new SessionError(
      'CONFIG_INVALID',
      'store must be a session store, e.g. memoryStore({ max: 10_000 }).',
    )
  }
}

async function guarded<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (cause) {
    if (cause instanceof SessionError) throw cause
    throw new SessionError(
      'SESSION_STORE_UNAVAILABLE',
      'The session store is not available. Try again later.',
      {
        cause,
      },
    )
  }
}
