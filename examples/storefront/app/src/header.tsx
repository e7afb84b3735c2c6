// This is the head of the page: the name of the shop, its theme, and who the visitor is.

import { useTransition } from 'react'
import { Account } from './account.tsx'
import type { Session } from './session.ts'
import { save } from './verbs.ts'

export function Header({ session }: { readonly session: Session | undefined }) {
  const [isPending, start] = useTransition()
  const isOff = !session || isPending
  return (
    <header>
      <a className="brand" href="/">
        Lovelace <span>&amp;</span> Co.
      </a>
      <button
        type="button"
        className="switch"
        role="switch"
        aria-checked={session?.darkMode ?? false}
        aria-label="Dark mode"
        aria-disabled={isOff}
        onClick={() => {
          if (!isOff) start(async () => void (await save({ darkMode: !session.darkMode })))
        }}
      >
        <svg viewBox="0 0 20 20" aria-hidden="true">
          <circle cx="10" cy="10" r="7" />
          <path d="M10 3a7 7 0 0 1 0 14z" />
        </svg>
      </button>
      <Account session={session} />
    </header>
  )
}
