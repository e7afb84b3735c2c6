// This is where a visitor signs in and out, in a small window below the head of the page.

import { useRef, useState, useTransition } from 'react'
import type { Session } from './session.ts'
import { forgetDevice, signIn, signOut } from './verbs.ts'

export function Account({ session }: { readonly session: Session | undefined }) {
  const popover = useRef<HTMLDivElement>(null)
  const button = useRef<HTMLButtonElement>(null)
  const close = (): void => {
    popover.current?.hidePopover()
    // What had the focus may be gone.
    button.current?.focus()
  }
  const name = session ? (session.user?.name ?? 'Sign in') : 'Account'
  return (
    <>
      <button type="button" className="account" popoverTarget="account" ref={button} disabled={!session}>
        <span key={name}>{name}</span>
      </button>
      <div
        id="account"
        popover="auto"
        ref={popover}
        onToggle={({ newState }) => {
          if (newState === 'open') popover.current?.querySelector<HTMLElement>('input, button')?.focus()
        }}
      >
        {session?.user ? <Leave done={close} /> : <Enter done={close} />}
      </div>
    </>
  )
}

interface Closing {
  readonly done: () => void
}

function Enter({ done }: Closing) {
  const [flaw, setFlaw] = useState('')
  const [isPending, start] = useTransition()
  const submit = (form: FormData): void =>
    start(async () => {
      const found = await signIn(textIn(form, 'username'), textIn(form, 'password'))
      setFlaw(found)
      if (!found) done()
    })
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        if (!isPending) submit(new FormData(event.currentTarget))
      }}
    >
      <h2>Sign in</h2>
      <label>
        Username
        <input name="username" autoComplete="username" defaultValue="ada" required />
      </label>
      <label>
        Password
        <input name="password" type="password" autoComplete="current-password" required />
      </label>
      <p role={flaw ? 'alert' : undefined}>{flaw || 'The password of ada is lovelace.'}</p>
      <button type="submit" className="main" aria-disabled={isPending}>
        Sign in
      </button>
    </form>
  )
}

function textIn(form: FormData, name: string): string {
  const value = form.get(name)
  return typeof value === 'string' ? value : ''
}

function Leave({ done }: Closing) {
  const leave = (run: () => Promise<unknown>) => () => {
    done()
    void run()
  }
  return (
    <>
      <button type="button" onClick={leave(signOut)}>
        Sign out
      </button>
      <p>Takes you and your cart out of the session. Theme and currency stay.</p>
      <button type="button" onClick={leave(forgetDevice)}>
        Sign out and forget this device
      </button>
      <p>Deletes the session from the store. The next one begins empty.</p>
    </>
  )
}
