// This asks for the password again, where what somebody wants needs one that was given lately.

import { useState, useTransition } from 'react'
import { confirmPassword } from './verbs.ts'

interface Props {
  /** Seconds for which a password counts. */
  readonly maxAge: number
  readonly confirmed: () => void
  readonly cancelled: () => void
}

export function ConfirmPassword({ maxAge, confirmed, cancelled }: Props) {
  const [flaw, setFlaw] = useState('')
  const [isPending, start] = useTransition()
  const submit = (password: string): void =>
    start(async () => {
      const found = await confirmPassword(password)
      setFlaw(found)
      if (!found) confirmed()
    })
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        const password = new FormData(event.currentTarget).get('password')
        if (!isPending && typeof password === 'string') submit(password)
      }}
    >
      <label>
        Your password
        <input
          name="password"
          type="password"
          autoComplete="current-password"
          required
          // It takes the focus from the button that it takes the place of.
          ref={(input) => input?.focus()}
        />
      </label>
      <p role={flaw ? 'alert' : undefined}>
        {flaw || `To be sure that it is you: it was ${ago(maxAge)} or more ago.`}
      </p>
      <button type="submit" className="main" aria-disabled={isPending}>
        Confirm
      </button>
      <button type="button" onClick={cancelled}>
        Cancel
      </button>
    </form>
  )
}

const ago = (seconds: number): string => {
  const [count, unit] = seconds % 60 === 0 ? [seconds / 60, 'minute'] : [seconds, 'second']
  return count === 1 ? `a ${unit}` : `${count} ${unit}s`
}
