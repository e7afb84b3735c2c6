// This keeps the page up to date with what other tabs and other devices do to the session.

import { onSessionChange } from 'graphql-session/client'
import { useEffect, useSyncExternalStore } from 'react'
import { client, refresh } from './client.ts'
import { codesOf } from './refusals.ts'
import { SessionChanged } from './session.ts'
import { fallBack } from './verbs.ts'

/** Milliseconds before a stream that has failed is begun again. */
const pause = 2000

/** Whether the server tells this tab of changes. */
let isTold = false

// Nobody watches a session that is not stored yet, or from a hidden tab. Other tabs tell of it.
onSessionChange(() => {
  if (!isTold) void refresh()
})

const isVisible = (): boolean => document.visibilityState === 'visible'

function onVisibility(listener: () => void): () => void {
  document.addEventListener('visibilitychange', listener)
  return () => document.removeEventListener('visibilitychange', listener)
}
document.addEventListener('visibilitychange', () => {
  if (isVisible()) void refresh()
})

/**
 * Follows the session by `sessionChanged`, whose events go to the cache. A hidden tab does not: browsers open six
 * connections to a server without HTTP/2, of all tabs together.
 * @param handle - of the stored session. With another one there is another cookie, and another stream
 */
export function useSessionChanges(handle: string | null | undefined): void {
  const isSeen = useSyncExternalStore(onVisibility, isVisible)
  useEffect(() => (handle && isSeen ? follow(handle) : undefined), [handle, isSeen])
}

/** @returns ends it */
function follow(handle: string): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined
  let stop = begin()
  return () => {
    isTold = false
    clearTimeout(timer)
    stop()
  }

  function begin(): () => void {
    let delay = pause
    let hasEnded = false
    const over = (): void => {
      isTold = false
      if (hasEnded) void fallBack(handle)
      else timer = setTimeout(() => (stop = begin()), delay)
    }
    const events = client.subscribe({ query: SessionChanged }).subscribe({
      next({ data, error }) {
        isTold = !error
        const codes = codesOf(error)
        if (data?.sessionChanged === null || codes.includes('SESSION_GONE')) hasEnded = true
        // The browser has the new cookie by now, or in a moment, for which the link waits.
        if (codes.includes('SESSION_MOVED')) delay = 0
      },
      complete: over,
    })
    return () => events.unsubscribe()
  }
}
