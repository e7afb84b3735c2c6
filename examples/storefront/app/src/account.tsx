// This is where a visitor signs in and out, in a small window below the head of the page.

import { useRef, useState, useTransition } from 'react'
import { Devices } from './devices.tsx'
import type { Session } from './session.ts'
import { forgetDevice, signIn, signOut } from './verbs.ts'

export function Account({ session }: { readonly session: Session | undefined }) {
  const popover = useRef<HTMLDivElement>(null)
  const button = useRef<HTMLButtonElement>(null)
  const [isListing, setIsListing] = useState(false)
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
        {session?.user ? (
          <Member
            session={session}
            done={close}
            list={() => {
              close()
              setIsListing(true)
            }}
          />
        ) : (
          <Enter done={close} />
        )}
      </div>
      {session?.user && isListing && <Devices done={() => setIsListing(false)} />}
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

interface Inside extends Closing {
  readonly session: Session
  readonly list: () => void
}

function Member({ session, done, list }: Inside) {
  const leave = (run: () => Promise<unknown>) => () => {
    done()
    void run()
  }
  return (
    <>
      <button type="button" onClick={list}>
        Your devices
      </button>
      <p>Where you are signed in, and how to end it.</p>
      <button type="button" onClick={leave(() => signOut(session))}>
        Sign out
      </button>
      <p>Ends the session, with your cart. Theme and currency stay.</p>
      <button type="button" onClick={leave(forgetDevice)}>
        Sign out and forget this device
      </button>
      <p>The same, and the next session begins empty.</p>
    </>
  )
}
