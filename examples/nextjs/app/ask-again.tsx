'use client'

import { useRouter } from 'next/navigation'
import { useEffect, useState } from 'react'

/** Asks for the page again, in a moment at first. The server of pages cannot: it has the old cookie only. */
export function AskAgain() {
  const { refresh } = useRouter()
  const [times, setTimes] = useState(0)
  useEffect(() => {
    const timer = setTimeout(
      () => {
        refresh()
        setTimes(times + 1)
      },
      100 * 2 ** times,
    )
    return () => clearTimeout(timer)
  }, [refresh, times])
  return <p>One moment …</p>
}
