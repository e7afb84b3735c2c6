// This lets sessions use a store by token, while the store gets only the digest of each token.

import { SessionError } from '../session/errors.ts'
import { openToken, sealToken } from '../session/join.ts'
import type { KeyedStore, Store } from '../session/store.ts'
import { digest, idOf as idUnder, isToken, mint } from '../session/token.ts'
import { Watcher } from '../session/watch.ts'
import type { GuardedStore } from './guarded.ts'

/** The key of the entry that holds the sealed token of a page. */
const sealedKey = 'token'

/**
 * Gives a store by token over a backend by id. Each verb calls the backend with the digest of the token, so
 * that no backend sees a token.
 * @param cookieName - `Carrier.fullName`
 * @param clock - gives milliseconds since the epoch
 * @param ownersName - `Carrier.ownersName`
 */
export function keyed(
  backend: GuardedStore,
  cookieName: string,
  clock: () => number = Date.now,
  ownersName = cookieName,
): Store {
  let watcher: Watcher | undefined
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
    async join(nonce, token, now, until) {
      // No cookie has a space in its name, so that no token has this id.
      const id = digest(`join ${cookieName}=${nonce}`)
      const entries = new Map([[sealedKey, JSON.stringify(sealToken(nonce, token))]])
      try {
        await backend.create(id, { entries, createdAt: now, expiresAt: until, policy: '' })
        return token
      } catch (error) {
        const found = await backend.read(id, now)
        // A backend may still hold what has expired.
        if (found === null || typeof found === 'string') return token
        const joined = openToken(nonce, JSON.parse(found.entries.get(sealedKey) ?? 'null') as string)
        if (joined === null) throw error
        return joined
      }
    },
    read: (token, now) => backend.read(idOf(token), now),
    async commit(token, changes, now) {
      const id = idOf(token)
      const outcome = await backend.commit(id, changes, now)
      // A clear signs an owner out, so that streams are told of it, whether or not the store tells of changes.
      if (changes.clear && outcome === 'committed') void backend.notices?.tell?.(id).catch(() => {})
      return { outcome, token }
    },
    delete: (token, now, mark) => backend.delete(idOf(token), now, mark),
    async rotate(token, now, mark, carry) {
      const successor = mint()
      const before = await backend.move(idOf(token), idOf(successor), now, mark, carry)
      if (before === null || typeof before === 'string') return before
      return { token: successor, record: carry(before), before }
    },
    watch(token, listener) {
      watcher ??= new Watcher({ find: (id, now) => backend.read(id, now), notices: backend.notices }, clock)
      return watcher.watch(idOf(token), listener)
    },
    owners: {
      records: backend,
      name: ownersName,
      find: (id, now) => backend.read(id, now),
      end: (id, now) => backend.delete(id, now),
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
