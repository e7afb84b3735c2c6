// This shows the notice, over the page, so that nothing moves.

import { useEffect, useSyncExternalStore } from 'react'
import { currentNotice, onNotice, show } from './notices.ts'
import { takeNotices } from './verbs.ts'

/** Shows what the server has left for whoever comes next, e.g. after a sign-in in GraphiQL. */
export function useNotices(hasFlash: boolean | undefined): void {
  useEffect(() => {
    if (hasFlash) void takeNotices()
  }, [hasFlash])
}

export function Notice() {
  const notice = useSyncExternalStore(onNotice, currentNotice)
  return (
    <div className="notice" role="status">
      {notice && (
        <p>
          {notice}{' '}
          <button type="button" aria-label="Dismiss" onClick={() => show('')}>
            ×
          </button>
        </p>
      )}
    </div>
  )
}
