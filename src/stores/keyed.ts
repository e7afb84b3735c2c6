import type { KeyedStore, Store } from '../store.ts'
import { digest, isToken, mint } from '../token.ts'

/** All token security in one place: a backend is keyed by the digest and never sees a token. */
export function keyed(backend: KeyedStore): Store {
  return {
    isInToken: false,
    isToken,
    mint,
    idOf: digest,
    async create(token, record) {
      await backend.create(digest(token), record)
      return token
    },
    read: (token, now) => backend.read(digest(token), now),
    async commit(token, changes, now) {
      return { outcome: await backend.commit(digest(token), changes, now), token }
    },
    delete: (token, now) => backend.delete(digest(token), now),
    async rotate(token, now) {
      const record = await backend.delete(digest(token), now)
      if (record === null) return null
      const successor = mint()
      await backend.create(digest(successor), record)
      return { token: successor, record }
    },
  }
}
