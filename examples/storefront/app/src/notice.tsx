// This shows the notice, over the page, so that nothing moves.

import { useSyncExternalStore } from 'react'
import { currentNotice, onNotice, show } from './notices.ts'

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
