// This counts down until the session ends if nothing renews it.

import { useEffect, useState } from 'react'

interface Props {
  /** How many there were when they were told. Null where there is no session. */
  readonly seconds: number | null
  /** When that was, as `performance.now()` has it. */
  readonly since: number
}

export function TimeLeft({ seconds, since }: Props) {
  const [present, setPresent] = useState(since)
  useEffect(() => {
    const timer = setInterval(() => setPresent(performance.now()), 1000)
    return () => clearInterval(timer)
  }, [])
  if (seconds === null) return <span key="none">–</span>
  const passed = Math.max(0, Math.floor((present - since) / 1000))
  return (
    <span key="some" role="timer">
      {text(Math.max(0, seconds - passed))}
    </span>
  )
}

function text(seconds: number): string {
  const [hours, minutes, rest] = [
    Math.floor(seconds / 3600) % 24,
    Math.floor(seconds / 60) % 60,
    seconds % 60,
  ]
  const clock = [hours, minutes, rest].map((part) => String(part).padStart(2, '0')).join(':')
  return `${Math.floor(seconds / 86_400)} d ${clock}`
}
