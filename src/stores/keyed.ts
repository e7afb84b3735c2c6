// This lets sessions use a store by token, while the store gets only the digest of each token.

import { SessionError } from '../session/errors.ts'
import type { KeyedStore, Store } from '../session/store.ts'
import { idOf as idUnder, isToken, mint } from '../session/token.ts'
import type { GuardedStore } from './guarded.ts'

/**
 * Gives a store by token over a backend by id. Each verb calls the backend with the digest of the token, so
 * that no backend sees a token.
 * @param cookieName - `SessionCookie.fullName`
 */
export function keyed(backend: GuardedStore, cookieName: string): Store {
  const idOf = (token: string): string => idUnder(cookieName, token)
  return {
    isInToken: false,
    isToken,
    mint,
    idOf,
    async create(token, record) {
      await backend.create(idOf(token), record)
      return token
    },
    read: (token, now) => backend.read(idOf(token), now),
    async commit(token, changes, now) {
      return { outcome: await backend.commit(idOf(token), changes, now), token }
    },
    delete: (token, now, mark) => backend.delete(idOf(token), now, mark),
    async rotate(token, now, mark) {
      const successor = mint()
      const found = await backend.move(idOf(token), idOf(successor), now, mark)
      return found === null || typeof found === 'string' ? found : { token: successor, record: found }
    },
  }
}

export const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null

/** Checks that an option is a store. @throws {SessionError} CONFIG_INVALID, naming the option */
export function checkKeyedStore(option: string, store: KeyedStore): void {
  for (const verb of ['create', 'read', 'commit', 'delete'] as const) {
    if (isObject(store) && typeof store[verb] === 'function') continue
    throw new SessionError(
      'CONFIG_INVALID',
      `${option} must be a session store, e.g. memoryStore({ max: 10_000 }).`,
    )
  }
}
